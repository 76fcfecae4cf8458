/* tally.c - see tally.h. */
#include "keys/tally.h"

#include "core/json.h"

struct tally {
    struct key_store *store;
    struct ledger_spent *spent;
};

/* A late line, for one of its subjects; told once the sums are written, or it might be told again. */
struct late {
    struct late *next;
    struct subject subject;
    uint64_t time_us, cost;
};

/* Of one reading of the ledger. */
struct reading {
    struct tally *tally;
    struct arena arena;      /* for one part */
    struct arena late_arena; /* for the list of late ones */
    struct late *late;
    /* Of one that writes nothing: */
    const struct subject *subjects;
    const struct window *windows;
    ledger_sum *sums;
    size_t count;
};

enum error_code tally_open(const char *data, struct key_store *store, struct tally **tally, struct error *error)
{
    struct tally *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->store = store;
    const enum error_code code = ledger_spent_open(data, &made->spent, error);
    if (code != OK) {
        tally_close(made);
        return code;
    }
    *tally = made;
    return OK;
}

void tally_close(struct tally *tally)
{
    if (!tally)
        return;
    ledger_spent_close(tally->spent);
    mem_free(tally);
}

/* --- subjects --------------------------------------------------------------------------------------- */

static enum error_code add_tags(struct str tenant, yyjson_val *tags, struct arena *arena, struct subject *subjects,
                                size_t *count, struct error *error)
{
    size_t at, max;
    yyjson_val *key, *value;
    json_obj_foreach(tags, at, max, key, value)
    {
        const struct str name = arena_printf(arena, STR_FMT "=" STR_FMT, STR_ARG(json_str(key)),
                                             STR_ARG(json_str(value)));
        struct str owner;
        if (!name.data || !arena_str(arena, tenant, &owner))
            return error_no_memory(error);
        subjects[(*count)++] = (struct subject){SUBJECT_TAG, owner, name};
        subjects[(*count)++] = (struct subject){SUBJECT_TAG, STR(""), name};
    }
    return OK;
}

enum error_code tally_subjects(struct str tenant, struct str key, struct str tags, struct arena *arena,
                               struct subject **subjects, size_t *count, struct error *error)
{
    yyjson_doc *doc = NULL;
    enum error_code code = tags.len > 0 ? json_parse_stored(tags, &doc, error) : OK;
    if (code != OK)
        return code;
    yyjson_val *root = yyjson_doc_get_root(doc);
    const size_t tag_count = yyjson_is_obj(root) ? yyjson_obj_size(root) : 0;
    struct subject *made = ARENA_ARRAY(arena, struct subject, 2 + 2 * tag_count);
    *count = 0;
    if (made) {
        made[(*count)++] = (struct subject){SUBJECT_TENANT, tenant, STR("")};
        if (key.len > 0)
            made[(*count)++] = (struct subject){SUBJECT_KEY, STR(""), key};
        code = add_tags(tenant, root, arena, made, count, error);
    }
    json_free(doc);
    *subjects = made;
    return made ? code : error_no_memory(error);
}

/* --- taking in -------------------------------------------------------------------------------------- */

static enum error_code note_late(struct reading *reading, const struct subject *subject,
                                 const struct ledger_spent_part *part, struct error *error)
{
    struct arena *arena = &reading->late_arena;
    struct late *late = ARENA_NEW(arena, struct late);
    if (!late || !arena_str(arena, subject->tenant, &late->subject.tenant) ||
        !arena_str(arena, subject->name, &late->subject.name))
        return error_no_memory(error);
    late->subject.kind = subject->kind;
    late->time_us = part->time_us;
    late->cost = part->cost;
    late->next = reading->late;
    reading->late = late;
    return OK;
}

static enum error_code add_part(struct reading *reading, const struct subject *subject,
                                const struct ledger_spent_part *part, struct error *error)
{
    if (part->time_us == 0 && !reading->sums)
        return key_store_add_spent(reading->tally->store, subject, part->day, part->cost, error);
    if (part->time_us)
        return reading->sums ? OK : note_late(reading, subject, part, error);
    for (size_t i = 0; i < reading->count; i++)
        if (subject_eq(&reading->subjects[i], subject) && window_has(&reading->windows[i], part->day))
            reading->sums[i] += part->cost;
    return OK;
}

