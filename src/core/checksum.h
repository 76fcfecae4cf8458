/* checksum.h - the checksums that S3 clients send and ask for, bytes coming in
 * pieces. A struct checksum belongs to one thread at a time.
 *
 * crc32 is ISO-HDLC (zlib's), crc32c is Castagnoli's (iSCSI), crc64nvme that of
 * the NVM Express specification; values are big-endian. */
#ifndef CORE_CHECKSUM_H
#define CORE_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/str.h"

#define CHECKSUM_BYTES_MAX 32
#define CHECKSUM_BASE64_MAX 44

enum checksum_kind {
    CHECKSUM_NONE,
    CHECKSUM_CRC32,
    CHECKSUM_CRC32C,
    CHECKSUM_CRC64NVME,
    CHECKSUM_SHA1,
    CHECKSUM_SHA256,
};
#define CHECKSUM_KINDS 6

/* "crc32", "crc32c", "crc64nvme", "sha1", "sha256" in either case; CHECKSUM_NONE for others. */
enum checksum_kind checksum_kind_of(struct str name);
const char *checksum_name(enum checksum_kind kind); /* lower case; "" for none */
size_t checksum_bytes(enum checksum_kind kind);

struct checksum {
    enum checksum_kind kind;
    uint64_t crc;
    void *digest; /* SHA only */
};

bool checksum_init(struct checksum *checksum, enum checksum_kind kind); /* false: no memory */
void checksum_update(struct checksum *checksum, const void *data, size_t len);
void checksum_final(struct checksum *checksum, uint8_t out[CHECKSUM_BYTES_MAX]);
void checksum_deinit(struct checksum *checksum); /* zero is legal */

/* The value in base64, NUL-terminated. */
void checksum_base64(enum checksum_kind kind, const uint8_t value[CHECKSUM_BYTES_MAX],
                     char out[CHECKSUM_BASE64_MAX + 1]);
/* And back; false unless it is exactly as long as the kind's values are. */
bool checksum_parse(enum checksum_kind kind, struct str text, uint8_t value[CHECKSUM_BYTES_MAX]);

#endif
