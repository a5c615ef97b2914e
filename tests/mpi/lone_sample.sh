#!/usr/bin/env bash
# A sample that is left over: of a mini-batch, it joins the normalization batch before it, whatever --bn is, at any rank count;
# of an epoch, batch norm cannot train on it alone, and what avoids that is said.
# usage: lone_sample.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"
digits=$LOCKSTEP_SOURCE/data/digits.h5

# 1437 digits: the last mini-batch of 128 has 29, which are 7 groups of 4 and one sample.
run compare 2 compare "$digits" --model mlp --bn sync,32,8,4 --seeds 1 --epochs 1 -o compared
ended compare 0
says compare "^4: norm     --bn 4 leaves one sample over of the last mini-batch of 29: it joins the normalization batch before it, of 5 then$"
[ "$(grep -c "leaves one sample over" compare.out)" = 1 ] || complain "joined groups are not said once" compare.out

# Groups of a mini-batch of 33, by number and by rank, which are not those of 32 samples and the one.
common=("$digits" --model mlp --train-samples 132 --batch-size 33 --microbatch 4 --epochs 1)
for bn in 8 rank:9; do
  for ranks in 1 2 3; do train "bn-$bn-$ranks" "$ranks" "${common[@]}" --bn "$bn"; done
  says "bn-$bn-1" "^norm     --bn $bn leaves one sample over of each mini-batch of 33: it joins the normalization batch before it, of [59] then$"
  same "bn-$bn-1" "bn-$bn-2"
  same "bn-$bn-1" "bn-$bn-3"
done
train bn-11 1 "${common[@]}" --bn 11
differs bn-8-1 bn-11
! grep -q "^norm " bn-11.out || complain "a group is said to be joined where none is" bn-11.out

# Alone in its mini-batch; a convolution's pixels have a variance all the same.
run lone 3 train "$digits" --model mlp --train-samples 129 --epochs 1 --output lone
ended lone 2
says lone "129 training samples are 1 mini-batch of 128 and one sample; give --train-samples 128, another --batch-size, or --bn none"
run avoided 1 train "$digits" --model mlp --train-samples 128 --epochs 1 --output avoided
ended avoided 0

# Of an evaluation, whose 360 samples are 359 and one.
run evaluate 2 evaluate avoided/last.h5 "$digits" --statistics batch --batch-size 359
ended evaluate 0
says evaluate "the last mini-batch would have one sample: it is in the one before, of 360 then"
run single 2 evaluate avoided/last.h5 "$digits" --statistics batch --samples 1
ended single 2
says single "there is one sample, which batch norm makes 0 by its own statistics"

finish
