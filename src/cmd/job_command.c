/* job_command.c - asks a running server about jobs. What a job looks like is its command's. See job_command.h. */
#include "cmd/job_command.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "auth/sigv4.h"
#include "cmd/cmd.h"
#include "cmd/cmd_io.h"

#define LINE_BYTES 256 /* of how a job is */

/* --- talking to the server -------------------------------------------------------------------------- */

enum error_code job_call(struct job_command *command, const char *target, struct str body, struct error *error)
{
    json_free(command->doc);
    command->doc = NULL;
    enum error_code code = api_client_call(command->client, target, body, &command->reply, error);
    return code == OK ? json_parse(buf_str(&command->reply), &command->doc, error) : code;
}

enum error_code job_call_one(struct job_command *command, const char *suffix, struct str body, struct error *error)
{
    struct buf target;
    buf_init(&target, JOB_TARGET_BYTES);
    buf_append_text(&target, command->words->path);
    sigv4_append_encoded(&target, str_of(command->options.job), false);
    buf_append_text(&target, suffix);
    buf_append_char(&target, '\0');
    enum error_code code = target.failed ? error_set(error, ERROR_INVALID, "the job's name is too long")
                                         : job_call(command, target.data, body, error);
    buf_deinit(&target);
    return code;
}

int job_fail(const struct job_command *command, const struct error *error)
{
    char what[64];
    (void)snprintf(what, sizeof(what), "%s %s", command->words->command, command->options.verb);
    return cmd_fail(what, error, CMD_FAILED);
}

const char *job_member(yyjson_val *job, const char *name)
{
    const char *text = yyjson_get_str(yyjson_obj_get(job, name));
    return text ? text : "";
}

unsigned long long job_number(yyjson_val *job, const char *name)
{
    return yyjson_get_uint(yyjson_obj_get(job, name));
}

const char *job_id_of(yyjson_val *job)
{
    const char *arn = job_member(job, "jobArn"), *slash = strrchr(arn, '/');
    return slash ? slash + 1 : arn;
}

/* --- verbs ------------------------------------------------------------------------------------------ */

int job_print_reply(struct job_command *command)
{
    buf_append_char(&command->reply, '\n');
    fwrite(command->reply.data, 1, command->reply.len, stdout);
    return CMD_DONE;
}

int job_submit(struct job_command *command)
{
    struct error error;
    struct buf request;
    if (!command->options.request) {
        fprintf(stderr, "fulcrum %s submit: give the request with --request FILE\n", command->words->command);
        return CMD_USAGE;
    }
    buf_init(&request, JOB_REQUEST_BYTES_MAX);
    enum error_code code = cmd_read_file(command->options.request, &request, &error);
    if (code == OK)
        code = job_call(command, command->words->create, buf_str(&request), &error);
    buf_deinit(&request);
    if (code != OK)
        return job_fail(command, &error);
    if (command->options.is_json)
        return job_print_reply(command);
    printf("%s\n", job_member(yyjson_doc_get_root(command->doc), "jobArn"));
    return CMD_DONE;
}

int job_stop(struct job_command *command)
{
    struct error error;
    if (job_call_one(command, "/stop", STR(""), &error) != OK)
        return job_fail(command, &error);
    return command->options.is_json ? job_print_reply(command) : CMD_DONE;
}

static void append_parameter(struct buf *target, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    buf_appendf(target, "&%s=", name);
    sigv4_append_encoded(target, str_of(value), false);
}

static enum error_code call_page(struct job_command *command, const char *token, struct error *error)
{
    struct buf target;
    buf_init(&target, JOB_TARGET_BYTES);
    buf_append_text(&target, command->words->list);
    append_parameter(&target, "nameContains", command->options.name);
    append_parameter(&target, "nextToken", token);
    append_parameter(&target, "statusEquals", command->options.status);
    buf_append_char(&target, '\0');
    enum error_code code = target.failed ? error_set(error, ERROR_INVALID, "the filters are too long")
                                         : job_call(command, target.data, (struct str){0}, error);
    buf_deinit(&target);
    return code;
}

static void print_json(yyjson_val *job)
{
    struct buf line;
    buf_init(&line, JOB_REPLY_BYTES_MAX);
    json_append(&line, job);
    buf_append_char(&line, '\n');
    fwrite(line.data, 1, line.len, stdout);
    buf_deinit(&line);
}

