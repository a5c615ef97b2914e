#!/usr/bin/env bash
# A file system that is full, at any size: training goes on as long as it can, says so, and keeps the newest checkpoint that it could
# write; when there is room again, the run goes on from it to the same end. A comparison likewise.
# usage: full_disk.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment; LOCKSTEP_SOAK=1 tries more sizes
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"
# shellcheck source=tests/support/faults.sh
source "$LOCKSTEP_SOURCE/tests/support/faults.sh"

mkdir disk
if ! mount -t tmpfs -o size=1m lockstep-test disk 2>/dev/null; then
  skipped "a full file system" "none can be mounted here, which root may do outside of a container"
  exit 77
fi
trap 'umount "$folder/work/disk" || true; clean_up' EXIT
make_small_run
train whole 0 "${settings[@]}" --tensorboard
ended whole 0
run compared 0 compare "${compared[@]}" --output compared
ended compared 0

# sized KILOBYTES: the disk, empty.
sized() {
  rm -rf disk/*
  mount -o "remount,size=${1}k" disk
}

# filled NAME KILOBYTES RANKS KEEP [OPTION]...: a run in a disk that is too small, and its end when it has become large.
filled() {
  local name=$1 found
  sized "$2"
  run "$name" "$3" train "${settings[@]}" --keep "$4" --output disk/run "${@:5}"
  ended_as_told "$name" ENOSPC
  if [ "$(<"$name.code")" -eq 4 ]; then says "$name" "No space left on device"; fi
  found=$(newest_step disk/run 2>/dev/null) || true
  if [ -n "$found" ] && [ "$(<"$name.code")" -eq 0 ] && [ "$found" -ne "$last_step" ]; then
    complain "$name: ended with 0 and without its last checkpoint" "$name.err"
  fi
  lost_nothing "$name" disk/run "$found"
  mount -o remount,size=8m disk
  goes_on "$name" disk/run 0 "$found" train "${settings[@]}" --keep "$4" "${@:5}"
  tried=$((tried + 1))
}

# Events for TensorBoard are lost with a warning, as the rows of metrics.csv are, and are all there in the end.
events_filled() {
  filled "events-$1" "$1" 0 1 --tensorboard
  if [ "$1" -eq 16 ]; then says "events-$1" "warning: rows are lost: cannot write .*tfevents"; fi
  [ "$(stat -c %s disk/run/events.out.tfevents.*)" -eq "$(stat -c %s whole/events.out.tfevents.*)" ] || complain "events-$1: not all events"
}

compare_filled() {
  local name=compare-$1
  sized "$1"
  run "$name" 0 compare "${compared[@]}" --output disk/run
  ended_as_told "$name" ENOSPC
  mount -o remount,size=8m disk
  run "$name-on" 0 compare "${compared[@]}" --output disk/run
  ended "$name-on" 0
  diff <(figures_of compared) <(figures_of disk/run) >difference || complain "$name: other figures" difference
  no_litter "$name" disk/run
  tried=$((tried + 1))
}

# A checkpoint has 24 kilobytes here; config.ini 8.
sizes=(4 20 64 96) compare_sizes=(80)
if [ -n "$whole_soak" ]; then sizes=(4 8 12 16 20 24 28 32 36 40 44 48 56 64 72 80 88 96 112 128) compare_sizes=(4 16 40 60 80 100 120 140 160 200 240 300 400); fi
tried=0
for size in "${sizes[@]}"; do
  filled "keep-1-$size" "$size" 0 1
  filled "keep-3-$size" "$size" $((size % 3)) 3
done
for size in 16 40; do events_filled "$size"; done
for size in "${compare_sizes[@]}"; do compare_filled "$size"; done
echo "figures: full file systems: $tried tried, $failures failures"
finish
