#!/usr/bin/env bash
# A run that was stopped or killed in mid-epoch and is resumed, on any other number of ranks, ends as if nothing had
# happened; and what a run directory holds is never lost.
# usage: resume.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

make_long_run
train whole 2 "${long_run[@]}"
ended whole 0

# in_mid_epoch NAME: that run's newest checkpoint lies between two epochs' ends.
in_mid_epoch() {
  local step
  step=$(newest_step "$1")
  [ $((step % steps_per_epoch)) -ne 0 ] || complain "$1: step $step is no place in mid-epoch"
  [ "$step" -lt "$long_run_steps" ] || complain "$1: the run was over before it could be stopped"
}

killed_and_resumed_on_other_ranks() {
  train killed 3 "${long_run[@]}" &
  wait_for killed/last.h5
  ranks_of killed | xargs kill -9
  wait
  in_mid_epoch killed
  run killed 5 train --resume --output killed
  ended killed 0
  says killed "resume   from killed/checkpoint-[0-9]*.h5: epoch [0-9], step [0-9]*$"
  same whole killed
}

# The process is frozen while its newest checkpoint is read. Another one may be written meanwhile, of the step behind it, and the
# step under way may be past the point where it asks for signals: then the next step is the last one.
signal_ends_the_step() {
  local pid frozen_at last each_step=("${long_run[@]}")
  replaced each_step --checkpoint-every 1
  train signalled 0 "${each_step[@]}" &
  wait_for signalled/checkpoint-5.h5
  pid=$(ranks_of signalled)
  kill -STOP "$pid"
  frozen_at=$(newest_step signalled)
  kill -USR1 "$pid"
  kill -CONT "$pid"
  wait
  ended signalled 75
  last=$(newest_step signalled)
  [ "$last" -le $((frozen_at + 3)) ] || complain "a signal at step $frozen_at ended the run at step $last"
  says signalled "stopped on request after step $last; the same command with --resume --output signalled goes on"
}

signal_through_mpirun_then_resumed() {
  train forwarded 2 "${long_run[@]}" &
  wait_for forwarded/checkpoint-5.h5
  kill -USR1 "$(launcher_of forwarded)"
  wait
  ended forwarded 75
  run forwarded 3 train --resume --output forwarded
  ended forwarded 0
  same whole forwarded
}

# asked_by_file NAME FILE: makes it in that run directory, and waits until it was heeded.
asked_by_file() {
  local end=$((SECONDS + $(slowed 60)))
  touch "$1/$2"
  while [ -e "$1/$2" ] && [ -n "$(jobs -rp)" ] && [ "$SECONDS" -lt "$end" ]; do sleep 0.01; done
  [ ! -e "$1/$2" ] || complain "$1/$2 was not heeded" "$1.err"
}

# Nothing else writes a checkpoint in this run, which would take minutes.
asked_by_files() {
  local asked=("${long_run[@]}") saved stopped
  replaced asked --checkpoint-every 1000000
  replaced asked --epochs $((100 * epochs))
  train by-file 2 "${asked[@]}" &
  wait_for by-file/config.ini
  asked_by_file by-file SAVE
  saved=$(newest_step by-file)
  [ "${saved:-0}" -gt 0 ] || complain "SAVE made no checkpoint" by-file.err
  asked_by_file by-file STOP
  wait
  ended by-file 75
  stopped=$(newest_step by-file)
  [ "$stopped" -gt "$saved" ] || complain "the run did not go on after SAVE, up to STOP" by-file.err
  run by-file 3 train --resume --output by-file --max-time "$(patience 2)"
  ended by-file 75
  [ "$(newest_step by-file)" -gt "$((stopped + 1))" ] || complain "the resumed run heeded STOP again" by-file.err
}

# So are a comparison and a study, in the folder that the user named, and their runs go on.
asked_by_files_above() {
  local asked=("${long_run[@]}") first=versus/runs/sync/seed-1 saved
  replaced asked --checkpoint-every 1000000
  replaced asked --epochs $((100 * epochs))
  run versus 2 compare "${asked[@]}" --bn sync,rank --seeds 1 --ranks-per-run 2 --output versus &
  wait_for "$first/config.ini"
  asked_by_file versus SAVE
  saved=$(newest_step "$first")
  [ "${saved:-0}" -gt 0 ] || complain "SAVE in a comparison made no checkpoint" versus.err
  asked_by_file versus STOP
  wait
  ended versus 75
  [ "$(newest_step "$first")" -gt "$saved" ] || complain "the comparison did not go on after SAVE, up to STOP" versus.err
  [ ! -e versus/runs/rank-2 ] || complain "the comparison went on to its next run" versus.err
  run claims 2 study placement --data "$LOCKSTEP_SOURCE/data/digits.h5" --epochs 100000 --seeds 1 --threads 1 --output claims &
  wait_for claims/placement/comparison.ini
  asked_by_file claims STOP
  wait
  ended claims 75
}

stopped_by_the_clock_twice() {
  train clock 1 "${long_run[@]}" --max-time 0.03
  ended clock 75
  run clock 4 train --resume --output clock --max-time 0.03
  ended clock 75
  run clock 2 train --resume --output clock --max-time 0
  ended clock 0
  same whole clock
}

