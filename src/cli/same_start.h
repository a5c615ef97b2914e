#ifndef LKS_CLI_SAME_START_H
#define LKS_CLI_SAME_START_H

#include "cli/command_line.h"
#include "comm/same.h"

/* What all ranks must have been started with. */

/** Collective; the first thing that ranks say to each other. The program's file, oneDNN, the command ("": none).
 * LKS_ERR_USAGE that names what differs. */
lks_status lks_start_same_all(lks_comm *comm, const char *command);

/** Local. Adds all options, by name, and the arguments: what is in the settings, or, when they are NULL, what was given. */
void lks_settings_facts(lks_facts *facts, const lks_syntax *syntax, const void *settings,
                        const lks_arguments *arguments);

/** Collective. LKS_ERR_USAGE that names the first option which the ranks were given differently. */
lks_status lks_settings_same_all(lks_comm *comm, const lks_facts *facts);

/** Collective. Both, of a command that begins with the settings of a run. Where these are those of a directory that is to
 * be resumed, which only rank 0's host need have, all ranks get rank 0's. */
lks_status lks_run_settings_same_all(lks_comm *comm, const lks_syntax *syntax, lks_run_settings *settings,
                                     const lks_arguments *arguments);

#endif
