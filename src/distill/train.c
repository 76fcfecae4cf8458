/* train.c - the loop: batch, step, update, measure, checkpoint; and what is done when it is told to stop. See
 * train.h. */
#include "distill/train.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "distill/checkpoint.h"
#include "distill/corpus.h"
#include "distill/corpus_tokenizer.h"
#include "distill/curve.h"
#include "distill/export.h"
#include "distill/frozen.h"
#include "distill/grow.h"
#include "distill/measure.h"
#include "distill/pretrained.h"
#include "distill/prune.h"
#include "distill/step.h"
#include "distill/teacher.h"

#define CORPORA_MAX 64
#define PATH_BYTES 4096

struct run {
    const struct train_config *config;
    const struct train_options *options;
    char checkpoint_path[PATH_BYTES], csv_path[PATH_BYTES], pruned_path[PATH_BYTES];
    const char *base;             /* with config.tuned_from: what is trained on, that or what is left of it */
    struct pretrained pretrained; /* the same file */
    struct tuning tuning;
    struct tokenizer *tokenizer;
    enum export_type type; /* what config.type comes to for this shape */
    struct corpus corpora[CORPORA_MAX];
    size_t corpus_count;
    char corpus_hash[2 * SHA256_LEN + 1];
    struct weights *weights;
    struct teacher *teacher; /* with config.teacher */
    struct compute *compute;
    struct optim *optim;
    struct measure measure;
    struct curve curve;
    struct train_position position;
    uint64_t started_us; /* position.seconds is what was trained before */
    double seconds_before;

    /* Of the phase. */
    const struct train_phase *phase;
    struct corpus_sampler sampler;
    struct step step;
};

/* --- data and tokenizer ----------------------------------------------------------------------------- */

static enum error_code open_corpus(struct run *run, const char *path, const struct corpus **corpus,
                                   struct error *error)
{
    for (size_t i = 0; i < run->corpus_count; i++)
        if (strcmp(run->corpora[i].path, path) == 0) {
            *corpus = &run->corpora[i];
            return OK;
        }
    if (run->corpus_count == CORPORA_MAX)
        return error_set(error, ERROR_INVALID, "%s: more than %d data files", path, CORPORA_MAX);
    enum error_code code = corpus_open(path, &run->corpora[run->corpus_count], error);
    if (!code)
        *corpus = &run->corpora[run->corpus_count++];
    return code;
}

static enum error_code open_corpora(struct run *run, struct error *error)
{
    const struct train_config *config = run->config;
    const struct corpus *corpus;
    struct buf hashes;
    uint8_t digest[SHA256_LEN];
    enum error_code code = OK;
    for (size_t i = 0; !code && i < config->tokenizer_corpus_count; i++)
        code = open_corpus(run, config->tokenizer_corpus[i], &corpus, error);
    for (size_t i = 0; !code && i < config->phase_count; i++)
        for (size_t j = 0; !code && j < config->phases[i].source_count; j++)
            if (config->phases[i].sources[j].file)
                code = open_corpus(run, config->phases[i].sources[j].file, &corpus, error);
    if (code)
        return code;
    buf_init(&hashes, CORPORA_MAX * sizeof(corpus->hash));
    for (size_t i = 0; i < run->corpus_count; i++)
        buf_append_text(&hashes, run->corpora[i].hash);
    sha256(buf_str(&hashes), digest);
    hex_encode(digest, sizeof(digest), run->corpus_hash);
    code = hashes.failed ? error_no_memory(error) : OK;
    buf_deinit(&hashes);
    return code;
}

static enum error_code make_tokenizer(struct run *run, struct error *error)
{
    const struct train_config *config = run->config;
    if (run->base)
        return tokenizer_load_pretrained(run->base, &run->tokenizer, error);
    if (config->tokenizer_file)
        return tokenizer_load(config->tokenizer_file, &run->tokenizer, error);
    return corpus_tokenizer(config, run->corpora, &run->tokenizer, error); /* they were opened first */
}

/* --- phases ----------------------------------------------------------------------------------------- */

static void close_phase(struct run *run)
{
    step_close(&run->step);
    corpus_sampler_deinit(&run->sampler);
}

