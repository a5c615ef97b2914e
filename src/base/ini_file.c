#include "base/ini_file.h"

#include <ini.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"

enum { LONGEST_TEXT = 1 << 20 };

/* libinih tells its handler no line numbers and its caller no causes; both meet here. */
typedef struct reading {
  lks_ini_take take;
  void *user;
  lks_status status;
} reading;

static int take_pair(void *user, const char *section, const char *name, const char *value)
{
  (void)section;
  reading *r = user;
  r->status = r->take(r->user, name, value);
  return r->status == LKS_OK;
}

lks_status lks_ini_parse(const char *text, const char *where, lks_ini_take take, void *user, lks_status wrong)
{
  reading r = {take, user, LKS_OK};
  if (strlen(text) > LONGEST_TEXT)
    return lks_fail(wrong, "%s: larger than 1 MiB: this is not an INI file", where);
  ini_allow_multiline = false;
  ini_allow_inline_comments = false; /* a path may hold a semicolon */
  ini_stop_on_first_error = true;
  ini_use_stack = false;
  ini_max_line = ini_initial_alloc = (int)strlen(text) + 3; /* no line is cut */
  const int line = ini_parse_string(text, take_pair, &r);
  if (line < 0) return lks_fail(LKS_ERR_RANK, "%s: not enough memory to read it", where);
  if (line == 0) return LKS_OK;
  if (!r.status) lks_fail(wrong, "neither `key = value` nor a comment");
  return lks_fail_in(r.status == LKS_ERR_RANK ? LKS_ERR_RANK : wrong, "%s:%d: ", where, line);
}

lks_status lks_ini_read(const char *path, lks_ini_take take, void *user, lks_status wrong)
{
  char *text;
  size_t bytes;
  lks_status status = lks_file_read(&text, &bytes, path);
  if (status) return status;
  if (strlen(text) == bytes)
    status = lks_ini_parse(text, path, take, user, wrong);
  else
    status = lks_fail(wrong, "%s: holds a zero byte: this is not an INI file", path);
  lks_free(text);
  return status;
}
