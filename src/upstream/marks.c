/* marks.c - see marks.h. Prefixes lie in one array; buckets and the order of use are chains of their numbers. In that
 * order those behind `young` are out for longer than usual and those behind `recent` older than an hour, so time is
 * noticed by walking along it. */
#include "upstream/marks.h"

#include <assert.h>
#include <pthread.h>

#include "core/mem.h"

#define NONE UINT32_MAX
#define SECOND_US UINT64_C(1000000)
#define MINUTES_US (MARKS_MINUTES_S * SECOND_US)
#define HOUR_US (MARKS_HOUR_S * SECOND_US)

#define GROUPS 4096           /* a power of two; of two with one place the later one begins anew */
#define BYTES_PER_TOKEN 4.0   /* where nobody has counted any */
#define OUT_WEIGHT 0.25       /* of what may still come back, as lost */
#define USUAL_GAPS 4.0        /* so many times the mean gap is longer than usual... */
#define USUAL_MIN_US (2 * SECOND_US) /* ...but never less than this, nor more than five minutes */
#define GAP_WEIGHT 0.05       /* of the newest gap in that mean */
#define OWN_WEIGHT 2.0        /* of what is believed of its kind, beside a prefix's own record */
#define COUNTS_MAX 400.0      /* of one kind; then both halve, so that older ones fade */
#define EXPECTED_MAX 20.0
#define EARLIER_MAX 64        /* ends of messages that are looked up, from the last one on */

enum kind { KIND_FIXED, KIND_FIRST, KIND_LATER, KINDS };

/* What is believed before there is evidence: so many came back in time, so many did not. Prompts of a first turn are
 * mostly alone in the world; what has come back once goes on coming. */
static const struct {
    double back, lost;
} beliefs[KINDS] = {[KIND_FIXED] = {1, 1}, [KIND_FIRST] = {1, 5}, [KIND_LATER] = {4, 1}};

struct record {
    double soon, later, lost; /* came back within five minutes, within the hour, in neither */
    double late, out;         /* is out for longer than usual, and for less */
};

struct group {
    uint64_t hash;
    struct record kinds[KINDS];
    double bytes, tokens;
};

struct prefix {
    uint64_t hash, group;
    uint64_t last_us, lives_until_us; /* when it was last sent; until then a provider has it */
    enum kind kind;
    bool is_out, is_late;  /* nobody has come back to it since */
    uint32_t ttl_s;
    float soon, later;     /* gaps of its own */
    uint32_t same;         /* next of the bucket */
    uint32_t newer, older; /* by last use */
};

struct marks {
    pthread_mutex_t mutex;
    struct prefix *prefixes;
    uint32_t *buckets;
    size_t bucket_count; /* a power of two */
    uint32_t count, max;
    uint32_t newest, oldest;
    uint32_t young, recent; /* the oldest that is not known to be out for longer than usual, and than an hour */
    double gap_us;          /* in the mean, of prefixes that came back within five minutes lately; 0: none did */
    uint64_t placed, withheld;
    struct group groups[GROUPS];
};

struct marks *marks_new(size_t prefixes_max)
{
    struct marks *marks = mem_calloc(1, sizeof(*marks));
    assert(prefixes_max > 0 && prefixes_max < NONE);
    if (!marks)
        return NULL;
    pthread_mutex_init(&marks->mutex, NULL);
    marks->max = (uint32_t)prefixes_max;
    marks->newest = marks->oldest = marks->young = marks->recent = NONE;
    for (marks->bucket_count = 1; marks->bucket_count < prefixes_max;)
        marks->bucket_count *= 2;
    marks->prefixes = mem_calloc(prefixes_max, sizeof(*marks->prefixes));
    marks->buckets = mem_alloc(marks->bucket_count * sizeof(*marks->buckets));
    if (!marks->prefixes || !marks->buckets) {
        marks_free(marks);
        return NULL;
    }
    for (size_t i = 0; i < marks->bucket_count; i++)
        marks->buckets[i] = NONE;
    return marks;
}

