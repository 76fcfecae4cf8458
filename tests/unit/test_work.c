/* test_work.c - the course of a request (generate/work.h), with backends that do what the test says: what is tried
 * where, who is told what, and that nothing is left behind, whoever ends a work and when. */
#include "support.h"

#include "cmd/sections.h"
#include "core/log.h"
#include "core/util.h"
#include "generate/work.h"

/* --- a backend whose calls the test plays ------------------------------------------------------------- */

struct puppet_call {
    struct backend_call call;
    const struct backend_events *events;
    void (*on_count)(void *ctx, uint32_t tokens, const struct error *error);
    void *ctx;
    bool has_started;
};

struct puppet {
    struct backend backend;
    struct puppet_call running; /* one at a time */
    bool is_running;
    enum error_code refuses; /* at once; OK: it takes the next call */
    bool wants_confidence; /* of the latest call */
    unsigned prepared, begun, ended;
    uint32_t takes;
};

static enum error_code prepare(const struct backend *backend, struct backend_job *job, struct error *error)
{
    struct puppet *puppet = (struct puppet *)(void *)backend;
    (void)error;
    job->prepared = puppet;
    puppet->prepared++;
    return OK;
}

static struct puppet_call *begin(struct backend *backend, void *ctx, struct error *error)
{
    struct puppet *puppet = (struct puppet *)(void *)backend;
    assert_false(puppet->is_running);
    if (puppet->refuses != OK) {
        (void)error_set(error, puppet->refuses, "refused");
        return NULL;
    }
    puppet->is_running = true;
    puppet->begun++;
    puppet->running = (struct puppet_call){.call.backend = backend, .ctx = ctx};
    return &puppet->running;
}

static struct backend_call *start(struct backend *backend, const struct backend_job *job,
                                  const struct backend_events *events, void *ctx, struct error *error)
{
    struct puppet_call *call = begin(backend, ctx, error);
    assert_ptr_equal(job->prepared, backend);
    if (!call)
        return NULL;
    ((struct puppet *)(void *)backend)->wants_confidence = job->wants_confidence;
    call->events = events;
    return &call->call;
}

static struct backend_call *count(struct backend *backend, const struct backend_job *job,
                                  void (*on_count)(void *ctx, uint32_t tokens, const struct error *error), void *ctx,
                                  struct error *error)
{
    struct puppet_call *call = begin(backend, ctx, error);
    assert_int_equal(job->use, BACKEND_COUNT);
    if (!call)
        return NULL;
    call->on_count = on_count;
    return &call->call;
}

static struct backend_call *warmth(struct backend *backend, const struct backend_job *job,
                                   void (*on_warmth)(void *ctx, uint32_t tokens, const struct error *error), void *ctx,
                                   struct error *error)
{
    struct puppet_call *call = begin(backend, ctx, error);
    assert_ptr_equal(job->prepared, backend);
    if (!call)
        return NULL;
    call->on_count = on_warmth;
    return &call->call;
}

static void end(struct backend_call *call)
{
    struct puppet *puppet = (struct puppet *)(void *)call->backend;
    assert_true(puppet->is_running);
    puppet->is_running = false;
    puppet->ended++;
    memset(&puppet->running, 0x5a, sizeof(puppet->running)); /* its memory is free: nobody may look */
}

static const struct chat_traits *traits(const struct backend *backend, const struct target *target)
{
    static struct chat_traits kept[2];
    (void)target;
    const struct puppet *puppet = (const struct puppet *)(const void *)backend;
    kept[puppet->takes != 0].takes = puppet->takes;
    return &kept[puppet->takes != 0];
}

static uint32_t context(const struct backend *backend, const struct target *target)
{
    (void)backend;
    (void)target;
    return 0;
}

static const struct backend_ops puppet_ops = {.name = "puppet",
                                              .prepare = prepare,
                                              .start = start,
                                              .count = count,
                                              .warmth = warmth,
                                              .end = end,
                                              .traits = traits,
                                              .context = context,
                                              .may_go_elsewhere = backend_error_passes};

/* --- one request, and who wants it -------------------------------------------------------------------- */

static const char *const target_names[WORK_TARGETS_MAX] = {"t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"};

struct bed {
    struct config config;
    struct price_book *prices;
    struct registry *registry;
    struct ledger *ledger;
    struct reservations *reservations;
    struct work_shared shared;
    struct work_router router;
    struct work_port port;
    struct puppet puppets[TARGET_KINDS];
    size_t target_count; /* that the router gives, of kinds in turn, ENGINE first */
    const struct model *models[WORK_TARGETS_MAX]; /* theirs; NULL: that of the ID */
    struct arena arena;
    struct chat_request request;
    struct catalog_match match;
    struct work *work;
    enum { NEVER, STARTED, PROGRESS } leaves; /* the caller, inside this handler */
    bool is_offloaded, is_left;
    bool is_router_named; /* by the request, and not the port's */
    struct work *waiting; /* for its prompt */
    double confidence; /* that models tell; below 0: they don't */
    double bound;      /* the router doubts what is below */
    uint64_t cost;     /* that the router was told of */
    unsigned costs;
    unsigned placed, started, progress, finished, counted, failed, billed, doubts, stops;
    unsigned attempts;
    char told[64];     /* text that came in blocks */
    struct str doubted; /* whose reply the trace says was taken back */
    struct str text; /* of the finished reply */
    struct error error;
    struct ledger_line line, first_line;
};

