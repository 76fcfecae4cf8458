/* util.c - the clock, the kernel's random bytes and a reproducible generator, hashes. Small things without a better
 * place. See util.h. */
#include "core/util.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <zlib.h>

static uint64_t clock_us(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_now_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

uint64_t clock_wall_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

struct timespec clock_after_ms(uint64_t ms)
{
    const uint64_t until_us = clock_now_us() + ms * 1000;
    return (struct timespec){.tv_sec = (time_t)(until_us / 1000000), .tv_nsec = (long)(until_us % 1000000) * 1000};
}

void clock_iso8601(uint64_t wall_us, char out[TIMESTAMP_LEN + 1])
{
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm utc;
    (void)gmtime_r(&seconds, &utc);
    (void)strftime(out, TIMESTAMP_LEN + 1, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(out + 19, 6, ".%03uZ", (unsigned)(wall_us / 1000 % 1000));
}

/* ".789" of a second in microseconds, what is finer cut off; *text goes behind it. */
static uint64_t take_fraction(const char **text)
{
    uint64_t us = 0, unit = 100000;
    for ((*text)++; **text >= '0' && **text <= '9'; (*text)++, unit /= 10)
        us += (uint64_t)(**text - '0') * unit;
    return us;
}

bool clock_parse(struct str text, uint64_t *wall_us)
{
    static const char *const formats[] = {"%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"};
    char copy[40];
    if (text.len >= sizeof(copy))
        return false;
    (void)snprintf(copy, sizeof(copy), STR_FMT, STR_ARG(text));
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        struct tm tm = {0};
        const char *end = strptime(copy, formats[i], &tm);
        const uint64_t fraction = end && i == 2 && end[0] == '.' && end[1] >= '0' && end[1] <= '9'
                                      ? take_fraction(&end) : 0;
        const bool is_whole = end && (!*end || (i > 0 && end[0] == 'Z' && !end[1]));
        const time_t seconds = is_whole ? timegm(&tm) : 0;
        if (seconds <= 0)
            continue;
        *wall_us = (uint64_t)seconds * 1000000 + fraction;
        return true;
    }
    return false;
}

/* splitmix64, the seeding that xoshiro's authors recommend
 * (Blackman and Vigna, "Scrambled linear pseudorandom number generators"). */
static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

void rng_seed(struct rng *rng, uint64_t seed)
{
    for (size_t i = 0; i < 4; i++)
        rng->state[i] = splitmix64(&seed);
}

static uint64_t rotate_left(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

uint64_t rng_next(struct rng *rng)
{
    uint64_t *s = rng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

double rng_unit(struct rng *rng)
{
    return (double)(rng_next(rng) >> 11) * 0x1.0p-53;
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    /* Rejection keeps it unbiased; `threshold` is 2^64 mod bound. */
    uint64_t threshold = (0 - bound) % bound;
    uint64_t value;
    do
        value = rng_next(rng);
    while (value < threshold);
    return value % bound;
}

void random_bytes(void *out, size_t len)
{
    uint8_t *bytes = out;
    while (len > 0) {
        ssize_t got = getrandom(bytes, len, 0);
        if (got < 0) {
            if (errno == EINTR)
                continue;
            abort(); /* no kernel that runs this program lacks it */
        }
        bytes += got;
        len -= (size_t)got;
    }
}

void random_id(char *out, size_t len)
{
    static const char characters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    uint64_t seed;
    struct rng rng;
    random_bytes(&seed, sizeof(seed));
    rng_seed(&rng, seed);
    for (size_t i = 0; i < len; i++)
        out[i] = characters[rng_below(&rng, sizeof(characters) - 1)];
    out[len] = '\0';
}

bool is_random_id(struct str text, size_t len)
{
    for (size_t i = 0; i < text.len; i++)
        if (!(text.data[i] >= 'a' && text.data[i] <= 'z') && !(text.data[i] >= '0' && text.data[i] <= '9'))
            return false;
    return text.len == len;
}

void hex_encode(const void *data, size_t len, char *out)
{
    static const char DIGITS[] = "0123456789abcdef";
    const uint8_t *bytes = data;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = DIGITS[bytes[i] >> 4];
        out[2 * i + 1] = DIGITS[bytes[i] & 15];
    }
    out[2 * len] = '\0';
}

int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool hex_decode(struct str text, void *out, size_t len)
{
    uint8_t *bytes = out;
    if (text.len != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(text.data[2 * i]), low = hex_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

/* One system call serves many identifiers: a request must not pay for its own. */
static void pooled_random(uint8_t out[16])
{
    static _Thread_local uint8_t pool[1024];
    static _Thread_local size_t left;
    if (left < 16) {
        random_bytes(pool, sizeof(pool));
        left = sizeof(pool);
    }
    left -= 16;
    memcpy(out, pool + left, 16);
    memset(pool + left, 0, 16);
}

static void write_uuid(const uint8_t bytes[16], char out[UUID_LEN + 1])
{
    char hex[33];
    hex_encode(bytes, 16, hex);
    (void)snprintf(out, UUID_LEN + 1, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

void uuid_v4(char out[UUID_LEN + 1])
{
    uint8_t raw[16];
    pooled_random(raw);
    raw[6] = (uint8_t)((raw[6] & 0x0f) | 0x40);
    raw[8] = (uint8_t)((raw[8] & 0x3f) | 0x80);
    write_uuid(raw, out);
}

void uuid_of_text(struct str text, char out[UUID_LEN + 1])
{
    uint8_t hash[SHA256_LEN];
    sha256(text, hash);
    hash[6] = (uint8_t)((hash[6] & 0x0f) | 0x80);
    hash[8] = (uint8_t)((hash[8] & 0x3f) | 0x80);
    write_uuid(hash, out);
}

void sha256(struct str data, uint8_t out[SHA256_LEN])
{
    unsigned len = SHA256_LEN;
    if (!EVP_Digest(data.data ? data.data : "", data.len, out, &len, EVP_sha256(), NULL))
        abort(); /* OpenSSL without SHA-256 is no OpenSSL */
}

uint32_t crc32_ieee(uint32_t seed, const void *data, size_t len)
{
    return (uint32_t)crc32_z(seed, data, len);
}
