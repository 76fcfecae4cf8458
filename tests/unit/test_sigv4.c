/* Signature Version 4 against both public suites, and the cases they lack:
 * ":authority", paths encoded twice, S3, tampering, time. */
#include "sigv4_fixture.h"

#include "auth/sigv4.h"
#include "core/util.h"

#define SECRET STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
#define SUITE_TIME 1440938160 /* 2015-08-30T12:36:00Z */

static struct str signature_of(struct str text)
{
    ptrdiff_t at = str_find(text, STR("Signature="), 0);
    assert_true(at >= 0);
    return str_slice(text, (size_t)at + 10, (size_t)at + 10 + SIGV4_HEX_LEN);
}

static enum auth_problem verify(const struct suite_request *request, struct sigv4_rules rules, uint64_t now_s)
{
    struct arena arena;
    struct sigv4_claim claim;
    struct error error = {0};
    arena_init(&arena, 0);
    enum auth_problem problem = sigv4_read_claim(&request->http, &arena, &claim, &error);
    if (!problem)
        problem = sigv4_verify(&request->http, &claim, SECRET, rules, now_s, &arena, &error);
    assert_true((problem == AUTH_OK) == (error.message[0] == 0));
    arena_deinit(&arena);
    return problem;
}

static void assert_text(struct str name, struct str actual, struct str expected)
{
    if (!str_eq(actual, str_trim(expected)))
        fail_msg(STR_FMT ":\n" STR_FMT "\n---\n" STR_FMT, STR_ARG(name), STR_ARG(actual), STR_ARG(expected));
}

/* --- signing and checking one request --- */

struct signing_case {
    struct str name;
    struct sigv4_signer signer;
    struct str canonical, signature; /* expected */
};

/* The canonical request that `request`, signed by `authorization`, has. */
static void check_canonical(const struct signing_case *suite_case, const struct suite_request *request,
                            struct str query, struct str authorization)
{
    struct arena arena;
    struct buf text;
    arena_init(&arena, 0);
    buf_init(&text, 1u << 20);
    ptrdiff_t from = str_find(authorization, STR("SignedHeaders="), 0);
    ptrdiff_t to = str_find(authorization, STR(", Signature="), 0);
    assert_true(from >= 0 && to > from);
    struct str names = str_slice(authorization, (size_t)from + 14, (size_t)to);
    ptrdiff_t hash = (ptrdiff_t)suite_case->canonical.len - SIGV4_HEX_LEN;
    struct str payload = str_slice(suite_case->canonical, (size_t)hash, suite_case->canonical.len);
    assert_true(
        sigv4_canonical_request(&request->http, query, names, payload, suite_case->signer.rules, &arena, &text));
    assert_text(suite_case->name, buf_str(&text), suite_case->canonical);
    buf_deinit(&text);
    arena_deinit(&arena);
}

static void check_header_signing(const struct signing_case *suite_case, const struct suite_request *request)
{
    struct arena arena;
    struct buf authorization;
    struct error error;
    arena_init(&arena, 0);
    buf_init(&authorization, 4096);
    assert_int_equal(sigv4_sign(&request->http, &suite_case->signer, &arena, &authorization, &error), OK);
    check_canonical(suite_case, request, request->http.query, buf_str(&authorization));
    assert_text(suite_case->name, signature_of(buf_str(&authorization)), suite_case->signature);
    buf_deinit(&authorization);
    arena_deinit(&arena);
}

static void check_query_signing(const struct signing_case *suite_case, const struct suite_request *request,
                                uint64_t expires_s)
{
    struct arena arena;
    struct buf query;
    struct error error;
    arena_init(&arena, 0);
    buf_init(&query, 8192);
    assert_int_equal(sigv4_presign(&request->http, &suite_case->signer, expires_s, &arena, &query, &error), OK);
    assert_text(suite_case->name, signature_of(buf_str(&query)), suite_case->signature);
    buf_deinit(&query);
    arena_deinit(&arena);
}

/* --- botocore's suite: .req, .creq, .authz and the signed .sreq --- */

