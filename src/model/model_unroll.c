#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "model/model_text.h"

/* Repeats become what they stand for. */

typedef struct unroller {
  const char *where;
  const lks_statement *from; /* as the text has them */
  size_t *match;             /* [statements] of a repeat: the number of its `end` */
  lks_statement *to;         /* NULL while they are only counted */
  size_t count;
} unroller;

/* Finds each repeat's `end`; an `end` too many stays what it is, and is reported where blocks are closed. */
static lks_status match_ends(unroller *u, size_t count)
{
  size_t *open = lks_new(count + 1, sizeof *open), depth = 0;
  if (!open) return LKS_ERR_RANK;
  lks_status status = LKS_OK;
  for (size_t i = 0; i < count && !status; i++) {
    if (u->from[i].word == LKS_WORD_RESIDUAL || u->from[i].word == LKS_WORD_REPEAT) open[depth++] = i;
    if (u->from[i].word != LKS_WORD_END || depth == 0) continue;
    const size_t begin = open[--depth];
    u->match[begin] = i;
    if (u->from[begin].word == LKS_WORD_REPEAT && begin + 1 == i)
      status = lks_model_text_fail(LKS_ERR_USAGE, u->where, &u->from[begin], LKS_FIELD_WORD,
                                   "there is nothing to repeat; put layers between repeat and end");
  }
  while (!status && depth > 0) {
    const lks_statement *begin = &u->from[open[--depth]];
    if (begin->word == LKS_WORD_REPEAT)
      status = lks_model_text_fail(LKS_ERR_USAGE, u->where, begin, LKS_FIELD_WORD,
                                   "this repeat has no end; write 'end' behind the last line to repeat");
  }
  lks_free(open);
  return status;
}

/* The number at the end of a name counts on. */
static lks_status count_on(const unroller *u, lks_statement *s, size_t round)
{
  const size_t length = strlen(s->name);
  size_t begin = length;
  while (begin > 0 && s->name[begin - 1] >= '0' && s->name[begin - 1] <= '9') begin--;
  if (begin == length || length - begin > 6)
    return lks_model_text_fail(
        LKS_ERR_USAGE, u->where, s, LKS_FIELD_NAME,
        "'%s' would name several layers; in a repeat a name ends in a number, such as %.40s0, which counts on",
        s->name, s->name);
  char name[LKS_NAME_MAX + 24];
  const int written = snprintf(name, sizeof name, "%.*s%lu", (int)begin, s->name,
                               strtoul(s->name + begin, NULL, 10) + (unsigned long)round);
  if (written >= LKS_NAME_MAX)
    return lks_model_text_fail(LKS_ERR_USAGE, u->where, s, LKS_FIELD_NAME,
                               "the name '%s' is longer than %d bytes; use a shorter one", name,
                               LKS_NAME_MAX - 1);
  memcpy(s->name, name, (size_t)written + 1);
  return LKS_OK;
}

static lks_status put(unroller *u, const lks_statement *s, bool counts_on, size_t round)
{
  if (u->count == LKS_STATEMENTS_MAX)
    return lks_model_text_fail(LKS_ERR_USAGE, u->where, s, LKS_FIELD_WORD,
                               "more than %d layers with those repeated; make the model smaller",
                               LKS_STATEMENTS_MAX);
  if (u->to) {
    u->to[u->count] = *s;
    if (counts_on && *s->name) {
      lks_status status = count_on(u, &u->to[u->count], round);
      if (status) return status;
    }
  }
  u->count++;
  return LKS_OK;
}

/* Statements begin..end-1. repeated: they stand in a repeat, in its round `round`. Every round puts at least one
 * statement, so that nested repeats end at the limit. */
static lks_status unroll(unroller *u, size_t begin, size_t end, bool repeated, size_t round)
{
  size_t blocks = 0; /* that began here */
  lks_status status = LKS_OK;
  for (size_t i = begin; i < end && !status; i++) {
    const lks_statement *s = &u->from[i];
    const bool direct = repeated && blocks == 0;
    if (s->word == LKS_WORD_REPEAT) {
      for (size_t r = 0; r < s->times && !status; r++)
        status = unroll(u, i + 1, u->match[i], true, (direct ? round : 0) * s->times + r);
      i = u->match[i];
      continue;
    }
    status = put(u, s, direct, round);
    if (s->word == LKS_WORD_RESIDUAL) blocks++;
    if (s->word == LKS_WORD_END && blocks > 0) blocks--;
  }
  return status;
}

static bool has_repeats(const unroller *u, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (u->from[i].word == LKS_WORD_REPEAT) return true;
  return false;
}

lks_status lks_model_text_unroll(lks_statement **statements, size_t *count, const char *where)
{
  const size_t given = *count;
  unroller u = {.where = where, .from = *statements, .match = lks_new(given + 1, sizeof *u.match)};
  lks_status status = u.match ? match_ends(&u, given) : LKS_ERR_RANK;
  if (!status) status = unroll(&u, 0, given, false, 0);
  if (!status && has_repeats(&u, given)) {
    u.to = lks_new(u.count + 1, sizeof *u.to);
    u.count = 0;
    status = u.to ? unroll(&u, 0, given, false, 0) : LKS_ERR_RANK;
    if (!status) {
      lks_free(*statements);
      *statements = u.to;
      *count = u.count;
    } else {
      lks_free(u.to);
    }
  }
  lks_free(u.match);
  return status;
}
