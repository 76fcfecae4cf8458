/* policy.c - see policy.h. */
#include "cache/policy.h"

#include <assert.h>
#include <math.h>

#include "core/mem.h"
#include "core/must.h"

#define FIT_EVERY 10u    /* requests between two fits of the reuse model */
#define ACCEPT_TRIES 8u   /* items of one list that accept is asked about */
#define CLASSES REUSE_CLASSES
_Static_assert(REUSE_AGES <= 64, "ages of a class are bits of one word");
_Static_assert(CACHE_TTL_CLASSES <= CLASSES, "ttl has a list for each time to live");

struct cache_policy {
    enum cache_policy_kind kind;
    uint64_t tick; /* blocks asked for so far */
    uint32_t requests_since_fit;
    struct reuse_model *model;                                  /* value only */
    double age_end[REUSE_AGES];                                 /* in ticks */
    struct cache_item *lists[CACHE_PLACES][CLASSES][REUSE_AGES]; /* rings; the oldest use is the head */
    uint64_t filled[CACHE_PLACES][CLASSES];                     /* bit per age: the list is not empty */
    struct cache_item *wanted[CACHE_PLACES];
};

bool cache_policy_parse(struct str name, enum cache_policy_kind *kind)
{
    static const char *const names[] = {"lru", "ttl", "value"};
    for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (str_eq(name, str_of(names[i]))) {
            *kind = (enum cache_policy_kind)i;
            return true;
        }
    }
    return false;
}

struct cache_policy *cache_policy_new(enum cache_policy_kind kind)
{
    struct cache_policy *policy = mem_calloc(1, sizeof(*policy));
    if (policy == NULL)
        return NULL;
    policy->kind = kind;
    for (uint32_t age = 0; age < REUSE_AGES; age++)
        policy->age_end[age] = reuse_age_begin(age + 1);
    policy->model = kind == CACHE_POLICY_VALUE ? reuse_model_new() : NULL;
    if (kind == CACHE_POLICY_VALUE && policy->model == NULL) {
        mem_free(policy);
        return NULL;
    }
    return policy;
}

void cache_policy_free(struct cache_policy *policy)
{
    if (policy == NULL)
        return;
    reuse_model_free(policy->model);
    mem_free(policy);
}

/* --- lists ------------------------------------------------------------------------------------------ */

static struct cache_item **list_of(struct cache_policy *policy, const struct cache_item *item)
{
    return item->is_wanted ? &policy->wanted[item->place] : &policy->lists[item->place][item->class][item->age];
}

static void link_item(struct cache_policy *policy, struct cache_item *item)
{
    struct cache_item **head = list_of(policy, item);
    if (*head == NULL) {
        item->previous = item->next = item;
        *head = item;
    } else {
        item->next = *head;
        item->previous = (*head)->previous;
        item->previous->next = item;
        item->next->previous = item;
    }
    if (!item->is_wanted)
        policy->filled[item->place][item->class] |= UINT64_C(1) << item->age;
}

static void unlink_item(struct cache_policy *policy, struct cache_item *item)
{
    struct cache_item **head = list_of(policy, item);
    must(*head != NULL && item->next != NULL, "a listed item is in the list of its place, class and age",
         LOG_I("place", item->place), LOG_I("class", item->class), LOG_I("age", item->age),
         LOG_B("wanted", item->is_wanted));
    if (*head == item)
        *head = item->next == item ? NULL : item->next;
    item->previous->next = item->next;
    item->next->previous = item->previous;
    item->previous = item->next = NULL;
    if (*head == NULL && !item->is_wanted)
        policy->filled[item->place][item->class] &= ~(UINT64_C(1) << item->age);
}

static void unlink_if_listed(struct cache_policy *policy, struct cache_item *item)
{
    if (item->is_known && item->place != CACHE_NOWHERE)
        unlink_item(policy, item);
}

static void link_if_listed(struct cache_policy *policy, struct cache_item *item)
{
    if (item->is_known && item->place != CACHE_NOWHERE)
        link_item(policy, item);
}

/* --- growing older ---------------------------------------------------------------------------------- */

static bool is_past(const struct cache_policy *policy, const struct cache_item *item)
{
    return (double)(policy->tick - item->used_tick) >= policy->age_end[item->age];
}

/* Not in a list. */
static void catch_up(struct cache_policy *policy, struct cache_item *item)
{
    while (policy->model != NULL && is_past(policy, item)) {
        reuse_model_leave(policy->model, item->class, item->age, item->weight);
        item->age++;
        reuse_model_enter(policy->model, item->class, item->age, item->weight);
    }
}

