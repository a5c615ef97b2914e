#ifndef LKS_IMPORT_NPZ_WRITE_H
#define LKS_IMPORT_NPZ_WRITE_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/status.h"

/** An array of an .npz file that is to be written. */
typedef struct lks_npz_member {
  const char *name; /* as numpy.load has it, "x_train"; borrowed */
  const char *type; /* "<f4" */
  int dimensions;   /* up to 4; 0: a single number */
  size_t extent[4];
  size_t bytes; /* of all numbers */
} lks_npz_member;

/** Numbers of a member from byte `offset` of them on: *bytes of them lie at *piece, at least one. Each member is asked for from its
 * first byte to its last, in the order of the members. */
typedef lks_status (*lks_npz_give)(void *context, const char **piece, size_t *bytes, size_t member,
                                   size_t offset);

/** Local. Writes an .npz file that numpy.load opens, not compressed, as numpy.savez has it; all of it or nothing. Equal contents make equal files.
 *  replace: a file that is there; without it, one that comes to be there meanwhile is LKS_ERR_USAGE.
 *  Errors as those of `give`; LKS_ERR_IO; LKS_ERR_RANK. */
lks_status lks_npz_write(const char *path, bool replace, const lks_npz_member *member, size_t members,
                         lks_npz_give give, void *context);

#endif
