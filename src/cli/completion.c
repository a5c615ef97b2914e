#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/manual.h"
#include "lockstep/model.h"
#include "model/presets.h"

/* The words of "a|b|c", but for those with a capital, which stand for numbers. */
static void print_words(const char *choices)
{
  for (const char *word = choices; *word; word += strspn(word, "|")) {
    const size_t length = strcspn(word, "|"), small = strcspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ|");
    if (small == length) printf("%.*s ", (int)length, word);
    word += length;
  }
}

/* What may follow --NAME: its choices, the presets, or a file. */
static void complete_value(const lks_option *option)
{
  if (option->type == LKS_OPTION_SWITCH) return;
  printf("      --%s) ", option->name);
  const bool list = option->choices || strchr(option->value, '|');
  if (strcmp(option->name, "model") == 0) {
    fputs("words=\"", stdout);
    for (const lks_preset *preset = lks_presets; preset->name; preset++) printf("%s ", preset->name);
    fputs("\" files=yes", stdout);
  } else if (list) {
    fputs("words=\"", stdout);
    print_words(option->choices ? option->choices : option->value);
    putchar('"');
  } else
    fputs(option->type == LKS_OPTION_TEXT ? "files=yes" : ":", stdout);
  puts(" ;;");
}

static void complete_command(const lks_syntax *syntax)
{
  printf("    %s)\n      options=\"", syntax->command);
  for (size_t i = 0; i < syntax->options; i++) {
    const lks_option *option = &syntax->option[i];
    printf("--%s%s ", option->name, option->type == LKS_OPTION_SWITCH ? "" : "=");
    if (option->type == LKS_OPTION_SWITCH) printf("--no-%s ", option->name);
  }
  puts("--help\"\n      case $option in");
  for (size_t i = 0; i < syntax->options; i++) complete_value(&syntax->option[i]);
  puts("      -o) files=yes ;;\n      *) matched='' ;;\n      esac ;;");
}

void lks_completion_print(const lks_syntax *const *syntax, size_t count)
{
  puts(
      "# bash completion of lockstep, also behind mpirun\n"
      "_lockstep() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD-1]} command='' options='' words='' files=''\n"
      "  local matched=yes i\n"
      "  if [ \"$option\" = = ]; then option=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
      "  if [ \"$word\" = = ]; then word=''; fi\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case ${COMP_WORDS[i-1]} in lockstep | */lockstep) command=${COMP_WORDS[i]} ;; esac\n"
      "  done");
  fputs("  local commands=\"help --version ", stdout);
  for (size_t i = 0; i < count; i++) printf("%s ", syntax[i]->command);
  puts(
      "\"\n  case $command in\n    '') matched=yes words=$commands ;;\n    help) matched=yes words=\"$commands models\" ;;");
  for (size_t i = 0; i < count; i++) complete_command(syntax[i]);
  puts(
      "    *) matched='' ;;\n"
      "  esac\n"
      "  if [ -z \"$matched\" ]; then\n"
      "    case $word in -*) words=$options ;; *) files=yes ;; esac\n"
      "  fi\n"
      "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\" || :; [ -z \"$files\" ] || compgen -f -- \"$word\")\n"
      "  case ${COMPREPLY[0]-} in *=) compopt -o nospace ;; esac\n"
      "  compopt -o filenames 2>/dev/null\n"
      "}\n"
      "complete -F _lockstep lockstep");
}
