#include "config/config_value.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static lks_status refuse(const lks_option *option, const char *text, const char *wanted)
{
  return lks_fail(LKS_ERR_USAGE, "%s: '%.100s' is not %s", option->name, text, wanted);
}

static lks_status refuse_number(const lks_option *option, const char *text, const char *kind)
{
  char wanted[128];
  if (isinf(option->high))
    snprintf(wanted, sizeof wanted, "%s of at least %.10g", kind, option->low);
  else
    snprintf(wanted, sizeof wanted, "%s from %.10g to %.10g", kind, option->low, option->high);
  return refuse(option, text, wanted);
}

/* strtod alone would also take blanks in front, hexadecimal numbers, inf and nan. */
static bool read_real(double *value, const char **end, const char *text)
{
  if (strspn(text, "+-.0123456789") == 0) return false;
  if (text[strcspn(text, "xXnN")] != '\0') return false;
  char *behind;
  *value = strtod(text, &behind);
  *end = behind;
  return behind != text && isfinite(*value);
}

static bool read_whole(uint64_t *value, const char **end, const char *text)
{
  if (!isdigit((unsigned char)*text)) return false;
  char *behind;
  errno = 0;
  *value = strtoull(text, &behind, 10);
  *end = behind;
  return errno == 0;
}

/* HH:MM:SS, minutes and seconds below 60. */
static bool read_clock(double *seconds, const char *text)
{
  uint64_t part[3];
  for (int i = 0; i < 3; i++) {
    const char *end;
    if (!read_whole(&part[i], &end, text) || part[i] > (i == 0 ? 1000000 : 59)) return false;
    if (*end != (i < 2 ? ':' : '\0')) return false;
    text = end + 1;
  }
  *seconds = (double)(part[0] * 3600 + part[1] * 60 + part[2]);
  return true;
}

static bool read_time(double *seconds, const char *text)
{
  if (strchr(text, ':') != NULL) return read_clock(seconds, text);
  const char *end;
  if (!read_real(seconds, &end, text) || *seconds < 0) return false;
  double unit = *end == 'h' ? 3600 : *end == 'm' ? 60 : 1;
  if (*end == 'h' || *end == 'm' || *end == 's') end++;
  *seconds *= unit;
  return *end == '\0' && isfinite(*seconds);
}

static bool read_switch(bool *value, const char *text)
{
  static const char *const words[][2] = {{"off", "on"}, {"false", "true"}, {"no", "yes"}, {"0", "1"}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    for (int on = 0; on < 2; on++) {
      if (strcmp(text, words[i][on]) != 0) continue;
      *value = on == 1;
      return true;
    }
  }
  return false;
}

/* Number of the choice that text is, or -1. */
static int choice_number(const char *choices, const char *text)
{
  int number = 0;
  for (const char *choice = choices;; choice++, number++) {
    size_t length = strcspn(choice, "|");
    if (length == strlen(text) && strncmp(choice, text, length) == 0) return number;
    choice += length;
    if (*choice == '\0') return -1;
  }
}

static lks_status read_choice(void *field, const lks_option *option, const char *text)
{
  int number = choice_number(option->choices, text);
  if (number < 0) {
    char wanted[128];
    bool several = strchr(option->choices, '|') != NULL;
    snprintf(wanted, sizeof wanted, "%s%s", several ? "one of " : "", option->choices);
    return refuse(option, text, wanted);
  }
  *(int *)field = number;
  return LKS_OK;
}

static void print_choice(char text[LKS_VALUE_MAX], const char *choices, int number)
{
  while (number-- > 0) choices += strcspn(choices, "|") + 1;
  snprintf(text, LKS_VALUE_MAX, "%.*s", (int)strcspn(choices, "|"), choices);
}

static lks_status read_set(unsigned *field, const lks_option *option, const char *text)
{
  unsigned set = 0;
  for (const char *word = text; *text; word++) {
    char one[32];
    size_t length = strcspn(word, ",");
    snprintf(one, sizeof one, "%.*s", (int)(length < sizeof one ? length : sizeof one - 1), word);
    int number = choice_number(option->choices, one);
    if (number < 0) {
      char wanted[128];
      snprintf(wanted, sizeof wanted, "a list of %s, separated by commas", option->choices);
      return refuse(option, text, wanted);
    }
    set |= 1u << number;
    word += length;
    if (*word == '\0') break;
  }
  *field = set;
  return LKS_OK;
}

static void print_set(char text[LKS_VALUE_MAX], const char *choices, unsigned set)
{
  size_t length = 0;
  text[0] = '\0';
  for (int number = 0; set >> number != 0; number++) {
    char word[LKS_VALUE_MAX];
    if (!(set >> number & 1)) continue;
    print_choice(word, choices, number);
    length += (size_t)snprintf(text + length, LKS_VALUE_MAX - length, "%s%s", length ? "," : "", word);
  }
}

/* An INI file keeps neither line ends nor blanks at the ends of a value. */
static bool fits_a_line(const char *text)
{
  size_t length = strlen(text);
  if (length == 0) return true;
  if (isspace((unsigned char)text[0]) || isspace((unsigned char)text[length - 1])) return false;
  for (const char *c = text; *c != '\0'; c++)
    if (iscntrl((unsigned char)*c)) return false;
  return true;
}

