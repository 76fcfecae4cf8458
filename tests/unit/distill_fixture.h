/* distill_fixture.h - tiny models and batches for the tests of distill/. */
#ifndef TESTS_DISTILL_FIXTURE_H
#define TESTS_DISTILL_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "support.h"

#include "core/mem.h"
#include "distill/graph.h"
#include "distill/packer.h"

#define assert_ok(call)                                                    \
    do {                                                                   \
        if ((call) != OK)                                                  \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, error.message);      \
    } while (0)

static inline struct model_shape tiny_shape(uint32_t vocabulary, bool is_tied)
{
    return (struct model_shape){
        .layers = 2,
        .width = 32,
        .heads = 4,
        .kv_heads = 2,
        .feed_forward = 64,
        .vocabulary = vocabulary,
        .context = 128,
        .is_tied = is_tied,
        .rope_base = 10000.0f,
        .norm_epsilon = 1e-5f,
    };
}

/* Initial weights, and something on top where those are zero or one. */
static inline void stir_weights(struct weights *weights, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    weights_init(weights, &rng);
    for (size_t i = 0; i < weights->param_count; i++)
        for (size_t j = 0; j < param_count(&weights->params[i]); j++)
            param_data(&weights->params[i])[j] += 0.3f * ((float)rng_unit(&rng) - 0.5f);
}

/* A path of this process. */
static inline void temporary_path(char out[64], const char *name)
{
    snprintf(out, 64, "/tmp/fulcrum-%s-%d", name, (int)getpid());
}

static inline void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

#endif
