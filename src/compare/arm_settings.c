#include "compare/arm_settings.h"

#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/integers.h"
#include "base/printed.h"

/* Keys that are not an arm's own, and why. */
static const struct {
  const char *key, *why;
  bool counts; /* it changes bits of the result, for all arms */
} not_own[] = {
    {"seed", "the arms are paired by seed; --seed is the first one of all arms", false},
    {"isa", "a process computes with one instruction set; give it for all arms", true},
    {"output", "the runs lie in the comparison's directory", false},
    {"resume", "an interrupted run is continued by itself", false},
    {"keep", "a comparison keeps the newest checkpoint of each run", false},
    {"keep-best", "which checkpoints are kept changes no result; give it for all arms", false},
    {"tensorboard", "what is written of a run changes no result; give it for all arms", false},
    {"noise", "a comparison measures it in each run", false},
    {"cache", "where samples lie changes no result; give it for all arms", false},
    {"window", "the arms see the samples in one order; give it for all arms", true},
    {"threads", "threads change no result; give them for all arms", false},
    {"checkpoint-every", "checkpoints change no result; give it for all arms", false},
    {"checkpoint-interval", "checkpoints change no result; give it for all arms", false},
    {"progress", "it is shown for the whole comparison", false},
    {"quiet", "it is for the whole comparison", false},
    {"max-time", "it is the time of the whole job", false},
    {"stop-margin", "it is that of the whole job", false},
    {"stall-limit", "it is that of the whole job", false},
};

bool lks_setting_is_of_job(const char *key)
{
  for (size_t i = 0; i < sizeof not_own / sizeof *not_own; i++)
    if (strcmp(key, not_own[i].key) == 0) return !not_own[i].counts;
  return false;
}

static lks_status check_own(const char *key)
{
  for (size_t i = 0; i < sizeof not_own / sizeof *not_own; i++)
    if (strcmp(key, not_own[i].key) == 0)
      return lks_fail(LKS_ERR_USAGE, "%s cannot be set in an arm: %s", key, not_own[i].why);
  return LKS_OK;
}

/** Behind the opening quotation mark. */
static lks_status quoted_word(char word[LKS_VALUE_MAX], const char **text)
{
  size_t length = 0;
  const char *c = *text;
  for (; *c != '\0' && (*c != '"' || c[1] == '"'); c++) {
    if (*c == '"') c++;
    if (length + 1 == LKS_VALUE_MAX)
      return lks_fail(LKS_ERR_USAGE, "'%.40s...' is longer than %d bytes", *text, LKS_VALUE_MAX - 1);
    word[length++] = *c;
  }
  word[length] = '\0';
  if (*c == '\0') return lks_fail(LKS_ERR_USAGE, "no quotation mark stands at the end of \"%.100s", *text);
  *text = c + 1;
  return LKS_OK;
}

static lks_status plain_word(char word[LKS_VALUE_MAX], const char **text, const char *ends)
{
  const char *begin = *text;
  size_t length = strcspn(begin, ends);
  *text = begin + length;
  while (length > 0 && isspace((unsigned char)begin[length - 1])) length--;
  if (length >= LKS_VALUE_MAX)
    return lks_fail(LKS_ERR_USAGE, "'%.40s...' is longer than %d bytes", begin, LKS_VALUE_MAX - 1);
  memcpy(word, begin, length);
  word[length] = '\0';
  return LKS_OK;
}

lks_status lks_arm_word(char word[LKS_VALUE_MAX], const char **text, const char *ends)
{
  *text += strspn(*text, " \t");
  if (**text != '"') return plain_word(word, text, ends);
  const char *begin = (*text)++;
  lks_status status = quoted_word(word, text);
  if (status) return status;
  *text += strspn(*text, " \t");
  if (**text != '\0' && strchr(ends, **text) == NULL)
    return lks_fail(LKS_ERR_USAGE, "something stands behind the closing quotation mark in %.100s", begin);
  return LKS_OK;
}

void lks_arm_word_print(FILE *stream, const char *word, const char *ends)
{
  if (word[0] != '"' && word[strcspn(word, ends)] == '\0') {
    fputs(word, stream);
    return;
  }
  fputc('"', stream);
  for (const char *c = word; *c != '\0'; c++) fputs(*c == '"' ? "\"\"" : (char[]){*c, '\0'}, stream);
  fputc('"', stream);
}

