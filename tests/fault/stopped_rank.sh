#!/usr/bin/env bash
# A rank that is stopped (SIGSTOP, which MPI's runtime never notices) in any command and at any time ends the job by itself: with
# code 6 and one message that names the rank, and nothing is left, the stopped process included. At the start of MPI, in the
# middle, and near the end; moments between these are drawn.
# usage: stopped_rank.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment: one rank of each command is stopped. With
# LOCKSTEP_SOAK=N each rank is, N times in each command. LOCKSTEP_FAULT_SEED draws ranks and moments.
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

soak=${LOCKSTEP_SOAK:-}
mark=""
RANDOM=${LOCKSTEP_FAULT_SEED:-1}
limit=$(patience 3) ranks=3 struck=0 over=0
echo "ranks and moments drawn with LOCKSTEP_FAULT_SEED=${LOCKSTEP_FAULT_SEED:-1}"

# pid_of RANK NAME: of the rank of the job whose program has this name's folder as an argument; MPI's launcher told it its rank.
pid_of() {
  local pid rank
  for pid in $(pgrep -f "^$program"); do
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = lockstep ] || continue
    grep -qzxF -- "$2" "/proc/$pid/cmdline" 2>/dev/null || continue
    rank=$(tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | sed -n 's/^\(OMPI_COMM_WORLD_RANK\|PMI_RANK\)=//p' | head -n 1)
    if [ "$rank" = "$1" ]; then echo "$pid"; fi
  done
}

# launcher_crashed NAME: Open MPI 4's own end, when a job ends while it starts; its code is not the job's then.
launcher_crashed() {
  grep -q '\(PMIx_server_finalize\|orte_finalize\)' "$1.err"
}

# strike NAME RANK SECONDS ARGUMENT...: stops the rank that long after it is there; false if the job was over by then. $mark among the
# arguments tells the job.
strike() {
  local name=$1 rank=$2 after=$3 victim="" code named
  shift 3
  run "$name" "$ranks" "$@" --stall-limit "$limit" &
  while [ -z "$victim" ] && [ -n "$(jobs -rp)" ]; do victim=$(pid_of "$rank" "$mark"); done
  sleep "$after"
  kill -STOP "$victim" 2>/dev/null || true
  wait
  code=$(<"$name.code")
  nothing_left "$1"
  if [ "$code" -eq 0 ]; then
    over=$((over + 1))
    return 1
  fi
  struck=$((struck + 1))
  if ! launcher_crashed "$name"; then ended "$name" 6; fi
  named=$(grep -cE "rank $rank (on .* (gave no sign|waited)|\(process).* is stopped" "$name.err" || true)
  [ "$named" -eq 1 ] || complain "$name, after $after s: rank $rank is not named" "$name.err"
}

# moments COMMAND LENGTH ARGUMENT...: at a moment drawn from that many seconds, and from a third of them where the job was over.
moments() {
  local command=$1 length=$2 i rank after tries
  shift 2
  for ((i = 0; i < (soak ? soak * ranks : 1); i++)); do
    rank=$(((RANDOM + i) % ranks))
    if [ -n "$soak" ]; then rank=$((i % ranks)); fi
    after=$(awk -v seconds="$length" -v draw="$RANDOM" 'BEGIN { print seconds * draw / 32768 }')
    for tries in 1 2 3; do
      if [ -d "$mark" ]; then rm -rf "$mark"; fi
      if strike "$command-$i" "$rank" "$after" "$command" "$@"; then break; fi
      after=$(awk -v seconds="$after" 'BEGIN { print seconds / 3 }')
    done
  done
}

make_long_run
train whole 2 "${long_run[@]}"
ended whole 0

mark=at-the-start
at_the_start=($((RANDOM % ranks)))
if [ -n "$soak" ]; then at_the_start=(0 1 2); fi
for rank in "${at_the_start[@]}"; do strike "start-$rank" "$rank" 0 train --output at-the-start "${long_run[@]}" || true; done
mark=trained
moments train "$(slowed 2)" --output trained "${long_run[@]}"
mark=compared
moments compare "$(slowed 2)" --output compared data.h5 --model dropout.model --bn sync,none --seeds 2 --epochs 3 --batch-size 64 --threads 1
mark=studied
moments study "$(slowed 2)" placement --output studied --data "$LOCKSTEP_SOURCE/data/digits.h5" --seeds 2 --threads 1
mark=answers.csv
moments evaluate "$(slowed 0.3)" whole/last.h5 data.h5 --statistics precise --predictions answers.csv
mark=dropout.model
moments bench "$(slowed 2)" --model dropout.model --shape 16x16x3 --batch-size 64 --threads 1 --seconds 1
echo "figures: $struck jobs ended because a rank was stopped, $over were over before"
[ "$struck" -gt "$over" ] || complain "too many jobs were over before a rank was stopped"
finish
