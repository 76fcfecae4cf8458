/* reuse.c - see reuse.h. */
#include "cache/reuse.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "core/mem.h"

/* What is believed before anything was seen, worth PRIOR_WEIGHT requests: one
 * block in seven is used in each half octave, so that age decides as in LRU. */
#define PRIOR_CHANCE 0.15
#define PRIOR_WEIGHT 1.0
#define OWN_WEIGHT 2.0 /* requests of its own at which a class is believed as much as the product of factors */
#define SWEEPS 2 /* a fit begins where the last one ended */

struct reuse_model {
    /* [class][age], in requests */
    double entered[REUSE_CLASSES][REUSE_AGES];
    double used[REUSE_CLASSES][REUSE_AGES];
    double present[REUSE_CLASSES][REUSE_AGES];
    float rate[REUSE_CLASSES][REUSE_AGES];
    /* the fit */
    double exposed[REUSE_CLASSES][REUSE_AGES];
    double used_all[REUSE_CLASSES];
    bool is_seen[REUSE_CLASSES];
    double width[REUSE_AGES]; /* in blocks */
    double shape[REUSE_AGES];
    double of_uses[REUSE_USES], of_distance[REUSE_DISTANCES], of_mark[REUSE_MARKS];
    double births; /* since the last halving */
};

struct traits {
    uint32_t mark, uses, distance;
    bool has_distance;
};

static struct traits traits_of(uint32_t class)
{
    const uint32_t per_mark = REUSE_CLASSES / (uint32_t)REUSE_MARKS;
    const uint32_t rest = class % per_mark;
    struct traits traits = {.mark = class / per_mark};
    if (rest > 0) {
        traits.has_distance = true;
        traits.uses = 1 + (rest - 1) / REUSE_DISTANCES;
        traits.distance = (rest - 1) % REUSE_DISTANCES;
    }
    return traits;
}

uint32_t reuse_class(enum reuse_mark mark, uint32_t uses_again, float mean_distance)
{
    const uint32_t first = (uint32_t)mark * (REUSE_CLASSES / (uint32_t)REUSE_MARKS);
    if (uses_again == 0)
        return first;
    const uint32_t uses = uses_again <= 2 ? 1 : uses_again <= 8 ? 2 : 3;
    const int octave = mean_distance < 1 ? 0 : ilogbf(mean_distance) - 3;
    const uint32_t distance = octave < 0 ? 0 : octave >= (int)REUSE_DISTANCES ? REUSE_DISTANCES - 1 : (uint32_t)octave;
    return first + 1 + (uses - 1) * REUSE_DISTANCES + distance;
}

double reuse_age_begin(uint32_t age)
{
    return age == 0 ? 0 : age >= REUSE_AGES ? INFINITY : exp2((double)(age - 1) / 2);
}

struct reuse_model *reuse_model_new(void)
{
    struct reuse_model *model = mem_calloc(1, sizeof(*model));
    if (model == NULL)
        return NULL;
    for (uint32_t i = 0; i < REUSE_USES; i++)
        model->of_uses[i] = 1;
    for (uint32_t i = 0; i < REUSE_DISTANCES; i++)
        model->of_distance[i] = 1;
    for (uint32_t i = 0; i < (uint32_t)REUSE_MARKS; i++)
        model->of_mark[i] = 1;
    for (uint32_t age = 0; age < REUSE_AGES; age++) {
        const double begin = reuse_age_begin(age);
        model->width[age] = age + 1 < REUSE_AGES ? reuse_age_begin(age + 1) - begin : begin;
    }
    reuse_model_fit(model);
    return model;
}

void reuse_model_free(struct reuse_model *model)
{
    mem_free(model);
}

void reuse_model_leave(struct reuse_model *model, uint32_t class, uint32_t age, double weight)
{
    model->present[class][age] -= weight;
}

void reuse_model_used(struct reuse_model *model, uint32_t class, uint32_t age, double weight)
{
    model->used[class][age] += weight;
}

float reuse_model_rate(const struct reuse_model *model, uint32_t class, uint32_t age)
{
    return model->rate[class][age];
}

/* --- the fit ---------------------------------------------------------------------------------------- */

static void halve(struct reuse_model *model)
{
    for (uint32_t class = 0; class < REUSE_CLASSES; class++) {
        for (uint32_t age = 0; age < REUSE_AGES; age++) {
            model->entered[class][age] *= 0.5;
            model->used[class][age] *= 0.5;
        }
    }
    model->births = 0;
}

/* Those that are still at an age are on average half through it. */
static void count_exposed(struct reuse_model *model)
{
    for (uint32_t class = 0; class < REUSE_CLASSES; class++) {
        model->used_all[class] = 0;
        for (uint32_t age = 0; age < REUSE_AGES; age++) {
            const double exposed = model->entered[class][age] - 0.5 * model->present[class][age];
            model->exposed[class][age] = exposed > 0 ? exposed : 0;
            model->used_all[class] += model->used[class][age];
        }
    }
}

static double factor_of(const struct reuse_model *model, uint32_t class)
{
    const struct traits traits = traits_of(class);
    return model->of_mark[traits.mark] * model->of_uses[traits.uses] *
           (traits.has_distance ? model->of_distance[traits.distance] : 1);
}

