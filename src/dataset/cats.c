#include "dataset/cats.h"

#include <math.h>

#include "base/arena.h"
#include "base/random.h"
#include "dataset/dataset_write.h"
#include "dataset/deviates.h"

/* "Layers" of the purpose, behind those of generate.c. */
enum { SHAPE = 2, COLOUR, BACKGROUND, NOISE };

enum { SIDE = LKS_CATS_SIDE, FINE = 2 /* points a pixel each way */, WORDS_MAX = 16 };

/* What sits on a head. NONE to DOWN are equally likely for what is no cat. */
typedef enum ears { EARS_NONE, EARS_ROUND, EARS_HANGING, EARS_DOWN, EARS_CAT } ears;

typedef struct colour {
  double rgb[3]; /* 0 to 1 */
} colour;

/* Lengths are in pixels, y goes down. */
typedef struct head {
  double x, y, radius, stretch; /* semi-axes radius * stretch, radius / stretch */
  double sine, cosine;          /* of the rotation */
  ears ears;
  double ear_sine, ear_cosine; /* of the angle from up, of the ear on the right */
  double width, height;        /* half the base of an ear; from base to tip */
  bool eyes;
} head;

typedef struct picture {
  head head;
  colour fur, eye;
  colour from, to; /* of the background */
  double sine, cosine;
} picture;

/* Uniform numbers of one key, one after another. */
typedef struct draws {
  uint32_t word[WORDS_MAX];
  int at;
} draws;

static draws draws_of(const lks_cats_options *options, uint32_t layer, lks_split split, size_t number)
{
  draws d = {.at = 0};
  const lks_random_key key =
      lks_random_key_make(options->seed, LKS_RANDOM_GENERATE, layer, (uint32_t)split, (uint32_t)number);
  for (uint32_t block = 0; block < WORDS_MAX / 4; block++) lks_random_words(d.word + 4 * block, &key, block);
  return d;
}

static double between(draws *d, double low, double high)
{
  return low + (high - low) * lks_uniform(d->word[d->at++]);
}

static void turn(double *sine, double *cosine, double radians)
{
  const double turns = radians / 6.283185307179586;
  lks_turn(sine, cosine, turns < 0 ? turns + 1 : turns);
}

static head draw_head(const lks_cats_options *options, lks_split split, size_t number)
{
  draws d = draws_of(options, SHAPE, split, number);
  head h = {.x = between(&d, 12, 20), .y = between(&d, 14, 20), .radius = between(&d, 5.5, 8.5)};
  h.stretch = between(&d, 0.85, 1.15);
  turn(&h.sine, &h.cosine, between(&d, -0.35, 0.35));
  turn(&h.ear_sine, &h.ear_cosine, between(&d, 0.6, 0.85));
  h.width = h.radius * between(&d, 0.32, 0.42);
  h.height = h.radius * between(&d, 0.75, 1.05);
  h.ears = (ears)between(&d, 0, 4);
  if (number % 2) h.ears = EARS_CAT;
  h.eyes = between(&d, 0, 1) < 0.5;
  return h;
}

/* hue 0 to 1, round the circle from red over green and blue. */
static colour colour_of(double hue, double saturation, double value)
{
  colour c;
  for (int i = 0; i < 3; i++) {
    double place = hue * 6 + (i == 0 ? 3 : i == 1 ? 1 : 5); /* opposite of the channel's own hue: 0 */
    while (place >= 6) place -= 6;
    const double far = place < 3 ? place : 6 - place, share = far < 1 ? 0 : far > 2 ? 1 : far - 1;
    c.rgb[i] = value * (1 - saturation * (1 - share));
  }
  return c;
}

static colour draw_colour(draws *d, double least_saturation, double most_saturation, double least_value,
                          double most_value)
{
  const double hue = between(d, 0, 1), saturation = between(d, least_saturation, most_saturation);
  return colour_of(hue, saturation, between(d, least_value, most_value));
}

