/* accounts.c - a table of accounts by subject, under one mutex. See accounts.h. */
#include "keys/accounts.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/util.h"
#include "ledger/money.h"

#define BUCKETS 4096u
#define TAG_BITS 1024u
#define WHO_MAX 320 /* of a subject in a message */

const char *const account_source_names[ACCOUNT_SOURCES] = {
    [ACCOUNT_OF_FILE] = "fulcrum.yaml", [ACCOUNT_OF_STORE] = "keys"};

static const unsigned alert_percents[] = {80, 100};
#define ALERTS (sizeof(alert_percents) / sizeof(alert_percents[0]))

struct account {
    struct account *next; /* of its bucket */
    struct account_spec spec;
    char *texts; /* owns the spec's strings */
    struct window window;
    ledger_sum spent, reserved;
    uint64_t opened_us;
    uint64_t turn; /* the last one that kept it */
    uint64_t refused;
    size_t holders;
    bool is_closed;
    bool was_told[ALERTS], is_due[ALERTS];
};

struct accounts {
    pthread_mutex_t mutex;
    struct account *buckets[BUCKETS];
    atomic_size_t count;
    _Atomic uint64_t newest_us;
    uint64_t turn;
    bool has_alerts;
    _Atomic uint64_t tags[TAG_BITS / 64]; /* bits of the hashes of tags' keys */
};

struct accounts *accounts_new(void)
{
    struct accounts *accounts = mem_calloc(1, sizeof(*accounts));
    if (accounts)
        (void)pthread_mutex_init(&accounts->mutex, NULL);
    return accounts;
}

static void free_account(struct account *account)
{
    mem_free(account->texts);
    mem_free(account);
}

void accounts_free(struct accounts *accounts)
{
    if (!accounts)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct account *account = accounts->buckets[i], *next; account; account = next) {
            next = account->next;
            free_account(account);
        }
    (void)pthread_mutex_destroy(&accounts->mutex);
    mem_free(accounts);
}

static void lock(struct accounts *accounts)
{
    (void)pthread_mutex_lock(&accounts->mutex);
}

static void unlock(struct accounts *accounts)
{
    (void)pthread_mutex_unlock(&accounts->mutex);
}

static struct account **bucket_of(struct accounts *accounts, const struct subject *subject)
{
    return &accounts->buckets[subject_hash(subject) % BUCKETS];
}

/* --- money and time: the mutex is held -------------------------------------------------------------- */

/* Periods end; time that goes back begins none again. */
static void roll(struct account *account, uint64_t now_us)
{
    const uint32_t day = window_day(now_us);
    if (day < account->window.end_day)
        return;
    account->window = window_at(account->spec.period, day);
    account->spent = 0;
    memset(account->was_told, 0, sizeof(account->was_told));
    memset(account->is_due, 0, sizeof(account->is_due));
}

static void note_share(struct accounts *accounts, struct account *account)
{
    for (size_t i = 0; i < ALERTS; i++) {
        const bool is_reached = account->spent * 100 >= (ledger_sum)account->spec.limit * alert_percents[i];
        if (is_reached && !account->was_told[i])
            account->is_due[i] = accounts->has_alerts = true;
        account->was_told[i] = is_reached;
    }
}

static void spend(struct accounts *accounts, struct account *account, uint64_t cost, uint64_t time_us)
{
    if (cost == 0 || !window_has(&account->window, window_day(time_us)))
        return;
    account->spent += cost;
    note_share(accounts, account);
}

/* --- which ones there are --------------------------------------------------------------------------- */

void accounts_begin(struct accounts *accounts)
{
    lock(accounts);
    accounts->turn++;
    unlock(accounts);
}

static bool is_of(const struct account *account, const struct account_spec *spec)
{
    return !account->is_closed && account->spec.period == spec->period && account->spec.source == spec->source &&
           subject_eq(&account->spec.subject, &spec->subject) && str_eq(account->spec.alert, spec->alert);
}

