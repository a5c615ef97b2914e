#!/usr/bin/env bash
# Ranks that were not started alike: another program, command, option, file of settings, model or dataset on one rank. All end with
# code 2 and one message that names what differs and where, before anything is written; nothing is said of ranks that are alike.
# usage: not_the_same.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

cp "$LOCKSTEP_SOURCE/data/digits.h5" data.h5
run other-data 0 generate -o other.h5 --shape 8x8x1 --train 90 --test 30
short=(data.h5 --model mlp --epochs 1 --threads 1)

# start NAME ODD ARGUMENT...: the program on three ranks, but for rank ODD, which runs the words of `odd_words`. Not by mpirun's colon:
# that of Debian 13's Open MPI 5.0.7 crashes at any.
start() {
  local name=$1 odd=$2 program=$folder/bin/odd
  shift 2
  cat >"$program" <<END
#!/bin/sh
if [ "\${OMPI_COMM_WORLD_RANK:-\$PMI_RANK}" = $odd ]; then exec ${odd_words[*]@Q}; fi
exec '$folder/bin/lockstep' "\$@"
END
  chmod +x "$program"
  run "$name" 3 "$@"
}

# refused NAME PATTERN: as one, and nothing was written.
refused() {
  ended "$1" 2
  says "$1" "$2"
  says "$1" '; [a-z]'
  [ ! -e run ] || complain "$1: something was written" "$1.err"
  nothing_left ""
}

# quiet NAME: nothing was said, but that three ranks are many for this machine.
quiet() {
  ! grep '^lockstep: ' "$1.err" | grep -v 'fewer would run faster$' || complain "$1: something is said of ranks that are alike" "$1.err"
}

# A copy with one byte more runs as the program does, and cannot be told from another build.
another_program() {
  cp "$program" "$folder/bin/lockstep-other"
  printf x >>"$folder/bin/lockstep-other"
  local rank
  for rank in 0 2; do
    odd_words=("$folder/bin/lockstep-other" train "${short[@]}" --output run)
    start "program-$rank" "$rank" train "${short[@]}" --output run
    refused "program-$rank" "the program must be the same on all ranks: rank $rank on [^ ]* has lockstep [^ ]*, build [0-9a-f]*, all others have"
  done
}

another_command() {
  odd_words=("$program" evaluate data.h5 data.h5)
  start command 1 train "${short[@]}" --output run
  refused command 'the command must be the same on all ranks: rank 1 on [^ ]* has evaluate, all others have train'
  odd_words=("$program" info data.h5)
  start info 2 train "${short[@]}" --output run
  refused info 'rank 2 on [^ ]* has info, all others have train'
  odd_words=("$program" train --help)
  start help 2 train "${short[@]}" --output run
  refused help 'given --help'
  odd_words=("$program")
  start nothing 0 train "${short[@]}" --output run
  refused nothing 'rank 0 on [^ ]* has none, all others have train'
}

# differs_by NAME PATTERN OPTION...: one rank has these as well.
differs_by() {
  local name=$1 pattern=$2
  shift 2
  odd_words=("$program" train "${short[@]}" --output run "$@")
  start "$name" 1 train "${short[@]}" --output run
  refused "$name" "$pattern"
}

other_options() {
  differs_by lr 'lr must be the same on all ranks: rank 1 on [^ ]* has 0.25, all others have 0.1;' --lr 0.25
  differs_by flip 'flip must be the same on all ranks: rank 1 on [^ ]* has on, all others have off;' --flip
  differs_by cache 'cache must be the same on all ranks: rank 1 on [^ ]* has elsewhere, all others have no value;' --cache elsewhere
  differs_by resume 'resume must be the same on all ranks: rank 1 on [^ ]* has on, all others have off;' --resume
  odd_words=("$program" train other.h5 --model mlp --epochs 1 --threads 1 --output run)
  start dataset 2 train "${short[@]}" --output run
  refused dataset 'data must be the same on all ranks: rank 2 on [^ ]* has other.h5, all others have data.h5'
  odd_words=("$program" compare data.h5 --epochs 1 --threads 1 -o run --arm a:lr=0.1 --arm b:lr=0.3)
  start arms 2 compare data.h5 --epochs 1 --threads 1 -o run --arm a:lr=0.1 --arm b:lr=0.2
  refused arms 'arm must be the same on all ranks: rank 2 on [^ ]* has b:lr=0.3, all others have b:lr=0.2'
  odd_words=("$program" bench data.h5 --repeats 2)
  start bench 0 bench data.h5 --repeats 3
  refused bench 'repeats must be the same on all ranks: rank 0 on [^ ]* has 2, all others have 3'
  odd_words=("$program" study placement --data data.h5 --seeds 2 --output run)
  start study 0 study placement --data data.h5 --seeds 1 --output run
  refused study 'seeds must be the same on all ranks: rank 0 on'
}