static size_t route(void *ctx, const struct chat_request *request, struct placement *placement,
                    struct target targets[])
{
    struct bed *bed = ctx;
    (void)request;
    placement->why = STR("by turns");
    for (size_t i = 0; i < bed->target_count; i++) {
        targets[i] = placement->asked;
        targets[i].kind = i % TARGET_KINDS;
        targets[i].name = target_names[i];
        targets[i].listed = str_of(target_names[i]);
        if (bed->models[i]) {
            targets[i].model = bed->models[i];
            targets[i].price = bed->models[i]->price;
        }
    }
    return bed->target_count;
}

/* The warmest, the last of them. */
static size_t choose(void *ctx, const struct chat_request *request, struct placement *placement,
                     const struct target targets[], const uint32_t warm_tokens[], size_t count)
{
    size_t chosen = 0;
    (void)ctx;
    (void)request;
    (void)targets;
    for (size_t i = 0; i < count; i++)
        chosen = warm_tokens[i] >= warm_tokens[chosen] ? i : chosen;
    placement->why = STR("warm");
    return chosen;
}

static bool may_doubt(void *ctx, const struct target *answering, const struct target others[], size_t count)
{
    (void)ctx;
    assert_true(count > 0 && strcmp(answering->name, others[0].name) != 0);
    return true;
}

/* The last one answers in its place. */
static size_t doubt(void *ctx, struct placement *placement, const struct target others[], size_t count,
                    double confidence)
{
    struct bed *bed = ctx;
    (void)others;
    if (confidence >= bed->bound)
        return SIZE_MAX;
    bed->doubts++;
    placement->why = STR("escalated");
    placement->score = 0.9;
    placement->doubted_chance = confidence;
    return count - 1;
}

static void count_cost(void *ctx, const struct placement *placement, uint64_t cost)
{
    struct bed *bed = ctx;
    (void)placement;
    bed->cost += cost;
    bed->costs++;
}

static void leave(struct bed *bed)
{
    work_end(bed->work, LEDGER_CANCELLED);
    bed->work = NULL;
    bed->is_left = true;
}

static void on_placed(void *ctx, const struct placement *placement)
{
    struct bed *bed = ctx;
    bed->placed++;
    bed->attempts = placement->attempts;
}

static void on_started(void *ctx, const struct chat_reply *reply)
{
    struct bed *bed = ctx;
    bed->started++;
    bed->doubted = reply->doubted;
    assert_int_equal(reply->usage.input_tokens, 7);
    if (bed->leaves == STARTED)
        leave(bed);
}

static void on_block(void *ctx, size_t index, enum chat_block_kind kind, struct str text)
{
    struct bed *bed = ctx;
    (void)index;
    assert_int_equal(kind, CHAT_TEXT);
    assert_true(bed->started == 1);
    const size_t at = strlen(bed->told);
    snprintf(bed->told + at, sizeof(bed->told) - at, STR_FMT, STR_ARG(text));
}

static void on_stop(void *ctx, size_t index, enum chat_block_kind kind)
{
    struct bed *bed = ctx;
    (void)kind;
    assert_true(index < 64);
    bed->stops++;
}

static void on_progress(void *ctx)
{
    struct bed *bed = ctx;
    assert_true(bed->started == 1);
    bed->progress++;
    if (bed->leaves == PROGRESS)
        leave(bed);
}

static void on_finished(void *ctx, const struct chat_reply *reply, const struct work_figures *figures)
{
    struct bed *bed = ctx;
    struct error error;
    bed->finished++;
    assert_true(figures->total_us >= figures->decode_us);
    if (reply->block_count > 0)
        assert_true(arena_str(&bed->arena, reply->blocks[0].text, &bed->text));
    assert_int_equal(work_settle(bed->work, LEDGER_COMPLETED, &error), OK);
}

static void on_counted(void *ctx, uint32_t tokens)
{
    struct bed *bed = ctx;
    bed->counted++;
    assert_int_equal(tokens, 42);
}

static void on_failed(void *ctx, const struct error *error)
{
    struct bed *bed = ctx;
    bed->failed++;
    bed->error = *error;
}

static void on_billed(void *ctx, const struct target *answered, const struct ledger_line *line)
{
    struct bed *bed = ctx;
    assert_str_equal(line->model_invoked, answered->name);
    if (bed->billed++ == 0)
        bed->first_line = *line;
    bed->line = *line;
}

static void offload(void *ctx, struct work *work)
{
    struct bed *bed = ctx;
    bed->waiting = work;
}

static void write_prompt(struct bed *bed)
{
    struct work *work = bed->waiting;
    bed->waiting = NULL;
    work_prepare(work);
    work_continue(work, NULL);
}

static void open_bed(struct bed *bed)
{
    struct error error;
    memset(bed, 0, sizeof(*bed));
    assert_int_equal(config_parse(STR(""), NULL, program_sections, &bed->config, &error), OK);
    assert_int_equal(price_book_load(&bed->config, &bed->prices, &error), OK);
    assert_int_equal(registry_new(&bed->config, bed->prices, &bed->registry, &error), OK);
    assert_int_equal(ledger_open(test_root, bed->prices, &bed->ledger, &error), OK);
    assert_int_equal(reservations_new(&bed->config, &bed->reservations, &error), OK);
    bed->match = (struct catalog_match){.model = registry_list(bed->registry)->models[0], .id = STR("desk-large")};
    bed->router = (struct work_router){.ctx = bed, .route = route};
    bed->shared = (struct work_shared){.config = &bed->config,
                                       .models = bed->registry,
                                       .ledger = bed->ledger,
                                       .prices = bed->prices,
                                       .reservations = bed->reservations,
                                       .others.router = &bed->router};
    bed->port.shared = &bed->shared;
    for (size_t i = 0; i < TARGET_KINDS; i++) {
        bed->puppets[i].backend.ops = &puppet_ops;
        bed->port.backends[i] = &bed->puppets[i].backend;
    }
    arena_init(&bed->arena, 0);
}

