/* shadow_case.c - one request's other answers: each model of the router that has not answered yet is asked in turn,
 * then the answers are compared with the strongest model's, or judged, and the label is written. See
 * shadow_internal.h. */
#include "generate/shadow_internal.h"

#include <math.h>
#include <stdio.h>

#include "core/log.h"
#include "core/util.h"
#include "route/agree.h"
#include "route/features.h"

/* --- a request on its way ---------------------------------------------------------------------------- */

void shadow_try_end(struct shadow_case *noted)
{
    struct shadow_try *try = &noted->try;
    work_end(try->work, LEDGER_CANCELLED);
    try->work = NULL;
    codec_request_free(&try->request);
    arena_deinit(&try->arena);
    arena_init(&try->arena, 0);
    try->request = (struct chat_request){.arena = &try->arena};
    try->ignored = (struct ignored){.arena = &try->arena};
}

/* The same request and model have the same ID, so a line can be found by the request that it belongs to. */
static void make_id(struct shadow_case *noted, struct str name, const char *operation)
{
    const struct str text = arena_printf(&noted->arena, "fulcrum %s " STR_FMT " " STR_FMT " %zu %d", operation,
                                         STR_ARG(noted->request_id), STR_ARG(name), noted->place, noted->is_swapped);
    uuid_of_text(text, noted->try.request_id);
}

enum error_code shadow_try_begin(struct shadow_case *noted, const struct catalog_match *match, struct str asked,
                                 const char *operation, const struct work_handlers *handlers, struct error *error)
{
    static const enum tier tiers[] = {
        [ROUTER_SHADOW_FLEX] = TIER_FLEX, [ROUTER_SHADOW_BATCH] = TIER_BATCH, [ROUTER_SHADOW_DEFAULT] = TIER_DEFAULT};
    struct shadow_try *try = &noted->try;
    make_id(noted, str_of(match->model->name), operation);
    try->match = *match;
    try->request.has_tier = false;
    try->session = (struct chat_metadata){STR("session"), noted->request_id};
    try->request.metadata = &try->session;
    try->request.metadata_count = 1;
    const struct work_setup setup = {
        .port = &noted->shadow->work,
        .kind = WORK_REPLY,
        .line = WORK_LINE_LEDGER,
        .request = &try->request,
        .match = &try->match,
        .subject = {.request_id = str_of(try->request_id),
                    .tenant = STR(SHADOW_TENANT),
                    .dialect = STR("bedrock"),
                    .operation = str_of(operation),
                    .model_requested = asked,
                    .is_shadow = true},
        .native = codec_native(match->body).fields,
        .tier = noted->is_batch ? TIER_BATCH : tiers[noted->router->config->shadow.tier],
        .collects = true,
        .wants_confidence = true,
        .started_us = clock_now_us(),
    };
    try->work = work_new(&setup, handlers, noted);
    if (!try->work)
        return error_no_memory(error);
    work_begin(try->work);
    return OK;
}

/* Texts of different tenants are never found in each other's cache. */
static bool set_salt(struct shadow_case *noted)
{
    struct chat_request *request = &noted->try.request;
    const struct str own = request->cache_salt.data ? request->cache_salt : noted->cache_salt;
    request->cache_salt =
        arena_printf(&noted->try.arena, STR_FMT "/" STR_FMT, STR_ARG(noted->tenant), STR_ARG(own));
    return request->cache_salt.data != NULL;
}

static enum error_code parse(struct shadow_case *noted, const struct catalog_match *match, struct error *error)
{
    struct shadow_try *try = &noted->try;
    try->request.model_id = match->id;
    try->request.ignored = noted->shadow->options.work->config->strict ? NULL : &try->ignored;
    try->request.takes_assistant_first = noted->shape == BODY_ANTHROPIC;
    try->request.is_target_unknown = true;
    enum error_code code = codec_parse_text(noted->codec, noted->body, CODEC_GENERATE, &try->request, error);
    if (code == OK)
        code = chat_request_check(&try->request, error);
    return code == OK && !set_salt(noted) ? error_no_memory(error) : code;
}

/* --- the answers -------------------------------------------------------------------------------------- */

static void compare(struct shadow_case *noted);
static void answer_next(struct shadow_case *noted);

bool shadow_copy_reply(struct arena *arena, const struct chat_reply *reply, struct chat_reply *copy)
{
    struct chat_reply_block *blocks = ARENA_ARRAY(arena, struct chat_reply_block, reply->block_count + 1);
    *copy = (struct chat_reply){.blocks = blocks, .block_count = reply->block_count, .stop = reply->stop,
                                .usage = reply->usage, .confidence = reply->confidence};
    bool fits = blocks != NULL;
    for (size_t i = 0; fits && i < reply->block_count; i++) {
        blocks[i].kind = reply->blocks[i].kind;
        fits = arena_str(arena, reply->blocks[i].text, &blocks[i].text) &&
               arena_str(arena, reply->blocks[i].tool_name, &blocks[i].tool_name);
    }
    return fits;
}

