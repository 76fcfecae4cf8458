/* Completing a multipart upload: its parts become one object. Parts aren't synced
 * one by one: all are read here, and each is compared with its ETag. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "core/checksum.h"
#include "core/limits.h"
#include "core/util.h"
#include "store/objects_upload_internal.h"

#define COPY_BYTES ((size_t)262144)

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
    char path[UPLOAD_PATH_MAX], hex[UPLOAD_MD5_HEX + 1];
    uint8_t digest[EVP_MAX_MD_SIZE], checksum[CHECKSUM_BYTES_MAX];
    upload_part_path(path, joining->id, part);
    int in = openat(joining->dir->root, path, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return upload_missing(error);
    enum objects_problem problem =
        EVP_DigestInit_ex(md5, EVP_md5(), NULL) == 1 ? copy_bytes(joining, in, md5, error) : objects_no_memory(error);
    close(in);
    if (problem != OBJECTS_OK)
        return problem;
    if (EVP_DigestFinal_ex(md5, digest, NULL) != 1 || EVP_DigestUpdate(joining->etag, digest, UPLOAD_MD5_LEN) != 1)
        return objects_no_memory(error);
    hex_encode(digest, UPLOAD_MD5_LEN, hex);
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

static enum objects_problem finish_info(struct joining *joining, const struct objects_completion *wanted,
                                        struct objects_info *info, struct error *error)
{
    const size_t count = wanted->count;
    const struct str expected = wanted->checksum;
    uint8_t digest[EVP_MAX_MD_SIZE], value[CHECKSUM_BYTES_MAX];
    char hex[UPLOAD_MD5_HEX + 1], text[CHECKSUM_BASE64_MAX + 1];
    if (EVP_DigestFinal_ex(joining->etag, digest, NULL) != 1)
        return objects_no_memory(error);
    hex_encode(digest, UPLOAD_MD5_LEN, hex);
    info->size = joining->size;
    info->part_count = (unsigned)count;
    if (wanted->size != OBJECTS_SIZE_UNKNOWN && wanted->size != joining->size)
        return objects_fail(error, OBJECTS_BAD_LENGTH, "The parts together do not have the size that was announced.");
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

/* Counts and sizes in turn, for the description. */
static bool append_parts(struct buf *out, const struct objects_part *parts, size_t count)
{
    for (size_t i = 0, same; i < count; i += same) {
        for (same = 1; i + same < count && parts[i + same].size == parts[i].size; same++)
            ;
        buf_appendf(out, "%s%zu,%" PRIu64, i > 0 ? "," : "", same, parts[i].size);
    }
    return !out->failed;
}

static enum objects_problem publish(struct joining *joining, struct upload_info *upload, uint64_t generation,
                                    const struct objects_part *parts, const struct objects_completion *wanted,
                                    uint64_t *replaced, struct error *error)
{
    struct buf text;
    buf_init(&text, OBJECTS_META_BYTES / 2);
    enum objects_problem problem =
        append_parts(&text, parts, wanted->count) ? OBJECTS_OK : objects_no_memory(error);
    struct object_publication publication = {.bucket = str_of(upload->bucket),
                                             .key = str_of(upload->key),
                                             .generation = generation,
                                             .tmp = joining->tmp,
                                             .fd = joining->out,
                                             .conditions = &wanted->conditions,
                                             .upload = joining->id,
                                             .parts = buf_str(&text)};
    if (problem == OBJECTS_OK)
        problem = object_publish(joining->dir, &publication, &upload->object, error);
    *replaced = publication.replaced;
    buf_deinit(&text);
    return problem;
}

static enum objects_problem join(struct objects_dir *dir, struct str id, struct upload_info *upload,
                                 uint64_t generation, const struct objects_part *parts,
                                 const struct objects_completion *wanted, uint64_t *replaced, struct error *error)
{
    struct joining joining = {.dir = dir, .id = id, .out = -1, .is_composite = upload->object.checksum_is_composite};
    struct objects_info *info = &upload->object;
    if (!checksum_init(&joining.whole, checksum_kind_of(str_of(info->checksum_name))))
        return objects_no_memory(error);
    joining.etag = EVP_MD_CTX_new();
    joining.window = mem_alloc(COPY_BYTES);
    enum objects_problem problem = object_tmp_open(dir, joining.tmp, &joining.out, error);
    if (problem == OBJECTS_OK)
        problem = join_parts(&joining, parts, wanted->count, error);
    if (problem == OBJECTS_OK)
        problem = finish_info(&joining, wanted, info, error);
    if (problem == OBJECTS_OK)
        problem = publish(&joining, upload, generation, parts, wanted, replaced, error);
    if (problem != OBJECTS_OK && joining.out >= 0)
        (void)unlinkat(dir->root, joining.tmp, 0);
    if (joining.out >= 0)
        close(joining.out);
    EVP_MD_CTX_free(joining.etag);
    checksum_deinit(&joining.whole);
    mem_free(joining.window);
    return problem;
}

/* --- one at a time, and the same again --- */

bool upload_is_completing(const struct objects_dir *dir, struct str id)
{
    for (const struct upload_completing *each = dir->completing; each; each = each->next)
        if (str_eq(each->id, id))
            return true;
    return false;
}

