/* order.c - keys of prompts, and a sort in runs on disk. Renders through chat, computes nothing. See order.h. */
#include "batch/order.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <xxhash.h>

#include "batch/files.h"

#define FIRST_LEVEL_BYTES 256u /* each level is four times the one before */
#define RUN_ENTRIES 65536u
#define MERGE_BYTES (4u << 20) /* of all runs' windows together */
#define WINDOW_ENTRIES_MIN 16u
#define PATH_BYTES 4096

/* --- keys ------------------------------------------------------------------------------------------- */

struct key_writer {
    XXH3_state_t *state;
    struct order_key *key;
    size_t level, at; /* bytes hashed so far */
};

static void put_level(struct key_writer *writer)
{
    uint32_t hash = htobe32((uint32_t)XXH3_64bits_digest(writer->state));
    memcpy(writer->key->bytes + writer->level * 4, &hash, 4);
    writer->level++;
}

static void hash_text(struct key_writer *writer, struct str text)
{
    while (text.len > 0 && writer->level < ORDER_LEVELS) {
        size_t bound = (size_t)FIRST_LEVEL_BYTES << (2 * writer->level);
        size_t len = text.len < bound - writer->at ? text.len : bound - writer->at;
        XXH3_64bits_update(writer->state, text.data, len);
        writer->at += len;
        text = str_slice(text, len, text.len);
        if (writer->at == bound)
            put_level(writer);
    }
}

enum error_code order_key_of(const struct template_spec *spec, const struct chat_request *request,
                             struct order_key *key, struct error *error)
{
    struct prompt prompt;
    enum error_code code = template_render(spec, request, &prompt, error);
    if (code != OK)
        return code;
    struct key_writer writer = {.state = XXH3_createState(), .key = key};
    if (!writer.state)
        return error_no_memory(error);
    XXH3_64bits_reset(writer.state);
    for (const struct chat_document *document = request->documents; document; document = document->next)
        if (document->bytes.data)
            hash_text(&writer, document->bytes);
    for (size_t i = 0; i < prompt.count; i++)
        hash_text(&writer, prompt.segments[i].text);
    while (writer.level < ORDER_LEVELS)
        put_level(&writer);
    XXH3_freeState(writer.state);
    return OK;
}

/* --- sorting ---------------------------------------------------------------------------------------- */

struct entry {
    struct order_key key;
    uint32_t number;
};

_Static_assert(sizeof(struct entry) == ORDER_KEY_LEN + 4, "entries are written as they are");

struct order {
    char path[PATH_BYTES], runs_path[PATH_BYTES];
    int runs_fd;
    struct entry *entries;
    size_t count; /* in memory */
    uint64_t total;
};

/* One sorted run while runs are merged. */
struct run {
    uint64_t next, end; /* entries of the file */
    struct entry *window;
    size_t at, filled;
};

struct merge {
    struct order *order;
    struct run *runs;
    size_t run_count;
    struct entry *windows;
    size_t window; /* entries each */
    size_t *heap;  /* run numbers, the one with the least entry first */
    size_t heap_len;
    struct file_writer out;
};

static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = memcmp(x->key.bytes, y->key.bytes, ORDER_KEY_LEN);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

