#include "base/crc32c.h"

/* Bit by bit: what it is for are records of some hundred bytes, one an epoch. */
uint32_t lks_crc32c(const void *data, size_t bytes)
{
  const uint8_t *byte = data;
  uint32_t crc = 0xffffffff;
  for (size_t i = 0; i < bytes; i++) {
    crc ^= byte[i];
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc;
}
