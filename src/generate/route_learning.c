/* route_learning.c - see route_learning.h. */
#include "generate/route_learning.h"

#include "generate/shadow.h"

static void append_text(struct buf *out, const char *name, struct str value)
{
    buf_appendf(out, "\"%s\":", name);
    buf_append_json(out, value);
}

/* Models that its training did not know; no member where it knew all. */
static void append_unknown(struct buf *out, const struct route *route)
{
    bool is_first = true;
    for (size_t i = 0; i < route->count; i++) {
        if (routing_predictor_knows(route, i))
            continue;
        buf_append_text(out, is_first ? ",\"unknown\":[" : ",");
        is_first = false;
        buf_append_json(out, route->targets[i].listed);
    }
    buf_append_text(out, is_first ? "" : "]");
}

/* Of files that keep none: null. */
static void append_curve(struct buf *out, const struct predictor_curve *curve)
{
    buf_append_text(out, curve->count ? ",\"curve\":[" : ",\"curve\":null");
    for (uint32_t i = 0; i < curve->count; i++) {
        const struct predictor_point *point = &curve->points[i];
        buf_appendf(out, "%s{\"strongShare\":%.4g,\"quality\":%.6g,\"cost\":%.6g,\"tolerance\":%.4g}", i ? "," : "",
                    (double)point->strong_share, (double)point->quality, (double)point->cost,
                    (double)point->tolerance);
    }
    buf_append_text(out, curve->count ? "]" : "");
}

void route_append_predictor(struct buf *out, const struct route *route)
{
    struct predictor_facts facts;
    const char *name;
    if (!routing_predictor(route, &name, &facts)) {
        buf_append_text(out, "null");
        return;
    }
    buf_append_char(out, '{');
    append_text(out, "name", str_of(name));
    buf_appendf(out, ",\"rows\":%llu,\"calibrationError\":%.4f,\"auc\":%.4f,\"aucLow\":%.4f,\"aucHigh\":%.4f",
                (unsigned long long)facts.rows, (double)facts.calibration_error, (double)facts.auc,
                (double)facts.auc_low, (double)facts.auc_high);
    append_curve(out, &facts.curve);
    append_unknown(out, route);
    buf_append_char(out, '}');
}

static void append_model(struct buf *out, const struct shadow_model *model)
{
    const struct drift_figures *drift = &model->drift;
    buf_append_char(out, '{');
    append_text(out, "model", model->name);
    buf_appendf(out, ",\"labels\":%zu", drift->count);
    if (drift->count > 0)
        buf_appendf(out, ",\"predicted\":%.4f,\"found\":%.4f,\"calibrationError\":%.4f,\"z\":%.2f", drift->predicted,
                    drift->observed, drift->error, drift->z);
    buf_appendf(out, ",\"drifts\":%s}", drift->drifts ? "true" : "false");
}

static void append_figures(struct buf *out, const struct shadow_figures *figures)
{
    buf_appendf(out, "{\"share\":%g,\"labels\":%llu,\"since\":", figures->share, (unsigned long long)figures->labels);
    if (figures->since[0])
        buf_append_json(out, str_of(figures->since));
    else
        buf_append_text(out, "null");
    buf_appendf(out, ",\"waiting\":%llu", (unsigned long long)figures->waiting);
    for (size_t i = 0; i < SHADOW_OUTCOMES; i++)
        buf_appendf(out, ",\"%s\":%llu", shadow_outcome_names[i], (unsigned long long)figures->outcomes[i]);
    buf_appendf(out, ",\"costPicodollars\":%llu,\"drifts\":%s,\"models\":[", (unsigned long long)figures->cost,
                figures->drifts ? "true" : "false");
    for (size_t i = 0; i < figures->count; i++) {
        buf_append_text(out, i ? "," : "");
        append_model(out, &figures->models[i]);
    }
    buf_append_text(out, "]}");
}

void route_append_shadow(struct buf *out, const struct route *route, const struct shadow *shadow)
{
    struct shadow_figures figures;
    if (shadow_figures_of(shadow, route, &figures))
        append_figures(out, &figures);
    else
        buf_append_text(out, "null");
}

void route_append_rule(struct buf *out, const struct router *router)
{
    switch (router->rule) {
    case ROUTER_RULE_DIFFERENCE:
        buf_appendf(out, "\"rule\":\"difference\",\"difference\":%.6g", router->difference * 100);
        break;
    case ROUTER_RULE_TOLERANCE: buf_appendf(out, "\"rule\":\"tolerance\",\"tolerance\":%.6g", router->tolerance); break;
    case ROUTER_RULE_BUDGET:
        buf_appendf(out, "\"rule\":\"budget\",\"budget\":%.9g", (double)router->budget * 1e-12);
        break;
    }
    buf_appendf(out, ",\"margin\":%.6g", router->margin);
}

void route_append_learning(struct buf *out, const struct route *route, const struct shadow *shadow)
{
    buf_append_char(out, '{');
    route_append_rule(out, &route->router);
    buf_append_text(out, ",\"predictor\":");
    route_append_predictor(out, route);
    buf_append_text(out, ",\"shadow\":");
    route_append_shadow(out, route, shadow);
    buf_append_char(out, '}');
}