/* In the default tier and without a cache, whatever was paid, so that answers can be compared. Dollars. */
static double cost_of(const struct shadow_case *noted, const struct catalog_match *match,
                      const struct chat_usage *usage)
{
    const struct price_book *prices = noted->shadow->options.work->prices;
    const struct price_row *row = price_book_row_of(prices, match->model->price, match->id, match->place);
    const struct price_usage counts = {{
        [PRICE_INPUT] = usage->input_tokens + usage->cache_read_tokens + usage->cache_write_5m_tokens +
                        usage->cache_write_1h_tokens,
        [PRICE_OUTPUT] = usage->output_tokens}};
    return (double)price_cost_plain(row, &counts) * 1e-12;
}

void shadow_billed(void *ctx, const struct target *answered, const struct ledger_line *line)
{
    struct shadow_case *noted = ctx;
    const struct shadow_options *options = &noted->shadow->options;
    atomic_fetch_add(&noted->router->cost, line->quote.cost);
    options->on_billed(options->ctx, answered->model, line);
}

static void on_started(void *ctx, const struct chat_reply *reply)
{
    (void)ctx;
    (void)reply;
}

static void on_finished(void *ctx, const struct chat_reply *reply, const struct work_figures *figures)
{
    struct shadow_case *noted = ctx;
    struct shadow_answer *answer = &noted->answers[noted->place];
    struct error error;
    (void)figures;
    answer->is_there = shadow_copy_reply(&noted->arena, reply, &answer->reply);
    answer->cost = cost_of(noted, &noted->matches[noted->place], &reply->usage);
    if (work_settle(noted->try.work, LEDGER_COMPLETED, &error) != OK)
        answer->is_there = false;
    shadow_try_end(noted);
    noted->place++;
    answer_next(noted);
}

static void on_failed(void *ctx, const struct error *error)
{
    struct shadow_case *noted = ctx;
    log_event(LOG_INFO, "a router's other model has no answer", LOG_S("id", noted->request_id),
              LOG_S("model", noted->answers[noted->place].name), LOG_C("error", error->message));
    shadow_try_end(noted);
    noted->place++;
    answer_next(noted);
}

static enum error_code answer_one(struct shadow_case *noted, struct error *error)
{
    static const struct work_handlers handlers = {
        .on_started = on_started, .on_finished = on_finished, .on_failed = on_failed, .on_billed = shadow_billed};
    const struct catalog_match *match = &noted->matches[noted->place];
    const enum error_code code = parse(noted, match, error);
    if (code != OK)
        return code;
    return shadow_try_begin(noted, match, str_of(noted->router->config->name), "Shadow", &handlers, error);
}

/* Behind a request that began anything may have happened, the end of the case included. */
static void answer_next(struct shadow_case *noted)
{
    struct error error;
    for (; noted->place < noted->count; noted->place++) {
        if (noted->answers[noted->place].is_there || !noted->matches[noted->place].model)
            continue;
        if (answer_one(noted, &error) == OK)
            return;
        log_event(LOG_WARN, "a router's other model can't be asked", LOG_S("id", noted->request_id),
                  LOG_C("error", error.message));
        shadow_try_end(noted);
    }
    compare(noted);
}

/* --- the label ---------------------------------------------------------------------------------------- */

/* Where the judge said nothing of the strongest answer, it is what good enough means. */
static void settle_qualities(struct shadow_case *noted)
{
    struct shadow_answer *strongest = &noted->answers[noted->strongest];
    strongest->quality = strongest->verdict_count > 0 ? strongest->verdicts / strongest->verdict_count : 1;
    for (size_t i = 0; i < noted->count; i++)
        if (noted->answers[i].is_same)
            noted->answers[i].quality = strongest->quality;
}

static size_t count_judged(const struct shadow_case *noted)
{
    size_t judged = 0;
    for (size_t i = 0; i < noted->count; i++)
        judged += i != noted->strongest && !isnan(noted->answers[i].quality);
    return judged;
}

static void fill_label(struct shadow_case *noted, struct label *label)
{
    *label = (struct label){
        .request_id = noted->request_id, .router = str_of(noted->router->config->name), .tenant = noted->tenant,
        .time_us = noted->time_us, .reference = noted->answers[noted->strongest].name, .answered = noted->answered,
        .by = noted->by, .count = noted->count, .group = noted->group, .predictor = noted->predictor,
        .features = noted->features};
    if (noted->router->config->shadow.text) {
        label->prompt = noted->prompt;
        label->system = noted->system;
    }
    for (size_t i = 0; i < noted->count; i++) {
        const struct shadow_answer *answer = &noted->answers[i];
        const struct chat_reply *reply = &answer->reply;
        label->models[i] = (struct label_model){.name = answer->name, .predicted = answer->predicted};
        label->models[i].quality = answer->is_there ? answer->quality : NAN;
        label->models[i].cost = answer->is_there ? answer->cost : NAN;
        label->models[i].confidence = answer->is_there && reply->confidence >= 0 ? reply->confidence : NAN;
    }
}

