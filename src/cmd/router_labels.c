/* router_labels.c - see router_labels.h. Reads and rewrites files of labels beside a server that runs. */
#include "cmd/router_labels.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd_io.h"
#include "cmd/sections.h"
#include "core/json.h"
#include "core/util.h"
#include "engine/embedded.h"
#include "ledger/price_book.h"
#include "model/resolve.h"
#include "model/router.h"
#include "route/labels.h"

#define OUTPUT_BYTES_MAX (16u << 20)
#define TENANTS_MAX 4096

static const char usage[] =
    "usage: fulcrum router labels --router ROUTER [--data-dir DIR] [--config FILE] [--json]\n"
    "       fulcrum router labels --router ROUTER --delete --tenant TENANT [--data-dir DIR] [--config FILE]\n"
    "Labels are what a router with `shadow:` learnt of its own traffic: DATA/routers/ROUTER/labels. Without --delete\n"
    "says how many there are, of whom and since when; with it takes out those of a tenant, also beside a server that\n"
    "runs. Lines that are damaged go with them: they may be the tenant's.\n"
    "Exit status: 0 done, 1 failed, 2 wrong usage.\n";

/* --- where labels are ---------------------------------------------------------------------------------- */

struct place {
    struct config config;
    bool has_config;
    const struct router_config *router; /* NULL: there is no fulcrum.yaml */
    char path[LABELS_PATH_MAX];
};

static void place_close(struct place *place)
{
    if (place->has_config)
        config_deinit(&place->config);
}

/* The data directory as the server would have it, unless it is given. */
static enum error_code place_open(const struct router_labels_options *options, struct place *place,
                                  struct error *error)
{
    *place = (struct place){0};
    const enum error_code code = config_load(config_find(options->config), program_sections, &place->config, error);
    if (code != OK)
        return code;
    place->has_config = true;
    const struct routers_config *routers = routers_config(&place->config);
    for (size_t i = 0; i < routers->count; i++)
        if (!strcmp(routers->items[i].name, options->router))
            place->router = &routers->items[i];
    if (!place->router && place->config.file)
        return error_set(error, ERROR_NOT_FOUND, "%s has no router %s; --config says where another one is",
                         place->config.file, options->router);
    return labels_path(options->data_dir ? options->data_dir : place->config.data, str_of(options->router),
                       place->path, error);
}

/* --- as samples ---------------------------------------------------------------------------------------- */

struct reading {
    const struct router_labels_options *options;
    struct samples_reader *reader;
    struct arena arena; /* owns the names */
    struct str models[3 * ROUTER_MODELS_MAX]; /* that the router has now, as labels may call them; none: any */
    size_t model_count;
    size_t read, others, damaged, gone; /* lines */
};

static bool is_of_tenant(const struct reading *reading, yyjson_val *root)
{
    return !reading->options->tenant ||
           str_eq(json_str(yyjson_obj_get(root, "tenant")), str_of(reading->options->tenant));
}

static bool is_there(const struct reading *reading, struct str model)
{
    for (size_t i = 0; i < reading->model_count; i++)
        if (str_eq(model, reading->models[i]))
            return true;
    return reading->model_count == 0;
}

static enum error_code check_models(struct reading *reading, const struct label_line *line, bool *is_gone,
                                    struct error *error)
{
    size_t i, max;
    yyjson_val *key, *value;
    *is_gone = false;
    json_obj_foreach(yyjson_obj_get(line->root, "quality"), i, max, key, value)
    {
        if (is_there(reading, json_str(key)))
            continue;
        *is_gone = true;
        if (!reading->options->skips_gone)
            return error_set(error, ERROR_INVALID,
                             "%s:%zu: a label of the model " STR_FMT ", which the router %s no longer has; leave such "
                             "labels out with --skip-gone, or give the router the model back in fulcrum.yaml",
                             line->file, line->number, STR_ARG(json_str(key)), reading->options->router);
    }
    return OK;
}

static enum error_code see_damage(void *ctx, enum label_fault fault, struct error *error)
{
    struct reading *reading = ctx;
    if (fault == LABEL_TORN) {
        fprintf(stderr, "fulcrum router: %s: left out\n", error->message);
        return OK;
    }
    reading->damaged++;
    if (reading->options->skips_damaged)
        return OK;
    return error_prefix(error, "a damaged label (take the line out, or leave such lines out with --skip-damaged)");
}

