#include "optim/schedule.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* Where `step` lies between the end of the warm-up (0) and the step after the last one (1). */
static double progress(size_t step, size_t warmup, size_t total)
{
  if (step >= total) return 1;
  return (double)(step - warmup) / (double)(total - warmup);
}

double lks_schedule_lr(const lks_config *config, size_t steps_per_epoch, size_t step)
{
  size_t warmup = (size_t)llround(config->warmup * (double)steps_per_epoch);
  if (step < warmup) return config->lr * (double)(step + 1) / (double)warmup;
  if (config->schedule == LKS_SCHEDULE_STEP) {
    size_t falls = step / steps_per_epoch / config->step_epochs;
    return config->lr * pow(config->step_factor, (double)falls);
  }
  if (config->schedule == LKS_SCHEDULE_COSINE)
    return config->lr * 0.5 * (1 + cos(pi * progress(step, warmup, config->epochs * steps_per_epoch)));
  return config->lr;
}
