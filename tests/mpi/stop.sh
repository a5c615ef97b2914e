#!/usr/bin/env bash
# Steps of several seconds, and mpirun that kills a second after it was signalled: the step under way is given up, the
# checkpoint is that of the step before it, and the resumed run ends as if nothing had happened. Likewise an evaluation, a
# run whose measurements take longer than its steps, a comparison, and a reader of standard output that is gone.
# usage: stop.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment; LOCKSTEP_SOAK=1: more rank counts, longer steps
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

step_seconds=2 # on as many ranks as are fastest here; 1 rank takes longer
if [ -n "${LOCKSTEP_SOAK:-}" ]; then step_seconds=3; fi

# The work is cut into small pieces, so that a machine ten times slower gives up within the second as well.
make_data() {
  local speed
  for _ in 1 2 3 4; do printf 'conv 24 5x5\nbatchnorm\nrelu\n'; done >slow.model
  printf 'globalavgpool\ndropout 0.2\ndense classes\n' >>slow.model
  run small 0 generate -o small.h5 --shape 16x16x3 --train 96 --test 8
  train speed 3 small.h5 --model slow.model --batch-size 48 --microbatch 4 --epochs 2 --threads 1
  speed=$(awk -F, 'NR == 1 { for (c = 1; $c != "images_per_second"; c++); } NR == 3 { print int($c) }' speed/metrics.csv)
  batch=$((speed * step_seconds / 4 * 4 + 5)) steps=2 epochs=2
  run data 0 generate -o data.h5 --shape 16x16x3 --train $((2 * batch - 17)) --test $((batch + 9))
  slow_run=(data.h5 --model slow.model --batch-size "$batch" --microbatch 4 --epochs "$epochs" --threads 1 --log-every 1)
  echo "a step has $batch samples"
}

# steps_done NAME: rows of its step log.
steps_done() {
  if [ -e "$1/steps.csv" ]; then grep -c '^[0-9]' "$1/steps.csv" || true; else echo 0; fi
}

# wait_for_steps NAME COUNT [PAUSE]: until that many are done, and what follows has begun.
wait_for_steps() {
  local end=$((SECONDS + $(slowed 60)))
  wait_for "$1/config.ini"
  while [ "$(steps_done "$1")" -lt "$2" ] && [ -n "$(jobs -rp)" ] && [ "$SECONDS" -lt "$end" ]; do sleep 0.05; done
  sleep "${3:-0.4}"
}

# stopped_behind NAME STEP [unheard]: this one was done when the signal was sent, and nothing was lost but the step under way: all steps that
# were done are in the checkpoint, and none is in the log that is not.
stopped_behind() {
  local last
  last=$(newest_step "$1")
  [ "${last:-0}" -ge "$2" ] || complain "$1: the checkpoint is of step '$last', and $2 were done" "$1.err"
  [ "$(steps_done "$1")" = "$last" ] || complain "$1: the step log has $(steps_done "$1") steps, the checkpoint $last" "$1.err"
  if [ "${3:-}" != unheard ]; then says "$1" '^lockstep: stopping\.\.\.$'; fi
}

# Open MPI 5's mpirun hands nothing on any more that ranks print after it was signalled.
unheard=''
if [ "$(mpi_kind "$MPIEXEC")" = openmpi5 ]; then
  unheard=unheard
  skipped "what ranks print after mpirun was signalled" "Open MPI 5's mpirun drops it"
fi

