#include "dataset/class_names.h"

#include <string.h>

#include "base/arena.h"

struct lks_class_names {
  size_t count, bytes;
  char *text;
  const char **name; /* [count] in text */
};

static lks_status find_names(lks_class_names *names)
{
  size_t at = 0;
  for (size_t k = 0; k < names->count; k++) {
    const char *end = at < names->bytes ? memchr(names->text + at, '\0', names->bytes - at) : NULL;
    if (!end) return lks_fail(LKS_ERR_DATA, "there are %zu names of %zu classes", k, names->count);
    names->name[k] = names->text + at;
    at = (size_t)(end - names->text) + 1;
  }
  return at == names->bytes ? LKS_OK
                            : lks_fail(LKS_ERR_DATA, "there are more than %zu names of %zu classes",
                                       names->count, names->count);
}

lks_status lks_class_names_create(lks_class_names **names, const char *text, size_t bytes, size_t count)
{
  lks_class_names *made = *names = lks_new(1, sizeof *made);
  lks_status status = made ? LKS_OK : LKS_ERR_RANK;
  if (made) {
    made->count = count;
    made->bytes = bytes;
    made->text = lks_new(bytes + 1, 1);
    made->name = lks_new(count + 1, sizeof *made->name);
    if (!made->text || !made->name) status = LKS_ERR_RANK;
    if (!status) memcpy(made->text, text, bytes);
    if (!status) status = find_names(made);
  }
  if (status) lks_class_names_destroy(names);
  return status;
}

size_t lks_class_names_count(const lks_class_names *names)
{
  return names ? names->count : 0;
}

const char *lks_class_names_get(const lks_class_names *names, size_t k)
{
  return names && k < names->count ? names->name[k] : NULL;
}

const char *lks_class_names_text(const lks_class_names *names, size_t *bytes_or_null)
{
  if (bytes_or_null) *bytes_or_null = names ? names->bytes : 0;
  return names ? names->text : NULL;
}

void lks_class_names_destroy(lks_class_names **names)
{
  if (!*names) return;
  lks_free((*names)->text);
  lks_free((void *)(*names)->name);
  lks_free(*names);
  *names = NULL;
}
