/* Multipart uploads: ROOT/.fulcrum/uploads/ID holds `info` and the parts, each
 * NUMBER-ETAG-CHECKSUM with NUMBER in five digits, '/' in base64 written '_',
 * and "-" for no checksum. A part sent again may leave two files of one
 * number; the newer counts. Parts aren't synced one by one: completing reads
 * them all and compares each with its ETag. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/checksum.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/util.h"
#include "store/objects_dir.h"

#define UPLOAD_PATH_MAX 256
#define INFO_BYTES 131072
#define COPY_BYTES ((size_t)262144)
#define MD5_LEN 16
#define MD5_HEX (2 * MD5_LEN)

struct upload_info { /* as kept in `info` */
    char bucket[OBJECTS_BUCKET_MAX + 1], key[OBJECTS_KEY_MAX + 1];
    uint64_t created_us;
    struct objects_info object; /* type, headers, checksum_name */
};

static bool is_upload_id(struct str id)
{
    for (size_t i = 0; i < id.len; i++)
        if (!((id.data[i] >= '0' && id.data[i] <= '9') || (id.data[i] >= 'a' && id.data[i] <= 'f')))
            return false;
    return id.len == OBJECTS_UPLOAD_ID_LEN;
}

static void upload_path(char path[UPLOAD_PATH_MAX], struct str id, const char *name)
{
    (void)snprintf(path, UPLOAD_PATH_MAX, OBJECTS_UPLOADS "/" STR_FMT "%s%s", STR_ARG(id), name ? "/" : "",
                   name ? name : "");
}

static enum objects_problem no_upload(struct error *error)
{
    return objects_fail(error, OBJECTS_NO_UPLOAD,
                        "The specified upload does not exist. The upload ID may be invalid, or the upload may have "
                        "been aborted or completed.");
}

static enum objects_problem refuse_remote(struct objects *objects, struct error *error)
{
    return objects->is_remote
               ? objects_fail(error, OBJECTS_FAILED, "multipart uploads go to the S3 server itself, not through here")
               : OBJECTS_OK;
}

/* --- info --- */

static bool compose_info(struct buf *text, struct str bucket, struct str key, const struct objects_put_options *options,
                         const char *checksum_name, bool is_composite)
{
    buf_append_text(text, "{\"bucket\":");
    buf_append_json(text, bucket);
    buf_append_text(text, ",\"key\":");
    buf_append_json(text, key);
    buf_append_text(text, ",\"type\":");
    buf_append_json(text, options->type);
    buf_append_text(text, ",\"headers\":");
    buf_append_json(text, options->headers);
    buf_append_text(text, ",\"checksumName\":");
    buf_append_json(text, str_of(checksum_name));
    buf_appendf(text, ",\"composite\":%s,\"created\":%" PRIu64 "}\n", is_composite ? "true" : "false",
                clock_wall_us());
    return !text->failed;
}

static void take_text(char *out, size_t cap, yyjson_val *root, const char *key)
{
    (void)snprintf(out, cap, STR_FMT, STR_ARG(json_str(yyjson_obj_get(root, key))));
}

static bool parse_info(struct str text, struct upload_info *info)
{
    struct error ignored;
    yyjson_doc *doc = NULL;
    *info = (struct upload_info){0};
    if (json_parse(text, &doc, &ignored) != OK)
        return false;
    yyjson_val *root = yyjson_doc_get_root(doc);
    take_text(info->bucket, sizeof(info->bucket), root, "bucket");
    take_text(info->key, sizeof(info->key), root, "key");
    take_text(info->object.type, sizeof(info->object.type), root, "type");
    take_text(info->object.headers, sizeof(info->object.headers), root, "headers");
    take_text(info->object.checksum_name, sizeof(info->object.checksum_name), root, "checksumName");
    info->object.checksum_is_composite = yyjson_get_bool(yyjson_obj_get(root, "composite"));
    info->created_us = yyjson_get_uint(yyjson_obj_get(root, "created"));
    json_free(doc);
    return true;
}

