/* checksum.c - tables and instructions for three CRCs, OpenSSL for two SHAs. See checksum.h. */
#include "core/checksum.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <zlib.h>

#include "core/buf.h"
#include "core/util.h"

#define SLICES 8
#define CRC32C_POLYNOMIAL UINT64_C(0x82f63b78)            /* reflected */
#define CRC64NVME_POLYNOMIAL UINT64_C(0x9a6c9329ac4bc9b5) /* reflected */

static const struct {
    const char *name;
    size_t bytes;
} kinds[CHECKSUM_KINDS] = {
    [CHECKSUM_NONE] = {"", 0},           [CHECKSUM_CRC32] = {"crc32", 4},
    [CHECKSUM_CRC32C] = {"crc32c", 4},   [CHECKSUM_CRC64NVME] = {"crc64nvme", 8},
    [CHECKSUM_SHA1] = {"sha1", 20},      [CHECKSUM_SHA256] = {"sha256", 32},
};

enum checksum_kind checksum_kind_of(struct str name)
{
    for (size_t i = CHECKSUM_NONE + 1; i < CHECKSUM_KINDS; i++)
        if (str_eq_nocase(name, str_of(kinds[i].name)))
            return (enum checksum_kind)i;
    return CHECKSUM_NONE;
}

const char *checksum_name(enum checksum_kind kind)
{
    return kinds[kind].name;
}

size_t checksum_bytes(enum checksum_kind kind)
{
    return kinds[kind].bytes;
}

/* --- CRCs by eight bytes at a time: table[n][b] is the CRC of byte b with n zero bytes behind it
 * (Kounavis and Berry, "A systematic approach to building high performance software-based CRC generators"). --- */

static uint64_t crc32c_table[SLICES][256], crc64nvme_table[SLICES][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void make_table(uint64_t table[SLICES][256], uint64_t polynomial)
{
    for (uint64_t byte = 0; byte < 256; byte++) {
        uint64_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? polynomial : 0);
        table[0][byte] = crc;
    }
    for (size_t n = 1; n < SLICES; n++)
        for (size_t byte = 0; byte < 256; byte++)
            table[n][byte] = table[n - 1][byte] >> 8 ^ table[0][table[n - 1][byte] & 0xff];
}

static void make_tables(void)
{
    make_table(crc32c_table, CRC32C_POLYNOMIAL);
    make_table(crc64nvme_table, CRC64NVME_POLYNOMIAL);
}

static uint64_t crc_update(uint64_t table[SLICES][256], uint64_t crc, const uint8_t *data, size_t len)
{
    for (; len >= SLICES; data += SLICES, len -= SLICES) {
        uint64_t next = 0;
        for (unsigned i = 0; i < SLICES; i++)
            next ^= table[SLICES - 1 - i][(crc >> (8 * i) ^ data[i]) & 0xff];
        crc = next;
    }
    for (; len > 0; data++, len--)
        crc = crc >> 8 ^ table[0][(crc ^ *data) & 0xff];
    return crc;
}

/* --- the checksum --- */

bool checksum_init(struct checksum *checksum, enum checksum_kind kind)
{
    *checksum = (struct checksum){.kind = kind};
    (void)pthread_once(&tables_once, make_tables);
    if (kind == CHECKSUM_CRC32C)
        checksum->crc = UINT32_MAX;
    if (kind == CHECKSUM_CRC64NVME)
        checksum->crc = UINT64_MAX;
    if (kind != CHECKSUM_SHA1 && kind != CHECKSUM_SHA256)
        return true;
    checksum->digest = EVP_MD_CTX_new();
    if (checksum->digest &&
        EVP_DigestInit_ex(checksum->digest, kind == CHECKSUM_SHA1 ? EVP_sha1() : EVP_sha256(), NULL) == 1)
        return true;
    checksum_deinit(checksum);
    return false;
}

void checksum_update(struct checksum *checksum, const void *data, size_t len)
{
    if (len == 0)
        return;
    switch (checksum->kind) {
    case CHECKSUM_NONE: break;
    case CHECKSUM_CRC32: checksum->crc = crc32_z((uLong)checksum->crc, data, len); break;
    case CHECKSUM_CRC32C: checksum->crc = crc_update(crc32c_table, checksum->crc, data, len); break;
    case CHECKSUM_CRC64NVME: checksum->crc = crc_update(crc64nvme_table, checksum->crc, data, len); break;
    case CHECKSUM_SHA1:
    case CHECKSUM_SHA256: (void)EVP_DigestUpdate(checksum->digest, data, len); break;
    }
}

void checksum_final(struct checksum *checksum, uint8_t out[CHECKSUM_BYTES_MAX])
{
    size_t bytes = checksum_bytes(checksum->kind);
    uint64_t crc = checksum->kind == CHECKSUM_CRC32 ? checksum->crc : ~checksum->crc;
    memset(out, 0, CHECKSUM_BYTES_MAX);
    if (checksum->digest)
        (void)EVP_DigestFinal_ex(checksum->digest, out, NULL);
    else
        for (size_t i = 0; i < bytes; i++)
            out[i] = (uint8_t)(crc >> (8 * (bytes - 1 - i)));
}

void checksum_deinit(struct checksum *checksum)
{
    EVP_MD_CTX_free(checksum->digest);
    checksum->digest = NULL;
}

void checksum_base64(enum checksum_kind kind, const uint8_t value[CHECKSUM_BYTES_MAX],
                     char out[CHECKSUM_BASE64_MAX + 1])
{
    out[0] = '\0';
    (void)EVP_EncodeBlock((unsigned char *)out, value, (int)checksum_bytes(kind));
}

bool checksum_parse(enum checksum_kind kind, struct str text, uint8_t value[CHECKSUM_BYTES_MAX])
{
    struct buf decoded;
    buf_init(&decoded, 2 * CHECKSUM_BYTES_MAX);
    bool is_good = text.len <= CHECKSUM_BASE64_MAX && base64_decode(text, &decoded) &&
                   decoded.len == checksum_bytes(kind) && kind != CHECKSUM_NONE;
    if (is_good)
        memcpy(value, decoded.data, decoded.len);
    buf_deinit(&decoded);
    return is_good;
}
