/* demo.c - `fulcrum demo`: one day of a support desk, with no lever pulled, with each alone, and with all of them.
 *
 * Four servers, one after the other: without levers (its night comes three times: live, by the student, as a job), with
 * a cache, with a router, with all. What a lever does not touch is not asked again: the turns of `distill` and `batch`,
 * the notes of `route` are those of `none`. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/cmd_io.h"
#include "cmd/demo_bed.h"
#include "cmd/demo_foretell.h"
#include "cmd/demo_job.h"
#include "core/config.h"
#include "core/file.h"
#include "core/util.h"
#include "engine/embedded.h"

#define CONVERSATIONS 80 /* as many as two quiet cores play in two minutes; docs/DEMO.md */
#define CONVERSATIONS_MAX 5000
#define DAYS_MAX 365
#define OUT_MAX (4u << 20)
#define LOG_MAX ((size_t)1 << 30)
#define TELL_US 100000
#define BAR 30
#define STEPS_OF_CONVERSATION (4 * DEMO_TURNS + 4 * DEMO_NOTES + 1) /* requests of all phases */
#define SHADOW_ONE_IN 5 /* conversations, whose questions the small model answers, too, before it is routed to */
#define SUMMARY 0 /* notes of a conversation */
#define TAG 1

static const char usage[] =
    "usage: fulcrum demo [--conversations N] [--days D] [--seed S] [--json] [--html FILE] [--svg FILE] [--log FILE]\n"
    "Plays a day of a support desk on servers of its own: conversations of five turns on a system prompt of 2,000\n"
    "tokens, and at night a summary and a satisfaction tag of each; first with no lever pulled, then with each\n"
    "alone (cache, route, distill, batch), then with all. Prints cost and quality beside each other, each lever's\n"
    "share, and what the advisor had foretold. The same seed plays the same day.\n\n"
    "  --conversations N  of a day; 80, which take two minutes on two cores\n"
    "  --days D           so many days, each with a shop of its own; 1\n"
    "  --seed S           another day; 1\n"
    "  --prompt N         tokens of the system prompt, about; 2000\n"
    "  --json             one object, as docs/DEMO.md describes it\n"
    "  --html FILE        a page with pictures, whole in itself\n"
    "  --svg FILE         the picture alone\n"
    "  --log FILE         the days without levers as an invocation log, as `fulcrum advise FILE` reads it\n";

struct options {
    bool is_json;
    const char *html, *svg, *log;
    uint64_t conversations, days, seed, prompt;
};

struct demo {
    const struct options *options;
    struct demo_figures figures;
    struct demo_report report;
    struct demo_day day;
    struct demo_bed bed;
    struct buf log; /* of this day */
    FILE *log_file; /* of all; NULL: none */
    size_t first;   /* the day's first conversation among all */
    size_t done;    /* requests before those that are asked now */
    uint64_t told_us;
    bool is_terminal;
};

/* --- progress ------------------------------------------------------------------------------------------- */

static void tell(void *ctx, size_t done)
{
    struct demo *demo = ctx;
    const uint64_t now_us = clock_now_us();
    if (!demo->is_terminal || now_us < demo->told_us + TELL_US)
        return;
    demo->told_us = now_us;
    char bar[BAR + 1];
    const size_t all = demo->figures.conversations * STEPS_OF_CONVERSATION, filled = (demo->done + done) * BAR / all;
    memset(bar, '.', BAR);
    memset(bar, '#', filled < BAR ? filled : BAR);
    bar[BAR] = '\0';
    (void)fprintf(stderr, "\r[%s] %zu of %zu requests", bar, demo->done + done, all);
}

/* A part is done: so many requests; on no terminal a line says so. */
static void tell_part(struct demo *demo, enum demo_phase phase, const char *what, size_t requests)
{
    demo->done += requests;
    if (!demo->is_terminal)
        (void)fprintf(stderr, "fulcrum demo: %s: %zu %s\n", demo_phase_names[phase], requests, what);
}

/* --- parts of a phase ----------------------------------------------------------------------------------- */

static struct demo_ask ask_of(struct demo *demo, enum demo_phase phase, const char *model, bool has_marks)
{
    return (struct demo_ask){.day = &demo->day, .first = demo->first, .figures = &demo->figures, .phase = phase,
                             .endpoint = demo->bed.server.url, .model = model, .has_marks = has_marks,
                             .log = phase == DEMO_NONE ? &demo->log : NULL, .progress = tell, .ctx = demo};
}

