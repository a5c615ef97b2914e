#ifndef LKS_BASE_LOCK_HOLDER_H
#define LKS_BASE_LOCK_HOLDER_H

#include <stdbool.h>

/* Who holds a lock, as its file says. */

enum { LKS_LOCK_WORD = 65 };

typedef struct lks_lock_holder {
  char host[LKS_LOCK_WORD], job[LKS_LOCK_WORD], since[LKS_LOCK_WORD];
  long process;               /* 0: the file says nothing */
  unsigned long long started; /* tells a process from a later one of the same number */
  unsigned long long restart; /* of the batch job */
} lks_lock_holder;

/** Local. This process, from now on. */
lks_lock_holder lks_lock_holder_own(void);

/** Local. What an open file says. */
lks_lock_holder lks_lock_holder_read(int file);

/** Local. Writes it into an open file, or empties that when it cannot: a lock holds without a text too, and a full
 * disk must not keep anybody from writing into the folder. */
void lks_lock_holder_write(int file, const lks_lock_holder *who);

/** Local. Whether, as far as its text tells, the holder is no more. Of another host one knows only that a batch job
 * which began anew no longer runs as before. */
bool lks_lock_holder_is_gone(const lks_lock_holder *who, const lks_lock_holder *here);

#endif
