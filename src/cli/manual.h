#ifndef LKS_CLI_MANUAL_H
#define LKS_CLI_MANUAL_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/command_line.h"

/* Manual pages and completions, made from the same tables as the command line and its help. All are local
 * and print to standard output. */

/** Local. lockstep-COMMAND(1), in the man macros of roff. */
void lks_manual_command(const lks_syntax *syntax);

/** Local. lockstep(1): all commands; `closing` stands below them. */
void lks_manual_program(const lks_syntax *const *syntax, size_t count, const char *closing);

/** Local. A page of section 5 whose text is printed as it stands. */
void lks_manual_text(const char *name, const char *summary, const char *text);

/** Local. The completion of a shell: "bash", "fish" or "zsh"; false and nothing for another name. */
bool lks_completion_print(const char *shell, const lks_syntax *const *syntax, size_t count);

#endif
