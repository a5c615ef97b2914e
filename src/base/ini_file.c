#include "base/ini_file.h"

#include <ini.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"

enum { LONGEST_TEXT = 1 << 20, LONGEST_SECTION = 50 /* of libinih */ };

/* libinih tells its handler no line numbers and its caller no causes; both meet here. */
typedef struct reading {
  lks_ini_take_in take;
  void *user;
  lks_status status;
} reading;

static int take_pair(void *user, const char *section, const char *name, const char *value)
{
  reading *r = user;
  if (name == NULL) return 1; /* a section, from a libinih that reports them */
  r->status = r->take(r->user, section, name, value);
  return r->status == LKS_OK;
}

/** The number of the line that take() refused, or 0. libinih passes over sections without pairs. */
static int take_headings(reading *r, const char *text)
{
  int number = 1;
  for (const char *line = text; line != NULL; number++) {
    const char *begin = line + strspn(line, " \t\r\f\v");
    const size_t length = *begin == '[' ? strcspn(begin + 1, "]\n") : 0;
    char section[LONGEST_SECTION];
    if (*begin == '[' && begin[1 + length] == ']') {
      snprintf(section, sizeof section, "%.*s", (int)(length < sizeof section ? length : sizeof section),
               begin + 1);
      r->status = r->take(r->user, section, NULL, NULL);
      if (r->status) return number;
    }
    line = strchr(line, '\n');
    if (line != NULL) line++;
  }
  return 0;
}

static int take_pairs(reading *r, const char *text)
{
  ini_allow_multiline = false;
  ini_allow_inline_comments = false; /* a path may hold a semicolon */
  ini_stop_on_first_error = true;
  ini_use_stack = false;
  ini_max_line = ini_initial_alloc = (int)strlen(text) + 3; /* no line is cut */
  return ini_parse_string(text, take_pair, r);
}

lks_status lks_ini_parse_sections(const char *text, const char *where, lks_ini_take_in take, void *user,
                                  lks_status wrong)
{
  reading r = {take, user, LKS_OK};
  if (strlen(text) > LONGEST_TEXT)
    return lks_fail(wrong, "%s: larger than 1 MiB: this is not an INI file", where);
  int line = take_headings(&r, text);
  if (line == 0) line = take_pairs(&r, text);
  if (line < 0) return lks_fail(LKS_ERR_RANK, "%s: not enough memory to read it", where);
  if (line == 0) return LKS_OK;
  if (!r.status) lks_fail(wrong, "neither `key = value` nor a comment");
  return lks_fail_in(r.status == LKS_ERR_RANK ? LKS_ERR_RANK : wrong, "%s:%d: ", where, line);
}

lks_status lks_ini_read_sections(const char *path, lks_ini_take_in take, void *user, lks_status wrong)
{
  char *text;
  size_t bytes;
  lks_status status = lks_file_read(&text, &bytes, path);
  if (status) return status;
  if (strlen(text) == bytes)
    status = lks_ini_parse_sections(text, path, take, user, wrong);
  else
    status = lks_fail(wrong, "%s: holds a zero byte: this is not an INI file", path);
  lks_free(text);
  return status;
}

/* Who has no use for sections. */
typedef struct without_sections {
  lks_ini_take take;
  void *user;
} without_sections;

static lks_status take_anywhere(void *user, const char *section, const char *key, const char *value)
{
  const without_sections *w = user;
  (void)section;
  return key == NULL ? LKS_OK : w->take(w->user, key, value);
}

lks_status lks_ini_read(const char *path, lks_ini_take take, void *user, lks_status wrong)
{
  without_sections w = {take, user};
  return lks_ini_read_sections(path, take_anywhere, &w, wrong);
}
