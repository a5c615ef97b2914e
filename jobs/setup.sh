#!/usr/bin/env bash
# Installs the Debian packages that are missing and builds Lockstep into build/, or LOCKSTEP_BUILD. Safe to repeat.
# Other scripts source it for its functions.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build_folder=${LOCKSTEP_BUILD:-$root/build}
case $build_folder in /*) ;; *) build_folder=$PWD/$build_folder ;; esac

# shellcheck source=jobs/mpi.sh
source "$root/jobs/mpi.sh"

build_packages=(build-essential cmake pkg-config libopenmpi-dev openmpi-bin libhdf5-dev libdnnl-dev
  librandom123-dev libxxhash-dev libinih-dev libpng-dev libjpeg-dev libcsv-dev libzip-dev libjansson-dev libprotobuf-c-dev
  protobuf-c-compiler zlib1g-dev libcmocka-dev)

fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# Prints those of the given packages that are not installed.
missing_packages() {
  local package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep ' installed$' >/dev/null || echo "$package"
  done
}

# install_packages PACKAGE...: as root, or with sudo; the network is touched only if something is missing.
install_packages() {
  local missing
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "This system has no apt-get. If the build fails, install what the README names under Building; Debian has it as: $*" >&2
    return
  fi
  mapfile -t missing < <(missing_packages "$@")
  [ "${#missing[@]}" -gt 0 ] || return 0
  echo "Installing ${missing[*]}"
  local apt=(env DEBIAN_FRONTEND=noninteractive timeout -k 10 900 apt-get -qq -o DPkg::Lock::Timeout=300)
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "as root, run: apt-get install ${missing[*]}"
    apt=(sudo "${apt[@]}")
  fi
  local install=("${apt[@]}" install -y --no-install-recommends "${missing[@]}")
  "${install[@]}" >/dev/null 2>&1 || { "${apt[@]}" update && "${install[@]}" >/dev/null; } ||
    fail "apt-get could not install ${missing[*]}"
}

# build_into FOLDER TARGET [CMAKE OPTION]...: takes as long as it takes. With LOCKSTEP_WERROR=ON warnings are errors.
build_into() {
  local folder=$1 target=$2
  shift 2
  { mkdir -p "$folder" && : >"$folder.log"; } 2>/dev/null ||
    fail "cannot write to $folder; if the source tree is read-only, set LOCKSTEP_BUILD to a folder that can be made or written to"
  command -v cmake >/dev/null || fail "there is no cmake: install it, and what else the README names under Building"
  if [ -n "${LOCKSTEP_WERROR:-}" ]; then set -- "-DLOCKSTEP_WERROR=$LOCKSTEP_WERROR" "$@"; fi
  have_home
  cmake -S "$root" -B "$folder" "$@" >"$folder.log" 2>&1 ||
    { cat "$folder.log" >&2; fail "cmake could not configure $folder"; }
  cmake --build "$folder" --target "$target" -j "$(nproc)" >"$folder.log" 2>&1 ||
    { cat "$folder.log" >&2; fail "$folder could not be built"; }
  rm -f "$folder.log"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  install_packages "${build_packages[@]}"
  build_into "$build_folder" all
  echo "The program is $build_folder/lockstep"
fi
