/* resource_filter.c - reads the query of a list. Lists nothing. See resource_filter.h. */
#include "api/control/resource_filter.h"

#include "api/control/request_fields.h"
#include "api/fields.h"

#define PAGE_DEFAULT 100
#define PAGE_MAX 1000

static enum error_code parse_time(struct api_call *call, const char *name, uint64_t *us, struct error *error)
{
    const struct str text = http_query_get(call->exchange, name);
    return !text.data || request_time(text, us) ? OK
                                                : field_error(error, "", name,
                                                              "must be a time such as 2026-11-25T09:00:00Z");
}

static enum error_code parse_page(struct api_call *call, struct resource_filter *filter, struct error *error)
{
    const struct str max = http_query_get(call->exchange, "maxResults");
    const struct str token = http_query_get(call->exchange, "nextToken");
    const struct str order = http_query_get(call->exchange, "sortOrder"),
                     by = http_query_get(call->exchange, "sortBy");
    uint64_t number = PAGE_DEFAULT;
    if (max.data && (!str_to_u64(max, &number) || number < 1 || number > PAGE_MAX))
        return field_error(error, "", "maxResults", "must be between 1 and %d", PAGE_MAX);
    filter->max = (size_t)number;
    if (token.data && (!str_to_i64(token, &filter->beyond) || filter->beyond <= 0))
        return field_error(error, "", "nextToken", "is not one of this operation");
    if (by.data && !str_eq(by, STR("CreationTime")))
        return field_error(error, "", "sortBy", "must be CreationTime");
    filter->is_ascending = str_eq(order, STR("Ascending"));
    if (order.data && !filter->is_ascending && !str_eq(order, STR("Descending")))
        return field_error(error, "", "sortOrder", "must be Ascending or Descending");
    return OK;
}

enum error_code resource_filter_parse(struct api_call *call, const char *after, const char *before,
                                      struct resource_filter *filter, struct error *error)
{
    *filter = (struct resource_filter){.name_contains = http_query_get(call->exchange, "nameContains")};
    enum error_code code = parse_time(call, after, &filter->after_us, error);
    if (code == OK)
        code = parse_time(call, before, &filter->before_us, error);
    return code == OK ? parse_page(call, filter, error) : code;
}

bool resource_filter_fits(const struct resource_filter *filter, const struct resource *resource, struct str name)
{
    const int64_t sequence = resource->sequence;
    return (filter->beyond == 0 || (filter->is_ascending ? sequence > filter->beyond : sequence < filter->beyond)) &&
           resource->created_us >= filter->after_us &&
           (filter->before_us == 0 || resource->created_us <= filter->before_us) &&
           (filter->name_contains.len == 0 || str_find(name, filter->name_contains, 0) >= 0);
}
