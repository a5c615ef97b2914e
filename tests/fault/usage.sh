#!/usr/bin/env bash
# Wrong command lines: one message, the right exit code, no hang, nothing written; alone and on three ranks.
set -euo pipefail

# shellcheck source=tests/support/time.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/time.sh"

: "${LOCKSTEP:?}" "${MPIEXEC:?}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/work" "$folder/log"
cd "$folder/work"
failures=0 calls=() codes=() patterns=()

complain() {
  printf 'FAILED: lockstep %s\n  %s\n' "$call" "$1"
  sed 's/^/  | /' "$2"
  failures=$((failures + 1))
}

# refused_when START CODE PATTERN ARGUMENT...: START is empty, or mpirun and its options. Begins it; `check` looks at it. mpirun
# waits two seconds after an error.
refused_when() {
  local start=$1 number=${#calls[@]}
  codes+=("$2") patterns+=("$3")
  shift 3
  calls+=("$* (${start:-alone})")
  while [ "$(jobs -rp | wc -l)" -ge 4 ]; do wait -n || true; done
  # shellcheck disable=SC2086 # $start is words
  { limited 60 $start "$LOCKSTEP" "$@" >"$folder/log/$number.out" 2>"$folder/log/$number.all" &&
    echo 0 || echo $?; } >"$folder/log/$number.code" &
}

check() {
  local number got lines
  wait
  for number in "${!calls[@]}"; do
    call=${calls[$number]}
    local log=$folder/log/$number
    got=$(<"$log.code")
    grep '^lockstep: ' "$log.all" >"$log.err" || true # mpirun adds its own remark on exit codes
    lines=$(wc -l <"$log.err")
    [ "$got" -eq "${codes[$number]}" ] || complain "exit code $got instead of ${codes[$number]}" "$log.all"
    [ "$lines" -eq 1 ] || complain "$lines messages instead of 1" "$log.all"
    grep -q -- "${patterns[$number]}" "$log.err" || complain "no message with: ${patterns[$number]}" "$log.all"
    [ ! -s "$log.out" ] || complain "something on standard output" "$log.out"
  done
  echo "${#calls[@]} wrong command lines"
}

# refused CODE PATTERN ARGUMENT...
refused() {
  refused_when "" "$@"
}

# refused_by_all CODE PATTERN ARGUMENT...: alone and on three ranks.
refused_by_all() {
  refused_when "" "$@"
  refused_when "$MPIEXEC -n 3" "$@"
}

# answered PATTERN ARGUMENT...: standard output has it, and nothing is complained about.
answered() {
  local pattern=$1
  shift
  call="$*"
  local log=$folder/log/answer
  limited 60 "$LOCKSTEP" "$@" >"$log.out" 2>"$log.err" || complain "exit code $?" "$log.err"
  [ ! -s "$log.err" ] || complain "something on standard error" "$log.err"
  grep -q -- "$pattern" "$log.out" || complain "no answer with: $pattern" "$log.out"
}

refused_by_all 2 "no command given"
refused_by_all 2 "unknown command 'trian'; did you mean 'train'" trian d.h5
refused 2 "unknown command 'xyzzy'; .lockstep --help. lists" xyzzy
refused_by_all 2 "unknown option '--epoch-s'; did you mean '--epochs'" train d.h5 --epoch-s 3
refused 2 "unknown option '--xyzzy'; .lockstep help train. lists" train d.h5 --xyzzy=3
refused 2 "unknown option '-x'" train -x d.h5
refused_by_all 2 "option '--lr' needs a value: --lr X" train d.h5 --lr
refused 2 "option '--flip' takes no value" train d.h5 --flip=on
refused_by_all 2 "option '--lr' stands there twice, with 0.1 and with 0.2; give it once" train d.h5 --lr 0.1 --epochs 2 --lr=0.2
refused 2 "option '--flip' stands there twice" train d.h5 --flip --no-flip
refused 2 "option '--output' stands there twice, with a and with b" train d.h5 -o a --output b
refused 2 "option '--model' stands there twice" bench --model mlp --model mlp
refused_by_all 2 "--lr: '0.1x' is not a number" train d.h5 --lr 0.1x
refused 2 "--batch-size: '0' is not a whole number from 1" train d.h5 --batch-size 0
refused 2 "'e.h5' is one argument too many" train d.h5 e.h5
refused 2 "no dataset given" train
refused_when "$MPIEXEC -n 2" 2 "start it without mpirun" import csv d.csv -o d.h5
refused_by_all 2 "larger than the mini-batch of 8" train d.h5 --batch-size 8 --microbatch 16
refused 2 "bn = 16: the normalization batch is larger" train d.h5 --batch-size 8 --bn 16
refused 2 "nesterov needs" train d.h5 --nesterov --momentum 0
refused 2 "an argument is missing; usage: lockstep evaluate" evaluate c.h5
refused_by_all 2 "--statistics: 'all' is not one of" evaluate c.h5 d.h5 --statistics all
refused 2 "lockstep predict" predict c.h5
refused 2 "unknown format .mnist." import mnist -o d.h5
refused 2 "no format given; lockstep import takes: h5 FILE.h5 -o OUT.h5; csv " import
refused 2 "--train-labels is missing" import idx --train-images f -o d.h5
refused 2 "no output given" import csv d.csv
refused 2 "csv takes one input; for example: lockstep import csv" import csv a.csv b.csv -o d.h5
refused 2 "--size is not for csv, but for folder" import csv a.csv --size 8x8 -o d.h5
refused 2 "--separator: 'ab' is not auto, tab or one character" import csv a.csv --separator ab -o d.h5
refused 2 "--size: '8' is no height and width" import folder . --size 8 -o d.h5
refused 4 "none.npz" import npz none.npz -o d.h5
refused 2 "must end with .npz or .csv" export-data d.h5 -o d.txt
refused 2 "--part is for tables" export-data d.h5 -o d.npz --part test
refused_by_all 2 "--order: 'random' is not one of" evaluate c.h5 d.h5 --order random
refused 2 "'dogs' is nothing that can be generated" generate dogs -o d.h5
refused 2 "--shape is not for cats" generate cats -o d.h5 --shape 8x8x1
refused 2 "--black-cats is for" generate -o d.h5 --black-cats 1
refused 2 "--black-cats: '2' is not a number from 0 to 1" generate cats -o d.h5 --black-cats 2
refused 2 "no output given; usage: lockstep generate" generate cats
refused 2 "nothing to change" corrupt d.h5 -o o.h5
refused 2 "exclude each other" corrupt d.h5 -o o.h5 --invert --noise 0.3
refused 2 "is not two numbers such as" corrupt d.h5 -o o.h5 --affine 0.5
refused 4 "none.h5" corrupt none.h5 -o o.h5 --invert
refused 2 "neither HxWxC" generate -o d.h5 --shape 8x8
refused 4 "none.h5" info none.h5
refused_when "env -u HOME" 4 "none.h5" info none.h5
refused_by_all 4 "none.ini" train d.h5 --config none.ini
refused_by_all 4 "none.h5" train none.h5
refused_by_all 4 "none.h5" evaluate none.h5 none.h5

printf 'lr = 0.5\n[training]\nepoch = 3\n' >key.ini
refused_by_all 2 "key.ini:3: unknown key 'epoch'; did you mean 'epochs'" train d.h5 --config key.ini
printf 'batch-size = 8\nmicrobatch = 16\n' >size.ini
refused 2 "larger than the mini-batch of 8" train d.h5 --config size.ini
refused 4 "d.h5" train --batch-size 32 d.h5 --config size.ini # the command line wins, wherever it stands
check

answered "75 stopped on request" --help
answered "lockstep train" help train
answered "globalavgpool" help models
answered "--no-normalize-input" train --help
answered "oneDNN" --version

ls >"$folder/log/files"
[ "$(<"$folder/log/files")" = "$(printf '%s\n' key.ini size.ini)" ] || { call="" && complain "files were written" "$folder/log/files"; }
[ "$failures" -eq 0 ]
