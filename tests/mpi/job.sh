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
  in_job train fewer 3 "${one_epoch[@]}"
  says fewer 'Slurm has 2 tasks, but this is a run of 3 ranks;'
  ! grep -q 'Slurm has' recorded.err || complain "a start as it should be is warned of" recorded.err
  replaced threads --threads "$(nproc)"
  train crowded 2 "${threads[@]}"
  [ "$(nproc)" -eq 1 ] || says crowded "2 ranks x $(nproc) threads on"
  replaced threads --threads 1024
  train bound 1 "${threads[@]}"
  says bound '1024 threads share the'
}

# refused NAME PATTERN: and nothing was written.
refused() {
  ended "$1" 2
  says "$1" "$2"
  [ ! -e "$1" ] || complain "$1: a run that was refused wrote something"
}

# A launcher and an MPI that do not understand each other start runs of one rank, as many as there should be ranks, all of which
# would write into one folder.
failed_starts_are_refused() {
  squeue_says UNLIMITED
  in_job train singleton 0 "${one_epoch[@]}"
  refused singleton 'this batch job has 2 tasks (SLURM_NTASKS), but this is a run of 1 rank; start it with mpirun'
  SLURM_STEP_NUM_TASKS=2 in_job train step 0 "${one_epoch[@]}"
  refused step 'srun has started 2 tasks, but MPI knows of this one alone'
  OMPI_COMM_WORLD_SIZE=3 train other-mpi 0 "${one_epoch[@]}"
  refused other-mpi 'OMPI_COMM_WORLD_SIZE=3 in the environment, but MPI knows of 1 process'
  PMI_SIZE=3 run other-plan 0 plan
  ended other-plan 2
}

# One process is meant.
single_processes_are_no_failed_starts() {
  squeue_says UNLIMITED
  in_job run info-in-job 0 info data.h5
  ended info-in-job 0
  SLURM_STEP_NUM_TASKS=2 OMPI_COMM_WORLD_SIZE=3 PMI_SIZE=3 in_job run info-in-step 0 info data.h5
  ended info-in-step 0
  in_job run plan-in-job 0 plan --seconds 0.01
  ended plan-in-job 0
  in_job train one-of-two 1 "${one_epoch[@]}" # mpirun -n 1
  ended one-of-two 0
  SLURM_STEP_NUM_TASKS=1 in_job train one-task 0 "${one_epoch[@]}" # srun -n 1
  ended one-task 0
  same one-of-two one-task
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
failed_starts_are_refused
single_processes_are_no_failed_starts
time_limit_is_kept
finish
