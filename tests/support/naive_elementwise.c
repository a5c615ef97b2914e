#include "naive_elementwise.h"

double naive_dropout(const float *x, double rate, const lks_random_key *key, size_t element)
{
  uint32_t words[4];
  lks_random_words(words, key, (uint32_t)(element / 4));
  return words[element % 4] < rate * 4294967296.0 ? 0 : x[element] / (1 - rate);
}

long double naive_input_image(const naive_picture *picture, int shift_y, int shift_x, int flip, size_t row,
                              size_t column, size_t channel)
{
  const double y = (double)row - shift_y, x = (double)(flip ? picture->width - 1 - column : column) - shift_x;
  long double pixel = 0;
  if (y >= 0 && y < (double)picture->height && x >= 0 && x < (double)picture->width) {
    const size_t at = ((size_t)y * picture->width + (size_t)x) * picture->channels + channel;
    pixel = picture->bytes ? (long double)picture->bytes[at] : (long double)picture->floats[at];
  }
  return (pixel - picture->mean[channel]) / picture->std[channel];
}
