/* What keeps strangers' pages away from the console's API. A page of another site can make a browser send requests
 * here, with cookies and from inside the network. It can't read the answers, unless its own name leads here (DNS
 * rebinding), and it can't read the token. */
#include <arpa/inet.h>
#include <stdio.h>

#include "api/call.h"
#include "api/console/dialect.h"
#include "core/config_values.h"

#define HOST_MAX 256

/* The name or address without port and brackets; false: it is too long to be one. */
static bool host_of(struct str text, char host[HOST_MAX])
{
    struct str name;
    if (str_starts(text, STR("["))) {
        text = str_slice(text, 1, text.len);
        (void)str_split(&text, ']', &name);
    } else if (!str_split(&text, ':', &name)) {
        return false;
    }
    return snprintf(host, HOST_MAX, STR_FMT, STR_ARG(name)) < HOST_MAX;
}

static bool is_address(const char *host)
{
    unsigned char room[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, room) == 1 || inet_pton(AF_INET6, host, room) == 1;
}

static bool listens_on_loopback(const struct config *config)
{
    char host[HOST_MAX];
    uint16_t port;
    struct error ignored;
    return config_parse_listen(config->listen, host, sizeof(host), &port, &ignored) == OK &&
           config_host_is_loopback(host);
}

/* Whether no stranger can have this name lead here: it is the loopback's; or, where the server can be reached from
 * outside, an address or a name without a dot, of which there are no domains. */
static bool host_is_ours(const struct config *config, struct str header)
{
    char host[HOST_MAX];
    if (!header.data)
        return true; /* no browser leaves it out */
    if (!host_of(header, host))
        return false;
    if (config_host_is_loopback(host) || str_eq_nocase(str_of(host), STR("localhost")) ||
        str_ends(str_of(host), STR(".localhost")))
        return true;
    return !listens_on_loopback(config) && (is_address(host) || !strchr(host, '.'));
}

/* What the browser says of where the request comes from: of itself, or by the page's origin. */
static bool is_from_here(const struct http_request *request)
{
    const struct str site = http_header_get(request, "sec-fetch-site");
    struct str origin = http_header_get(request, "origin");
    if (site.data)
        return str_eq(site, STR("same-origin")) || str_eq(site, STR("none"));
    const ptrdiff_t scheme = str_find(origin, STR("://"), 0);
    origin = scheme < 0 ? STR("") : str_slice(origin, (size_t)scheme + 3, origin.len);
    return str_eq_nocase(origin, http_header_get(request, "host"));
}

static bool is_from_a_browser(const struct http_request *request)
{
    return http_header_get(request, "sec-fetch-site").data || http_header_get(request, "origin").data;
}

/* Of a request that changes something. With tenants a session's token was checked with its cookie. */
static enum error_code check_page(const struct api *api, const struct http_request *request, struct error *error)
{
    if (!is_from_a_browser(request))
        return OK;
    if (!is_from_here(request))
        return error_set(error, ERROR_DENIED, "This comes from a page of another site: open the console at /console.");
    if (api->config->tenant_count > 0 ||
        session_token_fits(sessions_open_token(api->sessions), http_header_get(request, SESSION_TOKEN_HEADER)))
        return OK;
    return error_set(error, ERROR_DENIED,
                     "The header " SESSION_TOKEN_HEADER " must carry the token of GET /fulcrum/session.");
}

enum error_code console_admit(const struct api_call *call, struct error *error)
{
    const struct api *api = call->thread->api;
    const struct http_request *request = &call->exchange->request;
    const bool only_reads = str_eq(request->method, STR("GET")) || str_eq(request->method, STR("HEAD"));
    if (!str_starts(request->path, STR("/console")) && !str_starts(request->path, STR("/fulcrum")))
        return OK; /* probes and scrapers ask by whatever name they have */
    if (api->config->tenant_count == 0 && !host_is_ours(api->config, http_header_get(request, "host")))
        return error_set(error, ERROR_DENIED,
                         "The console answers to localhost and 127.0.0.1 alone where fulcrum.yaml has no tenants: ask "
                         "it by one of these, or configure tenants.");
    return only_reads ? OK : check_page(api, request, error);
}
