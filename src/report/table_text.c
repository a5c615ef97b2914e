#include <string.h>
#include <unistd.h>

#include "base/integers.h"
#include "base/printed.h"
#include "base/terminal.h"
#include "base/wrapped.h"
#include "report/table_parts.h"
#include "report/words.h"

enum { APART = 2 };

/* The columns in the order of a terminal: what is not needed at once stands in a second block, if the first one
 * is full. */
static const size_t order[] = {LKS_CELL_GROUP,      LKS_CELL_RANKS,        LKS_CELL_SEEDS,
                               LKS_CELL_TRAIN_LOSS, LKS_CELL_TEST_LOSS,    LKS_CELL_TEST_ACCURACY,
                               LKS_CELL_GAP,        LKS_CELL_PRECISE_LOSS, LKS_CELL_PRECISE_ACCURACY,
                               LKS_CELL_SPEED,      LKS_CELL_BN_SHARE};
enum { MAIN_COLUMNS = 7, COLUMNS = sizeof order / sizeof *order };

static void find_widths(size_t width[LKS_CELLS], const lks_table *table, size_t seeds)
{
  for (size_t c = 0; c < LKS_CELLS; c++)
    width[c] = lks_max(strlen(lks_table_columns[c].name), strlen(lks_table_columns[c].unit));
  for (size_t i = 0; i < table->rows; i++) {
    lks_cell cell[LKS_CELLS];
    lks_table_cells(cell, &table->row[i], seeds);
    for (size_t c = 0; c < LKS_CELLS; c++) width[c] = lks_max(width[c], strlen(cell[c]));
  }
}

/* A line's cells; what is text is set flush left. */
static void print_line(FILE *stream, const size_t *width, const size_t *column, size_t count,
                       const lks_cell cell[LKS_CELLS])
{
  fprintf(stream, "%-*s", (int)width[LKS_CELL_ARM], cell[LKS_CELL_ARM]);
  for (size_t i = 0; i < count; i++)
    fprintf(stream, "%*s%*s", APART, "", (int)width[column[i]], cell[column[i]]);
  fputc('\n', stream);
}

static void print_block(FILE *stream, const lks_table *table, const size_t *width, const size_t *column,
                        size_t count, size_t seeds)
{
  lks_cell name[LKS_CELLS], unit[LKS_CELLS];
  for (size_t c = 0; c < LKS_CELLS; c++) {
    snprintf(name[c], sizeof name[c], "%s", lks_table_columns[c].name);
    snprintf(unit[c], sizeof unit[c], "%s", lks_table_columns[c].unit);
  }
  print_line(stream, width, column, count, name);
  print_line(stream, width, column, count, unit);
  for (size_t i = 0; i < table->rows; i++) {
    lks_cell cell[LKS_CELLS];
    lks_table_cells(cell, &table->row[i], seeds);
    print_line(stream, width, column, count, cell);
  }
}

static size_t width_of(const size_t *width, size_t first, size_t end)
{
  size_t all = width[LKS_CELL_ARM];
  for (size_t i = first; i < end; i++) all += APART + width[order[i]];
  return all;
}

/* Where the block that begins at `first` ends: what is left if that fits a line, else at the figures that are not
 * needed at once, or where the line is full. */
static size_t block_end(const size_t *width, size_t first)
{
  size_t end = COLUMNS;
  if (width_of(width, first, end) <= lks_terminal_width()) return end;
  while (end > first + 1 && width_of(width, first, end) > lks_terminal_width()) end--;
  return first < MAIN_COLUMNS && end > MAIN_COLUMNS ? MAIN_COLUMNS : end;
}

/* The arms' names stand before every block. */
static void print_table(FILE *stream, const lks_table *table, const lks_comparison *comparison)
{
  size_t width[LKS_CELLS], shown[LKS_CELLS];
  const size_t begin = lks_table_shown(shown, comparison, 0, LKS_CELLS) == LKS_CELLS ? 0 : 2;
  find_widths(width, table, comparison->seeds);
  for (size_t first = begin, end; first < COLUMNS; first = end) {
    end = block_end(width, first);
    if (first > begin) fputc('\n', stream);
    print_block(stream, table, width, order + first, end - first, comparison->seeds);
  }
}

static lks_ink ink_of(lks_verdict verdict)
{
  switch (verdict) {
  case LKS_VERDICT_BETTER: return LKS_INK_GREEN;
  case LKS_VERDICT_WORSE: return LKS_INK_RED;
  case LKS_VERDICT_UNDECIDED: return LKS_INK_YELLOW;
  default: return LKS_INK_BOLD;
  }
}

/* This text is for standard output alone. */
static void print_item(FILE *stream, const char *what, const char *text, lks_verdict verdict)
{
  fprintf(stream, "    %s: %s", what, lks_terminal_ink(STDOUT_FILENO, ink_of(verdict)));
  lks_wrapped_print(stream, text, 6 + strlen(what), 6);
  fputs(lks_terminal_ink(STDOUT_FILENO, LKS_INK_PLAIN), stream);
}

static void print_sentences(FILE *stream, const lks_table *table, const lks_comparison *comparison)
{
  fprintf(stream, "\nEach arm against %s, paired by seed:\n", comparison->arm[comparison->reference].name);
  for (size_t i = 0; i < table->rows; i++) {
    const lks_table_row *row = &table->row[i];
    char name[LKS_WORDS_MAX];
    if (i == comparison->reference) continue;
    lks_words_arm(name, comparison, i);
    fputs("  ", stream);
    lks_wrapped_print(stream, name, 2, 6);
    print_item(stream, "test accuracy", row->accuracy.sentence, row->accuracy.verdict);
    if (row->paired == 0) continue;
    print_item(stream, "test loss", row->loss.sentence, row->loss.verdict);
    const char *answer = lks_row_answer(row);
    if (answer[0] != '\0') fprintf(stream, "    %s\n", answer);
  }
}

static void print_rates(FILE *stream, const lks_table *table)
{
  char rates[LKS_ARMS_MAX * (LKS_ARM_NAME + 40)] = "";
  FILE *text = fmemopen(rates, sizeof rates - 1, "w");
  if (text == NULL) return;
  lks_table_print_rates(text, table);
  fclose(text);
  rates[strcspn(rates, "\n")] = '\0';
  fputs("\nLearning rates, chosen on held-out training samples:\n  ", stream);
  lks_wrapped_print(stream, rates, 2, 2);
}

lks_status lks_table_text(char **text, const lks_table *table, const lks_results *results)
{
  const lks_comparison *comparison = &results->comparison;
  const size_t runs = lks_table_runs(table), all = comparison->arms * comparison->seeds;
  char failures[LKS_WORDS_MAX];
  lks_printed printed;
  *text = NULL;
  lks_status status = lks_printed_begin(&printed);
  if (status) return status;
  print_table(printed.stream, table, comparison);
  fputs("Medians of the last five epochs, means over seeds.\n"
        "Precise: statistics recomputed after training.\n",
        printed.stream);
  lks_words_failures(failures, table, results);
  if (failures[0] != '\0') fputc('\n', printed.stream);
  if (failures[0] != '\0') lks_wrapped_print(printed.stream, failures, 0, 2);
  if (table->rows > 1) print_sentences(printed.stream, table, comparison);
  if (comparison->rates > 0) print_rates(printed.stream, table);
  if (runs < all) fprintf(printed.stream, "\n%zu of %zu runs are finished.\n", runs, all);
  return lks_printed_text(text, &printed);
}
