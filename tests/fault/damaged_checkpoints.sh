#!/usr/bin/env bash
# Bits of the newest checkpoint are flipped, and its end is cut off, anywhere: info refuses it, or what it says has not changed; and the
# run goes on from the newest one that is whole, says which was damaged, and comes to the same end.
# usage: damaged_checkpoints.sh [PATTERN], with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment; tries a sample, which
#   LOCKSTEP_FAULT_SEED repeats; LOCKSTEP_SOAK=N flips; or those that match
# shellcheck disable=SC2317 # each_case calls what seems to be called by nobody
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"
# shellcheck source=tests/support/faults.sh
source "$LOCKSTEP_SOURCE/tests/support/faults.sh"
echo "seed $seed"
make_small_run
train whole 0 "${settings[@]}"
ended whole 0
run whole-info 0 info whole/last.h5
# Of a run that was stopped: its newest checkpoint, and those before it.
cp -r whole half
rm half/checkpoint-14.h5 half/checkpoint-12.h5
ln -sf checkpoint-9.h5 half/last.h5
bytes=$(stat -c %s half/checkpoint-9.h5)
run half-info 0 info half/checkpoint-9.h5

# damages FLIPS: flip BYTE BIT, and cut BYTES, every 64 of them.
damages() {
  awk -v flips="$1" -v seed="$seed" -v bytes="$bytes" 'BEGIN {
    srand(seed)
    for (i = 0; i < flips; i++) print "flip", int(rand() * bytes), int(rand() * 8)
    for (i = 0; i < bytes; i += 64) print "cut", i
  }'
}

# flip FILE BYTE BIT
flip() {
  local value
  value=$(od -An -t u1 -j "$2" -N 1 "$1")
  printf '%b' "\\x$(printf %x $((value ^ (1 << $3))))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# damage_case HOW WHERE [BIT]
damage_case() {
  local name=damage-$1-$2-${3:-} before=$failures
  cp -r half "$name"
  case $1 in
    flip) flip "$name/checkpoint-9.h5" "$2" "$3" ;;
    cut) truncate -s "$2" "$name/checkpoint-9.h5" ;;
  esac
  run "$name-info" 0 info "$name/checkpoint-9.h5"
  case $(<"$name-info.code") in
    0)
      sed "s/$name/half/" "$name-info.out" | diff half-info.out - >"$name.difference" ||
        complain "$name: accepted with other content" "$name.difference"
      ;;
    3)
      ended "$name-info" 3
      goes_on "$name" "$name" 0 6 train "${settings[@]}"
      says "$name-on" "$name/checkpoint-9.h5"
      ;;
    *) complain "$name: info ended with $(<"$name-info.code")" "$name-info.err" ;;
  esac
  tried "$name" "train .*--output $name " "$before"
}

damages "${whole_soak:-300}" | chosen damage 16
each_case damage damage_case "flips and truncations of a checkpoint of $bytes bytes"
finish
