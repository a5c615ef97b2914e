#include "base/printed.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"

static lks_status no_memory(void)
{
  return lks_fail(LKS_ERR_RANK, "not enough memory to print a text");
}

lks_status lks_printed_begin(lks_printed *printed)
{
  *printed = (lks_printed){NULL, NULL, 0};
  printed->stream = open_memstream(&printed->text, &printed->bytes);
  return printed->stream != NULL ? LKS_OK : no_memory();
}

static lks_status close_stream(lks_printed *printed)
{
  const int failed = ferror(printed->stream);
  return fclose(printed->stream) == 0 && !failed ? LKS_OK : no_memory();
}

lks_status lks_printed_text(char **text, lks_printed *printed)
{
  *text = NULL;
  lks_status status = close_stream(printed);
  if (!status) {
    *text = lks_new(printed->bytes + 1, 1);
    if (*text != NULL)
      memcpy(*text, printed->text, printed->bytes);
    else
      status = LKS_ERR_RANK;
  }
  free(printed->text);
  return status;
}

lks_status lks_printed_file(const char *path, lks_printed *printed)
{
  lks_status status = close_stream(printed);
  if (!status) status = lks_file_write(path, printed->text, printed->bytes);
  free(printed->text);
  return status;
}
