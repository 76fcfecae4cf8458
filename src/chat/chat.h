/* chat.h - the neutral request and reply. Dialects translate to and from
 * these; levers, templates and engines see nothing else.
 *
 * A chat_request is a typed view that loses nothing: its strings and yyjson
 * values point into the retained original document or into `arena`, and live
 * as long as the arena. Blocks, messages and tools keep their original node
 * (`raw`), and members that nobody here reads are in `extras`, so that a target
 * of the same dialect can be given all that was said. What a target must be
 * able to do is in `needs`; chat/traits.h compares the two.
 * One thread at a time. */
#ifndef CHAT_CHAT_H
#define CHAT_CHAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yyjson.h>

#include "chat/embed.h"
#include "chat/ignored.h"
#include "core/error.h"
#include "core/logprob.h"
#include "core/mem.h"
#include "core/str.h"
#include "core/tier.h"

struct codec;

enum chat_role { CHAT_SYSTEM, CHAT_USER, CHAT_ASSISTANT };

enum chat_block_kind {
    CHAT_TEXT,          /* text; of an earlier reply also citations */
    CHAT_DOCUMENT,      /* name, text (extracted, where it could be), format, source, data */
    CHAT_SEARCH_RESULT, /* name (its title), link, text (the link, a line feed, what was found): reads as a document */
    CHAT_IMAGE,         /* format ("png"), source, data */
    CHAT_VIDEO,         /* the same */
    CHAT_AUDIO,         /* the same */
    CHAT_TOOL_USE,      /* id, name, json (the arguments, compact JSON text), value (the same) */
    CHAT_TOOL_RESULT,   /* id, content, is_error. chat_result_text makes one text of it */
    CHAT_JSON,          /* value; inside a tool result */
    CHAT_REASONING,     /* text and signature, or data (of a provider that shows it to nobody); kept, not rendered */
    CHAT_REFUSAL,       /* text: the model's words where it declined */
    CHAT_CACHE_POINT,   /* ttl_seconds */
    CHAT_OTHER,         /* what only its provider knows: raw says it */

    /* Pieces of a streamed reply's block of reasoning, besides its text. */
    CHAT_SIGNATURE,
    CHAT_REDACTED,
    CHAT_KINDS,
};

/* How a file came; `data` is the bytes as base64 text, as they were sent, the text itself, or the place. */
enum chat_source { CHAT_SOURCE_NONE, CHAT_SOURCE_BASE64, CHAT_SOURCE_TEXT, CHAT_SOURCE_S3, CHAT_SOURCE_URL,
                   CHAT_SOURCE_FILE };

/* What a piece of a reply rests on. `first` and `last` count characters, pages, or blocks; `index` is that of the
 * document or search result among those of the request. */
enum chat_citation_kind { CHAT_CITES_CHARACTERS, CHAT_CITES_PAGES, CHAT_CITES_BLOCKS, CHAT_CITES_SEARCH,
                          CHAT_CITES_WEB };
struct chat_citation {
    enum chat_citation_kind kind;
    struct str title, link, text; /* text: the words cited */
    uint64_t index, first, last;
};

struct chat_block {
    enum chat_block_kind kind;
    enum chat_source source;
    struct str text;
    struct str name;
    union {
        struct str id;
        struct str link;
        struct str context; /* of a document: goes before its text */
    };
    union {
        struct str json;
        struct str format;
        struct str signature;
    };
    struct str data;
    yyjson_val *raw;   /* the node of request->origin's body, passed on as it is: who changes the block clears it */
    yyjson_val *value;
    const char *where; /* its path in the body, where a target may refuse it; else NULL */
    struct chat_block *content;
    size_t content_count;
    const struct chat_citation *citations;
    size_t citation_count;
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
    struct str *target; /* its block's text... */
    size_t offset;      /* ...of which it begins so many bytes behind the beginning */
    struct chat_document *next;
};

struct chat_message {
    enum chat_role role;
    struct chat_block *blocks;
    size_t block_count;
    yyjson_val *raw;
};

struct chat_tool {
    struct str name;
    struct str description; /* may be empty */
    yyjson_val *schema;     /* JSON schema of the arguments; NULL: a tool of the provider's, which raw describes */
    yyjson_val *raw;
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
#define CHAT_SESSION_BYTES_MAX 256 /* of the one under "session": whose turns of which conversation a request is of */

/* A member that no lever reads: of the object at the path `where` ("" at the root), neither a block, a message nor a
 * tool, which have it in their raw nodes. */
struct chat_extra {
    const char *where;
    struct str name;
    yyjson_val *raw;
    struct chat_extra *next;
};

/* What is said to a request whose target can't do `need`, a bit of chat/traits.h. */
struct chat_refusal {
    uint32_t need;
    const char *message;
    struct chat_refusal *next;
};

struct chat_request {
    struct arena *arena;
    yyjson_val *body;      /* the original one, which strings and values point into; NULL: there was none */
    yyjson_doc *document;  /* that `body` lies in, where it is the request's own; NULL: somebody else's */
    const struct codec *origin; /* whose body it is; raw nodes and extras are in its words. NULL: nobody's */
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
    uint32_t choices; /* replies that are wanted; 0 and 1: one */
    uint32_t best;    /* of them those are given whose tokens were the likeliest; 0: all are */
    bool wants_logprobs;  /* how likely the tokens of its text were... */
    uint8_t top_logprobs; /* ...and so many of the likeliest in each place */

