#include "hdf5/hdf5_version.h"

#include <hdf5.h>
#include <stdio.h>

const char *lks_hdf5_version(void)
{
  static _Thread_local char text[48];
  unsigned major = 0, minor = 0, release = 0;
  if (H5get_libversion(&major, &minor, &release) < 0) return "unknown";
  snprintf(text, sizeof text, "%u.%u.%u", major, minor, release);
  return text;
}

void lks_hdf5_leave_no_work(void)
{
  H5dont_atexit();
}
