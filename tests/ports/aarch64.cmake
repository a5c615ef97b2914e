# CMake toolchain: an arm64 root of Debian's packages, a cross compiler, and qemu to run what was made.
#   cmake -DCMAKE_TOOLCHAIN_FILE=tests/ports/aarch64.cmake -DLOCKSTEP_ARM64_ROOT=FOLDER
# tests/ports/aarch64.sh makes such a root.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LOCKSTEP_ARM64_ROOT) # the small projects that CMake tries want it too
set(triplet aarch64-linux-gnu)

set(CMAKE_C_COMPILER ${triplet}-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE ${triplet})
set(CMAKE_SYSROOT ${LOCKSTEP_ARM64_ROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
# Libraries come from the root before those of the cross compiler's own package, which may be older; what they want of each
# other is found as the loader would find it.
set(libraries ${CMAKE_SYSROOT}/usr/lib/${triplet})
set(CMAKE_EXE_LINKER_FLAGS_INIT "-L${libraries} -Wl,-rpath-link,${CMAKE_SYSROOT}/lib/${triplet}:${libraries}")

set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CMAKE_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${CMAKE_SYSROOT}/usr/lib/${triplet}/pkgconfig:${CMAKE_SYSROOT}/usr/share/pkgconfig)

# The compiler wrapper of an MPI would be a program of the other processor: CMake is told what it would say.
file(GLOB mpi_library ${CMAKE_SYSROOT}/usr/lib/${triplet}/libmpi.so.*)
list(GET mpi_library 0 mpi_library)
set(MPI_C_COMPILER_INCLUDE_DIRS ${CMAKE_SYSROOT}/usr/lib/${triplet}/openmpi/include CACHE STRING "")
set(MPI_C_LIB_NAMES mpi CACHE STRING "")
set(MPI_mpi_LIBRARY ${mpi_library} CACHE FILEPATH "")

# CMake's module would ask the compiler wrapper of this machine's HDF5; pkg-config knows the root's.
set(CMAKE_DISABLE_FIND_PACKAGE_HDF5 ON)

find_program(QEMU_AARCH64 NAMES qemu-aarch64-static qemu-aarch64 REQUIRED)
set(CMAKE_CROSSCOMPILING_EMULATOR ${QEMU_AARCH64};-L;${CMAKE_SYSROOT})
