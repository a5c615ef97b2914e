#!/usr/bin/env bash
# Lockstep on aarch64 without such a machine: cross-built against a root of Debian's arm64 packages, its unit and golden tests, the
# MPI tests on one rank and some training runs by qemu. The last line is "N passed, N failed, N skipped".
# usage: tests/ports/aarch64.sh [RELEASE [CTEST ARGUMENT]...]    for example: tests/ports/aarch64.sh trixie -R unit/isa
# RELEASE is this system's own by default. The root is kept in LOCKSTEP_ROOTS (default: lockstep/roots in the user's cache
# folder), the build is build/aarch64-RELEASE. Needs apt, and root for packages that are missing here. LOCKSTEP_MIRROR names
# another mirror than those that this system's apt uses.
set -euo pipefail

# shellcheck source=jobs/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../jobs/setup.sh"
# shellcheck source=tests/support/suite.sh
source "$root/tests/support/suite.sh"

skip() {
  echo "skipped: $1"
  exit 77
}

own_release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
release=${1:-$own_release}
[ $# -eq 0 ] || shift
cache=${LOCKSTEP_ROOTS:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/lockstep/roots}
sysroot=$cache/$release-arm64

tools=(cmake pkg-config openmpi-bin gcc-aarch64-linux-gnu qemu-user-static procps)
[[ $release =~ ^[a-z]+$ ]] || fail "which Debian? tests/ports/aarch64.sh [RELEASE [CTEST ARGUMENT]...]"
command -v apt-get >/dev/null || skip "there is no apt, which fetches the packages of arm64"
if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null && [ -n "$(missing_packages "${tools[@]}")" ]; then
  skip "$(missing_packages "${tools[@]}" | tr '\n' ' ')must be installed, which needs root"
fi
install_packages "${tools[@]}"

# The libraries among what a build needs; tools are this machine's.
libraries=(libc6-dev)
for package in "${build_packages[@]}"; do
  case $package in lib* | zlib*) libraries+=("$package") ;; esac
done

# sources: apt's lines for the release, from where this system has its own packages.
sources() {
  local options='' keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  if [ -e "$keyring" ]; then options="[signed-by=$keyring] "; fi
  if [ -n "${LOCKSTEP_MIRROR:-}" ]; then
    echo "deb $options$LOCKSTEP_MIRROR $release main"
  else
    # shellcheck disable=SC2016 # apt's own variables
    apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' | sort -u |
      sed -n "s|^deb \\([^ ]*\\) $own_release\\([^ ]*\\) main\$|deb $options\\1 $release\\2 main|p"
  fi
}

# fetch FOLDER: the libraries and all that they depend on, into FOLDER/archives. An apt with nothing installed, which does
# not touch this system's.
fetch() {
  local folder=$1 apt
  mkdir -p "$folder/lists/partial" "$folder/archives/partial"
  : >"$folder/status"
  sources >"$folder/sources.list"
  [ -s "$folder/sources.list" ] || fail "apt here has no source of $own_release; LOCKSTEP_MIRROR can name one of $release"
  apt=(timeout -k 10 900 apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o APT::Sandbox::User=root
    -o APT::Install-Recommends=false -o Dir::State="$folder" -o Dir::State::status="$folder/status" -o Dir::Cache="$folder"
    -o Dir::Etc::sourcelist="$folder/sources.list" -o Dir::Etc::sourceparts=- -o Binary::apt-get::APT::Keep-Downloaded-Packages=true)
  "${apt[@]}" update && "${apt[@]}" -y --download-only install "${libraries[@]}" >/dev/null
}

# unpack FOLDER ROOT: no script of a package is run. Links to absolute paths would lead out of the root.
unpack() {
  local deb link
  mkdir -p "$2/usr/lib" "$2/usr/bin" "$2/usr/sbin"
  ln -s usr/lib usr/bin usr/sbin "$2/"
  for deb in "$1"/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink --no-same-owner -C "$2"
  done
  find "$2" -type l -lname '/*' | while read -r link; do
    ln -sfn "$(realpath -ms --relative-to="$(dirname "$link")" "$2$(readlink "$link")")" "$link"
  done
}

# make_root: once, and again when other libraries are wanted.
make_root() {
  local made
  if [ "$(cat "$sysroot/libraries" 2>/dev/null)" = "${libraries[*]}" ]; then return 0; fi
  echo "$release: fetching the packages of arm64"
  mkdir -p "$cache"
  made=$(mktemp -d "$cache/$release-arm64.XXXXXX")
  if fetch "$made" && unpack "$made" "$made/root"; then
    echo "${libraries[*]}" >"$made/root/libraries"
    rm -rf "$sysroot"
    mv "$made/root" "$sysroot"
  fi
  rm -rf "$made"
  [ -e "$sysroot/libraries" ] || fail "the root $sysroot could not be made"
}

make_root
# An emulator takes some ten times as long as a processor.
build_tests "$root/build/aarch64-$release" all -DCMAKE_TOOLCHAIN_FILE="$root/tests/ports/aarch64.cmake" \
  -DLOCKSTEP_ARM64_ROOT="$sysroot" -DLOCKSTEP_WERROR=ON -DLOCKSTEP_TEST_SECONDS=2400
[ $# -gt 0 ] || set -- -R '^(unit|golden)/|^mpi/.*/1$|^ports/emulated$'
# This system's mpirun starts the emulators; they have no process_vm_readv, by which ranks read each other's memory.
export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_smsc=^cma
run_tests "$root/build/aarch64-$release" "$@"
