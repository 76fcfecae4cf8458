/* logprob.c - see logprob.h. */
#include "core/logprob.h"

bool token_logprob_copy(struct arena *arena, const struct token_logprob *from, struct token_logprob *to)
{
    struct logprob *top = ARENA_ARRAY(arena, struct logprob, from->top_count + 1);
    *to = *from;
    to->top = top;
    if (!top || !arena_str(arena, from->chosen.bytes, &to->chosen.bytes))
        return false;
    for (size_t i = 0; i < from->top_count; i++) {
        top[i].value = from->top[i].value;
        if (!arena_str(arena, from->top[i].bytes, &top[i].bytes))
            return false;
    }
    return true;
}
