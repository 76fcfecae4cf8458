/* worth.c - prices, and sums of the ledger. Changes nothing. See worth.h. */
#include "customize/worth.h"

#include "core/util.h"
#include "customize/scratch.h"
#include "customize/student.h"
#include "ledger/query.h"
#include "model/resolve.h"

#define DAY_US 86400000000ull

/* What a model of the server costs as `id`. NULL: it is not there. */
static const struct price_row *price_of(const struct customize_options *options, struct str id, const char **name)
{
    struct catalog_match match;
    struct error ignored;
    if (id.len == 0 || catalog_resolve(options->catalog, options->models, id, &match, &ignored) != OK)
        return NULL;
    *name = match.model->name;
    return price_book_row_of(options->prices, match.model->price, match.id, match.place);
}

static const struct price_row *price_of_student(const struct customize_options *options, const struct custom_job *job)
{
    const char *name;
    const struct scratch *scratch = scratch_find(job->base);
    return scratch ? price_book_find(options->prices, str_of(scratch->price_as), STR(""))
                   : price_of(options, job->base, &name);
}

/* Of a pruned student its share, of another one that of its base. */
static uint64_t cost_by_student(const struct price_row *price, const struct custom_job *job,
                                const struct price_usage *usage)
{
    const uint64_t share = job->progress.price_share ? job->progress.price_share : student_share(job->settings);
    return (uint64_t)((unsigned __int128)price_cost(price, TIER_DEFAULT, usage) * share / STUDENT_WHOLE);
}

/* By the mean of its requests: prices may depend on their length. */
static uint64_t cost_of(const struct price_row *price, const struct custom_asked *asked)
{
    if (asked->answered == 0)
        return 0;
    const struct price_usage usage = {{[PRICE_INPUT] = asked->input / asked->answered,
                                       [PRICE_OUTPUT] = asked->output / asked->answered}};
    return price_cost(price, TIER_BATCH, &usage) * asked->answered;
}

uint64_t worth_cost(const struct customize_options *options, const struct custom_job *job)
{
    const char *name;
    const struct price_row *price = price_of(options, job->teacher, &name);
    return price ? cost_of(price, &job->progress.answers) + cost_of(price, &job->progress.variants.asked) : 0;
}

struct sums {
    const char *model;
    uint64_t requests;
    struct price_usage usage;
};

static enum error_code add_group(void *ctx, const struct ledger_group *group, struct error *error)
{
    struct sums *sums = ctx;
    (void)error;
    if (!str_eq(group->key, str_of(sums->model)))
        return OK;
    sums->requests = ledger_group_requests(group);
    sums->usage = group->usage;
    return OK;
}

static enum error_code read_ledger(const struct customize_options *options, const struct custom_job *job,
                                   struct sums *sums, struct error *error)
{
    struct ledger_view *view;
    const uint64_t now_us = clock_wall_us();
    const struct ledger_query query = {.from_us = now_us - WORTH_DAYS * DAY_US, .tenant = job->tenant,
                                       .by = LEDGER_BY_MODEL};
    enum error_code code = ledger_view_open(options->config->data, &view, error);
    if (code != OK)
        return code;
    code = ledger_query(view, &query, add_group, sums, error);
    ledger_view_close(view);
    return code;
}

enum error_code worth_compute(const struct customize_options *options, const struct custom_job *job,
                              struct worth *worth, struct error *error)
{
    struct sums sums = {0};
    const struct price_row *teacher = price_of(options, job->teacher, &sums.model);
    const struct price_row *student = price_of_student(options, job);
    *worth = (struct worth){.cost = worth_cost(options, job)};
    if (!teacher || !student)
        return error_set(error, ERROR_NOT_FOUND, "the teacher or the base model is not served any more");
    const enum error_code code = read_ledger(options, job, &sums, error);
    /* What the teacher did for this job is no traffic. */
    const uint64_t own = job->progress.answers.answered + job->progress.variants.asked.answered;
    worth->seen = sums.requests > own ? sums.requests - own : 0;
    if (code != OK || sums.requests == 0)
        return code;
    for (size_t i = 0; i < PRICE_CLASSES; i++)
        sums.usage.tokens[i] /= sums.requests;
    worth->saved = (int64_t)price_cost(teacher, TIER_DEFAULT, &sums.usage) -
                   (int64_t)cost_by_student(student, job, &sums.usage);
    if (worth->saved > 0)
        worth->break_even = (worth->cost + (uint64_t)worth->saved - 1) / (uint64_t)worth->saved;
    return OK;
}
