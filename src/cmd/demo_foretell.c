/* demo_foretell.c - see demo_foretell.h. */
#include "cmd/demo_foretell.h"

#include <math.h>

#include "advise/report.h"
#include "cmd/advise_levers.h"
#include "cmd/advise_tokens.h"
#include "cmd/demo_ask.h"
#include "cmd/demo_bed.h"

/* The levers of the phase `all`. */
#define LEVERS                                                                                                 \
    "router=" DEMO_ROUTER "@" DEMO_TAG ":" DEMO_TAG_TURN ",distill=" CONFIG_EMBEDDED_STUDENT "@" DEMO_TAG      \
    ":summary,ttl=best,batch=nightly"

static void take(const struct advice *made, struct demo_advice *advice)
{
    static const enum plan_lever levers[DEMO_SHARES] = {PLAN_ROUTE, PLAN_DISTILL, PLAN_CACHE, PLAN_BATCH};
    for (size_t i = 0; i < DEMO_SHARES; i++) {
        const struct plan_sum *sum = &made->plan.sums[levers[i]];
        advice->alone[i] += sum->alone;
        advice->shares[i] += sum->saved;
        advice->low[i] += sum->low;
        advice->high[i] += sum->high;
    }
}

static enum error_code weigh(const struct advisor_options *options, struct str log, struct demo_advice *advice,
                             struct error *error)
{
    struct advisor *advisor;
    const struct advice *made;
    if (advisor_new(options, &advisor, error) != OK)
        return error->code;
    enum error_code code = advisor_read_text(advisor, log, error);
    if (code == OK)
        code = advisor_finish(advisor, &made, error);
    if (code == OK && options->choice.is_given)
        take(made, advice);
    else if (code == OK)
        advice->start_with = made->plan.start < 0 ? NULL : made->levers[made->plan.start].name;
    advisor_free(advisor);
    return code;
}

static enum error_code load_scales(struct advise_scales *scales, struct error *error)
{
    struct buf text;
    buf_init(&text, LIMIT_CONFIG_BYTES);
    demo_bed_append_config(&text, true, true);
    const enum error_code code =
        text.failed ? error_no_memory(error) : advise_scales_parse(buf_str(&text), scales, error);
    buf_deinit(&text);
    return code;
}

/* The small model comes first in the router. */
static void judge(const struct demo_shadow *shadow, struct advise_router *router)
{
    for (size_t i = 0; i < shadow->count; i++)
        advise_router_judge(router, 0, shadow->confidences[i], (double)NAN, 1);
}

enum error_code demo_foretell(struct str log, const struct demo_shadow *shadow, struct demo_advice *advice,
                              struct error *error)
{
    struct advise_scales scales = {0};
    struct advise_levers levers = {.own = NULL};
    enum error_code code = load_scales(&scales, error);
    struct advise_tokens *tokens = code == OK ? advise_tokens_new(&scales.config) : NULL;
    struct advisor_options options = {.book = scales.book, .catalog = &scales.catalog, .predictor = scales.predictor,
                                      .counter = {tokens ? advise_tokens_count : NULL, tokens}};
    if (code == OK)
        code = weigh(&options, log, advice, error);
    if (code == OK)
        code = advise_levers_read(LEVERS, &scales, NULL, &levers, error);
    if (code == OK)
        judge(shadow, &levers.router);
    advise_levers_apply(&levers, &options);
    if (code == OK)
        code = weigh(&options, log, advice, error);
    advise_levers_free(&levers);
    advise_tokens_free(tokens);
    advise_scales_free(&scales);
    return code;
}
