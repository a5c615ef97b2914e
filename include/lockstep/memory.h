#ifndef LOCKSTEP_MEMORY_H
#define LOCKSTEP_MEMORY_H

#include "lockstep/public.h"

LKS_PUBLIC_BEGIN

/** Local. Frees what a function of the library gave to its caller, as their comments say; takes NULL. */
void lks_free(void *pointer);

/** Local. Objects and blocks of memory that the library made and has not freed: 0 when all was given back. */
long lks_allocations_open(void);
/** Local. Those that it made since the program started. */
long lks_allocations_made(void);

LKS_PUBLIC_END

#endif