static enum error_code open_phase(struct run *run, struct error *error)
{
    const struct train_phase *phase = run->phase = &run->config->phases[run->position.phase];
    struct corpus_sampler_source sources[SAMPLER_SOURCES_MAX];
    for (size_t i = 0; i < phase->source_count; i++) {
        const struct train_source *source = &phase->sources[i];
        sources[i] = (struct corpus_sampler_source){NULL, source->copied, source->weight, source->has_fresh_values};
        if (phase->sources[i].file && open_corpus(run, phase->sources[i].file, &sources[i].corpus, error))
            return error->code;
    }
    enum error_code code = step_open(&run->step, phase, run->compute, run->weights, run->teacher, error);
    if (!code && run->step.worker_count < phase->workers)
        fprintf(stderr, "phase %s: memory has room for %" PRIu32 " of its %" PRIu32 " workers\n", phase->name,
                run->step.worker_count, phase->workers);
    if (!code)
        code = corpus_sampler_init(&run->sampler, run->tokenizer, run->config->seed + run->position.phase * 1000003,
                            phase->length, sources, phase->source_count, error);
    return code;
}

/* --- one step --------------------------------------------------------------------------------------- */

static void count_pass(struct run *run, const struct step_pass *pass)
{
    const struct packer *packer = &pass->packer;
    curve_add_loss(&run->curve, pass->loss, pass->soft_loss, packer->batch.selected);
    for (uint32_t i = 0; i < packer->batch.selected; i++)
        curve_add_token(&run->curve, run->phase->sources[packer->tags[i]].copied != COPIED_NONE, pass->is_right[i]);
}

static double phase_rate(const struct run *run)
{
    const struct train_phase *phase = run->phase;
    struct optim_schedule schedule = {phase->warm_up, phase->decay_from, phase->final_rate};
    uint64_t step_tokens = (uint64_t)phase->length * phase->rows * phase->accumulate;
    return phase->rate * optim_schedule_at(&schedule, run->position.phase_steps, phase->tokens / step_tokens);
}

static double seconds_so_far(const struct run *run)
{
    return run->seconds_before + (double)(clock_now_us() - run->started_us) / 1e6;
}

static enum error_code run_step(struct run *run, struct error *error)
{
    uint32_t passes = run->phase->accumulate, selected = 0;
    for (uint32_t i = 0; i < passes; i++) {
        enum error_code code = corpus_sampler_fill(&run->sampler, &run->step.passes[i].packer, error);
        if (code)
            return code;
        selected += run->step.passes[i].packer.batch.selected;
    }
    if (selected == 0)
        return error_set(error, ERROR_INVALID, "phase %s: a step without a single answer to train on",
                         run->phase->name);
    enum error_code code = step_run(&run->step, error);
    double loss = 0.0;
    for (uint32_t i = 0; i < passes; i++)
        loss += run->step.passes[i].loss;
    if (!code && !isfinite(loss)) /* and so are the gradients, and would be all weights */
        code = error_set(error, ERROR_INVALID, "the loss is no number after step %" PRIu64 "; a lower rate may help",
                         run->position.steps);
    if (code)
        return code;
    for (uint32_t i = 0; i < passes; i++)
        count_pass(run, &run->step.passes[i]);
    optim_step(run->optim, phase_rate(run));

    uint64_t tokens = (uint64_t)run->phase->length * run->phase->rows * passes;
    run->position.steps++;
    run->position.phase_steps++;
    run->position.tokens += tokens;
    run->position.phase_tokens += tokens;
    return OK;
}

/* --- checkpoints and log ---------------------------------------------------------------------------- */

static enum error_code save(struct run *run, struct error *error)
{
    struct provenance provenance = {
        .corpus = run->corpus_hash,
        .seed = run->config->seed,
        .steps = run->position.steps,
        .tokens = run->position.tokens,
    };
    run->position.seconds = seconds_so_far(run);
    enum error_code code = checkpoint_save(run->checkpoint_path, run->weights, run->optim, &run->sampler,
                                           &run->position, error);
    if (!code)
        code = export_model(run->options->out, run->config->name, run->type, run->weights, run->tokenizer,
                            run->pretrained.gguf ? &run->pretrained : NULL, &provenance, error);
    return code;
}

static uint64_t tokens_left(const struct run *run)
{
    uint64_t left = 0;
    for (size_t i = run->position.phase; i < run->config->phase_count; i++)
        left += run->config->phases[i].tokens;
    return left > run->position.phase_tokens ? left - run->position.phase_tokens : 0;
}

