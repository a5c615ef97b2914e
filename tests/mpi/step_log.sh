#!/usr/bin/env bash
# steps.csv: the same at any rank count and after an interruption, its figures add up to the epochs', it changes no bit of the
# result, and a run ends at the accuracy it was to reach.
# usage: step_log.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

digits=$LOCKSTEP_SOURCE/data/digits.h5
# 7 steps an epoch, the last one of 12 samples
small=("$digits" --train-samples 300 --model mlp --batch-size 48 --threads 1 --epochs 3 --progress none)
logged=(--log-every 1 --log-test)

same_steps() {
  cmp "$1/steps.csv" "$2/steps.csv" >difference || complain "$2 has other steps than $1" difference
}

at_any_rank_count() {
  train whole 1 "${small[@]}" "${logged[@]}"
  ended whole 0
  train ranks 3 "${small[@]}" "${logged[@]}"
  same whole ranks
  same_steps whole ranks
  train plain 1 "${small[@]}"
  same whole plain
  [ ! -e plain/steps.csv ] || complain "steps.csv was not asked for"
  train other 1 "${small[@]}" "${logged[@]}" --seed 2
  ! cmp -s whole/steps.csv other/steps.csv || complain "another seed has the same steps"
  [ "$(wc -l <whole/steps.csv)" -eq 22 ] || complain "not 21 steps" whole/steps.csv
}

# The epochs' figures: samples times the steps' ones, and the last step's test figures.
figures_add_up() {
  awk -F, 'FNR == 1 { next }
    NR == FNR { n = $1 % 7 ? 48 : 12; loss[$2] += n * $4 / 300; right[$2] += n * $5 / 300; test[$2] = $6 "," $7; next }
    { d = loss[$1] - $4; e = right[$1] - $5; if (d * d + e * e > 1e-24 || test[$1] != $6 "," $7) print "epoch " $1 }' \
    whole/steps.csv whole/metrics.csv >bad
  [ ! -s bad ] || complain "the steps do not add up to the epochs" bad
}

interrupted_and_resumed() {
  train cut 3 "${small[@]}" "${logged[@]}" --checkpoint-every 5
  ln -sf checkpoint-5.h5 cut/last.h5
  run cut 2 train --resume --output cut
  ended cut 0
  same whole cut
  same_steps whole cut
}

# The first row that is good enough is the last one, and without that wish the run goes on as if nothing had been.
ends_at_an_accuracy() {
  local step
  step=$(awk -F, 'NR > 1 && $7 >= 0.8 { print $1; exit }' whole/steps.csv)
  train early 2 "${small[@]}" "${logged[@]}" --stop-at 0.8
  ended early 0
  head -n $((step + 1)) whole/steps.csv | cmp - early/steps.csv >difference || complain "early went another way" difference
  [ "$(newest_step early)" = "$step" ] || complain "early ended at step $(newest_step early) instead of $step"
  cp early.out before.out
  run early 1 train --resume --output early
  ended early 0
  [ "$(fingerprint_of early)" = "$(fingerprint_of before)" ] || complain "a run that is over went on"
  run early 3 train --resume --output early --stop-at 0
  ended early 0
  same whole early
  same_steps whole early
}

# loss_apart STEP A B: how far their losses are apart there.
loss_apart() {
  awk -F, -v step="$1" '$1 == step { d = $4 - d } END { printf "%.9f", d < 0 ? -d : d }' "$2/steps.csv" "$3/steps.csv"
}

# Inputs with one mean and one deviation are normalized anew behind the first layer: whether that was done before is no matter.
normalizes_inputs_anew() {
  local norm input step same other
  for norm in sync none; do
    for input in normalize-input no-normalize-input; do
      train "$norm-$input" 1 "$LOCKSTEP_SOURCE/data/digits.h5" --model sigmoid3 --train-samples 320 --batch-size 32 --epochs 4 --lr 0.1 \
        --momentum 0 --weight-decay 0 --schedule constant --threads 1 --log-every 20 --bn "$norm" "--$input"
      ended "$norm-$input" 0
    done
  done
  for step in 20 40; do
    same=$(loss_apart $step sync-normalize-input sync-no-normalize-input)
    other=$(loss_apart $step none-normalize-input none-no-normalize-input)
    awk -v same="$same" -v other="$other" 'BEGIN { exit !(same < 1e-4 && other > 1e-3) }' ||
      complain "step $step: losses with and without normalized inputs are $same apart with batch norm, and $other without"
  done
}

at_any_rank_count
figures_add_up
interrupted_and_resumed
ends_at_an_accuracy
normalizes_inputs_anew
finish
