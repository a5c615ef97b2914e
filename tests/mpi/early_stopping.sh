#!/usr/bin/env bash
# --early-stopping: a run ends as many epochs behind its best one as it was given, at any rank count and wherever it was
# interrupted. Which epoch that is, awk says from the metrics of a run that went through all of them.
# usage: early_stopping.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

# 5 steps an epoch, and a learning rate that is too high to get ever better.
settings=("$LOCKSTEP_SOURCE/data/digits.h5" --train-samples 300 --holdout 61 --model mlp --batch-size 48 --threads 1
  --schedule constant --lr 0.2 --seed 4)

# end_of NAME COLUMN SIGN PATIENCE: the last epoch by a run's metrics, as if it had gone on for ever.
end_of() {
  awk -F, -v column="$2" -v sign="$3" -v patience="$4" '
    NR > 1 && !end { if (!at || sign * $column > best) { best = sign * $column; at = $1 }
      if ($1 - at >= patience) end = $1; last = $1 }
    END { print end ? end : last }' "$1/metrics.csv"
}

# stopped NAME EPOCH: it ended well behind that epoch, as `plain` was then, and says why.
stopped() {
  ended "$1" 0
  [ "$(tail -n 1 "$1/metrics.csv" | cut -d, -f1)" = "$2" ] || complain "$1: not the end of epoch $2" "$1/metrics.csv"
  diff <(cut -d, -f1-7 "$1/metrics.csv") <(head -n $(($2 + 1)) plain/metrics.csv | cut -d, -f1-7) >difference ||
    complain "$1: other metrics" difference
  [ "$(newest_step "$1")" -eq $((5 * $2)) ] || complain "$1: last.h5 is not of step $((5 * $2))"
  [ "$(content_of "$1/last.h5")" = "$(content_of "plain/checkpoint-$((5 * $2)).h5")" ] || complain "$1: another checkpoint"
  says "$1" "^no better .* the run ends behind epoch $2$"
}

content_of() {
  "$program" info "$1" | sed -n 's/^ *\(fingerprint .*\)/\1/p'
}

train plain 2 "${settings[@]}" --epochs 10
ended plain 0
loss=$(end_of plain 6 -1 2)
accuracy=$(end_of plain 7 1 2)
fitted=$(end_of plain 4 -1 1)
echo "ends: $loss by test loss, $accuracy by test accuracy, $fitted by training loss"
[ "$loss" -lt 10 ] || complain "the plain run got ever better: this test shows nothing" plain/metrics.csv

train one 1 "${settings[@]}" --epochs 10 --early-stopping 2
stopped one "$loss"
! grep -q "warning: early-stopping" one.err || complain "a holdout needs no warning" one.err
train seven 7 "${settings[@]}" --epochs 10 --early-stopping 2
stopped seven "$loss"
same one seven
train three 3 "${settings[@]}" --epochs 10 --early-stopping 2 --keep-best test-accuracy --keep 1
stopped three "$accuracy"
says three "^best test accuracy .*: three/best.h5$"
train trained 2 "${settings[@]}" --epochs 10 --early-stopping 1 --keep-best train-loss
if [ "$fitted" -lt 10 ]; then stopped trained "$fitted"; else same plain trained; fi

# Each job does a step, so that some end where an epoch does.
train pieces 3 "${settings[@]}" --epochs 10 --early-stopping 2 --max-time 0.001
for ((job = 0; job < 4; job++)); do run pieces $((job % 2 ? 3 : 1)) train --resume --output pieces --max-time 0.001; done
ended pieces 75
run pieces 2 train --resume --output pieces --max-time 0
stopped pieces "$loss"
same one pieces

# It is over; but not for who has more patience.
contents_of pieces/metrics.csv >before
run pieces 2 train --resume --output pieces --max-time 0
stopped pieces "$loss"
unchanged pieces/metrics.csv
run pieces 1 train --resume --output pieces --max-time 0 --early-stopping 0
ended pieces 0
same plain pieces

train refused 1 "${settings[@]}" --epochs 5 --early-stopping 5
ended refused 2
says refused "early-stopping = 5 never ends a run of 5 epochs"
train warned 1 "$LOCKSTEP_SOURCE/data/digits.h5" --train-samples 100 --model mlp --epochs 2 --early-stopping 1 --threads 1
ended warned 0
says warned "warning: early-stopping looks at the test loss"

run compared 1 compare "${settings[@]}" --epochs 10 --bn sync,16 --seeds 1 -o compared --early-stopping 2
ended compared 0
[ "$(tail -n 1 compared/runs/sync/seed-4/metrics.csv | cut -d, -f1)" = "$loss" ] || complain "a run of a comparison did not stop"
finish
