#include <stdio.h>

#include "cli/completion_parts.h"
#include "cli/topics.h"

static void complete_value(const lks_option *option)
{
  if (option->type == LKS_OPTION_SWITCH) return;
  const lks_completed completed = lks_completed_value(option);
  printf("      --%s)", option->name);
  if (completed.words[0]) printf(" words=\"%s\"", completed.words);
  puts(completed.files ? " files=yes ;;" : completed.words[0] ? " ;;" : " : ;;");
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

void lks_completion_bash(const lks_syntax *const *syntax, size_t count)
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
      "\"\n  case $command in\n    '') matched=yes words=$commands ;;\n    help) matched=yes words=\"$commands");
  for (const lks_topic *topic = lks_topics; topic->name; topic++) printf(" %s", topic->name);
  puts("\" ;;");
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
