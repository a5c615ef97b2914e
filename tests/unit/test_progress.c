/* The progress bar on a terminal (a pty) and the plain lines elsewhere (a file), under a clock that the test
 * turns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pty.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/leave.h"
#include "base/log.h"
#include "lockstep/profile.h"
#include "train/progress.h"

static double clock_now;

/** Stands in for the library's clock. */
double lks_seconds(void)
{
  return clock_now;
}

enum { OUTPUT_SIZE = 65536 };

static const char end_of_output = '\004';

/** 3 epochs of 4 steps of 10 samples, a step a second, with a line after each epoch. */
static void run_one(lks_display display)
{
  lks_progress *progress = lks_progress_create(display, 3, 4, 0);
  for (size_t step = 1; progress && step <= 12; step++) {
    clock_now += 1.0;
    lks_progress_step(progress, step, 10, 1.0 / (double)step);
    if (step % 4 == 0) lks_progress_line(progress, "epoch %zu done", step / 4);
  }
  lks_progress_destroy(&progress);
}

/** 2 epochs of 4 steps, then 3 of 5: 23 seconds in all. */
static void run_two(lks_display display)
{
  lks_progress *progress = lks_progress_create(display, 23, 1, 0);
  for (size_t step = 1; progress && step <= 23; step++) {
    if (step == 1) lks_progress_run(progress, "first", 0, 2, 4);
    if (step == 9) lks_progress_run(progress, "second", 8, 3, 5);
    clock_now += 1.0;
    lks_progress_step(progress, step, 10, 1.0);
  }
  lks_progress_destroy(&progress);
}

static bool two_runs, narrowed;
static noreturn void run_narrowed(void);

static noreturn void run(lks_display display)
{
  if (narrowed) run_narrowed();
  clock_now = 1000.0;
  if (two_runs)
    run_two(display);
  else
    run_one(display);
  fputc(end_of_output, stdout);
  fflush(stdout);
  lks_leave(lks_allocations_open() == 0 ? 0 : 1);
}

static void drain(int fd, char out[OUTPUT_SIZE])
{
  size_t length = 0;
  ssize_t got;
  char *end = NULL;
  while (!end && length < OUTPUT_SIZE - 1 && (got = read(fd, out + length, OUTPUT_SIZE - 1 - length)) != 0) {
    if (got < 0 && errno != EINTR) break;
    if (got > 0) {
      end = memchr(out + length, end_of_output, (size_t)got);
      length += (size_t)got;
    }
  }
  out[length] = '\0';
  assert_non_null(end);
  *end = '\0';
}

/** The slave stays open here, and is nobody's controlling terminal: Linux may lose what a terminal that is
 * hung up or closed still holds. */
static void run_in_terminal(char out[OUTPUT_SIZE], unsigned short columns, lks_display display)
{
  int terminal = -1, slave = -1, status = -1;
  struct winsize size = {.ws_row = 24, .ws_col = columns};
  assert_int_equal(openpty(&terminal, &slave, NULL, NULL, &size), 0);
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    dup2(slave, STDOUT_FILENO);
    run(display);
  }
  drain(terminal, out);
  close(slave);
  close(terminal);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
}

static void run_in_pipe(char out[OUTPUT_SIZE], lks_display display)
{
  int ends[2], status = -1;
  assert_int_equal(pipe(ends), 0);
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    run(display);
  }
  close(ends[1]);
  drain(ends[0], out);
  close(ends[0]);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
}

static const char wiped[] = "\r\033[J", drawn[] = "\033[J";

/** Cuts `ending` off the end of text, where it must be. */
static void cut_off(char *text, const char *ending)
{
  const size_t length = strlen(text), bytes = strlen(ending);
  assert_true(length >= bytes);
  assert_string_equal(text + length - bytes, ending);
  text[length - bytes] = '\0';
}

/** The last line on the screen: the bar, drawn again below "epoch 3 done", and gone in the end. */
static const char *last_frame(char *out)
{
  cut_off(out, wiped);
  cut_off(out, drawn);
  return strrchr(out, '\r') + 1;
}

static char output[OUTPUT_SIZE];

static void test_bar(void **state)
{
  (void)state;
  run_in_terminal(output, 100, LKS_DISPLAY_AUTO);
  assert_non_null(strstr(output, "\r\033[Jepoch 2 done\r\n\repoch 2/3 ["));
  assert_non_null(strstr(output, "epoch 2/3 [====="));
  assert_string_equal(
      last_frame(output),
      "epoch 3/3 [==============================]  4/4  loss 0.0833  10.0 images/s  ETA 0:00");
}

static void test_bar_fits_the_terminal(void **state)
{
  (void)state;
  for (unsigned short columns = 2; columns < 90; columns++) {
    run_in_terminal(output, columns, LKS_DISPLAY_AUTO);
    const char *frame = last_frame(output);
    assert_true(strlen(frame) < columns);
    assert_memory_equal(frame, "epoch 3/3 ", columns < 10 ? columns - 1u : 9);
  }
}

