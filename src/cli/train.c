#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "cli/commands.h"
#include "lockstep/trainer.h"

/* The configuration stands first, so that rows of its table are rows of this struct. */
typedef struct settings {
  lks_config config;
  char file[LKS_TEXT_MAX];
} settings;

static const lks_option file_option = {
    "config",
    "FILE",
    LKS_OPTION_TEXT,
    offsetof(settings, file),
    "",
    NULL,
    0,
    0,
    NULL,
    "settings from an INI file of `name = value` lines; the command line wins"};

const lks_syntax *lks_train_syntax(void)
{
  static lks_option option[LKS_OPTIONS_MAX];
  static lks_syntax syntax = {"train",
                              "DATA.h5",
                              "Trains a network; the same bits at any rank, thread and host count.",
                              "Every option but --config is also a key of the INI file. --resume -o DIR "
                              "takes its settings from DIR/config.ini "
                              "unless --config is given. SIGUSR1, SIGTERM and SIGINT stop a run at the end "
                              "of its step, with a checkpoint.",
                              option,
                              0,
                              0,
                              1};
  if (syntax.options > 0) return &syntax;
  size_t count;
  const lks_option *table = lks_config_options(&count);
  option[0] = file_option;
  memcpy(option + 1, table, count * sizeof *table);
  syntax.options = count + 1;
  return &syntax;
}

/* A resumed run is that of its folder: nothing has to be said twice. */
static void find_file(settings *s)
{
  char path[LKS_TEXT_MAX + 16];
  if (s->file[0] != '\0' || !s->config.resume || s->config.output[0] == '\0') return;
  snprintf(path, sizeof path, "%s/config.ini", s->config.output);
  if (strlen(path) < sizeof s->file && lks_file_exists(path)) strcpy(s->file, path);
}

/* Takes the command line twice: to learn the file's name, and over what the file says. */
static lks_status configure(settings *s, const lks_arguments *arguments)
{
  memset(s, 0, sizeof *s);
  lks_settings_default(s, lks_train_syntax());
  lks_status status = lks_settings_take(s, lks_train_syntax(), arguments);
  if (status != LKS_OK) return status;
  find_file(s);
  if (s->file[0] != '\0') {
    lks_config_default(&s->config);
    status = lks_config_read(&s->config, s->file);
    if (status == LKS_OK) status = lks_settings_take(s, lks_train_syntax(), arguments);
  }
  if (status == LKS_OK && arguments->count == 1)
    status = lks_config_set(&s->config, "data", arguments->argument[0]);
  return status;
}

lks_status lks_train_run_all(lks_comm *comm, int argc, char **argv)
{
  settings s;
  lks_arguments arguments;
  lks_status status = lks_command_line_all(&arguments, comm, lks_train_syntax(), argc, argv);
  if (status != LKS_OK || arguments.help) return status;
  status = lks_comm_agree_all(comm, configure(&s, &arguments));
  if (status == LKS_OK)
    status = lks_comm_broadcast_all(comm, &s.config, sizeof s.config, 0); /* files may differ */
  if (status == LKS_OK) status = lks_config_check(&s.config);
  if (status != LKS_OK) return status;
  lks_train_summary summary;
  status = lks_train_all(&summary, comm, &s.config);
  if (status == LKS_OK) lks_say("fingerprint: %s", summary.fingerprint);
  return status;
}
