/* subject.h - who or what a budget is of: a tenant, a virtual key, or a tag. Plain data, any thread. */
#ifndef KEYS_SUBJECT_H
#define KEYS_SUBJECT_H

#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"

enum subject_kind { SUBJECT_TENANT, SUBJECT_KEY, SUBJECT_TAG, SUBJECT_KINDS };
extern const char *const subject_kind_names[SUBJECT_KINDS + 1]; /* "tenant", "key", "tag"; ends with NULL */
bool subject_kind_find(struct str name, enum subject_kind *kind);

struct subject {
    enum subject_kind kind;
    struct str tenant; /* whose requests alone count; of a tag empty: everybody's; of a key empty: it is its tenant's */
    struct str name;   /* ID of the key; of the tag KEY=VALUE; of a tenant empty */
};

#define TAG_KEY_MAX 128
#define TAG_VALUE_MAX 256

/* Whether a key and a value may be a tag's: letters, digits, spaces and _.:/+@-, as AWS has them, so that none needs an
 * escape in JSON; the key has no "=" either. */
bool tag_is_key(struct str key);
bool tag_is_value(struct str value);
bool tag_split(struct str tag, struct str *key, struct str *value); /* "KEY=VALUE"; false: it is none */

/* "tenant shop", "key FK... (NAME)" without the name, "tag team=red of tenant shop". */
void subject_append(struct buf *out, const struct subject *subject);

uint64_t subject_hash(const struct subject *subject);
static inline bool subject_eq(const struct subject *a, const struct subject *b)
{
    return a->kind == b->kind && str_eq(a->name, b->name) && str_eq(a->tenant, b->tenant);
}

#endif
