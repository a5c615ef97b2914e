#!/usr/bin/env bash
# One dataset, brought in as IDX, CSV, NPZ, NPY, records like CIFAR's, pictures in folders and HDF5, is one dataset: the same hash, and
# a run learns the same of each, at 1, 2 and 3 ranks. It leaves again as it came, and NumPy and Pillow see the same in it.
# usage: import.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

write_formats=$(dirname "$LOCKSTEP")/tests/write_formats
mkdir files
limited 60 "$write_formats" "$LOCKSTEP_SOURCE/data/digits.h5" 211 67 files || complain "the files cannot be written"

# imported NAME ARGUMENT...: into NAME.h5
imported() {
  local name=$1
  shift
  run "import-$name" 0 import "$@" -o "$name.h5"
  ended "import-$name" 0
  limited 60 "$program" info "$name.h5" | sed -n 's/^  hash  *//p' >"$name.hash"
  [ -s "$name.hash" ] || complain "$name has no hash"
}

# alike NAME NAME
alike() {
  cmp -s "$1.hash" "$2.hash" || complain "$1 and $2 have other hashes" "$1.hash" "$2.hash"
}

imported idx idx --train-images files/train-images --train-labels files/train-labels --test-images files/test-images \
  --test-labels files/test-labels
imported csv csv files/train.csv --test files/test.csv --shape 8x8x1
imported npz npz files/data.npz
imported npy npy files/x_train.npy files/y_train.npy files/x_test.npy files/y_test.npy
imported cifar cifar10 files/cifar --shape 8x8x1
imported folder folder files/pictures
run export-npz 0 export-data idx.h5 -o out.npz
run export-train 0 export-data idx.h5 -o out.csv
run export-test 0 export-data idx.h5 -o out-test.csv --part test
imported again-npz npz out.npz
imported again-csv csv out.csv --test out-test.csv --shape 8x8x1
imported h5 h5 idx.h5
for name in csv npz npy cifar folder again-npz again-csv h5; do alike idx "$name"; done
imported grey folder files/pictures --size 7x9
if cmp -s grey.hash idx.hash; then complain "scaled pictures are the same"; fi

# `info` sees in files what the dataset will be, and says of a part of one how the whole is brought in.
run info-idx 0 info idx.h5
for name in data.npz pictures; do
  run "info-$name" 3 info "files/$name"
  ended "info-$name" 0
  diff <(grep -E '^  (sample|train|test|values) ' info-idx.out) <(grep -E '^  (sample|train|test|values) ' "info-$name.out") ||
    complain "info sees something else in $name"