/* Two at once would each write the whole object to the disk. */
static enum objects_problem begin_completing(struct objects_dir *dir, struct upload_completing *completing,
                                             struct error *error)
{
    pthread_mutex_lock(&dir->upload_mutex);
    bool is_first = !upload_is_completing(dir, completing->id);
    if (is_first) {
        completing->next = dir->completing;
        dir->completing = completing;
    }
    pthread_mutex_unlock(&dir->upload_mutex);
    return is_first ? OBJECTS_OK
                    : objects_fail(error, OBJECTS_UNAVAILABLE, "The upload is being completed already, ask again.");
}

static void end_completing(struct objects_dir *dir, struct upload_completing *completing)
{
    pthread_mutex_lock(&dir->upload_mutex);
    struct upload_completing **link = &dir->completing;
    while (*link != completing)
        link = &(*link)->next;
    *link = completing->next;
    pthread_mutex_unlock(&dir->upload_mutex);
}

/* The ETag of an object made of the named parts. */
static bool etag_of_parts(const struct objects_completion *wanted, char etag[OBJECTS_ETAG_MAX + 1])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    char hex[UPLOAD_MD5_HEX + 1];
    EVP_MD_CTX *md5 = EVP_MD_CTX_new();
    bool is_good = md5 && EVP_DigestInit_ex(md5, EVP_md5(), NULL) == 1;
    for (size_t i = 0; is_good && i < wanted->count; i++)
        is_good = hex_decode(str_of(wanted->parts[i].etag), digest, UPLOAD_MD5_LEN) &&
                  EVP_DigestUpdate(md5, digest, UPLOAD_MD5_LEN) == 1;
    is_good = is_good && EVP_DigestFinal_ex(md5, digest, NULL) == 1;
    EVP_MD_CTX_free(md5);
    if (!is_good)
        return false;
    hex_encode(digest, UPLOAD_MD5_LEN, hex);
    return snprintf(etag, OBJECTS_ETAG_MAX + 1, "%s-%zu", hex, wanted->count) <= OBJECTS_ETAG_MAX;
}

/* The upload is over: is what is under the key now what it became, of these parts? */
static enum objects_problem find_completed(struct objects_dir *dir, struct str bucket, struct str key, struct str id,
                                           const struct objects_completion *wanted, struct objects_info *info,
                                           struct error *error)
{
    struct object_description found;
    char etag[OBJECTS_ETAG_MAX + 1];
    struct error ignored;
    int fd;
    if (object_open(dir, bucket, key, &fd, &found, NULL, &ignored) != OBJECTS_OK)
        return upload_missing(error);
    close(fd);
    if (id.len == 0 || !str_eq(id, str_of(found.upload)) || !etag_of_parts(wanted, etag) ||
        strcmp(etag, found.info.etag) != 0)
        return upload_missing(error);
    *info = found.info;
    return OBJECTS_OK;
}

static enum objects_problem complete(struct objects_dir *dir, struct upload_info *upload,
                                     const struct bucket_record *record, struct str id,
                                     const struct objects_completion *wanted, struct error *error)
{
    struct objects_part *found = NULL, *chosen = NULL;
    size_t found_count = 0;
    uint64_t replaced = 0;
    enum objects_problem problem = upload_read_parts(dir, id, &found, &found_count, error);
    if (problem == OBJECTS_OK && wanted->count > 0 && !(chosen = mem_calloc(wanted->count, sizeof(*chosen))))
        problem = objects_no_memory(error);
    if (problem == OBJECTS_OK)
        problem = check_parts(wanted->parts, wanted->count, found, found_count, chosen, error);
    if (problem == OBJECTS_OK)
        problem = join(dir, id, upload, record->generation, chosen, wanted, &replaced, error);
    if (problem == OBJECTS_OK) {
        upload_remove(dir, str_of(record->tenant), id);
        objects_usage_subtract(&dir->usage, str_of(record->tenant), replaced);
        problem = objects_usage_add(&dir->usage, str_of(record->tenant), upload->object.size, error);
    }
    mem_free(found);
    mem_free(chosen);
    return problem;
}

enum objects_problem objects_upload_complete(struct objects *objects, struct str tenant, struct str bucket,
                                             struct str key, struct str id, const struct objects_completion *wanted,
                                             struct objects_info *info, struct error *error)
{
    struct objects_dir *dir = objects_dir_of(objects);
    struct bucket_record record;
    struct upload_completing completing = {.id = id};
    struct upload_info *upload = mem_alloc(sizeof(*upload));
    if (!upload)
        return objects_no_memory(error);
    enum objects_problem problem = upload_find(objects, tenant, bucket, key, id, upload, &record, error);
    if (problem == OBJECTS_NO_UPLOAD) {
        problem = find_completed(dir, bucket, key, id, wanted, info, error);
        mem_free(upload);
        return problem;
    }
    if (problem == OBJECTS_OK)
        problem = begin_completing(dir, &completing, error);
    if (problem == OBJECTS_OK) {
        problem = complete(dir, upload, &record, id, wanted, error);
        end_completing(dir, &completing);
    }
    if (problem == OBJECTS_OK)
        *info = upload->object;
    mem_free(upload);
    return problem;
}
