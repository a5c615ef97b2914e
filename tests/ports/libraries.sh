#!/usr/bin/env bash
# How CMake finds HDF5 and oneDNN, and what it refuses: by FindHDF5, by each name of pkg-config, one that was built with another
# MPI; oneDNN by its runtime. Nothing is compiled but CMake's own checks.
# usage: libraries.sh, with LOCKSTEP_SOURCE and MPICC in the environment
set -euo pipefail

# shellcheck source=tests/support/time.sh
source "${LOCKSTEP_SOURCE:?the source tree}/tests/support/time.sh"

: "${MPICC:?mpicc}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
failures=0

# configure NAME OPTION...: into NAME; succeeds as CMake does. Its words are in NAME.log, blanks for line ends.
configure() {
  local name=$1 code=0
  shift
  limited 200 cmake -S "$LOCKSTEP_SOURCE" -B "$name" -DLOCKSTEP_TESTS=OFF -DMPI_C_COMPILER="$MPICC" "$@" >log 2>&1 || code=$?
  tr -s ' \n' ' ' <log >"$name.log"
  return "$code"
}

complain() {
  printf 'FAILED: %s\n' "$1"
  fold -s -w 150 "$2" | sed 's/^/  | /'
  failures=$((failures + 1))
}

# accepted NAME OPTION...
accepted() {
  configure "$@" || complain "$1: refused" "$1.log"
}

# refused NAME PATTERN OPTION...
refused() {
  local name=$1 pattern=$2
  shift 2
  if configure "$name" "$@"; then complain "$name: accepted" "$name.log"; fi
  grep -q -- "$pattern" "$name.log" || complain "$name: does not say: $pattern" "$name.log"
}

# says NAME FILE PATTERN
says() {
  grep -qE -- "$3" "$1/$2" || complain "$1: $2 does not say: $3" "$1/$2"
}

# The library that FindHDF5 names is in both package files; without that module, that of pkg-config.
accepted module
library=$(sed -n 's/.*-- HDF5 [0-9.]*, [^:]*: \([^ ;]*\).*/\1/p' module.log)
[ -f "$library" ] || complain "the library '$library' does not exist" module.log
says module src/lockstep.pc "$library"
says module src/lockstepConfig.cmake "$library"

without_module=-DCMAKE_DISABLE_FIND_PACKAGE_HDF5=ON
if pkg-config --exists hdf5-serial; then
  accepted serial "$without_module"
  says serial src/lockstep.pc '^Requires(\.private)?:.* hdf5-serial'
else
  echo "hdf5-serial of pkg-config: skipped, there is none here"
fi

# A pkg-config that knows all but HDF5, and then it by the name hdf5.
mkdir known
for module in libxxhash inih zlib libpng libjpeg libzip jansson; do
  printf 'Name: %s\nDescription: as here\nVersion: %s\nCflags: %s\nLibs: %s\n' "$module" "$(pkg-config --modversion "$module")" \
    "$(pkg-config --cflags "$module")" "$(pkg-config --libs "$module")" >"known/$module.pc"
done
export PKG_CONFIG_LIBDIR=$folder/known
refused none "HDF5 was not found" "$without_module"
includes=$(sed -n 's/.*-isystem \([^ ]*hdf5[^ ]*\).*/\1/p' module/compile_commands.json | sort -u)
: "${includes:=/usr/include}"
printf 'Name: HDF5\nDescription: as here\nVersion: 9.9\nCflags: -I%s\nLibs: -L%s -lhdf5\n' "$includes" "${library%/*}" >known/hdf5.pc
accepted plain "$without_module"
says plain src/lockstep.pc '^Requires(\.private)?:.* hdf5$'
grep -q "HDF5 9.9, " plain.log || complain "plain: not the one of pkg-config" plain.log

# A library that was too old to be told to open files without locks: its header has no such function.
mkdir -p old/include
printf '#define H5Pset_file_locking unknown_to_it\n#include <%s/hdf5.h>\n#undef H5Pset_file_locking\n' "$includes" >old/include/hdf5.h
printf '#include <%s/H5pubconf.h>\n' "$includes" >old/include/H5pubconf.h
printf 'Name: HDF5\nDescription: old\nVersion: 1.8.1\nCflags: -I%s\nLibs: -L%s -lhdf5\n' "$folder/old/include" "${library%/*}" >known/hdf5.pc
refused old "HDF5 1.8.1 .* needs 1.10.7 or newer" "$without_module"
unset PKG_CONFIG_LIBDIR

# Of the parallel ones that are here, the one of this MPI is accepted, another is not.
for parallel in /usr/lib/*/hdf5/openmpi /usr/lib/*/hdf5/mpich; do
  if [ ! -e "$parallel/libhdf5.so" ]; then
    echo "${parallel##*/}'s HDF5: skipped, it is not here"
    continue
  fi
  kind=${parallel##*/}
  printf 'Name: HDF5\nDescription: parallel\nVersion: 8.8\nCflags: -I/usr/include/hdf5/%s\nLibs: -L%s -lhdf5\n' "$kind" "$parallel" >known/hdf5.pc
  export PKG_CONFIG_LIBDIR=$folder/known
  if "$MPICC" -show 2>/dev/null | grep "$kind" >/dev/null; then
    accepted "parallel-$kind" "$without_module"
    grep -q "HDF5 8.8, parallel" "parallel-$kind.log" || complain "$kind: not taken for a parallel one" "parallel-$kind.log"
  else
    refused "parallel-$kind" "was built with another MPI" "$without_module"
  fi
  unset PKG_CONFIG_LIBDIR
done

# oneDNN's runtimes, of which only the name in its header matters here.
# runtime NAME THREADING: a made-up include folder.
runtime() {
  mkdir -p "$1-$2/oneapi/dnnl"
  : >"$1-$2/oneapi/dnnl/dnnl.h"
  printf '// #define DNNL_CPU_RUNTIME DNNL_RUNTIME_OMP\n#define DNNL_CPU_THREADING_RUNTIME DNNL_RUNTIME_%s\n#define DNNL_CPU_RUNTIME DNNL_RUNTIME_%s\n' \
    "$2" "$1" >"$1-$2/oneapi/dnnl/dnnl_config.h"
}
for pair in "SYCL TBB" "DPCPP TBB" "TBB TBB" "THREADPOOL THREADPOOL" "NONE NONE"; do
  read -r cpu threading <<<"$pair"
  runtime "$cpu" "$threading"
  refused "onednn-$cpu" "runtime '[A-Z;]*$cpu'.* takes a oneDNN whose CPU runtime is OMP or SEQ" -DDNNL_INCLUDE="$folder/$cpu-$threading"
done
for name in OMP SEQ; do
  runtime "$name" "$name"
  accepted "onednn-$name" -DDNNL_INCLUDE="$folder/$name-$name"
done

echo "$failures failures"
[ "$failures" -eq 0 ]
