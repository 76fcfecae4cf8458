/* fulcrum batch: batch jobs of a running server. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "auth/sigv4.h"
#include "cmd/api_client.h"
#include "cmd/cmd.h"
#include "cmd/cmd_io.h"
#include "core/json.h"

#define REPLY_BYTES_MAX ((size_t)64 << 20)
#define REQUEST_BYTES_MAX (1u << 20)
#define TARGET_BYTES 4096
#define POLL_MS 500
#define BAR_WIDTH 30

static const char usage[] =
    "usage: fulcrum batch submit --request FILE      create a job; FILE is CreateModelInvocationJob's JSON, - is\n"
    "                                                standard input\n"
    "       fulcrum batch list [--status S] [--name TEXT]\n"
    "       fulcrum batch show JOB                   JOB is the ARN or its last 12 characters\n"
    "       fulcrum batch stop JOB\n"
    "       fulcrum batch wait JOB                   until it has ended; shows how far it is\n"
    "  --endpoint URL   the server; FULCRUM_ENDPOINT, else http://127.0.0.1:8080\n"
    "  --json           the server's own JSON (list: one job a line)\n"
    "Requests are signed with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or carry AWS_BEARER_TOKEN_BEDROCK,\n"
    "where they are set: jobs belong to whoever made them. Exit status: 0 done, for wait: the job is Completed;\n"
    "1 failed, for wait: the job ended otherwise; 2 wrong usage.\n";

struct options {
    const char *verb, *job;
    const char *endpoint, *request, *status, *name;
    bool is_json;
};

struct batch_command {
    struct options options;
    struct api_client *client;
    struct buf reply;
    yyjson_doc *doc; /* of the reply */
};

static bool parse_options(int argc, char **argv, struct options *options, int *status)
{
    const struct cmd_option known[] = {
        {"request", .value = &options->request}, {"endpoint", .value = &options->endpoint},
        {"status", .value = &options->status},   {"name", .value = &options->name},
        {"json", .flag = &options->is_json},
    };
    *options = (struct options){0};
    if (!cmd_read_options(argc, argv, usage, known, sizeof(known) / sizeof(known[0]), status))
        return false;
    options->verb = optind < argc ? argv[optind++] : NULL;
    options->job = optind < argc ? argv[optind++] : NULL;
    return cmd_no_arguments(argc, argv, usage);
}

/* --- talking to the server -------------------------------------------------------------------------- */

static enum error_code call(struct batch_command *command, const char *target, struct str body, struct error *error)
{
    json_free(command->doc);
    command->doc = NULL;
    enum error_code code = api_client_call(command->client, target, body, &command->reply, error);
    return code == OK ? json_parse(buf_str(&command->reply), &command->doc, error) : code;
}

static enum error_code call_job(struct batch_command *command, const char *suffix, struct str body,
                                struct error *error)
{
    struct buf target;
    buf_init(&target, TARGET_BYTES);
    buf_append_text(&target, "/model-invocation-job/");
    sigv4_append_encoded(&target, str_of(command->options.job), false);
    buf_append_text(&target, suffix);
    buf_append_char(&target, '\0');
    enum error_code code = target.failed ? error_set(error, ERROR_INVALID, "the job's name is too long")
                                         : call(command, target.data, body, error);
    buf_deinit(&target);
    return code;
}

static const char *member(yyjson_val *job, const char *name)
{
    const char *text = yyjson_get_str(yyjson_obj_get(job, name));
    return text ? text : "";
}

static unsigned long long number(yyjson_val *job, const char *name)
{
    return yyjson_get_uint(yyjson_obj_get(job, name));
}

static int print_reply(struct batch_command *command)
{
    buf_append_char(&command->reply, '\n');
    fwrite(command->reply.data, 1, command->reply.len, stdout);
    return CMD_DONE;
}

/* --- submit ----------------------------------------------------------------------------------------- */

static int submit(struct batch_command *command)
{
    struct error error;
    struct buf request;
    if (!command->options.request) {
        fprintf(stderr, "fulcrum batch submit: give the request with --request FILE\n");
        return CMD_USAGE;
    }
    buf_init(&request, REQUEST_BYTES_MAX);
    enum error_code code = cmd_read_file(command->options.request, &request, &error);
    if (code == OK)
        code = call(command, "/model-invocation-job", buf_str(&request), &error);
    buf_deinit(&request);
    if (code != OK)
        return cmd_fail("batch submit", &error, CMD_FAILED);
    if (command->options.is_json)
        return print_reply(command);
    printf("%s\n", member(yyjson_doc_get_root(command->doc), "jobArn"));
    return CMD_DONE;
}

