#include <string.h>

#include "base/integers.h"
#include "base/printed.h"
#include "report/table_parts.h"

enum { LINE_MAX_WIDTH = 100 };

typedef struct layout {
  size_t width[LKS_CELLS];
  const char *space; /* between two columns */
} layout;

static layout lay_out(const lks_table *table, size_t seeds)
{
  layout l = {.space = "  "};
  size_t total = 0;
  for (size_t c = 0; c < LKS_CELLS; c++)
    l.width[c] = lks_max(strlen(lks_table_columns[c].name), strlen(lks_table_columns[c].unit));
  for (size_t i = 0; i < table->rows; i++) {
    lks_cell cell[LKS_CELLS];
    lks_table_cells(cell, &table->row[i], seeds);
    for (size_t c = 0; c < LKS_CELLS; c++) l.width[c] = lks_max(l.width[c], strlen(cell[c]));
  }
  for (size_t c = 0; c < LKS_CELLS; c++) total += l.width[c] + 2;
  if (total - 2 > LINE_MAX_WIDTH) l.space = " ";
  return l;
}

static void print_cell(FILE *stream, const layout *l, size_t column, const char *cell)
{
  const int width = (int)l->width[column];
  if (column == LKS_CELL_ARM)
    fprintf(stream, "%-*s", width, cell);
  else
    fprintf(stream, "%s%*s%s", l->space, width, cell, column + 1 == LKS_CELLS ? "\n" : "");
}

static void print_table(FILE *stream, const lks_table *table, size_t seeds)
{
  const layout l = lay_out(table, seeds);
  for (size_t c = 0; c < LKS_CELLS; c++) print_cell(stream, &l, c, lks_table_columns[c].name);
  for (size_t c = 0; c < LKS_CELLS; c++) print_cell(stream, &l, c, lks_table_columns[c].unit);
  for (size_t i = 0; i < table->rows; i++) {
    lks_cell cell[LKS_CELLS];
    lks_table_cells(cell, &table->row[i], seeds);
    for (size_t c = 0; c < LKS_CELLS; c++) print_cell(stream, &l, c, cell[c]);
  }
}

static void print_sentences(FILE *stream, const lks_table *table, const lks_comparison *comparison)
{
  size_t width = 0;
  for (size_t i = 0; i < table->rows; i++) width = lks_max(width, strlen(table->row[i].arm->name));
  fprintf(stream, "\nTest accuracy, each arm against %s, paired by seed:\n",
          comparison->arm[comparison->reference].name);
  for (size_t i = 0; i < table->rows; i++)
    if (i != comparison->reference)
      fprintf(stream, "  %-*s  %s\n", (int)width, table->row[i].arm->name, table->row[i].sentence);
}

lks_status lks_table_text(char **text, const lks_table *table, const lks_results *results)
{
  const lks_comparison *comparison = &results->comparison;
  const size_t runs = lks_table_runs(table), all = comparison->arms * comparison->seeds;
  lks_printed printed;
  *text = NULL;
  lks_status status = lks_printed_begin(&printed);
  if (status) return status;
  print_table(printed.stream, table, comparison->seeds);
  fputs("Medians of the last five epochs, means over seeds; precise: statistics recomputed after training.\n",
        printed.stream);
  if (table->rows > 1) print_sentences(printed.stream, table, comparison);
  if (comparison->rates > 0) {
    fputs("\nLearning rates, chosen on held-out training samples: ", printed.stream);
    lks_table_print_rates(printed.stream, table);
  }
  if (runs < all) fprintf(printed.stream, "\n%zu of %zu runs are finished.\n", runs, all);
  return lks_printed_text(text, &printed);
}
