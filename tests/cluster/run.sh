#!/usr/bin/env bash
# The Slurm scripts of jobs/, unchanged, on a real Slurm: munged, slurmctld and a slurmd on each of two hosts of namespaces.
# usage: tests/cluster/run.sh, on Debian as root; needs the program build/lockstep
# shellcheck disable=SC2317 # `within` calls functions
set -euo pipefail

source_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/cluster/hosts_in_namespaces.sh
source "$source_folder/hosts_in_namespaces.sh"
# shellcheck source=jobs/setup.sh
source "$source_folder/../../jobs/setup.sh"

packages=(slurm-wlm munge)
begin cluster "${BASH_SOURCE[0]}" "$@"

write_slurm_conf() {
  cat >slurm.conf <<END
ClusterName=lockstep
SlurmctldHost=ctl(10.76.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket,cred_expire=$(patience 10)
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool.%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=$(slowed 10)
MessageTimeout=$(slowed 10)
OverTimeLimit=$(($(slowed 60) / 60 - 1))
KillWait=5
MpiDefault=none
NodeName=n1 NodeAddr=10.76.0.11 CPUs=2
NodeName=n2 NodeAddr=10.76.0.12 CPUs=2
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
  export SLURM_CONF=$folder/slurm.conf
}

start_cluster() {
  make_bridge
  make_host 1
  make_host 2
  write_slurm_conf
  mkdir -p state
  head -c 1024 /dev/urandom >munge.key
  chmod 400 munge.key
  chmod 755 .
  munged --foreground --force --key-file "$folder/munge.key" --socket "$folder/munge.socket" --pid-file "$folder/munge.pid" \
    --log-file "$folder/munge.log" --seed-file "$folder/munge.seed" >munged.out 2>&1 &
  slurmctld -D >slurmctld.out 2>&1 &
  local number
  for number in 1 2; do on_host "$number" slurmd -D -N "n$number" >"slurmd.$number.out" 2>&1 & done
  within 30 cluster_is_idle && return
  complain "the cluster is not idle after $SECONDS s" slurmctld.out slurmd.1.out slurmd.2.out munged.out
  exit 1
}

# within SECONDS COMMAND...: waits until the command succeeds, for so long at most. It looks seldom after a while, for each
# question to Slurm is work.
within() {
  local end=$((SECONDS + $(slowed "$1"))) pause=0.1 looks=0
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep "$pause"
    looks=$((looks + 1))
    if [ "$looks" -eq 30 ]; then pause=0.5; fi
  done
}

cluster_is_idle() {
  [ "$(sinfo -h -o %T 2>/dev/null)" = idle ]
}

# state_of JOB
state_of() {
  scontrol -o show job "$1" 2>/dev/null | sed -n 's/.* JobState=\([A-Z_]*\).*/\1/p' | sort -u | tr '\n' ' '
}

# has_ended JOB: with all of its tasks, well or not; $state tells how.
has_ended() {
  state=$(state_of "$1")
  case $state in "COMPLETED " | "" | *FAILED* | *TIMEOUT* | *CANCELLED*) ;; *) return 1 ;; esac
}

# wait_for_end JOB NAME SECONDS: until all of its tasks are complete.
wait_for_end() {
  if within "$3" has_ended "$1"; then
    case $state in "COMPLETED " | "") echo "ok: $2 ended after $SECONDS s" && return ;; esac
  fi
  complain "$2: job $1 is $state after $SECONDS s" "$(scontrol -o show job "$1" | sed -n 's/.* StdOut=\([^ ]*\).*/\1/p' | head -n 1)" slurmctld.log
}

# wait_for FILE
wait_for() {
  within 60 test -e "$1" || complain "$1 did not appear"
}

# rank_of DIRECTORY: the process that trains into it; neither its launcher nor its reader.
rank_of() {
  local pid
  for pid in $(pgrep -f "^$LOCKSTEP train .*--output $1 "); do
    if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = lockstep ]; then echo "$pid"; fi
  done
}

# freeze_until_signalled DIRECTORY: stops the process that trains into it, and lets it go on when SIGUSR1 waits for it (bit 9).
freeze_until_signalled() {
  local pid waiting
  pid=$(rank_of "$1")
  kill -STOP "$pid" || return 0
  while waiting=$(sed -n 's/^ShdPnd:\t//p' "/proc/$pid/status" 2>/dev/null) && [ $((0x${waiting:-200} & 0x200)) -eq 0 ]; do
    sleep 0.1
  done
  kill -CONT "$pid" || true
}

