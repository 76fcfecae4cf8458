/* config_tiers.c - see config_tiers.h. */
#include "core/config_tiers.h"

#include <stdio.h>
#include <string.h>

#define QUEUE_MAX 1000000
#define DEADLINE_MAX_MS (UINT64_C(24) * 3600 * 1000)
#define TPM_MAX UINT64_C(1000000000000)
#define OBJECTIVE_MAX 100.0

#define AT(type, member) .offset = offsetof(struct type, member)

static const struct field tier_fields[] = {
    {"queue", FIELD_COUNT, AT(config_tier, queue), .low = 1, .high = QUEUE_MAX},
    {"deadline", FIELD_MS, AT(config_tier, deadline_ms), .low = 1, .high = DEADLINE_MAX_MS},
};
static const struct field_table tier_table = FIELD_TABLE(tier_fields, struct config_tier);

/* A table of FIELD_OBJECT lies over the struct that holds the key. */
static enum error_code read_priority(struct yaml_reader *reader, const yaml_node_t *node, void *parent)
{
    return yaml_read_object(reader, node, &tier_table, &((struct config *)parent)->tiers[TIER_PRIORITY]);
}

static enum error_code read_default(struct yaml_reader *reader, const yaml_node_t *node, void *parent)
{
    return yaml_read_object(reader, node, &tier_table, &((struct config *)parent)->tiers[TIER_DEFAULT]);
}

static enum error_code read_flex(struct yaml_reader *reader, const yaml_node_t *node, void *parent)
{
    return yaml_read_object(reader, node, &tier_table, &((struct config *)parent)->tiers[TIER_FLEX]);
}

static const char *const shares[] = {
    [CONFIG_SHARE_STRICT] = "strict", [CONFIG_SHARE_OBJECTIVE] = "objective", NULL};

static const struct field tiers_fields[] = {
    {"share", FIELD_CHOICE, AT(config, tier_share), .choices = shares},
    {"objective", FIELD_REAL, AT(config, tier_objective)},
    {"priority", FIELD_CUSTOM, .custom = read_priority},
    {"default", FIELD_CUSTOM, .custom = read_default},
    {"flex", FIELD_CUSTOM, .custom = read_flex},
};
const struct field_table config_tiers_table = FIELD_TABLE(tiers_fields, struct config);

static const struct field reservation_fields[] = {
    {"model", FIELD_STRING, .is_required = true, AT(config_reservation, model)},
    {"input_tpm", FIELD_COUNT, .is_required = true, AT(config_reservation, input_tpm), .high = TPM_MAX},
    {"output_tpm", FIELD_COUNT, .is_required = true, AT(config_reservation, output_tpm), .high = TPM_MAX},
};
const struct field_table config_reservation_table = FIELD_TABLE(reservation_fields, struct config_reservation);

static bool has_model(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->model_count; i++)
        if (!strcmp(config->models[i].name, name))
            return true;
    return config->model_count == 0 && config_is_embedded_name(str_of(name));
}

enum error_code config_tiers_check(struct yaml_reader *reader, const struct config *config)
{
    char path[64];
    if (config->tier_objective != 0 && (config->tier_objective < 1 || config->tier_objective > OBJECTIVE_MAX))
        return yaml_fail_at(reader, "tiers.objective", "expected 1 to %g: times the unloaded time per output token",
                            OBJECTIVE_MAX);
    for (size_t i = 0; i < config->tenant_count; i++) {
        const struct config_reservation *reservation = &config->tenants[i].reservation;
        if (!reservation->model || has_model(config, reservation->model))
            continue;
        snprintf(path, sizeof(path), "tenants[%zu].reservation.model", i);
        return yaml_fail_at(reader, path, "expected the name of a model of this file, got '%.100s'",
                            reservation->model);
    }
    return OK;
}