/* Fur in colour has eyes of the complementary one; both kinds take the same draws. */
static void draw_fur(picture *p, const lks_cats_options *options, lks_split split, size_t number, bool black)
{
  draws d = draws_of(options, COLOUR, split, number);
  const double hue = between(&d, 0, 1), saturation = between(&d, 0, 1), value = between(&d, 0, 1);
  if (black) {
    p->fur = colour_of(hue, 0.3 * saturation, 0.15 * value);
    p->eye = draw_colour(&d, 0.8, 1, 0.8, 1);
  } else {
    const double strong = 0.6 + 0.4 * saturation, bright = 0.5 + 0.5 * value;
    p->fur = colour_of(hue, strong, bright);
    p->eye = colour_of(hue < 0.5 ? hue + 0.5 : hue - 0.5, strong, bright);
  }
}

static void draw_background(picture *p, const lks_cats_options *options, lks_split split, size_t number)
{
  draws d = draws_of(options, BACKGROUND, split, number);
  lks_turn(&p->sine, &p->cosine, between(&d, 0, 1));
  colour *end[] = {&p->from, &p->to};
  for (int i = 0; i < 2; i++)
    *end[i] = options->light ? draw_colour(&d, 0, 0.25, 0.6, 1) : draw_colour(&d, 0, 0.9, 0.2, 1);
}

/* So that the first numbers have their share as well as all. In millionths, for 0.29 is less in binary. */
static bool is_black(double share, size_t number)
{
  const uint64_t part = (uint64_t)(share * 1e6 + 0.5);
  return (number + 1) * part / 1000000 > number * part / 1000000;
}

static picture draw_picture(const lks_cats_options *options, lks_split split, size_t number)
{
  picture p = {.head = draw_head(options, split, number)};
  const bool cat = number % 2;
  draw_fur(&p, options, split, number,
           is_black(cat ? options->black_cats : options->black_others, number / 2));
  draw_background(&p, options, split, number);
  return p;
}

static bool in_ellipse(double x, double y, double a, double b)
{
  return x * x / (a * a) + y * y / (b * b) <= 1;
}

/* The right ear; x and y are the head's own, from its centre. */
static bool in_ear(const head *h, double x, double y)
{
  const double a = h->radius * h->stretch, b = h->radius / h->stretch;
  if (h->ears == EARS_HANGING)
    return in_ellipse(x - 0.95 * a, y - 0.15 * h->radius, 0.75 * h->width, 0.75 * h->height);
  const double from_x = x - 0.9 * a * h->ear_sine, from_y = y + 0.9 * b * h->ear_cosine;
  const double along = from_x * h->ear_sine - from_y * h->ear_cosine;
  const double across = from_x * h->ear_cosine + from_y * h->ear_sine;
  if (h->ears == EARS_ROUND) {
    const double beyond = along - 0.3 * h->height, square = h->width * h->height / 3.141592653589793;
    return beyond * beyond + across * across <= 1.15 * 1.15 * square;
  }
  return along >= 0 && fabs(across) <= h->width * (1 - along / h->height);
}

static const colour *on_head(const picture *p, double x, double y)
{
  const head *h = &p->head;
  const double dx = x - h->x, dy = y - h->y;
  const double u = h->cosine * dx + h->sine * dy, v = h->cosine * dy - h->sine * dx;
  const double eye_x = fabs(u) - 0.38 * h->radius, eye_y = v + 0.15 * h->radius, eye = 0.14 * h->radius;
  if (h->eyes && eye_x * eye_x + eye_y * eye_y <= eye * eye) return &p->eye;
  if (in_ellipse(u, v, h->radius * h->stretch, h->radius / h->stretch)) return &p->fur;
  if (h->ears == EARS_NONE) return NULL;
  return in_ear(h, fabs(u), h->ears == EARS_DOWN ? -v : v) ? &p->fur : NULL;
}

