/* alarms.c - see alarms.h. */
#include "alarm/alarms.h"

#include <errno.h>
#include <pthread.h>

#include "alarm/evaluate.h"
#include "alarm/sender.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/util.h"

#define NO_ACCOUNT "000000000000"
#define USUAL_REGION "us-east-1"
#define NO_TENANT "default"

struct alarms {
    const struct config *config;
    struct monitor *monitor;
    struct alarm_store *store;
    struct sender *sender;
    pthread_mutex_t mutex; /* of what stands below it */
    pthread_cond_t wake;
    bool must_look, is_over;
    pthread_t thread;
    bool has_thread, is_failing; /* is_failing: the thread's own */
};

struct alarm_store *alarms_store(const struct alarms *alarms)
{
    return alarms->store;
}

/* --- the default alarm ------------------------------------------------------------------------------ */

#define TOKENS(id, name)                                                                                      \
    "{\"Id\":\"" id "\",\"MetricStat\":{\"Metric\":{\"Namespace\":\"AWS/Bedrock\",\"MetricName\":\"" name     \
    "\"},\"Period\":300,\"Stat\":\"Sum\"},\"ReturnData\":false},"

static const char default_config[] =
    "{\"AlarmDescription\":\"Less than 60 percent of the prompt tokens were read from the cache: "
    "read / (read + written + input), over three periods of five minutes.\",\"EvaluationPeriods\":3,"
    "\"DatapointsToAlarm\":3,\"Threshold\":60,\"ComparisonOperator\":\"LessThanThreshold\","
    "\"TreatMissingData\":\"notBreaching\",\"Metrics\":["
    TOKENS("r", "CacheReadInputTokenCount") TOKENS("w", "CacheWriteInputTokenCount") TOKENS("i", "InputTokenCount")
    "{\"Id\":\"hit\",\"Expression\":\"100*r/(r+w+i)\",\"Label\":\"Cache hit rate\",\"ReturnData\":true}]}";

void alarms_welcome(struct alarms *alarms, struct str tenant, struct str account, struct str region)
{
    struct error error;
    const struct alarm_put put = {
        .tenant = tenant,
        .name = STR(ALARM_DEFAULT_NAME),
        .account = account,
        .region = region,
        .config = STR(default_config),
        .is_enabled = true,
        .now_us = clock_wall_us(),
    };
    if (alarm_put_default(alarms->store, &put, &error) != OK)
        log_event(LOG_WARN, "the default alarm can't be made", LOG_S("tenant", tenant), LOG_C("error", error.message));
}

static void welcome_all(struct alarms *alarms)
{
    const struct config *config = alarms->config;
    for (size_t i = 0; i < config->tenant_count; i++) {
        const struct config_tenant *tenant = &config->tenants[i];
        alarms_welcome(alarms, str_of(tenant->name), str_of(tenant->account ? tenant->account : NO_ACCOUNT),
                       STR(USUAL_REGION));
    }
    if (config->tenant_count == 0)
        alarms_welcome(alarms, STR(NO_TENANT), STR(NO_ACCOUNT), STR(USUAL_REGION));
}

/* Without tenants in fulcrum.yaml they are whoever asks: known by their metrics. */
static void welcome_known(struct alarms *alarms)
{
    struct str tenant = STR("");
    struct arena arena;
    struct error error;
    arena_init(&arena, 0);
    while (tenant.data && monitor_next_tenant(alarms->monitor, tenant, &arena, &tenant, &error) == OK)
        if (tenant.data)
            alarms_welcome(alarms, tenant, STR(NO_ACCOUNT), STR(USUAL_REGION));
    arena_deinit(&arena);
}

/* --- the thread ------------------------------------------------------------------------------------- */

static bool is_over(struct alarms *alarms)
{
    pthread_mutex_lock(&alarms->mutex);
    const bool is_closing = alarms->is_over;
    pthread_mutex_unlock(&alarms->mutex);
    return is_closing;
}

/* A store that can't be read is said once, until it can be read again. */
static void note_failure(struct alarms *alarms, const struct alarm *alarm, const struct error *error)
{
    if (!alarms->is_failing)
        log_event(LOG_ERROR, "an alarm can't be evaluated", LOG_S("tenant", alarm->tenant),
                  LOG_S("alarm", alarm->name), LOG_C("error", error->message));
    alarms->is_failing = true;
}