# Each rank has a folder of its own, as each host would have.
own_folders() {
  cat >"$folder/bin/there" <<END
#!/bin/sh
cd "rank-\${OMPI_COMM_WORLD_RANK:-\$PMI_RANK}" || exit 1
exec '$program' "\$@"
END
  chmod +x "$folder/bin/there"
  local rank
  for rank in 0 1 2; do
    mkdir -p "rank-$rank"
    cp data.h5 "rank-$rank"
    printf 'lr = 0.2\nepochs = 1\n' >"rank-$rank/settings.ini"
    printf '[Arm a]\nlr = 0.1\n[Arm b]\nlr = 0.2\n' >"rank-$rank/arms.ini"
    cp "$LOCKSTEP_SOURCE/data/models/mlp.model" "rank-$rank/own.model"
  done
}

# there NAME ARGUMENT...: the program, on three ranks in these folders.
there() {
  local name=$1 program=$folder/bin/there
  shift
  run "$name" 3 "$@" --threads 1 --output "$folder/work/run"
}

other_files() {
  own_folders
  there alike train data.h5 --config settings.ini --model own.model
  ended alike 0
  quiet alike
  rm -r run

  printf 'lr = 0.2\nepochs = 2\n' >rank-1/settings.ini
  there config train data.h5 --config settings.ini
  refused config 'epochs must be the same on all ranks: rank 1 on [^ ]* has 2, all others have 1; .*--config'
  there plan plan data.h5 --config settings.ini
  refused plan 'epochs must be the same on all ranks: rank 1 on'

  printf '[Arm a]\nlr = 0.1\n[Arm b]\nlr = 0.3\n' >rank-2/arms.ini
  there arms-file compare data.h5 --config arms.ini --epochs 1
  refused arms-file 'the arms must be the same on all ranks: rank 2 on'

  sed 's/dense 256/dense 255/' rank-0/own.model >rank-2/own.model
  ! cmp -s rank-0/own.model rank-2/own.model || complain "the models are the same"
  there model train data.h5 --model own.model
  refused model 'the text of the model must be the same on all ranks: rank 2 on [^ ]* has one of hash'
  local program=$folder/bin/there # a run's directory may be on one host alone
  run begun 3 train data.h5 --model mlp --epochs 1 --threads 1 --output local
  ended begun 0
  run resumed 3 train --resume --epochs 2 --output local
  ended resumed 0
  quiet resumed
  program=$folder/bin/lockstep

  rm rank-2/own.model # a host may have none: rank 0's counts
  there without train data.h5 --model own.model --epochs 1
  ended without 0
  rm -r run
}

# Without any difference: nothing is said, and the bits are those of one rank.
alike() {
  train one 0 "${short[@]}"
  train three 3 "${short[@]}"
  ended three 0
  quiet three
  same one three
  odd_words=("$program" train "${short[@]}" --output parts)
  start parts 1 train "${short[@]}" --output parts
  ended parts 0
  quiet parts
  same one parts
  odd_words=("$program" train "${short[@]}" --lr 0.10 --output spelt) # 0.1 in other words
  start spelt 1 train "${short[@]}" --lr .1 --output spelt
  ended spelt 0
  quiet spelt
}

another_program
another_command
other_options
other_files
alike
finish
