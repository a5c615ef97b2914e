#ifndef LKS_DATASET_CONTACT_SHEET_H
#define LKS_DATASET_CONTACT_SHEET_H

#include <stddef.h>
#include <stdint.h>

#include "dataset/contents.h"

/** Many small pictures on one large one, in rows, each with a frame. */
typedef struct lks_contact_sheet {
  const uint8_t *pixels;  /* [.., height, width, channels], borrowed */
  lks_shape shape;        /* channels 1: grey, 3: RGB */
  const uint32_t *sample; /* [count] which of them, borrowed; UINT32_MAX leaves a place empty */
  size_t count, columns;
  const uint32_t *frame; /* [count] 0xRRGGBB, or NULL: white, which is no frame; borrowed */
} lks_contact_sheet;

/** Local. Writes it as PNG; small pictures are enlarged by whole numbers. LKS_ERR_USAGE for pictures of other
 * than 1 or 3 channels; errors as lks_file_write. */
lks_status lks_contact_sheet_write(const char *path, const lks_contact_sheet *sheet);

/** Local. The first pictures of each class of a split, those of a class in rows of their own; of the first 20
 * classes. Images of f32 are shown as bytes: from 0 to 1, from 0 to 255, or else from their least to their greatest
 * value. LKS_ERR_USAGE for features. */
lks_status lks_contact_sheet_of_classes(const char *path, const lks_contents *contents, lks_split split);

/** Local. The same of a dataset file, which is read and checked as a whole; names as lks_dataset_file_open has them. */
lks_status lks_contact_sheet_of_file(const char *path, const char *data, const lks_dataset_names *names,
                                     lks_split split);

#endif
