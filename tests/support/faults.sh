# shellcheck shell=bash
# For tests that let calls on files fail or kill at them (tests/fault/failing_calls.c), and for others that try many cases: each
# sources this file, after program.sh. A case tells what is lost, left or wrong with `complain`, and counts it in its tally.

# Which of the cases are tried: a sample, by a seed that is printed; all of them in the soak; or those that match the script's argument.
seed=${LOCKSTEP_FAULT_SEED:-$((RANDOM * 32768 + RANDOM))}
whole_soak=${LOCKSTEP_SOAK:-}
pattern=${1:-}
failing_calls=$(dirname "$LOCKSTEP")/tests/failing_calls.so

# needs_failing_calls: the whole test is skipped where they cannot be made to fail.
needs_failing_calls() {
  [ -e "$failing_calls" ] && return
  skipped "$(basename "$0" .sh)" "sanitizers do not let another library be loaded first"
  exit 77
}

# chosen KIND N: makes the file KIND.cases of the lines on standard input: of N by the seed, in their order; in the soak of all; of all
# that match, with KIND before them, if there is a pattern.
chosen() {
  awk -v kind="$1" -v most="$2" -v seed="$seed" -v pattern="$pattern" -v all="$whole_soak" '
    BEGIN { srand(seed) }
    pattern == "" || kind " " $0 ~ pattern { print (pattern == "" && all == "" ? rand() : 0) "\t" NR "\t" $0 }' |
    sort -n -k 1,1 -k 2,2 | awk -v most="$2" -v all="$pattern$whole_soak" 'NR <= most || all != ""' | sort -n -k 2,2 | cut -f 3- >"$1.cases"
}

# counted NAME: calls that the run NAME made.
counted() {
  od -An -t d8 -N 8 "$1.state" | tr -d ' '
}

# struck NAME FOLDER RANKS CALL HOW WHEN ARGUMENT...: the program, whose CALL-th call on a file below FOLDER is struck: HOW as
# failing_calls.c says, WHEN `once` or `onwards`. The log is NAME.log. On 0 ranks the program is its own only rank.
struck() {
  local name=$1 under=$PWD/$2 ranks=$3 call=$4 how=$5 when=$6
  shift 6
  rm -f "$name.state" "$name.log.data"
  : >"$name.log"
  launched_by=(env "LD_PRELOAD=$failing_calls" "FAIL_UNDER=$under" "FAIL_STATE=$PWD/$name.state" "FAIL_LOG=$PWD/$name.log"
    "FAIL_AT=$call" "FAIL_HOW=$how" "FAIL_WAIT=${wait_milliseconds:-0}")
  if [ "$when" = onwards ]; then launched_by+=(FAIL_ONWARDS=1); fi
  run "$name" "$ranks" "$@"
  launched_by=()
}

# linked_step NAME FOLDER: the step of the newest checkpoint to which last.h5 was made to lead by the run NAME, by its log, in that
# folder below the one that is watched (`.` is that one); nothing if there is none.
linked_step() {
  awk -F '\t' -v folder="$2" '
    BEGIN { if (folder != ".") place = folder "/" }
    $3 == 0 && $2 == "symlink" { leads[$8] = $9 }
    $3 == 0 && $2 == "rename" && $9 == place "last.h5" { step = leads[$8]; gsub(/[^0-9]*-|\.h5$/, "", step) }
    END { print step }' "$1.log"
}

# lost_nothing NAME DIRECTORY STEP: last.h5 leads to a checkpoint of that step or a later one. Whether it is good, `goes_on` tells.
lost_nothing() {
  local name=$1 directory=$2 step=$3 found
  [ -n "$step" ] || return 0
  found=$(newest_step "$directory")
  if [ -z "$found" ] || [ "$found" -lt "$step" ] || [ ! -e "$directory/last.h5" ]; then
    complain "$name: the checkpoint of step $step is lost; last.h5 leads to that of step ${found:-none}" "$name.err"
  fi
}

# no_litter NAME DIRECTORY: no temporary file is left, but for those that bear the number of a process: of the writer, which is dead,
# and by chance of another one by now.
no_litter() {
  local file pid litter=''
  while read -r file; do
    pid=$(sed -n 's/.*\.\([0-9][0-9]*\)\(-[0-9]*\|\.[0-9]*\)\{0,1\}\.tmp$/\1/p' <<<"$file")
    if [ -z "$pid" ] || [ ! -e "/proc/$pid" ]; then litter+=" $file"; fi
  done < <(find "$2" -name '*.tmp*' -o -name 'comparison.ini.?*' -o -name 'core*')
  [ -z "$litter" ] || complain "$1: litter is left:$litter"
}

