/* list.c - parameters and the end of a page. See list.h. */
#include "api/openai/list.h"

enum error_code openai_page_parse(struct http_exchange *exchange, size_t usual, size_t most, struct openai_page *page,
                                  struct error *error)
{
    const struct str after = http_query_get(exchange, "after"), limit = http_query_get(exchange, "limit"),
                     order = http_query_get(exchange, "order");
    uint64_t wanted = usual;
    *page = (struct openai_page){.after = after.data ? after : STR("")};
    if (limit.len > 0 && (!str_to_u64(limit, &wanted) || wanted == 0 || wanted > most))
        return error_set(error, ERROR_INVALID, "limit: must be a number from 1 to %zu", most);
    page->limit = (size_t)wanted;
    page->is_ascending = str_eq(order, STR("asc"));
    if (order.len > 0 && !page->is_ascending && !str_eq(order, STR("desc")))
        return error_set(error, ERROR_INVALID, "order: must be asc or desc");
    return OK;
}

static void append_id(struct buf *out, const char *name, const char *id)
{
    if (id)
        buf_appendf(out, ",\"%s\":\"%s\"", name, id);
    else
        buf_appendf(out, ",\"%s\":null", name);
}

void openai_append_page_end(struct buf *out, const char *first, const char *last, bool has_more)
{
    buf_append_char(out, ']');
    append_id(out, "first_id", first);
    append_id(out, "last_id", last);
    buf_appendf(out, ",\"has_more\":%s}", has_more ? "true" : "false");
}
