/* replay.c - see replay.h. Knows no prices. */
#include "advise/replay.h"

#include "core/mem.h"

#define MINUTES_US (UINT64_C(300) * 1000000)
#define HOUR_US (UINT64_C(3600) * 1000000)
#define FIRST_SLOTS 4096u
#define BOUNDS_MAX (2 * LIMIT_ADVISE_BLOCKS + 2)

const struct replay_policy replay_policies[REPLAY_POLICIES] = {
    {.is_today = true},
    {.follows_marks = true},
    {.head = HEAD_WHOLE},
    {.head = HEAD_SPLIT},
    {.head = HEAD_WHOLE, .is_hour = true},
    {.head = HEAD_SPLIT, .is_hour = true},
    {.head = HEAD_WHOLE, .has_tail = true},
    {.head = HEAD_SPLIT, .has_tail = true},
    {.head = HEAD_WHOLE, .has_tail = true, .is_hour = true},
    {.head = HEAD_SPLIT, .has_tail = true, .is_hour = true},
    {.head = HEAD_FIXED},
    {.head = HEAD_FIXED, .is_hour = true},
    {.head = HEAD_FIXED, .has_tail = true},
    {.head = HEAD_FIXED, .has_tail = true, .is_hour = true},
};

/* --- prefixes that are kept ----------------------------------------------------------------------------- */

struct prefix {
    uint64_t key; /* 0: empty */
    uint64_t used_us;
};

struct replay {
    struct prefix *prefixes; /* [slots], open addressing */
    uint32_t slots, count;
    uint64_t dropped;
};

struct replay *replay_new(void)
{
    struct replay *replay = mem_calloc(1, sizeof(*replay));
    if (replay && !(replay->prefixes = mem_calloc(FIRST_SLOTS, sizeof(*replay->prefixes)))) {
        mem_free(replay);
        return NULL;
    }
    if (replay)
        replay->slots = FIRST_SLOTS;
    return replay;
}

void replay_free(struct replay *replay)
{
    if (replay)
        mem_free(replay->prefixes);
    mem_free(replay);
}

uint64_t replay_dropped(const struct replay *replay)
{
    return replay->dropped;
}

static struct prefix *find_slot(struct prefix *prefixes, uint32_t slots, uint64_t key)
{
    uint32_t at = (uint32_t)(key >> 20) & (slots - 1);
    while (prefixes[at].key != 0 && prefixes[at].key != key)
        at = (at + 1) & (slots - 1);
    return &prefixes[at];
}

/* Leaves out what is older than an hour, then doubles where that was not enough. */
static bool make_room(struct replay *replay, uint64_t now_us)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < replay->slots; i++)
        live += replay->prefixes[i].key != 0 && replay->prefixes[i].used_us + HOUR_US >= now_us;
    uint32_t slots = replay->slots;
    while (live * 4 > slots)
        slots *= 2;
    if (slots > 2 * LIMIT_ADVISE_PREFIXES)
        return false;
    struct prefix *prefixes = mem_calloc(slots, sizeof(*prefixes));
    if (!prefixes)
        return false;
    for (uint32_t i = 0; i < replay->slots; i++) {
        const struct prefix *old = &replay->prefixes[i];
        if (old->key != 0 && old->used_us + HOUR_US >= now_us)
            *find_slot(prefixes, slots, old->key) = *old;
    }
    mem_free(replay->prefixes);
    replay->prefixes = prefixes;
    replay->slots = slots;
    replay->count = live;
    return true;
}

static void touch(struct replay *replay, uint64_t key, uint64_t now_us)
{
    struct prefix *prefix = find_slot(replay->prefixes, replay->slots, key);
    if (prefix->key == key) {
        prefix->used_us = now_us;
        return;
    }
    if (replay->count * 2 >= replay->slots) {
        if (!make_room(replay, now_us)) {
            replay->dropped++;
            return;
        }
        prefix = find_slot(replay->prefixes, replay->slots, key);
    }
    *prefix = (struct prefix){key, now_us};
    replay->count++;
}

/* How long ago it was used; UINT64_MAX: never. */
static uint64_t age_of(const struct replay *replay, uint64_t key, uint64_t now_us)
{
    const struct prefix *prefix = find_slot(replay->prefixes, replay->slots, key);
    return prefix->key == key ? now_us - prefix->used_us : UINT64_MAX;
}

/* --- the ends of prefixes in one prompt ------------------------------------------------------------------ */

enum bound_kind { BOUND_SPLIT, BOUND_HEAD, BOUND_TAIL };

struct bound {
    uint64_t key, age_us;
    double tokens;
    enum bound_kind kind;
    bool is_fixed, is_last;
    uint8_t mark;
};

