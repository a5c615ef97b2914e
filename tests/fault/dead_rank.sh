#!/usr/bin/env bash
# A rank that is killed, or stops for ever, ends the whole job with a non-zero code (6 and one message when it stops); no
# process stays behind, and the newest checkpoint is good to go on from, on fewer ranks as well.
# usage: dead_rank.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

make_long_run
stall_limit=$(patience 3) # longer than a sound rank is ever waited for
train whole 2 "${long_run[@]}"
ended whole 0

# forked_early NAME: the first rank alone has a fork server, for all of its node, which has nothing of MPI in memory, as the ranks
# have (shared memory, PMIx's store or Open MPI 4's plugins, as the library may be): it was forked before MPI had threads.
forked_early() {
  local rank server first=yes started='/dev/shm/|/mca_|/pmix-'
  for rank in $(ranks_of "$1"); do
    server=$(pgrep -P "$rank" -x lockstep-reader || true)
    if [ "$first" = no ] && [ -n "$server" ]; then complain "$1: a rank has a fork server, and is not the first of its node"; fi
    if [ "$first" = yes ] && [ -z "$server" ]; then complain "$1: the first rank has no fork server"; fi
    if [ -n "$server" ] && grep -qE "$started" "/proc/$server/maps"; then
      complain "$1: the fork server was forked after MPI's start"
    fi
    grep -qE "$started" "/proc/$rank/maps" || complain "$1: nothing of MPI is to be seen in memory" "/proc/$rank/maps"
    first=no
  done
}

# strike NAME RANKS RANK SIGNAL: trains, and sends a signal to one rank once there is a checkpoint in mid-epoch. The job must end
# by itself, not by the time limit of `run`.
strike() {
  local name=$1 ranks=$2 rank=$3 signal=$4 victim
  train "$name" "$ranks" "${long_run[@]}" --stall-limit "$stall_limit" &
  wait_for "$name/checkpoint-10.h5"
  forked_early "$name"
  victim=$(ranks_of "$name" | sed -n "$((rank + 1))p")
  kill -"$signal" "$victim"
  wait
  case $(<"$name.code") in 0 | 124) complain "$name: the job did not end because of the rank" "$name.err" ;; esac
  nothing_left "train --output $name "
  [ "$(newest_step "$name")" -lt "$long_run_steps" ] || complain "$name: the run was over before it could be struck"
}

# goes_on NAME RANKS: from the newest checkpoint to the same end.
goes_on() {
  run "$1-info" 0 info "$1/last.h5"
  ended "$1-info" 0
  run "$1" "$2" train --resume --output "$1" --stall-limit "$(slowed 60)"
  ended "$1" 0
  same whole "$1"
}

killed=(0 2) stopped=(0 2)
if [ "${LOCKSTEP_SANITIZE:-OFF}" = ON ]; then killed=(0) stopped=(2); fi # what is wrong in memory, not in every case

for rank in "${killed[@]}"; do
  strike "killed-$rank" 3 "$rank" KILL
  goes_on "killed-$rank" 2
done

# A rank is stopped at any moment: in a step, at the end of an epoch.
where='\(training, step [0-9]\|evaluating\|reading or writing a checkpoint\)'
for rank in "${stopped[@]}"; do
  strike "stopped-$rank" 3 "$rank" STOP
  ended "stopped-$rank" 6
  says "stopped-$rank" "rank $rank on .* gave no sign of life for $stall_limit seconds, $where.* is stopped"
  goes_on "stopped-$rank" 4
done
finish