    enum tier tier; /* that it is served in; until the reservation is looked at, what was asked for */
    bool has_tier;  /* it was; false: whoever serves the request chooses */
    struct chat_metadata *metadata;
    size_t metadata_count;
    struct str cache_salt;

    uint32_t needs; /* bits of chat/traits.h: without them a target can't serve the request... */
    uint32_t wants; /* ...and these it leaves out, and says so */
    struct chat_refusal *refusals, *last_refusal; /* in the order of the body, one for each bit */
    struct chat_extra *extras, *last_extra;
    size_t extra_count;
    bool is_extra_lost; /* there were more than LIMIT_EXTRAS */

    const struct embed_request *embed; /* embeddings are wanted, and no reply (embed.h); NULL: a reply */

    yyjson_val *earlier; /* set before parsing: what the body refers to and is kept here, or NULL */
    struct str api_version;  /* set before parsing: of the dialect's API, by a header; data NULL: the body says it */
    struct str betas;        /* set before parsing: features of Anthropic's API that a header names; data NULL: none */
    struct ignored *ignored; /* set before parsing: where unknown members are noted; NULL: they are refused */
    bool takes_assistant_first; /* set before parsing: the assistant may begin, where the user says something too */
    /* Set before parsing: who serves the request is decided afterwards, and chat_request_fits asked then. Else it is a
     * model of this program, and what that can't take is refused where the body is read. */
    bool is_target_unknown;
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
    CHAT_STOP_MALFORMED_OUTPUT,
    CHAT_STOP_REFUSAL,   /* the model declined */
    CHAT_STOP_FILTERED,  /* its provider's filter stepped in */
    CHAT_STOP_GUARDRAIL, /* a guardrail of the caller's did */
    CHAT_STOP_PAUSE,     /* the provider wants to be asked to go on */
};

/* How far counts can be believed. */
enum chat_usage_note {
    CHAT_USAGE_COUNTED,   /* whoever answered counted them, and they add up */
    CHAT_USAGE_ESTIMATED, /* nobody counted all of them: the reply broke off, or its provider told no usage */
    CHAT_USAGE_ODD,       /* a provider's, which do not add up to the totals that it says itself */
};

/* Exact counts, but for what `note` says. total input = input + cache_read + cache_write. */
struct chat_usage {
    uint64_t input_tokens;
    uint64_t output_tokens;
    uint64_t reasoning_tokens; /* of the output */
    uint64_t cache_read_tokens;
    uint64_t cache_write_5m_tokens;
    uint64_t cache_write_1h_tokens;
    enum chat_usage_note note;
    enum tier tier; /* that a provider says it has served in, and charges... */
    bool has_tier;  /* ...where it says so */
};

/* Where a reply goes, event by event: blocks of text, tool use, reasoning and
 * refusal in order, never nested, each opened before its first delta and closed
 * before the next opens. Exactly one of stop or error comes last. */
struct chat_sink {
    void *ctx;
    void (*block_start)(void *ctx, size_t index, enum chat_block_kind kind, struct str tool_id, struct str tool_name);
    /* Of a tool use: a fragment of the arguments' JSON text. The kind is the piece's: CHAT_SIGNATURE and CHAT_REDACTED
     * are whole ones inside a block of reasoning. */
    void (*block_delta)(void *ctx, size_t index, enum chat_block_kind kind, struct str text);
    void (*block_stop)(void *ctx, size_t index, enum chat_block_kind kind);
    /* Of the tokens that begin in the next piece of text of this block; NULL: unheard. */
    void (*block_logprobs)(void *ctx, size_t index, const struct token_logprob *tokens, size_t count);
};

/* Reads as a document in a prompt. */
static inline bool chat_is_document(enum chat_block_kind kind)
{
    return kind == CHAT_DOCUMENT || kind == CHAT_SEARCH_RESULT;
}

/* The content of a tool result as the one text that templates show: texts and documents as they are, JSON compact, a
 * line feed between two. Borrowed where it is one text already, else made in `arena`. */
bool chat_result_text(const struct chat_block *result, struct arena *arena, struct str *text) WARN_UNUSED;

/* Number of tokens' worth of nothing is counted here: token counts are the
 * engine's. This checks only what every dialect must hold to: at least one
 * message unless raw_prompt is set, roles known, named tool exists, limits on
 * counts. What the target must be able to do chat_request_fits has checked before. */
enum error_code chat_request_check(const struct chat_request *request, struct error *error) WARN_UNUSED;

#endif
