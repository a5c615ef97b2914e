#include "fuzz/fuzz_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lockstep/status.h"

static char folder[64];

static void remove_folder(void)
{
  char command[96];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  if (system(command) != 0) perror(folder);
}

const char *fuzz_folder(void)
{
  if (folder[0]) return folder;
  strcpy(folder,
         access("/dev/shm", W_OK) == 0 ? "/dev/shm/lockstep-fuzz-XXXXXX" : "/tmp/lockstep-fuzz-XXXXXX");
  if (!mkdtemp(folder)) abort();
  atexit(remove_folder);
  return folder;
}

const char *fuzz_file(const char *name, const void *data, size_t size)
{
  static char path[128];
  snprintf(path, sizeof path, "%s/%s", fuzz_folder(), name);
  const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0 || write(file, data, size) != (ssize_t)size || close(file) != 0) abort();
  return path;
}

char *fuzz_text(const uint8_t *data, size_t size)
{
  char *text = malloc(size + 1);
  if (!text) abort();
  memcpy(text, data, size);
  text[size] = '\0';
  return text;
}

void fuzz_demand(int holds, const char *what)
{
  if (holds) return;
  fprintf(stderr, "does not hold: %s; the last message is: %s\n", what, lks_message());
  abort();
}
