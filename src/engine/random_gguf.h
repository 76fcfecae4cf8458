/* random_gguf.h - writes a model with random weights, for tests and benches.
 *
 * Llama architecture with an untied head; or, for what can't be cut, mamba
 * (recurrent; feed_forward is the inner width) and gemma2 (every second layer
 * sees a window only; the head is the embedding); or bert, which makes embeddings (words of letters, the rest unknown).
 * Byte-level BPE vocabulary (256
 * bytes, pairs of letters, filler words, ChatML's special tokens) and the ChatML
 * template. The same options always give the same file. Any thread. */
#ifndef ENGINE_RANDOM_GGUF_H
#define ENGINE_RANDOM_GGUF_H

#include <stdint.h>

#include "core/error.h"

enum random_gguf_kind { RANDOM_GGUF_LLAMA, RANDOM_GGUF_MAMBA, RANDOM_GGUF_GEMMA2, RANDOM_GGUF_BERT };

struct random_gguf_options {
    enum random_gguf_kind kind;
    uint32_t layers, width, heads, kv_heads, feed_forward;
    uint32_t vocabulary; /* at least 260 */
    uint32_t context;
    uint64_t seed;
    uint32_t window; /* of gemma2, tokens */
    uint32_t pooling; /* as llama.cpp counts them: 1 mean, 2 the first token, 3 the last; 0: it writes text */
    const char *weights; /* a type as ggml names it, "q4_K", or "q4_K_M": that with some matrices in "q6_K"; NULL: F32,
                          * as rows always are that are no whole blocks */
};

#define RANDOM_GGUF_TINY \
    ((struct random_gguf_options){.layers = 2, .width = 64, .heads = 4, .kv_heads = 2, .feed_forward = 128, \
                                  .vocabulary = 512, .context = 1024, .seed = 1})
#define RANDOM_GGUF_110M \
    ((struct random_gguf_options){.layers = 12, .width = 768, .heads = 12, .kv_heads = 4, .feed_forward = 2304, \
                                  .vocabulary = 16384, .context = 8192, .seed = 1, .weights = "q8_0"})

enum error_code random_gguf_write(const struct random_gguf_options *options, const char *path,
                                  struct error *error) WARN_UNUSED;

#endif
