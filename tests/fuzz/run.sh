#!/usr/bin/env bash
# Builds the fuzz targets with clang's libFuzzer and both sanitizers, and runs each for a time; what crashes one, or takes it
# more than a minute or 2 GB, is kept in build/fuzz/found and fails the script.
# usage: tests/fuzz/run.sh [SECONDS [TARGET]...]    60 seconds each, all targets, unless said otherwise
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$root/build/fuzz
seconds=${1:-60}
shift || true
export ASAN_OPTIONS=fast_unwind_on_malloc=0 LSAN_OPTIONS=suppressions=$root/tests/support/lsan.supp:print_suppressions=0

cmake -S "$root" -B "$build" -DCMAKE_C_COMPILER=clang -DLOCKSTEP_SANITIZE=ON -DLOCKSTEP_FUZZ=ON -DLOCKSTEP_SHARED=OFF \
  -DCMAKE_BUILD_TYPE=None "-DCMAKE_C_FLAGS=-O1 -gline-tables-only" >"$build.log" ||
  { cat "$build.log"; exit 1; }
cmake --build "$build" --target fuzz_targets -j "$(nproc)" >>"$build.log" 2>&1 || { tail -30 "$build.log"; exit 1; }

targets=("$@")
if [ "${#targets[@]}" -eq 0 ]; then
  for source in "$root"/tests/fuzz/fuzz_*.c; do
    name=$(basename "$source" .c)
    if [ "$name" != fuzz_file ]; then targets+=("${name#fuzz_}"); fi
  done
fi

# find_seeds TARGET: sets seeds, folders of the project; what a target finds new lasts in build/fuzz/corpus.
find_seeds() {
  seeds=("$root/tests/fuzz/seeds/$1")
  if [ "$1" = model ]; then seeds+=("$root/data/models"); fi
}

failed=() executions=0
for target in "${targets[@]}"; do
  corpus=$build/corpus/$target found=$build/found/$target- log=$build/$target.log
  mkdir -p "$corpus" "$build/found"
  find_seeds "$target"
  dictionary=()
  if [ -e "$root/tests/fuzz/$target.dict" ]; then dictionary=("-dict=$root/tests/fuzz/$target.dict"); fi
  if ! timeout -k 10 $((seconds * 2 + 180)) "$build/tests/fuzz_$target" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 \
    -max_len=8192 -print_final_stats=1 -verbosity=1 "${dictionary[@]}" -artifact_prefix="$found" "$corpus" "${seeds[@]}" \
    >"$log" 2>&1; then
    failed+=("$target")
    tail -40 "$log"
  fi
  count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  executions=$((executions + ${count:-0}))
  echo "fuzz $target: ${count:-0} executions in $seconds s, $(find "$corpus" -type f | wc -l) inputs kept"
done
echo "fuzz: ${#targets[@]} targets, $executions executions, ${#failed[@]} failed${failed:+: ${failed[*]}}"
[ "${#failed[@]}" -eq 0 ]
