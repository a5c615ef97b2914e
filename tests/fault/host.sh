#!/usr/bin/env bash
# CMake refuses systems of 32 bits and big-endian ones with a sentence. Real compilers are asked where they are at hand: they
# only have to compile, not to link. The rest is what the check itself says of made-up answers.
# shellcheck disable=SC2317 # functions are called by others
set -euo pipefail

: "${LOCKSTEP_SOURCE:?the source tree}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0

# refuses NAME SENTENCE COMMAND...: the command fails and says that.
refuses() {
  local name=$1 sentence=$2
  shift 2
  if "$@" >"$folder/log" 2>&1; then
    printf 'FAILED: %s: taken\n' "$name"
  elif tr -s '[:space:]' ' ' <"$folder/log" | grep -F "$sentence" >/dev/null; then
    return
  else
    printf 'FAILED: %s: does not say: %s\n' "$name" "$sentence"
    sed 's|^|  |' "$folder/log"
  fi
  failures=$((failures + 1))
}

# configure COMPILER OPTION...: as a user does it.
configure() {
  rm -rf "$folder/build"
  cmake -S "$LOCKSTEP_SOURCE" -B "$folder/build" -DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY -DCMAKE_C_COMPILER="$1" "${@:2}"
}

# check BYTES ORDER: the check alone.
check() {
  cmake -DCMAKE_SIZEOF_VOID_P="$1" -DCMAKE_C_BYTE_ORDER="$2" -P "$LOCKSTEP_SOURCE/src/host.cmake"
}

# can COMPILER OPTION...: whether it compiles with that option.
can() {
  command -v "$1" >/dev/null && echo 'int x;' | "$@" -x c -c -o "$folder/x.o" - 2>/dev/null
}

narrow='needs a 64-bit system' big='needs a little-endian system'
check 8 LITTLE_ENDIAN
refuses '4 bytes' "$narrow, and this compiler" check 4 LITTLE_ENDIAN
refuses '32 bits' 'programs of 32 bits' check 4 LITTLE_ENDIAN
refuses 'big-endian' "$big, and this compiler" check 8 BIG_ENDIAN
refuses 'byte order unknown' "byte order is ''" check 8 ''

asked=0
if can cc -m32; then
  refuses 'cc -m32' "$narrow" configure cc -DCMAKE_C_FLAGS=-m32
  asked=$((asked + 1))
fi
if can clang --target=s390x-linux-gnu; then
  refuses 's390x' "$big" configure clang -DCMAKE_C_COMPILER_TARGET=s390x-linux-gnu -DCMAKE_SYSTEM_NAME=Linux
  refuses 'armhf' "$narrow" configure clang -DCMAKE_C_COMPILER_TARGET=arm-linux-gnueabihf -DCMAKE_SYSTEM_NAME=Linux
  asked=$((asked + 2))
fi
echo "$asked compilers asked"
echo "$failures failures"
exit $((failures > 0))
