/* keys.c - `fulcrum keys`: virtual keys and budgets, in the data directory of a server that runs or does not. A server
 * that runs sees within a second what was changed. Who may write into the data directory may do this; no port is
 * involved. keys_show.c says what there is. */
#include <stdio.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/data_dir.h"
#include "cmd/keys_show.h"
#include "cmd/sections.h"
#include "core/limits.h"
#include "core/util.h"

#define OUTPUT_MAX (64u << 20)

static const char usage[] =
    "usage: fulcrum keys create [NAME] [options]   makes an API key, and shows it this once\n"
    "       fulcrum keys list                  keys, what they may ask, what they spent; then budgets\n"
    "       fulcrum keys revoke KEY            by its ID or its name\n"
    "       fulcrum keys budget KEY [--day D]  what a key may spend; also --tenant NAME and --tag KEY=VALUE\n"
    "  --tenant NAME       whose the key is, the budget is of, or the list is about; default\n"
    "  --expires WHEN      12h, 30d, or a date or time in UTC; never\n"
    "  --models ID,ID      IDs, names, routers and patterns with * that the key may ask for; all\n"
    "  --rpm N, --tpm N    requests and tokens a minute\n"
    "  --tags K=V,K=V      that its requests count for\n"
    "  --tag K=V           of keys budget: requests with this tag, of all tenants or of --tenant\n"
    "  --day D, --week D, --month D   dollars, from midnight, Monday and the first, UTC; 0: no budget any more\n"
    "  --alert ACTION      one of alarms.actions: where to say that 80 and 100% are spent\n"
    "  --json              as JSON\n"
    "  --data DIR          the server's data directory; --config FILE the configuration that names it\n"
    "Exit status: 0 done, 1 failed, 2 wrong usage.\n";

struct options {
    const char *verb, *what;
    const char *config, *data, *tenant, *expires, *models, *rpm, *tpm, *tags, *tag, *alert;
    const char *amounts[BUDGET_PERIODS];
    bool is_json;
};

static bool parse_options(int argc, char **argv, struct options *options, int *status)
{
    const struct cmd_option known[] = {
        {"config", .value = &options->config}, {"data", .value = &options->data},
        {"tenant", .value = &options->tenant}, {"expires", .value = &options->expires},
        {"models", .value = &options->models}, {"rpm", .value = &options->rpm},
        {"tpm", .value = &options->tpm},       {"tags", .value = &options->tags},
        {"tag", .value = &options->tag},       {"alert", .value = &options->alert},
        {"day", .value = &options->amounts[BUDGET_DAY]},
        {"week", .value = &options->amounts[BUDGET_WEEK]},
        {"month", .value = &options->amounts[BUDGET_MONTH]},
        {"name", .value = &options->what},     {"json", .flag = &options->is_json},
    };
    *options = (struct options){0};
    if (!cmd_read_options(argc, argv, usage, known, sizeof(known) / sizeof(known[0]), status))
        return false;
    *status = CMD_USAGE;
    options->verb = optind < argc ? argv[optind++] : NULL;
    if (optind < argc)
        options->what = argv[optind++];
    return cmd_no_arguments(argc, argv, usage);
}

static bool has_amount(const struct options *options)
{
    return options->amounts[BUDGET_DAY] || options->amounts[BUDGET_WEEK] || options->amounts[BUDGET_MONTH];
}

static bool is_right_usage(const struct options *options)
{
    const bool has_wish = options->expires || options->models || options->rpm || options->tpm || options->tags;
    if (!options->verb)
        return false;
    if (!strcmp(options->verb, "create"))
        return !options->tag;
    if (has_wish)
        return false;
    if (!strcmp(options->verb, "list"))
        return !options->what && !options->tag && !has_amount(options) && !options->alert;
    if (!strcmp(options->verb, "revoke"))
        return options->what && !options->tag && !has_amount(options) && !options->alert;
    return !strcmp(options->verb, "budget") && (has_amount(options) || !options->alert) &&
           (options->what ? !options->tag : options->tag || options->tenant);
}

/* --- create ----------------------------------------------------------------------------------------- */

static enum error_code parse_count(const char *text, const char *name, uint64_t *value, struct error *error)
{
    *value = 0;
    if (!text || (str_to_u64(str_of(text), value) && *value > 0))
        return OK;
    return error_set(error, ERROR_INVALID, "--%s: expected a number above 0", name);
}

/* The parts between commas. */
static enum error_code split(const char *text, const char *name, struct str parts[], size_t most, size_t *count,
                             struct error *error)
{
    struct str rest = str_of(text), part;
    *count = 0;
    while (str_split(&rest, ',', &part)) {
        if (*count == most)
            return error_set(error, ERROR_INVALID, "--%s: %zu are the most", name, most);
        parts[(*count)++] = str_trim(part);
    }
    return OK;
}

