#!/usr/bin/env bash
# Runs Lockstep over several hosts without Slurm. The program and the data must have the same path on all of them, and ssh
# must work without a password.
# usage: jobs/hosts.sh HOSTFILE COMMAND [ARGUMENT]...    for example: jobs/hosts.sh hosts train DATA.h5 --resume -o DIR
# HOSTFILE has a line a host: NAME slots=RANKS. SUBNET=10.0.0.0/24 names the network to use when hosts have several (Open MPI).
# MPIRUN="mpirun ..." is the mpirun of the MPI that Lockstep was built with (Open MPI, MPICH or Intel MPI), if it is not the first, with
# options of your own. BOOTSTRAP (default ssh) is how MPICH and Intel MPI reach the hosts: what their -bootstrap takes.
# kill -USR1 ends a run with a checkpoint and code 75; the same command with --resume goes on, or says that all is done.
set -euo pipefail

fail() {
  printf 'hosts.sh: %s\n' "$*" >&2
  exit 2
}

[ $# -gt 1 ] || fail "usage: jobs/hosts.sh HOSTFILE COMMAND [ARGUMENT]..."
hosts=$1
shift
[ -r "$hosts" ] || fail "$hosts cannot be read: it should have a line a host, NAME slots=RANKS"
home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
: "${LOCKSTEP:=$home/build/lockstep}" "${MPIRUN:=mpirun}" "${BOOTSTRAP:=ssh}"
read -ra mpirun <<<"$MPIRUN"
[ -x "$LOCKSTEP" ] || fail "there is no program $LOCKSTEP: build it with jobs/setup.sh, or set LOCKSTEP"

# shellcheck source=jobs/mpi.sh
source "$home/jobs/mpi.sh"
kind=$(mpi_kind "${mpirun[0]}")
mapfile -t options < <(mpi_options_of "$kind")
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
case $kind in
  openmpi*)
    options+=(--hostfile "$hosts" --map-by slot)
    if [ -n "${SUBNET:-}" ]; then
      options+=(--mca btl_tcp_if_include "$SUBNET")
      if [ "$kind" = openmpi4 ]; then options+=(--mca oob_tcp_if_include "$SUBNET"); else options+=(--prtemca prte_if_include "$SUBNET"); fi
    fi
    if [ "$(id -u)" -eq 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
    for name in OMP_NUM_THREADS $(compgen -e LOCKSTEP_); do options+=(-x "$name"); done # the environment's are those of all hosts
    ;;
  mpich | intel)
    [ -z "${SUBNET:-}" ] || fail "SUBNET is for Open MPI; this mpirun takes the name of an interface: HYDRA_IFACE (or I_MPI_HYDRA_IFACE)"
    list=$(sed -n 's/^ *\([^# ][^ ]*\) .*slots *= *\([0-9][0-9]*\).*/\1:\2/p' "$hosts")
    [ -n "$list" ] || fail "$hosts has no line like: NAME slots=RANKS"
    if [ "$kind" = intel ]; then
      name=$(mktemp)
      echo "$list" >"$name"
      exec {file}<"$name" # a file that nobody needs to remove later
      rm "$name"
      options+=(-machinefile "/dev/fd/$file")
    else
      options+=(-hosts "$(paste -sd, <<<"$list")")
    fi
    options+=(-bootstrap "$BOOTSTRAP" -n "$(awk -F: '{ ranks += $2 } END { print ranks }' <<<"$list")")
    ;;
  *) fail "$MPIRUN is no mpirun of Open MPI, MPICH or Intel MPI: name one in MPIRUN" ;;
esac
exec "${mpirun[@]}" "${options[@]}" "$LOCKSTEP" "$@"
