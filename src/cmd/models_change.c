/* models_change.c - `fulcrum models add`, `replace`, `remove` and `list`: models beside those of fulcrum.yaml.
 *
 * The command writes a row (model/added.h), tells the server that holds the data directory, and waits until the row
 * says how it went. Who may write into the data directory may do this; no port is involved. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/cmd_io.h"
#include "cmd/data_dir.h"
#include "cmd/models.h"
#include "cmd/sections.h"
#include "core/catalog.h"
#include "core/json.h"
#include "core/util.h"
#include "ledger/price_book.h"
#include "model/added.h"
#include "upstream/config.h"

#define OUTPUT_MAX (16u << 20)
#define DEFINITION_MAX (32u << 10)
#define POLL_US 50000u
#define TELL_US 1000000u     /* how often a server that has not looked is told again */
#define DEAF_US 60000000u    /* after which it is taken for one that will not */
#define PROGRESS_US 2000000u

static const char usage[] =
    "usage: fulcrum models [list]              models that `serve` would serve, their files, the IDs that mean them;\n"
    "                                          list: also what was added, and what became of it\n"
    "       fulcrum models --examine [NAME|FILE]   what their chat templates can do; FILE: GGUF or .jinja\n"
    "       fulcrum models add NAME --path FILE [options]   one more, in a server that runs or before it starts\n"
    "       fulcrum models replace NAME [options]   another file or other settings; what is not given stays\n"
    "       fulcrum models remove NAME         running requests end first\n"
    "  --path FILE         the GGUF file; --adapter FILE a LoRA adapter that it runs with\n"
    "  --ids ID,ID         IDs that mean the model besides its name, also patterns\n"
    "  --context N         tokens per sequence; the model's own\n"
    "  --parallel N        sequences at once; 4\n"
    "  --price-as ID       the model ID whose price counts\n"
    "  --chat-template T   chatml, llama3, mistral or gemma; the file's own\n"
    "  --data DIR          the server's data directory; --config FILE the configuration that names it\n"
    "  --json              models, list and --examine: as JSON\n"
    "Models added here are served again after a restart. Exit status: 0 done, 1 failed (the server goes on as it\n"
    "was), 2 wrong usage.\n";

struct options {
    const char *verb, *name;
    const char *config, *data, *path, *adapter, *ids, *context, *parallel, *price_as, *chat_template;
    bool is_json, is_examine;
};

struct change {
    struct options options;
    struct config config;
    struct arena arena;
    struct sql *sql;
    struct added_row *rows;
    size_t row_count;
};

static bool parse_options(int argc, char **argv, struct options *options, int *status)
{
    const struct cmd_option known[] = {
        {"config", .value = &options->config},     {"data", .value = &options->data},
        {"path", .value = &options->path},         {"adapter", .value = &options->adapter},
        {"ids", .value = &options->ids},
        {"context", .value = &options->context},   {"parallel", .value = &options->parallel},
        {"price-as", .value = &options->price_as}, {"chat-template", .value = &options->chat_template},
        {"json", .flag = &options->is_json},
        {"examine", .flag = &options->is_examine},
    };
    *options = (struct options){0};
    if (!cmd_read_options(argc, argv, usage, known, sizeof(known) / sizeof(known[0]), status))
        return false;
    *status = CMD_USAGE;
    options->verb = optind < argc ? argv[optind++] : NULL;
    options->name = optind < argc ? argv[optind++] : NULL;
    return cmd_no_arguments(argc, argv, usage);
}

/* --- what is there ---------------------------------------------------------------------------------- */

/* The newest row of the name that is not failed; else the failed one; NULL: none. */
static const struct added_row *find_row(const struct change *change, const char *name)
{
    const struct added_row *failed = NULL, *found = NULL;
    for (size_t i = 0; i < change->row_count; i++) {
        const struct added_row *row = &change->rows[i];
        if (strcmp(row->name, name) != 0)
            continue;
        *(row->state == ADDED_FAILED ? &failed : &found) = row;
    }
    return found ? found : failed;
}

static bool is_configured(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->model_count; i++)
        if (!strcmp(config->models[i].name, name))
            return true;
    return upstreams_have_model(config, name);
}

