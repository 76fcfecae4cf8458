/* reader_queue.h - whose document is read next: readers are shared by tenant, by time.
 *
 * Each tenant has an account of the time that its documents took, those that are
 * being read included; of the tenants that wait, the one that had least goes next,
 * its own documents in their order; among equals the first to come. A tenant that
 * was away starts where the others stand: it has no credit for having been away,
 * and its debt is not forgotten before the others caught up. (Start-time fair
 * queueing, by reader time; Goyal, Vin and Cheng, 1996.)
 *
 * A reader can't be taken from who has it without losing its work, and may be held for document_timeout_ms. So
 * beside the limit(document_extractions) readers for all there are as many spare ones, for tenants that have no
 * document being read: nobody waits for another tenant's slow file while a spare one is free.
 *
 * At most limit(document_queue) documents wait. The last quarter of the places is for tenants with few that wait,
 * so that one tenant can't lock the others out.
 *
 * Pure; one thread at a time. */
#ifndef DOCUMENT_READER_QUEUE_H
#define DOCUMENT_READER_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/str.h"

struct reader_tenant;

/* Part of whatever waits; zero before it is pushed. */
struct reader_item {
    struct reader_item *next, *prev;
    struct reader_tenant *tenant;
    uint64_t number; /* counts arrivals */
    uint64_t started_us;
    bool is_running;
};

/* Zero is an empty queue. */
struct reader_queue {
    struct reader_tenant *tenants; /* those that wait, are served, or owe */
    size_t queued, running;
    uint64_t arrivals;
    uint64_t clock_us; /* account of whom was served last: where newcomers start */
};

/* ERROR_THROTTLED: no place for this tenant. ERROR_NO_MEMORY. */
enum error_code reader_queue_push(struct reader_queue *queue, struct reader_item *item, struct str tenant,
                                  struct error *error) WARN_UNUSED;
struct reader_item *reader_queue_take(struct reader_queue *queue, uint64_t now_us); /* NULL: none may start now */
void reader_queue_remove(struct reader_queue *queue, struct reader_item *item);     /* that was not taken */
void reader_queue_finish(struct reader_queue *queue, struct reader_item *item, uint64_t now_us); /* that was */

/* The first one waiting or being read, and the next: in no order that means anything. */
struct reader_item *reader_queue_first(const struct reader_queue *queue);
struct reader_item *reader_queue_next(const struct reader_item *item);

#endif