# signal_mpirun NAME RANKS SIGNAL AFTER ARGUMENT...: AFTER steps. What a full disk queue made too slow is tried again, and what was over
# before.
signal_mpirun() {
  local name=$1 ranks=$2 signal=$3 after=$4 tries sent_at
  shift 4
  for tries in 1 2 3; do
    rm -rf "$name"
    train "$name" "$ranks" "$@" &
    wait_for_steps "$name" "$after"
    sent_at=$(steps_done "$name")
    kill -"$signal" "$(launcher_of "$name")" || true
    wait
    if [ -e "$name/last.h5" ] && ! grep -q '^fingerprint: ' "$name.out"; then break; fi
    echo "$name: no checkpoint, or over before, try $tries"
  done
  [ "$(<"$name.code")" -ne 0 ] || complain "$name: ended with code 0" "$name.err"
  [ "$sent_at" -ge "$after" ] || complain "$name: after $(slowed 60) seconds $sent_at steps were done" "$name.err"
  stopped_behind "$name" "$sent_at" "$unheard"
}

# goes_on NAME RANKS WHOLE: to the same end.
goes_on() {
  run "$1" "$2" train --resume --output "$1"
  ended "$1" 0
  same "$3" "$1"
  diff "$3/steps.csv" "$1/steps.csv" >difference || complain "$1: another step log" difference
}

mpirun_signalled() {
  signal_mpirun int-3 3 INT 3 "${slow_run[@]}" # in an epoch that has begun
  goes_on int-3 2 whole
  if [ -z "${LOCKSTEP_SOAK:-}" ]; then return; fi
  signal_mpirun term-2 2 TERM 1 "${slow_run[@]}"
  goes_on term-2 1 whole
  signal_mpirun term-1 1 TERM 1 "${slow_run[@]}"
  goes_on term-1 2 whole
}

# Of one rank alone all ranks learn: the others give the step up at its end.
one_rank_signalled() {
  train one 3 "${slow_run[@]}" &
  wait_for_steps one 1
  kill -HUP "$(ranks_of one | sed -n 2p)"
  wait
  ended one 75
  [ "$(newest_step one)" = "$(steps_done one)" ] || complain "one: checkpoint and step log differ" one.err
  goes_on one 2 whole
}

# nohup has SIGHUP ignored, and the run goes on.
hangup_ignored() {
  launched_by=(nohup)
  train nohup 0 small.h5 --model slow.model --batch-size 48 --microbatch 4 --epochs 6 --threads 1 --log-every 1 &
  launched_by=()
  wait_for_steps nohup 1 0
  kill -HUP "$(ranks_of nohup)"
  wait
  ended nohup 0
}

# The signal comes as soon as the last step of an epoch is logged: its evaluation has begun.
evaluation_given_up() {
  local tries
  for tries in 1 2 3; do
    rm -rf evaluation
    train evaluation 0 "${slow_run[@]}" &
    wait_for_steps evaluation "$steps" 0
    kill -TERM "$(ranks_of evaluation)"
    wait
    ended evaluation 75
    stopped_behind evaluation "$steps"
    if [ ! -e evaluation/metrics.csv ]; then break; fi
    echo "evaluation: too late, try $tries"
  done
  [ ! -e evaluation/metrics.csv ] || complain "evaluation: it was over before it could be given up" evaluation.err
  goes_on evaluation 2 whole
}

# The pause of wait_for_steps ends in what follows a step: probes and an evaluation. Then the step is not done either.
measurements_given_up() {
  local measured=("${slow_run[@]}" --noise --log-test --probe "gradients,activations,drift")
  train whole-measured 2 "${measured[@]}"
  ended whole-measured 0
  [ "$(fingerprint_of whole-measured)" = "$(fingerprint_of whole)" ] || complain "measuring changed the result"
  local tries
  for tries in 1 2 3; do # as in signal_mpirun
    rm -rf measured
    train measured 2 "${measured[@]}" &
    wait_for measured/probe-gradients.csv
    wait_for_rows measured/probe-gradients.csv 2
    kill -TERM "$(launcher_of measured)"
    wait
    if [ -e measured/last.h5 ]; then break; fi
    echo "measured: no checkpoint, try $tries"
  done
  [ "$(newest_step measured)" = "$(steps_done measured)" ] || complain "measured: checkpoint and step log differ" measured.err
  goes_on measured 3 whole-measured
  local table
  for table in probe-gradients.csv probe-activations.csv probe-drift.csv noise.csv; do
    cmp "whole-measured/$table" "measured/$table" || complain "measured: another $table"
  done
}

