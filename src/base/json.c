#include "base/json.h"

#include <stdarg.h>

#include "base/csv.h"

static void print_text(FILE *out, const char *text)
{
  putc('"', out);
  for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
    if (*c == '"' || *c == '\\')
      fprintf(out, "\\%c", *c);
    else if (*c < ' ')
      fprintf(out, "\\u%04x", *c);
    else
      putc(*c, out);
  }
  putc('"', out);
}

static void begin_member(lks_json *json, const char *name)
{
  fputs(json->more ? "," : "", json->out);
  if (json->one_line)
    fputs(json->more ? " " : "", json->out);
  else
    fprintf(json->out, "%s%*s", json->depth > 0 ? "\n" : "", json->depth, "");
  if (name) {
    print_text(json->out, name);
    fputs(": ", json->out);
  }
  json->more = true;
}

void lks_json_open(lks_json *json, const char *name, char bracket)
{
  begin_member(json, name);
  putc(bracket, json->out);
  json->end[json->depth++] = bracket == '{' ? '}' : ']';
  json->more = false;
}

void lks_json_close(lks_json *json)
{
  putc(json->end[--json->depth], json->out);
  json->more = true;
  if (json->depth == 0) putc('\n', json->out);
}

void lks_json_number(lks_json *json, const char *name, double value)
{
  char text[LKS_NUMBER_MAX];
  lks_number_print(text, value, "null");
  lks_json_print(json, name, "%s", text);
}

void lks_json_print(lks_json *json, const char *name, const char *format, ...)
{
  va_list arguments;
  begin_member(json, name);
  va_start(arguments, format);
  vfprintf(json->out, format, arguments);
  va_end(arguments);
}

void lks_json_numbers(lks_json *json, const char *name, const double *values, size_t count)
{
  lks_json_open(json, name, '[');
  for (size_t i = 0; i < count; i++) lks_json_number(json, NULL, values[i]);
  lks_json_close(json);
}

void lks_json_text(lks_json *json, const char *name, const char *value)
{
  begin_member(json, name);
  print_text(json->out, value);
}
