#!/usr/bin/env bash
# A checkpoint is never lost: not by damage to the newest one, not by a write that fails, not by removing old ones. Whatever
# happens, the run ends as if nothing had happened.
# usage: checkpoint_kept.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

# 12 steps an epoch.
run data 0 generate -o data.h5 --shape 8x8x1 --train 715 --test 61
settings=(data.h5 --model mlp --batch-size 64 --threads 1 --schedule constant --checkpoint-every 5 --log-every 1)
train whole 2 "${settings[@]}" --epochs 3
ended whole 0

# begun NAME [OPTION]...: a run with checkpoints at steps 5, 10, 15, 20 and 24.
train half 2 "${settings[@]}" --epochs 2
ended half 0
begun() { cp -r half "$1"; }

# goes_on NAME RANKS [OPTION]...: to the end of the third epoch.
goes_on() {
  run "$1" "$2" train --resume --output "$1" --epochs 3 "${@:3}"
}

# alike NAME: that run ended as the one that nothing happened to, with the same rows.
alike() {
  ended "$1" 0
  same whole "$1"
  cmp -s whole/steps.csv "$1/steps.csv" || complain "$1: its steps.csv is another"
}

checkpoints_of() {
  (cd "$1" && echo checkpoint-*.h5)
}

damaged_newest() {
  begun cut
  truncate -s 5000 cut/checkpoint-24.h5
  goes_on cut 3
  alike cut
  says cut "warning: .*cut/checkpoint-24.h5: .*damaged.*; the run goes on from cut/checkpoint-20.h5$"
  says cut "^resume   from cut/checkpoint-20.h5: epoch 1, step 20$"

  begun several
  rm several/checkpoint-24.h5
  for step in 20 15; do printf 'not HDF5' >"several/checkpoint-$step.h5"; done
  goes_on several 1
  alike several
  says several "warning: .*cannot read several/checkpoint-24.h5: No such file .*; the run goes on from several/checkpoint-10.h5, as those between"

  # The state of another step, with its hash: whole in itself, and not what the run was at.
  begun other-run
  train short 1 "${settings[@]}" --epochs 2 --momentum 0.8
  cp short/checkpoint-20.h5 other-run/checkpoint-20.h5
  truncate -s 5000 other-run/checkpoint-24.h5
  goes_on other-run 2
  alike other-run
  says other-run "the run goes on from other-run/checkpoint-15.h5"

  begun hopeless
  for file in hopeless/checkpoint-*.h5; do truncate -s 5000 "$file"; done
  contents_of hopeless >before
  goes_on hopeless 2
  ended hopeless 3
  says hopeless "error: .*hopeless/checkpoint-24.h5: "
  unchanged hopeless
}

link_that_is_none() {
  begun unlinked
  rm unlinked/last.h5
  goes_on unlinked 2
  alike unlinked
  says unlinked "resume   from unlinked/checkpoint-24.h5"

  begun copied
  cp --remove-destination copied/checkpoint-15.h5 copied/last.h5
  goes_on copied 2
  alike copied
  says copied "resume   from copied/last.h5: epoch 1, step 15"
}

# Who goes back by hand loses neither that one nor the newer ones, until the run is past them.
gone_back() {
  begun back
  ln -sf checkpoint-10.h5 back/last.h5
  run back 1 train --resume --output back --epochs 2 --keep 1 --max-time 0.001
  ended back 75
  [ -e back/last.h5 ] || complain "back: last.h5 leads nowhere: $(checkpoints_of back)"
  case " $(checkpoints_of back) " in *" checkpoint-15.h5 checkpoint-20.h5 checkpoint-24.h5 "*) ;; *)
    complain "back: newer checkpoints were removed: $(checkpoints_of back)" ;;
  esac
  goes_on back 2 --keep 1
  alike back
  [ "$(checkpoints_of back)" = checkpoint-36.h5 ] || complain "back: not one checkpoint is left, but $(checkpoints_of back)"
}

# A folder of that name: the checkpoint cannot be given it.
failed_writes() {
  local name
  begun failing
  mkdir failing/checkpoint-30.h5
  goes_on failing 2 --keep 1
  alike failing
  says failing "warning: no checkpoint of step 30: .*cannot write failing/checkpoint-30.h5: Is a directory; the newest is that of step 25; the run goes on"
  [ "$(checkpoints_of failing)" = "checkpoint-30.h5 checkpoint-36.h5" ] || complain "failing: left $(checkpoints_of failing)"

  begun last-fails
  mkdir last-fails/checkpoint-36.h5
  goes_on last-fails 3 --keep 1
  ended last-fails 4
  says last-fails "error: .*no checkpoint of step 36, the last one: .*cannot write last-fails/checkpoint-36.h5: Is a directory; the newest is that of step 35"
  rmdir last-fails/checkpoint-36.h5
  goes_on last-fails 1 --keep 1
  alike last-fails

  # The first of many, and every tenth behind it.
  begun many
  for step in {25..35}; do mkdir "many/checkpoint-$step.h5"; done
  goes_on many 2 --checkpoint-every 1
  alike many
  for step in 25 35; do says many "no checkpoint of step $step: .*; the newest is that of step 24"; done
  [ "$(grep -c 'warning: no checkpoint' many.err)" -eq 2 ] || complain "many: not two warnings for eleven failures" many.err
  for name in failing last-fails many; do
    if compgen -G "$name/*.tmp" >/dev/null; then complain "$name: temporary files are left: $(echo "$name"/*.tmp)"; fi
  done
}

# What a process that is gone left goes when the run goes on; what another one still writes stays.
litter_goes() {
  local gone host
  host=$(hostname)
  true &
  gone=$!
  wait
  begun littered
  touch "littered/checkpoint-30.h5.$host.$gone.tmp" "littered/config.ini.$host.$gone-2.tmp" "littered/checkpoint-30.h5.$host.$$.tmp"
  ln -s checkpoint-30.h5 "littered/last.h5.$host.$gone.tmp"
  goes_on littered 2
  alike littered
  [ "$(cd littered && echo *.tmp)" = "checkpoint-30.h5.$host.$$.tmp" ] || complain "littered: $(cd littered && echo *.tmp)"
}

# A table that would lead out of the folder is refused before anything is written.
tables_that_are_links() {
  begun linked
  mv linked/metrics.csv outside.csv
  ln -s ../outside.csv linked/metrics.csv
  cksum outside.csv >outside.before
  goes_on linked 2
  ended linked 4
  says linked "error: .*linked/metrics.csv is a link"
  cksum outside.csv | diff outside.before - >difference || complain "a link led out of the folder" difference
}

damaged_newest
link_that_is_none
gone_back
failed_writes
litter_goes
tables_that_are_links
finish
