/* health.c - see health.h. */
#include "upstream/health.h"

#include <math.h>

#define FAULTS_WITHIN_US UINT64_C(30000000)
#define OPEN_FIRST_MS 2000u
#define OPEN_MAX_MS 60000u
#define REPEATS_MAX 20.0
#define REPEATS_FIRST 10.0
#define REPEATS_SHARE 0.2 /* of requests */
#define MINUTE_US 60000000.0
#define SOON_US 1000000u /* till then it may have room again */

void health_init(struct health *health, const struct upstream_config *config)
{
    *health = (struct health){.config = config,
                              .repeats = REPEATS_FIRST,
                              .requests_left = (double)config->requests_per_minute,
                              .tokens_left = (double)config->tokens_per_minute};
    pthread_mutex_init(&health->mutex, NULL);
}

void health_deinit(struct health *health)
{
    pthread_mutex_destroy(&health->mutex);
}

/* --- before ----------------------------------------------------------------------------------------- */

static unsigned seconds_until(uint64_t until_us, uint64_t now_us)
{
    return until_us > now_us ? (unsigned)((until_us - now_us + 999999) / 1000000) : 1;
}

static enum error_code turn_away(struct health *health, enum error_code code, unsigned retry_s, const char *why,
                                 struct error *error)
{
    health->counters.turned_away++;
    (void)error_set(error, code, "The upstream '%s' %s", health->config->name, why);
    error->retry_s = retry_s;
    return code;
}

static double filled(double left, double per_minute, double past_us)
{
    return fmin(per_minute, left + per_minute * past_us / MINUTE_US);
}

/* Buckets that hold a minute's worth and fill evenly. */
static void fill(struct health *health, uint64_t now_us)
{
    const double past_us = health->filled_us ? (double)(now_us - health->filled_us) : 0;
    health->requests_left = filled(health->requests_left, (double)health->config->requests_per_minute, past_us);
    health->tokens_left = filled(health->tokens_left, (double)health->config->tokens_per_minute, past_us);
    health->filled_us = now_us;
}

static unsigned refill_s(double left, double wanted, double per_minute)
{
    return (unsigned)ceil((wanted - left) / per_minute * 60.0);
}

static enum error_code check_limits(struct health *health, uint64_t now_us, struct error *error)
{
    const struct upstream_config *config = health->config;
    fill(health, now_us);
    if (config->requests && health->counters.running >= config->requests)
        return turn_away(health, ERROR_THROTTLED, 1, "has as many requests at once as its `requests` allows.", error);
    if (config->requests_per_minute && health->requests_left < 1)
        return turn_away(health, ERROR_THROTTLED,
                         refill_s(health->requests_left, 1, (double)config->requests_per_minute),
                         "has had its requests_per_minute.", error);
    if (config->tokens_per_minute && health->tokens_left <= 0)
        return turn_away(health, ERROR_THROTTLED,
                         refill_s(health->tokens_left, 1, (double)config->tokens_per_minute),
                         "has had its tokens_per_minute.", error);
    return OK;
}

static enum error_code check_rest(struct health *health, uint64_t now_us, struct error *error)
{
    if (now_us < health->rests_until_us) {
        const unsigned left_s = seconds_until(health->rests_until_us, now_us);
        switch (health->rests_for) {
        case RETRY_THROTTLED:
            return turn_away(health, ERROR_THROTTLED, left_s, "has asked to be left alone for a while.", error);
        case RETRY_SPENT:
        case RETRY_CREDENTIALS:
            return turn_away(health, ERROR_UNAVAILABLE, 0, "does not accept this server; its log says why.", error);
        default: return turn_away(health, ERROR_UNAVAILABLE, left_s, "is overloaded.", error);
        }
    }
    if (health->state == HEALTH_OPEN && now_us >= health->open_until_us)
        health->state = HEALTH_HALF_OPEN;
    if (health->state == HEALTH_OPEN || (health->state == HEALTH_HALF_OPEN && health->is_probing))
        return turn_away(health, ERROR_UNAVAILABLE, seconds_until(health->open_until_us, now_us),
                         "has failed several times in a row and is left alone for a while.", error);
    return OK;
}

