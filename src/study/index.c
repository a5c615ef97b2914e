#include <stdio.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/printed.h"
#include "report/html_parts.h"
#include "study/pages.h"
#include "study/plan.h"

/* index.html: all claims in one table. */

static void print_row(FILE *out, const lks_study_outcome *outcome)
{
  const lks_study *study = outcome->plan->study;
  fprintf(out, "<tr><th scope=\"row\"><a href=\"%s/report.html\">", study->name);
  lks_html_escape(out, study->claim);
  fputs("</a></th>", out);
  lks_html_table_cell(out, lks_claim_word((lks_claim)outcome->claim));
  fputs("<td>", out);
  lks_html_escape(out, study->effect[0].name);
  fputs(": ", out);
  lks_html_escape(out, outcome->finding[0].sentence);
  fputs("</td><td><code>", out);
  fprintf(out, "lockstep study %s</code></td></tr>\n", study->name);
}

static lks_status print_study(FILE *out, size_t *shown, const lks_study *study, const char *directory)
{
  char folder[LKS_STUDY_FOLDER_MAX];
  lks_study_options options = {0};
  lks_study_plan *plan = NULL;
  snprintf(options.directory, sizeof options.directory, "%s", directory);
  lks_status status = lks_study_folder(folder, study, &options);
  if (status || !lks_study_is_in(folder)) return status;
  lks_study_outcome *outcome = lks_new(1, sizeof *outcome);
  if (outcome == NULL) return LKS_ERR_RANK;
  status = lks_study_plan_of_folder(&plan, folder);
  if (!status) status = lks_study_outcome_make(outcome, plan);
  if (!status) print_row(out, outcome);
  if (!status) ++*shown;
  lks_study_outcome_free(outcome);
  lks_free(outcome);
  lks_study_plan_destroy(&plan);
  return status;
}

static lks_status print_page(FILE *out, const char *directory)
{
  static const char *const headings[] = {"The lecture says", "Here", "Effect, 95% interval", "Command"};
  size_t count, shown = 0;
  const lks_study *const *study = lks_studies(&count);
  lks_status status = LKS_OK;
  lks_html_begin(out, "What is said of batch norm, tested");
  fputs(
      "<p>Each line is a study: networks trained with several seeds, effects paired by seed with 95% intervals. "
      "The sentence leads to its page.</p>\n",
      out);
  fputs("<div class=\"words\">\n", out);
  lks_html_table_begin(out, "claims", headings, 4);
  for (size_t i = 0; i < count && !status; i++) status = print_study(out, &shown, study[i], directory);
  lks_html_table_end(out);
  fputs("</div>\n", out);
  lks_html_end(out);
  return status;
}

lks_status lks_studies_page(const char *directory)
{
  char path[LKS_TEXT_MAX + 16];
  lks_printed page;
  lks_status status = lks_printed_begin(&page);
  if (status) return status;
  const lks_status printed = print_page(page.stream, directory);
  snprintf(path, sizeof path, "%s/index.html", directory);
  if (printed) {
    char *text;
    lks_printed_text(&text, &page);
    lks_free(text);
    return printed;
  }
  status = lks_printed_file(path, &page);
  if (!status) lks_result("all claims: %s", path);
  return status;
}