static void check_botocore_case(const struct suite *suite, struct str req_name, struct str req)
{
    struct arena arena;
    struct suite_request request;
    arena_init(&arena, 0);
    struct str stem = str_slice(req_name, 0, req_name.len - 4), folder = stem, base = stem, part;
    for (struct str rest = stem; str_split(&rest, '/', &part);)
        base = part;
    folder.len -= base.len + 1;
    struct str creq = suite_file(suite, folder, arena_printf(&arena, STR_FMT ".creq", STR_ARG(base)).data);
    struct str authz = suite_file(suite, folder, arena_printf(&arena, STR_FMT ".authz", STR_ARG(base)).data);
    struct str sreq = suite_file(suite, folder, arena_printf(&arena, STR_FMT ".sreq", STR_ARG(base)).data);
    assert_true(creq.data && authz.data && sreq.data);
    struct signing_case expected = {
        .name = stem,
        .signer = {STR("AKIDEXAMPLE"), SECRET, STR("us-east-1"), STR("service"), .now_s = SUITE_TIME},
        .canonical = str_trim(creq),
        .signature = signature_of(authz),
    };
    suite_parse(&request, &arena, req);
    if (str_ends(base, STR("post-sts-header-after")))
        suite_drop_header(&request, "x-amz-security-token"); /* added once the rest is signed */
    if (str_eq(base, STR("get-vanilla-with-session-token"))) /* the signer's own, not in the file */
        suite_add_header(&request, STR("x-amz-security-token"),
                         STR("6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"));
    check_header_signing(&expected, &request);
    suite_parse(&request, &arena, sreq);
    suite_drop_header(&request, "authorization"); /* one .sreq has a scrambled signature; .authz is right */
    suite_add_header(&request, STR("authorization"), str_trim(authz));
    assert_int_equal(verify(&request, expected.signer.rules, SUITE_TIME), AUTH_OK);
    arena_deinit(&arena);
}

static void botocore_suite(void **state)
{
    (void)state;
    struct suite suite;
    suite_open(&suite, "conformance/sigv4/botocore-aws4_testsuite.tar.gz");
    struct str name, data;
    size_t count = 0;
    for (size_t at = 0; suite_next(&suite, &at, &name, &data);) {
        if (!str_ends(name, STR(".req")))
            continue;
        check_botocore_case(&suite, name, data);
        count++;
    }
    buf_deinit(&suite.tar);
    assert_int_equal(count, 34);
}

/* --- the C library's suite: context.json, header-* and query-* files --- */

static struct str context_text(struct str context, const char *key, struct arena *arena)
{
    struct str head = arena_printf(arena, "\"%s\": \"", key);
    ptrdiff_t at = str_find(context, head, 0);
    if (at < 0)
        return (struct str){NULL, 0};
    size_t from = (size_t)at + head.len;
    return str_slice(context, from, (size_t)str_find_char(context, '"', from));
}

static bool context_flag(struct str context, const char *key, struct arena *arena)
{
    return str_find(context, arena_printf(arena, "\"%s\": true", key), 0) >= 0;
}

/* The suite means the path of this case decoded, as its signed request shows. */
static void fix_path(struct suite_request *request, struct str folder)
{
    if (str_ends(folder, STR("/get-space-normalized")))
        request->http.path = STR("/example space/");
}

static void check_c_query(const struct suite *suite, struct signing_case *expected, struct suite_request *request,
                          struct str context, struct arena *arena)
{
    struct suite_request signed_request;
    expected->canonical = str_trim(suite_file(suite, expected->name, "query-canonical-request.txt"));
    expected->signature = suite_file(suite, expected->name, "query-signature.txt");
    if (!context_flag(context, "omit_session_token", arena))
        expected->signer.session_token = context_text(context, "token", arena);
    check_query_signing(expected, request, 3600);

    suite_parse(&signed_request, arena, suite_file(suite, expected->name, "query-signed-request.txt"));
    if (context_flag(context, "omit_session_token", arena)) {
        ptrdiff_t from = str_find(signed_request.http.query, STR("&X-Amz-Security-Token="), 0);
        ptrdiff_t to = str_find(signed_request.http.query, STR("&X-Amz-Signature="), 0);
        assert_true(from >= 0 && to > from);
        signed_request.http.query =
            arena_printf(arena, STR_FMT STR_FMT, STR_ARG(str_slice(signed_request.http.query, 0, (size_t)from)),
                         STR_ARG(str_slice(signed_request.http.query, (size_t)to, signed_request.http.query.len)));
    }
    struct sigv4_rules rules = expected->signer.rules;
    assert_int_equal(verify(&signed_request, rules, SUITE_TIME), AUTH_OK);
    assert_int_equal(verify(&signed_request, rules, SUITE_TIME + 3600), AUTH_OK);
    assert_int_equal(verify(&signed_request, rules, SUITE_TIME + 3601), AUTH_EXPIRED);
}

