/* store_events.c - rows of what happened to alarms, and of actions that are to be done: what they say, and how many are
 * kept. See store.h. */
#include <stdio.h>

#include "alarm/store_internal.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/util.h"

#define TEXT_MAX ((size_t)1 << 20)

const char *const alarm_event_names[ALARM_EVENT_KINDS] = {"ConfigurationUpdate", "StateUpdate", "Action"};

/* --- history ---------------------------------------------------------------------------------------- */

/* What is too much of this alarm's, and of all: the oldest go. */
static enum error_code trim(struct alarm_store *store, struct str tenant, struct str name, struct error *error)
{
    struct sql_statement *query = store->queries[ALARM_QUERY_TRIM];
    for (int i = 0; i < 2; i++) {
        sql_bind_text(query, 2 * i + 1, tenant);
        sql_bind_text(query, 2 * i + 2, name);
    }
    sql_bind_int(query, 5, (int64_t)LIMIT_ALARM_HISTORY);
    const enum error_code code = sql_run(query, error);
    if (code != OK)
        return code;
    sql_bind_int(store->queries[ALARM_QUERY_TRIM_ALL], 1, (int64_t)LIMIT_ALARM_HISTORY_ALL);
    return sql_run(store->queries[ALARM_QUERY_TRIM_ALL], error);
}

static enum error_code note(struct alarm_store *store, struct str tenant, const struct alarm_event *event,
                            struct error *error)
{
    struct sql_statement *query = store->queries[ALARM_QUERY_NOTE];
    sql_bind_text(query, 1, tenant);
    sql_bind_text(query, 2, event->name);
    sql_bind_int(query, 3, event->kind);
    sql_bind_int(query, 4, (int64_t)event->time_us);
    sql_bind_text(query, 5, event->summary);
    sql_bind_text(query, 6, event->data);
    const enum error_code code = sql_run(query, error);
    return code == OK ? trim(store, tenant, event->name, error) : code;
}

/* A line whose texts were written into these. */
static enum error_code note_texts(struct alarm_store *store, struct str tenant, struct alarm_event *event,
                                  struct buf *summary, struct buf *data, struct error *error)
{
    event->summary = buf_str(summary);
    event->data = buf_str(data);
    const enum error_code code =
        summary->failed || data->failed ? error_no_memory(error) : note(store, tenant, event, error);
    buf_deinit(summary);
    buf_deinit(data);
    return code;
}

/* The members of the alarm as DescribeAlarms has them, as far as they are its configuration. */
static void append_alarm(struct buf *out, const struct alarm *alarm)
{
    buf_append_text(out, "{\"alarmName\":");
    buf_append_json(out, alarm->name);
    (void)json_append_member(out, "alarmArn", alarm->arn);
    buf_appendf(out, ",\"actionsEnabled\":%s,\"configuration\":", alarm->is_enabled ? "true" : "false");
    buf_append_str(out, alarm->config);
    buf_append_char(out, '}');
}

enum error_code alarm_note_configuration(struct alarm_store *store, const struct alarm *alarm, const char *what,
                                         uint64_t now_us, struct error *error)
{
    struct alarm_event event = {.name = alarm->name, .kind = ALARM_EVENT_CONFIGURATION, .time_us = now_us};
    struct buf summary, data;
    buf_init(&summary, TEXT_MAX);
    buf_init(&data, TEXT_MAX);
    buf_appendf(&summary, "Alarm \"" STR_FMT "\" %s", STR_ARG(alarm->name), what);
    buf_appendf(&data, "{\"version\":\"1.0\",\"type\":\"%s\",\"%sAlarm\":",
                *what == 'c' ? "Create" : *what == 'u' ? "Update" : "Delete", what);
    append_alarm(&data, alarm);
    buf_append_char(&data, '}');
    return note_texts(store, alarm->tenant, &event, &summary, &data, error);
}

static void append_state(struct buf *out, const char *member, const struct alarm *alarm)
{
    buf_appendf(out, "\"%s\":{\"stateValue\":\"%s\"", member, alarm_state_names[alarm->state]);
    (void)json_append_member(out, "stateReason", alarm->reason);
    if (alarm->reason_data.len > 0) {
        buf_append_text(out, ",\"stateReasonData\":");
        buf_append_str(out, alarm->reason_data);
    }
    buf_append_char(out, '}');
}

enum error_code alarm_note_state(struct alarm_store *store, const struct alarm *old, const struct alarm *now,
                                 uint64_t now_us, struct error *error)
{
    struct alarm_event event = {.name = now->name, .kind = ALARM_EVENT_STATE, .time_us = now_us};
    struct buf summary, data;
    buf_init(&summary, TEXT_MAX);
    buf_init(&data, TEXT_MAX);
    buf_appendf(&summary, "Alarm updated from %s to %s", alarm_state_names[old->state], alarm_state_names[now->state]);
    buf_append_text(&data, "{\"version\":\"1.0\",");
    append_state(&data, "oldState", old);
    buf_append_char(&data, ',');
    append_state(&data, "newState", now);
    buf_append_char(&data, '}');
    return note_texts(store, now->tenant, &event, &summary, &data, error);
}