static bool stands_for(const struct config_model *model, const char *id)
{
    bool stands = !strcmp(model->name, id);
    for (size_t i = 0; i < model->id_count && !stands; i++)
        stands = !strcmp(model->ids[i], id);
    return stands;
}

static enum error_code refuse_claimed(const struct config_model *model, const struct config_model *other,
                                      struct error *error)
{
    bool is_claimed = stands_for(other, model->name);
    const char *id = model->name;
    for (size_t i = 0; i < model->id_count && !is_claimed; i++) {
        id = model->ids[i];
        is_claimed = stands_for(other, id);
    }
    return is_claimed ? error_set(error, ERROR_CONFLICT, "%s stands for model %s already", id, other->name) : OK;
}

/* No two models may have a name or an ID in common. */
static enum error_code check_claims(const struct change *change, const struct config_model *model, struct error *error)
{
    enum error_code code = OK;
    for (size_t i = 0; i < change->config.model_count && code == OK; i++)
        code = refuse_claimed(model, &change->config.models[i], error);
    const struct upstreams_config *upstreams = upstreams_config(&change->config);
    for (size_t i = 0; i < upstreams->count; i++)
        for (size_t k = 0; k < upstreams->items[i].model_count && code == OK; k++)
            code = refuse_claimed(model, &upstreams->items[i].models[k].as, error);
    for (size_t i = 0; i < change->row_count && code == OK; i++) {
        const struct added_row *row = &change->rows[i];
        struct config config;
        struct error ignored;
        if (row->state == ADDED_FAILED || !strcmp(row->name, model->name) ||
            added_parse(str_of(row->definition), &config, &ignored) != OK)
            continue;
        code = refuse_claimed(model, &config.models[0], error);
        config_deinit(&config);
    }
    return code;
}

static enum error_code check_price(const struct config *config, const struct config_model *model, struct error *error)
{
    struct price_book *book;
    if (!model->price_as)
        return OK;
    enum error_code code = price_book_load(config, &book, error);
    if (code != OK)
        return code;
    const struct str asked = str_of(model->price_as), bare = catalog_bare_id(asked);
    if (!price_book_find(book, bare, price_place(asked, bare)))
        code = error_set(error, ERROR_INVALID, "--price-as: no price book has '%s'", model->price_as);
    price_book_free(book);
    return code;
}

/* --- the definition --------------------------------------------------------------------------------- */

enum setting_kind { SETTING_TEXT, SETTING_NUMBER, SETTING_LIST };

/* A key of the definition; text NULL: it is not given. */
struct setting {
    const char *key, *text;
    enum setting_kind kind;
};

static void append_key(struct buf *out, const char *key)
{
    buf_append_text(out, out->len > 1 ? ", " : "");
    buf_append_json(out, str_of(key));
    buf_append_text(out, ": ");
}

/* A number as it was given: the reader of the configuration says what is wrong with one that is none. */
static void append_value(struct buf *out, const char *text, bool is_number)
{
    if (is_number && text[0] && strspn(text, "0123456789") == strlen(text))
        buf_append_text(out, text);
    else
        buf_append_json(out, str_of(text));
}

static void append_ids(struct buf *out, const char *text)
{
    struct str rest = str_of(text), id;
    size_t count = 0;
    buf_append_char(out, '[');
    while (str_split(&rest, ',', &id)) {
        buf_append_text(out, count++ ? ", " : "");
        buf_append_json(out, str_trim(id));
    }
    buf_append_char(out, ']');
}

static enum error_code absolute(const char *given, struct arena *arena, const char **path, struct error *error)
{
    char full[PATH_MAX];
    if (!realpath(given, full))
        return error_set_errno(error, ERROR_NOT_FOUND, errno, "cannot open %s", given);
    *path = arena_strdup(arena, str_of(full));
    return *path ? OK : error_no_memory(error);
}

/* What stays of the old definition: all that is not given anew. */
static void append_old(struct buf *out, yyjson_val *old, const struct setting *settings, size_t count)
{
    yyjson_obj_iter members = yyjson_obj_iter_with(old);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&members));) {
        bool is_given = false;
        for (size_t i = 0; i < count; i++)
            is_given |= settings[i].text && yyjson_equals_str(key, settings[i].key);
        if (is_given)
            continue;
        append_key(out, yyjson_get_str(key));
        out->failed |= !json_append(out, yyjson_obj_iter_get_val(key));
    }
}