/* From one corner or edge to the opposite one. */
static colour behind(const picture *p, double x, double y)
{
  const double middle = SIDE / 2.0, reach = SIDE * (fabs(p->cosine) + fabs(p->sine));
  const double place = 0.5 + ((x - middle) * p->cosine + (y - middle) * p->sine) / reach;
  colour c;
  for (int i = 0; i < 3; i++) c.rgb[i] = p->from.rgb[i] + place * (p->to.rgb[i] - p->from.rgb[i]);
  return c;
}

static colour pixel(const picture *p, size_t row, size_t column)
{
  colour sum = {{0, 0, 0}};
  for (int k = 0; k < FINE * FINE; k++) {
    const int down = k / FINE, right = k % FINE;
    const double x = (double)column + (right + 0.5) / FINE, y = (double)row + (down + 0.5) / FINE;
    const colour *front = on_head(p, x, y);
    const colour c = front ? *front : behind(p, x, y);
    for (int i = 0; i < 3; i++) sum.rgb[i] += c.rgb[i] / (FINE * FINE);
  }
  return sum;
}

static uint8_t byte_of(double value)
{
  const double scaled = value * 255 + 0.5;
  return scaled < 0 ? 0 : scaled >= 256 ? 255 : (uint8_t)scaled;
}

int32_t lks_cats_draw(uint8_t *rgb, const lks_cats_options *options, lks_split split, size_t number)
{
  const picture p = draw_picture(options, split, number);
  double noise[LKS_CATS_BYTES];
  const lks_random_key key =
      lks_random_key_make(options->seed, LKS_RANDOM_GENERATE, NOISE, (uint32_t)split, (uint32_t)number);
  lks_deviates(noise, LKS_CATS_BYTES, &key);
  for (size_t i = 0; i < SIDE * SIDE; i++) {
    const colour c = pixel(&p, i / SIDE, i % SIDE);
    for (size_t k = 0; k < 3; k++) rgb[3 * i + k] = byte_of(c.rgb[k] + 0.04 * noise[3 * i + k]);
  }
  return number % 2;
}

static lks_status check(const lks_cats_options *options)
{
  if (!(options->black_cats >= 0 && options->black_cats <= 1 && options->black_others >= 0 &&
        options->black_others <= 1))
    return lks_fail(LKS_ERR_USAGE, "the shares of black are %g and %g and must be 0 to 1",
                    options->black_cats, options->black_others);
  const size_t most = options->train > options->test ? options->train : options->test;
  if (most > UINT32_MAX || options->first > UINT32_MAX - most)
    return lks_fail(LKS_ERR_USAGE,
                    "pictures have numbers below 2^32: take a smaller first, or fewer pictures");
  return LKS_OK;
}

lks_status lks_generate_cats(const char *path, const lks_cats_options *options, bool force)
{
  const lks_layout layout = {{SIDE, SIDE, 3}, false, 2, {options->train, options->test}};
  lks_section section[LKS_SECTIONS];
  lks_status status = lks_dataset_may_write(path, force);
  if (!status) status = lks_layout_check(&layout);
  if (!status) status = check(options);
  if (status) return status;
  char *block = lks_new(lks_layout_sections(section, &layout), 1);
  if (!block) return LKS_ERR_RANK;
  for (int split = 0; split < LKS_SPLITS; split++) {
    uint8_t *rgb = (uint8_t *)block + section[2 * split].offset;
    int32_t *label = (int32_t *)(block + section[2 * split + 1].offset);
    for (size_t i = 0; i < layout.count[split]; i++)
      label[i] = lks_cats_draw(rgb + i * LKS_CATS_BYTES, options, (lks_split)split, options->first + i);
  }
  const lks_contents contents = lks_contents_in(&layout, block);
  status = lks_dataset_write(path, &contents, force);
  lks_free(block);
  return status;
}
