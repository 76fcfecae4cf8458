/* How it goes this minute: what runs and waits, what is wrong, what was spent and saved. Cheap: four questions to the
 * ledger's sums, all else from memory. What concerns other tenants is an administrator's. */
#include "api/console/numbers.h"

#include <math.h>
#include <pthread.h>

#include "alarm/alarms.h"
#include "api/console/console.h"
#include "core/condition.h"

#define HIT_RATE_MINUTES 15
#define RATE_MINUTES 5

struct now_ask {
    struct console_ask base;
    uint64_t now_us;
    const struct model_list *models;
};

/* --- models ----------------------------------------------------------------------------------------- */

/* How fast a model writes: tokens of all its replies since somebody asked before. */
struct speed {
    uint64_t since_us, tokens;
    double per_second; /* NAN: not known yet */
};

#define SPEEDS_MAX 256
#define SPEED_LEAST_US 1000000  /* less between two questions says little */
#define SPEED_MOST_US 60000000 /* and more is not now */

static struct {
    pthread_mutex_t mutex;
    struct speed models[SPEEDS_MAX]; /* by their index */
} speeds = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static double speed_of(const struct model *model, uint64_t tokens, uint64_t now_us)
{
    if (model->index >= SPEEDS_MAX)
        return (double)NAN;
    (void)pthread_mutex_lock(&speeds.mutex);
    struct speed *speed = &speeds.models[model->index];
    const uint64_t past_us = now_us > speed->since_us ? now_us - speed->since_us : 0;
    if (past_us >= SPEED_LEAST_US) {
        const bool is_known = past_us <= SPEED_MOST_US && tokens >= speed->tokens;
        speed->per_second = is_known ? (double)(tokens - speed->tokens) * 1e6 / (double)past_us : (double)NAN;
        speed->since_us = now_us;
        speed->tokens = tokens;
    }
    const double per_second = speed->per_second;
    (void)pthread_mutex_unlock(&speeds.mutex);
    return per_second;
}

static bool all_are_ready(const struct now_ask *ask)
{
    const struct api *api = ask->base.api;
    bool is_ready = !atomic_load(&api->is_draining) && !condition_any_down();
    for (size_t i = 0; i < ask->models->count; i++)
        is_ready = is_ready && (ask->models->models[i]->upstream ||
                                engine_model_is_ready(api->engine, ask->models->models[i]->worker));
    return is_ready;
}

static void put_count(struct console_reply *reply, const char *name, bool is_shown, uint64_t count)
{
    if (is_shown)
        console_put_uint(reply, name, count);
    else
        console_put_null(reply, name);
}

static void put_models(struct now_ask *ask, struct console_reply *reply)
{
    const struct engine *engine = ask->base.api->engine;
    const bool is_admin = ask->base.asker.is_admin;
    uint64_t running = 0, queued = 0;
    console_open(reply, "models", '[');
    for (size_t i = 0; i < ask->models->count; i++) {
        const struct model *model = ask->models->models[i];
        struct engine_counters counters;
        if (model->upstream) /* nothing of it is computed here */
            continue;
        engine_counters(engine, model->worker, &counters);
        running += counters.running;
        queued += counters.queue_depth;
        if (!is_admin && str_starts(str_of(model->name), STR(MODEL_CUSTOM_PREFIX)))
            continue;
        console_open(reply, NULL, '{');
        console_put_text(reply, "name", str_of(model->name));
        console_put_bool(reply, "ready", engine_model_is_ready(engine, model->worker));
        put_count(reply, "running", is_admin, counters.running);
        put_count(reply, "queued", is_admin, counters.queue_depth);
        console_put_number(reply, "tokensPerSecond",
                           is_admin ? speed_of(model, counters.generated_tokens, clock_now_us()) : (double)NAN);
        console_close(reply);
    }
    console_close(reply);
    put_count(reply, "running", is_admin, running);
    put_count(reply, "queued", is_admin, queued);
}

/* --- what is wrong ---------------------------------------------------------------------------------- */

static void put_condition(void *ctx, const char *name, enum condition_level level, const char *text)
{
    static const char *const levels[] = {
        [CONDITION_CLEAR] = "clear", [CONDITION_NOTE] = "note", [CONDITION_DOWN] = "down"};
    struct console_reply *reply = ctx;
    console_open(reply, NULL, '{');
    console_put_text(reply, "name", str_of(name));
    console_put_text(reply, "level", str_of(levels[level]));
    console_put_text(reply, "text", str_of(text));
    console_close(reply);
}

