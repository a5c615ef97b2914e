#include "cli/command_line.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/suggest.h"
#include "base/terminal.h"
#include "base/wrapped.h"
#include "cli/same_start.h"
#include "config/config_sections.h"
#include "config/config_value.h"

/* argp's keys: KEY_ROW + row of the options, and for a switch KEY_OFF + row for its --no- form. */
enum {
  KEY_HELP = 'h',
  KEY_OUTPUT = 'o',
  KEY_ROW = 0x1000,
  KEY_OFF = 0x2000,
  ARGP_ROWS = 3 * LKS_OPTIONS_MAX + 2
};

typedef struct parsing {
  const lks_syntax *syntax;
  lks_arguments *arguments;
  struct argp_option row[ARGP_ROWS];
  char off_name[LKS_OPTIONS_MAX][32]; /* "no-flip" */
  char help[LKS_OPTIONS_MAX][320];    /* with the default */
  char doc[2048];
  size_t output; /* row that -o stands for */
  lks_status status;
} parsing;

static const struct argp_option *find(const parsing *p, const char *name)
{
  for (const struct argp_option *o = p->row; o->key != 0 || o->doc != NULL; o++)
    if (o->name != NULL && strcmp(o->name, name) == 0) return o;
  return NULL;
}

static lks_status unknown_option(const parsing *p, const char *name)
{
  const char *names[ARGP_ROWS];
  size_t count = 0;
  for (const struct argp_option *o = p->row; o->key != 0 || o->doc != NULL; o++)
    if (o->name != NULL) names[count++] = o->name;
  const char *near = lks_suggest(name, names, count);
  if (near != NULL) return lks_fail(LKS_ERR_USAGE, "unknown option '--%s'; did you mean '--%s'?", name, near);
  return lks_fail(LKS_ERR_USAGE, "unknown option '--%s'; `lockstep help %s` lists all options", name,
                  p->syntax->command);
}

/* argp does not say what it disliked about the word that it read last. */
static lks_status refuse(const parsing *p, const char *word)
{
  if (strncmp(word, "--", 2) != 0)
    return lks_fail(LKS_ERR_USAGE,
                    "unknown option '%.100s', or its value is missing; `lockstep help %s` lists all options",
                    word, p->syntax->command);
  char name[64];
  snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="), word + 2);
  const struct argp_option *option = find(p, name);
  if (option == NULL) return unknown_option(p, name);
  if (option->arg == NULL) return lks_fail(LKS_ERR_USAGE, "option '--%s' takes no value", name);
  return lks_fail(LKS_ERR_USAGE, "option '--%s' needs a value: --%s %s", name, name, option->arg);
}

static lks_status take_listed(parsing *p, size_t row, const char *value)
{
  lks_arguments *arguments = p->arguments;
  if (arguments->listed == LKS_LIST_MAX)
    return lks_fail(LKS_ERR_USAGE, "more than %d times '--%s'; take fewer", LKS_LIST_MAX,
                    p->syntax->option[row].name);
  arguments->list[arguments->listed].row = row;
  arguments->list[arguments->listed++].value = value;
  return LKS_OK;
}

/* That the last one wins would hide a slip. */
static lks_status take_value(parsing *p, size_t row, const char *value)
{
  const lks_option *option = &p->syntax->option[row];
  if (option->type == LKS_OPTION_LIST) return take_listed(p, row, value);
  const char *before = p->arguments->value[row];
  if (before != NULL)
    return lks_fail(LKS_ERR_USAGE,
                    "option '--%s' stands there twice, with %.100s and with %.100s; give it once",
                    option->name, before, value);
  p->arguments->value[row] = value;
  return LKS_OK;
}

static error_t take_option(parsing *p, size_t row, const char *value)
{
  p->status = take_value(p, row, value);
  return p->status == LKS_OK ? 0 : EINVAL;
}

static error_t take(int key, char *value, struct argp_state *state)
{
  parsing *p = state->input;
  lks_arguments *arguments = p->arguments;
  switch (key) {
  case KEY_HELP: arguments->help = true; return 0;
  case KEY_OUTPUT: return take_option(p, p->output, value);
  case ARGP_KEY_ARGS: /* all that are no options */
    arguments->argument = state->argv + state->next;
    arguments->count = state->argc - state->next;
    state->next = state->argc;
    return 0;
  case ARGP_KEY_ERROR:
    if (!p->status) p->status = refuse(p, state->argv[state->next - 1]);
    return 0;
  default: break;
  }
  if (key >= KEY_OFF && key < KEY_OFF + LKS_OPTIONS_MAX)
    return take_option(p, (size_t)(key - KEY_OFF), "off");
  if (key >= KEY_ROW && key < KEY_ROW + LKS_OPTIONS_MAX)
    return take_option(p, (size_t)(key - KEY_ROW), value == NULL ? "on" : value);
  return ARGP_ERR_UNKNOWN;
}

