/* alert.c - what is said when a budget has reached 80 or 100%: to the log, and where its alert leads. See alert.h. */
#include "keys/alert.h"

#include "core/json.h"
#include "core/log.h"
#include "core/util.h"

#define TEXT_MAX 4096

/* By which it is known whether the alert was given: another limit is another budget. */
static void append_name(struct buf *out, const struct account_state *account)
{
    const struct subject *subject = &account->spec.subject;
    buf_appendf(out, "%s/" STR_FMT "/" STR_FMT "/%s/%s/%llu", subject_kind_names[subject->kind],
                STR_ARG(subject->tenant), STR_ARG(subject->name), budget_period_names[account->spec.period],
                account_source_names[account->spec.source], (unsigned long long)account->spec.limit);
}

/* The members that notices of alarms have, too; of one alert always the same Id. */
static void append_notice(struct buf *out, const struct account_state *account, struct str who, struct str name,
                          uint64_t now_us)
{
    char id[UUID_LEN + 1], time[TIMESTAMP_LEN + 1], limit[DOLLARS_TEXT], spent[DOLLARS_TEXT];
    const struct account_spec *spec = &account->spec;
    char text[TEXT_MAX];
    (void)snprintf(text, sizeof(text), STR_FMT "/%u/%u", STR_ARG(name), account->window.first_day, account->percent);
    uuid_of_text(str_of(text), id);
    clock_iso8601(now_us, time);
    (void)dollars_text(spec->limit, limit);
    (void)dollars_text(account->spent, spent);
    buf_appendf(out, "{\"Id\":\"%s\"", id);
    (void)json_append_member(out, "Action", spec->alert);
    (void)snprintf(text, sizeof(text), "Budget of " STR_FMT " for the %s", STR_ARG(who),
                   budget_period_names[spec->period]);
    (void)json_append_member(out, "AlarmName", str_of(text));
    (void)json_append_member(out, "Tenant", spec->subject.tenant);
    (void)json_append_member(out, "NewStateValue", STR("ALARM"));
    (void)snprintf(text, sizeof(text), "%u%% are spent: $%s of $%s.", account->percent, spent, limit);
    (void)json_append_member(out, "NewStateReason", str_of(text));
    (void)json_append_member(out, "StateChangeTime", str_of(time));
    buf_appendf(out, ",\"Budget\":{\"of\":\"%s\"", subject_kind_names[spec->subject.kind]);
    (void)json_append_member(out, "tenant", spec->subject.tenant);
    (void)json_append_member(out, "name", spec->subject.name);
    (void)json_append_member(out, "period", str_of(budget_period_names[spec->period]));
    (void)json_append_member(out, "limitDollars", str_of(limit));
    (void)json_append_member(out, "spentDollars", str_of(spent));
    buf_appendf(out, ",\"percent\":%u", account->percent);
    (void)json_append_time_member(out, "resetsAt", window_end_us(&account->window));
    buf_append_text(out, "}}");
}

static enum error_code queue(struct alarms *alarms, const struct account_state *account, struct str who,
                             struct str name, struct error *error)
{
    struct buf body;
    buf_init(&body, 8 * TEXT_MAX);
    const uint64_t now_us = clock_wall_us();
    append_notice(&body, account, who, name, now_us);
    const struct alarm_action action = {
        .tenant = account->spec.subject.tenant, .name = who, .action = account->spec.alert, .body = buf_str(&body)};
    enum error_code code = body.failed ? error_no_memory(error)
                                       : alarm_action_add(alarms_store(alarms), &action, now_us, error);
    buf_deinit(&body);
    if (code == OK)
        alarms_send(alarms);
    return code;
}

static void tell_log(const struct account_state *account, struct str who)
{
    char limit[DOLLARS_TEXT], spent[DOLLARS_TEXT];
    log_event(LOG_WARN, "budget", LOG_S("of", who), LOG_C("period", budget_period_names[account->spec.period]),
              LOG_I("percent", account->percent), LOG_C("spent_dollars", dollars_text(account->spent, spent)),
              LOG_C("limit_dollars", dollars_text(account->spec.limit, limit)));
}

/* It is queued before it counts as given: a server that dies in between says it twice rather than never. */
enum error_code alert_give(const struct account_state *account, struct key_store *store, pthread_mutex_t *storing,
                           struct alarms *alarms, struct error *error)
{
    struct buf name, who;
    bool was_given = false;
    buf_init(&name, TEXT_MAX);
    buf_init(&who, TEXT_MAX);
    append_name(&name, account);
    subject_append(&who, &account->spec.subject);
    (void)pthread_mutex_lock(storing);
    enum error_code code = key_store_has_alert(store, buf_str(&name), account->window.first_day, account->percent,
                                               &was_given, error);
    (void)pthread_mutex_unlock(storing);
    if (code == OK && !was_given)
        tell_log(account, buf_str(&who));
    if (code == OK && !was_given && alarms && account->spec.alert.len > 0)
        code = queue(alarms, account, buf_str(&who), buf_str(&name), error);
    (void)pthread_mutex_lock(storing);
    if (code == OK && !was_given)
        code = key_store_note_alert(store, buf_str(&name), account->window.first_day, account->percent, error);
    (void)pthread_mutex_unlock(storing);
    buf_deinit(&name);
    buf_deinit(&who);
    return code;
}