done
says info-data.npz "^  to train  lockstep import npz files/data.npz -o OUT.h5"
run info-csv 0 info files/train.csv --label 1
ended info-csv 0
says info-csv "^  sample    64 features"
says info-csv "^  to train  lockstep import csv files/train.csv --label 1 --test-fraction 0.2 -o OUT.h5"
for part in x_train.npy train-images pictures/train/1/0.png; do
  run info-part 0 info "$(find files -path "files/${part%/*}*" -type f | head -1)"
  ended info-part 2
  says info-part "lockstep import "
done

# A class may be a word, and a test part may be split off: of each class the same share, and the seed alone says which.
sed -E '2,$s/^([0-9]),/class \1,/' files/train.csv >words.csv
imported words csv words.csv --shape 8x8x1 --test-fraction 0.25 --seed 4
imported words-again csv words.csv --shape 8x8x1 --test-fraction 0.25 --seed 4
imported words-other csv words.csv --shape 8x8x1 --test-fraction 0.25 --seed 5
alike words words-again
if cmp -s words.hash words-other.hash; then complain "the seed does not matter"; fi
says import-words "158 training and 53 test samples of 10 classes"
run export-words 0 export-data words.h5 -o words-out.csv --words
grep -q '^"class 0",' <(head -2 words-out.csv) || complain "no words come out" words-out.csv

# Training.
settings=(--model mlp --epochs 2 --batch-size 32)
train one 1 idx.h5 "${settings[@]}"
ended one 0
ranks=1
for name in csv npz npy cifar folder h5; do
  ranks=$((ranks % 3 + 1))
  train "run-$name" "$ranks" "$name.h5" "${settings[@]}"
  same one "run-$name"
done
train run-words 2 words.h5 "${settings[@]}"
differs one run-words

# What numpy and Pillow see; the other way, what they write.
if has_tool python3 "what NumPy and Pillow read and write" && python3 -c 'import numpy, PIL.Image' 2>/dev/null; then
  limited 60 python3 - <<'PYTHON' || complain "NumPy sees something else"
import csv
import os
import numpy
import PIL.Image

arrays = numpy.load("out.npz")
rows = list(csv.reader(open("out.csv")))
assert arrays["x_train"].dtype == numpy.uint8 and arrays["x_train"].shape == (211, 8, 8, 1), arrays["x_train"].shape
assert [int(row[0]) for row in rows[1:]] == arrays["y_train"].tolist()
assert numpy.array_equal(numpy.array([row[1:] for row in rows[1:]], dtype=int), arrays["x_train"].reshape(211, 64))
numpy.savez_compressed("packed.npz", X_train=arrays["x_train"][..., 0], y_train=arrays["y_train"].astype("f8")[:, None],
                       X_test=arrays["x_test"][..., 0], y_test=numpy.eye(10, dtype="i8")[arrays["y_test"]])
numpy.savez("first.npz", x=arrays["x_train"].transpose(0, 3, 1, 2), y=arrays["y_train"])
for split in "train", "test":
    for i, (image, label) in enumerate(zip(arrays["x_" + split], arrays["y_" + split])):
        colour = numpy.repeat(image, 3, axis=2)
        os.makedirs("pillow/%s/%d" % (split, label), exist_ok=True)
        PIL.Image.fromarray(colour).save("pillow/%s/%d/%05d.png" % (split, label, i))
PYTHON
  imported packed npz packed.npz
  alike idx packed
  imported pillow folder pillow --colour grey
  alike idx pillow
  says import-pillow "made grey"
  imported first npz first.npz --layout nchw
  imported last npz files/data.npz --samples x_train --labels y_train
  alike first last
else
  skipped "what NumPy and Pillow read and write" "python3 has not both"
fi

# An import that is ended leaves no file of that name, and the next one takes away what it left.
printf '\0\0\010\003\0\0\0\323\0\0\0\010\0\0\0\010picture' >header
run broken 0 import idx --train-images header --train-labels files/train-labels -o broken.h5
ended broken 3
says broken "truncated"
[ -z "$(find . -name 'broken.h5*')" ] || complain "a failed import leaves something"
touch "left.h5.$(hostname).999999999.tmp"
imported left idx --train-images files/train-images --train-labels files/train-labels
[ "$(find . -name 'left.h5*')" = ./left.h5 ] || complain "what a dead import left is still there"
run there 0 import npz out.npz -o left.h5
ended there 2
says there "left.h5 is there already"
run both 0 import idx --train-images f --train-labels f --shape 8x8x1 -o x.h5
ended both 2
says both "shape is not for idx"

# A disk that fails at any of the calls: one message and nothing left, or a whole file where the library knew another way.
breaker=$(dirname "$LOCKSTEP")/tests/failing_calls.so

# struck CALL
struck() {
  local name=struck-$1
  mkdir "$name"
  launched_by=(env "FAIL_UNDER=$PWD/$name" "FAIL_STATE=$PWD/$name.state" "FAIL_AT=$1" FAIL_HOW=ENOSPC "LD_PRELOAD=$breaker")
  run "$name" 0 import npz out.npz -o "$name/out.h5"
  launched_by=()
  if [ "$(<"$name.code")" -eq 0 ]; then
    [ "$(limited 60 "$program" info "$name/out.h5" | sed -n 's/^  hash  *//p')" = "$(<idx.hash)" ] || complain "$name: another file"
    return
  fi
  ended "$name" 4
  says "$name" "cannot write $name/out.h5: "
  [ -z "$(ls -A "$name")" ] || complain "$name leaves: $(ls -A "$name")"
}
if [ -e "$breaker" ]; then
  for call in 2 7 13 17 19 25 30; do struck "$call"; done
else
  skipped "calls that fail in an import" "there is no failing_calls.so in a sanitizer's build"
fi

finish