static void print_help(char text[320], const lks_option *option)
{
  if (option->type != LKS_OPTION_SWITCH && option->standard[0] != '\0')
    snprintf(text, 320, "%s (default %s)", option->help, option->standard);
  else if (strcmp(option->standard, "on") == 0)
    snprintf(text, 320, "%s (default on; --no-%s)", option->help, option->name);
  else
    snprintf(text, 320, "%s", option->help);
}

static void make_rows(parsing *p)
{
  struct argp_option *out = p->row;
  int group = 0;
  const char *heading = NULL;
  for (size_t i = 0; i < p->syntax->options; i++) {
    const lks_option *option = &p->syntax->option[i];
    int key = (int)i;
    if (option->group != NULL && (heading == NULL || strcmp(heading, option->group) != 0))
      *out++ = (struct argp_option){NULL, 0, NULL, 0, option->group, ++group};
    heading = option->group;
    *out++ = (struct argp_option){option->name, KEY_ROW + key, option->value, 0, p->help[i], group};
    print_help(p->help[i], option);
    if (strcmp(option->name, "output") == 0) {
      p->output = i;
      *out++ = (struct argp_option){NULL, KEY_OUTPUT, NULL, OPTION_ALIAS, NULL, group};
    }
    if (option->type != LKS_OPTION_SWITCH) continue;
    snprintf(p->off_name[i], sizeof p->off_name[i], "no-%s", option->name);
    *out++ = (struct argp_option){p->off_name[i], KEY_OFF + key, NULL, OPTION_HIDDEN, NULL, group};
  }
  *out = (struct argp_option){"help", KEY_HELP, NULL, 0, "print this help", -1};
}

static struct argp make_argp(parsing *p, const lks_syntax *syntax, lks_arguments *arguments)
{
  memset(p, 0, sizeof *p);
  p->syntax = syntax;
  p->arguments = arguments;
  make_rows(p);
  const char *text = syntax->text == NULL ? "" : syntax->text;
  snprintf(p->doc, sizeof p->doc, "%s\v%s", syntax->summary, text);
  return (struct argp){p->row, take, syntax->arguments, p->doc, NULL, NULL, NULL};
}

static lks_status check_count(const lks_syntax *syntax, const lks_arguments *arguments)
{
  if (arguments->count > syntax->most)
    return lks_fail(LKS_ERR_USAGE, "'%.200s' is one argument too many; usage: lockstep %s %s",
                    arguments->argument[syntax->most], syntax->command, syntax->arguments);
  if (arguments->count < syntax->least)
    return lks_fail(LKS_ERR_USAGE, "an argument is missing; usage: lockstep %s %s", syntax->command,
                    syntax->arguments);
  return LKS_OK;
}

static lks_status parse(lks_arguments *arguments, const lks_syntax *syntax, int argc, char **argv)
{
  parsing p;
  *arguments = (lks_arguments){0};
  const struct argp argp = make_argp(&p, syntax, arguments);
  error_t error = argp_parse(&argp, argc, argv, ARGP_NO_EXIT | ARGP_NO_ERRS | ARGP_NO_HELP, NULL, &p);
  if (p.status) return p.status;
  if (error != 0) return lks_fail(LKS_ERR_RANK, "the command line can't be read: %s", strerror(error));
  return arguments->help ? LKS_OK : check_count(syntax, arguments);
}

lks_status lks_command_line_all(lks_arguments *arguments, lks_comm *comm, const lks_syntax *syntax, int argc,
                                char **argv)
{
  lks_status status = lks_comm_agree_all(comm, parse(arguments, syntax, argc, argv));
  if (!status && !lks_comm_equal_all(comm, arguments->help))
    status = lks_fail(LKS_ERR_USAGE,
                      "some ranks were given --help, others not; give all ranks the same command line");
  if (!status && arguments->help && lks_comm_rank(comm) == 0) lks_command_line_help(syntax);
  return status;
}

const char *lks_arguments_next(const lks_arguments *arguments, const lks_syntax *syntax, const char *option,
                               size_t *next)
{
  while (*next < arguments->listed) {
    const size_t i = (*next)++;
    if (strcmp(syntax->option[arguments->list[i].row].name, option) == 0) return arguments->list[i].value;
  }
  return NULL;
}

const char *lks_arguments_value(const lks_arguments *arguments, const lks_syntax *syntax, const char *option)
{
  for (size_t i = 0; i < syntax->options; i++)
    if (strcmp(syntax->option[i].name, option) == 0) return arguments->value[i];
  return NULL;
}

static void set_defaults(void *settings, const lks_syntax *syntax)
{
  for (size_t i = 0; i < syntax->options; i++)
    lks_config_value_read(settings, &syntax->option[i], syntax->option[i].standard);
}

