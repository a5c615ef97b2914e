#!/usr/bin/env bash
# Arms of any settings: each is the run that train makes of the same settings, at any number of ranks, in one job or in many,
# interrupted or not; arms of the same settings differ by exactly 0; a run that diverged is written down and not tried again.
# usage: compare_arms.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

run data 0 generate -o data.h5 --shape 8x8x1 --train 203 --test 61
run other 0 generate -o other.h5 --shape 8x8x1 --train 150 --test 50 --seed 4
settings=(--model mlp --batch-size 32 --epochs 2 --threads 1)
# shellcheck disable=SC2054 # the commas are the arms'
arms=(--bn 12 --arm base: --arm 'the same:batch-size=32,lr=0.1' --arm all:bn=32 --arm 'small batch:batch-size=16,epochs=3'
  --arm deep:model=mlp3,train-samples=90 --arm raw:normalize-input=off --arm elsewhere:data=other.h5,bn=none --reference base)

# compare NAME RANKS ARGUMENT...: of these arms, two seeds, into the directory NAME.
compare() {
  local name=$1 ranks=$2
  shift 2
  run "$name" "$ranks" compare data.h5 "${settings[@]}" --seeds 2 --output "$name" "${arms[@]}" "$@"
}

# figures_of NAME: all that must not depend on how the comparison was executed.
figures_of() {
  find "$1/runs" -name metrics.csv | sort | xargs -d '\n' cut -d, -f1-7
  find "$1/runs" -name noise.csv | sort | xargs -d '\n' cat
  find "$1/runs" -name result.ini | sort | xargs -d '\n' sed '/^images\|^bn-share\|^ranks\|^hosts/d'
  sed '/^max-time/d' "$1/comparison.ini"
}

equal() {
  diff <(figures_of "$1") <(figures_of "$2") >difference || complain "$1 and $2 differ" difference
}

# fingerprint_in COMPARISON ARM-FOLDER SEED
fingerprint_in() {
  sed -n 's/^fingerprint = //p' "$1/runs/$2/seed-$3/result.ini"
}

compare whole 0
ended whole 0
[ "$(find whole/runs -name result.ini | wc -l)" -eq 16 ] || complain "not every arm ran with every seed" whole.out

# An arm, and what train is to be told for the same.
as_train_does() {
  local arm got
  local -A told=([12]="--bn 12" [base]="" [small-batch]="--batch-size 16 --epochs 3" [deep]="--model mlp3 --train-samples 90"
    [raw]="--no-normalize-input" [elsewhere]="--data other.h5 --bn none")
  for arm in "${!told[@]}"; do
    local arguments=("${settings[@]}") key
    read -ra own <<<"${told[$arm]}"
    for key in --model --batch-size --epochs; do # a setting is given once
      case " ${told[$arm]} " in *" $key "*) drop "$key" ;; esac
    done
    case ${told[$arm]} in *--data*) ;; *) own+=(--data data.h5) ;; esac
    train "train-$arm" 0 "${arguments[@]}" "${own[@]}" --seed 2 --progress none
    got=$(fingerprint_in whole "$arm" 2)
    [ -n "$got" ] || complain "$arm has no fingerprint" whole.out
    [ "$got" = "$(fingerprint_of "train-$arm")" ] || complain "$arm is not what train makes of it" "train-$arm.err"
  done
}

