#include "base/suggest.h"

#include <string.h>

#include "base/integers.h"

enum { LONGEST = 64 };

/* Optimal string alignment: insertions, deletions, replacements and transpositions of neighbours.
 * Source: Damerau 1964; Wagner & Lowrance 1975. Both words have at most LONGEST bytes. */
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
  size_t row[3][LONGEST + 1]; /* of prefixes of a: row[i % 3][j] is the distance of a[0..i) and b[0..j) */
  for (size_t j = 0; j <= b_length; j++) row[0][j] = j;
  for (size_t i = 1; i <= a_length; i++) {
    size_t *now = row[i % 3];
    const size_t *last = row[(i + 2) % 3], *before_last = row[(i + 1) % 3];
    now[0] = i;
    for (size_t j = 1; j <= b_length; j++) {
      now[j] = lks_min(last[j - 1] + (a[i - 1] != b[j - 1]), 1 + lks_min(last[j], now[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        now[j] = lks_min(now[j], before_last[j - 2] + 1);
      }
    }
  }
  return row[a_length % 3][b_length];
}

const char *lks_suggest(const char *word, const char *const *candidates, size_t count)
{
  size_t length = strlen(word);
  if (length > LONGEST) return NULL;
  const char *nearest = NULL;
  size_t best = (length < 3 ? 1 : length / 3) + 1;
  for (size_t i = 0; i < count; i++) {
    size_t candidate_length = strlen(candidates[i]);
    if (candidate_length > LONGEST) continue;
    size_t edits = distance(word, length, candidates[i], candidate_length);
    if (edits < best) {
      best = edits;
      nearest = candidates[i];
    }
  }
  return nearest;
}
