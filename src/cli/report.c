#include <limits.h>

#include "cli/commands.h"
#include "report/report.h"
#include "report/trained_runs.h"
#include "study/study.h"

const lks_syntax *lks_report_syntax(void)
{
  static const lks_syntax syntax = {
      "report",
      "DIR...",
      "Makes plots and report.html of a training run, a comparison or a study, as far as it is finished.",
      "DIR is the --output of `lockstep train` or `lockstep compare`, or the folder DIR/NAME of a study. Plots are drawn by gnuplot.",
      NULL,
      0,
      1,
      INT_MAX,
      {{"lockstep report DIR", "makes DIR/report.html of the runs that are finished so far"},
       {"lockstep report run", "the same for a single training run, with its settings"}}};
  return &syntax;
}

lks_status lks_report_run_all(lks_comm *comm, int argc, char **argv)
{
  lks_arguments arguments;
  lks_status status = lks_command_line_all(&arguments, comm, lks_report_syntax(), argc, argv);
  if (status || arguments.help) return status;
  for (int i = 0; i < arguments.count && !status; i++) {
    const char *folder = arguments.argument[i];
    status = lks_study_is_in(folder)      ? lks_study_report(folder)
             : lks_is_trained_run(folder) ? lks_run_report(folder)
                                          : lks_report(folder);
  }
  return status;
}
