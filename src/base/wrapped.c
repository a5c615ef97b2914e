#include "base/wrapped.h"

#include <stdbool.h>
#include <string.h>

enum { LINE_WIDTH = 80 };

void lks_wrapped_print(FILE *stream, const char *text, size_t at, size_t indent)
{
  bool first = true;
  for (const char *word = text + strspn(text, " "); *word != '\0'; word += strspn(word, " ")) {
    const size_t length = strcspn(word, " ");
    if (!first && at + 1 + length > LINE_WIDTH) {
      fprintf(stream, "\n%*s", (int)indent, "");
      at = indent;
      first = true;
    }
    fprintf(stream, "%s%.*s", first ? "" : " ", (int)length, word);
    at += length + (first ? 0 : 1);
    first = false;
    word += length;
  }
  fputc('\n', stream);
}
