/* chat.h - the neutral request and reply. Dialects translate to and from
 * these; levers, templates and engines see nothing else.
 *
 * A chat_request is a typed view: its strings and yyjson values point into the
 * retained original document or into `arena`, and live as long as the arena.
 * One thread at a time. */
#ifndef CHAT_CHAT_H
#define CHAT_CHAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yyjson.h>

#include "chat/ignored.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"
#include "core/tier.h"

enum chat_role { CHAT_SYSTEM, CHAT_USER, CHAT_ASSISTANT };

enum chat_block_kind {
    CHAT_TEXT,        /* text */
    CHAT_DOCUMENT,    /* name, text (already extracted), format */
    CHAT_TOOL_USE,    /* id, name, json (the arguments, compact JSON text) */
    CHAT_TOOL_RESULT, /* id, text (content flattened: texts as they are, json compact, joined by newline), is_error */
    CHAT_REASONING,   /* text; kept, not rendered */
    CHAT_CACHE_POINT, /* ttl_seconds */
};

struct chat_block {
    enum chat_block_kind kind;
    struct str text;
    struct str name;
    struct str id;
    struct str json;
    struct str format;
    uint32_t ttl_seconds; /* 300 or 3600 */
    bool is_error;
};

/* A document of the request, in a block of its own or inside a tool result.
 * pdf, docx, xlsx and html come as bytes; whoever generates has to get their text
 * first (generate/documents.h). */
struct chat_document {
    const char *where; /* its path in the body, for messages */
    struct str name, format;
    struct str bytes;   /* the file; data NULL: the text is where it belongs */
    const uint8_t *hash; /* SHA-256 of them; NULL: nobody made it yet */
    struct str text;    /* of the document alone */
    struct str *target; /* the block's text that it is a part of... */
    size_t offset;      /* ...so many bytes behind its beginning, before other texts are put in */
    struct chat_document *next;
};

struct chat_message {
    enum chat_role role;
    struct chat_block *blocks;
    size_t block_count;
};

struct chat_tool {
    struct str name;
    struct str description; /* may be empty */
    yyjson_val *schema;     /* JSON schema of the arguments; never NULL */
    bool is_strict;         /* a call's arguments match it, also when the model is free to call */
    bool cache_point_after; /* a checkpoint stands behind this tool */
    uint32_t ttl_seconds;
};

enum chat_tool_choice { CHAT_TOOL_AUTO, CHAT_TOOL_ANY, CHAT_TOOL_NAMED, CHAT_TOOL_NONE };

struct chat_sampling {
    double temperature; /* 0 is greedy */
    double top_p;       /* (0, 1] */
    int32_t top_k;      /* 0: off */
    uint64_t seed;      /* used when has_seed */
    bool has_seed;
    bool has_temperature, has_top_p, has_top_k;
};

struct chat_metadata {
    struct str key, value;
};

struct chat_request {
    struct arena *arena;
    yyjson_val *body;      /* the original one, which strings and values point into; NULL: there was none */
    yyjson_doc *document;  /* that `body` lies in, where it is the request's own; NULL: somebody else's */
    struct str model_id;   /* as asked for, decoded */
    /* Llama bodies: the caller wrote the template itself; data NULL otherwise. Models
     * of other families get it translated (template_raw.h). */
    struct str raw_prompt;

    struct chat_block *system;
    size_t system_count;
    struct chat_message *messages;
    size_t message_count;
    struct chat_document *documents, *last_document; /* in the order of the body */
    size_t document_count;
    struct chat_tool *tools;
    size_t tool_count;
    enum chat_tool_choice tool_choice;
    struct str tool_choice_name;   /* with CHAT_TOOL_NAMED */
    bool is_single_call;           /* at most one call in a reply */
    yyjson_val *output_schema;     /* JSON output asked for; NULL: free text */

    struct chat_sampling sampling;
    uint32_t max_tokens; /* 0: as many as the context allows */
    struct str *stop_sequences;
    size_t stop_count;

    enum tier tier; /* that it is served in; until the reservation is looked at, what was asked for */
    bool has_tier;  /* it was; false: whoever serves the request chooses */
    struct chat_metadata *metadata;
    size_t metadata_count;
    struct str cache_salt;
    struct ignored *ignored; /* set before parsing: where unknown members are noted; NULL: they are refused */
    bool takes_assistant_first; /* set before parsing: the assistant may begin, where the user says something too */
    uint32_t cache_ttl_max_seconds; /* set before parsing: a checkpoint that asks for more is refused; 0: none is */
    bool is_stream;
};

enum chat_stop_reason {
    CHAT_STOP_END_TURN,
    CHAT_STOP_MAX_TOKENS,
    CHAT_STOP_SEQUENCE,
    CHAT_STOP_TOOL_USE,
    CHAT_STOP_CONTEXT_WINDOW,
    CHAT_STOP_MALFORMED_TOOL_USE,
};

/* Exact counts from the engine. total input = input + cache_read + cache_write. */
struct chat_usage {
    uint64_t input_tokens;
    uint64_t output_tokens;
    uint64_t cache_read_tokens;
    uint64_t cache_write_5m_tokens;
    uint64_t cache_write_1h_tokens;
};

/* Where a reply goes, event by event: text and tool use blocks in order, never
 * nested, each opened before its first delta and closed before the next opens.
 * Exactly one of stop or error comes last. */
struct chat_sink {
    void *ctx;
    void (*block_start)(void *ctx, size_t index, enum chat_block_kind kind, struct str tool_id, struct str tool_name);
    /* Of a tool use: a fragment of the arguments' JSON text. */
    void (*block_delta)(void *ctx, size_t index, enum chat_block_kind kind, struct str text);
    void (*block_stop)(void *ctx, size_t index, enum chat_block_kind kind);
};

/* Number of tokens' worth of nothing is counted here: token counts are the
 * engine's. This checks only what every dialect must hold to: at least one
 * message unless raw_prompt is set, first message from the user, roles known,
 * named tool exists, limits on counts. */
enum error_code chat_request_check(const struct chat_request *request, struct error *error) WARN_UNUSED;

#endif
