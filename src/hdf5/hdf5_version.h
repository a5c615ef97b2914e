#ifndef LKS_HDF5_HDF5_VERSION_H
#define LKS_HDF5_HDF5_VERSION_H

/** Local. "1.10.8", of the library that runs. */
const char *lks_hdf5_version(void);

/** Local. Lets the library do nothing when the process ends: a file that it could not close on a full disk would end in a
 * signal then. For a program whose files are all closed by itself, before anything else of the library is used. */
void lks_hdf5_leave_no_work(void);

#endif
