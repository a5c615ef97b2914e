#!/usr/bin/env bash
# One call on a file after another fails, or all from there on, or the program is killed before it: in training with one and with
# three checkpoints kept, in resuming, and in a comparison. The checkpoint that there was is still there, and the same
# command goes on from it to the same end.
# usage: failing_calls.sh [PATTERN], with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment; tries a sample, which
#   LOCKSTEP_FAULT_SEED repeats; all, with LOCKSTEP_SOAK=1; or the cases that match, such as 'train-1 .* EIO once'
# shellcheck disable=SC2317 # each_case calls what seems to be called by nobody
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"
# shellcheck source=tests/support/faults.sh
source "$LOCKSTEP_SOURCE/tests/support/faults.sh"
needs_failing_calls
echo "seed $seed"

make_small_run

# cases NAME WORD...: every call of the run NAME in every way, a line each: WORD... CALL HOW WHEN. Only a write can be short.
cases() {
  awk -F '\t' -v words="${*:2}" '{
    ways = "ENOSPC once,ENOSPC onwards,EIO once,EIO onwards,kill once" ($2 == "write" ? ",short once,short onwards" : "")
    n = split(ways, way, ",")
    for (i = 1; i <= n; i++) print (words == "" ? "" : words " ") $1 " " way[i]
  }' "$1.log"
}

# reached NAME CALL: the program came to the call that was to be struck.
reached() {
  [ "$(counted "$1")" -ge "$2" ] || complain "$1: the call was not reached" "$1.log"
}

# complete NAME DIRECTORY: a run that ended with code 0 is.
complete() {
  [ "$(<"$1.code")" -ne 0 ] || [ "$(newest_step "$2")" = "$last_step" ] ||
    complain "$1: ended with 0 and without its last checkpoint" "$1.err" "$1.log"
}

# train_case KEEP CALL HOW WHEN
train_case() {
  local name=train-$1-$2-$3-$4 keep=$1 call=$2 how=$3 when=$4 ranks=0 before=$failures step
  if [ $((call % 7)) -eq 3 ]; then ranks=2; fi
  struck "$name" "$name" "$ranks" "$call" "$how" "$when" train "${settings[@]}" --keep "$keep" --output "$name"
  reached "$name" "$call"
  ended_as_told "$name" "$how"
  complete "$name" "$name"
  step=$(linked_step "$name" .)
  lost_nothing "$name" "$name" "$step"
  goes_on "$name" "$name" 0 "$step" train "${settings[@]}" --keep "$keep"
  tried "$name" "train .*--output $name " "$before"
}

# resume_case CALL HOW WHEN: of the run `half`.
resume_case() {
  local name=resume-$1-$2-$3 call=$1 how=$2 when=$3 before=$failures step base
  base=$(newest_step half)
  cp -r half "$name"
  struck "$name" "$name" 0 "$call" "$how" "$when" train "${settings[@]}" --keep 1 --resume --output "$name"
  reached "$name" "$call"
  ended_as_told "$name" "$how"
  complete "$name" "$name"
  step=$(linked_step "$name" .)
  lost_nothing "$name" "$name" "${step:-$base}"
  goes_on "$name" "$name" 0 "${step:-$base}" train "${settings[@]}" --keep 1
  tried "$name" "train .*--output $name " "$before"
}

# compare_case CALL HOW WHEN
compare_case() {
  local name=compare-$1-$2-$3 call=$1 how=$2 when=$3 before=$failures run step
  struck "$name" "$name" 0 "$call" "$how" "$when" compare "${compared[@]}" --output "$name"
  reached "$name" "$call"
  ended_as_told "$name" "$how"
  for run in sync 8; do
    step=$(linked_step "$name" "runs/$run/seed-1")
    lost_nothing "$name" "$name/runs/$run/seed-1" "$step"
    if [ -n "$step" ] && [ ! -e "$name/runs/$run/seed-1/result.ini" ]; then
      run "$name-info" 0 info "$name/runs/$run/seed-1/last.h5"
      [ "$(<"$name-info.code")" -eq 0 ] || complain "$name: the newest checkpoint cannot be read" "$name-info.err"
    fi
  done
  run "$name-on" 0 compare "${compared[@]}" --output "$name"
  ended "$name-on" 0
  diff <(figures_of compared) <(figures_of "$name") >"$name.difference" ||
    complain "$name: other figures at the end" "$name.difference" "$name.log"
  no_litter "$name" "$name"
  tried "$name" "compare .*--output $name" "$before"
}

struck whole whole 0 0 none once train "${settings[@]}" --keep 1 --output whole
struck three three 0 0 none once train "${settings[@]}" --keep 3 --output three
struck half half 0 $(($(counted whole) / 2)) kill once train "${settings[@]}" --keep 1 --output half
[ -n "$(newest_step half)" ] || complain "the run that is to be resumed has no checkpoint" half.log
cp -r half again
struck again again 0 0 none once train "${settings[@]}" --keep 1 --resume --output again
struck compared compared 0 0 none once compare "${compared[@]}" --output compared
for name in whole three again compared; do
  ended "$name" 0
  no_litter "$name" "$name"
done

[ "$(linked_step whole .)" = "$last_step" ] || complain "the log does not tell where last.h5 led to" whole.log

cases whole 1 | chosen train-1 12
cases three 3 | chosen train-3 6
cases again | chosen resume 6
cases compared | chosen compare 6
each_case train-1 train_case "failing calls of train --keep 1, $(counted whole) calls"
each_case train-3 train_case "failing calls of train --keep 3, $(counted three) calls"
each_case resume resume_case "failing calls of train --resume, $(counted again) calls"
each_case compare compare_case "failing calls of compare, $(counted compared) calls"
finish
