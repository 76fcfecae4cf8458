/* support_trace.h - a recorded trace of requests whose prompts are known by the hashes of their blocks.
 *
 * A trace is the JSON lines of the Mooncake traces, plain or gzip, one request a line:
 *
 *   {"timestamp": 27482, "output_length": 52, "hash_ids": [46, 47, 48], ...}
 *
 * timestamp      milliseconds since the trace began, not falling; 0 when absent
 * output_length  tokens of the reply; 0 when absent
 * hash_ids       one number for each block of the prompt, in order; equal numbers with equal numbers before them are
 *                the same block
 *
 * Other fields are ignored. One thread. */
#ifndef BENCH_SUPPORT_TRACE_H
#define BENCH_SUPPORT_TRACE_H

#include <stddef.h>
#include <stdint.h>

struct trace_request {
    uint64_t now_us;
    size_t first; /* in trace.blocks */
    uint32_t count;
    uint32_t reply_tokens;
};

struct trace_known;

struct trace {
    struct trace_request *requests;
    size_t request_count, request_cap;
    int32_t *blocks; /* ids of all requests, from 0: each stands for its block and all before it */
    size_t block_count, block_cap;
    struct trace_known *table; /* open addressing */
    size_t table_cap;
    int32_t distinct;
};

/* Into a zeroed struct. Says what is wrong and exits with status 1 when it can't be read or holds no block. */
void trace_read(const char *path, struct trace *trace);
void trace_free(struct trace *trace);

#endif
