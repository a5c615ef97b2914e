#include "base/log.h"
#include "cli/commands.h"
#include "report/trained_runs.h"

typedef struct settings {
  char output[LKS_TEXT_MAX];
} settings;

const lks_syntax *lks_plot_syntax(void)
{
  static const lks_option option[] = {
      {"output", "FILE", LKS_OPTION_TEXT, offsetof(settings, output), "curves.png", NULL, 0, 0, NULL,
       "picture to be written, by the end of its name .png, .svg or .html, a page with a table as well; replaced if it is there"},
  };
  static const lks_syntax syntax = {
      "plot",
      "RUN...",
      "Draws loss and accuracy of training runs over their epochs, one run or many beside each other.",
      "RUN is the --output of `lockstep train`; it may still be under way. Of many runs each is named by the settings in which they differ. "
      "The picture is drawn by gnuplot. It shows single runs; whether one setting is better than another takes several seeds: `lockstep compare`.",
      option,
      sizeof option / sizeof *option,
      1,
      LKS_RUNS_MAX,
      {{"lockstep plot run", "draws loss and accuracy of a run in curves.png"},
       {"lockstep plot monday tuesday -o both.html", "two runs beside each other, on a page with a table"}}};
  return &syntax;
}

lks_status lks_plot_run_all(lks_comm *comm, int argc, char **argv)
{
  settings s;
  lks_arguments arguments;
  lks_trained_runs *runs = NULL;
  lks_status status = lks_settings_read_all(&s, &arguments, comm, lks_plot_syntax(), argc, argv);
  if (status || arguments.help) return status;
  status = lks_trained_runs_read(&runs, arguments.argument, (size_t)arguments.count);
  if (!status) status = lks_runs_plot(s.output, runs);
  if (!status) lks_say("written: %s", s.output);
  lks_trained_runs_destroy(&runs);
  return status;
}
