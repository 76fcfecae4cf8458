/* keys.c - `fulcrum keys`: virtual keys and budgets, in the data directory of a server that runs or does not. A server
 * that runs sees within a second what was changed. Who may write into the data directory may do this; no port is
 * involved. With --endpoint keys_remote.c does the same by the server's API. keys_show.c says what there is. */
#include <stdio.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/data_dir.h"
#include "cmd/keys_remote.h"
#include "cmd/sections.h"
#include "core/util.h"

#define OUTPUT_MAX (64u << 20)

/* --- create ----------------------------------------------------------------------------------------- */

static enum error_code wish_budgets(struct keys_command *command, const struct keys_arguments *options,
                                    const struct subject *subject, struct budget_row rows[BUDGET_PERIODS],
                                    size_t *count, struct error *error)
{
    struct budget_wish wish = {.subject = *subject, .alert = str_of(options->alert)};
    for (int i = 0; i < BUDGET_PERIODS; i++)
        wish.amounts[i] = str_of(options->amounts[i]);
    return budgets_from_wish(&wish, &command->config, rows, count, error);
}

static enum error_code create(struct keys_command *command, const struct keys_arguments *options, struct error *error)
{
    struct budget_row budgets[BUDGET_PERIODS];
    struct keys_wish wish;
    struct key_secret secret;
    struct key_row row;
    char access[KEY_ACCESS_SECRET_LEN + 1];
    uint8_t master[KEY_MASTER_LEN];
    size_t count = 0;
    enum error_code code = keys_options_wish(options, &wish, error);
    if (code == OK)
        code = key_from_wish(&wish.wish, &command->config, clock_wall_us(), &command->arena, &secret, &row, error);
    const struct subject subject = {SUBJECT_KEY, STR(""), str_of(secret.id)};
    if (code == OK)
        code = wish_budgets(command, options, &subject, budgets, &count, error);
    if (code == OK)
        code = key_store_master(command->store, master, error);
    if (code == OK)
        code = key_store_add(command->store, &row, budgets, count, error);
    if (code != OK)
        return code;
    key_access_secret(master, row.id, access);
    keys_show_new(command, &row, str_of(secret.token), str_of(access));
    return OK;
}

/* --- revoke, budget --------------------------------------------------------------------------------- */

static enum error_code find(struct keys_command *command, const struct keys_arguments *options, struct key_row *key,
                            struct error *error)
{
    const struct str tenant = options->tenant ? str_of(options->tenant) : (struct str){NULL, 0};
    return key_store_find(command->store, str_of(options->what), tenant, &command->arena, key, error);
}

static enum error_code revoke_key(struct keys_command *command, const struct keys_arguments *options,
                                  struct error *error)
{
    struct key_row key;
    enum error_code code = find(command, options, &key, error);
    if (code == OK)
        code = key_store_revoke(command->store, key.id, clock_wall_us(), error);
    if (code == OK)
        keys_show_revoked(command, &key);
    return code;
}

static enum error_code find_subject(struct keys_command *command, const struct keys_arguments *options,
                                    struct subject *subject, struct error *error)
{
    struct key_row key;
    *subject = (struct subject){SUBJECT_TENANT, str_of(options->tenant), STR("")};
    if (options->what) {
        const enum error_code code = find(command, options, &key, error);
        *subject = (struct subject){SUBJECT_KEY, STR(""), key.id};
        return code;
    }
    if (options->tag)
        *subject = (struct subject){SUBJECT_TAG, options->tenant ? str_of(options->tenant) : STR(""),
                                    str_of(options->tag)};
    return options->tenant ? key_check_tenant(str_of(options->tenant), &command->config, error) : OK;
}

static enum error_code set_budget(struct keys_command *command, const struct keys_arguments *options,
                                  struct error *error)
{
    struct budget_row rows[BUDGET_PERIODS];
    struct subject subject;
    size_t count = 0;
    enum error_code code = find_subject(command, options, &subject, error);
    if (code == OK)
        code = wish_budgets(command, options, &subject, rows, &count, error);
    if (code == OK && count > 0)
        code = key_store_set_budgets(command->store, rows, count, error);
    return code == OK ? keys_show_budgets(command, &subject, error) : code;
}

/* --- one command ------------------------------------------------------------------------------------ */

static enum error_code run(struct keys_command *command, const struct keys_arguments *options, struct error *error)
{
    enum error_code code = config_load(config_find(options->config), program_sections, &command->config, error);
    if (code != OK)
        return code;
    command->has_config = true;
    if (options->data)
        command->config.data = options->data;
    code = data_dir_make(command->config.data, error);
    if (code == OK)
        code = key_store_open(command->config.data, &command->store, error);
    if (code != OK)
        return code;
    if (!strcmp(options->verb, "create"))
        return create(command, options, error);
    if (!strcmp(options->verb, "revoke"))
        return revoke_key(command, options, error);
    if (!strcmp(options->verb, "budget"))
        return set_budget(command, options, error);
    return keys_show_list(command, options->tenant ? str_of(options->tenant) : (struct str){NULL, 0}, error);
}

int cmd_keys(int argc, char **argv)
{
    struct keys_command command = {0};
    struct keys_arguments options;
    struct error error;
    int status;
    if (!keys_options_parse(argc, argv, &options, &status))
        return status;
    command.is_json = options.is_json;
    arena_init(&command.arena, 0);
    buf_init(&command.out, OUTPUT_MAX);
    const enum error_code code =
        options.endpoint ? keys_remote(&command, &options, &error) : run(&command, &options, &error);
    key_store_close(command.store);
    arena_deinit(&command.arena);
    const bool is_usage = !options.endpoint && (!command.has_config || code == ERROR_INVALID);
    if (command.has_config)
        config_deinit(&command.config);
    if (code == OK)
        return cmd_finish("keys", &command.out);
    buf_deinit(&command.out);
    return cmd_fail("keys", &error, is_usage ? CMD_USAGE : CMD_FAILED);
}
