/* kernels_perplexity.c - what SmolLM2 makes of a text, with our kernels and on ggml as it was released.
 *
 *   perplexity_ratio  ours over the released one
 *
 * The text is bench/opticks.txt, the beginning of Newton's Opticks (fourth edition, London 1730; in the public
 * domain). It is cut into windows of 512 tokens; in each the second half counts, whose tokens have 256 and more before
 * them. ggml chooses its kernels once in a process, so each side is a process of its own: this program with
 * `perplexity MODEL`. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels_bed.h"
#include "core/buf.h"
#include "engine/model.h"

#define TEXT_PATH "bench/opticks.txt"
#define TEXT_MAX ((size_t)1 << 20)
#define WINDOW 512u  /* tokens */
#define COUNTED 256u /* of them, the last ones */
#define PIECE 128u   /* logits of one pass */

static bool read_text(struct buf *text)
{
    char part[4096];
    FILE *file = fopen(TEXT_PATH, "re");
    buf_init(text, TEXT_MAX);
    for (size_t len; file != NULL && (len = fread(part, 1, sizeof(part), file)) > 0;)
        buf_append(text, part, len);
    const bool is_whole = file != NULL && !ferror(file) && !text->failed;
    if (file != NULL)
        fclose(file);
    return is_whole;
}

/* How surprising `next` is: minus the logarithm of its probability. */
static double surprise(const float *logits, uint32_t vocabulary, model_token next)
{
    double sum = 0, most = logits[0];
    for (uint32_t i = 1; i < vocabulary; i++)
        most = fmax(most, logits[i]);
    for (uint32_t i = 0; i < vocabulary; i++)
        sum += exp(logits[i] - most);
    return log(sum) + most - logits[next];
}

/* The sum over the tokens of a window that count, each but the first predicted from those before it. */
static double window_surprise(struct model *model, const model_token *tokens)
{
    double sum = 0;
    model_clear(model);
    for (uint32_t from = 0; from < WINDOW; from += PIECE) {
        model_batch_clear(model);
        for (uint32_t i = from; i < from + PIECE; i++)
            model_batch_add(model, tokens[i], i, 0, i >= WINDOW - COUNTED - 1 && i + 1 < WINDOW);
        if (model_decode(model) != MODEL_OK)
            bed_die("a pass failed");
        for (uint32_t i = from; i < from + PIECE; i++)
            if (i >= WINDOW - COUNTED - 1 && i + 1 < WINDOW)
                sum += surprise(model_logits(model, i - from), model_facts(model)->vocabulary, tokens[i + 1]);
    }
    return sum;
}

int perplexity_child(const char *path)
{
    const struct model_options options = {.path = path, .context = WINDOW, .parallel = PIECE, .kv_bytes = 1,
                                          .threads = bed_threads()};
    struct model *model;
    struct model_tokens tokens = {0};
    struct buf text;
    struct error error;
    double sum = 0;
    size_t windows = 0;
    if (!read_text(&text))
        bed_die(TEXT_PATH " can't be read");
    if (model_load(&options, &model, &error) != OK ||
        model_tokenize(model, buf_str(&text), false, &tokens, &error) != OK)
        bed_die(error.message);
    for (; (windows + 1) * WINDOW <= tokens.count; windows++)
        sum += window_surprise(model, tokens.items + windows * WINDOW);
    printf("%.9g\n", exp(sum / (double)(windows * COUNTED)));
    model_tokens_deinit(&tokens);
    buf_deinit(&text);
    model_free(model);
    return 0;
}

static double perplexity(const char *tiles)
{
    double result = 0;
    if (setenv("GGML_CPU_TILES", tiles, 1) != 0)
        bed_die("out of memory");
    FILE *out = popen("\"/proc/$PPID/exe\" perplexity \"$BENCH_MODEL\"", "re");
    const bool is_read = out != NULL && fscanf(out, "%lf", &result) == 1;
    if (out == NULL || pclose(out) != 0 || !is_read)
        bed_die("the perplexity could not be found");
    (void)unsetenv("GGML_CPU_TILES");
    return result;
}

void bench_perplexity(struct bench *bench)
{
    if (bed_smollm2() == NULL) {
        bed_skip(bench, "perplexity", "skipped: BENCH_MODEL names no file");
        return;
    }
    const double released = perplexity("0"), ours = perplexity("1");
    const struct bench_cell cells[] = {
        BENCH_TEXT("figure", "perplexity"),
        BENCH_NUMBER("released", released),
        BENCH_NUMBER("ours", ours),
        BENCH_NUMBER("ratio", ours / released),
    };
    bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
    bench_limit(bench, "perplexity_ratio", ours / released, BENCH_AT_MOST, 1.001);
}
