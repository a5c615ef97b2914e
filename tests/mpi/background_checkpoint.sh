#!/usr/bin/env bash
# Checkpoints are written while training goes on, one at a time; what fails there is said while it goes on; and how often one is
# written changes no bit.
# usage: background_checkpoint.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"
# shellcheck source=tests/support/faults.sh
source "$LOCKSTEP_SOURCE/tests/support/faults.sh"

make_long_run
replaced long_run --epochs 2
train whole 0 "${long_run[@]}" --log-every 1
ended whole 0

# sync_of NAME FILE: the number of the call that waits until the disk has this file, of the run NAME.
sync_of() {
  awk -F '\t' -v file="$2" '$2 == "fsync" && index($8, file) { print $1; exit }' "$1.log"
}

# In steps.csv there are rows behind step 5 before the disk has checkpoint-5.h5, and the one of step 10 waits for it.
goes_on_meanwhile() {
  local at rows=0 end
  export FAIL_KINDS=fsync,
  struck plain plain 0 0 none once train "${long_run[@]}" --log-every 1 --output plain
  at=$(sync_of plain checkpoint-5.h5)
  [ -n "$at" ] || complain "checkpoint-5.h5 is not synced" plain.log
  wait_milliseconds=$((1000 * $(slowed 4)))
  struck slow slow 0 "$at" wait once train "${long_run[@]}" --log-every 1 --output slow &
  wait_for slow/steps.csv
  end=$((SECONDS + $(slowed 60)))
  while [ ! -e slow/checkpoint-5.h5 ] && [ "$SECONDS" -lt "$end" ]; do
    rows=$(grep -c '^[0-9]' slow/steps.csv || true)
    sleep 0.05
  done
  wait
  unset FAIL_KINDS wait_milliseconds
  ended slow 0
  [ "$rows" -ge 7 ] || complain "training waited for the disk: $rows steps were made"
  [ "$rows" -le 10 ] || complain "two checkpoints are written at once: $rows steps were made"
  same whole slow
  diff whole/steps.csv slow/steps.csv >difference || complain "other steps" difference
}

# The n-th file cannot be written: a warning, and the run goes on.
fails_meanwhile() {
  local at
  export FAIL_KINDS=fsync,
  at=$(sync_of plain checkpoint-5.h5)
  struck failing failing 2 "$at" EIO once train "${long_run[@]}" --log-every 1 --output failing
  unset FAIL_KINDS
  ended failing 0
  says failing "warning: no checkpoint of step 5: .*Input/output error; there is none yet; the run goes on"
  [ ! -e failing/checkpoint-5.h5 ] || complain "failing: there is a checkpoint of step 5"
  [ -e failing/checkpoint-10.h5 ] || complain "failing: there is no checkpoint of step 10"
  same whole failing
}

# written NAME: how many checkpoints the run wrote.
written() {
  awk -F '\t' '$2 == "rename" && $9 ~ /checkpoint-[0-9]*\.h5$/' "$1.log" | wc -l
}

by_time() {
  local name
  replaced long_run --checkpoint-every 0
  struck often often 2 0 none once train "${long_run[@]}" --checkpoint-interval 0.02 --keep 1 --output often
  struck seldom seldom 3 0 none once train "${long_run[@]}" --checkpoint-interval 1h --output seldom
  struck each each 1 0 none once train "${long_run[@]}" --output each
  struck versus versus 1 0 none once compare data.h5 --model mlp --bn sync,8 --seeds 1 --epochs 5 --threads 1 --output versus
  for name in often seldom each; do
    ended "$name" 0
    same whole "$name"
  done
  ended versus 0
  [ "$(written often)" -gt 2 ] || complain "checkpoints 0.02 s apart: $(written often) in all" often.log
  [ "$(written seldom)" -eq 1 ] || complain "checkpoints an hour apart: $(written seldom) in all" seldom.log
  [ "$(written each)" -eq 2 ] || complain "a checkpoint an epoch: $(written each) in all" each.log
  [ "$(written versus)" -eq 2 ] || complain "two short runs of a comparison wrote $(written versus) checkpoints" versus.log
}

# A run that is killed between two goes on from the last one.
killed_between() {
  replaced long_run --epochs 100000
  train killed 2 "${long_run[@]}" --checkpoint-interval 0.1 --keep 1 &
  wait_for killed/last.h5
  sleep 0.3
  ranks_of killed | xargs kill -9
  wait
  train killed 3 "${long_run[@]}" --checkpoint-interval 0.1 --keep 1 --resume --max-time 1
  ended killed 75
  says killed "resume   from killed/checkpoint-[0-9]*.h5"
}

if [ -e "$failing_calls" ]; then
  goes_on_meanwhile
  fails_meanwhile
  by_time
else
  skipped "what is written while training goes on" "sanitizers do not let another library be loaded first"
fi
killed_between
finish
