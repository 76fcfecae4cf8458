/* child.c - spawns the reader of one document, feeds and drains its pipes, and ends it when it is late. What it may
 * do is sandbox.c's. See child.h. */
#include "document/child.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/mem.h"
#include "document/child_status.h"

#define CHUNK ((size_t)65536)
#define REASON_BYTES ((size_t)4096)
#define HANDLES 4
#define FIXED_ARGUMENTS 5
/* pdftotext's layout has more blanks than what is left of them. */
#define RAW_FACTOR 4

/* The limits that the child has to hold to. */
static const char *const handed_on[] = {"document_pages",          "document_text_bytes",    "document_zip_entries",
                                        "document_inflated_bytes", "document_inflate_ratio", "document_timeout_ms",
                                        "document_memory_bytes"};
#define HANDED_ON (sizeof(handed_on) / sizeof(handed_on[0]))

enum end { END_OF_ITSELF, END_TIMEOUT, END_TOO_LONG, END_NO_MEMORY, END_KILLED, END_NOT_STARTED };

struct child {
    struct child_options options;
    uv_process_t process;
    uv_pipe_t out, err;
    uv_timer_t timer;
    struct buf text, reason;
    enum end end;
    bool has_process, has_exited, out_ended, err_ended, is_closing;
    int spawn_error, signal;
    int64_t status;
    unsigned open_handles;
    char chunk[CHUNK]; /* both pipes read into it, one after the other */
};

/* --- what became of it ------------------------------------------------------------------------------ */

static bool said(const struct child *child, struct str part)
{
    return str_find(buf_str(&child->reason), part, 0) >= 0;
}

static enum error_code judge_pdf(const struct child *child, struct error *error)
{
    if (said(child, STR("Incorrect password")))
        return error_set(error, ERROR_INVALID, "the PDF is encrypted; send it without its password");
    if (child->status == PDFTOTEXT_FORBIDDEN)
        return error_set(error, ERROR_INVALID, "the PDF forbids copying its text");
    if (child->status == PDFTOTEXT_CANNOT_OPEN)
        return error_set(error, ERROR_INVALID, "the file is damaged, or not a PDF");
    return error_set(error, ERROR_INVALID, "the PDF cannot be read");
}

/* Somebody ended it, or the kernel for want of memory on the machine: not what the file did to its reader. */
static bool is_from_outside(int signal)
{
    return signal == SIGKILL || signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGQUIT;
}

static enum error_code judge_status(const struct child *child, bool *is_lasting, struct error *error)
{
    const char *name = document_format_name(child->options.format);
    *is_lasting = true;
    if (child->signal == SIGXCPU)
        return error_set(error, ERROR_INVALID, "reading the %s file took longer than the limit of %llu ms", name,
                         (unsigned long long)limit(document_timeout_ms));
    if (is_from_outside(child->signal)) {
        *is_lasting = false;
        return error_set(error, ERROR_UNAVAILABLE, "the process that read the %s file was killed; try again", name);
    }
    if (child->signal != 0 || child->status == CHILD_NO_MEMORY) {
        *is_lasting = false;
        return error_set(error, ERROR_INVALID,
                         "the %s file cannot be read: its reader failed (signal %d) or needed more than the limit of "
                         "%llu bytes of memory",
                         name, child->signal, (unsigned long long)limit(document_memory_bytes));
    }
    if (child->status == 0)
        return OK;
    if (child->status == CHILD_REFUSED)
        return error_set(error, ERROR_INVALID, STR_FMT, STR_ARG(buf_str(&child->reason)));
    *is_lasting = child->options.format == DOCUMENT_PDF && child->status != CHILD_BROKEN;
    if (*is_lasting)
        return judge_pdf(child, error);
    return error_set(error, ERROR_INTERNAL, "the %s file was not read: status %lld, " STR_FMT, name,
                     (long long)child->status, STR_ARG(buf_str(&child->reason)));
}

static enum error_code judge(const struct child *child, bool *is_lasting, struct error *error)
{
    const char *name = document_format_name(child->options.format);
    *is_lasting = false;
    switch (child->end) {
    case END_TIMEOUT:
        return error_set(error, ERROR_INVALID, "reading the %s file took longer than the limit of %llu ms", name,
                         (unsigned long long)limit(document_timeout_ms));
    case END_TOO_LONG:
        *is_lasting = true;
        return error_set(error, ERROR_INVALID, "its text has more than the limit of %llu bytes; send a part of it",
                         (unsigned long long)limit(document_text_bytes));
    case END_NO_MEMORY: return error_no_memory(error);
    case END_KILLED: return error_set(error, ERROR_CANCELLED, "nobody waits for it any more");
    case END_NOT_STARTED:
        return error_set(error, ERROR_UNAVAILABLE, "the process that reads documents cannot be started: %s",
                         uv_strerror(child->spawn_error));
    case END_OF_ITSELF: break;
    }
    return judge_status(child, is_lasting, error);
}

/* --- the end ---------------------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    struct child *child = handle->data;
    if (--child->open_handles > 0)
        return;
    struct error error = {.code = OK};
    bool is_lasting;
    (void)judge(child, &is_lasting, &error);
    child->options.on_done(child->options.ctx, &error, is_lasting, &child->text);
    buf_deinit(&child->text);
    buf_deinit(&child->reason);
    mem_free(child);
}

static void close_all(struct child *child)
{
    uv_handle_t *handles[HANDLES] = {(uv_handle_t *)&child->process, (uv_handle_t *)&child->out,
                                     (uv_handle_t *)&child->err, (uv_handle_t *)&child->timer};
    if (child->is_closing)
        return;
    child->is_closing = true;
    for (size_t i = 0; i < HANDLES; i++)
        uv_close(handles[i], on_closed);
}

static void finish_if_over(struct child *child)
{
    if (child->has_exited && child->out_ended && child->err_ended)
        close_all(child);
}

/* The whole process group, so that nothing the child started stays behind. */
static void kill_group(const struct child *child)
{
    if (child->has_process && child->process.pid > 0)
        (void)kill(-child->process.pid, SIGKILL);
}

