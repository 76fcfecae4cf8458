/* plan.c - see plan.h. Writes no text. */
#include "advise/plan.h"

#include <math.h>
#include <stdlib.h>

#include "core/mem.h"
#include "core/util.h"

#define BLOCKS 4096u /* of hours and conversations; of more some share one */
#define ROUNDS 400
#define SEED UINT64_C(0xad715e)
#define STEP_US UINT64_C(1000000) /* between requests whose time is not known */
#define HOUR_US UINT64_C(3600000000)
#define SHADOW_SHARE 0.02

/* A saving below that is not worth a word. */
#define WORTH 0.005
/* Policies that ask for more must save so much more. */
#define FIX_WORTH 0.02
#define MARK_WORTH 0.01
#define READS_LEAST 0.01 /* of the prompt's tokens, that more are read */

/* Of prompts that are not told apart a student learns those whose answers come again and again. */
#define STUDENT_REQUESTS 200
#define STUDENT_ANSWERS 100
#define STUDENT_KINDS 24.0
#define STUDENT_COVERAGE 0.25
#define STUDENT_PROMPTS 1000.0 /* answers it is taught by; what the log lacks the teacher is asked for */
#define STUDENT_QUESTIONS 200.0 /* it is compared by, both models answering */

/* What a lever takes, beside what it brings. Marks and jobs change no answer. A router wants to be watched, a student
 * to be made, which is the same work for few requests and for many. */
#define EASE_ROUTE 0.5
#define EASE_STUDENT 0.75
#define STUDENT_WORK 2500.0 /* requests at which a student is half worth its work */

struct block {
    double cost;
    double saved[CASES][PLAN_LEVERS];
};

struct planning {
    struct plan *plan;
    struct plan_choice choice;
    const struct intake *intake;
    struct log_rows *rows;
    struct replay *replay;
    struct block *blocks; /* [BLOCKS] */
    uint64_t last_us;     /* the clock of rows without a time */
    double student_requests;
};

static double tokens_of_prompt(const struct replay_usage *usage)
{
    double tokens = 0;
    for (unsigned i = 0; i < PRICE_OUTPUT; i++)
        tokens += usage->tokens[i];
    return tokens;
}

static uint64_t time_of(struct planning *planning, const struct row *row)
{
    planning->last_us = row->flags & ROW_TIMED ? row->time_us : planning->last_us + STEP_US;
    return planning->last_us;
}

/* --- first: what there is -------------------------------------------------------------------------------- */

static bool learn_row(struct planning *planning, const struct row *row)
{
    struct plan *plan = planning->plan;
    const struct advise_price *price = &planning->intake->groups[row->group].price;
    struct plan_group *group = &plan->groups[row->group];
    struct plan_cluster *cluster = &plan->clusters[row->cluster];
    struct replay_usage usages[REPLAY_POLICIES];
    plan->requests++;
    plan->untimed += !(row->flags & ROW_TIMED);
    plan->guessed += !(row->flags & ROW_COUNTED);
    if ((row->flags & ROW_TIMED) && plan->first_us == 0)
        plan->first_us = row->time_us;
    plan->last_us = row->flags & ROW_TIMED ? row->time_us : plan->last_us;
    group->requests++;
    group->with_body += (row->flags & ROW_BODY) != 0;
    if (!price->row) {
        plan->unpriced++;
        return true;
    }
    replay_row(planning->replay, planning->intake, row, time_of(planning, row), usages);
    for (unsigned i = 0; i < REPLAY_POLICIES; i++) {
        group->costs[i] += advise_cost(price->row, row->tier, usages[i].tokens);
        group->reads[i] += usages[i].tokens[PRICE_CACHE_READ];
    }
    group->prompt_tokens += tokens_of_prompt(&usages[0]);
    cluster->requests++;
    cluster->group = row->group;
    cluster->cost += advise_cost(price->row, row->tier, usages[0].tokens);
    cluster->small_cost += advise_cost(price->small ? price->small : price->row, row->tier, usages[0].tokens);
    cluster->tokens += tokens_of_prompt(&usages[0]);
    return arrivals_add(plan->arrivals, row);
}

/* The cheapest marks, and of those that save nearly the same the simplest. Where writes cost nothing, a mark that
 * nobody reads would save too; it is no advice. */
static bool may_choose(const struct plan_choice *choice, const struct replay_policy *policy)
{
    return !choice->is_given ||
           (choice->cache && (choice->ttl == TTL_BEST || (choice->ttl == TTL_1H) == policy->is_hour));
}

