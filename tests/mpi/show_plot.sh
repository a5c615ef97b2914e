#!/usr/bin/env bash
# show, plot and report of a single run: what a user sees of them, and what is refused.
# usage: show_plot.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

digits=$LOCKSTEP_SOURCE/data/digits.h5
settings=("$digits" --train-samples 200 --model mlp --threads 1)
train a 0 "${settings[@]}" --epochs 3
train b 0 "${settings[@]}" --epochs 3 --lr 0.01 --bn 16
train b2 0 "${settings[@]}" --epochs 2 --lr 0.01 --bn 16

# A checkpoint is shown with its own settings and shape; what is given counts more.
run preset 0 show mlp "$digits" --bn 16
run checkpoint 0 show b/last.h5
run other 0 show b/last.h5 --bn none --batch-size 32 --shape 100 --classes 3
for name in preset checkpoint other; do ended "$name" 0; done
diff <(sed 1d preset.out) <(sed 1d checkpoint.out) >difference || complain "preset and checkpoint differ" difference
says checkpoint "^b/last.h5: $("$program" info b/last.h5 | sed -n 's/^ *model .*, \([0-9]*\) parameters$/\1/p') parameters"
says other "^b/last.h5: .* samples of 100, 3 classes"
says other "^batch norm none, mini-batches of 32"
says other "^one stage"
printf '%s\n' 'conv 8 3x3 stride=2 groups=4 dilation=2' 'batchnorm group=8' relu globalavgpool 'dense classes' >own.model
run own 0 show own.model --shape 17x15x4
ended own 0
says own "conv 3x3/2 groups=4 dilation=2 "
says own "batchnorm group=8 "
run drawn 0 show resnet8 -o model.dot
ended drawn 0
grep -q "^digraph" model.dot || complain "no drawing" model.dot
if has_tool dot "drawings of show"; then
  run drawn 0 show resnet8 -o model.svg
  ended drawn 0
  grep -q "</svg>" model.svg || complain "no drawing" model.svg
fi
mkdir tools # all but dot
ln -s /usr/bin/* tools/
rm -f tools/dot
launched_by=(env "PATH=$PWD/tools")
run undrawn 0 show cnn -o undrawn.svg
launched_by=()
ended undrawn 4
says undrawn "there is no program .dot. to draw it: install graphviz"
refuse() {
  local code=$1 text=$2
  shift 2
  run refused 0 "$@"
  ended refused "$code"
  says refused "$text"
}
refuse 2 "ends in .svg, .png, .pdf or .dot" show cnn -o model.bmp
refuse 2 "Give one of them" show cnn "$digits" --shape 8x8x1
refuse 2 "did you mean 'resnet8'" show resnet9
refuse 3 "does not fit" show cnn --shape 3x3x1

if has_tool gnuplot "pictures of plot and report"; then
  run plot 0 plot a b b2 -o all.svg
  ended plot 0
  for label in "bn sync, .*epochs 3, .*lr 0.1" "bn 16, .*epochs 2, .*lr 0.01"; do
    grep -q "$label" all.svg || complain "no key: $label" <(grep "<text" all.svg)
  done
  run plot 0 plot a -o one.png
  [ "$(head -c 4 one.png | tail -c 3)" = PNG ] || complain "no PNG"
  run plot 0 plot a b -o page.html
  ended plot 0
  grep -q "</svg>" page.html || complain "no picture in the page"
  run report 0 report a
  ended report 0
  says report "^report: a/report.html$"
  for file in a/report.html a/plots/curves.png a/plots/rate.svg; do [ -s "$file" ] || complain "no $file"; done
  best=$(awk -F, 'NR > 1 && $7 > best { best = $7 } END { printf "%.2f", 100 * best }' a/metrics.csv)
  grep -q "best test accuracy.*<td>$best</td>" a/report.html || complain "another best accuracy than $best"
  cp a/report.html once.html
  run again 0 report a
  cmp a/report.html once.html >difference || complain "a second report differs" difference
fi
refuse 2 "ends in .png, .svg or .html" plot a -o x.pdf
refuse 4 "holds no training run" plot a nowhere -o x.png
sed -i '2s/,/,x/' b2/metrics.csv
refuse 3 "b2/metrics.csv:2" plot a b2 -o x.png
refuse 3 "b2/metrics.csv:2" report b2
[ ! -e x.png ] || complain "a picture of what could not be read"
finish
