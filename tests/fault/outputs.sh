#!/usr/bin/env bash
# Files that commands make at once (datasets, arrays, tables): a call on a file fails, or the program is killed before it, or gets a
# signal, or another one makes the same file meanwhile. The output is whole or not there, what was there before stays until
# then, and no temporary file is left, after a kill not longer than until the next writing.
# usage: outputs.sh [PATTERN], with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment; tries a sample, which
#   LOCKSTEP_FAULT_SEED repeats; all, with LOCKSTEP_SOAK=1; or the cases that match, such as 'output npz 3 EIO once'
# shellcheck disable=SC2317 # each_case calls what seems to be called by nobody
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"
# shellcheck source=tests/support/faults.sh
source "$LOCKSTEP_SOURCE/tests/support/faults.sh"
needs_failing_calls
echo "seed $seed"

# What is made, with blanks and letters of other alphabets in its name.
output='größe 1'
declare -A made=([import]=.h5 [corrupt]=.h5 [generate]=.h5 [npz]=.npz [csv]=.csv [weights]=.safetensors [arrays]=.npz [network]=.onnx [imported]=.h5)
kinds=(import corrupt generate npz csv weights arrays network imported)

# command_of KIND FILE: the array `command` makes it.
command_of() {
  case $1 in
    import) command=(import npz samples.npz -o "$2") ;;
    corrupt) command=(corrupt samples.h5 --invert -o "$2") ;;
    generate) command=(generate --train 203 --test 61 --shape 8x8x1 -o "$2") ;;
    weights | arrays | network) command=(export run/last.h5 -o "$2") ;;
    imported) command=(import-weights run/last.h5 samples.h5 --model mlp -o "$2") ;;
    *) command=(export-data samples.h5 -o "$2") ;;
  esac
}

# temporaries FOLDER
temporaries() {
  find "$1" -name '*.tmp*'
}

# output_case KIND CALL HOW WHEN: beside nothing, or in place of an older file.
output_case() {
  local kind=$1 call=$2 how=$3 name=output-$1-$2-$3-$4 before=$failures path code force=()
  path=$name/$output${made[$kind]}
  mkdir "$name"
  if [ $((call % 2)) -eq 0 ]; then
    echo old >"$path"
    force=(--force)
  fi
  command_of "$kind" "$path"
  struck "$name" "$name" 0 "$call" "$how" "$4" "${command[@]}" "${force[@]}"
  [ "$(counted "$name")" -ge "$call" ] || complain "$name: the call was not reached" "$name.log"
  code=$(<"$name.code")
  # What is killed may be the process that reads for it.
  if [ "$how-$code" = kill-4 ]; then ended "$name" 4; else ended_as_told "$name" "$how"; fi
  if [ "$code" -eq 0 ] && [ ! -e "$path" ]; then complain "$name: ended with 0 and without its file"; fi
  if [ -n "${force[*]}" ] && [ ! -e "$path" ]; then complain "$name: what was there is lost"; fi
  if [ -e "$path" ] && ! cmp -s "$path" "whole-$kind/$output${made[$kind]}" && { [ "$code" -eq 0 ] || [ "$(<"$path")" != old ]; }; then
    complain "$name: neither the old file nor the new one is there" "$name.err"
  fi
  # What removes it may itself be what fails.
  if [ "$how" != kill ] && [ "$4" = once ] && ! grep -q $'unlink\t[1-9]' "$name.log" && [ -n "$(temporaries "$name")" ]; then
    complain "$name: litter is left: $(temporaries "$name")" "$name.log"
  fi
  run "$name-on" 0 "${command[@]}" --force
  ended "$name-on" 0
  cmp "$path" "whole-$kind/$output${made[$kind]}" >"$name.difference" 2>&1 || complain "$name: another file in the end" "$name.difference"
  no_litter "$name" "$name"
  tried "$name" "${command[0]} .*$name/" "$before"
}

