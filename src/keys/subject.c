/* subject.c - see subject.h. */
#include "keys/subject.h"

const char *const subject_kind_names[SUBJECT_KINDS + 1] = {
    [SUBJECT_TENANT] = "tenant", [SUBJECT_KEY] = "key", [SUBJECT_TAG] = "tag"};

bool subject_kind_find(struct str name, enum subject_kind *kind)
{
    for (int i = 0; i < SUBJECT_KINDS; i++) {
        if (!str_eq(name, str_of(subject_kind_names[i])))
            continue;
        *kind = (enum subject_kind)i;
        return true;
    }
    return false;
}

/* --- tags ------------------------------------------------------------------------------------------- */

static bool is_plain(struct str text, const char *marks)
{
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.data[i];
        const bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                             (unsigned char)c >= 0x80;
        if (!is_word && (c == '\0' || !strchr(marks, c)))
            return false;
    }
    return str_is_utf8(text);
}

bool tag_is_key(struct str key)
{
    return key.len > 0 && key.len <= TAG_KEY_MAX && is_plain(key, " _.:/+@-");
}

bool tag_is_value(struct str value)
{
    return value.len <= TAG_VALUE_MAX && is_plain(value, " _.:/+@-=");
}

bool tag_split(struct str tag, struct str *key, struct str *value)
{
    *value = tag;
    return str_find_char(tag, '=', 0) > 0 && str_split(value, '=', key) && tag_is_key(*key) && tag_is_value(*value);
}

/* --- subjects --------------------------------------------------------------------------------------- */

void subject_append(struct buf *out, const struct subject *subject)
{
    switch (subject->kind) {
    case SUBJECT_TENANT: buf_appendf(out, "tenant " STR_FMT, STR_ARG(subject->tenant)); break;
    case SUBJECT_KEY: buf_appendf(out, "key " STR_FMT, STR_ARG(subject->name)); break;
    case SUBJECT_TAG:
        buf_appendf(out, "tag " STR_FMT, STR_ARG(subject->name));
        if (subject->tenant.len > 0)
            buf_appendf(out, " of tenant " STR_FMT, STR_ARG(subject->tenant));
        break;
    case SUBJECT_KINDS: break;
    }
}

uint64_t subject_hash(const struct subject *subject)
{
    return str_hash(subject->name) * 31 + str_hash(subject->tenant) * 7 + (uint64_t)subject->kind;
}
