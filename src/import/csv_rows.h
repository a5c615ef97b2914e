#ifndef LKS_IMPORT_CSV_ROWS_H
#define LKS_IMPORT_CSV_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "lockstep/status.h"

enum {
  LKS_CSV_FIELD_MAX = 1 << 16, /* bytes: what is longer has a quote that nobody closed */
  LKS_CSV_ROW_MAX = 1 << 24    /* bytes of all its fields: what is longer is no table */
};

/** A table of text, read row by row in bounded memory: fields with or without quotes, empty lines left out, plain or
 * compressed by gzip. Messages begin with FILE:LINE. */
typedef struct lks_csv_rows lks_csv_rows;

/** Local. separator: 0 takes the one of comma, semicolon, tabulator and bar that the first line has most of. */
lks_status lks_csv_rows_open(lks_csv_rows **rows, const char *path, char separator);
void lks_csv_rows_close(lks_csv_rows **rows); /* takes NULL, sets NULL */

/** Local. Takes the next row; *there false behind the last one. LKS_ERR_DATA, LKS_ERR_IO. */
lks_status lks_csv_rows_next(lks_csv_rows *rows, bool *there);

/** Local. Of the row taken last: its fields, each with its zero, borrowed until the next one is taken. */
size_t lks_csv_rows_fields(const lks_csv_rows *rows);
const char *lks_csv_rows_field(const lks_csv_rows *rows, size_t i);

/** Local. LKS_ERR_DATA with a message about the row taken last; FILE:LINE is put before it. */
lks_status lks_csv_rows_fail(const lks_csv_rows *rows, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Local. The next row is the first one again. */
lks_status lks_csv_rows_rewind(lks_csv_rows *rows);

/** Local. How much of the file has been read: 0 to 1. */
double lks_csv_rows_share(const lks_csv_rows *rows);

#endif
