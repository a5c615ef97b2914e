#include <string.h>

#include "base/printed.h"
#include "base/suggest.h"
#include "study/study.h"
#include "study/study_list.h"

/* In the order of the lecture: `study list`, the page of all claims and `study all` follow it. */
static const lks_study *const studies[] = {
    &lks_study_speed, &lks_study_shift, &lks_study_regularization, &lks_study_placement, &lks_study_inference,
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

/* Words, at most so many letters a line. */
static void print_wrapped(FILE *out, const char *text, const char *indent, size_t letters)
{
  size_t used = letters + 1;
  for (const char *word = text; *word != '\0'; word += strspn(word, " ")) {
    const size_t length = strcspn(word, " ");
    if (used + 1 + length > letters) {
      fprintf(out, "%s%s%.*s", used > letters ? "" : "\n", indent, (int)length, word);
      used = strlen(indent) + length;
    } else {
      fprintf(out, " %.*s", (int)length, word);
      used += 1 + length;
    }
    word += length;
  }
  fputc('\n', out);
}

lks_status lks_studies_print(char **text)
{
  lks_printed printed;
  *text = NULL;
  lks_status status = lks_printed_begin(&printed);
  if (status) return status;
  for (size_t i = 0; i < STUDIES; i++) {
    fprintf(printed.stream, "%s (%s on two cores; %s)\n", studies[i]->name, studies[i]->time,
            studies[i]->data);
    print_wrapped(printed.stream, studies[i]->claim, "    ", 78);
  }
  return lks_printed_text(text, &printed);
}
