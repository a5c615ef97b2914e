#include "train/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/status_line.h"
#include "base/terminal.h"
#include "base/wrapped.h"
#include "lockstep/profile.h"

enum { FRAME_SIZE = 512, LINE_SIZE = 2048, BAR_LONGEST = 30, BAR_SHORTEST = 5, COLUMNS_USUAL = 80 };

static const double redraw_seconds = 0.1, plain_seconds = 30.0, memory_seconds = 10.0;

struct lks_progress {
  lks_display display;          /* not AUTO */
  size_t steps;                 /* of the whole */
  char title[64];               /* of the run under way; "" when it is the only one */
  bool many;                    /* several are under way, and title says how they stand */
  size_t run_first, run_epochs; /* its first step and epochs */
  size_t steps_per_epoch;       /* of this run */
  size_t step;                  /* at the last rate update */
  size_t samples;               /* since then */
  double updated, shown;        /* when the rates were updated, and when something was drawn */
  double step_seconds;          /* smoothed; 0: not known yet */
  double samples_per_second;
  char frame[FRAME_SIZE]; /* what the bar shows now */
};

static lks_display choose_display(lks_display wanted)
{
  if (lks_log_is_quiet()) return LKS_DISPLAY_NONE;
  if (wanted != LKS_DISPLAY_AUTO) return wanted;
  return lks_terminal_columns(STDOUT_FILENO) > 0 ? LKS_DISPLAY_BAR : LKS_DISPLAY_PLAIN;
}

lks_progress *lks_progress_create(lks_display display, size_t epochs, size_t steps_per_epoch, size_t done)
{
  lks_progress *progress = lks_new(1, sizeof *progress);
  if (!progress) return NULL;
  const double now = lks_seconds();
  *progress = (lks_progress){.display = choose_display(display),
                             .steps = epochs * (steps_per_epoch > 0 ? steps_per_epoch : 1),
                             .run_epochs = epochs,
                             .steps_per_epoch = steps_per_epoch > 0 ? steps_per_epoch : 1,
                             .step = done,
                             .updated = now,
                             .shown = now};
  return progress;
}

void lks_progress_run(lks_progress *progress, const char *title, size_t first_step, size_t epochs,
                      size_t steps_per_epoch)
{
  if (!progress) return;
  snprintf(progress->title, sizeof progress->title, "%s  ", title);
  progress->many = false;
  progress->run_first = first_step;
  progress->run_epochs = epochs;
  progress->steps_per_epoch = steps_per_epoch > 0 ? steps_per_epoch : 1;
}

void lks_progress_many(lks_progress *progress, const char *title)
{
  if (!progress) return;
  snprintf(progress->title, sizeof progress->title, "%s", title);
  progress->many = true;
}

void lks_progress_destroy(lks_progress **progress)
{
  if (!*progress) return;
  lks_status_line_wipe();
  lks_free(*progress);
  *progress = NULL;
}

/** The newest interval counts by its length: a rate of the last memory_seconds or so. */
static void update_rates(lks_progress *p, size_t step, double now)
{
  const double seconds = now - p->updated;
  if (step <= p->step || seconds <= 0.0) return;
  const double weight = p->step_seconds > 0.0 ? seconds / (seconds + memory_seconds) : 1.0;
  p->step_seconds += weight * (seconds / (double)(step - p->step) - p->step_seconds);
  p->samples_per_second += weight * ((double)p->samples / seconds - p->samples_per_second);
  p->step = step;
  p->samples = 0;
  p->updated = now;
}

