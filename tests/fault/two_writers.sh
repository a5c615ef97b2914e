#!/usr/bin/env bash
# Two programs that want to write into one folder at the same time, with every rename delayed so that they meet: one is refused, or
# both are right. Runs, resumed runs, comparisons, and eight jobs of which each adds to the same comparison.
# usage: two_writers.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment; LOCKSTEP_SOAK=N tries each N times
# shellcheck disable=SC2317 # the kinds are called by their names
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"
# shellcheck source=tests/support/faults.sh
source "$LOCKSTEP_SOURCE/tests/support/faults.sh"
needs_failing_calls
echo "seed $seed"
make_small_run
wait_milliseconds=100

# delayed NAME FOLDER ARGUMENT...: the program, whose calls of some kinds on that folder come late, all of them.
delayed() {
  local name=$1 under=$2
  shift 2
  FAIL_KINDS=rename,link,unlink, struck "$name" "$under" 0 1 wait onwards "$@"
}

# one_of_two NAME: NAME-1 and NAME-2 ended, one of them with code 0, and the other was refused, unless it came when all was done.
one_of_two() {
  local name refused=0
  for name in "$1-1" "$1-2"; do
    case $(<"$name.code") in
      0) ended "$name" 0 ;;
      *) ended "$name" 2 && says "$name" "$2" && refused=$((refused + 1)) ;;
    esac
  done
  [ "$refused" -lt 2 ] || complain "$1: both were refused" "$1-1.err" "$1-2.err"
}

train whole 0 "${settings[@]}"
ended whole 0
run compared 0 compare "${compared[@]}" --output compared
ended compared 0

two_runs() {
  local name=runs$1 i
  for i in 1 2; do delayed "$name-$i" "$name" train "${settings[@]}" --output "$name" & done
  wait
  one_of_two "$name" "$name"
  same_end "$name"
}

# same_end DIRECTORY: the run there is `whole`.
same_end() {
  run "$1-on" 0 train "${settings[@]}" --resume --output "$1"
  ended "$1-on" 0
  diff <(result_of whole) <(fingerprint_of "$1-on" && cut -d, -f1-7 "$1/metrics.csv") >difference || complain "$1: another end" difference
  no_litter "$1" "$1"
}

two_resumes() {
  local name=resumes$1 i
  struck "$name" "$name" 0 40 kill once train "${settings[@]}" --keep 1 --output "$name"
  for i in 1 2; do delayed "$name-$i" "$name" train "${settings[@]}" --keep 1 --resume --output "$name" & done
  wait
  one_of_two "$name" "$name"
  same_end "$name"
}

# A comparison that meets another in one of its runs is refused there; the same command completes it.
two_comparisons() {
  local name=comparisons$1 i
  for i in 1 2; do delayed "$name-$i" "$name" compare "${compared[@]}" --output "$name" & done
  wait
  one_of_two "$name" "$name"
  run "$name-on" 0 compare "${compared[@]}" --output "$name"
  ended "$name-on" 0
  diff <(figures_of compared) <(figures_of "$name") >difference || complain "$name: other figures" difference
  no_litter "$name" "$name"
}

# Each knows of one seed more than the one before: whoever comes first, all are there in the end.
eight_growing_jobs() {
  local name=growing$1 i order
  order=$(seq 8 | awk -v seed="$((seed + $1))" 'BEGIN { srand(seed) } { print rand(), $1 }' | sort | cut -d ' ' -f 2)
  for i in $order; do
    delayed "$name-$i" "$name" compare "${settings[@]}" --bn sync --seeds "$i" --only "sync:$i" --output "$name" &
  done
  wait
  for i in $order; do ended "$name-$i" 0; done
  grep -qx 'seeds = 8' "$name/comparison.ini" || complain "$name: seeds are lost" "$name/comparison.ini"
  for i in $order; do
    [ -s "$name/runs/sync/seed-$i/result.ini" ] || complain "$name: the run of seed $i has no result" "$name-$i.err"
  done
  run "$name-report" 0 report "$name"
  ended "$name-report" 0
  no_litter "$name" "$name"
}

for kind in two_runs two_resumes two_comparisons eight_growing_jobs; do
  before=$failures
  for ((i = 1; i <= ${whole_soak:-1}; i++)); do "$kind" "$i"; done
  echo "figures: ${kind//_/ } in one folder: ${whole_soak:-1} tried, $((failures - before)) failures"
done
finish
