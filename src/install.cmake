# For programs that use the library: lockstep.pc and a CMake package, side by side. What the shared library was built with is its own
# affair; who links the static one must know.
include(CMakePackageConfigHelpers)

set(pc_requires libxxhash inih zlib libpng libjpeg jansson ${LOCKSTEP_HDF5_MODULE})
if(LOCKSTEP_HAVE_ONNX)
  list(APPEND pc_requires libprotobuf-c)
endif()
# Debian's libzip asks static links for libraries whose packages it does not need, so that it stands here as a file.
set(pc_libraries ${DNNL_LIBRARY} ${LIBCSV_LIBRARY} ${LIBZIP_LINK_LIBRARIES} ${OpenMP_C_LIBRARIES})
list(FILTER pc_libraries EXCLUDE REGEX "/libpthread\\.") # OpenMP's module names it, and it is named below
if(NOT LOCKSTEP_HDF5_MODULE)
  list(PREPEND pc_libraries ${LOCKSTEP_HDF5_LIBRARIES})
endif()
string(JOIN " " pc_requires ${pc_requires})
string(JOIN " " pc_libraries ${pc_libraries} -lpthread -lm)
set(pc_library "-L\${libdir} -llockstep")
if(LOCKSTEP_SHARED)
  set(pc_libraries "Libs: ${pc_library}\nRequires.private: ${pc_requires}\nLibs.private: ${pc_libraries}")
else()
  set(pc_libraries "Libs: ${pc_library} ${pc_libraries}\nRequires: ${pc_requires}")
endif()
file(RELATIVE_PATH prefix_from_pkgconfig /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(lockstep.pc.in ${CMAKE_CURRENT_BINARY_DIR}/lockstep.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/lockstep.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/lockstep)
configure_file(lockstepConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/lockstepConfig.cmake @ONLY)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/lockstepConfigVersion.cmake COMPATIBILITY SameMinorVersion)
set_target_properties(lockstep_library PROPERTIES EXPORT_NAME static)
if(LOCKSTEP_SHARED)
  set_target_properties(lockstep_shared PROPERTIES EXPORT_NAME shared)
endif()
install(TARGETS ${libraries} EXPORT lockstepTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT lockstepTargets NAMESPACE lockstep:: DESTINATION ${package_folder})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/lockstepConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/lockstepConfigVersion.cmake
  DESTINATION ${package_folder})

# Job scripts. Slurm runs a copy, which cannot tell where it comes from, so what is installed has its prefix written in.
install(DIRECTORY ${CMAKE_SOURCE_DIR}/jobs DESTINATION ${CMAKE_INSTALL_DATADIR}/lockstep USE_SOURCE_PERMISSIONS
  PATTERN quickstart.sh EXCLUDE PATTERN setup.sh EXCLUDE PATTERN packages EXCLUDE)
install(CODE "set(data_folder \"${CMAKE_INSTALL_DATADIR}\")\nset(program_folder \"${CMAKE_INSTALL_BINDIR}\")")
install(SCRIPT installed_jobs.cmake)
