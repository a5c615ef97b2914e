# Finds oneDNN: the target lockstep_onednn. Its own package file would also ask for OpenCL.
find_path(DNNL_INCLUDE oneapi/dnnl/dnnl.h)
get_filename_component(prefix "${DNNL_INCLUDE}" DIRECTORY)
find_library(DNNL_LIBRARY dnnl HINTS ${prefix} PATH_SUFFIXES lib lib64)
if(NOT DNNL_INCLUDE OR NOT DNNL_LIBRARY)
  message(FATAL_ERROR "oneDNN was not found: header ${DNNL_INCLUDE}, library ${DNNL_LIBRARY}. Name its folder with "
    "-DCMAKE_PREFIX_PATH=FOLDER. Debian's package is libdnnl-dev.")
endif()

# Lockstep's threads each run primitives of one thread. A runtime of tasks (TBB, a thread pool, SYCL) would want to be
# given its threads or a queue with each call, and its CPU engine cannot be created as Lockstep creates it.
file(STRINGS ${DNNL_INCLUDE}/oneapi/dnnl/dnnl_config.h lines REGEX "^#define DNNL_CPU_(THREADING_)?RUNTIME ")
string(REGEX MATCHALL "DNNL_RUNTIME_[A-Z]+" runtimes "${lines}")
list(REMOVE_DUPLICATES runtimes)
if(NOT runtimes STREQUAL "DNNL_RUNTIME_OMP" AND NOT runtimes STREQUAL "DNNL_RUNTIME_SEQ")
  string(REPLACE "DNNL_RUNTIME_" "" runtimes "${runtimes}")
  message(FATAL_ERROR "The oneDNN of ${DNNL_INCLUDE} computes on the CPU by the runtime '${runtimes}'. Lockstep runs a primitive in "
    "each of its own OpenMP threads, which takes a oneDNN whose CPU runtime is OMP or SEQ: name one with "
    "-DCMAKE_PREFIX_PATH=FOLDER, or build one with -DDNNL_CPU_RUNTIME=OMP (or SEQ).")
endif()

add_library(lockstep_onednn INTERFACE)
target_include_directories(lockstep_onednn SYSTEM INTERFACE ${DNNL_INCLUDE})
target_link_libraries(lockstep_onednn INTERFACE ${DNNL_LIBRARY})
