#!/usr/bin/env bash
# --isa, as a user meets it: held, bounded by the environment, refused; ranks of different processors; a run that goes on
# elsewhere. Lesser processors are emulated by ONEDNN_MAX_CPU_ISA, which leaves a rank less than its processor has.
# usage: isa.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"
# shellcheck source=tests/support/isa.sh
source "$LOCKSTEP_SOURCE/tests/support/isa.sh"

if [ "${#isa_here[@]}" -lt 2 ]; then
  echo "skipped: this machine has $isa_best and nothing below it"
  exit 77
fi
# Of those below the best, the highest with other bits in fp32.
less=sse41
if [ "$isa_best" != avx2 ]; then less=avx2; fi
word=$(isa_word "$less")
data=$LOCKSTEP_SOURCE/data/digits.h5
settings=(--model cnn --train-samples 203 --batch-size 64 --lr 0.05 --schedule constant --threads 1)
common=("$data" "${settings[@]}" --epochs 2)

# silent NAME: that run warned of nothing.
silent() {
  ! grep -h "warning" "$1.out" "$1.err" || complain "$1: warns"
}

# at NAME LEVEL: the newest checkpoint of that run names it.
at() {
  run "$1-info" 0 info "$1/last.h5"
  says "$1-info" "instruction set $2 "
}

setting_and_environment_give_the_same_bits() {
  train best 1 "${common[@]}"
  train held 1 "${common[@]}" --isa "$less"
  ONEDNN_MAX_CPU_ISA=$word train bounded 2 "${common[@]}"
  ONEDNN_MAX_CPU_ISA=${word,,} train lower 2 "${common[@]}" --isa sse41
  train unheard 2 "${common[@]}" --isa auto --bn 16
  ONEDNN_MAX_CPU_ISA=AVX3 train unknown 2 "${common[@]}"
  (
    unset ONEDNN_MAX_CPU_ISA # which comes before the older name
    DNNL_MAX_CPU_ISA=$word train older 1 "${common[@]}"
  )
  for name in best held bounded lower unknown older; do ended "$name" 0; done
  for name in best held bounded lower older; do silent "$name"; done
  says held "; isa $less;"
  says best "; isa $isa_best;"
  same held bounded
  same held older
  if [ -z "${ONEDNN_MAX_CPU_ISA:-}" ]; then same best unknown; fi # else this whole test is bounded, and that run was not
  differs best held
  differs best unheard
  if [ "$less" != sse41 ]; then differs held lower; fi
  says lower "; isa sse41;"
  says unknown "warning: ONEDNN_MAX_CPU_ISA=AVX3 in the environment is ignored"
  [ "$(grep -c "is ignored" unknown.err)" -eq 1 ] || complain "unknown: warns more than once" unknown.err
  at held "$less"
  at best "$isa_best"
}

# config.ini keeps the setting, and names what repeats the run.
config_repeats_the_run() {
  says_file bounded/config.ini "^# instruction set: $less; with isa = $less other processors repeat the run"
  says_file bounded/config.ini "^isa = auto$"
  says_file held/config.ini "^isa = $less$"
  run repeated 2 train --config held/config.ini --output repeated
  ended repeated 0
  same held repeated
}

says_file() {
  grep -q -- "$2" "$1" || complain "$1: does not say: $2" "$1"
}

# mixed NAME OPTION...: rank 0 of two has a lesser processor. By a script that asks for its rank: Open MPI 5.0.7's mpirun crashes on
# two programs in one job.
cat >one_lesser.sh <<END
#!/usr/bin/env bash
if [ "\${OMPI_COMM_WORLD_RANK:-\${PMI_RANK:-}}" = 0 ]; then export ONEDNN_MAX_CPU_ISA=$word; fi
exec "\$@"
END
chmod +x one_lesser.sh
mixed() {
  local name=$1 code=0
  shift
  limited 100 "$MPIEXEC" -n 2 ./one_lesser.sh "$program" train "${common[@]}" --output "$name" "$@" >"$name.out" 2>"$name.err" || code=$?
  echo "$code" >"$name.code"
}