static void close_bed(struct bed *bed)
{
    reservations_free(bed->reservations);
    assert_true(ledger_close(bed->ledger));
    registry_free(bed->registry);
    price_book_free(bed->prices);
    config_deinit(&bed->config);
    arena_deinit(&bed->arena);
}

static const struct work_handlers handlers = {.on_placed = on_placed,
                                              .on_started = on_started,
                                              .block_delta = on_block,
                                              .block_stop = on_stop,
                                              .on_progress = on_progress,
                                              .on_finished = on_finished,
                                              .on_counted = on_counted,
                                              .on_failed = on_failed,
                                              .on_billed = on_billed};

/* A request of its own, with everything that was counted before forgotten. */
static void ask(struct bed *bed, enum work_kind kind, bool is_stream)
{
    static char id[UUID_LEN + 1];
    uuid_v4(id);
    arena_reset(&bed->arena);
    bed->request = (struct chat_request){.arena = &bed->arena, .max_tokens = 5, .needs = bed->request.needs,
                                         .refusals = bed->request.refusals};
    bed->placed = bed->started = bed->progress = bed->finished = bed->counted = bed->failed = bed->billed = 0;
    bed->doubts = bed->stops = bed->costs = 0;
    bed->cost = 0;
    bed->told[0] = '\0';
    bed->is_left = false;
    bed->attempts = 0;
    bed->text = (struct str){0};
    for (size_t i = 0; i < TARGET_KINDS; i++)
        bed->puppets[i].prepared = bed->puppets[i].begun = bed->puppets[i].ended = 0;
    const struct work_setup setup = {.port = &bed->port,
                                     .kind = kind,
                                     .line = kind == WORK_COUNT ? WORK_LINE_NONE : WORK_LINE_LEDGER,
                                     .request = &bed->request,
                                     .match = &bed->match,
                                     .router = bed->is_router_named ? &bed->router : NULL,
                                     .subject = {.request_id = str_of(id),
                                                 .tenant = STR("shop"),
                                                 .dialect = STR("none"),
                                                 .operation = STR("Ask"),
                                                 .model_requested = STR("desk-large")},
                                     .tier = TIER_DEFAULT,
                                     .is_stream = is_stream,
                                     .collects = true,
                                     .started_us = clock_now_us(),
                                     .offload = bed->is_offloaded ? offload : NULL};
    bed->work = work_new(&setup, &handlers, bed);
    assert_non_null(bed->work);
    work_begin(bed->work);
}

static struct puppet *running(struct bed *bed)
{
    for (size_t i = 0; i < TARGET_KINDS; i++)
        if (bed->puppets[i].is_running)
            return &bed->puppets[i];
    return NULL;
}

static void play_start(struct bed *bed)
{
    struct puppet_call *call = &running(bed)->running;
    call->has_started = true;
    call->call.usage.input_tokens = 7;
    call->call.first_token_us = clock_now_us();
    call->events->on_started(call->ctx);
}

static void play_text(struct bed *bed, const char *text)
{
    struct puppet_call *call = &running(bed)->running;
    const struct chat_sink *sink = &call->events->sink;
    sink->block_start(sink->ctx, 0, CHAT_TEXT, STR(""), STR(""));
    sink->block_delta(sink->ctx, 0, CHAT_TEXT, str_of(text));
    sink->block_stop(sink->ctx, 0, CHAT_TEXT);
    call->call.usage.output_tokens++;
    call->call.confidence = bed->confidence;
    call->events->on_progress(call->ctx);
}

static void play_end(struct bed *bed)
{
    struct puppet_call *call = &running(bed)->running;
    call->call.confidence = bed->confidence;
    call->events->on_finished(call->ctx, CHAT_STOP_END_TURN, STR(""));
}

static void play_failure(struct bed *bed, enum error_code code)
{
    struct puppet_call *call = &running(bed)->running;
    struct error error;
    (void)error_set(&error, code, "failed");
    if (call->on_count)
        call->on_count(call->ctx, 0, &error);
    else
        call->events->on_failed(call->ctx, &error);
}

/* Whatever happened: nothing runs, nothing is held, exactly one last word was said or none to who left. */
static void check_end(struct bed *bed)
{
    const bool was_left = bed->is_left;
    work_end(bed->work, LEDGER_CANCELLED);
    work_end(was_left ? NULL : bed->work, LEDGER_CANCELLED); /* twice is harmless */
    bed->work = NULL;
    assert_null(running(bed));
    assert_int_equal(bed->puppets[0].begun, bed->puppets[0].ended);
    assert_int_equal(bed->puppets[1].begun, bed->puppets[1].ended);
    assert_int_equal(atomic_load(&bed->match.model->live->holds), 0);
    for (size_t i = 0; i < WORK_TARGETS_MAX; i++)
        assert_true(!bed->models[i] || atomic_load(&bed->models[i]->live->holds) == 0);
    assert_true(bed->finished + bed->counted + bed->failed <= 1);
    assert_true(bed->billed <= 1 + bed->doubts);
}

/* --- what is said ------------------------------------------------------------------------------------- */

