/* logprobs.h - how likely the tokens of a reply were, in the words of OpenAI's APIs. Any thread. */
#ifndef API_OPENAI_LOGPROBS_H
#define API_OPENAI_LOGPROBS_H

#include "chat/codec.h"

/* Of a reply: tokens are those of pieces of text, one after the other. */
struct openai_piece {
    struct str text;
    const struct token_logprob *tokens;
    size_t count;
};
/* A whole reply's, in the arena; NULL: no memory. */
struct openai_piece *openai_pieces(struct arena *arena, const struct chat_reply *reply, size_t *count);

/* Chat completions and Responses: {"token":...,"logprob":...,"bytes":[...],"top_logprobs":[...]},... A token that is no
 * whole text is written as the hexadecimal numbers of its bytes. */
void openai_append_logprobs(struct buf *out, const struct openai_piece *pieces, size_t count);

/* Plain completions: {"tokens":[...],"token_logprobs":[...],"top_logprobs":[...],"text_offset":[...]}. The first piece
 * begins behind `offset` characters. */
void openai_append_legacy_logprobs(struct buf *out, const struct openai_piece *pieces, size_t count, size_t offset,
                                   bool has_top);

size_t openai_characters(struct str text);

#endif
