#!/usr/bin/env bash
# `lockstep bench` runs alone and on two ranks, on made-up samples and on a dataset, and its JSON says what was asked for.
# No speed is asserted.
# usage: bench.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

quick=(--repeats 2 --seconds 0.01s --threads 1)

# holds NAME EXPRESSION: it is true of what that run printed, `d` in Python.
holds() {
  has_tool python3 "what its JSON says" || return 0
  python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); sys.exit(not eval(sys.argv[2]))' "$1.out" "$2" ||
    complain "$1: does not hold: $2" "$1.out"
}

run alone 0 bench --model cnn --shape 12x12x1 --batch-size 32 --bn sync,8,none --layers "${quick[@]}"
ended alone 0
for word in images/s optimizer bn1 batchnorm dense1 GFLOP/s '^none'; do says alone "$word"; done

run two 2 bench --model resnet8 --shape 8x8x3 --batch-size 32 --bn sync,rank --reduce tree,mpi --json "${quick[@]}"
ended two 0
holds two 'd["ranks"] == 2 and d["hosts"] == 1 and d["shape"] == [8, 8, 3]'
holds two '[(a["bn"], a["reduce"]) for a in d["arms"]] == [(b, r) for r in ("tree", "mpi") for b in ("sync", "rank")]'
holds two 'all(len(a["repeats"]) == 2 and a["images_per_second"] > 0 and a["seconds"] > 0 for a in d["arms"])'
# resnet8 has 9 batch norms in 7 stages: a shortcut shares the reduction of its block's first one
holds two '[a["communication"]["batch_norm"]["calls"] for a in d["arms"]] == [14, 0, 14, 0]'
holds two 'all(a["communication"]["end_of_step"]["calls"] == 1 for a in d["arms"])'
holds two 'all(0 < a["arithmetic_seconds"] and a["not_arithmetic"] < 1 for a in d["arms"])'
holds two 'all(a["parts"][p]["flops"] > 0 and a["parts"][p]["alone"] > 0 for a in d["arms"] for p in ("forward", "backward"))'
holds two '["alone" in a["parts"]["batch-norm communication"] for a in d["arms"]] == [True, False, True, False]'
holds two 'all(l["forward"]["flops"] > 0 for a in d["arms"] for l in a["layers"] if l["kind"] == "conv")'

run data 0 generate -o data.h5 --shape 5 --train 70 --test 10
run dataset 2 bench data.h5 --model mlp --batch-size 32 --json "${quick[@]}"
ended dataset 0
holds dataset 'd["data"] == "data.h5" and d["arms"][0]["parts"]["data"]["mean"] > 0'

# Three ranks take turns on a smaller machine; the model is checked on 1, 2 and 3 of them.
run model 3 bench --model mlp --shape 6x6x1 --batch-size 48 --bn sync,rank --predict --rank-samples 16 --json "${quick[@]}"
ended model 0
holds model '[p["ranks"] for p in d["prediction"]["checks"]] == [1, 1, 2, 2, 3, 3]'
holds model 'all(p["predicted"] > 0 and p["measured"] > 0 for p in d["prediction"]["checks"])'
holds model '[p["ranks"] for p in d["prediction"]["forecast"] if p["bn"] == "sync"] == [2 ** k for k in range(1, 13)]'
holds model 'all(p["batch_norm"] > 0 if p["bn"] == "sync" else p["batch_norm"] == 0 for p in d["prediction"]["forecast"])'
holds model '[p["hosts"] for p in d["prediction"]["forecast"]][-1] == -(-4096 // d["prediction"]["ranks_a_host"])'
run hosts 2 bench --model mlp --shape 6x6x1 --batch-size 48 --bn sync --predict --ranks-per-host 96 --json "${quick[@]}"
ended hosts 0
holds hosts 'd["prediction"]["ranks_a_host"] == 96'
holds hosts '[p["hosts"] for p in d["prediction"]["forecast"]] == [1] * 6 + [2, 3, 6, 11, 22, 43]'
holds hosts 'all(p["hosts"] == 1 for p in d["prediction"]["checks"])'
# A normalization batch above the microbatch, and above what one rank has of a mini-batch.
run groups 2 bench --model mlp --shape 4 --batch-size 64 --microbatch 8 --bn 64,16 --predict --json "${quick[@]}"
ended groups 0
holds groups '[(p["ranks"], p["bn"]) for p in d["prediction"]["checks"]] == [(1, "16"), (2, "64"), (2, "16")]'
run words 2 bench --model mlp --shape 4 --predict --latency 5 --bandwidth 1 "${quick[@]}"
ended words 0
says words '4096'

# The fastest settings: what is given comes first, each trial has a speed, and the command line can be run as it is.
run fastest 2 bench data.h5 --model mlp --batch-size 32 --fastest --json "${quick[@]}"
ended fastest 0
holds fastest 'd["trials"][0]["ranks"] == 2 and d["trials"][0]["threads"] == 1 and d["trials"][0]["precision"] == "fp32"'
holds fastest 'len({(t["ranks"], t["threads"], t["microbatch"], t["precision"]) for t in d["trials"]}) == len(d["trials"]) > 2'
holds fastest 'all(t["images_per_second"] > 0 for t in d["trials"]) and 0 <= d["fastest"] < len(d["trials"])'
holds fastest '{4, 8, 16} <= {t["microbatch"] for t in d["trials"]}'
if has_tool python3 "the command line of the fastest settings"; then
  read -r -a words < <(python3 -c 'import json; print(json.load(open("fastest.out"))["command"].split("lockstep ", 1)[1])')
  run proposed 2 "${words[@]}" --epochs 1 --output proposed
  ended proposed 0
fi
run fastest-words 1 bench --model mlp --shape 4 --bn none --fastest "${quick[@]}"
ended fastest-words 0
says fastest-words "lockstep train DATA.h5 --model mlp"
run both 1 bench --model mlp --shape 4 --fastest --predict "${quick[@]}"
ended both 2

run list 2 bench --model mlp --shape 4 --bn sync,all
ended list 2
run shape 0 bench --shape 4x4
ended shape 2
run preset 2 bench --model reznet8
ended preset 2
run none 0 bench none.h5
ended none 4
finish
