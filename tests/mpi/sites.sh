#!/usr/bin/env bash
# What the scripts of jobs/ ask of Slurm and of an MPI, with fakes of both that write down what they are given. tests/cluster has the
# real ones.
# usage: sites.sh, with LOCKSTEP_SOURCE in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

jobs=$LOCKSTEP_SOURCE/jobs
mkdir fake modules modules/init
PATH=$PWD/fake:$PATH
export LOCKSTEP_HOME=$LOCKSTEP_SOURCE LOCKSTEP=$PWD/fake/program

# fake NAME LINE...: a program of these lines.
fake() {
  local name=$1
  shift
  printf '%s\n' '#!/bin/bash' "$@" >"fake/$name"
  chmod +x "fake/$name"
}

# shellcheck disable=SC2016 # for the fakes
{
  fake program 'echo "program $*"'
  fake openmpi 'case $* in --version) echo "mpirun (Open MPI) 4.1.4" ;; *) echo "started: openmpi $*" ;; esac'
  fake mpich 'case $* in --version) echo "HYDRA build details:" ;; *) echo "started: mpich $*" ;; esac'
  fake intel 'case $* in --version) echo "Intel(R) MPI Library for Linux* OS" ;; *) echo "started: intel $*" ;; esac'
  fake srun 'case $* in --mpi=list) echo "pmix pmi2" ;; *--mpi=none*) while [ "$1" != bash ]; do shift; done; exec "$@" ;; *) echo "started: srun $*" ;; esac'
  fake scontrol 'case $* in
    *"show node"*) for n in 2 2 1; do echo "NodeName=n CPUTot=4 ThreadsPerCore=$n TmpDisk=0"; done ;;
    "show config") echo "MaxArraySize            = 3" ;; esac'
  fake sbatch 'echo "$*" >>submitted' 'wc -l <submitted'
}

# job SETTING... -- ARGUMENT...: runs train.sbatch as a job on three nodes of 4, 4 and 2 processors, two, two and one a core.
job() {
  local settings=()
  while [ "$1" != -- ]; do
    settings+=("$1")
    shift
  done
  shift
  env -u SLURM_NTASKS SLURM_JOB_ID=5 SLURM_JOB_NODELIST='n[1-3]' SLURM_JOB_NUM_NODES=3 SLURM_JOB_CPUS_PER_NODE='4(x2),2' "${settings[@]}" \
    bash "$jobs/train.sbatch" "$@" >job.out 2>&1 || complain "train.sbatch with ${settings[*]}" job.out
}

# starts PATTERN: what that job started.
starts() {
  grep -qx -- "started: $1" job.out || complain "not started: $1" job.out
}

touch data.h5
behind="$LOCKSTEP train data.h5 --output runs/slurm-5 --resume --threads"
job MPIRUN=openmpi -- data.h5
starts "srun --mpi=pmix --ntasks=6 --cpus-per-task=1 --kill-on-bad-exit=1 --cpu-bind=verbose --hint=nomultithread $behind 1 --progress plain"
job MPIRUN=openmpi SLURM_CPUS_PER_TASK=2 -- data.h5
starts "srun --mpi=pmix --ntasks=3 --cpus-per-task=2 .* $behind 2 --progress plain"
job MPIRUN=openmpi HINT= BIND=cores -- data.h5
starts "srun --mpi=pmix --ntasks=10 .* --cpu-bind=cores $behind 1 --progress plain"
job MPIRUN=openmpi SLURM_NTASKS=4 -- data.h5
starts "srun --mpi=pmix --ntasks=4 .*"
job MPIRUN=openmpi SRUN_MPI=cray_shasta -- data.h5
starts "srun --mpi=cray_shasta --ntasks=6 .*"
job MPIRUN=openmpi SRUN_MPI=none -- data.h5
starts "openmpi -np 6 --report-bindings --mca oob_tcp.* --map-by slot:PE=1 .* $behind 1 --progress plain"
job MPIRUN=mpich -- data.h5
starts "mpich -np 6 -bind-to core:1 $behind 1 --progress plain"
job MPIRUN=mpich SRUN_MPI=pmi2 -- data.h5
starts "srun --mpi=pmi2 --ntasks=6 .*"
job MPIRUN=intel -- data.h5
starts "intel -np 6 -genv I_MPI_PIN_DOMAIN 1 $behind 1 --progress plain"
for kind in openmpi mpich intel; do
  job MPIRUN="$kind --own yes" SRUN_MPI=none -- data.h5
  starts "$kind --own yes -np 6 $behind 1 --progress plain"
done