static void end_now(struct child *child, enum end end)
{
    if (child->end != END_OF_ITSELF || child->is_closing)
        return;
    child->end = end;
    kill_group(child);
    child->out_ended = child->err_ended = true; /* whoever holds the pipes: nobody listens any more */
    uv_read_stop((uv_stream_t *)&child->out);
    uv_read_stop((uv_stream_t *)&child->err);
    finish_if_over(child);
}

void child_kill(struct child *child)
{
    end_now(child, END_KILLED);
}

static void on_timeout(uv_timer_t *timer)
{
    end_now(timer->data, END_TIMEOUT);
}

static void on_exit(uv_process_t *process, int64_t status, int signal)
{
    struct child *child = process->data;
    child->has_exited = true;
    child->status = status;
    child->signal = signal;
    kill_group(child);
    finish_if_over(child);
}

/* --- its output ------------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *room)
{
    struct child *child = handle->data;
    (void)suggested;
    *room = uv_buf_init(child->chunk, CHUNK);
}

static void on_out(uv_stream_t *stream, ssize_t len, const uv_buf_t *chunk)
{
    struct child *child = stream->data;
    if (len < 0) {
        child->out_ended = true;
        uv_read_stop(stream);
        finish_if_over(child);
    } else if (len > 0 && !buf_append(&child->text, chunk->base, (size_t)len)) {
        bool is_long = (size_t)len > child->text.max - child->text.len;
        end_now(child, is_long ? END_TOO_LONG : END_NO_MEMORY);
    }
}

static void on_err(uv_stream_t *stream, ssize_t len, const uv_buf_t *chunk)
{
    struct child *child = stream->data;
    if (len < 0) {
        child->err_ended = true;
        uv_read_stop(stream);
        finish_if_over(child);
        return;
    }
    /* Some thousand warnings about one file are common; the beginning tells. */
    size_t room = child->reason.max - child->reason.len;
    (void)buf_append(&child->reason, chunk->base, (size_t)len < room ? (size_t)len : room);
}

/* --- the start -------------------------------------------------------------------------------------- */

static int spawn(struct child *child)
{
    char limits[HANDED_ON][64];
    const char *format = child->options.is_probe ? "probe" : document_format_name(child->options.format);
    const char *program = child->options.pdftotext ? child->options.pdftotext : "-";
    char *arguments[FIXED_ARGUMENTS + HANDED_ON + 1] = {
        "fulcrum", "extract", (char *)(uintptr_t)format, (char *)(uintptr_t)program,
        child->options.is_required ? "required" : "best-effort"};
    char *environment[] = {"LC_ALL=C", NULL};
    size_t row_count;
    const struct limit_row *rows = limits_rows(&row_count);
    for (size_t i = 0; i < HANDED_ON; i++) {
        uint64_t value = 0;
        for (size_t row = 0; row < row_count; row++)
            if (str_eq(str_of(rows[row].name), str_of(handed_on[i])))
                memcpy(&value, (const char *)&limits_in_force + rows[row].offset, sizeof(value));
        snprintf(limits[i], sizeof(limits[i]), "%s=%llu", handed_on[i], (unsigned long long)value);
        arguments[FIXED_ARGUMENTS + i] = limits[i];
    }
    uv_stdio_container_t stdio[] = {
        {.flags = UV_INHERIT_FD, .data.fd = child->options.input_fd},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&child->out},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&child->err},
    };
    const uv_process_options_t options = {
        .exit_cb = on_exit,
        .file = "/proc/self/exe",
        .args = arguments,
        .env = environment,
        .cwd = "/",
        .flags = UV_PROCESS_DETACHED, /* a session and process group of its own */
        .stdio = stdio,
        .stdio_count = 3,
    };
    return uv_spawn(child->options.loop, &child->process, &options);
}

struct child *child_start(const struct child_options *options)
{
    struct child *child = mem_calloc(1, sizeof(*child));
    if (!child)
        return NULL;
    child->options = *options;
    child->open_handles = HANDLES;
    child->process.data = child->out.data = child->err.data = child->timer.data = child;
    size_t factor = options->format == DOCUMENT_PDF ? RAW_FACTOR : 1;
    buf_init(&child->text, (size_t)limit(document_text_bytes) * factor);
    buf_init(&child->reason, REASON_BYTES);
    uv_pipe_init(options->loop, &child->out, 0);
    uv_pipe_init(options->loop, &child->err, 0);
    uv_timer_init(options->loop, &child->timer);
    child->spawn_error = spawn(child);
    if (child->spawn_error) {
        child->end = END_NOT_STARTED;
        close_all(child);
        return child;
    }
    child->has_process = true;
    uv_timer_start(&child->timer, on_timeout, limit(document_timeout_ms), 0);
    int problem = uv_read_start((uv_stream_t *)&child->out, on_alloc, on_out);
    if (problem == 0)
        problem = uv_read_start((uv_stream_t *)&child->err, on_alloc, on_err);
    if (problem) {
        child->spawn_error = problem;
        end_now(child, END_NOT_STARTED);
    }
    return child;
}
