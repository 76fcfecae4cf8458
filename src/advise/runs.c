/* runs.c - see runs.h. The child writes into files without a name (memfd): its advice into one, how far it is and what
 * went wrong into the other. */
#include "advise/runs.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/io.h"
#include "core/limits.h"
#include "core/log.h"
#include "core/subprocess.h"
#include "core/util.h"

#define KEY_BYTES 1024
#define SAID_BYTES 4096 /* of what the child said, from its end */
#define UNASKED_US 5000000
#define GIVES_WAY_MS 0
#define PROGRESS "progress "
#define PREFIX "fulcrum advise: "
#define SECOND_US 1000000

/* What a question was answered with. */
struct kept {
    char key[KEY_BYTES];
    struct str json; /* data NULL: the place is free */
    uint64_t made_us, done_us; /* wall clock; clock_now_us */
};

struct advise_runs {
    pthread_mutex_t mutex;
    struct advise_runs_options options;
    struct kept kept[LIMIT_ADVICE_KEPT];
    /* The one that runs, while process.pid is not 0. */
    struct subprocess process;
    char key[KEY_BYTES];
    int out, said;
    uint64_t asked_us; /* clock_now_us, by whoever wants it */
};

enum error_code advise_runs_new(const struct advise_runs_options *options, struct advise_runs **runs,
                                struct error *error)
{
    struct advise_runs *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    pthread_mutex_init(&made->mutex, NULL);
    made->options = *options;
    made->out = made->said = -1;
    *runs = made;
    return OK;
}

static void close_files(struct advise_runs *runs)
{
    if (runs->out >= 0)
        (void)close(runs->out);
    if (runs->said >= 0)
        (void)close(runs->said);
    runs->out = runs->said = -1;
}

static void end_run(struct advise_runs *runs)
{
    subprocess_stop(&runs->process, GIVES_WAY_MS);
    close_files(runs);
}

void advise_runs_free(struct advise_runs *runs)
{
    if (!runs)
        return;
    end_run(runs);
    for (size_t i = 0; i < LIMIT_ADVICE_KEPT; i++)
        mem_free((char *)(uintptr_t)runs->kept[i].json.data);
    pthread_mutex_destroy(&runs->mutex);
    mem_free(runs);
}

/* --- the child --------------------------------------------------------------------------------------- */

static enum error_code open_files(struct advise_runs *runs, struct error *error)
{
    runs->out = memfd_create("advice", MFD_CLOEXEC);
    runs->said = memfd_create("advice", MFD_CLOEXEC);
    if (runs->out >= 0 && runs->said >= 0)
        return OK;
    const int os_errno = errno;
    close_files(runs);
    return error_set_errno(error, ERROR_UNAVAILABLE, os_errno, "cannot start the advisor");
}

static enum error_code start(struct advise_runs *runs, const struct advise_question *question, struct arena *arena,
                             struct error *error)
{
    char days[24], seconds[24], memory[24];
    const char *arguments[24] = {"advise", "--json", "--progress", "--days", days, "--seconds", seconds, "--memory",
                                 memory};
    size_t count = 9;
    const struct {
        const char *name;
        struct str value;
    } more[] = {{"--tenant", question->tenant},
                {"--what-if", question->what_if},
                {"--config", str_of(runs->options.config)}};
    (void)snprintf(days, sizeof(days), "%" PRIu64, question->days);
    (void)snprintf(seconds, sizeof(seconds), "%" PRIu64, (uint64_t)limit(advice_seconds));
    (void)snprintf(memory, sizeof(memory), "%" PRIu64, (uint64_t)limit(advice_memory_bytes));
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        const struct str value = more[i].value;
        if (value.len == 0)
            continue;
        arguments[count++] = more[i].name;
        const struct str text = arena_printf(arena, STR_FMT, STR_ARG(value));
        if (!text.data)
            return error_no_memory(error);
        arguments[count++] = text.data;
    }
    arguments[count++] = "--";
    arguments[count++] = runs->options.data;
    enum error_code code = open_files(runs, error);
    if (code != OK)
        return code;
    const struct subprocess_file files[] = {{runs->out, 1}, {runs->said, 2}};
    code = subprocess_start(&runs->process, NULL, arguments, files, 2, error);
    if (code != OK)
        close_files(runs);
    return code;
}

