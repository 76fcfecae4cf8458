/* The cache points of a request, whatever its dialect writes them as: how many, and in which order of their times to
 * live. */
#include "api/bedrock/converse.h"
#include "core/limits.h"

enum error_code converse_cache_point(struct converse_parser *parser, yyjson_val *value, const char *where,
                                     uint32_t *ttl_seconds)
{
    static const char *const members[] = {"type", "ttl", NULL};
    static const char *const types[] = {"default", NULL};
    static const char *const ttls[] = {"5m", "1h", NULL};
    struct error *error = parser->error;
    if (!yyjson_is_obj(value))
        return field_error(error, where, "", "expected an object, got %s", json_type_name(value));
    int type, ttl;
    enum error_code code = fields_known(parser->request->ignored, value, where, members, error);
    if (code == OK)
        code = fields_enum(value, where, "type", types, &type, error);
    if (code == OK)
        code = fields_enum(value, where, "ttl", ttls, &ttl, error);
    if (code != OK)
        return code;
    if (type < 0)
        return field_error(error, where, "type", "required and missing");
    *ttl_seconds = ttl == 1 ? 3600 : 300;
    return converse_note_cache_point(parser, where, *ttl_seconds);
}

enum error_code converse_note_cache_point(struct converse_parser *parser, const char *where, uint32_t ttl_seconds)
{
    struct error *error = parser->error;
    if (++parser->cache_points > LIMIT_CACHE_POINTS)
        return field_error(error, where, "", "more than %d cache points in one request", LIMIT_CACHE_POINTS);
    const uint32_t longest = parser->request->cache_ttl_max_seconds;
    if (longest && ttl_seconds > longest)
        return field_error(error, where, "ttl", "this model keeps a cache point for %u minutes at most; leave ttl out",
                           longest / 60);
    if (parser->shortest_ttl != 0 && ttl_seconds > parser->shortest_ttl)
        return field_error(error, where, "ttl", "a 1h cache point must not come after a 5m one; longer ones go first");
    parser->shortest_ttl = ttl_seconds;
    return OK;
}
