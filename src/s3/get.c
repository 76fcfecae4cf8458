/* GetObject: a worker reads a window, the I/O thread sends it, until the end.
 * While the client is slower than the disk no window is read: at most half of
 * limit(response_buffer_bytes) and one window are held. */
#include <stdio.h>

#include "core/limits.h"
#include "s3/s3.h"

#define WINDOW_BYTES ((size_t)262144)
#define RANGE_TRIES 5

struct s3_get {
    struct objects_reader *reader; /* NULL before the first piece of work */
    char *window;
    size_t len;     /* in the window */
    uint64_t left;  /* of the reply's body, the window included */
    bool has_started, has_broken;
};

/* --- ranges --- */

enum range { RANGE_NONE, RANGE_SOME, RANGE_IMPOSSIBLE };

/* One range of RFC 9110, section 14.1.2. Several, or none that can be read, are as if there were none. */
static enum range parse_range(struct str text, uint64_t size, uint64_t *offset, uint64_t *len)
{
    struct str rest = str_slice(text, 6, text.len), first;
    uint64_t last;
    if (!text.data || !str_starts(text, STR("bytes=")) || str_find_char(rest, ',', 0) >= 0 ||
        str_find_char(rest, '-', 0) < 0)
        return RANGE_NONE;
    (void)str_split(&rest, '-', &first);
    if (first.len == 0) { /* the last so many bytes */
        if (!str_to_u64(rest, &last))
            return RANGE_NONE;
        *len = last < size ? last : size;
        *offset = size - *len;
        return *len > 0 ? RANGE_SOME : RANGE_IMPOSSIBLE;
    }
    if (!str_to_u64(first, offset) || (rest.len > 0 && (!str_to_u64(rest, &last) || last < *offset)))
        return RANGE_NONE;
    if (*offset >= size)
        return RANGE_IMPOSSIBLE;
    *len = rest.len > 0 && last < size ? last - *offset + 1 : size - *offset;
    return RANGE_SOME;
}

static void add_range_headers(struct s3 *s3, enum range range, uint64_t offset, uint64_t len, uint64_t size)
{
    char text[80];
    if (range == RANGE_SOME) {
        s3->status = 206;
        (void)snprintf(text, sizeof(text), "bytes %llu-%llu/%llu", (unsigned long long)offset,
                       (unsigned long long)(offset + len - 1), (unsigned long long)size);
        s3_add_header(s3, "content-range", str_of(text));
    }
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)len);
    s3_add_header(s3, "content-length", str_of(text));
}

static void refuse_range(struct s3 *s3, uint64_t size)
{
    char text[40];
    s3_fail(s3, 416, "InvalidRange", "The requested range is not satisfiable");
    (void)snprintf(text, sizeof(text), "bytes */%llu", (unsigned long long)size);
    s3_add_header(s3, "content-range", str_of(text));
}

/* --- on a worker thread --- */

struct selection { /* of the object's bytes */
    enum range range;
    unsigned part; /* 0: the range counts */
    uint64_t offset, len;
};

/* The size says which bytes a range means; if the object is replaced in between, once more. */
static enum objects_problem open_selection(struct s3 *s3, struct selection *selection, struct objects_info *info,
                                           struct error *error)
{
    struct s3_get *get = s3->stream;
    struct objects_info opened;
    for (int i = 0; i < RANGE_TRIES; i++) {
        enum objects_problem problem =
            s3_head(s3, selection->part, info, &selection->offset, &selection->len, error);
        if (problem != OBJECTS_OK)
            return problem;
        if (selection->part > 0)
            selection->range = selection->len > 0 ? RANGE_SOME : RANGE_NONE;
        else
            selection->range = s3_range_is_meant(s3, info) ? parse_range(s3_header(s3, "range"), info->size,
                                                                         &selection->offset, &selection->len)
                                                           : RANGE_NONE;
        if (selection->range == RANGE_IMPOSSIBLE)
            return OBJECTS_OK;
        problem = objects_reader_open(s3->objects, s3->tenant, s3->bucket, s3->key, selection->offset, selection->len,
                                      &opened, &get->reader, error);
        if (problem == OBJECTS_OK && !strcmp(opened.etag, info->etag) && opened.modified_us == info->modified_us)
            return OBJECTS_OK;
        objects_reader_close(get->reader);
        get->reader = NULL;
        if (problem != OBJECTS_OK && problem != OBJECTS_BAD_RANGE)
            return problem;
    }
    (void)error_set(error, ERROR_UNAVAILABLE, "the object changes too fast, try again");
    return OBJECTS_UNAVAILABLE;
}

