#include "cli/page_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/terminal.h"

enum { INDENT = 4, DEEPER = 8 };

typedef struct writer {
  size_t width, indent, column; /* column 0: nothing stands in the line yet */
  bool as_it_is;                /* between EX and EE */
  bool tagged;                  /* the next line names what the lines behind it are about */
  bool apart;                   /* an empty line is due */
} writer;

static void end_line(writer *w)
{
  if (w->column > 0) putchar('\n');
  w->column = 0;
}

static void begin_line(writer *w)
{
  if (w->apart) putchar('\n');
  w->apart = false;
  printf("%*s", (int)w->indent, "");
  w->column = w->indent;
}

/* One character of roff; the number of bytes that it takes. */
static size_t print_character(const char *at)
{
  if (at[0] != '\\') return putchar(at[0]), 1;
  switch (at[1]) {
  case 'f':
    fputs(lks_terminal_ink(STDOUT_FILENO, at[2] == 'R' ? LKS_INK_PLAIN : LKS_INK_BOLD), stdout);
    return 3;
  case '&': return 2;
  case 'e': putchar('\\'); return 2;
  default: putchar(at[1]); return 2;
  }
}

/* Columns that a word takes. */
static size_t width_of(const char *word, size_t bytes)
{
  size_t width = 0;
  for (size_t i = 0; i < bytes; i++) {
    if (word[i] == '\\') {
      width += word[i + 1] != 'f' && word[i + 1] != '&';
      i += word[i + 1] == 'f' ? 2 : 1;
    } else if (((unsigned char)word[i] & 0xc0) != 0x80)
      width++;
  }
  return width;
}

static void print_word(writer *w, const char *word, size_t bytes)
{
  const size_t width = width_of(word, bytes);
  if (w->column > w->indent && w->column + 1 + width > w->width) end_line(w);
  if (w->column == 0)
    begin_line(w);
  else if (w->column > w->indent) {
    putchar(' ');
    w->column++;
  }
  for (size_t i = 0; i < bytes;) i += print_character(word + i);
  w->column += width;
}

static void print_words(writer *w, const char *line, size_t length)
{
  for (size_t at = 0; at < length;) {
    size_t bytes = strcspn(line + at, " \n");
    if (bytes > length - at) bytes = length - at;
    if (bytes > 0) print_word(w, line + at, bytes);
    at += bytes + 1;
  }
}

static void print_bold(writer *w, const char *line, size_t length)
{
  fputs(lks_terminal_ink(STDOUT_FILENO, LKS_INK_BOLD), stdout);
  print_words(w, line, length);
  fputs(lks_terminal_ink(STDOUT_FILENO, LKS_INK_PLAIN), stdout);
}

static void print_heading(writer *w, const char *line, size_t length)
{
  end_line(w);
  w->apart = false;
  putchar('\n');
  w->indent = 0;
  if (length > 1 && line[0] == '"') line++, length -= 2;
  print_bold(w, line, length);
  end_line(w);
  w->indent = INDENT;
}

/* Behind the first line below TP, everything stands further in. */
static void end_tag(writer *w)
{
  if (!w->tagged) return;
  w->tagged = false;
  end_line(w);
  w->indent = DEEPER;
}

static void take_macro(writer *w, const char *line, size_t length)
{
  const size_t name = strcspn(line, " \n");
  const char *rest = line + (name < length ? name + 1 : length);
  const size_t behind = (size_t)(line + length - rest);
  if (name == 2 && (memcmp(line, "SH", 2) == 0 || memcmp(line, "SS", 2) == 0)) print_heading(w, rest, behind);
  if (name == 1 && line[0] == 'B') {
    print_bold(w, rest, behind);
    end_tag(w);
  }
  if (name != 2) return;
  if (memcmp(line, "EX", 2) == 0 || memcmp(line, "EE", 2) == 0) {
    end_line(w);
    w->as_it_is = line[1] == 'X';
  }
  if (memcmp(line, "PP", 2) == 0 || memcmp(line, "TP", 2) == 0) {
    end_line(w);
    w->indent = INDENT;
    w->apart = w->apart || line[0] == 'P';
    w->tagged = line[0] == 'T';
  }
}

static void take_text(writer *w, const char *line, size_t length)
{
  if (!w->as_it_is) {
    print_words(w, line, length);
    end_tag(w);
    return;
  }
  begin_line(w);
  for (size_t i = 0; i < length;) i += print_character(line + i);
  end_line(w);
}

void lks_page_text_print(const char *source)
{
  writer w = {.width = lks_terminal_width(), .indent = INDENT};
  for (const char *line = source; *line != '\0';) {
    const size_t length = strcspn(line, "\n");
    if (line[0] == '.')
      take_macro(&w, line + 1, length - 1);
    else
      take_text(&w, line, length);
    line += length + (line[length] == '\n');
  }
  end_line(&w);
}
