/* traits.h - what a target can take, and what a request needs of it.
 *
 * Parsers refuse what is malformed. What a body may well say but this or that
 * model can't do, they note in the request instead (chat_request_need), with
 * the sentence that refuses it; once the target is known, chat_request_fits
 * compares. An ordinary request needs nothing, so that costs one operation.
 * Any thread; a request belongs to one at a time. */
#ifndef CHAT_TRAITS_H
#define CHAT_TRAITS_H

#include "chat/chat.h"

/* Bits of chat_request.needs and .wants, and of chat_traits.takes. */
enum chat_need {
    CHAT_NEED_IMAGES = 1 << 0,
    CHAT_NEED_VIDEO = 1 << 1,
    CHAT_NEED_AUDIO = 1 << 2,
    CHAT_NEED_FILES_ELSEWHERE = 1 << 3,    /* in S3, behind a URL, or with the provider by its ID */
    CHAT_NEED_FILES_UNREAD = 1 << 4,       /* documents of formats that nobody here can read */
    CHAT_NEED_CITATIONS = 1 << 5,
    CHAT_NEED_THINKING = 1 << 6,
    CHAT_NEED_EFFORT = 1 << 7,
    CHAT_NEED_GUARDRAILS = 1 << 8,
    CHAT_NEED_SERVER_TOOLS = 1 << 9,       /* tools and calls that are the provider's own */
    CHAT_NEED_TOOL_CHANGES = 1 << 10,      /* in the midst of a conversation */
    CHAT_NEED_CONNECTORS = 1 << 11,        /* MCP servers, containers, search on the web */
    CHAT_NEED_CONTEXT_EDITS = 1 << 12,
    CHAT_NEED_MANAGED_PROMPTS = 1 << 13,
    CHAT_NEED_FAST_LATENCY = 1 << 14,
    CHAT_NEED_PENALTIES = 1 << 15,
    CHAT_NEED_TOKEN_BIAS = 1 << 16,        /* tokens by their numbers */
    CHAT_NEED_GUIDED_TEXT = 1 << 17,       /* replies by a grammar or an expression of the body */
    CHAT_NEED_ASSISTANT_FIRST = 1 << 18,   /* a conversation that no user begins */
    CHAT_NEED_OTHER_BLOCKS = 1 << 19,      /* CHAT_OTHER: of one provider alone */
    CHAT_NEED_EXTRAS = 1 << 20,            /* members that nobody here knows; takes: they are passed on */
    CHAT_NEED_CHOICES = 1 << 21,           /* several replies */
    CHAT_NEED_LOGPROBS = 1 << 22,          /* how likely its tokens were */
};
/* What only a reply in its provider's own words holds (codec.h). */
#define CHAT_NEEDS_VERBATIM (CHAT_NEED_CHOICES | CHAT_NEED_LOGPROBS)
/* Where the request came in the target's own dialect. */
#define CHAT_NEEDS_DIALECT (CHAT_NEED_OTHER_BLOCKS | CHAT_NEED_EXTRAS | CHAT_NEEDS_VERBATIM)

struct chat_traits {
    uint32_t takes;
    const struct codec *dialect; /* not NULL: what nobody here knows is taken in words of this one alone */
};

/* Of a model in this program: text, documents that can be read, tools. */
extern const struct chat_traits chat_traits_embedded;

/* Notes that the request needs `need`; `message`, which lives as long as the request, refuses it. The first of a bit
 * counts. */
enum error_code chat_request_need(struct chat_request *request, enum chat_need need, const char *message,
                                  struct error *error) WARN_UNUSED;

/* Notes a member that no lever reads; more than LIMIT_EXTRAS are not kept, which the request remembers. */
enum error_code chat_request_extra(struct chat_request *request, const char *where, struct str name, yyjson_val *raw,
                                   struct error *error) WARN_UNUSED;

/* The target is known: OK, or the refusal of what came first in the body among all that it can't take. Of a request
 * that could not be read to its end it tells the same of the part before: who knows the target then asks it first. */
enum error_code chat_request_fits(const struct chat_request *request, const struct chat_traits *traits,
                                  struct error *error) WARN_UNUSED;

/* It goes to a target of these traits: what that takes is not counted as ignored. The last call counts. */
void chat_request_goes_to(const struct chat_request *request, const struct chat_traits *traits);

#endif
