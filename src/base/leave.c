#include "base/leave.h"

#include <unistd.h>

#ifdef LKS_COVERAGE
#include <gcov.h>
#endif

void lks_leave(int code)
{
#ifdef LKS_COVERAGE
  __gcov_dump();
#endif
  _exit(code);
}
