/* block_file.h - the image of one stored block: a head that says what the state
 * is of, and the state. In memory and on disk it is the same run of bytes, so
 * that writing one is a write(2) and nothing is made twice.
 *
 * A file is believed only if every byte of it is accounted for: its length, the
 * checksums (XXH3) of head, lease and payload, and the key in its name, which
 * the prefix tree computes again from scope and tokens. Anything else is a miss
 * and the caller removes it. Files are read and written whole by read(2) and
 * write(2), never mapped: a damaged page would be a signal instead of an error.
 * Nothing is synced: what the kernel lost is a miss.
 *
 * Images are aligned to 8 bytes at least. Any thread; no state of its own. The
 * layout is in block_file.c. */
#ifndef CACHE_BLOCK_FILE_H
#define CACHE_BLOCK_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/tree.h"
#include "core/error.h"
#include "core/str.h"

#define BLOCK_NAME_LEN (2 * PREFIX_KEY_LEN) /* of a file: the key in hexadecimal digits */
#define BLOCK_STRING_MAX 1024u              /* bytes of each string of a head */
#define BLOCK_TOKENS_MAX (1u << 20)
#define BLOCK_PAYLOAD_MAX (UINT64_C(1) << 40)

/* How long the block is good for, in microseconds of the wall clock: renewed in
 * place, so it has a checksum of its own. */
struct block_lease {
    uint64_t used_us;
    uint64_t expires_us; /* 0: stays until it is evicted */
    uint32_t ttl_s;      /* 0: none */
};

struct block_facts {
    const uint8_t *key, *parent_key; /* PREFIX_KEY_LEN each */
    struct prefix_scope scope;
    struct str format; /* of the state: library, its version, types of keys and values */
    uint32_t begin, end; /* of the prompt, in tokens */
    const int32_t *tokens; /* end - begin */
    struct block_lease lease;
};

/* Bytes before the payload; 0: a string or the tokens are over their limit. */
size_t block_head_len(const struct block_facts *facts);

/* Writes the head, whose payload of `payload_len` bytes is behind it already. */
void block_image_seal(uint8_t *image, const struct block_facts *facts, uint64_t payload_len);

/* Head alone: true if it is whole, within `len` bytes, and belongs to an image
 * of `image_len` bytes. Facts point into it. */
bool block_head_read(const uint8_t *head, size_t len, uint64_t image_len, struct block_facts *facts);

/* How long the head says it is, unchecked; 0: this is none. For who reads a file's begin. */
size_t block_head_claimed(const uint8_t *head, size_t len);

/* The payload of an image; false: a byte of the image is not as it was sealed. */
bool block_image_payload(const uint8_t *image, size_t len, struct str *payload);
/* The same for an image whose head is known to be good. */
bool block_image_payload_of_ours(const uint8_t *image, size_t len, struct str *payload);

/* --- files, below an open directory -------------------------------------------------------------------- */

void block_name(const uint8_t key[PREFIX_KEY_LEN], char name[BLOCK_NAME_LEN + 1]);
bool block_name_is(const char *name); /* could be one of ours */

/* Puts the file into its place whole or not at all. One writer per directory. */
enum error_code block_file_write(int dir, const uint8_t key[PREFIX_KEY_LEN], const uint8_t *image, size_t len,
                                 struct error *error) WARN_UNUSED;
/* The whole file of exactly `len` bytes, checked, with this key. ERROR_NOT_FOUND: it is gone; ERROR_INVALID: damaged,
 * or another's. */
enum error_code block_file_read(int dir, const uint8_t key[PREFIX_KEY_LEN], uint8_t *image, size_t len,
                                struct error *error) WARN_UNUSED;
/* Overwrites the lease of a file. */
enum error_code block_file_renew(int dir, const uint8_t key[PREFIX_KEY_LEN], const struct block_lease *lease,
                                 struct error *error) WARN_UNUSED;
void block_file_remove(int dir, const uint8_t key[PREFIX_KEY_LEN]); /* no such file: nothing */

#endif
