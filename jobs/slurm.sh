# shellcheck shell=bash
# What the Slurm scripts of this folder share; each sources it below its block of site values. A script that wants its job
# to go on after a signal or a time limit has set `trap 'stopping=yes' USR1` before anything else.

# shellcheck source=jobs/mpi.sh
source "$(dirname "${BASH_SOURCE[0]}")/mpi.sh"

refuse() {
  printf '%s: %s\n' "$1" "$2" >&2
  exit 2
}

# load_modules: those of $MODULES. Shells of jobs may not have read what defines `module`, and its own code uses variables that
# are not set.
load_modules() {
  local file module
  [ -n "$MODULES" ] || return 0
  set +u
  for file in "${MODULESHOME:-}/init/bash" "${LMOD_PKG:-}/init/bash" /etc/profile.d/modules.sh /etc/profile.d/lmod.sh; do
    command -v module >/dev/null && break
    # shellcheck source=/dev/null
    if [ -r "$file" ]; then source "$file"; fi
  done
  for module in $MODULES; do
    module load "$module" || refuse "$name" "the module $module cannot be loaded"
  done
  set -u
}

# prepare NAME: modules and the program.
prepare() {
  name=$1
  [ -n "${SLURM_JOB_ID:-}" ] || refuse "$name" "this is a job script: submit it with sbatch, or run mpirun $LOCKSTEP"
  load_modules
  if [ ! -x "$LOCKSTEP" ] && command -v lockstep >/dev/null; then LOCKSTEP=$(command -v lockstep); fi
  [ -x "$LOCKSTEP" ] ||
    refuse "$name" "there is no program $LOCKSTEP: build it with jobs/setup.sh, submit from the project's folder, or set LOCKSTEP"
}

# numbers_of TEXT: those of Slurm's "4(x2),2", a line each: 4 4 2.
numbers_of() {
  local part count
  for part in ${1//,/ }; do
    count=1
    case $part in *"(x"*) count=${part##*"(x"} count=${count%)} ;; esac
    for ((; count > 0; count--)); do echo "${part%%(*}"; done
  done
}

# ranks_of_nodes THREADS: as many ranks as the job's nodes have cores for. Nodes may differ: Slurm counts processors, and how many of
# them are one core is each node's own.
ranks_of_nodes() {
  local processors per_core=() i ranks=0
  mapfile -t processors < <(numbers_of "${SLURM_JOB_CPUS_PER_NODE:-${SLURM_CPUS_ON_NODE:-1}}")
  if [ "$HINT" = nomultithread ]; then
    mapfile -t per_core < <(scontrol -o show node "${SLURM_JOB_NODELIST:-}" 2>/dev/null | sed -n 's/.* ThreadsPerCore=\([1-9][0-9]*\).*/\1/p')
  fi
  for i in "${!processors[@]}"; do ranks=$((ranks + processors[i] / ${per_core[i]:-1} / $1)); done
  echo $((ranks > 0 ? ranks : 1))
}

# choose_launcher: ranks and threads as Slurm gave them, one rank a core unless --ntasks or --cpus-per-task said otherwise; and what
# starts them.
choose_launcher() {
  local kind
  threads=${SLURM_CPUS_PER_TASK:-1}
  ranks=${SLURM_NTASKS:-$(ranks_of_nodes "$threads")}
  export OMP_NUM_THREADS=$threads OMP_PLACES=cores
  read -ra mpirun <<<"${MPIRUN?}"
  if [ "$SRUN_MPI" = auto ]; then
    kind=$(mpi_kind "${mpirun[0]}") SRUN_MPI=none
    case $kind in mpich | intel) ;; *) if srun --mpi=list 2>&1 | grep -w pmix >/dev/null; then SRUN_MPI=pmix; fi ;; esac
  fi
  if [ "$SRUN_MPI" != none ]; then
    launcher=(srun "--mpi=$SRUN_MPI" --ntasks="$ranks" --cpus-per-task="$threads" --kill-on-bad-exit=1 --cpu-bind="$BIND")
    if [ -n "$HINT" ]; then launcher+=(--hint="$HINT"); fi
  else
    launcher=("${mpirun[@]}" -np "$ranks")
    if [ "${#mpirun[@]}" -eq 1 ]; then add_mpirun_options; fi
  fi
  echo "$(date '+%F %T') $name: job $SLURM_JOB_ID, restart ${SLURM_RESTART_COUNT:-0}, $ranks ranks x $threads threads on" \
    "${SLURM_JOB_NODELIST:-?} by ${launcher[*]}"
}

# add_mpirun_options: each rank has cores of its own, the binding is shown in the job's log, a link that is cut ends the job in seconds.
add_mpirun_options() {
  local kind options
  kind=$(mpi_kind "${mpirun[0]}")
  mapfile -t options < <(mpi_options_of "$kind" && mpi_binding_of "$kind" "$threads")
  launcher+=("${options[@]}")
}

# stage_dataset: with STAGE, the dataset that is the first of the array `arguments` is on each node's own disk from now on, under a name
# that tells its size and time: tasks of an array find it there, and other datasets do not replace it.
stage_dataset() {
  local from=${arguments[0]} to
  [ -n "$STAGE" ] || return 0
  [ -f "$from" ] || refuse "$name" "STAGE is set, but the first argument, $from, is no file: name the dataset first"
  to=$STAGE/$(basename "$from" .h5)-$(stat -L -c %s-%Y "$from").h5
  # shellcheck disable=SC2016 # for the nodes' shells
  srun --ntasks="${SLURM_JOB_NUM_NODES:-1}" --ntasks-per-node=1 --cpus-per-task=1 --cpu-bind=none --mpi=none bash -c '
    set -e
    if [ ! -e "$2" ]; then
      mkdir -p "$(dirname "$2")"
      cp "$1" "$2.$SLURM_JOB_ID.tmp" || { rm -f "$2.$SLURM_JOB_ID.tmp"; exit 1; }
      mv "$2.$SLURM_JOB_ID.tmp" "$2"
    fi' bash "$(realpath "$from")" "$to" || refuse "$name" "$from cannot be copied to $STAGE on each node"
  arguments[0]=$to
  echo "$(date '+%F %T') $name: $from is $to on each node"
}

# add OPTION [VALUE]: to the array `arguments`, unless it is among them already: the program takes an option once.
add() {
  local word
  for word in "${arguments[@]}"; do
    case $word in "$1" | "$1="*) return ;; esac
  done
  arguments+=("$@")
}

# run_ranks ARGUMENT...: the program on all ranks. A signal to this script goes to the ranks, which then save and stop.
# Returns their code; 75 also when the signal met ranks that could not heed it yet.
run_ranks() {
  local code=0 child
  if [ -n "$stopping" ]; then return 75; fi
  "${launcher[@]}" "$LOCKSTEP" "$@" &
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