void marks_free(struct marks *marks)
{
    if (!marks)
        return;
    pthread_mutex_destroy(&marks->mutex);
    mem_free(marks->prefixes);
    mem_free(marks->buckets);
    mem_free(marks);
}

/* --- groups and records ----------------------------------------------------------------------------- */

static struct group *group_of(struct marks *marks, uint64_t hash)
{
    struct group *group = &marks->groups[hash & (GROUPS - 1)];
    if (group->hash != hash)
        *group = (struct group){.hash = hash};
    return group;
}

/* The record that an outcome of a prefix goes into; NULL: its group has lost its place. */
static struct record *record_of(struct marks *marks, const struct prefix *prefix)
{
    struct group *group = &marks->groups[prefix->group & (GROUPS - 1)];
    return group->hash == prefix->group ? &group->kinds[prefix->kind] : NULL;
}

static void fade(struct record *record)
{
    if (record->soon + record->later + record->lost < COUNTS_MAX)
        return;
    record->soon /= 2;
    record->later /= 2;
    record->lost /= 2;
}

static void drop(double *count)
{
    if (*count >= 1)
        *count -= 1;
}

/* It is out no more, in whatever way. */
static void close_out(struct record *record, const struct prefix *prefix, double *outcome)
{
    drop(prefix->is_late ? &record->late : &record->out);
    *outcome += 1;
    fade(record);
}

static bool has_come_back(const struct prefix *prefix)
{
    return prefix->soon + prefix->later > 0;
}

static void become_late(struct marks *marks, struct prefix *prefix)
{
    struct record *record = record_of(marks, prefix);
    if (!prefix->is_out || prefix->is_late)
        return;
    prefix->is_late = true;
    if (!record || has_come_back(prefix))
        return;
    drop(&record->out);
    record->late += 1;
}

static void become_lost(struct marks *marks, struct prefix *prefix)
{
    struct record *record = record_of(marks, prefix);
    if (prefix->is_out && record && !has_come_back(prefix))
        close_out(record, prefix, &record->lost);
    prefix->is_out = false;
}

static void come_back(struct marks *marks, struct prefix *prefix, uint64_t now_us)
{
    struct record *record = record_of(marks, prefix);
    const uint64_t gap_us = now_us - prefix->last_us;
    const bool is_soon = gap_us <= MINUTES_US;
    if (!prefix->is_out)
        return;
    if (is_soon)
        marks->gap_us += marks->gap_us > 0 ? GAP_WEIGHT * ((double)gap_us - marks->gap_us) : (double)gap_us + 1;
    if (record && !has_come_back(prefix))
        close_out(record, prefix, is_soon ? &record->soon : &record->later);
    *(is_soon ? &prefix->soon : &prefix->later) += 1;
    prefix->is_out = prefix->is_late = false;
}

/* --- the chains ------------------------------------------------------------------------------------- */

static uint32_t *bucket_of(const struct marks *marks, uint64_t hash)
{
    return &marks->buckets[hash & (marks->bucket_count - 1)];
}

static struct prefix *find(struct marks *marks, uint64_t hash)
{
    uint32_t at = *bucket_of(marks, hash);
    while (at != NONE && marks->prefixes[at].hash != hash)
        at = marks->prefixes[at].same;
    return at == NONE ? NULL : &marks->prefixes[at];
}

static void leave_order(struct marks *marks, uint32_t at)
{
    const struct prefix *prefix = &marks->prefixes[at];
    if (marks->young == at)
        marks->young = prefix->newer;
    if (marks->recent == at)
        marks->recent = prefix->newer;
    *(prefix->newer == NONE ? &marks->newest : &marks->prefixes[prefix->newer].older) = prefix->older;
    *(prefix->older == NONE ? &marks->oldest : &marks->prefixes[prefix->older].newer) = prefix->newer;
}

