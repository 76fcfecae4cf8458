/* The extractor's thread, its ports, and what became of each document (extractor.h). */
#include "document/extractor.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/condition.h"
#include "core/io.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/must.h"
#include "document/cache.h"
#include "document/child.h"
#include "document/pdf_text.h"
#include "document/reader_queue.h"

#define PROGRAM_MAX 4096

/* One file being read, or waiting to be. */
struct reading {
    struct reader_item item; /* first: what the queue hands out is the job */
    struct extractor *extractor;
    struct document_key key;
    int input_fd; /* the file, in anonymous memory; -1 once the child has it */
    size_t input_bytes;
    struct extraction *waiters;
    struct child *child; /* the extractor's thread only */
    uint64_t started_us;
};

/* One request that waits: in its job's list, then in its port's. */
struct extraction {
    struct extractor_port *port;
    struct reading *job;            /* NULL: done, in the port's list */
    struct document_text *text; /* when done */
    void (*on_done)(void *ctx, const struct error *error, struct str text);
    void *ctx;
    struct extraction *next, *prev;
};

struct extractor_port {
    struct extractor *extractor;
    uv_async_t wake;
    struct extraction *done; /* newest first */
    size_t pending;          /* extractions of this port, waiting or done; its thread only */
};

struct extractor {
    uv_thread_t thread;
    uv_loop_t loop;
    uv_async_t wake;
    uv_mutex_t mutex; /* guards all below, and each port's `done` */
    struct text_cache *cache;
    struct reader_queue queue;
    bool is_required; /* every wall of the sandbox; set before the thread starts */
    struct extractor_counters counters;
    bool is_stopping;
    unsigned ports;
};

/* --- lists ------------------------------------------------------------------------------------------ */

static struct reading *job_of(struct reader_item *item)
{
    return (struct reading *)item;
}

/* One that somebody waits for: without, its child is about to be killed. */
static struct reading *find_job(const struct reader_queue *queue, const struct document_key *key)
{
    struct reader_item *item = reader_queue_first(queue);
    while (item && (!job_of(item)->waiters || !document_key_equal(&job_of(item)->key, key)))
        item = reader_queue_next(item);
    return item ? job_of(item) : NULL;
}

static void push_extraction(struct extraction **list, struct extraction *extraction)
{
    extraction->prev = NULL;
    extraction->next = *list;
    if (*list)
        (*list)->prev = extraction;
    *list = extraction;
}

static void remove_extraction(struct extraction **list, struct extraction *extraction)
{
    *(extraction->prev ? &extraction->prev->next : list) = extraction->next;
    if (extraction->next)
        extraction->next->prev = extraction->prev;
}

static void free_job(struct reading *job)
{
    if (job->input_fd >= 0)
        close(job->input_fd);
    mem_free(job);
}

/* --- the extractor's thread ------------------------------------------------------------------------- */

/* pdftotext in PATH; looked for each time, so that installing it is enough. */
static bool find_pdftotext(char out[PROGRAM_MAX])
{
    struct str path = str_of(getenv("PATH")), folder;
    if (path.len == 0)
        path = STR("/usr/local/bin:/usr/bin:/bin");
    while (str_split(&path, ':', &folder)) {
        if (folder.len == 0 || folder.data[0] != '/')
            continue;
        int len = snprintf(out, PROGRAM_MAX, STR_FMT "/pdftotext", STR_ARG(folder));
        if (len > 0 && len < PROGRAM_MAX && access(out, X_OK) == 0)
            return true;
    }
    return false;
}

static void start_jobs(struct extractor *extractor);

/* Hands a result to all that wait and ends the job. `text` NULL: memory is out for
 * the result itself; the waiters are then told by a result that cannot fail. */
static void finish_job(struct reading *job, struct document_text *text, bool is_lasting)
{
    struct extractor *extractor = job->extractor;
    uv_mutex_lock(&extractor->mutex);
    reader_queue_finish(&extractor->queue, &job->item, clock_now_us());
    if (text && is_lasting)
        text_cache_put(extractor->cache, &job->key, text);
    if (!text || text->error.code != OK)
        extractor->counters.failures++;
    while (job->waiters) {
        struct extraction *extraction = job->waiters;
        remove_extraction(&job->waiters, extraction);
        extraction->job = NULL;
        extraction->text = text ? document_text_share(text) : NULL;
        push_extraction(&extraction->port->done, extraction);
        uv_async_send(&extraction->port->wake);
    }
    if (extractor->is_stopping)
        uv_async_send(&extractor->wake);
    uv_mutex_unlock(&extractor->mutex);
    document_text_release(text);
    free_job(job);
    start_jobs(extractor);
}

