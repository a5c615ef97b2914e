#include "base/long_work.h"

#include <stdio.h>

#include "base/life.h"
#include "base/log.h"
#include "base/plain_text.h"
#include "lockstep/profile.h"

enum { INTERVAL = 5 };

void lks_long_work_begin(lks_long_work *work, const char *what)
{
  snprintf(work->what, sizeof work->what, "%s", what);
  lks_text_make_plain(work->what);
  work->began = work->told = lks_seconds();
  work->interval = INTERVAL;
}

void lks_long_work_tell(lks_long_work *work, double share)
{
  const double now = lks_seconds(), gone = now - work->began;
  lks_life_beat();
  if (now - work->told < work->interval || share <= 0) return;
  work->told = now;
  if (share > 1) share = 1;
  lks_note("%s: %.0f%%, %.0f s so far, about %.0f s to go", work->what, 100 * share, gone,
           gone / share - gone);
}
