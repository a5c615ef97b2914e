#!/usr/bin/env bash
# `lockstep plan` foretells the peak memory of `lockstep train` within 15%, from a dataset or from a shape, for as many ranks as
# plan and for others. The time that it foretells is not held against anything.
# usage: plan.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

digits=$LOCKSTEP_SOURCE/data/digits.h5
quick=(--seconds 0.01s --threads 1)

# holds NAME EXPRESSION: it is true of what that run printed, `d` in Python.
holds() {
  has_tool python3 "what its JSON says" || return 0
  python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); sys.exit(not eval(sys.argv[2]))' "$1.out" "$2" ||
    complain "$1: does not hold: $2" "$1.out"
}

# Runs a rank and appends two peaks in bytes to a file: its resident memory, and its pages of program and libraries.
cat >peak.py <<'PYTHON'
import os, sys, time
child = os.fork()
if not child:
    os.execv(sys.argv[2], sys.argv[2:])
files = 0
while True:
    try:
        with open(f"/proc/{child}/status") as lines:
            files = max([files] + [int(line.split()[1]) for line in lines if line.startswith("RssFile:")])
    except OSError:
        pass
    done, status, usage = os.wait4(child, os.WNOHANG)
    if done:
        break
    time.sleep(0.005)
with open(sys.argv[1], "a") as out:
    out.write(f"{usage.ru_maxrss * 1024} {files * 1024}\n")
sys.exit(os.waitstatus_to_exitcode(status))
PYTHON

# within NAME: the plan NAME against the run NAME-run: all ranks, rank 0 among them the highest, and the host.
within() {
  python3 - "$1.out" "$1-run.peaks" <<'PYTHON' || complain "$1: not within 15%" "$1.out" "$1-run.peaks"
import json, sys
plan = json.load(open(sys.argv[1]))["memory"]
peaks = sorted(tuple(map(int, line.split())) for line in open(sys.argv[2]))
pairs = [(plan["rank_0"], peaks[-1][0])] + [(plan["rank"], peak[0]) for peak in peaks[:-1]]
once = max(files for _, files in peaks) - (len(peaks) - 1) * plan["dataset"]
pairs.append((plan["host"], sum(peak - files for peak, files in peaks) + once))
for told, found in pairs:
    print(f"foretold {told / 1e6:6.1f} MB, found {found / 1e6:6.1f} MB, {100 * (told / found - 1):+5.1f}%")
sys.exit(any(abs(told / found - 1) > 0.15 for told, found in pairs))
PYTHON
}

# foretold NAME RANKS PLANNING DATA ARGUMENT...: a plan by PLANNING ranks for RANKS of them, and the run.
foretold() {
  local name=$1 ranks=$2 planning=$3 data=$4
  shift 4
  run "$name" "$planning" plan "$data" --ranks "$ranks" --hosts 1 --json "${quick[@]}" "$@"
  ended "$name" 0
  limited 100 "$MPIEXEC" -n "$ranks" python3 peak.py "$name-run.peaks" "$program" train "$data" \
    --epochs 2 --threads 1 --progress none --output "$name-run" "$@" >"$name-run.out" 2>&1 || complain "$name-run: failed" "$name-run.out"
  within "$name"
}

if [ "$LOCKSTEP_SANITIZE" = ON ]; then
  skipped "memory against the plan" "the sanitizers take memory of their own"
elif ! grep -qs RssFile /proc/self/status; then
  skipped "memory against the plan" "/proc/self/status has no RssFile"
elif has_tool python3 "memory against the plan"; then
  for ranks in 1 2 3; do
    for model in mlp cnn resnet8; do foretold "$model-$ranks" "$ranks" "$ranks" "$digits" --model "$model"; done
  done
  run data 0 generate -o data.h5 --shape 32x32x3 --train 384 --test 128
  foretold resnet20-2 2 2 data.h5 --model resnet20
  run bf16 0 plan data.h5 --model resnet20 --precision bf16 "${quick[@]}"
  if grep -q "choose --precision fp32" bf16.err; then
    skipped bf16 "this processor has none"
  else
    foretold resnet20-2-bf16 2 2 data.h5 --model resnet20 --precision bf16
  fi
  foretold resnet20-2-alone 2 0 data.h5 --model resnet20 --optimizer adam --bn 32 --reduce mpi
fi

run shape 2 plan --model cnn --shape 28x28x1 --train 600 --test 100 --bn 16 --batch-size 64 --json "${quick[@]}"
ended shape 0
holds shape 'd["ranks"] == 2 and d["hosts"] == 1 and d["steps_per_epoch"] == 10 and d["microbatch"] == 8'
holds shape 'd["seconds"]["epoch"] > d["seconds"]["training"] > 9 * d["seconds"]["step"] > 0'
holds shape 'd["memory"]["dataset"] >= 700 * 28 * 28 and d["largest_batch_size"] >= 64'
run many 0 plan "$digits" --model mlp --ranks 1000 --hosts 30 --batch-size 8000 --holdout 100 "${quick[@]}"
ended many 0
says many '1000 ranks x 1 thread on 30 hosts'
says many 'taken as free'

printf 'model = mlp\nbatch-size = 32\n' >run.ini
run file 0 plan --config run.ini --shape 4 --batch-size 16 --json "${quick[@]}"
ended file 0
holds file 'd["model"] == "mlp" and d["batch_size"] == 16'
run usage 2 plan --model mlp --shape 4 --batch-sice 3
ended usage 2
run holdout 2 plan "$digits" --holdout 100000
ended holdout 2
run missing 2 plan missing.h5
ended missing 4
[ ! -e runs ] || complain "plan made a run directory"
finish