static void print_duration(char *out, size_t size, double seconds)
{
  const unsigned long s = (unsigned long)(seconds + 0.5);
  if (s >= 3600)
    snprintf(out, size, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
  else
    snprintf(out, size, "%lu:%02lu", s / 60, s % 60);
}

static int digits_of(size_t number)
{
  return snprintf(NULL, 0, "%zu", number);
}

/** What stands left and right of the bar. */
static void print_sides(char left[FRAME_SIZE], char right[FRAME_SIZE], const lks_progress *p, size_t step,
                        double loss)
{
  const size_t total = p->steps;
  char eta[32];
  print_duration(eta, sizeof eta, step < total ? (double)(total - step) * p->step_seconds : 0.0);
  const int decimals = p->samples_per_second < 100.0 ? 1 : 0;
  if (p->many) {
    snprintf(left, FRAME_SIZE, "%s", p->title);
    snprintf(right, FRAME_SIZE, "%*zu/%zu steps  %.*f images/s  ETA %s", digits_of(total), step, total,
             decimals, p->samples_per_second, eta);
    return;
  }
  const size_t before = step > p->run_first ? step - p->run_first - 1 : 0;
  snprintf(left, FRAME_SIZE, "%sepoch %*zu/%zu", p->title, digits_of(p->run_epochs),
           before / p->steps_per_epoch + 1, p->run_epochs);
  snprintf(right, FRAME_SIZE, "%*zu/%zu  loss %.4f  %.*f images/s  ETA %s", digits_of(p->steps_per_epoch),
           before % p->steps_per_epoch + 1, p->steps_per_epoch, loss, decimals, p->samples_per_second, eta);
}

/** "[====>   ]  ", the arrow standing in the last cell that is begun; "" when there is no room. */
static void print_bar(char *out, size_t width, size_t part, size_t whole)
{
  const size_t filled = part * width / whole;
  *out++ = '[';
  memset(out, ' ', width);
  memset(out, '=', filled);
  if (filled < width) out[filled] = '>';
  memcpy(out + width, "]  ", sizeof "]  ");
}

static void draw_bar(lks_progress *p, size_t step, double loss)
{
  char left[FRAME_SIZE], right[FRAME_SIZE], bar[BAR_LONGEST + 8] = "";
  print_sides(left, right, p, step, loss);
  size_t columns = lks_terminal_columns(STDOUT_FILENO);
  if (columns == 0) columns = COLUMNS_USUAL;
  if (columns > FRAME_SIZE) columns = FRAME_SIZE;
  /* The last column stays free: some terminals wrap when it is written to. */
  const size_t taken = strlen(left) + strlen(right) + strlen(" []  ") + 1;
  if (columns >= taken + BAR_SHORTEST) {
    const size_t room = columns - taken;
    const size_t width = room < BAR_LONGEST ? room : BAR_LONGEST;
    if (p->many)
      print_bar(bar, width, step, p->steps);
    else
      print_bar(bar, width, (step > p->run_first ? step - p->run_first - 1 : 0) % p->steps_per_epoch + 1,
                p->steps_per_epoch);
  }
  char whole[sizeof left + sizeof right + sizeof bar];
  snprintf(whole, sizeof whole, "%s %s%s", left, bar, right);
  snprintf(p->frame, sizeof p->frame, "%.*s", (int)columns - 1, whole);
  lks_status_line_show(p->frame);
}

void lks_progress_step(lks_progress *progress, size_t step, size_t samples, double mean_loss)
{
  if (!progress || progress->display == LKS_DISPLAY_NONE) return;
  progress->samples += samples;
  const double now = lks_seconds();
  const bool bar = progress->display == LKS_DISPLAY_BAR;
  const bool last = bar && step == progress->steps;
  if (now - progress->shown < (bar ? redraw_seconds : plain_seconds) && !last) return;
  update_rates(progress, step, now);
  progress->shown = now;
  if (bar) {
    draw_bar(progress, step, mean_loss);
  } else {
    char left[FRAME_SIZE], right[FRAME_SIZE];
    print_sides(left, right, progress, step, mean_loss);
    fprintf(stdout, "%s  %s\n", left, right);
    fflush(stdout);
  }
}

void lks_progress_line(lks_progress *progress, const char *format, ...)
{
  if (!progress || progress->display == LKS_DISPLAY_NONE) return;
  char text[LINE_SIZE];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  lks_status_line_wipe();
  lks_fitted_print(stdout, text, lks_terminal_columns(STDOUT_FILENO));
  fputc('\n', stdout);
  fflush(stdout);
  if (progress->frame[0]) lks_status_line_show(progress->frame);
}
