/* GET /fulcrum/alarms: alarms and how they are. What CloudWatch's operations say of them in full is monitoring's. */
#include "alarm/alarms.h"
#include "api/console/ask.h"
#include "api/console/console.h"

/* The metric that is watched, or the expression over several. */
static struct str watched_of(const struct alarm *alarm)
{
    const struct alarm_spec *spec = &alarm->spec;
    const struct str expression = spec->queries[spec->watched].expression;
    return expression.len > 0 ? expression : spec->metrics[spec->watched].metric.name;
}

static void put_alarm(struct console_reply *reply, const struct alarm *alarm)
{
    const struct alarm_spec *spec = &alarm->spec;
    console_open(reply, NULL, '{');
    console_put_text(reply, "name", alarm->name);
    console_put_text(reply, "tenant", alarm->tenant);
    console_put_text(reply, "arn", alarm->arn);
    console_put_text(reply, "state", str_of(alarm_state_names[alarm->state]));
    console_put_text(reply, "reason", alarm->reason);
    console_put_text(reply, "metric", watched_of(alarm));
    console_put_text(reply, "statistic", spec->statistic.len > 0 ? spec->statistic : (struct str){NULL, 0});
    console_put_text(reply, "comparison", str_of(alarm_comparison_words(spec)));
    console_put_number(reply, "threshold", spec->threshold);
    console_put_uint(reply, "period", spec->period_s);
    console_put_uint(reply, "evaluationPeriods", spec->periods);
    console_put_time(reply, "since", alarm->updated_us);
    console_put_bool(reply, "actionsEnabled", alarm->is_enabled);
    console_put_uint(reply, "actions", spec->action_counts[ALARM_STATE_ALARM]);
    console_close(reply);
}

static enum error_code answer_alarms(struct console_ask *ask)
{
    const struct str tenant = str_of(ask->call->identity.tenant);
    struct alarm_list list;
    if (tenant.len > 0) /* the console's own link is nobody's */
        alarms_welcome(ask->api->alarms, tenant, str_of(ask->call->identity.account),
                       str_of(ask->call->identity.region));
    const enum error_code code =
        alarm_list(alarms_store(ask->api->alarms), ask->asker.tenant, &list, &ask->error);
    if (code != OK)
        return code;
    console_open(&ask->reply, NULL, '{');
    console_open(&ask->reply, "alarms", '[');
    for (size_t i = 0; i < list.count; i++)
        put_alarm(&ask->reply, list.items[i]);
    console_close(&ask->reply);
    console_close(&ask->reply);
    alarm_list_free(&list);
    return OK;
}

void console_alarms(struct api_call *call)
{
    static const char *const names[] = {NULL};
    struct console_ask *ask = console_ask_new(call, sizeof(*ask), names, "alarms");
    if (ask)
        console_ask_send(ask, answer_alarms);
}