static void become_newest(struct marks *marks, uint32_t at)
{
    struct prefix *prefix = &marks->prefixes[at];
    prefix->newer = NONE;
    prefix->older = marks->newest;
    *(marks->newest == NONE ? &marks->oldest : &marks->prefixes[marks->newest].newer) = at;
    marks->newest = at;
    if (marks->young == NONE)
        marks->young = at;
    if (marks->recent == NONE)
        marks->recent = at;
}

static uint32_t take_oldest(struct marks *marks)
{
    const uint32_t at = marks->oldest;
    uint32_t *link = bucket_of(marks, marks->prefixes[at].hash);
    become_lost(marks, &marks->prefixes[at]);
    leave_order(marks, at);
    while (*link != at)
        link = &marks->prefixes[*link].same;
    *link = marks->prefixes[at].same;
    return at;
}

static struct prefix *add(struct marks *marks, uint64_t hash)
{
    const uint32_t at = marks->count < marks->max ? marks->count++ : take_oldest(marks);
    uint32_t *bucket = bucket_of(marks, hash);
    marks->prefixes[at] = (struct prefix){.hash = hash, .same = *bucket};
    *bucket = at;
    become_newest(marks, at);
    return &marks->prefixes[at];
}

static void notice(struct marks *marks, uint32_t *from, uint64_t now_us, uint64_t age_us,
                   void (*become)(struct marks *marks, struct prefix *prefix))
{
    for (; *from != NONE && now_us - marks->prefixes[*from].last_us > age_us; *from = marks->prefixes[*from].newer)
        become(marks, &marks->prefixes[*from]);
}

/* Time has passed: what five minutes, or an hour, did not bring back. */
static void notice_time(struct marks *marks, uint64_t now_us)
{
    const double usual_us = USUAL_GAPS * marks->gap_us;
    const uint64_t late_us = usual_us <= 0 || usual_us > (double)MINUTES_US ? MINUTES_US : (uint64_t)usual_us;
    notice(marks, &marks->young, now_us, late_us < USUAL_MIN_US ? USUAL_MIN_US : late_us, become_late);
    notice(marks, &marks->recent, now_us, HOUR_US, become_lost);
}

/* --- expectations ----------------------------------------------------------------------------------- */

static double times_of(double back, double all)
{
    const double chance = all > 0 ? back / all : 0, rest = 1 - chance;
    return rest * EXPECTED_MAX > chance ? chance / rest : EXPECTED_MAX;
}

/* How often a prefix of the kind comes back within five minutes, or within an hour each time. */
static double expect(const struct group *group, enum kind kind, const struct prefix *own, bool is_hour)
{
    const struct record *record = &group->kinds[kind];
    const double out = OUT_WEIGHT * record->out + record->late;
    const double back = record->soon + (is_hour ? record->later : 0) + beliefs[kind].back;
    const double all = record->soon + record->later + record->lost + out + beliefs[kind].back + beliefs[kind].lost;
    if (!own || !has_come_back(own))
        return times_of(back, all);
    const double own_back = (double)own->soon + (is_hour ? (double)own->later : 0);
    return times_of(own_back + OWN_WEIGHT * back / all, (double)own->soon + (double)own->later + OWN_WEIGHT);
}

static double tokens_of(const struct group *group, uint64_t bytes)
{
    return group->tokens > 0 ? (double)bytes * group->tokens / group->bytes : (double)bytes / BYTES_PER_TOKEN;
}

/* --- the bet ---------------------------------------------------------------------------------------- */

/* Of one mark, whose prefix has `total` tokens: `base` of them another mark has anyway, `there` a provider has. */
struct bet {
    double total, base, there;
    const struct prefix *known;
    enum kind kind;
};

static double worth(const struct marks_prompt *prompt, const struct bet *bet, double write, double times)
{
    const double input = (double)prompt->rates.input, gain = input - (double)prompt->rates.read;
    return (bet->there - bet->base) * gain - (bet->total - bet->there) * (write - input) +
           times * (bet->total - bet->base) * gain;
}

