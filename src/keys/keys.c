/* keys.c - see keys.h. */
#include "keys/keys.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "core/log.h"
#include "keys/alert.h"
#include "keys/config.h"
#include "keys/tally.h"

#define LOOK_MS 200        /* for changes of the store, and for alerts */
#define TALLY_EVERY_MS 5000
#define KEYS_NICE 5

struct keys {
    const struct config *config;
    struct alarms *alarms;
    struct auth_keys auth;
    struct ring *ring;
    struct accounts *accounts;
    struct rates *rates;

    pthread_mutex_t storing; /* of what follows */
    struct key_store *store;
    struct tally *tally;
    int64_t revision; /* that is in force */

    pthread_t thread;
    bool has_thread, is_stopping;
    pthread_mutex_t waking; /* of is_stopping */
    pthread_cond_t wake;
};

/* --- from the store into memory: the mutex is held -------------------------------------------------- */

static void take_late(void *ctx, const struct subject *subject, uint64_t time_us, uint64_t cost)
{
    struct keys *keys = ctx;
    accounts_take_late(keys->accounts, subject, time_us, cost);
}

static enum error_code step(struct keys *keys, struct error *error)
{
    return tally_step(keys->tally, clock_wall_us(), accounts_newest_us(keys->accounts), take_late, keys, error);
}

/* One that begins has the lines that the ledger has by now; the last step has counted them. */
static enum error_code put_account(struct keys *keys, const struct account_spec *spec, struct error *error)
{
    ledger_sum spent;
    if (spec->limit == 0 || accounts_keep(keys->accounts, spec))
        return OK;
    const struct window window = window_at(spec->period, window_day(clock_wall_us()));
    const enum error_code code = key_store_spent(keys->store, &spec->subject, &window, &spent, error);
    return code == OK ? accounts_open(keys->accounts, spec, &window, spent, error) : code;
}

static enum error_code put_limits(struct keys *keys, const struct subject *subject, const uint64_t *limits,
                                  const char *alert, struct error *error)
{
    enum error_code code = OK;
    for (int i = 0; code == OK && i < BUDGET_PERIODS; i++) {
        const struct account_spec spec = {*subject, (enum budget_period)i, ACCOUNT_OF_FILE, limits[i], str_of(alert)};
        code = put_account(keys, &spec, error);
    }
    return code;
}

static enum error_code put_configured(struct keys *keys, struct error *error)
{
    enum error_code code = OK;
    for (size_t i = 0; code == OK && i < keys->config->tenant_count; i++) {
        const struct config_tenant *tenant = &keys->config->tenants[i];
        const struct budget_config *budgets = budget_config(tenant);
        const struct subject own = {SUBJECT_TENANT, str_of(tenant->name), STR("")};
        code = put_limits(keys, &own, budgets->limits, budgets->alert, error);
        for (size_t k = 0; code == OK && k < budgets->tag_count; k++) {
            const struct subject tag = {SUBJECT_TAG, str_of(tenant->name), str_of(budgets->tags[k].tag)};
            code = put_limits(keys, &tag, budgets->tags[k].limits, budgets->alert, error);
        }
    }
    return code;
}

static enum error_code put_stored(struct keys *keys, struct arena *arena, struct error *error)
{
    struct budget_row *rows;
    size_t count;
    enum error_code code = key_store_budgets(keys->store, arena, &rows, &count, error);
    for (size_t i = 0; code == OK && i < count; i++) {
        const struct account_spec spec = {rows[i].subject, rows[i].period, ACCOUNT_OF_STORE, rows[i].limit,
                                          rows[i].alert};
        code = put_account(keys, &spec, error);
    }
    return code;
}

static enum error_code load_accounts(struct keys *keys, struct arena *arena, struct error *error)
{
    enum error_code code = step(keys, error);
    if (code != OK)
        return code;
    accounts_begin(keys->accounts);
    code = put_configured(keys, error);
    if (code == OK)
        code = put_stored(keys, arena, error);
    if (code == OK)
        accounts_end(keys->accounts);
    return code;
}

/* What the store has is in force. */
static enum error_code load(struct keys *keys, struct error *error)
{
    struct arena arena;
    struct key_row *rows;
    size_t count;
    int64_t revision;
    arena_init(&arena, 0);
    enum error_code code = key_store_revision(keys->store, &revision, error);
    if (code == OK)
        code = key_store_keys(keys->store, &arena, &rows, &count, error);
    if (code == OK)
        code = ring_load(keys->ring, rows, count, error);
    if (code == OK)
        code = load_accounts(keys, &arena, error);
    arena_deinit(&arena);
    if (code == OK)
        keys->revision = revision;
    return code;
}

enum error_code keys_read(struct keys *keys,
                          enum error_code (*read)(void *ctx, struct key_store *store, struct error *error), void *ctx,
                          struct error *error)
{
    (void)pthread_mutex_lock(&keys->storing);
    const enum error_code code = read(ctx, keys->store, error);
    (void)pthread_mutex_unlock(&keys->storing);
    return code;
}

enum error_code keys_change(struct keys *keys,
                            enum error_code (*change)(void *ctx, struct key_store *store, struct error *error),
                            void *ctx, struct error *error)
{
    (void)pthread_mutex_lock(&keys->storing);
    enum error_code code = change(ctx, keys->store, error);
    if (code == OK)
        code = load(keys, error);
    (void)pthread_mutex_unlock(&keys->storing);
    return code;
}

