/* The file form of a checkpoint, without MPI or a network: nothing is lost, damage is noticed, writing is
 * atomic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/file.h"
#include "checkpoint/checkpoint_read.h"
#include "checkpoint/checkpoint_write.h"
#include "checkpoint/fingerprint.h"
#include "support/made_up_checkpoint.h"

static char folder[64], path[128];

static int make_folder(void **state)
{
  (void)state;
  strcpy(folder, "/tmp/lockstep-checkpoint-XXXXXX");
  if (!mkdtemp(folder)) return -1;
  snprintf(path, sizeof path, "%s/checkpoint.h5", folder);
  return 0;
}

static int remove_folder(void **state)
{
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  return system(command) + (lks_allocations_open() != 0);
}

static lks_status save(float tag)
{
  return made_up_save(path, tag);
}

static void save_and_read(char **image, size_t *bytes)
{
  assert_int_equal(save(1.0f), LKS_OK);
  assert_int_equal(lks_file_read(image, bytes, path), LKS_OK);
}

static bool reads_back(float tag)
{
  return made_up_reads_back(path, tag);
}

static void test_nothing_is_lost(void **state)
{
  (void)state;
  assert_int_equal(save(1.0f), LKS_OK);
  assert_true(reads_back(1.0f));
  assert_false(reads_back(2.0f)); /* the comparison can fail */
}

static void test_same_state_same_bytes(void **state)
{
  (void)state;
  char *a, *b;
  size_t a_bytes, b_bytes;
  save_and_read(&a, &a_bytes);
  sleep(1); /* no time of day gets in */
  save_and_read(&b, &b_bytes);
  assert_int_equal(a_bytes, b_bytes);
  assert_memory_equal(a, b, a_bytes);
  lks_free(a);
  lks_free(b);
}

static void test_long_model_text(void **state)
{
  (void)state;
  enum { LENGTH = 300000 };
  lks_checkpoint_header header = made_up_header(), back;
  lks_snapshot snapshot;
  assert_int_equal(made_up_snapshot(&snapshot, 1.0f), LKS_OK);
  header.model_text = lks_new(LENGTH + 1, 1);
  memset(header.model_text, '#', LENGTH);
  assert_int_equal(made_up_save_as(path, &header, &snapshot), LKS_OK);
  assert_int_equal(lks_checkpoint_read(&back, NULL, path), LKS_OK);
  assert_int_equal(strlen(back.model_text), LENGTH);
  lks_checkpoint_header_clear(&back);
  lks_free(header.model_text);
  lks_snapshot_clear(&snapshot);
}

static void test_every_flipped_bit_is_noticed(void **state)
{
  (void)state;
  enum { FLIPS = 400 };
  char *image;
  size_t bytes, noticed = 0;
  save_and_read(&image, &bytes);
  srand(7);
  for (int flip = 0; flip < FLIPS; flip++) {
    const size_t bit = ((size_t)rand() << 16 ^ (size_t)rand()) % (8 * bytes);
    image[bit / 8] ^= (char)(1 << bit % 8);
    assert_int_equal(lks_file_write(path, image, bytes), LKS_OK);
    image[bit / 8] ^= (char)(1 << bit % 8);
    lks_checkpoint_header header;
    lks_snapshot snapshot;
    const lks_status status = lks_checkpoint_read(&header, &snapshot, path);
    noticed += status == LKS_ERR_DATA;
    if (!status) {
      lks_checkpoint_header_clear(&header);
      lks_snapshot_clear(&snapshot);
      if (!reads_back(1.0f)) fail_msg("bit %zu of %zu was flipped, which went unnoticed", bit, 8 * bytes);
    } else {
      assert_memory_equal(lks_message(), path, strlen(path));
    }
  }
  assert_true(noticed > FLIPS / 10); /* the others hit unused bytes */
  lks_free(image);
}

static void test_cut_short(void **state)
{
  (void)state;
  char *image;
  size_t bytes;
  save_and_read(&image, &bytes);
  for (size_t length = 0; length < bytes; length += 1 + bytes / 60) {
    lks_checkpoint_header header;
    assert_int_equal(lks_file_write(path, image, length), LKS_OK);
    assert_int_equal(lks_checkpoint_read(&header, NULL, path), LKS_ERR_DATA);
  }
  lks_free(image);
}

