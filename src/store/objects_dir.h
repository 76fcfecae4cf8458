/* objects_dir.h - the directory behind store/objects.h. Private to the store room.
 *
 *   ROOT/BUCKET/...                 the objects (objects_path.h)
 *   ROOT/.fulcrum/buckets/BUCKET    whose it is: {"tenant": ..., "created": us}
 *   ROOT/.fulcrum/meta/BUCKET/STAMP what is said of an object:
 *                                   {"size", "etag", "type", "headers", "checksumName", "checksum", "composite"}
 *   ROOT/.fulcrum/tmp/              what is being written
 *   ROOT/.fulcrum/uploads/ID/       a multipart upload: info, NUMBER-ETAG-CHECKSUM
 *
 * STAMP is the object's time of modification in nanoseconds, 16 hex digits,
 * and no two objects of a bucket have the same. So a rename brings bytes and
 * description at once, and an open file keeps its description's name. A file
 * without one (a user put it there) is an object with an ETag made of its size
 * and time; a directory without a record is a bucket that nobody has yet.
 *
 * The mutex is held where names of objects change: for a few system calls, none
 * of which waits for the disk but when a directory is new. Readers take no lock. */
#ifndef STORE_OBJECTS_DIR_H
#define STORE_OBJECTS_DIR_H

#include <pthread.h>
#include <sys/stat.h>

#include "core/buf.h"
#include "store/objects_backend.h"
#include "store/objects_path.h"

#define OBJECTS_HIDDEN ".fulcrum"
#define OBJECTS_BUCKETS OBJECTS_HIDDEN "/buckets"
#define OBJECTS_META OBJECTS_HIDDEN "/meta"
#define OBJECTS_TMP OBJECTS_HIDDEN "/tmp"
#define OBJECTS_UPLOADS OBJECTS_HIDDEN "/uploads"
#define OBJECTS_META_BYTES 65536 /* of a description, everything escaped */

struct objects_dir {
    struct objects base; /* first */
    int root;
    pthread_mutex_t bucket_mutex; /* making and deleting buckets; taken before: */
    pthread_mutex_t mutex;        /* names of objects, and: */
    uint64_t last_stamp_ns, next_file;
};

static inline struct objects_dir *objects_dir_of(struct objects *objects)
{
    return (struct objects_dir *)objects;
}

/* --- buckets: objects_bucket.c --- */

enum objects_problem objects_dir_bucket_create(struct objects *objects, struct str tenant, struct str bucket,
                                               struct error *error);
enum objects_problem objects_dir_bucket_head(struct objects *objects, struct str tenant, struct str bucket,
                                             struct error *error);
enum objects_problem objects_dir_bucket_delete(struct objects *objects, struct str tenant, struct str bucket,
                                               struct error *error);
enum objects_problem objects_dir_bucket_list(struct objects *objects, struct str tenant, struct arena *arena,
                                             struct objects_bucket **buckets, size_t *count, struct error *error);

/* --- descriptions: objects_meta.c --- */

static inline uint64_t object_stamp(const struct stat *info)
{
    return (uint64_t)info->st_mtim.tv_sec * 1000000000 + (uint64_t)info->st_mtim.tv_nsec;
}

/* Gives the written file a stamp and writes the description, both synced; info->modified_us is set. */
enum objects_problem object_meta_write(struct objects_dir *dir, struct str bucket, int fd, struct objects_info *info,
                                       uint64_t *stamp, struct error *error) WARN_UNUSED;
enum objects_problem object_meta_read(struct objects_dir *dir, struct str bucket, const struct stat *file,
                                      struct objects_info *info, bool *was_found, struct error *error) WARN_UNUSED;
void object_meta_remove(struct objects_dir *dir, struct str bucket, uint64_t stamp);
void object_meta_remove_all(struct objects_dir *dir, struct str bucket);

/* --- files: objects_dir.c --- */

struct object_path { /* relative to dir->root */
    char text[OBJECT_PATH_MAX];
    size_t bucket_len;
};
bool object_path_of(struct object_path *path, struct str bucket, struct str key);

/* Opens what the key names now. */
enum objects_problem object_open(struct objects_dir *dir, struct str bucket, struct str key, int *fd,
                                 struct objects_info *info, struct error *error) WARN_UNUSED;
/* A file in OBJECTS_TMP; `name` is its path. */
enum objects_problem object_tmp_open(struct objects_dir *dir, char name[64], int *fd, struct error *error) WARN_UNUSED;
enum objects_problem object_write(int fd, const void *data, size_t len, struct error *error) WARN_UNUSED;
/* The finished file `tmp`, whose fd stays the caller's, becomes the object. */
enum objects_problem object_publish(struct objects_dir *dir, struct str bucket, struct str key, const char *tmp, int fd,
                                    bool only_new, struct objects_info *info, struct error *error) WARN_UNUSED;
enum objects_problem object_read_small(int at, const char *path, struct buf *text, bool *was_found,
                                       struct error *error) WARN_UNUSED;
/* Writes `text` to `path` in one piece, synced; the directory is the caller's to sync. */
enum objects_problem object_write_small(struct objects_dir *dir, const char *path, struct str text,
                                        struct error *error) WARN_UNUSED;
void object_sync_directory(struct objects_dir *dir, const char *path);
/* Removes what is under `path`, and it. */
void object_remove_tree(int at, const char *path);

void object_upload_remove(struct objects_dir *dir, struct str id); /* objects_upload.c */

enum objects_problem objects_dir_list(struct objects *objects, struct str tenant, struct str bucket,
                                      const struct objects_list_options *options, struct arena *arena,
                                      struct objects_page *page, struct error *error);

#endif