# wait_for_rows FILE COUNT: a heading and that many rows.
wait_for_rows() {
  local end=$((SECONDS + $(slowed 60)))
  while [ "$(wc -l <"$1")" -le "$2" ] && [ -n "$(jobs -rp)" ] && [ "$SECONDS" -lt "$end" ]; do sleep 0.02; done
}

nobody_reads() {
  local code
  set +e
  limited 100 "$program" train --output unread "${slow_run[@]}" 2>unread.err | head -n 1 >unread.out
  code=${PIPESTATUS[0]}
  set -e
  echo "$code" >unread.code
  ended unread 75
  says unread '^lockstep: stopping\.\.\.$'
  [ -e unread/last.h5 ] || complain "unread: no checkpoint" unread.err
  goes_on unread 3 whole
}

# Whoever is ended before main began to heed signals dies of them.
stopped_at_the_start() {
  local code
  train start 0 "${slow_run[@]}" &
  while [ -z "$(ranks_of start)" ] && [ -n "$(jobs -rp)" ]; do sleep 0.01; done
  kill -TERM "$(ranks_of start)" || true
  wait
  code=$(<start.code)
  case $code in 75 | 143) ;; *) complain "start: ended with code $code" start.err ;; esac
  if [ -e start/last.h5 ] && [ "$(newest_step start)" != 0 ]; then complain "start: it trained" start.err; fi
}

comparison_stopped() {
  local compare=(compare data.h5 --model slow.model --batch-size "$batch" --microbatch 4 --epochs "$epochs" --threads 1 --bn sync
    --seeds 1 --log-every 1 --output comparison)
  run comparison 2 "${compare[@]}" &
  wait_for comparison/runs/sync/seed-1/config.ini
  wait_for_steps comparison/runs/sync/seed-1 1
  pgrep -n -f -- " $program compare data.h5" | xargs kill -TERM # mpirun; the one before is timeout, which signals twice
  wait
  [ -n "$unheard" ] || says comparison '^lockstep: stopping\.\.\.$'
  [ "$(newest_step comparison/runs/sync/seed-1)" = "$(steps_done comparison/runs/sync/seed-1)" ] || complain "comparison: checkpoint and step log differ" comparison.err
  run comparison 3 "${compare[@]}"
  ended comparison 0
  grep -rqF "$(fingerprint_of whole)" comparison/runs/sync/seed-1/ || complain "comparison: its run has another result" comparison.out
}

# Commands that have nothing to keep die of a signal at once, and leave nothing.
others_die() {
  local name
  run evaluate 2 evaluate whole/last.h5 data.h5 --statistics precise --predictions answers.csv &
  run bench 2 bench --model slow.model --shape 16x16x3 --batch-size "$batch" --threads 1 &
  for name in evaluate bench; do
    while ! pgrep -f "^$program $name" >/dev/null && [ "$(jobs -rp | wc -l)" -eq 2 ]; do sleep 0.05; done
  done
  sleep 0.5 # shorter than they work
  for name in evaluate bench; do
    pgrep -n -f -- " $program $name" | xargs kill -TERM || true # mpirun, as above
  done
  wait
  for name in evaluate bench; do
    case $(<"$name.code") in 0 | 124 | 137) complain "$name: was not ended by the signal, but with code $(<"$name.code")" "$name.out" "$name.err" ;; esac
  done
  [ -z "$(find . -maxdepth 1 -name 'answers.csv*')" ] || complain "evaluate left a part of its answers"
}

make_data
train whole 2 "${slow_run[@]}"
ended whole 0
mpirun_signalled
one_rank_signalled
hangup_ignored
evaluation_given_up
measurements_given_up
nobody_reads
stopped_at_the_start
comparison_stopped
others_die
finish
