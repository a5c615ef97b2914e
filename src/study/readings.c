#include "study/readings.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/csv.h"
#include "base/printed.h"

static const char heading[] = "arm,seed,quantity,value\n";

lks_status lks_readings_add(lks_readings *readings, const char *arm, uint64_t seed, const char *quantity,
                            double value)
{
  lks_reading reading = {.seed = seed, .value = value};
  if (strlen(arm) >= sizeof reading.arm || strlen(quantity) >= sizeof reading.quantity)
    return lks_fail(LKS_ERR_DATA, "a name of a reading is too long: %.80s, %.80s", arm, quantity);
  strcpy(reading.arm, arm);
  strcpy(reading.quantity, quantity);
  lks_status status = lks_csv_grow(&readings->row, readings->count, sizeof *readings->row);
  if (!status) readings->row[readings->count++] = reading;
  return status;
}

void lks_readings_free(lks_readings *readings)
{
  lks_free(readings->row);
  *readings = (lks_readings){0};
}

double lks_readings_value(const lks_readings *readings, const char *arm, uint64_t seed, const char *quantity)
{
  for (size_t i = 0; i < readings->count; i++) {
    const lks_reading *row = &readings->row[i];
    if (row->seed == seed && strcmp(row->quantity, quantity) == 0 && strcmp(row->arm, arm) == 0)
      return row->value;
  }
  return NAN;
}

lks_status lks_readings_write(const char *path, const lks_readings *readings)
{
  lks_printed printed;
  lks_status status = lks_printed_begin(&printed);
  if (status) return status;
  fputs(heading, printed.stream);
  for (size_t i = 0; i < readings->count; i++) {
    const lks_reading *row = &readings->row[i];
    char number[LKS_NUMBER_MAX];
    lks_number_print(number, row->value, "");
    fprintf(printed.stream, "%s,%" PRIu64 ",%s,%s\n", row->arm, row->seed, row->quantity, number);
  }
  return lks_printed_file(path, &printed);
}

static lks_status take(void *user, char *const *field)
{
  double value;
  char *end;
  const uint64_t seed = strtoull(field[1], &end, 10);
  if (field[1][0] == '\0' || *end != '\0') return lks_fail(LKS_ERR_DATA, "'%.40s' is no seed", field[1]);
  const lks_status status = lks_number_read(&value, field[3]);
  return status ? status : lks_readings_add(user, field[0], seed, field[2], value);
}

lks_status lks_readings_read(lks_readings *readings, const char *path)
{
  return lks_csv_read(path, heading, take, readings);
}
