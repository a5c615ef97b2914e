#ifndef LKS_IMPORT_CSV_COLUMNS_H
#define LKS_IMPORT_CSV_COLUMNS_H

#include "import/csv_rows.h"
#include "import/source_csv.h"

/** Local. Whether a column of that name has the labels: label, class, target and the like. */
bool lks_csv_says_label(const char *name);

/** What the columns of a table are. All zero until a first row has been taken. */
typedef struct lks_csv_columns {
  size_t count, label; /* label: its column, from 0 on */
  char *heading;       /* names, one behind the other, or NULL; owned */
} lks_csv_columns;

/** Local. Takes the first row of a table: *heading out, whether it is one. The first table's says how many columns there
 * are, what they are called and which one is the label; another one's must agree. LKS_ERR_DATA, LKS_ERR_USAGE. */
lks_status lks_csv_columns_take(lks_csv_columns *columns, bool *heading, lks_csv_rows *rows,
                                const lks_csv_options *options);
void lks_csv_columns_clear(lks_csv_columns *columns);

/** Local. LKS_ERR_DATA when the row taken last has another count of fields. */
lks_status lks_csv_columns_check(const lks_csv_columns *columns, const lks_csv_rows *rows);

/** Local. out [count-1]: the values of the row taken last, without its label. LKS_ERR_DATA for what is no finite number,
 * with line and column. */
lks_status lks_csv_columns_values(const lks_csv_columns *columns, const lks_csv_rows *rows, float *out);

#endif
