/* make.c - see make.h. */
#include "keys/make.h"

#include "alarm/config.h"
#include "core/config_section.h"
#include "core/config_values.h"
#include "core/limits.h"
#include "keys/config.h"

#define NAME_MAX_LEN 64
#define PER_MINUTE_MAX UINT64_C(1000000000000)
#define YEARS_MAX_US (UINT64_C(100) * 366 * WINDOW_DAY_US)
#define DEFAULT_TENANT "default"

/* --- names ------------------------------------------------------------------------------------------ */

enum error_code key_check_tenant(struct str tenant, const struct config *config, struct error *error)
{
    if (!config_is_made_of(tenant, "._-", NAME_MAX_LEN))
        return error_set(error, ERROR_INVALID, "tenant: expected a name of up to %d letters, digits and ._-",
                         NAME_MAX_LEN);
    for (size_t i = 0; i < config->tenant_count; i++)
        if (str_eq(tenant, str_of(config->tenants[i].name)))
            return OK;
    return config->tenant_count == 0
               ? OK
               : error_set(error, ERROR_INVALID, "tenant: '" STR_FMT "' is not among the tenants of fulcrum.yaml",
                           STR_ARG(tenant));
}

/* --- when it ends ----------------------------------------------------------------------------------- */

static bool parse_span(struct str text, uint64_t *us)
{
    uint64_t ms, days;
    if (str_ends(text, STR("d")) && str_to_u64(str_slice(text, 0, text.len - 1), &days) &&
        days <= YEARS_MAX_US / WINDOW_DAY_US) {
        *us = days * WINDOW_DAY_US;
        return days > 0;
    }
    if (text.len == 0 || (text.data[text.len - 1] >= '0' && text.data[text.len - 1] <= '9') ||
        !config_parse_duration(text, &ms) || ms > YEARS_MAX_US / 1000)
        return false;
    *us = ms * 1000;
    return ms > 0;
}

static enum error_code parse_expiry(struct str text, uint64_t now_us, uint64_t *expires_us, struct error *error)
{
    uint64_t span_us;
    *expires_us = 0;
    if (text.len == 0)
        return OK;
    if (parse_span(text, &span_us)) {
        *expires_us = now_us + span_us;
        return OK;
    }
    if (!clock_parse(text, expires_us))
        return error_set(error, ERROR_INVALID,
                         "expires: expected a time from now such as 12h or 30d, or a date such as 2027-01-31");
    return *expires_us > now_us && *expires_us - now_us <= YEARS_MAX_US
               ? OK
               : error_set(error, ERROR_INVALID, "expires: is not within the next hundred years");
}

/* --- lists ------------------------------------------------------------------------------------------ */

static enum error_code append_models(struct buf *out, const struct key_wish *wish, struct error *error)
{
    if (wish->model_count > LIMIT_KEY_MODELS)
        return error_set(error, ERROR_INVALID, "models: %d are the most; use patterns with *", LIMIT_KEY_MODELS);
    buf_append_char(out, '[');
    for (size_t i = 0; i < wish->model_count; i++) {
        if (!config_is_model_pattern(wish->models[i]))
            return error_set(error, ERROR_INVALID, "models[%zu]: expected " CONFIG_MODEL_PATTERN_EXPECTED, i);
        if (i > 0)
            buf_append_char(out, ',');
        buf_append_json(out, wish->models[i]);
    }
    buf_append_char(out, ']');
    return OK;
}

static enum error_code append_tags(struct buf *out, const struct key_wish *wish, struct error *error)
{
    if (wish->tag_count > LIMIT_KEY_TAGS)
        return error_set(error, ERROR_INVALID, "tags: %d are the most", LIMIT_KEY_TAGS);
    buf_append_char(out, '{');
    for (size_t i = 0; i < wish->tag_count; i++) {
        const struct key_tag *tag = &wish->tags[i];
        if (!tag_is_key(tag->key) || !tag_is_value(tag->value))
            return error_set(error, ERROR_INVALID, "tags: expected keys and values of letters, digits, spaces and "
                                                   "_.:/+@-, up to %d and %d bytes", TAG_KEY_MAX, TAG_VALUE_MAX);
        for (size_t k = 0; k < i; k++)
            if (str_eq(wish->tags[k].key, tag->key))
                return error_set(error, ERROR_INVALID, "tags: '" STR_FMT "' is there twice", STR_ARG(tag->key));
        if (i > 0)
            buf_append_char(out, ',');
        buf_append_json(out, tag->key);
        buf_append_char(out, ':');
        buf_append_json(out, tag->value);
    }
    buf_append_char(out, '}');
    return OK;
}

