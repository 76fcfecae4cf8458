/* support_trace.c - see support_trace.h. */
#include "support_trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/json.h"
#include "core/mem.h"

#define LINE_MAX_BYTES ((size_t)1 << 24)

_Noreturn static void die(const char *what, const char *detail)
{
    (void)fprintf(stderr, "%s: %s%s%s\n", program_invocation_short_name, what, detail[0] ? ": " : "", detail);
    exit(1);
}

/* A block is known by the block before it and its hash. */
struct trace_known {
    uint64_t hash;
    int32_t parent; /* -1: it begins a prompt */
    int32_t id;     /* -1: the slot is free */
};

static struct trace_known *find_slot(const struct trace *trace, int32_t parent, uint64_t hash)
{
    uint64_t mixed = (hash ^ (uint64_t)(uint32_t)parent << 32) * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = mixed >> 20;; i++) {
        struct trace_known *slot = &trace->table[i & (trace->table_cap - 1)];
        if (slot->id < 0 || (slot->hash == hash && slot->parent == parent))
            return slot;
    }
}

static void grow_table(struct trace *trace)
{
    struct trace_known *old = trace->table;
    const size_t old_cap = trace->table_cap;
    trace->table_cap = old_cap ? 2 * old_cap : 1024;
    trace->table = mem_must_alloc(trace->table_cap * sizeof(*trace->table));
    for (size_t i = 0; i < trace->table_cap; i++)
        trace->table[i].id = -1;
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i].id >= 0)
            *find_slot(trace, old[i].parent, old[i].hash) = old[i];
    }
    mem_free(old);
}

static int32_t block_id(struct trace *trace, int32_t parent, uint64_t hash)
{
    if ((size_t)trace->distinct * 2 >= trace->table_cap)
        grow_table(trace);
    struct trace_known *slot = find_slot(trace, parent, hash);
    if (slot->id < 0)
        *slot = (struct trace_known){hash, parent, trace->distinct++};
    return slot->id;
}

static void add_request(struct trace *trace, yyjson_val *line, const char *where)
{
    yyjson_val *ids = yyjson_obj_get(line, "hash_ids"), *stamp = yyjson_obj_get(line, "timestamp");
    if (!yyjson_is_arr(ids))
        die(where, "expected an object with a list `hash_ids`");
    if (!mem_grow((void **)&trace->requests, trace->request_count, &trace->request_cap, sizeof(*trace->requests)))
        die("out of memory", "");
    struct trace_request *request = &trace->requests[trace->request_count];
    yyjson_val *reply = yyjson_obj_get(line, "output_length");
    const double ms = yyjson_is_num(stamp) ? yyjson_get_num(stamp) : 0;
    *request = (struct trace_request){.now_us = ms > 0 ? (uint64_t)(ms * 1000) : 0, .first = trace->block_count,
                                      .reply_tokens = (uint32_t)yyjson_get_uint(reply)};
    if (trace->request_count > 0 && request->now_us < request[-1].now_us)
        request->now_us = request[-1].now_us;
    trace->request_count++;
    int32_t parent = -1;
    size_t index, count;
    yyjson_val *id;
    yyjson_arr_foreach(ids, index, count, id) {
        if (!yyjson_is_int(id))
            die(where, "hash_ids: expected whole numbers");
        if (!mem_grow((void **)&trace->blocks, trace->block_count, &trace->block_cap, sizeof(*trace->blocks)))
            die("out of memory", "");
        parent = block_id(trace, parent, yyjson_get_uint(id));
        trace->blocks[trace->block_count++] = parent;
        request->count++;
    }
}

void trace_read(const char *path, struct trace *trace)
{
    struct error error;
    char where[512];
    gzFile file = gzopen(path, "rb"); /* reads plain files as they are */
    if (file == NULL)
        die(path, strerror(errno));
    char *line = mem_must_alloc(LINE_MAX_BYTES);
    for (unsigned number = 1; gzgets(file, line, (int)LINE_MAX_BYTES) != NULL; number++) {
        struct str text = str_trim(str_of(line));
        yyjson_doc *doc = NULL;
        if (text.len == 0)
            continue;
        (void)snprintf(where, sizeof(where), "%s:%u", path, number);
        if (json_parse(text, &doc, &error) != OK)
            die(where, error.message);
        add_request(trace, yyjson_doc_get_root(doc), where);
        json_free(doc);
    }
    int code;
    const char *message = gzerror(file, &code);
    if (code != Z_OK && code != Z_STREAM_END)
        die(path, message);
    (void)gzclose(file);
    mem_free(line);
    if (trace->block_count == 0)
        die(path, "no request with a block");
}

void trace_free(struct trace *trace)
{
    mem_free(trace->requests);
    mem_free(trace->blocks);
    mem_free(trace->table);
}
