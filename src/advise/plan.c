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

enum { CASE_MIDDLE, CASE_LOW, CASE_HIGH, CASES };

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
    double routed[CASES], taught[CASES];
};

static double of_verdict(uint8_t verdict, const struct cluster *cluster, unsigned which)
{
    static const double unsure[CASES] = {0.5, 0, 1}, sure[CASES] = {1, 0.8, 1};
    switch ((enum row_verdict)verdict) {
    case VERDICT_STAYS: return 0;
    case VERDICT_SMALL: return sure[which];
    case VERDICT_SMALL_UNSURE: return unsure[which];
    case VERDICT_UNASKED: break;
    }
    return routed_share(cluster, which);
}

static void share_out(const struct planning *planning, struct course *course)
{
    static const double taught[CASES] = {1, 0.8, 1.05};
    const struct plan_cluster *cluster = &planning->plan->clusters[course->row->cluster];
    const struct cluster *seen = &planning->intake->clusters[course->row->cluster];
    const bool may_route = !planning->choice.is_given || planning->choice.route;
    for (unsigned i = 0; i < CASES; i++) {
        const bool is_taught = course->price->small && (course->row->flags & ROW_BODY);
        course->taught[i] = is_taught ? fmin(1, cluster->share * taught[i]) : 0;
        course->routed[i] = may_route && course->price->small && cluster->share <= 0
                                ? of_verdict(course->row->verdict, seen, i) : 0;
    }
}

/* What is asked of the model itself and of the smaller one, in such shares. */
static double mixed(const struct course *course, double share, enum tier tier, const struct replay_usage *usage)
{
    const double large = advise_cost(course->price->row, tier, usage->tokens);
    if (share <= 0)
        return large;
    return (1 - share) * large + share * advise_cost(course->price->small, tier, usage->tokens);
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
    *sum = more < INT64_MAX - *sum ? *sum + more : INT64_MAX;
}

/* Whole picodollars, so that shares add up. */
static void count_row(struct planning *planning, struct course *course, struct block *block)
{
    struct plan *plan = planning->plan;
    struct plan_group *group = &plan->groups[course->row->group];
    struct plan_cluster *cluster = &plan->clusters[course->row->cluster];
    const enum tier tier = (enum tier)course->row->tier;
    const double small_share = course->routed[CASE_MIDDLE] + course->taught[CASE_MIDDLE];
    const double cost = mixed(course, 0, tier, course->today);
    const double small = course->price->small ? mixed(course, 1, tier, course->today) : cost;
    const double before = mixed(course, small_share, tier, course->today);
    const double cached = fmin(before, mixed(course, small_share, tier, course->then));
    const double tier_gain = fmax(0, cached - mixed(course, small_share, TIER_BATCH, course->then));
    const double alone_gain = fmax(0, cost - mixed(course, 0, TIER_BATCH, course->today));
    static const double sure[CASES] = {1, 0.85, 1.05}; /* that tokens stand where bytes do */
    for (unsigned i = 0; i < CASES; i++) {
        block->saved[i][PLAN_ROUTE] += course->routed[i] * (cost - small);
        block->saved[i][PLAN_DISTILL] += course->taught[i] * (cost - small);
        block->saved[i][PLAN_CACHE] += sure[i] * (before - cached);
        block->saved[i][PLAN_BATCH] += waits(&planning->choice, course->arrival, i) * tier_gain;
    }
    const int64_t saved[PLAN_LEVERS] = {
        llround(course->routed[CASE_MIDDLE] * (cost - small)), llround(course->taught[CASE_MIDDLE] * (cost - small)),
        llround(before - cached), llround(waits(&planning->choice, course->arrival, CASE_MIDDLE) * tier_gain)};
    for (unsigned i = 0; i < PLAN_LEVERS; i++) {
        add_pico(&plan->sums[i].saved, saved[i]);
        group->saved[i] += (double)saved[i];
        cluster->saved[i] += (double)saved[i];
    }
    add_pico(&plan->sums[PLAN_ROUTE].alone, saved[PLAN_ROUTE]);
    add_pico(&plan->sums[PLAN_DISTILL].alone, saved[PLAN_DISTILL]);
    add_pico(&plan->sums[PLAN_CACHE].alone, llround(fmax(0, cost - mixed(course, 0, tier, course->then))));
    add_pico(&plan->sums[PLAN_BATCH].alone,
             llround(waits(&planning->choice, course->arrival, CASE_MIDDLE) * alone_gain));
    add_pico(&plan->cost, llround(cost));
    block->cost += cost;
    group->shadow += course->price->small ? SHADOW_SHARE * small : 0;
    group->routed += course->routed[CASE_MIDDLE];
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
    *plan = (struct plan){.start = -1};
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
