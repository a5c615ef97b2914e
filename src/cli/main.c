/* The program: finds the command, starts and ends MPI, prints the one message, and makes the exit code. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/life.h"
#include "base/log.h"
#include "base/stop_request.h"
#include "base/suggest.h"
#include "base/wrapped.h"
#include "cli/commands.h"
#include "cli/hangup.h"
#include "cli/interrupt.h"
#include "cli/manual.h"
#include "cli/same_start.h"
#include "cli/topics.h"
#include "comm/stall_watch.h"
#include "hdf5/hdf5_version.h"
#include "kernels/onednn.h"
#include "lockstep/fork_server.h"
#include "lockstep/trainer.h"
#include "train/launch.h"

typedef struct command {
  const char *name;
  const lks_syntax *(*syntax)(void);
  lks_status (*run_all)(lks_comm *comm, int argc, char **argv);
  bool parallel;  /* runs under mpirun, and all ranks work */
  bool stoppable; /* keeps what is done when a signal comes: all others, with nothing to keep, die of it */
} command;

static const command commands[] = {
    {"import", lks_import_syntax, lks_import_run_all, false, false},
    {"export-data", lks_export_data_syntax, lks_export_data_run_all, false, false},
    {"generate", lks_generate_syntax, lks_generate_run_all, false, false},
    {"corrupt", lks_corrupt_syntax, lks_corrupt_run_all, false, false},
    {"info", lks_info_syntax, lks_info_run_all, false, false},
    {"show", lks_show_syntax, lks_show_run_all, false, false},
    {"find-lr", lks_find_lr_syntax, lks_find_lr_run_all, true, false},
    {"train", lks_train_syntax, lks_train_run_all, true, true},
    {"evaluate", lks_evaluate_syntax, lks_evaluate_run_all, true, false},
    {"compare", lks_compare_syntax, lks_compare_run_all, true, true},
    {"report", lks_report_syntax, lks_report_run_all, false, false},
    {"plot", lks_plot_syntax, lks_plot_run_all, false, false},
    {"study", lks_study_syntax, lks_study_run_all, true, true},
    {"export", lks_export_syntax, lks_export_run_all, false, false},
    {"import-weights", lks_import_weights_syntax, lks_import_weights_run_all, false, false},
    {"predict", lks_predict_syntax, lks_predict_run_all, false, false},
    {"plan", lks_plan_syntax, lks_plan_run_all, true, false},
    {"bench", lks_bench_syntax, lks_bench_run_all, true, false},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static const command *find(const char *name)
{
  for (size_t i = 0; i < COMMANDS; i++)
    if (strcmp(commands[i].name, name) == 0) return &commands[i];
  return NULL;
}

static lks_status unknown(const char *name)
{
  const char *names[COMMANDS + 1] = {"help"};
  for (size_t i = 0; i < COMMANDS; i++) names[i + 1] = commands[i].name;
  const char *near = lks_suggest(name, names, COMMANDS + 1);
  if (near != NULL)
    return lks_fail(LKS_ERR_USAGE, "unknown command '%.100s'; did you mean '%s'?", name, near);
  return lks_fail(LKS_ERR_USAGE, "unknown command '%.100s'; `lockstep --help` lists all commands", name);
}

/* Open MPI: up to the comma; MPICH: "MPICH Version: 4.0.2", then lines of its own. */
static int mpi_name_length(char *text)
{
  for (char *c = text; *c; c++)
    if (*c == '\t') *c = ' ';
  return (int)strcspn(text, ",\n");
}

static void print_version(void)
{
  char mpi[MPI_MAX_LIBRARY_VERSION_STRING];
  int length;
  MPI_Get_library_version(mpi, &length);
#if defined(__clang__)
  const char *compiler = ""; /* its version begins with its name */
#else
  const char *compiler = "gcc ";
#endif
  const bool set = lks_isa_set(lks_isa_best()) == LKS_OK;
  printf("lockstep  %s\ncompiler  %s%s\nMPI       %.*s\nHDF5      %s\noneDNN    %s, %s\nisa       %s\n",
         LKS_VERSION, compiler, __VERSION__, mpi_name_length(mpi), mpi, lks_hdf5_version(),
         lks_onednn_version(), lks_onednn_isa(), set ? lks_isa_name(lks_isa_used()) : lks_message());
}

static const char closing[] =
    "Exit codes: 0 done, 2 usage, 3 bad data, 4 input/output, 5 diverged, 6 a rank failed or stalled, 75 stopped on request and resumable.\n";

static void print_help(void)
{
  puts("Lockstep trains neural networks data-parallel over MPI with synchronized batch\n"
       "norm: the same bits at any rank count.\n\nUsage: [mpirun -np N] lockstep COMMAND ...\n");
  for (size_t i = 0; i < COMMANDS; i++) {
    const lks_syntax *syntax = commands[i].syntax();
    printf("  %s %s\n      ", commands[i].name, syntax->arguments);
    lks_wrapped_print(stdout, syntax->summary, 6, 6);
  }
  puts("\n`lockstep help COMMAND` is the reference of a command; and `lockstep help ...`");
  for (const lks_topic *topic = lks_topics; topic->name; topic++)
    printf("    %-10s %s\n", topic->name, topic->summary);
  puts("`lockstep --version` tells what it is built with.\n");
  lks_wrapped_print(stdout, closing, 0, 0);
}

/* For the build: `help --pages` lists the manual pages, `help --page NAME` prints one, `help --completion SHELL`
 * the completion of bash, fish or zsh. */
static bool documented(int argc, char **argv)
{
  const lks_syntax *syntax[COMMANDS];
  for (size_t i = 0; i < COMMANDS; i++) syntax[i] = commands[i].syntax();
  if (argc < 3 || strcmp(argv[1], "help") != 0) return false;
  if (argc == 4 && strcmp(argv[2], "--completion") == 0)
    return lks_completion_print(argv[3], syntax, COMMANDS);
  if (argc == 3 && strcmp(argv[2], "--pages") == 0) {
    for (size_t i = 0; i < COMMANDS; i++) printf("lockstep-%s.1\n", syntax[i]->command);
    puts("lockstep.1");
    for (const lks_topic *topic = lks_topics; topic->name; topic++) puts(topic->page);
    return true;
  }
  if (argc != 4 || strcmp(argv[2], "--page") != 0) return false;
  for (size_t i = 0; i < COMMANDS; i++) {
    char page[64];
    snprintf(page, sizeof page, "lockstep-%s.1", syntax[i]->command);
    if (strcmp(argv[3], page) == 0) lks_manual_command(syntax[i]);
  }
  if (strcmp(argv[3], "lockstep.1") == 0) lks_manual_program(syntax, COMMANDS, closing);
  for (const lks_topic *topic = lks_topics; topic->name; topic++)
    if (strcmp(argv[3], topic->page) == 0) lks_topic_print_page(topic);
  return true;
}

/* `help WORD`: of a command or a topic. */
static bool explained(const char *word)
{
  const command *of = find(word);
  const lks_topic *topic = lks_topic_find(word);
  if (of != NULL) lks_command_line_help(of->syntax());
  if (of == NULL && topic != NULL) lks_topic_print(topic);
  return of != NULL || topic != NULL;
}

/* What needs no MPI: an argument's answer on standard output. */
static bool answered(int argc, char **argv)
{
  if (argc == 2 &&
      (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)) {
    print_help();
    return true;
  }
  if (documented(argc, argv)) return true;
  if (argc == 2 && strcmp(argv[1], "--version") == 0) {
    print_version();
    return true;
  }
  return argc == 3 && strcmp(argv[1], "help") == 0 && explained(argv[2]);
}

/* Before the ranks do anything together. */
static lks_status check_start_all(lks_comm *comm, const command *chosen, const lks_launch *launch,
                                  const char *name)
{
  char mpi[MPI_MAX_LIBRARY_VERSION_STRING];
  int length;
  lks_status status = lks_start_same_all(comm, name);
  if (status || chosen == NULL || !chosen->parallel) return status;
  MPI_Get_library_version(mpi, &length);
  mpi[mpi_name_length(mpi)] = '\0';
  return lks_comm_agree_all(comm, lks_launch_check(launch, lks_comm_size(comm), mpi, !chosen->stoppable));
}

static lks_status run_all(lks_comm *comm, const command *chosen, const lks_launch *launch, int argc,
                          char **argv)
{
  lks_status status = check_start_all(comm, chosen, launch, argc < 2 ? "" : argv[1]);
  if (status) return status;
  if (argc < 2) return lks_fail(LKS_ERR_USAGE, "no command given; `lockstep --help` lists them");
  if (chosen == NULL) return unknown(strcmp(argv[1], "help") == 0 && argc == 3 ? argv[2] : argv[1]);
  const bool rank_0_works = chosen->run_all == lks_info_run_all || chosen->run_all == lks_predict_run_all;
  if (!chosen->parallel && !rank_0_works && lks_comm_size(comm) > 1)
    return lks_fail(LKS_ERR_USAGE, "`lockstep %s` runs as one process; start it without mpirun",
                    chosen->name);
  return chosen->run_all(comm, argc - 1, argv + 1);
}

/* A full disk behind standard output is an error too. */
static lks_status flush(lks_status status)
{
  if (fflush(stdout) == 0 && ferror(stdout) == 0) return status;
  if (status == LKS_STOPPED && lks_stop_output_is_broken()) return status; /* which is why it stopped */
  return lks_status_worse(status, lks_fail(LKS_ERR_IO, "standard output can't be written: %m"));
}

static void report(lks_status status)
{
  if (status == LKS_STOPPED)
    fprintf(stderr, "lockstep: %s\n", lks_message());
  else if (status)
    lks_error_print(lks_message());
}

/* Of --stall-limit, before the command line is read: it holds for the start of MPI as well. What is wrong with
 * it is told by whoever reads it. */
static double stall_limit(int argc, char **argv)
{
  static const char name[] = "--stall-limit";
  const size_t length = sizeof name - 1;
  lks_config config;
  lks_config_default(&config);
  for (int i = 2; i < argc; i++) {
    if (strncmp(argv[i], name, length) != 0) continue;
    if (argv[i][length] == '=') lks_config_set(&config, name + 2, argv[i] + length + 1);
    if (argv[i][length] == '\0' && i + 1 < argc) lks_config_set(&config, name + 2, argv[i + 1]);
  }
  return config.stall_limit;
}

int main(int argc, char **argv)
{
  if (answered(argc, argv)) return (int)flush(LKS_OK);
  const command *chosen = argc < 2 ? NULL : find(argv[1]);
  lks_hangup_restore();
  if (chosen != NULL && chosen->stoppable) lks_stop_handlers_install();
  lks_hdf5_leave_no_work();
  lks_fork_server_start(); /* a failure is told by the first reading of a file, which tries again */
  setenv("HOME", "/", 0);  /* Open MPI 5 does not start without one, and what cron starts may have none */
  const lks_launch launch = lks_launch_read();
  if (chosen != NULL && chosen->parallel) lks_stall_watch_start(stall_limit(argc, argv));
  lks_life_wait(LKS_WAIT_START);
  int provided;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
  lks_life_go();
  if (chosen != NULL && chosen->stoppable)
    lks_stop_handlers_install(); /* MPICH has taken SIGUSR1 for itself */
  else
    lks_interrupt_handlers_install();
  lks_comm *comm = NULL;
  lks_status status = lks_comm_create_all(&comm, MPI_COMM_WORLD);
  bool speaks = comm == NULL || lks_comm_rank(comm) == 0;
  lks_log_enable(speaks);
  lks_stop_speak(speaks);
  if (!status) {
    status = flush(run_all(comm, chosen, &launch, argc, argv));
    lks_stop_speak(false); /* there is nothing left to stop: mpirun ends all ranks of a job that failed */
    status = lks_comm_agree_all(comm, status);
  }
  if (speaks) report(status);
  lks_life_enter(LKS_PHASE_END);
  lks_comm_destroy_all(&comm);
  lks_life_wait(LKS_WAIT_FINALIZE);
  MPI_Finalize();
  lks_life_go();
  lks_fork_server_stop();
  lks_stall_watch_end();
  return (int)status;
}
