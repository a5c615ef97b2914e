#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/printed.h"
#include "config/config_value.h"
#include "kernels/onednn.h"
#include "report/table_parts.h"
#include "report/words.h"

/* report.md. All that depends on the machine stands under its last heading. */

static void print_columns(FILE *stream, const lks_table *table, const lks_comparison *comparison,
                          size_t first, size_t end)
{
  size_t shown[LKS_CELLS];
  const size_t count = lks_table_shown(shown, comparison, first, end);
  fprintf(stream, "| %s |", lks_table_columns[LKS_CELL_ARM].heading);
  for (size_t c = 0; c < count; c++) fprintf(stream, " %s |", lks_table_columns[shown[c]].heading);
  fputs("\n| --- |", stream);
  for (size_t c = 0; c < count; c++) fputs(" ---: |", stream);
  fputc('\n', stream);
  for (size_t i = 0; i < table->rows; i++) {
    lks_cell cell[LKS_CELLS];
    lks_table_cells(cell, &table->row[i], comparison->seeds);
    fprintf(stream, "| %s |", cell[LKS_CELL_ARM]);
    for (size_t c = 0; c < count; c++) fprintf(stream, " %s |", cell[shown[c]]);
    fputc('\n', stream);
  }
}

/* A bar would begin another column. */
static void print_cell_text(FILE *stream, const char *text)
{
  for (const char *c = text; *c != '\0'; c++) fputs(*c == '|' ? "\\|" : (char[]){*c, '\0'}, stream);
}

static void print_arms(FILE *stream, const lks_comparison *comparison)
{
  fputs("\n## Arms\n\n| arm | set otherwise | what a pair with the reference shares |\n| --- | --- | --- |\n",
        stream);
  for (size_t i = 0; i < comparison->arms; i++) {
    const lks_arm *arm = &comparison->arm[i];
    char pairing[LKS_TEXT_MAX] = "the reference";
    if (i != comparison->reference) lks_comparison_pairing(pairing, comparison, i);
    fprintf(stream, "| %s | ", arm->name);
    print_cell_text(stream, arm->settings[0] != '\0' ? arm->settings : "-");
    fputs(" | ", stream);
    print_cell_text(stream, pairing);
    fputs(" |\n", stream);
  }
}

static void print_sentences(FILE *stream, const lks_table *table, const lks_comparison *comparison)
{
  fprintf(stream, "\n## What the seeds say\n\nEach arm against %s, paired by seed:\n\n",
          comparison->arm[comparison->reference].name);
  for (size_t i = 0; i < table->rows; i++) {
    const lks_table_row *row = &table->row[i];
    if (i == comparison->reference) continue;
    fprintf(stream, "- **%s**: test accuracy: %s", row->arm->name, row->accuracy.sentence);
    if (row->paired > 0) fprintf(stream, "; test loss: %s. %s", row->loss.sentence, lks_row_answer(row));
    fputc('\n', stream);
  }
}

static void print_difference(FILE *stream, const char *name, const lks_difference *d, int digits)
{
  const lks_paired *pair = &d->pair;
  lks_cell mean, low, high, p[4];
  const bool interval = pair->evidence == LKS_EVIDENCE_INTERVAL || pair->evidence == LKS_EVIDENCE_IDENTICAL;
  const double ps[4] = {pair->p, d->holm, d->sign_flip, d->equivalence.p};
  lks_cell_print_signed(mean, pair->mean, digits);
  lks_cell_print_signed(low, pair->low, digits);
  lks_cell_print_signed(high, pair->high, digits);
  for (int i = 0; i < 4; i++) lks_cell_print_p(p[i], ps[i]);
  fprintf(stream, "| %s | %zu | %s | ", name, pair->count, mean);
  if (interval)
    fprintf(stream, "[%s, %s]", low, high);
  else
    fputc('-', stream);
  fprintf(stream, " | %s | %s | %s | %s |\n", p[0], p[1], p[2], p[3]);
}

static void print_differences(FILE *stream, const lks_table *table, const lks_comparison *comparison,
                              bool loss)
{
  fprintf(
      stream,
      "\n## Differences to %s in test %s\n\n| arm | pairs | difference%s | 95%% interval | p, t test | p, Holm | p, sign flips | p, equivalence |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
      comparison->arm[comparison->reference].name, loss ? "loss" : "accuracy", loss ? "" : " (points)");
  for (size_t i = 0; i < table->rows; i++) {
    const lks_table_row *row = &table->row[i];
    const lks_comparing *c = loss ? &row->loss : &row->accuracy;
    char name[LKS_ARM_NAME + 32];
    if (i == comparison->reference) continue;
    print_difference(stream, row->arm->name, &c->learned, loss ? 4 : 2);
    if (c->all.pair.count == c->learned.pair.count) continue;
    snprintf(name, sizeof name, "%s, with failed runs", row->arm->name);
    print_difference(stream, name, &c->all, loss ? 4 : 2);
  }
}

static void print_norms(FILE *stream, const lks_comparison *comparison)
{
  fprintf(
      stream,
      "- All arms of a seed have the same initial weights, mini-batches%s. "
      "They differ in the normalization batch: the samples that share one mean and variance. "
      "*sync* is the whole mini-batch of %zu samples, *K* are groups of K samples, *rank:R* the shards of R ranks, *none* is a network without batch norm.\n",
      comparison->rates > 0
          ? " and augmentation; the learning rate of each arm was chosen on held-out training samples"
          : ", augmentation and learning rate",
      comparison->base.batch_size);
}