static void log_outcome(const struct reading *job, const struct error *error, size_t text_bytes)
{
    const char *format = document_format_name(job->key.format);
    double ms = (double)(clock_now_us() - job->started_us) / 1000;
    if (error->code == OK)
        log_event(LOG_INFO, "document read", LOG_C("format", format), LOG_I("bytes", job->input_bytes),
                  LOG_I("text_bytes", text_bytes), LOG_F("ms", ms));
    else
        log_event(error->code == ERROR_CANCELLED ? LOG_INFO : LOG_WARN, "document not read", LOG_C("format", format),
                  LOG_I("bytes", job->input_bytes), LOG_F("ms", ms), LOG_C("reason", error->message));
}

static void on_child_done(void *ctx, const struct error *child_error, bool is_lasting, struct buf *raw)
{
    struct reading *job = ctx;
    struct error error = *child_error;
    struct buf text = *raw;
    *raw = (struct buf){.max = raw->max};
    job->child = NULL;
    if (error.code == OK && job->key.format == DOCUMENT_PDF) {
        struct buf tidy;
        buf_init(&tidy, (size_t)limit(document_text_bytes));
        error.code = pdf_text(buf_str(&text), &tidy, &error);
        buf_deinit(&text);
        text = tidy;
    }
    is_lasting = is_lasting && error.code != ERROR_NO_MEMORY;
    log_outcome(job, &error, text.len);
    if (error.code != OK)
        buf_deinit(&text);
    struct document_text *result = document_text_new(text.data, text.len, &error);
    if (!result)
        buf_deinit(&text);
    finish_job(job, result, is_lasting);
}

static void start_job(struct reading *job)
{
    char program[PROGRAM_MAX];
    struct error error;
    job->started_us = clock_now_us();
    if (job->key.format == DOCUMENT_PDF && !find_pdftotext(program)) {
        (void)error_set(&error, ERROR_INVALID,
                        "this server cannot read PDF files: it has no pdftotext; install the package poppler-utils");
        finish_job(job, document_text_new(NULL, 0, &error), false);
        return;
    }
    const struct child_options options = {
        .loop = &job->extractor->loop,
        .format = job->key.format,
        .input_fd = job->input_fd,
        .pdftotext = job->key.format == DOCUMENT_PDF ? program : NULL,
        .is_required = job->extractor->is_required,
        .on_done = on_child_done,
        .ctx = job,
    };
    job->child = child_start(&options);
    close(job->input_fd);
    job->input_fd = -1;
    if (!job->child)
        finish_job(job, NULL, false);
}

/* The next job, which runs now, or NULL. */
static struct reading *take_job(struct extractor *extractor)
{
    uv_mutex_lock(&extractor->mutex);
    struct reader_item *item = reader_queue_take(&extractor->queue, clock_now_us());
    extractor->counters.extractions += item != NULL;
    uv_mutex_unlock(&extractor->mutex);
    return item ? job_of(item) : NULL;
}

/* Outside the lock: starting a process takes a millisecond that no I/O thread shall wait. */
static void start_jobs(struct extractor *extractor)
{
    for (struct reading *job; (job = take_job(extractor));)
        start_job(job);
}

static void on_wake(uv_async_t *wake)
{
    struct extractor *extractor = wake->data;
    uv_mutex_lock(&extractor->mutex);
    for (struct reader_item *item = reader_queue_first(&extractor->queue); item; item = reader_queue_next(item))
        if (!job_of(item)->waiters && job_of(item)->child)
            child_kill(job_of(item)->child);
    bool is_over = extractor->is_stopping && extractor->queue.running == 0;
    uv_mutex_unlock(&extractor->mutex);
    start_jobs(extractor);
    if (is_over && !uv_is_closing((uv_handle_t *)wake))
        uv_close((uv_handle_t *)wake, NULL);
}