enum error_code order_new(const char *path, struct order **order, struct error *error)
{
    struct order *made = mem_calloc(1, sizeof(*made));
    struct entry *entries = mem_alloc(RUN_ENTRIES * sizeof(*entries));
    int len = snprintf(made ? made->path : NULL, made ? PATH_BYTES : 0, "%s", path);
    if (!made || !entries || len >= PATH_BYTES - 8) {
        mem_free(made);
        mem_free(entries);
        return error_no_memory(error);
    }
    (void)snprintf(made->runs_path, PATH_BYTES, "%.4080s.runs", path);
    made->entries = entries;
    made->runs_fd = open(made->runs_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (made->runs_fd < 0) {
        (void)error_set_errno(error, ERROR_IO, errno, "cannot make %s", made->runs_path);
        order_free(made);
        return error->code;
    }
    *order = made;
    return OK;
}

void order_free(struct order *order)
{
    if (!order)
        return;
    if (order->runs_fd >= 0) {
        close(order->runs_fd);
        (void)unlink(order->runs_path);
    }
    mem_free(order->entries);
    mem_free(order);
}

static enum error_code end_run(struct order *order, struct error *error)
{
    qsort(order->entries, order->count, sizeof(*order->entries), compare);
    enum error_code code = file_write(order->runs_fd, order->entries, order->count * sizeof(*order->entries),
                                      order->runs_path, error);
    order->count = 0;
    return code;
}

enum error_code order_add(struct order *order, const struct order_key *key, struct error *error)
{
    if (order->total >= ORDER_RECORDS_MAX)
        return error_set(error, ERROR_TOO_LARGE, "a job has at most %u records", ORDER_RECORDS_MAX);
    order->entries[order->count++] = (struct entry){*key, (uint32_t)order->total++};
    return order->count == RUN_ENTRIES ? end_run(order, error) : OK;
}

static enum error_code fill(struct merge *merge, struct run *run, struct error *error)
{
    uint64_t left = run->end - run->next;
    size_t count = left < merge->window ? (size_t)left : merge->window;
    run->at = 0;
    run->filled = count;
    enum error_code code = file_read_at(merge->order->runs_fd, run->window, count * sizeof(struct entry),
                                        run->next * sizeof(struct entry), merge->order->runs_path, error);
    run->next += count;
    return code;
}

static bool is_before(const struct merge *merge, size_t a, size_t b)
{
    const struct run *x = &merge->runs[merge->heap[a]], *y = &merge->runs[merge->heap[b]];
    return compare(&x->window[x->at], &y->window[y->at]) < 0;
}

static void sink(struct merge *merge, size_t at)
{
    for (;;) {
        size_t least = at, left = 2 * at + 1;
        for (size_t child = left; child < merge->heap_len && child <= left + 1; child++)
            if (is_before(merge, child, least))
                least = child;
        if (least == at)
            return;
        size_t run = merge->heap[at];
        merge->heap[at] = merge->heap[least];
        merge->heap[least] = run;
        at = least;
    }
}

static enum error_code take_least(struct merge *merge, struct error *error)
{
    struct run *run = &merge->runs[merge->heap[0]];
    uint32_t number = htole32(run->window[run->at].number);
    enum error_code code = file_writer_put(&merge->out, &number, sizeof(number), error);
    run->at++;
    if (code == OK && run->at == run->filled && run->next < run->end)
        code = fill(merge, run, error);
    else if (run->at == run->filled)
        merge->heap[0] = merge->heap[--merge->heap_len];
    sink(merge, 0);
    return code;
}

static enum error_code merge_runs(struct merge *merge, struct error *error)
{
    enum error_code code = OK;
    for (size_t i = 0; i < merge->run_count && code == OK; i++) {
        uint64_t first = (uint64_t)i * RUN_ENTRIES, end = first + RUN_ENTRIES;
        merge->runs[i] = (struct run){.next = first,
                                      .end = end < merge->order->total ? end : merge->order->total,
                                      .window = merge->windows + i * merge->window};
        code = fill(merge, &merge->runs[i], error);
        merge->heap[i] = i;
    }
    merge->heap_len = merge->run_count;
    for (size_t i = merge->heap_len / 2; code == OK && i-- > 0;)
        sink(merge, i);
    while (code == OK && merge->heap_len > 0)
        code = take_least(merge, error);
    return code;
}

enum error_code order_finish(struct order *order, struct error *error)
{
    enum error_code code = order->count ? end_run(order, error) : OK;
    struct merge merge = {.order = order, .run_count = (size_t)((order->total + RUN_ENTRIES - 1) / RUN_ENTRIES)};
    if (code == OK)
        code = file_writer_open(&merge.out, order->path, error);
    if (code != OK)
        return code;
    merge.window = merge.run_count ? MERGE_BYTES / sizeof(struct entry) / merge.run_count : 0;
    if (merge.window < WINDOW_ENTRIES_MIN)
        merge.window = WINDOW_ENTRIES_MIN;
    merge.runs = mem_calloc(merge.run_count + 1, sizeof(*merge.runs));
    merge.heap = mem_calloc(merge.run_count + 1, sizeof(*merge.heap));
    merge.windows = mem_calloc(merge.run_count * merge.window + 1, sizeof(*merge.windows));
    if (!merge.runs || !merge.heap || !merge.windows)
        code = error_no_memory(error);
    else
        code = merge_runs(&merge, error);
    code = file_writer_close(&merge.out, code, error);
    mem_free(merge.runs);
    mem_free(merge.heap);
    mem_free(merge.windows);
    return code;
}