static enum objects_problem read_info(struct objects_dir *dir, struct str id, struct upload_info *info,
                                      struct error *error)
{
    char path[UPLOAD_PATH_MAX];
    struct buf text;
    bool was_found = false;
    if (!is_upload_id(id))
        return no_upload(error);
    upload_path(path, id, "info");
    buf_init(&text, INFO_BYTES);
    enum objects_problem problem = object_read_small(dir->root, path, &text, &was_found, error);
    if (problem == OBJECTS_OK && !(was_found && parse_info(buf_str(&text), info)))
        problem = no_upload(error);
    buf_deinit(&text);
    return problem;
}

/* The upload must be of this bucket, which must be the tenant's, and of this key. */
static enum objects_problem find_upload(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                        struct str id, struct upload_info *info, struct error *error)
{
    enum objects_problem problem = refuse_remote(objects, error);
    if (problem == OBJECTS_OK)
        problem = objects_bucket_head(objects, tenant, bucket, error);
    if (problem == OBJECTS_OK)
        problem = objects_check_key(key, error);
    if (problem == OBJECTS_OK)
        problem = read_info(objects_dir_of(objects), id, info, error);
    if (problem != OBJECTS_OK)
        return problem;
    return str_eq(bucket, str_of(info->bucket)) && str_eq(key, str_of(info->key)) ? OBJECTS_OK : no_upload(error);
}

enum objects_problem objects_upload_create(struct objects *objects, struct str tenant, struct str bucket,
                                           struct str key, const struct objects_put_options *options,
                                           const char *checksum_name, bool checksum_is_composite,
                                           char id[OBJECTS_UPLOAD_ID_LEN + 1], struct error *error)
{
    struct objects_dir *dir = objects_dir_of(objects);
    char path[UPLOAD_PATH_MAX];
    uint8_t random[OBJECTS_UPLOAD_ID_LEN / 2];
    struct buf text;
    enum objects_problem problem = refuse_remote(objects, error);
    if (problem == OBJECTS_OK)
        problem = objects_bucket_head(objects, tenant, bucket, error);
    if (problem == OBJECTS_OK)
        problem = objects_check_key(key, error);
    if (problem != OBJECTS_OK)
        return problem;
    if (options->type.len > OBJECTS_TYPE_MAX || options->headers.len > OBJECTS_HEADERS_MAX)
        return objects_fail(error, OBJECTS_TOO_LARGE, "The headers kept with an object are over %d bytes.",
                            OBJECTS_HEADERS_MAX);
    random_bytes(random, sizeof(random));
    hex_encode(random, sizeof(random), id);
    upload_path(path, str_of(id), NULL);
    if (mkdirat(dir->root, path, 0700) != 0)
        return objects_fail_errno(error, errno, "cannot make %s", path);
    buf_init(&text, INFO_BYTES);
    upload_path(path, str_of(id), "info");
    problem = compose_info(&text, bucket, key, options, checksum_name, checksum_is_composite)
                  ? object_write_small(dir, path, buf_str(&text), error)
                  : objects_no_memory(error);
    buf_deinit(&text);
    upload_path(path, str_of(id), NULL);
    if (problem != OBJECTS_OK)
        object_remove_tree(dir->root, path);
    object_sync_directory(dir, path);
    object_sync_directory(dir, OBJECTS_UPLOADS);
    return problem;
}

void object_upload_remove(struct objects_dir *dir, struct str id)
{
    char path[UPLOAD_PATH_MAX];
    upload_path(path, id, "info");
    (void)unlinkat(dir->root, path, 0); /* first: without it there is no upload */
    upload_path(path, id, NULL);
    object_remove_tree(dir->root, path);
}

enum objects_problem objects_upload_abort(struct objects *objects, struct str tenant, struct str bucket,
                                          struct str key, struct str id, struct error *error)
{
    struct upload_info info;
    enum objects_problem problem = find_upload(objects, tenant, bucket, key, id, &info, error);
    if (problem == OBJECTS_OK)
        object_upload_remove(objects_dir_of(objects), id);
    return problem;
}

