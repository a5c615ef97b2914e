#!/usr/bin/env bash
# Training from memory, from a cache and from windows of several sizes: images/s and the most memory that a rank had.
# usage: tests/bench/window.sh [RANKS [SAMPLES [EPOCHS]]]; needs build/lockstep
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
ranks=${1:-1} samples=${2:-20000} epochs=${3:-3}
program=$root/build/lockstep
# shellcheck disable=SC2046 # a list of assignments
export $("$root/jobs/mpi.sh")
folder=$(mktemp -d "${TMPDIR:-/tmp}/lockstep-window.XXXXXX")
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"$program" generate -o data.h5 --shape 32x32x3 --train "$samples" --test 1000 >/dev/null

# megabytes PID: the largest resident set that a rank of the run in this folder says, looked at while the process lives.
megabytes() {
  local most=0 pid kilobytes
  while grep -qs VmHWM "/proc/$1/status"; do
    for pid in $(pgrep -x lockstep); do
      [ "$(readlink "/proc/$pid/cwd")" = "$PWD" ] || continue
      kilobytes=$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status" 2>/dev/null) || continue
      if [ "${kilobytes:-0}" -gt "$most" ]; then most=$kilobytes; fi
    done
    sleep 0.05
  done
  echo $((most / 1024))
}

# measure NAME ARGUMENT...
measure() {
  local name=$1 memory=0
  mpirun -n "$ranks" "$program" train data.h5 --model mlp --batch-size 128 --epochs "$epochs" --progress none --output "$name" \
    "${@:2}" >"$name.out" 2>&1 &
  memory=$(megabytes $!)
  wait $! || { cat "$name.out" >&2; return 1; }
  printf '%-14s %9.0f images/s %6d MB\n' "$name" "$(awk -F, 'NR > 1 { n++; s += $8 } END { print s / n }' "$name/metrics.csv")" "$memory"
}

printf '%d samples of 3,072 bytes, %d ranks\n' "$samples" "$ranks"
measure memory
measure cache --cache samples
for part in 2 10 50; do measure "window-$((samples / part))" --window $((samples / part)); done