static enum error_code write_list(enum error_code (*append)(struct buf *out, const struct key_wish *wish,
                                                            struct error *error),
                                  const struct key_wish *wish, struct arena *arena, struct str *text,
                                  struct error *error)
{
    struct buf out;
    buf_init(&out, 1u << 20);
    enum error_code code = append(&out, wish, error);
    if (code == OK && (out.failed || !arena_str(arena, buf_str(&out), text)))
        code = error_no_memory(error);
    buf_deinit(&out);
    return code;
}

/* --- keys ------------------------------------------------------------------------------------------- */

static enum error_code fill_names(const struct key_wish *wish, const struct config *config, struct arena *arena,
                                  struct key_row *row, struct error *error)
{
    const struct str tenant = wish->tenant.len > 0 ? wish->tenant : STR(DEFAULT_TENANT);
    const struct str name =
        wish->name.len > 0 ? wish->name : arena_printf(arena, "key-" STR_FMT, STR_ARG(row->hint));
    if (!config_is_made_of(name, " ._-@/:", NAME_MAX_LEN) || key_is_id(name))
        return error_set(error, ERROR_INVALID, "name: expected up to %d letters, digits, spaces and ._-@/:",
                         NAME_MAX_LEN);
    if (!arena_str(arena, name, &row->name) || !arena_str(arena, tenant, &row->tenant))
        return error_no_memory(error);
    return key_check_tenant(tenant, config, error);
}

enum error_code key_from_wish(const struct key_wish *wish, const struct config *config, uint64_t now_us,
                              struct arena *arena, struct key_secret *secret, struct key_row *row,
                              struct error *error)
{
    key_make(secret);
    *row = (struct key_row){
        .requests = wish->requests,
        .tokens = wish->tokens,
        .created_us = now_us,
    };
    if (!arena_str(arena, str_of(secret->id), &row->id) || !arena_str(arena, str_of(secret->hash), &row->hash) ||
        !arena_str(arena, str_of(secret->hint), &row->hint))
        return error_no_memory(error);
    enum error_code code = fill_names(wish, config, arena, row, error);
    if (code == OK && (wish->requests > PER_MINUTE_MAX || wish->tokens > PER_MINUTE_MAX))
        code = error_set(error, ERROR_INVALID, "requests and tokens a minute: %llu are the most",
                         (unsigned long long)PER_MINUTE_MAX);
    if (code == OK)
        code = parse_expiry(wish->expires, now_us, &row->expires_us, error);
    if (code == OK)
        code = write_list(append_models, wish, arena, &row->models, error);
    return code == OK ? write_list(append_tags, wish, arena, &row->tags, error) : code;
}

/* --- budgets ---------------------------------------------------------------------------------------- */

static enum error_code parse_amount(struct str text, enum budget_period period, uint64_t *limit, struct error *error)
{
    const char *name = budget_period_names[period];
    if (!config_parse_pico(text, limit))
        return error_set(error, ERROR_INVALID, "%s: expected dollars, such as 5 or 0.25; 0 takes the budget away",
                         name);
    return *limit <= BUDGET_MAX ? OK
                                : error_set(error, ERROR_INVALID, "%s: a million dollars are the most", name);
}

enum error_code budgets_from_wish(const struct budget_wish *wish, const struct config *config,
                                  struct budget_row rows[BUDGET_PERIODS], size_t *count, struct error *error)
{
    struct str key, value;
    enum error_code code = OK;
    *count = 0;
    if (wish->subject.kind == SUBJECT_TAG && !tag_split(wish->subject.name, &key, &value))
        return error_set(error, ERROR_INVALID, "tag: expected KEY=VALUE, of letters, digits, spaces and _.:/+@-");
    if (wish->alert.len > 0 && !alarm_hook_of(alarm_config(config), wish->alert))
        return error_set(error, ERROR_INVALID,
                         "alert: expected one of alarms.actions in fulcrum.yaml, or an address that alarms.allowed "
                         "has");
    for (int i = 0; code == OK && i < BUDGET_PERIODS; i++) {
        if (!wish->amounts[i].data)
            continue;
        struct budget_row *row = &rows[(*count)++];
        *row = (struct budget_row){wish->subject, (enum budget_period)i, 0, wish->alert};
        code = parse_amount(wish->amounts[i], row->period, &row->limit, error);
    }
    return code;
}
