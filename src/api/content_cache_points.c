/* The cache points of a request, whatever its dialect writes them as: how many, and in which order of their times to
 * live. */
#include "api/content.h"
#include "core/limits.h"

enum error_code content_note_cache_point(struct content_parser *parser, const char *where, uint32_t ttl_seconds)
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