static enum error_code log_step(struct run *run, bool is_last, struct error *error)
{
    const struct train_config *config = run->config;
    bool is_measured = config->measure.file && (is_last || run->position.steps % config->measure.every == 0);
    if (!is_measured && !is_last && run->position.steps % config->log_every != 0)
        return OK;
    if (is_measured) {
        enum error_code code = measure_run(&run->measure, error);
        if (code)
            return code;
    }
    struct curve_point point = {
        .phase = run->phase->name,
        .steps = run->position.steps,
        .tokens = run->position.tokens,
        .tokens_left = tokens_left(run),
        .seconds = seconds_so_far(run),
        .rate = phase_rate(run),
        .is_measured = is_measured,
    };
    return curve_write(&run->curve, &point, error);
}

static enum error_code after_step(struct run *run, struct error *error)
{
    bool is_last = run->position.phase_tokens >= run->phase->tokens;
    enum error_code code = log_step(run, is_last, error);
    if (!code && run->position.steps % run->config->checkpoint_every == 0)
        code = save(run, error);
    return code;
}

/* --- the run ---------------------------------------------------------------------------------------- */

static bool is_stopped(const struct run *run)
{
    return run->options->stop && *run->options->stop;
}

static enum error_code run_phase(struct run *run, bool is_resumed, struct error *error)
{
    enum error_code code = open_phase(run, error);
    if (!code && is_resumed)
        code = checkpoint_load(run->checkpoint_path, run->weights, run->optim, &run->sampler, &run->position, error);
    while (!code && !is_stopped(run) && run->position.phase_tokens < run->phase->tokens) {
        code = run_step(run, error);
        if (!code)
            code = after_step(run, error);
    }
    bool is_done = !is_stopped(run) && run->position.phase + 1 < run->config->phase_count;
    if (!code && !is_done)
        code = save(run, error);
    close_phase(run);
    return code;
}

static enum error_code run_phases(struct run *run, bool is_resumed, struct error *error)
{
    enum error_code code = OK;
    run->started_us = clock_now_us();
    run->seconds_before = run->position.seconds;
    while (!code && run->position.phase < run->config->phase_count) {
        code = run_phase(run, is_resumed, error);
        is_resumed = false;
        if (is_stopped(run))
            break;
        run->position.phase++;
        run->position.phase_steps = run->position.phase_tokens = 0;
    }
    return code;
}

static enum error_code copy_pretrained(struct run *run, struct error *error)
{
    enum error_code code = pretrained_copy(&run->pretrained, run->weights, error);
    if (!code && run->config->adapter_from)
        code = pretrained_copy_adapter(run->config->adapter_from, run->weights, error);
    const bool is_frozen = run->config->tuning.rank > 0 && run->config->adapter_base == BASE_Q8_0;
    return !code && is_frozen ? frozen_make(run->weights, true, error) : code;
}

static enum error_code make_weights(struct run *run, struct error *error)
{
    const char *path = run->config->grown_from;
    struct weights *smaller;
    struct rng rng;
    if (run->config->tuned_from) /* what is frozen is in no checkpoint */
        return copy_pretrained(run, error);
    rng_seed(&rng, run->config->seed);
    weights_init(run->weights, &rng);
    if (!path || run->options->resume)
        return OK;
    enum error_code code = checkpoint_read_weights(path, &smaller, error);
    if (code)
        return code;
    code = weights_grow(run->weights, smaller, &rng, error);
    weights_free(smaller);
    return code ? error_prefix(error, "grown_from %s", path) : OK;
}

static bool fits_q8_0(const struct model_shape *shape)
{
    return shape->width % 32 == 0 && shape->feed_forward % 32 == 0;
}

static void choose_type(struct run *run, const struct model_shape *shape)
{
    run->type = run->config->type;
    if (run->type == EXPORT_AUTO)
        run->type = fits_q8_0(shape) ? EXPORT_Q8_0 : EXPORT_F32;
}

static void scale_positions(const struct train_yarn *yarn, struct model_shape *shape)
{
    if (yarn->factor == 0.0)
        return;
    shape->yarn_factor = (float)yarn->factor;
    shape->yarn_attention = (float)yarn->attention;
    shape->yarn_original = yarn->original;
}

