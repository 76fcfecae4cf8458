/* keys_show.c - keys and budgets as lines for people, and as JSON. See keys_show.h. */
#include "cmd/keys_show.h"

#include "core/json.h"
#include "core/util.h"
#include "keys/config.h"
#include "keys/tally.h"

static const char *state_of(const struct key_row *key)
{
    if (key->revoked_us)
        return "revoked";
    return key->expires_us && clock_wall_us() >= key->expires_us ? "expired" : "active";
}

/* --- a new key -------------------------------------------------------------------------------------- */

void keys_show_new(struct keys_command *command, const struct key_row *key, struct str token, struct str access)
{
    struct buf *out = &command->out;
    if (!command->is_json) {
        buf_appendf(out, "id       " STR_FMT "  (" STR_FMT ", tenant " STR_FMT ")\n", STR_ARG(key->id),
                    STR_ARG(key->name), STR_ARG(key->tenant));
        buf_appendf(out, "key      " STR_FMT "\n", STR_ARG(token));
        buf_appendf(out, "as an access key pair\n         AWS_ACCESS_KEY_ID=" STR_FMT
                         "\n         AWS_SECRET_ACCESS_KEY=" STR_FMT "\n", STR_ARG(key->id), STR_ARG(access));
        buf_append_text(out, "The key is kept as a hash alone: this is the only time that it is shown.\n");
        return;
    }
    buf_append_text(out, "{\"id\":");
    buf_append_json(out, key->id);
    (void)json_append_member(out, "name", key->name);
    (void)json_append_member(out, "tenant", key->tenant);
    (void)json_append_member(out, "key", token);
    (void)json_append_member(out, "accessKeyId", key->id);
    (void)json_append_member(out, "secretAccessKey", access);
    (void)json_append_time_member(out, "expiresAt", key->expires_us);
    buf_append_text(out, "}\n");
}

void keys_show_revoked(struct keys_command *command, const struct key_row *key)
{
    if (command->is_json)
        buf_appendf(&command->out, "{\"id\":\"" STR_FMT "\",\"state\":\"revoked\"}\n", STR_ARG(key->id));
    else
        buf_appendf(&command->out, "%s " STR_FMT " (" STR_FMT ")\n", key->revoked_us ? "was revoked:" : "revoked",
                    STR_ARG(key->id), STR_ARG(key->name));
}

/* --- budgets ---------------------------------------------------------------------------------------- */

static enum error_code add(struct keys_budgets *list, const struct budget_row *row, enum account_source source,
                           struct error *error)
{
    void *items = list->items;
    if (row->limit == 0)
        return OK;
    if (!mem_grow(&items, list->count, &list->cap, sizeof(*list->items)))
        return error_no_memory(error);
    list->items = items;
    const struct window window = window_at(row->period, window_day(clock_wall_us()));
    list->items[list->count++] = (struct keys_budget){
        .row = *row, .source = source, .window = window, .resets_us = window_end_us(&window)};
    return OK;
}

static enum error_code add_limits(struct keys_budgets *list, const struct subject *subject, const uint64_t *limits,
                                  const char *alert, struct error *error)
{
    enum error_code code = OK;
    for (int i = 0; code == OK && i < BUDGET_PERIODS; i++) {
        const struct budget_row row = {*subject, (enum budget_period)i, limits[i], str_of(alert)};
        code = add(list, &row, ACCOUNT_OF_FILE, error);
    }
    return code;
}

static enum error_code add_configured(const struct config *config, struct keys_budgets *list, struct error *error)
{
    enum error_code code = OK;
    for (size_t i = 0; code == OK && i < config->tenant_count; i++) {
        const struct budget_config *budgets = budget_config(&config->tenants[i]);
        const struct subject own = {SUBJECT_TENANT, str_of(config->tenants[i].name), STR("")};
        code = add_limits(list, &own, budgets->limits, budgets->alert, error);
        for (size_t k = 0; code == OK && k < budgets->tag_count; k++) {
            const struct subject tag = {SUBJECT_TAG, own.tenant, str_of(budgets->tags[k].tag)};
            code = add_limits(list, &tag, budgets->tags[k].limits, budgets->alert, error);
        }
    }
    return code;
}