static enum error_code split_tags(const char *text, struct key_tag tags[], size_t *count, struct error *error)
{
    struct str parts[LIMIT_KEY_TAGS];
    enum error_code code = split(text, "tags", parts, LIMIT_KEY_TAGS, count, error);
    for (size_t i = 0; code == OK && i < *count; i++)
        if (!tag_split(parts[i], &tags[i].key, &tags[i].value))
            code = error_set(error, ERROR_INVALID,
                             "--tags: expected KEY=VALUE, of letters, digits, spaces and _.:/+@-");
    return code;
}

static enum error_code wish_budgets(struct keys_command *command, const struct options *options,
                                    const struct subject *subject, struct budget_row rows[BUDGET_PERIODS],
                                    size_t *count, struct error *error)
{
    struct budget_wish wish = {.subject = *subject, .alert = str_of(options->alert)};
    for (int i = 0; i < BUDGET_PERIODS; i++)
        wish.amounts[i] = str_of(options->amounts[i]);
    return budgets_from_wish(&wish, &command->config, rows, count, error);
}

static enum error_code make_row(struct keys_command *command, const struct options *options,
                                struct key_secret *secret, struct key_row *row, struct error *error)
{
    struct str models[LIMIT_KEY_MODELS];
    struct key_tag tags[LIMIT_KEY_TAGS];
    struct key_wish wish = {
        .name = str_of(options->what),
        .tenant = str_of(options->tenant),
        .expires = str_of(options->expires),
        .models = models,
        .tags = tags,
    };
    enum error_code code = parse_count(options->rpm, "rpm", &wish.requests, error);
    if (code == OK)
        code = parse_count(options->tpm, "tpm", &wish.tokens, error);
    if (code == OK)
        code = split(options->models, "models", models, LIMIT_KEY_MODELS, &wish.model_count, error);
    if (code == OK)
        code = split_tags(options->tags, tags, &wish.tag_count, error);
    return code == OK ? key_from_wish(&wish, &command->config, clock_wall_us(), &command->arena, secret, row, error)
                      : code;
}

static enum error_code create(struct keys_command *command, const struct options *options, struct error *error)
{
    struct budget_row budgets[BUDGET_PERIODS];
    struct key_secret secret;
    struct key_row row;
    uint8_t master[KEY_MASTER_LEN];
    size_t count = 0;
    enum error_code code = make_row(command, options, &secret, &row, error);
    const struct subject subject = {SUBJECT_KEY, STR(""), str_of(secret.id)};
    if (code == OK)
        code = wish_budgets(command, options, &subject, budgets, &count, error);
    if (code == OK)
        code = key_store_master(command->store, master, error);
    if (code == OK)
        code = key_store_add(command->store, &row, budgets, count, error);
    if (code == OK)
        keys_show_new(command, &row, &secret, master);
    return code;
}

/* --- revoke, budget --------------------------------------------------------------------------------- */

static enum error_code find(struct keys_command *command, const struct options *options, struct key_row *key,
                            struct error *error)
{
    const struct str tenant = options->tenant ? str_of(options->tenant) : (struct str){NULL, 0};
    return key_store_find(command->store, str_of(options->what), tenant, &command->arena, key, error);
}

static enum error_code revoke_key(struct keys_command *command, const struct options *options, struct error *error)
{
    struct key_row key;
    enum error_code code = find(command, options, &key, error);
    if (code == OK)
        code = key_store_revoke(command->store, key.id, clock_wall_us(), error);
    if (code == OK && command->is_json)
        buf_appendf(&command->out, "{\"id\":\"" STR_FMT "\",\"state\":\"revoked\"}\n", STR_ARG(key.id));
    else if (code == OK)
        buf_appendf(&command->out, "%s " STR_FMT " (" STR_FMT ")\n", key.revoked_us ? "was revoked:" : "revoked",
                    STR_ARG(key.id), STR_ARG(key.name));
    return code;
}

static enum error_code find_subject(struct keys_command *command, const struct options *options,
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

static enum error_code set_budget(struct keys_command *command, const struct options *options, struct error *error)
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

static enum error_code run(struct keys_command *command, const struct options *options, struct error *error)
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
    struct options options;
    struct error error;
    int status;
    if (!parse_options(argc, argv, &options, &status))
        return status;
    if (!is_right_usage(&options)) {
        fprintf(stderr, "%s", usage);
        return CMD_USAGE;
    }
    command.is_json = options.is_json;
    arena_init(&command.arena, 0);
    buf_init(&command.out, OUTPUT_MAX);
    const enum error_code code = run(&command, &options, &error);
    key_store_close(command.store);
    arena_deinit(&command.arena);
    const bool is_usage = !command.has_config || code == ERROR_INVALID;
    if (command.has_config)
        config_deinit(&command.config);
    if (code == OK)
        return cmd_finish("keys", &command.out);
    buf_deinit(&command.out);
    return cmd_fail("keys", &error, is_usage ? CMD_USAGE : CMD_FAILED);
}
