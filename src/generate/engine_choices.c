/* engine_choices.c - see engine_choices.h. */
#include "generate/engine_choices.h"

#include "chat/reply_parser.h"
#include "core/util.h"
#include "generate/collect.h"
#include "generate/engine_logprobs.h"
#include "generate/engine_reply.h"

struct choice {
    struct engine_choices *all;
    struct engine_call *running; /* NULL once it ended */
    struct reply_parser *parser;
    struct chat_sink sink; /* the parser's */
    struct engine_logprobs logprobs;
    struct collect collect;
    uint64_t first_us, output;
    bool is_done;
};

/* In the request's arena. */
struct engine_choices {
    struct engine_choices_setup setup;
    struct choice *items;
    struct chat_choice *made;
    size_t count;
};

/* --- blocks ----------------------------------------------------------------------------------------- */

static void on_block_start(void *ctx, size_t index, enum chat_block_kind kind, struct str id, struct str name)
{
    struct choice *choice = ctx;
    (void)index;
    collect_start(&choice->collect, kind, id, name);
}

static void on_block_delta(void *ctx, size_t index, enum chat_block_kind kind, struct str text)
{
    struct choice *choice = ctx;
    (void)index;
    collect_delta(&choice->collect, kind, text);
}

static void on_block_stop(void *ctx, size_t index, enum chat_block_kind kind)
{
    struct choice *choice = ctx;
    (void)index, (void)kind;
    collect_stop(&choice->collect);
}

static void on_block_logprobs(void *ctx, size_t index, const struct token_logprob *tokens, size_t count)
{
    struct choice *choice = ctx;
    (void)index;
    collect_logprobs(&choice->collect, tokens, count);
}

/* The list that goes with the call; what it points to lies in the arena. */
static bool keep_logprobs(struct arena *arena, struct chat_reply_block *block)
{
    struct token_logprob *kept = ARENA_ARRAY(arena, struct token_logprob, block->logprob_count + 1);
    if (kept && block->logprob_count > 0)
        memcpy(kept, block->logprobs, block->logprob_count * sizeof(*kept));
    block->logprobs = kept;
    return kept != NULL;
}

/* Into the arena: what was collected goes with the call, before anybody writes it. */
static enum error_code keep_blocks(struct choice *choice, struct chat_choice *made, struct error *error)
{
    struct arena *arena = choice->all->setup.request->arena;
    struct chat_reply reply = {0};
    if (!collect_finish(&choice->collect, &reply))
        return error_no_memory(error);
    struct chat_reply_block *blocks = ARENA_ARRAY(arena, struct chat_reply_block, reply.block_count + 1);
    if (!blocks)
        return error_no_memory(error);
    for (size_t i = 0; i < reply.block_count; i++) {
        blocks[i] = reply.blocks[i];
        if (!arena_str(arena, reply.blocks[i].text, &blocks[i].text) || !keep_logprobs(arena, &blocks[i]))
            return error_no_memory(error);
    }
    made->blocks = blocks;
    made->block_count = reply.block_count;
    return OK;
}

/* --- the end ---------------------------------------------------------------------------------------- */

static void drop(struct choice *choice)
{
    if (choice->running)
        engine_cancel(choice->running);
    choice->running = NULL;
    reply_parser_free(choice->parser);
    choice->parser = NULL;
    engine_logprobs_deinit(&choice->logprobs);
    collect_deinit(&choice->collect);
}

void engine_choices_end(struct engine_choices *choices)
{
    for (size_t i = 0; choices && i < choices->count; i++)
        drop(&choices->items[i]);
}

/* The last thing that is done here: all of it may be gone. */
static void fail(struct choice *choice, const struct error *error)
{
    struct engine_choices *all = choice->all;
    const struct error copy = *error;
    engine_choices_end(all);
    all->setup.on_failed(all->setup.ctx, &copy);
}

static void finish(struct choice *choice, enum engine_stop stop)
{
    struct engine_choices *all = choice->all;
    struct chat_choice *made = &all->made[choice - all->items];
    struct error error;
    enum error_code code = reply_parser_finish(choice->parser, &error);
    if (code == OK)
        code = keep_blocks(choice, made, &error);
    if (code != OK) {
        fail(choice, &error);
        return;
    }
    made->stop = engine_stop_reason(choice->parser, stop);
    choice->is_done = true;
    drop(choice);
    if (engine_choices_are_done(all))
        all->setup.on_done(all->setup.ctx);
}

