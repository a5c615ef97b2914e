#include "cli/manual.h"

#include <stdio.h>
#include <string.h>

/* Roff takes a backslash, a dot or quote at the beginning of a line, and a bare minus for something else. */
static void escaped(const char *text)
{
  for (const char *at = text; *at; at++) {
    if ((at == text || at[-1] == '\n') && (*at == '.' || *at == '\'')) fputs("\\&", stdout);
    switch (*at) {
    case '\\': fputs("\\e", stdout); break;
    case '-': fputs("\\-", stdout); break;
    default: putchar(*at);
    }
  }
}

static void heading(const char *name, int section, const char *summary)
{
  printf(".TH \"%s\" %d \"\" \"Lockstep %s\" \"Lockstep\"\n.SH NAME\n", name, section, LKS_VERSION);
  escaped(name);
  fputs(" \\- ", stdout);
  escaped(summary);
  putchar('\n');
}

static void paragraph(const char *text)
{
  escaped(text);
  putchar('\n');
}

static void describe_option(const lks_option *option)
{
  fputs(".TP\n\\fB", stdout);
  if (strcmp(option->name, "output") == 0) fputs("\\-o\\fR \\fIDIR\\fR, \\fB", stdout);
  fputs("\\-\\-", stdout);
  escaped(option->name);
  fputs("\\fR", stdout);
  if (option->type == LKS_OPTION_SWITCH) {
    fputs(", \\fB\\-\\-no\\-", stdout);
    escaped(option->name);
    fputs("\\fR", stdout);
  } else {
    fputs(option->choices ? "=" : "=\\fI", stdout);
    escaped(option->value);
    if (!option->choices) fputs("\\fR", stdout);
  }
  putchar('\n');
  escaped(option->help);
  if (option->standard[0] != '\0') {
    fputs(" (default ", stdout);
    escaped(option->standard);
    putchar(')');
  }
  putchar('\n');
}

static void describe_options(const lks_syntax *syntax)
{
  const char *group = NULL;
  puts(".SH OPTIONS");
  for (size_t i = 0; i < syntax->options; i++) {
    const lks_option *option = &syntax->option[i];
    if (option->group && (!group || strcmp(group, option->group) != 0)) {
      fputs(".SS ", stdout);
      paragraph(option->group);
    }
    group = option->group;
    describe_option(option);
  }
  puts(".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nprint the options");
}

static void describe_examples(const lks_syntax *syntax)
{
  puts(".SH EXAMPLES");
  for (size_t i = 0; i < LKS_EXAMPLES; i++) {
    fputs(".TP\n\\fB", stdout);
    escaped(syntax->example[i].line);
    puts("\\fR");
    paragraph(syntax->example[i].does);
  }
}

void lks_manual_command(const lks_syntax *syntax)
{
  char name[64];
  snprintf(name, sizeof name, "lockstep-%s", syntax->command);
  heading(name, 1, syntax->summary);
  printf(".SH SYNOPSIS\n\\fBlockstep %s\\fR [\\fIOPTION\\fR...] ", syntax->command);
  paragraph(syntax->arguments);
  puts(".SH DESCRIPTION");
  paragraph(syntax->summary);
  if (syntax->text) {
    puts(".PP");
    paragraph(syntax->text);
  }
  describe_options(syntax);
  describe_examples(syntax);
  puts(".SH SEE ALSO\n\\fBlockstep\\fR(1), \\fBlockstep\\-model\\fR(5), \\fBlockstep\\-files\\fR(5)");
}

void lks_manual_program(const lks_syntax *const *syntax, size_t count, const char *closing)
{
  heading("lockstep", 1,
          "data-parallel training with synchronized batch norm, the same bits at any rank count");
  puts(".SH SYNOPSIS\n[\\fBmpirun \\-np\\fR \\fIN\\fR] \\fBlockstep\\fR \\fICOMMAND\\fR ...\n.SH COMMANDS");
  for (size_t i = 0; i < count; i++) {
    printf(".TP\n\\fBlockstep\\-%s\\fR(1)\n", syntax[i]->command);
    paragraph(syntax[i]->summary);
  }
  puts(".SH EXIT STATUS AND MORE");
  paragraph(closing);
  puts(
      ".SH ENVIRONMENT\n.TP\n\\fBNO_COLOR\\fR\nif it is set and not empty, nothing is coloured; else verdicts, warnings and errors are, on a terminal\n.TP\n\\fBLOCKSTEP_SQUEUE\\fR\nthe program that is asked for the time left of a Slurm job, instead of squeue\n.SH SEE ALSO\n\\fBlockstep\\-model\\fR(5), \\fBlockstep\\-files\\fR(5), \\fBlockstep\\-own\\-data\\fR(7), \\fBlockstep\\-cluster\\fR(7), \\fBmpirun\\fR(1)");
}

void lks_manual_text(const char *name, const char *summary, const char *text)
{
  heading(name, 5, summary);
  puts(".SH DESCRIPTION\n.nf");
  paragraph(text);
  puts(".fi\n.SH SEE ALSO\n\\fBlockstep\\fR(1)");
}
