#!/usr/bin/env bash
# The program on aarch64, by an emulator: the same bits on any rank and thread count and on two processors, one of which has SVE;
# what --isa offers; and no multiplication and addition contracted into one. tests/ports/aarch64.sh has ctest run it.
# usage: emulated.sh ARCHIVE EMULATOR [ARGUMENT]... PROGRAM, with OBJDUMP, MPIEXEC and LOCKSTEP_SOURCE in the environment
set -euo pipefail

: "${OBJDUMP:?objdump}" "${MPIEXEC:?mpirun}" "${LOCKSTEP_SOURCE:?the source tree}"
# shellcheck source=tests/support/time.sh
source "$LOCKSTEP_SOURCE/tests/support/time.sh"
archive=$1
shift
run=("$@")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
failures=0

complain() {
  printf 'FAILED: %s\n' "$1"
  failures=$((failures + 1))
}

# train NAME [VARIABLE=VALUE]... RANKS ARGUMENT...: leaves NAME.out and NAME.err.
train() {
  local name=$1 start=() ranks
  shift
  while [[ $1 = *=* ]]; do start+=("$1") && shift; done
  ranks=$1
  shift
  if [ "$ranks" -gt 1 ]; then start+=("$MPIEXEC" -n "$ranks"); fi
  limited 300 env "${start[@]}" "${run[@]}" train "$LOCKSTEP_SOURCE/data/digits.h5" --epochs 1 --output "$name" "$@" \
    >"$name.out" 2>"$name.err" || { complain "$name: ended with $?" && cat "$name.out" "$name.err"; }
}

fingerprint_of() {
  sed -n 's/^fingerprint: //p' "$1.out"
}

# same A B
same() {
  local a b
  a=$(fingerprint_of "$1") b=$(fingerprint_of "$2")
  if [ -z "$a" ] || [ "$a" != "$b" ]; then complain "$1 and $2 have not the same fingerprint: '$a' '$b'"; fi
}

train one 1 --threads 1
train threads 1 --threads 2
train ranks 2 --threads 1
train without_sve QEMU_CPU=cortex-a72 1 --threads 1
train with_sve QEMU_CPU=max ONEDNN_VERBOSE=1 1 --threads 1 --isa neon
train seed 1 --threads 1 --seed 2
for other in threads ranks without_sve with_sve; do same one "$other"; done
[ "$(fingerprint_of one)" != "$(fingerprint_of seed)" ] || complain "another seed has the same fingerprint"
grep -q '^onednn_verbose.*exec' with_sve.out || complain "oneDNN does not tell what it runs"
! grep -E '^onednn_verbose.*(isa:.*SVE|exec.*sve)' with_sve.out || complain "oneDNN uses SVE"
echo "fingerprint: $(fingerprint_of one)"

"${run[@]}" --version >version
grep -q '^isa *neon$' version || complain "--version does not say neon: $(cat version)"
code=0
"${run[@]}" train "$LOCKSTEP_SOURCE/data/digits.h5" --isa avx2 --output lacking >lacking.out 2>&1 || code=$?
[ "$code" -eq 2 ] || complain "--isa avx2 ends with $code"
grep -q 'choose --isa neon' lacking.out || complain "--isa avx2 does not say what there is: $(cat lacking.out)"

# Only the sums of a batch norm may say so, for of two floats the product is exact in double, and the exact product of two doubles.
"$OBJDUMP" -d --no-show-raw-insn "$archive" |
  awk '/file format/ { object = $1 }
    /^[0-9a-f]+ <.*>:$/ { inside = $2 }
    $2 ~ /^(fmadd|fmsub|fnmadd|fnmsub|fmla|fmls)$/ && inside != "<lks_exact_sum_add_product>:" { print object }' | sort -u >contracted
[ "$(cat contracted)" = batch_norm_sums.c.o: ] || complain "contracted arithmetic: $(tr '\n' ' ' <contracted)"

echo "$failures failures"
exit $((failures > 0))
