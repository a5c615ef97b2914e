# A recipe for Spack: `spack repo create REPO; mkdir REPO/packages/lockstep; cp package.py REPO/packages/lockstep; spack repo add REPO`,
# then `spack dev-build lockstep@main` in the folder of the sources. random123, xxhash, libcsv and inih are packages of Spack's own.

from spack.package import *


class Lockstep(CMakePackage):
    """Trains neural networks data-parallel over MPI with synchronized batch norm: the same bits at any number of ranks,
    threads and hosts."""

    license("MIT")
    version("main")

    variant("shared", default=True, description="Build the shared library too")
    variant("tests", default=False, description="Build the tests, which need cmocka")

    depends_on("c", type="build")
    depends_on("cmake@3.20:", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("mpi@3.1:")
    depends_on("hdf5@1.10.7: ~mpi")
    depends_on("onednn@2.6:3 cpu_runtime=omp")
    depends_on("random123", type="build")
    depends_on("xxhash")
    depends_on("inih")
    depends_on("libcsv")
    depends_on("libzip")
    depends_on("libpng")
    depends_on("libjpeg-turbo")
    depends_on("zlib-api")
    depends_on("cmocka", type="test", when="+tests")
    depends_on("gnuplot", type="run")

    def cmake_args(self):
        return [
            self.define_from_variant("LOCKSTEP_SHARED", "shared"),
            self.define_from_variant("LOCKSTEP_TESTS", "tests"),
        ]
