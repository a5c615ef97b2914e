#!/usr/bin/env bash
# Wrong command lines: one message, the right exit code, no hang, nothing written; alone and on three ranks.
set -euo pipefail

# shellcheck source=tests/support/time.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/time.sh"

: "${LOCKSTEP:?}" "${MPIEXEC:?}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
failures=0

complain() {
  printf 'FAILED: lockstep %s\n  %s\n' "$call" "$1"
  sed 's/^/  | /' errors
  failures=$((failures + 1))
}

# refused_when START CODE PATTERN ARGUMENT...: START is empty, or mpirun and its options.
refused_when() {
  local start=$1 code=$2 pattern=$3 got=0 lines
  shift 3
  call="$* (${start:-alone})"
  # shellcheck disable=SC2086 # $start is words
  limited 60 $start "$LOCKSTEP" "$@" >output 2>all || got=$?
  grep '^lockstep: ' all >errors || true # mpirun adds its own remark on exit codes
  lines=$(wc -l <errors)
  [ "$got" -eq "$code" ] || complain "exit code $got instead of $code"
  [ "$lines" -eq 1 ] || complain "$lines messages instead of 1"
  grep -q -- "$pattern" errors || complain "no message with: $pattern"
  [ ! -s output ] || complain "something on standard output"
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
  limited 60 "$LOCKSTEP" "$@" >output 2>errors || complain "exit code $?"
  [ ! -s errors ] || complain "something on standard error"
  grep -q -- "$pattern" output || complain "no answer with: $pattern"
}

refused_by_all 2 "no command given"
refused_by_all 2 "unknown command 'trian'; did you mean 'train'" trian d.h5
refused 2 "unknown command 'xyzzy'; .lockstep --help. lists" xyzzy
refused_by_all 2 "unknown option '--epoch-s'; did you mean '--epochs'" train d.h5 --epoch-s 3
refused 2 "unknown option '--xyzzy'; .lockstep help train. lists" train d.h5 --xyzzy=3
refused 2 "unknown option '-x'" train -x d.h5
refused_by_all 2 "option '--lr' needs a value: --lr X" train d.h5 --lr
refused 2 "option '--flip' takes no value" train d.h5 --flip=on
refused_by_all 2 "--lr: '0.1x' is not a number" train d.h5 --lr 0.1x
refused 2 "--batch-size: '0' is not a whole number from 1" train d.h5 --batch-size 0
refused 2 "'e.h5' is one argument too many" train d.h5 e.h5
refused 2 "no dataset given" train
refused_when "$MPIEXEC -n 2" 2 "start it without mpirun" info d.h5
refused_by_all 2 "larger than the mini-batch of 8" train d.h5 --batch-size 8 --microbatch 16
refused 2 "bn = 16: the normalization batch is larger" train d.h5 --batch-size 8 --bn 16
refused 2 "nesterov needs" train d.h5 --nesterov --momentum 0
refused 2 "an argument is missing; usage: lockstep evaluate" evaluate c.h5
refused_by_all 2 "--statistics: 'all' is not one of" evaluate c.h5 d.h5 --statistics all
refused 2 "lockstep predict" predict c.h5
refused 2 "unknown format .mnist." import mnist -o d.h5
refused 2 "--train-labels is missing" import idx --train-images f -o d.h5
refused 2 "neither HxWxC" generate -o d.h5 --shape 8x8
refused 4 "none.h5" info none.h5
refused_by_all 4 "none.ini" train d.h5 --config none.ini
refused_by_all 4 "none.h5" train none.h5
refused_by_all 4 "none.h5" evaluate none.h5 none.h5

printf 'lr = 0.5\n[any]\nepoch = 3\n' >run.ini
refused_by_all 2 "run.ini:3: unknown key 'epoch'; did you mean 'epochs'" train d.h5 --config run.ini
printf 'batch-size = 8\nmicrobatch = 16\n' >run.ini
refused 2 "larger than the mini-batch of 8" train d.h5 --config run.ini
refused 4 "d.h5" train --batch-size 32 d.h5 --config run.ini # the command line wins, wherever it stands

answered "75 stopped on request" --help
answered "lockstep train" help train
answered "globalavgpool" help models
answered "--no-normalize-input" train --help
answered "oneDNN" --version

[ "$(ls)" = "$(printf '%s\n' all errors output run.ini)" ] || { ls; call=all; complain "files were written"; }
[ "$failures" -eq 0 ]
