#ifndef LKS_HDF5_FIRST_OF_NODE_H
#define LKS_HDF5_FIRST_OF_NODE_H

#include <stdbool.h>

/** Local. Whether this process may be the first of its node in the parallel job, as far as the launcher's
 * environment tells before MPI_Init: the first one reads the files for all. True where nothing is told. */
bool lks_first_of_node(void);

#endif
