/* objects_dir.h - the directory behind store/objects.h. Private to the store room.
 *
 *   ROOT/BUCKET/...                 the objects (objects_path.h)
 *   ROOT/.fulcrum/buckets/BUCKET    whose it is: {"tenant", "region", "created": us, "generation": random}
 *   ROOT/.fulcrum/meta/BUCKET/STAMP what is said of an object: {"size", "etag", "type", "headers", "storageClass",
 *                                   "tags", "checksumName", "checksum", "composite"}, and of one made of parts
 *                                   "upload", its ID, and "parts": [count, size, count, size...]. Tags alone are
 *                                   changed later: another description is renamed into its place
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
 * of which waits for the disk but when a directory is new. Readers take no lock.
 *
 * A bucket may be deleted and made again, by somebody else, while something is
 * under way in it. So whoever writes keeps the bucket's generation and compares
 * it under the mutex, where the name changes; whoever reads compares it after
 * the file is open. */
#ifndef STORE_OBJECTS_DIR_H
#define STORE_OBJECTS_DIR_H

#include <pthread.h>
#include <sys/stat.h>

#include "core/buf.h"
#include "store/objects_backend.h"
#include "store/objects_place.h"
#include "store/objects_usage.h"

#define OBJECTS_HIDDEN ".fulcrum"
#define OBJECTS_BUCKETS OBJECTS_HIDDEN "/buckets"
#define OBJECTS_META OBJECTS_HIDDEN "/meta"
#define OBJECTS_TMP OBJECTS_HIDDEN "/tmp"
#define OBJECTS_UPLOADS OBJECTS_HIDDEN "/uploads"
#define OBJECTS_META_BYTES 262144 /* of a description, everything escaped, all parts different */

struct objects_dir {
    struct objects base; /* first */
    int root;
    pthread_mutex_t bucket_mutex; /* making and deleting buckets; taken before: */
    pthread_mutex_t mutex;        /* names of objects, and: */
    uint64_t last_stamp_ns, next_file;
    pthread_mutex_t upload_mutex; /* names of parts, and: */
    struct upload_completing *completing;
    struct objects_usage usage;
};

static inline struct objects_dir *objects_dir_of(struct objects *objects)
{
    return (struct objects_dir *)objects;
}

/* --- buckets: objects_bucket.c --- */

struct bucket_record {
    char tenant[OBJECTS_TENANT_MAX + 1];
    char region[OBJECTS_REGION_MAX + 1];
    uint64_t created_us, generation;
};
/* *exists: both the directory and the record are there. */
enum objects_problem bucket_record_read(struct objects_dir *dir, struct str bucket, struct bucket_record *record,
                                        bool *exists, struct error *error) WARN_UNUSED;
/* OBJECTS_NO_BUCKET unless it is the tenant's. */
enum objects_problem bucket_find(struct objects_dir *dir, struct str tenant, struct str bucket,
                                 struct bucket_record *record, struct error *error) WARN_UNUSED;
/* OBJECTS_NO_BUCKET unless it is the one of that generation. */
enum objects_problem bucket_is_still(struct objects_dir *dir, struct str bucket, uint64_t generation,
                                     struct error *error) WARN_UNUSED;

enum objects_problem objects_dir_bucket_create(struct objects *objects, struct str tenant, struct str bucket,
                                               struct str region, struct error *error);
enum objects_problem objects_dir_bucket_head(struct objects *objects, struct str tenant, struct str bucket,
                                             struct objects_bucket *found, struct error *error);
enum objects_problem objects_dir_bucket_delete(struct objects *objects, struct str tenant, struct str bucket,
                                               struct error *error);
enum objects_problem objects_dir_bucket_list(struct objects *objects, struct str tenant, struct arena *arena,
                                             struct objects_bucket **buckets, size_t *count, struct error *error);

/* --- descriptions: objects_meta.c --- */

static inline uint64_t object_stamp(const struct stat *info)
{
    return (uint64_t)info->st_mtim.tv_sec * 1000000000 + (uint64_t)info->st_mtim.tv_nsec;
}

/* What becomes an object. */
struct object_publication {
    struct str bucket, key;
    uint64_t generation;                 /* of the bucket when it was begun */
    const char *tmp;                     /* path of the finished file */
    int fd;                              /* the same; stays the caller's */
    const struct objects_conditions *conditions;
    struct str upload, parts;            /* of an object made of parts: the ID, and numbers as in the description */
    uint64_t replaced;                   /* filled: bytes that were counted and are gone */
};