static void print_reading(FILE *stream, const lks_results *results)
{
  const lks_comparison *comparison = &results->comparison;
  char chance[LKS_WORDS_MAX];
  lks_words_chance(chance, &results->chance);
  fputs("\n## How to read it\n\n", stream);
  if (lks_comparison_of_norms(comparison)) print_norms(stream, comparison);
  fprintf(
      stream,
      "- A run counts with the medians of its last five epochs; the table has the means over seeds. "
      "The gap is training minus test accuracy. "
      "*Precise* figures are of the final network, its running statistics replaced by those of the training data.\n"
      "- Differences are arm minus reference, in percentage points of test accuracy and in nats of test loss, with the 95%% paired t interval of their mean. p values: paired t test; the same after Holm's correction for all arms, which decides; random flips of the differences' signs, which of n pairs are never below 2^(1-n); and two one-sided t tests for a difference smaller than %g points, the margin of equivalence.\n"
      "- *Better* and *worse*, *higher* and *lower*: p after Holm below 0.05; accuracy and loss are corrected each by itself. *No difference larger than %g points*: p of equivalence below 0.05. Neither: undecided, which is not the same as equal. The loss often answers with fewer seeds: it moves with every probability, accuracy with the largest alone.\n"
      "- %s Verdicts and figures leave failed runs and their pairs out; what is said beside them counts these too.\n"
      "- Exact numbers: table.csv; every run: runs.csv; noise of the normalization batches in each layer beside its theory: noise.csv.\n",
      comparison->margin, comparison->margin, chance);
}

static void print_configuration(FILE *stream, const lks_table *table, const lks_comparison *comparison)
{
  size_t count;
  const lks_option *option = lks_config_options(&count);
  fprintf(stream, "\n## Configuration\n\n```\nseed = %" PRIu64 " to %" PRIu64 "\n", comparison->first_seed,
          comparison->first_seed + comparison->seeds - 1);
  for (size_t i = 0; i < count; i++) {
    char value[LKS_VALUE_MAX];
    const char *name = option[i].name;
    if (lks_config_is_execution(name) || strcmp(name, "bn") == 0 || strcmp(name, "seed") == 0) continue;
    lks_config_value_print(value, &comparison->base, &option[i]);
    if (comparison->rates > 0 && strcmp(name, "lr") == 0)
      lks_table_print_rates(stream, table);
    else
      fprintf(stream, "%s = %s\n", name, value);
  }
  fputs("```\n", stream);
}

static void widen(int range[2], int value, bool first)
{
  if (first || value < range[0]) range[0] = value;
  if (first || value > range[1]) range[1] = value;
}

static void print_range(FILE *stream, const char *name, const int range[2])
{
  fprintf(stream, "- %s: %d", name, range[0]);
  if (range[1] > range[0]) fprintf(stream, " to %d", range[1]);
  fputc('\n', stream);
}

/* Of all finished runs. */
static void print_execution(FILE *stream, const lks_results *results)
{
  int ranks[2] = {0, 0}, threads[2] = {0, 0}, hosts[2] = {0, 0};
  bool first = true;
  for (size_t i = 0; i < results->comparison.arms * results->comparison.seeds; i++) {
    const lks_run_result *result = &results->run[i].result;
    if (!results->run[i].done) continue;
    widen(ranks, result->ranks, first);
    widen(threads, result->threads, first);
    widen(hosts, result->hosts, first);
    first = false;
  }
  fputc('\n', stream);
  print_range(stream, "ranks", ranks);
  print_range(stream, "threads of a rank", threads);
  print_range(stream, "hosts", hosts);
}

static void print_all(FILE *stream, const lks_table *table, const lks_results *results, const char *command)
{
  const lks_comparison *comparison = &results->comparison;
  const size_t runs = lks_table_runs(table), all = comparison->arms * comparison->seeds;
  char text[LKS_WORDS_MAX];
  lks_words_title(text, comparison);
  fprintf(stream, "# %s\n\n", text);
  lks_words_summary(text, comparison);
  fprintf(stream, "%s\n", text);
  if (runs < all) fprintf(stream, "\n**%zu of %zu runs are finished.**\n", runs, all);
  lks_words_failures(text, table, results);
  if (text[0] != '\0') fprintf(stream, "\n**%s**\n", text);
  if (!lks_comparison_is_short(comparison)) print_arms(stream, comparison);
  if (table->rows > 1) print_sentences(stream, table, comparison);
  fputs("\n## Table\n\n", stream);
  print_columns(stream, table, comparison, LKS_CELL_ARM + 1, LKS_CELL_SPEED);
  if (table->rows > 1) print_differences(stream, table, comparison, false);
  if (table->rows > 1) print_differences(stream, table, comparison, true);
  print_reading(stream, results);
  print_configuration(stream, table, comparison);
  fprintf(stream, "\n## Made with\n\nLockstep %s, oneDNN %s. The same numbers come from%s:\n\n```\n%s\n```\n",
          LKS_VERSION, lks_onednn_version(),
          comparison->base.reduce == LKS_REDUCE_TREE ? ", at any rank count" : "", command);
  fputs("\n## Times\n\n", stream);
  print_columns(stream, table, comparison, LKS_CELL_SPEED, LKS_CELLS);
  print_execution(stream, results);
}

lks_status lks_table_markdown(const lks_table *table, const lks_results *results)
{
  char path[LKS_TEXT_MAX + 64], *command;
  lks_printed printed;
  lks_status status = lks_comparison_command(&command, &results->comparison);
  if (status) return status;
  status = lks_printed_begin(&printed);
  if (!status) {
    print_all(printed.stream, table, results, command);
    snprintf(path, sizeof path, "%s/report.md", results->comparison.directory);
    status = lks_printed_file(path, &printed);
  }
  lks_free(command);
  return status;
}