static void run_thread(void *ctx)
{
    struct extractor *extractor = ctx;
    uv_run(&extractor->loop, UV_RUN_DEFAULT);
}

/* --- the sandbox, tried at the start ---------------------------------------------------------------- */

#define PROBE_TEXT_MAX 1024

struct probe {
    bool is_done;
    struct error error;
    char missing[PROBE_TEXT_MAX];
};

static void on_probe_done(void *ctx, const struct error *error, bool is_lasting, struct buf *text)
{
    struct probe *probe = ctx;
    (void)is_lasting;
    probe->is_done = true;
    probe->error = *error;
    snprintf(probe->missing, sizeof(probe->missing), STR_FMT, STR_ARG(buf_str(text)));
}

/* What the sandbox of a reader lacks, or why none can be started, into probe->missing. `pdftotext` NULL: our own. */
static enum error_code try_sandbox(struct extractor *extractor, const char *pdftotext, struct probe *probe,
                                   struct error *error)
{
    *probe = (struct probe){.is_done = false};
    const int input = memfd_create("probe", MFD_CLOEXEC);
    const struct child_options options = {
        .loop = &extractor->loop,
        .format = pdftotext ? DOCUMENT_PDF : DOCUMENT_DOCX,
        .input_fd = input,
        .pdftotext = pdftotext,
        .is_probe = true,
        .on_done = on_probe_done,
        .ctx = probe,
    };
    struct child *child = input >= 0 ? child_start(&options) : NULL;
    if (input >= 0)
        close(input);
    if (!child)
        return error_no_memory(error);
    while (!probe->is_done)
        uv_run(&extractor->loop, UV_RUN_ONCE);
    if (probe->error.code != OK)
        snprintf(probe->missing, sizeof(probe->missing), "%s", probe->error.message);
    return OK;
}

#define SANDBOX_CONDITION "documents.sandbox"
#define SANDBOX_IS_WHOLE "all walls stand (Landlock, seccomp, no privileges), and every attempt was refused"

/* Both kinds of readers; what our own lack comes first. */
static enum error_code check_sandbox(struct extractor *extractor, struct error *error)
{
    char program[PROGRAM_MAX];
    struct probe probe;
    enum error_code code = try_sandbox(extractor, NULL, &probe, error);
    if (code == OK && !*probe.missing && find_pdftotext(program))
        code = try_sandbox(extractor, program, &probe, error);
    if (code != OK)
        return code;
    if (!*probe.missing) {
        condition_set(SANDBOX_CONDITION, CONDITION_CLEAR, "%s", SANDBOX_IS_WHOLE);
        log_event(LOG_INFO, "sandbox of document readers", LOG_C("walls", SANDBOX_IS_WHOLE));
        return OK;
    }
    if (extractor->is_required)
        return error_set(error, ERROR_IO, "documents.sandbox is required, and not whole here: %s", probe.missing);
    condition_set(SANDBOX_CONDITION, CONDITION_NOTE, "%s", probe.missing);
    return OK;
}

/* --- life ------------------------------------------------------------------------------------------- */

/* The loop is nobody's: its thread was not started. */
static void discard(struct extractor *made)
{
    uv_close((uv_handle_t *)&made->wake, NULL);
    uv_run(&made->loop, UV_RUN_DEFAULT);
    uv_loop_close(&made->loop);
    uv_mutex_destroy(&made->mutex);
    text_cache_free(made->cache);
    mem_free(made);
}

enum error_code extractor_new(bool is_required, struct extractor **extractor, struct error *error)
{
    char program[PROGRAM_MAX];
    struct extractor *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->is_required = is_required;
    made->cache = text_cache_new((size_t)limit(document_cache_bytes));
    if (!made->cache) {
        mem_free(made);
        return error_no_memory(error);
    }
    uv_mutex_init(&made->mutex);
    uv_loop_init(&made->loop);
    made->wake.data = made;
    uv_async_init(&made->loop, &made->wake, on_wake);
    enum error_code code = check_sandbox(made, error);
    if (code == OK && uv_thread_create(&made->thread, run_thread, made))
        code = error_set(error, ERROR_IO, "cannot start the thread that reads documents");
    if (code != OK) {
        discard(made);
        return code;
    }
    if (!find_pdftotext(program))
        log_event(LOG_WARN, "no pdftotext", LOG_C("effect", "PDF documents are refused"),
                  LOG_C("install", "poppler-utils"));
    *extractor = made;
    return OK;
}

