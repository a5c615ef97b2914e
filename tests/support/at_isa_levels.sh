#!/usr/bin/env bash
# Runs a test at each instruction set below the best one of this machine, which is that of the test by itself. The bound holds
# for oneDNN and for Lockstep's own kernels. Code 77 if there is none.
# usage: at_isa_levels.sh COMMAND [ARGUMENT]..., with LOCKSTEP and LOCKSTEP_SOURCE in the environment
set -euo pipefail
# shellcheck source=tests/support/isa.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/isa.sh"

if [ "${#isa_here[@]}" -lt 2 ]; then
  echo "skipped: lower instruction sets, this machine has $isa_best and nothing below it"
  exit 77
fi
status=0
for level in "${isa_here[@]:0:${#isa_here[@]}-1}"; do
  code=0
  ONEDNN_MAX_CPU_ISA=$(isa_word "$level") "$@" || code=$?
  case $code in
    0) echo "$level: passed" ;;
    77) echo "$level: skipped, as it says above" ;;
    *)
      echo "$level: FAILED with code $code"
      status=1
      ;;
  esac
done
isa_say_missing
exit "$status"
