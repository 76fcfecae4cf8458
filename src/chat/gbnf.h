/* gbnf.h - writes grammar rules as llama.cpp's parser reads them.
 *
 * Rules are numbered; number 0 is called like the root, n is ROOT-n. Rule texts
 * are built in caller's buffers and added whole, so rules never nest.
 * Failure is sticky: the first one fills *error, later calls do nothing.
 *
 * llama.cpp copies a symbol for each repetition and refuses more than 2,000 in
 * one place; gbnf_repeat counts in tens instead (see there), so that a
 * maxLength of 100,000 costs a hundred rules. One thread at a time. */
#ifndef CHAT_GBNF_H
#define CHAT_GBNF_H

#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"

#define GBNF_UNBOUNDED UINT64_MAX
#define GBNF_REPEAT_MAX 1000000u

/* Rules that several places need; each is added once, at the end. */
enum gbnf_shared {
    GBNF_CHAR,      /* one character of a JSON string, escaped where it must be */
    GBNF_STRING,    /* any JSON string */
    GBNF_NUMBER,
    GBNF_INTEGER,
    GBNF_BOOLEAN,
    GBNF_SCALAR,    /* string, number, boolean or null */
    GBNF_DATE,      /* without quotes, like the next three */
    GBNF_TIME,
    GBNF_UUID,
    GBNF_ANY,       /* any JSON value, at most GBNF_ANY_DEPTH deep */
    GBNF_ANY_INNER, /* one level less: a member of a free-form object */
    GBNF_SHARED_COUNT,
};
#define GBNF_ANY_DEPTH 8

struct gbnf_map_entry {
    struct str key;
    size_t value;
};
/* From names to numbers; keys are borrowed. Zero is a valid empty map. */
struct gbnf_map {
    struct gbnf_map_entry *entries; /* data == NULL: free */
    size_t count, cap;
};
bool gbnf_map_get(const struct gbnf_map *map, struct str key, size_t *value);
bool gbnf_map_put(struct gbnf_map *map, struct str key, size_t value); /* false: no memory */
void gbnf_map_deinit(struct gbnf_map *map);

struct gbnf {
    struct buf *grammar;
    const char *root_name;
    const char *where; /* names the schema in messages */
    struct error *error;
    enum error_code code;
    size_t rule_count;  /* numbers given out */
    uint64_t cost;      /* rules and repetitions, against limit(schema_rules) */
    unsigned shared;    /* bits of enum gbnf_shared */
    struct gbnf_map texts; /* rule text -> number, for rules worth sharing */
    struct arena arena;    /* keys of texts */
};

void gbnf_init(struct gbnf *gbnf, struct buf *grammar, const char *root_name, const char *where,
               struct error *error);
void gbnf_deinit(struct gbnf *gbnf);
void gbnf_add_shared_rules(struct gbnf *gbnf);

void gbnf_fail_memory(struct gbnf *gbnf);
void gbnf_spend(struct gbnf *gbnf, uint64_t cost); /* fails over the limit */

size_t gbnf_rule_number(struct gbnf *gbnf);                                 /* a new one, text to follow */
void gbnf_rule_define(struct gbnf *gbnf, size_t number, const struct buf *text);
size_t gbnf_rule_shared_text(struct gbnf *gbnf, const struct buf *text);    /* same text, same rule */

void gbnf_rule_name(const struct gbnf *gbnf, struct buf *out, size_t number);
void gbnf_shared_name(struct gbnf *gbnf, struct buf *out, enum gbnf_shared rule);
void gbnf_literal(struct buf *out, struct str text);      /* "text", escaped */
void gbnf_code_point(struct buf *out, uint32_t code_point); /* inside [...] */

/* `symbol` (one rule name, class or literal) between min and max times. */
void gbnf_repeat(struct gbnf *gbnf, struct buf *out, struct str symbol, uint64_t min, uint64_t max);

#define GBNF_TEXT_MAX (1u << 20)

#endif
