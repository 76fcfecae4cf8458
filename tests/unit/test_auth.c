/* Who is asking, with and without tenants. */
#include "sigv4_fixture.h"

#include "auth/tenant.h"
#include "cmd/sections.h"

#define NOW_S 1764000000 /* 2025-11-24T16:00:00Z */

#define TENANTS                                                                                                     \
    "tenants:\n"                                                                                                    \
    "  - {name: shop, keys: [{id: AKIASHOP, secret: s1}, {id: AKIASHOP2, secret: s2}], account: '123456789012'}\n"   \
    "  - {name: desk, bearer: [2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b]}\n" /* of "secret" */

struct asking {
    struct arena arena;
    struct config config;
    struct suite_request request;
    struct auth_identity identity;
    struct error error;
    struct buf authorization;
};

static void ask(struct asking *asking, const char *yaml, const char *request)
{
    *asking = (struct asking){0};
    arena_init(&asking->arena, 0);
    buf_init(&asking->authorization, 4096);
    if (config_parse(str_of(yaml), "f.yaml", program_sections, &asking->config, &asking->error))
        fail_msg("%s", asking->error.message);
    suite_parse(&asking->request, &asking->arena, str_of(request));
}

static struct auth_question question_of(const struct asking *asking, uint64_t now_s)
{
    return (struct auth_question){.config = &asking->config, .now_us = now_s * 1000000};
}

static void identify(struct asking *asking, enum auth_problem expected)
{
    const struct auth_question question = question_of(asking, NOW_S);
    enum error_code code = auth_identify(&question, &asking->request.http, &asking->identity, &asking->error);
    if (asking->identity.problem != expected)
        fail_msg("problem %d: %s", (int)asking->identity.problem, asking->error.message);
    assert_true((code == OK) == (expected == AUTH_OK));
}

static void sign_as(struct asking *asking, const char *id, const char *secret)
{
    struct sigv4_signer signer = {str_of(id), str_of(secret), STR("eu-west-1"), STR("bedrock"), .now_s = NOW_S};
    assert_int_equal(sigv4_sign(&asking->request.http, &signer, &asking->arena, &asking->authorization, &asking->error),
                     OK);
    suite_add_header(&asking->request, STR("authorization"), buf_str(&asking->authorization));
}

static void presign_as(struct asking *asking, const char *id, const char *secret)
{
    struct sigv4_signer signer = {str_of(id), str_of(secret), STR("eu-west-1"), STR("bedrock"), .now_s = NOW_S};
    suite_drop_header(&asking->request, "x-amz-date");
    assert_int_equal(
        sigv4_presign(&asking->request.http, &signer, 60, &asking->arena, &asking->authorization, &asking->error), OK);
    asking->request.http.query = buf_str(&asking->authorization);
}

static void done(struct asking *asking)
{
    buf_deinit(&asking->authorization);
    config_deinit(&asking->config);
    arena_deinit(&asking->arena);
}

/* --- without tenants --- */

static void check_open(const char *request, const char *tenant, const char *region, const char *service)
{
    struct asking asking;
    ask(&asking, "", request);
    identify(&asking, AUTH_OK);
    assert_string_equal(asking.identity.tenant, tenant);
    assert_string_equal(asking.identity.region, region);
    assert_string_equal(asking.identity.service, service);
    assert_string_equal(asking.identity.account, "000000000000");
    done(&asking);
}

static void open_names(void **state)
{
    (void)state;
    check_open("GET /\nhost: h\n\n", "default", "us-east-1", "");
    check_open("GET /\nauthorization: Basic dTpw\n\n", "default", "us-east-1", "");
    check_open("GET /\nauthorization: Bearer secret\n\n", "key-2bb80d537b1d", "us-east-1", "");
    check_open("GET /\nauthorization: bearer secret\n\n", "key-2bb80d537b1d", "us-east-1", "");
    check_open("GET /\nx-api-key: secret\n\n", "key-2bb80d537b1d", "us-east-1", "");
    check_open("GET /\nauthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-west-3/s3/aws4_request, "
               "SignedHeaders=host, Signature=wrong\n\n",
               "AKIDEXAMPLE", "eu-west-3", "s3");
    check_open("GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20150830%2Fus-west-2%2Fbedrock%2F"
               "aws4_request\n\n",
               "AKID", "us-west-2", "bedrock");
}

