/* Start-time fair queueing of documents by tenant; reader_queue.h has the rules. A handful of tenants wait for
 * readers at once, so lists are walked. */
#include "document/reader_queue.h"

#include <assert.h>

#include "core/limits.h"
#include "core/mem.h"

#define FEW 4u /* documents that a tenant may have waiting and still use the reserved places */

struct items {
    struct reader_item *first, *last;
    size_t count;
};

struct reader_tenant {
    struct reader_tenant *next;
    struct items waiting, running;
    uint64_t used_us; /* account, without what is being read */
    size_t name_len;
    char name[];
};

/* --- lists ------------------------------------------------------------------------------------------ */

static void append(struct items *list, struct reader_item *item)
{
    item->next = NULL;
    item->prev = list->last;
    *(list->last ? &list->last->next : &list->first) = item;
    list->last = item;
    list->count++;
}

static void cut(struct items *list, struct reader_item *item)
{
    *(item->prev ? &item->prev->next : &list->first) = item->next;
    *(item->next ? &item->next->prev : &list->last) = item->prev;
    list->count--;
}

static struct reader_tenant *find(const struct reader_queue *queue, struct str name)
{
    struct reader_tenant *tenant = queue->tenants;
    while (tenant && !str_eq((struct str){tenant->name, tenant->name_len}, name))
        tenant = tenant->next;
    return tenant;
}

static struct reader_tenant *find_or_add(struct reader_queue *queue, struct str name)
{
    struct reader_tenant *tenant = find(queue, name);
    if (tenant)
        return tenant;
    tenant = mem_calloc(1, sizeof(*tenant) + name.len);
    if (!tenant)
        return NULL;
    if (name.len > 0)
        memcpy(tenant->name, name.data, name.len);
    tenant->name_len = name.len;
    tenant->next = queue->tenants;
    queue->tenants = tenant;
    return tenant;
}

static bool is_idle(const struct reader_tenant *tenant)
{
    return tenant->waiting.count == 0 && tenant->running.count == 0;
}

/* Tenants that want nothing and owe nothing. When nobody wants anything, nobody owes anything. */
static void forget_idle(struct reader_queue *queue)
{
    const bool is_over = queue->queued == 0 && queue->running == 0;
    for (struct reader_tenant **at = &queue->tenants; *at;) {
        struct reader_tenant *tenant = *at;
        if (is_idle(tenant) && (is_over || tenant->used_us <= queue->clock_us)) {
            *at = tenant->next;
            mem_free(tenant);
        } else {
            at = &tenant->next;
        }
    }
    if (is_over)
        queue->clock_us = 0;
}

/* --- accounts --------------------------------------------------------------------------------------- */

static uint64_t account_us(const struct reader_tenant *tenant, uint64_t now_us)
{
    uint64_t used_us = tenant->used_us;
    for (const struct reader_item *item = tenant->running.first; item; item = item->next)
        used_us += now_us - item->started_us;
    return used_us;
}

static bool may_start(const struct reader_queue *queue, const struct reader_tenant *tenant)
{
    const size_t readers = (size_t)limit(document_extractions);
    const size_t allowed = tenant->running.count == 0 ? 2 * readers : readers;
    return tenant->waiting.count > 0 && queue->running < allowed;
}

/* --- the queue -------------------------------------------------------------------------------------- */

static bool has_place(const struct reader_queue *queue, const struct reader_tenant *tenant)
{
    const size_t places = (size_t)limit(document_queue);
    return queue->queued < (tenant->waiting.count < FEW ? places : places - places / 4);
}

enum error_code reader_queue_push(struct reader_queue *queue, struct reader_item *item, struct str tenant,
                                  struct error *error)
{
    struct reader_tenant *owner = find_or_add(queue, tenant);
    if (!owner)
        return error_no_memory(error);
    if (!has_place(queue, owner)) {
        forget_idle(queue);
        return error_set(error, ERROR_THROTTLED, "%zu documents wait to be read already; try again later",
                         queue->queued);
    }
    if (is_idle(owner) && owner->used_us < queue->clock_us)
        owner->used_us = queue->clock_us;
    item->tenant = owner;
    item->number = queue->arrivals++;
    append(&owner->waiting, item);
    queue->queued++;
    return OK;
}

/* Both have documents that wait. */
static bool goes_before(const struct reader_tenant *tenant, const struct reader_tenant *other, uint64_t now_us)
{
    const uint64_t mine_us = account_us(tenant, now_us), its_us = account_us(other, now_us);
    return mine_us != its_us ? mine_us < its_us : tenant->waiting.first->number < other->waiting.first->number;
}

struct reader_item *reader_queue_take(struct reader_queue *queue, uint64_t now_us)
{
    struct reader_tenant *best = NULL;
    for (struct reader_tenant *tenant = queue->tenants; tenant; tenant = tenant->next)
        if (may_start(queue, tenant) && (!best || goes_before(tenant, best, now_us)))
            best = tenant;
    if (!best)
        return NULL;
    const uint64_t clock_us = account_us(best, now_us);
    queue->clock_us = clock_us > queue->clock_us ? clock_us : queue->clock_us;
    struct reader_item *item = best->waiting.first;
    cut(&best->waiting, item);
    append(&best->running, item);
    item->started_us = now_us;
    item->is_running = true;
    queue->queued--;
    queue->running++;
    return item;
}

void reader_queue_remove(struct reader_queue *queue, struct reader_item *item)
{
    assert(!item->is_running);
    cut(&item->tenant->waiting, item);
    queue->queued--;
    forget_idle(queue);
}

void reader_queue_finish(struct reader_queue *queue, struct reader_item *item, uint64_t now_us)
{
    assert(item->is_running);
    cut(&item->tenant->running, item);
    item->tenant->used_us += now_us - item->started_us;
    queue->running--;
    forget_idle(queue);
}

/* --- walking ---------------------------------------------------------------------------------------- */

static struct reader_item *first_from(const struct reader_tenant *tenant)
{
    for (; tenant; tenant = tenant->next) {
        if (tenant->running.first)
            return tenant->running.first;
        if (tenant->waiting.first)
            return tenant->waiting.first;
    }
    return NULL;
}

struct reader_item *reader_queue_first(const struct reader_queue *queue)
{
    return first_from(queue->tenants);
}

struct reader_item *reader_queue_next(const struct reader_item *item)
{
    if (item->next)
        return item->next;
    if (item->is_running && item->tenant->waiting.first)
        return item->tenant->waiting.first;
    return first_from(item->tenant->next);
}
