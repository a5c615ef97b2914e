#!/usr/bin/env bash
# The link between two hosts of namespaces is cut in the middle of a run: of jobs/hosts.sh, whose mpirun notices, and of an mpirun
# that does not, so that the ranks have to end by themselves. No process of the program stays on either host, and the run goes
# on from its newest checkpoint to the end that it would have had.
# usage: tests/cluster/cut_link.sh         on Debian as root; needs the program build/lockstep
set -euo pipefail

source_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/cluster/hosts_in_namespaces.sh
source "$source_folder/hosts_in_namespaces.sh"
# shellcheck source=jobs/setup.sh
source "$source_folder/../../jobs/setup.sh"

packages=()
begin cut "${BASH_SOURCE[0]}" "$@"
export SUBNET=10.76.0.0/24 OMPI_MCA_plm_rsh_agent=$folder/agent PRTE_MCA_plm_ssh_agent=$folder/agent
export OMPI_MCA_btl_tcp_if_include=$SUBNET OMPI_MCA_oob_tcp_if_include=$SUBNET PRTE_MCA_prte_if_include=$SUBNET
export OMPI_MCA_mpi_yield_when_idle=1 # ranks that outnumber the cores must not wait in a loop
allow_mpi_anywhere
make_agent
make_bridge
for number in 1 2; do
  make_host "$number"
  echo "${host_process[$number]}" >"n$number.process"
  echo "n$number slots=2" >>hosts.2
done

limit=$(patience 5)
"$LOCKSTEP" generate -o data.h5 --shape 8x8x1 --train 715 --test 61 >/dev/null
printf '%s\n' 'dense 3' batchnorm relu 'dense classes' >small.model
run=(data.h5 --model small.model --batch-size 64 --threads 1 --epochs 40 --checkpoint-every 5 --progress none --stall-limit "$limit")
"$LOCKSTEP" train "${run[@]}" --output here >here.out 2>&1

# nothing_left NAME: of the ranks of that run, on both hosts, which share their numbers of processes. A host whose ranks wait for a
# checkpoint is given ten times the limit.
nothing_left() {
  local end=$((SECONDS + 10 * limit + $(patience 60)))
  while [ "$SECONDS" -lt "$end" ]; do
    pgrep -f "^$LOCKSTEP train .*--output $1" >left || return 0
    sleep 0.1
  done
  complain "$1: processes were left: $(tr '\n' ' ' <left)" "$1.out"
}

# cut_off NAME LAUNCHER...: what the launcher starts loses its second host.
cut_off() {
  local name=$1 code=0 running begin
  shift
  limited 200 "$@" train "${run[@]}" --output "$name" >"$name.out" 2>&1 &
  running=$!
  until [ -e "$name/last.h5" ] || ! kill -0 "$running" 2>/dev/null; do sleep 0.05; done
  cut_link 2
  begin=$SECONDS
  nothing_left "$name"
  # An mpirun that does not notice waits for what it had started on the other host, when all ranks are gone.
  if [ "$name" = unnoticed ]; then pkill -KILL -f "^mpirun .*--output $name" || true; fi
  wait "$running" || code=$?
  case $name-$code in *-0 | *-124 | noticed-137) complain "$name: code $code" "$name.out" ;; esac # not the time limit's
  echo "ok: $name ended with code $code, $((SECONDS - begin)) s after its link was cut"
  mend_link 2
  "$LOCKSTEP" train --resume --output "$name" >"$name-on.out" 2>&1 || complain "$name: cannot be resumed" "$name-on.out"
  grep -q '^resume' "$name-on.out" || complain "$name: does not go on" "$name-on.out"
  same_fingerprint here.out "$name-on.out"
}

cut_off noticed /mnt/project/jobs/hosts.sh hosts.2
grep -qi "lost\|communicat\|unreachable\|timed out" noticed.out || complain "noticed: nobody says so" noticed.out
case $(mpi_kind mpirun) in
  openmpi4)
    cut_off unnoticed mpirun --hostfile hosts.2 --map-by slot --mca oob_tcp_keepalive_time 0 "$LOCKSTEP"
    grep -q "rank [0-9] on n[12] waited $limit seconds for the other ranks .*no rank of this host is missing" unnoticed.out ||
      complain "unnoticed: no message of a rank" unnoticed.out
    ;;
  *) echo "skipped: an mpirun that notices nothing, it is made of Open MPI 4's" ;;
esac
echo "$failures failures after $SECONDS s"
exit $((failures > 0))
