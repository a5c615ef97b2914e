#include <stdio.h>
#include <string.h>

#include "cli/completion_parts.h"
#include "cli/topics.h"

/* Inside of single quotation marks, where _arguments and _describe take some characters for their own. */
static void print_escaped(const char *text, const char *special)
{
  for (; *text; text++) {
    if (*text == '\'')
      fputs("'\\'", stdout);
    else if (*text == '\\' || strchr(special, *text))
      putchar('\\');
    putchar(*text);
  }
}

static void print_explanation(const char *text)
{
  char brief[LKS_COMPLETED_MAX];
  lks_completed_brief(brief, text);
  putchar('[');
  print_escaped(brief, "[]");
  putchar(']');
}

/* ":NAME:what it may be" */
static void print_value(const lks_option *option)
{
  const lks_completed value = lks_completed_value(option);
  putchar(':');
  print_escaped(option->value, ":");
  putchar(':');
  if (value.words[0] && value.files)
    printf("{compadd -- %s; _files}", value.words);
  else if (value.words[0])
    printf("(%s)", value.words);
  else if (value.files)
    fputs("_files", stdout);
  else
    putchar(' '); /* anything: there is nothing to choose from */
}

static void complete_option(const lks_option *option)
{
  if (option->type == LKS_OPTION_SWITCH) {
    printf("        '(--no-%s)--%s", option->name, option->name);
    print_explanation(option->help);
    printf("'\n        '(--%s)--no-%s'\n", option->name, option->name);
    return;
  }
  const char *repeated = option->type == LKS_OPTION_LIST ? "*" : "";
  printf("        '%s--%s=", repeated, option->name);
  print_explanation(option->help);
  print_value(option);
  puts("'");
  if (strcmp(option->name, "output") != 0) return;
  fputs("        '-o", stdout);
  print_explanation(option->help);
  print_value(option);
  puts("'");
}

static void complete_command(const lks_syntax *syntax)
{
  printf("    %s)\n      options=(\n", syntax->command);
  for (size_t i = 0; i < syntax->options; i++) complete_option(&syntax->option[i]);
  puts("        '(-h --help)'{-h,--help}'[print the options]'\n      ) ;;");
}

static void describe(const char *name, const char *summary)
{
  char brief[LKS_COMPLETED_MAX];
  lks_completed_brief(brief, summary);
  printf("    '%s:", name);
  print_escaped(brief, "");
  puts("'");
}

void lks_completion_zsh(const lks_syntax *const *syntax, size_t count)
{
  puts("#compdef lockstep\n"
       "# zsh completion of lockstep\n"
       "_lockstep() {\n"
       "  local -a commands topics options\n"
       "  commands=(");
  for (size_t i = 0; i < count; i++) describe(syntax[i]->command, syntax[i]->summary);
  puts("  )\n  topics=(");
  for (const lks_topic *topic = lks_topics; topic->name; topic++) describe(topic->name, topic->summary);
  puts("  )\n"
       "  if ((CURRENT == 2)); then\n"
       "    commands+=('help:Explains a command or a topic')\n"
       "    if [[ $words[2] == -* ]]; then compadd -- --version --help; else _describe command commands; fi\n"
       "    return\n"
       "  fi\n"
       "  case $words[2] in\n"
       "    help)\n"
       "      _describe command commands\n"
       "      _describe topic topics\n"
       "      return ;;");
  for (size_t i = 0; i < count; i++) complete_command(syntax[i]);
  puts("    *) return 1 ;;\n"
       "  esac\n"
       "  shift words\n"
       "  ((CURRENT--))\n"
       "  _arguments -S : $options '*:file:_files'\n"
       "}\n"
       "if [ \"$funcstack[1]\" = _lockstep ]; then _lockstep \"$@\"; else compdef _lockstep lockstep; fi");
}