static lks_status take_values(void *settings, const lks_syntax *syntax, const lks_arguments *arguments)
{
  for (size_t i = 0; i < syntax->options; i++) {
    if (arguments->value[i] == NULL) continue;
    lks_status status = lks_config_value_read(settings, &syntax->option[i], arguments->value[i]);
    if (status) return lks_fail_in(status, "--");
  }
  return LKS_OK;
}

lks_status lks_settings_read_all(void *settings, lks_arguments *arguments, lks_comm *comm,
                                 const lks_syntax *syntax, int argc, char **argv)
{
  lks_facts facts = {.count = 0};
  set_defaults(settings, syntax);
  lks_status status = lks_command_line_all(arguments, comm, syntax, argc, argv);
  if (!status) status = lks_comm_agree_all(comm, take_values(settings, syntax, arguments));
  if (status || arguments->help) return status;
  lks_settings_facts(&facts, syntax, settings, arguments);
  return lks_settings_same_all(comm, &facts);
}

const lks_option lks_run_settings_file = {
    "config",
    "FILE",
    LKS_OPTION_TEXT,
    offsetof(lks_run_settings, file),
    "",
    NULL,
    0,
    0,
    NULL,
    "settings of a run from an INI file of `name = value` lines; the command line wins"};

/* A resumed run is that of its folder: nothing has to be said twice. */
static void find_file(lks_run_settings *settings)
{
  const lks_config *config = &settings->config;
  char path[LKS_TEXT_MAX + 16];
  if (settings->file[0] != '\0' || !config->resume || config->output[0] == '\0') return;
  snprintf(path, sizeof path, "%s/config.ini", config->output);
  if (strlen(path) < sizeof settings->file && lks_file_exists(path)) strcpy(settings->file, path);
}

/* With them, the file may hold arms' sections, which are not the run's own settings. */
static bool has_arms(const lks_syntax *syntax)
{
  for (size_t i = 0; i < syntax->options; i++)
    if (strcmp(syntax->option[i].name, "arm") == 0) return true;
  return false;
}

/* In a file both may stand, as that of a comparison whose arms have different norms. */
static lks_status check_norms(const lks_run_settings *settings, const lks_syntax *syntax,
                              const lks_arguments *arguments)
{
  const char *bn = lks_arguments_value(arguments, syntax, "bn"),
             *norm = lks_arguments_value(arguments, syntax, "norm");
  if (!bn || !norm || settings->config.norm.kind == LKS_NORM_LAYERS_BATCH) return LKS_OK;
  if (strcmp(bn, "sync") == 0 || strcmp(bn, "none") == 0)
    return LKS_OK; /* the standard; and refused with every norm */
  return lks_fail(
      LKS_ERR_USAGE,
      "--bn %.64s says over which samples batch norm goes, and --norm %.64s puts another norm in its place; leave one of the two out",
      bn, norm);
}

/* Takes the command line twice: to learn the file's name, and over what the file says. */
lks_status lks_run_settings_read(lks_run_settings *settings, size_t bytes, const lks_syntax *syntax,
                                 const lks_arguments *arguments)
{
  memset(settings, 0, bytes);
  lks_config_default(&settings->config);
  set_defaults(settings, syntax);
  lks_status status = take_values(settings, syntax, arguments);
  if (status) return status;
  find_file(settings);
  if (settings->file[0] != '\0') {
    lks_config_default(&settings->config);
    status = has_arms(syntax) ? lks_config_read_common(&settings->config, settings->file)
                              : lks_config_read(&settings->config, settings->file);
    if (!status) status = take_values(settings, syntax, arguments);
  }
  if (!status && arguments->count == 1)
    status = lks_config_set(&settings->config, "data", arguments->argument[0]);
  return status ? status : check_norms(settings, syntax, arguments);
}

/* As wide as the terminal; in a narrow one explanations stand below their options. */
static void set_width(void)
{
  char format[64];
  const size_t width = lks_terminal_width();
  snprintf(format, sizeof format, "no-dup-args-note,rmargin=%zu%s", width - 1,
           width < 60 ? ",opt-doc-col=10,usage-indent=4" : "");
  setenv("ARGP_HELP_FMT", format, 0);
}

static void print_examples(const lks_syntax *syntax)
{
  puts("\nExamples:");
  for (size_t i = 0; i < LKS_EXAMPLES; i++) {
    printf("  %s\n      ", syntax->example[i].line);
    lks_wrapped_print(stdout, syntax->example[i].does, 6, 6);
  }
}

void lks_command_line_help(const lks_syntax *syntax)
{
  parsing p;
  char name[64];
  const struct argp argp = make_argp(&p, syntax, NULL);
  snprintf(name, sizeof name, "lockstep %s", syntax->command);
  set_width();
  argp_help(&argp, stdout, ARGP_HELP_SHORT_USAGE | ARGP_HELP_DOC | ARGP_HELP_LONG, name);
  print_examples(syntax);
}
