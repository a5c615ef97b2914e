#!/usr/bin/env bash
# A sample is classified the same whether it comes from the dataset, a table, an array of NumPy or a picture; folders, files to
# be written, and what is refused.
# usage: predict_inputs.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"
digits=$LOCKSTEP_SOURCE/data/digits.h5
train net 1 "$digits" --model mlp --epochs 1

# predicts NAME INPUT...: leaves NAME.answers, which has class and probabilities alone.
predicts() {
  local name=$1
  shift
  run "$name" 0 predict net/last.h5 "$@" --csv
  ended "$name" 0
  tail -n +2 "$name.out" | cut -d, -f4-9 >"$name.answers"
}
# alike A B
alike() {
  [ -s "$1.answers" ] || complain "$1 has no predictions"
  diff "$1.answers" "$2.answers" >difference || complain "$1 and $2 are predicted otherwise" difference
}

predicts all "$digits"
predicts one "$digits:3"
predicts other "$digits:4"
cmp -s one.answers other.answers && complain "all digits are predicted alike" one.answers

# A table with a heading and labels, one with neither, and one rank of three that works.
run export 0 export-data "$digits" --part test -o table.csv
predicts table table.csv
alike all table
tail -n +2 table.csv | cut -d, -f2- | tr , ' ' >plain.txt
predicts plain plain.txt
alike all plain
run ranks 3 predict net/last.h5 table.csv --output ranks-output.csv
ended ranks 0
tail -n +2 ranks-output.csv | cut -d, -f4-9 >ranks.answers
alike all ranks
run json 0 predict net/last.h5 table.csv --output answers.json
ended json 0
[ "$(grep -c '^{"input": "table.csv", "sample": ' answers.json)" -eq 360 ] || complain "not a line a sample" answers.json
[ ! -s json.out ] || complain "predictions are printed as well" json.out

# npy FILE TYPE SHAPE <BYTES: an array of NumPy of format 1.0.
npy() {
  printf '\223NUMPY\001\000\166\000' >"$1"
  printf '%-117s\n' "{'descr': '$2', 'fortran_order': False, 'shape': $3, }" >>"$1"
  cat >>"$1"
}
# bytes LINES WIDTH: from numbers of plain.txt, of so many bytes each, the least one first.
bytes() {
  awk -v lines="$1" -v rest="$2" 'NR <= lines { for (i = 1; i <= NF; i++) { printf "\\x%02x", $i; for (k = 1; k < rest; k++) printf "\\x00" } }' plain.txt
}
# unpacked ESCAPES: those bytes.
unpacked() {
  printf '%b' "$1"
}
head -n 5 all.answers >five.answers
unpacked "$(bytes 5 1)" | npy five.npy '|u1' '(5, 8, 8)'
predicts five-u1 five.npy
alike five five-u1
unpacked "$(bytes 5 4)" | npy five4.npy '<i4' '(5, 64)'
predicts five-i4 five4.npy
alike five five-i4
head -n 1 all.answers >first.answers
unpacked "$(bytes 1 1)" | npy first.npy '|u1' '(8, 8, 1)'
predicts first-u1 first.npy
alike first first-u1

if python3 -c 'import PIL' 2>/dev/null; then
  python3 - <<'PYTHON'
import os
from PIL import Image
rows = [[int(v) for v in line.split()] for line in open("plain.txt")]
for folder in ("pictures", "classes/b", "classes/a"):
    os.makedirs(folder)
for i, name in enumerate(("pictures/0.png", "pictures/1.png", "classes/a/0.png", "classes/b/0.png")):
    Image.frombytes("L", (8, 8), bytes(rows[i])).save(name)
grey = Image.frombytes("L", (8, 8), bytes(rows[3]))
grey.convert("RGBA").save("colour.png")
deep = Image.new("I;16", (8, 8))
deep.putdata([257 * v for v in rows[3]])
deep.save("deep.png")
grey.resize((32, 32), Image.NEAREST).save("large.png")
grey.resize((32, 32), Image.NEAREST).save("large.jpg", quality=95)
open("pictures/notes.txt", "w").write("none")
PYTHON
  predicts pictures pictures
  head -n 2 all.answers | diff - pictures.answers >difference || complain "a folder of pictures is predicted otherwise" difference
  predicts classes classes
  sed -n 3,4p all.answers | diff - classes.answers >difference || complain "folders of classes are predicted otherwise" difference
  sed -n 4p all.answers >fourth.answers
  predicts colour colour.png
  alike fourth colour
  [ "$(grep -c "made grey" colour.err)" = 1 ] || complain "a change of colour is not said once" colour.err
  predicts deep deep.png
  alike fourth deep
  run large 0 predict net/last.h5 large.png
  ended large 3
  says large "large.png: 32 x 32 pixels (height x width), but the model takes 8 x 8; --resize scales pictures to that"
  predicts png large.png --resize
  predicts jpeg large.jpg --resize
  [ "$(cut -d, -f1 png.answers)" = "$(cut -d, -f1 jpeg.answers)" ] || complain "PNG and JPEG are of other classes" png.answers jpeg.answers
else
  skipped "pictures of other programs" "there is no Python with Pillow"
fi

# Classes have the names that the network learned, whatever file a sample is in.
for i in 1 2 3 4 5 6; do printf '%s,1,cat\n-%s,0,"dog, ""small"""\n' "$i" "$i"; done >animals.csv
printf 'a,b,kind\n' | cat - animals.csv >named.csv
run import 0 import csv named.csv --label kind --test named.csv -o animals.h5
ended import 0
train animals 1 animals.h5 --model mlp --epochs 30 --batch-size 4 --lr 0.1
printf '5,1\n-5,0\n' >two.csv
run named 0 predict animals/last.h5 two.csv --csv
[ "$(tail -n +2 named.out | cut -d, -f10-)" = "$(printf '"cat"\n"dog, ""small"""')" ] || complain "other names" named.out
run named 0 predict animals/last.h5 two.csv
says named "class 0 (cat) with probability"
run confusion 2 evaluate animals/last.h5 animals.h5 --confusion animals-confusion.csv
says confusion "^0 cat  *6  *0$"
[ "$(sed -n 3p animals-confusion.csv)" = '1,"dog, ""small""",0,6,6,6,1.0000,1.0000' ] ||
  complain "another confusion matrix" animals-confusion.csv

# bad CODE PATTERN ARGUMENT...
bad() {
  local code=$1 pattern=$2
  shift 2
  run bad 0 predict net/last.h5 "$@"
  ended bad "$code"
  says bad "$pattern"
}
printf 'a,b,label\n1,2,0\n' >narrow.csv
bad 3 "narrow.csv:2: 2 numbers, but the model takes 64 features besides the label" narrow.csv
printf 'a,b\n1,x\n' >word.csv
bad 3 "word.csv:2: 'x' is not a finite number" word.csv
unpacked "$(bytes 5 1)" | npy shape.npy '|u1' '(5, 4, 16)'
bad 3 "shape.npy: .*(5,4,16).*, but the model takes samples of 8 x 8 x 1" shape.npy
head -c 200 five.npy >short.npy
bad 3 "short.npy" short.npy
mkdir empty
bad 3 "empty: there is no PNG or JPEG file in this folder" empty
bad 2 "name it FILE.csv or FILE.json" five.npy --output answers.txt
finish
