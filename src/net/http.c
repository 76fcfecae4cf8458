/* The parts of http.h that need no connection, and words of the protocol that
 * both versions share. */
#include "net/http.h"

#include "core/util.h"
#include "net/exchange.h"

struct str http_header_get(const struct http_request *request, const char *name)
{
    struct str wanted = str_of(name);
    for (size_t i = 0; i < request->header_count; i++)
        if (str_eq(request->headers[i].name, wanted))
            return request->headers[i].value;
    return (struct str){NULL, 0};
}

static bool decode(struct str text, bool plus_is_space, struct arena *arena, struct str *decoded)
{
    char *out = arena_alloc(arena, text.len + 1);
    if (!out)
        return false;
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '%') {
            int high = i + 2 < text.len ? hex_digit(text.data[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        out[len++] = c;
    }
    *decoded = (struct str){out, len};
    return true;
}

bool http_percent_decode(struct str text, struct arena *arena, struct str *decoded)
{
    return decode(text, false, arena, decoded);
}

struct str http_query_get(struct http_exchange *exchange, const char *name)
{
    struct str rest = exchange->request.query;
    struct str pair;
    while (str_split(&rest, '&', &pair)) {
        ptrdiff_t equals = str_find_char(pair, '=', 0);
        struct str key = equals < 0 ? pair : str_slice(pair, 0, (size_t)equals);
        if (!str_eq(key, str_of(name)))
            continue;
        struct str raw = equals < 0 ? STR("") : str_slice(pair, (size_t)equals + 1, pair.len);
        struct str value;
        /* A broken escape is handed on as it came: whoever checks the value can name it. */
        return decode(raw, true, &exchange->arena, &value) ? value : raw;
    }
    return (struct str){NULL, 0};
}

bool http_method_is_known(struct str method)
{
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (str_eq(method, str_of(known[i])))
            return true;
    return false;
}

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"}, {206, "Partial Content"},
        {301, "Moved Permanently"}, {302, "Found"}, {303, "See Other"}, {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {400, "Bad Request"}, {401, "Unauthorized"}, {402, "Payment Required"}, {403, "Forbidden"},
        {404, "Not Found"}, {405, "Method Not Allowed"}, {408, "Request Timeout"}, {409, "Conflict"},
        {411, "Length Required"}, {412, "Precondition Failed"}, {413, "Content Too Large"}, {414, "URI Too Long"},
        {416, "Range Not Satisfiable"}, {417, "Expectation Failed"}, {422, "Unprocessable Content"},
        {424, "Failed Dependency"}, {429, "Too Many Requests"}, {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"}, {501, "Not Implemented"}, {502, "Bad Gateway"},
        {503, "Service Unavailable"}, {504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Status";
}

bool http_append_header_value(struct buf *buf, struct str value)
{
    if (!buf_append_str(buf, value))
        return false;
    char *text = buf->data + buf->len - value.len;
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = ' ';
    return true;
}

bool http_header_is_framing(const struct http_header *header)
{
    return str_eq(header->name, STR("connection")) || str_eq(header->name, STR("transfer-encoding")) ||
           str_eq(header->name, STR("keep-alive"));
}

bool http_status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}
