#ifndef LKS_BASE_JSON_H
#define LKS_BASE_JSON_H

#include <stdbool.h>
#include <stdio.h>

enum { LKS_JSON_DEEPEST = 16 };

/** Prints JSON to a stream, one member after another; commas, quotes and brackets see to themselves. Starts
 * as {.out = stream}. The name of a member is NULL inside of an array and at the top. All local. */
typedef struct lks_json {
  FILE *out;
  bool one_line; /* an object a line, for readers that take it line by line */
  int depth;
  char end[LKS_JSON_DEEPEST]; /* the bracket that closes each open object or array */
  bool more;                  /* the innermost one has a member already */
} lks_json;

/** Local. */
void lks_json_open(lks_json *json, const char *name, char bracket); /* '{' or '[' */
void lks_json_close(lks_json *json);
void lks_json_number(lks_json *json, const char *name, double value); /* null when not finite */
/** Local. A number in a form of its own. */
void lks_json_print(lks_json *json, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void lks_json_numbers(lks_json *json, const char *name, const double *values, size_t count); /* in an array */
void lks_json_text(lks_json *json, const char *name, const char *value);

#endif
