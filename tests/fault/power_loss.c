/* What a folder may look like after the power failed. usage: power_loss LOG OUTPUT [SEED [EVERY]]
 * The log is one of failing_calls.c, of a folder that was empty. After each call that changed something, what had been synced is
 * there; of what had not, any part: each change of a folder is there or not, and what was written into files is there, is
 * missing, is there by half, or is zeros. Every state that differs from those before becomes a folder OUTPUT/NUMBER, and a line
 *   NUMBER CALL FOLDER:STEP...
 * with the call after which the power failed, and for each folder with a link last.h5 that was synced, the step that it led
 * to. Up to 8 unsynced changes are dropped in all ways, more of them in some. With EVERY above 1, the power fails only after one in
 * that many calls. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  NODES = 4096,
  ENTRIES = 1024,
  PENDING = 512,
  STATES = 100000,
  PATH_SIZE = 1024,
  EXHAUSTIVE = 8,
  RANDOM = 200
};

typedef struct content {
  char *data;
  size_t bytes;
} content;

typedef enum node_kind { FOLDER, FILE_NODE, LINK } node_kind;

typedef struct node {
  node_kind kind;
  content current, synced; /* of a file; of a link, its text */
} node;

/* A name in a folder; node < 0: the name is no more. */
typedef struct entry {
  int folder, node;
  char name[256];
} entry;

typedef struct names {
  entry entry[ENTRIES];
  int count;
} names;

/* A change of folders that was not synced: a rename is one of two names. */
typedef struct change {
  entry put, taken; /* taken.folder < 0: none */
} change;

static node nodes[NODES];
static int node_count;
static names current, synced, lost; /* lost: a state after the failure */
static change pending[PENDING];
static int pending_count;

/* A state that was seen, and what had been synced by then. */
typedef struct seen {
  uint64_t hash;
  long call;
  char promised[PATH_SIZE];
} seen;
static seen states[STATES];
static int state_count;

static void give_up(const char *why, const char *what)
{
  fprintf(stderr, "power_loss: %s: %s\n", why, what);
  exit(1);
}

static int new_node(node_kind kind)
{
  if (node_count == NODES) give_up("too many files", "");
  nodes[node_count] = (node){.kind = kind};
  return node_count++;
}

static entry *find(names *in, int folder, const char *name)
{
  for (int i = 0; i < in->count; i++)
    if (in->entry[i].folder == folder && strcmp(in->entry[i].name, name) == 0) return &in->entry[i];
  return NULL;
}

static void apply(names *to, const entry *e)
{
  entry *old = find(to, e->folder, e->name);
  if (old && e->node < 0)
    *old = to->entry[--to->count];
  else if (old)
    *old = *e;
  else if (e->node >= 0 && to->count < ENTRIES)
    to->entry[to->count++] = *e;
  else if (e->node >= 0)
    give_up("too many names", e->name);
}

static void apply_change(names *to, const change *c)
{
  if (c->taken.folder >= 0) {
    const entry *old = find(to, c->taken.folder, c->taken.name);
    if (old && old->node == c->put.node) apply(to, &c->taken);
  }
  apply(to, &c->put);
}

/** The folder and the name of a path, with node -1; false if there is no such folder. */
static bool locate(entry *e, const char *path)
{
  char part[PATH_SIZE];
  *e = (entry){.folder = 0, .node = -1};
  snprintf(part, sizeof part, "%s", path);
  char *rest = part;
  for (char *slash; (slash = strchr(rest, '/')) != NULL; rest = slash + 1) {
    *slash = '\0';
    const entry *folder = find(&current, e->folder, rest);
    if (!folder) return false;
    e->folder = folder->node;
  }
  snprintf(e->name, sizeof e->name, "%.255s", rest);
  return true;
}

/** Of what has that path now, -1 if nothing does; "." is the folder itself. */
static int node_at(const char *path)
{
  entry e;
  if (strcmp(path, ".") == 0) return 0;
  if (!locate(&e, path)) return -1;
  const entry *found = find(&current, e.folder, e.name);
  return found ? found->node : -1;
}

static void change_names(const char *path, int to, const char *from)
{
  change c = {.taken = {.folder = -1}};
  if (!locate(&c.put, path)) give_up("no folder of", path);
  c.put.node = to;
  if (from && !locate(&c.taken, from)) give_up("no folder of", from);
  if (pending_count == PENDING) give_up("too many changes without a sync", path);
  pending[pending_count++] = c;
  apply_change(&current, &c);
}

static void resize(content *c, size_t bytes)
{
  c->data = realloc(c->data, bytes + 1);
  if (!c->data) give_up("no memory", "");
  if (bytes > c->bytes) memset(c->data + c->bytes, 0, bytes - c->bytes);
  c->bytes = bytes;
}

static void copy_content(content *to, const content *from)
{
  resize(to, from->bytes);
  if (from->bytes) memcpy(to->data, from->data, from->bytes);
}

