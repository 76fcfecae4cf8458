/* profile_store.c - inference profiles as resources: their columns in state.db. What a profile may be called is checked
 * before. See profile_store.h. */
#include "api/control/profile_store.h"

#include "core/limits.h"

static const char *const steps[] = {
    "CREATE TABLE inference_profile (sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
    "tenant TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL, "
    "description TEXT NOT NULL, source TEXT NOT NULL, token TEXT NOT NULL, tags TEXT NOT NULL, "
    "created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL) STRICT",
};

/* All are text. */
#define COLUMNS "account, region, name, description, source"
#define COLUMN_COUNT 5

static void list_strings(struct profile *profile, struct str *strings[COLUMN_COUNT])
{
    strings[0] = &profile->account;
    strings[1] = &profile->region;
    strings[2] = &profile->name;
    strings[3] = &profile->description;
    strings[4] = &profile->source;
}

static bool copy_profile(void *resource, struct arena *arena)
{
    struct str *strings[COLUMN_COUNT];
    bool is_copied = true;
    list_strings(resource, strings);
    for (int i = 0; i < COLUMN_COUNT; i++)
        is_copied = is_copied && arena_str(arena, *strings[i], strings[i]);
    return is_copied;
}

static enum error_code read_profile(void *resource, struct sql_statement *row, int column, struct arena *arena,
                                    struct error *error)
{
    struct str *strings[COLUMN_COUNT];
    (void)arena, (void)error;
    list_strings(resource, strings);
    for (int i = 0; i < COLUMN_COUNT; i++)
        *strings[i] = sql_text(row, column + i);
    return OK;
}

static enum error_code bind_profile(const void *resource, struct sql_statement *query, int parameter,
                                    struct arena *arena, struct error *error)
{
    struct profile profile = *(const struct profile *)resource;
    struct str *strings[COLUMN_COUNT];
    (void)arena, (void)error;
    list_strings(&profile, strings);
    for (int i = 0; i < COLUMN_COUNT; i++)
        sql_bind_text(query, parameter + i, *strings[i]);
    return OK;
}

static bool is_same_request(const void *one, const void *another)
{
    const struct profile *a = one, *b = another;
    return str_eq(a->name, b->name) && str_eq(a->description, b->description) && str_eq(a->source, b->source);
}

static uint64_t most_profiles(bool of_all_tenants)
{
    return of_all_tenants ? limit(inference_profiles_all) : limit(inference_profiles);
}

const struct resource_kind profile_resource = {
    .name = "inference profile",
    .names = "application inference profiles",
    .room = "profiles",
    .steps = steps,
    .step_count = sizeof(steps) / sizeof(steps[0]),
    .table = "inference_profile",
    .columns = COLUMNS,
    .column_count = COLUMN_COUNT,
    .size = sizeof(struct profile),
    .copy = copy_profile,
    .read = read_profile,
    .bind = bind_profile,
    .is_same = is_same_request,
    .most = most_profiles,
};