# Modules, by a command that knows nothing of `set -u`.
# shellcheck disable=SC2016 # for the fake
printf '%s\n' 'module() { echo "module $* ${NOT_SET_BY_ANYBODY}"; [ "$2" != missing ]; }' >modules/init/bash
job MODULESHOME="$PWD/modules" MODULES='gcc/12 mpi' MPIRUN=mpich -- data.h5
[ "$(grep -c '^module load \(gcc/12\|mpi\) ' job.out)" -eq 2 ] || complain "modules are not loaded" job.out
code=0
SLURM_JOB_ID=5 MODULESHOME=$PWD/modules MODULES=missing bash "$jobs/train.sbatch" data.h5 >job.out 2>&1 || code=$?
[ "$code" -eq 2 ] || complain "a missing module: $code" job.out
grep -q 'module missing cannot be loaded' job.out || complain "a missing module is not named" job.out

# A dataset on the nodes' disks: copied once, and another one of its name beside it.
echo one >data.h5
job MPIRUN=mpich STAGE="$PWD/local/disk" -- data.h5 --epochs 3
starts "mpich .* train $PWD/local/disk/data-4-[0-9]*\.h5 --epochs 3 --output .*"
cmp -s data.h5 local/disk/data-4-*.h5 || complain "the dataset is not staged" job.out
before=$(stat -c %i local/disk/*)
job MPIRUN=mpich STAGE="$PWD/local/disk" -- data.h5
[ "$(stat -c %i local/disk/*)" = "$before" ] || complain "the dataset was staged twice"
echo another >data.h5
job MPIRUN=mpich STAGE="$PWD/local/disk" -- data.h5
cmp -s data.h5 local/disk/data-8-*.h5 || complain "another dataset is not staged" job.out
[ "$(find local/disk -type f | wc -l)" -eq 2 ] || complain "files on the nodes' disks: $(ls local/disk)"

# Two arms with four seeds, and learning rates: arrays of three tasks at most, one after the other; then the report, with all options.
CONCURRENT=2 "$jobs/compare.sh" --account me -n 16 --qos=long -- data.h5 --bn sync,8 --seeds 4 --tune-lr 0.1,0.2 -o DIR >compare.out 2>&1 ||
  complain "compare.sh" compare.out
cat >expected <<END
--parsable --job-name lockstep-tune --array 0-1%2 --account me -n 16 --qos=long $jobs/compare.sbatch sync:tune,8:tune
--parsable --job-name lockstep-compare --array 0-2%2 --account me -n 16 --qos=long --dependency afterok:1 $jobs/compare.sbatch sync:1,sync:2,sync:3
--parsable --job-name lockstep-compare --array 0-2%2 --account me -n 16 --qos=long --dependency afterok:1,afterany:2 $jobs/compare.sbatch sync:4,8:1,8:2
--parsable --job-name lockstep-compare --array 0-1%2 --account me -n 16 --qos=long --dependency afterok:1,afterany:3 $jobs/compare.sbatch 8:3,8:4
--parsable --account me -n 16 --qos=long --job-name lockstep-report --ntasks 1 --cpus-per-task 1 --dependency afterany:2:3:4 $jobs/report.sbatch DIR
END
sed 's/ data\.h5 --bn sync.*//' submitted | diff expected - >difference || complain "compare.sh submits otherwise" difference
grep -qx 'runs: job 2, 3, 4, 8 tasks, 2 at a time' compare.out || complain "compare.sh says otherwise" compare.out

# Hosts without Slurm.
printf 'a slots=2\n# b slots=7\nc  slots = 3\n' >hosts
for kind in openmpi mpich intel; do
  MPIRUN="$kind -own" "$jobs/hosts.sh" hosts train data.h5 >"hosts.$kind" 2>&1 || complain "hosts.sh with $kind" "hosts.$kind"
done
grep -qx "started: openmpi -own .*--hostfile hosts --map-by slot .* $LOCKSTEP train data.h5" hosts.openmpi || complain "hosts.sh with Open MPI" hosts.openmpi
grep -qx "started: mpich -own -hosts a:2,c:3 -bootstrap ssh -n 5 $LOCKSTEP train data.h5" hosts.mpich || complain "hosts.sh with MPICH" hosts.mpich
grep -qx "started: intel -own -machinefile /dev/fd/[0-9]* -bootstrap ssh -n 5 $LOCKSTEP train data.h5" hosts.intel || complain "hosts.sh with Intel MPI" hosts.intel
code=0
MPIRUN=program "$jobs/hosts.sh" hosts train data.h5 >hosts.other 2>&1 || code=$?
[ "$code" -eq 2 ] || complain "hosts.sh with something else: $code" hosts.other
grep -q 'is no mpirun of' hosts.other || complain "hosts.sh does not say what it takes" hosts.other

finish