static void test_altered_values(void **state)
{
  (void)state;
  lks_checkpoint_header header = made_up_header(), back;
  lks_snapshot snapshot, values;
  assert_int_equal(made_up_snapshot(&snapshot, 1.0f), LKS_OK);
  assert_int_equal(lks_snapshot_fingerprint(header.fingerprint, &snapshot), LKS_OK);
  snapshot.block[5] += 1.0f; /* written with good checksums, but not what the fingerprint was taken of */
  assert_int_equal(lks_checkpoint_save(path, true, &header, &snapshot), LKS_OK);
  assert_int_equal(lks_checkpoint_read(&back, &values, path), LKS_ERR_DATA);
  assert_non_null(strstr(lks_message(), "fingerprint"));
  lks_snapshot_clear(&snapshot);
}

static void test_other_files(void **state)
{
  (void)state;
  lks_checkpoint_header header;
  assert_int_equal(lks_checkpoint_read(&header, NULL, path), LKS_ERR_IO);
  assert_non_null(strstr(lks_message(), path));
  assert_int_equal(lks_checkpoint_read(&header, NULL, folder), LKS_ERR_IO);
  assert_int_equal(lks_file_write(path, "epoch,step\n", 11), LKS_OK);
  assert_int_equal(lks_checkpoint_read(&header, NULL, path), LKS_ERR_DATA);
  assert_non_null(strstr(lks_message(), "not an HDF5 file"));
}

/** Whatever the current folder holds. */
static void test_files_of_any_name_beside(void **state)
{
  (void)state;
  static const char *const name[] = {"checkpoint", "image"};
  char here[4096];
  assert_non_null(getcwd(here, sizeof here));
  assert_int_equal(chdir(folder), 0);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(lks_file_write(name[i], "mine", 4), LKS_OK);
    assert_int_equal(save(1.0f), LKS_OK);
    assert_true(reads_back(1.0f));
    assert_int_equal(unlink(name[i]), 0);
    assert_int_equal(mkdir(name[i], 0777), 0);
    assert_int_equal(save(2.0f), LKS_OK);
    assert_true(reads_back(2.0f));
  }
  assert_int_equal(chdir(here), 0);
}

static void test_describe(void **state)
{
  (void)state;
  assert_int_equal(save(1.0f), LKS_OK);
  char *text = NULL;
  size_t bytes = 0;
  FILE *out = open_memstream(&text, &bytes);
  assert_non_null(out);
  assert_int_equal(lks_checkpoint_describe(out, path), LKS_OK);
  fclose(out);
  assert_non_null(strstr(text, "z.weight"));
  assert_non_null(strstr(text, "3 x 2 x 2 x 2"));
  assert_non_null(strstr(text, "exp_avg exp_avg_sq"));
  assert_non_null(strstr(text, "37 steps"));
  free(text);
}

/** A writer that is killed at any moment leaves a whole checkpoint: the old one or a new one. */
static void test_killed_while_writing(void **state)
{
  (void)state;
  assert_int_equal(save(1.0f), LKS_OK);
  srand(11);
  for (int kills = 0; kills < 50; kills++) {
    const pid_t writer = fork();
    assert_true(writer >= 0);
    if (writer == 0)
      for (int turn = 0;; turn++) save((float)(1 + turn % 2));
    usleep((useconds_t)(rand() % 12000));
    kill(writer, SIGKILL);
    assert_int_equal(waitpid(writer, NULL, 0), writer);
    assert_true(reads_back(1.0f) || reads_back(2.0f));
  }
}

static void test_full_disk_keeps_the_old_file(void **state)
{
  (void)state;
  char *image;
  size_t bytes;
  struct rlimit old;
  save_and_read(&image, &bytes);
  lks_free(image);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){bytes / 2, old.rlim_max}), 0);
  const lks_status status = save(2.0f);
  setrlimit(RLIMIT_FSIZE, &old);
  signal(SIGXFSZ, handler);
  assert_int_equal(status, LKS_ERR_IO);
  assert_true(reads_back(1.0f));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)
  const struct CMUnitTest tests[] = {
      TEST(test_nothing_is_lost),
      TEST(test_same_state_same_bytes),
      TEST(test_long_model_text),
      TEST(test_every_flipped_bit_is_noticed),
      TEST(test_cut_short),
      TEST(test_altered_values),
      TEST(test_other_files),
      TEST(test_files_of_any_name_beside),
      TEST(test_describe),
      TEST(test_killed_while_writing),
      TEST(test_full_disk_keeps_the_old_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
