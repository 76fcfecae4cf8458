/* join.c - see join.h. */
#include "advise/join.h"

#include <string.h>

#define PENDING 16 /* rows of one key that wait for another part */
#define DOUBLES 3  /* of one key; what has more is no name of a request */

struct joining {
    struct log_rows *to;
    struct join_counts *counts;
    struct row pending[PENDING];
    size_t count;
    unsigned doubles; /* of the key at hand */
};

/* One has what the other lacks. */
static bool is_other_part(const struct row *a, const struct row *b)
{
    const bool is_ledger = (a->flags ^ b->flags) & ROW_LEDGER;
    const bool is_pair = (a->flags & ROW_PAIRED) && (b->flags & ROW_PAIRED) && ((a->flags ^ b->flags) & ROW_BODY) &&
                         ((a->flags ^ b->flags) & ROW_REPLY);
    return is_ledger || is_pair;
}

static bool is_same(const struct row *a, const struct row *b)
{
    return a->time_us == b->time_us && a->group == b->group && a->block_count == b->block_count &&
           memcmp(a->tokens, b->tokens, sizeof(a->tokens)) == 0 &&
           (a->block_count == 0 || a->blocks[a->block_count - 1].hash == b->blocks[b->block_count - 1].hash);
}

/* The prompt of the one that has it, the counts of the other: the ledger's before the log's, the output's. */
static void put_together(struct row *row, const struct row *other)
{
    const bool takes_prompt = !(row->flags & ROW_BODY);
    const struct row *counted = row->flags & ROW_LEDGER || (takes_prompt && !(other->flags & ROW_LEDGER)) ? row : other;
    struct row joined = takes_prompt ? *other : *row;
    joined.group = counted->group;
    joined.tier = counted->tier;
    if (counted->flags & ROW_COUNTED || !(joined.flags & ROW_COUNTED))
        memcpy(joined.tokens, counted->tokens, sizeof(joined.tokens));
    joined.time_us = counted->time_us ? counted->time_us : joined.time_us;
    joined.flags = (uint16_t)((row->flags | other->flags) & ~ROW_PAIRED);
    joined.order = row->order < other->order ? row->order : other->order;
    *row = joined;
}

static enum error_code put(struct joining *joining, const struct row *row, struct error *error)
{
    if ((row->flags & ROW_PAIRED) && !(row->flags & ROW_REPLY)) {
        joining->counts->unanswered++;
        return OK;
    }
    return log_rows_add(joining->to, row, error);
}

static enum error_code put_first(struct joining *joining, struct error *error)
{
    const enum error_code code = put(joining, &joining->pending[0], error);
    joining->count--;
    memmove(&joining->pending[0], &joining->pending[1], joining->count * sizeof(joining->pending[0]));
    return code;
}

static enum error_code take(struct joining *joining, const struct row *row, struct error *error)
{
    enum error_code code = OK;
    if (row->key == 0)
        return put(joining, row, error);
    if (joining->count > 0 && joining->pending[0].key != row->key)
        joining->doubles = 0;
    while (joining->count > 0 && joining->pending[0].key != row->key && code == OK)
        code = put_first(joining, error);
    for (size_t i = 0; i < joining->count; i++) {
        if (is_other_part(&joining->pending[i], row)) {
            put_together(&joining->pending[i], row);
            joining->counts->joined++;
            return code;
        }
        if (joining->doubles < DOUBLES && is_same(&joining->pending[i], row)) {
            joining->doubles++;
            joining->counts->doubled++;
            return code;
        }
    }
    if (joining->count == PENDING && code == OK)
        code = put_first(joining, error);
    joining->pending[joining->count++] = *row;
    return code;
}

enum error_code log_rows_join(struct log_rows *from, struct log_rows **to, struct join_counts *counts,
                              struct error *error)
{
    struct joining joining = {.counts = counts, .to = log_rows_new()};
    enum error_code code = joining.to ? log_rows_sort(from, ROWS_BY_KEY, error) : error_no_memory(error);
    const struct row *row;
    *counts = (struct join_counts){0};
    while (code == OK && (row = log_rows_next(from, &code, error)))
        code = take(&joining, row, error);
    while (joining.count > 0 && code == OK)
        code = put_first(&joining, error);
    log_rows_free(from);
    *to = joining.to;
    return code;
}
