/* config.c - see config.h. */
#include "keys/config.h"

#include <stdio.h>

#include "alarm/config.h"
#include "core/config_section.h"
#include "keys/subject.h"

static bool is_tag(struct str text)
{
    struct str key, value;
    return tag_split(text, &key, &value);
}

#define PERIODS(type)                                                                                           \
    {"day", FIELD_PICO, FIELD_AT(type, limits[BUDGET_DAY]), .low = 1, .high = BUDGET_MAX},                      \
    {"week", FIELD_PICO, FIELD_AT(type, limits[BUDGET_WEEK]), .low = 1, .high = BUDGET_MAX},                    \
    {"month", FIELD_PICO, FIELD_AT(type, limits[BUDGET_MONTH]), .low = 1, .high = BUDGET_MAX}

static const struct field tag_fields[] = {
    {"tag", FIELD_STRING, .is_required = true, FIELD_AT(budget_tag, tag), .check = is_tag,
     .expected = "KEY=VALUE, of letters, digits, spaces and _.:/+@-"},
    PERIODS(budget_tag),
};
static const struct field_table tag_table = FIELD_TABLE(tag_fields, struct budget_tag);

static const struct field fields[] = {
    PERIODS(budget_config),
    {"alert", FIELD_STRING, FIELD_AT(budget_config, alert)},
    {"tags", FIELD_OBJECTS, FIELD_LIST_AT(budget_config, tags, tag_count), .high = LIMIT_BUDGET_TAGS,
     .table = &tag_table},
};
static const struct field_table table = FIELD_TABLE(fields, struct budget_config);

static bool has_limit(const uint64_t limits[BUDGET_PERIODS])
{
    return limits[BUDGET_DAY] || limits[BUDGET_WEEK] || limits[BUDGET_MONTH];
}

static enum error_code check_tags(struct yaml_reader *reader, size_t tenant, const struct budget_config *budgets)
{
    char path[96];
    for (size_t i = 0; i < budgets->tag_count; i++) {
        (void)snprintf(path, sizeof(path), "tenants[%zu].budgets.tags[%zu].tag", tenant, i);
        if (!has_limit(budgets->tags[i].limits))
            return yaml_fail_at(reader, path, "expected day, week or month beside it, in dollars");
        for (size_t k = 0; k < i; k++)
            if (str_eq(str_of(budgets->tags[k].tag), str_of(budgets->tags[i].tag)))
                return yaml_fail_at(reader, path, "'%.100s' is there twice", budgets->tags[i].tag);
    }
    return OK;
}

static enum error_code check(struct yaml_reader *reader, const struct config *config)
{
    char path[64];
    enum error_code code = OK;
    for (size_t i = 0; code == OK && i < config->tenant_count; i++) {
        const struct budget_config *budgets = budget_config(&config->tenants[i]);
        (void)snprintf(path, sizeof(path), "tenants[%zu].budgets", i);
        if (budgets->alert && !has_limit(budgets->limits) && budgets->tag_count == 0)
            return yaml_fail_at(reader, path, "expected day, week, month or tags beside alert");
        (void)snprintf(path, sizeof(path), "tenants[%zu].budgets.alert", i);
        if (budgets->alert && !alarm_hook_of(alarm_config(config), str_of(budgets->alert)))
            return yaml_fail_at(reader, path, "expected one of alarms.actions, or an address that alarms.allowed has; "
                                "'%.200s' is neither", budgets->alert);
        code = check_tags(reader, i, budgets);
    }
    return code;
}

const struct config_section budgets_section = {
    .name = "budgets", .place = CONFIG_OF_TENANT, .table = &table, .check = check};

const struct budget_config *budget_config(const struct config_tenant *tenant)
{
    return config_part(tenant->parts, &budgets_section);
}