static void check_c_case(const struct suite *suite, struct str folder, struct str context)
{
    struct arena arena;
    struct suite_request request, signed_request;
    char hex[SIGV4_HEX_LEN + 1];
    uint8_t digest[SHA256_LEN];
    arena_init(&arena, 0);
    struct signing_case expected = {
        .name = folder,
        .signer = {STR("AKIDEXAMPLE"), SECRET, STR("us-east-1"), STR("service"), .now_s = SUITE_TIME,
                   .rules = {.keeps_path = !context_flag(context, "normalize", &arena)}},
        .canonical = str_trim(suite_file(suite, folder, "header-canonical-request.txt")),
        .signature = suite_file(suite, folder, "header-signature.txt"),
    };
    suite_parse(&request, &arena, suite_file(suite, folder, "request.txt"));
    fix_path(&request, folder);
    struct suite_request bare = request;
    bare.http.headers = bare.headers;
    struct str token = context_text(context, "token", &arena);
    suite_add_header(&request, STR("x-amz-date"), STR("20150830T123600Z"));
    if (token.data && !context_flag(context, "omit_session_token", &arena))
        suite_add_header(&request, STR("x-amz-security-token"), token);
    if (context_flag(context, "sign_body", &arena)) {
        sha256(request.http.body, digest);
        hex_encode(digest, sizeof(digest), hex);
        suite_add_header(&request, STR("x-amz-content-sha256"), str_of(hex));
    }
    check_header_signing(&expected, &request);
    suite_parse(&signed_request, &arena, suite_file(suite, folder, "header-signed-request.txt"));
    assert_int_equal(verify(&signed_request, expected.signer.rules, SUITE_TIME), AUTH_OK);
    check_c_query(suite, &expected, &bare, context, &arena);
    arena_deinit(&arena);
}

static void c_suite(void **state)
{
    (void)state;
    struct suite suite;
    suite_open(&suite, "conformance/sigv4/aws-signing-test-suite.tar.gz");
    struct str name, data;
    size_t count = 0;
    for (size_t at = 0; suite_next(&suite, &at, &name, &data);) {
        if (str_find(name, STR("/v4/"), 0) < 0 || !str_ends(name, STR("/context.json")))
            continue;
        check_c_case(&suite, str_slice(name, 0, name.len - strlen("/context.json")), data);
        count++;
    }
    buf_deinit(&suite.tar);
    assert_int_equal(count, 38);
}

/* Two cases of the suite have no context: only what they say is checked. */
static void c_suite_double_encoding(void **state)
{
    (void)state;
    struct suite suite;
    struct arena arena;
    struct suite_request request;
    struct buf text;
    arena_init(&arena, 0);
    buf_init(&text, 65536);
    suite_open(&suite, "conformance/sigv4/aws-signing-test-suite.tar.gz");
    struct str folder = STR("aws-signing-test-suite/v4/double-url-encode");
    suite_parse(&request, &arena, suite_file(&suite, folder, "request.txt"));
    struct str expected = suite_file(&suite, folder, "header-canonical-request.txt");
    struct str payload = str_slice(expected, expected.len - SIGV4_HEX_LEN, expected.len);
    assert_true(sigv4_canonical_request(&request.http, request.http.query, STR("host;x-amz-date"), payload,
                                        (struct sigv4_rules){0}, &arena, &text));
    assert_text(folder, buf_str(&text), expected);
    suite_parse(&request, &arena, suite_file(&suite, folder, "header-signed-request.txt"));
    assert_int_equal(verify(&request, (struct sigv4_rules){0}, 1620747645), AUTH_OK);

    folder = STR("aws-signing-test-suite/v4/double-encode-path");
    suite_parse(&request, &arena, suite_file(&suite, folder, "request.txt"));
    expected = suite_file(&suite, folder, "header-canonical-request.txt");
    buf_clear(&text);
    suite_drop_header(&request, "x-amz-date"); /* the two files disagree on it */
    suite_add_header(&request, STR("x-amz-date"), STR("20210511T154045Z"));
    assert_true(sigv4_canonical_request(&request.http, request.http.query, STR("host;x-amz-date"), payload,
                                        (struct sigv4_rules){0}, &arena, &text));
    assert_text(folder, buf_str(&text), expected);
    buf_deinit(&suite.tar);
    buf_deinit(&text);
    arena_deinit(&arena);
}

