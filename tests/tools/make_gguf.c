/* make_gguf.c - writes a GGUF file with random weights, for tests by hand and end to end.
 *
 *   make_gguf OUT [--layers N] [--width N] [--heads N] [--kv-heads N] [--ff N]
 *             [--vocab N] [--context N] [--seed N] [--type f32|q8_0|q4_K|...] [--size tiny|110m]
 *             [--kind llama|mamba|gemma2|bert] [--window N] [--pooling 1..3] */
#include <stdio.h>
#include <string.h>

#include "core/str.h"
#include "engine/random_gguf.h"

static bool set_option(struct random_gguf_options *options, const char *name, const char *value)
{
    struct {
        const char *name;
        uint32_t *target;
    } numbers[] = {
        {"--layers", &options->layers},     {"--width", &options->width},      {"--heads", &options->heads},
        {"--kv-heads", &options->kv_heads}, {"--ff", &options->feed_forward},  {"--vocab", &options->vocabulary},
        {"--context", &options->context},   {"--window", &options->window},
        {"--pooling", &options->pooling},
    };
    uint64_t number = 0;
    if (strcmp(name, "--type") == 0) {
        options->weights = value;
        return true;
    }
    if (strcmp(name, "--size") == 0) {
        *options = strcmp(value, "110m") == 0 ? RANDOM_GGUF_110M : RANDOM_GGUF_TINY;
        return true;
    }
    if (strcmp(name, "--kind") == 0) {
        options->kind = strcmp(value, "mamba") == 0    ? RANDOM_GGUF_MAMBA
                        : strcmp(value, "gemma2") == 0 ? RANDOM_GGUF_GEMMA2
                        : strcmp(value, "bert") == 0   ? RANDOM_GGUF_BERT
                                                       : RANDOM_GGUF_LLAMA;
        return options->kind != RANDOM_GGUF_LLAMA || strcmp(value, "llama") == 0;
    }
    if (!str_to_u64(str_of(value), &number))
        return false;
    if (strcmp(name, "--seed") == 0) {
        options->seed = number;
        return true;
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (strcmp(name, numbers[i].name) == 0) {
            *numbers[i].target = (uint32_t)number;
            return number <= UINT32_MAX;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    struct random_gguf_options options = RANDOM_GGUF_TINY;
    struct error error;
    bool good = argc >= 2 && argc % 2 == 0;
    for (int i = 2; good && i + 1 < argc; i += 2)
        good = set_option(&options, argv[i], argv[i + 1]);
    if (!good) {
        fprintf(stderr, "usage: make_gguf OUT [--layers N] [--width N] [--heads N] [--kv-heads N] [--ff N] "
                        "[--vocab N] [--context N] [--seed N] [--type f32|q8_0|q4_K|...] [--size tiny|110m] "
                        "[--kind llama|mamba|gemma2|bert] [--window N] [--pooling 1..3]\n");
        return 2;
    }
    if (random_gguf_write(&options, argv[1], &error) != OK) {
        fprintf(stderr, "make_gguf: %s\n", error.message);
        return 1;
    }
    return 0;
}