static enum error_code see_label(void *ctx, const struct label_line *line, struct error *error)
{
    struct reading *reading = ctx;
    bool is_gone;
    if (!is_of_tenant(reading, line->root)) {
        reading->others++;
        return OK;
    }
    if (check_models(reading, line, &is_gone, error) != OK)
        return error->code;
    if (is_gone) {
        reading->gone++;
        return OK;
    }
    const enum error_code code = samples_add(reading->reader, line->root, line->number, error);
    if (code == OK) {
        reading->read++;
        return OK;
    }
    (void)error_prefix(error, "%s:%zu", line->file, line->number);
    return code == ERROR_INVALID ? see_damage(reading, LABEL_DAMAGED, error) : code;
}

static void add_name(struct reading *reading, struct str name)
{
    if (reading->model_count < sizeof(reading->models) / sizeof(reading->models[0]) &&
        arena_str(&reading->arena, name, &reading->models[reading->model_count]))
        reading->model_count++;
}

/* Each model as the router lists it, by its own name, and by its ID: whichever labels have. */
static void resolve_models(struct reading *reading, const struct router_config *router, const struct catalog *catalog,
                           const struct registry *registry)
{
    for (size_t i = 0; i < router->model_count; i++) {
        struct catalog_match match;
        struct error ignored;
        const struct str listed = str_of(router->models[i]);
        add_name(reading, listed);
        if (catalog_resolve(catalog, registry, listed, &match, &ignored) != OK)
            continue;
        add_name(reading, str_of(match.model->name));
        add_name(reading, match.id);
    }
}

static enum error_code list_models(struct reading *reading, const struct place *place, struct error *error)
{
    struct catalog catalog;
    struct price_book *prices = NULL;
    struct registry *registry = NULL;
    if (!place->router)
        return OK;
    enum error_code code = catalog_load(embedded_file(STR("aliases.yaml")), &catalog, error);
    if (code != OK)
        return code;
    code = price_book_load(&place->config, &prices, error);
    if (code == OK)
        code = registry_new(&place->config, prices, &registry, error);
    if (code == OK)
        resolve_models(reading, place->router, &catalog, registry);
    registry_free(registry);
    price_book_free(prices);
    catalog_deinit(&catalog);
    return code;
}

static void say_what_is_left_out(const struct reading *reading)
{
    if (reading->damaged > 0)
        fprintf(stderr, "fulcrum router: %zu damaged labels are left out\n", reading->damaged);
    if (reading->gone > 0)
        fprintf(stderr, "fulcrum router: %zu labels of models that the router no longer has are left out\n",
                reading->gone);
}

static enum error_code no_labels(const struct place *place, const struct reading *reading, struct error *error)
{
    if (reading->others > 0)
        return error_set(error, ERROR_NOT_FOUND, "%s: there are no labels of the tenant %s in it", place->path,
                         reading->options->tenant);
    return error_set(error, ERROR_NOT_FOUND, "there are no labels at %s; give the router %s a share in fulcrum.yaml "
                     "(shadow: 0.02), restart the server, and train once some hundred requests went through it",
                     place->path, reading->options->router);
}

static enum error_code read_all(struct reading *reading, const struct place *place, struct error *error)
{
    const struct label_reader reader = {reading, see_label, see_damage};
    enum error_code code = list_models(reading, place, error);
    if (code == OK)
        code = labels_read(place->path, &reader, error);
    if (code == ERROR_NOT_FOUND || (code == OK && reading->read + reading->damaged + reading->gone == 0))
        return no_labels(place, reading, error);
    if (code == OK)
        say_what_is_left_out(reading);
    return code;
}

enum error_code router_labels_read(const struct router_labels_options *options, struct samples *samples,
                                   struct error *error)
{
    struct place place;
    struct error ignored;
    struct reading reading = {.options = options};
    enum error_code code = place_open(options, &place, error);
    if (code == OK)
        code = samples_begin(options->seed, &reading.reader, error);
    if (code != OK) {
        place_close(&place);
        return code;
    }
    arena_init(&reading.arena, 0);
    code = read_all(&reading, &place, error);
    if (code == OK)
        code = samples_end(reading.reader, place.path, samples, error);
    else
        (void)!samples_end(reading.reader, place.path, NULL, &ignored);
    arena_deinit(&reading.arena);
    place_close(&place);
    return code;
}

/* --- fulcrum router labels ------------------------------------------------------------------------------ */

struct tally {
    struct arena arena;
    struct {
        struct str name;
        size_t count;
    } tenants[TENANTS_MAX];
    size_t tenant_count, labels, damaged, torn;
    char since[TIMESTAMP_LEN + 1], until[TIMESTAMP_LEN + 1];
};

