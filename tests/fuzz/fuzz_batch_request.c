/* Bodies, identifiers and queries of operations on batch jobs and their tags: any bytes give what was checked, or one
 * message. What an identifier says is part of its text, and the token of a page comes back as it went out. */
#include <assert.h>
#include <string.h>

#include "api/control/batch_request.h"
#include "api/control/tag_request.h"

static void check_tags(const struct job_tags *tags)
{
    for (size_t i = 0; i < tags->count; i++) {
        assert(tags->items[i].key.len >= 1 && tags->items[i].key.len <= 128 && tags->items[i].value.len <= 256);
        for (size_t k = 0; k < i; k++)
            assert(!str_eq(tags->items[i].key, tags->items[k].key));
    }
}

static enum error_code parse_job(struct str body, struct arena *arena, struct error *error)
{
    struct batch_job job = {0};
    yyjson_doc *doc;
    enum error_code code = batch_request_parse(body, arena, &job, error);
    if (code != OK)
        return code;
    assert(job.name.len > 0 && job.model_id.len > 0 && job.role_arn.len > 0 && job.type < BATCH_TYPES);
    assert(str_starts(job.input_uri, STR("s3://")) && str_starts(job.output_uri, STR("s3://")));
    assert(job.timeout_hours >= BATCH_HOURS_MIN && job.timeout_hours <= BATCH_HOURS_MAX);
    assert(job.tags.count <= JOB_TAGS_MAX);
    check_tags(&job.tags);
    code = json_parse(job.request, &doc, error);
    assert(code == OK);
    json_free(doc);
    return code;
}

static enum error_code parse_tags(struct str body, enum tag_operation operation, struct arena *arena,
                                  struct error *error)
{
    struct tag_request request = {0};
    enum error_code code = tag_request_parse(operation, body, arena, &request, error);
    if (code != OK)
        return code;
    assert(request.resource.len > 0);
    assert((request.tags.count == 0 || operation == TAG_RESOURCE) &&
           (request.key_count == 0 || operation == UNTAG_RESOURCE));
    check_tags(&request.tags);
    return OK;
}

static enum error_code parse_identifier(struct str text, bool is_resource, struct error *error)
{
    struct batch_identifier identifier = {0};
    enum error_code code = is_resource ? batch_resource_parse(text, &identifier, error)
                                       : batch_identifier_parse(text, &identifier, error);
    if (code != OK)
        return code;
    assert(identifier.id.len == JOB_ID_LEN && identifier.id.data >= text.data);
    assert(identifier.id.data + JOB_ID_LEN == text.data + text.len);
    return OK;
}

/* Lines are the values in the order of the structure; an empty one is absent. */
static enum error_code parse_query(struct str text, struct error *error)
{
    struct request_list_query query = {0};
    struct str *values[] = {&query.after, &query.before, &query.status,  &query.name_contains,
                            &query.max_results,  &query.next_token,    &query.sort_by, &query.sort_order};
    struct job_filter filter = {0};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        const char *end = text.len > 0 ? memchr(text.data, '\n', text.len) : NULL;
        const size_t len = end != NULL ? (size_t)(end - text.data) : text.len;
        if (len > 0)
            *values[i] = str_slice(text, 0, len);
        text = str_slice(text, end != NULL ? len + 1 : len, text.len);
    }
    return batch_list_parse(&query, &filter, error);
}

static void check_token(int64_t sequence)
{
    struct job_filter filter = {0};
    struct error error;
    struct buf token;
    buf_init(&token, 256);
    request_append_token(&token, sequence);
    const struct request_list_query query = {.next_token = buf_str(&token)};
    enum error_code code = batch_list_parse(&query, &filter, &error);
    assert(code == OK && filter.beyond == sequence);
    buf_deinit(&token);
}

/* The first byte chooses the parser, so that one corpus serves them all. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const struct str text = {(const char *)data + 1, size - 1};
    struct error error = {0};
    struct arena arena;
    enum error_code code = OK;
    arena_init(&arena, 64u << 20);
    switch (data[0] % 7) {
    case 0: code = parse_job(text, &arena, &error); break;
    case 1: code = parse_tags(text, TAG_RESOURCE, &arena, &error); break;
    case 2: code = parse_tags(text, UNTAG_RESOURCE, &arena, &error); break;
    case 3: code = parse_tags(text, LIST_TAGS, &arena, &error); break;
    case 4: code = parse_identifier(text, false, &error); break;
    case 5: code = parse_identifier(text, true, &error); break;
    default: code = parse_query(text, &error); break;
    }
    assert(code == OK || error.message[0] != '\0');
    check_token((int64_t)(str_hash(text) >> 2) + 1);
    arena_deinit(&arena);
    return 0;
}
