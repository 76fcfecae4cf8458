/* config_values.c - parsers of single values, each with the words for what it expected. See config_values.h. */
#include "core/config_values.h"

#include <arpa/inet.h>
#include <string.h>

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool config_is_made_of(struct str text, const char *punctuation, size_t max)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_alnum(text.data[i]) && !strchr(punctuation, text.data[i]))
            return false;
    }
    return text.len > 0 && text.len <= max;
}

struct unit {
    const char *suffix;
    uint64_t factor;
};

static bool parse_units(struct str text, const struct unit *units, size_t count, uint64_t *value)
{
    size_t digits = 0;
    while (digits < text.len && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    uint64_t number;
    if (!str_to_u64(str_slice(text, 0, digits), &number))
        return false;
    struct str suffix = str_slice(text, digits, text.len);
    for (size_t i = 0; i < count; i++) {
        if (str_eq(suffix, str_of(units[i].suffix)))
            return !__builtin_mul_overflow(number, units[i].factor, value);
    }
    return false;
}

bool config_parse_size(struct str text, uint64_t *bytes)
{
    static const struct unit units[] = {{"", 1}, {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}};
    return parse_units(text, units, sizeof(units) / sizeof(units[0]), bytes);
}

bool config_parse_duration(struct str text, uint64_t *ms)
{
    static const struct unit units[] = {{"s", 1000}, {"m", 60000}, {"h", 3600000}};
    return parse_units(text, units, sizeof(units) / sizeof(units[0]), ms);
}

/* The digits before and behind the point as one integer; *decimals of them stood behind. */
static size_t parse_digits(struct str text, uint64_t *digits, int64_t *decimals)
{
    bool has_point = false, has_digit = false;
    size_t i = 0;
    *digits = 0;
    *decimals = 0;
    for (; i < text.len; i++) {
        char c = text.data[i];
        if (c == '.' && !has_point) {
            has_point = true;
            continue;
        }
        if (c < '0' || c > '9')
            break;
        if (__builtin_mul_overflow(*digits, 10, digits) || __builtin_add_overflow(*digits, c - '0', digits))
            return 0;
        has_digit = true;
        *decimals += has_point;
    }
    return has_digit ? i : 0;
}

bool config_parse_pico(struct str text, uint64_t *value)
{
    uint64_t number;
    int64_t decimals, exponent = 0;
    size_t end = parse_digits(text, &number, &decimals);
    if (!end)
        return false;
    if (end < text.len) {
        bool is_exponent = text.data[end] == 'e' || text.data[end] == 'E';
        if (!is_exponent || !str_to_i64(str_slice(text, end + 1, text.len), &exponent))
            return false;
    }
    if (exponent > 100 || exponent < -100)
        return false;
    int64_t shift = 12 + exponent - decimals;
    for (; shift > 0 && number; shift--)
        if (__builtin_mul_overflow(number, 10, &number))
            return false;
    for (; shift < 0 && number; shift++) {
        if (number % 10)
            return false;
        number /= 10;
    }
    *value = number;
    return true;
}

static enum error_code bad_listen(const char *listen, struct error *error)
{
    return error_set(error, ERROR_INVALID,
                     "listen: expected ADDR:PORT with a numeric address, such as 127.0.0.1:8080 or [::1]:8080, "
                     "got '%.60s'",
                     listen);
}

/* Names are not looked up: which address a server listens on must not depend
 * on a resolver. "localhost" is the one name everybody writes. */
enum error_code config_parse_listen(const char *listen, char *host, size_t host_cap, uint16_t *port,
                                    struct error *error)
{
    struct str text = str_of(listen);
    size_t colon = text.len;
    while (colon > 0 && text.data[colon - 1] != ':')
        colon--;
    uint64_t number;
    if (colon == 0 || !str_to_u64(str_slice(text, colon, text.len), &number) || number > UINT16_MAX)
        return bad_listen(listen, error);
    struct str address = str_slice(text, 0, colon - 1);
    bool is_bracketed = address.len > 2 && address.data[0] == '[' && address.data[address.len - 1] == ']';
    if (is_bracketed)
        address = str_slice(address, 1, address.len - 1);
    else if (str_eq(address, STR("localhost")))
        address = STR("127.0.0.1");
    if (address.len >= host_cap)
        return bad_listen(listen, error);
    memcpy(host, address.data, address.len);
    host[address.len] = 0;
    struct in6_addr binary;
    if (inet_pton(is_bracketed ? AF_INET6 : AF_INET, host, &binary) != 1)
        return bad_listen(listen, error);
    *port = (uint16_t)number;
    return OK;
}

bool config_host_is_loopback(const char *host)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    struct in6_addr v6;
    if (inet_pton(AF_INET6, host, &v6) != 1)
        return false;
    return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

bool config_is_url(struct str text)
{
    const bool is_tls = str_starts(text, STR("https://"));
    const struct str rest = str_slice(text, is_tls ? 8 : 7, text.len);
    const ptrdiff_t slash = str_find_char(rest, '/', 0);
    const struct str host = str_slice(rest, 0, slash < 0 ? rest.len : (size_t)slash);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~' || text.data[i] == '"' || text.data[i] == '\\')
            return false;
    return (is_tls || str_starts(text, STR("http://"))) && host.len > 0 && str_find_char(host, '@', 0) < 0;
}
