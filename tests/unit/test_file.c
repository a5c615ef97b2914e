#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"

static char folder[64];

static int make_folder(void **state)
{
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/lockstep-file-XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
  (void)state;
  return rmdir(folder);
}

static const char *in_folder(const char *name)
{
  static char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static int entries(const char *path)
{
  int count = 0;
  DIR *listing = opendir(path);
  assert_non_null(listing);
  while (readdir(listing)) count++;
  closedir(listing);
  return count - 2;
}

static void assert_holds(const char *path, const char *expected)
{
  char *data;
  size_t bytes;
  assert_int_equal(lks_file_read(&data, &bytes, path), LKS_OK);
  assert_int_equal(bytes, strlen(expected));
  assert_string_equal(data, expected); /* a zero byte stands behind it */
  lks_free(data);
}

static void test_write_then_read(void **state)
{
  (void)state;
  const char *path = in_folder("a.txt");
  assert_false(lks_file_exists(path));
  assert_int_equal(lks_file_write(path, "one", 3), LKS_OK);
  assert_true(lks_file_exists(path));
  assert_holds(path, "one");
  assert_int_equal(lks_file_write(path, "another", 7), LKS_OK);
  assert_holds(path, "another");
  assert_int_equal(lks_file_write(path, "", 0), LKS_OK);
  assert_holds(path, "");
  assert_int_equal(entries(folder), 1);
  unlink(path);
}

/* What another process has made meanwhile is not replaced, and the temporary file goes in any case. */
static void test_a_new_file_replaces_none(void **state)
{
  (void)state;
  const char *path = in_folder("new.txt");
  lks_file_writer *writer;
  for (int there = 0; there < 2; there++) {
    assert_int_equal(lks_file_writer_open(&writer, path), LKS_OK);
    assert_int_equal(lks_file_writer_append(writer, "mine", 4), LKS_OK);
    if (there) assert_int_equal(lks_file_write(path, "theirs", 6), LKS_OK);
    assert_int_equal(lks_file_writer_commit_as(writer, false), there ? LKS_ERR_USAGE : LKS_OK);
    lks_file_writer_close(&writer);
    assert_holds(path, there ? "theirs" : "mine");
    assert_int_equal(lks_file_writer_open(&writer, path), LKS_OK);
    assert_int_equal(lks_file_writer_append(writer, "newer", 5), LKS_OK);
    assert_int_equal(lks_file_writer_commit_as(writer, true), LKS_OK);
    lks_file_writer_close(&writer);
    assert_holds(path, "newer");
    assert_int_equal(entries(folder), 1);
    unlink(path);
  }
}

/* Whoever opened a pipe would wait for its writer, and whoever replaced a device would break the system. */
static void test_only_regular_files(void **state)
{
  (void)state;
  const char *path = in_folder("pipe");
  char *data;
  size_t bytes;
  int file;
  struct stat about;
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_int_equal(lks_file_read(&data, &bytes, path), LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), "pipe: not a regular file"));
  assert_int_equal(lks_file_open(&file, &bytes, path), LKS_ERR_IO);
  assert_int_equal(lks_file_write(path, "x", 1), LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), "pipe: not a regular file"));
  assert_true(stat(path, &about) == 0 && S_ISFIFO(about.st_mode));
  assert_int_equal(entries(folder), 1);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(lks_file_open(&file, &bytes, "/dev/zero"), LKS_ERR_IO);
  assert_int_equal(lks_file_open(&file, &bytes, folder), LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), "Is a directory"));
  assert_int_equal(lks_file_write(path, "four", 4), LKS_OK);
  assert_int_equal(lks_file_open(&file, &bytes, path), LKS_OK);
  assert_int_equal(bytes, 4);
  assert_int_equal(close(file), 0);
  unlink(path);
}

static void test_a_path_without_folder(void **state)
{
  (void)state;
  char *before = getcwd(NULL, 0);
  assert_int_equal(chdir(folder), 0);
  assert_int_equal(lks_file_write("plain.txt", "x", 1), LKS_OK);
  assert_holds("plain.txt", "x");
  unlink("plain.txt");
  assert_int_equal(chdir(before), 0);
  free(before);
}

/* A write that ends early, as on a full disk: the old file stays and nothing else is left. */
static void test_a_full_disk_keeps_the_old_file(void **state)
{
  (void)state;
  static char large[10000];
  const char *path = in_folder("kept.txt");
  struct rlimit before, small;
  assert_int_equal(lks_file_write(path, "old", 3), LKS_OK);
  getrlimit(RLIMIT_FSIZE, &before);
  small = (struct rlimit){4096, before.rlim_max};
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  lks_status status = lks_file_write(path, large, sizeof large);
  setrlimit(RLIMIT_FSIZE, &before);
  assert_int_equal(status, LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), "kept.txt: File too large"));
  assert_holds(path, "old");
  assert_int_equal(entries(folder), 1);
  assert_int_equal(lks_file_write(path, large, sizeof large), LKS_OK); /* the control */
  unlink(path);
}

static void test_an_unwritable_folder(void **state)
{
  (void)state;
  const char *path = in_folder("kept.txt");
  uid_t user = geteuid();
  assert_int_equal(lks_file_write(path, "old", 3), LKS_OK);
  chmod(path, 0644);
  chmod(folder, 0555);
  if (user == 0) assert_int_equal(seteuid(65534), 0); /* root may write anywhere */
  lks_status status = lks_file_write(path, "new", 3);
  if (user == 0) assert_int_equal(seteuid(user), 0);
  chmod(folder, 0755);
  assert_int_equal(status, LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), "kept.txt: Permission denied"));
  assert_holds(path, "old");
  assert_int_equal(entries(folder), 1);
  unlink(path);
}