/* --- parts --- */

struct part_put {
    struct objects_put base; /* first */
    struct objects_dir *dir;
    int fd;
    unsigned number;
    char tmp[64], id[OBJECTS_UPLOAD_ID_LEN + 1];
};

static void swap_slashes(char *text, char from, char to)
{
    for (; *text; text++)
        if (*text == from)
            *text = to;
}

static enum objects_problem part_append(struct objects_put *base, const void *data, size_t len, struct error *error)
{
    return object_write(((struct part_put *)base)->fd, data, len, error);
}

static enum objects_problem part_commit(struct objects_put *base, struct error *error)
{
    struct part_put *put = (struct part_put *)base;
    char path[UPLOAD_PATH_MAX], name[160], checksum[OBJECTS_CHECKSUM_MAX + 1];
    struct stat info;
    (void)snprintf(checksum, sizeof(checksum), "%s", base->info.checksum[0] ? base->info.checksum : "-");
    swap_slashes(checksum, '/', '_');
    (void)snprintf(name, sizeof(name), "%05u-%s-%s", put->number, base->info.etag, checksum);
    upload_path(path, str_of(put->id), name);
    if (fstat(put->fd, &info) != 0)
        return objects_fail_errno(error, errno, "cannot look at a part");
    if (renameat(put->dir->root, put->tmp, put->dir->root, path) != 0)
        return errno == ENOENT ? no_upload(error) : objects_fail_errno(error, errno, "cannot name a part");
    put->tmp[0] = '\0';
    base->info.modified_us = object_stamp(&info) / 1000;
    return OBJECTS_OK;
}

static void part_free(struct objects_put *base)
{
    struct part_put *put = (struct part_put *)base;
    close(put->fd);
    if (put->tmp[0])
        (void)unlinkat(put->dir->root, put->tmp, 0);
    objects_put_deinit(base);
    mem_free(put);
}

static const struct objects_put_ops part_ops = {.append = part_append, .commit = part_commit, .free = part_free};

enum objects_problem objects_upload_part(struct objects *objects, struct str tenant, struct str bucket, struct str key,
                                         struct str id, unsigned number, const struct objects_put_options *options,
                                         struct objects_put **put, struct error *error)
{
    struct upload_info info;
    *put = NULL;
    enum objects_problem problem = find_upload(objects, tenant, bucket, key, id, &info, error);
    if (problem != OBJECTS_OK)
        return problem;
    if (number < 1 || number > OBJECTS_PARTS_MAX)
        return objects_fail(error, OBJECTS_BAD_PART, "Part number must be an integer between 1 and %d, inclusive",
                            OBJECTS_PARTS_MAX);
    struct part_put *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return objects_no_memory(error);
    made->dir = objects_dir_of(objects);
    made->number = number;
    (void)snprintf(made->id, sizeof(made->id), STR_FMT, STR_ARG(id));
    problem = objects_put_init(&made->base, &part_ops, options, error);
    if (problem == OBJECTS_OK)
        problem = object_tmp_open(made->dir, made->tmp, &made->fd, error);
    if (problem != OBJECTS_OK) {
        objects_put_deinit(&made->base);
        mem_free(made);
        return problem;
    }
    *put = &made->base;
    return OBJECTS_OK;
}

/* NUMBER-ETAG-CHECKSUM */
static bool parse_part_name(const char *name, struct objects_part *part)
{
    uint64_t number;
    struct str text = str_of(name);
    size_t etag = 6, checksum = etag + MD5_HEX + 1;
    if (text.len <= checksum || text.len > checksum + OBJECTS_CHECKSUM_MAX || name[etag - 1] != '-' ||
        name[checksum - 1] != '-' || !str_to_u64(str_slice(text, 0, etag - 1), &number))
        return false;
    *part = (struct objects_part){.number = (unsigned)number};
    memcpy(part->etag, name + etag, MD5_HEX);
    if (strcmp(name + checksum, "-") != 0)
        memcpy(part->checksum, name + checksum, text.len - checksum);
    swap_slashes(part->checksum, '_', '/');
    return true;
}