/** Changes of names in that folder last. Of a rename from another folder, both names do. */
static void sync_folder(int folder)
{
  int kept = 0;
  for (int i = 0; i < pending_count; i++) {
    if (pending[i].put.folder == folder)
      apply_change(&synced, &pending[i]);
    else
      pending[kept++] = pending[i];
  }
  pending_count = kept;
}

typedef struct call {
  long number;
  char kind[16], path[PATH_SIZE], other[PATH_SIZE];
  int error;
  long long offset, place;
  size_t length;
} call;

static void write_file(node *file, const call *c, FILE *data)
{
  const size_t end = (size_t)c->offset + c->length;
  if (end > file->current.bytes) resize(&file->current, end);
  if (fseek(data, (long)c->place, SEEK_SET) != 0 ||
      fread(file->current.data + c->offset, 1, c->length, data) != c->length)
    give_up("no data", c->path);
}

static void make_link(const call *c)
{
  const int made = new_node(LINK);
  resize(&nodes[made].current, strlen(c->other));
  memcpy(nodes[made].current.data, c->other, strlen(c->other));
  change_names(c->path, made, NULL);
}

/* Whether it is a call that makes a name. */
static bool replay_new(const call *c)
{
  if (strcmp(c->kind, "create") == 0)
    change_names(c->path, new_node(FILE_NODE), NULL);
  else if (strcmp(c->kind, "mkdir") == 0 && strcmp(c->path, ".") != 0)
    change_names(c->path, new_node(FOLDER), NULL);
  else if (strcmp(c->kind, "symlink") == 0)
    make_link(c);
  else
    return false;
  return true;
}

/** Whether anything changed. A file that has no name any more does not matter. */
static bool replay(const call *c, FILE *data)
{
  if (replay_new(c)) return true;
  const int at = node_at(c->path);
  const char *kind = c->kind;
  if (at < 0) return false;
  if (strcmp(kind, "write") == 0)
    write_file(&nodes[at], c, data);
  else if (strcmp(kind, "truncate") == 0)
    resize(&nodes[at].current, (size_t)c->offset);
  else if (strcmp(kind, "fsync") == 0)
    copy_content(&nodes[at].synced, &nodes[at].current);
  else if (strcmp(kind, "syncdir") == 0)
    sync_folder(at);
  else if (strcmp(kind, "rename") == 0)
    change_names(c->other, at, c->path);
  else if (strcmp(kind, "link") == 0)
    change_names(c->other, at, NULL);
  else if (strcmp(kind, "unlink") == 0)
    change_names(c->path, -1, NULL);
  else
    return false;
  return true;
}

/* What became of data that were not synced. */
typedef enum fate { KEPT, MISSING, HALF, ZEROS, FATES } fate;

static content content_after(const node *n, fate what)
{
  content c = {0};
  if (n->kind == LINK || what == KEPT) {
    copy_content(&c, &n->current);
    return c;
  }
  copy_content(&c, what == MISSING ? &n->synced : &n->current);
  const size_t safe = n->synced.bytes < c.bytes ? n->synced.bytes : c.bytes;
  const bool same = c.bytes == n->synced.bytes && memcmp(c.data, n->synced.data, c.bytes) == 0;
  if (what == HALF && !same) resize(&c, safe + (c.bytes - safe) / 2);
  if (what == ZEROS && !same) memset(c.data + safe, 0, c.bytes - safe);
  return c;
}

static int by_name(const void *a, const void *b)
{
  const entry *x = a, *y = b;
  return x->folder != y->folder ? (x->folder > y->folder) - (x->folder < y->folder)
                                : strcmp(x->name, y->name);
}

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t bytes)
{
  const unsigned char *byte = data;
  for (size_t i = 0; i < bytes; i++) hash = (hash ^ byte[i]) * 1099511628211u;
  return hash;
}

/** Of the names and contents of the state `lost`. */
static uint64_t hash_state(fate what)
{
  uint64_t hash = 14695981039346656037u;
  qsort(lost.entry, (size_t)lost.count, sizeof *lost.entry, by_name);
  for (int i = 0; i < lost.count; i++) {
    const entry *e = &lost.entry[i];
    content c = content_after(&nodes[e->node], what);
    hash = hash_bytes(hash, &e->folder, sizeof e->folder);
    hash = hash_bytes(hash, e->name, strlen(e->name) + 1);
    hash = hash_bytes(hash, c.data, c.bytes);
    free(c.data);
  }
  return hash;
}

static void write_entries(const char *output, int folder, fate what)
{
  char path[PATH_SIZE];
  if (mkdir(output, 0777) != 0) give_up("cannot make", output);
  for (int i = 0; i < lost.count; i++) {
    const entry *e = &lost.entry[i];
    if (e->folder != folder) continue;
    snprintf(path, sizeof path, "%.700s/%s", output, e->name);
    content c = content_after(&nodes[e->node], what);
    if (nodes[e->node].kind == FOLDER) {
      write_entries(path, e->node, what);
    } else if (nodes[e->node].kind == LINK) {
      c.data[c.bytes] = '\0';
      if (symlink(c.data, path) != 0) give_up("cannot make", path);
    } else {
      FILE *file = fopen(path, "wb");
      if (!file || fwrite(c.data, 1, c.bytes, file) != c.bytes || fclose(file) != 0)
        give_up("cannot write", path);
    }
    free(c.data);
  }
}

