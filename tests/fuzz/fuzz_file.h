#ifndef LKS_TESTS_FUZZ_FILE_H
#define LKS_TESTS_FUZZ_FILE_H

#include <stddef.h>
#include <stdint.h>

/* What the fuzz targets share. A target is a parser that reads what users give; libFuzzer makes the bytes. What
 * it accepts is held against itself: printed and read again, it is the same. */

/** The target, in C's way of naming it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Local. A folder of this process in memory, or in /tmp; it is removed when the process ends. */
const char *fuzz_folder(void);

/** Local. A file of that name and content in the folder: its path, valid until the next call. */
const char *fuzz_file(const char *name, const void *data, size_t size);

/** Local. The bytes as a text, which ends with them or with their first zero byte; freed with free. */
char *fuzz_text(const uint8_t *data, size_t size);

/** Local. Ends the process, as a crash does, when what must hold does not. */
void fuzz_demand(int holds, const char *what);

#endif
