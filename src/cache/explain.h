/* explain.h - why one request does not read what another one wrote.
 *
 * Two prompts share the cache as far as their segments are the same: tokens are
 * made segment by segment, so texts that are cut otherwise have other tokens
 * though the bytes are the same. Gives the first difference, where in the
 * bodies it comes from, and which checkpoints lie before it. Pure, any thread;
 * everything lives in the arena or borrows from the sides. */
#ifndef CACHE_EXPLAIN_H
#define CACHE_EXPLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yyjson.h>

#include "chat/template.h"
#include "core/mem.h"

struct explain_side {
    struct prompt prompt;
    yyjson_val *body; /* that the prompt was rendered from */
};

enum explain_kind {
    EXPLAIN_SAME,         /* the prompts are the same */
    EXPLAIN_FIRST_ENDS,   /* the second goes on where the first ends */
    EXPLAIN_SECOND_ENDS,  /* the other way round */
    EXPLAIN_DIFFERENT,
};

enum explain_cause {
    CAUSE_NONE,
    CAUSE_CUT,        /* the same bytes in other content blocks */
    CAUSE_KEY_ORDER,  /* of JSON */
    CAUSE_SPACE,      /* white space */
    CAUSE_TIME,       /* a date or a time of day */
    CAUSE_ID,         /* something like a UUID */
    CAUSE_NUMBER,
    CAUSE_CASE,       /* upper and lower case */
    CAUSE_STRUCTURE,  /* other messages, blocks or tools */
    CAUSE_TEXT,       /* just another text */
};

/* One side of the first difference. */
struct explain_place {
    struct str field; /* path in the body; data NULL: text of the template, or the prompt's end */
    bool has_offset;  /* the field's text reached the prompt as it stands */
    size_t offset;    /* bytes into the field */
    struct str before, after; /* what stands around it in the prompt, some bytes each */
};

struct explain_checkpoint {
    size_t number;     /* from 1, in the order of its prompt */
    size_t bytes;      /* of the prompt before it */
    uint32_t ttl_seconds;
    struct str field;  /* of the text that it stands behind; data NULL: text that was rewritten */
    bool is_shared;    /* the other prompt begins with the same */
};

#define EXPLAIN_CHECKPOINTS_MAX 4

struct explanation {
    enum explain_kind kind;
    enum explain_cause cause;
    size_t shared_bytes; /* of the prompts, up to the first difference */
    size_t bytes[2];     /* of each prompt */
    struct explain_place place[2];
    struct explain_checkpoint checkpoints[2][EXPLAIN_CHECKPOINTS_MAX];
    size_t checkpoint_count[2];
};

/* Without memory fields are not named. */
void explain(const struct explain_side side[2], struct arena *arena, struct explanation *explanation);

const char *explain_cause_name(enum explain_cause cause); /* "key-order" */
const char *explain_cause_text(enum explain_cause cause); /* for people, what to do included */

#endif
