/* prompt.h - what a predictor reads of a request: the last user's turn, the system text, and what comes with them.
 *
 * The same struct is made of a request that is served and of a row of training data, so that a predictor sees in
 * service what it was trained on. Borrowed slices, no allocation. Any thread. */
#ifndef ROUTE_PROMPT_H
#define ROUTE_PROMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <yyjson.h>

#include "chat/chat.h"
#include "core/error.h"
#include "core/str.h"

#define ROUTE_SLICES_MAX 16 /* blocks of a part whose text is read; of those behind them only the length counts */

struct route_text {
    struct str slices[ROUTE_SLICES_MAX];
    size_t count;
    size_t bytes; /* of all blocks, also those that are not among the slices */
};

struct route_prompt {
    struct route_text user;   /* of the last turn of the user, without documents */
    struct route_text system;
    size_t history_bytes;     /* texts of all turns before it */
    size_t document_bytes;
    size_t turns;             /* messages, the last included */
    size_t tools, documents, images;
    size_t tool_results;      /* in the last turn of the user */
    bool has_output_schema;   /* JSON output is asked for */
};

void route_prompt_of_request(const struct chat_request *request, struct route_prompt *prompt);

/* FNV-1a, for what must come out the same wherever it is computed. */
#define ROUTE_HASH_FIRST 0xcbf29ce484222325ULL
uint64_t route_hash_text(uint64_t hash, struct str text);
uint64_t route_prompt_hash(const struct route_prompt *prompt); /* of both texts: the same prompt has the same one */

/* A row of router data: "prompt", or "messages" (content: text, or blocks with "text"), with "system" and "tools" where
 * there are any. */
enum error_code route_prompt_of_row(yyjson_val *row, struct route_prompt *prompt, struct error *error) WARN_UNUSED;

#endif
