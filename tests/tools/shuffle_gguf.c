/* shuffle_gguf - writes a model file whose weights are another's in random places.
 *
 *   shuffle_gguf FROM.gguf TO.gguf SEED
 *
 * Shapes, types, tokenizer and the distribution of the values stay; what the
 * model has learnt goes. Within each tensor of blocks (Q8_0) the blocks change
 * places, within any other the numbers. */
#include <ggml.h>
#include <gguf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/util.h"

static void shuffle(char *items, size_t count, size_t size, struct rng *rng)
{
    char kept[256];
    if (size > sizeof(kept))
        exit(1);
    for (size_t i = count; i > 1; i--) {
        char *one = items + (i - 1) * size, *other = items + rng_below(rng, i) * size;
        memcpy(kept, one, size);
        memcpy(one, other, size);
        memcpy(other, kept, size);
    }
}

int main(int argc, char **argv)
{
    struct ggml_context *ctx = NULL;
    struct rng rng;
    if (argc != 4) {
        fputs("usage: shuffle_gguf FROM.gguf TO.gguf SEED\n", stderr);
        return 2;
    }
    struct gguf_context *gguf = gguf_init_from_file(argv[1], (struct gguf_init_params){.ctx = &ctx});
    if (!gguf) {
        fprintf(stderr, "shuffle_gguf: %s: not a readable GGUF file\n", argv[1]);
        return 1;
    }
    struct gguf_context *out = gguf_init_empty();
    gguf_set_kv(out, gguf);
    rng_seed(&rng, strtoull(argv[3], NULL, 10));
    for (struct ggml_tensor *t = ggml_get_first_tensor(ctx); t; t = ggml_get_next_tensor(ctx, t))
        if (gguf_find_tensor(gguf, t->name) >= 0) { /* the context also holds the data as one blob */
            shuffle(t->data, ggml_nbytes(t) / ggml_type_size(t->type), ggml_type_size(t->type), &rng);
            gguf_add_tensor(out, t);
        }
    bool is_written = gguf_write_to_file(out, argv[2], false);
    if (!is_written)
        fprintf(stderr, "shuffle_gguf: %s: can't be written\n", argv[2]);
    gguf_free(out);
    gguf_free(gguf);
    ggml_free(ctx);
    return !is_written;
}
