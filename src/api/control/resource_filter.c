/* resource_filter.c - reads the query of a list. Lists nothing. See resource_filter.h. */
#include "api/control/resource_filter.h"

#include "api/control/request_fields.h"
#include "api/fields.h"

static enum error_code parse_token(struct str token, int64_t *beyond, struct error *error)
{
    return !token.data || (str_to_i64(token, beyond) && *beyond > 0)
               ? OK
               : field_error(error, "", "nextToken", "is not one of this operation");
}

enum error_code resource_filter_parse(struct api_call *call, const char *after, const char *before,
                                      struct resource_filter *filter, struct error *error)
{
    struct http_exchange *exchange = call->exchange;
    *filter = (struct resource_filter){.name_contains = http_query_get(exchange, "nameContains")};
    enum error_code code = request_bound(http_query_get(exchange, after), after, &filter->after_us, error);
    if (code == OK)
        code = request_bound(http_query_get(exchange, before), before, &filter->before_us, error);
    if (code == OK)
        code = request_page_size(http_query_get(exchange, "maxResults"), &filter->max, error);
    if (code == OK)
        code = parse_token(http_query_get(exchange, "nextToken"), &filter->beyond, error);
    return code == OK ? request_order(http_query_get(exchange, "sortBy"), http_query_get(exchange, "sortOrder"),
                                      &filter->is_ascending, error)
                      : code;
}

bool resource_filter_fits(const struct resource_filter *filter, const struct resource *resource, struct str name)
{
    const int64_t sequence = resource->sequence;
    return (filter->beyond == 0 || (filter->is_ascending ? sequence > filter->beyond : sequence < filter->beyond)) &&
           resource->created_us >= filter->after_us &&
           (filter->before_us == 0 || resource->created_us <= filter->before_us) &&
           (filter->name_contains.len == 0 || str_find(name, filter->name_contains, 0) >= 0);
}
