#include "comm/same.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "base/append.h"
#include "base/arena.h"
#include "comm/communicator.h"

static lks_fact *add(lks_facts *facts, const char *name, const void *data, size_t bytes)
{
  static lks_fact nowhere;
  lks_fact *fact = facts->count < LKS_FACTS_MAX ? &facts->fact[facts->count++] : &nowhere;
  memset(fact, 0, sizeof *fact);
  fact->name = name;
  fact->value = XXH3_64bits(data, bytes);
  return fact;
}

void lks_facts_add(lks_facts *facts, const char *name, const char *text)
{
  lks_fact *fact = add(facts, name, text, strlen(text));
  snprintf(fact->text, sizeof fact->text, "%s", text);
}

void lks_facts_add_bytes(lks_facts *facts, const char *name, const void *data, size_t bytes, const char *what)
{
  lks_fact *fact = add(facts, name, data, bytes);
  snprintf(fact->text, sizeof fact->text, "%.64s %016" PRIx64, what, fact->value);
}

static uint64_t value_of_all(const lks_facts *facts)
{
  uint64_t value[LKS_FACTS_MAX];
  for (size_t i = 0; i < facts->count; i++) value[i] = facts->fact[i].value;
  return XXH3_64bits(value, facts->count * sizeof *value);
}

/* The first fact that differs; LKS_FACTS_MAX: none, and so their number does. Of fixed length, for ranks of other
 * programs may have other facts. */
static lks_status find_all(size_t *first, lks_comm *comm, const lks_facts *facts)
{
  uint64_t most[LKS_FACTS_MAX][2] = {{0}};
  for (size_t i = 0; i < LKS_FACTS_MAX; i++) {
    most[i][0] = i < facts->count ? facts->fact[i].value : 0;
    most[i][1] = ~most[i][0];
  }
  const lks_status status = lks_comm_max_all(comm, most, sizeof most / sizeof **most, MPI_UINT64_T);
  *first = 0;
  while (*first < LKS_FACTS_MAX && most[*first][0] == ~most[*first][1]) (*first)++;
  return status;
}

/* What one rank has. */
typedef struct entry {
  uint64_t value;
  int rank; /* as messages name it */
  char text[LKS_FACT_TEXT], host[64];
} entry;

/* Ranks [0..size) with one value; the group of a rank is its first one. */
static size_t members(const entry *all, int size, int group)
{
  size_t count = 0;
  for (int rank = 0; rank < size; rank++) count += all[rank].value == all[group].value;
  return count;
}

static bool is_first(const entry *all, int rank)
{
  int first = 0;
  while (all[first].value != all[rank].value) first++;
  return first == rank;
}

/* More than half of the ranks; -1: there is no such group. */
static int majority_of(const entry *all, int size)
{
  for (int rank = 0; rank < size; rank++)
    if (is_first(all, rank) && 2 * members(all, size, rank) > (size_t)size) return rank;
  return -1;
}

enum { SENTENCE = 1024 };

/* The ranks of a group, those in a row on one host in one. */
static void say_ranks(char text[SENTENCE], const entry *all, int size, int group)
{
  int runs = 0;
  for (int rank = group; rank < size; rank++) {
    int last = rank;
    if (all[rank].value != all[group].value) continue;
    while (last + 1 < size && all[last + 1].value == all[group].value &&
           strcmp(all[last + 1].host, all[rank].host) == 0)
      last++;
    if (runs == 3) {
      lks_append(text, SENTENCE, " and others");
      return;
    }
    lks_append(text, SENTENCE, "%s", runs++ > 0 ? ", " : "");
    if (last > rank)
      lks_append(text, SENTENCE, "ranks %d-%d on %s", all[rank].rank, all[last].rank, all[rank].host);
    else
      lks_append(text, SENTENCE, "rank %d on %s", all[rank].rank, all[rank].host);
    rank = last;
  }
}

/* The few against the many, or, where nobody is in the majority, the first groups. */
static void say_groups(char text[SENTENCE], const entry *all, int size)
{
  const int majority = majority_of(all, size);
  int groups = 0;
  for (int rank = 0; rank < size; rank++) {
    if (!is_first(all, rank) || rank == majority) continue;
    if (groups == 3) {
      lks_append(text, SENTENCE, ", and so on");
      break;
    }
    lks_append(text, SENTENCE, "%s", groups++ > 0 ? ", " : "");
    say_ranks(text, all, size, rank);
    lks_append(text, SENTENCE, members(all, size, rank) > 1 ? " have %s" : " has %s", all[rank].text);
  }
  if (majority >= 0) lks_append(text, SENTENCE, ", all others have %s", all[majority].text);
}

static lks_status gather_all(entry *all, lks_comm *comm, const lks_fact *fact)
{
  entry mine = {.value = fact ? fact->value : 0, .rank = comm->job_rank};
  snprintf(mine.text, sizeof mine.text, "%s", fact ? fact->text : "nothing");
  snprintf(mine.host, sizeof mine.host, "%.63s", comm->host);
  return lks_comm_gatherv_all(comm, all, &mine, 1, sizeof mine);
}

/* Rank 0 looks at them all and tells. */
static lks_status explain_all(lks_comm *comm, const lks_fact *fact, const char *advice)
{
  entry *all = comm->rank == 0 ? lks_new((size_t)comm->size, sizeof *all) : NULL;
  char text[SENTENCE] = "";
  lks_status status = lks_comm_agree_all(comm, comm->rank == 0 && !all ? LKS_ERR_RANK : LKS_OK);
  if (!status) status = gather_all(all, comm, fact);
  if (!status && all != NULL) {
    for (int rank = 0; rank < comm->size; rank++) /* another program may have sent anything */
      all[rank].text[LKS_FACT_TEXT - 1] = all[rank].host[sizeof all->host - 1] = '\0';
    lks_append(text, SENTENCE, "%s must be the same on all ranks: ", fact ? fact->name : "what is compared");
    say_groups(text, all, comm->size);
    lks_append(text, SENTENCE, "; %s", advice);
  }
  lks_free(all);
  if (!status) status = lks_comm_broadcast_all(comm, text, sizeof text, 0);
  return status ? status : lks_fail(LKS_ERR_USAGE, "%s", text);
}

lks_status lks_comm_same_all(lks_comm *comm, const lks_facts *facts, const char *advice)
{
  size_t first;
  if (lks_comm_equal_all(comm, value_of_all(facts))) return LKS_OK;
  lks_status status = find_all(&first, comm, facts);
  return status ? status : explain_all(comm, first < facts->count ? &facts->fact[first] : NULL, advice);
}
