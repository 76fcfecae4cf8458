/* demo_foretell.c - see demo_foretell.h. */
#include "cmd/demo_foretell.h"

#include "advise/report.h"
#include "cmd/advise_scales.h"

static enum error_code weigh(const struct advisor_options *options, struct str log, struct demo_advice *advice,
                             struct error *error)
{
    static const enum plan_lever levers[DEMO_SHARES] = {PLAN_ROUTE, PLAN_DISTILL, PLAN_CACHE, PLAN_BATCH};
    struct advisor *advisor;
    const struct advice *made;
    if (advisor_new(options, &advisor, error) != OK)
        return error->code;
    enum error_code code = advisor_read_text(advisor, log, error);
    if (code == OK)
        code = advisor_finish(advisor, &made, error);
    if (code == OK && options->choice.is_given)
        for (size_t i = 0; i < DEMO_SHARES; i++)
            advice->alone[i] += made->plan.sums[levers[i]].alone;
    else if (code == OK)
        advice->start_with = made->plan.start < 0 ? NULL : made->levers[made->plan.start].name;
    advisor_free(advisor);
    return code;
}

enum error_code demo_foretell(struct str log, const char *small, struct demo_advice *advice, struct error *error)
{
    struct advise_scales scales = {0};
    struct advisor_options options = {0};
    enum error_code code = advise_scales_load(NULL, NULL, false, &scales, error);
    options.book = scales.book;
    options.catalog = &scales.catalog;
    options.predictor = scales.predictor;
    if (code == OK)
        code = weigh(&options, log, advice, error);
    options.choice = (struct plan_choice){.is_given = true, .route = true, .distill = true, .cache = true,
                                          .batch = WAIT_NIGHTLY};
    if (code == OK)
        code = advise_scales_find(&scales, str_of(small), &options.small, error);
    if (code == OK)
        code = weigh(&options, log, advice, error);
    advise_scales_free(&scales);
    return code;
}
