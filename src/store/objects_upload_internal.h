/* objects_upload_internal.h - what the files of multipart uploads share. */
#ifndef STORE_OBJECTS_UPLOAD_INTERNAL_H
#define STORE_OBJECTS_UPLOAD_INTERNAL_H

#include "store/objects_dir.h"

#define UPLOAD_PATH_MAX 256
#define UPLOAD_MD5_LEN 16
#define UPLOAD_MD5_HEX (2 * UPLOAD_MD5_LEN)

struct upload_info { /* as kept in `info` */
    char bucket[OBJECTS_BUCKET_MAX + 1], key[OBJECTS_KEY_MAX + 1];
    uint64_t created_us, generation; /* of the bucket; 0 in uploads of earlier versions */
    struct objects_info object; /* type, headers, checksum_name */
};

/* Was the upload begun in this very bucket? */
bool upload_is_of(const struct upload_info *info, struct str bucket, const struct bucket_record *record);
/* OBJECTS_NO_UPLOAD where there is none. */
enum objects_problem upload_read_info(struct objects_dir *dir, struct str id, struct upload_info *info,
                                      struct error *error) WARN_UNUSED;
/* The upload must be of this bucket, which must be the tenant's, and of this key. `record` may be NULL. */
enum objects_problem upload_find(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                 struct str id, struct upload_info *info, struct bucket_record *record,
                                 struct error *error) WARN_UNUSED;
/* Removes the upload, and its parts from what is counted for the tenant. */
void upload_remove(struct objects_dir *dir, struct str tenant, struct str id);
enum objects_problem upload_missing(struct error *error);

/* All parts there are, by number, the newest of each; mem_free them. */
enum objects_problem upload_read_parts(struct objects_dir *dir, struct str id, struct objects_part **parts,
                                       size_t *count, struct error *error) WARN_UNUSED;

/* While an upload is being completed its parts stay as they are. */
struct upload_completing { /* a list in struct objects_dir */
    struct str id;
    struct upload_completing *next;
};
/* The mutex of uploads is held. */
bool upload_is_completing(const struct objects_dir *dir, struct str id);

void upload_part_path(char path[UPLOAD_PATH_MAX], struct str id, const struct objects_part *part);

#endif
