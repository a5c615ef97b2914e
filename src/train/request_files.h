#ifndef LKS_TRAIN_REQUEST_FILES_H
#define LKS_TRAIN_REQUEST_FILES_H

/** What a user asks of a run by making a file in its directory, or in that of the comparison or the studies that it belongs to:
 * `touch DIR/STOP`, `touch DIR/SAVE`. */
typedef struct lks_request_files {
  const char *folder[2]; /* borrowed; NULL: nobody looks there */
  double looked;         /* when, on the clock of lks_seconds */
  unsigned found;        /* LKS_REQUEST_STOP, LKS_REQUEST_SAVE; until it is heeded */
} lks_request_files;

/** Local. What was found, LKS_REQUEST_*; looks into the folders at most once a second. */
unsigned lks_request_files_look(lks_request_files *files);

/** Local. These requests have been heeded: their files are removed. */
void lks_request_files_heeded(lks_request_files *files, unsigned requests);

#endif
