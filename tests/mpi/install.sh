#!/usr/bin/env bash
# An installed Lockstep works without the folder that it was built in: program, manual pages, completion, headers, libraries, jobs.
# usage: install.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

prefix=$folder/prefix
build=$(dirname "$LOCKSTEP")
cmake --install "$build" --prefix "$prefix" >install.log 2>&1 || complain "it cannot be installed" install.log
DESTDIR=$folder/staged cmake --install "$build" --prefix /usr >staged.log 2>&1 || complain "DESTDIR" staged.log
[ -x "$folder/staged/usr/bin/lockstep" ] || complain "DESTDIR is not heeded" staged.log

program=$prefix/bin/lockstep
train trained 2 "$prefix/share/lockstep/digits.h5" --model "$prefix/share/lockstep/models/mlp.model" --epochs 1
ended trained 0
train preset 1 "$prefix/share/lockstep/digits.h5" --model mlp --epochs 1
same trained preset

run version 0 --version
for word in lockstep compiler MPI HDF5 oneDNN isa; do says version "^$word  *[0-9a-zA-Z]"; done

# Every option of every command stands in its manual page and in the completion, and the pages are sound.
# shellcheck source=/dev/null
source "$prefix/share/bash-completion/completions/lockstep"

# completes EXPECTED WORD...: the last word is under the cursor.
completes() {
  local expected=$1
  shift
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
  _lockstep 2>/dev/null || true
  grep -qxF -- "$expected" <(printf '%s\n' "${COMPREPLY[@]}") || complain "completion of '$*' lacks $expected: ${COMPREPLY[*]}"
}

commands=$("$program" --help | sed -n 's/^  \([a-z-]*\) .*/\1/p')
[ "$(wc -w <<<"$commands")" -ge 10 ] || complain "commands: $commands"
for command in $commands; do
  page=$prefix/share/man/man1/lockstep-$command.1
  [ -s "$page" ] || complain "no manual page of $command"
  completes "$command" lockstep "${command:0:2}"
  sed 's/\\-/-/g' "$page" >page.plain
  for option in $("$program" help "$command" | sed -n 's/^  \(-[a-z],\|   \) --\([a-z0-9-]*\).*/\2/p'); do
    grep -q -- "--$option\\\\f" page.plain || complain "the page of $command lacks --$option"
    completes "--$option$(grep -qE "^ .*--$option=" <("$program" help "$command") && echo '=')" mpirun -np 2 lockstep "$command" "--$option"
  done