static void choose_policy(const struct plan_choice *choice, struct plan_group *group)
{
    const double today = group->costs[0];
    double best = today * (1 - FIX_WORTH);
    group->policy = 0;
    for (unsigned i = 2; i < REPLAY_POLICIES; i++) {
        const struct replay_policy *policy = &replay_policies[i];
        const bool takes_more = policy->head == HEAD_FIXED && replay_policies[group->policy].head != HEAD_FIXED;
        const bool reads_more = group->reads[i] > group->reads[group->policy] + READS_LEAST * group->prompt_tokens ||
                                (group->policy != 0 && policy->has_tail == replay_policies[group->policy].has_tail);
        const double least = group->policy == 0 ? 0 : takes_more ? FIX_WORTH * today : MARK_WORTH * today;
        if (reads_more && may_choose(choice, policy) && group->costs[i] < best - least) {
            best = group->costs[i];
            group->policy = i;
        }
    }
}

/* What of a cluster the predictor would send to the smaller model. */
static double routed_share(const struct cluster *cluster, unsigned which)
{
    static const double weights[CASES][2] = {{1, 0.5}, {0.8, 0}, {1, 1}}; /* where it is sure, and where it isn't */
    const uint64_t *verdicts = cluster->verdicts;
    const double asked = (double)(verdicts[VERDICT_STAYS] + verdicts[VERDICT_SMALL] + verdicts[VERDICT_SMALL_UNSURE]);
    return asked > 0 ? (weights[which][0] * (double)verdicts[VERDICT_SMALL] +
                        weights[which][1] * (double)verdicts[VERDICT_SMALL_UNSURE]) / asked : 0;
}

static void choose_student(struct planning *planning, uint32_t index)
{
    const struct cluster *seen = &planning->intake->clusters[index];
    struct plan_cluster *cluster = &planning->plan->clusters[index];
    const double requests = (double)cluster->requests, per_request = (cluster->cost - cluster->small_cost) / requests;
    if (!seen->alike || cluster->requests == 0 || (planning->choice.is_given && !planning->choice.distill))
        return;
    alike_facts(seen->alike, &cluster->alike);
    const struct alike_facts *alike = &cluster->alike;
    const double missing = fmax(0, STUDENT_PROMPTS - requests);
    cluster->effort = (STUDENT_QUESTIONS + missing) * cluster->cost / requests +
                      STUDENT_QUESTIONS * cluster->small_cost / requests;
    if (cluster->requests < STUDENT_REQUESTS || alike->answers < STUDENT_ANSWERS || alike->kinds > STUDENT_KINDS ||
        alike->coverage < STUDENT_COVERAGE || per_request <= 0)
        return;
    const bool pays = cluster->effort < alike->coverage * per_request * requests;
    if (pays && alike->coverage >= 0.8 * routed_share(seen, CASE_MIDDLE)) {
        cluster->share = alike->coverage;
        planning->student_requests += requests;
    }
}

static enum error_code learn(struct planning *planning, struct error *error)
{
    enum error_code code = OK;
    const struct row *row;
    while (code == OK && (row = log_rows_next(planning->rows, &code, error)))
        if (!learn_row(planning, row))
            code = error_no_memory(error);
    arrivals_settle(planning->plan->arrivals);
    for (uint32_t i = 0; i < planning->intake->group_count; i++)
        choose_policy(&planning->choice, &planning->plan->groups[i]);
    for (uint32_t i = 0; i < INTAKE_CLUSTERS; i++)
        choose_student(planning, i);
    return code;
}

/* --- then: what it would have cost ------------------------------------------------------------------------ */

/* One request on its way through the levers. */
struct course {
    const struct row *row;
    const struct advise_price *price;
    const struct replay_usage *today, *then;
    enum arrival arrival;
    const struct price_row *small, *instead, *student; /* who answers, or answers again, in the model's place */
    double routed[CASES], taught[CASES]; /* shares that go there */
    double again[CASES]; /* of the routed ones */
};

static double of_verdict(uint8_t verdict, const struct cluster *cluster, unsigned which)
{
    static const double unsure[CASES] = {0.5, 0, 1}, sure[CASES] = {1, 0.8, 1};
    switch ((enum row_verdict)verdict) {
    case VERDICT_STAYS: return 0;
    case VERDICT_SMALL: return sure[which];
    case VERDICT_SMALL_UNSURE: return unsure[which];
    case VERDICT_UNASKED:
    case VERDICT_ROUTED: break;
    }
    return routed_share(cluster, which);
}

