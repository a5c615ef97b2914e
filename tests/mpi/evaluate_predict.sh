#!/usr/bin/env bash
# What a trained network says of a sample does not depend on how many ranks ask, nor on the samples beside it.
# usage: evaluate_predict.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

run data 0 generate -o data.h5 --shape 8x8x3 --train 203 --test 77

# evaluates MODEL STATISTICS: the same digits on one rank and on three; leaves them in MODEL-STATISTICS-1.out.
evaluates() {
  local name=$1-$2 ranks
  for ranks in 1 3; do
    run "$name-$ranks" "$ranks" evaluate "$1/last.h5" data.h5 --statistics "$2" --threads "$ranks" --json
    ended "$name-$ranks" 0
  done
  diff "$name-1.out" "$name-3.out" >difference || complain "$name: evaluated to other numbers on three ranks" difference
}

# number_of KEY FILE: from a line of JSON, as a double's shortest form.
number_of() {
  awk -F "\"$1\": " '{ printf "%.15g\n", $2 }' "$2"
}

# As training measured it after the last epoch: test loss and accuracy are the columns 6 and 7.
agrees_with_training() {
  local answer trained
  answer="$(number_of loss "$1-running-1.out") $(number_of accuracy "$1-running-1.out")"
  trained=$(tail -n 1 "$1/metrics.csv" | awk -F, '{ printf "%.15g %.15g\n", $6, $7 }')
  [ "$answer" = "$trained" ] || complain "$1: evaluated to $answer, but training measured $trained"
}

predicts() {
  local sample right
  run "$1-all" 0 predict "$1/last.h5" data.h5 --csv
  ended "$1-all" 0
  for sample in 0 7 8 64 76; do
    run "$1-one" 0 predict "$1/last.h5" "data.h5:$sample" --csv
    ended "$1-one" 0
    grep "^\"data.h5\",$sample," "$1-all.out" | diff - <(tail -n 1 "$1-one.out") >difference ||
      complain "$1: sample $sample depends on its neighbours" difference
  done
  right=$(awk -F, '$3 == $4 { n++ } END { printf "%.15g", n / 77 }' "$1-all.out")
  [ "$right" = "$(number_of accuracy "$1-running-1.out")" ] || complain "$1: predict gets $right right" "$1-running-1.out"
}

# confuses MODEL: the confusion matrix, counted once more from the predictions, on ranks that hold parts of them.
confuses() {
  run "$1-confused" 3 evaluate "$1/last.h5" data.h5 --confusion "$1.csv" --predictions "$1-answers.csv"
  ended "$1-confused" 0
  says "$1-confused" "^class .*precision"
  awk -F, 'FNR == NR { if (FNR > 1) { n[$2, $3]++; is[$2]++; said[$3]++ } next }
    FNR > 1 { k = $1; line = k ",\"\""; for (p = 0; p < NF - 6; p++) line = line "," (n[k, p] + 0)
      right = n[k, k] + 0
      line = line "," (is[k] + 0) "," (said[k] + 0) "," (said[k] ? sprintf("%.4f", right / said[k]) : "")
      print line "," (is[k] ? sprintf("%.4f", right / is[k]) : "") }' "$1-answers.csv" "$1.csv" >expected
  tail -n +2 "$1.csv" | diff expected - >difference || complain "$1: another confusion matrix" difference
  [ "$(wc -l <expected)" -eq 10 ] || complain "$1: not a line a class" expected
}

# same_source A B: two ways to name the samples that statistics are recomputed over. Words are split on purpose.
same_source() {
  # shellcheck disable=SC2086
  run source-a 2 evaluate resnet8/last.h5 data.h5 --json --statistics precise $1
  # shellcheck disable=SC2086
  run source-b 1 evaluate resnet8/last.h5 data.h5 --json --statistics precise $2
  ended source-a 0
  diff source-a.out source-b.out >difference || complain "other statistics: $1, $2" difference
}

