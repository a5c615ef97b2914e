#ifndef LKS_CLI_COMMAND_LINE_H
#define LKS_CLI_COMMAND_LINE_H

#include "lockstep/comm.h"
#include "lockstep/config.h"

/** A command line of at most 76 characters that works with files of such names, and what it does, in as many. */
typedef struct lks_example {
  const char *line, *does;
} lks_example;

enum { LKS_EXAMPLES = 2 };

/** What may stand behind a command's name. All borrowed. */
typedef struct lks_syntax {
  const char *command;      /* "train" */
  const char *arguments;    /* "DATA.h5" */
  const char *summary;      /* one line */
  const char *text;         /* printed below the options, or NULL */
  const lks_option *option; /* [options], at most LKS_OPTIONS_MAX: rows that belong to a struct of settings; a
                             * group of NULL has no heading; "output" is also -o */
  size_t options;
  int least, most; /* how many arguments */
  lks_example example[LKS_EXAMPLES];
} lks_syntax;

enum { LKS_LIST_MAX = 64 };

/** What did stand there; borrowed from argv. */
typedef struct lks_arguments {
  bool help; /* asked for and printed: nothing is left to do */
  int count;
  char **argument;                    /* [count] */
  const char *value[LKS_OPTIONS_MAX]; /* by row; NULL: not given */
  size_t listed;                      /* values of options of type LKS_OPTION_LIST, in the order given */
  struct {
    size_t row;
    const char *value;
  } list[LKS_LIST_MAX];
} lks_arguments;

/** Local. The values of a list, one after the other; NULL behind the last one. *next begins at 0. */
const char *lks_arguments_next(const lks_arguments *arguments, const lks_syntax *syntax, const char *option,
                               size_t *next);

/** Local. The value of an option that is no list; NULL: not given. */
const char *lks_arguments_value(const lks_arguments *arguments, const lks_syntax *syntax, const char *option);

/** Collective. argv[0] is the command's name. The ranks agree on the outcome. LKS_ERR_USAGE, with a
 * suggestion for an unknown option; and for an option, no list, that stands there twice. */
lks_status lks_command_line_all(lks_arguments *arguments, lks_comm *comm, const lks_syntax *syntax, int argc,
                                char **argv);

/** Collective. The same, and puts the options' defaults and what was given into the settings; the ranks agree.
 * LKS_ERR_USAGE for a bad value too. */
lks_status lks_settings_read_all(void *settings, lks_arguments *arguments, lks_comm *comm,
                                 const lks_syntax *syntax, int argc, char **argv);

/** The settings of a command that begins with those of a run. They stand first in a command's own struct, so
 * that rows of the configuration's table are rows of that struct. */
typedef struct lks_run_settings {
  lks_config config;
  char file[LKS_TEXT_MAX]; /* --config */
} lks_run_settings;

/** The row of --config. */
extern const lks_option lks_run_settings_file;

/** Local. Fills all `bytes` of the command's struct: defaults, then the INI file (that of --config, or that
 * of the run directory which is to be resumed), then the command line, then the dataset if it is the one
 * argument. LKS_ERR_USAGE, LKS_ERR_IO. */
lks_status lks_run_settings_read(lks_run_settings *settings, size_t bytes, const lks_syntax *syntax,
                                 const lks_arguments *arguments);

/** Local. The whole reference of a command, to standard output. */
void lks_command_line_help(const lks_syntax *syntax);

#endif
