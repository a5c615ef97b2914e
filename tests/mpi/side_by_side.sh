#!/usr/bin/env bash
# Runs of a comparison that teams of ranks make side by side are those that all ranks make one after the other, to the bit; one
# that is interrupted, fails or diverges leaves the others alone; and a rank that stops is noticed while other teams get on.
# usage: side_by_side.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"
# shellcheck source=tests/support/comparison.sh
source "$LOCKSTEP_SOURCE/tests/support/comparison.sh"

run data 0 generate -o data.h5 --shape 8x8x1 --train 203 --test 61
settings=(data.h5 --model mlp --batch-size 32 --epochs 3 --threads 1)
arms=(--bn "sync,rank:2,12,none" --seeds 2)

# settings_of NAME: those of its runs and its own, but for the time that the job had.
settings_of() {
  find "$1/runs" -name config.ini | sort | xargs sed '/^max-time/d'
  sed '/^max-time/d' "$1/comparison.ini"
}

# equal A B: two comparisons have the same figures and settings, and there are some.
equal() {
  [ "$(find "$1/runs" -name result.ini | wc -l)" -ge 8 ] || complain "$1 has not all runs"
  same_figures "$1" "$2"
  diff <(settings_of "$1") <(settings_of "$2") >difference || complain "$1 and $2 have other settings" difference
}

compare in-turn 1 "${arms[@]}"
ended in-turn 0

any_split() {
  local split
  for split in 2-1 2-auto 3-1 4-2 7-3 7-auto; do
    compare "split-$split" "${split%-*}" "${arms[@]}" --ranks-per-run "${split#*-}"
    ended "split-$split" 0
    equal in-turn "split-$split"
  done
  says split-2-1 "2 runs at a time, each on 1 rank"
  says split-4-2 "2 runs at a time, each on 2 ranks"
  says split-7-3 "2 runs at a time, each on 4 ranks"
  grep -q '^ranks = 1$' split-2-1/runs/sync/seed-1/result.ini || complain "not made by one rank" split-2-1/runs/sync/seed-1/result.ini
  grep -q '^ranks = 2$' split-4-2/runs/sync/seed-1/result.ini || complain "not made by two ranks" split-4-2/runs/sync/seed-1/result.ini
  # What must differ does: another seed.
  compare other 2 "${arms[@]}" --ranks-per-run 1 --seed 7
  ended other 0
  if diff <(figures_of in-turn) <(figures_of other) >/dev/null; then complain "another seed has the same figures"; fi
}

# A split that was measured: with runs long enough for that, and a mini-batch that one rank can't hold less of than two.
measured() {
  run measured 2 compare data.h5 --model mlp --batch-size 64 --threads 1 --bn sync,8 --seeds 3 --epochs 40 --output measured
  ended measured 0
  if grep -q "runs at a time" measured.out; then says measured "by a measurement"; fi
}

tuned() {
  compare tuned-1 1 --bn sync,8 --seeds 1 --tune-lr 0.1,0.01,1e-6 --tune-holdout 40
  compare tuned-3 3 --bn sync,8 --seeds 1 --tune-lr 0.1,0.01,1e-6 --tune-holdout 40 --ranks-per-run 1
  ended tuned-3 0
  diff <(cd tuned-1 && cat tune/*.ini runs/*/*/result.ini | grep -v 'images\|share\|ranks') \
    <(cd tuned-3 && cat tune/*.ini runs/*/*/result.ini | grep -v 'images\|share\|ranks') >difference ||
    complain "other rates were chosen" difference
}

interrupted() {
  compare broken-off 4 "${arms[@]}" --ranks-per-run 2 --max-time 0.05
  ended broken-off 75
  compare broken-off 3 "${arms[@]}" --ranks-per-run 1
  ended broken-off 0
  equal in-turn broken-off
  contents_of broken-off/runs >before
  compare broken-off 2 "${arms[@]}" --ranks-per-run 1
  ended broken-off 0
  says broken-off "finished before"
  contents_of broken-off/runs | diff before - >difference || complain "a finished comparison was made again" difference
}

