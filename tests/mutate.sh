#!/usr/bin/env bash
# Would the tests notice? Plants one small fault (a mutant) after another in a copy of the sources and runs the tests that fit
# the file, until one fails (the mutant is killed) or none does (it survives). It ends with a table by file, then the survivors in the form
# of mutants.txt, which holds those that change nothing that can be seen (equivalent ones), with reasons.
#
# usage: tests/mutate.sh [OPTION]...
#   --sample N     so many mutants, chosen by chance among all (300; 0: all)
#   --seed N       of that choice (1)
#   --file PREFIX  only of files whose names begin so, as src/sums or src/comm/agreement.c; may be given again
#   --list         print the mutants that would be tried, and end
#   --jobs N       copies that are worked on at a time (one for each processor)
#   --work FOLDER  keep the copies and builds there for the next time, and results.tsv
#
#   --least PERCENT of them that must be killed (90); a small sample scatters
#
# Exit code: 0 if so many of those that are not equivalent are killed, 1 if not, 2 if it could not be tried.
set -euo pipefail

# shellcheck source=jobs/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../jobs/setup.sh"
# shellcheck source=tests/support/time.sh
source "$root/tests/support/time.sh"
know_slowness # once, not for each test

# tests_of FILE: patterns of the tests that fit, the quickest first.
tests_of() {
  case $1 in
    src/sums/exact_sum.c) echo unit/exact.* golden/batch_norm mpi/comm ;;
    src/sums/batch_plan.c) echo unit/batch_plan.* unit/config mpi/network mpi/batch_norm ;;
    src/sums/partition.c) echo unit/batch_plan.* mpi/loader mpi/gradient_sum ;;
    src/sums/sum_tree.c) echo unit/sum_tree mpi/gradient_sum ;;
    src/comm/gradient_sum.c | src/comm/sum_tier.c) echo mpi/comm_failure mpi/gradient_sum mpi/network mpi/allocations ;;
    src/comm/reduce.c | src/comm/tree_sum.c) echo mpi/reduce ;;
    src/norm/norm_sums.c | src/norm/running_statistics.c) echo golden/batch_norm mpi/batch_norm mpi/network ;;
    src/norm/*) echo mpi/batch_norm.* ;;
    src/comm/same.c) echo mpi/same fault/not_the_same ;;
    src/comm/stall.c) echo unit/stall.* mpi/stall.* fault/stall ;;
    src/comm/stall_watch.c | src/comm/watch_table.c | src/comm/last_resort.c | src/comm/siblings.c) echo mpi/stall.* mpi/comm.* fault/stall fault/stopped_rank ;;
    src/comm/node_memory.c) echo mpi/comm.* mpi/dataset mpi/cache ;;
    src/comm/*) echo mpi/comm.* mpi/network mpi/op_times ;;
    src/model/group_norm_op.c) echo golden/layers mpi/network mpi/norms ;;
    src/model/nonfinite.c) echo mpi/network_nonfinite.* fault/on_nan ;;
    src/model/model*) echo unit/model.* mpi/network fault/usage ;;
    src/model/op_times.c) echo mpi/op_times.* mpi/bench ;;
    src/model/*) echo unit/model.* golden/steps.* mpi/network.* mpi/precision mpi/pass.* mpi/norm.* mpi/op_times mpi/setup mpi/allocations mpi/checkpoint.* mpi/evaluate_predict ;;
    src/kernels/vector/batch_norm*.c | src/kernels/batch_norm.c) echo 'unit/batch_norm.*' unit/bf16 golden/batch_norm golden/steps.* ;;
    src/kernels/group_norm.c) echo unit/group_norm golden/layers mpi/network ;;
    src/kernels/vector/activation.c) echo unit/activation unit/kernel_bits golden/layers ;;
    src/kernels/vector/optimizer.c | src/kernels/optimizer.c) echo unit/optimizer.* golden/operators golden/steps.* ;;
    src/kernels/vector/* | src/kernels/elementwise.c | src/kernels/loss.c) echo unit/elementwise.* unit/loss.* unit/bf16 golden/operators golden/steps.* ;;
    src/kernels/isa.c) echo unit/isa.* unit/onednn.* mpi/precision ;;
    src/kernels/onednn*) echo unit/onednn.* golden/operators golden/steps.* mpi/precision ;;
    src/config/*) echo unit/config.* unit/settings unit/schedule mpi/run_directory fault/usage ;;
    src/optim/schedule.c) echo unit/schedule.* golden/steps.* ;;
    src/base/append.c) echo unit/append ;;
    src/base/lock*.c) echo unit/lock fault/one_writer ;;
    src/base/csv.c | src/train/metrics.c) echo unit/metrics.* ;;
    src/train/progress.c) echo unit/progress.* ;;
    src/train/time_table.c) echo mpi/time_table ;;
    src/base/temporary.c | src/base/file.c) echo unit/temporary unit/file ;;
    src/train/run_tables.c) echo unit/run_tables unit/metrics mpi/step_log fault/checkpoint_kept ;;
    src/train/checkpoint_files.c) echo unit/checkpoint_files mpi/resume fault/checkpoint_kept mpi/keep_best ;;
    src/train/best_checkpoint.c) echo mpi/keep_best ;;
    src/base/crc32c.c | src/train/event_file.c) echo unit/event_file mpi/tensorboard ;;
    src/train/early_stopping.c | src/train/best_epoch.c) echo mpi/early_stopping mpi/keep_best ;;
    src/train/lr_range.c | src/report/lr_curve.c) echo unit/lr_range mpi/find_lr ;;
    src/report/show*.c) echo unit/show mpi/show_plot ;;
    src/report/trained_runs.c | src/report/run*.c) echo mpi/show_plot ;;
    src/train/keeping.c | src/train/newest_checkpoint.c) echo mpi/resume fault/bad_input fault/checkpoint_kept ;;
    src/train/run_directory.c) echo mpi/run_directory.* mpi/resume fault/bad_input ;;
    src/train/launch.c) echo unit/launch mpi/job ;;
    src/train/stop.c | src/train/step_back.c | src/train/request_files.c) echo mpi/resume mpi/stop ;;
    src/train/job.c | src/train/binding.c) echo unit/job.* mpi/job mpi/isa mpi/command_line ;;
    src/optim/*) echo golden/steps.* mpi/optimizer.* mpi/checkpoint.* mpi/allocations ;;
    src/checkpoint/verification.c) echo mpi/verification fault/corruption ;;
    src/checkpoint/skips.c | src/train/recovery.c) echo fault/on_nan ;;
    src/train/resume_changes.c) echo mpi/run_directory.* mpi/resume ;;
    src/checkpoint/*)
      echo unit/checkpoint.* unit/snapshot.* unit/fingerprint.* mpi/checkpoint.* mpi/snapshot.* mpi/fingerprint.* mpi/resume mpi/evaluate_predict fault/bad_input ;;
    src/base/png_write.c | src/dataset/contact_sheet.c) echo unit/contact_sheet ;;
    src/import/picture*.c) echo unit/picture ;;
    src/import/*) echo unit/import.* mpi/import.* fault/bad_input ;;
    src/export/*) echo unit/weight_file mpi/export.* mpi/torchvision mpi/fine_tuning ;;
    src/dataset/cats.c | src/dataset/deviates.c) echo unit/cats ;;
    src/dataset/corrupt.c) echo unit/corrupt ;;
    src/dataset/dataset_storage.c | src/dataset/dataset_hdf5.c | src/dataset/h5_*.c | src/dataset/class_names.c | src/dataset/describe.c | src/dataset/value_summary.c)
      echo unit/own_files unit/own_files_refused unit/dataset_damage unit/dataset_file ;;
    src/dataset/announce.c) echo mpi/own_files ;;
    src/hdf5/*) echo unit/child unit/dataset_damage ;;
    src/base/plain_text.c) echo unit/checkpoint_untrusted unit/status ;;
    src/train/evaluator.c | src/train/test_order.c) echo mpi/evaluator mpi/evaluate_predict ;;
    src/dataset/sample_cache.c | src/dataset/sample_reader.c) echo mpi/dataset mpi/loader mpi/cache ;;
    src/dataset/window_order.c) echo unit/window_order ;;
    src/dataset/window_share.c | src/dataset/window_filler.c) echo unit/window_filler mpi/window ;;
    src/dataset/window_reader.c | src/dataset/windowed.c | src/dataset/chunk_file.c) echo mpi/window ;;
    src/dataset/loader.c) echo mpi/loader mpi/window mpi/cache mpi/evaluation ;;
    src/train/trainer_prepare.c) echo mpi/norms mpi/resume mpi/said ;;
    src/train/lone_sample.c) echo mpi/lone_sample ;;
    src/train/unseen_classes.c) echo mpi/said ;;
    src/train/evaluation.c | src/train/setup.c) echo mpi/setup.* mpi/evaluation.* mpi/allocations mpi/evaluate_predict mpi/same_bits ;;
    src/train/probe_noise*.c | src/train/noise_law.c) echo unit/noise_law mpi/probe_noise.* mpi/probes ;;
    src/train/probe*.c) echo mpi/probes.* mpi/step_log ;;
    src/train/step_log.c) echo unit/step_log mpi/step_log ;;
    src/train/*) echo mpi/setup mpi/run_directory mpi/step_log mpi/command_line mpi/job mpi/resume mpi/evaluate_predict mpi/same_bits mpi/probes mpi/compare fault/usage fault/bad_input ;;
    *) fail "no tests are known for $1" ;;
  esac
}

sample=300 seed=1 least=90 jobs=$(nproc) only_list=no work='' prefixes=()
while [ $# -gt 0 ]; do
  case $1 in
    --list) only_list=yes ;;
    --sample | --seed | --jobs | --file | --work | --least)
      [ $# -ge 2 ] || fail "$1 wants a value"
      case $1 in
        --sample) sample=$2 ;;
        --seed) seed=$2 ;;
        --jobs) jobs=$2 ;;
        --least) least=$2 ;;
        --file) prefixes+=("$2") ;;
        --work) work=$2 ;;
      esac
      shift
      ;;
    *) fail "unknown option $1; the head of this file tells which there are" ;;
  esac
  shift
done
for number in "$sample" "$seed" "$jobs" "$least"; do
  [[ $number =~ ^[0-9]+$ ]] || fail "$number is not a number"
done
[ "${#prefixes[@]}" -gt 0 ] || prefixes=(src/sums src/kernels src/comm src/config src/model src/optim src/checkpoint src/train src/dataset/loader.c)
cd "$root"

# All mutants, or a choice: numbers by Park and Miller, so that every awk makes the same choice.
list_mutants() {
  local files
  mapfile -t files < <(for prefix in "${prefixes[@]}"; do compgen -G "$prefix*" || true; done | xargs -r -I{} find {} -name '*.c' | sort -u)
  [ "${#files[@]}" -gt 0 ] || fail "no C files begin with ${prefixes[*]}"
  awk -f tests/mutants.awk "${files[@]}" |
    awk -v seed="$seed" 'BEGIN { x = seed * 7919 + 1 } { for (i = 0; i < 3; i++) x = x * 16807 % 2147483647; print x "\t" NR "\t" $0 }' |
    if [ "$sample" -gt 0 ]; then sort -n -k1,1 | sed -n "1,${sample}p"; else cat; fi | sort -n -k2,2 | cut -f3-
}

if [ "$only_list" = yes ]; then
  list_mutants
  exit
fi

# The time limits of the tests themselves.
know_slowness

keep=$work
if [ -z "$work" ]; then work=$(mktemp -d "${TMPDIR:-/tmp}/mutate.XXXXXX"); fi
mkdir -p "$work"
work=$(cd "$work" && pwd)

# kill_in FOLDER: the processes that were started from there, with what they start meanwhile.
kill_in() {
  local tries pids
  for ((tries = 0; tries < 50; tries++)); do
    mapfile -t pids < <(pgrep -f "$1/" || true)
    [ "${#pids[@]}" -gt 0 ] || return 0
    kill -9 "${pids[@]}" 2>/dev/null || true
    sleep 0.05
  done
}

# shellcheck disable=SC2317 # called by a trap
clean_up() {
  local pid worker
  for pid in $(jobs -p); do kill -9 "$pid" 2>/dev/null || true; done
  for ((worker = 0; worker < jobs; worker++)); do kill_in "$work/$worker"; done
  [ -n "$keep" ] || rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# copy_tree FROM TO: what is new or different, so that the rest need not be compiled again; prints what that is.
copy_tree() {
  local file
  git -C "$root" ls-files -co --exclude-standard -z | while IFS= read -r -d '' file; do
    if [ ! -f "$1/$file" ] || cmp -s "$1/$file" "$2/$file"; then continue; fi
    mkdir -p "$2/$(dirname "$file")"
    cp "$1/$file" "$2/$file"
    echo "$file"
  done
}

# target_of TEST: what has to be built for it; a program and a script may share a name.
target_of() {
  local name=${1#*/}
  if [ -f "tests/${1%/*}/test_$name.c" ]; then echo "test_${1%/*}_$name"; fi
  if [ -f "tests/$1.sh" ]; then echo "lockstep spoil"; fi
}

