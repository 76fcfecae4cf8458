/* ignored.h - members of bodies that nobody here knows, or that can't have an
 * effect: left out of account, and named to who sent them and in the log.
 *
 * Clients are newer than servers: what the service's own SDKs and frameworks
 * send has to be taken. What would change the meaning of a request is refused
 * by its parser instead. A struct ignored belongs to one request; the log's
 * memory is the process's, any thread. */
#ifndef CHAT_IGNORED_H
#define CHAT_IGNORED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/limits.h"
#include "core/mem.h"
#include "core/str.h"

/* A zeroed one with its arena set is empty. */
struct ignored {
    struct arena *arena;
    struct str paths[LIMIT_IGNORED_PATHS]; /* "messages[].content[].x": without indices, each once */
    uint32_t needs[LIMIT_IGNORED_PATHS]; /* a target that takes one of these bits (chat/traits.h) does not ignore it */
    size_t count;
    bool is_cut; /* there were more */
    uint32_t taken; /* by the target, once it is known */
};

/* Notes the member `name` of the object at the path `where` ("" at the root). Bytes that can't stand in a header
 * become '?'; long names and paths are cut. A target that takes one of the bits `needs` is given it. */
void ignored_note(struct ignored *ignored, const char *where, struct str name, uint32_t needs);

/* "a, b.c, d[].e", with ", ..." when there were more; data NULL: nothing was ignored, or no memory. */
struct str ignored_list(const struct ignored *ignored);

/* Each path is logged once in the life of the process, as far as the table goes. */
void ignored_log(const struct ignored *ignored);

#endif
