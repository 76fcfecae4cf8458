/* fulcrum serve: configuration, data directory, engine, API, server, and an
 * orderly end. The main thread runs the loop that watches the workers; I/O
 * threads are the server's. */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "alarm/alarms.h"
#include "api/api.h"
#include "api/anthropic/batches.h"
#include "api/openai/batches.h"
#include "api/control/profile_store.h"
#include "api/metrics.h"
#include "api/native/native.h"
#include "auth/sessions.h"
#include "cmd/cmd.h"
#include "cmd/cmd_io.h"
#include "cmd/data_dir.h"
#include "cmd/front.h"
#include "cmd/sections.h"
#include "core/config_values.h"
#include "core/util.h"
#include "customize/customize.h"
#include "document/config.h"
#include "engine/embedded.h"
#include "eval/evaluations.h"
#include "generate/routing.h"
#include "generate/shadow.h"
#include "invocations/invocations.h"
#include "keys/keys.h"
#include "ledger/ledger.h"
#include "model/keeper.h"
#include "monitor/config.h"
#include "monitor/dashboards.h"
#include "monitor/monitor.h"
#include "net/tls_config.h"
#include "recall/recall.h"
#include "store/disk.h"
#include "traces/traces.h"
#include "upstream/upstreams.h"
#include "store/files.h"
#include "store/objects_config.h"

static const char usage[] =
    "usage: fulcrum serve [--config FILE] [--listen ADDR:PORT] [--data DIR]\n"
    "                     [--log logfmt|json] [--log-level debug|info|warn|error|off] [--insecure]\n"
    "Serves the models. The first line on standard output is `listening on URL`, once every model\n"
    "answers; logs go to standard error. SIGTERM and SIGINT finish running requests and exit, a second\n"
    "signal cuts them off. With tenants a link into the console is printed, SIGUSR1 prints another.\n\n"
    "  --config FILE       fulcrum.yaml in the working directory where there is one\n"
    "  --listen ADDR:PORT  127.0.0.1:8080; port 0 takes a free one\n"
    "  --data DIR          ${XDG_STATE_HOME:-~/.local/state}/fulcrum; one server per directory\n"
    "  --insecure          allow an address that others can reach without tenants or TLS\n";

/* I/O threads when the configuration names no number: more never helped, the engine needs the cores. */
#define IO_THREADS_MAX 4u
#define URL_MAX 320

struct serve_options {
    const char *config, *listen, *data, *log, *log_level;
    bool is_insecure;
};

struct serve {
    struct config config;
    struct catalog catalog;
    struct price_book *prices;
    struct ledger *ledger;
    struct monitor *monitor;
    struct alarms *alarms;
    struct dashboards *dashboards;
    struct objects *objects;
    uv_loop_t loop;
    uv_signal_t signals[4];
    const struct work_others *others;
    struct engine *engine;
    struct registry *models;
    struct keeper *keeper;
    uv_async_t rows; /* of models were changed */
    struct extractor *extractor;
    struct reservations *reservations;
    struct keys *keys;
    struct resources *profiles;
    struct invocations *invocations;
    struct traces *traces;
    struct routing *routing;
    struct recall *recall;
    struct upstreams upstreams;
    struct work_shared work;
    struct files *files;
    struct batch *batch;
    struct customize *customize;
    struct evaluations *evaluations;
    struct shadow *shadow;
    struct metrics batch_metrics, shadow_metrics;
    struct sessions *sessions;
    struct api *api;
    struct server *server;
    uv_work_t drain;
    int lock_fd;
    bool has_config, has_catalog, has_loop, is_stopping;
};

static bool parse_options(int argc, char **argv, struct serve_options *options, int *status)
{
    const struct cmd_option known[] = {
        {"config", .value = &options->config},       {"listen", .value = &options->listen},
        {"data", .value = &options->data},           {"log", .value = &options->log},
        {"log-level", .value = &options->log_level}, {"insecure", .flag = &options->is_insecure},
    };
    return cmd_read_options(argc, argv, usage, known, sizeof(known) / sizeof(known[0]), status) &&
           cmd_no_arguments(argc, argv, usage);
}

