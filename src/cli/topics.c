#include "cli/topics.h"

#include <stdio.h>
#include <string.h>

#include "base/terminal.h"
#include "base/wrapped.h"
#include "cli/manual.h"
#include "cli/page_text.h"
#include "lockstep/model.h"

const lks_topic lks_topics[] = {
    {"models", "lockstep-model.5", "the text that describes a network", lks_model_help},
    {"files", "lockstep-files.5", "datasets, run directories and checkpoints", NULL},
    {"own-data", "lockstep-own-data.7", "from your own files to a trained network", NULL},
    {"cluster", "lockstep-cluster.7", "many hosts, with Slurm and without", NULL},
    {NULL, NULL, NULL, NULL},
};

const lks_topic *lks_topic_find(const char *name)
{
  for (const lks_topic *topic = lks_topics; topic->name; topic++)
    if (strcmp(topic->name, name) == 0) return topic;
  return NULL;
}

/* It was built in, or the program would not link. */
static const char *source_of(const lks_topic *topic)
{
  const lks_page *page = lks_pages;
  while (page->name && strcmp(page->name, topic->page) != 0) page++;
  return page->text;
}

void lks_topic_print(const lks_topic *topic)
{
  if (topic->text)
    lks_fitted_print(stdout, topic->text, lks_terminal_width());
  else
    lks_page_text_print(source_of(topic));
}

void lks_topic_print_page(const lks_topic *topic)
{
  char name[64];
  snprintf(name, sizeof name, "%.*s", (int)strcspn(topic->page, "."), topic->page);
  if (topic->text)
    lks_manual_text(name, topic->summary, topic->text);
  else
    fputs(source_of(topic), stdout);
}
