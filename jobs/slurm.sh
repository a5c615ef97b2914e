# shellcheck shell=bash
# What the Slurm scripts of this folder share; each sources it below its block of site values. A script that wants its job
# to go on after a signal or a time limit has set `trap 'stopping=yes' USR1` before anything else.

# shellcheck source=jobs/mpi.sh
source "$(dirname "${BASH_SOURCE[0]}")/mpi.sh"

refuse() {
  printf '%s: %s\n' "$1" "$2" >&2
  exit 2
}

# prepare NAME: modules, the program, ranks and threads as Slurm gave them: one rank a core unless --ntasks or
# --cpus-per-task said otherwise.
prepare() {
  local module
  [ -n "${SLURM_JOB_ID:-}" ] || refuse "$1" "this is a job script: submit it with sbatch, or run mpirun $LOCKSTEP"
  for module in $MODULES; do module load "$module"; done
  if [ ! -x "$LOCKSTEP" ] && command -v lockstep >/dev/null; then LOCKSTEP=$(command -v lockstep); fi
  [ -x "$LOCKSTEP" ] ||
    refuse "$1" "there is no program $LOCKSTEP: build it with jobs/setup.sh, submit from the project's folder, or set LOCKSTEP"
  threads=${SLURM_CPUS_PER_TASK:-1}
  ranks=${SLURM_NTASKS:-$((${SLURM_JOB_NUM_NODES:-1} * ${SLURM_CPUS_ON_NODE:-1} / threads))}
  export OMP_NUM_THREADS=$threads OMP_PLACES=cores
  kind=$(mpi_kind "$MPIRUN")
  if [ "$PMIX" = auto ]; then
    case $kind in mpich | intel) PMIX=no ;; *) PMIX=yes ;; esac
  fi
  if [ "$LAUNCH" = auto ]; then
    LAUNCH=mpirun
    if srun --mpi=list 2>&1 | grep -w pmix >/dev/null && [ "$PMIX" = yes ]; then LAUNCH=srun; fi
  fi
  echo "$(date '+%F %T') $1: job $SLURM_JOB_ID, restart ${SLURM_RESTART_COUNT:-0}, $ranks ranks x $threads threads on" \
    "${SLURM_JOB_NODELIST:-?} by $LAUNCH"
}

# add OPTION [VALUE]: to the array `arguments`, unless it is among them already: the program takes an option once.
add() {
  local word
  for word in "${arguments[@]}"; do
    case $word in "$1" | "$1="*) return ;; esac
  done
  arguments+=("$@")
}

# launcher: the words that start $ranks ranks; the binding is shown in the job's log. A link that is cut ends the job in
# seconds.
launcher() {
  if [ "$LAUNCH" = srun ]; then
    echo srun --mpi=pmix --ntasks="$ranks" --cpus-per-task="$threads" --kill-on-bad-exit=1 --cpu-bind="$BIND"
    return
  fi
  echo "$MPIRUN" -np "$ranks"
  mpi_options_of "$kind"
  if [ "$MPIRUN_OPTIONS" = auto ]; then mpi_binding_of "$kind" "$threads"; else echo "$MPIRUN_OPTIONS"; fi
}

# run_ranks ARGUMENT...: the program on all ranks. A signal to this script goes to the ranks, which then save and stop.
# Returns their code; 75 also when the signal met ranks that could not heed it yet.
run_ranks() {
  local code=0 child
  if [ -n "$stopping" ]; then return 75; fi
  # shellcheck disable=SC2046 # words
  $(launcher) "$LOCKSTEP" "$@" &
  child=$!
  trap 'stopping=yes; kill -USR1 "$child" 2>/dev/null || true' USR1
  while :; do
    code=0
    wait "$child" || code=$?
    kill -0 "$child" 2>/dev/null || break
  done
  wait "$child" || code=$?
  trap 'stopping=yes' USR1
  if [ -n "$stopping" ] && [ "$code" -eq $((128 + $(kill -l USR1))) ]; then code=75; fi
  return "$code"
}

# run_to_the_end ARGUMENT...: as run_ranks; a run that stopped and can go on is put into the queue again.
run_to_the_end() {
  local code=0
  run_ranks "$@" || code=$?
  if [ "$code" -eq 75 ] && [ "${SLURM_RESTART_COUNT:-0}" -lt "$RESTARTS" ]; then
    echo "$(date '+%F %T') stopped before the end: job $SLURM_JOB_ID goes back to the queue"
    scontrol requeue "$SLURM_JOB_ID" || code=$?
  fi
  exit "$code"
}
