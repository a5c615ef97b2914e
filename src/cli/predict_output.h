#ifndef LKS_CLI_PREDICT_OUTPUT_H
#define LKS_CLI_PREDICT_OUTPUT_H

#include <stdint.h>
#include <stdio.h>

enum { LKS_PREDICT_TOP = 3 };

typedef enum lks_predict_format { LKS_PREDICT_TEXT, LKS_PREDICT_CSV, LKS_PREDICT_JSON } lks_predict_format;

/** What a network says of a sample. All borrowed. */
typedef struct lks_prediction {
  const char *path;         /* of the input */
  size_t number;            /* of the sample in it */
  const int32_t *label;     /* NULL: unknown */
  int top[LKS_PREDICT_TOP]; /* the most probable classes in falling order, -1 where there are no more */
  const float *probability; /* of each class */
  const char *name;         /* of the first class, or NULL */
} lks_prediction;

/** Local. What stands before all predictions: of CSV, the names of the columns. */
void lks_predict_heading(FILE *out, lks_predict_format format);
/** Local. One line; control characters of a name become question marks. */
void lks_prediction_print(FILE *out, const lks_prediction *prediction, lks_predict_format format);

#endif