static enum error_code decide_shape(struct run *run, struct model_shape *shape, struct error *error)
{
    const char *path = run->base;
    if (!path) {
        *shape = run->config->model;
        shape->vocabulary = run->tokenizer->count;
        choose_type(run, shape);
        return OK;
    }
    enum error_code code = pretrained_open(path, &run->pretrained, error);
    if (!code)
        code = pretrained_shape(&run->pretrained, shape, error);
    if (!code)
        scale_positions(&run->config->yarn, shape);
    if (!code)
        choose_type(run, shape);
    if (!code && run->type == EXPORT_Q8_0 && !fits_q8_0(shape))
        code = error_set(error, ERROR_INVALID, "%s: width or feed-forward is no multiple of 32: use type f32", path);
    if (!code && shape->vocabulary != run->tokenizer->count)
        code = error_set(error, ERROR_INVALID, "%s: %u tokens, and an embedding of %u", path, run->tokenizer->count,
                         shape->vocabulary);
    return code;
}

static enum error_code open_teacher(struct run *run, struct error *error)
{
    const struct train_config *config = run->config;
    return config->teacher.file ? teacher_open(&config->teacher, config->tuned_from ? &run->pretrained : NULL,
                                               run->tokenizer, &run->teacher, error)
                                : OK;
}

static enum error_code prepare(struct run *run, struct error *error)
{
    const struct train_config *config = run->config;
    struct model_shape shape;
    struct rng rng;
    struct optim_settings settings = config->optim;
    enum error_code code = open_corpora(run, error);
    run->tuning = config->tuning;
    if (!code)
        code = prune_base(config, run->pruned_path, &run->base, &run->tuning.pruning, error);
    if (!code)
        code = make_tokenizer(run, error);
    if (!code)
        code = decide_shape(run, &shape, error);
    rng_seed(&rng, config->seed);
    if (!code)
        code = weights_new_tuned(&shape, &run->tuning, &rng, &run->weights, error);
    if (!code)
        code = compute_new((int)config->threads, true, &run->compute, error);
    if (!code)
        compute_give_way(run->compute, run->options->way, 0);
    if (!code)
        code = optim_new(&settings, run->weights, compute_gemm(run->compute), &run->optim, error);
    if (!code)
        code = make_weights(run, error);
    if (!code)
        code = measure_init(&run->measure, &config->measure, run->tokenizer, run->compute, run->weights, error);
    if (code)
        return code;
    code = open_teacher(run, error);
    if (!code && run->options->resume)
        code = checkpoint_load(run->checkpoint_path, run->weights, run->optim, NULL, &run->position, error);
    if (!code)
        code = curve_open(&run->curve, run->csv_path, &run->measure, run->teacher != NULL, run->position.steps,
                          run->position.tokens, run->position.seconds, error);
    return code;
}

static void clean_up(struct run *run)
{
    curve_close(&run->curve);
    measure_deinit(&run->measure);
    optim_free(run->optim);
    compute_free(run->compute);
    weights_free(run->weights);
    teacher_free(run->teacher);
    tokenizer_free(run->tokenizer);
    pretrained_close(&run->pretrained);
    for (size_t i = 0; i < run->corpus_count; i++)
        corpus_close(&run->corpora[i]);
    mem_free(run);
}

enum error_code train_run(const struct train_config *config, const struct train_options *options,
                          struct train_result *result, struct error *error)
{
    struct run *run = mem_calloc(1, sizeof(*run));
    if (!run)
        return error_no_memory(error);
    run->config = config;
    run->options = options;
    snprintf(run->checkpoint_path, PATH_BYTES, "%s.checkpoint", options->out);
    snprintf(run->pruned_path, PATH_BYTES, "%s" PRUNE_SUFFIX, options->out);
    if (config->csv)
        snprintf(run->csv_path, PATH_BYTES, "%s", config->csv);
    else
        snprintf(run->csv_path, PATH_BYTES, "%s.csv", options->out);

    enum error_code code = prepare(run, error);
    if (!code)
        code = run_phases(run, options->resume, error);
    *result = (struct train_result){
        .steps = run->position.steps,
        .tokens = run->position.tokens,
        .last_loss = run->curve.last_loss,
        .was_stopped = is_stopped(run),
    };
    clean_up(run);
    return code;
}

enum error_code train_check(const struct train_config *config, struct error *error)
{
    struct model_shape shape;
    struct run *run = mem_calloc(1, sizeof(*run));
    if (!run)
        return error_no_memory(error);
    run->config = config;
    run->base = config->tuned_from; /* what is pruned of it was in it */
    enum error_code code = config->tokenizer_corpus_count ? open_corpora(run, error) : OK;
    if (!code)
        code = make_tokenizer(run, error);
    if (!code)
        code = decide_shape(run, &shape, error);
    if (!code)
        code = open_teacher(run, error);
    clean_up(run);
    return code;
}