static void open_refuses_only_nonsense(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "GET /\nauthorization: AWS4-HMAC-SHA256 Credential=A\n\n",
        "GET /\nauthorization: AWS4-HMAC-SHA256 Credential=a b/20150830/eu-west-3/s3/aws4_request\n\n",
        "GET /\nauthorization: AWS4-HMAC-SHA256 Credential=a/20150830//s3/aws4_request\n\n",
        "GET /\nauthorization: AWS4-HMAC-SHA256 Credential=a/1/r/service-of-more-than-32-characters/aws4_request\n\n",
    };
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct asking asking;
        ask(&asking, "", requests[i]);
        identify(&asking, AUTH_INCOMPLETE);
        assert_int_equal(asking.error.code, ERROR_INVALID);
        done(&asking);
    }
}

/* --- with tenants --- */

#define SIGNABLE "POST /model/m/converse\nhost: h\nx-amz-date: 20251124T160000Z\n\n{}"

static void signed_by(const char *id, const char *secret, enum auth_problem expected)
{
    struct asking asking;
    ask(&asking, TENANTS, SIGNABLE);
    sign_as(&asking, id, secret);
    identify(&asking, expected);
    if (expected == AUTH_OK) {
        assert_string_equal(asking.identity.tenant, "shop");
        assert_string_equal(asking.identity.account, "123456789012");
        assert_string_equal(asking.identity.region, "eu-west-1");
        assert_string_equal(asking.identity.service, "bedrock");
    } else {
        assert_int_equal(asking.error.code, ERROR_DENIED);
        assert_string_equal(asking.identity.tenant, "default");
    }
    done(&asking);
}

static void signatures_are_checked(void **state)
{
    (void)state;
    signed_by("AKIASHOP", "s1", AUTH_OK);
    signed_by("AKIASHOP2", "s2", AUTH_OK);
    signed_by("AKIASHOP", "s2", AUTH_BAD_SIGNATURE);
    signed_by("AKIAOTHER", "s1", AUTH_UNKNOWN_KEY);
}

/* --- by the headers alone --- */

static enum auth_problem head_problem(struct asking *asking, struct sigv4_proof *proof)
{
    const struct auth_question question = question_of(asking, NOW_S);
    enum error_code code = auth_identify_head(&question, &asking->request.http, &asking->arena, &asking->identity,
                                              proof, &asking->error);
    assert_true((code == OK) == (asking->identity.problem == AUTH_OK));
    return asking->identity.problem;
}

static enum auth_problem body_problem(struct asking *asking, const struct sigv4_proof *proof, const char *body)
{
    enum error_code code = auth_identify_body(proof, str_of(body), &asking->identity, &asking->error);
    assert_true((code == OK) == (asking->identity.problem == AUTH_OK));
    assert_string_equal(asking->identity.tenant, code == OK ? "shop" : "default");
    return asking->identity.problem;
}

#define HASH_OF_BRACES "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" /* "{}" */
#define STATED "POST /model/m/converse\nhost: h\nx-amz-content-sha256: " HASH_OF_BRACES \
    "\nx-amz-date: 20251124T160000Z\n\n"

/* The body has to show what the headers could not: its hash, or all of the signature. */
static void bodies_are_checked_after_the_headers(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int owed;
    } cases[] = {{SIGNABLE, SIGV4_SIGNATURE_OWED}, {STATED "{}", SIGV4_HASH_OWED}};
    for (size_t i = 0; i < 2; i++) {
        struct asking asking;
        struct sigv4_proof proof;
        ask(&asking, TENANTS, cases[i].request);
        sign_as(&asking, "AKIASHOP", "s1");
        asking.request.http.body = STR("not yet here");
        assert_int_equal(head_problem(&asking, &proof), AUTH_OK);
        assert_int_equal(proof.owed, cases[i].owed);
        assert_string_equal(asking.identity.tenant, "shop");
        assert_int_equal(body_problem(&asking, &proof, "{}"), AUTH_OK);
        assert_int_equal(body_problem(&asking, &proof, "{ }"), AUTH_BAD_SIGNATURE);
        assert_int_equal(head_problem(&asking, &proof), AUTH_OK);
        assert_int_equal(body_problem(&asking, &proof, ""), AUTH_BAD_SIGNATURE);
        done(&asking);
    }
}

