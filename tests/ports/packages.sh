#!/usr/bin/env bash
# The packages: cpack's, from this build, and the recipes for Spack and Apptainer, as far as they can be checked without these two.
# usage: packages.sh, with LOCKSTEP, LOCKSTEP_SOURCE and MPIEXEC in the environment
# shellcheck source=tests/support/program.sh
source "${LOCKSTEP_SOURCE:?}/tests/support/program.sh"

build=$(dirname "$LOCKSTEP")
packages=$LOCKSTEP_SOURCE/jobs/packages

# has_all LIST: of the files in an archive; it has what is installed.
has_all() {
  local file
  for file in bin/lockstep lib.*/pkgconfig/lockstep.pc include/lockstep/trainer.h share/man/man1/lockstep-train.1 share/man/man7/lockstep-cluster.7 \
    share/bash-completion/completions/lockstep share/fish/vendor_completions.d/lockstep.fish share/zsh/site-functions/_lockstep \
    share/lockstep/jobs/train.sbatch share/lockstep/digits.h5; do
    grep "/$file$" "$1" >/dev/null || complain "$1 lacks $file" "$1"
  done
}

if has_tool cpack "packages by cpack"; then
  generators=TGZ
  if has_tool dpkg-shlibdeps "the package for Debian" && has_tool file "the package for Debian"; then generators='TGZ;DEB'; fi
  # As for Ninja, where it does not go through the whole build again.
  limited 100 cpack --config "$build/CPackConfig.cmake" -D CPACK_CMAKE_GENERATOR=Ninja -B made -G "$generators" >cpack.out 2>&1 || complain "cpack" cpack.out
  tar -tzf made/lockstep-*.tar.gz >contents.tar.gz || complain "there is no .tar.gz" cpack.out
  has_all contents.tar.gz
  if [ "$generators" != TGZ ]; then
    dpkg-deb -c made/lockstep_*.deb | awk '{ print $6 }' >contents.deb || complain "there is no .deb" cpack.out
    has_all contents.deb
    grep -vE '^\./(usr/.*)?$' contents.deb >elsewhere && complain "the .deb has files outside of /usr" elsewhere
    dpkg-deb -f made/lockstep_*.deb >control
    for library in libc6 libhdf5 libdnnl libinih libxxhash; do
      grep "^Depends:.*$library" control >/dev/null || complain "the .deb does not depend on $library" control
    done
    grep -qx "Version: $("$program" --version | sed -n 's/^lockstep  *//p')" control || complain "the .deb has another version" control
    # What it holds runs from where it was unpacked.
    dpkg-deb -x made/lockstep_*.deb unpacked
    [ "$(unpacked/usr/bin/lockstep --version)" = "$("$program" --version)" ] || complain "the program in the .deb is another one"
  fi
fi

# Spack's recipe: a class of the right name and base, whose options CMake knows; without Spack, a module stands in for it that writes down.
if has_tool python3 "the recipe for Spack"; then
  mkdir -p spack
  cat >spack/package.py <<'END'
said = []
def record(kind):
    return lambda *words, **settings: said.append((kind, words[0], settings))
license, version, variant, depends_on = map(record, ("license", "version", "variant", "depends_on"))
class CMakePackage:
    def define_from_variant(self, option, name):
        assert ("variant", name) in [entry[:2] for entry in said], name
        return option
END
  touch spack/__init__.py
  cp "$packages/package.py" recipe.py
  python3 -m py_compile recipe.py || complain "package.py is no Python"
  python3 -c 'import recipe, spack.package
assert issubclass(recipe.Lockstep, spack.package.CMakePackage)
for kind, word, _ in spack.package.said:
    print(kind, word)
for option in recipe.Lockstep().cmake_args():
    print("option", option)' >recipe.out 2>recipe.err || complain "package.py" recipe.err
  for library in mpi hdf5 onednn random123 xxhash inih libcsv libzip libpng libjpeg-turbo zlib; do
    grep -q "^depends_on $library" recipe.out || complain "package.py does not depend on $library" recipe.out
  done
  [ "$(grep -c '^option ' recipe.out)" -ge 2 ] || complain "package.py passes no options" recipe.out
  while read -r option; do
    grep -q "^option($option " "$LOCKSTEP_SOURCE/CMakeLists.txt" || complain "package.py sets $option, which CMake does not know"
  done < <(sed -n 's/^option //p' recipe.out)
fi

# Apptainer's: its header and sections, each of them once, and what the scripts in it are.
recipe=$packages/lockstep.def
for section in help files post environment runscript test; do
  [ "$(grep -cx "%$section" "$recipe")" -eq 1 ] || complain "lockstep.def has no section $section, or two"
done
grep -vxE '%(help|files|post|environment|runscript|test)' "$recipe" | grep '^%' >other && complain "lockstep.def has other sections" other
grep -qx 'Bootstrap: docker' "$recipe" || complain "lockstep.def does not say where it begins"
grep -qx 'From: debian:1[2-9]' "$recipe" || complain "lockstep.def does not begin with Debian"
for section in post environment runscript test; do
  awk -v section="%$section" '/^%/ { here = $0 == section; next } here' "$recipe" >script
  sh -n script || complain "section $section of lockstep.def is no script"
  [ -s script ] || complain "section $section of lockstep.def is empty"
done
for file in jobs/setup.sh data/digits.h5; do
  grep -q "${file##*/}" "$recipe" || complain "lockstep.def does not use $file"
  [ -e "$LOCKSTEP_SOURCE/$file" ] || complain "lockstep.def uses $file, which is gone"
done

finish
