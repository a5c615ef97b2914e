#!/usr/bin/env bash
# An installed Lockstep works without the folder that it was built in: program, library, manual pages, completion.
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

commands=$("$program" --help | sed -n 's/^  \([a-z]*\) .*/\1/p')
[ "$(wc -w <<<"$commands")" -ge 10 ] || complain "commands: $commands"
for command in $commands; do
  page=$prefix/share/man/man1/lockstep-$command.1
  [ -s "$page" ] || complain "no manual page of $command"
  completes "$command" lockstep "${command:0:2}"
  sed 's/\\-/-/g' "$page" >page.plain
  for option in $("$program" help "$command" | sed -n 's/^  [ -][a-z ]*,* *--\([a-z0-9-]*\).*/\1/p'); do
    grep -q -- "--$option\\\\f" page.plain || complain "the page of $command lacks --$option"
    completes "--$option$(grep -qE "^ .*--$option=" <("$program" help "$command") && echo '=')" mpirun -np 2 lockstep "$command" "--$option"
  done
done
completes resnet20 lockstep train --model = resn
completes cosine lockstep compare --schedule = c
completes rank lockstep train --bn = ra
completes trained lockstep info tra
if has_tool man "how manual pages are shown"; then
  for page in "$prefix"/share/man/man*/*; do
    man --warnings -E UTF-8 -l -Tutf8 -Z "$page" >/dev/null 2>page.err || complain "$page cannot be shown" page.err
    [ ! -s page.err ] || complain "$page is not sound" page.err
  done
fi

# A program of ten lines.
cat >user.c <<'END'
#include <lockstep/comm.h>
#include <stdio.h>
int main(int argc, char **argv)
{
  lks_comm *comm = NULL;
  MPI_Init(&argc, &argv);
  if (lks_comm_create_all(&comm, MPI_COMM_WORLD) == LKS_OK) printf("rank %d of %d\n", lks_comm_rank(comm), lks_comm_size(comm));
  lks_comm_destroy_all(&comm);
  return MPI_Finalize();
}
END
# ran PROGRAM: on two ranks.
ran() {
  limited 60 "$MPIEXEC" -n 2 "$1" >user.out 2>&1 || complain "$1 fails" user.out
  grep -q "rank 1 of 2" user.out || complain "$1 does not see its ranks" user.out
}

if [ "${LOCKSTEP_SANITIZE:-OFF}" = ON ]; then
  skipped "a program of the library" "it was built with sanitizers"
else
  pc=$(dirname "$(find "$prefix" -name lockstep.pc)")
  flags=$(PKG_CONFIG_PATH=$pc pkg-config --cflags --libs lockstep)
  # shellcheck disable=SC2086 # words
  "${MPICC:-mpicc}" user.c -o by-pkg-config $flags >user.log 2>&1 || complain "pkg-config: a program cannot be built" user.log
  ran ./by-pkg-config
  cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.20)
project(user C)
find_package(lockstep 0.1 REQUIRED)
add_executable(by-cmake user.c)
target_link_libraries(by-cmake PRIVATE lockstep::lockstep)
END
  { cmake -S . -B by-cmake -DCMAKE_PREFIX_PATH="$prefix" -DMPI_C_COMPILER="${MPICC:-mpicc}" && cmake --build by-cmake; } >user.log 2>&1 ||
    complain "CMake: a program cannot be built" user.log
  ran by-cmake/by-cmake
fi
finish