static enum error_code add_engine_seconds(struct demo *demo, enum demo_phase phase, double *part, struct error *error)
{
    const enum error_code code = demo_bed_engine_seconds(&demo->bed, part, error);
    if (code == OK)
        demo->figures.engine_seconds[phase] += *part;
    return code;
}

static enum error_code ask_turns(struct demo *demo, enum demo_phase phase, const char *model, bool has_marks,
                                 double *seconds, struct error *error)
{
    const struct demo_ask ask = ask_of(demo, phase, model, has_marks);
    enum error_code code = demo_ask_turns(&ask, error);
    if (code == OK)
        code = add_engine_seconds(demo, phase, seconds, error);
    if (code == OK)
        tell_part(demo, phase, "questions", demo->day.count * DEMO_TURNS);
    return code;
}

static enum error_code ask_notes(struct demo *demo, enum demo_phase phase, const char *model, size_t note, bool is_job,
                                 double *seconds, struct error *error)
{
    struct demo_ask ask = ask_of(demo, phase, model, false);
    ask.note = note;
    enum error_code code = is_job ? demo_job_notes(&ask, error) : demo_ask_notes(&ask, error);
    if (code == OK)
        code = add_engine_seconds(demo, phase, seconds, error);
    if (code == OK)
        tell_part(demo, phase, note == TAG ? "tags" : "summaries", demo->day.count);
    return code;
}

/* These cells of `phase` are those without levers, with the seconds that they took there. */
static void same(struct demo *demo, enum demo_phase phase, size_t first_cell, size_t cells, double seconds)
{
    demo_figures_same(&demo->figures, phase, demo->first, demo->day.count, first_cell, cells);
    demo->figures.engine_seconds[phase] += seconds;
}

/* --- servers -------------------------------------------------------------------------------------------- */

static void judge(void *ctx, double confidence)
{
    struct demo_shadow *shadow = ctx;
    if (mem_grow((void **)&shadow->confidences, shadow->count, &shadow->cap, sizeof(*shadow->confidences)))
        shadow->confidences[shadow->count++] = confidence;
}

/* On the server with a cache, where it takes a second. Nothing of it is the day's: not its answers, nor its time. */
static enum error_code ask_shadow(struct demo *demo, struct demo_shadow *shadow, struct error *error)
{
    struct demo_day some = demo->day;
    struct demo_figures figures;
    double seconds;
    some.count = (demo->day.count + SHADOW_ONE_IN - 1) / SHADOW_ONE_IN;
    enum error_code code = demo_figures_init(&figures, some.count, error);
    const struct demo_ask ask = {.day = &some, .figures = &figures, .phase = DEMO_CACHE, .model = DEMO_SMALL_ID,
                                 .endpoint = demo->bed.server.url, .has_marks = true, .judge = judge, .ctx = shadow};
    if (code == OK)
        code = demo_ask_turns(&ask, error);
    demo_figures_deinit(&figures);
    return code == OK ? demo_bed_engine_seconds(&demo->bed, &seconds, error) : code;
}

static enum error_code foretell(struct demo *demo, struct error *error)
{
    struct demo_shadow shadow = {.confidences = NULL};
    if (demo->log.failed)
        return error_no_memory(error);
    if (demo->log_file && fwrite(demo->log.data, 1, demo->log.len, demo->log_file) != demo->log.len)
        return error_set(error, ERROR_IO, "--log %s: cannot write", demo->options->log);
    enum error_code code = ask_shadow(demo, &shadow, error);
    if (code == OK)
        code = demo_foretell(buf_str(&demo->log), &shadow, &demo->report.advice, error);
    mem_free(shadow.confidences);
    return code;
}

/* Both kinds of notes by the large model. */
static enum error_code ask_large_notes(struct demo *demo, enum demo_phase phase, bool is_job,
                                       double seconds[DEMO_NOTES], struct error *error)
{
    enum error_code code = OK;
    for (size_t note = 0; note < DEMO_NOTES && code == OK; note++)
        code = ask_notes(demo, phase, DEMO_NOTES_ID, note, is_job, &seconds[note], error);
    return code;
}