static void test_targets_that_cannot_be(void **state)
{
  (void)state;
  assert_int_equal(lks_file_write(in_folder("none/a"), "x", 1), LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), "none/a: No such file"));
  assert_int_equal(lks_file_write(folder, "x", 1), LKS_ERR_IO); /* a folder; the temporary file must go */
  char temporary[256], host[65] = "";
  gethostname(host, sizeof host - 1);
  snprintf(temporary, sizeof temporary, "%s.%s.%ld.tmp", folder, host, (long)getpid());
  assert_false(lks_file_exists(temporary));
  assert_int_equal(lks_file_write("/dev/full/a", "x", 1), LKS_ERR_IO);
}

static void test_files_that_cannot_be_read(void **state)
{
  (void)state;
  char *data = (char *)folder;
  size_t bytes = 5;
  assert_int_equal(lks_file_read(&data, &bytes, in_folder("none")), LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), "none: No such file or directory"));
  assert_null(data);
  assert_int_equal(bytes, 0);
  assert_int_equal(lks_file_read(&data, &bytes, folder), LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), "Is a directory"));
  const char *pipe_path = in_folder("pipe");
  assert_int_equal(mkfifo(pipe_path, 0600), 0);
  assert_int_equal(lks_file_read(&data, &bytes, pipe_path), LKS_ERR_IO); /* and does not wait for a writer */
  assert_non_null(strstr(lks_message(), "not a regular file"));
  unlink(pipe_path);
}

static void test_folders(void **state)
{
  (void)state;
  const char *names[] = {"a//b/c", "a/b", "a"};
  assert_int_equal(lks_folder_make(in_folder("a//b/c/")), LKS_OK);
  assert_int_equal(lks_folder_make(in_folder("a/b/c")), LKS_OK);
  assert_true(lks_file_exists(in_folder("a/b/c")));
  assert_int_equal(lks_file_write(in_folder("a/file"), "", 0), LKS_OK);
  assert_int_equal(lks_folder_make(in_folder("a/file")), LKS_ERR_IO);
  assert_int_equal(lks_folder_make(in_folder("a/file/b")), LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), "a/file/b: Not a directory"));
  assert_int_equal(lks_folder_make(""), LKS_ERR_IO);
  unlink(in_folder("a/file"));
  assert_int_equal(lks_folder_make_own(in_folder("a/b/c")), LKS_OK);
  assert_int_equal(symlink("b", in_folder("a/link")), 0);
  assert_int_equal(lks_folder_make(in_folder("a/link")), LKS_OK);
  assert_int_equal(lks_folder_make_own(in_folder("a/link")), LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), "a/link is a link"));
  unlink(in_folder("a/link"));
  for (size_t i = 0; i < 3; i++) assert_int_equal(rmdir(in_folder(names[i])), 0);
}

enum { SMALL = 3000, LARGE = 70000, READS = 200 };

typedef struct rewriting {
  atomic_int stop;
  lks_status status;
  int writes;
} rewriting;

static void *rewrite(void *shared)
{
  static char content[LARGE];
  rewriting *mine = shared;
  char path[256];
  snprintf(path, sizeof path, "%s/raced", folder);
  while (!mine->status && !atomic_load(&mine->stop)) {
    size_t bytes = mine->writes++ % 2 ? SMALL : LARGE;
    memset(content, bytes == SMALL ? 's' : 'l', bytes);
    mine->status = lks_file_write(path, content, bytes);
  }
  return NULL;
}

/* A reader beside a writer sees one content or the other, whole. */
static void test_a_reader_sees_old_or_new(void **state)
{
  (void)state;
  char path[256];
  snprintf(path, sizeof path, "%s/raced", folder);
  assert_int_equal(lks_file_write(path, "", 0), LKS_OK);
  rewriting shared = {0};
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, rewrite, &shared), 0);
  int whole = 1;
  for (int reads = 0; whole && reads < READS; reads++) {
    char *data;
    size_t bytes;
    whole = lks_file_read(&data, &bytes, path) == LKS_OK && (bytes == 0 || bytes == SMALL || bytes == LARGE);
    for (size_t i = 0; whole && i < bytes; i++) whole = data[i] == (bytes == SMALL ? 's' : 'l');
    lks_free(data);
  }
  atomic_store(&shared.stop, 1);
  pthread_join(thread, NULL);
  unlink(path);
  assert_true(whole);
  assert_int_equal(shared.status, LKS_OK);
}

static void test_nothing_is_left(void **state)
{
  (void)state;
  assert_int_equal(entries(folder), 0);
  assert_int_equal(lks_allocations_open(), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_write_then_read),           cmocka_unit_test(test_only_regular_files),
      cmocka_unit_test(test_a_path_without_folder),     cmocka_unit_test(test_a_full_disk_keeps_the_old_file),
      cmocka_unit_test(test_an_unwritable_folder),      cmocka_unit_test(test_targets_that_cannot_be),
      cmocka_unit_test(test_files_that_cannot_be_read), cmocka_unit_test(test_folders),
      cmocka_unit_test(test_a_reader_sees_old_or_new),  cmocka_unit_test(test_nothing_is_left),
      cmocka_unit_test(test_a_new_file_replaces_none),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
