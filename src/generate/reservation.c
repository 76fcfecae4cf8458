/* reservation.c - see reservation.h: buckets, and one mutex for all of them. */
#include "generate/reservation.h"

#include <pthread.h>
#include <string.h>

#include "core/mem.h"

#define MINUTE_US 6e7

struct reservation {
    struct reservations *all;
    const struct config_tenant *tenant;
    double input, output; /* tokens left; below zero: owed */
    uint64_t filled_us;
};

struct reservations {
    pthread_mutex_t mutex; /* guards the buckets */
    size_t count;
    struct reservation items[];
};

enum error_code reservations_new(const struct config *config, struct reservations **reservations,
                                 struct error *error)
{
    size_t count = 0;
    for (size_t i = 0; i < config->tenant_count; i++)
        count += config->tenants[i].reservation.model != NULL;
    struct reservations *made = mem_calloc(1, sizeof(*made) + count * sizeof(made->items[0]));
    if (!made)
        return error_no_memory(error);
    pthread_mutex_init(&made->mutex, NULL);
    for (size_t i = 0; i < config->tenant_count; i++) {
        const struct config_tenant *tenant = &config->tenants[i];
        if (!tenant->reservation.model)
            continue;
        made->items[made->count++] = (struct reservation){
            .all = made,
            .tenant = tenant,
            .input = (double)tenant->reservation.input_tpm,
            .output = (double)tenant->reservation.output_tpm,
        };
    }
    *reservations = made;
    return OK;
}

void reservations_free(struct reservations *reservations)
{
    if (!reservations)
        return;
    pthread_mutex_destroy(&reservations->mutex);
    mem_free(reservations);
}

struct reservation *reservation_find(struct reservations *reservations, const char *tenant, const char *model)
{
    for (size_t i = 0; i < reservations->count; i++) {
        struct reservation *reservation = &reservations->items[i];
        if (!strcmp(reservation->tenant->name, tenant) && !strcmp(reservation->tenant->reservation.model, model))
            return reservation;
    }
    return NULL;
}

static void fill(double *tokens, uint64_t per_minute, double us)
{
    double most = (double)per_minute;
    *tokens += most * us / MINUTE_US;
    if (*tokens > most)
        *tokens = most;
}

/* The mutex is held. */
static void fill_up(struct reservation *reservation, uint64_t now_us)
{
    double us = now_us > reservation->filled_us ? (double)(now_us - reservation->filled_us) : 0;
    fill(&reservation->input, reservation->tenant->reservation.input_tpm, us);
    fill(&reservation->output, reservation->tenant->reservation.output_tpm, us);
    reservation->filled_us = now_us;
}

bool reservation_has_room(struct reservation *reservation, uint64_t now_us)
{
    pthread_mutex_lock(&reservation->all->mutex);
    fill_up(reservation, now_us);
    bool has_room = reservation->input > 0 && reservation->output > 0;
    pthread_mutex_unlock(&reservation->all->mutex);
    return has_room;
}

void reservation_use(struct reservation *reservation, uint64_t input_tokens, uint64_t output_tokens, uint64_t now_us)
{
    pthread_mutex_lock(&reservation->all->mutex);
    fill_up(reservation, now_us);
    reservation->input -= (double)input_tokens;
    reservation->output -= (double)output_tokens;
    pthread_mutex_unlock(&reservation->all->mutex);
}
