#include "base/plain_text.h"

#include <stddef.h>
#include <string.h>

/* Bytes of a control character that begins here, else 0. U+0080 to U+009F are two bytes of UTF-8. */
static size_t control_bytes(const char *at)
{
  const unsigned char first = (unsigned char)at[0], second = first ? (unsigned char)at[1] : 0;
  if (first == 0xc2 && second >= 0x80 && second < 0xa0) return 2;
  return first < ' ' || first == 0x7f;
}

bool lks_text_is_plain(const char *text, bool lines)
{
  for (; *text; text++)
    if (control_bytes(text) && !(lines && strchr("\n\r\t", *text))) return false;
  return true;
}

void lks_text_make_plain(char *text)
{
  for (; *text; text++) {
    const size_t bytes = control_bytes(text);
    memset(text, '?', bytes);
  }
}
