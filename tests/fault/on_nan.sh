#!/usr/bin/env bash
# A sample that makes a value which is not finite: the message names it, and with --on-nan rollback the run goes on without its
# mini-batch, to the same bits whatever the ranks, the checkpoints and the interruptions.
# usage: on_nan.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

poison=$(dirname "$LOCKSTEP")/tests/poison
printf 'dense 12\nbatchnorm\nrelu\ndense classes\n' >normed.model
printf 'dense 12\nrelu\ndense classes\n' >plain.model
"$poison" sound.h5 0
"$poison" one.h5 1e30 17
"$poison" huge.h5 5e23 17
"$poison" many.h5 1e30 17 101 202 303 404 505

# 24 steps an epoch, so that two of them may be left out. In the pass itself: squares too large for the sums of batch norm.
in_pass=(--model normed.model --bn sync --batch-size 25 --no-normalize-input --threads 1 --epochs 3 --lr 0.02 --progress none
  --log-every 1)
# In the update: a squared gradient too large for adam's moment, which the next pass tells.
in_update=(--model plain.model --bn none --optimizer adam --batch-size 25 --no-normalize-input --threads 1 --epochs 3 --lr 0.001
  --progress none --log-every 1)
rollback=(--on-nan rollback)

# rows NAME N: steps.csv has so many.
rows() {
  [ "$(($(wc -l <"$1/steps.csv") - 1))" -eq "$2" ] || complain "$1: not $2 rows in steps.csv" "$1/steps.csv"
}

same_steps() {
  cmp "$1/steps.csv" "$2/steps.csv" >difference || complain "$2 has other steps than $1" difference
}

stops_and_names_the_place() {
  local ranks
  for ranks in 1 3; do
    train "stopped-$ranks" "$ranks" one.h5 "${in_pass[@]}"
    ended "stopped-$ranks" 5
    says "stopped-$ranks" 'step [0-9]*: .*too large to be summed, first [0-9.e+]* in the output of dense1, sample 17:'
  done
  says stopped-3 "step [0-9]*: rank [0-2] on "
  train stopped-update 2 huge.h5 "${in_update[@]}"
  ended stopped-update 5
  says stopped-update "since the step before"
}

# goes_on NAME DATA ARGUMENT...
goes_on() {
  local name=$1 data=$2
  shift 2
  train "$name" 1 "$data" "$@" "${rollback[@]}"
  ended "$name" 0
  rows "$name" 69
  [ "$(grep -c 'on without the mini-batch of step' "$name.err")" -eq 3 ] || complain "$name: not three of them" "$name.err"
  train "$name-2" 2 "$data" "$@" "${rollback[@]}" --checkpoint-every 1 --keep 2
  ended "$name-2" 0
  train "$name-3" 3 "$data" "$@" "${rollback[@]}" --checkpoint-every 7
  ended "$name-3" 0
  # From a checkpoint that knows of what was left out, and from one that does not.
  cp -r "$name-3" "$name-early"
  ln -sf checkpoint-49.h5 "$name-early/last.h5"
  run "$name-early" 2 train --resume --output "$name-early"
  ended "$name-early" 0
  cp -r "$name-3" "$name-first"
  ln -sf checkpoint-0.h5 "$name-first/last.h5"
  run "$name-first" 3 train --resume --output "$name-first" --checkpoint-every 0
  ended "$name-first" 0
  local other
  for other in 2 3 early first; do
    same "$name" "$name-$other"
    same_steps "$name" "$name-$other"
  done
  train "$name-sound" 1 sound.h5 "$@" "${rollback[@]}"
  ended "$name-sound" 0
  rows "$name-sound" 72
  differs "$name" "$name-sound"
}

# The same bits as a run that never had a reason to go back.
changes_nothing_without_need() {
  train sound-stop 2 sound.h5 "${in_pass[@]}"
  same pass-sound sound-stop
}

is_bounded() {
  train bounded 2 many.h5 "${in_pass[@]}" "${rollback[@]}"
  ended bounded 5
  says bounded "2 of the 24 mini-batches of epoch 1 were left out already, of at most 2"
  train bounded-again 1 many.h5 "${in_pass[@]}" "${rollback[@]}" --checkpoint-every 5
  ended bounded-again 5
  says bounded-again "2 of the 24 mini-batches of epoch 1 were left out already, of at most 2"
  local wild=("${in_pass[@]}")
  replaced wild --lr 1e30
  train wild 2 sound.h5 "${wild[@]}" "${rollback[@]}"
  ended wild 5
}

stops_and_names_the_place
goes_on pass one.h5 "${in_pass[@]}"
goes_on update huge.h5 "${in_update[@]}"
changes_nothing_without_need
is_bounded
finish
