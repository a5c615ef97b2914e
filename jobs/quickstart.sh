#!/usr/bin/env bash
# Installs what is missing, builds, trains on data/digits.h5 with two ranks and synchronized batch norm, and again with
# three: the bits are the same. Then tests a claim about batch norm, and makes a page of it. Safe to repeat; every call makes
# a folder in runs/.
set -euo pipefail

# shellcheck source=jobs/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

echo "== Set-up: packages and build, a minute or two the first time"
install_packages "${build_packages[@]}" gnuplot-nox
build_into "$build_folder" lockstep
allow_mpi_anywhere
cd "$root"

mkdir -p runs
number=1
folder=runs/quickstart
until mkdir "$folder" 2>/dev/null; do
  number=$((number + 1))
  folder=runs/quickstart-$number
  [ "$number" -lt 10000 ] || fail "runs/ cannot be written to, or holds 10000 quickstarts"
done

# train RANKS: into $folder/np-RANKS.
train() {
  timeout -k 10 1800 mpirun -np "$1" "$build_folder/lockstep" train data/digits.h5 --model cnn --bn sync --batch-size 64 \
    --epochs 12 --lr 0.1 --schedule cosine --seed 1 --threads 1 --progress plain --output "$folder/np-$1" |
    tee "$folder/np-$1.log"
}

# fingerprint_of RANKS
fingerprint_of() {
  sed -n 's/^fingerprint: *//p' "$folder/np-$1.log"
}

echo
echo "== Training on two ranks"
train 2
echo
echo "== The same training on three ranks"
train 3

accuracy=$(sed -n 's/.*"test_accuracy": *\([0-9.eE+-]*\).*/\1/p' "$folder/np-2/metrics.jsonl" | tail -n 1)
two=$(fingerprint_of 2)
three=$(fingerprint_of 3)
echo
echo "== Result"
printf '%-26s%s\n' "test accuracy:" "$accuracy" "fingerprint, two ranks:" "$two" "fingerprint, three ranks:" "$three" \
  "checkpoint:" "$folder/np-2/last.h5" "metrics:" "$folder/np-2/metrics.csv"
[ -n "$two" ] || fail "the run printed no fingerprint"
[ "$two" = "$three" ] || fail "the fingerprints differ: the two networks are not the same"
echo "Both networks are the same to the bit, whatever the number of ranks."

echo
echo "== A claim tested: does the noise of a small normalization batch regularize? 50 short runs, about 30 seconds"
timeout -k 10 1800 mpirun -np 2 "$build_folder/lockstep" study regularization --threads 1 --progress none --output "$folder"
