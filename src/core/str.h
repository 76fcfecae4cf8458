/* str.h - a borrowed slice of bytes, not NUL-terminated. Any thread. */
#ifndef CORE_STR_H
#define CORE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *data;
    size_t len;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_FMT "%.*s"
#define STR_ARG(s) (int)((s).len > 0x7fffffff ? 0x7fffffff : (s).len), ((s).data ? (s).data : "")

static inline struct str str_of(const char *text) /* NULL gives the empty slice */
{
    return (struct str){text, text ? strlen(text) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool str_eq_nocase(struct str a, struct str b); /* ASCII case only */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_trim(struct str s);                       /* ASCII white space at both ends */
struct str str_slice(struct str s, size_t from, size_t to); /* clamped to the length */

/* Index of the first `needle` at or after `from`, or -1. */
ptrdiff_t str_find(struct str s, struct str needle, size_t from);
ptrdiff_t str_find_char(struct str s, char c, size_t from);

/* Takes the part before the first `separator` off *rest (all of it when there
 * is none). False once *rest is exhausted (data == NULL). */
bool str_split(struct str *rest, char separator, struct str *part);

/* Strict decimal numbers: the whole slice, no sign for u64, no white space. */
bool str_to_u64(struct str s, uint64_t *value);
bool str_to_i64(struct str s, int64_t *value);
bool str_to_double(struct str s, double *value);

/* Number of bytes of the longest prefix that is valid, complete UTF-8. */
size_t str_utf8_valid_len(struct str s);
static inline bool str_is_utf8(struct str s)
{
    return str_utf8_valid_len(s) == s.len;
}

uint64_t str_hash(struct str s); /* XXH3: for tables in memory, not for files */

#endif
