#ifndef LKS_BASE_LONG_WORK_H
#define LKS_BASE_LONG_WORK_H

/** Work that may take long, and then tells on standard error how it gets on: lines without control characters, with
 * the time that it will take if it goes on like that. */
typedef struct lks_long_work {
  char what[256];
  double began, told; /* seconds of a clock that only goes forward */
  double interval;    /* seconds from one line to the next */
} lks_long_work;

/** Local. what: "reading FILE"; control characters in it are replaced. Nothing is told for the first seconds. */
void lks_long_work_begin(lks_long_work *work, const char *what);

/** Local. This share of it (0 to 1) is done by now. A sign of life of this process, too. */
void lks_long_work_tell(lks_long_work *work, double share);

#endif