static enum error_code find_spent(struct keys_command *command, struct keys_budgets *list, struct error *error)
{
    struct tally *tally = NULL;
    struct subject *subjects = ARENA_ARRAY(&command->arena, struct subject, list->count + 1);
    struct window *windows = ARENA_ARRAY(&command->arena, struct window, list->count + 1);
    ledger_sum *spent = ARENA_ARRAY(&command->arena, ledger_sum, list->count + 1);
    if (!subjects || !windows || !spent)
        return error_no_memory(error);
    for (size_t i = 0; i < list->count; i++) {
        subjects[i] = list->items[i].row.subject;
        windows[i] = list->items[i].window;
    }
    enum error_code code = tally_open(command->config.data, command->store, &tally, error);
    if (code == ERROR_NOT_FOUND)
        return OK; /* no ledger so far: nothing was spent */
    if (code == OK)
        code = tally_read(tally, subjects, windows, spent, list->count, clock_wall_us(), error);
    for (size_t i = 0; code == OK && i < list->count; i++)
        list->items[i].spent = spent[i];
    tally_close(tally);
    return code;
}

static enum error_code read_budgets(struct keys_command *command, struct keys_budgets *list, struct error *error)
{
    struct budget_row *rows;
    size_t count;
    enum error_code code = add_configured(&command->config, list, error);
    if (code == OK)
        code = key_store_budgets(command->store, &command->arena, &rows, &count, error);
    for (size_t i = 0; code == OK && i < count; i++)
        code = add(list, &rows[i], ACCOUNT_OF_STORE, error);
    return code == OK ? find_spent(command, list, error) : code;
}

static void append_budget_text(struct buf *out, const struct keys_budget *shown)
{
    char limit[DOLLARS_TEXT], spent[DOLLARS_TEXT], end[TIMESTAMP_LEN + 1];
    buf_append_text(out, "  ");
    subject_append(out, &shown->row.subject);
    clock_iso8601(shown->resets_us, end);
    buf_appendf(out, ": $%s a %s, $%s spent, begins again %.16sZ%s\n", dollars_text(shown->row.limit, limit),
                budget_period_names[shown->row.period], dollars_text(shown->spent, spent), end,
                shown->source == ACCOUNT_OF_FILE ? "  (fulcrum.yaml)" : "");
}

static void append_budget_json(struct buf *out, const struct keys_budget *shown)
{
    char limit[DOLLARS_TEXT], spent[DOLLARS_TEXT];
    const struct subject *subject = &shown->row.subject;
    buf_appendf(out, "{\"of\":\"%s\"", subject_kind_names[subject->kind]);
    (void)json_append_member(out, "tenant", subject->tenant);
    (void)json_append_member(out, "name", subject->name);
    buf_appendf(out, ",\"period\":\"%s\",\"limitDollars\":\"%s\",\"spentDollars\":\"%s\"",
                budget_period_names[shown->row.period], dollars_text(shown->row.limit, limit),
                dollars_text(shown->spent, spent));
    (void)json_append_time_member(out, "resetsAt", shown->resets_us);
    if (shown->row.alert.len > 0)
        (void)json_append_member(out, "alert", shown->row.alert);
    (void)json_append_member(out, "source", str_of(account_source_names[shown->source]));
    buf_append_char(out, '}');
}

static void append_budgets(struct keys_command *command, const struct keys_budgets *list,
                           bool (*is_wanted)(const struct keys_budget *shown, const void *ctx), const void *ctx)
{
    bool has_one = false;
    for (size_t i = 0; i < list->count; i++) {
        if (!is_wanted(&list->items[i], ctx))
            continue;
        if (!command->is_json) {
            append_budget_text(&command->out, &list->items[i]);
            continue;
        }
        buf_append_text(&command->out, has_one ? ",\n  " : "\n  ");
        append_budget_json(&command->out, &list->items[i]);
        has_one = true;
    }
}

static bool is_of_subject(const struct keys_budget *shown, const void *ctx)
{
    return subject_eq(&shown->row.subject, ctx);
}

void keys_show_subject(struct keys_command *command, const struct keys_budgets *budgets, const struct subject *subject)
{
    buf_append_text(&command->out, command->is_json ? "{\"budgets\":[" : "");
    append_budgets(command, budgets, is_of_subject, subject);
    buf_append_text(&command->out, command->is_json ? "]}\n" : "");
    if (command->out.len == 0)
        buf_append_text(&command->out, "no budget\n");
}

enum error_code keys_show_budgets(struct keys_command *command, const struct subject *subject, struct error *error)
{
    struct keys_budgets list = {.count = 0};
    const enum error_code code = read_budgets(command, &list, error);
    if (code == OK)
        keys_show_subject(command, &list, subject);
    mem_free(list.items);
    return code;
}