/* The command line goes over the file. */
static enum error_code configure(struct serve *serve, const struct serve_options *options, struct error *error)
{
    struct config *config = &serve->config;
    enum error_code code = config_load(config_find(options->config), program_sections, config, error);
    if (code != OK)
        return code;
    serve->has_config = true;
    if (options->listen)
        config->listen = options->listen;
    if (options->data)
        config->data = options->data;
    config->insecure = config->insecure || options->is_insecure;
    if (options->log && !log_format_parse(str_of(options->log), &config->log_format))
        return error_set(error, ERROR_INVALID, "--log %s: must be logfmt or json", options->log);
    if (options->log_level && !log_level_parse(str_of(options->log_level), &config->log_level))
        return error_set(error, ERROR_INVALID, "--log-level %s: must be debug, info, warn, error or off",
                         options->log_level);
    log_configure(config->log_level, config->log_format);
    code = price_book_load(config, &serve->prices, error);
    if (code == OK)
        code = upstreams_open(config, &serve->upstreams, error);
    return code == OK ? tls_check_exposure(config, error) : code;
}

/* --- signals and draining --------------------------------------------------------------------------- */

/* On a thread of its own: the main loop must go on, workers ask it for CPU time. */
static void drain(uv_work_t *work)
{
    struct serve *serve = work->data;
    uint64_t deadline_us = clock_now_us() + limit(drain_timeout_ms) * 1000;
    server_drain(serve->server, limit(drain_timeout_ms));
    uint64_t now_us = clock_now_us();
    batch_drain(serve->batch, now_us < deadline_us ? (deadline_us - now_us) / 1000 : 0);
}

static void on_drained(uv_work_t *work, int status)
{
    struct serve *serve = work->data;
    (void)status;
    uv_stop(&serve->loop);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct serve *serve = handle->data;
    if (serve->is_stopping) {
        log_event(LOG_WARN, "cut off", LOG_I("signal", number));
        _exit(CMD_FAILED);
    }
    serve->is_stopping = true;
    log_event(LOG_INFO, "draining", LOG_I("signal", number));
    if (!serve->server) /* still loading: run_server sees is_stopping */
        return;
    api_begin_drain(serve->api);
    batch_begin_drain(serve->batch);
    customize_begin_drain(serve->customize);
    shadow_begin_drain(serve->shadow);
    serve->drain.data = serve;
    if (uv_queue_work(&serve->loop, &serve->drain, drain, on_drained))
        uv_stop(&serve->loop);
}

/* Somebody has changed the models. */
static void on_hangup(uv_signal_t *handle, int number)
{
    struct serve *serve = handle->data;
    (void)number;
    if (serve->keeper)
        keeper_look(serve->keeper);
}

static void write_url(const struct serve *serve, char *url, size_t cap)
{
    char host[256];
    uint16_t port;
    struct error ignored;
    *url = '\0';
    if (config_parse_listen(serve->config.listen, host, sizeof(host), &port, &ignored) != OK)
        return; /* start_server parsed it before */
    const bool is_ipv6 = strchr(host, ':') != NULL;
    (void)snprintf(url, cap, "%s://%s%s%s:%u", tls_config(&serve->config)->cert ? "https" : "http",
                   is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", server_port(serve->server));
}

/* The way into the console for whoever reads the log: an administrator, once. */
static void say_link(const struct serve *serve)
{
    char url[URL_MAX], link[SESSION_SECRET_LEN + 1];
    if (serve->config.tenant_count == 0)
        return;
    write_url(serve, url, sizeof(url));
    sessions_make_link(serve->sessions, clock_wall_us(), link);
    if (serve->config.log_format == LOG_JSON) {
        char text[URL_MAX + SESSION_SECRET_LEN + 32];
        (void)snprintf(text, sizeof(text), "%s/console/login?link=%s", url, link);
        log_event(LOG_INFO, "console", LOG_C("url", text));
        return;
    }
    fprintf(stderr, "console: %s/console/login?link=%s\n", url, link);
    fflush(stderr);
}

/* Somebody needs a new link. */
static void on_user_signal(uv_signal_t *handle, int number)
{
    const struct serve *serve = handle->data;
    (void)number;
    if (serve->server && !serve->is_stopping)
        say_link(serve);
}

static void on_rows(uv_async_t *handle)
{
    const struct serve *serve = handle->data;
    if (serve->keeper && !serve->is_stopping)
        keeper_look(serve->keeper);
}

static void tell_rows(void *ctx)
{
    struct serve *serve = ctx;
    (void)uv_async_send(&serve->rows);
}

static void watch_signals(struct serve *serve)
{
    static const struct {
        int number;
        uv_signal_cb react;
    } watched[] = {{SIGTERM, on_signal}, {SIGINT, on_signal}, {SIGHUP, on_hangup}, {SIGUSR1, on_user_signal}};
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of write(2), not the end */
    for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++) {
        uv_signal_init(&serve->loop, &serve->signals[i]);
        serve->signals[i].data = serve;
        uv_signal_start(&serve->signals[i], watched[i].react, watched[i].number);
    }
}

