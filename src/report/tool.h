#ifndef LKS_REPORT_TOOL_H
#define LKS_REPORT_TOOL_H

#include <stdbool.h>

#include "lockstep/status.h"

/** Another program that draws: gnuplot, or `dot` of graphviz. Borrowed. */
typedef struct lks_tool {
  char *const *arguments; /* its name first, NULL last */
  const char *folder;     /* to run it in; NULL: this one */
  const char *drawing;    /* what it draws, for messages */
  int input, output;      /* open files for its standard input and output; -1: nothing */
} lks_tool;

/** Local. Runs it and waits for its end. *found false: there is no such program. LKS_ERR_IO with the first line that it
 * complained in, or that it took longer than the limit. */
lks_status lks_tool_run(bool *found, const lks_tool *tool);

#endif
