#include "base/png_write.h"

#include <string.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/file.h"

enum { SIDE_MAX = 65535, HEAD_BYTES = 13, FRAME_BYTES = 12 /* of a chunk, around its data */ };

static uint8_t *put_number(uint8_t *at, uint32_t number)
{
  for (int i = 0; i < 4; i++) *at++ = (uint8_t)(number >> (24 - 8 * i));
  return at;
}

/* Length, name, data that may stand there already, checksum of name and data. */
static uint8_t *put_chunk(uint8_t *at, const char *name, const uint8_t *data, size_t bytes)
{
  uint8_t *begin = put_number(at, (uint32_t)bytes);
  memcpy(begin, name, 4);
  if (bytes > 0) memmove(begin + 4, data, bytes);
  return put_number(begin + 4 + bytes, (uint32_t)crc32(0, begin, (uInt)(4 + bytes)));
}

/* Each row of a PNG begins with the number of its filter: 0, none. */
static void put_rows(uint8_t *rows, const uint8_t *rgb, size_t height, size_t width)
{
  for (size_t y = 0; y < height; y++) {
    rows[y * (3 * width + 1)] = 0;
    memcpy(rows + y * (3 * width + 1) + 1, rgb + y * 3 * width, 3 * width);
  }
}

static uint8_t *put_head(uint8_t *at, size_t height, size_t width)
{
  static const uint8_t signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  uint8_t head[HEAD_BYTES] = {[8] = 8, 2, 0, 0, 0}; /* 8 bits a channel, RGB, no interlace */
  memcpy(at, signature, sizeof signature);
  put_number(put_number(head, (uint32_t)width), (uint32_t)height);
  return put_chunk(at + sizeof signature, "IHDR", head, sizeof head);
}

lks_status lks_png_write(const char *path, const uint8_t *rgb, size_t height, size_t width)
{
  if (!height || !width || height > SIDE_MAX || width > SIDE_MAX / 4)
    return lks_fail(LKS_ERR_USAGE, "%s: a picture of %zu x %zu pixels cannot be written", path, height,
                    width);
  const size_t bytes = height * (3 * width + 1);
  uLongf packed = compressBound((uLong)bytes);
  uint8_t *rows = lks_new(bytes, 1), *file = lks_new(packed + 8 + 3 * FRAME_BYTES + HEAD_BYTES, 1);
  lks_status status = rows && file ? LKS_OK : LKS_ERR_RANK;
  if (!status) {
    put_rows(rows, rgb, height, width);
    uint8_t *at = put_head(file, height, width), *data = at + 8;
    if (compress2(data, &packed, rows, (uLong)bytes, 6) == Z_OK) {
      at = put_chunk(put_chunk(at, "IDAT", data, packed), "IEND", NULL, 0);
      status = lks_file_write(path, file, (size_t)(at - file));
    } else
      status = lks_fail(LKS_ERR_RANK, "%s: zlib has no memory left", path);
  }
  lks_free(rows);
  lks_free(file);
  return status;
}