/* --- alerts ----------------------------------------------------------------------------------------- */

static void give_alerts(struct keys *keys)
{
    struct arena arena;
    struct account_state *states;
    size_t count = 0;
    struct error error;
    arena_init(&arena, 0);
    enum error_code code = accounts_take_alerts(keys->accounts, clock_wall_us(), &arena, &states, &count, &error);
    for (size_t i = 0; code == OK && i < count; i++)
        code = alert_give(&states[i], keys->store, &keys->storing, keys->alarms, &error);
    if (code != OK)
        log_event(LOG_ERROR, "alerts of budgets are lost", LOG_C("error", error.message));
    arena_deinit(&arena);
}

/* --- the thread ------------------------------------------------------------------------------------- */

static void look(struct keys *keys, bool is_tally_due)
{
    struct error error;
    int64_t revision;
    (void)pthread_mutex_lock(&keys->storing);
    enum error_code code = key_store_revision(keys->store, &revision, &error);
    if (code == OK && revision != keys->revision)
        code = load(keys, &error);
    else if (code == OK && is_tally_due)
        code = step(keys, &error);
    (void)pthread_mutex_unlock(&keys->storing);
    if (code != OK && is_tally_due)
        log_event(LOG_ERROR, "keys and budgets are as they were, their store can't be read",
                  LOG_C("error", error.message));
}

/* False: it is over. */
static bool wait(struct keys *keys)
{
    const struct timespec until = clock_after_ms(LOOK_MS);
    int result = 0;
    (void)pthread_mutex_lock(&keys->waking);
    while (!keys->is_stopping && result == 0)
        result = pthread_cond_timedwait(&keys->wake, &keys->waking, &until);
    const bool goes_on = !keys->is_stopping;
    (void)pthread_mutex_unlock(&keys->waking);
    return goes_on;
}

static void *watch(void *ctx)
{
    struct keys *keys = ctx;
    unsigned looks = 0;
    (void)setpriority(PRIO_PROCESS, 0, KEYS_NICE); /* this thread alone */
    while (wait(keys)) {
        look(keys, ++looks % (TALLY_EVERY_MS / LOOK_MS) == 0);
        give_alerts(keys);
    }
    return NULL;
}

/* --- opening and closing ---------------------------------------------------------------------------- */

static enum error_code open_parts(struct keys *keys, struct error *error)
{
    uint8_t master[KEY_MASTER_LEN];
    keys->accounts = accounts_new();
    keys->rates = rates_new(keys->config);
    enum error_code code = keys->accounts && keys->rates ? key_store_open(keys->config->data, &keys->store, error)
                                          : error_no_memory(error);
    if (code == OK)
        code = tally_open(keys->config->data, keys->store, &keys->tally, error);
    if (code == OK)
        code = key_store_master(keys->store, master, error);
    if (code == OK)
        code = ring_new(master, &keys->ring, error);
    return code == OK ? load(keys, error) : code;
}

static enum error_code start(struct keys *keys, struct error *error)
{
    const int failure = pthread_create(&keys->thread, NULL, watch, keys);
    keys->has_thread = failure == 0;
    return failure == 0 ? OK : error_set_errno(error, ERROR_IO, failure, "cannot start the thread of keys");
}

enum error_code keys_open(const struct keys_options *options, struct keys **keys, struct error *error)
{
    struct keys *made = mem_calloc(1, sizeof(*made));
    pthread_condattr_t monotonic;
    if (!made)
        return error_no_memory(error);
    made->config = options->config;
    made->alarms = options->alarms;
    (void)pthread_mutex_init(&made->storing, NULL);
    (void)pthread_mutex_init(&made->waking, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&made->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    enum error_code code = open_parts(made, error);
    if (code == OK)
        code = start(made, error);
    if (code != OK) {
        keys_close(made);
        return error_prefix(error, "keys");
    }
    made->auth = (struct auth_keys){.ctx = made->ring, .by_token = ring_by_token, .by_id = ring_by_id};
    *keys = made;
    return OK;
}

void keys_close(struct keys *keys)
{
    if (!keys)
        return;
    if (keys->has_thread) {
        (void)pthread_mutex_lock(&keys->waking);
        keys->is_stopping = true;
        (void)pthread_cond_signal(&keys->wake);
        (void)pthread_mutex_unlock(&keys->waking);
        (void)pthread_join(keys->thread, NULL);
    }
    tally_close(keys->tally);
    key_store_close(keys->store);
    ring_free(keys->ring);
    accounts_free(keys->accounts);
    rates_free(keys->rates);
    (void)pthread_cond_destroy(&keys->wake);
    (void)pthread_mutex_destroy(&keys->waking);
    (void)pthread_mutex_destroy(&keys->storing);
    mem_free(keys);
}

const struct auth_keys *keys_auth(const struct keys *keys)
{
    return &keys->auth;
}

struct ring *keys_ring(const struct keys *keys)
{
    return keys->ring;
}

struct accounts *keys_accounts(const struct keys *keys)
{
    return keys->accounts;
}

struct rates *keys_rates(const struct keys *keys)
{
    return keys->rates;
}