bool accounts_keep(struct accounts *accounts, const struct account_spec *spec)
{
    lock(accounts);
    struct account *account = *bucket_of(accounts, &spec->subject);
    while (account && !is_of(account, spec))
        account = account->next;
    if (account) {
        account->turn = accounts->turn;
        if (account->spec.limit != spec->limit) {
            account->spec.limit = spec->limit;
            note_share(accounts, account);
        }
    }
    unlock(accounts);
    return account != NULL;
}

static struct account *make(const struct account_spec *spec)
{
    const struct subject *subject = &spec->subject;
    struct account *account = mem_calloc(1, sizeof(*account));
    char *texts = account ? mem_alloc(subject->tenant.len + subject->name.len + spec->alert.len + 1) : NULL;
    if (!texts) {
        mem_free(account);
        return NULL;
    }
    account->spec = *spec;
    account->texts = texts;
    struct str *const strings[] = {&account->spec.subject.tenant, &account->spec.subject.name, &account->spec.alert};
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        if (strings[i]->len > 0)
            memcpy(texts, strings[i]->data, strings[i]->len);
        strings[i]->data = texts;
        texts += strings[i]->len;
    }
    return account;
}

static void note_tag(struct accounts *accounts, const struct subject *subject)
{
    struct str key, value;
    if (subject->kind != SUBJECT_TAG || !tag_split(subject->name, &key, &value))
        return;
    const uint64_t bit = str_hash(key) % TAG_BITS;
    atomic_fetch_or(&accounts->tags[bit / 64], UINT64_C(1) << bit % 64);
}

enum error_code accounts_open(struct accounts *accounts, const struct account_spec *spec, const struct window *window,
                              ledger_sum spent, struct error *error)
{
    struct account *account = make(spec);
    if (!account)
        return error_no_memory(error);
    account->window = *window;
    account->spent = spent;
    note_tag(accounts, &account->spec.subject);
    lock(accounts);
    struct account **bucket = bucket_of(accounts, &spec->subject);
    account->next = *bucket;
    *bucket = account;
    account->turn = accounts->turn;
    account->opened_us = clock_wall_us(); /* inside: whoever comes later finds it */
    atomic_store(&accounts->newest_us, account->opened_us);
    note_share(accounts, account);
    atomic_fetch_add(&accounts->count, 1);
    unlock(accounts);
    return OK;
}

/* The mutex is held. */
static void take_out(struct account **place)
{
    struct account *account = *place;
    assert(account->is_closed && account->holders == 0);
    *place = account->next;
    free_account(account);
}

void accounts_end(struct accounts *accounts)
{
    lock(accounts);
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct account **place = &accounts->buckets[i]; *place;) {
            struct account *account = *place;
            if (account->turn != accounts->turn && !account->is_closed) {
                account->is_closed = true;
                atomic_fetch_sub(&accounts->count, 1);
            }
            if (account->is_closed && account->holders == 0) /* else with a later turn: requests end */
                take_out(place);
            else
                place = &account->next;
        }
    }
    unlock(accounts);
}

void accounts_take_late(struct accounts *accounts, const struct subject *subject, uint64_t time_us, uint64_t cost)
{
    lock(accounts);
    for (struct account *account = *bucket_of(accounts, subject); account; account = account->next)
        if (!account->is_closed && time_us < account->opened_us && subject_eq(&account->spec.subject, subject))
            spend(accounts, account, cost, time_us);
    unlock(accounts);
}

uint64_t accounts_newest_us(const struct accounts *accounts)
{
    return atomic_load(&accounts->newest_us);
}

/* --- requests --------------------------------------------------------------------------------------- */

bool accounts_are_none(const struct accounts *accounts)
{
    return atomic_load_explicit(&accounts->count, memory_order_relaxed) == 0;
}

bool accounts_know_tag(struct accounts *accounts, struct str key)
{
    const uint64_t bit = str_hash(key) % TAG_BITS;
    return atomic_load_explicit(&accounts->tags[bit / 64], memory_order_relaxed) >> bit % 64 & 1;
}

const char *dollars_text(ledger_sum picodollars, char text[DOLLARS_TEXT])
{
    char whole[MONEY_TEXT];
    const struct str dollars = str_of(money_dollars(picodollars, whole));
    const ptrdiff_t point = str_find_char(dollars, '.', 0);
    size_t len = dollars.len;
    while (point >= 0 && len > (size_t)point + 3 && dollars.data[len - 1] == '0')
        len--;
    (void)snprintf(text, DOLLARS_TEXT, STR_FMT, STR_ARG(str_slice(dollars, 0, len)));
    return text;
}