static enum error_code read_event(struct sql_statement *row, struct arena *arena, struct alarm_event *event,
                                  struct error *error)
{
    event->id = sql_int(row, 0);
    event->kind = (enum alarm_event_kind)((uint64_t)sql_int(row, 2) % ALARM_EVENT_KINDS);
    event->time_us = (uint64_t)sql_int(row, 3);
    const bool is_kept = arena_str(arena, sql_text(row, 1), &event->name) &&
                         arena_str(arena, sql_text(row, 4), &event->summary) &&
                         arena_str(arena, sql_text(row, 5), &event->data);
    return is_kept ? OK : error_no_memory(error);
}

static void bind_history(struct sql_statement *query, const struct alarm_history_filter *filter)
{
    sql_bind_text(query, 1, filter->tenant);
    sql_bind_text(query, 2, filter->name.data ? filter->name : STR(""));
    sql_bind_int(query, 3, filter->kind);
    sql_bind_int(query, 4, (int64_t)filter->from_us);
    sql_bind_int(query, 5, filter->to_us < INT64_MAX ? (int64_t)filter->to_us : INT64_MAX);
    sql_bind_int(query, 6, filter->beyond);
    sql_bind_int(query, 7, (int64_t)filter->max + 1);
}

enum error_code alarm_history(struct alarm_store *store, const struct alarm_history_filter *filter,
                              struct arena *arena, struct alarm_event **events, size_t *count, bool *has_more,
                              struct error *error)
{
    struct sql_statement *query =
        store->queries[filter->ascends ? ALARM_QUERY_HISTORY_UP : ALARM_QUERY_HISTORY];
    bool has_row = true;
    enum error_code code = OK;
    *count = 0;
    *events = ARENA_ARRAY(arena, struct alarm_event, filter->max + 1);
    if (!*events)
        return error_no_memory(error);
    pthread_mutex_lock(&store->writing);
    bind_history(query, filter);
    while (code == OK && (code = sql_step(query, &has_row, error)) == OK && has_row)
        code = read_event(query, arena, &(*events)[(*count)++], error);
    sql_reset(query);
    pthread_mutex_unlock(&store->writing);
    *has_more = *count > filter->max;
    *count -= *has_more;
    return code;
}

/* --- actions ---------------------------------------------------------------------------------------- */

/* What receivers get: the members that notifications of the service have, and the whole reason. */
static void append_notice(struct buf *out, const struct alarm *old, const struct alarm *now, struct str action,
                          uint64_t now_us)
{
    char id[UUID_LEN + 1], time[TIMESTAMP_LEN + 1];
    uuid_v4(id);
    clock_iso8601(now_us, time);
    yyjson_val *config = yyjson_doc_get_root(now->doc);
    buf_appendf(out, "{\"Id\":\"%s\"", id);
    (void)json_append_member(out, "Action", action);
    (void)json_append_member(out, "AlarmName", now->name);
    (void)json_append_member(out, "AlarmArn", now->arn);
    (void)json_append_same_member(out, "AlarmDescription", config);
    (void)json_append_member(out, "AWSAccountId", now->account);
    (void)json_append_member(out, "Region", now->region);
    (void)json_append_member(out, "Tenant", now->tenant);
    (void)json_append_member(out, "OldStateValue", str_of(alarm_state_names[old->state]));
    (void)json_append_member(out, "NewStateValue", str_of(alarm_state_names[now->state]));
    (void)json_append_member(out, "NewStateReason", now->reason);
    if (now->reason_data.len > 0) {
        buf_append_text(out, ",\"NewStateReasonData\":");
        buf_append_str(out, now->reason_data);
    }
    (void)json_append_member(out, "StateChangeTime", str_of(time));
    buf_append_text(out, ",\"Trigger\":");
    buf_append_str(out, now->config);
    buf_append_char(out, '}');
}

static enum error_code insert_action(struct alarm_store *store, const struct alarm_action *action, uint64_t now_us,
                                     struct error *error)
{
    struct sql_statement *query = store->queries[ALARM_QUERY_ACT];
    sql_bind_text(query, 1, action->tenant);
    sql_bind_text(query, 2, action->name);
    sql_bind_text(query, 3, action->action);
    sql_bind_text(query, 4, action->body);
    sql_bind_int(query, 5, (int64_t)now_us);
    return sql_run(query, error);
}

static enum error_code queue_action(struct alarm_store *store, const struct alarm *old, const struct alarm *now,
                                    struct str action, uint64_t now_us, struct error *error)
{
    struct buf body;
    buf_init(&body, TEXT_MAX);
    append_notice(&body, old, now, action, now_us);
    const struct alarm_action queued = {
        .tenant = now->tenant, .name = now->name, .action = action, .body = buf_str(&body)};
    const enum error_code code =
        body.failed ? error_no_memory(error) : insert_action(store, &queued, now_us, error);
    buf_deinit(&body);
    return code;
}

