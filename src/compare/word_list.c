#include "compare/word_list.h"

#include <ctype.h>
#include <string.h>

lks_status lks_next_word(char word[LKS_WORD_MAX], const char **text, const char *what)
{
  const char *begin = *text + strspn(*text, " \t");
  size_t length = strcspn(begin, ",");
  *text = begin + length;
  if (**text == ',') ++*text;
  while (length > 0 && isspace((unsigned char)begin[length - 1])) length--;
  if (length == 0) return lks_fail(LKS_ERR_USAGE, "%s is missing between two commas", what);
  if (length >= LKS_WORD_MAX)
    return lks_fail(LKS_ERR_USAGE, "'%.*s...' is not %s", LKS_WORD_MAX, begin, what);
  memcpy(word, begin, length);
  word[length] = '\0';
  return LKS_OK;
}
