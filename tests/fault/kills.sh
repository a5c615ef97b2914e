#!/usr/bin/env bash
# SIGKILL at random times, also while a checkpoint is written and an older one removed, to one rank, to all of them, or to mpirun: the
# job ends, no process stays, and the run goes on from its newest checkpoint, on other ranks, to the same end.
# usage: kills.sh [PATTERN], with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment; tries a few, which LOCKSTEP_FAULT_SEED
#   repeats as far as processes can; LOCKSTEP_SOAK=N of them; or those that match
# shellcheck disable=SC2317 # each_case calls what seems to be called by nobody
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"
# shellcheck source=tests/support/faults.sh
source "$LOCKSTEP_SOURCE/tests/support/faults.sh"
echo "seed $seed"
make_small_run
# A checkpoint after each step, so that more of the time goes into them than into steps.
steps=$((7 * 12))
replaced settings --epochs 12
replaced settings --checkpoint-every 1

# kill_cases N: KEEP RANKS VICTIM STEP MILLISECONDS, once the checkpoint of that step is there (0: from the start on).
kill_cases() {
  awk -v n="$1" -v seed="$seed" -v steps="$steps" 'BEGIN {
    srand(seed)
    split("rank all mpirun", victim, " ")
    for (i = 0; i < n; i++)
      print 1 + 2 * int(rand() * 2), 2 + int(rand() * 3), victim[1 + i % 3], int(rand() * steps), int(rand() * 40)
  }'
}

# wait_for_step DIRECTORY STEP: until that checkpoint or a later one is the newest, or the run is over.
wait_for_step() {
  local step
  while [ -n "$(jobs -rp)" ]; do
    step=$(newest_step "$1" 2>/dev/null) || true
    if [ "${step:-0}" -ge "$2" ]; then return; fi
    sleep 0.01
  done
}

# strike DIRECTORY VICTIM RANK
strike() {
  local pids
  case $2 in
    mpirun) pids=$(launcher_of "$1") ;;
    all) pids=$(ranks_of "$1") ;;
    rank) pids=$(ranks_of "$1" | sed -n "$3p") ;;
  esac || true # the run may be over
  # shellcheck disable=SC2086 # numbers
  if [ -n "$pids" ]; then kill -KILL $pids 2>/dev/null || true; fi
}

# kill_case KEEP RANKS VICTIM STEP MILLISECONDS
kill_case() {
  local name=kill-$1-$2-$3-$4-$5 keep=$1 ranks=$2 victim=$3 step=$4 milliseconds=$5 before=$failures found
  train "$name" "$ranks" "${settings[@]}" --keep "$keep" &
  wait_for_step "$name" "$step"
  sleep "$(printf '0.%03d' "$milliseconds")"
  found=$(newest_step "$name" 2>/dev/null) || true
  strike "$name" "$victim" $((1 + milliseconds % ranks))
  wait
  nothing_left "train --output $name "
  if [ "$(<"$name.code")" -eq 124 ]; then complain "$name: the job did not end because of the kill" "$name.err"; fi
  lost_nothing "$name" "$name" "$found"
  goes_on "$name" "$name" $((milliseconds % 3)) "$found" train "${settings[@]}" --keep "$keep"
  tried "$name" "train .*--output $name " "$before"
}

train whole 1 "${settings[@]}"
ended whole 0
kill_cases "${whole_soak:-9}" | chosen kill 9
each_case kill kill_case "kills of a rank, of all ranks and of mpirun"
finish
