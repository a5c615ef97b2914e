#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/suggest.h"
#include "lockstep/model.h"
#include "model/presets.h"

/* LKS_ERR_USAGE for a name that is neither a preset nor a file. */
static lks_status fail_unknown(const char *name)
{
  char list[256] = "";
  const char *names[32];
  size_t count = 0, length = 0;
  for (const lks_preset *preset = lks_presets; preset->name && count < 32; preset++) {
    names[count++] = preset->name;
    length +=
        (size_t)snprintf(list + length, sizeof list - length, "%s%s", count > 1 ? ", " : "", preset->name);
    if (length >= sizeof list) length = sizeof list - 1;
  }
  const char *near = lks_suggest(name, names, count);
  if (near) return lks_fail(LKS_ERR_USAGE, "no model '%s'; did you mean '%s'?", name, near);
  return lks_fail(LKS_ERR_USAGE, "no model '%s': it is neither a preset (%s) nor a file", name, list);
}

lks_status lks_model_text(char **text, const char *name_or_path)
{
  for (const lks_preset *preset = lks_presets; preset->name; preset++) {
    if (strcmp(preset->name, name_or_path) != 0) continue;
    const size_t bytes = strlen(preset->text) + 1;
    *text = lks_new(bytes, 1);
    if (!*text) return LKS_ERR_RANK;
    memcpy(*text, preset->text, bytes);
    return LKS_OK;
  }
  *text = NULL;
  if (!lks_file_exists(name_or_path)) return fail_unknown(name_or_path);
  size_t bytes = 0;
  lks_status status = lks_file_read(text, &bytes, name_or_path);
  if (status) return status;
  const size_t length = strlen(*text);
  if (length == bytes) return LKS_OK;
  lks_free(*text);
  *text = NULL;
  return lks_fail(LKS_ERR_USAGE,
                  "%s: byte %zu is zero, so this is no model text; give a text file or a preset",
                  name_or_path, length);
}