static enum error_code take_part(void *ctx, const struct ledger_spent_part *part, struct error *error)
{
    struct reading *reading = ctx;
    struct subject *subjects;
    size_t count = 0;
    arena_reset(&reading->arena);
    enum error_code code =
        tally_subjects(part->tenant, part->key, part->tags, &reading->arena, &subjects, &count, error);
    for (size_t i = 0; code == OK && i < count; i++)
        code = add_part(reading, &subjects[i], part, error);
    return code;
}

/* Where reading goes on. A ledger that is not the one of before is read anew, and nothing of before TALLY_DAYS is. */
static enum error_code find_row(struct tally *tally, uint64_t now_us, int64_t *row, bool *is_new, struct error *error)
{
    char mark[LEDGER_MARK_MAX], now[LEDGER_MARK_MAX];
    int64_t oldest = 0;
    const uint64_t days_us = TALLY_DAYS * WINDOW_DAY_US;
    enum error_code code = key_store_through(tally->store, row, mark, sizeof(mark), error);
    if (code == OK && *row >= 0)
        code = ledger_spent_mark(tally->spent, *row, now, error);
    *is_new = code == OK && (*row < 0 || !str_eq(str_of(mark), str_of(now)));
    if (code == OK && *is_new)
        code = ledger_spent_before(tally->spent, now_us > days_us ? now_us - days_us : 0, &oldest, error);
    if (code == OK && *is_new)
        *row = oldest;
    return code;
}

static enum error_code write_step(struct reading *reading, uint64_t now_us, uint64_t late_us, struct error *error)
{
    struct tally *tally = reading->tally;
    char mark[LEDGER_MARK_MAX];
    int64_t row;
    bool is_new;
    enum error_code code = find_row(tally, now_us, &row, &is_new, error);
    if (code == OK && is_new)
        code = key_store_clear_spent(tally->store, error);
    const int64_t before = row;
    if (code == OK)
        code = ledger_spent_next(tally->spent, &row, late_us, take_part, reading, error);
    if (code != OK || (row == before && !is_new))
        return code;
    code = ledger_spent_mark(tally->spent, row, mark, error);
    if (code == OK)
        code = key_store_set_through(tally->store, row, mark, error);
    const uint32_t today = window_day(now_us);
    return code == OK ? key_store_forget_spent(tally->store, today > TALLY_DAYS ? today - TALLY_DAYS : 0, error)
                      : code;
}

enum error_code tally_step(struct tally *tally, uint64_t now_us, uint64_t late_us,
                           void (*each_late)(void *ctx, const struct subject *subject, uint64_t time_us,
                                             uint64_t cost),
                           void *ctx, struct error *error)
{
    struct reading reading = {.tally = tally};
    enum error_code code = key_store_begin(tally->store, error);
    if (code != OK)
        return code;
    arena_init(&reading.arena, 0);
    arena_init(&reading.late_arena, 0);
    code = write_step(&reading, now_us, late_us, error);
    code = key_store_end(tally->store, code, error);
    for (const struct late *late = reading.late; code == OK && late; late = late->next)
        each_late(ctx, &late->subject, late->time_us, late->cost);
    arena_deinit(&reading.arena);
    arena_deinit(&reading.late_arena);
    return code;
}

/* --- reading ---------------------------------------------------------------------------------------- */

enum error_code tally_read(struct tally *tally, const struct subject *subjects, const struct window *windows,
                           ledger_sum *spent, size_t count, uint64_t now_us, struct error *error)
{
    struct reading reading = {
        .tally = tally, .subjects = subjects, .windows = windows, .sums = spent, .count = count};
    int64_t row;
    bool is_new;
    enum error_code code = find_row(tally, now_us, &row, &is_new, error);
    for (size_t i = 0; i < count; i++) {
        spent[i] = 0;
        if (code == OK && !is_new)
            code = key_store_spent(tally->store, &subjects[i], &windows[i], &spent[i], error);
    }
    arena_init(&reading.arena, 0);
    if (code == OK)
        code = ledger_spent_next(tally->spent, &row, 0, take_part, &reading, error);
    arena_deinit(&reading.arena);
    return code;
}
