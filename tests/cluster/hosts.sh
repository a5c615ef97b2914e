#!/usr/bin/env bash
# Several hosts of namespaces without Slurm, through jobs/hosts.sh: the same bits on two and four hosts, and a refusal of hosts that
# are not alike.
# usage: tests/cluster/hosts.sh            on Debian as root; needs the program build/lockstep
#        tests/cluster/hosts.sh --measure  instead prints images/s at full, 1 Gbit/s and 100 Mbit/s, as Markdown
set -euo pipefail

source_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/cluster/hosts_in_namespaces.sh
source "$source_folder/hosts_in_namespaces.sh"
# shellcheck source=jobs/setup.sh
source "$source_folder/../../jobs/setup.sh"

packages=()
begin hosts "${BASH_SOURCE[0]}" "$@"
export SUBNET=10.76.0.0/24 OMPI_MCA_plm_rsh_agent=$folder/agent PRTE_MCA_plm_ssh_agent=$folder/agent
allow_mpi_anywhere

make_agent

# host_file HOSTS RANKS: of each.
host_file() {
  local number
  for ((number = 1; number <= $1; number++)); do echo "n$number slots=$2"; done >"hosts.$1"
}

make_bridge
for number in 1 2 3 4; do
  make_host "$number"
  echo "${host_process[$number]}" >"n$number.process"
done

# figures_of RATE: bench on two hosts, a rank each.
figures_of() {
  limited 200 /mnt/project/jobs/hosts.sh hosts.2 bench --model resnet20 --batch-size 128 --threads 1 --bn sync,8,rank \
    --repeats 3 --seconds 2 2>/dev/null |
    awk -v rate="$1" '
      /^(sync|8|rank) +tree/ { images[$1] = $5 }
      /^(sync|8|rank), tree/ { arm = $1; sub(",", "", arm); order[++arms] = arm; share[arm] = "0.0%" }
      /batch-norm communication/ { share[arm] = $4 }
      END { for (i = 1; i <= arms; i++) printf "| %s | %s | %s | %s |\n", rate, order[i], images[order[i]], share[order[i]] }'
}

# sums_of RATE: bench on two hosts, two ranks each, whose gradients are summed in one level (as if each rank were a host) or
# inside the hosts first; ranks that outnumber the cores must not wait in a loop.
sums_of() {
  local node name=(flat "inside the hosts first")
  local -x OMPI_MCA_mpi_yield_when_idle=1
  for node in 1 2; do
    LOCKSTEP_NODE_RANKS=$node limited 200 /mnt/project/jobs/hosts.sh hosts.4 bench --model cnn --shape 28x28x1 --batch-size 256 \
      --threads 1 --bn sync --repeats 3 --seconds 2 2>/dev/null |
      awk -v rate="$1" -v how="${name[node - 1]}" '/^sync +tree/ { printf "| %s | %s | %s |\n", rate, how, $5 }'
  done
}

# predictions_of RATE: what bench foretells for two hosts of a rank each, and measures there.
predictions_of() {
  limited 200 /mnt/project/jobs/hosts.sh hosts.2 bench --model resnet20 --batch-size 128 --threads 1 --bn sync,8,rank \
    --repeats 3 --seconds 2 --predict 2>/dev/null |
    awk -v rate="$1" '
      /^Checked here/ { here = 1 }
      here && $1 == 2 && $2 == 2 { printf "| %s | %s | %s | %s | %s |\n", rate, $3, $6, $7, $8 }'
}

host_file 2 1
if [ "${1:-}" = --measure ]; then
  echo "| link (emulated) | batch norm | images/s | batch-norm communication |"
  echo "| --- | --- | ---: | ---: |"
  for rate in full 1gbit 100mbit; do
    shape_links "$rate"
    figures_of "$rate"
  done
  printf 'n1 slots=2\nn2 slots=2\n' >hosts.4
  echo
  echo "| link (emulated) | sum of gradients | images/s |"
  echo "| --- | --- | ---: |"
  for rate in full 1gbit 100mbit; do
    shape_links "$rate"
    sums_of "$rate"
  done
  echo
  echo "| link (emulated) | batch norm | images/s, predicted | measured | error |"
  echo "| --- | --- | ---: | ---: | ---: |"
  for rate in full 1gbit 100mbit; do
    shape_links "$rate"
    predictions_of "$rate"
  done
  exit 0
fi

"$LOCKSTEP" generate -o data.h5 --shape 16x16x3 --train 715 --test 61 >/dev/null
run=(data.h5 --model resnet8 --crop 1 --batch-size 64 --threads 1)
short=("${run[@]}" --epochs 2)
export OMPI_MCA_mpi_yield_when_idle=1
"$LOCKSTEP" train "${short[@]}" --output here >here.out 2>&1
for hosts in 2 4; do # two of which make one cache of samples, and four of which make one each
  host_file "$hosts" 2
  if [ "$hosts" -eq 2 ]; then cache=cache; else cache=/tmp/cache; fi
  limited 100 /mnt/project/jobs/hosts.sh "hosts.$hosts" train "${short[@]}" --output "hosts-$hosts" --cache "$cache" \
    >"hosts-$hosts.out" 2>&1 || true
  grep -q "$((2 * hosts)) ranks on $hosts hosts" "hosts-$hosts.out" || complain "not $hosts hosts" "hosts-$hosts.out"
  same_fingerprint here.out "hosts-$hosts.out"
done
made=$(find cache n?/tmp/cache -name '*.samples' | wc -l)
[ "$made" -eq 5 ] || complain "$made caches of samples instead of one for two hosts and one on each of four"