static void test_a_reply(void **state)
{
    struct bed bed;
    (void)state;
    open_bed(&bed);
    ask(&bed, WORK_REPLY, false);
    play_start(&bed);
    play_text(&bed, "hello");
    assert_int_equal(bed.billed, 0);
    play_end(&bed);
    assert_int_equal(bed.placed, 1);
    assert_int_equal(bed.finished, 1);
    assert_str_equal(bed.text, "hello");
    assert_int_equal(bed.billed, 1);
    assert_int_equal(bed.line.outcome, LEDGER_COMPLETED);
    assert_int_equal(bed.line.usage.tokens[PRICE_INPUT], 7);
    assert_str_equal(bed.line.model_invoked, "desk-large");
    check_end(&bed);
    close_bed(&bed);
}

static void test_a_count_has_no_line(void **state)
{
    struct bed bed;
    (void)state;
    open_bed(&bed);
    ask(&bed, WORK_COUNT, false);
    struct puppet_call *call = &bed.puppets[TARGET_ENGINE].running;
    call->on_count(call->ctx, 42, NULL);
    assert_int_equal(bed.counted, 1);
    assert_int_equal(bed.billed, 0);
    check_end(&bed);
    close_bed(&bed);
}

/* --- what is tried ------------------------------------------------------------------------------------ */

static void test_the_next_target_answers(void **state)
{
    struct bed bed;
    (void)state;
    open_bed(&bed);
    bed.target_count = 3;
    bed.puppets[1].refuses = ERROR_UNAVAILABLE; /* at once */
    ask(&bed, WORK_REPLY, false);
    play_failure(&bed, ERROR_TIMEOUT);
    assert_int_equal(bed.attempts, 3);
    assert_int_equal(bed.placed, 2);
    play_start(&bed);
    play_end(&bed);
    assert_str_equal(bed.line.model_invoked, "t2");
    assert_int_equal(bed.line.attempts, 3);
    assert_int_equal(bed.billed, 1);
    check_end(&bed);
    close_bed(&bed);
}

static void test_after_a_token_nobody_else_is_asked(void **state)
{
    struct bed bed;
    (void)state;
    open_bed(&bed);
    bed.target_count = 2;
    ask(&bed, WORK_REPLY, true);
    play_start(&bed);
    play_text(&bed, "hel");
    play_failure(&bed, ERROR_UNAVAILABLE);
    assert_int_equal(bed.failed, 1);
    assert_int_equal(bed.puppets[1].prepared, 0);
    assert_int_equal(bed.line.outcome, LEDGER_FAILED);
    assert_int_equal(bed.line.usage.tokens[PRICE_OUTPUT], 1); /* a stream's client pays what it was sent */
    check_end(&bed);
    close_bed(&bed);
}

/* Nothing of a whole reply was told, so the next of a router's targets makes it; what broke off is paid by nobody. */
static void test_a_whole_reply_of_a_router_is_made_again(void **state)
{
    struct bed bed;
    (void)state;
    open_bed(&bed);
    bed.target_count = 2;
    bed.is_router_named = true;
    ask(&bed, WORK_REPLY, false);
    play_start(&bed);
    play_text(&bed, "hel");
    play_failure(&bed, ERROR_MODEL);
    assert_int_equal(bed.started + bed.failed + bed.billed, 0);
    play_start(&bed);
    assert_int_equal(bed.started, 1); /* nobody is left who could answer instead of this one */
    play_text(&bed, "hello");
    play_end(&bed);
    assert_int_equal(bed.finished, 1);
    assert_str_equal(bed.text, "hello");
    assert_string_equal(bed.told, "hello");
    assert_int_equal(bed.billed, 1);
    assert_str_equal(bed.line.model_invoked, "t1");
    assert_int_equal(bed.line.attempts, 2);
    assert_int_equal(bed.line.usage.tokens[PRICE_OUTPUT], 1);
    check_end(&bed);
    ask(&bed, WORK_REPLY, false); /* and when both break */
    for (unsigned i = 0; i < 2; i++) {
        play_start(&bed);
        play_text(&bed, "hel");
        play_failure(&bed, ERROR_MODEL);
    }
    assert_int_equal(bed.failed, 1);
    assert_int_equal(bed.error.code, ERROR_MODEL);
    assert_int_equal(bed.line.outcome, LEDGER_FAILED);
    assert_int_equal(bed.line.quote.cost, 0);
    check_end(&bed);
    ask(&bed, WORK_REPLY, false); /* one that is whole at once */
    play_start(&bed);
    play_text(&bed, "hello");
    play_end(&bed);
    assert_int_equal(bed.started, 1);
    assert_string_equal(bed.told, "hello");
    assert_str_equal(bed.line.model_invoked, "t0");
    check_end(&bed);
    ask(&bed, WORK_REPLY, true); /* a stream's text is gone for good */
    play_start(&bed);
    play_text(&bed, "hel");
    play_failure(&bed, ERROR_MODEL);
    assert_int_equal(bed.failed, 1);
    assert_int_equal(bed.puppets[1].prepared, 0);
    check_end(&bed);
    close_bed(&bed);
}

static void test_what_is_wrong_stays_wrong(void **state)
{
    static const enum error_code codes[] = {ERROR_INVALID, ERROR_TOO_LARGE, ERROR_DENIED, ERROR_CANCELLED};
    struct bed bed;
    (void)state;
    open_bed(&bed);
    bed.target_count = 2;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        ask(&bed, WORK_REPLY, false);
        play_failure(&bed, codes[i]);
        assert_int_equal(bed.failed, 1);
        assert_int_equal(bed.error.code, codes[i]);
        assert_int_equal(bed.puppets[1].prepared, 0);
        assert_int_equal(bed.billed, codes[i] != ERROR_INVALID && codes[i] != ERROR_TOO_LARGE); /* a refusal: no line */
        check_end(&bed);
    }
    close_bed(&bed);
}

