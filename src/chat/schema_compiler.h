/* schema_compiler.h - the parts of json_schema.c; private to chat/json_schema*.c.
 *
 * No recursion: a schema met inside another gets a rule number and waits in
 * `items`; the main loop writes one rule after the other. So neither nesting
 * nor $ref cycles can exhaust the stack. One thread at a time. */
#ifndef CHAT_SCHEMA_COMPILER_H
#define CHAT_SCHEMA_COMPILER_H

#include "chat/gbnf.h"
#include "core/json.h"

struct schema_item {
    yyjson_val *schema;
    size_t rule;
    size_t parent;     /* item it was met in; the root is its own parent */
    const char *key;   /* "properties", "items", ...; how to get there from the parent */
    struct str name;   /* the property's name; empty for none */
    size_t first_edge, edge_count; /* into edges */
};

struct schema_compiler {
    struct gbnf gbnf;
    yyjson_val *root;
    struct schema_item *items;
    size_t item_count, item_cap;
    size_t current;      /* item whose rule is being written */
    struct gbnf_map refs; /* text of a $ref -> item */
    /* Items that `current` is without a character in between: cycles of such
     * edges would be left recursion, which the grammar parser refuses. */
    size_t *edges;
    size_t edge_count, edge_cap;
};

void schema_fail(struct schema_compiler *compiler, const char *format, ...) PRINTF_LIKE(2, 3);
static inline bool schema_failed(const struct schema_compiler *compiler)
{
    return compiler->gbnf.code != OK;
}

/* Queues `schema`; the number of its item. */
size_t schema_item_new(struct schema_compiler *compiler, yyjson_val *schema, const char *key, struct str name);
/* Appends the name of the rule for `schema`, queued as a part of the current one. */
void schema_part(struct schema_compiler *compiler, struct buf *out, yyjson_val *schema, const char *key,
                 struct str name);
/* Follows $refs until something else stands there. NULL after a failure. */
yyjson_val *schema_resolve(struct schema_compiler *compiler, yyjson_val *schema);
/* Refuses keywords that no grammar of ours holds. */
void schema_check_keywords(struct schema_compiler *compiler, yyjson_val *schema);

/* Non-negative integer keyword (minItems, ...); `value` untouched when absent. */
void schema_count(struct schema_compiler *compiler, yyjson_val *schema, const char *key, uint64_t *value);

/* Each appends the text of one rule that matches the type. */
void schema_object(struct schema_compiler *compiler, struct buf *out, yyjson_val *schema);
void schema_array(struct schema_compiler *compiler, struct buf *out, yyjson_val *schema);
void schema_string(struct schema_compiler *compiler, struct buf *out, yyjson_val *schema);
void schema_integer(struct schema_compiler *compiler, struct buf *out, yyjson_val *schema);
void schema_number(struct schema_compiler *compiler, struct buf *out, yyjson_val *schema);

/* The characters of a string that matches a regular expression, without quotes. */
void schema_pattern(struct schema_compiler *compiler, struct buf *out, struct str pattern);

#define SCHEMA_ALL_OF_DEPTH 32
#define SCHEMA_PATTERN_DEPTH 32

#endif