# submit NAME SBATCH_OPTION... -- ARGUMENT...: a training job in run directory NAME; its id is in $job.
submit() {
  local name=$1 options=()
  shift
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  shift
  job=$(sbatch --parsable --output "$name.out" "${options[@]}" /mnt/project/jobs/train.sbatch "$@" --output "$name")
}

allow_mpi_anywhere
export LOCKSTEP_HOME=/mnt/project OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_btl_tcp_if_include=10.76.0.0/24
export OMPI_MCA_oob_tcp_if_include=10.76.0.0/24 PRTE_MCA_prte_if_include=10.76.0.0/24

start_cluster
echo "ok: Slurm $(sinfo --version | cut -d' ' -f2) is up on two hosts after $SECONDS s"

# Without Slurm the scripts say what to do instead.
code=0
env -u SLURM_JOB_ID bash /mnt/project/jobs/train.sbatch data.h5 >refused.out 2>&1 || code=$?
if [ "$code" -ne 2 ] || ! grep -q "submit it with sbatch" refused.out; then complain "no refusal outside Slurm" refused.out; fi

"$LOCKSTEP" generate -o data.h5 --shape 16x16x3 --train 715 --test 61 >/dev/null
short=(data.h5 --model resnet8 --crop 1 --batch-size 64 --epochs 2)
long=(data.h5 --model resnet8 --crop 1 --flip --batch-size 64 --checkpoint-every 10)
# shellcheck disable=SC2054 # arms have commas between them
comparison=(data.h5 --bn sync,8 --seeds 2 --model mlp --batch-size 64 --epochs 2)
"$LOCKSTEP" train "${short[@]}" --threads 1 --output short-here >short-here.out 2>&1
"$LOCKSTEP" train "${long[@]}" --threads 2 --epochs 2 --output speed >speed.out 2>&1
epochs=$(epochs_in 6 speed/metrics.csv 10) # so that there is time to interrupt it
long+=(--epochs "$epochs")
"$LOCKSTEP" train "${long[@]}" --threads 2 --output long-here >long-here.out 2>&1
"$LOCKSTEP" compare "${comparison[@]}" --threads 1 -o compare-here >compare-here.out 2>&1
echo "ok: the same runs without Slurm ended after $SECONDS s; the long one has $epochs epochs"

# Two hosts, by srun and by mpirun.
SRUN_MPI=pmix submit by-srun --nodes 2 --ntasks 4 -- "${short[@]}"
wait_for_end "$job" "two hosts by srun" 60
same_fingerprint short-here.out by-srun.out
grep -q "2 hosts" by-srun.out || complain "by-srun ran on one host" by-srun.out
SRUN_MPI=none submit by-mpirun --nodes 2 --ntasks 4 -- "${short[@]}"
wait_for_end "$job" "two hosts by mpirun" 60
same_fingerprint short-here.out by-mpirun.out
grep -q "job      Slurm $job, restart 0, nodes n\[1-2\]" by-mpirun.out || complain "the job is not in the log" by-mpirun.out

# Another MPI, which knows srun by another plug-in: a program of MPICH's in Lockstep's place.
if command -v mpicc.mpich >/dev/null; then
  mpicc.mpich -o ranks /mnt/project/tests/cluster/ranks.c
  SRUN_MPI=pmi2 LOCKSTEP=$folder/ranks submit by-mpich --nodes 2 --ntasks 4 -- data.h5
  if within 60 grep -sqx "4 ranks on 2 hosts, told: train" by-mpich.out; then
    echo "ok: two hosts by srun, with MPICH, found each other after $SECONDS s"
  else
    complain "MPICH by srun: job $job is $(state_of "$job")" by-mpich.out slurmctld.log
  fi
  # How they were started is all that matters here. Over UCX MPICH's ranks do not always find an end.
  within 10 has_ended "$job" || scancel --signal KILL --full "$job"
else
  echo "skipped: MPICH under srun, there is no mpicc.mpich"
fi