struct bounds {
    struct bound items[BOUNDS_MAX];
    size_t count;
    double per_byte, per_head_byte; /* tokens: of the prompt but its head, and of that */
};

static uint64_t mix(uint64_t hash, uint64_t more)
{
    hash = (hash ^ more) * UINT64_C(0x9e3779b97f4a7c15);
    return (hash ^ (hash >> 29)) | 1;
}

static void add_bound(struct bounds *bounds, uint64_t key, double tokens, struct bound bound)
{
    bound.key = key;
    bound.tokens = tokens;
    bounds->items[bounds->count++] = bound;
}

/* As the prompt stands. */
static void add_plain(struct bounds *bounds, const struct intake *intake, const struct row *row)
{
    const struct template *template =
        row->template == TEMPLATE_NONE ? NULL : templates_at(intake->templates, row->template);
    const uint32_t stable = template ? template_stable(template) : 0;
    uint64_t chain = mix(row->group, 1);
    double tokens = 0;
    bool has_split = false;
    for (unsigned i = 0; i < row->block_count; i++) {
        const bool is_head = !has_split && row->blocks[i].part != ADVISE_TOOL;
        if (is_head && stable > 0 && row->head_same >= stable)
            add_bound(bounds, mix(mix(chain, row->template), stable), tokens + stable * bounds->per_head_byte,
                      (struct bound){.kind = BOUND_SPLIT});
        has_split = has_split || is_head;
        chain = mix(chain, row->blocks[i].hash);
        tokens += row->blocks[i].bytes * (is_head ? bounds->per_head_byte : bounds->per_byte);
        const bool is_at_head = i + 1u == row->head_end;
        if (i + 1u >= row->head_end || row->blocks[i].mark)
            add_bound(bounds, chain, tokens,
                      (struct bound){.kind = is_at_head ? BOUND_HEAD : BOUND_TAIL,
                                     .is_last = i + 1u == row->block_count,
                                     .mark = row->blocks[i].mark});
    }
}

/* With what changes in its head moved to the end, and its tools always in the same order. */
static void add_fixed(struct bounds *bounds, const struct intake *intake, const struct row *row)
{
    const bool is_broken =
        row->template != TEMPLATE_NONE && template_break(templates_at(intake->templates, row->template));
    uint64_t chain = mix(row->group, 2), tools = 0;
    double tokens = 0;
    bool has_head = false;
    if (!is_broken && !cluster_is_reordered(&intake->clusters[row->cluster]))
        return;
    for (unsigned i = 0; i < row->block_count; i++) {
        const bool is_tool = row->blocks[i].part == ADVISE_TOOL, is_head = !has_head && !is_tool;
        tools += is_tool ? mix(1, row->blocks[i].hash) : 0;
        chain = mix(is_head ? mix(chain, tools) : chain,
                    is_tool ? 0 : is_head && is_broken ? row->template : row->blocks[i].hash);
        tokens += (is_head && is_broken ? row->head_matched : row->blocks[i].bytes) *
                  (is_head ? bounds->per_head_byte : bounds->per_byte);
        has_head = has_head || is_head;
        if (i + 1u >= row->head_end)
            add_bound(bounds, chain, tokens,
                      (struct bound){.kind = i + 1u == row->head_end ? BOUND_HEAD : BOUND_TAIL, .is_fixed = true,
                                     .is_last = i + 1u == row->block_count});
    }
}

/* --- policies ------------------------------------------------------------------------------------------- */

static bool is_allowed(const struct replay_policy *policy, const struct bound *bound)
{
    if (policy->follows_marks)
        return !bound->is_fixed && bound->kind != BOUND_SPLIT;
    if (bound->is_fixed != (policy->head == HEAD_FIXED))
        return false;
    switch (bound->kind) {
    case BOUND_SPLIT: return policy->head == HEAD_SPLIT;
    case BOUND_HEAD: return policy->head != HEAD_SPLIT;
    case BOUND_TAIL: break;
    }
    return policy->has_tail;
}

static bool is_marked(const struct replay_policy *policy, const struct bound *bound)
{
    if (policy->follows_marks)
        return bound->mark != ADVISE_UNMARKED;
    return bound->kind != BOUND_TAIL || bound->is_last;
}

/* The key under which today's marks are kept, apart from what other policies leave. */
static uint64_t key_of(const struct replay_policy *policy, const struct bound *bound)
{
    return policy->follows_marks ? mix(bound->key, 7) : bound->key;
}

