/* Virtual-hosted style: the bucket stands before the name of the host, as in reports.s3.amazonaws.com. */
#include "core/config.h"
#include "s3/s3.h"
#include "store/objects_config.h"

/* The name without port; empty for an address in brackets. */
static struct str name_of(struct str host)
{
    struct str name = STR("");
    if (!str_starts(host, STR("[")))
        (void)str_split(&host, ':', &name);
    return name;
}

/* The part of `name` before the dot before `base`; empty: it does not end so. */
static struct str before(struct str name, struct str base)
{
    if (name.len <= base.len + 1 || name.data[name.len - base.len - 1] != '.' ||
        !str_eq_nocase(str_slice(name, name.len - base.len, name.len), base))
        return STR("");
    return str_slice(name, 0, name.len - base.len - 1);
}

/* s3.amazonaws.com, s3.REGION.amazonaws.com, s3-REGION..., s3.dualstack.REGION...: whoever leads these names here. A
 * bucket's name may have such parts too: the last one counts. */
static struct str before_amazon(struct str name)
{
    struct str rest = before(name, STR("amazonaws.com"));
    for (size_t i = rest.len; i > 3; i--) {
        struct str part = str_slice(rest, i - 3, rest.len);
        bool is_s3 = str_starts(part, STR(".s3")) && (part.len == 3 || part.data[3] == '.' || part.data[3] == '-');
        if (is_s3)
            return str_slice(rest, 0, i - 3);
    }
    return STR("");
}

bool s3_host_bucket(const struct config *config, const struct http_request *request, struct str *bucket)
{
    struct str name = name_of(http_header_get(request, "host"));
    struct error ignored;
    const struct objects_config *objects = objects_config(config);
    *bucket = before_amazon(name);
    for (size_t i = 0; i < objects->host_count && bucket->len == 0; i++)
        *bucket = before(name, str_of(objects->hosts[i]));
    if (objects->host_count == 0 && bucket->len == 0)
        *bucket = before(name, STR("localhost"));
    return bucket->len > 0 && objects_check_bucket(*bucket, &ignored) == OBJECTS_OK;
}