/* `old`: NULL where there is none. */
static enum error_code define(struct change *change, yyjson_val *old, struct buf *out, struct error *error)
{
    const struct options *options = &change->options;
    const char *path = NULL, *adapter = NULL;
    if ((options->path && absolute(options->path, &change->arena, &path, error) != OK) ||
        (options->adapter && absolute(options->adapter, &change->arena, &adapter, error) != OK))
        return error->code;
    const struct setting settings[] = {
        {"name", options->name, SETTING_TEXT},
        {"path", path, SETTING_TEXT},
        {"adapter", adapter, SETTING_TEXT},
        {"ids", options->ids, SETTING_LIST},
        {"context", options->context, SETTING_NUMBER},
        {"parallel", options->parallel, SETTING_NUMBER},
        {"price_as", options->price_as, SETTING_TEXT},
        {"chat_template", options->chat_template, SETTING_TEXT},
    };
    const size_t count = sizeof(settings) / sizeof(settings[0]);
    buf_append_char(out, '{');
    for (size_t i = 0; i < count; i++) {
        if (!settings[i].text)
            continue;
        append_key(out, settings[i].key);
        if (settings[i].kind == SETTING_LIST)
            append_ids(out, settings[i].text);
        else
            append_value(out, settings[i].text, settings[i].kind == SETTING_NUMBER);
    }
    append_old(out, old, settings, count);
    buf_append_char(out, '}');
    return out->failed ? error_set(error, ERROR_INVALID, "the model's definition is too long") : OK;
}

static enum error_code check_definition(const struct change *change, struct str definition, struct error *error)
{
    struct config config;
    enum error_code code = added_parse(definition, &config, error);
    if (code != OK)
        return code;
    code = check_claims(change, &config.models[0], error);
    if (code == OK)
        code = check_price(&change->config, &config.models[0], error);
    if (code == OK)
        code = added_check_file(&config.models[0], error);
    config_deinit(&config);
    return code;
}

/* --- the server ------------------------------------------------------------------------------------- */

static enum error_code tell(const struct data_dir_holder *holder, struct error *error)
{
    if (!holder->takes_hangup || holder->pid <= 0)
        return error_set(error, ERROR_UNAVAILABLE,
                         "the server that runs (process %ld) is of an older version; it looks when it is started again",
                         holder->pid);
    if (kill((pid_t)holder->pid, SIGHUP) != 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "cannot tell the server, process %ld", holder->pid);
    return OK;
}

static enum error_code read_rows(struct change *change, struct error *error)
{
    arena_reset(&change->arena);
    return added_list(change->sql, &change->arena, &change->rows, &change->row_count, error);
}

static const struct added_row *find_revision(const struct change *change, int64_t revision)
{
    for (size_t i = 0; i < change->row_count; i++)
        if (change->rows[i].revision == revision)
            return &change->rows[i];
    return NULL;
}

/* True: it is over, with *code. */
static bool is_settled(const struct change *change, int64_t revision, bool is_removal, enum error_code *code,
                       struct error *error)
{
    const struct added_row *row = find_revision(change, revision);
    *code = OK;
    if (!row && !is_removal)
        *code = error_set(error, ERROR_CONFLICT, "another command took its place");
    else if (row && row->state == ADDED_FAILED)
        *code = error_set(error, ERROR_UNAVAILABLE, "%s", row->message);
    else if (row && row->state == ADDED_REMOVING && !is_removal)
        *code = error_set(error, ERROR_CONFLICT, "another command removes it");
    return !row || *code != OK || row->state == ADDED_READY;
}

static void show_progress(const struct change *change, bool is_removal, uint64_t waited_us)
{
    fprintf(stderr, is_removal ? "fulcrum models: running requests of %s end, %llu s\n"
                               : "fulcrum models: %s is loading, %llu s\n",
            change->options.name, (unsigned long long)(waited_us / 1000000));
}

