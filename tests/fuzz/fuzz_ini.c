/* The settings of a run: config.ini, --config, and the attribute `config` of a checkpoint. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/ini_file.h"
#include "fuzz/fuzz_file.h"
#include "lockstep/config.h"

static lks_status count(void *user, const char *section, const char *key, const char *value)
{
  size_t *sum = user;
  *sum += strlen(section) + (key ? strlen(key) : 0) + (value ? strlen(value) : 0);
  return LKS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  lks_config config, again;
  size_t sum = 0;
  char *text = fuzz_text(data, size), *printed = NULL, *reprinted = NULL;
  lks_ini_parse_sections(text, "text", count, &sum, LKS_ERR_DATA);
  lks_config_default(&config);
  if (lks_config_parse(&config, text, "config") == LKS_OK) {
    lks_config_check(&config);
    lks_config_default(&again);
    fuzz_demand(lks_config_print(&printed, &config) == LKS_OK, "settings can be printed");
    fuzz_demand(lks_config_parse(&again, printed, "printed") == LKS_OK, "printed settings can be read");
    fuzz_demand(lks_config_print(&reprinted, &again) == LKS_OK && strcmp(printed, reprinted) == 0,
                "printed settings are the same settings");
  }
  lks_free(printed);
  lks_free(reprinted);
  free(text);
  return 0;
}
