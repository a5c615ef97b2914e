#include <string.h>

#include "base/printed.h"
#include "base/suggest.h"
#include "base/wrapped.h"
#include "study/study.h"
#include "study/study_list.h"

/* In the order of the lecture: `study list`, the page of all claims and `study all` follow it. */
static const lks_study *const studies[] = {
    &lks_study_speed, &lks_study_shift,          &lks_study_drift,     &lks_study_landscape,
    &lks_study_noise, &lks_study_regularization, &lks_study_placement, &lks_study_inference,
};
enum { STUDIES = sizeof studies / sizeof *studies };

const lks_study *const *lks_studies(size_t *count)
{
  *count = STUDIES;
  return studies;
}

lks_status lks_study_find(const lks_study **study, const char *name)
{
  const char *names[STUDIES + 2] = {"all", "list"};
  for (size_t i = 0; i < STUDIES; i++) {
    *study = studies[i];
    if (strcmp(studies[i]->name, name) == 0) return LKS_OK;
    names[i + 2] = studies[i]->name;
  }
  *study = NULL;
  const char *near = lks_suggest(name, names, STUDIES + 2);
  if (near != NULL) return lks_fail(LKS_ERR_USAGE, "unknown study '%.100s'; did you mean '%s'?", name, near);
  return lks_fail(LKS_ERR_USAGE, "unknown study '%.100s'; `lockstep study list` says what there is", name);
}

lks_status lks_studies_print(char **text)
{
  lks_printed printed;
  *text = NULL;
  lks_status status = lks_printed_begin(&printed);
  if (status) return status;
  for (size_t i = 0; i < STUDIES; i++) {
    fprintf(printed.stream, "%s (%s on two cores)\n", studies[i]->name, studies[i]->time);
    fputs("    ", printed.stream);
    lks_wrapped_print(printed.stream, studies[i]->claim, 4, 4);
  }
  return lks_printed_text(text, &printed);
}