/* Until the server has done what the row asks for. */
static enum error_code wait_for_server(struct change *change, const struct data_dir_holder *holder, int64_t revision,
                                       bool is_removal, struct error *error)
{
    const uint64_t began_us = clock_now_us();
    uint64_t told_us = began_us, shown_us = began_us;
    enum error_code code = tell(holder, error);
    while (code == OK) {
        code = read_rows(change, error);
        const uint64_t now_us = clock_now_us();
        if (code != OK || is_settled(change, revision, is_removal, &code, error))
            break;
        const struct added_row *row = find_revision(change, revision);
        if (kill((pid_t)holder->pid, 0) != 0 && errno == ESRCH)
            return error_set(error, ERROR_UNAVAILABLE, "the server ended meanwhile; it goes on when it is started");
        if (row->state == ADDED_WANTED && now_us - began_us > DEAF_US)
            return error_set(error, ERROR_TIMEOUT, "the server, process %ld, does not look", holder->pid);
        if (now_us - told_us > TELL_US) {
            code = tell(holder, error);
            told_us = now_us;
        }
        if (now_us - shown_us > PROGRESS_US) {
            show_progress(change, is_removal, now_us - began_us);
            shown_us = now_us;
        }
        usleep(POLL_US);
    }
    return code;
}

/* --- commands --------------------------------------------------------------------------------------- */

static enum error_code insert(struct change *change, const struct added_row *old, int64_t *revision,
                              struct error *error)
{
    struct buf definition;
    yyjson_doc *doc = NULL;
    buf_init(&definition, DEFINITION_MAX);
    enum error_code code = old ? json_parse(str_of(old->definition), &doc, error) : OK;
    if (code == OK)
        code = define(change, yyjson_doc_get_root(doc), &definition, error);
    if (code == OK)
        code = check_definition(change, buf_str(&definition), error);
    if (code == OK)
        code = added_insert(change->sql, change->options.name, buf_str(&definition), revision, error);
    json_free(doc);
    buf_deinit(&definition);
    return code;
}

static enum error_code check_name(const struct change *change, struct error *error)
{
    if (is_configured(&change->config, change->options.name))
        return error_set(error, ERROR_CONFLICT, "%s is a model of %s; change it there and restart the server",
                         change->options.name, change->config.file ? change->config.file : "the program itself");
    return OK;
}

static enum error_code put(struct change *change, bool replaces, struct error *error)
{
    const char *name = change->options.name;
    const struct added_row *old = find_row(change, name);
    const bool is_there = old && old->state != ADDED_FAILED;
    int64_t revision = 0;
    enum error_code code = check_name(change, error);
    if (code == OK && !replaces && is_there)
        code = error_set(error, ERROR_CONFLICT, "there is a model %s already; replace it, or take another name", name);
    if (code == OK && replaces && !old)
        code = error_set(error, ERROR_NOT_FOUND, "no model %s was added", name);
    if (code == OK)
        code = insert(change, replaces ? old : NULL, &revision, error);
    if (code != OK)
        return code;
    const struct data_dir_holder holder = data_dir_find_holder(change->config.data);
    if (!holder.is_held) {
        printf("no server runs with %s; %s is loaded when one is started\n", change->config.data, name);
        return OK;
    }
    code = wait_for_server(change, &holder, revision, false, error);
    if (code == OK)
        printf("%s is served\n", name);
    return code;
}

static enum error_code take_away(struct change *change, struct error *error)
{
    const char *name = change->options.name;
    const struct added_row *row = find_row(change, name);
    enum error_code code = check_name(change, error);
    if (code == OK && !row)
        code = error_set(error, ERROR_NOT_FOUND, "no model %s was added", name);
    if (code != OK)
        return code;
    const int64_t revision = row->revision;
    const struct data_dir_holder holder = data_dir_find_holder(change->config.data);
    if (!holder.is_held) {
        code = added_forget(change->sql, name, error);
    } else {
        code = added_begin_removal(change->sql, name, error);
        if (code == OK)
            code = wait_for_server(change, &holder, revision, true, error);
    }
    if (code == OK)
        printf("%s is removed\n", name);
    return code;
}

/* --- list ------------------------------------------------------------------------------------------- */

