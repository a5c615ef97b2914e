#include "report/gnuplot.h"

#include <stdio.h>

#include "report/tool.h"

enum { PATH_SIZE = 1200 };

/* -d: the plots do not depend on a user's own start-up file. */
lks_status lks_gnuplot_run(bool *found, const char *folder, const char *script)
{
  char drawing[PATH_SIZE];
  char *const arguments[] = {"gnuplot", "-d", (char *)script, NULL};
  snprintf(drawing, sizeof drawing, "%s/%s", folder, script);
  const lks_tool gnuplot = {arguments, folder, drawing, -1, -1};
  return lks_tool_run(found, &gnuplot);
}
