/* Signatures: a request of any bytes is identified or refused, and one that we
 * sign ourselves is always accepted, whatever its path, query and headers.
 *
 * Input: lines; the first is the query, the second the path, the third the
 * Authorization header, then name:value headers, an empty line, the body. */
#include <assert.h>

#include "auth/tenant.h"
#include "cmd/sections.h"

#define HEADERS_MAX 24
#define NOW_S 1764000000 /* 2025-11-24T16:00:00Z */

static const char tenants[] = "tenants: [{name: a, keys: [{id: AKID, secret: s}]}]";

static bool is_header_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
            return false;
    }
    return name.len > 0;
}

static struct str next_line(struct str *rest)
{
    struct str line = {"", 0};
    return str_split(rest, '\n', &line) ? line : (struct str){"", 0};
}

/* None of those that the signature brings itself. */
static bool may_be_added(const struct http_request *request, struct str name)
{
    static const char *const own[] = {"authorization", "host", "x-amz-date", "x-amz-content-sha256"};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (str_eq(name, str_of(own[i])))
            return false;
    }
    return request->header_count < HEADERS_MAX - 2 && is_header_name(name);
}

static void read_request(struct http_request *request, struct str text, struct str *authorization)
{
    request->method = STR("POST");
    request->query = next_line(&text);
    request->path = next_line(&text);
    *authorization = next_line(&text);
    for (struct str line = next_line(&text); line.len; line = next_line(&text)) {
        struct str name, value = line;
        if (str_split(&value, ':', &name) && value.data && may_be_added(request, name))
            request->headers[request->header_count++] = (struct http_header){name, str_trim(value)};
    }
    request->body = text.data ? text : (struct str){"", 0};
}

static void check_own_signature(struct http_request *request, struct str service)
{
    struct arena arena;
    struct buf authorization;
    struct sigv4_claim claim;
    struct error error;
    arena_init(&arena, 0);
    buf_init(&authorization, 65536);
    struct sigv4_signer signer = {STR("AKID"), STR("s"), STR("r"), service, .rules = sigv4_rules_of(service),
                                  .now_s = NOW_S};
    const size_t header_count = request->header_count;
    if (signer.rules.is_s3) /* which S3 demands */
        request->headers[request->header_count++] =
            (struct http_header){STR("x-amz-content-sha256"), STR("UNSIGNED-PAYLOAD")};
    if (sigv4_sign(request, &signer, &arena, &authorization, &error) == OK) {
        request->headers[request->header_count++] = (struct http_header){STR("authorization"), buf_str(&authorization)};
        enum auth_problem problem = sigv4_read_claim(request, &arena, &claim, &error);
        if (!problem)
            problem = sigv4_verify(request, &claim, signer.secret, signer.rules, NOW_S, &arena, &error);
        assert(problem == AUTH_OK);
    }
    request->header_count = header_count;
    buf_deinit(&authorization);
    arena_deinit(&arena);
}

static void check_identity(const struct config *config, const struct http_request *request)
{
    struct auth_identity identity;
    struct error error = {0};
    const struct auth_question question = {.config = config, .now_us = NOW_S * UINT64_C(1000000)};
    enum error_code code = auth_identify(&question, request, &identity, &error);
    assert((code == OK) == (identity.problem == AUTH_OK));
    assert(code == OK || error.message[0]);
    assert(identity.tenant[0] && identity.account[0] && identity.region[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_header headers[HEADERS_MAX] = {{STR("host"), STR("h")}, {STR("x-amz-date"), STR("20251124T160000Z")}};
    struct http_request request = {.headers = headers, .header_count = 2};
    struct config open_config = {0}, config;
    struct error error;
    struct str authorization;
    read_request(&request, (struct str){(const char *)data, size}, &authorization);
    check_own_signature(&request, STR("bedrock"));
    check_own_signature(&request, STR("s3"));
    if (authorization.len)
        request.headers[request.header_count++] = (struct http_header){STR("authorization"), authorization};
    check_identity(&open_config, &request);
    enum error_code code = config_parse(STR(tenants), "f.yaml", program_sections, &config, &error);
    assert(code == OK);
    check_identity(&config, &request);
    config_deinit(&config);
    return 0;
}
