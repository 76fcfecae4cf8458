/* fulcrum distill: customization jobs of a running server. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/cmd_io.h"
#include "cmd/job_command.h"

static const char usage[] =
    "usage: fulcrum distill submit --request FILE    create a job; FILE is CreateModelCustomizationJob's JSON, - is\n"
    "                                                standard input\n"
    "       fulcrum distill list [--status S] [--name TEXT]\n"
    "       fulcrum distill show JOB                 JOB is the ARN, its last 12 characters or the job's name\n"
    "       fulcrum distill stop JOB\n"
    "       fulcrum distill wait JOB                 until it has ended; shows stage, step, loss and time left\n"
    "  --endpoint URL   the server; FULCRUM_ENDPOINT, else http://127.0.0.1:8080\n"
    "  --json           the server's own JSON (list: one job a line)\n"
    "Requests are signed with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or carry AWS_BEARER_TOKEN_BEDROCK,\n"
    "where they are set: jobs belong to whoever made them. Exit status: 0 done, for wait: the job is Completed;\n"
    "1 failed, for wait: the job ended otherwise; 2 wrong usage.\n";

static const char *status_of(yyjson_val *job, const char *stage)
{
    return job_member(yyjson_obj_get(yyjson_obj_get(job, "statusDetails"), stage), "status");
}

/* The word for where it is. */
static const char *stage_of(yyjson_val *job)
{
    static const struct {
        const char *name, *word;
    } stages[] = {{"trainingDetails", "training"}, {"dataProcessingDetails", "data"},
                  {"validationDetails", "validation"}};
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
        if (strcmp(status_of(job, stages[i].name), "NotStarted") != 0 && *status_of(job, stages[i].name))
            return stages[i].word;
    return "waiting";
}

static void print_row(const struct job_command *command, yyjson_val *job)
{
    (void)command;
    printf("%-13s %-11s %-11s %-13s %-24s %s\n", job_id_of(job), job_member(job, "status"), stage_of(job),
           job_member(job, "customizationType"), job_member(job, "creationTime"), job_member(job, "jobName"));
}

static int list(struct job_command *command)
{
    char header[128];
    (void)snprintf(header, sizeof(header), "%-13s %-11s %-11s %-13s %-24s %s", "JOB", "STATUS", "STAGE", "TYPE",
                   "CREATED", "NAME");
    return job_list(command, "modelCustomizationJobSummaries", header, print_row);
}

/* --- show ------------------------------------------------------------------------------------------- */

static void print_text(const char *label, const char *text)
{
    if (*text)
        printf("%-12s %s\n", label, text);
}

static double dollars(yyjson_val *object, const char *name)
{
    return yyjson_get_num(yyjson_obj_get(object, name)) / 1e12;
}

static void print_teacher(yyjson_val *progress)
{
    yyjson_val *teacher = yyjson_obj_get(progress, "teacher");
    if (!teacher)
        return;
    if (*job_member(teacher, "job"))
        printf("%-12s %llu of %llu prompts answered, by batch job %s\n", "teacher", job_number(teacher, "answers"),
               job_number(teacher, "prompts"), job_member(teacher, "job"));
    printf("%-12s $%.6f so far, at most (%llu tokens in, %llu out)\n", "cost", dollars(teacher, "costPicodollars"),
           job_number(teacher, "inputTokens"), job_number(teacher, "outputTokens"));
}

/* Prompts that the teacher wrote. */
static void print_synthesis(yyjson_val *progress)
{
    yyjson_val *synthesis = yyjson_obj_get(progress, "synthesis");
    if (!synthesis)
        return;
    printf("%-12s %llu of %llu requests replied to, %llu no list, by batch job %s\n", "variants",
           job_number(synthesis, "replies"), job_number(synthesis, "requests"), job_number(synthesis, "badReplies"),
           job_member(synthesis, "job"));
    printf("%-12s %llu of %llu, %.1f%%; %llu duplicates, %llu off-topic, %llu unfit\n", "kept",
           job_number(synthesis, "kept"), job_number(synthesis, "written"),
           100 * yyjson_get_num(yyjson_obj_get(synthesis, "keptShare")), job_number(synthesis, "duplicates"),
           job_number(synthesis, "offTopic"), job_number(synthesis, "unfit"));
}

/* What it costs beside its base. */
static void print_student(yyjson_val *progress)
{
    yyjson_val *student = yyjson_obj_get(progress, "student");
    if (student)
        printf("%-12s %llu of %llu weights, %.1f%% of its base's price\n", "student", job_number(student, "weights"),
               job_number(student, "baseWeights"), 100 * yyjson_get_num(yyjson_obj_get(student, "priceShare")));
}

