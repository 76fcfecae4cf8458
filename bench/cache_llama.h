/* cache_llama.h - llama.cpp's own server, from the pinned source, as a process of ours.
 *
 * deps/llama-server builds it when it is first asked for; BENCH_LLAMA_SERVER names another program, or is empty
 * to do without. What it prints goes to build/bench/llama-server.log. One thread. */
#ifndef BENCH_CACHE_LLAMA_H
#define BENCH_CACHE_LLAMA_H

#include <stdbool.h>
#include <stdint.h>

#include "core/str.h"

struct llama_server;

/* NULL: it can't be had; *why is then "skipped: ..." and stays valid. The same at every call. */
const char *llama_server_program(const char **why);

struct llama_server_options {
    const char *program, *model;
    uint32_t context;  /* tokens of a sequence */
    uint32_t parallel; /* sequences */
    uint32_t threads;  /* 0: as it likes */
    uint64_t cache_mib;
};
/* NULL: it did not start; *why as above. */
struct llama_server *llama_server_start(const struct llama_server_options *options, const char **why);
void llama_server_stop(struct llama_server *server);

/* Tokens of the prompt that were read from its cache and all of them. False: no reply of that kind. */
bool llama_server_complete(struct llama_server *server, struct str prompt, uint32_t max_tokens, uint32_t *read,
                           uint32_t *all);

#endif