/* Neighbouring ages lend each other half their counts: a use more or less at one age is chance. */
static void fit_shape(struct reuse_model *model)
{
    double used[REUSE_AGES] = {0}, expected[REUSE_AGES] = {0};
    for (uint32_t class = 0; class < REUSE_CLASSES; class++) {
        const double factor = model->is_seen[class] ? factor_of(model, class) : 0;
        for (uint32_t age = 0; model->is_seen[class] && age < REUSE_AGES; age++) {
            used[age] += model->used[class][age];
            expected[age] += model->exposed[class][age] * factor;
        }
    }
    for (uint32_t age = 0; age < REUSE_AGES; age++) {
        double all_used = used[age] + PRIOR_WEIGHT * PRIOR_CHANCE, all_expected = expected[age] + PRIOR_WEIGHT;
        if (age > 0) {
            all_used += 0.5 * used[age - 1];
            all_expected += 0.5 * expected[age - 1];
        }
        if (age + 1 < REUSE_AGES) {
            all_used += 0.5 * used[age + 1];
            all_expected += 0.5 * expected[age + 1];
        }
        model->shape[age] = all_used / all_expected;
    }
}

enum trait { TRAIT_USES, TRAIT_MARK, TRAIT_DISTANCE };

/* Index of the trait's value; -1: the class has none. */
static int trait_value(enum trait trait, uint32_t class)
{
    const struct traits traits = traits_of(class);
    switch (trait) {
    case TRAIT_USES:
        return (int)traits.uses;
    case TRAIT_MARK:
        return (int)traits.mark;
    default:
        return traits.has_distance ? (int)traits.distance : -1;
    }
}

static void fit_trait(struct reuse_model *model, enum trait trait, double *factors, uint32_t count)
{
    double used[REUSE_DISTANCES] = {0}, expected[REUSE_DISTANCES] = {0};
    _Static_assert(REUSE_DISTANCES >= REUSE_USES && REUSE_DISTANCES >= REUSE_MARKS, "room for every trait");
    for (uint32_t class = 0; class < REUSE_CLASSES; class++) {
        const int value = trait_value(trait, class);
        if (!model->is_seen[class] || value < 0)
            continue;
        double sum = 0;
        for (uint32_t age = 0; age < REUSE_AGES; age++)
            sum += model->exposed[class][age] * model->shape[age];
        used[value] += model->used_all[class];
        expected[value] += sum * factor_of(model, class) / factors[value];
    }
    for (uint32_t i = 0; i < count; i++)
        factors[i] = (used[i] + PRIOR_WEIGHT) / (expected[i] + PRIOR_WEIGHT);
}

/* chance[age] that a block of the class which reaches the age is used at it. */
static void class_chances(const struct reuse_model *model, uint32_t class, double *chance)
{
    const double factor = factor_of(model, class);
    for (uint32_t age = 0; age < REUSE_AGES; age++) {
        const double fitted = fmax(factor * model->shape[age], 1e-9);
        const double own = (model->used[class][age] + OWN_WEIGHT) /
                           (model->exposed[class][age] * fitted + OWN_WEIGHT);
        chance[age] = 1 - exp(-fitted * own);
    }
}

/* From the middle of each age on: the best ratio of uses to time over all times to give up. */
static void class_rates(struct reuse_model *model, uint32_t class)
{
    double chance[REUSE_AGES];
    class_chances(model, class, chance);
    for (uint32_t from = 0; from < REUSE_AGES; from++) {
        const double first = 1 - sqrt(1 - chance[from]);
        double left = 1 - first, uses = first, time = 0.5 * model->width[from] * (1 - first / 2);
        double best_uses = uses, best_time = time;
        for (uint32_t age = from + 1; age < REUSE_AGES; age++) {
            uses += left * chance[age];
            time += left * model->width[age] * (1 - chance[age] / 2);
            left *= 1 - chance[age];
            if (uses * best_time > best_uses * time) {
                best_uses = uses;
                best_time = time;
            }
        }
        model->rate[class][from] = (float)(best_uses / best_time);
    }
}

void reuse_model_fit(struct reuse_model *model)
{
    if (model->births > REUSE_MEMORY)
        halve(model);
    count_exposed(model);
    for (int i = 0; i < SWEEPS; i++) {
        fit_shape(model);
        fit_trait(model, TRAIT_USES, model->of_uses, REUSE_USES);
        fit_trait(model, TRAIT_MARK, model->of_mark, REUSE_MARKS);
        fit_trait(model, TRAIT_DISTANCE, model->of_distance, REUSE_DISTANCES);
    }
    for (uint32_t class = 0; class < REUSE_CLASSES; class++) {
        if (model->is_seen[class])
            class_rates(model, class);
    }
}

void reuse_model_enter(struct reuse_model *model, uint32_t class, uint32_t age, double weight)
{
    model->entered[class][age] += weight;
    model->present[class][age] += weight;
    if (age == 0)
        model->births += weight;
    if (!model->is_seen[class]) {
        model->is_seen[class] = true;
        class_rates(model, class);
    }
}
