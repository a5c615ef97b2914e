#include "import/packed_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/plain_text.h"
#include "dataset/dataset_file.h"

enum { READ_AT_ONCE = 1 << 28, BUFFER = 1 << 18, MEMBERS_MAX = 100000 };

struct lks_packed_file {
  gzFile file; /* gzopen reads plain files as well; NULL: it is a member */
  zip_t *archive;
  zip_file_t *member;
  size_t number, at; /* of the member; the next byte of it */
  size_t bytes;      /* of the file or member, as it is stored */
  size_t unpacked;   /* of the member */
  char path[];
};

static size_t position(const lks_packed_file *file)
{
  return file->member ? file->at : (size_t)gztell(file->file);
}

static lks_status fail_truncated(const lks_packed_file *file)
{
  return lks_fail(LKS_ERR_DATA, "%s: is truncated: it ends after byte %zu; copy or download it again",
                  file->path, position(file));
}

static lks_status fail_damaged(const lks_packed_file *file, const char *why)
{
  return lks_fail(LKS_ERR_DATA, "%s: is damaged near byte %zu (%s); copy or download it again", file->path,
                  position(file), why);
}

static lks_status explain(lks_packed_file *file)
{
  int code = Z_OK;
  const char *why = gzerror(file->file, &code);
  if (code == Z_ERRNO) return lks_fail(LKS_ERR_IO, "%s: cannot be read: %s", file->path, strerror(errno));
  return code == Z_OK || code == Z_BUF_ERROR ? fail_truncated(file) : fail_damaged(file, why);
}

/* NULL when memory is short. */
static lks_packed_file *create(const char *path, const char *member)
{
  const size_t room = strlen(path) + strlen(member) + 2;
  lks_packed_file *made = lks_new(1, sizeof *made + room);
  if (made) snprintf(made->path, room, "%s%s%s", path, member[0] ? ":" : "", member);
  return made;
}

lks_status lks_packed_open(lks_packed_file **file, const char *path)
{
  int descriptor;
  size_t bytes;
  *file = NULL;
  lks_status status = lks_file_open(&descriptor, &bytes, path);
  if (status) return status;
  lks_packed_file *made = create(path, "");
  if (made) made->file = gzdopen(descriptor, "rb");
  if (!made || !made->file) {
    close(descriptor);
    lks_free(made);
    return lks_fail(LKS_ERR_RANK, "%s: not enough memory to read it", path);
  }
  gzbuffer(made->file, BUFFER);
  made->bytes = bytes;
  *file = made;
  return LKS_OK;
}

/* libzip opens files by descriptor: pipes and devices have been refused by then. */
static lks_status open_archive(zip_t **archive, const char *path)
{
  int descriptor, code = 0;
  size_t bytes;
  zip_error_t error;
  lks_status status = lks_file_open(&descriptor, &bytes, path);
  if (status) return status;
  *archive = zip_fdopen(descriptor, ZIP_CHECKCONS, &code);
  if (*archive) return LKS_OK;
  close(descriptor);
  zip_error_init_with_code(&error, code);
  lks_fail(LKS_ERR_DATA, "%s: is no ZIP archive, or is damaged or truncated (%s); copy or download it again",
           path, zip_error_strerror(&error));
  zip_error_fini(&error);
  return LKS_ERR_DATA;
}

static lks_status open_member(lks_packed_file *file)
{
  file->at = 0;
  file->member = zip_fopen_index(file->archive, file->number, 0);
  return file->member
             ? LKS_OK
             : lks_fail(LKS_ERR_DATA, "%s: cannot be unpacked: %s", file->path, zip_strerror(file->archive));
}

static lks_status find_member(lks_packed_file **file, zip_t *archive, const char *path, size_t number)
{
  zip_stat_t about;
  char name[256];
  if (zip_stat_index(archive, number, 0, &about) != 0 || !(about.valid & ZIP_STAT_SIZE) ||
      !(about.valid & ZIP_STAT_COMP_SIZE))
    return lks_fail(LKS_ERR_DATA, "%s: has no member %zu", path, number);
  snprintf(name, sizeof name, "%s", about.name);
  lks_text_make_plain(name);
  lks_packed_file *made = *file = create(path, name);
  if (!made) return lks_fail(LKS_ERR_RANK, "%s: not enough memory to read it", path);
  made->archive = archive;
  made->number = number;
  made->bytes = about.comp_size;
  made->unpacked = about.size;
  return open_member(made);
}

lks_status lks_packed_open_member(lks_packed_file **file, const char *archive, size_t number)
{
  zip_t *opened = NULL;
  *file = NULL;
  lks_status status = open_archive(&opened, archive);
  if (status) return status;
  status = find_member(file, opened, archive, number);
  if (!status) return LKS_OK;
  if (!*file) zip_discard(opened);
  lks_packed_close(file);
  return status;
}