/* The end of what the child has said so far. */
static struct str said(const struct advise_runs *runs, char text[SAID_BYTES])
{
    struct stat info;
    if (fstat(runs->said, &info) != 0 || info.st_size == 0)
        return STR("");
    const size_t len = info.st_size < SAID_BYTES ? (size_t)info.st_size : SAID_BYTES;
    return io_read_at(runs->said, text, len, (uint64_t)info.st_size - len) ? (struct str){text, len} : STR("");
}

/* "progress SHARE RECORDS", the last of these lines that is whole. */
static void read_progress(const struct advise_runs *runs, struct advise_answer *answer)
{
    char text[SAID_BYTES];
    struct str rest = said(runs, text), line;
    while (str_find_char(rest, '\n', 0) >= 0 && str_split(&rest, '\n', &line)) {
        struct str word, words = str_slice(line, strlen(PROGRESS), line.len);
        double share;
        uint64_t records;
        if (str_starts(line, STR(PROGRESS)) && str_split(&words, ' ', &word) && str_to_double(word, &share) &&
            str_to_u64(words, &records)) {
            answer->share = share < 0 ? 0 : share > 1 ? 1 : share;
            answer->records = records;
        }
    }
}

/* --- what came of it --------------------------------------------------------------------------------- */

static struct kept *find_kept(struct advise_runs *runs, const char *key)
{
    for (size_t i = 0; i < LIMIT_ADVICE_KEPT; i++)
        if (runs->kept[i].json.data && strcmp(runs->kept[i].key, key) == 0)
            return &runs->kept[i];
    return NULL;
}

/* The place of the question, a free one, or that of the oldest. */
static struct kept *place_for(struct advise_runs *runs, const char *key)
{
    struct kept *place = find_kept(runs, key);
    for (size_t i = 0; i < LIMIT_ADVICE_KEPT && !place; i++)
        if (!runs->kept[i].json.data)
            place = &runs->kept[i];
    for (size_t i = 0; i < LIMIT_ADVICE_KEPT && (!place || place->json.data); i++)
        if (!place || runs->kept[i].done_us < place->done_us)
            place = &runs->kept[i];
    return place;
}

static enum error_code keep(struct advise_runs *runs, struct error *error)
{
    struct stat info;
    if (fstat(runs->out, &info) != 0 || info.st_size == 0 || (uint64_t)info.st_size > LIMIT_ADVICE_BYTES)
        return error_set(error, ERROR_UNAVAILABLE, "The advisor said nothing that can be read.");
    const size_t len = (size_t)info.st_size;
    char *json = mem_alloc(len);
    if (!json)
        return error_no_memory(error);
    if (!io_read_at(runs->out, json, len, 0)) {
        mem_free(json);
        return error_set(error, ERROR_UNAVAILABLE, "The advisor's answer cannot be read.");
    }
    struct kept *place = place_for(runs, runs->key);
    mem_free((char *)(uintptr_t)place->json.data);
    *place = (struct kept){.json = {json, len}, .made_us = clock_wall_us(), .done_us = clock_now_us()};
    memcpy(place->key, runs->key, sizeof(place->key));
    return OK;
}

/* Its last words, which are for a terminal. */
static enum error_code complain(const struct advise_runs *runs, int status, struct error *error)
{
    char text[SAID_BYTES];
    struct str rest = said(runs, text), line, last = STR("");
    while (str_split(&rest, '\n', &line))
        if (str_starts(line, STR(PREFIX)))
            last = str_slice(line, strlen(PREFIX), line.len);
    if (WIFEXITED(status) && last.len > 0)
        return error_set(error, WEXITSTATUS(status) == 2 ? ERROR_INVALID : ERROR_UNAVAILABLE, STR_FMT, STR_ARG(last));
    return error_set(error, ERROR_UNAVAILABLE,
                     "The advisor was ended: it took longer than limits: advice_seconds, or more memory than limits: "
                     "advice_memory_bytes. Ask for fewer days.");
}