static bool is_there(const struct prefix *prefix, uint64_t now_us)
{
    return prefix && prefix->ttl_s > 0 && now_us < prefix->lives_until_us;
}

static void place(const struct marks_prompt *prompt, const struct group *group, const struct bet *bet, uint64_t now_us,
                  struct marks_place *chosen)
{
    const double soon = expect(group, bet->kind, bet->known, false), hour = expect(group, bet->kind, bet->known, true);
    const double by_soon = worth(prompt, bet, (double)prompt->rates.write, soon);
    const double by_hour = worth(prompt, bet, (double)prompt->rates.write_1h, hour);
    *chosen = (struct marks_place){.expected = soon, .tokens = (uint32_t)bet->total};
    if (bet->total < prompt->min_tokens || prompt->rates.read >= prompt->rates.input)
        return;
    if (is_there(bet->known, now_us) && bet->known->ttl_s == MARKS_HOUR_S) /* no shorter one goes before it */
        chosen->ttl_s = MARKS_HOUR_S;
    else if (prompt->has_hour && by_hour > 0 && by_hour > by_soon)
        *chosen = (struct marks_place){MARKS_HOUR_S, hour, chosen->tokens};
    else if (by_soon > 0)
        chosen->ttl_s = MARKS_MINUTES_S;
}

/* The longest beginning of the prompt that was a prompt itself. */
static struct prefix *find_earlier(struct marks *marks, const struct marks_prompt *prompt, uint64_t *bytes, size_t *end)
{
    struct prefix *found = find(marks, prompt->whole.hash);
    *bytes = prompt->whole.bytes;
    *end = 0;
    for (size_t i = 0; i < prompt->earlier_count && i < EARLIER_MAX && !found; i++) {
        *end = prompt->earlier_count - i;
        found = find(marks, prompt->earlier[*end - 1].hash);
        *bytes = prompt->earlier[*end - 1].bytes;
    }
    return found;
}

/* A provider has had it, with a mark or without. */
static void remember(struct marks *marks, const struct marks_prompt *prompt, const struct marks_prefix *end,
                     enum kind kind, uint32_t ttl_s, uint64_t now_us)
{
    struct prefix *prefix = find(marks, end->hash);
    if (!prefix) {
        prefix = add(marks, end->hash);
    } else {
        const uint32_t at = (uint32_t)(prefix - marks->prefixes);
        leave_order(marks, at);
        become_newest(marks, at);
    }
    const bool was_out = prefix->is_out;
    prefix->group = prompt->group;
    prefix->kind = kind;
    prefix->last_us = now_us;
    prefix->is_out = true;
    prefix->is_late = false;
    if (ttl_s > 0) {
        prefix->ttl_s = ttl_s;
        prefix->lives_until_us = now_us + ttl_s * SECOND_US;
    }
    if (!was_out && !has_come_back(prefix))
        group_of(marks, prompt->group)->kinds[kind].out += 1;
}

static void tell_miss(const struct marks_prompt *prompt, const struct prefix *known, uint64_t now_us,
                      struct marks_choice *choice)
{
    const struct marks_place *longest = choice->whole.ttl_s ? &choice->whole : &choice->fixed;
    if (choice->whole.tokens < prompt->min_tokens) {
        choice->miss = MARKS_MISS_SHORT;
        choice->miss_value = choice->whole.tokens;
    } else if (!longest->ttl_s) {
        choice->miss = MARKS_MISS_UNMARKED;
    } else if (known && known->ttl_s > 0 && now_us >= known->lives_until_us) {
        choice->miss = MARKS_MISS_EXPIRED;
        choice->miss_value = (uint32_t)((now_us - known->last_us) / SECOND_US);
    } else {
        choice->miss = is_there(known, now_us) ? MARKS_MISS_NONE : MARKS_MISS_FIRST;
    }
}

