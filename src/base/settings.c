#include "lockstep/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"

static lks_status parse_count(size_t *count, const char *digits, const char *text)
{
  char *end;
  errno = 0;
  unsigned long long number = isdigit((unsigned char)*digits) ? strtoull(digits, &end, 10) : 0;
  if (number == 0 || *end != '\0' || errno != 0 || number > SIZE_MAX / 2) {
    return lks_fail(LKS_ERR_USAGE, "batch norm '%s': the number must be a whole number from 1 on", text);
  }
  *count = (size_t)number;
  return LKS_OK;
}

/* Field by field: the gap between them stays, so that equal settings are equal bytes. */
lks_status lks_norm_parse(lks_norm *norm, const char *text)
{
  static const char *const word[] = {"sync", "rank", "none"};
  static const lks_norm_kind kind[] = {LKS_NORM_SYNC, LKS_NORM_RANK, LKS_NORM_NONE};
  enum { WORDS = sizeof word / sizeof word[0] };
  for (size_t i = 0; i < WORDS; i++) {
    if (strcmp(text, word[i]) == 0) {
      norm->kind = kind[i];
      norm->size = 0;
      return LKS_OK;
    }
  }
  bool ranks = strncmp(text, "rank:", 5) == 0;
  if (ranks || isdigit((unsigned char)*text) || *text == '-' || *text == '+') {
    lks_status status = parse_count(&norm->size, ranks ? text + 5 : text, text);
    if (!status) norm->kind = ranks ? LKS_NORM_RANKS : LKS_NORM_SIZE;
    return status;
  }
  const char *near = lks_suggest(text, word, WORDS);
  return lks_fail(LKS_ERR_USAGE,
                  "batch norm '%s' is not known%s%s; write sync, rank, none, rank:R or a group size K", text,
                  near ? ": did you mean " : "", near ? near : "");
}

lks_norm_words lks_norm_text(lks_norm norm)
{
  lks_norm_words words = {{0}};
  switch (norm.kind) {
  case LKS_NORM_SYNC: strcpy(words.text, "sync"); break;
  case LKS_NORM_SIZE: snprintf(words.text, sizeof words.text, "%zu", norm.size); break;
  case LKS_NORM_RANKS: snprintf(words.text, sizeof words.text, "rank:%zu", norm.size); break;
  case LKS_NORM_RANK: strcpy(words.text, "rank"); break;
  case LKS_NORM_NONE: strcpy(words.text, "none"); break;
  }
  return words;
}

const char *lks_type_name(lks_type type)
{
  return type == LKS_BF16 ? "bf16" : "fp32";
}

lks_type lks_precision_chosen(lks_precision_choice choice, lks_type trained)
{
  if (choice == LKS_PRECISION_TRAINED) return trained;
  return choice == LKS_PRECISION_BF16 ? LKS_BF16 : LKS_FP32;
}

const char *lks_isa_choice_name(lks_isa_choice choice)
{
  static const char *const names[] = {"auto", "sse41", "avx2", "avx512", "avx512_bf16", "amx", "neon"};
  return names[choice];
}

const char *lks_reduce_name(lks_reduce reduce)
{
  return reduce == LKS_REDUCE_MPI ? "mpi" : "tree";
}

const char *lks_optimizer_name(lks_optimizer_kind kind)
{
  static const char *const names[] = {
      [LKS_OPTIMIZER_SGD] = "sgd", [LKS_OPTIMIZER_ADAM] = "adam", [LKS_OPTIMIZER_ADAMW] = "adamw"};
  return names[kind];
}

const char *lks_schedule_name(lks_schedule_kind kind)
{
  static const char *const names[] = {
      [LKS_SCHEDULE_CONSTANT] = "constant", [LKS_SCHEDULE_STEP] = "step", [LKS_SCHEDULE_COSINE] = "cosine"};
  return names[kind];
}
