#ifndef LKS_IMPORT_SOURCE_NPZ_H
#define LKS_IMPORT_SOURCE_NPZ_H

#include "import/source.h"
#include "lockstep/settings.h"

/** Arrays of NumPy. All borrowed while they are opened. */
typedef struct lks_npz_options {
  const char *archive; /* an .npz file whose members have the names; NULL: ... */
  const char *file
      [LKS_SECTIONS]; /* ... .npy files (compressed by gzip or not), samples and labels of train and, unless
                                    * NULL, of test */
  const lks_dataset_names *names; /* members; those that are "" are recognized; and the order of axes */
  lks_shape shape;                /* of a sample; channels 0: as the array says */
} lks_npz_options;

/** Local. Samples (N,D) are features, (N,H,W) and (N,H,W,C) images: of unsigned bytes pixels, else f32; with `shape` bytes
 * (N,D) become pixels too. Other types become f32, which is said where it rounds. Labels are whole numbers (N) or (N,1) of
 * any type, or one-hot (N,K). LKS_ERR_DATA, LKS_ERR_IO; LKS_ERR_USAGE for names that are not there. */
lks_status lks_source_npz_open(lks_source **source, const lks_npz_options *options);

#endif
