#include "train/event_file.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/crc32c.h"

enum { MESSAGE_MAX = 1024, LENGTH_BYTES = 8, CRC_BYTES = 4, HEAD = LENGTH_BYTES + CRC_BYTES };

/* Wire types of protocol buffers. */
enum { VARINT = 0, FIXED64 = 1, DELIMITED = 2, FIXED32 = 5 };

/* Bytes that are put together; the callers keep below the bound. */
typedef struct message {
  size_t bytes;
  uint8_t byte[MESSAGE_MAX];
} message;

static void put_byte(message *m, uint8_t byte)
{
  if (m->bytes < MESSAGE_MAX) m->byte[m->bytes++] = byte;
}

/* The lowest byte first. */
static void put_fixed(message *m, uint64_t value, int bytes)
{
  for (int i = 0; i < bytes; i++) put_byte(m, (uint8_t)(value >> (8 * i)));
}

static void put_varint(message *m, uint64_t value)
{
  for (; value >= 0x80; value >>= 7) put_byte(m, (uint8_t)(value | 0x80));
  put_byte(m, (uint8_t)value);
}

static void put_key(message *m, unsigned field, unsigned type)
{
  put_varint(m, field << 3 | type);
}

static void put_bytes(message *m, unsigned field, const void *data, size_t bytes)
{
  put_key(m, field, DELIMITED);
  put_varint(m, bytes);
  for (size_t i = 0; i < bytes; i++) put_byte(m, ((const uint8_t *)data)[i]);
}

static void put_wall_time(message *m)
{
  struct timespec now;
  uint64_t bits;
  clock_gettime(CLOCK_REALTIME, &now);
  const double seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
  memcpy(&bits, &seconds, sizeof bits);
  put_key(m, 1, FIXED64);
  put_fixed(m, bits, 8);
}

static uint32_t masked_crc(const void *data, size_t bytes)
{
  const uint32_t crc = lks_crc32c(data, bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8;
}

static void frame(message *record, const message *m)
{
  record->bytes = 0;
  put_fixed(record, m->bytes, LENGTH_BYTES);
  put_fixed(record, masked_crc(record->byte, LENGTH_BYTES), CRC_BYTES);
  for (size_t i = 0; i < m->bytes; i++) put_byte(record, m->byte[i]);
  put_fixed(record, masked_crc(m->byte, m->bytes), CRC_BYTES);
}

/* A value that was not measured has no place in a chart. */
static void put_scalar(message *summary, const char *tag, double value)
{
  const float rounded = (float)value;
  uint32_t bits;
  message scalar = {.bytes = 0};
  if (!isfinite(value)) return;
  memcpy(&bits, &rounded, sizeof bits);
  put_bytes(&scalar, 1, tag, strlen(tag));
  put_key(&scalar, 2, FIXED32);
  put_fixed(&scalar, bits, 4);
  put_bytes(summary, 1, scalar.byte, scalar.bytes);
}

static void put_row(message *event, const lks_metrics_row *row)
{
  message summary = {.bytes = 0};
  put_scalar(&summary, "loss/train", row->train_loss);
  put_scalar(&summary, "loss/test", row->test_loss);
  put_scalar(&summary, "accuracy/train", row->train_accuracy);
  put_scalar(&summary, "accuracy/test", row->test_accuracy);
  put_scalar(&summary, "lr", row->lr);
  put_scalar(&summary, "images_per_second", row->images_per_second);
  put_scalar(&summary, "seconds", row->seconds);
  put_scalar(&summary, "epoch", (double)row->epoch);
  put_wall_time(event);
  put_key(event, 2, VARINT);
  put_varint(event, row->step);
  put_bytes(event, 5, summary.byte, summary.bytes);
}

lks_status lks_event_append(lks_run_tables *tables, const lks_metrics_row *row)
{
  static const char version[] = "brain.Event:2";
  static message first; /* of a new file; the tables borrow it */
  message event = {.bytes = 0}, record;
  if (!first.bytes) {
    put_wall_time(&event);
    put_bytes(&event, 3, version, sizeof version - 1);
    frame(&first, &event);
    event.bytes = 0;
  }
  put_row(&event, row);
  frame(&record, &event);
  return lks_run_tables_append_bytes(tables, LKS_EVENT_FILE, first.byte, first.bytes, record.byte,
                                     record.bytes);
}

/* What is read; `at` never passes `bytes`. */
typedef struct reader {
  const uint8_t *byte;
  size_t bytes, at;
} reader;

static uint64_t fixed_at(const uint8_t *byte, int bytes)
{
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++) value |= (uint64_t)byte[i] << (8 * i);
  return value;
}

static bool take_varint(uint64_t *value, reader *r)
{
  *value = 0;
  for (int shift = 0; shift < 64 && r->at < r->bytes; shift += 7) {
    const uint8_t byte = r->byte[r->at++];
    *value |= (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80)) return true;
  }
  return false;
}

static bool skip(reader *r, unsigned type)
{
  uint64_t bytes = 0;
  switch (type) {
  case VARINT: return take_varint(&bytes, r);
  case FIXED64: bytes = 8; break;
  case FIXED32: bytes = 4; break;
  case DELIMITED:
    if (!take_varint(&bytes, r)) return false;
    break;
  default: return false;
  }
  if (bytes > r->bytes - r->at) return false;
  r->at += (size_t)bytes;
  return true;
}

/* The step of an event; 0 when it has none. */
static uint64_t step_of(const uint8_t *byte, size_t bytes)
{
  reader r = {byte, bytes, 0};
  uint64_t key, step = 0;
  while (take_varint(&key, &r))
    if (key == (2 << 3 | VARINT)) {
      if (!take_varint(&step, &r)) return 0;
    } else if (!skip(&r, (unsigned)(key & 7)))
      return step;
  return step;
}

/* Bytes of the record that begins there, 0 when it is damaged or not whole. */
static size_t record_bytes(const uint8_t *byte, size_t bytes)
{
  if (bytes < HEAD + CRC_BYTES || fixed_at(byte + LENGTH_BYTES, CRC_BYTES) != masked_crc(byte, LENGTH_BYTES))
    return 0;
  const uint64_t length = fixed_at(byte, LENGTH_BYTES);
  if (length > bytes - HEAD - CRC_BYTES) return 0;
  const uint8_t *end = byte + HEAD + length;
  return fixed_at(end, CRC_BYTES) == masked_crc(byte + HEAD, (size_t)length)
             ? HEAD + (size_t)length + CRC_BYTES
             : 0;
}

size_t lks_event_keep(char *data, size_t bytes, size_t step)
{
  const uint8_t *byte = (const uint8_t *)data;
  size_t kept = 0, length;
  for (size_t at = 0; (length = record_bytes(byte + at, bytes - at)) > 0; at += length) {
    if (step_of(byte + at + HEAD, length - HEAD - CRC_BYTES) > step) continue;
    memmove(data + kept, data + at, length);
    kept += length;
  }
  return kept;
}

lks_status lks_event_truncate(const char *folder, size_t step)
{
  return lks_run_tables_rewrite(folder, LKS_EVENT_FILE, lks_event_keep, step);
}
