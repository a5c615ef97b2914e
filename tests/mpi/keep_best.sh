#!/usr/bin/env bash
# --keep-best: best.h5 leads to the checkpoint of the best epoch, which stays, at any rank count and wherever a run was
# interrupted. Which epoch that is, awk says from metrics.csv.
# usage: keep_best.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

# 5 steps an epoch, and a learning rate that is too high to get ever better.
settings=("$LOCKSTEP_SOURCE/data/digits.h5" --train-samples 300 --holdout 61 --model mlp --batch-size 48 --threads 1
  --schedule constant --lr 0.6)
last=40

# best_of NAME METRIC [STEP]: the step of the first of the best epochs, but for that one.
best_of() {
  local column
  case $2 in train-loss) column=4 ;; train-accuracy) column=5 ;; test-loss) column=6 ;; test-accuracy) column=7 ;; esac
  awk -F, -v column="$column" -v without="${3:-}" -v sign="$(case $2 in *-loss) echo -1 ;; *) echo 1 ;; esac)" '
    NR > 1 && $column != "" && $2 != without && (!step || sign * $column > best) { best = sign * $column; step = $2 }
    END { print step }' "$1/metrics.csv"
}

# kept NAME STEP: that is what best.h5 leads to, and it can be used.
kept() {
  local target
  target=$(readlink "$1/best.h5" || true)
  [ "$target" = "checkpoint-$2.h5" ] || complain "$1: best.h5 leads to '$target' instead of step $2" "$1/metrics.csv"
  if ! "$program" info "$1/best.h5" >info.out 2>&1; then complain "$1: best.h5 cannot be read" info.out; fi
}

# left NAME STEP...: the checkpoints that there are, each named once or more.
left() {
  local name=$1
  shift
  printf 'checkpoint-%s.h5\n' "$@" | sort -u >expected
  (cd "$name" && printf '%s\n' checkpoint-*.h5) | sort | diff expected - >difference || complain "$name: other checkpoints" difference
}

content_of() {
  "$program" info "$1" | sed -n 's/^ *\(fingerprint .*\)/\1/p'
}

# alike NAME: it ended as `whole`, with the best of the same content.
alike() {
  ended "$1" 0
  same whole "$1"
  kept "$1" "$best"
  [ "$(content_of "$1/best.h5")" = "$(content_of whole/best.h5)" ] || complain "$1: best.h5 has another content than whole/best.h5"
}

goes_on() {
  run "$1" "$2" train --resume --output "$1" --epochs 8 "${@:3}"
}

whole_runs() {
  local metric ranks=1
  train plain 2 "${settings[@]}" --epochs 8
  ended plain 0
  [ ! -L plain/best.h5 ] || complain "plain: best.h5 was not asked for"
  train whole 1 "${settings[@]}" --epochs 8 --keep 1 --keep-best test-accuracy
  best=$(best_of whole test-accuracy)
  [ "$best" -lt "$last" ] || skipped "a best epoch that is not the last one" "training got ever better"
  alike whole
  same plain whole
  says whole "^best test accuracy 0.[0-9]* at the end of epoch $((best / 5)): whole/best.h5$"
  left whole "$best" "$last"
  [ "$(content_of whole/best.h5)" = "$(content_of "plain/checkpoint-$best.h5")" ] || complain "best.h5 is not what the epoch left"
  for metric in test-accuracy test-loss train-loss train-accuracy; do
    ranks=$((ranks == 1 ? 3 : 1))
    train "$metric" "$ranks" "${settings[@]}" --epochs 8 --keep 1 --keep-best "$metric"
    ended "$metric" 0
    same plain "$metric"
    kept "$metric" "$(best_of plain "$metric")"
    left "$metric" "$(best_of plain "$metric")" "$last"
  done
  train refused 0 "${settings[@]}" --keep-best accuracy
  ended refused 2
}

# Every epoch of that data has an accuracy of 1, but perhaps the first.
of_equals_the_first() {
  local equal
  run data 0 generate -o easy.h5 --shape 8x8x1 --train 200 --test 40
  train equals 2 easy.h5 --model mlp --threads 1 --batch-size 32 --epochs 5 --keep 1 --keep-best test-accuracy
  ended equals 0
  equal=$(awk -F, 'NR > 1 && $7 == 1' equals/metrics.csv | wc -l)
  [ "$equal" -gt 1 ] || complain "no two epochs are equal" equals/metrics.csv
  kept equals "$(best_of equals test-accuracy)"
}

# Where none is due, an epoch that is the best so far still has its checkpoint.
seldom_due() {
  train seldom 2 "${settings[@]}" --epochs 8 --checkpoint-every 1000 --keep-best test-accuracy
  alike seldom
  mapfile -t steps < <(awk -F, 'NR > 1 && (NR == 2 || $7 > best) { best = $7; print $2 }' seldom/metrics.csv)
  left seldom "${steps[@]}" "$last"
}

