#ifndef LKS_CLI_TOPICS_H
#define LKS_CLI_TOPICS_H

#include <stddef.h>

/** What `lockstep help NAME` explains beside the commands. */
typedef struct lks_topic {
  const char *name;    /* "own-data" */
  const char *page;    /* its manual page: "lockstep-own-data.7" */
  const char *summary; /* in a few words */
  const char *text;    /* as it stands; NULL: what the source of the page says */
} lks_topic;

/** Ended by one whose name is NULL. */
extern const lks_topic lks_topics[];

/** Local. NULL: there is none of that name. */
const lks_topic *lks_topic_find(const char *name);

/** Local. To standard output, as wide as its terminal. */
void lks_topic_print(const lks_topic *topic);

/** Local. Its manual page, to standard output. */
void lks_topic_print_page(const lks_topic *topic);

/** A manual page of src/cli: the name of its file, and its text in the man macros of roff. */
typedef struct lks_page {
  const char *name, *text;
} lks_page;

/** Those pages, ended by one whose name is NULL. */
extern const lks_page lks_pages[];

#endif