lks_status lks_arm_setting_next(bool *more, char key[LKS_KEY_MAX], char value[LKS_VALUE_MAX],
                                const char **text)
{
  const char *begin = *text + strspn(*text, " \t");
  char word[LKS_VALUE_MAX] = "";
  *more = *begin != '\0';
  *text = begin;
  if (!*more) return LKS_OK;
  if (begin[strcspn(begin, "=,")] != '=')
    return lks_fail(LKS_ERR_USAGE, "'%.*s' is not key=value; write as in lr=0.5,model=mlp",
                    (int)lks_min(strcspn(begin, ","), 100), begin);
  lks_status status = plain_word(word, text, "=");
  if (status) return status;
  if (word[0] == '\0') return lks_fail(LKS_ERR_USAGE, "no key stands before '%.100s'", *text);
  snprintf(key, LKS_KEY_MAX, "%.*s", LKS_KEY_MAX - 1, word);
  ++*text;
  status = lks_arm_word(value, text, ",");
  if (status) return lks_fail_in(status, "%s: ", key);
  if (**text != ',') return LKS_OK;
  ++*text;
  if ((*text)[strspn(*text, " \t")] == '\0')
    return lks_fail(LKS_ERR_USAGE, "nothing stands behind the last comma");
  return LKS_OK;
}

static bool is_before(const char *key, const char *text, const char *end)
{
  char other[LKS_KEY_MAX], value[LKS_VALUE_MAX];
  bool more = true;
  while (text < end && lks_arm_setting_next(&more, other, value, &text) == LKS_OK && more)
    if (strcmp(key, other) == 0) return true;
  return false;
}

lks_status lks_arm_settings_apply(lks_config *config, bool *own_rate, const char *settings)
{
  const char *text = settings;
  *own_rate = false;
  for (;;) {
    char key[LKS_KEY_MAX], value[LKS_VALUE_MAX];
    const char *end = text;
    bool more;
    lks_status status = lks_arm_setting_next(&more, key, value, &text);
    if (status || !more) return status;
    if (is_before(key, settings, end))
      return lks_fail(LKS_ERR_USAGE, "%s stands there twice; give it once", key);
    status = check_own(key);
    if (!status) status = lks_config_set(config, key, value);
    if (status) return status;
    if (strcmp(key, "lr") == 0) *own_rate = true;
  }
}

size_t lks_given_microbatch(const lks_config *config)
{
  lks_config chosen = *config;
  chosen.microbatch = 0;
  return lks_config_check(&chosen) == LKS_OK && chosen.microbatch == config->microbatch ? 0
                                                                                        : config->microbatch;
}

/** A microbatch that came from the batch size, as base's did, is not the arm's own. */
static bool is_derived(const char *key, const lks_config *config, const lks_config *base)
{
  return strcmp(key, "microbatch") == 0 && lks_given_microbatch(config) == 0 &&
         lks_given_microbatch(base) == 0;
}

static void print_settings(FILE *stream, const lks_config *config, const lks_config *base, bool own_rate)
{
  size_t count, printed = 0;
  const lks_option *option = lks_config_options(&count);
  for (size_t i = 0; i < count; i++) {
    char value[LKS_VALUE_MAX], usual[LKS_VALUE_MAX];
    lks_config_value_print(value, config, &option[i]);
    lks_config_value_print(usual, base, &option[i]);
    const bool own = own_rate && strcmp(option[i].name, "lr") == 0;
    if ((strcmp(value, usual) == 0 && !own) || is_derived(option[i].name, config, base)) continue;
    fprintf(stream, "%s%s=", printed++ > 0 ? "," : "", option[i].name);
    lks_arm_word_print(stream, value, ",");
  }
}

lks_status lks_arm_settings_print(char settings[LKS_TEXT_MAX], const lks_config *config,
                                  const lks_config *base, bool own_rate)
{
  lks_printed printed;
  char *text;
  lks_status status = lks_printed_begin(&printed);
  if (status) return status;
  print_settings(printed.stream, config, base, own_rate);
  status = lks_printed_text(&text, &printed);
  if (status) return status;
  if (strlen(text) < LKS_TEXT_MAX)
    memcpy(memset(settings, 0, LKS_TEXT_MAX), text, strlen(text));
  else
    status = lks_fail(LKS_ERR_USAGE, "its settings are longer than %d bytes; set some of them for all arms",
                      LKS_TEXT_MAX - 1);
  lks_free(text);
  return status;
}
