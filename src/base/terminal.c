#include "base/terminal.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WIDTH_LEAST = 30, WIDTH_USUAL = 80, WIDTH_MOST = 120 };

static size_t columns_of(int fd)
{
  struct winsize size = {0};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* Whether mpirun was told to put a rank or a time in front of each line; names of Open MPI 4 and of 5. */
static bool lines_are_tagged(void)
{
  static const char *const names[] = {"OMPI_MCA_orte_tag_output", "OMPI_MCA_orte_timestamp_output",
                                      "OMPI_MCA_orte_xml_output", "PRTE_MCA_prte_tag_output",
                                      "PRTE_MCA_prte_timestamp_output"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *value = getenv(names[i]);
    if (value != NULL && strcmp(value, "0") != 0) return true;
  }
  return false;
}

static bool is_pipe(int fd)
{
  struct stat about;
  return fstat(fd, &about) == 0 && S_ISFIFO(about.st_mode);
}

/* mpirun is the parent of its ranks: it gives them a terminal for standard output, whose columns are those of its own when
 * it began, or 0, and a pipe for standard error. */
static size_t columns_of_launcher(int fd)
{
  char path[48];
  snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getppid(), fd);
  const int terminal = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (terminal < 0) return 0;
  const size_t columns = isatty(terminal) ? columns_of(terminal) : 0;
  close(terminal);
  return columns;
}

size_t lks_terminal_columns(int fd)
{
  const bool launched = getenv("OMPI_COMM_WORLD_RANK") != NULL;
  if (!isatty(fd) && !(launched && isatty(STDOUT_FILENO) && is_pipe(fd))) return 0;
  if (!launched) return columns_of(fd);
  if (lines_are_tagged()) return 0;
  const size_t columns = columns_of_launcher(fd);
  return columns > 0 || !isatty(fd) ? columns : columns_of(fd);
}

size_t lks_terminal_width(void)
{
  const size_t columns = lks_terminal_columns(STDOUT_FILENO);
  if (columns == 0) return WIDTH_USUAL;
  return columns < WIDTH_LEAST ? WIDTH_LEAST : columns > WIDTH_MOST ? WIDTH_MOST : columns;
}

size_t lks_terminal_table_width(void)
{
  const size_t columns = lks_terminal_columns(STDOUT_FILENO);
  return columns > 0 ? columns : SIZE_MAX;
}

static bool is_coloured(int fd)
{
  const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");
  if (no_colour != NULL && no_colour[0] != '\0') return false;
  if (term == NULL || term[0] == '\0' || strcmp(term, "dumb") == 0) return false;
  return lks_terminal_columns(fd) > 0;
}

const char *lks_terminal_ink(int fd, lks_ink ink)
{
  static const char *const begin[] = {[LKS_INK_PLAIN] = "\033[0m",
                                      [LKS_INK_BOLD] = "\033[1m",
                                      [LKS_INK_RED] = "\033[1;31m",
                                      [LKS_INK_GREEN] = "\033[32m",
                                      [LKS_INK_YELLOW] = "\033[33m"};
  return is_coloured(fd) ? begin[ink] : "";
}