/* Of prompts that were not looked at: where most of their kind went. SIZE_MAX: none was looked at. */
static size_t usual_candidate(const struct cluster *cluster, const struct advise_router *router)
{
    size_t best = 0;
    for (size_t i = 1; i < router->count; i++)
        if (cluster->routed[i].asked > cluster->routed[best].asked)
            best = i;
    return cluster->routed[best].asked > 0 ? best : SIZE_MAX;
}

static void follow_router(const struct advise_router *router, const struct cluster *seen, struct course *course)
{
    const struct row *row = course->row;
    const bool is_asked = row->verdict >= VERDICT_ROUTED;
    const size_t chosen = is_asked ? row->verdict - (size_t)VERDICT_ROUTED : usual_candidate(seen, router);
    if (chosen == SIZE_MAX || row->verdict == VERDICT_STAYS || !(row->flags & ROW_FOR_ROUTE) ||
        router->candidates[chosen].price == course->price->row)
        return;
    course->small = router->candidates[chosen].price;
    course->instead = router->candidates[advise_router_strongest(router)].price;
    for (unsigned i = 0; i < CASES; i++) {
        course->routed[i] = 1;
        course->again[i] = is_asked ? row->again[i] / (double)UINT8_MAX
                                    : seen->routed[chosen].again[i] / seen->routed[chosen].asked;
    }
}

static void share_out(const struct planning *planning, struct course *course)
{
    static const double taught[CASES] = {1, 0.8, 1.05};
    const struct plan_choice *choice = &planning->choice;
    const struct plan_cluster *cluster = &planning->plan->clusters[course->row->cluster];
    const struct cluster *seen = &planning->intake->clusters[course->row->cluster];
    const bool is_named = choice->student && (course->row->flags & ROW_FOR_STUDENT);
    const double share = is_named ? 1 : choice->student ? 0 : cluster->share;
    course->small = course->instead = course->price->small;
    course->student = is_named ? choice->student : course->price->small;
    if (share > 0) {
        for (unsigned i = 0; i < CASES && course->student && (course->row->flags & ROW_BODY); i++)
            course->taught[i] = is_named ? 1 : fmin(1, share * taught[i]);
        return;
    }
    if (choice->is_given && !choice->route)
        return;
    if (planning->intake->router)
        follow_router(planning->intake->router, seen, course);
    for (unsigned i = 0; i < CASES && !planning->intake->router && course->small; i++)
        course->routed[i] = of_verdict(course->row->verdict, seen, i);
}

/* What a request costs with the usage: of the model itself, and less so by routing and by a student. */
struct split {
    double cost, routed[CASES], taught[CASES]; /* what is saved in each case */
    double left; /* behind both, in the middle one */
};

static void split_cost(const struct course *course, enum tier tier, const struct replay_usage *usage,
                       struct split *split)
{
    const double large = advise_cost(course->price->row, tier, usage->tokens);
    const double small = course->small ? advise_cost(course->small, tier, usage->tokens) : large;
    const double instead = course->instead ? advise_cost(course->instead, tier, usage->tokens) : large;
    const double student = course->student ? advise_cost(course->student, tier, usage->tokens) : large;
    split->cost = large;
    for (unsigned i = 0; i < CASES; i++) {
        split->routed[i] = course->routed[i] * (large - small - course->again[i] * instead);
        split->taught[i] = course->taught[i] * (large - student);
    }
    split->left = large - split->routed[CASE_MIDDLE] - split->taught[CASE_MIDDLE];
}

static double waits(const struct plan_choice *choice, enum arrival arrival, unsigned which)
{
    static const double weights[CASES][4] = {
        [CASE_MIDDLE] = {[ARRIVAL_BURST] = 0.5, [ARRIVAL_NIGHTLY] = 1},
        [CASE_LOW] = {[ARRIVAL_NIGHTLY] = 0.9},
        [CASE_HIGH] = {[ARRIVAL_QUIET] = 1, [ARRIVAL_BURST] = 1, [ARRIVAL_NIGHTLY] = 1},
    };
    if (choice->is_given && choice->batch == WAIT_NEVER)
        return 0;
    if (choice->is_given && choice->batch == WAIT_QUIET)
        return arrival != ARRIVAL_LIVE;
    if (choice->is_given) /* who names the lever has decided that they wait */
        return arrival == ARRIVAL_BURST || arrival == ARRIVAL_NIGHTLY;
    return weights[which][arrival];
}

/* Sums stop at INT64_MAX, nine million dollars, as the ledger's do. */
static void add_pico(int64_t *sum, int64_t more)
{
    if (__builtin_add_overflow(*sum, more, sum))
        *sum = more < 0 ? -INT64_MAX : INT64_MAX;
}

