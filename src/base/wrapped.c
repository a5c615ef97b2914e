#include "base/wrapped.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/terminal.h"

enum { LABEL_MOST = 24 };

void lks_wrapped_print(FILE *stream, const char *text, size_t at, size_t indent)
{
  const size_t width = lks_terminal_width();
  bool first = true;
  for (const char *word = text + strspn(text, " "); *word != '\0'; word += strspn(word, " ")) {
    const size_t length = strcspn(word, " ");
    if (!first && at + 1 + length > width) {
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

/* Where a line goes on below itself: "  label     words". */
static size_t hanging_of(const char *line, size_t length)
{
  const size_t margin = strspn(line, " ");
  for (size_t i = margin; i + 2 < length && i < LABEL_MOST; i++)
    if (line[i] == ' ' && line[i + 1] == ' ' && i > margin) return i + strspn(line + i, " ");
  return margin < LABEL_MOST - 2 ? margin + 2 : margin;
}

/* How many bytes fit so many columns: of UTF-8, a character in each, and escapes, which take none. */
static size_t bytes_of(const char *line, size_t length, size_t columns)
{
  size_t at = 0;
  for (size_t taken = 0; at < length; at++) {
    if (line[at] == '\033') {
      while (at + 1 < length && line[at] != 'm') at++;
      continue;
    }
    if (((unsigned char)line[at] & 0xc0) == 0x80) continue;
    if (taken++ == columns) break;
  }
  return at;
}

/* Where to break a line that is too long: at its last blank, but behind the first `least` bytes. */
static size_t break_of(const char *line, size_t length, size_t columns, size_t least)
{
  const size_t most = bytes_of(line, length, columns);
  for (size_t end = most; most < length && end > least; end--)
    if (line[end] == ' ') return end;
  return most; /* all of it, or a part of one long word */
}

static void fit_line(FILE *stream, const char *line, size_t length, size_t columns)
{
  size_t hanging = hanging_of(line, length), indent = 0;
  if (2 * hanging > columns) hanging = columns < 8 ? 0 : 2;
  while (length > 0) {
    const size_t end = break_of(line, length, columns - indent, indent == 0 ? hanging : 0);
    fprintf(stream, "%*s%.*s", (int)indent, "", (int)end, line);
    line += end;
    length -= end;
    for (; length > 0 && *line == ' '; length--) line++;
    if (length > 0) fputc('\n', stream);
    indent = hanging;
  }
}

void lks_fitted_print(FILE *stream, const char *text, size_t columns)
{
  for (const char *line = text; *line != '\0';) {
    const size_t length = strcspn(line, "\n");
    if (columns == 0 || bytes_of(line, length, columns) == length)
      fprintf(stream, "%.*s", (int)length, line);
    else
      fit_line(stream, line, length, columns);
    line += length;
    if (*line == '\n') fputc(*line++, stream);
  }
}

FILE *lks_fitted_open(lks_fitted *fitted)
{
  *fitted = (lks_fitted){.stream = NULL};
  if (lks_terminal_columns(STDOUT_FILENO) > 0) fitted->stream = open_memstream(&fitted->text, &fitted->bytes);
  return fitted->stream ? fitted->stream : stdout;
}

void lks_fitted_close(lks_fitted *fitted)
{
  if (!fitted->stream) return;
  if (fclose(fitted->stream) == 0)
    lks_fitted_print(stdout, fitted->text, lks_terminal_columns(STDOUT_FILENO));
  free(fitted->text);
}