# A signal while the file is there, and not yet complete.
interrupted() {
  local kind=$1 signal=$2 name=$1-$2 pid calls=0
  mkdir "$name"
  command_of "$kind" "$name/$output${made[$kind]}"
  FAIL_KINDS=fsync, wait_milliseconds=$((1000 * $(slowed 60))) struck "$name" "$name" 0 1 wait onwards "${command[@]}" &
  while [ "${calls:-0}" -eq 0 ] && [ -n "$(jobs -rp)" ]; do
    sleep 0.02
    calls=$(counted "$name" 2>/dev/null) || true
  done
  [ -n "$(temporaries "$name")" ] || complain "$name: no temporary file was there" "$name.err"
  pid=$(pgrep -f "^$program ${command[0]} .*$name/" | head -n 1)
  kill "-$signal" "$pid"
  wait
  case $(<"$name.code") in 129 | 143) ;; *) complain "$name: ended with $(<"$name.code")" "$name.err" ;; esac
  [ -z "$(ls "$name")" ] || complain "$name: left $(ls "$name")"
}

# Two make one file that was not there when they began: the one that comes second is told.
two_at_once() {
  local kind=$1 name=two-$1 i codes
  mkdir "$name"
  command_of "$kind" "$name/$output${made[$kind]}"
  for i in 1 2; do
    FAIL_KINDS=link, wait_milliseconds=$((1000 * $(patience 2))) struck "$name-$i" "$name" 0 1 wait onwards "${command[@]}" &
  done
  wait
  codes=$(sort "$name-1.code" "$name-2.code" | tr '\n' ' ')
  [ "$codes" = "0 2 " ] || complain "$name: codes $codes" "$name-1.err" "$name-2.err"
  grep -hq 'is there now, and was not before\|is there already' "$name-1.err" "$name-2.err" || complain "$name: the second is not told" "$name-1.err" "$name-2.err"
  cmp "$name/$output${made[$kind]}" "whole-$kind/$output${made[$kind]}" || complain "$name: another file"
  [ -z "$(temporaries "$name")" ] || complain "$name: litter is left"
}

run samples 0 generate -o samples.h5 --shape 8x8x1 --train 203 --test 61
run arrays 0 export-data samples.h5 -o samples.npz
train run 0 samples.h5 --model mlp --epochs 0
run network 0 export run/last.h5 -o network.onnx
if grep -q "this build has no export to ONNX" network.err; then
  kinds=(import corrupt generate npz csv weights arrays imported)
  skipped "making ONNX models at once" "this build has no protobuf-c"
fi
# Odd calls are struck beside nothing, even ones in place of an older file, which are not quite the same calls.
for kind in "${kinds[@]}"; do
  mkdir "whole-$kind" "replaced-$kind"
  echo old >"replaced-$kind/$output${made[$kind]}"
  for way in whole replaced; do
    command_of "$kind" "$way-$kind/$output${made[$kind]}"
    if [ "$way" = replaced ]; then command+=(--force); fi
    struck "$way-$kind" "$way-$kind" 0 0 none once "${command[@]}"
    ended "$way-$kind" 0
    [ -z "$(temporaries "$way-$kind")" ] || complain "$kind: litter is left"
    awk -F '\t' -v kind="$kind" -v odd="$([ "$way" = whole ] && echo 1 || echo 0)" '$1 % 2 == odd {
      ways = "ENOSPC once,ENOSPC onwards,EIO once,kill once" ($2 == "write" ? ",short once" : "")
      n = split(ways, way, ",")
      for (i = 1; i <= n; i++) print kind " " $1 " " way[i]
    }' "$way-$kind.log" >>cases
  done
done
chosen output 10 <cases
each_case output output_case "failing calls while a file is made"
interrupted npz TERM
interrupted import HUP
for kind in "${kinds[@]}"; do
  case $kind in csv | import | weights | network | imported) two_at_once "$kind" ;; esac
done
finish