static enum error_code put_alarms(struct now_ask *ask, struct console_reply *reply)
{
    struct alarm_list list;
    uint64_t counts[ALARM_STATES] = {0};
    const enum error_code code =
        alarm_list(alarms_store(ask->base.api->alarms), ask->base.asker.tenant, &list, &ask->base.error);
    if (code != OK)
        return code;
    for (size_t i = 0; i < list.count; i++)
        counts[list.items[i]->state]++;
    alarm_list_free(&list);
    console_open(reply, "alarms", '{');
    for (size_t i = 0; i < ALARM_STATES; i++)
        console_put_uint(reply, alarm_state_names[i], counts[i]);
    console_close(reply);
    return OK;
}

/* --- from the ledger -------------------------------------------------------------------------------- */

static uint64_t month_begin(uint64_t now_us)
{
    char text[TIMESTAMP_LEN + 1];
    uint64_t begin_us = now_us;
    clock_iso8601(now_us, text);
    memcpy(text + strlen("2026-11"), "-01", sizeof("-01"));
    return clock_parse(str_of(text), &begin_us) ? begin_us : now_us;
}

static enum error_code sum_since(struct now_ask *ask, struct ledger_view *view, uint64_t from_us,
                                 struct ledger_group *sum)
{
    const struct ledger_query query = {.from_us = from_us, .tenant = ask->base.asker.tenant};
    return console_sum(view, &query, sum, &ask->base.error);
}

/* A rate needs whole minutes and the one that runs. */
static enum error_code put_rates(struct now_ask *ask, struct ledger_view *view, struct console_reply *reply)
{
    const uint64_t minute_us = ask->now_us / CONSOLE_MINUTE_US * CONSOLE_MINUTE_US;
    const uint64_t since_us = minute_us - (RATE_MINUTES - 1) * CONSOLE_MINUTE_US;
    struct ledger_group rate, hits;
    enum error_code code = sum_since(ask, view, since_us, &rate);
    if (code == OK)
        code = sum_since(ask, view, minute_us - (HIT_RATE_MINUTES - 1) * CONSOLE_MINUTE_US, &hits);
    if (code != OK)
        return code;
    console_put_number(reply, "requestsPerMinute", (double)ledger_group_requests(&rate) * (double)CONSOLE_MINUTE_US /
                                                       (double)(ask->now_us - since_us));
    console_put_number(reply, "hitRate", console_hit_rate(&hits));
    return OK;
}

static enum error_code put_money(struct now_ask *ask, struct ledger_view *view, struct console_reply *reply)
{
    struct ledger_group today, month;
    enum error_code code = sum_since(ask, view, ask->now_us / CONSOLE_DAY_US * CONSOLE_DAY_US, &today);
    if (code == OK)
        code = sum_since(ask, view, month_begin(ask->now_us), &month);
    if (code != OK)
        return code;
    console_open(reply, "saved", '{');
    console_put_money(reply, "today", today.baseline - today.cost);
    console_put_money(reply, "month", month.baseline - month.cost);
    console_close(reply);
    console_open(reply, "spent", '{');
    console_put_money(reply, "today", today.cost);
    console_put_money(reply, "month", month.cost);
    console_close(reply);
    return OK;
}

static enum error_code answer_with(struct console_ask *base, struct ledger_view *view)
{
    struct now_ask *ask = (struct now_ask *)base;
    struct console_reply *reply = &base->reply;
    console_open(reply, NULL, '{');
    console_put_time(reply, "time", ask->now_us);
    console_put_bool(reply, "ready", all_are_ready(ask));
    put_models(ask, reply);
    console_open(reply, "conditions", '[');
    if (base->asker.is_admin)
        condition_each(put_condition, reply);
    console_close(reply);
    enum error_code code = put_alarms(ask, reply);
    if (code == OK)
        code = put_rates(ask, view, reply);
    if (code == OK)
        code = put_money(ask, view, reply);
    console_close(reply);
    return code;
}

static enum error_code answer_now(struct console_ask *ask)
{
    return console_with_view(ask, answer_with);
}

void console_now(struct api_call *call)
{
    static const char *const names[] = {NULL};
    struct now_ask *ask = console_ask_new(call, sizeof(*ask), names, NULL);
    if (!ask)
        return;
    ask->now_us = clock_wall_us();
    ask->models = registry_list(ask->base.api->models);
    console_ask_send(&ask->base, answer_now);
}
