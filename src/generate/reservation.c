/* reservation.c - see reservation.h: buckets, and one mutex for all of them. */
#include "generate/reservation.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/config_section.h"
#include "core/mem.h"

#define MINUTE_US 6e7
#define TPM_MAX UINT64_C(1000000000000)

/* --- the configuration -------------------------------------------------------------------------------- */

static const struct field fields[] = {
    {"model", FIELD_STRING, .is_required = true, FIELD_AT(reservation_config, model)},
    {"input_tpm", FIELD_COUNT, .is_required = true, FIELD_AT(reservation_config, input_tpm), .high = TPM_MAX},
    {"output_tpm", FIELD_COUNT, .is_required = true, FIELD_AT(reservation_config, output_tpm), .high = TPM_MAX},
};
static const struct field_table table = FIELD_TABLE(fields, struct reservation_config);

static bool has_model(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->model_count; i++)
        if (!strcmp(config->models[i].name, name))
            return true;
    return config->model_count == 0 && config_is_pair_name(str_of(name));
}

static enum error_code check(struct yaml_reader *reader, const struct config *config)
{
    char path[64];
    for (size_t i = 0; i < config->tenant_count; i++) {
        const char *model = reservation_config(&config->tenants[i])->model;
        if (!model || has_model(config, model))
            continue;
        snprintf(path, sizeof(path), "tenants[%zu].reservation.model", i);
        return yaml_fail_at(reader, path, "expected the name of a model of this file, got '%.100s'", model);
    }
    return OK;
}

const struct config_section reservation_section = {
    .name = "reservation", .place = CONFIG_OF_TENANT, .table = &table, .check = check};

const struct reservation_config *reservation_config(const struct config_tenant *tenant)
{
    return config_part(tenant->parts, &reservation_section);
}

/* --- the buckets --------------------------------------------------------------------------------------- */

struct reservation {
    struct reservations *all;
    const char *tenant;
    const struct reservation_config *config;
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
        count += reservation_config(&config->tenants[i])->model != NULL;
    struct reservations *made = mem_calloc(1, sizeof(*made) + count * sizeof(made->items[0]));
    if (!made)
        return error_no_memory(error);
    pthread_mutex_init(&made->mutex, NULL);
    for (size_t i = 0; i < config->tenant_count; i++) {
        const struct reservation_config *own = reservation_config(&config->tenants[i]);
        if (!own->model)
            continue;
        made->items[made->count++] = (struct reservation){
            .all = made,
            .tenant = config->tenants[i].name,
            .config = own,
            .input = (double)own->input_tpm,
            .output = (double)own->output_tpm,
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
        if (!strcmp(reservation->tenant, tenant) && !strcmp(reservation->config->model, model))
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
    fill(&reservation->input, reservation->config->input_tpm, us);
    fill(&reservation->output, reservation->config->output_tpm, us);
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
