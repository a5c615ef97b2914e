#!/usr/bin/env bash
# Submits a whole comparison to Slurm: a job array with one arm and seed a task, and the report that waits for all of them;
# with --tune-lr, an array that chooses the learning rates comes first. Prints the job ids.
# usage: jobs/compare.sh [SBATCH OPTION]... -- DATA.h5 [--bn ARM,ARM,...] [--arm NAME:KEY=VALUE,...]... -o DIR [OPTION OF COMPARE]...
# CONCURRENT (default 10) tasks run at a time.
set -euo pipefail

home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export LOCKSTEP_HOME=${LOCKSTEP_HOME:-$home}
: "${CONCURRENT:=10}"

fail() {
  printf 'compare.sh: %s\n' "$*" >&2
  exit 2
}

command -v sbatch >/dev/null || fail "there is no sbatch here: run mpirun build/lockstep compare instead"
options=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  options+=("$1")
  shift
done
[ $# -gt 1 ] || fail "usage: jobs/compare.sh [SBATCH OPTION]... -- DATA.h5 --bn ARM,ARM,... | --arm NAME:KEY=VALUE,... -o DIR [OPTION OF COMPARE]..."
shift

# name_of ARM: the name before the colon; one with a colon of its own stands in quotation marks.
name_of() {
  case $1 in
    \"*) printf '%s\n' "$1" | sed 's/^"\([^"]*\)".*/\1/' ;;
    *) printf '%s\n' "${1%%:*}" | sed 's/^ *//; s/ *$//' ;;
  esac
}

arm=() norms='' output='' seeds=5 first=1 tuned=''
arguments=("$@")
for ((i = 0; i < ${#arguments[@]}; i++)); do
  word=${arguments[i]} value=${arguments[i + 1]:-}
  case $word in --*=*) value=${word#*=} word=${word%%=*} ;; esac
  case $word in
    --bn) norms=$value ;;
    --arm) arm+=("$(name_of "$value")") ;;
    --config) while IFS= read -r name; do arm+=("$name"); done < <(sed -n 's/^ *\[Arm  *\(.*\)\].*/\1/Ip' "$value") ;;
    --seeds) seeds=$value ;;
    --seed) first=$value ;;
    --tune-lr) tuned=yes ;;
    -o | --output) output=$value ;;
    --only) fail "--only is chosen for each task of the array" ;;
  esac
done
IFS=, read -ra norm <<<"$norms"
arm=("${norm[@]}" "${arm[@]}")
[ "${#arm[@]}" -gt 0 ] || fail "which arms? --bn sync,rank:4,32 or --arm NAME:KEY=VALUE,..."
[ -n "$output" ] || fail "where to? -o DIR"
[[ $seeds =~ ^[0-9]+$ && $first =~ ^[0-9]+$ && $seeds -gt 0 ]] || fail "--seeds $seeds --seed $first: numbers are expected"

runs=() tunings=()
for name in "${arm[@]}"; do
  tunings+=("$name:tune")
  for ((seed = first; seed < first + seeds; seed++)); do runs+=("$name:$seed"); done
done

# Slurm takes only so many tasks in one array, and so long an argument.
most=$(scontrol show config 2>/dev/null | sed -n 's/^MaxArraySize *= *\([1-9][0-9]*\).*/\1/p') || most=''
if [ -z "$most" ] || [ "$most" -gt 1000 ]; then most=1000; fi

# submit NAME DEPENDENCY TASK...: the tasks as one array or several, of which each waits for the one before, so that CONCURRENT holds
# for all. Their ids are in $ids, with colons between.
submit() {
  local name=$1 depends=$2 after=() id some last=''
  shift 2
  ids=''
  while [ $# -gt 0 ]; do
    some=$(($# < most ? $# : most))
    after=()
    if [ -n "$depends$last" ]; then after=(--dependency "$depends${depends:+${last:+,}}${last:+afterany:$last}"); fi
    id=$(
      IFS=,
      sbatch --parsable --job-name "lockstep-$name" --array "0-$((some - 1))%$CONCURRENT" "${options[@]}" "${after[@]}" \
        "$home/jobs/compare.sbatch" "${*:1:some}" "${arguments[@]}"
    )
    last=${id%%;*}
    ids=$ids${ids:+:}$last
    shift "$some"
  done
}

depends=''
if [ -n "$tuned" ]; then
  submit tune '' "${tunings[@]}"
  depends=afterok:$ids
  echo "learning rates: job ${ids//:/, }, ${#tunings[@]} tasks"
fi
submit compare "$depends" "${runs[@]}"
echo "runs: job ${ids//:/, }, ${#runs[@]} tasks, $CONCURRENT at a time"
# The report is one process, whatever size the options ask for; account, partition, time and all else are the same.
id=$(sbatch --parsable "${options[@]}" --job-name lockstep-report --ntasks 1 --cpus-per-task 1 --dependency "afterany:$ids" \
  "$home/jobs/report.sbatch" "$output")
echo "report: job ${id%%;*}, in $output"
