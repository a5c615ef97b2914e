#!/usr/bin/env bash
# The learning rate range test: the same bits on any ranks, its learning rates and smoothing by awk, its losses those of training.
# usage: find_lr.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

# 7 steps an epoch, the last one of 15 samples.
settings=("$LOCKSTEP_SOURCE/data/digits.h5" --train-samples 303 --model mlp --batch-size 48 --bn 20 --seed 3)
for ranks in 1 3 7; do
  run "ranks$ranks" "$ranks" find-lr "${settings[@]}" --threads "$((ranks % 4))" --steps 60 --from 1e-4 -o "ranks$ranks" --progress none
  ended "ranks$ranks" 0
done
sed 's/ranks1/R/' ranks1.out >out
for ranks in 3 7; do
  cmp ranks1/find-lr.csv "ranks$ranks/find-lr.csv" >difference || complain "$ranks ranks find something else" difference
  sed "s/ranks$ranks/R/" "ranks$ranks.out" | diff out - >difference || complain "$ranks ranks say something else" difference
done
run other 1 find-lr "${settings[@]}" --threads 1 --steps 60 --from 1e-4 --seed 4 -o other
! cmp -s other/find-lr.csv ranks1/find-lr.csv || complain "another seed gives the same losses"

awk -F, 'NR == 1 { if ($0 != "step,lr,loss,smoothed") exit 1; next }
  { n = NR - 1; lr = 1e-4 * 1e5 ^ ((n - 1) / 59); if ($1 != n || $2 / lr - 1 > 1e-12 || $2 / lr - 1 < -1e-12) exit 2; loss[n] = $3; smooth[n] = $4; rate[n] = $2 }
  END { for (i = 1; i <= n; i++) { reach = i - 1 < n - i ? i - 1 : n - i; if (reach > 3) reach = 3
      sum = 0; for (k = i - reach; k <= i + reach; k++) sum += loss[k]
      d = sum / (2 * reach + 1) / smooth[i] - 1; if (d > 1e-12 || d < -1e-12) exit 3
      if (i == 1 || smooth[i] < smooth[low]) low = i }
    if (n < 20) exit 4; printf "%.2g\n", rate[low] / 10 >"suggestion" }' ranks1/find-lr.csv ||
  complain "learning rates or smoothing are wrong: case $?" ranks1/find-lr.csv
says ranks1 "^suggestion: --lr $(cat suggestion), a tenth of "

# The first update is that of the first learning rate: two losses are those of any run with it.
train same 1 "${settings[@]}" --threads 1 --epochs 1 --schedule constant --lr 1e-4 --log-every 1
diff <(sed -n 2,3p same/steps.csv | cut -d, -f4) <(sed -n 2,3p ranks1/find-lr.csv | cut -d, -f3) >difference ||
  complain "other losses than in training" difference

# It ends where values are not finite, or far too large, and says so.
run wild 2 find-lr "${settings[@]:0:7}" --bn none --threads 1 --from 1 --to 1e30 --steps 40 -o wild
ended wild 0
says wild "^it broke down after "
says wild "^no suggestion: "
[ "$(wc -l <wild/find-lr.csv)" -lt 41 ] || complain "it went on" wild/find-lr.csv

if has_tool gnuplot "pictures of find-lr"; then
  for picture in png svg; do [ -s "ranks1/find-lr.$picture" ] || complain "no picture .$picture"; done
fi
# Of what is interrupted nothing is left; a picture without gnuplot is a warning.
limited 100 "$program" find-lr "${settings[@]}" --steps 1000000 --from 1e-5 --to 1e-4 -o half >half.out 2>half.err &
until pgrep -f "^$program find-lr .* -o half" >/dev/null || ! kill -0 $! 2>/dev/null; do sleep 0.1; done
sleep "$(slowed 1)" # for it to be in the middle
pkill -TERM -o -f "^$program find-lr .* -o half" || complain "half: it ended by itself" half.err # the oldest, not its reader of files
wait || true
[ ! -e half ] || complain "half: something was left" <(ls half)
mkdir tools # all but gnuplot
ln -s /usr/bin/* tools/
rm -f tools/gnuplot
launched_by=(env "PATH=$PWD/tools")
run undrawn 0 find-lr "${settings[@]}" --steps 10 -o undrawn
launched_by=()
ended undrawn 0
says undrawn "there is no gnuplot"
[ -s undrawn/find-lr.csv ] || complain "undrawn: no table"

for bad in "--from 1 --to 1" "--steps 3" "--lr 0.1" "--epochs 3"; do
  # shellcheck disable=SC2086
  run bad 0 find-lr "${settings[@]}" $bad
  ended bad 2
done
run bad 0 find-lr nothing.h5
ended bad 4
finish