ranks_of_different_processors() {
  local tries
  for tries in 1 2 3; do # Open MPI 5's mpirun may send the beginning of a line to standard output
    mixed mixed
    if grep -q '^lockstep: warning: the ranks .* all use' mixed.err; then break; fi
    echo "mixed: no whole warning, try $tries"
    rm -rf mixed
  done
  ended mixed 0
  same held mixed
  says mixed "; isa $less;"
  says mixed "rank 0 on .*, $less; rank 1 on .*, $isa_best"
  says mixed "warning: the ranks do not have the same instruction set: the least is $less, the best $isa_best (line .job.), and all use $less"
  mixed refused --isa "$isa_best"
  ended refused 2
  says refused "rank 0 on .*: --isa $isa_best: ONEDNN_MAX_CPU_ISA=$word in the environment leaves $less at best; choose --isa $less"
  [ ! -e refused ] || complain "refused: made a folder"
}

what_the_processor_lacks_is_refused() {
  local above=${isa_levels[${#isa_here[@]}]:-}
  if [ -z "$above" ]; then
    echo "skipped: this machine has all instruction sets, none to be refused"
    return
  fi
  train lacking 2 "${common[@]}" --isa "$above"
  ended lacking 2
  says lacking "error: --isa $above: .*$isa_best at best; choose --isa $isa_best, which all ranks have, or auto"
  run evaluate-lacking 1 evaluate best/last.h5 "$data" --isa "$above"
  ended evaluate-lacking 2
}

bf16_names_the_setting() {
  train narrow 2 "${common[@]}" --isa "$less" --precision bf16
  ended narrow 2
  says narrow "error: --precision bf16 needs --isa avx512_bf16 or amx, .* $less is in use; choose --precision fp32"
}

# begun NAME LEVEL: the first of two epochs.
begun() {
  train "$1" 1 "$data" "${settings[@]}" --epochs 1 --isa "$2"
}

# `auto` keeps what a run began with, where it can.
resumed_elsewhere() {
  local other="bits will differ from those of the uninterrupted run; to keep them, resume with --isa"
  ONEDNN_MAX_CPU_ISA=$word begun moved-up auto
  run moved-up 2 train --resume --output moved-up --epochs 2
  ended moved-up 0
  silent moved-up
  same held moved-up
  at moved-up "$less"

  begun moved-down auto
  ONEDNN_MAX_CPU_ISA=$word run moved-down 2 train --resume --output moved-down --epochs 2
  ended moved-down 0
  says moved-down "warning: this run had instruction set $isa_best and goes on with $less: its $other $isa_best"
  differs best moved-down
  differs held moved-down
  at moved-down "$less"
  run moved-on 1 train --resume --output moved-down --epochs 3
  ended moved-on 0
  silent moved-on

  ONEDNN_MAX_CPU_ISA=$word begun asked auto
  run asked 1 train --resume --output asked --epochs 2 --isa "$isa_best"
  ended asked 0
  says asked "warning: this run had instruction set $less and goes on with $isa_best: its $other $less"
  differs held asked
}

# What was asked for is not given up silently.
a_held_run_is_not_moved() {
  begun strict "$isa_best"
  cp -r strict strict-before
  ONEDNN_MAX_CPU_ISA=$word run strict 1 train --resume --output strict --epochs 2
  ended strict 2
  says strict "leaves $less at best; choose --isa $less, which all ranks have, or auto"
  diff -r strict strict-before || complain "strict: was changed"
  ONEDNN_MAX_CPU_ISA=$word run strict-auto 1 train --resume --output strict --epochs 2 --isa auto
  ended strict-auto 0
  says strict-auto "this run had instruction set $isa_best and goes on with $less"
}

# Processors of other makes, which say themselves what they have: emulated ones, with caches of other sizes too.
emulated_processors() {
  local emulator processor level
  emulator=$(command -v qemu-x86_64-static qemu-x86_64 | head -n 1 || true)
  if [ -z "$emulator" ] || [ "${LOCKSTEP_SANITIZE:-OFF}" = ON ]; then
    echo "skipped: emulated processors, which need qemu-x86_64 (Debian's package qemu-user-static) and no sanitizers"
    return
  fi
  local small=("$data" --model mlp --train-samples 100 --batch-size 32 --epochs 1 --threads 1)
  for processor in Nehalem Haswell; do
    level=sse41
    if [ "$processor" = Haswell ]; then level=avx2; fi
    limited 100 "$emulator" -cpu "$processor" "$program" --version >"$processor.out" 2>"$processor.err" || true
    if ! grep -q "^isa" "$processor.out" || { [ "$level" = avx2 ] && grep -q "doesn't support.*avx2" "$processor.err"; }; then
      echo "skipped: $processor, which this emulator has not"
      continue
    fi
    says "$processor" "^isa  *$level$"
    train "on-$processor-native" 1 "${small[@]}" --isa "$level"
    limited 100 "$emulator" -cpu "$processor" "$program" train "${small[@]}" --output "on-$processor" \
      >"on-$processor.out" 2>"on-$processor.err" || true
    says "on-$processor" "; isa $level;"
    same "on-$processor-native" "on-$processor"
  done
}

# value NAME KEY: of the one JSON object that it printed.
value() {
  sed -n "s/.*\"$2\": \([-+.e0-9]*\).*/\1/p" "$1.out"
}

other_commands() {
  run evaluate-less 2 evaluate held/last.h5 "$data" --isa "$less" --json
  run evaluate-best 2 evaluate held/last.h5 "$data" --json
  ONEDNN_MAX_CPU_ISA=$word run evaluate-bounded 1 evaluate held/last.h5 "$data" --json
  for name in evaluate-less evaluate-best evaluate-bounded; do ended "$name" 0; done
  [ "$(value evaluate-less loss)" = "$(value evaluate-bounded loss)" ] || complain "evaluate: --isa is not the bound"
  [ "$(value evaluate-less loss)" != "$(value evaluate-best loss)" ] || complain "evaluate: --isa changes nothing"
  run predict-less 0 predict held/last.h5 "$data:0-40" --isa "$less" --csv
  run predict-best 0 predict held/last.h5 "$data:0-40" --csv
  ended predict-less 0
  ! cmp -s predict-less.out predict-best.out || complain "predict: --isa changes nothing"
  run bench 2 bench --model mlp --shape 8x8x1 --isa "$less" --seconds 0.01 --repeats 1 --threads 1 --json
  ended bench 0
  says bench "\"isa\": \"$less\""
  run plan 2 plan "$data" --model mlp --isa "$less" --seconds 0.01 --threads 1
  ended plan 0
  ONEDNN_MAX_CPU_ISA=$word run version 0 --version
  says version "^isa  *$less$"
}

# Several networks in one process; then more of them, by a process that would choose otherwise.
compared() {
  local arguments=(compare "$data" "${settings[@]}" --epochs 1 --progress none --output comparison)
  run compared 2 "${arguments[@]}" --bn sync,16 --seeds 1 --isa "$less"
  ended compared 0
  run compared-on 2 "${arguments[@]}" --bn sync,16 --seeds 2 --isa "$less"
  ended compared-on 0
  run compared-other 2 "${arguments[@]}" --bn sync,16 --seeds 3
  ended compared-other 2
  says compared-other "has isa = $less, not auto"
  find comparison -name config.ini -exec grep -L "^# instruction set: $less;" {} + >others
  [ ! -s others ] || complain "compared: runs at other instruction sets" others
  [ "$(find comparison -name config.ini | wc -l)" -eq 4 ] || complain "compared: not four runs"
}

setting_and_environment_give_the_same_bits
config_repeats_the_run
ranks_of_different_processors
what_the_processor_lacks_is_refused
bf16_names_the_setting
resumed_elsewhere
a_held_run_is_not_moved
emulated_processors
other_commands
compared
finish
