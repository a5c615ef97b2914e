#ifndef LKS_HDF5_HDF5_VERSION_H
#define LKS_HDF5_HDF5_VERSION_H

/** Local. "1.10.8", of the library that runs. */
const char *lks_hdf5_version(void);

#endif
