#!/usr/bin/env bash
# What probes measure is the same at any rank and thread count and after an interruption, and changes no bit of the result.
# usage: probes.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

printf 'dense 19\nbatchnorm\nrelu\ndropout 0.2\ndense 17\nbatchnorm\nrelu\ndense classes\n' >small.model
# 4 steps an epoch, the last one of 15 samples, which is two microbatches
small=("$LOCKSTEP_SOURCE/data/digits.h5" --train-samples 150 --model small.model --batch-size 45 --epochs 2 --noise
  --progress none --crop 1)
probes=(--probe "activations,drift,gradients,landscape" --probe-samples 70)
tables='activations drift gradients landscape'

same_tables() {
  local table
  for table in $tables; do
    cmp "$1/probe-$table.csv" "$2/probe-$table.csv" >difference || complain "$2 has another probe-$table.csv than $1" difference
  done
}

no_bit_changes() {
  local none=("${small[@]}")
  train plain 1 "${small[@]}" --threads 1
  train one 1 "${small[@]}" "${probes[@]}" --threads 1
  ended one 0
  same plain one
  cmp plain/noise.csv one/noise.csv >difference || complain "probes changed noise.csv" difference
  train two 2 "${small[@]}" "${probes[@]}" --threads 2
  same plain two
  same_tables one two
  train seven 7 "${small[@]}" "${probes[@]}" --threads 1 # a rank without samples in the last mini-batch of an epoch
  same plain seven
  same_tables one seven
  compgen -G 'plain/probe-*' >/dev/null && complain "probes that nobody asked for"
  replaced none --epochs 0
  train none 2 "${none[@]}" "${probes[@]}" --threads 1
  ended none 0
  compgen -G 'none/probe-*' >/dev/null && complain "probes of a run without steps"
  train other 1 "${small[@]}" "${probes[@]}" --threads 1 --lr 0.2
  ! cmp -s one/probe-drift.csv other/probe-drift.csv || complain "another learning rate has the same drift"
}

goes_on() {
  train cut 3 "${small[@]}" "${probes[@]}" --checkpoint-every 3
  ln -sf checkpoint-3.h5 cut/last.h5
  run cut 1 train --resume --output cut
  ended cut 0
  same plain cut
  same_tables one cut
}

# Killed before its first checkpoint it begins again, and so does its table, in which step 0 stands already.
begins_again() {
  train begun 2 "${small[@]}" "${probes[@]}" --checkpoint-every 100
  rm begun/last.h5 begun/checkpoint-*.h5
  run begun 3 train --resume --output begun
  ended begun 0
  same plain begun
  same_tables one begun
}

frozen_weights_do_not_drift() {
  train frozen 1 "${small[@]}" --probe drift,gradients --lr 0
  [ "$(cut -d, -f2 frozen/probe-drift.csv | sort -u | tr '\n' ' ')" = " 0 drift " ] || complain "they do" frozen/probe-drift.csv
  [ "$(awk -F, 'NR > 1 { print $3 + 0 }' frozen/probe-gradients.csv | sort -u)" = 0 ] || complain "their gradients shift" frozen/probe-gradients.csv
}

# Activations and drift are measured together, and so are gradients and landscape.
one_table_for_each_that_is_asked_for() {
  local table
  for table in $tables; do
    train "only-$table" 1 "${small[@]}" --probe "$table" --probe-samples 70
    ended "only-$table" 0
    [ "$(cd "only-$table" && compgen -G 'probe-*')" = "probe-$table.csv" ] || complain "only-$table has other tables"
    cmp "one/probe-$table.csv" "only-$table/probe-$table.csv" >difference ||
      complain "$table alone is not $table among others" difference
  done
}

# Mini-batches of 8 to 128 of 150 samples; their company is drawn, so it is not the run's.
noise_of_a_fixed_sample() {
  train quiet 1 "${small[@]}" --threads 2 --probe noise --probe-draws 1000
  ended quiet 0
  same plain quiet
  train quiet3 3 "${small[@]}" --threads 1 --probe noise --probe-draws 1000
  cmp quiet/probe-noise.csv quiet3/probe-noise.csv >difference || complain "another rank count has another noise" difference
  [ "$(wc -l <quiet/probe-noise.csv)" -eq 11 ] || complain "not 2 layers x 5 sizes" quiet/probe-noise.csv
  train without 1 "${small[@]}" --probe noise --bn none
  ended without 2
  says without 'probe noise measures what batch norm does, and bn = none has none'
}

wrong_layers_are_named() {
  train nowhere 2 "${small[@]}" --probe drift --probe-layer conv7
  ended nowhere 2
  says nowhere 'no convolution or dense layer of that name; its last one is dense3'
  [ ! -e nowhere ] || complain "a folder for a run that did not begin"
}

no_bit_changes
goes_on
begins_again
frozen_weights_do_not_drift
one_table_for_each_that_is_asked_for
noise_of_a_fixed_sample
wrong_layers_are_named
finish