void extractor_free(struct extractor *extractor)
{
    if (!extractor)
        return;
    assert(extractor->ports == 0);
    uv_mutex_lock(&extractor->mutex);
    extractor->is_stopping = true;
    uv_mutex_unlock(&extractor->mutex);
    uv_async_send(&extractor->wake);
    uv_thread_join(&extractor->thread);
    uv_loop_close(&extractor->loop);
    uv_mutex_destroy(&extractor->mutex);
    text_cache_free(extractor->cache);
    mem_free(extractor);
}

void extractor_counters(struct extractor *extractor, struct extractor_counters *counters)
{
    uv_mutex_lock(&extractor->mutex);
    *counters = extractor->counters;
    counters->cache_bytes = text_cache_bytes(extractor->cache);
    counters->cache_documents = text_cache_count(extractor->cache);
    counters->waiting = extractor->queue.queued;
    uv_mutex_unlock(&extractor->mutex);
}

/* --- ports ------------------------------------------------------------------------------------------ */

static struct extraction *take_done(struct extractor_port *port)
{
    uv_mutex_lock(&port->extractor->mutex);
    struct extraction *extraction = port->done;
    if (extraction)
        remove_extraction(&port->done, extraction);
    uv_mutex_unlock(&port->extractor->mutex);
    return extraction;
}

static void on_port_wake(uv_async_t *wake)
{
    struct extractor_port *port = wake->data;
    for (struct extraction *extraction; (extraction = take_done(port));) {
        struct extraction done = *extraction;
        struct error error = {.code = OK};
        must(port->pending > 0, "an answer belongs to a request of its port", LOG_B("text", done.text != NULL));
        port->pending--;
        mem_free(extraction);
        if (done.text)
            error = done.text->error;
        else
            (void)error_no_memory(&error);
        done.on_done(done.ctx, &error, done.text ? done.text->text : STR(""));
        document_text_release(done.text);
    }
}

struct extractor_port *extractor_port_new(struct extractor *extractor, uv_loop_t *loop, struct error *error)
{
    struct extractor_port *port = mem_calloc(1, sizeof(*port));
    if (!port) {
        (void)error_no_memory(error);
        return NULL;
    }
    port->extractor = extractor;
    port->wake.data = port;
    int problem = uv_async_init(loop, &port->wake, on_port_wake);
    if (problem) {
        mem_free(port);
        (void)error_set(error, ERROR_IO, "cannot open a port to the document reader: %s", uv_strerror(problem));
        return NULL;
    }
    uv_mutex_lock(&extractor->mutex);
    extractor->ports++;
    uv_mutex_unlock(&extractor->mutex);
    return port;
}

static void on_port_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

void extractor_port_close(struct extractor_port *port)
{
    struct extractor *extractor = port->extractor;
    must(port->pending == 0, "every request is closed before its port", LOG_I("pending", port->pending));
    uv_mutex_lock(&extractor->mutex);
    must(extractor->ports > 0, "a port is closed once", LOG_I("ports", extractor->ports));
    extractor->ports--;
    uv_mutex_unlock(&extractor->mutex);
    uv_close((uv_handle_t *)&port->wake, on_port_closed);
}

/* --- requests --------------------------------------------------------------------------------------- */

/* The file in memory that a child can read as its standard input. */
static int make_input(struct str bytes, struct error *error)
{
    int fd = memfd_create("document", MFD_CLOEXEC);
    if (fd < 0) {
        (void)error_set_errno(error, ERROR_IO, errno, "cannot hold the document in memory");
        return -1;
    }
    if (!io_write_all(fd, bytes.data, bytes.len)) {
        (void)error_set_errno(error, ERROR_IO, errno, "cannot hold the document in memory");
        close(fd);
        return -1;
    }
    (void)lseek(fd, 0, SEEK_SET);
    return fd;
}

