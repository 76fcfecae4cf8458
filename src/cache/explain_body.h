/* explain_body.h - where in a request's body a piece of its prompt came from.
 *
 * Texts of a prompt are slices of the body's own strings wherever nothing had
 * to be rewritten; such a slice is found by its address. What was rewritten
 * (tools, calls, documents) is found by comparing two bodies member by member.
 * Knows no dialect beyond the names of the members that hold prompts. Pure,
 * any thread; paths live in the arena. */
#ifndef CACHE_EXPLAIN_BODY_H
#define CACHE_EXPLAIN_BODY_H

#include <stdbool.h>
#include <yyjson.h>

#include "core/mem.h"
#include "core/str.h"

/* The string of `body` that `at` points into: its path ("messages[2].content[0].text")
 * and how many bytes in. False: into none, or no memory. */
bool body_find(yyjson_val *body, const char *at, struct arena *arena, struct str *path, size_t *offset);

struct body_difference {
    struct str path[2];    /* data NULL: that body has no such member */
    bool is_order_of_keys; /* the same members in another order, where order reaches the prompt */
};

/* The first difference between two bodies in the order tools, system, messages,
 * cache points left aside; of several the first whose text stands in `text`,
 * which are the two pieces of prompt in question. False: none, or no memory. */
bool body_compare(yyjson_val *const body[2], const struct str text[2], struct arena *arena,
                  struct body_difference *difference);

#endif