/* --- what the suites lack --- */

struct made {
    struct arena arena;
    struct suite_request request;
    struct buf authorization;
};

#define NOW_S 1764000000 /* 2025-11-24T16:00:00Z */

static void make_request(struct made *made, const char *text)
{
    arena_init(&made->arena, 0);
    buf_init(&made->authorization, 8192);
    suite_parse(&made->request, &made->arena, str_of(text));
}

static void sign_made(struct made *made, const char *service)
{
    struct error error;
    struct sigv4_signer signer = {STR("AKID"), SECRET, STR("us-west-2"), str_of(service), .now_s = NOW_S,
                                  .rules = sigv4_rules_of(str_of(service))};
    assert_int_equal(sigv4_sign(&made->request.http, &signer, &made->arena, &made->authorization, &error), OK);
    suite_add_header(&made->request, STR("authorization"), buf_str(&made->authorization));
}

static void free_made(struct made *made)
{
    buf_deinit(&made->authorization);
    arena_deinit(&made->arena);
}

static enum auth_problem verify_made(struct made *made, const char *service, uint64_t now_s)
{
    return verify(&made->request, sigv4_rules_of(str_of(service)), now_s);
}

#define CONVERSE_REQUEST                                                                                              \
    "POST /model/arn%3Aaws%3Abedrock%3Aus-west-2%3A%3Afoundation-model%2Famazon.nova-pro-v1%3A0/converse\n"           \
    "host: 127.0.0.1:8080\nx-amz-date: 20251124T160000Z\ncontent-type: application/json\n\n{\"messages\":[]}"

/* HTTP/2 clients sign ":authority"; net gives "host" beside it, unsigned. */
static void authority_and_double_encoding(void **state)
{
    (void)state;
    struct made made;
    struct buf text;
    make_request(&made, CONVERSE_REQUEST);
    suite_drop_header(&made.request, "host");
    suite_add_header(&made.request, STR(":authority"), STR("127.0.0.1:8080"));
    buf_init(&text, 65536);
    struct str names = STR(":authority;content-type;x-amz-date");
    assert_true(sigv4_canonical_request(&made.request.http, STR(""), names, STR("H"), sigv4_rules_of(STR("bedrock")),
                                        &made.arena, &text));
    assert_str_equal(buf_str(&text),
                     "POST\n/model/arn%253Aaws%253Abedrock%253Aus-west-2%253A%253Afoundation-model%252F"
                     "amazon.nova-pro-v1%253A0/converse\n\n:authority:127.0.0.1:8080\ncontent-type:application/json\n"
                     "x-amz-date:20251124T160000Z\n\n:authority;content-type;x-amz-date\nH");
    sign_made(&made, "bedrock");
    assert_true(str_find(buf_str(&made.authorization), STR("SignedHeaders=:authority;content-type;x-amz-date"), 0) > 0);
    suite_add_header(&made.request, STR("host"), STR("127.0.0.1:8080"));
    assert_int_equal(verify_made(&made, "bedrock", NOW_S), AUTH_OK);
    buf_deinit(&text);
    free_made(&made);
}

static void tampering(void **state)
{
    (void)state;
    struct made made;
    make_request(&made, CONVERSE_REQUEST);
    sign_made(&made, "bedrock");
    struct suite_request good = made.request;
    assert_int_equal(verify_made(&made, "bedrock", NOW_S), AUTH_OK);
    made.request.http.body = STR("{\"messages\":[1]}");
    assert_int_equal(verify_made(&made, "bedrock", NOW_S), AUTH_BAD_SIGNATURE);
    made.request = good;
    made.request.http.method = STR("PUT");
    assert_int_equal(verify_made(&made, "bedrock", NOW_S), AUTH_BAD_SIGNATURE);
    made.request = good;
    made.request.http.query = STR("a=b");
    assert_int_equal(verify_made(&made, "bedrock", NOW_S), AUTH_BAD_SIGNATURE);
    made.request = good;
    made.request.http.headers = made.request.headers;
    made.request.headers[2].value = STR("text/plain");
    assert_int_equal(verify_made(&made, "bedrock", NOW_S), AUTH_BAD_SIGNATURE);
    made.request = good;
    suite_add_header(&made.request, STR("x-amz-anything"), STR("added on the way"));
    assert_int_equal(verify_made(&made, "bedrock", NOW_S), AUTH_BAD_SIGNATURE);
    made.request = good;
    suite_add_header(&made.request, STR("x-amzn-bedrock-request-metadata"), STR("{}"));
    assert_int_equal(verify_made(&made, "bedrock", NOW_S), AUTH_BAD_SIGNATURE);
    /* A repeated header counts with all its values, so a second date is no way around the first. */
    made.request = good;
    suite_add_header(&made.request, STR("x-amz-date"), STR("20251124T160000Z"));
    assert_int_equal(verify_made(&made, "bedrock", NOW_S), AUTH_BAD_SIGNATURE);
    free_made(&made);
}

