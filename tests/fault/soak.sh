#!/usr/bin/env bash
# The long form of the tests that attack runs and what they leave: all cases where the tests try a sample.
# usage: tests/fault/soak.sh [KIND[=COUNT]]...   kinds and counts as below; without any, all of them, which takes hours
# In the environment: LOCKSTEP_BUILD, the folder of the build, build/ of the source tree by default; MPIEXEC; LOCKSTEP_FAULT_SEED, to repeat
# a soak. Prints the figures of each kind, and what failed. The exit code is 0 if nothing did.
set -euo pipefail

# shellcheck source=jobs/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../jobs/setup.sh"
# shellcheck source=tests/support/time.sh
source "$root/tests/support/time.sh"

kinds=(failing_calls=1 power_loss=1 kills=200 signals=100 stop=1 stopped_rank=3 two_writers=5 full_disk=1 outputs=1
  damaged_checkpoints=2000)
if [ $# -gt 0 ]; then kinds=("$@"); fi

know_slowness
allow_mpi_anywhere
export LOCKSTEP=$build_folder/lockstep LOCKSTEP_SOURCE=$root MPIEXEC=${MPIEXEC:-mpirun} LC_ALL=C OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive
export LOCKSTEP_FAULT_SEED=${LOCKSTEP_FAULT_SEED:-$RANDOM}
failed=()
for kind in "${kinds[@]}"; do
  name=${kind%%=*} count=${kind#*=} start=$SECONDS code=0
  if [ "$count" = "$kind" ]; then count=1; fi
  script=$root/tests/fault/$name.sh
  if [ "$name" = stop ]; then script=$root/tests/mpi/stop.sh; fi
  [ -f "$script" ] || fail "there is no $script"
  log=$build_folder/soak-$name.log
  LOCKSTEP_SOAK=$count bash "$script" >"$log" 2>&1 || code=$?
  grep -h '^figures: \|^skipped: ' "$log" || echo "figures: $name: none"
  case $code in
    0 | 77) echo "$name: passed in $((SECONDS - start)) s, seed $LOCKSTEP_FAULT_SEED" ;;
    *)
      echo "$name: FAILED after $((SECONDS - start)) s, seed $LOCKSTEP_FAULT_SEED; $log has it all"
      grep '^FAILED' "$log" || tail -n 5 "$log"
      failed+=("$name")
      ;;
  esac
done
if [ "${#failed[@]}" -gt 0 ]; then fail "failed: ${failed[*]}"; fi
