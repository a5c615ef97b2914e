# Finds HDF5: the target lockstep_hdf5, and what lockstep.pc and the CMake package say of it. CMake's own module comes first (it
# heeds HDF5_ROOT), then pkg-config. A serial library is preferred: Lockstep reads and writes without MPI.
include(CheckSymbolExists)

# Of a package file's imported targets pkg-config's file could not tell where they are.
set(HDF5_NO_FIND_PACKAGE_CONFIG_FILE ON)
find_package(HDF5 QUIET COMPONENTS C)

function(lockstep_hdf5_by_module)
  set(LOCKSTEP_HDF5_LIBRARIES ${HDF5_C_LIBRARIES} PARENT_SCOPE)
  set(LOCKSTEP_HDF5_INCLUDES ${HDF5_C_INCLUDE_DIRS} PARENT_SCOPE)
  set(LOCKSTEP_HDF5_DEFINITIONS ${HDF5_C_DEFINITIONS} PARENT_SCOPE)
  set(LOCKSTEP_HDF5_VERSION ${HDF5_VERSION} PARENT_SCOPE)
endfunction()

function(lockstep_hdf5_by_pkgconfig)
  pkg_search_module(LOCKSTEP_HDF5_PC QUIET hdf5-serial hdf5)
  set(LOCKSTEP_HDF5_LIBRARIES ${LOCKSTEP_HDF5_PC_LINK_LIBRARIES} PARENT_SCOPE)
  set(LOCKSTEP_HDF5_INCLUDES ${LOCKSTEP_HDF5_PC_INCLUDE_DIRS} PARENT_SCOPE)
  set(LOCKSTEP_HDF5_DEFINITIONS ${LOCKSTEP_HDF5_PC_CFLAGS_OTHER} PARENT_SCOPE)
  set(LOCKSTEP_HDF5_VERSION ${LOCKSTEP_HDF5_PC_VERSION} PARENT_SCOPE)
  set(LOCKSTEP_HDF5_MODULE ${LOCKSTEP_HDF5_PC_MODULE_NAME} PARENT_SCOPE)
endfunction()

# The libraries of MPI that these name: themselves, or as what they need.
function(lockstep_mpi_libraries variable)
  set(names)
  foreach(library ${ARGN})
    execute_process(COMMAND ${CMAKE_READELF} -d ${library} OUTPUT_VARIABLE text ERROR_QUIET)
    string(REGEX MATCHALL "libmpi[a-z]*\\.so[.0-9]*" found "${text}")
    list(APPEND names ${found})
  endforeach()
  list(REMOVE_DUPLICATES names)
  set(${variable} ${names} PARENT_SCOPE)
endfunction()

# Two MPI libraries in one program would end it in ways that nobody understands.
function(lockstep_hdf5_has_our_mpi)
  lockstep_mpi_libraries(needed ${LOCKSTEP_HDF5_LIBRARIES})
  lockstep_mpi_libraries(ours ${MPI_C_LIBRARIES})
  if(needed)
    list(REMOVE_ITEM needed ${ours} "")
  endif()
  if(needed)
    message(FATAL_ERROR "The only HDF5 here (${LOCKSTEP_HDF5_LIBRARIES}) was built with another MPI (${needed}) than the one "
      "of this build (${MPI_C_LIBRARIES}). Install a serial HDF5, or the one of this MPI, or name it with -DHDF5_ROOT=FOLDER.")
  endif()
endfunction()

if(HDF5_FOUND)
  lockstep_hdf5_by_module()
endif()
# A user who names a folder means what is there.
if(NOT HDF5_FOUND OR (HDF5_IS_PARALLEL AND NOT HDF5_ROOT AND NOT DEFINED ENV{HDF5_ROOT}))
  pkg_search_module(LOCKSTEP_HDF5_SERIAL QUIET hdf5-serial)
  if(NOT HDF5_FOUND OR LOCKSTEP_HDF5_SERIAL_FOUND)
    lockstep_hdf5_by_pkgconfig()
  endif()
endif()
if(NOT LOCKSTEP_HDF5_LIBRARIES)
  message(FATAL_ERROR "HDF5 was not found: neither by CMake's FindHDF5 (name its folder with -DHDF5_ROOT=FOLDER) nor as "
    "hdf5-serial or hdf5 by pkg-config (PKG_CONFIG_PATH). Debian's package is libhdf5-dev.")
endif()
# What a shared library needs itself is not linked to the program.
foreach(library ${LOCKSTEP_HDF5_LIBRARIES})
  if(library MATCHES "/libhdf5(_[a-z]+)?\\.(so|dylib)[^/]*$")
    set(LOCKSTEP_HDF5_LIBRARIES ${library})
    break()
  endif()
endforeach()

add_library(lockstep_hdf5 INTERFACE)
target_include_directories(lockstep_hdf5 SYSTEM INTERFACE ${LOCKSTEP_HDF5_INCLUDES})
target_compile_options(lockstep_hdf5 INTERFACE ${LOCKSTEP_HDF5_DEFINITIONS})
target_link_libraries(lockstep_hdf5 INTERFACE ${LOCKSTEP_HDF5_LIBRARIES})

set(CMAKE_REQUIRED_INCLUDES ${LOCKSTEP_HDF5_INCLUDES})
set(CMAKE_REQUIRED_LIBRARIES ${LOCKSTEP_HDF5_LIBRARIES})
set(CMAKE_REQUIRED_DEFINITIONS ${LOCKSTEP_HDF5_DEFINITIONS})
check_symbol_exists(H5_HAVE_PARALLEL H5pubconf.h LOCKSTEP_HDF5_PARALLEL)
set(kind serial)
if(LOCKSTEP_HDF5_PARALLEL) # its header includes mpi.h
  set(kind "parallel, opened as a serial one")
  lockstep_hdf5_has_our_mpi()
  target_link_libraries(lockstep_hdf5 INTERFACE MPI::MPI_C)
  list(APPEND CMAKE_REQUIRED_LIBRARIES MPI::MPI_C)
endif()
check_symbol_exists(H5Pset_file_locking hdf5.h LOCKSTEP_HDF5_LOCKING)
unset(CMAKE_REQUIRED_DEFINITIONS)
unset(CMAKE_REQUIRED_INCLUDES)
unset(CMAKE_REQUIRED_LIBRARIES)
if(NOT LOCKSTEP_HDF5_LOCKING)
  message(FATAL_ERROR "HDF5 ${LOCKSTEP_HDF5_VERSION} (${LOCKSTEP_HDF5_LIBRARIES}) cannot be told to open files without locks, or a "
    "program cannot be linked with it (CMakeFiles/CMakeError.log or CMakeConfigureLog.yaml tells). Lockstep needs 1.10.7 or newer.")
endif()
message(STATUS "HDF5 ${LOCKSTEP_HDF5_VERSION}, ${kind}: ${LOCKSTEP_HDF5_LIBRARIES}")
