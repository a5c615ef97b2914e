#include "export/utf8.h"

#include <stddef.h>

/* Bytes of the character that begins here; 0: none does. The second byte's range keeps out what is longer than need be, surrogates, and
 * what lies beyond Unicode. */
static size_t length_at(const unsigned char *at)
{
  if (at[0] < 0x80) return 1;
  if (at[0] < 0xc2 || at[0] > 0xf4) return 0;
  const size_t length = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
  const unsigned least = at[0] == 0xe0 ? 0xa0 : at[0] == 0xf0 ? 0x90 : 0x80;
  const unsigned most = at[0] == 0xed ? 0x9f : at[0] == 0xf4 ? 0x8f : 0xbf;
  if (at[1] < least || at[1] > most) return 0;
  for (size_t i = 2; i < length; i++)
    if ((at[i] & 0xc0) != 0x80) return 0;
  return length;
}

void lks_utf8_make(char *text)
{
  while (*text) {
    const size_t length = length_at((const unsigned char *)text);
    if (!length) *text = '?';
    text += length ? length : 1;
  }
}