/* --- what the worker says --------------------------------------------------------------------------- */

static void on_started(void *ctx, const struct engine_started *started)
{
    struct choice *choice = ctx;
    (void)started;
    choice->first_us = clock_now_us();
}

static void on_logprobs(void *ctx, const struct token_logprob *tokens, size_t count)
{
    struct choice *choice = ctx;
    engine_logprobs_add(&choice->logprobs, tokens, count);
}

static void on_text(void *ctx, struct str text, uint32_t token_count)
{
    struct choice *choice = ctx;
    const uint64_t most_us = choice->all->setup.max_reply_us;
    struct error error;
    choice->output += token_count;
    if (engine_logprobs_feed(&choice->logprobs, choice->parser, text, &error) != OK) {
        fail(choice, &error);
    } else if (most_us && clock_now_us() - choice->first_us >= most_us) {
        engine_cancel(choice->running);
        choice->running = NULL;
        finish(choice, ENGINE_STOP_LENGTH);
    }
}

static void on_finished(void *ctx, const struct engine_finished *finished)
{
    struct choice *choice = ctx;
    choice->running = NULL;
    choice->output = finished->output_tokens;
    choice->all->made[choice - choice->all->items].mean_logprob = engine_mean_logprob(&finished->certainty);
    finish(choice, finished->stop);
}

static void on_failed(void *ctx, const struct error *error)
{
    struct choice *choice = ctx;
    choice->running = NULL;
    fail(choice, error);
}

/* --- the start -------------------------------------------------------------------------------------- */

static enum error_code start(struct choice *choice, uint64_t number, struct error *error)
{
    static const struct engine_handlers handlers = {
        .on_started = on_started, .on_text = on_text, .on_finished = on_finished, .on_failed = on_failed,
        .on_logprobs = on_logprobs};
    const struct engine_choices_setup *setup = &choice->all->setup;
    struct engine_request wanted = *setup->wanted;
    wanted.seed += number;
    wanted.wants_certainty = setup->request->best > 0;
    collect_init(&choice->collect, setup->request->arena);
    choice->sink = (struct chat_sink){choice, on_block_start, on_block_delta, on_block_stop, on_block_logprobs};
    choice->parser = reply_parser_new(setup->family, setup->request, &choice->sink);
    if (!choice->parser)
        return error_no_memory(error);
    engine_logprobs_init(&choice->logprobs, setup->request, choice->parser, &choice->sink);
    error->code = ERROR_NO_MEMORY;
    choice->running = engine_generate(setup->port, setup->worker, &wanted, &handlers, choice, error);
    return choice->running ? OK : error->code;
}

struct engine_choices *engine_choices_start(const struct engine_choices_setup *setup, struct error *error)
{
    const size_t count = setup->request->choices - 1;
    struct arena *arena = setup->request->arena;
    struct engine_choices *all = ARENA_NEW(arena, struct engine_choices);
    struct choice *items = ARENA_ARRAY(arena, struct choice, count);
    struct chat_choice *made = ARENA_ARRAY(arena, struct chat_choice, count);
    if (!all || !items || !made) {
        (void)error_no_memory(error);
        return NULL;
    }
    *all = (struct engine_choices){.setup = *setup, .items = items, .made = made};
    for (size_t i = 0; i < count; i++) {
        items[i].all = all;
        all->count++;
        if (start(&items[i], i + 1, error) != OK) {
            engine_choices_end(all);
            return NULL;
        }
    }
    return all;
}

bool engine_choices_are_done(const struct engine_choices *choices)
{
    for (size_t i = 0; choices && i < choices->count; i++)
        if (!choices->items[i].is_done)
            return false;
    return true;
}

uint64_t engine_choices_output(const struct engine_choices *choices)
{
    uint64_t sum = 0;
    for (size_t i = 0; choices && i < choices->count; i++)
        sum += choices->items[i].output;
    return sum;
}

const struct chat_choice *engine_choices_list(const struct engine_choices *choices)
{
    return choices->made;
}