# Each job of the middle does a step, so that some end where an epoch does.
interrupted() {
  local job
  train pieces 3 "${settings[@]}" --epochs 2 --keep 1 --keep-best test-accuracy
  ended pieces 0
  for ((job = 1; job <= 6; job++)); do
    goes_on pieces $((job % 2 ? 1 : 3)) --max-time 0.001
    ended pieces 75
  done
  left pieces "$(newest_step pieces)" "$(best_of pieces test-accuracy)"
  goes_on pieces 3
  alike pieces
  left pieces "$best" "$last"
}

# What a process that was killed leaves: between both links, or between them and the removal of old ones.
killed_between() {
  train half 1 "${settings[@]}" --epochs 5 --keep-best test-accuracy
  ended half 0
  half_best=$(best_of half test-accuracy)
  kept half "$half_best"
  left half 5 10 15 20 25
  cp -r half unpruned
  goes_on unpruned 3 --keep 1
  alike unpruned
  left unpruned "$best" "$last"

  cp -r half unlinked
  ln -sfn "checkpoint-$(best_of half test-accuracy "$half_best").h5" unlinked/best.h5
  ln -s checkpoint-5.h5 unlinked/best.h5.host.1.tmp
  goes_on unlinked 1 --keep 1
  alike unlinked
  left unlinked "$best" "$last"

  cp -r half lost
  rm lost/best.h5
  goes_on lost 2 --keep 1
  alike lost
}

# The best that there is, when the best of all is gone or cannot be used.
gone_or_damaged() {
  local name expected
  for name in gone damaged; do cp -r half "$name"; done
  if [ "$half_best" -eq 25 ]; then
    skipped "a best checkpoint that is gone" "the newest one is the best"
    return
  fi
  rm "gone/checkpoint-$half_best.h5"
  truncate -s 5000 "damaged/checkpoint-$half_best.h5"
  expected=$(best_of whole test-accuracy "$half_best")
  for name in gone damaged; do
    goes_on "$name" 3 --keep 1
    ended "$name" 0
    same whole "$name"
    kept "$name" "$expected"
  done
  says damaged "warning: .*damaged/checkpoint-$half_best.h5: .*damaged.*; it does not count as the best checkpoint"

  # A table that cannot be read would make the next epoch the best one.
  cp -r half unreadable
  sed -i '3s/,[^,]*$/,x/' unreadable/metrics.csv
  goes_on unreadable 2
  ended unreadable 3
  says unreadable "error: .*the best epoch so far is not known: .*unreadable/metrics.csv"
  goes_on unreadable 2 --keep-best none --keep 1 # which does not remove the best one
  ended unreadable 0
  left unreadable "$half_best" "$last"
}

# Who goes back to before the best epoch comes by it again; another measure is taken of all that there is.
gone_back() {
  cp -r whole back
  cp half/checkpoint-5.h5 back/
  ln -sfn checkpoint-5.h5 back/last.h5
  goes_on back 3
  alike back
  left back "$best" "$last"

  cp -r plain judged
  goes_on judged 2 --keep-best train-loss --keep 1
  ended judged 0
  kept judged "$(best_of plain train-loss)"
}

# A folder of its name: the best checkpoint cannot be written, and the best of those that can is kept. At the next epoch end the
# run goes on as ever.
unwritten() {
  train failing 1 "${settings[@]}" --epochs 0 --keep 1 --keep-best test-accuracy
  ended failing 0
  mkdir "failing/checkpoint-$half_best.h5"
  goes_on failing 3
  ended failing 0
  same whole failing
  says failing "warning: no checkpoint of step $half_best: "
  kept failing "$(best_of whole test-accuracy "$half_best")"

  train linkless 1 "${settings[@]}" --epochs 0 --keep 1 --keep-best test-accuracy
  mkdir linkless/best.h5
  goes_on linkless 2
  ended linkless 0
  same whole linkless
  says linkless "warning: the best checkpoint, that of step 5, gets no link: .*cannot point linkless/best.h5 at checkpoint-5.h5"
  [ "$(grep -c 'gets no link' linkless.err)" -eq 1 ] || complain "linkless: not one warning for 8 failures" linkless.err
}

# Each run of a comparison keeps its best, if that is asked for; it is no arm's own.
in_comparison() {
  run compared 2 compare "${settings[@]}" --epochs 2 --bn sync,none --seeds 1 -o compared --keep-best test-loss
  ended compared 0
  for arm in sync none; do kept "compared/runs/$arm/seed-1" "$(best_of "compared/runs/$arm/seed-1" test-loss)"; done
  run arms 1 compare "${settings[@]}" --epochs 1 --arm a: --arm b:keep-best=test-loss --seeds 1 -o arms
  ended arms 2
  says arms "error: .*keep-best cannot be set in an arm"
}

whole_runs
of_equals_the_first
seldom_due
interrupted
killed_between
gone_or_damaged
gone_back
unwritten
in_comparison
finish
