#!/usr/bin/env bash
# Shifted inputs: statistics that are recomputed on them undo an affine shift, and not an inversion; how many ranks ask is no
# matter, nor is the company of a sample.
# usage: shifts.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

digits=$LOCKSTEP_SOURCE/data/digits.h5
printf 'dense 32\nbatchnorm\nrelu\ndense classes\n' >first.model
train first 1 "$digits" --model first.model --epochs 2 --batch-size 64
ended first 0

# evaluated NAME RANKS DATA OPTION...: leaves NAME.out, a line of JSON, and NAME.csv.
evaluated() {
  local name=$1 ranks=$2 data=$3
  shift 3
  run "$name" "$ranks" evaluate first/last.h5 "$data" --json --threads $((ranks % 2 + 1)) --predictions "$name.csv" "$@"
  ended "$name" 0
}

# loss_of NAME
loss_of() {
  sed -n 's/^{"loss": \([^,]*\),.*/\1/p' "$1.out"
}

# apart A B: by how much two losses differ.
apart() {
  awk -v a="$(loss_of "$1")" -v b="$(loss_of "$2")" 'BEGIN { d = a - b; printf "%.12f", (d < 0) ? -d : d }'
}

# expect A B TEST WHAT: TEST is awk's, of the distance d.
expect() {
  awk -v d="$(apart "$1" "$2")" "BEGIN { exit !($3) }" || complain "$4: the losses of $1 and $2 are $(apart "$1" "$2") apart" "$1.out" "$2.out"
}

evaluated clean 1 "$digits" --statistics precise
for change in "affine 0.5,64" "affine 0.7,-0.4" invert; do
  # shellcheck disable=SC2086 # an option and its value
  run made 0 corrupt "$digits" -o "${change%% *}.h5" --split all --force --$change
  ended made 0
  evaluated before 1 "${change%% *}.h5"
  evaluated after 1 "${change%% *}.h5" --statistics precise
  evaluated inputs 1 "${change%% *}.h5" --input-from "${change%% *}.h5"
  case $change in
    affine*)
      expect clean after 'd < 1e-3' "$change"
      expect clean before 'd > 1e-2' "$change"
      expect clean inputs 'd < 1e-2' "$change"
      ;;
    invert) expect clean after 'd > 0.5' "$change" ;;
  esac
done

# The training split and its mean stay when only the test split is changed, so that the file is one to train on.
run made 0 corrupt "$digits" -o noisy.h5 --noise 0.2
run train-of-noisy 0 info noisy.h5
run train-of-digits 0 info "$digits"
for line in '  mean ' '  std ' '/train/images' 'train  '; do
  diff <(grep -- "$line" train-of-noisy.out) <(grep -- "$line" train-of-digits.out) >difference ||
    complain "the training split was changed" difference
done

# A permutation of labels, and back: nothing is left of it; in between, what was right is wrong.
run there 0 corrupt "$digits" -o turned.h5 --relabel 0:1,1:2,2:0 --split all
run back 0 corrupt turned.h5 -o back.h5 --relabel 1:0,2:1,0:2 --split all
ended back 0
diff <(run x 0 info back.h5 && grep hash x.out) <(grep hash train-of-digits.out) >difference ||
  complain "labels did not come back" difference
run merged 0 corrupt "$digits" -o merged.h5 --relabel 0:1
ended merged 2
says merged "two labels are to become 1"

# The same bits at any number of ranks and threads, for every option.
options=("--statistics batch --batch-size 50 --order class"
  "--statistics precise --statistics-from noisy.h5 --statistics-split test --statistics-samples 100 --input-from affine.h5"
  "--statistics batch --repeat 9 --samples 10 --order shuffled --order-seed 4")
for i in "${!options[@]}"; do
  for ranks in 1 3; do
    # shellcheck disable=SC2086 # several options
    evaluated "many-$i-$ranks" "$ranks" "$digits" ${options[i]}
  done
  diff <(cat "many-$i-1".{out,csv}) <(cat "many-$i-3".{out,csv}) >difference ||
    complain "${options[i]}: other bits on three ranks" difference
done

# A sample alone and in company; and what the CSV file says adds up to the accuracy.
evaluated together 2 "$digits"
evaluated alone 1 "$digits" --batch-size 1 --order shuffled
diff together.csv alone.csv >difference || complain "a sample depends on its company" difference
expect together alone 'd == 0' "company"
[ "$(awk -F, 'NR > 1 && $2 == $3 { n++ } END { printf "%.12g", n / (NR - 1) }' alone.csv)" = \
  "$(sed -n 's/.*"accuracy": \([^,]*\),.*/\1/p' together.out | awk '{ printf "%.12g", $1 }')" ] ||
  complain "the predictions are not what the accuracy says" together.out

# Cats: pictures that are evaluated like any others, and a contact sheet.
run cats 0 generate cats -o cats.h5 --train 64 --test 32 --sheet cats.png
ended cats 0
says cats "64 training and 32 test samples of 2 classes"
run sheet 0 info cats.h5 --sheet again.png
ended sheet 0
cmp cats.png again.png || complain "two contact sheets of the same pictures differ"
run checkpoint 0 info first/last.h5 --sheet none.png
ended checkpoint 2
run shape 2 evaluate first/last.h5 cats.h5
ended shape 3
says shape "cats.h5 holds samples of 32x32x3"
finish