static enum error_code note_action(struct alarm_store *store, struct str tenant, struct str name, struct str action,
                                   bool is_done, struct str what, uint64_t now_us, struct error *error)
{
    struct alarm_event event = {.name = name, .kind = ALARM_EVENT_ACTION, .time_us = now_us};
    struct buf summary, data;
    buf_init(&summary, TEXT_MAX);
    buf_init(&data, TEXT_MAX);
    buf_appendf(&summary, is_done ? "Successfully executed action " STR_FMT : "Failed to execute action " STR_FMT,
                STR_ARG(action));
    buf_appendf(&data, "{\"actionState\":\"%s\"", is_done ? "Succeeded" : "Failed");
    (void)json_append_member(&data, "notificationResource", action);
    (void)json_append_member(&data, is_done ? "result" : "error", what);
    buf_append_char(&data, '}');
    return note_texts(store, tenant, &event, &summary, &data, error);
}

/* Where too many wait already, one more is given up: nobody takes them. */
static enum error_code queue_or_give_up(struct alarm_store *store, const struct alarm *old, const struct alarm *now,
                                        struct str action, uint64_t now_us, struct error *error)
{
    int64_t waiting = 0;
    enum error_code code = sql_number(store->sql, "SELECT count(*) FROM alarm_action", &waiting, error);
    if (code != OK)
        return code;
    if ((uint64_t)waiting < LIMIT_ALARM_ACTIONS)
        return queue_action(store, old, now, action, now_us, error);
    log_event(LOG_WARN, "alarm action given up: too many wait", LOG_S("alarm", now->name), LOG_S("action", action));
    return note_action(store, now->tenant, now->name, action, false, STR("too many actions wait already"), now_us,
                       error);
}

enum error_code alarm_note_actions(struct alarm_store *store, const struct alarm *old, const struct alarm *now,
                                   uint64_t now_us, struct error *error)
{
    enum error_code code = OK;
    for (size_t i = 0; code == OK && i < now->spec.action_counts[now->state]; i++)
        code = queue_or_give_up(store, old, now, now->spec.actions[now->state][i], now_us, error);
    return code;
}

enum error_code alarm_action_add(struct alarm_store *store, const struct alarm_action *action, uint64_t now_us,
                                 struct error *error)
{
    int64_t waiting = 0;
    enum error_code code = alarm_begin(store, error);
    if (code != OK)
        return code;
    code = sql_number(store->sql, "SELECT count(*) FROM alarm_action", &waiting, error);
    if (code == OK && (uint64_t)waiting >= LIMIT_ALARM_ACTIONS)
        code = error_set(error, ERROR_UNAVAILABLE, "too many actions of alarms wait already");
    if (code == OK)
        code = insert_action(store, action, now_us, error);
    return alarm_end(store, code, error);
}

enum error_code alarm_action_next(struct alarm_store *store, uint64_t now_us, struct arena *arena,
                                  struct alarm_action *action, bool *has_one, uint64_t *due_us, struct error *error)
{
    struct sql_statement *query = store->queries[ALARM_QUERY_NEXT];
    bool has_row = false;
    *has_one = false;
    *due_us = 0;
    pthread_mutex_lock(&store->writing);
    enum error_code code = sql_step(query, &has_row, error);
    if (code == OK && has_row) {
        *due_us = (uint64_t)sql_int(query, 6);
        action->id = sql_int(query, 0);
        action->tries = (unsigned)sql_int(query, 5);
        *has_one = *due_us <= now_us;
        if (!(arena_str(arena, sql_text(query, 1), &action->tenant) &&
              arena_str(arena, sql_text(query, 2), &action->name) &&
              arena_str(arena, sql_text(query, 3), &action->action) &&
              arena_str(arena, sql_text(query, 4), &action->body)))
            code = error_no_memory(error);
    }
    sql_reset(query);
    pthread_mutex_unlock(&store->writing);
    return code;
}

enum error_code alarm_action_later(struct alarm_store *store, const struct alarm_action *action, uint64_t due_us,
                                   struct error *error)
{
    struct sql_statement *query = store->queries[ALARM_QUERY_LATER];
    enum error_code code = alarm_begin(store, error);
    if (code != OK)
        return code;
    sql_bind_int(query, 1, (int64_t)due_us);
    sql_bind_int(query, 2, action->id);
    code = sql_run(query, error);
    return alarm_end(store, code, error);
}

enum error_code alarm_action_end(struct alarm_store *store, const struct alarm_action *action, bool is_done,
                                 struct str what, uint64_t now_us, struct error *error)
{
    struct sql_statement *query = store->queries[ALARM_QUERY_ACTED];
    enum error_code code = alarm_begin(store, error);
    if (code != OK)
        return code;
    sql_bind_int(query, 1, action->id);
    code = sql_run(query, error);
    if (code == OK)
        code = note_action(store, action->tenant, action->name, action->action, is_done, what, now_us, error);
    return alarm_end(store, code, error);
}