build() {
  # shellcheck disable=SC2086 # targets are words
  cmake --build "$work/$1/build" --target $2 >"$work/$1/build.log" 2>&1
}

# Every copy is built once.
prepare() {
  local generator=()
  mkdir -p "$work/$1/tree" "$work/$1/tmp"
  copy_tree . "$work/$1/tree" >/dev/null
  if command -v ninja >/dev/null; then generator=(-G Ninja); fi
  if command -v ccache >/dev/null; then generator+=(-DCMAKE_C_COMPILER_LAUNCHER=ccache); fi
  cmake "${generator[@]}" -S "$work/$1/tree" -B "$work/$1/build" -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS=-O1 -DLOCKSTEP_WERROR=OFF \
    '-DLOCKSTEP_MPI_TEST_SIZES=1;3' >"$work/$1/build.log" 2>&1 || { cat "$work/$1/build.log" >&2; fail "cmake failed"; }
  # shellcheck disable=SC2046 # targets are words
  build "$1" "lockstep_library $(for name in $(needed_tests); do target_of "$name"; done | sort -u | xargs)" ||
    { tail -n 30 "$work/$1/build.log" >&2; fail "the unchanged sources could not be built"; }
}

# Names of all tests, without a rank count.
all_tests() {
  { cd tests && printf '%s\n' unit/test_*.c golden/test_*.c mpi/test_*.c mpi/*.sh fault/*.sh; } | sed 's/test_//; s/\.[a-z]*$//'
}

# fitting_tests FILE: in the order of its patterns.
fitting_tests() {
  local pattern
  for pattern in $(tests_of "$1"); do
    all_tests | grep -xE "$pattern" || true
  done | awk '!seen[$0]++'
}

needed_tests() {
  cut -f1 "$work/mutants.tsv" | sort -u | while IFS= read -r file; do fitting_tests "$file"; done | sort -u
}

# try WORKER TEST SECONDS: 0 if it passes in time. No process of it is left.
try() {
  local status=0
  (
    ulimit -c 0 -v 16000000 -f 16000000
    export TMPDIR=$work/$1/tmp
    timeout -k 5 "$3" ctest --test-dir "$work/$1/build" -R "^$2(/[0-9]+)?\$" --stop-on-failure --no-tests=error
  ) >"$work/$1/test.log" 2>&1 </dev/null || status=$?
  if [ "$status" -ne 0 ]; then
    kill_in "$work/$1"
    rm -rf "$work/$1/tmp"
    mkdir "$work/$1/tmp"
  fi
  return "$status"
}

# measure WORKER: the time that each test takes on the unchanged sources, which must pass.
measure() {
  local name start
  needed_tests | awk -v worker="$1" -v jobs="$jobs" 'NR % jobs == worker' | while IFS= read -r name; do
    if [ -n "$(limit_of "$name")" ]; then continue; fi
    start=$SECONDS
    try "$1" "$name" 1000 || { cat "$work/$1/test.log" >&2; fail "$name fails on the unchanged sources"; }
    printf '%s\t%s\n' "$name" $((SECONDS - start)) >>"$work/seconds.tsv"
  done
}

# A mutant that makes a test this much slower hangs.
limit_of() {
  awk -F '\t' -v name="$1" '$1 == name { print 15 + 6 * $2 }' "$work/seconds.tsv"
}

is_equivalent() {
  awk -v file="$1" -v old="$2" -v new="$3" '
    function bare(line) { gsub(/^[ \t]+|[ \t]+$/, "", line); return line }
    /^[^ #]/ { in_file = $0 == file }
    /^  - / { known = in_file && bare(substr($0, 4)) == bare(old) }
    /^  \+ / { if (known && bare(substr($0, 4)) == bare(new)) found = 1 }
    END { exit !found }' tests/mutants.txt
}

# judge WORKER FILE LINE NEW: prints a verdict and the test that gave it.
judge() {
  local name old copy=$work/$1/tree/$2 verdict=survived killer=-
  old=$(sed -n "$3p" "$2")
  if is_equivalent "$2" "$old" "$4"; then
    printf 'equivalent\t-'
    return
  fi
  awk -v number="$3" 'FNR == number { print ENVIRON["NEW"]; next } { print }' "$2" >"$copy"
  for name in $(fitting_tests "$2"); do
    build "$1" "$(target_of "$name" | xargs)" || { verdict=invalid; break; }
    try "$1" "$name" "$(limit_of "$name")" || { verdict=killed killer=$name; break; }
  done
  cp "$2" "$copy"
  printf '%s\t%s' "$verdict" "$killer"
}

# work_on WORKER: every so-manieth mutant.
work_on() {
  local file line kind new verdict
  awk -v worker="$1" -v jobs="$jobs" 'NR % jobs == worker' "$work/mutants.tsv" | while IFS=$'\t' read -r file line kind new; do
    verdict=$(NEW=$new judge "$1" "$file" "$line" "$new")
    printf '%s\t%s\t%s\t%s\t%s\n' "$file" "$line" "$kind" "$verdict" "$new" >>"$work/results.tsv"
    echo "${verdict/$'\t'/ by } $file:$line $kind" | sed 's/ by -//'
  done
}

report() {
  awk -F '\t' '
    { files[$1]; n[$1]++; n["all"]++; count[$1, $4]++; count["all", $4]++ }
    function row(name) {
      return sprintf("%-36s %7d %7d %8d %12d %10d", name, n[name], count[name, "killed"], count[name, "survived"],
        count[name, "invalid"], count[name, "equivalent"])
    }
    END {
      printf "%-36s %7s %7s %8s %12s %10s\n", "file", "mutants", "killed", "survived", "not compiled", "equivalent"
      fflush()
      for (name in files) print row(name) | "sort"
      close("sort")
      print row("all")
    }' "$work/results.tsv"
  awk -F '\t' '$4 == "survived" { print $1 "\t" $2 "\t" $6 }' "$work/results.tsv" | sort -t $'\t' -k1,1 -k2,2n |
    while IFS=$'\t' read -r file line new; do
      printf '\n%s:%s\n  - %s\n  + %s\n' "$file" "$line" "$(sed -n "${line}s/^ *//p" "$file")" "${new#"${new%%[! ]*}"}"
    done
  awk -F '\t' -v least="$least" '
    { n[$4]++ }
    END {
      tried = n["killed"] + n["survived"]
      if (!tried) { print "\nno mutant could be tried"; exit 2 }
      printf "\n%d of %d killed: %.1f%%\n", n["killed"], tried, 100 * n["killed"] / tried
      exit 100 * n["killed"] < least * tried
    }' "$work/results.tsv"
}

# together FUNCTION: once for every copy, at the same time.
together() {
  local pids=() worker pid
  for ((worker = 0; worker < jobs; worker++)); do
    "$1" "$worker" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || exit 2; done
}

# All works on a copy, for the sources may change meanwhile.
mkdir -p "$work/source"
if [ -n "$(copy_tree "$root" "$work/source")" ]; then rm -f "$work/seconds.tsv"; fi
cd "$work/source"
touch "$work/seconds.tsv"
: >"$work/results.tsv"
list_mutants >"$work/mutants.tsv"
echo "$(wc -l <"$work/mutants.tsv") mutants; the unchanged sources first"
together prepare
together measure
together work_on
report
