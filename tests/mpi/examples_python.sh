#!/usr/bin/env bash
# The Python examples, as they are installed: PyTorch's batch norm over ranks against BatchNorm on the whole batch, and training.
# usage: examples_python.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

if [ "${LOCKSTEP_SANITIZE:-OFF}" = ON ] || ! python3 -c 'import mpi4py, torch, torch.distributed as d; exit(not (d.is_available() and getattr(d, "is_gloo_available", lambda: True)()))' 2>/dev/null; then
  skipped "batch norm for PyTorch" "there is no python3 with torch, gloo and mpi4py, or this build has sanitizers"
  exit 77
fi
prefix=$folder/prefix
cmake --install "$(dirname "$LOCKSTEP")" --prefix "$prefix" >install.log 2>&1 || complain "it cannot be installed" install.log
examples=$prefix/share/lockstep/examples
export PYTHONDONTWRITEBYTECODE=1

# An mpi4py of another MPI library is refused, with a sentence, on each rank.
if ! python3 -c "import sys; sys.path.insert(0, '$examples'); import lockstep_batch_norm" >loaded.out 2>&1; then
  grep -q "Lockstep was built with '.*': install an mpi4py of this MPI library" loaded.out || complain "lockstep_batch_norm.py" loaded.out
  skipped "batch norm for PyTorch" "$(tail -n 1 loaded.out | cut -c1-200)"
  exit $((failures > 0 ? 1 : 77))
fi

limited 200 "$MPIEXEC" -n 5 python3 "$examples/compare_batch_norm.py" >compared.out 2>&1 || complain "compare_batch_norm.py" compared.out
for ranks in 1 2 3 5; do
  grep -q "^$ranks ranks: the bits of one rank, as it should be$" compared.out || complain "compare_batch_norm.py on $ranks ranks" compared.out
done
limited 100 "$MPIEXEC" -n 2 python3 "$examples/train_ddp.py" >trained.out 2>&1 || complain "train_ddp.py" trained.out
grep -q "^2 ranks: loss .* differ by at most [0-9.]*e-0[4-9]$" trained.out || complain "train_ddp.py" trained.out
finish