/* After how many requests the job has paid for itself. */
static void print_worth(yyjson_val *job)
{
    yyjson_val *worth = yyjson_obj_get(job, "breakEven");
    if (!worth)
        return;
    const unsigned long long requests = job_number(worth, "requests"), seen = job_number(worth, "seenRequests");
    if (seen == 0)
        printf("%-12s the ledger has no request to the teacher in the last %llu days\n", "break-even",
               job_number(worth, "days"));
    else if (requests == 0 && dollars(worth, "savedPerRequestPicodollars") <= 0)
        printf("%-12s never: the student costs what its teacher costs\n", "break-even");
    else
        printf("%-12s after %llu requests, $%.9f saved by each; %llu were asked in the last %llu days: %.1f days\n",
               "break-even", requests, dollars(worth, "savedPerRequestPicodollars"), seen, job_number(worth, "days"),
               (double)requests * (double)job_number(worth, "days") / (double)seen);
}

static void print_training(yyjson_val *job, yyjson_val *progress)
{
    yyjson_val *loss = yyjson_obj_get(yyjson_obj_get(job, "trainingMetrics"), "trainingLoss");
    printf("%-12s %llu lines, %llu left out; %llu rows learnt, %llu measured\n", "data",
           job_number(progress, "acceptedLines"), job_number(progress, "rejectedLines"),
           job_number(progress, "trainingRows"), job_number(progress, "validationRows"));
    if (loss)
        printf("%-12s step %llu of %llu, loss %.4f, %llu s left\n", "training", job_number(progress, "step"),
               job_number(progress, "steps"), yyjson_get_num(loss), job_number(progress, "secondsLeft"));
}

static int show(struct job_command *command)
{
    struct error error;
    if (job_call_one(command, "", (struct str){0}, &error) != OK)
        return job_fail(command, &error);
    if (command->options.is_json)
        return job_print_reply(command);
    yyjson_val *job = yyjson_doc_get_root(command->doc), *progress = yyjson_obj_get(job, "progress");
    print_text("job", job_member(job, "jobArn"));
    print_text("name", job_member(job, "jobName"));
    printf("%-12s %s, %s\n", "status", job_member(job, "status"), stage_of(job));
    print_text("message", job_member(job, "failureMessage"));
    print_text("message", job_member(job, "message"));
    printf("%-12s %s, %s\n", "base", job_member(job, "baseModelArn"), job_member(job, "customizationType"));
    print_text("model", job_member(job, "outputModelArn"));
    print_training(job, progress);
    print_synthesis(progress);
    print_teacher(progress);
    print_student(progress);
    print_worth(job);
    print_text("created", job_member(job, "creationTime"));
    print_text("ended", job_member(job, "endTime"));
    return CMD_DONE;
}

/* --- wait ------------------------------------------------------------------------------------------- */

static void tell_progress(yyjson_val *job, bool is_terminal, char *line, size_t cap)
{
    (void)is_terminal;
    yyjson_val *progress = yyjson_obj_get(job, "progress"), *teacher = yyjson_obj_get(progress, "teacher");
    yyjson_val *loss = yyjson_obj_get(yyjson_obj_get(job, "trainingMetrics"), "trainingLoss");
    yyjson_val *synthesis = yyjson_obj_get(progress, "synthesis");
    const char *stage = stage_of(job);
    const int len = snprintf(line, cap, "%s %s", job_member(job, "status"), stage);
    if (!strcmp(stage, "data") && synthesis && !*job_member(teacher, "job"))
        (void)snprintf(line + len, cap - (size_t)len, " %llu/%llu lists of variants",
                       job_number(synthesis, "replies"), job_number(synthesis, "requests"));
    else if (!strcmp(stage, "data") && teacher)
        (void)snprintf(line + len, cap - (size_t)len, " %llu/%llu answers", job_number(teacher, "answers"),
                       job_number(teacher, "prompts"));
    else if (loss)
        (void)snprintf(line + len, cap - (size_t)len, " step %llu/%llu loss %.4f, %llu s left",
                       job_number(progress, "step"), job_number(progress, "steps"), yyjson_get_num(loss),
                       job_number(progress, "secondsLeft"));
}

static int wait_for(struct job_command *command)
{
    static const char *const ended[] = {"Completed", "Failed", "Stopped", NULL};
    return job_wait(command, ended, "failureMessage", tell_progress);
}

int cmd_distill(int argc, char **argv)
{
    static const struct job_verb verbs[] = {
        {"submit", false, job_submit}, {"list", false, list},    {"show", true, show},
        {"stop", true, job_stop},      {"wait", true, wait_for},
    };
    static const struct job_kind_words words = {
        .command = "distill",
        .path = "/model-customization-jobs/",
        .create = "/model-customization-jobs",
        .list = "/model-customization-jobs?maxResults=1000",
        .usage = usage,
        .verbs = verbs,
        .verb_count = sizeof(verbs) / sizeof(verbs[0]),
    };
    return job_command_main(&words, argc, argv);
}