done
completes resnet20 lockstep train --model = resn
completes cosine lockstep compare --schedule = c
completes rank lockstep train --bn = ra
completes trained lockstep info tra
grep -l '^lks_.* .- *\(Local\|Collective\|Logically\)' "$prefix"/share/man/man3/*.3 >undescribed || true
[ ! -s undescribed ] || complain "pages that do not say what the function does" undescribed
if has_tool man "how manual pages are shown"; then
  for page in "$prefix"/share/man/man[157]/* "$prefix"/share/man/man3/{lockstep,lks_batch_norm_create_all}.3; do
    man --warnings -E UTF-8 -l -Tutf8 -Z "$page" >/dev/null 2>page.err || complain "$page cannot be shown" page.err
    [ ! -s page.err ] || complain "$page is not sound" page.err
  done
fi

if has_tool groff "what else groff says of the library's pages"; then
  groff -man -Tutf8 -ww -z "$prefix"/share/man/man3/*.3 >groff.log 2>&1 || complain "pages of section 3 cannot be shown" groff.log
  [ ! -s groff.log ] || complain "pages of section 3 are not sound" groff.log
fi

# sound LANGUAGE STANDARD: each public header by itself, for one compiler.
sound() {
  local header
  for header in "$prefix"/include/lockstep/*.h; do
    printf '#include <lockstep/%s>\nextern int nothing;\n' "$(basename "$header")" |
      "$mpicc" -x "$1" -std="$2" -Wall -Wextra -Wpedantic -Werror -DOMPI_SKIP_MPICXX -DMPICH_SKIP_MPICXX -c -o header.o \
        "-I$prefix/include" - >header.log 2>&1 || complain "$(basename "$header") as $2" header.log
  done
}

# same_output NAME COMMAND...: an example prints the same on one to four ranks, but for lines that begin with MPI_.
same_output() {
  local name=$1 n
  shift
  for n in 1 2 3 4; do
    rm -f user.h5
    limited 60 "$MPIEXEC" -n "$n" "$@" >"$name.$n" 2>&1 || complain "$name fails on $n ranks" "$name.$n"
    sed -i '/^MPI_/d' "$name.$n"
    cmp -s "$name.1" "$name.$n" || complain "$name prints something else on $n ranks" "$name.1" "$name.$n"
  done
}

# ran FOLDER: its examples.
ran() {
  same_output batch_norm "$1/batch_norm"
  local mean
  mean=$(sed -n 's/^channel 2: .* running mean //p' batch_norm.1)
  awk -v mean="$mean" 'BEGIN { for (r = 0; r < 64; r++) sum += (3 * r + 2) * 7919 % 1000 / 100
    d = mean - 0.1 * sum / 64; exit !(mean != "" && d < 1e-6 && d > -1e-6) }' || complain "batch_norm: another mean" batch_norm.1
  same_output dot_product "$1/dot_product"
  same_output training_loop "$1/training_loop" "$prefix/share/lockstep/digits.h5" user.h5
  grep -qx "[0-9a-f]\{32\}" training_loop.1 || complain "training_loop does not end as it should" training_loop.1
}

# starts FOLDER: its examples find their libraries.
starts() {
  limited 60 "$MPIEXEC" -n 2 "$1/batch_norm" >user.out 2>&1 || complain "$1/batch_norm fails" user.out
  cmp -s user.out batch_norm.1 || complain "$1/batch_norm prints something else" user.out
}

# built_by_cmake FOLDER [OPTION]...
built_by_cmake() {
  { cmake -S "$examples" -B "$@" -DCMAKE_PREFIX_PATH="$prefix" -DMPI_C_COMPILER="$mpicc" && cmake --build "$1"; } >user.log 2>&1 ||
    complain "CMake: $1 cannot be built" user.log
  starts "$1"
}

# needs FILE LIBRARY: whether the linker finds that shared library for it, in the prefix.
needs() {
  ldd "$1" >needs.out 2>&1 || complain "ldd $1" needs.out
  grep -q "$2.* => $libraries/" needs.out
}

mpicc=${MPICC:-mpicc} has_cxx=no
examples=$prefix/share/lockstep/examples
sound c c17
if echo 'int main() { return 0; }' | "$mpicc" -x c++ -std=c++17 -c -o header.o - 2>/dev/null; then
  sound c++ c++17
  has_cxx=yes
else
  skipped "the headers in C++" "there is no compiler for it"
fi
[ -s "$prefix/share/doc/lockstep/LICENSE" ] || complain "there is no LICENSE"

if [ "${LOCKSTEP_SANITIZE:-OFF}" = ON ]; then
  skipped "a program of the library" "it was built with sanitizers"
else
  PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name lockstep.pc)")
  export PKG_CONFIG_PATH
  libraries=$(cd "$(pkg-config --variable=libdir lockstep)" && pwd)
  mkdir by-pkg-config static
  for example in batch_norm dot_product training_loop; do
    # shellcheck disable=SC2046 # words
    "$mpicc" -Wall -Wextra "$examples/$example.c" -o "by-pkg-config/$example" $(pkg-config --cflags --libs lockstep) -lm \
      "-Wl,-rpath,$libraries" >user.log 2>&1 || complain "pkg-config: $example cannot be built" user.log
    [ ! -s user.log ] || complain "$example: warnings" user.log
  done
  ran by-pkg-config
  needs by-pkg-config/batch_norm liblockstep.so.0 || complain "pkg-config: not the shared library" needs.out
  if [ "$has_cxx" = yes ]; then
    printf '#include <lockstep/lockstep.h>\nint main() { return lks_allocations_open() != 0; }\n' >user.cc
    # shellcheck disable=SC2046 # words
    { "$mpicc" -std=c++17 -x c++ -DOMPI_SKIP_MPICXX -DMPICH_SKIP_MPICXX user.cc -x none -o in-c++ \
      $(pkg-config --cflags --libs lockstep) "-Wl,-rpath,$libraries" && ./in-c++; } >user.log 2>&1 || complain "a program in C++" user.log
  fi
  flags=$(pkg-config --static --cflags --libs lockstep)
  # shellcheck disable=SC2086 # words
  "$mpicc" "$examples/batch_norm.c" -o static/batch_norm ${flags/-llockstep/-l:liblockstep.a} >user.log 2>&1 ||
    complain "pkg-config --static: a program cannot be built" user.log
  starts static
  built_by_cmake by-cmake
  if needs by-cmake/batch_norm liblockstep; then complain "CMake: not the static library" needs.out; fi
  built_by_cmake by-cmake-shared -DBUILD_SHARED_LIBS=ON
  needs by-cmake-shared/batch_norm liblockstep.so.0 || complain "CMake: not the shared library" needs.out

  version=$(sed -n 's/^#define LOCKSTEP_VERSION_[A-Z]* //p' "$prefix/include/lockstep/lockstep.h" | paste -sd.)
  [ "$version" = "$(pkg-config --modversion lockstep)" ] || complain "the headers are of version $version"
  "$program" --version | grep "^lockstep  *$version$" >/dev/null || complain "the program is not of version $version"

  # The shared library has what the headers declare, all of it, and nothing else.
  cat "$prefix"/include/lockstep/*.h | sed 's|/\*.*\*/||' | grep -v '^ *\*\|typedef\|#define' |
    grep -oE '\blks_[a-z0-9_]+ ?\(|\blks_model_help\b' | tr -d ' (' | sort -u >declared
  nm -D --defined-only "$libraries/liblockstep.so" | awk '$3 ~ /^[a-z]/ { print $3 }' | sort -u >shown # others are the compiler's
  while IFS= read -r name; do
    [ -s "$prefix/share/man/man3/$name.3" ] || complain "no manual page of $name"
  done < <(grep -v '^lks_model_help$' declared)
  diff declared shown >difference || complain "what the shared library shows is not what the headers declare" difference
  for file in "$prefix/bin/lockstep" "$libraries/liblockstep.so"; do
    if readelf -d "$file" | grep -E 'R(UN)?PATH' >path.out && grep -qF "$build" path.out; then complain "$file knows $build" path.out; fi
  done