# drop KEY: takes the key and its value out of the arguments.
drop() {
  local kept=() i
  for ((i = 0; i < ${#arguments[@]}; i++)); do
    if [ "${arguments[i]}" = "$1" ]; then i=$((i + 1)); else kept+=("${arguments[i]}"); fi
  done
  arguments=("${kept[@]}")
}

# column ARM NAME: what the table has there.
column() {
  awk -F, -v arm="$1" -v name="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i } $1 == arm { print $at }' whole/table.csv
}

same_settings() {
  local seed arm
  for seed in 1 2; do
    for arm in the-same all; do
      [ "$(fingerprint_in whole base $seed)" = "$(fingerprint_in whole "$arm" $seed)" ] || complain "$arm is not base" whole.out
    done
    [ "$(fingerprint_in whole base $seed)" != "$(fingerprint_in whole 12 $seed)" ] || complain "12 is base" whole.out
  done
  for arm in 'the same' all; do
    [ "$(column "$arm" difference_points)" = 0 ] || complain "$arm does not differ by 0 from base" whole/table.csv
  done
  [ "$(column deep difference_points)" != 0 ] || complain "another model makes no difference" whole/table.csv
}

any_rank_count() {
  compare three 3
  ended three 0
  equal whole three
}

many_jobs() {
  compare array 0 --only 'small batch:2'
  ended array 0
  compare array 0 --only elsewhere:1
  ended array 0
  for run in small-batch/seed-2 elsewhere/seed-1; do
    cmp <(cut -d, -f1-7 "array/runs/$run/metrics.csv") <(cut -d, -f1-7 "whole/runs/$run/metrics.csv") || complain "array: $run differs"
  done
  [ "$(find array/runs -name result.ini | wc -l)" -eq 2 ] || complain "other runs were made" array.out
}

interrupted() {
  compare cut 0 --max-time 0.05
  ended cut 75
  compare cut 2
  ended cut 0
  equal whole cut
}

# The arms as sections of a file, and the command that the report prints, make the same comparison.
other_ways() {
  printf '[Training]\nbatch-size = 32\nepochs = 2\n' >arms.ini
  printf '[Arm %s]\n%b' 12 'bn = 12\n' base '' 'the same' 'batch-size = 32\nlr = 0.1\n' all 'bn = 32\n' >>arms.ini
  printf '[Arm %s]\n%b' 'small batch' 'batch-size = 16\nepochs = 3\n' deep 'model = mlp3\ntrain-samples = 90\n' >>arms.ini
  run file 0 compare data.h5 --config arms.ini --model mlp --threads 1 --seeds 2 --output file --arm raw:normalize-input=off \
    --arm elsewhere:data=other.h5,bn=none --reference base --only 12:1
  ended file 0
  cmp file/comparison.ini whole/comparison.ini || complain "the file's arms are others" file/comparison.ini
  run trained 0 train data.h5 --config arms.ini --output trained
  ended trained 2
  says trained 'arms.ini:4: \[Arm 12\] is an arm of a comparison'
  local command
  command=$(grep -ho 'lockstep compare .* -o DIR' whole/report.md | head -1)
  [ -n "$command" ] || complain "the report prints no command" whole/report.md
  eval "limited 100 \"\$program\" ${command#lockstep } --threads 1 --only base:1" >again.out 2>&1 ||
    complain "the printed command fails: $command" again.out
  diff <(sed '/^threads/d' whole/comparison.ini) <(sed '/^threads/d' DIR/comparison.ini) >difference ||
    complain "the printed command makes another comparison: $command" difference
}

tuned() {
  run tuned 2 compare data.h5 "${settings[@]}" --seeds 1 --output tuned --arm base: --arm own:lr=0.02 --arm small:batch-size=16 \
    --tune-lr 0.1,0.01
  ended tuned 0
  says tuned "own sets lr itself"
  [ ! -e tuned/tune/own ] || complain "an arm with an lr of its own was tuned"
  grep -q '^lr = 0.02$' tuned/runs/own/seed-1/result.ini || complain "own did not keep its learning rate"
  grep -q '^holdout = 20$' tuned/tune/small/lr-0.1/config.ini || complain "no tenth of the samples was held out"
}

# The numbers get too large in the second step.
diverged() {
  local arguments=(compare data.h5 "${settings[@]}" --seeds 2 --output diverged --arm base: --arm 'boom:lr=1e30')
  run diverged 2 "${arguments[@]}"
  ended diverged 5
  says diverged "2 runs diverged, the first one: run 2/4  boom seed 1 after step"
  grep -q '^outcome = diverged$' diverged/runs/boom/seed-2/result.ini || complain "that it diverged was not written down"
  contents_of diverged/runs >before
  run diverged 0 "${arguments[@]}"
  ended diverged 5
  says diverged "boom seed 1: diverged before"
  contents_of diverged/runs | diff before - >difference || complain "a run that diverged was tried again" difference
  run reported 0 report diverged
  ended reported 0
}

# refused NAME PATTERN ARGUMENT...: with code 2, one message, and nothing made.
refused() {
  local name=$1 pattern=$2
  shift 2
  run "$name" 0 compare data.h5 --output "$name" "$@"
  ended "$name" 2
  says "$name" "$pattern"
  [ ! -e "$name" ] || complain "$name: a directory was made"
}

bad_input() {
  refused no-colon "no colon stands behind a name" --arm lr=0.1
  refused unknown-key "arm a: unknown key 'lrr'; did you mean 'lr'" --arm b: --arm 'a :lrr=1'
  refused bad-value "arm a: lr: 'fast' is not a number" --arm a:lr=fast
  refused no-model "arm b: no model 'mpl'; did you mean 'mlp'" --arm a: --arm b:model=mpl
  refused no-reference "no arm is called 'c'" --arm a: --arm b:lr=1 --reference c
  refused twice "option '--lr' stands there twice, with 0.1 and with 0.2" --bn sync --lr 0.1 --lr=0.2
  refused switched "option '--flip' stands there twice" --bn sync --flip --no-flip
  run no-data 0 compare data.h5 --output no-data --arm a: --arm b:data=nothing.h5
  ended no-data 4
  says no-data "arm b: nothing.h5"
  run changed 0 compare data.h5 "${settings[@]}" --seeds 2 --output whole --bn 12 --arm base:lr=0.2
  ended changed 2
  says changed "arm base of whole/comparison.ini has"
}

as_train_does
same_settings
any_rank_count
many_jobs
interrupted
other_ways
tuned
diverged
bad_input
finish
