#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/append.h"
#include "report/table_parts.h"

/* What is said of an arm, in plain words: first of all which runs failed to learn. */

size_t lks_failures_write(char *text, size_t size, const lks_results *results, size_t arm, size_t most)
{
  size_t count = 0;
  text[0] = '\0';
  for (size_t seed = 0; seed < results->comparison.seeds; seed++) {
    const lks_run *run = lks_results_run(results, arm, seed);
    if (!run->done || lks_run_learned(run, &results->chance)) continue;
    if (count++ >= most) continue;
    lks_append(text, size, "%sseed %" PRIu64 ": ", count > 1 ? ", " : "",
               results->comparison.first_seed + seed);
    if (run->diverged)
      lks_append(text, size, "diverged");
    else
      lks_append(text, size, "%.2f%%", lks_run_figures_make(run).test_accuracy);
  }
  if (count > most) lks_append(text, size, ", and %zu more", count - most);
  return count;
}

/* The families' sizes, for sentences that name them. */
static size_t tests_of(const lks_table *table, size_t difference)
{
  size_t count = 0;
  for (size_t i = 0; i < table->rows; i++)
    count += !isnan(((const lks_difference *)((const char *)&table->row[i] + difference))->pair.p);
  return count;
}

enum { NAMED = 6 };

static void say_failures(char *text, size_t size, const lks_table_row *row, const lks_results *results)
{
  const lks_comparison *comparison = &results->comparison;
  const size_t arm = (size_t)(row->arm - comparison->arm);
  char names[256];
  const size_t here = lks_failures_write(names, sizeof names, results, arm, NAMED);
  if (here > 0) lks_append(text, size, "%zu of %zu seeds failed to learn (%s)", here, row->seeds, names);
  const size_t there = lks_failures_write(names, sizeof names, results, comparison->reference, NAMED);
  if (there > 0)
    lks_append(text, size, "%s%s, the reference, failed to learn with %zu (%s)", here > 0 ? "; " : "",
               comparison->arm[comparison->reference].name, there, names);
  if (here + there > 0) lks_append(text, size, ". ");
}

/* The verdict of the pairs that learned; and, where others are left out, the difference with these. Runs that are
 * the same computation are that whether they learned or not. */
static void say_verdict(lks_comparing *c, const lks_question *question, size_t tests)
{
  const size_t size = sizeof c->sentence, left_out = c->all.pair.count - c->learned.pair.count;
  const bool begun = c->sentence[0] != '\0', same = c->all.same && c->all.pair.mean == 0;
  const lks_difference *d = same ? &c->all : &c->learned;
  char text[LKS_VERDICT_BYTES];
  c->verdict = lks_verdict_write(text, sizeof text, question, &d->pair, d->holm, tests, d->same);
  if (same) {
    lks_append(c->sentence, size, begun && c->sentence[0] != ' ' ? "It is %s" : "%s", text);
    return;
  }
  if (c->learned.pair.count == 0)
    lks_append(c->sentence, size, "%so pair without a failed run is left",
               begun && c->sentence[0] == ' ' ? "n" : "N");
  else if (begun)
    lks_append(c->sentence, size, "%sithout failed runs, %zu pair%s: %s", c->sentence[0] == ' ' ? "w" : "W",
               c->learned.pair.count, c->learned.pair.count == 1 ? "" : "s", text);
  else
    lks_append(c->sentence, size, "%s", text);
  if (left_out == 0) return;
  lks_difference_write(text, sizeof text, question, &c->all.pair);
  lks_append(c->sentence, size, ". With %s, %zu pair%s: %s", left_out == 1 ? "it" : "them", c->all.pair.count,
             c->all.pair.count == 1 ? "" : "s", text);
}

static void say(lks_table *table, lks_table_row *row, const lks_results *results)
{
  const lks_comparison *comparison = &results->comparison;
  const lks_arm *reference = &comparison->arm[comparison->reference];
  const lks_question accuracy = lks_question_accuracy(comparison->margin), loss = lks_question_loss();
  lks_comparing *a = &row->accuracy, *l = &row->loss;
  if (row->arm == reference) {
    lks_append(a->sentence, sizeof a->sentence, "the reference of the others");
  } else if (row->seeds == 0) {
    lks_append(a->sentence, sizeof a->sentence, "no run is finished");
  } else if (row->paired == 0) {
    lks_append(a->sentence, sizeof a->sentence, "no seed is finished here and for %s", reference->name);
  } else {
    say_failures(a->sentence, sizeof a->sentence, row, results);
    if (a->sentence[0] != '\0') strcpy(l->sentence, " "); /* the failures are named once */
    say_verdict(a, &accuracy, tests_of(table, offsetof(lks_table_row, accuracy.learned)));
    say_verdict(l, &loss, tests_of(table, offsetof(lks_table_row, loss.learned)));
    if (l->sentence[0] == ' ') memmove(l->sentence, l->sentence + 1, strlen(l->sentence));
    return;
  }
  strcpy(l->sentence, a->sentence);
}

void lks_table_say(lks_table *table, const lks_results *results)
{
  for (size_t i = 0; i < table->rows; i++) say(table, &table->row[i], results);
}

static bool answers(lks_verdict verdict)
{
  return verdict == LKS_VERDICT_BETTER || verdict == LKS_VERDICT_WORSE;
}

const char *lks_row_answer(const lks_table_row *row)
{
  const lks_verdict a = row->accuracy.verdict, l = row->loss.verdict;
  if (a == LKS_VERDICT_NONE || a == LKS_VERDICT_SAME) return answers(l) ? "Test loss alone answers." : "";
  if (answers(a) && answers(l))
    return a == l ? "Accuracy and loss agree." : "Accuracy and loss point in different directions.";
  if (answers(l))
    return a == LKS_VERDICT_EQUIVALENT ? "The loss differs; the accuracy does not by more than the margin."
                                       : "Test loss answers already; accuracy does not yet.";
  if (answers(a)) return "Accuracy answers; test loss does not.";
  return a == LKS_VERDICT_EQUIVALENT ? "Accuracy answers: the arms are alike; test loss shows no difference."
                                     : "Neither accuracy nor loss answers yet.";
}
