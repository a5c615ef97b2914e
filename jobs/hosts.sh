#!/usr/bin/env bash
# Runs Lockstep over several hosts without Slurm. The program and the data must have the same path on all of them, and ssh
# must work without a password.
# usage: jobs/hosts.sh HOSTFILE COMMAND [ARGUMENT]...    for example: jobs/hosts.sh hosts train DATA.h5 --resume -o DIR
# HOSTFILE has a line a host: NAME slots=RANKS. SUBNET=10.0.0.0/24 names the network to use when hosts have several.
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
: "${LOCKSTEP:=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/build/lockstep}"
[ -x "$LOCKSTEP" ] || fail "there is no program $LOCKSTEP: build it with jobs/setup.sh"

# Without these a cut link leaves all hosts waiting for minutes: nothing is sent, so nothing is missed.
options=(--mca oob_tcp_keepalive_time 3 --mca oob_tcp_keepalive_intvl 1 --mca oob_tcp_keepalive_probes 3)
if [ -n "${SUBNET:-}" ]; then options+=(--mca btl_tcp_if_include "$SUBNET" --mca oob_tcp_if_include "$SUBNET"); fi
if [ "$(id -u)" -eq 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
for name in $(compgen -e LOCKSTEP_); do options+=(-x "$name"); done # settings in the environment are those of all hosts
exec mpirun --hostfile "$hosts" --map-by slot --report-bindings -x OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" "${options[@]}" \
  "$LOCKSTEP" "$@"