/* --- start ------------------------------------------------------------------------------------------ */

static void raise_file_limit(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

static unsigned io_threads(const struct config *config)
{
    unsigned wanted = config->io_threads, cores = uv_available_parallelism();
    if (wanted == 0)
        wanted = cores < IO_THREADS_MAX ? cores : IO_THREADS_MAX;
    return wanted < LIMIT_IO_THREADS - 1 ? wanted : LIMIT_IO_THREADS - 2; /* ports behind them: jobs, shadows */
}

/* What the workers of the configuration's models say of them; for the others the keeper does. */
static enum error_code describe_models(struct serve *serve, struct error *error)
{
    const struct model_list *list = registry_list(serve->models);
    enum error_code code = OK;
    for (size_t i = 0; code == OK && i < serve->config.model_count; i++)
        code = registry_describe(serve->models, list->models[i],
                                 engine_model_info(serve->engine, list->models[i]->worker), error);
    return code;
}

/* A request that costs nothing is worth a word before the bill is. */
static void warn_of_unpriced(const struct serve *serve)
{
    const struct model_list *list = registry_list(serve->models);
    for (size_t i = 0; i < list->count; i++) {
        const char *name = list->models[i]->name;
        const struct price_row *row =
            price_book_row_of(serve->prices, list->models[i]->price, str_of(name), STR(""));
        if (model_price_is_elsewhere(list->models[i]))
            log_event(LOG_WARN, "the price list of a model's provider does not have it: give it price or price_as",
                      LOG_C("model", name), LOG_C("provider", upstream_provider(list->models[i]->upstream)),
                      LOG_C("priced", row->name));
        else if (!strcmp(row->name, PRICE_NONE))
            log_event(LOG_WARN, "model has no price under its own name: give it price or price_as",
                      LOG_C("model", name));
    }
}

static enum error_code start_engine(struct serve *serve, unsigned threads, struct error *error)
{
    enum error_code code = catalog_load(embedded_file(STR("aliases.yaml")), &serve->catalog, error);
    if (code != OK)
        return code;
    serve->has_catalog = true;
    uv_loop_init(&serve->loop);
    serve->has_loop = true;
    watch_signals(serve);
    uv_async_init(&serve->loop, &serve->rows, on_rows);
    serve->rows.data = serve;
    code = registry_new(&serve->config, serve->prices, &serve->models, error);
    if (code == OK)
        warn_of_unpriced(serve);
    if (code == OK)
        code = engine_new(&serve->config, &serve->loop, threads + 1 + shadow_is_wanted(&serve->config),
                          &serve->engine, error);
    if (code == OK)
        code = keeper_new(&serve->config, serve->models, serve->engine, &serve->loop, &serve->keeper, error);
    if (code == OK)
        code = engine_wait(serve->engine, error);
    return code == OK ? describe_models(serve, error) : code;
}

/* A record of a batch job is in the ledger; on the runner's thread. */
static void on_billed(void *ctx, struct str tenant, const struct model *model, const struct chat_usage *used,
                      const struct price_quote *quote)
{
    struct serve *serve = ctx;
    const struct metrics_bill bill = {.tenant = tenant, .model = model, .usage = charge_usage(used), .quote = quote};
    metrics_bill(&serve->batch_metrics, &bill);
}

/* The same of an answer that a router learns from; on the shadow's thread. */
static void on_shadow_billed(void *ctx, const struct model *model, const struct ledger_line *line)
{
    struct serve *serve = ctx;
    metrics_billed_line(&serve->shadow_metrics, model, line);
}

static enum error_code open_shadow(struct serve *serve, unsigned port, struct error *error)
{
    const struct shadow_options options = {
        .work = &serve->work,
        .catalog = &serve->catalog,
        .engine_port = port,
        .admit = disk_admit,
        .on_billed = on_shadow_billed,
        .ctx = serve,
    };
    if (!shadow_is_wanted(&serve->config))
        return OK;
    const enum error_code code = shadow_open(&options, &serve->shadow, error);
    serve->work.shadow = serve->shadow;
    return code;
}

/* `port`: the engine's for batch jobs, behind those of the I/O threads. */
static enum error_code open_batch(struct serve *serve, unsigned port, struct error *error)
{
    const struct batch_options options = {
        .config = &serve->config,
        .catalog = &serve->catalog,
        .models = serve->models,
        .engine = serve->engine,
        .engine_port = port,
        .extractor = serve->extractor,
        .ledger = serve->ledger,
        .prices = serve->prices,
        .objects = serve->objects,
        .files = serve->files,
        .forms = {[BATCH_OPENAI] = &openai_batch_form, [BATCH_ANTHROPIC] = &anthropic_batch_form},
        .work = &serve->work,
        .on_billed = on_billed,
        .ctx = serve,
    };
    return batch_open(&options, &serve->batch, error);
}

/* ARNs of custom models and their deployments. */
static enum error_code find_custom(void *ctx, struct str tenant, struct str id, struct arena *arena, struct str *name,
                                   struct error *error)
{
    const struct serve *serve = ctx;
    return serve->customize ? deploy_find(customize_deploy(serve->customize), tenant, id, arena, name, error) : OK;
}

static enum error_code open_customize(struct serve *serve, struct error *error)
{
    const struct customize_options options = {
        .config = &serve->config,
        .catalog = &serve->catalog,
        .models = serve->models,
        .prices = serve->prices,
        .objects = serve->objects,
        .broker_fd = engine_broker_fd(serve->engine),
        .on_rows = tell_rows,
        .ctx = serve,
    };
    return customize_open(&options, &serve->customize, error);
}

static enum error_code open_evaluations(struct serve *serve, struct error *error)
{
    const struct evaluations_options options = {
        .data = serve->config.data,
        .batch = serve->batch,
        .objects = serve->objects,
        .routing = serve->routing,
        .prices = serve->prices,
    };
    return evaluations_open(&options, &serve->evaluations, error);
}

static enum error_code open_recall(struct serve *serve, struct error *error)
{
    const struct recall_bounds bounds = {
        .bytes = limit(response_cache_bytes),
        .entries = limit(response_cache_entries),
        .entry_bytes = limit(response_cache_entry_bytes),
    };
    serve->recall = recall_new(&bounds);
    return serve->recall ? OK : error_no_memory(error);
}

/* What requests and jobs are worked on with. */
static enum error_code open_work(struct serve *serve, unsigned threads, struct error *error)
{
    const struct config *config = &serve->config;
    native_register();
    const bool needs_walls = document_config(config)->sandbox == DOCUMENT_SANDBOX_REQUIRED;
    enum error_code code = extractor_new(needs_walls, &serve->extractor, error);
    if (code == OK)
        code = reservations_new(config, &serve->reservations, error);
    const struct keys_options keys = {.config = config, .alarms = serve->alarms};
    if (code == OK)
        code = keys_open(&keys, &serve->keys, error);
    if (code == OK)
        code = resources_open(&profile_resource, config->data, &serve->profiles, error);
    if (code == OK)
        code = invocations_open(config->data, serve->objects, &serve->invocations, error);
    if (code == OK && traces_config(config)->endpoint)
        code = traces_open(traces_config(config), &serve->traces, error);
    const struct routing_options routing = {config, &serve->catalog, serve->models, serve->prices,
                                            {find_custom, serve}};
    if (code == OK)
        code = routing_new(&routing, &serve->routing, error);
    if (code == OK)
        code = open_recall(serve, error);
    serve->work = (struct work_shared){
        .config = config,
        .engine = serve->engine,
        .models = serve->models,
        .extractor = serve->extractor,
        .ledger = serve->ledger,
        .prices = serve->prices,
        .reservations = serve->reservations,
        .keys = serve->keys,
        .routing = serve->routing,
        .recall = serve->recall,
        .upstreams = serve->upstreams.count > 0 ? &serve->upstreams : NULL,
        .others = *serve->others,
    };
    if (code == OK)
        code = open_shadow(serve, threads + 1, error);
    if (code == OK)
        code = files_open(config->data, &serve->files, error);
    if (code == OK)
        code = open_customize(serve, error); /* batch jobs may ask for custom models */
    if (code == OK)
        code = open_batch(serve, threads, error);
    if (code == OK)
        code = customize_start(serve->customize, serve->batch, error);
    return code == OK ? open_evaluations(serve, error) : code;
}

static enum error_code start_server(struct serve *serve, unsigned threads, struct error *error)
{
    char host[256];
    uint16_t port;
    const struct config *config = &serve->config;
    const struct api_options api_options = {
        .work = &serve->work,
        .sessions = serve->sessions,
        .catalog = &serve->catalog,
        .models = serve->models,
        .objects = serve->objects,
        .profiles = serve->profiles,
        .routers = routing_store(serve->routing),
        .invocations = serve->invocations,
        .monitor = serve->monitor,
        .traces = serve->traces,
        .alarms = serve->alarms,
        .dashboards = serve->dashboards,
        .batch = serve->batch,
        .files = serve->files,
        .customize = serve->customize,
        .evaluations = serve->evaluations,
        .batch_metrics = &serve->batch_metrics,
        .shadow_metrics = &serve->shadow_metrics,
        .thread_count = threads,
    };
    enum error_code code = config_parse_listen(config->listen, host, sizeof(host), &port, error);
    if (code == OK)
        code = api_new(&api_options, &serve->api, error);
    if (code != OK)
        return code;
    const struct server_options options = {
        .host = host,
        .port = port,
        .threads = threads,
        .tls_cert = tls_config(config)->cert,
        .tls_key = tls_config(config)->key,
        .ctx = serve->api,
        .thread_start = api_thread_start,
        .thread_stop = api_thread_stop,
        .on_request = front_on_request,
        .on_head = front_on_head,
        .on_protocol_error = front_on_protocol_error,
    };
    code = server_new(&options, &serve->server, error);
    if (code == OK)
        api_set_server(serve->api, serve->server);
    return code;
}

static void say_listening(const struct serve *serve)
{
    char url[URL_MAX];
    write_url(serve, url, sizeof(url));
    printf("listening on %s\n", url);
    if (isatty(STDOUT_FILENO))
        printf("\nTry it:\n\n  curl -s %s/model/%s/converse -H 'content-type: application/json' \\\n"
               "    -d '{\"system\":[{\"text\":\"Name the intent of the message.\"}],\n"
               "         \"messages\":[{\"role\":\"user\",\"content\":"
               "[{\"text\":\"How do I track my package?\"}]}]}'\n\n"
               "Programs that use an AWS SDK need only AWS_ENDPOINT_URL=%s. The console is at\n"
               "%s/console. Ctrl-C stops the server.\n\n",
               url, registry_list(serve->models)->models[0]->name, url, url);
    fflush(stdout);
    say_link(serve);
}

static uint64_t object_quota(const void *config, struct str tenant)
{
    return objects_quota_of(config, tenant);
}

static enum error_code open_objects(struct serve *serve, struct error *error)
{
    char path[4096];
    int len = snprintf(path, sizeof(path), "%s/objects", serve->config.data);
    if (len < 0 || (size_t)len >= sizeof(path))
        return error_set(error, ERROR_INVALID, "data directory: the path is too long");
    const struct config *config = &serve->config;
    const struct s3_config *s3 = s3_config(config);
    const struct objects_options options = {.directory = path,
                                            .quota = objects_have_quota(config) ? object_quota : NULL,
                                            .quota_ctx = config,
                                            .endpoint = s3->endpoint,
                                            .region = s3->region,
                                            .key = s3->key,
                                            .secret = s3->secret};
    return objects_open(&options, &serve->objects, error);
}

static enum error_code open_monitor(struct serve *serve, struct error *error)
{
    const struct monitor_config *config = monitor_config(&serve->config);
    const struct monitor_options options = {
        .data = serve->config.data,
        .ledger = serve->ledger,
        .keep_days = {config->minutes_days, config->five_minutes_days, config->hours_days},
    };
    enum error_code code = monitor_open(&options, &serve->monitor, error);
    if (code == OK)
        code = dashboards_open(serve->config.data, &serve->dashboards, error);
    return code == OK ? alarms_open(&serve->config, serve->monitor, &serve->alarms, error) : code;
}

static enum error_code run_server(struct serve *serve, struct error *error)
{
    unsigned threads = io_threads(&serve->config);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGHUP, SIG_IGN); /* until somebody listens: the models are looked up after that anyway */
    raise_file_limit();
    mem_keep_little();
    enum error_code code = sessions_new(&serve->sessions, error);
    if (code == OK)
        code = data_dir_lock(serve->config.data, &serve->lock_fd, error);
    if (code == OK)
        code = disk_open(serve->config.data, error);
    if (code == OK)
        code = ledger_open(serve->config.data, serve->prices, &serve->ledger, error);
    if (code == OK)
        code = open_monitor(serve, error);
    if (code == OK)
        code = open_objects(serve, error);
    if (code == OK)
        code = start_engine(serve, threads, error);
    if (code == OK && !serve->is_stopping)
        code = open_work(serve, threads, error);
    if (code == OK && !serve->is_stopping)
        code = start_server(serve, threads, error);
    if (code != OK || serve->is_stopping)
        return code;
    disk_started();
    say_listening(serve);
    uv_run(&serve->loop, UV_RUN_DEFAULT);
    return OK;
}