static struct reading *new_job(struct extractor *extractor, const struct document_key *key, struct str bytes,
                           struct error *error)
{
    struct reading *job = mem_calloc(1, sizeof(*job));
    if (!job) {
        (void)error_no_memory(error);
        return NULL;
    }
    *job = (struct reading){.extractor = extractor, .key = *key, .input_bytes = bytes.len};
    job->input_fd = make_input(bytes, error);
    if (job->input_fd >= 0)
        return job;
    mem_free(job);
    return NULL;
}

/* Under the lock. A cached text (*known), or the job of the same file joined; false: neither. */
static bool find_known(struct extractor *extractor, const struct document_key *key, struct extraction *extraction,
                       struct document_text **known)
{
    *known = text_cache_get(extractor->cache, key);
    if (*known) {
        extractor->counters.cache_hits++;
        return true;
    }
    struct reading *job = find_job(&extractor->queue, key);
    if (!job)
        return false;
    extraction->job = job;
    push_extraction(&job->waiters, extraction);
    extractor->counters.shared++;
    return true;
}

static enum error_code enqueue(struct extractor *extractor, struct reading *job, struct str tenant,
                               struct extraction *extraction, struct document_text **known, struct error *error)
{
    uv_mutex_lock(&extractor->mutex);
    if (find_known(extractor, &job->key, extraction, known)) { /* another thread was faster */
        uv_mutex_unlock(&extractor->mutex);
        free_job(job);
        return OK;
    }
    enum error_code code = reader_queue_push(&extractor->queue, &job->item, tenant, error);
    if (code == OK) {
        extraction->job = job;
        push_extraction(&job->waiters, extraction);
    }
    uv_mutex_unlock(&extractor->mutex);
    if (code == OK)
        uv_async_send(&extractor->wake);
    else
        free_job(job);
    return code;
}

static enum error_code take_known(struct document_text *known, struct arena *arena, struct str *text,
                                  struct error *error)
{
    enum error_code code = known->error.code;
    if (code != OK)
        *error = known->error;
    else if (!arena_str(arena, known->text, text))
        code = error_no_memory(error);
    document_text_release(known);
    return code;
}

enum error_code extractor_submit(struct extractor_port *port, struct str tenant, enum document_format format,
                                 struct str bytes, const uint8_t *hash,
                                 void (*on_done)(void *ctx, const struct error *error, struct str text), void *ctx,
                                 struct arena *arena, struct str *text, struct extraction **extraction,
                                 struct error *error)
{
    struct extractor *extractor = port->extractor;
    struct document_key key = {.format = format};
    struct document_text *known = NULL;
    *extraction = NULL;
    struct extraction *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    *made = (struct extraction){.port = port, .on_done = on_done, .ctx = ctx};
    if (hash)
        memcpy(key.hash, hash, sizeof(key.hash));
    else
        sha256(bytes, key.hash);
    uv_mutex_lock(&extractor->mutex);
    bool is_found = find_known(extractor, &key, made, &known);
    uv_mutex_unlock(&extractor->mutex);
    enum error_code code = OK;
    if (!is_found) {
        struct reading *job = new_job(extractor, &key, bytes, error);
        code = job ? enqueue(extractor, job, tenant, made, &known, error) : error->code;
    }
    if (code != OK || known) {
        mem_free(made);
        return known ? take_known(known, arena, text, error) : code;
    }
    port->pending++;
    *extraction = made;
    return OK;
}

void extraction_cancel(struct extraction *extraction)
{
    struct extractor *extractor = extraction->port->extractor;
    uv_mutex_lock(&extractor->mutex);
    struct reading *job = extraction->job;
    remove_extraction(job ? &job->waiters : &extraction->port->done, extraction);
    bool is_abandoned = job && !job->waiters;
    bool is_dropped = is_abandoned && !job->item.is_running;
    if (is_dropped)
        reader_queue_remove(&extractor->queue, &job->item);
    uv_mutex_unlock(&extractor->mutex);
    if (is_dropped)
        free_job(job);
    else if (is_abandoned)
        uv_async_send(&extractor->wake);
    must(extraction->port->pending > 0, "a request is closed once", LOG_B("dropped", is_dropped));
    extraction->port->pending--;
    document_text_release(extraction->text);
    mem_free(extraction);
}
