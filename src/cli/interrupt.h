#ifndef LKS_CLI_INTERRUPT_H
#define LKS_CLI_INTERRUPT_H

/** Local. SIGINT, SIGTERM and SIGHUP, where it is not ignored, end this process as they do by themselves, and remove the
 * file that it is writing before: for commands that have nothing to be gone on with. */
void lks_interrupt_handlers_install(void);

#endif