static enum error_code without_levers(struct demo *demo, struct error *error)
{
    double turns = 0, notes[DEMO_NOTES] = {0}, others[DEMO_NOTES];
    enum error_code code = ask_turns(demo, DEMO_NONE, DEMO_LARGE_ID, false, &turns, error);
    if (code == OK)
        code = ask_large_notes(demo, DEMO_NONE, false, notes, error);
    if (code == OK)
        code = ask_notes(demo, DEMO_DISTILL, CONFIG_EMBEDDED_STUDENT, SUMMARY, false, others, error);
    if (code == OK)
        code = ask_large_notes(demo, DEMO_BATCH, true, others, error);
    if (code == OK)
        code = demo_bed_read_ledger(&demo->bed, &demo->figures, error);
    if (code != OK)
        return code;
    same(demo, DEMO_DISTILL, 0, DEMO_TURNS, turns);
    same(demo, DEMO_DISTILL, DEMO_TURNS + TAG, 1, notes[TAG]);
    same(demo, DEMO_BATCH, 0, DEMO_TURNS, turns);
    same(demo, DEMO_ROUTE, DEMO_TURNS, DEMO_NOTES, notes[SUMMARY] + notes[TAG]);
    return OK;
}

static enum error_code with_cache(struct demo *demo, struct error *error)
{
    double turns, notes[DEMO_NOTES];
    enum error_code code = ask_turns(demo, DEMO_CACHE, DEMO_LARGE_ID, true, &turns, error);
    if (code == OK)
        code = ask_large_notes(demo, DEMO_CACHE, false, notes, error);
    if (code == OK)
        code = demo_bed_read_ledger(&demo->bed, &demo->figures, error);
    return code == OK ? foretell(demo, error) : code;
}

/* The lines of notes that were not asked are not in this ledger, so those that are there already stay. */
static enum error_code with_router(struct demo *demo, struct error *error)
{
    double turns;
    const enum error_code code = ask_turns(demo, DEMO_ROUTE, DEMO_ROUTER, false, &turns, error);
    return code == OK ? demo_bed_read_ledger(&demo->bed, &demo->figures, error) : code;
}

/* The student writes summaries. Tags it would lose against the large model. */
static enum error_code with_all(struct demo *demo, struct error *error)
{
    double seconds;
    enum error_code code = ask_turns(demo, DEMO_ALL, DEMO_ROUTER, true, &seconds, error);
    if (code == OK)
        code = ask_notes(demo, DEMO_ALL, CONFIG_EMBEDDED_STUDENT, SUMMARY, true, &seconds, error);
    if (code == OK)
        code = ask_notes(demo, DEMO_ALL, DEMO_NOTES_ID, TAG, true, &seconds, error);
    return code == OK ? demo_bed_read_ledger(&demo->bed, &demo->figures, error) : code;
}

static enum error_code play_day(struct demo *demo, uint64_t seed, struct error *error)
{
    static const struct {
        bool has_cache, has_router;
        enum error_code (*play)(struct demo *demo, struct error *error);
    } servers[] = {{false, false, without_levers}, {true, false, with_cache}, {false, true, with_router},
                   {true, true, with_all}};
    buf_clear(&demo->log);
    enum error_code code = demo_day_make(embedded_file(STR("demo.json")), seed, demo->options->conversations,
                                         demo->options->prompt, &demo->day, error);
    for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]) && code == OK; i++) {
        code = demo_bed_start(servers[i].has_cache, servers[i].has_router, &demo->bed, error);
        if (code != OK)
            break;
        code = servers[i].play(demo, error);
        demo_bed_stop(&demo->bed);
    }
    if (code == OK && demo->first == 0)
        (void)snprintf(demo->report.shop, sizeof(demo->report.shop), STR_FMT, STR_ARG(demo->day.shop));
    demo_day_deinit(&demo->day);
    return code;
}

/* --- what is printed ------------------------------------------------------------------------------------ */

static enum error_code fill_report(struct demo *demo, struct error *error)
{
    struct demo_report *report = &demo->report;
    report->large = DEMO_LARGE;
    report->small = DEMO_SMALL;
    report->student = CONFIG_EMBEDDED_STUDENT;
    report->conversations = demo->options->conversations;
    report->days = demo->options->days;
    report->seed = demo->options->seed;
    for (size_t i = 0; i < DEMO_PHASES; i++) {
        if (demo_figures_sum(&demo->figures, (enum demo_phase)i, &report->sums[i], error) != OK)
            return error->code;
        report->engine_seconds[i] = demo->figures.engine_seconds[i];
    }
    demo_figures_shares(&demo->figures, report->shares);
    return OK;
}

static enum error_code write_file(const char *path, void (*append)(struct buf *out, const struct demo_report *report),
                                  const struct demo_report *report, struct error *error)
{
    struct buf out;
    if (!path)
        return OK;
    buf_init(&out, OUT_MAX);
    append(&out, report);
    const enum error_code code =
        out.failed ? error_no_memory(error) : file_replace(path, buf_str(&out), 0644, error);
    buf_deinit(&out);
    return code;
}

