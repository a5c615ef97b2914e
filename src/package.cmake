# Packages of a build: `cpack --config build/CPackConfig.cmake` makes a .tar.gz and a .deb, which names the packages of the libraries
# that the program was linked with.
set(CPACK_PACKAGE_NAME lockstep)
set(CPACK_PACKAGE_VENDOR "The Lockstep developers")
if(NOT CPACK_PACKAGE_CONTACT) # whoever builds packages for others gives an address
  set(CPACK_PACKAGE_CONTACT ${CPACK_PACKAGE_VENDOR})
endif()
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Data-parallel training with synchronized batch norm over MPI")
set(CPACK_PACKAGE_DESCRIPTION "Lockstep trains neural networks over MPI with synchronized batch norm: the same bits at any
number of ranks, threads and hosts. The package has the program, its manual pages and
completions, job scripts for Slurm, and a C library.")
set(CPACK_RESOURCE_FILE_LICENSE ${CMAKE_SOURCE_DIR}/LICENSE)
set(CPACK_GENERATOR TGZ DEB)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "gnuplot-nox, mpi-default-bin")
include(CPack)
