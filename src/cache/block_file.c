/* block_file.c - see block_file.h.
 *
 *   head      struct head below: magic, version, lengths, checksums, lease
 *             strings fingerprint, format, tenant, adapter, template version, salt
 *             zero bytes up to a multiple of 4
 *             i32 tokens, end - begin of them
 *             zero bytes up to a multiple of 8
 *   payload   the state, to the end of the file
 *
 * Numbers are in this machine's byte order, as the state itself is: a file of
 * another kind of machine has a version that is not ours. Checksums:
 *
 *   payload   of the payload
 *   lease     of the lease, seeded with the key's first 8 bytes
 *   head      of the head before the field, continued behind the lease to the payload
 *
 * A file is written under the name `writing` and renamed. */
#include "cache/block_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "core/io.h"
#include "core/util.h"

#define MAGIC "fulcrum kv block"
#define MAGIC_LEN 16
#define VERSION 1u
#define TEMPORARY "writing"
#define STRINGS 6

struct lease_field {
    uint64_t used_us, expires_us;
    uint32_t ttl_s, zero;
    uint64_t checksum; /* of the fields above */
};

struct head {
    char magic[MAGIC_LEN];
    uint32_t version, head_len;
    uint64_t payload_len, payload_checksum;
    uint32_t begin, end;
    uint8_t key[PREFIX_KEY_LEN], parent_key[PREFIX_KEY_LEN];
    uint16_t string_len[STRINGS];
    uint32_t zero;
    uint64_t checksum;
    struct lease_field lease;
};
_Static_assert(sizeof(struct head) == 168 && offsetof(struct head, checksum) == 128 &&
                   offsetof(struct head, lease) == 136,
               "the layout has no holes");

static size_t round_up(size_t len, size_t to)
{
    return (len + to - 1) / to * to;
}

/* --- heads ------------------------------------------------------------------------------------------- */

static void strings_of(const struct block_facts *facts, struct str out[STRINGS])
{
    const struct prefix_scope *scope = &facts->scope;
    const struct str strings[STRINGS] = {scope->fingerprint, facts->format,           scope->tenant,
                                         scope->adapter,     scope->template_version, scope->salt};
    memcpy(out, strings, sizeof(strings));
}

static size_t tokens_offset(const struct str strings[STRINGS])
{
    size_t len = sizeof(struct head);
    for (size_t i = 0; i < STRINGS; i++)
        len += strings[i].len;
    return round_up(len, 4);
}

size_t block_head_len(const struct block_facts *facts)
{
    struct str strings[STRINGS];
    strings_of(facts, strings);
    for (size_t i = 0; i < STRINGS; i++)
        if (strings[i].len > BLOCK_STRING_MAX)
            return 0;
    if (facts->end <= facts->begin || facts->end - facts->begin > BLOCK_TOKENS_MAX)
        return 0;
    return round_up(tokens_offset(strings) + (facts->end - facts->begin) * sizeof(int32_t), 8);
}

static uint64_t lease_checksum(const uint8_t key[PREFIX_KEY_LEN], const struct lease_field *lease)
{
    uint64_t seed;
    memcpy(&seed, key, sizeof(seed));
    return XXH3_64bits_withSeed(lease, offsetof(struct lease_field, checksum), seed);
}

static struct lease_field seal_lease(const uint8_t key[PREFIX_KEY_LEN], const struct block_lease *lease)
{
    struct lease_field field = {.used_us = lease->used_us, .expires_us = lease->expires_us, .ttl_s = lease->ttl_s};
    field.checksum = lease_checksum(key, &field);
    return field;
}

static uint64_t head_checksum(const uint8_t *image, size_t head_len)
{
    const uint64_t before = XXH3_64bits(image, offsetof(struct head, checksum));
    return XXH3_64bits_withSeed(image + sizeof(struct head), head_len - sizeof(struct head), before);
}

void block_image_seal(uint8_t *image, const struct block_facts *facts, uint64_t payload_len)
{
    struct str strings[STRINGS];
    strings_of(facts, strings);
    struct head head = {
        .version = VERSION,
        .head_len = (uint32_t)block_head_len(facts),
        .payload_len = payload_len,
        .begin = facts->begin,
        .end = facts->end,
        .lease = seal_lease(facts->key, &facts->lease),
    };
    memcpy(head.magic, MAGIC, MAGIC_LEN);
    memcpy(head.key, facts->key, PREFIX_KEY_LEN);
    memcpy(head.parent_key, facts->parent_key, PREFIX_KEY_LEN);
    head.payload_checksum = XXH3_64bits(image + head.head_len, payload_len);
    memset(image + sizeof(head), 0, head.head_len - sizeof(head));
    uint8_t *at = image + sizeof(head);
    for (size_t i = 0; i < STRINGS; i++) {
        head.string_len[i] = (uint16_t)strings[i].len;
        if (strings[i].len > 0)
            memcpy(at, strings[i].data, strings[i].len);
        at += strings[i].len;
    }
    memcpy(image + tokens_offset(strings), facts->tokens, (facts->end - facts->begin) * sizeof(int32_t));
    memcpy(image, &head, sizeof(head));
    head.checksum = head_checksum(image, head.head_len);
    memcpy(image, &head, sizeof(head));
}

size_t block_head_claimed(const uint8_t *image, size_t len)
{
    struct head head;
    if (len < sizeof(head))
        return 0;
    memcpy(&head, image, sizeof(head));
    return memcmp(head.magic, MAGIC, MAGIC_LEN) == 0 && head.version == VERSION ? head.head_len : 0;
}