/* By the same rules as below, which say why. */
uint64_t health_free_us(struct health *health, uint64_t now_us, uint64_t *running)
{
    const struct upstream_config *config = health->config;
    uint64_t free_us = now_us;
    pthread_mutex_lock(&health->mutex);
    fill(health, now_us);
    *running = health->counters.running;
    if (health->rests_until_us > free_us)
        free_us = health->rests_until_us;
    if (health->state == HEALTH_OPEN && health->open_until_us > free_us)
        free_us = health->open_until_us;
    if ((health->state == HEALTH_HALF_OPEN && health->is_probing) ||
        (config->requests && *running >= config->requests) ||
        (config->requests_per_minute && health->requests_left < 1) ||
        (config->tokens_per_minute && health->tokens_left <= 0))
        free_us += free_us == now_us ? SOON_US : 0;
    pthread_mutex_unlock(&health->mutex);
    return free_us;
}

enum error_code health_enter(struct health *health, uint64_t now_us, enum health_try try, struct error *error)
{
    pthread_mutex_lock(&health->mutex);
    health->counters.requests += try == HEALTH_FIRST;
    enum error_code code = try == HEALTH_AGAIN ? OK : check_rest(health, now_us, error);
    if (code == OK)
        code = check_limits(health, now_us, error);
    if (code == OK) {
        health->counters.attempts++;
        health->counters.retries += try != HEALTH_FIRST;
        health->counters.running++;
        health->requests_left -= 1;
        health->is_probing = health->is_probing || health->state == HEALTH_HALF_OPEN;
        if (try == HEALTH_FIRST)
            health->repeats = fmin(REPEATS_MAX, health->repeats + REPEATS_SHARE);
    }
    pthread_mutex_unlock(&health->mutex);
    return code;
}

/* --- after ------------------------------------------------------------------------------------------ */

static void close_circuit(struct health *health)
{
    health->state = HEALTH_CLOSED;
    health->faults = 0;
    health->open_ms = 0;
    health->is_probing = false;
}

static void open_circuit(struct health *health, uint64_t now_us)
{
    health->open_ms = health->open_ms ? health->open_ms * 2 : OPEN_FIRST_MS;
    if (health->open_ms > OPEN_MAX_MS)
        health->open_ms = OPEN_MAX_MS;
    health->open_until_us = now_us + health->open_ms * 1000;
    health->state = HEALTH_OPEN;
    health->is_probing = false;
    health->faults = 0;
    health->counters.opened++;
}

static void note_fault(struct health *health, uint64_t now_us)
{
    if (health->state == HEALTH_HALF_OPEN) {
        open_circuit(health, now_us);
        return;
    }
    if (health->faults == 0 || now_us - health->first_fault_us > FAULTS_WITHIN_US) {
        health->faults = 0;
        health->first_fault_us = now_us;
    }
    if (++health->faults >= UPSTREAM_FAULTS && health->state == HEALTH_CLOSED)
        open_circuit(health, now_us);
}

static void note_failure(struct health *health, uint64_t now_us, const struct retry_verdict *verdict)
{
    health->counters.failures[verdict->cause]++;
    if (verdict->cool_ms && now_us + verdict->cool_ms * 1000 > health->rests_until_us) {
        health->rests_until_us = now_us + verdict->cool_ms * 1000;
        health->rests_for = verdict->cause;
    }
    if (verdict->counts)
        note_fault(health, now_us);
    else
        health->is_probing = false;
}

void health_leave(struct health *health, uint64_t now_us, enum health_end end, const struct retry_verdict *verdict)
{
    pthread_mutex_lock(&health->mutex);
    health->counters.running--;
    switch (end) {
    case HEALTH_ANSWERED:
        health->counters.answered++;
        close_circuit(health);
        break;
    case HEALTH_CANCELLED:
        health->counters.cancelled++;
        health->is_probing = false;
        break;
    case HEALTH_FAILED: note_failure(health, now_us, verdict); break;
    }
    pthread_mutex_unlock(&health->mutex);
}

bool health_may_repeat(struct health *health, bool is_elsewhere)
{
    pthread_mutex_lock(&health->mutex);
    const bool may = health->repeats >= 1 && (is_elsewhere || health->state != HEALTH_OPEN);
    health->repeats -= may;
    pthread_mutex_unlock(&health->mutex);
    return may;
}

void health_used(struct health *health, uint64_t tokens, bool is_estimated, bool is_odd, uint64_t first_byte_us)
{
    pthread_mutex_lock(&health->mutex);
    health->tokens_left -= (double)tokens;
    health->counters.usage_estimated += is_estimated;
    health->counters.usage_odd += is_odd;
    health->counters.first_byte_us += first_byte_us;
    pthread_mutex_unlock(&health->mutex);
}

void health_counters(struct health *health, struct health_counters *counters)
{
    pthread_mutex_lock(&health->mutex);
    *counters = health->counters;
    counters->state = health->state;
    counters->rests_until_us = health->rests_until_us;
    pthread_mutex_unlock(&health->mutex);
}