/** The window becomes narrower, the bar that it wrapped into three rows goes, and so it does before a warning. */
static noreturn void run_narrowed(void)
{
  struct winsize size = {.ws_row = 24, .ws_col = 40};
  unsetenv("XTERM_VERSION");
  unsetenv("STY");
  setenv("TERM", "xterm", 1);
  clock_now = 1000.0;
  lks_progress *progress = lks_progress_create(LKS_DISPLAY_AUTO, 3, 4, 0);
  for (size_t step = 1; progress && step <= 3; step++) {
    clock_now += 1.0;
    lks_progress_step(progress, step, 10, 1.0);
    if (step == 1) ioctl(STDOUT_FILENO, TIOCSWINSZ, &size);
    if (step == 2) lks_warn("in between");
  }
  lks_progress_destroy(&progress);
  fputc(end_of_output, stdout);
  fflush(stdout);
  lks_leave(0);
}

static void test_narrower_window(void **state)
{
  (void)state;
  narrowed = true;
  run_in_terminal(output, 100, LKS_DISPLAY_AUTO);
  narrowed = false;
  static const char *const parts[] = {
      "\repoch 1/3 [=======>                      ]  1/4  loss 1.0000  10.0 images/s  ETA 0:11\033[J",
      "\r\033[2Aepoch 1/3 2/4  loss 1.0000  10.0 images\033[J", /* three rows */
      "\r\033[J",                                               /* one row, before the warning */
      "\repoch 1/3 3/4  loss 1.0000  10.0 images\033[J", "\r\033[J"};
  const char *at = output;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; at += strlen(parts[i++]))
    assert_memory_equal(at, parts[i], strlen(parts[i]));
  assert_string_equal(at, "");
}

static void test_quiet(void **state)
{
  (void)state;
  lks_log_quiet(true);
  run_in_terminal(output, 100, LKS_DISPLAY_BAR);
  lks_log_quiet(false);
  assert_string_equal(output, "");
}

static void test_eta(void **state)
{
  (void)state;
  run_in_terminal(output, 100, LKS_DISPLAY_BAR);
  assert_non_null(strstr(
      output, "epoch 1/3 [=======>                      ]  1/4  loss 1.0000  10.0 images/s  ETA 0:11"));
}

static void test_runs_of_different_steps(void **state)
{
  (void)state;
  two_runs = true;
  run_in_terminal(output, 100, LKS_DISPLAY_BAR);
  two_runs = false;
  static const char *const frames[] = {
      "\rfirst  epoch 1/2 [=======>                      ]  1/4  loss 1.0000  10.0 images/s  ETA 0:22",
      "\rfirst  epoch 2/2 [==============================]  4/4  loss 1.0000  10.0 images/s  ETA 0:15",
      "\rsecond  epoch 1/3 [======>                       ]  1/5  loss 1.0000  10.0 images/s  ETA 0:14",
      "\rsecond  epoch 3/3 [==============================]  5/5  loss 1.0000  10.0 images/s  ETA 0:00"};
  for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
    if (strstr(output, frames[i]) == NULL) fail_msg("'%s' was not shown in %s", frames[i] + 1, output);
}

static void test_plain_without_control_characters(void **state)
{
  (void)state;
  const lks_display modes[] = {LKS_DISPLAY_AUTO, LKS_DISPLAY_PLAIN};
  for (int i = 0; i < 2; i++) {
    run_in_pipe(output, modes[i]);
    for (const char *at = output; *at; at++) assert_true(*at == '\n' || *at >= ' ');
    assert_string_equal(
        output, "epoch 1 done\nepoch 2 done\nepoch 3 done\n"); /* 12 s: too short for a line of its own */
  }
  /* A terminal without columns is what mpirun gives a rank whose output goes to a file. */
  run_in_terminal(output, 0, LKS_DISPLAY_AUTO);
  assert_null(strchr(output, '\033'));
}

static void test_plain_interval(void **state)
{
  (void)state;
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    clock_now = 0.0;
    lks_progress *progress = lks_progress_create(LKS_DISPLAY_PLAIN, 1, 10000, 100);
    for (size_t step = 101; step <= 1000; step++) {
      clock_now += 0.1;
      lks_progress_step(progress, step, 8, 0.5);
    }
    lks_progress_destroy(&progress);
    lks_leave(write(STDOUT_FILENO, &end_of_output, 1) == 1 ? 0 : 1);
  }
  close(ends[1]);
  drain(ends[0], output);
  close(ends[0]);
  waitpid(child, NULL, 0);
  size_t lines = 0;
  for (const char *at = output; *at; at++) lines += *at == '\n';
  assert_true(lines == 2 || lines == 3); /* 90 s */
  assert_non_null(strstr(output, "/10000  loss 0.5000  80.0 images/s  ETA 16:"));
}

static void test_none(void **state)
{
  (void)state;
  run_in_terminal(output, 100, LKS_DISPLAY_NONE);
  assert_string_equal(output, "");
  lks_progress_step(NULL, 1, 1, 0.0);
  lks_progress_line(NULL, "nothing");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bar),
      cmocka_unit_test(test_bar_fits_the_terminal),
      cmocka_unit_test(test_narrower_window),
      cmocka_unit_test(test_quiet),
      cmocka_unit_test(test_eta),
      cmocka_unit_test(test_runs_of_different_steps),
      cmocka_unit_test(test_plain_without_control_characters),
      cmocka_unit_test(test_plain_interval),
      cmocka_unit_test(test_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
