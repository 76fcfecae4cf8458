/* demo_bed.c - see demo_bed.h. */
#include "cmd/demo_bed.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/config.h"
#include "core/io.h"
#include "ledger/view.h"

#define METRICS_BYTES_MAX ((size_t)16 << 20)
#define STEP_SECONDS "fulcrum_engine_step_seconds_total{"

static volatile sig_atomic_t interrupted, server_pid;

static void on_signal(int number)
{
    interrupted = number;
    if (server_pid > 0)
        (void)kill(server_pid, SIGTERM);
}

void demo_bed_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

bool demo_bed_is_interrupted(void) { return interrupted != 0; }

/* --- the configuration ---------------------------------------------------------------------------------- */

static void append_model(struct buf *out, const char *name, const char *id, const char *more, bool has_cache)
{
    buf_appendf(out, "  - {name: %s, price_as: \"%s\", %s, cache: \"%s\"}\n", name, id, more,
                has_cache ? "implicit" : "off");
}

void demo_bed_append_config(struct buf *out, bool has_cache, bool has_router)
{
    buf_append_text(out, "models:\n");
    append_model(out, DEMO_LARGE, DEMO_LARGE_ID, "ids: [\"" DEMO_LARGE_ID "\"], threads: 2", has_cache);
    append_model(out, CONFIG_EMBEDDED_LARGE, DEMO_LARGE_ID, "ids: [\"" DEMO_NOTES_ID "\"]", has_cache);
    append_model(out, DEMO_SMALL, DEMO_SMALL_ID, "ids: [\"" DEMO_SMALL_ID "\"]", has_cache);
    append_model(out, CONFIG_EMBEDDED_STUDENT, DEMO_SMALL_ID, "teacher: \"" DEMO_LARGE_ID "\"", has_cache);
    if (has_router)
        buf_append_text(out, "routers:\n  - {name: " DEMO_ROUTER ", models: [" DEMO_SMALL ", " DEMO_LARGE
                             "], tolerance: 1, escalate: {below: 0.6, share: 1}}\n");
}

static enum error_code write_config(char *path, bool has_cache, bool has_router, struct error *error)
{
    struct buf text;
    const int fd = mkstemps(path, 5);
    if (fd < 0)
        return error_set_errno(error, ERROR_IO, errno, "cannot make a file (TMPDIR says where)");
    buf_init(&text, LIMIT_CONFIG_BYTES);
    demo_bed_append_config(&text, has_cache, has_router);
    const bool is_written = !text.failed && write(fd, text.data, text.len) == (ssize_t)text.len;
    buf_deinit(&text);
    close(fd);
    if (is_written)
        return OK;
    (void)unlink(path);
    return error_set(error, ERROR_IO, "cannot write %s", path);
}

/* --- the server ----------------------------------------------------------------------------------------- */

enum error_code demo_bed_start(bool has_cache, bool has_router, struct demo_bed *bed, struct error *error)
{
    char path[4096];
    *bed = (struct demo_bed){.client = NULL};
    if (!io_temporary_path("fulcrum-demo-XXXXXX.yaml", path, sizeof(path)))
        return error_set(error, ERROR_INVALID, "TMPDIR is too long");
    if (write_config(path, has_cache, has_router, error) != OK)
        return error->code;
    enum error_code code = eval_server_start(path, &bed->server, error);
    (void)unlink(path);
    if (code != OK)
        return code;
    server_pid = bed->server.pid;
    code = demo_bed_is_interrupted() ? error_set(error, ERROR_CANCELLED, "interrupted")
                                     : api_client_new(bed->server.url, &bed->client, error);
    if (code != OK)
        demo_bed_stop(bed);
    return code;
}

void demo_bed_stop(struct demo_bed *bed)
{
    server_pid = 0;
    api_client_free(bed->client);
    eval_server_stop(&bed->server);
    *bed = (struct demo_bed){.client = NULL};
}

/* --- what it has done ----------------------------------------------------------------------------------- */

static double sum_steps(struct str metrics)
{
    double sum = 0, value;
    struct str line;
    while (str_split(&metrics, '\n', &line)) {
        const ptrdiff_t space = str_starts(line, STR(STEP_SECONDS)) ? str_find_char(line, ' ', 0) : -1;
        if (space > 0 && str_to_double(str_slice(line, (size_t)space + 1, line.len), &value))
            sum += value;
    }
    return sum;
}

enum error_code demo_bed_engine_seconds(struct demo_bed *bed, double *seconds, struct error *error)
{
    struct buf reply;
    buf_init(&reply, METRICS_BYTES_MAX);
    const enum error_code code =
        api_client_call(bed->client, "/metrics", (struct str){NULL, 0}, &reply, error);
    if (code == OK) {
        const double now = sum_steps(buf_str(&reply));
        *seconds = now - bed->engine_s;
        bed->engine_s = now;
    }
    buf_deinit(&reply);
    return code;
}

static enum error_code add_line(void *ctx, const struct ledger_line *line, struct error *error)
{
    (void)error;
    demo_figures_add(ctx, line);
    return OK;
}

enum error_code demo_bed_read_ledger(const struct demo_bed *bed, struct demo_figures *figures, struct error *error)
{
    struct ledger_view *view;
    if (ledger_view_open(bed->server.data_dir, &view, error) != OK)
        return error->code;
    const enum error_code code = ledger_view_lines(view, add_line, figures, error);
    ledger_view_close(view);
    return code;
}
