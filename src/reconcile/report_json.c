/* report_json.c - pages of buckets, as the APIs of OpenAI and Anthropic give them. See report.h. */
#include "core/json.h"
#include "core/util.h"
#include "reconcile/report.h"

#define DOLLARS 12 /* of OpenAI; as a power of ten of picodollars */
#define CENTS 10   /* of Anthropic */

static struct str text_of(yyjson_val *value)
{
    if (yyjson_is_bool(value))
        return yyjson_get_bool(value) ? STR("true") : STR("false");
    if (yyjson_is_raw(value))
        return (struct str){yyjson_get_raw(value), yyjson_get_len(value)};
    return json_str(value);
}

/* "cache_creation.ephemeral_5m_input_tokens": a member of a member. */
static struct str get(const void *ctx, const char *name)
{
    yyjson_val *object = (yyjson_val *)(uintptr_t)ctx;
    const struct str path = str_of(name);
    const ptrdiff_t dot = str_find_char(path, '.', 0);
    if (dot < 0)
        return text_of(yyjson_obj_get(object, name));
    return text_of(yyjson_obj_get(yyjson_obj_getn(object, name, (size_t)dot), name + dot + 1));
}

/* Seconds since 1970 with OpenAI, ISO 8601 with Anthropic. */
static bool time_of(yyjson_val *bucket, const char *number, const char *text, uint64_t *us)
{
    struct error ignored;
    int64_t seconds = 0;
    if (json_get_int(bucket, "", number, 0, INT64_MAX / 1000000, &seconds, NULL, &ignored) == OK && seconds > 0) {
        *us = (uint64_t)seconds * 1000000;
        return true;
    }
    return clock_parse(json_str(yyjson_obj_get(bucket, text)), us);
}

static enum error_code read_bucket(const struct report_reader *reader, yyjson_val *bucket, size_t index,
                                   struct error *error)
{
    struct report_row row = {.get = get, .cost_power = reader->kind == REPORT_ANTHROPIC ? CENTS : DOLLARS};
    yyjson_val *results = yyjson_obj_get(bucket, "results"), *result;
    enum error_code code = OK;
    size_t i, max;
    if (!time_of(bucket, "start_time", "starting_at", &row.from_us))
        return error_set(error, ERROR_INVALID, "data[%zu]: expected start_time or starting_at, when the bucket begins",
                         index);
    if (!time_of(bucket, "end_time", "ending_at", &row.to_us) || row.to_us <= row.from_us)
        row.to_us = row.from_us;
    reader->sink.bucket(reader->sink.ctx, row.from_us, row.to_us);
    if (!yyjson_is_arr(results))
        results = yyjson_obj_get(bucket, "result"); /* as OpenAI's older documents call it */
    json_arr_foreach(results, i, max, result)
    {
        row.ctx = result;
        if (code == OK && yyjson_is_obj(result))
            code = report_usage_row(reader, &row, error);
    }
    return code;
}

static enum error_code read_page(const struct report_reader *reader, yyjson_val *root, struct error *error)
{
    yyjson_val *data = yyjson_obj_get(root, "data"), *bucket;
    enum error_code code = OK;
    size_t i, max;
    if (!yyjson_is_arr(data))
        return error_set(error, ERROR_INVALID, "data: expected the list of buckets of a usage or cost report of %s",
                         report_kind_names[reader->kind]);
    json_arr_foreach(data, i, max, bucket)
    {
        if (code == OK)
            code = read_bucket(reader, bucket, i, error);
    }
    return code;
}

enum error_code report_read_json(const struct report_reader *reader, yyjson_val *root, struct str *next,
                                 struct error *error)
{
    yyjson_val *page;
    enum error_code code = OK;
    size_t i, max;
    *next = (struct str){NULL, 0};
    if (!yyjson_is_arr(root)) {
        if (yyjson_is_true(yyjson_obj_get(root, "has_more")))
            *next = json_str(yyjson_obj_get(root, "next_page"));
        return read_page(reader, root, error);
    }
    json_arr_foreach(root, i, max, page)
    {
        if (code == OK)
            code = read_page(reader, page, error);
    }
    return code;
}
