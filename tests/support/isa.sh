# shellcheck shell=bash
# Instruction sets, for tests that run at each of them: isa_levels has all of x86-64's, isa_here those that this machine has,
# in ascending order. A bound of the environment counts.

isa_levels=(sse41 avx2 avx512 avx512_bf16 amx)
isa_best=$("${LOCKSTEP:?the program to be tested}" --version | sed -n 's/^isa *//p')
isa_here=()

# isa_word LEVEL: oneDNN's word for it, for ONEDNN_MAX_CPU_ISA.
isa_word() {
  case $1 in
    sse41 | avx2) echo "${1^^}" ;;
    avx512) echo AVX512_CORE ;;
    *) echo "AVX512_CORE_${1##*_}" | tr '[:lower:]' '[:upper:]' ;;
  esac
}

# isa_find: fills isa_here; empty on other architectures.
isa_find() {
  local level
  case " ${isa_levels[*]} " in *" $isa_best "*) ;; *) return ;; esac
  for level in "${isa_levels[@]}"; do
    isa_here+=("$level")
    if [ "$level" = "$isa_best" ]; then return; fi
  done
}

# isa_say_missing: what is not tested here, and why.
isa_say_missing() {
  local level
  for level in "${isa_levels[@]:${#isa_here[@]}}"; do echo "skipped: $level, this machine has $isa_best at best"; done
}

isa_find