# long NAME RANKS ARGUMENT...: in the background, so long that it can be interfered with.
long() {
  local name=$1 ranks=$2
  shift 2
  run "$name" "$ranks" compare data.h5 --model mlp --batch-size 32 --threads 1 --bn sync,8 --seeds 2 --epochs 100000 \
    --checkpoint-every 1000000 --output "$name" "$@" &
  wait_for "$name/runs/sync/seed-1/metrics.csv"
  wait_for "$name/runs/8/seed-1/metrics.csv"
}

asked() {
  # By a signal to one rank, not the first: all teams stop.
  long signalled 2 --ranks-per-run 1
  kill -USR1 "$(pgrep -f "^$program compare .*--output signalled" | while read -r pid; do
    if [ "$(cat "/proc/$pid/comm")" = lockstep ]; then echo "$pid"; fi
  done | tail -n 1)"
  wait
  ended signalled 75
  # By files in the comparison's folder.
  long stopped 4 --ranks-per-run 2
  touch stopped/SAVE
  local end=$((SECONDS + $(slowed 60)))
  while [ -e stopped/SAVE ] && [ "$SECONDS" -lt "$end" ]; do sleep 0.1; done
  [ ! -e stopped/SAVE ] || complain "SAVE was not heeded"
  local run
  for run in sync 8; do
    [ -n "$(newest_step "stopped/runs/$run/seed-1")" ] || complain "SAVE was heeded before there was a checkpoint of $run"
  done
  touch stopped/STOP
  wait
  ended stopped 75
  [ ! -e stopped/STOP ] || complain "STOP is still there"
  [ "$(newest_step stopped/runs/8/seed-1)" -gt 0 ] || complain "no checkpoint where it stopped"
}

# One arm's folder cannot be made, and one arm diverges: all the others come to their end.
one_is_bad() {
  mkdir -p blocked/runs
  touch blocked/runs/12
  compare blocked 3 "${arms[@]}" --ranks-per-run 1
  ended blocked 4
  says blocked "runs/12"
  [ "$(find blocked/runs -name result.ini | wc -l)" -eq 6 ] || complain "the others were not made" blocked.err
  rm blocked/runs/12
  compare blocked 2 "${arms[@]}" --ranks-per-run 1
  ended blocked 0
  equal in-turn blocked
  compare diverged 3 --arm wild:lr=1e30,bn=none --arm tame: --arm calm:lr=0.01 --seeds 2 --ranks-per-run 1
  ended diverged 5
  says diverged "2 runs diverged, the first one: run 1/6  wild seed 1"
  [ "$(grep -l 'outcome = finished' diverged/runs/*/*/result.ini | wc -l)" -eq 4 ] || complain "others did not finish"
}

# Two teams of two: rank 3 is stopped, rank 2 waits for it, and the team of rank 0 gets on.
stopped_rank() {
  local limit pid victim=""
  limit=$(patience 3)
  long stalled 4 --ranks-per-run 2 --stall-limit "$limit"
  for pid in $(pgrep -f "^$program compare .*--output stalled"); do
    if [ "$(tr '\0' '\n' <"/proc/$pid/environ" | sed -n 's/^\(OMPI_COMM_WORLD_RANK\|PMI_RANK\)=//p' | head -n 1)" = 3 ] &&
      [ "$(cat "/proc/$pid/comm")" = lockstep ]; then victim=$pid; fi
  done
  kill -STOP "$victim"
  wait
  ended stalled 6
  says stalled "rank 3 on .* gave no sign of life"
  nothing_left "compare .*--output stalled"
}

bad_input() {
  local wrong
  for wrong in 0 -1 3 two; do
    compare "wrong-$wrong" 2 "${arms[@]}" "--ranks-per-run=$wrong"
    ended "wrong-$wrong" 2
    says "wrong-$wrong" "ranks-per-run"
    [ ! -e "wrong-$wrong/comparison.ini" ] || complain "a comparison was made"
  done
  compare windowed 2 "${arms[@]}" --ranks-per-run 1 --window 50
  ended windowed 2
  says windowed "window"
}

any_split
measured
tuned
interrupted
asked
one_is_bad
stopped_rank
bad_input
finish