static void headers_alone_refuse(const char *request, const char *id, const char *secret, const char *name,
                                 const char *value, enum auth_problem expected)
{
    struct asking asking;
    struct sigv4_proof proof;
    ask(&asking, TENANTS, request);
    sign_as(&asking, id, secret);
    if (name)
        suite_add_header(&asking.request, str_of(name), str_of(value));
    assert_int_equal(head_problem(&asking, &proof), expected);
    done(&asking);
}

static void headers_are_checked_before_a_body(void **state)
{
    (void)state;
    headers_alone_refuse(SIGNABLE, "AKIAOTHER", "s1", NULL, NULL, AUTH_UNKNOWN_KEY);
    headers_alone_refuse(STATED, "AKIASHOP", "wrong", NULL, NULL, AUTH_BAD_SIGNATURE);
    headers_alone_refuse("POST /m\nhost: h\nx-amz-date: 20240101T000000Z\n\n", "AKIASHOP", "s1", NULL, NULL,
                         AUTH_INCOMPLETE); /* and the day of the scope is another */
    static const char *const meaningful[] = {"x-fulcrum-cache-salt", "x-fulcrum-new", "x-amzn-bedrock-service-tier",
                                             "x-amzn-bedrock-new", "x-amz-new", "x-amz-content-sha256"};
    for (size_t i = 0; i < sizeof(meaningful) / sizeof(meaningful[0]); i++)
        headers_alone_refuse(SIGNABLE, "AKIASHOP", "s1", meaningful[i], "x", AUTH_BAD_SIGNATURE);
    static const char *const others[] = {"x-amz-security-token", "x-amzn-trace-id", "user-agent", "accept", "via"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        headers_alone_refuse(SIGNABLE, "AKIASHOP", "s1", others[i], "x", AUTH_OK);
}

static void with_header(const char *header, enum auth_problem expected, const char *tenant)
{
    struct asking asking;
    char text[256];
    (void)snprintf(text, sizeof(text), "POST /model/m/converse\nhost: h\n%s\n\n{}", header);
    ask(&asking, TENANTS, text);
    identify(&asking, expected);
    assert_string_equal(asking.identity.tenant, tenant);
    done(&asking);
}

static void api_keys_are_checked(void **state)
{
    (void)state;
    with_header("authorization: Bearer secret", AUTH_OK, "desk");
    with_header("x-api-key: secret", AUTH_OK, "desk");
    with_header("authorization: Bearer Secret", AUTH_DENIED, "default");
    with_header("x-api-key: s", AUTH_DENIED, "default");
    with_header("authorization: Basic dTpw", AUTH_MISSING, "default");
    with_header("x-amz-date: 20251124T160000Z", AUTH_MISSING, "default");
    with_header("authorization: Bearer ", AUTH_MISSING, "default");
}

/* Out of memory is never taken for a wrong signature, in the header or (with a state) in the query. */
/* The first is the example of the S3 guide, "Query string request authentication alternative". The others were made by
 * python3: base64.b64encode(hmac.new(secret, text, hashlib.sha1).digest()). */
static void old_links(void **state)
{
    (void)state;
    static const char yaml[] = "tenants: [{name: guide, keys: [{id: AKIAIOSFODNN7EXAMPLE, "
                               "secret: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY}]}]";
    static const struct {
        const char *method, *path, *query, *header;
        uint64_t now_s;
        enum auth_problem expected;
    } links[] = {
#define LINK "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620"
        {"GET", "/johnsmith/photos/puppy.jpg", LINK, NULL, 1175139620, AUTH_OK},
        {"GET", "/johnsmith/photos/puppy.jpg", LINK, NULL, 1175139621, AUTH_EXPIRED},
        {"PUT", "/johnsmith/photos/puppy.jpg", LINK, NULL, 1175139620, AUTH_BAD_SIGNATURE},
        {"GET", "/johnsmith/photos/puppy.jp", LINK, NULL, 1175139620, AUTH_BAD_SIGNATURE},
        {"GET", "/johnsmith/photos/puppy.jpg", LINK "&acl", NULL, 1175139620, AUTH_BAD_SIGNATURE},
        {"GET", "/johnsmith/photos/puppy.jpg", LINK "&x-amz-acl=private", NULL, 1175139620, AUTH_BAD_SIGNATURE},
        {"GET", "/johnsmith/photos/puppy.jpg", LINK, "x-amz-meta-a", 1175139620, AUTH_BAD_SIGNATURE},
        {"GET", "/johnsmith/photos/puppy.jpg", "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Expires=1175139620", NULL, 0,
         AUTH_INCOMPLETE},
        {"GET", "/johnsmith/photos/puppy.jpg", "AWSAccessKeyId=AKIDNOBODY&Signature=a&Expires=1175139620", NULL, 0,
         AUTH_UNKNOWN_KEY},
        {"GET", "/johnsmith/photos/puppy.jpg", "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=a&Expires=soon", NULL, 0,
         AUTH_INCOMPLETE},
        {"GET", "/johnsmith/photos/puppy.jpg", LINK "&x-amz-meta-a=%zz", NULL, 1175139620, AUTH_INCOMPLETE},
        {"GET", "/johnsmith/photos/puppy.jpg", LINK "&versionId=%4", NULL, 1175139620, AUTH_INCOMPLETE},
#undef LINK
    };
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        struct asking asking;
        ask(&asking, yaml, "GET / HTTP/1.1\nHost:h\n");
        asking.request.http.method = str_of(links[i].method);
        asking.request.http.path = str_of(links[i].path);
        asking.request.http.query = str_of(links[i].query);
        if (links[i].header)
            suite_add_header(&asking.request, str_of(links[i].header), STR("b"));
        const struct auth_question question = question_of(&asking, links[i].now_s);
        enum error_code code = auth_identify(&question, &asking.request.http, &asking.identity, &asking.error);
        if (asking.identity.problem != links[i].expected)
            fail_msg("link %zu: problem %d: %s", i, (int)asking.identity.problem, asking.error.message);
        assert_true((code == OK) == (links[i].expected == AUTH_OK));
        if (code == OK) {
            assert_string_equal(asking.identity.tenant, "guide");
            assert_string_equal(asking.identity.service, "s3");
        }
        done(&asking);
    }
}

