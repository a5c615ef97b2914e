#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/suggest.h"
#include "model/model_text.h"

#define KEY(field) (1u << LKS_FIELD_##field)

enum { OUTPUTS_MAX = 65536, WINDOW_MAX = 255, TIMES_MAX = 1000, POSITIONS = 2 };

static const struct {
  const char *text, *usage;
  lks_word word;
  lks_layer_kind kind;
  lks_field position[POSITIONS]; /* what its values mean, in order; LKS_FIELD_WORD: no more */
  unsigned keys;
} words[] = {
    {"conv",
     "conv OUTPUTS KERNEL [stride=1] [pad=P] [groups=1] [dilation=1] [bias=yes|no] [name=NAME]",
     LKS_WORD_LAYER,
     LKS_LAYER_CONV,
     {LKS_FIELD_OUTPUTS, LKS_FIELD_KERNEL},
     KEY(STRIDE) | KEY(PAD) | KEY(GROUPS) | KEY(DILATION) | KEY(BIAS) | KEY(NAME)},
    {"dense",
     "dense OUTPUTS [bias=yes|no] [name=NAME]",
     LKS_WORD_LAYER,
     LKS_LAYER_DENSE,
     {LKS_FIELD_OUTPUTS},
     KEY(BIAS) | KEY(NAME)},
    {"batchnorm",
     "batchnorm [group=sync|K|rank:R|none] [momentum=M] [eps=E] [gamma=0|1] [name=NAME]",
     LKS_WORD_LAYER,
     LKS_LAYER_BATCH_NORM,
     {0},
     KEY(GROUP) | KEY(MOMENTUM) | KEY(EPSILON) | KEY(GAMMA) | KEY(NAME)},
    {"layernorm",
     "layernorm [eps=E] [name=NAME]",
     LKS_WORD_LAYER,
     LKS_LAYER_LAYER_NORM,
     {0},
     KEY(EPSILON) | KEY(NAME)},
    {"groupnorm",
     "groupnorm GROUPS [eps=E] [name=NAME]",
     LKS_WORD_LAYER,
     LKS_LAYER_GROUP_NORM,
     {LKS_FIELD_GROUPS},
     KEY(EPSILON) | KEY(NAME)},
    {"relu", "relu [name=NAME]", LKS_WORD_LAYER, LKS_LAYER_RELU, {0}, KEY(NAME)},
    {"leakyrelu",
     "leakyrelu SLOPE [name=NAME]",
     LKS_WORD_LAYER,
     LKS_LAYER_LEAKY_RELU,
     {LKS_FIELD_SLOPE},
     KEY(NAME)},
    {"sigmoid", "sigmoid [name=NAME]", LKS_WORD_LAYER, LKS_LAYER_SIGMOID, {0}, KEY(NAME)},
    {"gelu", "gelu [name=NAME]", LKS_WORD_LAYER, LKS_LAYER_GELU, {0}, KEY(NAME)},
    {"silu", "silu [name=NAME]", LKS_WORD_LAYER, LKS_LAYER_SILU, {0}, KEY(NAME)},
    {"tanh", "tanh [name=NAME]", LKS_WORD_LAYER, LKS_LAYER_TANH, {0}, KEY(NAME)},
    {"dropout", "dropout RATE [name=NAME]", LKS_WORD_LAYER, LKS_LAYER_DROPOUT, {LKS_FIELD_RATE}, KEY(NAME)},
    {"maxpool",
     "maxpool KERNEL [stride=S] [pad=0] [name=NAME]",
     LKS_WORD_LAYER,
     LKS_LAYER_MAX_POOL,
     {LKS_FIELD_KERNEL},
     KEY(STRIDE) | KEY(PAD) | KEY(NAME)},
    {"avgpool",
     "avgpool KERNEL [stride=S] [pad=0] [name=NAME]",
     LKS_WORD_LAYER,
     LKS_LAYER_AVERAGE_POOL,
     {LKS_FIELD_KERNEL},
     KEY(STRIDE) | KEY(PAD) | KEY(NAME)},
    {"globalavgpool",
     "globalavgpool [name=NAME]",
     LKS_WORD_LAYER,
     LKS_LAYER_GLOBAL_AVERAGE_POOL,
     {0},
     KEY(NAME)},
    {"residual",
     "residual [NAME] [shortcut=auto|identity|conv]",
     LKS_WORD_RESIDUAL,
     LKS_LAYER_ADD,
     {LKS_FIELD_NAME},
     KEY(SHORTCUT)},
    {"repeat", "repeat N", LKS_WORD_REPEAT, LKS_LAYER_ADD, {LKS_FIELD_TIMES}, 0},
    {"end", "end", LKS_WORD_END, LKS_LAYER_ADD, {0}, 0},
};

