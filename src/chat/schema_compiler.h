/* schema_compiler.h - the parts of json_schema*.c; private to them.
 *
 * An item is a place of the schema and the schemas that must all hold there
 * (its parts). It is opened into branches, of which one must hold: $ref, allOf,
 * anyOf, oneOf, not, if and dependencies are gone then, a branch is a list of
 * plain schemas and a few facts. Each branch becomes a rule, once for equal
 * lists, by type: what all of its entries say of objects, of strings and so on.
 * What can't be written is left out here, never the other way round, and found
 * by json_schema_check.h once the value is there.
 *
 * Schemas met inside another wait in `items`, so neither nesting nor circles
 * of references can exhaust the stack. One thread at a time. */
#ifndef CHAT_SCHEMA_COMPILER_H
#define CHAT_SCHEMA_COMPILER_H

#include "chat/gbnf.h"
#include "chat/regular.h"
#include "core/json.h"

struct schema_part {
    yyjson_val *schema;
    bool is_not; /* it must not hold */
};

struct schema_parts {
    struct schema_part *items;
    size_t count, cap;
};

struct schema_item {
    struct schema_parts parts;
    size_t rule;
    size_t parent;   /* item it was met in; the root is its own parent */
    const char *key; /* "properties", "items", ...; how to get there from the parent */
    struct str name; /* the property's name; empty for none */
};

enum schema_entry_kind {
    ENTRY_SCHEMA,  /* the keywords of `schema` hold */
    ENTRY_NOT_KEY, /* its keyword `key` does not, of the property `name` where key is "properties" */
    ENTRY_REQUIRE, /* an object with the property `name` */
    ENTRY_FORBID,  /* an object without it */
    ENTRY_NULL,    /* null */
    /* Not opened yet: */
    PENDING_NOT,
    PENDING_ANY_OF,
    PENDING_ONE_OF,
    PENDING_IF,
    PENDING_DEPENDENT, /* `key` is the keyword, `name` the property that others depend on */
};

struct schema_entry {
    enum schema_entry_kind kind;
    yyjson_val *schema;
    const char *key;
    yyjson_val *name;
    size_t parent; /* entry that it came from; its own number: none */
};

struct schema_entries {
    struct schema_entry *items;
    size_t count, cap;
};

struct schema_branch {
    struct schema_entries entries, pending;
    bool is_dead;
    bool has_counts; /* of several arrays that became one; they replace what the entry says */
    uint64_t min_items, max_items;
};

struct schema_branches {
    struct schema_branch *items;
    size_t count, cap;
};

enum {
    TYPE_NULL = 1,
    TYPE_BOOLEAN = 2,
    TYPE_INTEGER = 4,
    TYPE_FRACTION = 8, /* numbers that are not whole */
    TYPE_STRING = 16,
    TYPE_ARRAY = 32,
    TYPE_OBJECT = 64,
    TYPE_NUMBER = TYPE_INTEGER | TYPE_FRACTION,
    TYPE_ALL = 127,
};

struct schema_compiler {
    struct gbnf gbnf;
    const char *where;
    char place[200]; /* of the current item, for messages */
    char reason[200]; /* why nothing is allowed at the current item */
    yyjson_val *root;
    struct schema_item *items;
    size_t item_count, item_cap;
    size_t current;        /* item whose rule is being written */
    struct gbnf_map rules; /* parts or entries -> rule */
    struct gbnf_map sets;  /* text of a pattern -> set */
    struct regular regular;
    struct arena arena;    /* keys of the maps, names */
    int probe_depth;
    size_t ref_budget; /* values that may still be visited to find what $refs lead to */
};

void schema_fail(struct schema_compiler *compiler, const char *format, ...) PRINTF_LIKE(2, 3);
static inline bool schema_failed(const struct schema_compiler *compiler)
{
    return compiler->gbnf.code != OK;
}
/* Notes why a branch allows nothing; said when no other does. Gives false. */
bool schema_nothing(struct schema_compiler *compiler, const char *format, ...) PRINTF_LIKE(2, 3);
/* Takes over what went wrong with sets. False when something did. */
bool schema_sets_are_fine(struct schema_compiler *compiler);

void schema_parts_add(struct schema_compiler *compiler, struct schema_parts *parts, yyjson_val *schema, bool is_not);
/* Appends the name of the rule for all of `parts` together, which are taken over. Without parts: any value. */
void schema_part(struct schema_compiler *compiler, struct buf *out, struct schema_parts *parts, const char *key,
                 struct str name);