static void every_allocation_may_fail(void **state)
{
    struct asking asking;
    ask(&asking, TENANTS, SIGNABLE);
    if (*state)
        presign_as(&asking, "AKIASHOP", "s1");
    else
        sign_as(&asking, "AKIASHOP", "s1");
    for (uint64_t nth = 1;; nth++) {
        mem_fail_at(nth);
        const struct auth_question question = question_of(&asking, NOW_S);
        enum error_code code = auth_identify(&question, &asking.request.http, &asking.identity, &asking.error);
        bool is_untouched = mem_fail_count() < nth;
        mem_fail_at(0);
        assert_int_equal(asking.identity.problem, AUTH_OK);
        assert_int_equal(code, is_untouched ? OK : ERROR_NO_MEMORY);
        if (is_untouched)
            break;
    }
    done(&asking);
}

int main(void)
{
    static bool presigned = true;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_names),
        cmocka_unit_test(open_refuses_only_nonsense),
        cmocka_unit_test(signatures_are_checked),
        cmocka_unit_test(bodies_are_checked_after_the_headers),
        cmocka_unit_test(headers_are_checked_before_a_body),
        cmocka_unit_test(api_keys_are_checked),
        cmocka_unit_test(old_links),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test_prestate(every_allocation_may_fail, &presigned),
    };
    return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