static void test_who_cannot_take_it_is_left_out(void **state)
{
    struct chat_refusal refusal = {.need = CHAT_NEED_IMAGES, .message = "no pictures"};
    struct bed bed;
    (void)state;
    open_bed(&bed);
    bed.target_count = 2;
    bed.request.needs = CHAT_NEED_IMAGES;
    bed.request.refusals = &refusal;
    bed.puppets[1].takes = CHAT_NEED_IMAGES;
    ask(&bed, WORK_REPLY, false);
    play_start(&bed);
    play_end(&bed);
    assert_str_equal(bed.line.model_invoked, "t1");
    assert_int_equal(bed.line.attempts, 1);
    check_end(&bed);
    bed.puppets[1].takes = 0;
    ask(&bed, WORK_REPLY, false);
    assert_int_equal(bed.failed, 1);
    assert_string_equal(bed.error.message, "no pictures");
    assert_int_equal(work_reached(bed.work), WORK_ROUTE);
    check_end(&bed);
    close_bed(&bed);
}

static void answer_question(struct bed *bed, uint32_t tokens)
{
    struct puppet_call *call = &running(bed)->running;
    call->on_count(call->ctx, tokens, NULL);
}

static void test_the_warmest_goes_first(void **state)
{
    struct bed bed;
    (void)state;
    open_bed(&bed);
    bed.target_count = 4;
    bed.router.choose = choose;
    ask(&bed, WORK_REPLY, false);
    answer_question(&bed, 10);
    answer_question(&bed, 300);
    play_failure(&bed, ERROR_UNAVAILABLE); /* nobody knows: cold */
    answer_question(&bed, 20);
    assert_int_equal(bed.placed, 1);
    assert_int_equal(work_placement(bed.work)->warm_tokens, 300);
    assert_int_equal(bed.attempts, 1);
    play_failure(&bed, ERROR_UNAVAILABLE);
    play_start(&bed);
    play_end(&bed);
    assert_str_equal(bed.line.model_invoked, "t0"); /* the others in their order */
    assert_str_equal(bed.line.router, "warm");
    check_end(&bed);
    ask(&bed, WORK_COUNT, false); /* whose prompt is read by nobody */
    answer_question(&bed, 42);
    assert_int_equal(bed.counted, 1);
    check_end(&bed);
    bed.puppets[0].refuses = bed.puppets[1].refuses = ERROR_UNAVAILABLE; /* questions, and then the request */
    ask(&bed, WORK_REPLY, false);
    assert_int_equal(bed.failed, 1);
    assert_int_equal(bed.puppets[0].begun + bed.puppets[1].begun, 0);
    check_end(&bed);
    close_bed(&bed);
}

/* --- who is gone before its turn ---------------------------------------------------------------------- */

static const struct model *add_version(struct bed *bed, const char *name, const char *price)
{
    const struct config_model config = {.name = name, .price_as = price};
    const struct model *model, *replaced;
    struct error error;
    assert_int_equal(registry_add(bed->registry, &config, &model, &error), OK);
    assert_int_equal(registry_publish(bed->registry, model, &replaced, &error), OK);
    return model;
}

/* Each target is a model of its own. */
static void open_models(struct bed *bed, size_t count)
{
    open_bed(bed);
    bed->target_count = count;
    for (size_t i = 0; i < count; i++)
        bed->models[i] = add_version(bed, target_names[i], "amazon.nova-lite-v1:0");
}

static void remove_model(struct bed *bed, size_t index)
{
    struct error error;
    assert_int_equal(registry_retire(bed->registry, bed->models[index], &error), OK);
    assert_true(model_try_end(bed->models[index]));
}

/* Who was chosen and is gone is chosen no more; who is gone is not asked. */
static void test_the_router_chooses_among_those_that_are_left(void **state)
{
    struct bed bed;
    (void)state;
    open_models(&bed, 4);
    bed.router.choose = choose;
    ask(&bed, WORK_REPLY, false);
    remove_model(&bed, 1);
    answer_question(&bed, 300); /* of t0 */
    answer_question(&bed, 20);  /* of t2 */
    remove_model(&bed, 0);
    answer_question(&bed, 10);  /* of t3 */
    assert_int_equal(bed.placed, 1);
    assert_int_equal(work_placement(bed.work)->warm_tokens, 20);
    play_start(&bed);
    play_end(&bed);
    assert_int_equal(bed.billed, 1);
    assert_str_equal(bed.line.model_invoked, "t2");
    assert_str_equal(bed.line.router, "warm");
    assert_int_equal(bed.line.attempts, 1);
    check_end(&bed);
    remove_model(&bed, 2);
    remove_model(&bed, 3);
    ask(&bed, WORK_REPLY, false);
    assert_int_equal(bed.failed, 1);
    assert_int_equal(bed.error.code, ERROR_INVALID);
    assert_int_equal(bed.billed, 0);
    check_end(&bed);
    close_bed(&bed);
}