int job_list(struct job_command *command, const char *array, const char *header,
             void (*print)(const struct job_command *command, yyjson_val *job))
{
    char token[JOB_TARGET_BYTES] = "";
    bool is_first = true;
    do {
        struct error error;
        size_t idx, max;
        yyjson_val *job;
        if (call_page(command, token, &error) != OK)
            return job_fail(command, &error);
        yyjson_val *root = yyjson_doc_get_root(command->doc), *jobs = yyjson_obj_get(root, array);
        if (is_first && !command->options.is_json)
            printf("%s\n", header);
        yyjson_arr_foreach(jobs, idx, max, job)
        {
            if (command->options.is_json)
                print_json(job);
            else
                print(command, job);
        }
        snprintf(token, sizeof(token), "%s", job_member(root, "nextToken"));
        is_first = false;
    } while (*token);
    return CMD_DONE;
}

static bool has_ended(const char *status, const char *const *ended)
{
    for (size_t i = 0; ended[i]; i++)
        if (!strcmp(status, ended[i]))
            return true;
    return false;
}

static void show_line(const char *id, bool is_terminal, const char *line, char last[LINE_BYTES])
{
    if (is_terminal)
        printf("\r\033[K%s %s", id, line);
    else if (strcmp(line, last) != 0)
        printf("%s %s\n", id, line);
    fflush(stdout);
    snprintf(last, LINE_BYTES, "%s", line);
}

int job_wait(struct job_command *command, const char *const *ended, const char *reason,
             void (*tell)(yyjson_val *job, bool is_terminal, char *line, size_t cap))
{
    const struct timespec pause = {.tv_nsec = JOB_POLL_MS * 1000000L};
    const bool is_terminal = isatty(STDOUT_FILENO) && !command->options.is_json;
    char line[LINE_BYTES], last[LINE_BYTES] = "";
    struct error error;
    for (;;) {
        if (job_call_one(command, "", (struct str){0}, &error) != OK)
            return job_fail(command, &error);
        yyjson_val *job = yyjson_doc_get_root(command->doc);
        const char *status = job_member(job, "status");
        if (!command->options.is_json) {
            tell(job, is_terminal, line, sizeof(line));
            show_line(job_id_of(job), is_terminal, line, last);
        }
        if (!has_ended(status, ended)) {
            nanosleep(&pause, NULL);
            continue;
        }
        if (is_terminal)
            printf("\n");
        if (command->options.is_json)
            job_print_reply(command);
        if (!strcmp(status, ended[0]))
            return CMD_DONE;
        fprintf(stderr, "fulcrum %s wait: %s is %s: %s\n", command->words->command, job_id_of(job), status,
                job_member(job, reason));
        return CMD_FAILED;
    }
}

/* --- the command ------------------------------------------------------------------------------------ */

static bool parse_options(const struct job_kind_words *words, int argc, char **argv, struct job_options *options,
                          int *status)
{
    const struct cmd_option known[] = {
        {"request", .value = &options->request}, {"endpoint", .value = &options->endpoint},
        {"status", .value = &options->status},   {"name", .value = &options->name},
        {"json", .flag = &options->is_json},
    };
    *options = (struct job_options){0};
    if (!cmd_read_options(argc, argv, words->usage, known, sizeof(known) / sizeof(known[0]), status))
        return false;
    options->verb = optind < argc ? argv[optind++] : NULL;
    options->job = optind < argc ? argv[optind++] : NULL;
    return cmd_no_arguments(argc, argv, words->usage);
}

static const struct job_verb *find_verb(const struct job_kind_words *words, const struct job_options *options)
{
    for (size_t i = 0; options->verb && i < words->verb_count; i++)
        if (!strcmp(words->verbs[i].name, options->verb))
            return &words->verbs[i];
    return NULL;
}

int job_command_main(const struct job_kind_words *words, int argc, char **argv)
{
    struct job_command command = {.words = words};
    struct error error;
    int status;
    if (!parse_options(words, argc, argv, &command.options, &status))
        return status;
    const struct job_verb *verb = find_verb(words, &command.options);
    if (!verb || verb->takes_job != (command.options.job != NULL)) {
        fputs(words->usage, stderr);
        return CMD_USAGE;
    }
    if (api_client_new(command.options.endpoint, &command.client, &error) != OK)
        return cmd_fail(words->command, &error, CMD_FAILED);
    buf_init(&command.reply, JOB_REPLY_BYTES_MAX);
    status = verb->run(&command);
    if (fflush(stdout) && status == CMD_DONE) {
        fprintf(stderr, "fulcrum %s: cannot write to standard output: %m\n", words->command);
        status = CMD_FAILED;
    }
    json_free(command.doc);
    buf_deinit(&command.reply);
    api_client_free(command.client);
    return status;
}