void lks_packed_close(lks_packed_file **file)
{
  if (!*file) return;
  if ((*file)->file) gzclose((*file)->file);
  if ((*file)->member) zip_fclose((*file)->member);
  if ((*file)->archive) zip_discard((*file)->archive);
  lks_free(*file);
  *file = NULL;
}

static lks_status list_members(lks_member_names *names, zip_t *archive, const char *path)
{
  const zip_int64_t count = zip_get_num_entries(archive, 0);
  size_t bytes = 0;
  if (count < 0 || count > MEMBERS_MAX)
    return lks_fail(LKS_ERR_DATA, "%s: has more than %d members", path, MEMBERS_MAX);
  for (zip_int64_t i = 0; i < count; i++) {
    const char *name = zip_get_name(archive, (zip_uint64_t)i, 0);
    bytes += sizeof(char *) + (name ? strlen(name) : 0) + 1;
  }
  names->name = lks_new(bytes + 1, 1);
  if (!names->name) return LKS_ERR_RANK;
  char *text = (char *)(names->name + count);
  for (names->count = 0; names->count < (size_t)count; names->count++) {
    const char *name = zip_get_name(archive, names->count, 0);
    names->name[names->count] = strcpy(text, name ? name : "");
    lks_text_make_plain(text);
    text += strlen(text) + 1;
  }
  return LKS_OK;
}

lks_status lks_packed_members(lks_member_names *names, const char *archive)
{
  zip_t *opened = NULL;
  *names = (lks_member_names){0};
  lks_status status = open_archive(&opened, archive);
  if (status) return status;
  status = list_members(names, opened, archive);
  zip_discard(opened);
  return status;
}

const char *lks_packed_path(const lks_packed_file *file)
{
  return file->path;
}

double lks_packed_share(const lks_packed_file *file)
{
  if (file->member) return file->unpacked ? (double)file->at / (double)file->unpacked : 1;
  return file->bytes ? (double)gzoffset(file->file) / (double)file->bytes : 1;
}

static lks_status read_member(lks_packed_file *file, void *data, size_t bytes, size_t *got)
{
  zip_int64_t now = 1;
  while (*got < bytes && now > 0) {
    now = zip_fread(file->member, (char *)data + *got, bytes - *got);
    if (now < 0) return fail_damaged(file, zip_file_strerror(file->member));
    *got += (size_t)now;
    file->at += (size_t)now;
  }
  return LKS_OK;
}

lks_status lks_packed_read(lks_packed_file *file, void *data, size_t bytes, size_t *got)
{
  int now = 1, code = Z_OK;
  *got = 0;
  if (file->member) return read_member(file, data, bytes, got);
  while (*got < bytes && now > 0) {
    const size_t left = bytes - *got;
    now = gzread(file->file, (char *)data + *got, (unsigned)(left < READ_AT_ONCE ? left : READ_AT_ONCE));
    if (now > 0) *got += (size_t)now;
  }
  gzerror(file->file, &code);
  return now < 0 || code != Z_OK ? explain(file) : LKS_OK;
}

lks_status lks_packed_read_fully(lks_packed_file *file, void *data, size_t bytes)
{
  size_t got;
  lks_status status = lks_packed_read(file, data, bytes, &got);
  return status || got == bytes ? status : fail_truncated(file);
}

lks_status lks_packed_expect_end(lks_packed_file *file)
{
  char byte;
  size_t got;
  lks_status status = lks_packed_read(file, &byte, 1, &got);
  if (status || got == 0) return status;
  return lks_fail(LKS_ERR_DATA, "%s: has more bytes than the %zu that it should have; is it the right file?",
                  file->path, position(file) - 1);
}

static lks_status skip(lks_packed_file *file, size_t bytes)
{
  char part[4096];
  lks_status status = LKS_OK;
  while (bytes > 0 && !status) {
    const size_t now = bytes < sizeof part ? bytes : sizeof part;
    status = lks_packed_read_fully(file, part, now);
    bytes -= now;
  }
  return status;
}

lks_status lks_packed_seek(lks_packed_file *file, size_t offset)
{
  if (!file->member) return gzseek(file->file, (z_off_t)offset, SEEK_SET) >= 0 ? LKS_OK : explain(file);
  zip_fclose(file->member);
  lks_status status = open_member(file);
  return status ? status : skip(file, offset);
}

lks_status lks_packed_check_size(const lks_packed_file *file, size_t bytes)
{
  if (bytes / LKS_DEFLATE_LIMIT <= file->bytes) return LKS_OK;
  return lks_fail(LKS_ERR_DATA, "%s: is truncated: %zu bytes cannot hold what its header announces",
                  file->path, file->bytes);
}
