/* seal.h - rows of one series that follow each other, packed into one: a minute's row by itself is mostly overhead, and
 * like the one before it. A chunk is entries one after the other (offset of the bucket in 2 bytes, length of its row in
 * 4, big-endian, the row), compressed by zstd. A bucket may be there more than once: who reads adds up. One thread. */
#ifndef MONITOR_SEAL_H
#define MONITOR_SEAL_H

#include "core/buf.h"
#include "core/error.h"

#define SEAL_BYTES_MAX ((size_t)16 << 20) /* of a chunk's entries */

struct seal; /* contexts of zstd, and room */

enum error_code seal_new(struct seal **seal, struct error *error) WARN_UNUSED;
void seal_free(struct seal *seal); /* NULL is legal */

void seal_append(struct buf *entries, uint16_t offset, struct str row);
/* What compresses `entries`; valid until the next call. ERROR_INTERNAL: memory is out, or there is too much. */
enum error_code seal_pack(struct seal *seal, struct str entries, struct str *packed, struct error *error) WARN_UNUSED;
/* The entries of a chunk; valid until the next call. ERROR_INTERNAL: it is damaged. */
enum error_code seal_unpack(struct seal *seal, struct str packed, struct str *entries, struct error *error) WARN_UNUSED;
/* The first of entries, which *entries then begins behind. False: there is none, or what follows is damaged. */
bool seal_take(struct str *entries, uint16_t *offset, struct str *row);

#endif
