#ifndef LKS_MODEL_PRESETS_H
#define LKS_MODEL_PRESETS_H

typedef struct lks_preset {
  const char *name, *text;
} lks_preset;

/** The models of data/models, ended by one whose name is NULL. */
extern const lks_preset lks_presets[];

#endif