static void evaluate_all(struct alarms *alarms)
{
    struct alarm_list list;
    struct error error;
    bool has_failed = false;
    if (alarms->config->tenant_count == 0)
        welcome_known(alarms);
    if (alarm_list(alarms->store, (struct str){0}, &list, &error) != OK)
        return;
    for (size_t i = 0; i < list.count && !is_over(alarms); i++) {
        bool has_changed = false;
        if (alarm_evaluate(alarms->store, alarms->monitor, list.items[i], clock_wall_us(), &has_changed, &error) !=
            OK) {
            note_failure(alarms, list.items[i], &error);
            has_failed = true;
        }
        if (has_changed)
            sender_wake(alarms->sender);
    }
    alarms->is_failing = has_failed;
    alarm_list_free(&list);
}

static void *run(void *ctx)
{
    struct alarms *alarms = ctx;
    while (!is_over(alarms)) {
        const struct timespec until = clock_after_ms(alarm_config(alarms->config)->interval_ms);
        int waited = 0;
        evaluate_all(alarms);
        pthread_mutex_lock(&alarms->mutex);
        while (!alarms->must_look && !alarms->is_over && waited != ETIMEDOUT)
            waited = pthread_cond_timedwait(&alarms->wake, &alarms->mutex, &until);
        alarms->must_look = false;
        pthread_mutex_unlock(&alarms->mutex);
    }
    return NULL;
}

void alarms_look(struct alarms *alarms)
{
    pthread_mutex_lock(&alarms->mutex);
    alarms->must_look = true;
    pthread_cond_signal(&alarms->wake);
    pthread_mutex_unlock(&alarms->mutex);
}

void alarms_send(struct alarms *alarms)
{
    sender_wake(alarms->sender);
}

/* --- opening ---------------------------------------------------------------------------------------- */

static enum error_code start(struct alarms *alarms, struct error *error)
{
    const struct config *config = alarms->config;
    enum error_code code = alarm_store_open(config->data, &alarms->store, error);
    if (code == OK)
        code = sender_open(alarms->store, alarm_config(config), &alarms->sender, error);
    if (code != OK)
        return code;
    welcome_all(alarms);
    alarms->has_thread = pthread_create(&alarms->thread, NULL, run, alarms) == 0;
    return alarms->has_thread ? OK : error_set(error, ERROR_IO, "no thread could be started for alarms");
}

enum error_code alarms_open(const struct config *config, struct monitor *monitor, struct alarms **out,
                            struct error *error)
{
    pthread_condattr_t clock;
    struct alarms *alarms = mem_calloc(1, sizeof(*alarms));
    if (!alarms)
        return error_no_memory(error);
    alarms->config = config;
    alarms->monitor = monitor;
    pthread_mutex_init(&alarms->mutex, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&alarms->wake, &clock);
    pthread_condattr_destroy(&clock);
    const enum error_code code = start(alarms, error);
    if (code != OK) {
        alarms_close(alarms);
        return code;
    }
    *out = alarms;
    return OK;
}

void alarms_close(struct alarms *alarms)
{
    if (!alarms)
        return;
    pthread_mutex_lock(&alarms->mutex);
    alarms->is_over = true;
    pthread_cond_signal(&alarms->wake);
    pthread_mutex_unlock(&alarms->mutex);
    if (alarms->has_thread)
        pthread_join(alarms->thread, NULL);
    sender_close(alarms->sender);
    alarm_store_close(alarms->store);
    pthread_cond_destroy(&alarms->wake);
    pthread_mutex_destroy(&alarms->mutex);
    mem_free(alarms);
}

/* --- metrics ---------------------------------------------------------------------------------------- */

static void append_label(struct buf *out, struct str value)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] == '"' || value.data[i] == '\\')
            buf_append_char(out, '\\');
        buf_append_char(out, value.data[i] == '\n' ? ' ' : value.data[i]);
    }
}

void alarms_append_metrics(const struct alarms *alarms, struct buf *out)
{
    static const int levels[ALARM_STATES] = {
        [ALARM_STATE_OK] = 0, [ALARM_STATE_INSUFFICIENT] = 1, [ALARM_STATE_ALARM] = 2};
    struct alarm_list list;
    struct error error;
    if (alarm_list(alarms->store, (struct str){0}, &list, &error) != OK)
        return;
    buf_append_text(out, "# HELP fulcrum_alarm_state State of each alarm: 0 OK, 1 INSUFFICIENT_DATA, 2 ALARM.\n"
                         "# TYPE fulcrum_alarm_state gauge\n");
    for (size_t i = 0; i < list.count; i++) {
        buf_append_text(out, "fulcrum_alarm_state{tenant=\"");
        append_label(out, list.items[i]->tenant);
        buf_append_text(out, "\",name=\"");
        append_label(out, list.items[i]->name);
        buf_appendf(out, "\"} %d\n", levels[list.items[i]->state]);
    }
    alarm_list_free(&list);
}