static void grow_older(struct cache_policy *policy, uint32_t place, uint32_t class)
{
    for (uint64_t ages = policy->filled[place][class]; ages != 0; ages &= ages - 1) {
        struct cache_item **head = &policy->lists[place][class][__builtin_ctzll(ages)];
        while (*head != NULL && is_past(policy, *head)) {
            struct cache_item *item = *head;
            unlink_item(policy, item);
            catch_up(policy, item);
            link_item(policy, item);
        }
    }
}

void cache_policy_request(struct cache_policy *policy, uint32_t blocks)
{
    policy->tick += blocks;
    if (policy->model == NULL)
        return;
    for (uint32_t place = 0; place < CACHE_PLACES; place++) {
        for (uint32_t class = 0; class < CLASSES; class++)
            grow_older(policy, place, class);
    }
    if (++policy->requests_since_fit >= FIT_EVERY) {
        policy->requests_since_fit = 0;
        reuse_model_fit(policy->model);
    }
}

/* --- items ------------------------------------------------------------------------------------------ */

static void observe_use(struct cache_policy *policy, struct cache_item *item)
{
    const float distance = (float)(policy->tick - item->used_tick);
    if (policy->model != NULL) {
        catch_up(policy, item);
        reuse_model_used(policy->model, item->class, item->age, item->weight);
        reuse_model_leave(policy->model, item->class, item->age, item->weight);
    }
    item->uses_again += item->uses_again < UINT32_MAX;
    item->mean_distance += (distance - item->mean_distance) / (float)item->uses_again;
}

void cache_policy_use(struct cache_policy *policy, struct cache_item *item, enum reuse_mark mark, uint32_t blocks)
{
    assert(blocks > 0);
    unlink_if_listed(policy, item);
    if (item->is_known)
        observe_use(policy, item);
    else
        item->place = CACHE_NOWHERE;
    item->is_known = true;
    item->used_tick = policy->tick;
    item->age = 0;
    item->class = 0;
    if (policy->kind == CACHE_POLICY_TTL)
        item->class = item->ttl_class;
    if (policy->model != NULL) {
        item->weight = 1.0 / blocks;
        item->class = (uint16_t)reuse_class(mark, item->uses_again, item->mean_distance);
        reuse_model_enter(policy->model, item->class, 0, item->weight);
    }
    link_if_listed(policy, item);
}

void cache_policy_move(struct cache_policy *policy, struct cache_item *item, enum cache_place place)
{
    assert(item->is_known);
    unlink_if_listed(policy, item);
    item->place = (uint8_t)place;
    catch_up(policy, item);
    link_if_listed(policy, item);
}

void cache_policy_want(struct cache_policy *policy, struct cache_item *item, bool is_wanted)
{
    if (item->is_wanted == is_wanted)
        return;
    unlink_if_listed(policy, item);
    item->is_wanted = is_wanted;
    if (item->is_known)
        catch_up(policy, item);
    link_if_listed(policy, item);
}

void cache_policy_forget(struct cache_policy *policy, struct cache_item *item)
{
    if (!item->is_known)
        return;
    unlink_if_listed(policy, item);
    if (policy->model != NULL)
        reuse_model_leave(policy->model, item->class, item->age, item->weight);
    item->is_known = false;
}

/* --- the victim ------------------------------------------------------------------------------------- */

static struct cache_item *first_accepted(struct cache_item *head, cache_policy_accept accept, void *ctx)
{
    struct cache_item *item = head;
    for (uint32_t i = 0; head != NULL && i < ACCEPT_TRIES; i++) {
        if (accept(ctx, item))
            return item;
        item = item->next;
        if (item == head)
            break;
    }
    return NULL;
}

/* The lower, the sooner it goes. */
static double worth(const struct cache_policy *policy, const struct cache_item *item)
{
    switch (policy->kind) {
    case CACHE_POLICY_LRU:
        return 0;
    case CACHE_POLICY_TTL:
        return item->ttl_class == 0 ? 0 : (double)item->expires_us;
    case CACHE_POLICY_VALUE:
        break;
    }
    return (double)reuse_model_rate(policy->model, item->class, item->age) * item->tokens /
           (double)(item->bytes > 0 ? item->bytes : 1);
}

struct cache_item *cache_policy_victim(struct cache_policy *policy, enum cache_place place, cache_policy_accept accept,
                                       void *ctx)
{
    struct cache_item *best = NULL;
    double least = INFINITY;
    for (uint32_t class = 0; class < CLASSES; class++) {
        for (uint64_t ages = policy->filled[place][class]; ages != 0; ages &= ages - 1) {
            struct cache_item *head = policy->lists[place][class][__builtin_ctzll(ages)];
            struct cache_item *item = first_accepted(head, accept, ctx);
            const double value = item != NULL ? worth(policy, item) : INFINITY;
            if (value < least) {
                least = value;
                best = item;
            }
        }
    }
    return best != NULL ? best : first_accepted(policy->wanted[place], accept, ctx);
}