static bool write_label(const struct shadow_case *noted, const struct label *label)
{
    struct buf line;
    struct error error;
    struct labels_written written = {0};
    buf_init(&line, 8u << 20);
    enum error_code code = label_write(label, &line) ? OK : error_no_memory(&error);
    if (code == OK)
        code = noted->shadow->options.admit(line.len, &error);
    if (code == OK)
        code = labels_append(noted->router->path, buf_str(&line), &written, &error);
    buf_deinit(&line);
    if (written.cut > 0)
        log_event(LOG_WARN, "a label that was not written to its end is gone", LOG_C("file", noted->router->path),
                  LOG_I("bytes", written.cut));
    if (code != OK)
        log_event(LOG_ERROR, "a label can't be written", LOG_C("error", error.message));
    else
        shadow_learn(noted->router, noted->shadow, label, written.is_begun_anew);
    return code == OK;
}

static void finish(struct shadow_case *noted)
{
    struct label label;
    settle_qualities(noted);
    if (count_judged(noted) == 0) {
        shadow_case_over(noted, SHADOW_UNJUDGED);
        return;
    }
    fill_label(noted, &label);
    shadow_case_over(noted, write_label(noted, &label) ? SHADOW_LABELLED : SHADOW_FAILED);
}

/* --- judging ------------------------------------------------------------------------------------------ */

static void judge_next(struct shadow_case *noted)
{
    for (; noted->place < noted->count; noted->place++) {
        const struct shadow_answer *answer = &noted->answers[noted->place];
        if (noted->place == noted->strongest || !answer->is_there || answer->is_same)
            continue;
        noted->is_swapped = false;
        noted->by = "judge";
        shadow_judge_ask(noted, &answer->reply, &noted->answers[noted->strongest].reply);
        return;
    }
    finish(noted);
}

/* Both orders must say the same of both answers; else it was the order that spoke. */
void shadow_judge_heard(struct shadow_case *noted, bool is_answer, bool is_a_good, bool is_b_good)
{
    struct shadow_answer *answer = &noted->answers[noted->place];
    struct shadow_answer *strongest = &noted->answers[noted->strongest];
    if (is_answer && !noted->is_swapped) {
        noted->is_swapped = true;
        noted->is_good = is_a_good;
        noted->is_strongest_good = is_b_good;
        shadow_judge_ask(noted, &strongest->reply, &answer->reply);
        return;
    }
    answer->quality = NAN;
    if (is_answer && noted->is_good == is_b_good && noted->is_strongest_good == is_a_good) {
        answer->quality = is_b_good;
        strongest->verdicts += is_a_good;
        strongest->verdict_count++;
    }
    noted->place++;
    judge_next(noted);
}

/* By equality; true: memory was there. */
static bool compare_all(struct shadow_case *noted)
{
    const struct shadow_answer *strongest = &noted->answers[noted->strongest];
    for (size_t i = 0; i < noted->count; i++) {
        struct shadow_answer *answer = &noted->answers[i];
        enum agreement agreement;
        struct error error;
        if (i == noted->strongest || !answer->is_there)
            continue;
        if (replies_agree(&strongest->reply, &answer->reply, &agreement, &noted->by, &error) != OK)
            return false;
        answer->is_same = agreement == AGREE_YES;
        answer->quality = agreement == AGREE_NO ? 0 : NAN;
    }
    return true;
}

static void compare(struct shadow_case *noted)
{
    size_t there = 0;
    for (size_t i = 0; i < noted->count; i++)
        there += noted->answers[i].is_there;
    if (!noted->answers[noted->strongest].is_there || there < 2 || !compare_all(noted)) {
        shadow_case_over(noted, SHADOW_FAILED);
        return;
    }
    noted->place = 0;
    if (noted->router->config->shadow.judge)
        judge_next(noted);
    else
        finish(noted);
}

/* --- the start ---------------------------------------------------------------------------------------- */

/* What the router's models are by now; one that is gone is not asked. */
void shadow_case_begin(struct shadow_case *noted)
{
    const struct routing_asker asker = {noted->tenant, noted->account, noted->region};
    struct route *route = NULL;
    struct error error;
    if (route_new(noted->shadow->options.work->routing, &asker, str_of(noted->router->config->name), &noted->arena,
                  &route, &error) != OK ||
        !route) {
        shadow_case_over(noted, SHADOW_FAILED);
        return;
    }
    for (size_t i = 0; i < noted->count; i++)
        for (size_t k = 0; k < route->count; k++)
            if (str_eq(noted->answers[i].listed, route->targets[k].listed))
                noted->matches[i] = *route->targets[k].match;
    for (size_t i = 0; i < noted->count; i++)
        if (noted->answers[i].is_there && noted->matches[i].model)
            noted->answers[i].cost = cost_of(noted, &noted->matches[i], &noted->answers[i].reply.usage);
    answer_next(noted);
}

void shadow_case_free(struct shadow_case *noted)
{
    if (!noted)
        return;
    shadow_try_end(noted);
    arena_deinit(&noted->try.arena);
    arena_deinit(&noted->arena);
    mem_free(noted->features);
    mem_free(noted);
}
