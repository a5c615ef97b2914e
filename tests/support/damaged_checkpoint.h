#ifndef LKS_TESTS_DAMAGED_CHECKPOINT_H
#define LKS_TESTS_DAMAGED_CHECKPOINT_H

#include <hdf5.h>
#include <stdbool.h>

#include "made_up_checkpoint.h"

/* Damage by hand: a made-up checkpoint is opened, one thing in it is changed, and it must be refused with a
 * message that names the thing, or taken as what it was. */

/** cmocka's set-up and tear-down of a group of such tests: a folder with the good file. */
int damage_set_up(void **state);
int damage_tear_down(void **state);
/** Of each test: fails if memory or identifiers of HDF5 are left. */
int damage_nothing_left(void **state);

extern char damage_folder[64], damage_good[96], damage_bad[96];

/** One thing to change, in the opened file. Returns whether that could be done. */
typedef struct damage {
  const char *name;
  bool (*spoil)(hid_t file);
  const char *part; /* of the message; NULL: the file is as good as before */
} damage;

/** Fails the test unless each of them does what it must. in_header: it is noticed without the tensors. */
void damage_try(const damage *list, size_t count, bool in_header);

/** For those that a table cannot hold: the copy to be changed, and what it must do. */
hid_t damage_begin(void);
void damage_end(hid_t file, const char *name, const char *part, bool in_header);

/** Whether the file `damage_bad` is refused as bad data with such a message, or (NULL) read as good. */
void damage_expect(const char *name, const char *part, bool in_header);

#endif
