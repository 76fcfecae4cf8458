/* objects_upload_internal.h - what the files of multipart uploads share. */
#ifndef STORE_OBJECTS_UPLOAD_INTERNAL_H
#define STORE_OBJECTS_UPLOAD_INTERNAL_H

#include "store/objects_dir.h"

#define UPLOAD_PATH_MAX 256
#define UPLOAD_MD5_LEN 16
#define UPLOAD_MD5_HEX (2 * UPLOAD_MD5_LEN)

struct upload_info { /* as kept in `info` */
    char bucket[OBJECTS_BUCKET_MAX + 1], key[OBJECTS_KEY_MAX + 1];
    uint64_t created_us;
    struct objects_info object; /* type, headers, checksum_name */
};

/* The upload must be of this bucket, which must be the tenant's, and of this key. */
enum objects_problem upload_find(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                 struct str id, struct upload_info *info, struct error *error) WARN_UNUSED;
enum objects_problem upload_missing(struct error *error);

/* All parts there are, by number; mem_free them. */
enum objects_problem upload_read_parts(struct objects_dir *dir, struct str id, struct objects_part **parts,
                                       size_t *count, struct error *error) WARN_UNUSED;
void upload_part_path(char path[UPLOAD_PATH_MAX], struct str id, const struct objects_part *part);

#endif