static void test_nobody_waits_for_who_is_gone(void **state)
{
    struct bed bed;
    (void)state;
    open_models(&bed, 4);
    ask(&bed, WORK_REPLY, false);
    remove_model(&bed, 1);
    remove_model(&bed, 2);
    play_failure(&bed, ERROR_UNAVAILABLE);
    play_start(&bed);
    play_end(&bed);
    assert_str_equal(bed.line.model_invoked, "t3");
    assert_int_equal(bed.line.attempts, 2); /* who is gone was not asked */
    assert_int_equal(bed.billed, 1);
    check_end(&bed);
    ask(&bed, WORK_REPLY, false);
    remove_model(&bed, 3);
    play_failure(&bed, ERROR_THROTTLED); /* what was wrong is what is said, though others were gone */
    assert_int_equal(bed.failed, 1);
    assert_int_equal(bed.error.code, ERROR_THROTTLED);
    assert_string_equal(bed.error.message, "failed");
    assert_int_equal(bed.billed, 0);
    check_end(&bed);
    ask(&bed, WORK_COUNT, false);
    answer_question(&bed, 42);
    assert_int_equal(bed.counted, 1);
    check_end(&bed);
    remove_model(&bed, 0);
    for (enum work_kind kind = WORK_REPLY; kind <= WORK_COUNT; kind++) {
        ask(&bed, kind, false);
        assert_int_equal(bed.failed, 1);
        assert_int_equal(bed.error.code, ERROR_INVALID);
        assert_int_equal(bed.billed + bed.placed, 0);
        check_end(&bed);
    }
    close_bed(&bed);
}

/* It answers for the one that was asked for, so its price is what is paid. */
static void test_the_newest_version_s_price(void **state)
{
    struct bed bed;
    (void)state;
    open_models(&bed, 1);
    ask(&bed, WORK_REPLY, false);
    play_start(&bed);
    play_end(&bed);
    check_end(&bed);
    const uint64_t cost = bed.line.quote.cost;
    bed.is_offloaded = true;
    bed.router.choose = choose;
    bed.target_count = 2;
    bed.models[1] = add_version(&bed, "t1", "amazon.nova-lite-v1:0");
    ask(&bed, WORK_REPLY, false);
    write_prompt(&bed);
    answer_question(&bed, 300);
    const struct model *newest = add_version(&bed, "t0", "amazon.nova-pro-v1:0");
    assert_true(model_try_end(bed.models[0]));
    write_prompt(&bed);
    answer_question(&bed, 10);
    write_prompt(&bed);
    play_start(&bed);
    play_end(&bed);
    assert_str_equal(bed.line.model_invoked, "t0");
    assert_ptr_equal(work_placement(bed.work)->answered.model, newest);
    assert_true(cost > 0 && bed.line.quote.cost > 5 * cost);
    check_end(&bed);
    close_bed(&bed);
}

/* --- what is taken back ------------------------------------------------------------------------------- */

static void open_doubting(struct bed *bed, uint32_t held_tokens)
{
    open_bed(bed);
    bed->target_count = 2;
    bed->router.may_doubt = may_doubt;
    bed->router.doubt = doubt;
    bed->router.billed = count_cost;
    bed->router.held_tokens = held_tokens;
    bed->confidence = 0.2;
    bed->bound = 0.5;
}

static void play_reply(struct bed *bed, const char *text)
{
    play_start(bed);
    play_text(bed, text);
    play_end(bed);
}

static void test_a_doubtful_reply_is_made_again(void **state)
{
    struct bed bed;
    (void)state;
    open_doubting(&bed, 0);
    ask(&bed, WORK_REPLY, false);
    assert_true(bed.puppets[0].wants_confidence);
    play_reply(&bed, "small");
    assert_int_equal(bed.started + bed.finished + bed.billed, 0);
    assert_false(bed.puppets[1].wants_confidence);
    play_reply(&bed, "large");
    assert_int_equal(bed.started, 1);
    assert_int_equal(bed.finished, 1);
    assert_str_equal(bed.text, "large");
    assert_string_equal(bed.told, "large");
    assert_int_equal(bed.billed, 2);
    assert_str_equal(bed.line.model_invoked, "t1");
    assert_str_equal(bed.line.router, "escalated");
    assert_str_equal(bed.doubted, "t0");
    assert_int_equal(bed.line.router_score, 900000);
    assert_int_equal(bed.line.attempts, 2);
    const struct ledger_line *first = &bed.first_line;
    assert_str_equal(first->model_invoked, "t0");
    assert_str_equal(first->router, "doubted");
    assert_int_equal(first->router_score, 200000);
    assert_int_equal(first->outcome, LEDGER_COMPLETED);
    assert_int_equal(first->usage.tokens[PRICE_OUTPUT], 1);
    assert_int_equal(first->quote.baseline, 0);
    assert_true(first->quote.cost > 0 && bed.costs == 1 && bed.cost == first->quote.cost + bed.line.quote.cost);
    assert_true(str_starts(first->request_id, bed.line.request_id) && str_ends(first->request_id, STR("-doubted")));
    check_end(&bed);
    close_bed(&bed);
}

static void test_a_sure_reply_stands(void **state)
{
    static const double confidences[] = {0.5, 1, -1}; /* the last: its model tells none */
    struct bed bed;
    (void)state;
    open_doubting(&bed, 8);
    for (size_t i = 0; i < 6; i++) {
        bed.confidence = confidences[i / 2];
        ask(&bed, WORK_REPLY, i % 2);
        play_reply(&bed, "small");
        assert_int_equal(bed.finished, 1);
        assert_string_equal(bed.told, "small");
        assert_int_equal(bed.billed, 1);
        assert_str_equal(bed.line.model_invoked, "t0");
        assert_str_equal(bed.line.router, "by turns");
        check_end(&bed);
    }
    close_bed(&bed);
}