/* Checks all but the payload's checksum. */
static bool read_head(const uint8_t *image, size_t len, uint64_t image_len, struct head *head)
{
    if (len < sizeof(*head))
        return false;
    memcpy(head, image, sizeof(*head));
    return memcmp(head->magic, MAGIC, MAGIC_LEN) == 0 && head->version == VERSION &&
           head->head_len >= sizeof(*head) && head->head_len <= len && head->payload_len <= BLOCK_PAYLOAD_MAX &&
           head->head_len + head->payload_len == image_len && head->checksum == head_checksum(image, head->head_len) &&
           head->lease.checksum == lease_checksum(head->key, &head->lease);
}

bool block_head_read(const uint8_t *image, size_t len, uint64_t image_len, struct block_facts *facts)
{
    struct head head;
    struct str strings[STRINGS];
    if (!read_head(image, len, image_len, &head))
        return false;
    size_t at = sizeof(head);
    for (size_t i = 0; i < STRINGS; i++) {
        strings[i] = (struct str){(const char *)image + at, head.string_len[i]};
        at += head.string_len[i];
    }
    const struct head *in_place = (const struct head *)(const void *)image;
    *facts = (struct block_facts){
        .key = in_place->key,
        .parent_key = in_place->parent_key,
        .scope = {.tenant = strings[2],
                  .fingerprint = strings[0],
                  .adapter = strings[3],
                  .template_version = strings[4],
                  .salt = strings[5]},
        .format = strings[1],
        .begin = head.begin,
        .end = head.end,
        .tokens = (const int32_t *)(const void *)(image + tokens_offset(strings)),
        .lease = {head.lease.used_us, head.lease.expires_us, head.lease.ttl_s},
    };
    return block_head_len(facts) == head.head_len; /* so strings and tokens lie within it */
}

bool block_image_payload_of_ours(const uint8_t *image, size_t len, struct str *payload)
{
    struct head head;
    memcpy(&head, image, sizeof(head));
    if (head.head_len + head.payload_len != len)
        return false;
    *payload = (struct str){(const char *)image + head.head_len, head.payload_len};
    return XXH3_64bits(payload->data, payload->len) == head.payload_checksum;
}

bool block_image_payload(const uint8_t *image, size_t len, struct str *payload)
{
    struct head head;
    return read_head(image, len, len, &head) && block_image_payload_of_ours(image, len, payload);
}

/* --- files ------------------------------------------------------------------------------------------- */

void block_name(const uint8_t key[PREFIX_KEY_LEN], char name[BLOCK_NAME_LEN + 1])
{
    hex_encode(key, PREFIX_KEY_LEN, name);
}

bool block_name_is(const char *name)
{
    return strlen(name) == BLOCK_NAME_LEN && strspn(name, "0123456789abcdef") == BLOCK_NAME_LEN;
}

enum error_code block_file_write(int dir, const uint8_t key[PREFIX_KEY_LEN], const uint8_t *image, size_t len,
                                 struct error *error)
{
    char name[BLOCK_NAME_LEN + 1];
    block_name(key, name);
    const int fd = openat(dir, TEMPORARY, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot make a file in the cache's directory");
    bool is_good = io_write_all(fd, image, len);
    int os_errno = errno;
    if (close(fd) != 0 && is_good) {
        is_good = false;
        os_errno = errno;
    }
    if (is_good && renameat(dir, TEMPORARY, dir, name) == 0)
        return OK;
    os_errno = is_good ? errno : os_errno;
    (void)unlinkat(dir, TEMPORARY, 0);
    return error_set_errno(error, ERROR_IO, os_errno, "cannot write %zu bytes to the cache's directory", len);
}

static enum error_code cannot_open(const char *name, struct error *error)
{
    const int os_errno = errno;
    return error_set_errno(error, os_errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO, os_errno, "cannot open block %s",
                           name);
}

enum error_code block_file_read(int dir, const uint8_t key[PREFIX_KEY_LEN], uint8_t *image, size_t len,
                                struct error *error)
{
    char name[BLOCK_NAME_LEN + 1];
    struct stat facts;
    struct head head;
    struct str payload;
    block_name(key, name);
    const int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return cannot_open(name, error);
    const bool is_whole = fstat(fd, &facts) == 0 && (uint64_t)facts.st_size == len && io_read_at(fd, image, len, 0);
    close(fd);
    if (!is_whole || !read_head(image, len, len, &head) || memcmp(head.key, key, PREFIX_KEY_LEN) != 0 ||
        !block_image_payload_of_ours(image, len, &payload))
        return error_set(error, ERROR_INVALID, "block %s is damaged", name);
    return OK;
}

enum error_code block_file_renew(int dir, const uint8_t key[PREFIX_KEY_LEN], const struct block_lease *lease,
                                 struct error *error)
{
    char name[BLOCK_NAME_LEN + 1];
    block_name(key, name);
    const struct lease_field field = seal_lease(key, lease);
    const int fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return cannot_open(name, error);
    const bool is_good = pwrite(fd, &field, sizeof(field), offsetof(struct head, lease)) == (ssize_t)sizeof(field);
    const int os_errno = errno;
    close(fd);
    return is_good ? OK : error_set_errno(error, ERROR_IO, os_errno, "cannot renew block %s", name);
}

void block_file_remove(int dir, const uint8_t key[PREFIX_KEY_LEN])
{
    char name[BLOCK_NAME_LEN + 1];
    block_name(key, name);
    (void)unlinkat(dir, name, 0);
}
