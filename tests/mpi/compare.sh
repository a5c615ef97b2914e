#!/usr/bin/env bash
# A comparison gives the same figures at any number of ranks, in one job or in many, interrupted or not; arms that are the same
# computation differ by exactly 0; and what is wrong is said once.
# usage: compare.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"
# shellcheck source=tests/support/comparison.sh
source "$LOCKSTEP_SOURCE/tests/support/comparison.sh"

run data 0 generate -o data.h5 --shape 8x8x1 --train 203 --test 61
settings=(data.h5 --model mlp --batch-size 32 --epochs 3 --threads 1)
arms=sync,rank:2,12,32,none

compare whole 1 --bn "$arms" --seeds 2
ended whole 0
says whole "whole/report.html"
for file in report.html report.md table.csv runs.csv noise.csv; do
  [ -s "whole/$file" ] || complain "whole/$file is missing"
done

any_rank_count() {
  compare three 3 --bn "$arms" --seeds 2
  ended three 0
  same_figures whole three
}

# 32 is the whole mini-batch: the same computation as sync, by another name.
same_computation() {
  grep -q '^32,' whole/table.csv || complain "the table has no arm 32" whole/table.csv
  says whole "same computation"
  local sync other
  sync=$(grep -h fingerprint whole/runs/sync/seed-*/result.ini)
  other=$(grep -h fingerprint whole/runs/32/seed-*/result.ini)
  [ "$sync" = "$other" ] || complain "--bn 32 is not --bn sync at mini-batches of 32"
  other=$(grep -h fingerprint whole/runs/12/seed-*/result.ini)
  [ "$sync" != "$other" ] || complain "--bn 12 is the same as --bn sync"
}

# Statistics recomputed: as evaluate finds of the checkpoint, where one mini-batch holds all samples, so that their order
# is no matter; without batch norm there are none.
precise_figures() {
  local asked found kept=("${settings[@]}")
  replaced settings --batch-size 203
  compare precise 2 --bn sync,none --seeds 1
  ended precise 0
  settings=("${kept[@]}")
  run asked 0 evaluate precise/runs/sync/seed-1/last.h5 data.h5 --statistics precise --json
  asked=$(sed 's/.*"loss": \([^,]*\), "accuracy": \([^,]*\),.*/\1 \2/' asked.out)
  found=$(sed -n 's/^precise-[a-z]* = //p' precise/runs/sync/seed-1/result.ini | xargs)
  awk "BEGIN { split(\"$asked\", a); split(\"$found\", b); exit !(a[1] > 0 && a[1] == b[1] && a[2] == b[2]) }" ||
    complain "evaluate says $asked" precise/runs/sync/seed-1/result.ini
  [ "$(grep -c '^precise-[a-z]* = $' precise/runs/none/seed-1/result.ini)" -eq 2 ] ||
    complain "there are precise statistics without batch norm" precise/runs/none/seed-1/result.ini
}

many_jobs() {
  local arm seed
  for seed in 1 2; do
    for arm in ${arms//,/ }; do
      run "array-$arm-$seed" 2 compare "${settings[@]}" --output array --bn "$arms" --seeds 2 --only "$arm:$seed"
      ended "array-$arm-$seed" 0
    done
  done
  run joined 0 report array
  ended joined 0
  same_figures whole array
}

interrupted() {
  compare cut 2 --bn "$arms" --seeds 2 --max-time 0.05
  ended cut 75
  compare cut 3 --bn "$arms" --seeds 2
  ended cut 0
  same_figures whole cut
  contents_of cut/runs >before
  compare cut 2 --bn "$arms" --seeds 2
  ended cut 0
  says cut "finished before"
  contents_of cut/runs | diff before - >difference || complain "a finished comparison was run again" difference
}

more_seeds_later() {
  compare grown 2 --bn "$arms" --seeds 1
  compare grown 2 --bn "$arms" --seeds 2
  ended grown 0
  same_figures whole grown
}

tuned() {
  compare tuned 2 --bn sync,8 --seeds 1 --tune-lr 0.1,0.01 --tune-holdout 40
  ended tuned 0
  grep -q '^chosen = [01]$' tuned/tune/8.ini || complain "no learning rate was recorded" tuned.out
  grep -q '^holdout = 40$' tuned/tune/8/lr-0.1/config.ini || complain "rates were not judged on held-out samples"
  grep -q '^holdout = 0$' tuned/runs/8/seed-1/config.ini || complain "a run of the comparison held samples back"
}

bad_input() {
  contents_of whole >before
  compare none-given 2 --bn "" --seeds 2
  ended none-given 2
  compare unknown 2 --bn sync,sinc
  ended unknown 2
  says unknown "sync"
  compare too-large 3 --bn sync,64
  ended too-large 2
  compare twice 2 --bn sync,8,8
  ended twice 2
  compare no-such-run 2 --bn sync,8 --only 8:7
  ended no-such-run 2
  run other-settings 2 compare "${settings[@]}" --lr 0.05 --output whole --bn "$arms" --seeds 2
  ended other-settings 2
  says other-settings "lr"
  run no-comparison 0 report data.h5
  [ "$(<no-comparison.code)" -ne 0 ] || complain "a file was reported on"
  unchanged whole
  local name
  for name in none-given unknown too-large twice no-such-run; do
    [ ! -e "$name" ] || complain "$name: a directory was made"
  done
}

damaged() {
  cp -r whole damaged
  printf 'not a number' >>damaged/runs/12/seed-2/metrics.csv
  contents_of damaged/runs >before
  run damaged-report 0 report damaged
  ended damaged-report 3
  says damaged-report "damaged/runs/12/seed-2"
  contents_of damaged/runs | diff before - >difference || complain "a damaged run was changed" difference
}

any_rank_count
same_computation
precise_figures
many_jobs
interrupted
more_seeds_later
tuned
bad_input
damaged
finish
