/* reads.c - see reads.h. */
#include "ledger/reads.h"

#include <pthread.h>

#include "core/mem.h"
#include "core/util.h"

/* A view that nobody uses keeps the segment of the journal where it stopped. */
#define IDLE_US UINT64_C(60000000)

struct ledger_reads {
    char *data;
    pthread_mutex_t mutex;
    struct {
        struct ledger_view *view;
        uint64_t since_us;
    } free[LEDGER_READS]; /* the one that was used last at the end */
    size_t count;
};

enum error_code ledger_reads_new(const char *data, struct ledger_reads **reads, struct error *error)
{
    struct ledger_reads *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->data = mem_strdup(str_of(data));
    (void)pthread_mutex_init(&made->mutex, NULL);
    *reads = made;
    if (made->data)
        return OK;
    ledger_reads_free(made);
    return error_no_memory(error);
}

void ledger_reads_free(struct ledger_reads *reads)
{
    if (!reads)
        return;
    for (size_t i = 0; i < reads->count; i++)
        ledger_view_close(reads->free[i].view);
    (void)pthread_mutex_destroy(&reads->mutex);
    mem_free(reads->data);
    mem_free(reads);
}

enum error_code ledger_reads_take(struct ledger_reads *reads, struct ledger_view **view, struct error *error)
{
    *view = NULL;
    (void)pthread_mutex_lock(&reads->mutex);
    if (reads->count > 0)
        *view = reads->free[--reads->count].view;
    (void)pthread_mutex_unlock(&reads->mutex);
    return *view ? OK : ledger_view_open(reads->data, view, error);
}

/* The longest unused goes, where there are too many or it was so for a minute. */
void ledger_reads_give(struct ledger_reads *reads, struct ledger_view *view)
{
    const uint64_t now_us = clock_now_us();
    struct ledger_view *oldest = NULL;
    (void)pthread_mutex_lock(&reads->mutex);
    if (reads->count > 0 && (reads->count == LEDGER_READS || now_us - reads->free[0].since_us > IDLE_US)) {
        oldest = reads->free[0].view;
        reads->count--;
        for (size_t i = 0; i < reads->count; i++)
            reads->free[i] = reads->free[i + 1];
    }
    reads->free[reads->count].view = view;
    reads->free[reads->count++].since_us = now_us;
    (void)pthread_mutex_unlock(&reads->mutex);
    ledger_view_close(oldest);
}