nothing_left_to_do() {
  cp whole.out kept.out
  cp -r whole kept
  run whole 3 train --resume --output whole
  ended whole 0
  says whole "all epochs are done"
  grep -q "^seconds  *min  *avg  *max  *share$" kept.out || complain "a run has no table of its times" kept.out
  ! grep -q "^seconds  " whole.out || complain "a run without a step has a table of its times" whole.out
  [ "$(fingerprint_of whole)" = "$(fingerprint_of kept)" ] || complain "resuming a finished run gave another fingerprint"
  diff -r kept whole >difference || complain "resuming a finished run changed it" difference
}

# A checkpoint that is due at the last step of all is that of a run that is done.
due_where_an_epoch_ends() {
  train aligned 2 data.h5 --model mlp --batch-size 64 --epochs 2 --checkpoint-every 6
  ended aligned 0
  [ "$(echo aligned/checkpoint-*.h5)" = "aligned/checkpoint-12.h5 aligned/checkpoint-18.h5 aligned/checkpoint-24.h5 aligned/checkpoint-6.h5" ] ||
    complain "checkpoints are missing: $(echo aligned/*.h5)"
  cp -r aligned aligned-kept
  run aligned 3 train --resume --output aligned
  ended aligned 0
  says aligned "resume .*: epoch 2, step 24; all epochs are done"
  diff -r aligned-kept aligned >difference || complain "resuming a run that ended with a due checkpoint changed it" difference
}

never_overwritten() {
  contents_of whole >before
  run refused 2 train "${long_run[@]}" --output whole
  ended refused 2
  says refused "whole already holds a run"
  run other 2 train --resume --output whole --lr 0.3
  ended other 2
  says other "is done, with lr = 0.1: there is no step left to take with 0.3"
  run other 2 train --resume --output whole --momentum 0.8
  ended other 2
  says other "has momentum = 0.9 and cannot be continued with 0.8"
  unchanged whole
  local none=("${long_run[@]}")
  replaced none --epochs 0
  run first 1 train "${none[@]}"
  run second 1 train "${none[@]}"
  [ "$(echo runs/*/last.h5)" = "runs/dropout-bnsync-seed1-2/last.h5 runs/dropout-bnsync-seed1/last.h5" ] ||
    complain "two runs without --output have no folders of their own" first.err second.err
}

other_data_are_refused() {
  run data 0 generate -o other.h5 --shape 16x16x3 --train 715 --test 61 --seed 2
  contents_of whole >before
  run other 3 train --resume --output whole other.h5
  ended other 3
  says other "trained on other data"
  unchanged whole
}

# slowed_down NAME RANKS: the whole run from step 30 on, with another learning rate.
slowed_down() {
  cp -r whole "$1"
  ln -sf checkpoint-30.h5 "$1/last.h5"
  run "$1" "$2" train --resume --output "$1" --lr 0.03
  ended "$1" 0
  says "$1" "changed  lr from 0.1 to 0.03 behind step 30"
  grep -q '^lr = 0.03$' "$1/config.ini" || complain "$1/config.ini does not have the new learning rate"
}

# From there it is another run, which goes on as one of its own.
another_learning_rate() {
  slowed_down slower 1
  differs whole slower
  slowed_down slower-3 3
  same slower slower-3
  ln -sf checkpoint-40.h5 slower-3/last.h5
  run slower-3 2 train --resume --output slower-3
  ended slower-3 0
  ! grep -q '^changed' slower-3.out || complain "a run that keeps its settings says that they changed" slower-3.out
  same slower slower-3
  printf 'step,setting,before,after\n30,lr,0.1,0.03\n' | diff - slower-3/changes.csv >difference ||
    complain "changes.csv does not tell what changed" difference
  head -n 3 slower/metrics.csv | cut -d, -f1-7 | diff - <(head -n 3 whole/metrics.csv | cut -d, -f1-7) >difference ||
    complain "the epochs before the change are others" difference
  ln -sf checkpoint-25.h5 slower-3/last.h5
  run slower-3 2 train --resume --output slower-3 --lr 0.1
  ended slower-3 0
  same whole slower-3
  [ "$(wc -l <slower-3/changes.csv)" -eq 1 ] || complain "what was taken back is still in changes.csv" slower-3/changes.csv
}

config_run_again() {
  run again 3 train --config whole/config.ini --output again
  ended again 0
  same whole again
}

initial_checkpoint() {
  local none=("${long_run[@]}")
  replaced none --epochs 0
  train initial 2 "${none[@]}"
  ended initial 0
  [ "$(newest_step initial)" = 0 ] || complain "--epochs 0 wrote no checkpoint-0.h5"
  run initial 3 train --resume --output initial --epochs "$epochs"
  ended initial 0
  same whole initial
}

killed_and_resumed_on_other_ranks
signal_ends_the_step
signal_through_mpirun_then_resumed
asked_by_files
asked_by_files_above
stopped_by_the_clock_twice
nothing_left_to_do
due_where_an_epoch_ends
never_overwritten
other_data_are_refused
another_learning_rate
config_run_again
initial_checkpoint
finish