/* --- the list --------------------------------------------------------------------------------------- */

static void append_key_text(struct buf *out, const struct key_row *key)
{
    char end[TIMESTAMP_LEN + 1];
    buf_appendf(out, STR_FMT "  " STR_FMT "  tenant " STR_FMT "  ..." STR_FMT "  %s", STR_ARG(key->id),
                STR_ARG(key->name), STR_ARG(key->tenant), STR_ARG(key->hint), state_of(key));
    if (key->expires_us && !key->revoked_us) {
        clock_iso8601(key->expires_us, end);
        buf_appendf(out, "  until %.16sZ", end);
    }
    if (key->requests)
        buf_appendf(out, "  %llu requests a minute", (unsigned long long)key->requests);
    if (key->tokens)
        buf_appendf(out, "  %llu tokens a minute", (unsigned long long)key->tokens);
    if (key->models.len > 2)
        buf_appendf(out, "  models " STR_FMT, STR_ARG(key->models));
    if (key->tags.len > 2)
        buf_appendf(out, "  tags " STR_FMT, STR_ARG(key->tags));
    buf_append_char(out, '\n');
}

static void append_key_json(struct buf *out, const struct key_row *key)
{
    buf_append_text(out, "{\"id\":");
    buf_append_json(out, key->id);
    (void)json_append_member(out, "name", key->name);
    (void)json_append_member(out, "tenant", key->tenant);
    (void)json_append_member(out, "hint", key->hint);
    (void)json_append_member(out, "state", str_of(state_of(key)));
    buf_appendf(out, ",\"models\":" STR_FMT ",\"tags\":" STR_FMT ",\"requestsPerMinute\":%llu,\"tokensPerMinute\":%llu",
                STR_ARG(key->models), STR_ARG(key->tags), (unsigned long long)key->requests,
                (unsigned long long)key->tokens);
    (void)json_append_time_member(out, "createdAt", key->created_us);
    (void)json_append_time_member(out, "expiresAt", key->expires_us);
    (void)json_append_time_member(out, "revokedAt", key->revoked_us);
    buf_append_char(out, '}');
}

struct wanted {
    struct str tenant; /* data NULL: everybody's */
    const struct key_row *keys;
    size_t key_count;
};

static bool is_wanted(const struct keys_budget *shown, const void *ctx)
{
    const struct wanted *wanted = ctx;
    const struct subject *subject = &shown->row.subject;
    if (!wanted->tenant.data)
        return true;
    for (size_t i = 0; subject->kind == SUBJECT_KEY && i < wanted->key_count; i++)
        if (str_eq(wanted->keys[i].id, subject->name))
            return str_eq(wanted->keys[i].tenant, wanted->tenant);
    return str_eq(subject->tenant, wanted->tenant);
}

static void append_keys(struct keys_command *command, const struct wanted *wanted)
{
    bool has_one = false;
    for (size_t i = 0; i < wanted->key_count; i++) {
        if (wanted->tenant.data && !str_eq(wanted->keys[i].tenant, wanted->tenant))
            continue;
        if (!command->is_json) {
            append_key_text(&command->out, &wanted->keys[i]);
            continue;
        }
        buf_append_text(&command->out, has_one ? ",\n  " : "\n  ");
        append_key_json(&command->out, &wanted->keys[i]);
        has_one = true;
    }
}

void keys_show_rows(struct keys_command *command, const struct key_row *keys, size_t count,
                    const struct keys_budgets *budgets, struct str tenant)
{
    const struct wanted wanted = {tenant, keys, count};
    buf_append_text(&command->out, command->is_json ? "{\"keys\":[" : "");
    append_keys(command, &wanted);
    buf_append_text(&command->out, command->is_json ? "],\n\"budgets\":[" : budgets->count > 0 ? "budgets\n" : "");
    append_budgets(command, budgets, is_wanted, &wanted);
    buf_append_text(&command->out, command->is_json ? "]}\n" : "");
}

enum error_code keys_show_list(struct keys_command *command, struct str tenant, struct error *error)
{
    struct keys_budgets list = {.count = 0};
    struct key_row *keys;
    size_t count;
    enum error_code code = key_store_keys(command->store, &command->arena, &keys, &count, error);
    if (code == OK)
        code = read_budgets(command, &list, error);
    if (code == OK)
        keys_show_rows(command, keys, count, &list, tenant);
    mem_free(list.items);
    return code;
}