models=(cnn resnet8 mlp)
if [ -n "${LOCKSTEP_TEST_QUICK:-}" ]; then models=(resnet8); fi
for model in "${models[@]}"; do
  train "$model" 2 data.h5 --model "$model" --batch-size 64 --epochs 2 --lr 0.02 --bn 24
  ended "$model" 0
  for statistics in running precise batch; do evaluates "$model" "$statistics"; done
  agrees_with_training "$model"
  predicts "$model"
  confuses "$model"
  cut -d, -f1 "$model"-{running,precise,batch}-1.out | sort | uniq -d >equal
  [ ! -s equal ] || complain "$model: two kinds of statistics give the same loss" equal
done

same_source "--statistics-from data.h5:train:50" "--statistics-samples 50"
same_source "--statistics-from data.h5:test" "--statistics-split test"
run sources 2 evaluate resnet8/last.h5 data.h5 --statistics precise --statistics-from data.h5:test:20
says sources "^statistics recomputed over 20 test samples of data.h5$"
for bad in data.h5:train:x data.h5:train:1 data.h5:test:99999999999; do
  run sources 2 evaluate resnet8/last.h5 data.h5 --statistics precise --statistics-from "$bad"
  ended sources 2
  says sources "is no count of samples"
done

# The training part: the same samples named as test samples, on other ranks; with a holdout it is what is left, and both parts
# together give the mean of all. A run's last test loss is that of what it held out.
run swapped 0 export-data data.h5 -o data.npz
run swapped 0 import npz data.npz --samples x_test --labels y_test --test-samples x_train --test-labels y_train -o swapped.h5
ended swapped 0
run split-train 3 evaluate resnet8/last.h5 data.h5 --split train --json --confusion train.csv
run split-named 1 evaluate resnet8/last.h5 swapped.h5 --json
for key in loss accuracy; do
  [ "$(number_of "$key" split-train.out)" = "$(number_of "$key" split-named.out)" ] ||
    complain "another $key of the training samples" split-train.out split-named.out
done
says split-train '"samples": 203, "split": "train"'
[ "$(awk -F, 'NR > 1 { n += $(NF - 3) } END { print n }' train.csv)" = 203 ] || complain "the matrix counts others" train.csv
train held 2 data.h5 --model mlp --batch-size 32 --epochs 1 --bn 8 --holdout 50 --crop 2 --flip
run held-train 1 evaluate held/last.h5 data.h5 --split train --json --order shuffled
run held-holdout 2 evaluate held/last.h5 data.h5 --split holdout --json --order class
run held-all 1 evaluate held/last.h5 swapped.h5 --json
[ "$(number_of loss held-holdout.out)" = "$(tail -n 1 held/metrics.csv | awk -F, '{ printf "%.15g", $6 }')" ] ||
  complain "the holdout is not what training was tested on" held-holdout.out held/metrics.csv
awk -v a="$(number_of loss held-train.out)" -v b="$(number_of loss held-holdout.out)" -v all="$(number_of loss held-all.out)" \
  'BEGIN { d = (153 * a + 50 * b) / 203 - all; exit !(a != b && d < 1e-12 && d > -1e-12) }' ||
  complain "the parts of the training samples do not make the whole" held-train.out held-holdout.out held-all.out
run split-none 1 evaluate resnet8/last.h5 data.h5 --split holdout
ended split-none 2
says split-none "held no training samples back"

# bf16 stays what a checkpoint is evaluated in, unless fp32 is asked for; a processor without it is told so.
train bf16 2 data.h5 --model resnet8 --batch-size 64 --epochs 2 --lr 0.02 --bn 24 --precision bf16
if grep -q "choose --precision fp32" bf16.err; then
  skipped bf16 "this processor has none"
else
  ended bf16 0
  evaluates bf16 running
  agrees_with_training bf16
  predicts bf16
  run fp32 2 evaluate bf16/last.h5 data.h5 --precision fp32 --json
  ended fp32 0
  [ "$(number_of loss fp32.out)" != "$(number_of loss bf16-running-1.out)" ] ||
    complain "fp32 and bf16 give the same loss" fp32.out
fi
finish
