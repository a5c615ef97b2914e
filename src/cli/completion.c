#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/completion_parts.h"
#include "cli/manual.h"
#include "model/presets.h"

static void add_word(lks_completed *completed, const char *word, size_t length)
{
  const size_t used = strlen(completed->words);
  if (used + length + 2 > sizeof completed->words) return; /* a word less to choose from */
  snprintf(completed->words + used, sizeof completed->words - used, "%.*s ", (int)length, word);
}

/* The words of "a|b|c", but for those with a capital, which stand for numbers. */
static void add_choices(lks_completed *completed, const char *choices)
{
  for (const char *word = choices; *word; word += strspn(word, "|")) {
    const size_t length = strcspn(word, "|"), small = strcspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ|");
    if (small == length) add_word(completed, word, length);
    word += length;
  }
}

lks_completed lks_completed_value(const lks_option *option)
{
  lks_completed completed = {.files = false};
  const bool list = option->choices || strchr(option->value, '|');
  if (strcmp(option->name, "model") == 0) {
    for (const lks_preset *preset = lks_presets; preset->name; preset++)
      add_word(&completed, preset->name, strlen(preset->name));
    completed.files = true;
  } else if (list)
    add_choices(&completed, option->choices ? option->choices : option->value);
  else
    completed.files = option->type == LKS_OPTION_TEXT;
  return completed;
}

void lks_completed_brief(char brief[LKS_COMPLETED_MAX], const char *text)
{
  static const char *const ends[] = {";", ":", ". ", " ("};
  size_t length = strlen(text);
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
    const char *end = strstr(text, ends[i]);
    if (end && (size_t)(end - text) < length) length = (size_t)(end - text);
  }
  while (length > 0 && text[length - 1] == '.') length--;
  snprintf(brief, LKS_COMPLETED_MAX, "%.*s", (int)length, text);
}

bool lks_completion_print(const char *shell, const lks_syntax *const *syntax, size_t count)
{
  static const struct {
    const char *shell;
    void (*print)(const lks_syntax *const *syntax, size_t count);
  } known[] = {{"bash", lks_completion_bash}, {"fish", lks_completion_fish}, {"zsh", lks_completion_zsh}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(known[i].shell, shell) == 0) {
      known[i].print(syntax, count);
      return true;
    }
  return false;
}