/* What each lever saves of a request: behind those before it, and as the only one. */
struct gains {
    double saved[CASES][PLAN_LEVERS], alone[PLAN_LEVERS];
};

static void find_gains(const struct planning *planning, const struct course *course, struct gains *gains)
{
    static const double sure[CASES] = {1, 0.85, 1.05}; /* that tokens stand where bytes do */
    const enum tier tier = (enum tier)course->row->tier;
    struct split today, then, batch_today, batch_then;
    split_cost(course, tier, course->today, &today);
    split_cost(course, tier, course->then, &then);
    split_cost(course, TIER_BATCH, course->today, &batch_today);
    split_cost(course, TIER_BATCH, course->then, &batch_then);
    const double cached = fmin(today.left, then.left), tier_gain = fmax(0, cached - batch_then.left);
    const bool waits_here = course->row->flags & ROW_FOR_BATCH;
    for (unsigned i = 0; i < CASES; i++) {
        gains->saved[i][PLAN_ROUTE] = today.routed[i];
        gains->saved[i][PLAN_DISTILL] = today.taught[i];
        gains->saved[i][PLAN_CACHE] = sure[i] * (today.left - cached);
        gains->saved[i][PLAN_BATCH] = waits_here * waits(&planning->choice, course->arrival, i) * tier_gain;
    }
    gains->alone[PLAN_ROUTE] = today.routed[CASE_MIDDLE];
    gains->alone[PLAN_DISTILL] = today.taught[CASE_MIDDLE];
    gains->alone[PLAN_CACHE] = fmax(0, today.cost - then.cost);
    gains->alone[PLAN_BATCH] = waits_here * waits(&planning->choice, course->arrival, CASE_MIDDLE) *
                               fmax(0, today.cost - batch_today.cost);
}

/* Whole picodollars, so that shares add up. */
static void count_row(struct planning *planning, const struct course *course, struct block *block)
{
    struct plan *plan = planning->plan;
    struct plan_group *group = &plan->groups[course->row->group];
    struct plan_cluster *cluster = &plan->clusters[course->row->cluster];
    const enum tier tier = (enum tier)course->row->tier;
    const double cost = advise_cost(course->price->row, tier, course->today->tokens);
    struct gains gains;
    find_gains(planning, course, &gains);
    for (unsigned i = 0; i < PLAN_LEVERS; i++) {
        const int64_t saved = llround(gains.saved[CASE_MIDDLE][i]);
        add_pico(&plan->sums[i].saved, saved);
        add_pico(&plan->sums[i].alone, llround(gains.alone[i]));
        group->saved[i] += (double)saved;
        cluster->saved[i] += (double)saved;
        for (unsigned k = 0; k < CASES; k++)
            block->saved[k][i] += gains.saved[k][i];
    }
    add_pico(&plan->cost, llround(cost));
    block->cost += cost;
    group->shadow += course->small ? SHADOW_SHARE * advise_cost(course->small, tier, course->today->tokens) : 0;
    group->routed += course->routed[CASE_MIDDLE];
    group->again += course->routed[CASE_MIDDLE] * course->again[CASE_MIDDLE];
}

static void plan_row(struct planning *planning, const struct row *row)
{
    struct plan_group *group = &planning->plan->groups[row->group];
    struct replay_usage usages[REPLAY_POLICIES];
    struct course course = {.row = row, .price = &planning->intake->groups[row->group].price};
    if (!course.price->row)
        return;
    const uint64_t time_us = time_of(planning, row);
    replay_row(planning->replay, planning->intake, row, time_us, usages);
    course.today = &usages[0];
    course.then = &usages[group->policy];
    course.arrival = arrivals_of(planning->plan->arrivals, row);
    share_out(planning, &course);
    const uint64_t number = time_us / HOUR_US * UINT64_C(0x9e3779b97f4a7c15) + row->conversation % 16;
    count_row(planning, &course, &planning->blocks[(number ^ (number >> 31)) % BLOCKS]);
    group->read_today += usages[0].tokens[PRICE_CACHE_READ];
    group->read_marks += usages[1].tokens[PRICE_CACHE_READ];
    group->read_then += usages[group->policy].tokens[PRICE_CACHE_READ];
}

static enum error_code count(struct planning *planning, struct error *error)
{
    enum error_code code = log_rows_rewind(planning->rows, error);
    const struct row *row;
    replay_free(planning->replay);
    planning->last_us = 0;
    planning->replay = replay_new();
    if (!planning->replay)
        return error_no_memory(error);
    while (code == OK && (row = log_rows_next(planning->rows, &code, error)))
        plan_row(planning, row);
    planning->plan->dropped = replay_dropped(planning->replay);
    return code;
}

