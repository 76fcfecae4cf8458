/* sessions.c - the table of sessions, the link, and who tried too often. Knows no HTTP. See sessions.h. */
#include "auth/sessions.h"

#include <openssl/crypto.h>
#include <pthread.h>

#include "core/util.h"

#define BUCKETS 1024
#define TRY_SLOTS 1024
#define MINUTE_US UINT64_C(60000000)

struct entry {
    struct entry *next; /* in its bucket */
    uint8_t digest[SHA256_LEN]; /* of the secret */
    uint64_t begun_us, used_us;
    struct session session;
};

/* Wrong keys of the addresses that share the slot, in the minute that began at `since_us`. */
struct tries {
    uint64_t since_us, failures;
};

struct sessions {
    pthread_mutex_t lock;
    struct entry *buckets[BUCKETS];
    char open_token[SESSION_SECRET_LEN + 1];
    uint8_t link[SHA256_LEN];
    uint64_t link_until_us; /* 0: there is no link */
    uint64_t seed;          /* nobody knows who shares a slot */
    struct tries tries[TRY_SLOTS];
};

static void make_secret(char secret[SESSION_SECRET_LEN + 1])
{
    uint8_t bytes[SESSION_SECRET_LEN / 2];
    random_bytes(bytes, sizeof(bytes));
    hex_encode(bytes, sizeof(bytes), secret);
}

enum error_code sessions_new(struct sessions **sessions, struct error *error)
{
    struct sessions *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    (void)pthread_mutex_init(&made->lock, NULL);
    make_secret(made->open_token);
    random_bytes(&made->seed, sizeof(made->seed));
    *sessions = made;
    return OK;
}

static bool has_ended(const struct entry *entry, uint64_t now_us)
{
    return now_us >= entry->used_us + limit(session_idle_ms) * 1000 ||
           now_us >= entry->begun_us + limit(session_ms) * 1000;
}

static void drop(struct entry **place)
{
    struct entry *entry = *place;
    *place = entry->next;
    OPENSSL_cleanse(entry, sizeof(*entry));
    mem_free(entry);
}

void sessions_free(struct sessions *sessions)
{
    if (!sessions)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        while (sessions->buckets[i])
            drop(&sessions->buckets[i]);
    (void)pthread_mutex_destroy(&sessions->lock);
    mem_free(sessions);
}

/* --- sessions --------------------------------------------------------------------------------------- */

static struct entry **bucket_of(struct sessions *sessions, const uint8_t digest[SHA256_LEN])
{
    return &sessions->buckets[(digest[0] << 8 | digest[1]) % BUCKETS];
}

/* Where the entry hangs; NULL: there is none. */
static struct entry **find_entry(struct sessions *sessions, struct str secret)
{
    uint8_t digest[SHA256_LEN];
    if (secret.len != SESSION_SECRET_LEN)
        return NULL;
    sha256(secret, digest);
    for (struct entry **place = bucket_of(sessions, digest); *place; place = &(*place)->next)
        if (CRYPTO_memcmp((*place)->digest, digest, sizeof(digest)) == 0)
            return place;
    return NULL;
}

/* Ends what has run out, and of `tenant` the least recently used where it has as many as it may. */
static void make_room(struct sessions *sessions, const struct config_tenant *tenant, uint64_t now_us)
{
    struct entry **oldest = NULL;
    size_t count = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        struct entry **place = &sessions->buckets[i];
        while (*place) {
            if (has_ended(*place, now_us)) {
                drop(place);
                continue;
            }
            const bool is_tenants = (*place)->session.tenant == tenant;
            count += is_tenants;
            if (is_tenants && (!oldest || (*place)->used_us < (*oldest)->used_us))
                oldest = place;
            place = &(*place)->next;
        }
    }
    if (count >= LIMIT_TENANT_SESSIONS)
        drop(oldest);
}