static void open_object(struct s3 *s3)
{
    struct s3_get *get = s3->stream;
    struct objects_info info;
    struct error error;
    struct selection selection = {0};
    if (!s3_read_part(s3, &selection.part))
        return;
    enum objects_problem problem = open_selection(s3, &selection, &info, &error);
    if (problem == OBJECTS_BAD_PART)
        s3_fail(s3, 416, "InvalidPartNumber", "The requested partnumber is not satisfiable");
    else if (problem != OBJECTS_OK)
        s3_fail_problem(s3, problem, &error);
    if (problem != OBJECTS_OK || !s3_check_conditions(s3, &info, ""))
        return;
    if (selection.range == RANGE_IMPOSSIBLE) {
        refuse_range(s3, info.size);
        return;
    }
    get->left = selection.len;
    s3_add_info_headers(s3, &info, selection.range == RANGE_NONE);
    s3_add_parts_count(s3, selection.part, &info);
    add_range_headers(s3, selection.range, selection.offset, selection.len, info.size);
}

static void work(struct s3 *s3)
{
    struct s3_get *get = s3->stream;
    struct error error;
    get->len = 0;
    if (!get->reader && !s3_has_failed(s3))
        open_object(s3);
    if (!get->reader || s3_has_failed(s3))
        return;
    enum objects_problem problem = objects_reader_read(get->reader, get->window, WINDOW_BYTES, &get->len, &error);
    get->has_broken = problem != OBJECTS_OK || (get->len == 0 && get->left > 0);
    if (get->has_broken && !get->has_started)
        s3_fail_problem(s3, problem, &error);
}

/* --- on the I/O thread --- */

static bool is_full(const struct s3 *s3)
{
    return http_exchange_unsent(s3->call->exchange) >= limit(response_buffer_bytes) / 2;
}

static void on_drain(struct http_exchange *exchange)
{
    struct s3 *s3 = exchange->user;
    if (!s3->is_working)
        s3_queue_work(s3);
}

static void send_window(struct s3 *s3)
{
    struct s3_get *get = s3->stream;
    struct http_exchange *exchange = s3->call->exchange;
    if (!get->has_started) {
        get->has_started = true;
        s3_add_reply_headers(s3);
        exchange->on_drain = on_drain;
        http_respond_start(exchange, s3->status, s3->headers, s3->header_count);
    }
    if (get->len > 0)
        http_respond_write(exchange, (struct str){get->window, get->len});
    get->left -= get->len;
}

/* False always: it ends the exchange itself, or goes on. */
static bool after(struct s3 *s3)
{
    struct s3_get *get = s3->stream;
    if (s3_has_failed(s3))
        return true;
    if (get->has_broken) {
        call_account(s3->call, 500);
        http_respond_abort(s3->call->exchange);
        s3_finish(s3);
        return false;
    }
    send_window(s3);
    if (get->left == 0) {
        call_account(s3->call, s3->status);
        http_respond_end(s3->call->exchange);
        s3_finish(s3);
    } else if (!is_full(s3)) {
        s3_queue_work(s3);
    }
    return false;
}

static void get_free(void *stream)
{
    struct s3_get *get = stream;
    objects_reader_close(get->reader);
    mem_free(get->window);
    mem_free(get);
}

bool s3_get_begin(struct s3 *s3)
{
    static const struct s3_stream_ops ops = {.work = work, .after = after, .free = get_free};
    struct s3_get *get = mem_calloc(1, sizeof(*get));
    if (!get)
        return false;
    s3->stream_ops = &ops;
    s3->stream = get;
    get->window = mem_alloc(WINDOW_BYTES);
    return get->window != NULL;
}