enum { WORDS = sizeof words / sizeof *words };

static const struct {
  const char *name, *syntax;
} fields[LKS_FIELDS] = {
    [LKS_FIELD_WORD] = {"word", ""},
    [LKS_FIELD_OUTPUTS] = {"outputs", "a number from 1 to 65536, or 'classes'"},
    [LKS_FIELD_KERNEL] = {"kernel", "a number from 1 to 255, or two as in 3x5 (height x width)"},
    [LKS_FIELD_RATE] = {"rate", "a fraction such as 0.25, from 0 to below 1"},
    [LKS_FIELD_SLOPE] = {"slope", "a fraction such as 0.01, from 0 to below 1"},
    [LKS_FIELD_TIMES] = {"count", "a number from 1 to 1000"},
    [LKS_FIELD_NAME] = {"name", "at most 63 letters, digits, '_' and '-', in parts joined by single dots"},
    [LKS_FIELD_STRIDE] = {"stride", "a number from 1 to 255, or two as in 2x1 (height x width)"},
    [LKS_FIELD_PAD] = {"pad", "a number from 0 to 255, or two as in 1x0 (height x width)"},
    [LKS_FIELD_GROUPS] = {"groups", "a number from 1 to 65536"},
    [LKS_FIELD_DILATION] = {"dilation", "a number from 1 to 255, or two as in 2x1 (height x width)"},
    [LKS_FIELD_MOMENTUM] = {"momentum", "a number above 0 and up to 1, such as 0.1"},
    [LKS_FIELD_EPSILON] = {"eps", "a number above 0 and below 1, such as 0.001 or 1e-5"},
    [LKS_FIELD_GAMMA] = {"gamma", "0 or 1"},
    [LKS_FIELD_GROUP] = {"group", "sync, a number of samples, rank:R or none"},
    [LKS_FIELD_BIAS] = {"bias", "yes or no"},
    [LKS_FIELD_SHORTCUT] = {"shortcut", "auto, identity or conv"},
};

lks_status lks_model_text_fail(lks_status status, const char *where, const lks_statement *statement,
                               lks_field field, const char *format, ...)
{
  char what[768];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  return lks_fail(status, "%s:%d:%d: %s", where, statement->line, statement->column[field], what);
}

const char *lks_layer_kind_name(lks_layer_kind kind)
{
  for (int w = 0; w < WORDS; w++) {
    if (words[w].kind == kind) return words[w].text;
  }
  return "input";
}

/* A token as messages show it: bytes that do not print become '?', and one too long to be valid ends in
 * "...". Neither is valid in any value, so that this copy is also what is read. */
typedef struct token {
  char text[LKS_NAME_MAX + 16];
  int column;
} token;