/* --- how sure -------------------------------------------------------------------------------------------- */

static int compare_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of sums of blocks drawn again: the 2.5th percentile of the careful case, the 97.5th of the bold one. */
static void find_interval(struct planning *planning, const size_t *used, size_t used_count, enum plan_lever lever)
{
    double lows[ROUNDS], highs[ROUNDS];
    struct plan_sum *sum = &planning->plan->sums[lever];
    struct rng rng;
    rng_seed(&rng, SEED);
    for (unsigned round = 0; round < ROUNDS; round++) {
        lows[round] = highs[round] = 0;
        for (size_t i = 0; i < used_count; i++) {
            const struct block *block = &planning->blocks[used[rng_below(&rng, used_count)]];
            lows[round] += block->saved[CASE_LOW][lever];
            highs[round] += block->saved[CASE_HIGH][lever];
        }
    }
    qsort(lows, ROUNDS, sizeof(double), compare_doubles);
    qsort(highs, ROUNDS, sizeof(double), compare_doubles);
    sum->low = fmin(lows[ROUNDS / 40], (double)sum->saved);
    sum->high = fmax(highs[ROUNDS - 1 - ROUNDS / 40], (double)sum->saved);
}

static void find_intervals(struct planning *planning)
{
    size_t used[BLOCKS];
    size_t used_count = 0;
    for (size_t i = 0; i < BLOCKS; i++)
        if (planning->blocks[i].cost > 0)
            used[used_count++] = i;
    for (unsigned i = 0; i < PLAN_LEVERS && used_count > 0; i++)
        find_interval(planning, used, used_count, (enum plan_lever)i);
}

static double effort_of_students(const struct plan *plan)
{
    double effort = 0;
    for (uint32_t i = 0; i < INTAKE_CLUSTERS; i++)
        effort += plan->clusters[i].share > 0 ? plan->clusters[i].effort : 0;
    return effort;
}

/* Most dollars for what it takes, and half of that on how sure they are. */
static void choose_start(struct planning *planning)
{
    struct plan *plan = planning->plan;
    const double students = planning->student_requests;
    const double ease[PLAN_LEVERS] = {EASE_ROUTE, EASE_STUDENT * students / (students + STUDENT_WORK), 1, 1};
    plan->start = -1;
    for (int i = 0; i < PLAN_LEVERS; i++) {
        struct plan_sum *sum = &plan->sums[i];
        const double dollars = (double)sum->alone - (i == PLAN_DISTILL ? effort_of_students(plan) : 0);
        const double sure = sum->saved > 0 ? fmax(0, sum->low) / (double)sum->saved : 0;
        sum->score = dollars > WORTH * (double)plan->cost ? dollars * ease[i] * (0.5 + 0.5 * sure) : 0;
        if (sum->score > 0 && (plan->start < 0 || sum->score > plan->sums[plan->start].score))
            plan->start = i;
    }
}

enum error_code plan_make(struct plan *plan, const struct plan_choice *choice, const struct intake *intake,
                          struct log_rows *rows, struct error *error)
{
    struct planning planning = {.plan = plan, .choice = *choice, .intake = intake, .rows = rows,
        .replay = replay_new()};
    *plan = (struct plan){.start = -1, .student = choice->student};
    plan->groups = mem_calloc(LIMIT_ADVISE_GROUPS, sizeof(*plan->groups));
    plan->clusters = mem_calloc(INTAKE_CLUSTERS, sizeof(*plan->clusters));
    plan->arrivals = arrivals_new();
    planning.blocks = mem_calloc(BLOCKS, sizeof(*planning.blocks));
    enum error_code code = OK;
    if (!plan->groups || !plan->clusters || !plan->arrivals || !planning.blocks || !planning.replay)
        code = error_no_memory(error);
    if (code == OK)
        code = log_rows_sort(rows, ROWS_BY_TIME, error);
    if (code == OK)
        code = learn(&planning, error);
    if (code == OK)
        code = count(&planning, error);
    if (code == OK) {
        find_intervals(&planning);
        choose_start(&planning);
    }
    replay_free(planning.replay);
    mem_free(planning.blocks);
    if (code != OK)
        plan_deinit(plan);
    return code;
}

void plan_deinit(struct plan *plan)
{
    mem_free(plan->groups);
    mem_free(plan->clusters);
    arrivals_free(plan->arrivals);
    *plan = (struct plan){0};
}
