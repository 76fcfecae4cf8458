/* util.h - clock, random numbers, hashes, identifiers. Any thread. */
#ifndef CORE_UTIL_H
#define CORE_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "core/str.h"

uint64_t clock_now_us(void);  /* monotonic */
uint64_t clock_wall_us(void); /* since 1970, UTC */
#define TIMESTAMP_LEN 24      /* "2026-11-24T12:34:56.789Z" */
struct timespec clock_after_ms(uint64_t ms); /* monotonic, so long from now: the end of a wait */
void clock_iso8601(uint64_t wall_us, char out[TIMESTAMP_LEN + 1]);
/* 2026-11-29, 2026-11-29T21:47, 2026-11-29T21:47:05 or with a fraction, UTC, with or without a Z behind a time of day.
 * False: it is none, or not after 1970 began. */
bool clock_parse(struct str text, uint64_t *wall_us);

/* Small reproducible generator (xoshiro256**), for sampling and tests. */
struct rng {
    uint64_t state[4];
};
void rng_seed(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
double rng_unit(struct rng *rng);                   /* [0, 1) */
uint64_t rng_below(struct rng *rng, uint64_t bound); /* [0, bound), bound > 0 */

void random_bytes(void *out, size_t len); /* from the kernel */
void random_id(char *out, size_t len);    /* writes len lower-case letters and digits, and a NUL */
bool is_random_id(struct str text, size_t len); /* whether it could have */

#define UUID_LEN 36
void uuid_v4(char out[UUID_LEN + 1]);
void uuid_of_text(struct str text, char out[UUID_LEN + 1]); /* the same text has the same one: version 8, by SHA-256 */

#define SHA256_LEN 32
void sha256(struct str data, uint8_t out[SHA256_LEN]);
void hex_encode(const void *data, size_t len, char *out); /* writes 2*len + 1 bytes */
int hex_digit(char c);                                    /* of either case; -1: it is none */
bool hex_decode(struct str text, void *out, size_t len);  /* exactly 2*len digits, of either case */

uint32_t crc32_ieee(uint32_t seed, const void *data, size_t len); /* seed 0 to start */

#endif