/* --- list and show ---------------------------------------------------------------------------------- */

static const char *id_of(yyjson_val *job)
{
    const char *arn = member(job, "jobArn"), *slash = strrchr(arn, '/');
    return slash ? slash + 1 : arn;
}

static void append_target(struct buf *target, const struct options *options, const char *token)
{
    buf_append_text(target, "/model-invocation-jobs?maxResults=1000");
    if (options->name) {
        buf_append_text(target, "&nameContains=");
        sigv4_append_encoded(target, str_of(options->name), false);
    }
    if (*token) {
        buf_append_text(target, "&nextToken=");
        sigv4_append_encoded(target, str_of(token), false);
    }
    if (options->status) {
        buf_append_text(target, "&statusEquals=");
        sigv4_append_encoded(target, str_of(options->status), false);
    }
    buf_append_char(target, '\0');
}

static void print_row(const struct options *options, yyjson_val *job)
{
    if (options->is_json) {
        struct buf line;
        buf_init(&line, REPLY_BYTES_MAX);
        json_append(&line, job);
        buf_append_char(&line, '\n');
        fwrite(line.data, 1, line.len, stdout);
        buf_deinit(&line);
        return;
    }
    printf("%-13s %-18s %10llu %10llu %8llu  %-24s %s\n", id_of(job), member(job, "status"),
           number(job, "processedRecordCount"), number(job, "totalRecordCount"), number(job, "errorRecordCount"),
           member(job, "submitTime"), member(job, "jobName"));
}

static int list(struct batch_command *command)
{
    char token[TARGET_BYTES] = "";
    bool is_first = true;
    do {
        struct error error;
        struct buf target;
        size_t idx, max;
        yyjson_val *job;
        buf_init(&target, TARGET_BYTES);
        append_target(&target, &command->options, token);
        enum error_code code = target.failed ? error_set(&error, ERROR_INVALID, "the filters are too long")
                                             : call(command, target.data, (struct str){0}, &error);
        buf_deinit(&target);
        if (code != OK)
            return cmd_fail("batch list", &error, CMD_FAILED);
        yyjson_val *root = yyjson_doc_get_root(command->doc), *jobs = yyjson_obj_get(root, "invocationJobSummaries");
        if (is_first && !command->options.is_json)
            printf("%-13s %-18s %10s %10s %8s  %-24s %s\n", "JOB", "STATUS", "PROCESSED", "TOTAL", "ERRORS",
                   "SUBMITTED", "NAME");
        yyjson_arr_foreach(jobs, idx, max, job) print_row(&command->options, job);
        snprintf(token, sizeof(token), "%s", member(root, "nextToken"));
        is_first = false;
    } while (*token);
    return CMD_DONE;
}

static void print_uri(yyjson_val *job, const char *label, const char *outer, const char *inner)
{
    printf("%-10s %s\n", label, member(yyjson_obj_get(yyjson_obj_get(job, outer), inner), "s3Uri"));
}

static int show(struct batch_command *command)
{
    struct error error;
    if (call_job(command, "", (struct str){0}, &error) != OK)
        return cmd_fail("batch show", &error, CMD_FAILED);
    if (command->options.is_json)
        return print_reply(command);
    yyjson_val *job = yyjson_doc_get_root(command->doc);
    printf("%-10s %s\n%-10s %s\n%-10s %s\n", "job", member(job, "jobArn"), "name", member(job, "jobName"), "status",
           member(job, "status"));
    if (*member(job, "message"))
        printf("%-10s %s\n", "message", member(job, "message"));
    printf("%-10s %s, %s\n", "model", member(job, "modelId"), member(job, "modelInvocationType"));
    print_uri(job, "input", "inputDataConfig", "s3InputDataConfig");
    print_uri(job, "output", "outputDataConfig", "s3OutputDataConfig");
    printf("%-10s %llu of %llu, %llu with errors\n", "records", number(job, "processedRecordCount"),
           number(job, "totalRecordCount"), number(job, "errorRecordCount"));
    printf("%-10s %s\n", "submitted", member(job, "submitTime"));
    printf("%-10s %s\n", *member(job, "endTime") ? "ended" : "expires",
           *member(job, "endTime") ? member(job, "endTime") : member(job, "jobExpirationTime"));
    return CMD_DONE;
}