static bool is_blank(char c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static bool is_end(char c)
{
  return c == '\0' || c == '\n' || c == '#';
}

/* Takes the next token of a line that begins at `start`; false at its end. */
static bool take_token(token *taken, const char **cursor, const char *start)
{
  const char *at = *cursor;
  while (is_blank(*at)) at++;
  taken->column = (int)(at - start) + 1;
  size_t length = 0;
  for (; !is_blank(*at) && !is_end(*at); at++, length++) {
    if (length < sizeof taken->text - 1) taken->text[length] = (char)(*at > ' ' && *at < 127 ? *at : '?');
  }
  *cursor = at;
  if (length >= sizeof taken->text) {
    length = sizeof taken->text - 1;
    memcpy(taken->text + length - 3, "...", 3);
  }
  taken->text[length] = '\0';
  return length > 0;
}

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

/* Reads digits alone, at least one, up to the character `stop`; NULL if the number is not in low..high. */
static const char *read_number(size_t *number, const char *text, char stop, size_t low, size_t high)
{
  size_t value = 0;
  const char *at = text;
  for (; is_digit(*at) && value <= high; at++) value = 10 * value + (size_t)(*at - '0');
  *number = value;
  return at > text && *at == stop && value >= low && value <= high ? at : NULL;
}

static bool read_pair(size_t pair[2], const char *text, size_t low)
{
  if (read_number(&pair[0], text, '\0', low, WINDOW_MAX)) {
    pair[1] = pair[0];
    return true;
  }
  const char *cross = read_number(&pair[0], text, 'x', low, WINDOW_MAX);
  return cross && read_number(&pair[1], cross + 1, '\0', low, WINDOW_MAX);
}

static bool read_fraction(double *fraction, const char *text)
{
  if (text[strspn(text, "0123456789.")] != '\0' || !strpbrk(text, "0123456789")) return false;
  char *end;
  *fraction = strtod(text, &end);
  return *end == '\0' && *fraction < 1;
}

/* A number above 0 and up to `high`, which may be written with an exponent. */
static bool read_positive(double *number, const char *text, double high)
{
  if (text[strspn(text, "0123456789.eE-+")] != '\0' || (!is_digit(*text) && *text != '.')) return false;
  char *end;
  *number = strtod(text, &end);
  return *end == '\0' && *number > 0 && *number <= high;
}

static bool read_name(char name[LKS_NAME_MAX], const char *text)
{
  const size_t length = strlen(text);
  if (length == 0 || length >= LKS_NAME_MAX || text[0] == '.' || text[length - 1] == '.') return false;
  for (const char *at = text; *at; at++) {
    const bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
    if (!letter && !is_digit(*at) && !strchr("._-", *at)) return false;
    if (at[0] == '.' && at[1] == '.') return false;
  }
  memcpy(name, text, length + 1);
  return true;
}

static bool read_choice(int *choice, const char *text, const char *const *choices, int count)
{
  for (*choice = 0; *choice < count; ++*choice) {
    if (strcmp(text, choices[*choice]) == 0) return true;
  }
  return false;
}

/* The run's own shards depend on how it is executed, which a model does not. */
static bool read_group(lks_statement *statement, const char *text)
{
  statement->own_group = true;
  return lks_norm_parse(&statement->group, text) == LKS_OK && statement->group.kind != LKS_NORM_RANK;
}

static bool read_field(lks_statement *statement, lks_field field, const char *text)
{
  int choice = 0;
  switch (field) {
  case LKS_FIELD_OUTPUTS:
    return strcmp(text, "classes") == 0 || read_number(&statement->outputs, text, '\0', 1, OUTPUTS_MAX);
  case LKS_FIELD_KERNEL: return read_pair(statement->kernel, text, 1);
  case LKS_FIELD_STRIDE: return read_pair(statement->stride, text, 1);
  case LKS_FIELD_PAD: return read_pair(statement->pad, text, 0);
  case LKS_FIELD_RATE: return read_fraction(&statement->rate, text);
  case LKS_FIELD_SLOPE: return read_fraction(&statement->slope, text);
  case LKS_FIELD_TIMES: return read_number(&statement->times, text, '\0', 1, TIMES_MAX) != NULL;
  case LKS_FIELD_GROUPS: return read_number(&statement->groups, text, '\0', 1, OUTPUTS_MAX) != NULL;
  case LKS_FIELD_DILATION: return read_pair(statement->dilation, text, 1);
  case LKS_FIELD_MOMENTUM: return read_positive(&statement->momentum, text, 1);
  case LKS_FIELD_EPSILON: return read_positive(&statement->epsilon, text, 1 - 0x1p-53);
  case LKS_FIELD_GAMMA:
    if (!read_choice(&choice, text, (const char *const[]){"0", "1"}, 2)) return false;
    statement->gamma_zero = choice == 0;
    return true;
  case LKS_FIELD_GROUP: return read_group(statement, text);
  case LKS_FIELD_NAME: return read_name(statement->name, text);
  case LKS_FIELD_BIAS:
    if (!read_choice(&choice, text, (const char *const[]){"no", "yes"}, 2)) return false;
    statement->bias_no = choice == 0;
    statement->bias_yes = choice == 1;
    return true;
  case LKS_FIELD_SHORTCUT:
    if (!read_choice(&choice, text, (const char *const[]){"auto", "identity", "conv"}, 3)) return false;
    statement->shortcut = (lks_shortcut)choice;
    return true;
  default: return false;
  }
}

/* A line being read. */
typedef struct reader {
  lks_statement *statement;
  const char *where, *start;
  int word;      /* row of `words` */
  unsigned seen; /* fields so far */
} reader;

static lks_status fail_at(const reader *line, const token *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static lks_status fail_at(const reader *line, const token *at, const char *format, ...)
{
  char what[768];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  return lks_fail(LKS_ERR_USAGE, "%s:%d:%d: %s", line->where, line->statement->line, at->column, what);
}

static lks_status read_word(reader *line, const token *first)
{
  const char *names[WORDS];
  for (int w = 0; w < WORDS; w++) {
    names[w] = words[w].text;
    if (strcmp(first->text, names[w]) == 0) {
      line->word = w;
      line->statement->word = words[w].word;
      line->statement->kind = words[w].kind;
      for (int f = 0; f < LKS_FIELDS; f++) line->statement->column[f] = first->column;
      return LKS_OK;
    }
  }
  const char *near = lks_suggest(first->text, names, WORDS);
  if (near) return fail_at(line, first, "unknown layer '%s'; did you mean '%s'?", first->text, near);
  char all[256] = "";
  for (int w = 0; w < WORDS; w++) {
    const size_t at = strlen(all);
    snprintf(all + at, sizeof all - at, "%s%s", w == 0 ? "" : w == WORDS - 1 ? " and " : ", ", names[w]);
  }
  return fail_at(line, first, "unknown layer '%s'; there are %s", first->text, all);
}

static lks_status read_value(reader *line, lks_field field, const char *text, const token *at)
{
  if (!read_field(line->statement, field, text)) {
    return fail_at(line, at, "bad %s '%s'; give %s", fields[field].name, text, fields[field].syntax);
  }
  line->seen |= 1u << field;
  line->statement->column[field] = at->column;
  return LKS_OK;
}

static lks_status read_key(reader *line, token *pair, char *equals)
{
  *equals = '\0';
  const unsigned keys = words[line->word].keys;
  const char *names[LKS_FIELDS];
  size_t count = 0;
  for (lks_field f = LKS_FIELD_WORD; f < LKS_FIELDS; f++) {
    if (!(keys & 1u << f)) continue;
    names[count++] = fields[f].name;
    if (strcmp(pair->text, fields[f].name) != 0) continue;
    if (line->seen & 1u << f) return fail_at(line, pair, "%s is given twice; keep one", pair->text);
    return read_value(line, f, equals + 1, pair);
  }
  const char *near = lks_suggest(pair->text, names, count);
  if (near) return fail_at(line, pair, "unknown key '%s'; did you mean '%s'?", pair->text, near);
  return fail_at(line, pair, "unknown key '%s'; write: %s", pair->text, words[line->word].usage);
}

/* What the text leaves out, and what one field says about another. */
static lks_status complete(const reader *line)
{
  lks_statement *s = line->statement;
  const bool conv = s->kind == LKS_LAYER_CONV;
  if (!(line->seen & KEY(GROUPS))) s->groups = 1;
  for (int axis = 0; axis < 2; axis++) {
    if (!(line->seen & KEY(STRIDE))) s->stride[axis] = conv ? 1 : s->kernel[axis];
    if (!(line->seen & KEY(DILATION))) s->dilation[axis] = 1;
    if (!(line->seen & KEY(PAD)) && conv) s->pad[axis] = s->dilation[axis] * (s->kernel[axis] - 1) / 2;
    if (!conv && s->pad[axis] > s->kernel[axis] / 2) {
      return lks_model_text_fail(LKS_ERR_USAGE, line->where, s, LKS_FIELD_PAD,
                                 "the padding of a pool is at most half its kernel; give less");
    }
  }
  return LKS_OK;
}

/* Reads the line's values and keys, from `cursor`, which stands behind its word. */
static lks_status read_line(reader *line, const char *cursor)
{
  const char *usage = words[line->word].usage;
  int position = 0;
  bool keyed = false;
  token next;
  while (take_token(&next, &cursor, line->start)) {
    char *equals = strchr(next.text, '=');
    lks_status status;
    if (equals) {
      keyed = true;
      status = read_key(line, &next, equals);
    } else if (keyed) {
      status = fail_at(line, &next, "'%s' stands behind a key; values come first: %s", next.text, usage);
    } else if (position == POSITIONS || words[line->word].position[position] == LKS_FIELD_WORD) {
      status = fail_at(line, &next, "'%s' is one value too many; write: %s", next.text, usage);
    } else {
      status = read_value(line, words[line->word].position[position++], next.text, &next);
    }
    if (status) return status;
  }
  const lks_field missing = position < POSITIONS ? words[line->word].position[position] : LKS_FIELD_WORD;
  if (missing != LKS_FIELD_WORD && line->statement->word != LKS_WORD_RESIDUAL) {
    return fail_at(line, &next, "%s is missing; write: %s", fields[missing].name, usage);
  }
  return complete(line);
}

static lks_status scan(lks_statement *statements, size_t *count, size_t room, const char *text,
                       const char *where)
{
  if (strncmp(text, "\xEF\xBB\xBF", 3) == 0) text += 3; /* the byte order mark that some editors write */
  int number = 1;
  for (const char *start = text; *start; number++) {
    const char *cursor = start;
    token first;
    if (take_token(&first, &cursor, start)) {
      if (*count == room) {
        return lks_fail(LKS_ERR_USAGE, "%s:%d:1: more than %d layers; make the model smaller", where, number,
                        LKS_STATEMENTS_MAX);
      }
      reader line = {.statement = &statements[*count], .where = where, .start = start};
      line.statement->line = number;
      lks_status status = read_word(&line, &first);
      if (!status) status = read_line(&line, cursor);
      if (status) return status;
      ++*count;
    }
    start = cursor + strcspn(cursor, "\n");
    if (*start) start++;
  }
  if (*count == 0)
    return lks_fail(LKS_ERR_USAGE, "%s:1:1: no layers; the shortest model is 'dense classes'", where);
  return LKS_OK;
}

lks_status lks_model_text_scan(lks_statement **statements, size_t *count, const char *text, const char *where)
{
  size_t room = 1;
  for (const char *at = text; *at && room < LKS_STATEMENTS_MAX; at++) room += *at == '\n';
  *count = 0;
  *statements = lks_new(room, sizeof **statements);
  if (!*statements) return LKS_ERR_RANK;
  lks_status status = scan(*statements, count, room, text, where);
  if (!status) status = lks_model_text_unroll(statements, count, where);
  if (status) {
    lks_free(*statements);
    *statements = NULL;
  }
  return status;
}
