#!/usr/bin/env bash
# A study says the same at any number of ranks, interrupted or not; adding seeds goes on; its page can be made anew; and what is
# wrong is said once.
# usage: study.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

mkdir data
cp "$LOCKSTEP_SOURCE/data/digits.h5" data

# study NAME RANKS ARGUMENT...: the small study below the directory NAME.
study() {
  local name=$1 ranks=$2
  shift 2
  run "$name" "$ranks" study inference --seeds 2 --threads 1 --output "$name" "$@"
}

# equal A B: two studies have the same numbers and verdict.
equal() {
  local file
  for file in readings.csv verdict.json; do
    diff "$1/inference/$file" "$2/inference/$file" >difference || complain "$file of $1 and $2 differ" difference
  done
}

study alone 0 --epochs 2
ended alone 0
says alone "^page: alone/inference/report.html"
for file in report.html readings.csv verdict.json study.ini comparison.ini plots/sizes.gp; do
  [ -s "alone/inference/$file" ] || complain "alone/inference/$file is missing"
done
grep -q '"command": "lockstep study inference --seeds 2 --epochs 2"' alone/inference/verdict.json ||
  complain "no command" alone/inference/verdict.json
grep -q 'each example alone less the same in mini-batches of 128' alone/inference/report.html || complain "no effects on the page"
# One example alone, and in any company: equal bits, so that the difference of the losses is 0 and not about 0.
[ "$(grep -c ',alone_loss,0$' alone/inference/readings.csv)" -eq 2 ] || complain "an example's answer depends on its company" alone/inference/readings.csv

study three 3 --epochs 2
ended three 0
equal alone three

# Stopped at once and again: the same command goes on, on another number of ranks.
study halves 1 --epochs 2 --max-time 0.2
for code in 0 75; do [ "$(<halves.code)" -eq "$code" ] && stopped=$code; done
ended halves "${stopped:-75}"
study halves 2 --epochs 2
ended halves 0
equal alone halves

# One seed, then the second: what is there is kept.
run grown 0 study inference --seeds 1 --threads 1 --output grown --epochs 2
ended grown 0
says grown "the one seed"
before=$(stat -c %y grown/inference/runs/trained/seed-1/readings.csv)
study grown 1 --epochs 2
ended grown 0
equal alone grown
[ "$before" = "$(stat -c %y grown/inference/runs/trained/seed-1/readings.csv)" ] || complain "a run was measured twice"

# The page of a folder, and of a folder that moved.
mv grown/inference moved
rm moved/report.html
run again 0 report moved
ended again 0
[ -s moved/report.html ] || complain "no page was made anew"
cmp -s moved/verdict.json alone/inference/verdict.json || complain "the verdict changed when its folder moved"

# Other options do not fit what is there.
study alone 3 --epochs 3
ended alone 2
says alone "study.ini has epochs = 2, not 3; give the same options, or another --output"

# Files like MNIST's become a dataset once: 128 images, each with a bright row that its label tells.
mkdir idx
for split in train t10k; do
  printf '\0\0\10\3\0\0\0\200\0\0\0\4\0\0\0\4' >idx/$split-images-idx3-ubyte
  printf '\0\0\10\1\0\0\0\200' >idx/$split-labels-idx1-ubyte
  for ((i = 0; i < 128; i++)); do
    for row in 0 1 2 3; do
      if ((row == i % 4)); then printf '\377\376\375\374'; else printf '\1\2\3\4'; fi
    done >>idx/$split-images-idx3-ubyte
    # shellcheck disable=SC2059 # an octal number
    printf "\\$((i % 4))" >>idx/$split-labels-idx1-ubyte
  done
done
gzip idx/t10k-images-idx3-ubyte
run folder 0 study inference --seeds 1 --epochs 1 --threads 1 --data idx --output folder
ended folder 0
says folder "^data     folder/idx.h5 is made of the files in idx"
run info 0 info folder/idx.h5
says info "128 samples: 32 32 32 32"
rm idx/t10k-images-idx3-ubyte.gz
run kept 0 study inference --seeds 1 --epochs 1 --threads 1 --data idx --output folder
ended kept 0
run lacking 3 study inference --data idx --output lacking
ended lacking 2
says lacking "the folder idx has no t10k-images-idx3-ubyte, plain or with .gz"

run list 0 study list
ended list 0
says list "^inference (.*on two cores"
run unknown 3 study inferrence
ended unknown 2
says unknown "unknown study 'inferrence'; did you mean 'inference'?"
run none 0 study
ended none 2
run gone 3 study placement --data gone.h5 --output gone
ended gone 4
says gone "gone.h5"

finish