# ended_as_told NAME HOW: with a sensible code and number of messages. A short write is no error.
ended_as_told() {
  local code
  code=$(<"$1.code")
  case $2-$code in
    kill-124 | kill-0 | kill-[2345]) complain "$1: killed, it ended with $code" "$1.err" ;;
    kill-*) ;;
    short-* | wait-*) ended "$1" 0 ;;
    *-0) ended "$1" 0 ;;
    *) ended "$1" 4 ;;
  esac
}

# each_case KIND FUNCTION WHAT: calls the function with the words of each line of KIND.cases, shared by as many workers as there are
# processors, and prints a line of figures. Whatever a case complains of counts.
# shellcheck disable=SC2030,SC2031,SC2154 # each worker counts for itself; program.sh has the folder
each_case() {
  local file=$1.cases function=$2 what=$3 workers worker tried bad
  workers=$(nproc)
  for ((worker = 0; worker < workers; worker++)); do
    (
      trap - EXIT
      failures=0 tried=0
      while read -r -u 3 -a words; do
        "$function" "${words[@]}" </dev/null 3<&-
        tried=$((tried + 1))
      done 3< <(awk -v worker="$worker" -v workers="$workers" 'NR % workers == worker' "$file")
      echo "$tried $failures" >"$folder/log/worker-$worker"
    ) &
  done
  wait
  read -r tried bad < <(find "$folder/log" -name 'worker-*' -exec cat {} + | awk '{ t += $1; n += $2 } END { print t + 0, n + 0 }')
  rm -f "$folder"/log/worker-*
  echo "figures: $what: $tried tried, $bad failures"
  failures=$((failures + bad))
  [ "$tried" -eq "$(grep -c . "$file" || true)" ] || complain "$what: not all cases were tried"
}

# make_small_run: data and settings of a run of two epochs, with seven steps each, and of a comparison of such runs.
# shellcheck disable=SC2034 # what it sets is for the tests
make_small_run() {
  printf '%s\n' 'dense 3' batchnorm relu 'dense classes' >small.model
  run data 0 generate -o data.h5 --shape 8x8x1 --train 203 --test 61
  settings=(data.h5 --model small.model --batch-size 32 --epochs 2 --threads 1 --checkpoint-every 3)
  compared=("${settings[@]}" --bn 'sync,8' --seeds 1)
  last_step=14
}

# goes_on NAME DIRECTORY RANKS STEP ARGUMENT...: the same command, undisturbed, from that step or a later one, comes to the end of
# the run `whole` and leaves the directory clean.
goes_on() {
  local name=$1 directory=$2 ranks=$3 step=$4 from
  shift 4
  run "$name-on" "$ranks" "$@" --resume --output "$directory"
  ended "$name-on" 0
  from=$(sed -n 's/^resume .*, step \([0-9]*\).*/\1/p' "$name-on.out")
  if [ -n "$step" ] && [ "${from:-0}" -lt "$step" ]; then
    complain "$name: goes on from step ${from:-0}, not $step" "$name-on.out" "$name-on.err"
  fi
  diff <(fingerprint_of whole) <(fingerprint_of "$name-on") >"$name.difference" ||
    complain "$name: another fingerprint at the end" "$name.difference"
  diff <(cut -d, -f1-7 whole/metrics.csv) <(cut -d, -f1-7 "$directory/metrics.csv") >"$name.difference" ||
    complain "$name: other metrics at the end" "$name.difference" "$name-on.err"
  no_litter "$name" "$directory"
}

# tried NAME: forgets a case that went well.
tried() {
  nothing_left "$2"
  if [ "$failures" -eq "$3" ]; then rm -rf "$1" "$1"[.-]*; fi
}

# figures_of DIRECTORY: what must not depend on how a comparison was executed.
figures_of() {
  local run
  for run in sync 8; do
    cut -d, -f1-7 "$1/runs/$run/seed-1/metrics.csv"
    cat "$1/runs/$run/seed-1/noise.csv"
    sed -n '/^fingerprint\|^precise\|^lr/p' "$1/runs/$run/seed-1/result.ini"
  done
  cat "$1/noise.csv"
}
