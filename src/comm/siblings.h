#ifndef LKS_COMM_SIBLINGS_H
#define LKS_COMM_SIBLINGS_H

/* What can be known of the ranks of a job before MPI has started: the launcher tells each its number. */

/** Local. This process's; -1: nobody told. */
int lks_siblings_own_rank(void);

/** Local. Which ranks of this job on this host are stopped, in words. */
void lks_siblings_describe(char text[256]);

#endif