static int stop(struct batch_command *command)
{
    struct error error;
    if (call_job(command, "/stop", STR(""), &error) != OK)
        return cmd_fail("batch stop", &error, CMD_FAILED);
    return command->options.is_json ? print_reply(command) : CMD_DONE;
}

/* --- wait ------------------------------------------------------------------------------------------- */

static bool has_ended(const char *status)
{
    static const char *const ended[] = {"Completed", "PartiallyCompleted", "Failed", "Expired", "Stopped"};
    for (size_t i = 0; i < sizeof(ended) / sizeof(ended[0]); i++)
        if (!strcmp(status, ended[i]))
            return true;
    return false;
}

/* A bar on a terminal, else a line whenever something has changed. */
static void show_progress(yyjson_val *job, bool is_terminal, char *last, size_t cap)
{
    char line[256], bar[BAR_WIDTH + 1];
    unsigned long long done = number(job, "processedRecordCount"), total = number(job, "totalRecordCount");
    snprintf(line, sizeof(line), "%s %llu/%llu", member(job, "status"), done, total);
    if (is_terminal) {
        size_t filled = total ? (size_t)(done * BAR_WIDTH / total) : 0;
        memset(bar, '.', BAR_WIDTH);
        memset(bar, '#', filled < BAR_WIDTH ? filled : BAR_WIDTH);
        bar[BAR_WIDTH] = '\0';
        printf("\r\033[K%s [%s] %s, %llu errors", id_of(job), bar, line, number(job, "errorRecordCount"));
    } else if (strcmp(line, last) != 0) {
        printf("%s %s\n", id_of(job), line);
    }
    fflush(stdout);
    snprintf(last, cap, "%s", line);
}

static int wait_for(struct batch_command *command)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    bool is_terminal = isatty(STDOUT_FILENO) && !command->options.is_json;
    char last[256] = "";
    struct error error;
    for (;;) {
        if (call_job(command, "", (struct str){0}, &error) != OK)
            return cmd_fail("batch wait", &error, CMD_FAILED);
        yyjson_val *job = yyjson_doc_get_root(command->doc);
        const char *status = member(job, "status");
        if (!command->options.is_json)
            show_progress(job, is_terminal, last, sizeof(last));
        if (!has_ended(status)) {
            nanosleep(&pause, NULL);
            continue;
        }
        if (is_terminal)
            printf("\n");
        if (command->options.is_json)
            print_reply(command);
        if (!strcmp(status, "Completed"))
            return CMD_DONE;
        fprintf(stderr, "fulcrum batch wait: %s is %s: %s\n", id_of(job), status, member(job, "message"));
        return CMD_FAILED;
    }
}

static const struct verb {
    const char *name;
    bool takes_job;
    int (*run)(struct batch_command *command);
} verbs[] = {
    {"submit", false, submit}, {"list", false, list},    {"show", true, show},
    {"stop", true, stop},      {"wait", true, wait_for},
};

static const struct verb *find_verb(const struct options *options)
{
    for (size_t i = 0; options->verb && i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (!strcmp(verbs[i].name, options->verb))
            return &verbs[i];
    return NULL;
}

int cmd_batch(int argc, char **argv)
{
    struct batch_command command = {0};
    struct error error;
    int status;
    if (!parse_options(argc, argv, &command.options, &status))
        return status;
    const struct verb *verb = find_verb(&command.options);
    if (!verb || verb->takes_job != (command.options.job != NULL)) {
        fputs(usage, stderr);
        return CMD_USAGE;
    }
    if (api_client_new(command.options.endpoint, &command.client, &error) != OK)
        return cmd_fail("batch", &error, CMD_FAILED);
    buf_init(&command.reply, REPLY_BYTES_MAX);
    status = verb->run(&command);
    if (fflush(stdout) && status == CMD_DONE) {
        fprintf(stderr, "fulcrum batch: cannot write to standard output: %m\n");
        status = CMD_FAILED;
    }
    json_free(command.doc);
    buf_deinit(&command.reply);
    api_client_free(command.client);
    return status;
}
