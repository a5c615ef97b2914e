#!/usr/bin/env bash
# What a run knows of the batch job it is part of, with an environment as Slurm makes it: it is recorded in the log and in
# the checkpoint, a wrong start is warned of, and the run stops before the job's time limit. tests/cluster has the real one.
# usage: job.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

make_long_run
one_epoch=("${long_run[@]}")
replaced one_epoch --epochs 1

# in_job COMMAND...: with the environment of task 3 of an array, restarted once.
in_job() {
  SLURM_JOB_ID=17 SLURM_ARRAY_JOB_ID=12 SLURM_ARRAY_TASK_ID=3 SLURM_RESTART_COUNT=1 SLURM_JOB_NODELIST='n[1-2]' \
    SLURM_NTASKS=2 "$@"
}

# squeue_says TEXT [SECONDS]: what takes the place of squeue, and how long it takes.
squeue_says() {
  printf '#!/bin/sh\necho call >>"%s/calls"\nsleep %s\necho "%s"\n' "$folder" "${2:-0}" "$1" >"$folder/bin/squeue"
  chmod +x "$folder/bin/squeue"
}
export LOCKSTEP_SQUEUE=$folder/bin/squeue

job_is_recorded() {
  local line='Slurm 17, task 3 of array 12, restart 1, nodes n\[1-2\]; rank.* 0.* on .*, processors [0-9]'
  squeue_says UNLIMITED
  in_job train recorded 2 "${one_epoch[@]}"
  ended recorded 0
  says recorded "^job      $line"
  [ "$(wc -l <"$folder/calls")" -eq 1 ] || complain "squeue was called other than once"
  run info 0 info recorded/last.h5
  says info "written by     $line"
  train alone 2 "${one_epoch[@]}"
  says alone '^job      no batch job; rank'
  same recorded alone
}

wrong_starts_are_warned_of() {
  local threads=("${one_epoch[@]}")
  squeue_says UNLIMITED
  in_job train singleton 0 "${one_epoch[@]}"
  says singleton 'Slurm has 2 tasks, but this is a run of 1 rank;'
  ! grep -q 'Slurm has' recorded.err || complain "a start as it should be is warned of" recorded.err
  replaced threads --threads "$(nproc)"
  train crowded 2 "${threads[@]}"
  [ "$(nproc)" -eq 1 ] || says crowded "2 ranks x $(nproc) threads on"
  replaced threads --threads 1024
  train bound 1 "${threads[@]}"
  says bound '1024 threads share the'
}

# stops NAME ARGUMENT...: the run stops by itself, and ends as if it had not.
stops() {
  local name=$1 many=("${long_run[@]}")
  shift
  replaced many --epochs 500
  in_job "$@" train "$name" 2 "${many[@]}" --stop-margin 60
  ended "$name" 75
  says "$name" '^time     stops by itself in '
  [ "$(newest_step "$name")" -gt 0 ] || complain "$name left no checkpoint"
}

time_limit_is_kept() {
  squeue_says 0:02
  stops squeue
  stops variable end_in 2
  squeue_says 0:02 30
  in_job train slow 2 "${one_epoch[@]}"
  ended slow 0
  same slow alone
}

# shellcheck disable=SC2317 # called through in_job
# end_in SECONDS COMMAND...: with the job's end in the environment.
end_in() {
  local seconds=$1
  shift
  SLURM_JOB_END_TIME=$(($(date +%s) + seconds)) "$@"
}

# heeds_signals DIRECTORY: the process that trains into it has its handler of SIGUSR1 (bit 9 of what it catches).
heeds_signals() {
  local rank caught
  rank=$(ranks_of "$1")
  caught=$(sed -n 's/^SigCgt:\t//p' "/proc/${rank:-none}/status" 2>/dev/null)
  [ $((0x${caught:-0} & 0x200)) -ne 0 ]
}

# A signal that comes before the first step ends the run as any other does, and loses nothing.
early_signals_are_heeded() {
  local delay
  for delay in 0 0.1; do
    train "early-$delay" 0 "${long_run[@]}" &
    until heeds_signals "early-$delay" || [ -z "$(jobs -rp)" ]; do sleep 0.01; done
    sleep "$delay"
    pkill -USR1 -f "^$program train --output early-$delay " || true
    wait
    ended "early-$delay" 75
    train "early-$delay" 0 --resume --max-time 0
    ended "early-$delay" 0
  done
  same early-0 early-0.1
}

early_signals_are_heeded
job_is_recorded
wrong_starts_are_warned_of
time_limit_is_kept
finish