/* At once, before its first token, in the midst of it: whoever asked has an answer. */
static void test_the_doubtful_one_stands_when_nobody_better_comes(void **state)
{
    struct bed bed;
    (void)state;
    open_doubting(&bed, 8);
    for (unsigned how = 0; how < 6; how++) {
        const bool is_stream = how >= 3;
        bed.puppets[1].refuses = how % 3 == 0 ? ERROR_THROTTLED : OK;
        ask(&bed, WORK_REPLY, is_stream);
        play_reply(&bed, "small");
        if (how % 3 == 2)
            play_start(&bed);
        if (how % 3 > 0)
            play_failure(&bed, how == 1 ? ERROR_TOO_LARGE : ERROR_UNAVAILABLE);
        assert_int_equal(bed.started, 1);
        assert_int_equal(bed.billed, how == 5 ? 2 : 1);
        if (how == 5) { /* a stream whose second reply was on its way */
            assert_int_equal(bed.failed, 1);
        } else {
            assert_int_equal(bed.finished, 1);
            assert_string_equal(bed.told, "small");
            assert_str_equal(bed.line.model_invoked, "t0");
            assert_int_equal(bed.line.attempts, 2);
            assert_int_equal(bed.line.outcome, LEDGER_COMPLETED);
            assert_int_equal(bed.cost, bed.line.quote.cost);
        }
        check_end(&bed);
    }
    close_bed(&bed);
}

static void test_a_stream_is_held_for_so_many_tokens(void **state)
{
    struct bed bed;
    (void)state;
    open_doubting(&bed, 3);
    bed.confidence = 0.9;
    ask(&bed, WORK_REPLY, true);
    play_start(&bed);
    play_text(&bed, "a");
    play_text(&bed, "b");
    assert_int_equal(bed.started + bed.progress, 0);
    play_text(&bed, "c");
    assert_int_equal(bed.started, 1);
    assert_string_equal(bed.told, "abc");
    assert_int_equal(bed.stops, 3);
    bed.confidence = 0.1; /* too late */
    play_text(&bed, "d");
    assert_string_equal(bed.told, "abcd");
    play_end(&bed);
    assert_int_equal(bed.finished, 1);
    assert_int_equal(bed.doubts, 0);
    check_end(&bed);

    ask(&bed, WORK_REPLY, true); /* doubtful when it is decided: the rest of it is not waited for */
    play_start(&bed);
    for (unsigned i = 0; i < 3; i++)
        play_text(&bed, "x");
    assert_int_equal(bed.puppets[0].ended, 1);
    play_start(&bed);
    assert_int_equal(bed.started, 1); /* the other's is told as it comes */
    play_text(&bed, "large");
    assert_string_equal(bed.told, "large");
    play_end(&bed);
    assert_int_equal(bed.billed, 2);
    assert_int_equal(bed.first_line.usage.tokens[PRICE_OUTPUT], 3);
    check_end(&bed);

    bed.router.held_tokens = 0; /* streams are told as they come */
    ask(&bed, WORK_REPLY, true);
    assert_false(bed.puppets[0].wants_confidence);
    play_start(&bed);
    assert_int_equal(bed.started, 1);
    play_text(&bed, "small");
    play_end(&bed);
    assert_int_equal(bed.doubts, 0);
    check_end(&bed);
    close_bed(&bed);
}

/* The same where whoever should answer in its place is gone by then: nobody else is asked, or who began it. */
static void test_nobody_better_is_left(void **state)
{
    struct bed bed;
    (void)state;
    for (unsigned is_stream = 0; is_stream < 2; is_stream++) {
        open_models(&bed, 3);
        bed.router.may_doubt = may_doubt;
        bed.router.doubt = doubt;
        bed.router.held_tokens = 1;
        bed.confidence = 0.2;
        bed.bound = 0.5;
        ask(&bed, WORK_REPLY, is_stream);
        remove_model(&bed, 2);
        play_start(&bed);
        play_text(&bed, "small");
        if (is_stream)
            play_start(&bed);
        play_end(&bed);
        assert_int_equal(bed.finished, 1);
        assert_int_equal(bed.started, 1);
        assert_str_equal(bed.line.model_invoked, "t0");
        assert_str_equal(bed.line.router, "failed-over");
        assert_int_equal(bed.line.attempts, 1 + is_stream);
        assert_int_equal(bed.billed, 1 + is_stream);
        assert_int_equal(bed.doubted.len, 0);
        check_end(&bed);
        close_bed(&bed);
        assert_int_equal(test_root_remove(state), 0);
        assert_int_equal(test_root_make(state), 0);
    }
}

/* Of what had only begun there is nothing to give: its model is asked again, and then its reply stands. */
static void test_a_broken_off_reply_is_asked_for_again(void **state)
{
    struct bed bed;
    (void)state;
    open_doubting(&bed, 1);
    bed.puppets[1].refuses = ERROR_UNAVAILABLE;
    ask(&bed, WORK_REPLY, true);
    play_start(&bed);
    play_text(&bed, "sm");
    assert_int_equal(bed.puppets[0].begun, 2);
    assert_false(bed.puppets[0].wants_confidence);
    play_reply(&bed, "small");
    assert_string_equal(bed.told, "small");
    assert_int_equal(bed.finished, 1);
    assert_int_equal(bed.doubted.len, 0);
    assert_int_equal(bed.billed, 2);
    assert_str_equal(bed.line.model_invoked, "t0");
    assert_int_equal(bed.line.attempts, 3);
    check_end(&bed);
    close_bed(&bed);
}