static void append_row_text(struct buf *out, const struct added_row *row)
{
    yyjson_doc *doc = NULL;
    struct error ignored;
    size_t at, count;
    yyjson_val *id;
    const bool is_readable = json_parse(str_of(row->definition), &doc, &ignored) == OK;
    yyjson_val *root = is_readable ? yyjson_doc_get_root(doc) : NULL;
    const char *path = yyjson_get_str(yyjson_obj_get(root, "path"));
    buf_appendf(out, "%s  (%s)  %s%s%s\n", row->name, path ? path : "embedded", added_state_names[row->state],
                row->message[0] ? ": " : "", row->message);
    yyjson_val *ids = yyjson_obj_get(root, "ids");
    yyjson_arr_foreach(ids, at, count, id)
        buf_appendf(out, "    %s\n", yyjson_is_str(id) ? yyjson_get_str(id) : "?");
    json_free(doc);
}

static void append_row_json(struct buf *out, const struct added_row *row, bool is_first)
{
    buf_append_text(out, is_first ? "\n {\"state\": " : ",\n {\"state\": ");
    buf_append_json(out, str_of(added_state_names[row->state]));
    buf_append_text(out, ", \"message\": ");
    buf_append_json(out, str_of(row->message));
    buf_appendf(out, ", \"model\": %s}", row->definition);
}

static enum error_code list(struct change *change, struct buf *out, struct error *error)
{
    const bool is_json = change->options.is_json;
    buf_append_text(out, is_json ? "{\"configured\": " : "");
    enum error_code code = models_append(out, &change->config, is_json, error);
    buf_append_text(out, is_json ? ",\n\"added\": [" : "");
    for (size_t i = 0; code == OK && i < change->row_count; i++) {
        if (is_json)
            append_row_json(out, &change->rows[i], i == 0);
        else
            append_row_text(out, &change->rows[i]);
    }
    buf_append_text(out, is_json ? "\n]}\n" : "");
    return code;
}

/* --- one command ------------------------------------------------------------------------------------ */

/* A list of a directory that is not there is empty, and does not make it. */
static enum error_code open_rows(struct change *change, bool may_make, struct error *error)
{
    if (!may_make && access(change->config.data, F_OK) != 0)
        return OK;
    enum error_code code = data_dir_make(change->config.data, error);
    if (code == OK)
        code = added_open(change->config.data, &change->sql, error);
    return code == OK ? read_rows(change, error) : code;
}

static enum error_code run(struct change *change, struct buf *out, struct error *error)
{
    const struct options *options = &change->options;
    enum error_code code = config_load(config_find(options->config), program_sections, &change->config, error);
    if (code != OK)
        return code;
    if (options->data)
        change->config.data = options->data;
    if (options->is_examine)
        return models_examine(out, &change->config, options->verb, options->is_json, error);
    if (!options->verb)
        return models_append(out, &change->config, options->is_json, error);
    const bool is_list = !strcmp(options->verb, "list");
    code = open_rows(change, !is_list, error);
    if (code != OK)
        return code;
    if (is_list)
        return list(change, out, error);
    if (!strcmp(options->verb, "remove"))
        return take_away(change, error);
    return put(change, !strcmp(options->verb, "replace"), error);
}

static bool is_right_usage(const struct options *options)
{
    static const char *const verbs[] = {"add", "replace", "remove"};
    const bool has_settings = options->path || options->adapter || options->ids || options->context ||
                              options->parallel || options->price_as || options->chat_template;
    if (options->is_examine || !options->verb || !strcmp(options->verb, "list"))
        return !options->name && !has_settings;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (!strcmp(options->verb, verbs[i]))
            return options->name && !options->is_json && (i < 2 || !has_settings) && (i > 0 || options->path);
    return false;
}

int cmd_models(int argc, char **argv)
{
    struct change change = {0};
    struct error error;
    struct buf out;
    int status;
    if (!parse_options(argc, argv, &change.options, &status))
        return status;
    if (!is_right_usage(&change.options)) {
        fprintf(stderr, "%s", usage);
        return CMD_USAGE;
    }
    arena_init(&change.arena, 0);
    buf_init(&out, OUTPUT_MAX);
    const enum error_code code = run(&change, &out, &error);
    const bool is_usage = !change.config.data; /* the configuration could not be read */
    sql_close(change.sql);
    arena_deinit(&change.arena);
    if (!is_usage)
        config_deinit(&change.config);
    if (code == OK)
        return cmd_finish("models", &out);
    buf_deinit(&out);
    return cmd_fail("models", &error, is_usage ? CMD_USAGE : CMD_FAILED);
}