static void count(struct marks *marks, const struct marks_prompt *prompt, const struct marks_place *place)
{
    marks->placed += place->ttl_s > 0;
    marks->withheld += place->ttl_s == 0 && place->tokens >= prompt->min_tokens;
}

static void choose(struct marks *marks, const struct marks_prompt *prompt, uint64_t now_us, struct marks_choice *choice)
{
    const struct group *group = group_of(marks, prompt->group);
    struct prefix *fixed = prompt->fixed.hash ? find(marks, prompt->fixed.hash) : NULL;
    uint64_t bytes = 0;
    size_t end = 0;
    struct prefix *earlier = find_earlier(marks, prompt, &bytes, &end);
    if (fixed)
        come_back(marks, fixed, now_us);
    if (earlier)
        come_back(marks, earlier, now_us);
    const double fixed_tokens = tokens_of(group, prompt->fixed.bytes);
    const double fixed_there = is_there(fixed, now_us) ? fixed_tokens : 0;
    const double earlier_there = is_there(earlier, now_us) ? tokens_of(group, bytes) : 0;
    choice->read_end = earlier_there > 0 ? end : 0;
    const struct bet first = {.total = fixed_tokens, .there = fixed_there, .known = fixed, .kind = KIND_FIXED};
    if (prompt->fixed.hash)
        place(prompt, group, &first, now_us, &choice->fixed);
    const double base = choice->fixed.ttl_s ? fixed_tokens : 0;
    const struct bet second = {.total = tokens_of(group, prompt->whole.bytes), .base = base,
                               .there = earlier_there > base ? earlier_there : base, .known = earlier,
                               .kind = prompt->is_later ? KIND_LATER : KIND_FIRST};
    place(prompt, group, &second, now_us, &choice->whole);
    if (choice->whole.ttl_s > choice->fixed.ttl_s && choice->fixed.tokens >= prompt->min_tokens)
        choice->fixed.ttl_s = choice->whole.ttl_s; /* written with the rest; and longer ones stand first */
    tell_miss(prompt, earlier_there > 0 || !fixed ? earlier : fixed, now_us, choice);
}

void marks_choose(struct marks *marks, const struct marks_prompt *prompt, uint64_t now_us, struct marks_choice *choice)
{
    *choice = (struct marks_choice){.miss = MARKS_MISS_NONE};
    pthread_mutex_lock(&marks->mutex);
    notice_time(marks, now_us);
    choose(marks, prompt, now_us, choice);
    count(marks, prompt, &choice->fixed);
    count(marks, prompt, &choice->whole);
    pthread_mutex_unlock(&marks->mutex);
}

void marks_sent(struct marks *marks, const struct marks_prompt *prompt, const struct marks_choice *choice,
                uint64_t now_us)
{
    pthread_mutex_lock(&marks->mutex);
    if (prompt->fixed.hash)
        remember(marks, prompt, &prompt->fixed, KIND_FIXED, choice->fixed.ttl_s, now_us);
    remember(marks, prompt, &prompt->whole, prompt->is_later ? KIND_LATER : KIND_FIRST, choice->whole.ttl_s, now_us);
    pthread_mutex_unlock(&marks->mutex);
}

void marks_counted(struct marks *marks, uint64_t group_hash, uint64_t bytes, uint64_t tokens)
{
    if (bytes == 0 || tokens == 0)
        return;
    pthread_mutex_lock(&marks->mutex);
    struct group *group = group_of(marks, group_hash);
    if (group->tokens > 1e6) {
        group->tokens /= 2;
        group->bytes /= 2;
    }
    group->tokens += (double)tokens;
    group->bytes += (double)bytes;
    pthread_mutex_unlock(&marks->mutex);
}

void marks_totals(struct marks *marks, uint64_t *placed, uint64_t *withheld)
{
    pthread_mutex_lock(&marks->mutex);
    *placed = marks->placed;
    *withheld = marks->withheld;
    pthread_mutex_unlock(&marks->mutex);
}