/* The rest of the field is zeroed, so that equal settings are equal bytes. */
static void copy_text(char *field, const char *text)
{
  memset(field, 0, LKS_TEXT_MAX);
  memcpy(field, text, strlen(text) + 1);
}

static lks_status read_text(char *field, const lks_option *option, const char *text)
{
  if (strlen(text) >= LKS_TEXT_MAX)
    return lks_fail(LKS_ERR_USAGE, "%s: the value is longer than %d bytes", option->name, LKS_TEXT_MAX - 1);
  if (!fits_a_line(text)) return refuse(option, text, "one line without blanks at its ends");
  copy_text(field, text);
  return LKS_OK;
}

static lks_status read_number(void *field, const lks_option *option, const char *text)
{
  const char *end = "";
  if (option->type == LKS_OPTION_REAL) {
    double value;
    if (!read_real(&value, &end, text) || *end != '\0' || value < option->low || value > option->high)
      return refuse_number(option, text, "a number");
    *(double *)field = value;
    return LKS_OK;
  }
  uint64_t value;
  bool whole = read_whole(&value, &end, text) && *end == '\0';
  if (option->type == LKS_OPTION_SEED) {
    if (!whole) return refuse(option, text, "a whole number from 0 to 18446744073709551615");
    *(uint64_t *)field = value;
    return LKS_OK;
  }
  if (!whole || (double)value < option->low || (double)value > option->high)
    return refuse_number(option, text, "a whole number");
  *(size_t *)field = (size_t)value;
  return LKS_OK;
}

lks_status lks_config_value_read(void *settings, const lks_option *option, const char *text)
{
  void *field = (char *)settings + option->offset;
  switch (option->type) {
  case LKS_OPTION_TEXT: return read_text(field, option, text);
  case LKS_OPTION_CHOICE: return read_choice(field, option, text);
  case LKS_OPTION_SET: return read_set(field, option, text);
  case LKS_OPTION_NORM: {
    const lks_status status = lks_norm_parse(field, text);
    return status ? lks_fail_in(status, "%s: ", option->name) : LKS_OK;
  }
  case LKS_OPTION_NORM_LAYERS: {
    const lks_status status = lks_norm_layers_parse(field, text);
    return status ? lks_fail_in(status, "%s: ", option->name) : LKS_OK;
  }
  case LKS_OPTION_SIZE:
  case LKS_OPTION_SEED:
  case LKS_OPTION_REAL: return read_number(field, option, text);
  case LKS_OPTION_SWITCH: {
    bool value;
    if (!read_switch(&value, text)) return refuse(option, text, "on or off");
    *(bool *)field = value;
    return LKS_OK;
  }
  case LKS_OPTION_LIST: return LKS_OK;
  case LKS_OPTION_TIME: break;
  }
  double seconds;
  if (!read_time(&seconds, text)) return refuse(option, text, "a time such as 90, 90s, 30m, 2h or 01:30:00");
  *(double *)field = seconds;
  return LKS_OK;
}

static void print_real(char text[LKS_VALUE_MAX], double value)
{
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, LKS_VALUE_MAX, "%.*g", digits, value);
    if (strtod(text, NULL) == value) return;
  }
}

void lks_config_value_print(char text[LKS_VALUE_MAX], const void *settings, const lks_option *option)
{
  const void *field = (const char *)settings + option->offset;
  switch (option->type) {
  case LKS_OPTION_TEXT: snprintf(text, LKS_VALUE_MAX, "%s", (const char *)field); break;
  case LKS_OPTION_CHOICE: print_choice(text, option->choices, *(const int *)field); break;
  case LKS_OPTION_SET: print_set(text, option->choices, *(const unsigned *)field); break;
  case LKS_OPTION_NORM:
    snprintf(text, LKS_VALUE_MAX, "%s", lks_norm_text(*(const lks_norm *)field).text);
    break;
  case LKS_OPTION_NORM_LAYERS:
    snprintf(text, LKS_VALUE_MAX, "%s", lks_norm_layers_text(*(const lks_norm_layers *)field).text);
    break;
  case LKS_OPTION_SIZE: snprintf(text, LKS_VALUE_MAX, "%zu", *(const size_t *)field); break;
  case LKS_OPTION_SEED: snprintf(text, LKS_VALUE_MAX, "%" PRIu64, *(const uint64_t *)field); break;
  case LKS_OPTION_SWITCH: snprintf(text, LKS_VALUE_MAX, "%s", *(const bool *)field ? "on" : "off"); break;
  case LKS_OPTION_LIST: text[0] = '\0'; break;
  case LKS_OPTION_REAL:
  case LKS_OPTION_TIME: print_real(text, *(const double *)field); break;
  }
}

const lks_option *lks_config_value_differs(char a[LKS_VALUE_MAX], char b[LKS_VALUE_MAX], const void *x,
                                           const void *y, const lks_option *option, size_t count,
                                           bool (*ignored)(const char *name))
{
  for (size_t i = 0; i < count; i++) {
    if (ignored != NULL && ignored(option[i].name)) continue;
    lks_config_value_print(a, x, &option[i]);
    lks_config_value_print(b, y, &option[i]);
    if (strcmp(a, b) != 0) return &option[i];
  }
  return NULL;
}
