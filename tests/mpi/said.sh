#!/usr/bin/env bash
# What a run says of its data and settings before it learns: classes that it never sees, a schedule that was made for other
# epochs, settings by other programs' names, values that cannot be summed.
# usage: said.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

# table FILE LABEL...: two samples of each label.
table() {
  local file=$1 label
  shift
  for label; do printf '%s.5,1,%s\n%s.25,2,%s\n' "$label" "$label" "$label" "$label"; done >rows
  { echo "a,b,label"; cat rows; } >"$file"
}
table train.csv 0 1 3
table test.csv 0 1 2 3 5
run import 0 import csv train.csv --test test.csv -o unseen.h5
ended import 0
table whole.csv 0 1 2 3 4 5
run import 0 import csv whole.csv --test test.csv -o seen.h5
ended import 0

few=(--model mlp --batch-size 4 --epochs 1)
train unseen 2 unseen.h5 "${few[@]}"
says unseen "3 of 6 classes have no training sample (2, 4, 5)"
says unseen "4 test samples are of classes that training never sees"
[ "$(grep -c "no training sample" unseen.err)" = 1 ] || complain "it is not said once" unseen.err
train seen 2 seen.h5 "${few[@]}"
grep "training sample (" seen.err && complain "all classes were there"
run compare 2 compare unseen.h5 "${few[@]}" --bn sync,none --seeds 1 -o compared
[ "$(grep -c "no training sample" compare.err)" = 1 ] || complain "compare does not say it once" compare.err

# One sample a class is enough to be seen, one in all is not enough to learn from.
printf 'a,label\n1,0\n' >one.csv
run import 0 import csv one.csv --test one.csv -o one.h5
run one 2 train one.h5 "${few[@]}" --output one
ended one 3
says one "has 1 training sample, and training takes at least 2"

# With more epochs, a cosine begins anew from where it would be in so long a run.
train long 1 seen.h5 --model mlp --batch-size 4 --epochs 2
train long 2 --resume --epochs 4
says long "^lr       the cosine schedule was made for 2 epochs and is for 4 now: behind a step with 0.00[0-9]*, the learning rate goes on with 0.05"
train long 1 --resume --epochs 4
grep "^lr  " long.out && complain "the schedule is said to change" long.out

# From another folder, where the dataset has another name.
mkdir elsewhere
(cd elsewhere && run away 2 train --resume --output ../long --epochs 5)
mv elsewhere/away.* .
ended away 4
says away "seen.h5: .*; a run names its dataset as seen from the folder that it was started in: go there, or name it again"

# Finite, and beyond what the sums of squares hold.
printf 'a,label\n1e25,0\n-1e25,1\n2e25,0\n-3e25,1\n' >huge.csv
run import 0 import csv huge.csv --test huge.csv -o huge.h5
run huge 3 train huge.h5 "${few[@]}" --no-normalize-input --output huge
ended huge 5
says huge "too large to be summed, .*: batch norm sums squares up to 2^80"
grep -q diverged huge.err && complain "large inputs are said to have diverged" huge.err
train normal 1 huge.h5 "${few[@]}"
ended normal 0

# Each setting once, in sections that there are, by the names that it has here.
printf '[Training]\nepochs = 1\n[Optimizer]\nepochs = 2\n' >twice.ini
printf '[Traning]\nepochs = 1\n' >section.ini
printf 'learning_rate = 1\n' >name.ini
for wrong in "twice.ini:4: the key epochs stands there twice" "section.ini:1: unknown section .Traning.; did you mean .Training." \
  "name.ini:1: unknown key 'learning_rate'; did you mean 'lr'"; do
  run ini 2 train seen.h5 --config "${wrong%%:*}" --output ini
  ended ini 2
  says ini "$wrong"
done
for pair in learning_rate:lr batchsize:batch-size wd:weight-decay num_epochs:epochs random_state:seed; do
  run name 0 train seen.h5 "--${pair%%:*}" 1
  ended name 2
  says name "did you mean '--${pair##*:}'"
done
finish
