#include "compare/arm_sections.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/ini_file.h"
#include "base/printed.h"
#include "compare/arm_settings.h"
#include "config/config_sections.h"

static size_t find(const lks_arm_sections *sections, const char *name)
{
  size_t i = 0;
  while (i < sections->count && strcmp(sections->arm[i].name, name) != 0) i++;
  return i;
}

static lks_status begin(lks_arm_sections *sections, const char *name)
{
  if (sections->count == LKS_ARMS_MAX)
    return lks_fail(LKS_ERR_USAGE, "more than %d arms; make several comparisons", LKS_ARMS_MAX);
  const size_t i = sections->count++;
  snprintf(sections->arm[i].name, sizeof sections->arm[i].name, "%s", name);
  sections->arm[i].settings[0] = '\0';
  return LKS_OK;
}

static lks_status append(char *settings, size_t size, const char *key, const char *value)
{
  lks_printed printed;
  char *text;
  lks_status status = lks_printed_begin(&printed);
  if (status) return status;
  fprintf(printed.stream, "%s%s=", settings[0] != '\0' ? "," : "", key);
  lks_arm_word_print(printed.stream, value, ",");
  status = lks_printed_text(&text, &printed);
  if (status) return status;
  const size_t used = strlen(settings), more = strlen(text);
  if (used + more < size)
    memcpy(settings + used, text, more + 1);
  else
    status = lks_fail(LKS_ERR_USAGE, "the settings of this arm are longer than %zu bytes", size - 1);
  lks_free(text);
  return status;
}

lks_status lks_arm_sections_take(lks_arm_sections *sections, const char *name, const char *key,
                                 const char *value)
{
  const size_t i = find(sections, name);
  if (key == NULL && i < sections->count)
    return lks_fail(LKS_ERR_USAGE, "a second section [Arm %s]; name each arm once", name);
  if (i == sections->count) {
    lks_status status = begin(sections, name);
    if (status || key == NULL) return status;
  }
  return append(sections->arm[i].settings, sizeof sections->arm[i].settings, key, value);
}

static lks_status take(void *user, const char *section, const char *key, const char *value)
{
  const char *name;
  return lks_section_is_arm(&name, section) ? lks_arm_sections_take(user, name, key, value) : LKS_OK;
}

lks_status lks_arm_sections_read(lks_arm_sections *sections, const char *path)
{
  sections->count = 0;
  return lks_ini_read_sections(path, take, sections, LKS_ERR_USAGE);
}

lks_status lks_arm_sections_add(lks_comparison *comparison, const lks_arm_sections *sections, int size)
{
  lks_status status = LKS_OK;
  for (size_t i = 0; i < sections->count && !status; i++)
    status = lks_comparison_arm_add(comparison, sections->arm[i].name, sections->arm[i].settings, size);
  return status;
}