static int print_report(const struct demo *demo)
{
    struct buf out;
    struct error error;
    if (write_file(demo->options->html, demo_append_page, &demo->report, &error) != OK ||
        write_file(demo->options->svg, demo_append_svg, &demo->report, &error) != OK)
        return cmd_fail("demo", &error, CMD_FAILED);
    buf_init(&out, OUT_MAX);
    if (demo->options->is_json)
        demo_append_json(&out, &demo->report);
    else
        demo_append_table(&out, &demo->report);
    return cmd_finish("demo", &out);
}

/* --- the command ---------------------------------------------------------------------------------------- */

static enum error_code play(struct demo *demo, struct error *error)
{
    const uint64_t begin_us = clock_now_us();
    const struct options *options = demo->options;
    enum error_code code = demo_figures_init(&demo->figures, options->conversations * options->days, error);
    for (size_t i = 0; i < options->days && code == OK; i++) {
        demo->first = i * options->conversations;
        code = play_day(demo, options->seed + i, error);
    }
    if (demo->is_terminal)
        (void)fprintf(stderr, "\r%70s\r", "");
    demo->report.seconds = (double)(clock_now_us() - begin_us) / 1e6;
    return code == OK ? fill_report(demo, error) : code;
}

/* The server is nobody else's: what the environment says of credentials and endpoints is for others. */
static void forget_environment(void)
{
    static const char *const names[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
                                        "AWS_BEARER_TOKEN_BEDROCK", "FULCRUM_ENDPOINT"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)unsetenv(names[i]);
}

static int run(const struct options *options)
{
    struct demo *demo = mem_must_calloc(1, sizeof(*demo));
    struct error error;
    int status = CMD_FAILED;
    demo->options = options;
    demo->is_terminal = isatty(STDERR_FILENO);
    buf_init(&demo->log, LOG_MAX);
    forget_environment();
    demo_bed_catch_signals();
    demo->log_file = options->log ? fopen(options->log, "we") : NULL;
    if (options->log && !demo->log_file)
        status = cmd_fail("demo", (error_set(&error, ERROR_IO, "--log %s: cannot write", options->log), &error),
                          CMD_USAGE);
    else if (play(demo, &error) == OK)
        status = print_report(demo);
    else if (demo_bed_is_interrupted())
        status = cmd_fail("demo", (error_set(&error, ERROR_CANCELLED, "interrupted"), &error), CMD_FAILED);
    else
        status = cmd_fail("demo", &error, CMD_FAILED);
    if (demo->log_file)
        (void)fclose(demo->log_file);
    buf_deinit(&demo->log);
    demo_figures_deinit(&demo->figures);
    mem_free(demo);
    return status;
}

static bool read_number(const char *name, const char *text, uint64_t low, uint64_t high, uint64_t *value)
{
    if (!text || (str_to_u64(str_of(text), value) && *value >= low && *value <= high))
        return true;
    (void)fprintf(stderr, "fulcrum demo: --%s: expected %" PRIu64 " to %" PRIu64 ", got '%s'\n", name, low, high,
                  text);
    return false;
}

int cmd_demo(int argc, char **argv)
{
    struct options options = {.conversations = CONVERSATIONS, .days = 1, .seed = 1, .prompt = DEMO_PROMPT_TOKENS};
    const char *conversations = NULL, *days = NULL, *seed = NULL, *prompt = NULL;
    int status;
    const struct cmd_option known[] = {
        {"conversations", .value = &conversations}, {"days", .value = &days},     {"seed", .value = &seed},
        {"prompt", .value = &prompt},               {"json", .flag = &options.is_json},
        {"html", .value = &options.html},           {"svg", .value = &options.svg},
        {"log", .value = &options.log},
    };
    if (!cmd_read_options(argc, argv, usage, known, sizeof(known) / sizeof(known[0]), &status))
        return status;
    if (!cmd_no_arguments(argc, argv, usage) ||
        !read_number("conversations", conversations, 1, CONVERSATIONS_MAX, &options.conversations) ||
        !read_number("days", days, 1, DAYS_MAX, &options.days) ||
        !read_number("seed", seed, 0, INT64_MAX, &options.seed) ||
        !read_number("prompt", prompt, 100, 3500, &options.prompt))
        return CMD_USAGE;
    return run(&options);
}