static enum error_code refuse(struct account *account, bool is_spent, struct error *error)
{
    char limit[DOLLARS_TEXT], spent[DOLLARS_TEXT], end[TIMESTAMP_LEN + 1];
    struct buf who;
    account->refused++;
    buf_init(&who, WHO_MAX);
    subject_append(&who, &account->spec.subject);
    clock_iso8601(window_end_us(&account->window), end);
    if (is_spent)
        (void)error_set(error, ERROR_BUDGET,
                        "The budget of " STR_FMT " for the %s is spent: $%s of $%s. It begins again at %s.",
                        STR_ARG(buf_str(&who)), budget_period_names[account->spec.period],
                        dollars_text(account->spent, spent), dollars_text(account->spec.limit, limit), end);
    else
        (void)error_set(error, ERROR_THROTTLED,
                        "What is left of the budget of " STR_FMT " for the %s, $%s of $%s being spent, is reserved by "
                        "requests that run.", STR_ARG(buf_str(&who)), budget_period_names[account->spec.period],
                        dollars_text(account->spent, spent), dollars_text(account->spec.limit, limit));
    error->retry_s = is_spent ? 0 : 1;
    buf_deinit(&who);
    return error->code;
}

/* Fills `found` with all that hold for these subjects; false: they are too many. */
static bool find_all(struct accounts *accounts, const struct subject *subjects, size_t count, uint64_t now_us,
                     struct account *found[LIMIT_BUDGETS_HELD], size_t *found_count)
{
    *found_count = 0;
    for (size_t i = 0; i < count; i++) {
        for (struct account *account = *bucket_of(accounts, &subjects[i]); account; account = account->next) {
            if (account->is_closed || !subject_eq(&account->spec.subject, &subjects[i]))
                continue;
            if (*found_count == LIMIT_BUDGETS_HELD)
                return false;
            roll(account, now_us);
            found[(*found_count)++] = account;
        }
    }
    return true;
}

/* What is spent goes before what is reserved: the one lasts. */
static enum error_code check_room(struct account *const found[], size_t count, uint64_t more, struct error *error)
{
    for (int reserved = 0; reserved < 2; reserved++)
        for (size_t i = 0; i < count; i++)
            if (found[i]->spent + (reserved ? found[i]->reserved + more : 0) >= (ledger_sum)found[i]->spec.limit)
                return refuse(found[i], !reserved, error);
    return OK;
}

/* When a request is let in. */
enum entry { ENTRY_IF_ANY_IS_LEFT, ENTRY_IF_ALL_IS_LEFT, ENTRY_ALWAYS };

static enum error_code hold(struct accounts *accounts, const struct subject *subjects, size_t count, uint64_t amount,
                            enum entry entry, uint64_t now_us, struct arena *arena, struct spending *spending,
                            struct error *error)
{
    struct account *found[LIMIT_BUDGETS_HELD];
    size_t found_count;
    enum error_code code = OK;
    *spending = (struct spending){0};
    if (amount == 0 || accounts_are_none(accounts))
        return OK;
    lock(accounts);
    if (!find_all(accounts, subjects, count, now_us, found, &found_count))
        code = error_set(error, ERROR_INVALID, "More than %d budgets hold for this request: send fewer tags.",
                         LIMIT_BUDGETS_HELD);
    if (code == OK && entry != ENTRY_ALWAYS)
        code = check_room(found, found_count, entry == ENTRY_IF_ALL_IS_LEFT ? amount : 0, error);
    if (code == OK && found_count > 0) {
        spending->held = ARENA_ARRAY(arena, struct account *, found_count);
        code = spending->held ? OK : error_no_memory(error);
    }
    for (size_t i = 0; code == OK && i < found_count; i++) {
        spending->held[i] = found[i];
        found[i]->reserved += amount;
        found[i]->holders++;
    }
    unlock(accounts);
    if (code == OK) {
        spending->count = found_count;
        spending->amount = amount;
    }
    return code;
}