static void clock_skew(void **state)
{
    (void)state;
    struct made made;
    make_request(&made, CONVERSE_REQUEST);
    sign_made(&made, "bedrock");
    assert_int_equal(verify_made(&made, "bedrock", NOW_S + 900), AUTH_OK);
    assert_int_equal(verify_made(&made, "bedrock", NOW_S + 901), AUTH_EXPIRED);
    assert_int_equal(verify_made(&made, "bedrock", NOW_S - 900), AUTH_OK);
    assert_int_equal(verify_made(&made, "bedrock", NOW_S - 901), AUTH_EXPIRED);
    free_made(&made);
}

/* One signature over `payload` as x-amz-content-sha256. */
static enum auth_problem verify_payload(const char *service, const char *payload)
{
    struct made made;
    make_request(&made, "PUT /bucket/a%20key%3D1\nhost: 127.0.0.1:8080\nx-amz-date: 20251124T160000Z\n\nbody");
    suite_add_header(&made.request, STR("x-amz-content-sha256"), str_of(payload));
    sign_made(&made, service);
    enum auth_problem problem = verify_made(&made, service, NOW_S);
    free_made(&made);
    return problem;
}

static void payload_hashes(void **state)
{
    (void)state;
    const char *hash = "230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5"; /* of "body" */
    const char *other = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_int_equal(verify_payload("s3", hash), AUTH_OK);
    assert_int_equal(verify_payload("s3", other), AUTH_OK); /* its body comes later, and is compared then */
    assert_int_equal(verify_payload("s3", "UNSIGNED-PAYLOAD"), AUTH_OK);
    assert_int_equal(verify_payload("s3", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), AUTH_OK);
    assert_int_equal(verify_payload("s3", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"), AUTH_OK);
    assert_int_equal(verify_payload("bedrock", hash), AUTH_OK);
    assert_int_equal(verify_payload("bedrock", "UNSIGNED-PAYLOAD"), AUTH_BAD_SIGNATURE);
    assert_int_equal(verify_payload("bedrock", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), AUTH_BAD_SIGNATURE);
}

/* The worked examples of the S3 guide, key AKIAIOSFODNN7EXAMPLE. */
static void s3_examples(void **state)
{
    (void)state;
    struct arena arena;
    struct suite_request request;
    arena_init(&arena, 0);
    const struct sigv4_rules rules = sigv4_rules_of(STR("s3"));
    suite_parse(&request, &arena,
                STR("PUT /test%24file.text\nhost: examplebucket.s3.amazonaws.com\n"
                    "date: Fri, 24 May 2013 00:00:00 GMT\nx-amz-date: 20130524T000000Z\n"
                    "x-amz-storage-class: REDUCED_REDUNDANCY\n"
                    "x-amz-content-sha256: 44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072\n"
                    "authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
                    "aws4_request,SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,"
                    "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd\n\n"
                    "Welcome to Amazon S3."));
    assert_int_equal(verify(&request, rules, 1369353600), AUTH_BAD_SIGNATURE); /* another secret */
    struct sigv4_claim claim;
    struct error error;
    struct str secret = STR("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    assert_int_equal(sigv4_read_claim(&request.http, &arena, &claim, &error), AUTH_OK);
    assert_int_equal(sigv4_verify(&request.http, &claim, secret, rules, 1369353600, &arena, &error), AUTH_OK);

    suite_parse(&request, &arena,
                STR("GET /test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524"
                    "%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400"
                    "&X-Amz-SignedHeaders=host"
                    "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404\n"
                    "host: examplebucket.s3.amazonaws.com\n\n"));
    assert_int_equal(sigv4_read_claim(&request.http, &arena, &claim, &error), AUTH_OK);
    assert_int_equal(sigv4_verify(&request.http, &claim, secret, rules, 1369353600, &arena, &error), AUTH_OK);
    arena_deinit(&arena);
}

/* --- malformed signatures --- */

static void check_malformed(const char *authorization, const char *part)
{
    struct arena arena;
    struct suite_request request;
    struct sigv4_claim claim;
    struct error error = {0};
    arena_init(&arena, 0);
    suite_parse(&request, &arena, STR("POST /\nhost: h\nx-amz-date: 20251124T160000Z\n\n"));
    suite_add_header(&request, STR("authorization"), str_of(authorization));
    assert_true(sigv4_is_signed(&request.http));
    enum auth_problem problem = sigv4_read_claim(&request.http, &arena, &claim, &error);
    if (!problem)
        problem = sigv4_verify(&request.http, &claim, SECRET, (struct sigv4_rules){0}, NOW_S, &arena, &error);
    assert_int_equal(problem, AUTH_INCOMPLETE);
    if (!strstr(error.message, part))
        fail_msg("'%s' gives '%s'", authorization, error.message);
    arena_deinit(&arena);
}

#define HEAD "AWS4-HMAC-SHA256 Credential=A/20251124/us-east-1/bedrock/aws4_request"

static void malformed_headers(void **state)
{
    (void)state;
    check_malformed("AWS AKID:abc", "expected the algorithm");
    check_malformed("AWS4-ECDSA-P256-SHA256 Credential=A/20251124/s3/aws4_request", "expected the algorithm");
    check_malformed("AWS4-HMAC-SHA256", "'Credential'");
    check_malformed("AWS4-HMAC-SHA256 SignedHeaders=host, Signature=0", "'Credential'");
    check_malformed("AWS4-HMAC-SHA256 Credential=", "exactly 5");
    check_malformed("AWS4-HMAC-SHA256 Credential=A/20251124/us-east-1/bedrock", "exactly 5");
    check_malformed("AWS4-HMAC-SHA256 Credential=A/20251124/us-east-1/bedrock/aws4_request/x", "exactly 5");
    check_malformed("AWS4-HMAC-SHA256 Credential=A/20251124/us-east-1/bedrock/aws5_request", "exactly 5");
    check_malformed("AWS4-HMAC-SHA256 Credential=/20251124/us-east-1/bedrock/aws4_request", "exactly 5");
    check_malformed(HEAD, "'Signature'");
    check_malformed(HEAD ", Signature=0", "'SignedHeaders'");
    check_malformed(HEAD ", Signature=0, SignedHeaders=x-amz-date", "':authority'");
    check_malformed("AWS4-HMAC-SHA256 Credential=A/20251123/us-east-1/bedrock/aws4_request, Signature=0, "
                    "SignedHeaders=host;x-amz-date",
                    "does not match");
}

static void malformed_queries(void **state)
{
    (void)state;
    static const char *const queries[] = {
        "X-Amz-Algorithm=AWS4&X-Amz-Credential=A",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20251124%2Fr%2Fs%2Faws4_request",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20251124%2Fr%2Fs%2Faws4_request&X-Amz-Signature=0&"
        "X-Amz-SignedHeaders=host&X-Amz-Date=20251124T160000Z&X-Amz-Expires=604801",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20251124%2Fr%2Fs%2Faws4_request&X-Amz-Signature=0&"
        "X-Amz-SignedHeaders=host&X-Amz-Date=20251324T160000Z&X-Amz-Expires=60",
    };
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        struct suite_request request = {.http = {.query = str_of(queries[i]), .path = STR("/"), .method = STR("GET")}};
        request.http.headers = request.headers;
        assert_true(sigv4_is_signed(&request.http));
        assert_int_equal(verify(&request, (struct sigv4_rules){0}, NOW_S), AUTH_INCOMPLETE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(botocore_suite),
        cmocka_unit_test(c_suite),
        cmocka_unit_test(c_suite_double_encoding),
        cmocka_unit_test(authority_and_double_encoding),
        cmocka_unit_test(tampering),
        cmocka_unit_test(clock_skew),
        cmocka_unit_test(payload_hashes),
        cmocka_unit_test(s3_examples),
        cmocka_unit_test(malformed_headers),
        cmocka_unit_test(malformed_queries),
    };
    return cmocka_run_group_tests_name("sigv4", tests, NULL, NULL);
}