fi

# The installed job scripts find the program and each other, from anywhere, and as a copy, which is what Slurm runs.
jobs=$prefix/share/lockstep/jobs
unset LOCKSTEP
mkdir fake spool
# shellcheck disable=SC2016 # for the fakes
printf '#!/bin/sh\necho "$LOCKSTEP_HOME $*" >>sbatch.out\necho 7\n' >fake/sbatch
printf '#!/bin/sh\necho "mpirun (Open MPI) 4.1.4 $*"\n' >fake/mpirun
chmod +x fake/*
cp "$jobs/train.sbatch" spool/slurm_script
SLURM_JOB_ID=1 SLURM_NTASKS=2 SLURM_SUBMIT_DIR=$PWD SRUN_MPI=none MPIRUN="env $MPIEXEC" bash spool/slurm_script \
  "$prefix/share/lockstep/digits.h5" --model mlp --epochs 1 --output job >job.out 2>job.err || complain "train.sbatch" job.out job.err
same trained job
cp "$jobs/study.sbatch" spool/slurm_script
SLURM_JOB_ID=1 SLURM_NTASKS=2 SLURM_SUBMIT_DIR=$PWD SRUN_MPI=none MPIRUN="env $MPIEXEC" bash spool/slurm_script \
  placement --epochs 1 --seeds 1 >study.out 2>study.err || complain "study.sbatch" study.out study.err
[ -s studies/placement/report.html ] || complain "study.sbatch made no page" study.out study.err
PATH=$PWD/fake:$PATH "$jobs/compare.sh" -- DATA --bn sync,8 -o DIR >compare.out 2>&1 || complain "compare.sh" compare.out
for name in compare report; do
  grep -q "^$prefix/share/lockstep .* $jobs/$name.sbatch" sbatch.out || complain "$name.sbatch is not submitted" sbatch.out
done
printf '[Arm of file]\nlr = 1\n' >arms.ini
PATH=$PWD/fake:$PATH "$jobs/compare.sh" -- DATA --bn 8 --config arms.ini --arm 'a b:lr=0.5' --arm='"rank:4":bn=rank:4' --seeds 1 -o DIR \
  >compare.out 2>&1 || complain "compare.sh with arms" compare.out
grep -q "compare.sbatch 8:1,of file:1,a b:1,rank:4:1 DATA" sbatch.out || complain "compare.sh takes other arms" sbatch.out
echo "localhost slots=2" >hosts
MPIRUN=$PWD/fake/mpirun "$jobs/hosts.sh" hosts train DATA >hosts.out 2>&1 || complain "hosts.sh" hosts.out
grep -q " $prefix/bin/lockstep train DATA$" hosts.out || complain "hosts.sh does not start the program" hosts.out
finish
