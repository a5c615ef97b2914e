#include "base/shell_word.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

void lks_shell_word_print(FILE *stream, const char *word)
{
  bool plain = *word != '\0';
  for (const char *c = word; *c != '\0'; c++)
    plain = plain && (isalnum((unsigned char)*c) || strchr("_./:,=+-@%", *c));
  if (plain) {
    fputs(word, stream);
    return;
  }
  fputc('\'', stream);
  for (const char *c = word; *c != '\0'; c++) fputs(*c == '\'' ? "'\\''" : (char[]){*c, '\0'}, stream);
  fputc('\'', stream);
}
