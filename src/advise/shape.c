/* shape.c - see shape.h. */
#include "advise/shape.h"

#include "advise/body.h"
#include "advise/moment.h"
#include "core/arn.h"
#include "core/json.h"

const char *const advise_flaw_names[ADVISE_FLAWS] = {
    [ADVISE_READ] = "read",
    [ADVISE_NOT_JSON] = "not JSON",
    [ADVISE_UNKNOWN_SHAPE] = "not a request of any known log",
    [ADVISE_NO_MODEL] = "names no model and has no reply",
    [ADVISE_BAD_FIELD] = "a member of the wrong type",
    [ADVISE_TOO_LONG] = "line too long",
    [ADVISE_CUT_SHORT] = "compressed file cut short or damaged",
    [ADVISE_NO_FILE] = "file that can't be read",
    [ADVISE_NO_REPLY] = "batch input without its output",
};

static struct str member(yyjson_val *object, const char *name)
{
    return json_str(yyjson_obj_get(object, name));
}

/* The first that is there and not null. */
static yyjson_val *any_of(yyjson_val *object, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        yyjson_val *value = yyjson_obj_get(object, names[i]);
        if (value && !yyjson_is_null(value))
            return value;
    }
    return NULL;
}
#define ANY_OF(object, ...)                                                                                    \
    any_of((object), (const char *const[]){__VA_ARGS__},                                                       \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static struct str any_text(yyjson_val *object, const char *const *names, size_t count)
{
    return json_str(any_of(object, names, count));
}
#define ANY_TEXT(object, ...)                                                                                  \
    any_text((object), (const char *const[]){__VA_ARGS__},                                                     \
             sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void read_tier(yyjson_val *value, struct advise_record *record)
{
    enum tier tier;
    const struct str name = yyjson_is_obj(value) ? member(value, "type") : json_str(value);
    if (tier_find(name, &tier) && record->tier == TIER_DEFAULT)
        record->tier = tier_price(tier);
}

/* --- Bedrock's invocation log ------------------------------------------------------------------------- */

/* Who shares a cache: an account, or in one without a number of its own the user. */
static struct str log_tenant(yyjson_val *line)
{
    const struct str account = member(line, "accountId");
    const struct str caller = member(yyjson_obj_get(line, "identity"), "arn");
    const ptrdiff_t slash = str_find_char(caller, '/', 0);
    if (account.len > 0 && !str_eq(account, STR("000000000000")))
        return account;
    return slash < 0 ? account : str_slice(caller, (size_t)slash + 1, caller.len);
}

/* A body in the record, or beside it. */
static yyjson_val *log_body(yyjson_val *side, const char *body, const char *path, const struct shape_bodies *bodies,
                            struct arena *arena)
{
    yyjson_val *value = body_unpack(yyjson_obj_get(side, body), arena);
    const struct str uri = member(side, path);
    return value || uri.len == 0 || !bodies ? value : bodies->find(bodies->ctx, uri, arena);
}

static bool is_log(yyjson_val *line)
{
    yyjson_val *input = yyjson_obj_get(line, "input");
    return yyjson_equals_str(yyjson_obj_get(line, "schemaType"), "ModelInvocationLog") ||
           (yyjson_is_obj(input) && yyjson_obj_get(line, "modelId") &&
            ANY_OF(input, "inputBodyJson", "inputBodyS3Path", "inputTokenCount", "inputContentType"));
}

/* Counts of the record go before those of the bodies, but for the split of writes. */
static void log_counts(yyjson_val *input, yyjson_val *output, struct advise_record *record)
{
    const uint64_t hour = record->usage.tokens[PRICE_CACHE_WRITE_1H];
    (void)body_read_usage(input, record);
    (void)body_read_usage(output, record);
    uint64_t *tokens = record->usage.tokens;
    if (hour > 0 && tokens[PRICE_CACHE_WRITE_5M] >= hour && tokens[PRICE_CACHE_WRITE_1H] == 0) {
        tokens[PRICE_CACHE_WRITE_5M] -= hour;
        tokens[PRICE_CACHE_WRITE_1H] = hour;
    }
}

static enum advise_flaw read_log(yyjson_val *line, const struct shape_bodies *bodies, struct arena *arena,
                                 struct advise_record *record)
{
    yyjson_val *input = yyjson_obj_get(line, "input"), *output = yyjson_obj_get(line, "output");
    yyjson_val *body = log_body(input, "inputBodyJson", "inputBodyS3Path", bodies, arena);
    yyjson_val *reply = log_body(output, "outputBodyJson", "outputBodyS3Path", bodies, arena);
    const struct str operation = member(line, "operation");
    record->model = member(line, "modelId");
    record->id = member(line, "requestId");
    record->tenant = log_tenant(line);
    record->is_failed = yyjson_obj_get(line, "errorCode") && !output;
    record->session = ANY_TEXT(yyjson_obj_get(line, "requestMetadata"), "session", "sessionId", "session_id",
                               "session-id");
    record->tags = ANY_OF(line, "requestMetadata");
    (void)moment_of_value(yyjson_obj_get(line, "timestamp"), &record->time_us);
    if (record->model.len == 0)
        return ADVISE_NO_MODEL;
    if (!body_read_reply(reply, arena, record) || !body_read_request(body, arena, record))
        return ADVISE_TOO_LONG;
    log_counts(input, output, record);
    record->is_stream = operation.len > 0 ? str_ends(operation, STR("Stream")) : record->is_stream;
    read_tier(yyjson_obj_get(reply, "serviceTier"), record);
    read_tier(yyjson_obj_get(body, "serviceTier"), record);
    if (!yyjson_is_obj(body))
        read_tier(yyjson_obj_get(line, "serviceTier"), record);
    return ADVISE_READ;
}

/* --- batch files -------------------------------------------------------------------------------------- */

/* A job of Bedrock's: input and output in one line. */
static enum advise_flaw read_job(yyjson_val *line, struct arena *arena, struct advise_record *record)
{
    yyjson_val *input = body_unpack(yyjson_obj_get(line, "modelInput"), arena);
    yyjson_val *output = body_unpack(yyjson_obj_get(line, "modelOutput"), arena);
    record->tier = TIER_BATCH;
    record->model = ANY_TEXT(line, "modelId", "model");
    record->is_failed = yyjson_obj_get(line, "error") && !output;
    record->id = member(line, "recordId");
    if (!body_read_reply(output, arena, record) || !body_read_request(input, arena, record))
        return ADVISE_TOO_LONG;
    if (record->model.len == 0)
        record->model = member(input, "model");
    return output || record->is_failed ? ADVISE_READ : ADVISE_NO_REPLY;
}

/* OpenAI's ("body", "response") and Anthropic's ("params", "result"): input and output are lines of two files, which
 * `custom_id` brings together. */
static enum advise_flaw read_custom(yyjson_val *line, struct arena *arena, struct advise_record *record)
{
    yyjson_val *body = ANY_OF(line, "body", "params"), *response = yyjson_obj_get(line, "response");
    yyjson_val *result = yyjson_obj_get(line, "result");
    yyjson_val *reply = response ? yyjson_obj_get(response, "body") : yyjson_obj_get(result, "message");
    record->tier = TIER_BATCH;
    record->id = member(line, "custom_id");
    record->model = member(body, "model");
    record->is_failed = (response || result || yyjson_obj_get(line, "error")) && !reply && !body;
    if (!body && !reply && !record->is_failed)
        return ADVISE_UNKNOWN_SHAPE;
    if (!body_read_reply(reply, arena, record) || !body_read_request(body, arena, record))
        return ADVISE_TOO_LONG;
    (void)moment_of_value(yyjson_obj_get(reply, "created"), &record->time_us);
    return ADVISE_READ;
}

/* --- our ledger's export ------------------------------------------------------------------------------ */

/* "BOOK@VERSION/ID/PLACE", whose ID may hold slashes. */
void shape_read_price_name(struct str name, struct advise_record *record)
{
    const ptrdiff_t at = str_find_char(name, '/', 0);
    size_t last = name.len;
    while (last > 0 && name.data[last - 1] != '/')
        last--;
    if (at < 0 || last <= (size_t)at + 1)
        return;
    record->model = str_slice(name, (size_t)at + 1, last - 1);
    record->place = str_slice(name, last, name.len);
}

static enum advise_flaw read_ledger(yyjson_val *line, struct advise_record *record)
{
    uint64_t *tokens = record->usage.tokens;
    if (!body_read_usage(line, record))
        return ADVISE_BAD_FIELD;
    tokens[PRICE_CACHE_WRITE_1H] = yyjson_get_uint(yyjson_obj_get(line, "cacheWrite1hInputTokens"));
    tokens[PRICE_CACHE_WRITE_5M] = yyjson_get_uint(yyjson_obj_get(line, "cacheWriteInputTokens"));
    record->id = member(line, "requestId");
    record->tenant = member(line, "tenant");
    record->session = member(line, "session");
    record->tags = yyjson_obj_get(line, "profileTags");
    record->model = member(line, "modelRequested");
    shape_read_price_name(member(line, "priceBook"), record);
    record->is_stream = str_ends(member(line, "operation"), STR("Stream"));
    record->is_failed = str_starts(member(line, "operation"), STR("Shadow")) ||
                        yyjson_equals_str(yyjson_obj_get(line, "outcome"), "failed");
    record->has_reply = true;
    (void)moment_of_value(yyjson_obj_get(line, "time"), &record->time_us);
    read_tier(yyjson_obj_get(line, "tier"), record);
    return ADVISE_READ;
}

/* --- LiteLLM's spend log ------------------------------------------------------------------------------ */

/* Counts of the cache stand in the metadata, under one of these. */
static void read_spend_metadata(yyjson_val *metadata, struct advise_record *record)
{
    uint64_t *tokens = record->usage.tokens;
    const uint64_t whole = tokens[PRICE_INPUT];
    yyjson_val *usage = ANY_OF(metadata, "usage_object", "additional_usage_values");
    yyjson_val *read = yyjson_obj_get(usage, "cache_read_input_tokens");
    yyjson_val *written = yyjson_obj_get(usage, "cache_creation_input_tokens");
    yyjson_val *details = yyjson_obj_get(usage, "prompt_tokens_details");
    uint64_t hits = yyjson_get_uint(read ? read : yyjson_obj_get(details, "cached_tokens"));
    uint64_t writes = yyjson_get_uint(written);
    hits = hits < whole ? hits : whole;
    writes = writes < whole - hits ? writes : whole - hits;
    tokens[PRICE_INPUT] = whole - hits - writes;
    tokens[PRICE_CACHE_READ] = hits;
    tokens[PRICE_CACHE_WRITE_5M] = writes;
}

struct spend {
    yyjson_val *messages, *response, *request, *metadata;
    struct str request_id, model, tenant, session, start, end, first, status;
};

/* Which of the columns has the prompt depends on the version and its settings. */
static yyjson_val *spend_prompt(const struct spend *spend)
{
    yyjson_val *request = yyjson_obj_get(spend->request, "body");
    request = request ? request : spend->request;
    if (yyjson_obj_get(request, "messages"))
        return request;
    return spend->messages;
}

static enum advise_flaw read_spend(const struct spend *spend, struct arena *arena, struct advise_record *record)
{
    yyjson_val *prompt = spend_prompt(spend);
    const struct price_usage counted = record->usage;
    uint64_t first = 0, end = 0;
    record->id = spend->request_id;
    record->model = spend->model;
    record->tenant = spend->tenant;
    record->session = spend->session;
    record->tags = spend->metadata;
    record->is_failed = str_eq(spend->status, STR("failure"));
    (void)moment_read(spend->start, &record->time_us);
    record->is_stream = moment_read(spend->first, &first) && moment_read(spend->end, &end) && first < end;
    if (record->model.len == 0)
        return ADVISE_NO_MODEL;
    if (yyjson_is_obj(spend->response) && yyjson_obj_size(spend->response) > 0 &&
        !body_read_reply(spend->response, arena, record))
        return ADVISE_TOO_LONG;
    record->usage = counted;
    record->has_usage = true;
    record->has_reply = true;
    read_spend_metadata(spend->metadata, record);
    if (yyjson_is_obj(prompt))
        return body_read_request(prompt, arena, record) ? ADVISE_READ : ADVISE_TOO_LONG;
    return ADVISE_READ;
}

static bool is_spend(yyjson_val *line)
{
    return yyjson_obj_get(line, "request_id") && yyjson_obj_get(line, "startTime") &&
           ANY_OF(line, "spend", "call_type", "prompt_tokens");
}

/* A list of messages as the request that it is part of. */
static yyjson_val *parse_messages(struct str text, struct arena *arena)
{
    struct str whole = str_trim(text);
    if (whole.len > 0 && *whole.data == '[')
        whole = arena_printf(arena, "{\"messages\":" STR_FMT "}", STR_ARG(whole));
    return whole.data ? body_parse(whole, arena) : NULL;
}

static yyjson_val *spend_messages(yyjson_val *line, struct arena *arena)
{
    yyjson_val *messages = yyjson_obj_get(line, "messages");
    if (yyjson_is_arr(messages))
        return line;
    return yyjson_is_str(messages) ? parse_messages(json_str(messages), arena) : messages;
}

static enum advise_flaw read_spend_line(yyjson_val *line, struct arena *arena, struct advise_record *record)
{
    const struct spend spend = {
        .messages = spend_messages(line, arena),
        .response = body_unpack(yyjson_obj_get(line, "response"), arena),
        .request = body_unpack(yyjson_obj_get(line, "proxy_server_request"), arena),
        .metadata = body_unpack(yyjson_obj_get(line, "metadata"), arena),
        .request_id = member(line, "request_id"),
        .model = member(line, "model"),
        .tenant = ANY_TEXT(line, "team_id", "api_key"),
        .session = member(line, "session_id"),
        .start = member(line, "startTime"),
        .end = member(line, "endTime"),
        .first = member(line, "completionStartTime"),
        .status = member(line, "status"),
    };
    if (!body_read_usage(line, record))
        return ADVISE_BAD_FIELD;
    return read_spend(&spend, arena, record);
}

/* --- requests and replies ----------------------------------------------------------------------------- */

static bool is_request(yyjson_val *value)
{
    return yyjson_is_obj(value) && ANY_OF(value, "messages", "prompt", "input", "inputText", "system", "body");
}

static yyjson_val *find_request(yyjson_val *line, struct arena *arena)
{
    static const char *const names[] = {"request", "request_body", "requestBody", "input", "body", "kwargs"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        yyjson_val *value = body_unpack(yyjson_obj_get(line, names[i]), arena);
        yyjson_val *inner = body_unpack(yyjson_obj_get(value, "body"), arena);
        if (is_request(inner))
            return inner;
        if (is_request(value))
            return value;
    }
    return is_request(line) ? line : NULL;
}

static yyjson_val *find_reply(yyjson_val *line, struct arena *arena)
{
    static const char *const names[] = {"response", "response_body", "responseBody", "reply", "output",
                                        "completion", "result"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        yyjson_val *value = body_unpack(yyjson_obj_get(line, names[i]), arena);
        yyjson_val *inner = body_unpack(yyjson_obj_get(value, "body"), arena);
        if (yyjson_is_obj(inner) || yyjson_is_arr(inner))
            return inner;
        if (yyjson_is_obj(value) || yyjson_is_arr(value))
            return value;
    }
    return ANY_OF(line, "choices", "usage", "stop_reason") ? line : NULL;
}

static void read_pair_facts(yyjson_val *line, yyjson_val *request, yyjson_val *reply, struct advise_record *record)
{
    yyjson_val *stream = yyjson_obj_get(request, "stream");
    const struct str asked = ANY_TEXT(request, "model", "modelId");
    const struct str named = asked.len > 0 ? asked : ANY_TEXT(line, "model", "modelId", "model_id");
    record->model = named.len > 0 ? named : record->model;
    record->id = ANY_TEXT(line, "request_id", "requestId");
    record->tenant = ANY_TEXT(line, "tenant", "team", "organization", "project", "api_key");
    record->session = ANY_TEXT(line, "session", "session_id", "sessionId", "conversation_id", "thread_id");
    record->is_stream = record->is_stream || yyjson_get_bool(stream);
    record->tags = record->tags ? record->tags : yyjson_obj_get(line, "metadata");
    read_tier(yyjson_obj_get(reply, "service_tier"), record);
    read_tier(yyjson_obj_get(request, "service_tier"), record);
    yyjson_val *time = ANY_OF(line, "timestamp", "time", "created_at", "createdAt", "start_time", "startTime", "ts",
                              "date", "created");
    if (!moment_of_value(time, &record->time_us))
        (void)moment_of_value(ANY_OF(reply, "created", "created_at"), &record->time_us);
}

static enum advise_flaw read_pair(yyjson_val *line, struct arena *arena, struct advise_record *record)
{
    yyjson_val *request = find_request(line, arena), *reply = find_reply(line, arena);
    if (!request && !reply)
        return ADVISE_UNKNOWN_SHAPE;
    if (!body_read_reply(reply, arena, record) || (request && !body_read_request(request, arena, record)))
        return ADVISE_TOO_LONG;
    if (yyjson_is_obj(yyjson_obj_get(line, "usage")))
        (void)body_read_usage(yyjson_obj_get(line, "usage"), record);
    read_pair_facts(line, request, reply, record);
    record->is_failed = yyjson_is_obj(yyjson_obj_get(reply, "error")) && !record->has_usage;
    return record->model.len == 0 && !reply ? ADVISE_NO_MODEL : ADVISE_READ;
}

yyjson_val *shape_inner(yyjson_val *line, struct arena *arena)
{
    yyjson_val *message = yyjson_obj_get(line, "message");
    if (!message)
        message = yyjson_obj_get(line, "@message");
    yyjson_val *inner = yyjson_is_str(message) ? body_unpack(message, arena) : NULL;
    return yyjson_is_obj(inner) ? inner : line;
}

enum advise_flaw shape_read(yyjson_val *line, const struct shape_bodies *bodies, struct arena *arena,
                            struct advise_record *record)
{
    *record = (struct advise_record){.tier = TIER_DEFAULT};
    if (!yyjson_is_obj(line))
        return ADVISE_UNKNOWN_SHAPE;
    if (is_log(line))
        return read_log(line, bodies, arena, record);
    if (yyjson_obj_get(line, "modelInput"))
        return read_job(line, arena, record);
    if (yyjson_obj_get(line, "custom_id"))
        return read_custom(line, arena, record);
    if (yyjson_obj_get(line, "costPicodollars") && yyjson_obj_get(line, "modelRequested"))
        return read_ledger(line, record);
    if (is_spend(line))
        return read_spend_line(line, arena, record);
    return read_pair(line, arena, record);
}

/* --- tables ------------------------------------------------------------------------------------------- */

static struct str field(const struct shape_field *fields, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_nocase(fields[i].name, str_of(name)))
            return fields[i].value;
    return (struct str){NULL, 0};
}

bool shape_knows_columns(const struct str *names, size_t count)
{
    size_t known = 0;
    for (size_t i = 0; i < count; i++)
        known += str_eq_nocase(names[i], STR("model")) || str_eq_nocase(names[i], STR("prompt_tokens")) ||
                 str_eq_nocase(names[i], STR("completion_tokens"));
    return known == 3;
}

static bool field_count(const struct shape_field *fields, size_t count, const char *name, uint64_t *value)
{
    double number;
    const struct str text = str_trim(field(fields, count, name));
    if (!str_to_double(text, &number) || !(number >= 0 && number < 1e8))
        return false;
    *value = (uint64_t)number;
    return true;
}

enum advise_flaw shape_read_fields(const struct shape_field *fields, size_t count, struct arena *arena,
                                   struct advise_record *record)
{
    *record = (struct advise_record){.tier = TIER_DEFAULT};
    const struct str tenant = field(fields, count, "team_id");
    const struct spend spend = {
        .messages = parse_messages(field(fields, count, "messages"), arena),
        .response = body_parse(field(fields, count, "response"), arena),
        .request = body_parse(field(fields, count, "proxy_server_request"), arena),
        .metadata = body_parse(field(fields, count, "metadata"), arena),
        .request_id = field(fields, count, "request_id"),
        .model = field(fields, count, "model"),
        .tenant = tenant.len > 0 ? tenant : field(fields, count, "api_key"),
        .session = field(fields, count, "session_id"),
        .start = field(fields, count, "startTime"),
        .end = field(fields, count, "endTime"),
        .first = field(fields, count, "completionStartTime"),
        .status = field(fields, count, "status"),
    };
    if (!field_count(fields, count, "prompt_tokens", &record->usage.tokens[PRICE_INPUT]) ||
        !field_count(fields, count, "completion_tokens", &record->usage.tokens[PRICE_OUTPUT]))
        return ADVISE_BAD_FIELD;
    return read_spend(&spend, arena, record);
}
