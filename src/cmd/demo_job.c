/* demo_job.c - see demo_job.h. */
#include "cmd/demo_job.h"

#include <poll.h>
#include <stdio.h>

#include "cmd/api_client.h"
#include "core/json.h"

#define BUCKET "/demo-notes"
#define FILE_BYTES_MAX ((size_t)1 << 30)
#define POLL_MS 50
#define ROLE "arn:aws:iam::000000000000:role/demo"
#define ID_LEN 12 /* of a job, at the end of its ARN */

#define NAME_BYTES 64

struct job {
    const struct demo_ask *ask;
    char name[NAME_BYTES]; /* of the job and of its file */
    struct api_client *client;
    struct buf text, reply;
    char id[ID_LEN + 1];
};

static enum error_code put_file(struct job *job, struct error *error)
{
    char target[128];
    for (size_t i = 0; i < job->ask->day->count; i++) {
        buf_appendf(&job->text, "{\"recordId\":\"%zu\",\"modelInput\":", i);
        demo_append_note(job->ask, i, &job->text);
        buf_append_text(&job->text, "}\n");
    }
    if (job->text.failed)
        return error_no_memory(error);
    (void)snprintf(target, sizeof(target), BUCKET "/%s.jsonl", job->name);
    if (api_client_put(job->client, BUCKET, STR(""), &job->reply, error) != OK)
        return error->code;
    return api_client_put(job->client, target, buf_str(&job->text), &job->reply, error);
}

static enum error_code create(struct job *job, struct error *error)
{
    yyjson_doc *doc;
    buf_clear(&job->text);
    buf_appendf(&job->text,
                "{\"jobName\":\"%s\",\"roleArn\":\"" ROLE "\",\"modelId\":\"%s\","
                "\"modelInvocationType\":\"Converse\","
                "\"inputDataConfig\":{\"s3InputDataConfig\":{\"s3Uri\":\"s3:/" BUCKET "/%s.jsonl\"}},"
                "\"outputDataConfig\":{\"s3OutputDataConfig\":{\"s3Uri\":\"s3:/" BUCKET "/out/\"}}}",
                job->name, job->ask->model, job->name);
    enum error_code code =
        api_client_call(job->client, "/model-invocation-job", buf_str(&job->text), &job->reply, error);
    if (code == OK)
        code = json_parse(buf_str(&job->reply), &doc, error);
    if (code != OK)
        return code;
    const struct str arn = json_str(yyjson_obj_get(yyjson_doc_get_root(doc), "jobArn"));
    if (arn.len > ID_LEN)
        (void)snprintf(job->id, sizeof(job->id), "%s", arn.data + arn.len - ID_LEN);
    json_free(doc);
    return job->id[0] ? OK : error_set(error, ERROR_MODEL, "the notes' job has no ARN");
}

/* *is_done once it has ended well. */
static enum error_code look(struct job *job, bool *is_done, struct error *error)
{
    char target[64];
    yyjson_doc *doc;
    (void)snprintf(target, sizeof(target), "/model-invocation-job/%s", job->id);
    enum error_code code = api_client_call(job->client, target, (struct str){NULL, 0}, &job->reply, error);
    if (code == OK)
        code = json_parse(buf_str(&job->reply), &doc, error);
    if (code != OK)
        return code;
    yyjson_val *root = yyjson_doc_get_root(doc);
    static const char *const bad[] = {"Failed", "Stopped", "Expired", "PartiallyCompleted"};
    const struct str status = json_str(yyjson_obj_get(root, "status"));
    *is_done = str_eq(status, STR("Completed"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (str_eq(status, str_of(bad[i])))
            code = error_set(error, ERROR_MODEL, "the notes' job is %s: " STR_FMT, bad[i],
                             STR_ARG(json_str(yyjson_obj_get(root, "message"))));
    if (job->ask->progress)
        job->ask->progress(job->ask->ctx, yyjson_get_uint(yyjson_obj_get(root, "processedRecordCount")));
    json_free(doc);
    return code;
}

static enum error_code take_result(struct job *job, struct str line, struct error *error)
{
    const struct demo_ask *ask = job->ask;
    yyjson_doc *doc;
    uint64_t index;
    if (json_parse(line, &doc, error) != OK)
        return error->code;
    yyjson_val *root = yyjson_doc_get_root(doc);
    const struct str text = demo_reply_text(yyjson_obj_get(root, "modelOutput"));
    const bool is_good = str_to_u64(json_str(yyjson_obj_get(root, "recordId")), &index) &&
                         index < ask->day->count && yyjson_obj_get(root, "modelOutput");
    if (is_good)
        ask->figures->cells[ask->phase][(ask->first + index) * DEMO_CELLS + DEMO_TURNS + ask->note].is_right =
            demo_is_right(text, ask->day->conversations[index].notes[ask->note].gold);
    json_free(doc);
    return is_good ? OK : error_set(error, ERROR_MODEL, "a record of the notes' job has no reply");
}

static enum error_code read_results(struct job *job, struct error *error)
{
    char target[192];
    (void)snprintf(target, sizeof(target), BUCKET "/out/%s/%s.jsonl.out", job->id, job->name);
    enum error_code code = api_client_call(job->client, target, (struct str){NULL, 0}, &job->reply, error);
    struct str rest = buf_str(&job->reply), line;
    while (code == OK && str_split(&rest, '\n', &line))
        if (line.len)
            code = take_result(job, line, error);
    return code;
}

enum error_code demo_job_notes(const struct demo_ask *ask, struct error *error)
{
    struct job job = {.ask = ask};
    bool is_done = false;
    (void)snprintf(job.name, sizeof(job.name), "%s-%s-%zu", demo_phase_names[ask->phase],
                   ask->day->conversations[0].notes[ask->note].task, ask->first);
    buf_init(&job.text, FILE_BYTES_MAX);
    buf_init(&job.reply, FILE_BYTES_MAX);
    enum error_code code = api_client_new(ask->endpoint, &job.client, error);
    if (code == OK)
        code = put_file(&job, error);
    if (code == OK)
        code = create(&job, error);
    while (code == OK && !is_done) {
        code = look(&job, &is_done, error);
        if (code == OK && !is_done)
            (void)poll(NULL, 0, POLL_MS);
    }
    if (code == OK)
        code = read_results(&job, error);
    api_client_free(job.client);
    buf_deinit(&job.reply);
    buf_deinit(&job.text);
    return code;
}
