#ifndef LKS_BASE_CSV_H
#define LKS_BASE_CSV_H

#include <stddef.h>
#include <stdio.h>

#include "lockstep/status.h"

/* CSV files with a fixed heading and no quotes, read as strictly as they are written. */

enum { LKS_NUMBER_MAX = 32, LKS_CSV_COLUMNS_MAX = 16 };

/** Local. The shortest decimal form, from six digits up, that reads back as the same double; `missing` when
 * not finite. */
void lks_number_print(char out[LKS_NUMBER_MAX], double value, const char *missing);

/** Local. A text in quotes, and quotes within it twice, for files that others read. */
void lks_csv_print_quoted(FILE *stream, const char *text);

/** Local. A whole field as a number; NaN if it is empty. LKS_ERR_DATA if it is anything else. */
lks_status lks_number_read(double *value, const char *field);
lks_status lks_count_read(size_t *value, const char *field);

/** Takes the fields of a line, which are its to change. Its failure ends the reading. */
typedef lks_status (*lks_csv_take)(void *user, char *const *field);

/** Local. Gives every line behind the heading to take(). LKS_ERR_DATA, with FILE:LINE, unless the first line
 * is `heading` (its line end included) and every line is whole and has as many fields. */
lks_status lks_csv_read(const char *path, const char *heading, lks_csv_take take, void *user);

/** Local. Room for one more row behind count rows of an array that grew by this function alone; *rows is NULL
 * at first, moves, and is freed with lks_free. */
lks_status lks_csv_grow(void *rows_address, size_t count, size_t size);

#endif
