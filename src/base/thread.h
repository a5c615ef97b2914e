#ifndef LKS_BASE_THREAD_H
#define LKS_BASE_THREAD_H

#include <pthread.h>

/** Local. Starts a thread with all signals blocked: they are the main thread's business. 0, or the error number of
 * pthread_create. */
int lks_thread_start(pthread_t *thread, void *(*function)(void *argument), void *argument);

#endif
