#include <stdio.h>
#include <string.h>

#include "cli/completion_parts.h"
#include "cli/topics.h"

/* Text between single quotation marks. */
static void print_quoted(const char *text)
{
  putchar('\'');
  for (; *text; text++) {
    if (*text == '\\' || *text == '\'') putchar('\\');
    putchar(*text);
  }
  putchar('\'');
}

static void print_brief(const char *text)
{
  char brief[LKS_COMPLETED_MAX];
  lks_completed_brief(brief, text);
  fputs(" -d ", stdout);
  print_quoted(brief);
  putchar('\n');
}

static void begin(const char *command)
{
  printf("complete -c lockstep -n '__lockstep_command %s'", command);
}

static void complete_option(const char *command, const lks_option *option)
{
  begin(command);
  printf(" -l %s", option->name);
  if (strcmp(option->name, "output") == 0) fputs(" -s o", stdout);
  if (option->type != LKS_OPTION_SWITCH) {
    const lks_completed value = lks_completed_value(option);
    fputs(value.files ? " -r -F" : " -x", stdout);
    if (value.words[0]) printf(" -a '%s'", value.words);
  }
  print_brief(option->help);
  if (option->type != LKS_OPTION_SWITCH) return;
  begin(command);
  printf(" -l no-%s\n", option->name);
}

static void complete_command(const lks_syntax *syntax)
{
  printf("complete -c lockstep -n __lockstep_begins -f -a %s", syntax->command);
  print_brief(syntax->summary);
  printf("complete -c lockstep -n '__lockstep_command help' -f -a %s", syntax->command);
  print_brief(syntax->summary);
  for (size_t i = 0; i < syntax->options; i++) complete_option(syntax->command, &syntax->option[i]);
  begin(syntax->command);
  puts(" -s h -l help -d 'print the options'");
}

void lks_completion_fish(const lks_syntax *const *syntax, size_t count)
{
  puts("# fish completion of lockstep\n"
       "function __lockstep_begins\n"
       "    test (count (commandline -opc)) -eq 1\n"
       "end\n"
       "function __lockstep_command\n"
       "    set -l words (commandline -opc)\n"
       "    test (count $words) -gt 1; and test $words[2] = $argv[1]\n"
       "end\n"
       "complete -c lockstep -n __lockstep_begins -f -a help -d 'Explains a command or a topic.'\n"
       "complete -c lockstep -n __lockstep_begins -l version -d 'what it is built with'\n"
       "complete -c lockstep -n __lockstep_begins -s h -l help -d 'all commands'");
  for (const lks_topic *topic = lks_topics; topic->name; topic++) {
    printf("complete -c lockstep -n '__lockstep_command help' -f -a %s", topic->name);
    print_brief(topic->summary);
  }
  for (size_t i = 0; i < count; i++) complete_command(syntax[i]);
}
