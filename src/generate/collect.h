/* collect.h - the blocks of a reply, gathered while they stream, for those who
 * need it whole. Owned by one request; its thread alone. */
#ifndef GENERATE_COLLECT_H
#define GENERATE_COLLECT_H

#include "chat/codec.h"

struct collect_span;

/* Zero but for what collect_init sets. */
struct collect {
    struct arena *arena; /* of the request: names and IDs */
    struct buf text;
    struct collect_span *spans;
    size_t span_count, span_cap, stopped_count;
    struct chat_reply_block *blocks;
    bool is_out_of_memory;
};

void collect_init(struct collect *collect, struct arena *arena);
void collect_deinit(struct collect *collect);

/* As the events of chat_sink come. What memory does not hold is noticed in collect_finish. */
void collect_start(struct collect *collect, enum chat_block_kind kind, struct str tool_id, struct str tool_name);
void collect_delta(struct collect *collect, enum chat_block_kind kind, struct str text);
/* Of the next piece of text. */
void collect_logprobs(struct collect *collect, const struct token_logprob *tokens, size_t count);
void collect_stop(struct collect *collect); /* only who tells needs it */
bool collect_is_whole(const struct collect *collect);

/* The same events again, of what was collected; functions of the sink may be NULL. */
void collect_tell(const struct collect *collect, const struct chat_sink *sink);

/* One whole block, as events. */
void collect_tell_block(const struct chat_sink *sink, size_t index, const struct chat_reply_block *block);

/* Puts all blocks into `reply`; they live until collect_deinit. False: no memory. */
bool collect_finish(struct collect *collect, struct chat_reply *reply) WARN_UNUSED;

#endif
