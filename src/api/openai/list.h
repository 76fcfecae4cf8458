/* list.h - pages of OpenAI's lists: `limit`, `after`, `order` of the query, and how a page ends. Pure functions. */
#ifndef API_OPENAI_LIST_H
#define API_OPENAI_LIST_H

#include "core/buf.h"
#include "core/error.h"
#include "net/http.h"

struct openai_page {
    struct str after; /* ID of the last element seen; empty: from the start */
    size_t limit;
    bool is_ascending; /* oldest first; else the newest */
};

/* ERROR_INVALID names the parameter. */
enum error_code openai_page_parse(struct http_exchange *exchange, size_t usual, size_t most, struct openai_page *page,
                                  struct error *error) WARN_UNUSED;

/* Behind the last element: `],"first_id":...}`. NULL: the page is empty. */
void openai_append_page_end(struct buf *out, const char *first, const char *last, bool has_more);

#endif