/* A part asked for, and where it is; or all. */
struct object_part {
    unsigned number; /* 0: none */
    bool is_there;
    uint64_t offset, len;
    uint64_t *sizes; /* NULL, or room for those of OBJECTS_PARTS_MAX parts */
};

struct object_description {
    struct objects_info info;
    char upload[OBJECTS_UPLOAD_ID_LEN + 1];
    bool was_found; /* false: the file was put there by hand, and info says what can be said of it */
};

/* Gives the written file a stamp and writes the description, both synced; info->modified_us is set. */
enum objects_problem object_meta_write(struct objects_dir *dir, const struct object_publication *publication,
                                       struct objects_info *info, uint64_t *stamp, struct error *error) WARN_UNUSED;
/* `part` may be NULL. */
enum objects_problem object_meta_read(struct objects_dir *dir, struct str bucket, const struct stat *file,
                                      struct object_description *description, struct object_part *part,
                                      struct error *error) WARN_UNUSED;
/* A description like the one of the file (which has one) but for the tags, as a file in OBJECTS_TMP, synced. */
enum objects_problem object_meta_write_tags(struct objects_dir *dir, struct str bucket, const struct stat *file,
                                            struct str tags, char tmp[64], struct error *error) WARN_UNUSED;
/* It takes the place of the description. */
enum objects_problem object_meta_replace(struct objects_dir *dir, struct str bucket, uint64_t stamp, const char *tmp,
                                         struct error *error) WARN_UNUSED;
void object_meta_sync(struct objects_dir *dir, struct str bucket); /* names of descriptions */
bool object_meta_is_there(struct objects_dir *dir, struct str bucket, uint64_t stamp);
/* False: there was none, so the object was not counted. */
bool object_meta_remove(struct objects_dir *dir, struct str bucket, uint64_t stamp);
void object_meta_remove_all(struct objects_dir *dir, struct str bucket);

/* --- files: objects_dir.c --- */

/* Opens what the key names now; `part` may be NULL. */
enum objects_problem object_open(struct objects_dir *dir, struct str bucket, struct str key, int *fd,
                                 struct object_description *description, struct object_part *part,
                                 struct error *error) WARN_UNUSED;
/* Counts what a put of the tenant has announced (or OBJECTS_SIZE_UNKNOWN). The charge is begun also where it fails. */
enum objects_problem object_charge_begin(struct objects_dir *dir, struct str tenant, uint64_t replaced,
                                         uint64_t expected_size, struct objects_charge *charge,
                                         struct error *error) WARN_UNUSED;
/* A file in OBJECTS_TMP; `name` is its path. */
enum objects_problem object_tmp_open(struct objects_dir *dir, char name[64], int *fd, struct error *error) WARN_UNUSED;
enum objects_problem object_write(int fd, const void *data, size_t len, struct error *error) WARN_UNUSED;
/* The finished file becomes the object. */
enum objects_problem object_publish(struct objects_dir *dir, struct object_publication *publication,
                                    struct objects_info *info, struct error *error) WARN_UNUSED;
enum objects_problem object_read_small(int at, const char *path, struct buf *text, bool *was_found,
                                       struct error *error) WARN_UNUSED;
/* Writes `text` to `path` in one piece, synced; the directory is the caller's to sync. */
enum objects_problem object_write_small(struct objects_dir *dir, const char *path, struct str text,
                                        struct error *error) WARN_UNUSED;
void object_sync_directory(struct objects_dir *dir, const char *path);
/* Removes what is under `path`, and it. */
void object_remove_tree(int at, const char *path);

/* Of a bucket that was deleted: objects_upload.c. */
void objects_uploads_remove_all(struct objects_dir *dir, struct str bucket, const struct bucket_record *record);

/* At the start: uploads that are over or whose bucket is gone go, what is there is counted. objects_recover.c. */
enum error_code objects_dir_recover(struct objects_dir *dir, struct error *error) WARN_UNUSED;

enum objects_problem objects_dir_list(struct objects *objects, struct str tenant, struct str bucket,
                                      const struct objects_list_options *options, struct arena *arena,
                                      struct objects_page *page, struct error *error);

#endif
