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

static const size_t strings[] = {
    offsetof(struct profile, account), offsetof(struct profile, region), offsetof(struct profile, name),
    offsetof(struct profile, description), offsetof(struct profile, source),
};

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
    .columns = "account, region, name, description, source",
    .column_count = sizeof(strings) / sizeof(strings[0]),
    .size = sizeof(struct profile),
    .strings = strings,
    .string_count = sizeof(strings) / sizeof(strings[0]),
    .is_same = is_same_request,
    .most = most_profiles,
};
