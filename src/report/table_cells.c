#include <math.h>
#include <string.h>

#include "base/csv.h"
#include "report/table_parts.h"

const lks_column lks_table_columns[LKS_CELLS] = {
    {"arm", "", "arm"},
    {"batch", "samples", "normalization batch (samples)"},
    {"stands", "for ranks", "stands for ranks"},
    {"seeds", "", "seeds"},
    {"train", "loss", "training loss"},
    {"test", "loss", "test loss"},
    {"precise", "loss", "test loss, precise"},
    {"test", "%", "test accuracy (%)"},
    {"precise", "%", "test accuracy, precise (%)"},
    {"gap", "points", "gap (points)"},
    {"images", "/s", "images/s"},
    {"bn comm", "% time", "batch-norm communication (% of time)"},
};

static bool absent(lks_cell cell, double value)
{
  if (isfinite(value)) return false;
  strcpy(cell, "-");
  return true;
}

static void print_number(lks_cell cell, double value, int digits)
{
  if (absent(cell, value)) return;
  if (fabs(value) < 1e7)
    snprintf(cell, LKS_CELL_MAX, "%.*f", digits, value);
  else
    snprintf(cell, LKS_CELL_MAX, "%.3g", value);
}

void lks_cell_print_signed(lks_cell cell, double value, int digits)
{
  if (absent(cell, value)) return;
  if (fabs(value) < 0.5 * pow(10, -digits)) value = 0; /* no -0.00 */
  if (fabs(value) < 1e7)
    snprintf(cell, LKS_CELL_MAX, "%+.*f", digits, value);
  else
    snprintf(cell, LKS_CELL_MAX, "%+.3g", value);
}

void lks_cell_print_p(lks_cell cell, double p)
{
  if (absent(cell, p)) return;
  if (p < 0.001)
    strcpy(cell, "< 0.001");
  else
    snprintf(cell, LKS_CELL_MAX, "%.3f", p);
}

static void print_arm(lks_cell cell[LKS_CELLS], const lks_table_row *row, size_t seeds)
{
  snprintf(cell[LKS_CELL_ARM], LKS_CELL_MAX, "%s", row->arm->name);
  strcpy(cell[LKS_CELL_GROUP], "-");
  strcpy(cell[LKS_CELL_RANKS], "-");
  if (row->arm->group > 0) {
    snprintf(cell[LKS_CELL_GROUP], LKS_CELL_MAX, "%zu", row->arm->group);
    snprintf(cell[LKS_CELL_RANKS], LKS_CELL_MAX, "%.4g", row->ranks);
  }
  if (row->seeds == seeds)
    snprintf(cell[LKS_CELL_SEEDS], LKS_CELL_MAX, "%zu", seeds);
  else
    snprintf(cell[LKS_CELL_SEEDS], LKS_CELL_MAX, "%zu/%zu", row->seeds, seeds);
}

size_t lks_table_shown(size_t shown[LKS_CELLS], const lks_comparison *comparison, size_t first, size_t end)
{
  const bool norms = lks_comparison_of_norms(comparison);
  size_t count = 0;
  for (size_t c = first; c < end; c++)
    if (norms || (c != LKS_CELL_GROUP && c != LKS_CELL_RANKS)) shown[count++] = c;
  return count;
}

void lks_table_cells(lks_cell cell[LKS_CELLS], const lks_table_row *row, size_t seeds)
{
  const lks_arm_figures *figures = lks_row_figures(row);
  print_arm(cell, row, seeds);
  print_number(cell[LKS_CELL_TRAIN_LOSS], figures->train_loss, 4);
  print_number(cell[LKS_CELL_TEST_LOSS], figures->test_loss, 4);
  print_number(cell[LKS_CELL_PRECISE_LOSS], figures->precise_loss, 4);
  print_number(cell[LKS_CELL_TEST_ACCURACY], figures->test_accuracy, 2);
  print_number(cell[LKS_CELL_PRECISE_ACCURACY], figures->precise_accuracy, 2);
  lks_cell_print_signed(cell[LKS_CELL_GAP], figures->gap, 2);
  print_number(cell[LKS_CELL_SPEED], row->images_per_second, row->images_per_second < 100 ? 1 : 0);
  print_number(cell[LKS_CELL_BN_SHARE], 100 * row->bn_share, 1);
}

size_t lks_table_runs(const lks_table *table)
{
  size_t runs = 0;
  for (size_t i = 0; i < table->rows; i++) runs += table->row[i].seeds;
  return runs;
}

void lks_table_print_rates(FILE *stream, const lks_table *table)
{
  fputs("lr =", stream);
  for (size_t i = 0; i < table->rows; i++) {
    char number[LKS_NUMBER_MAX];
    lks_number_print(number, table->row[i].lr, "-");
    fprintf(stream, "%s %s (%s)", i > 0 ? "," : "", number, table->row[i].arm->name);
  }
  fputc('\n', stream);
}
