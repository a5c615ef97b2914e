#ifndef LKS_CLI_HANGUP_H
#define LKS_CLI_HANGUP_H

/** Local; before anything else. Ignores SIGHUP if whoever started the program had it ignored, as nohup does. UCX, below some
 * libraries of MPI, takes it for itself before main begins. */
void lks_hangup_restore(void);

#endif
