#ifndef LKS_BASE_TERMINAL_H
#define LKS_BASE_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/** Local. Columns of the terminal that shows what is written to fd, STDOUT_FILENO or STDERR_FILENO, as they are
 * now; 0: it is a file or a pipe, or the terminal does not know. A rank under Open MPI's mpirun has a terminal of
 * its own that no window's change reaches: what counts is the output of mpirun itself, if it runs here and puts
 * nothing in front of the lines. */
size_t lks_terminal_columns(int fd);

/** Local. Columns that sentences on standard output may take: those of the terminal, but 30 to 120; 80 where
 * there is none. */
size_t lks_terminal_width(void);

/** Local. Columns that a table on standard output may take: those of the terminal; in a file SIZE_MAX, for
 * there scripts read it. */
size_t lks_terminal_table_width(void);

/** How text is set off on a terminal. */
typedef enum lks_ink { LKS_INK_PLAIN, LKS_INK_BOLD, LKS_INK_RED, LKS_INK_GREEN, LKS_INK_YELLOW } lks_ink;

/** Local. The characters that begin an ink, and with LKS_INK_PLAIN end it; "" where fd shows none: in a file, on
 * a terminal whose TERM is dumb, or when NO_COLOR is set and not empty. */
const char *lks_terminal_ink(int fd, lks_ink ink);

#endif