static enum error_code count_label(void *ctx, const struct label_line *line, struct error *error)
{
    struct tally *tally = ctx;
    const struct str tenant = json_str(yyjson_obj_get(line->root, "tenant"));
    const struct str time = json_str(yyjson_obj_get(line->root, "time"));
    size_t at = 0;
    while (at < tally->tenant_count && !str_eq(tally->tenants[at].name, tenant))
        at++;
    if (at == tally->tenant_count && at < TENANTS_MAX) {
        if (!arena_str(&tally->arena, tenant, &tally->tenants[at].name))
            return error_no_memory(error);
        tally->tenant_count++;
    }
    if (at < TENANTS_MAX)
        tally->tenants[at].count++;
    if (tally->labels++ == 0)
        snprintf(tally->since, sizeof(tally->since), STR_FMT, STR_ARG(time));
    snprintf(tally->until, sizeof(tally->until), STR_FMT, STR_ARG(time));
    return OK;
}

static enum error_code count_fault(void *ctx, enum label_fault fault, struct error *error)
{
    struct tally *tally = ctx;
    fprintf(stderr, "fulcrum router labels: %s\n", error->message);
    *(fault == LABEL_TORN ? &tally->torn : &tally->damaged) += 1;
    return OK;
}

static void append_tally(struct buf *out, const struct tally *tally, bool is_json)
{
    if (is_json)
        buf_appendf(out, "{\"labels\":%zu,\"damaged\":%zu,\"since\":\"%s\",\"until\":\"%s\",\"tenants\":{",
                    tally->labels, tally->damaged, tally->since, tally->until);
    else
        buf_appendf(out, "%zu labels, from %s to %s, %zu damaged\n", tally->labels, tally->since, tally->until,
                    tally->damaged);
    for (size_t i = 0; i < tally->tenant_count; i++) {
        if (!is_json) {
            buf_appendf(out, "%10zu  " STR_FMT "\n", tally->tenants[i].count, STR_ARG(tally->tenants[i].name));
            continue;
        }
        buf_append_text(out, i ? "," : "");
        buf_append_json(out, tally->tenants[i].name);
        buf_appendf(out, ":%zu", tally->tenants[i].count);
    }
    if (is_json)
        buf_append_text(out, "}}\n");
}

static enum error_code list(const char *path, bool is_json, struct buf *out, struct error *error)
{
    struct tally *tally = mem_calloc(1, sizeof(*tally));
    const struct label_reader reader = {tally, count_label, count_fault};
    if (!tally)
        return error_no_memory(error);
    arena_init(&tally->arena, 0);
    const enum error_code code = labels_read(path, &reader, error);
    if (code == OK)
        append_tally(out, tally, is_json);
    arena_deinit(&tally->arena);
    mem_free(tally);
    return code;
}

static enum error_code delete_tenant(const char *path, const char *tenant, struct buf *out, struct error *error)
{
    size_t removed;
    const enum error_code code = labels_remove_tenant(path, str_of(tenant), &removed, error);
    if (code == OK)
        buf_appendf(out, "%zu labels of %s are gone\n", removed, tenant);
    return code;
}

struct labels_options {
    struct router_labels_options labels;
    bool is_json, deletes;
};

static bool read_options(int argc, char **argv, struct labels_options *options, int *status)
{
    const struct cmd_option known[] = {
        {"router", .value = &options->labels.router}, {"data-dir", .value = &options->labels.data_dir},
        {"config", .value = &options->labels.config}, {"tenant", .value = &options->labels.tenant},
        {"json", .flag = &options->is_json},          {"delete", .flag = &options->deletes},
    };
    *options = (struct labels_options){0};
    if (!cmd_read_options(argc, argv, usage, known, sizeof(known) / sizeof(known[0]), status) ||
        !cmd_no_arguments(argc, argv, usage))
        return false;
    *status = CMD_USAGE;
    if (options->labels.router && options->deletes == (options->labels.tenant != NULL))
        return true;
    fprintf(stderr, "fulcrum router labels: expected --router%s\n%s",
            options->labels.router ? ", and --delete and --tenant together or none of them" : "", usage);
    return false;
}

int router_labels_command(int argc, char **argv)
{
    struct labels_options options;
    struct place place;
    struct error error;
    struct buf out;
    int status;
    if (!read_options(argc, argv, &options, &status))
        return status;
    buf_init(&out, OUTPUT_BYTES_MAX);
    enum error_code code = place_open(&options.labels, &place, &error);
    if (code == OK)
        code = options.deletes ? delete_tenant(place.path, options.labels.tenant, &out, &error)
                               : list(place.path, options.is_json, &out, &error);
    place_close(&place);
    if (code == OK)
        return cmd_finish("router labels", &out);
    buf_deinit(&out);
    return cmd_fail("router labels", &error, CMD_FAILED);
}