/* Of the run that is over: its key stays, so that whoever asked for it hears what went wrong. */
static enum error_code finish(struct advise_runs *runs, int status, struct error *error)
{
    const bool is_good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    const enum error_code code = is_good ? keep(runs, error) : complain(runs, status, error);
    if (code != OK)
        log_event(LOG_WARN, "advice_failed", LOG_I("status", status), LOG_C("error", error->message));
    close_files(runs);
    return code;
}

/* --- asking ------------------------------------------------------------------------------------------ */

static bool write_key(const struct advise_question *question, char key[KEY_BYTES])
{
    const int len = snprintf(key, KEY_BYTES, "%d %" PRIu64 " %zu " STR_FMT " " STR_FMT, question->tenant.data != NULL,
                             question->days, question->tenant.len, STR_ARG(question->tenant),
                             STR_ARG(question->what_if));
    return len > 0 && len < KEY_BYTES;
}

static bool is_fresh(const struct kept *kept)
{
    return clock_now_us() - kept->done_us < (uint64_t)RUNS_FRESH_S * SECOND_US;
}

static enum error_code answer_kept(const struct kept *kept, struct arena *arena, struct advise_answer *answer,
                                   struct error *error)
{
    *answer = (struct advise_answer){.state = ADVISE_RUN_DONE, .share = 1, .made_us = kept->made_us};
    return arena_str(arena, kept->json, &answer->json) ? OK : error_no_memory(error);
}

/* The run at hand, if it is over. *is_own: it was this question's. */
static enum error_code look(struct advise_runs *runs, const char *key, bool *is_own, struct error *error)
{
    int status;
    struct error other;
    *is_own = runs->out >= 0 && strcmp(runs->key, key) == 0;
    if (runs->out < 0 || !subprocess_has_ended(&runs->process, &status))
        return OK;
    const enum error_code code = finish(runs, status, *is_own ? error : &other);
    return *is_own ? code : OK;
}

static enum error_code begin(struct advise_runs *runs, const struct advise_question *question, const char *key,
                             struct arena *arena, struct error *error)
{
    const enum error_code code = start(runs, question, arena, error);
    if (code != OK)
        return code;
    (void)snprintf(runs->key, sizeof(runs->key), "%s", key);
    runs->asked_us = clock_now_us();
    return OK;
}

static enum error_code ask(struct advise_runs *runs, const struct advise_question *question, const char *key,
                           struct arena *arena, struct advise_answer *answer, struct error *error)
{
    bool is_own;
    enum error_code code = look(runs, key, &is_own, error);
    if (code != OK)
        return code;
    const struct kept *kept = find_kept(runs, key);
    if (kept && is_fresh(kept))
        return answer_kept(kept, arena, answer, error);
    *answer = (struct advise_answer){.state = ADVISE_RUN_RUNS};
    if (runs->out >= 0 && !is_own && clock_now_us() - runs->asked_us > UNASKED_US)
        end_run(runs);
    if (runs->out < 0)
        return begin(runs, question, key, arena, error);
    if (!is_own) {
        answer->state = ADVISE_RUN_WAITS;
        return OK;
    }
    runs->asked_us = clock_now_us();
    read_progress(runs, answer);
    return OK;
}

enum error_code advise_runs_ask(struct advise_runs *runs, const struct advise_question *question, struct arena *arena,
                                struct advise_answer *answer, struct error *error)
{
    char key[KEY_BYTES];
    if (!write_key(question, key))
        return error_set(error, ERROR_INVALID, "the parameters are longer than %d bytes together", KEY_BYTES);
    pthread_mutex_lock(&runs->mutex);
    const enum error_code code = ask(runs, question, key, arena, answer, error);
    pthread_mutex_unlock(&runs->mutex);
    return code;
}