/* Does nothing satisfy all of them, as far as can be seen? */
bool schema_is_empty(struct schema_compiler *compiler, const struct schema_parts *parts);

/* json_schema_branch.c */
void schema_open(struct schema_compiler *compiler, const struct schema_parts *parts, struct schema_branches *branches);
void schema_branches_deinit(struct schema_branches *branches);

/* json_schema_types.c */
unsigned schema_types_named(struct schema_compiler *compiler, yyjson_val *type); /* by the value of `type` */
/* Types that a branch leaves; 0 when none. */
unsigned schema_branch_types(struct schema_compiler *compiler, const struct schema_branch *branch);
bool schema_branch_is_free(const struct schema_branch *branch); /* it says nothing of any type */
/* The values of its enum or const that fit all entries; false without such a keyword. With a negated one the few
 * values of schema_branch_domain. */
bool schema_branch_values(struct schema_compiler *compiler, const struct schema_branch *branch, yyjson_val ***values,
                          size_t *count);
/* The same of a branch without one that only leaves few values: null, booleans, whole numbers between close bounds. */
bool schema_branch_domain(struct schema_compiler *compiler, const struct schema_branch *branch, unsigned types,
                          yyjson_val ***values, size_t *count);
/* What the $ref of a schema leads to; NULL after a failure. */
yyjson_val *schema_ref(struct schema_compiler *compiler, yyjson_val *schema);

/* json_schema_clash.c. As far as the entries say so: are the branch's objects those with that property? */
bool schema_branch_requires(const struct schema_branch *branch, yyjson_val *name);
/* Does no object fit both? */
bool schema_branch_contradicts(const struct schema_branch *branch, yyjson_val *schema);

/* json_schema_merge.c */
int schema_compare_entries(const void *a, const void *b);
bool schema_says_something(const struct schema_entry *entry);
/* Makes branches dead that others cover; how many are left. */
size_t schema_merge(struct schema_compiler *compiler, struct schema_branches *branches);

/* Non-negative integer keyword (minItems, ...); false when absent. */
bool schema_count(struct schema_compiler *compiler, yyjson_val *schema, const char *key, uint64_t *value);
/* min and max of all entries by these two keywords, also of those negated. */
void schema_counts(struct schema_compiler *compiler, const struct schema_branch *branch, const char *min_key,
                   const char *max_key, uint64_t *min, uint64_t *max);

/* Each appends the text of one rule that matches the type; false when it allows nothing. */
bool schema_object(struct schema_compiler *compiler, struct buf *out, const struct schema_branch *branch);
bool schema_array(struct schema_compiler *compiler, struct buf *out, const struct schema_branch *branch);
bool schema_string(struct schema_compiler *compiler, struct buf *out, const struct schema_branch *branch);
bool schema_number(struct schema_compiler *compiler, struct buf *out, const struct schema_branch *branch,
                   unsigned types);
/* The bounds of the whole numbers of a branch, as far as they are closed; false when they are not, or too large. */
bool schema_whole_numbers(struct schema_compiler *compiler, const struct schema_branch *branch, int64_t *low,
                          int64_t *high);
/* Values as alternatives, those that begin alike together. */
void schema_values(struct schema_compiler *compiler, struct buf *out, yyjson_val **values, size_t count);

/* Sets. */
regular_set schema_pattern(struct schema_compiler *compiler, yyjson_val *pattern, bool is_wide);
/* Names that a propertyNames schema allows. */
regular_set schema_names(struct schema_compiler *compiler, yyjson_val *schema, int depth);
/* The characters of strings of a set, without quotes; false when it is empty or too large. */
bool schema_set(struct schema_compiler *compiler, struct buf *out, regular_set set);

#define SCHEMA_COMMA "\",\" \" \"? "
#define SCHEMA_BRANCHES_MAX 2000
#define SCHEMA_DOMAIN_MAX 64 /* values that are listed where no enum does it */
#define SCHEMA_STEPS_MAX 100000 /* of opening one item */
#define SCHEMA_STEPS_PER_RULE 8 /* as which steps count against limit(schema_rules) */
#define SCHEMA_REF_VALUES_MAX 20000000
#define SCHEMA_DEPTH_MAX 32
#define SCHEMA_PROBE_DEPTH 3
#define SCHEMA_STATES_MAX 1500 /* of one machine */
#define SCHEMA_TERMS_MAX 200000

#endif