static void close_handle(uv_handle_t *handle, void *ctx)
{
    (void)ctx;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* False: the ledger could not be settled. */
static bool stop(struct serve *serve)
{
    server_free(serve->server);
    traces_close(serve->traces);
    invocations_close(serve->invocations); /* while the object store still answers: batch_close ends that */
    customize_close(serve->customize);
    evaluations_close(serve->evaluations);
    batch_close(serve->batch);
    shadow_close(serve->shadow);
    keeper_stop(serve->keeper);
    if (serve->engine)
        engine_stop(serve->engine);
    engine_free(serve->engine);
    api_free(serve->api);
    sessions_free(serve->sessions);
    extractor_free(serve->extractor);
    resources_close(serve->profiles);
    routing_free(serve->routing);
    recall_free(serve->recall);
    reservations_free(serve->reservations);
    keys_close(serve->keys);
    metrics_deinit(&serve->batch_metrics);
    metrics_deinit(&serve->shadow_metrics);
    alarms_close(serve->alarms);
    dashboards_close(serve->dashboards);
    monitor_close(serve->monitor);
    const bool is_settled = ledger_close(serve->ledger);
    files_close(serve->files);
    objects_close(serve->objects);
    if (serve->has_loop) {
        uv_walk(&serve->loop, close_handle, NULL);
        uv_run(&serve->loop, UV_RUN_DEFAULT);
        uv_loop_close(&serve->loop);
    }
    keeper_free(serve->keeper);
    registry_free(serve->models);
    upstreams_close(&serve->upstreams);
    price_book_free(serve->prices);
    if (serve->has_catalog)
        catalog_deinit(&serve->catalog);
    if (serve->has_config)
        config_deinit(&serve->config);
    disk_close();
    if (serve->lock_fd >= 0)
        close(serve->lock_fd);
    return is_settled;
}

int cmd_serve(int argc, char **argv)
{
    static const struct work_others nothing;
    return cmd_serve_with(argc, argv, &nothing);
}

int cmd_serve_with(int argc, char **argv, const struct work_others *others)
{
    struct serve_options options = {0};
    struct error error = {0};
    int status;
    if (!parse_options(argc, argv, &options, &status))
        return status;
    struct serve *serve = mem_must_calloc(1, sizeof(*serve));
    serve->lock_fd = -1;
    serve->others = others;
    status = CMD_DONE;
    if (configure(serve, &options, &error) != OK)
        status = cmd_fail("serve", &error, CMD_USAGE);
    else if (run_server(serve, &error) != OK)
        status = cmd_fail("serve", &error, CMD_FAILED);
    if (!stop(serve) && status == CMD_DONE)
        status = CMD_FAILED;
    mem_free(serve);
    return status;
}
