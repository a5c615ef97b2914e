#ifndef LKS_IMPORT_SOURCE_H
#define LKS_IMPORT_SOURCE_H

#include "dataset/class_names.h"
#include "dataset/contents.h"

/** What a format does to give its samples. `self` is its own. */
typedef struct lks_source_methods {
  lks_status (*next)(void *self, lks_split split, size_t first, void *values, size_t samples);
  lks_status (*rewind)(void *self); /* the next sample is the first one again */
  void (*destroy)(void *self);      /* frees self too */
} lks_source_methods;

/** A dataset in another format than Lockstep's own, which is read from its beginning to its end in bounded memory: all
 * that is small is known at once, the samples come one after the other, those of train and then those of test. */
typedef struct lks_source {
  const char *path;           /* what messages about samples name; borrowed */
  lks_layout layout;          /* there may be no test samples */
  int32_t *label[LKS_SPLITS]; /* owned, each; NULL of an empty split */
  lks_class_names *names;     /* owned; NULL: there are none */
  const lks_source_methods *methods;
  void *self;
  size_t taken; /* samples so far, of both splits */
} lks_source;

/** Local. An object with a copy of these; takes self over, also when it fails. */
lks_status lks_source_create(lks_source **source, const lks_source_methods *methods, void *self);

/** Local. The next samples [samples,h,w,c] of u8 or f32, all of one split, and not more than are left of it. Values are
 * not yet known to be finite. LKS_ERR_DATA names file and place, LKS_ERR_IO. */
lks_status lks_source_next(lks_source *source, void *values, size_t samples);

/** Local. */
lks_status lks_source_rewind(lks_source *source);

/** Local. Takes NULL, sets NULL. */
void lks_source_destroy(lks_source **source);

#endif