enum error_code accounts_reserve(struct accounts *accounts, const struct subject *subjects, size_t count,
                                 uint64_t amount, uint64_t now_us, struct arena *arena, struct spending *spending,
                                 struct error *error)
{
    return hold(accounts, subjects, count, amount, ENTRY_IF_ANY_IS_LEFT, now_us, arena, spending, error);
}

enum error_code accounts_reserve_whole(struct accounts *accounts, const struct subject *subjects, size_t count,
                                       uint64_t amount, uint64_t now_us, struct arena *arena,
                                       struct spending *spending, struct error *error)
{
    return hold(accounts, subjects, count, amount, ENTRY_IF_ALL_IS_LEFT, now_us, arena, spending, error);
}

enum error_code accounts_owe(struct accounts *accounts, const struct subject *subjects, size_t count, uint64_t amount,
                             uint64_t now_us, struct arena *arena, struct spending *spending, struct error *error)
{
    return hold(accounts, subjects, count, amount, ENTRY_ALWAYS, now_us, arena, spending, error);
}

void accounts_settle(struct accounts *accounts, struct spending *spending, uint64_t cost, uint64_t time_us,
                     uint64_t now_us)
{
    if (spending->count == 0)
        return;
    lock(accounts);
    for (size_t i = 0; i < spending->count; i++) {
        struct account *account = spending->held[i];
        account->reserved -= spending->amount;
        account->holders--;
        roll(account, now_us);
        if (time_us >= account->opened_us) /* else the ledger tells it */
            spend(accounts, account, cost, time_us);
    }
    unlock(accounts);
    *spending = (struct spending){0};
}

/* --- for people ------------------------------------------------------------------------------------- */

static bool copy(const struct account *account, struct arena *arena, struct account_state *state)
{
    *state = (struct account_state){
        .spec = account->spec,
        .spent = account->spent,
        .reserved = account->reserved,
        .window = account->window,
        .refused = account->refused,
    };
    return arena_str(arena, account->spec.subject.tenant, &state->spec.subject.tenant) &&
           arena_str(arena, account->spec.subject.name, &state->spec.subject.name) &&
           arena_str(arena, account->spec.alert, &state->spec.alert);
}

enum error_code accounts_list(struct accounts *accounts, uint64_t now_us, struct arena *arena,
                              struct account_state **states, size_t *count, struct error *error)
{
    bool is_copied = true;
    *count = 0;
    lock(accounts);
    const size_t most = atomic_load(&accounts->count);
    *states = ARENA_ARRAY(arena, struct account_state, most + 1);
    is_copied = *states != NULL;
    for (size_t i = 0; is_copied && i < BUCKETS; i++) {
        for (struct account *account = accounts->buckets[i]; is_copied && account; account = account->next) {
            if (account->is_closed)
                continue;
            roll(account, now_us);
            is_copied = copy(account, arena, &(*states)[(*count)++]);
        }
    }
    unlock(accounts);
    return is_copied ? OK : error_no_memory(error);
}

enum error_code accounts_take_alerts(struct accounts *accounts, uint64_t now_us, struct arena *arena,
                                     struct account_state **states, size_t *count, struct error *error)
{
    bool is_copied = true;
    *count = 0;
    lock(accounts);
    const size_t most = accounts->has_alerts ? ALERTS * atomic_load(&accounts->count) : 0;
    *states = most ? ARENA_ARRAY(arena, struct account_state, most) : NULL;
    is_copied = most == 0 || *states;
    for (size_t i = 0; most && is_copied && i < BUCKETS; i++) {
        for (struct account *account = accounts->buckets[i]; account; account = account->next) {
            roll(account, now_us);
            for (size_t k = 0; k < ALERTS; k++) {
                if (account->is_closed || !account->is_due[k] || !copy(account, arena, &(*states)[*count]))
                    continue;
                (*states)[(*count)++].percent = alert_percents[k];
                account->is_due[k] = false;
            }
        }
    }
    accounts->has_alerts = accounts->has_alerts && !is_copied;
    unlock(accounts);
    return is_copied ? OK : error_no_memory(error);
}