enum error_code sessions_begin(struct sessions *sessions, uint64_t now_us, struct session *session,
                               char secret[SESSION_SECRET_LEN + 1], struct error *error)
{
    struct entry *entry = mem_calloc(1, sizeof(*entry));
    if (!entry)
        return error_no_memory(error);
    make_secret(secret);
    make_secret(session->token);
    sha256((struct str){secret, SESSION_SECRET_LEN}, entry->digest);
    entry->begun_us = entry->used_us = now_us;
    entry->session = *session;
    (void)pthread_mutex_lock(&sessions->lock);
    make_room(sessions, session->tenant, now_us);
    struct entry **bucket = bucket_of(sessions, entry->digest);
    entry->next = *bucket;
    *bucket = entry;
    (void)pthread_mutex_unlock(&sessions->lock);
    return OK;
}

bool sessions_find(struct sessions *sessions, struct str secret, uint64_t now_us, struct session *session)
{
    (void)pthread_mutex_lock(&sessions->lock);
    struct entry **place = find_entry(sessions, secret);
    const bool is_there = place && !has_ended(*place, now_us);
    if (is_there) {
        (*place)->used_us = now_us;
        *session = (*place)->session;
    } else if (place) {
        drop(place);
    }
    (void)pthread_mutex_unlock(&sessions->lock);
    return is_there;
}

void sessions_end(struct sessions *sessions, struct str secret)
{
    (void)pthread_mutex_lock(&sessions->lock);
    struct entry **place = find_entry(sessions, secret);
    if (place)
        drop(place);
    (void)pthread_mutex_unlock(&sessions->lock);
}

bool session_token_fits(const char token[SESSION_SECRET_LEN + 1], struct str given)
{
    return given.len == SESSION_SECRET_LEN && CRYPTO_memcmp(token, given.data, SESSION_SECRET_LEN) == 0;
}

const char *sessions_open_token(const struct sessions *sessions)
{
    return sessions->open_token;
}

/* --- the link --------------------------------------------------------------------------------------- */

void sessions_make_link(struct sessions *sessions, uint64_t now_us, char link[SESSION_SECRET_LEN + 1])
{
    make_secret(link);
    (void)pthread_mutex_lock(&sessions->lock);
    sha256((struct str){link, SESSION_SECRET_LEN}, sessions->link);
    sessions->link_until_us = now_us + LINK_MINUTES * MINUTE_US;
    (void)pthread_mutex_unlock(&sessions->lock);
}

bool sessions_take_link(struct sessions *sessions, struct str given, uint64_t now_us)
{
    uint8_t digest[SHA256_LEN];
    sha256(given, digest);
    (void)pthread_mutex_lock(&sessions->lock);
    const bool is_it = now_us < sessions->link_until_us && CRYPTO_memcmp(sessions->link, digest, sizeof(digest)) == 0;
    if (is_it)
        sessions->link_until_us = 0;
    (void)pthread_mutex_unlock(&sessions->lock);
    return is_it;
}

/* --- tries ------------------------------------------------------------------------------------------ */

static struct tries *tries_of(struct sessions *sessions, uint64_t peer, uint64_t now_us)
{
    const uint64_t key[2] = {sessions->seed, peer};
    struct tries *tries = &sessions->tries[str_hash((struct str){(const char *)key, sizeof(key)}) % TRY_SLOTS];
    if (now_us >= tries->since_us + MINUTE_US || now_us < tries->since_us) /* the clock may have been set back */
        *tries = (struct tries){.since_us = now_us};
    return tries;
}

bool sessions_may_try(struct sessions *sessions, uint64_t peer, uint64_t now_us, unsigned *retry_s)
{
    (void)pthread_mutex_lock(&sessions->lock);
    const struct tries *tries = tries_of(sessions, peer, now_us);
    const bool may = tries->failures < limit(login_failures);
    *retry_s = (unsigned)((tries->since_us + MINUTE_US - now_us) / 1000000 + 1);
    (void)pthread_mutex_unlock(&sessions->lock);
    return may;
}

void sessions_note_failure(struct sessions *sessions, uint64_t peer, uint64_t now_us)
{
    (void)pthread_mutex_lock(&sessions->lock);
    tries_of(sessions, peer, now_us)->failures++;
    (void)pthread_mutex_unlock(&sessions->lock);
}
