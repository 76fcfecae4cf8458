/* record.h - one request as a log has it, whatever log that is: who, when, which model, how many tokens, and where
 * bodies are kept the prompt as blocks in the order of the wire. All of it borrows from the line that is being read.
 * Plain data. */
#ifndef ADVISE_RECORD_H
#define ADVISE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/str.h"
#include "core/tier.h"
#include "ledger/price.h"

/* Tools come first, then the system prompt, then messages: so the services write prompts, and so prefixes are. */
enum advise_part { ADVISE_TOOL, ADVISE_SYSTEM, ADVISE_MESSAGE };
enum advise_role { ADVISE_USER, ADVISE_ASSISTANT, ADVISE_OTHER };
enum advise_mark { ADVISE_UNMARKED, ADVISE_MARK_5M, ADVISE_MARK_1H };

struct advise_block {
    uint64_t hash; /* of all that it says, marks left out */
    size_t bytes;  /* of text or JSON; media count as what they are in tokens, about */
    struct str text; /* data NULL: it is something else than text */
    uint8_t part, role, mark;
    bool is_media;
    uint16_t message; /* which one it belongs to */
};

struct advise_record {
    uint64_t time_us; /* since 1970; 0: the log doesn't say */
    struct str id;    /* unique; the same request in two sources has one; empty: none */
    struct str tenant, model;
    struct str place; /* of the price, where `model` doesn't say it */
    struct str session; /* the conversation, by the client's word; empty: none */
    const struct yyjson_val *tags; /* in the caller's own words, an object; NULL: it said nothing of the request */
    bool is_stream, is_failed;
    bool has_usage;  /* the log counted; else tokens are guessed from bytes */
    bool has_reply;
    enum tier tier;
    struct price_usage usage;
    struct advise_block *blocks;
    size_t block_count, tool_count;
    size_t message_count;
    bool has_schema; /* JSON output is asked for */
    struct str answer; /* its text; data NULL: none */
};

/* Why a line could not be read. Counted, never fatal. */
enum advise_flaw {
    ADVISE_READ,
    ADVISE_NOT_JSON,
    ADVISE_UNKNOWN_SHAPE,
    ADVISE_NO_MODEL,
    ADVISE_BAD_FIELD,
    ADVISE_TOO_LONG,
    ADVISE_CUT_SHORT, /* a compressed file that ends too early, or is damaged */
    ADVISE_NO_FILE,
    ADVISE_NO_REPLY, /* a batch's input whose output is not there */
    ADVISE_FLAWS
};
extern const char *const advise_flaw_names[ADVISE_FLAWS];

#endif
