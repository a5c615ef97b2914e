#ifndef LKS_CHECKPOINT_CHECKPOINT_ATTRIBUTES_H
#define LKS_CHECKPOINT_CHECKPOINT_ATTRIBUTES_H

#include <hdf5.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/status.h"

/** An object whose attributes are read one after another. The first that cannot be had ends the reading: it
 * leaves LKS_ERR_DATA or LKS_ERR_RANK and the message, and later calls do nothing. */
typedef struct lks_attributes {
  hid_t at;
  const char *group; /* for messages: "" for the file itself, else with a slash behind it */
  lks_status status;
} lks_attributes;

/** Local. Says that an attribute is at fault: puts its name before the message. */
void lks_attributes_refuse(lks_attributes *s, lks_status status, const char *name);

/** Local. `count` numbers of the class of `type`, which is that of values. */
void lks_attributes_numbers(lks_attributes *s, const char *name, hid_t type, void *values, size_t count);
void lks_attributes_size(lks_attributes *s, const char *name, size_t *value);
/** Local. *values [count] is freed with lks_free, NULL when it cannot be had; allocated once it is known that
 * there are as many. */
void lks_attributes_doubles(lks_attributes *s, const char *name, double **values, size_t count);
/** Local. A number that is only there for people and other programs must say what is known already. */
void lks_attributes_compare(lks_attributes *s, const char *name, hid_t type, uint64_t expected);

/** Local. One text of fixed length, without control characters, but for line ends and tabulators in a longer one: *text is freed with lks_free, NULL when it cannot be had; or copied to
 * out[size]. */
void lks_attributes_text(lks_attributes *s, const char *name, char **text);
void lks_attributes_word(lks_attributes *s, const char *name, char *out, size_t size);

/** Local. Opens a group that lies in the file itself: a link could lead to any other file. LKS_ERR_DATA. */
lks_status lks_attributes_group(hid_t *group, hid_t at, const char *name);

#endif
