#ifndef LKS_CLI_COMMANDS_H
#define LKS_CLI_COMMANDS_H

#include "cli/command_line.h"

/* The commands, a file each. */

/** Local. What may stand behind a command's name; borrowed. */
const lks_syntax *lks_train_syntax(void);
const lks_syntax *lks_evaluate_syntax(void);
const lks_syntax *lks_predict_syntax(void);
const lks_syntax *lks_import_syntax(void);
const lks_syntax *lks_export_data_syntax(void);
const lks_syntax *lks_export_syntax(void);
const lks_syntax *lks_import_weights_syntax(void);
const lks_syntax *lks_generate_syntax(void);
const lks_syntax *lks_corrupt_syntax(void);
const lks_syntax *lks_info_syntax(void);
const lks_syntax *lks_show_syntax(void);
const lks_syntax *lks_find_lr_syntax(void);
const lks_syntax *lks_compare_syntax(void);
const lks_syntax *lks_report_syntax(void);
const lks_syntax *lks_plot_syntax(void);
const lks_syntax *lks_study_syntax(void);
const lks_syntax *lks_plan_syntax(void);
const lks_syntax *lks_bench_syntax(void);

/** Collective. Runs a command; argv[0] is its name. */
lks_status lks_train_run_all(lks_comm *comm, int argc, char **argv);
lks_status lks_evaluate_run_all(lks_comm *comm, int argc, char **argv);
lks_status lks_predict_run_all(lks_comm *comm, int argc, char **argv);
lks_status lks_import_run_all(lks_comm *comm, int argc, char **argv);
lks_status lks_export_data_run_all(lks_comm *comm, int argc, char **argv);
lks_status lks_export_run_all(lks_comm *comm, int argc, char **argv);
lks_status lks_import_weights_run_all(lks_comm *comm, int argc, char **argv);
lks_status lks_generate_run_all(lks_comm *comm, int argc, char **argv);
lks_status lks_corrupt_run_all(lks_comm *comm, int argc, char **argv);
lks_status lks_info_run_all(lks_comm *comm, int argc, char **argv);
lks_status lks_show_run_all(lks_comm *comm, int argc, char **argv);
lks_status lks_find_lr_run_all(lks_comm *comm, int argc, char **argv);
lks_status lks_compare_run_all(lks_comm *comm, int argc, char **argv);
lks_status lks_report_run_all(lks_comm *comm, int argc, char **argv);
lks_status lks_plot_run_all(lks_comm *comm, int argc, char **argv);
lks_status lks_study_run_all(lks_comm *comm, int argc, char **argv);
lks_status lks_plan_run_all(lks_comm *comm, int argc, char **argv);
lks_status lks_bench_run_all(lks_comm *comm, int argc, char **argv);

#endif
