/* budget.c - accounting for bodies that a thread holds: by owner, with a share for each. Takes and gives back; it
 * refuses nobody itself. See budget.h. */
#include "net/budget.h"

#include "core/limits.h"
#include "core/mem.h"
#include "core/must.h"
#include "net/exchange.h"

#define BEHIND_US 500000 /* slower than the least rate for so long: may have to give way */

/* --- shares ----------------------------------------------------------------------------------------- */

static struct share **bucket_of(struct protocol_host *host, enum share_kind kind, struct str name)
{
    uint32_t hash = 2166136261u ^ (uint32_t)kind; /* FNV-1a; a bucket is a list, so a collision costs time only */
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.data[i]) * 16777619u;
    return &host->shares[hash % SHARE_BUCKETS];
}

struct share *share_take(struct protocol_host *host, enum share_kind kind, struct str name)
{
    name = str_slice(name, 0, SHARE_NAME_MAX);
    struct share **bucket = bucket_of(host, kind, name);
    struct share *share = *bucket;
    while (share && (share->kind != kind || !str_eq((struct str){share->name, share->len}, name)))
        share = share->next;
    if (!share) {
        share = mem_calloc(1, sizeof(*share));
        if (!share)
            return NULL;
        share->kind = kind;
        share->len = name.len;
        if (name.len > 0)
            memcpy(share->name, name.data, name.len);
        share->next = *bucket;
        *bucket = share;
    }
    share->refs++;
    return share;
}

struct share *share_ref(struct share *share)
{
    if (share)
        share->refs++;
    return share;
}

void share_give(struct protocol_host *host, struct share *share)
{
    must(!share || share->refs > 0, "a share lives while somebody holds it", LOG_I("kind", share->kind));
    if (!share || --share->refs > 0)
        return;
    struct share **at = bucket_of(host, share->kind, (struct str){share->name, share->len});
    must(share->body_bytes == 0, "whoever holds nothing is charged for nothing", LOG_I("bytes", share->body_bytes),
         LOG_I("kind", share->kind));
    while (*at != share)
        at = &(*at)->next;
    *at = share->next;
    mem_free(share);
}

/* --- room ------------------------------------------------------------------------------------------- */

enum bound { FITS, OVER_ALL, OVER_OWNER, OVER_ADDRESS };

static bool is_over(const struct share *share, const struct exchange *exchange, size_t more, size_t allowed)
{
    return share && share->body_bytes > exchange->body_charged && share->body_bytes + more > allowed;
}

static enum bound find_bound(const struct exchange *exchange, size_t more)
{
    const struct protocol_host *host = exchange->host;
    size_t budget = limit(body_budget_bytes);
    size_t room = host->body_bytes < budget ? budget - host->body_bytes : 0;
    bool is_small = exchange->body_charged + more <= BUDGET_SMALL_BYTES;
    bool goes_far = is_small || exchange->state != EXCHANGE_RECEIVING; /* whole bodies would be in vain else */
    size_t kept = is_small ? 0 : budget / 16;
    if (more > room || room - more < kept)
        return OVER_ALL;
    if (is_over(exchange->owner, exchange, more, room * (goes_far ? 3 : 1)))
        return OVER_OWNER;
    if (is_over(exchange->address, exchange, more, room * (goes_far ? 7 : 3)))
        return OVER_ADDRESS;
    return FITS;
}

static uint64_t now_us(const struct exchange *exchange)
{
    return exchange->host->now_ms * 1000;
}

/* How much of its time a body has used up. */
static uint64_t time_used_us(const struct exchange *exchange)
{
    uint64_t whole = now_us(exchange) + limit(body_timeout_ms) * 1000;
    return whole > exchange->body_deadline_us ? whole - exchange->body_deadline_us : 0;
}

/* Among those whose going would help, the one that is furthest behind; NULL: all are on time. */
static struct exchange *find_slow(const struct exchange *exchange, enum bound bound)
{
    struct exchange *slowest = NULL;
    uint64_t most = BEHIND_US;
    for (struct exchange *other = exchange->host->receiving; other; other = other->receiving_next) {
        bool would_help = bound == OVER_ALL || (bound == OVER_OWNER && other->owner == exchange->owner) ||
                          (bound == OVER_ADDRESS && other->address == exchange->address);
        if (other == exchange || !would_help || other->is_body_paused || time_used_us(other) < most)
            continue;
        most = time_used_us(other);
        slowest = other;
    }
    return slowest;
}

/* --- charging --------------------------------------------------------------------------------------- */

static void join_receiving(struct exchange *exchange)
{
    struct protocol_host *host = exchange->host;
    if (exchange->is_receiving || exchange->state != EXCHANGE_RECEIVING)
        return;
    exchange->is_receiving = true;
    exchange->receiving_prev = NULL;
    exchange->receiving_next = host->receiving;
    if (host->receiving)
        host->receiving->receiving_prev = exchange;
    host->receiving = exchange;
}

void budget_leave(struct exchange *exchange)
{
    if (!exchange->is_receiving)
        return;
    exchange->is_receiving = false;
    if (exchange->receiving_prev)
        exchange->receiving_prev->receiving_next = exchange->receiving_next;
    else
        exchange->host->receiving = exchange->receiving_next;
    if (exchange->receiving_next)
        exchange->receiving_next->receiving_prev = exchange->receiving_prev;
}

static void count(struct exchange *exchange, size_t bytes, bool is_more)
{
    struct protocol_host *host = exchange->host;
    must(is_more || (bytes <= exchange->body_charged && bytes <= host->body_bytes),
         "no more is given back than was taken", LOG_I("bytes", bytes),
         LOG_I("charged", exchange->body_charged), LOG_I("host", host->body_bytes));
    size_t change = is_more ? bytes : (size_t)0 - bytes;
    host->body_bytes += change;
    exchange->body_charged += change;
    if (exchange->owner)
        exchange->owner->body_bytes += change;
    if (exchange->address)
        exchange->address->body_bytes += change;
    if (host->body_bytes > host->body_bytes_peak)
        host->body_bytes_peak = host->body_bytes;
}

bool budget_charge(struct exchange *exchange, size_t more)
{
    for (enum bound bound; (bound = find_bound(exchange, more)) != FITS;) {
        struct exchange *slow = find_slow(exchange, bound);
        if (!slow)
            return false;
        (void)exchange_refuse(slow, 503, "this body came too slowly while others waited for room, try again later");
        slow->protocol->ops->give_way(slow);
        budget_give_back(slow);
        buf_deinit(&slow->body);
    }
    count(exchange, more, true);
    join_receiving(exchange);
    return true;
}

void budget_give(struct exchange *exchange, size_t bytes)
{
    if (bytes > 0)
        count(exchange, bytes, false);
}

void budget_give_back(struct exchange *exchange)
{
    budget_leave(exchange);
    budget_give(exchange, exchange->body_charged);
}

/* --- pace ------------------------------------------------------------------------------------------- */

void budget_pace_begin(struct exchange *exchange)
{
    exchange->body_deadline_us = now_us(exchange) + limit(body_timeout_ms) * 1000;
}

void budget_pace(struct exchange *exchange, size_t received)
{
    uint64_t latest = now_us(exchange) + limit(body_timeout_ms) * 1000;
    uint64_t earned = exchange->body_deadline_us + (uint64_t)received * 1000000 / limit(body_rate_bytes);
    exchange->body_deadline_us = earned < latest ? earned : latest;
}

bool budget_is_late(const struct exchange *exchange)
{
    return now_us(exchange) >= exchange->body_deadline_us;
}