/** Of a folder. */
static void path_of(char out[PATH_SIZE], int folder)
{
  out[0] = '\0';
  for (int i = 0; folder > 0 && i < current.count; i++) {
    char above[PATH_SIZE];
    if (current.entry[i].node != folder) continue;
    path_of(above, current.entry[i].folder);
    snprintf(out, PATH_SIZE, "%.700s%s%s", above, above[0] ? "/" : "", current.entry[i].name);
    return;
  }
}

/** "FOLDER:STEP " of every link last.h5 that was synced. */
static void note_promises(char out[PATH_SIZE])
{
  out[0] = '\0';
  for (int i = 0; i < synced.count; i++) {
    const entry *e = &synced.entry[i];
    unsigned long step;
    const content *text = &nodes[e->node].current;
    if (strcmp(e->name, "last.h5") != 0 || nodes[e->node].kind != LINK) continue;
    text->data[text->bytes] = '\0';
    if (sscanf(text->data, "checkpoint-%lu.h5", &step) != 1) continue;
    const size_t length = strlen(out);
    char folder[PATH_SIZE];
    path_of(folder, e->folder);
    snprintf(out + length, PATH_SIZE - length, "%.900s:%lu ", folder, step);
  }
}

/** The state that is left when those pending changes are there for which a bit is set. */
static void consider(const bool there[PENDING], fate what, const call *c, const char *output)
{
  char path[PATH_SIZE], promised[PATH_SIZE];
  lost = synced;
  for (int i = 0; i < pending_count; i++)
    if (there[i]) apply_change(&lost, &pending[i]);
  const uint64_t hash = hash_state(what);
  int at = 0;
  while (at < state_count && states[at].hash != hash) at++;
  note_promises(promised);
  if (at == STATES) give_up("too many states", "");
  if (at == state_count) {
    state_count++;
    snprintf(path, sizeof path, "%.900s/%d", output, at);
    write_entries(path, 0, what);
  }
  states[at] = (seen){.hash = hash, .call = c->number}; /* promises only grow */
  snprintf(states[at].promised, sizeof states[at].promised, "%s", promised);
}

static void consider_all(const call *c, const char *output)
{
  bool there[PENDING];
  const bool few = pending_count <= EXHAUSTIVE;
  const int ways = few ? 1 << pending_count : 3 * pending_count + 1 + RANDOM;
  for (int way = 0; way < ways; way++) {
    for (int i = 0; i < pending_count; i++) {
      const int n = pending_count, part = way / n, one = way % n;
      if (few)
        there[i] = way >> i & 1;
      else if (way >= 3 * n)
        there[i] = way == 3 * n || rand() % 2;
      else
        there[i] = part == 0 ? i < one : part == 1 ? i != one : i == one;
    }
    for (fate what = KEPT; what < FATES; what++) consider(there, what, c, output);
  }
}

static bool read_call(call *c, FILE *log)
{
  char line[3 * PATH_SIZE];
  if (!fgets(line, sizeof line, log)) return false;
  *c = (call){0};
  if (sscanf(line, "%ld\t%15[^\t]\t%d\t%*u\t%lld\t%zu\t%lld\t%1023[^\t\n]\t%1023[^\t\n]", &c->number, c->kind,
             &c->error, &c->offset, &c->length, &c->place, c->path, c->other) < 7)
    give_up("a line is damaged", line);
  return true;
}

int main(int arguments, char **argument)
{
  call c;
  char path[PATH_SIZE];
  if (arguments < 3) give_up("usage", "power_loss LOG OUTPUT [SEED [EVERY]]");
  srand(arguments > 3 ? (unsigned)strtoul(argument[3], NULL, 10) : 1);
  const int every = arguments > 4 ? atoi(argument[4]) : 1;
  FILE *log = fopen(argument[1], "r");
  snprintf(path, sizeof path, "%s.data", argument[1]);
  FILE *data = fopen(path, "rb");
  if (!log || !data) give_up("cannot read", argument[1]);
  if (mkdir(argument[2], 0777) != 0) give_up("cannot make", argument[2]);
  new_node(FOLDER);
  while (read_call(&c, log))
    if (!c.error && replay(&c, data) && (every <= 1 || rand() % every == 0)) consider_all(&c, argument[2]);
  for (int i = 0; i < state_count; i++)
    printf("%d %ld %s\n", i, states[i].call, states[i].promised[0] ? states[i].promised : "-");
  fclose(log);
  fclose(data);
  return 0;
}
