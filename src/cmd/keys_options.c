/* keys_options.c - see keys_options.h. */
#include "cmd/keys_options.h"

#include <stdio.h>
#include <unistd.h>

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
    "  --endpoint URL      instead of a directory: a server that runs, by its API. AWS_BEARER_TOKEN_BEDROCK, or\n"
    "                      AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, have the key of an administrator\n"
    "Exit status: 0 done, 1 failed, 2 wrong usage.\n";

static bool read_options(int argc, char **argv, struct keys_arguments *options, int *status)
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
        {"endpoint", .value = &options->endpoint},
    };
    *options = (struct keys_arguments){0};
    if (!cmd_read_options(argc, argv, usage, known, sizeof(known) / sizeof(known[0]), status))
        return false;
    *status = CMD_USAGE;
    options->verb = optind < argc ? argv[optind++] : NULL;
    if (optind < argc)
        options->what = argv[optind++];
    return cmd_no_arguments(argc, argv, usage);
}

static bool has_amount(const struct keys_arguments *options)
{
    return options->amounts[BUDGET_DAY] || options->amounts[BUDGET_WEEK] || options->amounts[BUDGET_MONTH];
}

static bool is_right_usage(const struct keys_arguments *options)
{
    const bool has_wish = options->expires || options->models || options->rpm || options->tpm || options->tags;
    if (!options->verb || (options->endpoint && (options->data || options->config)))
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

bool keys_options_parse(int argc, char **argv, struct keys_arguments *options, int *status)
{
    if (!read_options(argc, argv, options, status))
        return false;
    if (is_right_usage(options))
        return true;
    fprintf(stderr, "%s", usage);
    return false;
}

/* --- a key's wish ------------------------------------------------------------------------------------ */

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

enum error_code keys_options_wish(const struct keys_arguments *options, struct keys_wish *wish, struct error *error)
{
    wish->wish = (struct key_wish){
        .name = str_of(options->what),
        .tenant = str_of(options->tenant),
        .expires = str_of(options->expires),
        .models = wish->models,
        .tags = wish->tags,
    };
    enum error_code code = parse_count(options->rpm, "rpm", &wish->wish.requests, error);
    if (code == OK)
        code = parse_count(options->tpm, "tpm", &wish->wish.tokens, error);
    if (code == OK)
        code = split(options->models, "models", wish->models, LIMIT_KEY_MODELS, &wish->wish.model_count, error);
    return code == OK ? split_tags(options->tags, wish->tags, &wish->wish.tag_count, error) : code;
}