# Each host reads its windows for itself.
host_file 2 2
"$LOCKSTEP" train "${short[@]}" --output window-here --window 300 >window-here.out 2>&1
limited 100 /mnt/project/jobs/hosts.sh hosts.2 train "${short[@]}" --output window-hosts --window 300 >window-hosts.out 2>&1 || true
same_fingerprint window-here.out window-hosts.out

# A comparison's runs side by side on both hosts, in a folder that both see; in one of each host's own they are made one at a time by
# all ranks, unless the user wants otherwise, which is refused.
compared=(data.h5 --model mlp --bn "sync,8" --seeds 2 --epochs 12 --batch-size 64 --threads 1)
"$LOCKSTEP" compare "${compared[@]}" --output compared-here >compared-here.out 2>&1
limited 100 /mnt/project/jobs/hosts.sh hosts.2 compare "${compared[@]}" --output compared --ranks-per-run 1 >compared.out 2>&1 ||
  complain "a comparison on two hosts fails" compared.out
grep -q "4 runs at a time, each on 1 rank" compared.out || complain "not side by side" compared.out
limited 100 /mnt/project/jobs/hosts.sh hosts.2 compare "${compared[@]}" --output /tmp/compared >compared-alone.out 2>&1 ||
  complain "a comparison in a folder of one host fails" compared-alone.out
for made in compared n1/tmp/compared; do
  diff <(cd compared-here && grep fingerprint runs/*/*/result.ini) <(cd "$made" && grep fingerprint runs/*/*/result.ini) >difference ||
    complain "$made has other fingerprints" difference
done
[ ! -e n2/tmp/compared/runs ] || complain "runs were made on the other host"
code=0
limited 100 /mnt/project/jobs/hosts.sh hosts.2 compare "${compared[@]}" --output /tmp/refused --ranks-per-run 2 >compared-refused.out 2>&1 || code=$?
[ "$code" -eq 2 ] || complain "runs in folders of their own: code $code" compared-refused.out
grep -q "rank 2 on n2 does not see the folder /tmp/refused of rank 0" compared-refused.out || complain "no such message" compared-refused.out

# Started, continued, and done: the same line each time.
line=(hosts.2 train "${short[@]}" --output again --resume)
code=0
limited 100 /mnt/project/jobs/hosts.sh "${line[@]}" --max-time 0.01 >again-1.out 2>&1 || code=$?
[ "$code" -eq 75 ] || complain "a run that stops ends with $code instead of 75" again-1.out
limited 100 /mnt/project/jobs/hosts.sh "${line[@]}" --max-time 0 >again-2.out 2>&1 || complain "it does not go on" again-2.out
same_fingerprint here.out again-2.out
limited 100 /mnt/project/jobs/hosts.sh "${line[@]}" --max-time 0 >again-3.out 2>&1 || complain "a run that is done is refused" again-3.out
grep -q "all epochs are done" again-3.out || complain "it does not say that all is done" again-3.out

# refused NAME PATTERN ARGUMENT...: training on two hosts of two ranks ends at once, says so once, and writes nothing.
refused() {
  local into=$1 pattern=$2 code=0
  shift 2
  limited 100 /mnt/project/jobs/hosts.sh hosts.2 train "$@" --model mlp --epochs 1 --threads 1 --output "$into" >"$into.out" 2>&1 || code=$?
  case $code in 2 | 3) ;; *) complain "$into: code $code" "$into.out" ;; esac
  [ "$(grep -c '^lockstep: error: ' "$into.out")" -eq 1 ] || complain "$into: not one message" "$into.out"
  grep -q "$pattern" "$into.out" || complain "$into: does not say: $pattern" "$into.out"
  [ ! -e "$into" ] || complain "$into: something was written"
}

# Files that are not the same on both hosts.
cp data.h5 n1/tmp
"$LOCKSTEP" generate -o n2/tmp/data.h5 --shape 16x16x3 --train 715 --test 61 --seed 2 >/dev/null
refused other-data 'rank 2 on n2: /tmp/data.h5: is another file here' /tmp/data.h5
echo "lr = 0.1" >n1/tmp/settings.ini
echo "lr = 0.2" >n2/tmp/settings.ini
refused other-settings 'lr must be the same on all ranks: ranks 0-1 on n1 have 0.1, ranks 2-3 on n2 have 0.2; ' data.h5 --config /tmp/settings.ini
cp "$LOCKSTEP" other
printf x >>other
on_host 2 mount --bind "$folder/other" "$LOCKSTEP"
refused other-program 'the program must be the same on all ranks: ranks 0-1 on n1 have lockstep .*, ranks 2-3 on n2 have' data.h5
on_host 2 umount "$LOCKSTEP"

# held_on NUMBER ARGUMENT...: trains there in the run directory `held`.
held_on() {
  local number=$1
  shift
  on_host "$number" env --chdir "$folder" "$LOCKSTEP" train "$@" --output held
}

# A run that another host writes, and left.
held_on 1 "${run[@]}" --epochs 5000 >held.out 2>&1 &
running=$!
until [ -e held/last.h5 ] || ! kill -0 "$running" 2>/dev/null; do sleep 0.1; done
code=0
held_on 2 --resume >second.out 2>&1 || code=$?
if [ "$code" -ne 2 ] || ! grep -q 'on host n1 writes into held since' second.out; then complain "a second writer: code $code" second.out; fi
pkill -KILL -f "^$LOCKSTEP train .*--output held" || true
wait "$running" || true
code=0
held_on 2 --resume --max-time 0.01 >third.out 2>&1 || code=$?
if [ "$code" -ne 75 ] || ! grep -q 'on host n1 wrote into it from .* is taken over' third.out; then complain "what n1 left: code $code" third.out; fi
echo "ok: hosts that are not alike and a second writer are refused after $SECONDS s"

echo "$failures failures after $SECONDS s"
exit $((failures > 0))