static void test_a_client_that_leaves_meanwhile(void **state)
{
    struct bed bed;
    (void)state;
    open_doubting(&bed, 4);
    ask(&bed, WORK_REPLY, true);
    play_reply(&bed, "small");
    play_start(&bed);
    leave(&bed);
    assert_null(running(&bed));
    check_end(&bed);
    bed.confidence = 1;
    bed.leaves = STARTED; /* inside the handler that tells it at last */
    ask(&bed, WORK_REPLY, true);
    play_reply(&bed, "small");
    assert_int_equal(bed.finished, 0);
    assert_string_equal(bed.told, "");
    check_end(&bed);
    close_bed(&bed);
}

/* --- who leaves, and when ----------------------------------------------------------------------------- */

/* One thing that may happen now, drawn; false: nothing can. */
static bool play_something(struct bed *bed, uint32_t draw)
{
    static const enum error_code codes[] = {ERROR_UNAVAILABLE, ERROR_THROTTLED, ERROR_INVALID, ERROR_MODEL};
    struct puppet *puppet = running(bed);
    if (bed->waiting) {
        if (draw % 8 == 0) {
            bed->waiting = NULL; /* the client left meanwhile */
            leave(bed);
        } else {
            write_prompt(bed);
        }
        return true;
    }
    if (!puppet)
        return false;
    for (size_t i = 0; i < TARGET_KINDS; i++)
        bed->puppets[i].refuses = draw >> (8 + 3 * i) & 4 ? OK : codes[draw >> (8 + 3 * i) & 3];
    if (draw % 16 == 0)
        leave(bed);
    else if (draw % 4 == 0)
        play_failure(bed, codes[draw >> 4 & 3]);
    else if (puppet->running.on_count)
        puppet->running.on_count(puppet->running.ctx, 42, NULL);
    else if (!puppet->running.has_started)
        play_start(bed);
    else if (draw % 3 == 0)
        play_end(bed);
    else
        play_text(bed, "word");
    return true;
}

/* Any of them that nobody holds may be gone, or be there again. */
static void turn_over_models(struct bed *bed, uint32_t draw)
{
    for (size_t i = 0; i < WORK_TARGETS_MAX; i++) {
        struct model_live *live = bed->models[i]->live;
        if (atomic_load(&live->holds) == 0)
            atomic_store(&live->state, draw >> (2 * i) & 3 ? MODEL_READY : MODEL_RETIRED);
    }
}

static void test_any_course_leaves_nothing_behind(void **state)
{
    struct bed bed;
    uint32_t random = 1;
    (void)state;
    log_configure(LOG_OFF, LOG_LOGFMT);
    open_models(&bed, WORK_TARGETS_MAX);
    bed.router.doubt = doubt;
    for (size_t round = 0; round < 4000; round++) {
        random = random * 1664525u + 1013904223u;
        bed.target_count = random >> 16 & 7;
        bed.is_offloaded = random >> 20 & 1;
        bed.is_router_named = random >> 19 & 1;
        bed.router.choose = random >> 23 & 1 ? choose : NULL;
        bed.leaves = (random >> 21) % 3;
        bed.router.may_doubt = random >> 12 & 1 ? may_doubt : NULL;
        bed.router.held_tokens = random >> 13 & 3;
        bed.confidence = random >> 15 & 3 ? 0.2 : 0.8;
        bed.bound = random >> 9 & 1 ? 0.5 : 0.1;
        bed.waiting = NULL;
        for (size_t i = 0; i < TARGET_KINDS; i++)
            bed.puppets[i].refuses = random >> (24 + i) & 1 ? OK : ERROR_UNAVAILABLE;
        const bool is_count = random >> 28 & 1;
        ask(&bed, is_count ? WORK_COUNT : WORK_REPLY, random >> 29 & 1);
        do {
            random = random * 1664525u + 1013904223u;
            if (random >> 30 == 0)
                turn_over_models(&bed, random >> 8);
        } while (play_something(&bed, random >> 8));
        assert_int_equal(bed.finished + bed.counted + bed.failed + bed.is_left, 1);
        assert_true(bed.attempts <= (bed.target_count ? bed.target_count : 1) + bed.doubts);
        assert_true(bed.doubts <= 1 && bed.started <= 1);
        assert_true(!bed.finished || (bed.billed >= 1 && bed.billed <= 1 + bed.doubts));
        assert_true(bed.billed < 2 || str_ends(bed.first_line.request_id, STR("-doubted")));
        assert_true(!is_count || bed.billed == 0);
        check_end(&bed);
    }
    close_bed(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_reply, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(test_a_count_has_no_line, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(test_the_next_target_answers, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(test_after_a_token_nobody_else_is_asked, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(test_a_whole_reply_of_a_router_is_made_again, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(test_what_is_wrong_stays_wrong, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(test_who_cannot_take_it_is_left_out, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(test_the_warmest_goes_first, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(test_the_router_chooses_among_those_that_are_left, test_root_make,
                                        test_root_remove),
        cmocka_unit_test_setup_teardown(test_nobody_waits_for_who_is_gone, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(test_the_newest_version_s_price, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(test_a_doubtful_reply_is_made_again, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(test_a_sure_reply_stands, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(test_the_doubtful_one_stands_when_nobody_better_comes, test_root_make,
                                        test_root_remove),
        cmocka_unit_test_setup_teardown(test_nobody_better_is_left, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(test_a_stream_is_held_for_so_many_tokens, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(test_a_broken_off_reply_is_asked_for_again, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(test_a_client_that_leaves_meanwhile, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(test_any_course_leaves_nothing_behind, test_root_make, test_root_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