# The same without --ntasks, and with the dataset on each host's own disk.
SRUN_MPI=pmix STAGE=/tmp/staged submit unsaid --nodes 2 --exclusive -- "${short[@]}"
wait_for_end "$job" "a rank for each core of two hosts" 60
same_fingerprint short-here.out unsaid.out
grep -q "4 ranks x 1 threads on n\[1-2\]" unsaid.out || complain "unsaid has other ranks" unsaid.out
grep -q "data     /tmp/staged/data-" unsaid.out || complain "unsaid has not staged its dataset" unsaid.out

# A study: what is said of batch norm, tested by a job.
job=$(sbatch --parsable --output study.out --nodes 2 --ntasks 2 /mnt/project/jobs/study.sbatch placement --data /mnt/project/data/digits.h5 \
  --epochs 1 --seeds 1 --output studied)
wait_for_end "$job" "a study" 60
[ -s studied/placement/report.html ] || complain "the study made no page" study.out

# The time limit, on the first host beside all that follows: the run is frozen until Slurm's signal comes, for however fast it is
# it must not be over by then. The signal may come a minute early: with a limit of one minute it would come at once, each time.
submit limited --nodes 1 --ntasks 1 --nodelist n1 --time $(((45 + 60 + $(slowed 5)) / 60 + 1)) --signal B:USR1@45 -- "${long[@]}"
limited=$job
wait_for limited/last.h5
freeze_until_signalled limited &

# A signal: saved, requeued, finished. While it waits for its turn, the array and its report run.
submit signalled --nodes 2 --ntasks 2 -- "${long[@]}"
signalled=$job
wait_for signalled/last.h5
scancel --signal=USR1 --batch "$signalled"
array=$(CONCURRENT=2 /mnt/project/jobs/compare.sh --ntasks 1 -- "${comparison[@]}" -o compare-array 2>&1) || complain "compare.sh: $array"
echo "$array"
report=$(sed -n 's/^report: job \([0-9]*\).*/\1/p' <<<"$array")
wait_for_end "$report" "the array and its report" 120
wait_for compare-array/report.html
for file in compare-here compare-array; do
  find "$file/runs" -name result.ini | sort | xargs sed -n '/^fingerprint/p' >"$file.fingerprints"
  awk -F, 'NR == 1 { for (last = 1; last <= NF && $last !~ /images_per_second|bn_share|ranks_used|seconds/; last++); }
    { for (i = 1; i < last; i++) printf "%s,", $i; print "" }' "$file/table.csv" >"$file.figures"
done
if [ -s compare-here.fingerprints ] && cmp -s compare-here.fingerprints compare-array.fingerprints &&
  cmp -s compare-here.figures compare-array.figures; then
  echo "ok: the array's comparison is the local one"
else
  complain "the array's comparison differs" compare-here.figures compare-array.figures
fi
wait_for_end "$signalled" "the run that got a signal" 120
same_fingerprint long-here.out signalled.out
grep -q "goes back to the queue" signalled.out || complain "signalled was not requeued" signalled.out

# A host is lost: its link is cut in the middle of the run. It comes back with what was left running there, which a lost host
# would not; Slurm ends that by the number of its step, which is the new one's as well, so the job waits until it is gone.
submit lost --nodes 2 --ntasks 2 -- "${long[@]}"
lost=$job
wait_for lost/last.h5
cut_link 2
is_pending() {
  [ "$(state_of "$1")" = "PENDING " ]
}
within 90 is_pending "$lost" || complain "lost: the job was not requeued" lost.out slurmctld.log
scontrol hold "$lost"
mend_link 2
nothing_is_left_of() {
  sinfo -h -n n2 -o %T >left
  ! pgrep -af "slurmstepd: \[$1\.|train .*--output lost( |$)" >>left && [ "$(<left)" = idle ]
}
within 180 nothing_is_left_of "$lost" || complain "lost: something is left on the host that came back" left slurmctld.log
scontrol release "$lost"
wait_for_end "$lost" "the run that lost a host" 120
same_fingerprint long-here.out lost.out

wait_for_end "$limited" "the run with a time limit" 300
same_fingerprint long-here.out limited.out
grep -q "goes back to the queue" limited.out || complain "limited was not requeued" limited.out

echo "$failures failures after $SECONDS s"
exit $((failures > 0))