static void part_path(char path[UPLOAD_PATH_MAX], struct str id, const struct objects_part *part)
{
    char name[160], checksum[OBJECTS_CHECKSUM_MAX + 1];
    (void)snprintf(checksum, sizeof(checksum), "%s", part->checksum[0] ? part->checksum : "-");
    swap_slashes(checksum, '/', '_');
    (void)snprintf(name, sizeof(name), "%05u-%s-%s", part->number, part->etag, checksum);
    upload_path(path, id, name);
}

static int compare_parts(const void *a, const void *b)
{
    const struct objects_part *x = a, *y = b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return (x->modified_us > y->modified_us) - (x->modified_us < y->modified_us);
}

static size_t keep_newest(struct objects_part *parts, size_t count)
{
    size_t kept = 0;
    if (count > 1)
        qsort(parts, count, sizeof(*parts), compare_parts);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && parts[kept - 1].number == parts[i].number)
            kept--;
        parts[kept++] = parts[i];
    }
    return kept;
}

/* All parts there are, by number; mem_free them. */
static enum objects_problem read_parts(struct objects_dir *dir, struct str id, struct objects_part **parts,
                                       size_t *count, struct error *error)
{
    char path[UPLOAD_PATH_MAX];
    size_t cap = 0;
    *parts = NULL;
    *count = 0;
    upload_path(path, id, NULL);
    int fd = openat(dir->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *opened = fd >= 0 ? fdopendir(fd) : NULL;
    if (!opened) {
        if (fd >= 0)
            close(fd);
        return no_upload(error);
    }
    enum objects_problem problem = OBJECTS_OK;
    for (struct dirent *entry; problem == OBJECTS_OK && (entry = readdir(opened));) {
        struct objects_part part;
        struct stat info;
        if (!parse_part_name(entry->d_name, &part) || fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        part.size = (uint64_t)info.st_size;
        part.modified_us = object_stamp(&info) / 1000;
        if (mem_grow((void **)parts, *count, &cap, sizeof(part)))
            (*parts)[(*count)++] = part;
        else
            problem = objects_no_memory(error);
    }
    (void)closedir(opened);
    *count = keep_newest(*parts, *count);
    return problem;
}

enum objects_problem objects_upload_parts(struct objects *objects, struct str tenant, struct str bucket,
                                          struct str key, struct str id, struct arena *arena,
                                          struct objects_upload *upload, struct objects_part **parts, size_t *count,
                                          struct error *error)
{
    struct upload_info info;
    struct objects_part *found = NULL;
    *count = 0;
    *parts = NULL;
    enum objects_problem problem = find_upload(objects, tenant, bucket, key, id, &info, error);
    if (problem != OBJECTS_OK)
        return problem;
    *upload = (struct objects_upload){.id = id, .key = key, .created_us = info.created_us};
    memcpy(upload->checksum_name, info.object.checksum_name, sizeof(upload->checksum_name));
    upload->checksum_is_composite = info.object.checksum_is_composite;
    problem = read_parts(objects_dir_of(objects), id, &found, count, error);
    if (problem == OBJECTS_OK && *count > 0) {
        *parts = arena_array(arena, *count, sizeof(*found));
        if (*parts)
            memcpy(*parts, found, *count * sizeof(*found));
        else
            problem = objects_no_memory(error);
    }
    mem_free(found);
    return problem;
}

/* --- a bucket's uploads --- */

static int compare_uploads(const void *a, const void *b)
{
    const struct objects_upload *x = a, *y = b;
    size_t len = x->key.len < y->key.len ? x->key.len : y->key.len;
    int order = memcmp(x->key.data, y->key.data, len);
    if (order == 0)
        order = (x->key.len > y->key.len) - (x->key.len < y->key.len);
    return order != 0 ? order : memcmp(x->id.data, y->id.data, OBJECTS_UPLOAD_ID_LEN);
}

static enum objects_problem add_upload(struct objects_dir *dir, struct str id, struct str bucket, struct arena *arena,
                                       void **found, size_t *count, size_t *cap, struct error *error)
{
    struct upload_info info;
    struct error ignored;
    if (read_info(dir, id, &info, &ignored) != OBJECTS_OK || !str_eq(bucket, str_of(info.bucket)))
        return OBJECTS_OK;
    struct objects_upload upload = {.created_us = info.created_us};
    if (!mem_grow(found, *count, cap, sizeof(upload)) || !arena_str(arena, id, &upload.id) ||
        !arena_str(arena, str_of(info.key), &upload.key))
        return objects_no_memory(error);
    memcpy(upload.checksum_name, info.object.checksum_name, sizeof(upload.checksum_name));
    upload.checksum_is_composite = info.object.checksum_is_composite;
    ((struct objects_upload *)*found)[(*count)++] = upload;
    return OBJECTS_OK;
}

enum objects_problem objects_upload_list(struct objects *objects, struct str tenant, struct str bucket,
                                         struct arena *arena, struct objects_upload **uploads, size_t *count,
                                         struct error *error)
{
    struct objects_dir *dir = objects_dir_of(objects);
    void *found = NULL;
    size_t cap = 0;
    *count = 0;
    *uploads = NULL;
    enum objects_problem problem = refuse_remote(objects, error);
    if (problem == OBJECTS_OK)
        problem = objects_bucket_head(objects, tenant, bucket, error);
    if (problem != OBJECTS_OK)
        return problem;
    int fd = openat(dir->root, OBJECTS_UPLOADS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *opened = fd >= 0 ? fdopendir(fd) : NULL;
    if (!opened)
        return objects_fail_errno(error, errno, "cannot list the uploads");
    for (struct dirent *entry; problem == OBJECTS_OK && (entry = readdir(opened));)
        problem = add_upload(dir, str_of(entry->d_name), bucket, arena, &found, count, &cap, error);
    (void)closedir(opened);
    if (problem == OBJECTS_OK && *count > 0) {
        qsort(found, *count, sizeof(struct objects_upload), compare_uploads);
        *uploads = arena_array(arena, *count, sizeof(struct objects_upload));
        if (*uploads)
            memcpy(*uploads, found, *count * sizeof(struct objects_upload));
        else
            problem = objects_no_memory(error);
    }
    mem_free(found);
    return problem;
}

/* --- completing --- */

struct joining {
    struct objects_dir *dir;
    struct str id;
    int out;
    char tmp[64];
    char *window;            /* COPY_BYTES */
    struct checksum whole;   /* of all bytes, or of the parts' checksums */
    EVP_MD_CTX *etag;        /* of the parts' MD5s */
    bool is_composite;
    uint64_t size;
};

static const struct objects_part *find_part(const struct objects_part *parts, size_t count, unsigned number)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (parts[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && parts[low].number == number ? &parts[low] : NULL;
}

/* What the client names, checked against what is there; sizes are filled in. */
static enum objects_problem check_parts(const struct objects_part *wanted, size_t count,
                                        const struct objects_part *found, size_t found_count,
                                        struct objects_part *chosen, struct error *error)
{
    uint64_t total = 0;
    if (count == 0)
        return objects_fail(error, OBJECTS_BAD_PART, "You must specify at least one part");
    for (size_t i = 0; i < count; i++) {
        const struct objects_part *part = find_part(found, found_count, wanted[i].number);
        if (i + 1 < count && wanted[i].number >= wanted[i + 1].number)
            return objects_fail(error, OBJECTS_BAD_PART_ORDER,
                                "The list of parts was not in ascending order. Parts must be ordered by part number.");
        if (!part || strcmp(part->etag, wanted[i].etag) != 0 ||
            (wanted[i].checksum[0] && strcmp(part->checksum, wanted[i].checksum) != 0))
            return objects_fail(error, OBJECTS_BAD_PART,
                                "One or more of the specified parts could not be found. The part %u may not have been "
                                "uploaded, or the specified entity tag may not match the part's entity tag.",
                                wanted[i].number);
        if (i + 1 < count && part->size < limit(object_part_min_bytes))
            return objects_fail(error, OBJECTS_SMALL_PART,
                                "Your proposed upload is smaller than the minimum allowed size");
        chosen[i] = *part;
        total += part->size;
    }
    if (total > limit(object_upload_bytes))
        return objects_fail(error, OBJECTS_TOO_LARGE, "The object is too large (limit object_upload_bytes).");
    return OBJECTS_OK;
}

static enum objects_problem copy_bytes(struct joining *joining, int in, EVP_MD_CTX *md5, struct error *error)
{
    for (;;) {
        ssize_t len = read(in, joining->window, COPY_BYTES);
        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0)
            return objects_fail_errno(error, errno, "cannot read a part");
        if (len == 0)
            return OBJECTS_OK;
        enum objects_problem problem = object_write(joining->out, joining->window, (size_t)len, error);
        if (problem != OBJECTS_OK)
            return problem;
        if (EVP_DigestUpdate(md5, joining->window, (size_t)len) != 1)
            return objects_no_memory(error);
        if (!joining->is_composite)
            checksum_update(&joining->whole, joining->window, (size_t)len);
        joining->size += (uint64_t)len;
    }
}

static enum objects_problem join_part(struct joining *joining, const struct objects_part *part, EVP_MD_CTX *md5,
                                      struct error *error)
{
    char path[UPLOAD_PATH_MAX], hex[MD5_HEX + 1];
    uint8_t digest[EVP_MAX_MD_SIZE], checksum[CHECKSUM_BYTES_MAX];
    part_path(path, joining->id, part);
    int in = openat(joining->dir->root, path, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return no_upload(error);
    enum objects_problem problem =
        EVP_DigestInit_ex(md5, EVP_md5(), NULL) == 1 ? copy_bytes(joining, in, md5, error) : objects_no_memory(error);
    close(in);
    if (problem != OBJECTS_OK)
        return problem;
    if (EVP_DigestFinal_ex(md5, digest, NULL) != 1 || EVP_DigestUpdate(joining->etag, digest, MD5_LEN) != 1)
        return objects_no_memory(error);
    hex_encode(digest, MD5_LEN, hex);
    if (strcmp(hex, part->etag) != 0)
        return objects_fail(error, OBJECTS_BAD_PART, "Part %u was damaged on the disk: upload it again.", part->number);
    if (!joining->is_composite || joining->whole.kind == CHECKSUM_NONE)
        return OBJECTS_OK;
    if (!checksum_parse(joining->whole.kind, str_of(part->checksum), checksum))
        return objects_fail(error, OBJECTS_BAD_PART, "Part %u was uploaded without the upload's checksum.",
                            part->number);
    checksum_update(&joining->whole, checksum, checksum_bytes(joining->whole.kind));
    return OBJECTS_OK;
}

static enum objects_problem join_parts(struct joining *joining, const struct objects_part *parts, size_t count,
                                       struct error *error)
{
    EVP_MD_CTX *md5 = EVP_MD_CTX_new();
    enum objects_problem problem = OBJECTS_OK;
    if (!md5 || !joining->etag || !joining->window || EVP_DigestInit_ex(joining->etag, EVP_md5(), NULL) != 1)
        problem = objects_no_memory(error);
    for (size_t i = 0; i < count && problem == OBJECTS_OK; i++)
        problem = join_part(joining, &parts[i], md5, error);
    EVP_MD_CTX_free(md5);
    return problem;
}

static enum objects_problem finish_info(struct joining *joining, size_t count, struct str expected,
                                        struct objects_info *info, struct error *error)
{
    uint8_t digest[EVP_MAX_MD_SIZE], value[CHECKSUM_BYTES_MAX];
    char hex[MD5_HEX + 1], text[CHECKSUM_BASE64_MAX + 1];
    if (EVP_DigestFinal_ex(joining->etag, digest, NULL) != 1)
        return objects_no_memory(error);
    hex_encode(digest, MD5_LEN, hex);
    info->size = joining->size;
    (void)snprintf(info->etag, sizeof(info->etag), "%s-%zu", hex, count);
    if (joining->whole.kind == CHECKSUM_NONE)
        return OBJECTS_OK;
    checksum_final(&joining->whole, value);
    checksum_base64(joining->whole.kind, value, text);
    if (joining->is_composite)
        (void)snprintf(info->checksum, sizeof(info->checksum), "%s-%zu", text, count);
    else
        (void)snprintf(info->checksum, sizeof(info->checksum), "%s", text);
    if (expected.len > 0 && !str_eq(expected, str_of(text)) && !str_eq(expected, str_of(info->checksum)))
        return objects_fail(error, OBJECTS_BAD_DIGEST,
                            "The %s you specified did not match the calculated checksum.", info->checksum_name);
    return OBJECTS_OK;
}

static enum objects_problem join(struct objects_dir *dir, struct str id, struct upload_info *upload,
                                 const struct objects_part *parts, size_t count, struct str expected,
                                 struct error *error)
{
    struct joining joining = {.dir = dir, .id = id, .out = -1, .is_composite = upload->object.checksum_is_composite};
    struct objects_info *info = &upload->object;
    if (!checksum_init(&joining.whole, checksum_kind_of(str_of(info->checksum_name))))
        return objects_no_memory(error);
    joining.etag = EVP_MD_CTX_new();
    joining.window = mem_alloc(COPY_BYTES);
    enum objects_problem problem = object_tmp_open(dir, joining.tmp, &joining.out, error);
    if (problem == OBJECTS_OK)
        problem = join_parts(&joining, parts, count, error);
    if (problem == OBJECTS_OK)
        problem = finish_info(&joining, count, expected, info, error);
    if (problem == OBJECTS_OK)
        problem = object_publish(dir, str_of(upload->bucket), str_of(upload->key), joining.tmp, joining.out, false,
                                 info, error);
    if (problem != OBJECTS_OK && joining.out >= 0)
        (void)unlinkat(dir->root, joining.tmp, 0);
    if (joining.out >= 0)
        close(joining.out);
    EVP_MD_CTX_free(joining.etag);
    checksum_deinit(&joining.whole);
    mem_free(joining.window);
    return problem;
}

enum objects_problem objects_upload_complete(struct objects *objects, struct str tenant, struct str bucket,
                                             struct str key, struct str id, const struct objects_part *parts,
                                             size_t count, struct str checksum, struct objects_info *info,
                                             struct error *error)
{
    struct objects_dir *dir = objects_dir_of(objects);
    struct objects_part *found = NULL, *chosen = NULL;
    struct upload_info *upload = mem_alloc(sizeof(*upload));
    size_t found_count = 0;
    if (!upload)
        return objects_no_memory(error);
    enum objects_problem problem = find_upload(objects, tenant, bucket, key, id, upload, error);
    if (problem == OBJECTS_OK)
        problem = read_parts(dir, id, &found, &found_count, error);
    if (problem == OBJECTS_OK && count > 0 && !(chosen = mem_calloc(count, sizeof(*chosen))))
        problem = objects_no_memory(error);
    if (problem == OBJECTS_OK)
        problem = check_parts(parts, count, found, found_count, chosen, error);
    if (problem == OBJECTS_OK)
        problem = join(dir, id, upload, chosen, count, checksum, error);
    if (problem == OBJECTS_OK) {
        *info = upload->object;
        object_upload_remove(dir, id);
    }
    mem_free(found);
    mem_free(chosen);
    mem_free(upload);
    return problem;
}
