/* fulcrum batch: batch jobs of a running server. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/cmd_io.h"
#include "cmd/job_command.h"

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

static void print_row(const struct job_command *command, yyjson_val *job)
{
    (void)command;
    printf("%-13s %-18s %10llu %10llu %8llu  %-24s %s\n", job_id_of(job), job_member(job, "status"),
           job_number(job, "processedRecordCount"), job_number(job, "totalRecordCount"),
           job_number(job, "errorRecordCount"), job_member(job, "submitTime"), job_member(job, "jobName"));
}

static int list(struct job_command *command)
{
    char header[128];
    (void)snprintf(header, sizeof(header), "%-13s %-18s %10s %10s %8s  %-24s %s", "JOB", "STATUS", "PROCESSED",
                   "TOTAL", "ERRORS", "SUBMITTED", "NAME");
    return job_list(command, "invocationJobSummaries", header, print_row);
}

static void print_uri(yyjson_val *job, const char *label, const char *outer, const char *inner)
{
    printf("%-10s %s\n", label, job_member(yyjson_obj_get(yyjson_obj_get(job, outer), inner), "s3Uri"));
}

static int show(struct job_command *command)
{
    struct error error;
    if (job_call_one(command, "", (struct str){0}, &error) != OK)
        return job_fail(command, &error);
    if (command->options.is_json)
        return job_print_reply(command);
    yyjson_val *job = yyjson_doc_get_root(command->doc);
    printf("%-10s %s\n%-10s %s\n%-10s %s\n", "job", job_member(job, "jobArn"), "name", job_member(job, "jobName"),
           "status", job_member(job, "status"));
    if (*job_member(job, "message"))
        printf("%-10s %s\n", "message", job_member(job, "message"));
    printf("%-10s %s, %s\n", "model", job_member(job, "modelId"), job_member(job, "modelInvocationType"));
    print_uri(job, "input", "inputDataConfig", "s3InputDataConfig");
    print_uri(job, "output", "outputDataConfig", "s3OutputDataConfig");
    printf("%-10s %llu of %llu, %llu with errors\n", "records", job_number(job, "processedRecordCount"),
           job_number(job, "totalRecordCount"), job_number(job, "errorRecordCount"));
    printf("%-10s %s\n", "submitted", job_member(job, "submitTime"));
    printf("%-10s %s\n", *job_member(job, "endTime") ? "ended" : "expires",
           *job_member(job, "endTime") ? job_member(job, "endTime") : job_member(job, "jobExpirationTime"));
    return CMD_DONE;
}

/* With a bar on a terminal. */
static void tell_progress(yyjson_val *job, bool is_terminal, char *line, size_t cap)
{
    char bar[BAR_WIDTH + 1];
    const char *status = job_member(job, "status");
    unsigned long long done = job_number(job, "processedRecordCount"), total = job_number(job, "totalRecordCount");
    size_t filled = total ? (size_t)(done * BAR_WIDTH / total) : 0;
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', filled < BAR_WIDTH ? filled : BAR_WIDTH);
    bar[BAR_WIDTH] = '\0';
    if (is_terminal)
        snprintf(line, cap, "[%s] %s %llu/%llu, %llu errors", bar, status, done, total,
                 job_number(job, "errorRecordCount"));
    else
        snprintf(line, cap, "%s %llu/%llu", status, done, total);
}

static int wait_for(struct job_command *command)
{
    static const char *const ended[] = {"Completed", "PartiallyCompleted", "Failed", "Expired", "Stopped", NULL};
    return job_wait(command, ended, "message", tell_progress);
}

int cmd_batch(int argc, char **argv)
{
    static const struct job_verb verbs[] = {
        {"submit", false, job_submit}, {"list", false, list},    {"show", true, show},
        {"stop", true, job_stop},      {"wait", true, wait_for},
    };
    static const struct job_kind_words words = {
        .command = "batch",
        .path = "/model-invocation-job/",
        .create = "/model-invocation-job",
        .list = "/model-invocation-jobs?maxResults=1000",
        .usage = usage,
        .verbs = verbs,
        .verb_count = sizeof(verbs) / sizeof(verbs[0]),
    };
    return job_command_main(&words, argc, argv);
}
