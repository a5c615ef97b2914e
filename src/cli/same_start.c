#include "cli/same_start.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/file.h"
#include "config/config_value.h"
#include "kernels/onednn.h"

/* The content of the file: programs of one version that were compiled in different ways give different bits. */
static void add_program(lks_facts *facts)
{
  char *content;
  size_t bytes;
  if (lks_file_read(&content, &bytes, "/proc/self/exe") == LKS_OK)
    lks_facts_add_bytes(facts, "the program", content, bytes, "lockstep " LKS_VERSION ", build");
  else
    lks_facts_add(facts, "the program", "lockstep " LKS_VERSION); /* the system does not let us see more */
  lks_free(content);
}

/* With the variable that lets it compute in a lower precision than it is asked for. */
static void add_onednn(lks_facts *facts)
{
  char text[LKS_FACT_TEXT];
  const char *mode = getenv("ONEDNN_DEFAULT_FPMATH_MODE");
  if (mode == NULL) mode = getenv("DNNL_DEFAULT_FPMATH_MODE");
  snprintf(text, sizeof text, "%s%s%.32s", lks_onednn_version(), mode ? " in the mode " : "",
           mode ? mode : "");
  lks_facts_add(facts, "oneDNN", text);
}

lks_status lks_start_same_all(lks_comm *comm, const char *command)
{
  lks_facts facts = {.count = 0};
  if (lks_comm_size(comm) == 1) return LKS_OK;
  add_program(&facts);
  add_onednn(&facts);
  lks_facts_add(&facts, "the command", command[0] == '\0' ? "none" : command);
  return lks_comm_same_all(comm, &facts, "start the same program with the same command on every host");
}

static void print_option(char text[LKS_VALUE_MAX], const void *settings, const lks_option *option,
                         const char *given)
{
  if (settings != NULL)
    lks_config_value_print(text, settings, option);
  else
    snprintf(text, LKS_VALUE_MAX, "%s", given == NULL ? "" : given);
  if (text[0] == '\0') strcpy(text, "no value");
}

void lks_settings_facts(lks_facts *facts, const lks_syntax *syntax, const void *settings,
                        const lks_arguments *arguments)
{
  for (size_t i = 0; i < syntax->options; i++) {
    char value[LKS_VALUE_MAX];
    if (syntax->option[i].type == LKS_OPTION_LIST) continue;
    print_option(value, settings, &syntax->option[i], arguments->value[i]);
    lks_facts_add(facts, syntax->option[i].name, value);
  }
  for (int i = 0; i < arguments->count; i++) lks_facts_add(facts, "the argument", arguments->argument[i]);
  for (size_t i = 0; i < arguments->listed; i++)
    lks_facts_add(facts, syntax->option[arguments->list[i].row].name, arguments->list[i].value);
}

lks_status lks_settings_same_all(lks_comm *comm, const lks_facts *facts)
{
  return lks_comm_same_all(
      comm, facts,
      "give all ranks the same command line, and a file of --config the same content on every host");
}

lks_status lks_run_settings_same_all(lks_comm *comm, const lks_syntax *syntax, lks_run_settings *settings,
                                     const lks_arguments *arguments)
{
  lks_facts facts = {.count = 0};
  lks_config *config = &settings->config;
  const bool from_directory = config->resume && !lks_arguments_value(arguments, syntax, "config");
  lks_facts_add(&facts, "resume", config->resume ? "on" : "off"); /* first, for it decides about the others */
  lks_settings_facts(&facts, syntax, from_directory ? NULL : settings, arguments);
  const lks_status status = lks_settings_same_all(comm, &facts);
  return status || !from_directory ? status : lks_comm_broadcast_all(comm, config, sizeof *config, 0);
}
