/* Bodies and identifiers of operations on evaluation jobs: any bytes give what was checked, or one message; and what is
 * kept of a job comes back as it was. The first byte chooses the parser. */
#include <assert.h>

#include "api/control/evaluation_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_terms(const struct eval_job *job, struct arena *arena)
{
    struct buf terms;
    struct eval_job read;
    struct error error;
    buf_init(&terms, 1 << 24);
    const bool is_written = eval_job_append_terms(&terms, job);
    const struct job_row row = {.terms = buf_str(&terms), .request = job->request, .progress = STR("{}")};
    const enum error_code code = eval_job_of_row(&row, arena, &read, &error);
    assert(is_written && code == OK && read.model_count == job->model_count && read.set_count == job->set_count);
    for (size_t i = 0; i < job->model_count; i++)
        assert(str_eq(read.models[i].id, job->models[i].id) && str_eq(read.models[i].params, job->models[i].params));
    for (size_t i = 0; i < job->set_count; i++)
        assert(str_eq(read.sets[i].uri, job->sets[i].uri) && read.sets[i].measure_count == job->sets[i].measure_count);
    (void)is_written;
    (void)code;
    buf_deinit(&terms);
}

static enum error_code parse_job(struct str body, struct arena *arena, struct error *error)
{
    struct eval_job job = {0};
    const enum error_code code = evaluation_request_parse(body, arena, &job, error);
    if (code != OK)
        return code;
    assert(job.name.len > 0 && job.model_count >= 1 && job.model_count <= EVAL_MODELS_MAX);
    assert(job.set_count >= 1 && job.set_count <= EVAL_SETS_MAX && str_starts(job.output_uri, STR("s3://")));
    for (size_t i = 0; i < job.set_count; i++)
        for (size_t j = 0; j < job.sets[i].measure_count; j++)
            assert(!job.sets[i].measures[j].criterion || job.judge.id.len > 0);
    check_terms(&job, arena);
    return OK;
}

static enum error_code parse_deletes(struct str body, struct arena *arena, struct error *error)
{
    struct evaluation_deletes deletes = {0};
    const enum error_code code = evaluation_deletes_parse(body, arena, &deletes, error);
    assert(code != OK || (deletes.count >= 1 && deletes.count <= EVALUATION_DELETES_MAX));
    return code;
}

static enum error_code parse_identifier(struct str text, struct error *error)
{
    struct evaluation_identifier identifier;
    const enum error_code code = evaluation_identifier_parse(text, "jobIdentifier", &identifier, error);
    assert(code != OK || identifier.id.len == JOB_ID_LEN);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const struct str text = {(const char *)data + 1, size - 1};
    struct error error = {0};
    struct arena arena;
    arena_init(&arena, 64u << 20);
    const enum error_code code = data[0] % 3 == 0   ? parse_job(text, &arena, &error)
                                 : data[0] % 3 == 1 ? parse_deletes(text, &arena, &error)
                                                    : parse_identifier(text, &error);
    assert(code == OK || error.message[0] != '\0');
    (void)code;
    arena_deinit(&arena);
    return 0;
}
