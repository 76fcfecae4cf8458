/* config.c - see config.h. */
#include "alarm/config.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/config_section.h"

#define INTERVAL_MAX_MS (UINT64_C(3600) * 1000)

/* http:// or https:// with a host and without credentials. */
static bool is_url(struct str text)
{
    const bool is_tls = str_starts(text, STR("https://"));
    const struct str rest = str_slice(text, is_tls ? 8 : 7, text.len);
    const ptrdiff_t slash = str_find_char(rest, '/', 0);
    const struct str host = str_slice(rest, 0, slash < 0 ? rest.len : (size_t)slash);
    if (!is_tls && !str_starts(text, STR("http://")))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.data[i] <= ' ' || (unsigned char)text.data[i] >= 0x7f)
            return false;
    return host.len > 0 && str_find_char(host, '@', 0) < 0 && text.len <= LIMIT_ALARM_ACTION_BYTES;
}

static const struct field hook_fields[] = {
    {"url", FIELD_STRING, .is_required = true, FIELD_AT(alarm_hook, url), .check = is_url,
     .expected = "an address that begins with http:// or https://"},
    {"secret_file", FIELD_FILE, FIELD_AT(alarm_hook, secret_file)},
    {"secret_env", FIELD_STRING, FIELD_AT(alarm_hook, secret_env)},
};
static const struct field_table hook_table = FIELD_TABLE(hook_fields, struct alarm_hook);

/* A mapping whose keys are the actions: a table of fields is made of them. */
static enum error_code read_hooks(struct yaml_reader *reader, const yaml_node_t *node, struct alarm_config *config)
{
    size_t count = 0;
    const size_t most = (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
    struct field *fields = ARENA_ARRAY(reader->arena, struct field, most + 1);
    config->actions = ARENA_ARRAY(reader->arena, struct alarm_hook, most + 1);
    if (!fields || !config->actions)
        return error_no_memory(reader->error);
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&reader->document, pair->key);
        if (key->type != YAML_SCALAR_NODE || key->data.scalar.length == 0 ||
            key->data.scalar.length > LIMIT_ALARM_ACTION_BYTES)
            return yaml_fail_at(reader, reader->path, "expected ARNs of up to %d characters as keys",
                                LIMIT_ALARM_ACTION_BYTES);
        const char *name = arena_strdup(
            reader->arena, (struct str){(const char *)key->data.scalar.value, key->data.scalar.length});
        if (!name)
            return error_no_memory(reader->error);
        fields[count] = (struct field){name, FIELD_OBJECT, .offset = count * sizeof(struct alarm_hook),
                                       .table = &hook_table};
        config->actions[count++].action = name;
    }
    const struct field_table table = {fields, count, count * sizeof(struct alarm_hook)};
    config->action_count = count;
    return yaml_read_object(reader, node, &table, config->actions);
}

static enum error_code read_actions(struct yaml_reader *reader, const yaml_node_t *node, void *parent)
{
    struct alarm_config *config = parent;
    if (node->type != YAML_MAPPING_NODE)
        return yaml_fail_at(reader, reader->path, "expected a mapping from ARNs to {url, secret_file or secret_env}");
    if (node->data.mapping.pairs.top - node->data.mapping.pairs.start > LIMIT_ALARM_HOOKS)
        return yaml_fail_at(reader, reader->path, "expected at most %d actions", LIMIT_ALARM_HOOKS);
    return read_hooks(reader, node, config);
}

static const struct field fields[] = {
    {"interval", FIELD_MS, FIELD_AT(alarm_config, interval_ms), .low = 100, .high = INTERVAL_MAX_MS},
    {"retry", FIELD_MS, FIELD_AT(alarm_config, retry_ms), .low = 10, .high = INTERVAL_MAX_MS},
    {"actions", FIELD_CUSTOM, .custom = read_actions},
    {"allowed", FIELD_OBJECTS, FIELD_LIST_AT(alarm_config, allowed, allowed_count), .high = LIMIT_ALARM_HOOKS,
     .table = &hook_table},
};
static const struct field_table table = FIELD_TABLE(fields, struct alarm_config);
static const struct alarm_config defaults = {.interval_ms = 60000, .retry_ms = 1000};

static enum error_code check_secret(struct yaml_reader *reader, const char *path, const struct alarm_hook *hook)
{
    if (hook->secret_file && hook->secret_env)
        return yaml_fail_at(reader, path, "expected one of secret_file and secret_env");
    if (hook->secret_env && !getenv(hook->secret_env))
        return yaml_fail_at(reader, path, "the environment has no variable %.100s, which secret_env names",
                            hook->secret_env);
    return OK;
}

static enum error_code check(struct yaml_reader *reader, const struct config *config)
{
    const struct alarm_config *alarms = alarm_config(config);
    enum error_code code = OK;
    char path[64];
    for (size_t i = 0; code == OK && i < alarms->action_count; i++)
        code = check_secret(reader, "alarms.actions", &alarms->actions[i]);
    for (size_t i = 0; code == OK && i < alarms->allowed_count; i++) {
        (void)snprintf(path, sizeof(path), "alarms.allowed[%zu]", i);
        code = check_secret(reader, path, &alarms->allowed[i]);
    }
    return code;
}

const struct config_section alarms_section = {
    .name = "alarms", .table = &table, .defaults = &defaults, .check = check};

const struct alarm_config *alarm_config(const struct config *config)
{
    return config_part(config->parts, &alarms_section);
}

/* Where an allowed address ends, the one that is named must have an end of a part, too. */
static bool is_below(struct str action, struct str allowed)
{
    if (!str_starts(action, allowed))
        return false;
    return action.len == allowed.len || allowed.data[allowed.len - 1] == '/' || action.data[allowed.len] == '/' ||
           action.data[allowed.len] == '?';
}

const struct alarm_hook *alarm_hook_of(const struct alarm_config *config, struct str action)
{
    for (size_t i = 0; i < config->action_count; i++)
        if (str_eq(action, str_of(config->actions[i].action)))
            return &config->actions[i];
    for (size_t i = 0; is_url(action) && i < config->allowed_count; i++)
        if (is_below(action, str_of(config->allowed[i].url)))
            return &config->allowed[i];
    return NULL;
}
