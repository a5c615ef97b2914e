#include <math.h>
#include <string.h>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/same_start.h"
#include "lockstep/trainer.h"

const lks_syntax *lks_train_syntax(void)
{
  static lks_option option[LKS_OPTIONS_MAX];
  static lks_syntax syntax = {
      "train",
      "DATA.h5",
      "Trains a network; the same bits at any rank, thread and host count.",
      "Every option but --config is also a key of the INI file. --resume -o DIR takes its settings from DIR/config.ini unless --config is given.\n\n"
      "SIGUSR1, or `touch DIR/STOP`, stops a run at the end of its step, with a checkpoint and code 75; `touch DIR/SAVE` writes one without stopping. "
      "SIGTERM, SIGINT (Ctrl-C), SIGHUP and a reader of standard output that is gone give the step under way up and write a checkpoint of the state before it. "
      "mpirun kills all ranks a second after SIGTERM or Ctrl-C, and ends with a code of its own then (Open MPI with 1): SIGUSR1 to mpirun is the clean way.",
      option,
      0,
      0,
      1,
      {{"mpirun -np 4 lockstep train DATA.h5 --model resnet20 --bn sync -o run",
        "trains on four ranks; any other number gives the same bits"},
       {"mpirun -np 2 lockstep train --resume -o run", "goes on where that run stopped, with its settings"}}};
  if (syntax.options > 0) return &syntax;
  size_t count;
  const lks_option *table = lks_config_options(&count);
  option[0] = lks_run_settings_file;
  memcpy(option + 1, table, count * sizeof *table);
  syntax.options = count + 1;
  return &syntax;
}

/* Of the last epoch, where no line has told them. */
static void say_results(const lks_train_summary *summary)
{
  if (lks_log_is_quiet() && isfinite(summary->test_accuracy))
    lks_result("epoch %zu: test loss %.4f, accuracy %.4f", summary->epochs, summary->test_loss,
               summary->test_accuracy);
  lks_result("fingerprint: %s", summary->fingerprint);
}

lks_status lks_train_run_all(lks_comm *comm, int argc, char **argv)
{
  lks_run_settings s;
  lks_arguments arguments;
  lks_status status = lks_command_line_all(&arguments, comm, lks_train_syntax(), argc, argv);
  if (status || arguments.help) return status;
  status = lks_comm_agree_all(comm, lks_run_settings_read(&s, sizeof s, lks_train_syntax(), &arguments));
  if (!status) status = lks_run_settings_same_all(comm, lks_train_syntax(), &s, &arguments);
  if (!status) status = lks_config_check(&s.config);
  if (status) return status;
  lks_log_quiet(s.config.quiet);
  lks_train_summary summary;
  status = lks_train_all(&summary, comm, &s.config);
  if (!status) say_results(&summary);
  return status;
}
