/* support_llama.h - llama.cpp's own server, from the pinned source, as a process of ours.
 *
 * deps/llama-server builds it when it is first asked for; BENCH_LLAMA_SERVER names another program, or is empty
 * to do without. What it prints goes to build/bench/llama-server.log. One thread. */
#ifndef BENCH_SUPPORT_LLAMA_H
#define BENCH_SUPPORT_LLAMA_H

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
    bool is_released; /* ggml computes as it was released, without our kernels */
};
/* NULL: it did not start; *why as above. */
struct llama_server *llama_server_start(const struct llama_server_options *options, const char **why);
void llama_server_stop(struct llama_server *server);
int llama_server_pid(const struct llama_server *server);
uint16_t llama_server_port(const struct llama_server *server); /* on 127.0.0.1 */

/* Tokens of the prompt that were read from its cache and all of them. False: no reply of that kind. */
bool llama_server_complete(struct llama_server *server, struct str prompt, uint32_t max_tokens, uint32_t *read,
                           uint32_t *all);

/* Asks for replies to all prompts, `clients` of them at a time, and ends none before max_tokens; tokens of the
 * replies, 0: one failed. */
uint64_t llama_server_complete_all(struct llama_server *server, const struct str *prompts, size_t count,
                                   uint32_t clients, uint32_t max_tokens);

#endif
