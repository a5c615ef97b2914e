/* Tables of a run, numbers in them, and lists of words. */
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "compare/word_list.h"
#include "fuzz/fuzz_file.h"

static const char heading[] = "step,epoch,lr,loss\n";

static lks_status take(void *user, char *const *field)
{
  size_t *rows = user, count;
  double value, again;
  char printed[LKS_NUMBER_MAX];
  for (int i = 0; i < 4; i++) {
    lks_count_read(&count, field[i]);
    if (lks_number_read(&value, field[i]) != LKS_OK) continue;
    lks_number_print(printed, value, "");
    fuzz_demand(lks_number_read(&again, printed) == LKS_OK, "a printed number can be read");
    fuzz_demand(value == again || (value != value && again != again), "a printed number is the same number");
  }
  ++*rows;
  return LKS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  size_t rows = 0;
  char word[LKS_WORD_MAX], *text = fuzz_text(data, size);
  const char *rest = text;
  lks_csv_read(fuzz_file("table.csv", data, size), heading, take, &rows);
  while (*rest && lks_next_word(word, &rest, "a word") == LKS_OK)
    fuzz_demand(word[0] && strlen(word) < LKS_WORD_MAX && !strchr(word, ','), "a word is one");
  free(text);
  return 0;
}