static uint64_t age_for(const struct replay *replay, const struct replay_policy *policy, const struct bound *bound,
                        uint64_t now_us)
{
    return policy->follows_marks ? age_of(replay, key_of(policy, bound), now_us) : bound->age_us;
}

static void follow(const struct replay *replay, const struct replay_policy *policy, const struct bounds *bounds,
                   double least, uint64_t now_us, const struct replay_usage *today, struct replay_usage *usage)
{
    double marked = 0, read = 0, whole = 0;
    bool is_hour = policy->is_hour;
    for (size_t i = 0; i < bounds->count; i++) {
        const struct bound *bound = &bounds->items[i];
        if (!is_allowed(policy, bound) || bound->tokens < least)
            continue;
        if (is_marked(policy, bound) && bound->tokens > marked) {
            marked = bound->tokens;
            is_hour = policy->follows_marks ? bound->mark == ADVISE_MARK_1H : policy->is_hour;
        }
    }
    for (size_t i = 0; i < bounds->count; i++) {
        const struct bound *bound = &bounds->items[i];
        const uint64_t ttl = is_hour ? HOUR_US : MINUTES_US;
        if (is_allowed(policy, bound) && bound->tokens >= least && bound->tokens <= marked && bound->tokens > read &&
            age_for(replay, policy, bound, now_us) <= ttl)
            read = bound->tokens;
    }
    for (unsigned i = 0; i < PRICE_OUTPUT; i++)
        whole += today->tokens[i];
    marked = marked < whole ? marked : whole;
    read = read < marked ? read : marked;
    *usage = (struct replay_usage){{[PRICE_INPUT] = whole - marked,
                                    [PRICE_CACHE_READ] = read,
                                    [PRICE_OUTPUT] = today->tokens[PRICE_OUTPUT]}};
    usage->tokens[is_hour ? PRICE_CACHE_WRITE_1H : PRICE_CACHE_WRITE_5M] = marked - read;
}

static void touch_all(struct replay *replay, const struct bounds *bounds, uint64_t now_us)
{
    const struct replay_policy *marks = &replay_policies[1];
    for (size_t i = 0; i < bounds->count; i++) {
        const struct bound *bound = &bounds->items[i];
        if (bound->kind != BOUND_TAIL || bound->is_last || bound->age_us <= HOUR_US)
            touch(replay, bound->key, now_us);
        if (bound->mark != ADVISE_UNMARKED)
            touch(replay, key_of(marks, bound), now_us);
    }
}

/* A head that has more tokens than the whole prompt was counted by another tokenizer. */
static void set_rates(struct bounds *bounds, const struct row *row, double whole, double bytes)
{
    const bool is_known = row->head_tokens > 0 && row->head_tokens < whole && row->head_bytes < bytes;
    bounds->per_byte = bounds->per_head_byte = bytes > 0 ? whole / bytes : 0;
    if (!is_known)
        return;
    bounds->per_head_byte = (double)row->head_tokens / row->head_bytes;
    bounds->per_byte = (whole - row->head_tokens) / (bytes - row->head_bytes);
}

void replay_row(struct replay *replay, const struct intake *intake, const struct row *row, uint64_t time_us,
                struct replay_usage usages[REPLAY_POLICIES])
{
    const struct advise_price *price = &intake->groups[row->group].price;
    struct bounds bounds;
    double whole = 0, bytes = 0;
    bounds.count = 0;
    for (unsigned i = 0; i < PRICE_CLASSES; i++) {
        usages[0].tokens[i] = row->tokens[i];
        whole += i == PRICE_OUTPUT ? 0 : row->tokens[i];
    }
    for (unsigned i = 0; i < row->block_count; i++)
        bytes += row->blocks[i].bytes;
    set_rates(&bounds, row, whole, bytes);
    if (row->block_count > 0 && price->has_cache) {
        add_plain(&bounds, intake, row);
        add_fixed(&bounds, intake, row);
    }
    for (size_t i = 0; i < bounds.count; i++)
        bounds.items[i].age_us = age_of(replay, bounds.items[i].key, time_us);
    for (unsigned i = 1; i < REPLAY_POLICIES; i++) {
        const struct replay_policy *policy = &replay_policies[i];
        bool is_possible = bounds.count > 0 && (!policy->is_hour || price->has_hour);
        for (size_t k = 0; is_possible && policy->head == HEAD_FIXED && !policy->follows_marks; k++) {
            is_possible = k < bounds.count;
            if (is_possible && bounds.items[k].is_fixed)
                break;
        }
        if (is_possible)
            follow(replay, policy, &bounds, price->cache_min_tokens, time_us, &usages[0], &usages[i]);
        else
            usages[i] = usages[0];
    }
    touch_all(replay, &bounds, time_us);
}
