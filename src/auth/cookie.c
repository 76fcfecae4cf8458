/* cookie.c - the Cookie header of RFC 6265, section 4.2: pairs between semicolons. See cookie.h. */
#include "auth/cookie.h"

static struct str without_quotes(struct str value)
{
    const bool is_quoted = value.len >= 2 && value.data[0] == '"' && value.data[value.len - 1] == '"';
    return is_quoted ? str_slice(value, 1, value.len - 1) : value;
}

static bool find(struct str header, struct str name, struct str *value)
{
    struct str pair, key;
    while (str_split(&header, ';', &pair)) {
        pair = str_trim(pair);
        if (!str_split(&pair, '=', &key) || !str_eq(str_trim(key), name) || !pair.data)
            continue;
        *value = without_quotes(str_trim(pair));
        return true;
    }
    return false;
}

struct str cookie_get(const struct http_request *request, struct str name)
{
    struct str value = {NULL, 0};
    for (size_t i = 0; i < request->header_count && !value.data; i++)
        if (str_eq(request->headers[i].name, STR("cookie")))
            (void)find(request->headers[i].value, name, &value);
    return value;
}
