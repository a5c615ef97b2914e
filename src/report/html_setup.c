#include <mpi.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/arena.h"
#include "kernels/onednn.h"
#include "report/html_comparison.h"

static void print_item(FILE *out, const char *term, const char *text)
{
  fprintf(out, "<dt>%s</dt><dd>", term);
  lks_html_escape(out, text);
  fputs("</dd>\n", out);
}

static bool same_place(const lks_run_result *a, const lks_run_result *b)
{
  return a->ranks == b->ranks && a->threads == b->threads && a->hosts == b->hosts;
}

/* Each way in which runs were executed, once. */
static void print_places(FILE *out, const lks_results *results)
{
  const size_t runs = results->comparison.arms * results->comparison.seeds;
  fputs("<dt>Executed with</dt>", out);
  for (size_t i = 0; i < runs; i++) {
    const lks_run_result *result = &results->run[i].result;
    size_t same = 0;
    while (same < i && !(results->run[same].done && same_place(&results->run[same].result, result))) same++;
    if (!results->run[i].done || same < i) continue;
    fprintf(out, "<dd>%d rank%s with %d thread%s each, on %d host%s</dd>\n", result->ranks,
            result->ranks == 1 ? "" : "s", result->threads, result->threads == 1 ? "" : "s", result->hosts,
            result->hosts == 1 ? "" : "s");
  }
}

static void read_processor(char *name, size_t size)
{
  snprintf(name, size, "unknown processor");
  FILE *file = fopen("/proc/cpuinfo", "r");
  char line[256];
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    const char *colon = strchr(line, ':');
    if (strncmp(line, "model name", 10) != 0 || colon == NULL) continue;
    snprintf(name, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
    break;
  }
  if (file != NULL) fclose(file);
}

static void print_machine(FILE *out)
{
  char processor[256], mpi[MPI_MAX_LIBRARY_VERSION_STRING], text[1024];
  int length = 0;
  struct utsname system;
  read_processor(processor, sizeof processor);
  if (uname(&system) == 0) {
    snprintf(text, sizeof text, "%s, %ld cores; %s %s, %s", processor, sysconf(_SC_NPROCESSORS_ONLN),
             system.sysname, system.release, system.machine);
    print_item(out, "Machine that made this report", text);
  }
  MPI_Get_library_version(mpi, &length);
  snprintf(text, sizeof text, "Lockstep %s; compiler %s; %.*s; oneDNN %s, %s", LKS_VERSION, __VERSION__,
           (int)strcspn(mpi, ",\n"), mpi, lks_onednn_version(), lks_onednn_isa());
  print_item(out, "Versions", text);
}

lks_status lks_html_setup(FILE *out, const lks_results *results)
{
  char *command = NULL, *settings = NULL;
  lks_status status = lks_comparison_command(&command, &results->comparison);
  if (!status) status = lks_comparison_print(&settings, &results->comparison);
  if (!status) {
    fprintf(out, "<p>The same numbers come from%s:</p>\n<pre class=\"wrap\">",
            results->comparison.base.reduce == LKS_REDUCE_TREE ? ", at any number of ranks" : "");
    lks_html_escape(out, command);
    fputs("</pre>\n<dl>\n", out);
    print_places(out, results);
    print_machine(out);
    fputs("</dl>\n<details><summary>Every setting (comparison.ini)</summary>\n<pre>", out);
    lks_html_escape(out, settings);
    fputs("</pre></details>\n", out);
  }
  lks_free(command);
  lks_free(settings);
  return status;
}
