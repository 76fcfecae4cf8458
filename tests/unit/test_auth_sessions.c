/* Logins to the console: secrets, ends, the link, wrong keys, the cookie, and whom a session may act for. */
#include "sigv4_fixture.h"

#include "auth/cookie.h"
#include "auth/tenant.h"
#include "cmd/sections.h"

#define NOW_US UINT64_C(1764000000000000)
#define HOUR_US UINT64_C(3600000000)

static int open_sessions(void **state)
{
    struct error error;
    return sessions_new((struct sessions **)state, &error) == OK ? 0 : 1;
}

static int close_sessions(void **state)
{
    sessions_free(*state);
    return 0;
}

static void begin(struct sessions *sessions, const struct config_tenant *tenant, uint64_t now_us, char *secret)
{
    struct error error;
    struct session session = {.tenant = tenant};
    assert_int_equal(sessions_begin(sessions, now_us, &session, secret, &error), OK);
    assert_int_equal(strlen(secret), SESSION_SECRET_LEN);
    assert_int_equal(strlen(session.token), SESSION_SECRET_LEN);
    assert_string_not_equal(secret, session.token);
}

static bool is_in(struct sessions *sessions, const char *secret, uint64_t now_us)
{
    struct session session;
    return sessions_find(sessions, str_of(secret), now_us, &session);
}

/* --- life --- */

static void sessions_end_by_time_and_by_hand(void **state)
{
    struct sessions *sessions = *state;
    char first[SESSION_SECRET_LEN + 1], second[SESSION_SECRET_LEN + 1];
    begin(sessions, NULL, NOW_US, first);
    begin(sessions, NULL, NOW_US, second);
    assert_string_not_equal(first, second);
    assert_false(is_in(sessions, "", NOW_US));
    assert_false(is_in(sessions, "0000000000000000000000000000000000000000000000000000000000000000", NOW_US));

    for (unsigned hour = 1; hour < 24; hour++) /* used, it goes on */
        assert_true(is_in(sessions, first, NOW_US + hour * HOUR_US));
    assert_false(is_in(sessions, second, NOW_US + 12 * HOUR_US)); /* nobody used this one */
    sessions_end(sessions, str_of(first));
    assert_false(is_in(sessions, first, NOW_US + 24 * HOUR_US));

    begin(sessions, NULL, NOW_US, first); /* at the latest after seven days */
    for (unsigned hour = 1; hour < 168; hour++)
        assert_true(is_in(sessions, first, NOW_US + hour * HOUR_US));
    assert_false(is_in(sessions, first, NOW_US + 168 * HOUR_US));
}

static void one_tenant_cannot_have_all(void **state)
{
    static const struct config_tenant tenants[2];
    struct sessions *sessions = *state;
    char others[SESSION_SECRET_LEN + 1], secrets[LIMIT_TENANT_SESSIONS + 1][SESSION_SECRET_LEN + 1];
    begin(sessions, &tenants[1], NOW_US, others);
    for (size_t i = 0; i < LIMIT_TENANT_SESSIONS; i++)
        begin(sessions, &tenants[0], NOW_US + i, secrets[i]);
    assert_true(is_in(sessions, secrets[0], NOW_US + HOUR_US)); /* so the second is the oldest */
    begin(sessions, &tenants[0], NOW_US + HOUR_US, secrets[LIMIT_TENANT_SESSIONS]);
    assert_true(is_in(sessions, others, NOW_US + HOUR_US));
    assert_false(is_in(sessions, secrets[1], NOW_US + HOUR_US));
    assert_true(is_in(sessions, secrets[0], NOW_US + HOUR_US));
    assert_true(is_in(sessions, secrets[LIMIT_TENANT_SESSIONS], NOW_US + HOUR_US));
}

static void the_link_is_good_once(void **state)
{
    struct sessions *sessions = *state;
    char first[SESSION_SECRET_LEN + 1], link[SESSION_SECRET_LEN + 1];
    assert_false(sessions_take_link(sessions, STR(""), NOW_US)); /* there was none yet */
    sessions_make_link(sessions, NOW_US, first);
    sessions_make_link(sessions, NOW_US, link);
    assert_false(sessions_take_link(sessions, str_of(first), NOW_US)); /* replaced */
    assert_false(sessions_take_link(sessions, STR("x"), NOW_US));
    assert_true(sessions_take_link(sessions, str_of(link), NOW_US + HOUR_US / 4 - 1));
    assert_false(sessions_take_link(sessions, str_of(link), NOW_US + 1));
    sessions_make_link(sessions, NOW_US, link);
    assert_false(sessions_take_link(sessions, str_of(link), NOW_US + HOUR_US / 4));
}

static void wrong_keys_are_counted(void **state)
{
    struct sessions *sessions = *state;
    unsigned retry_s;
    for (uint64_t i = 0; i < limit(login_failures); i++) {
        assert_true(sessions_may_try(sessions, 7, NOW_US, &retry_s));
        sessions_note_failure(sessions, 7, NOW_US);
    }
    assert_false(sessions_may_try(sessions, 7, NOW_US + 20000000, &retry_s));
    assert_int_equal(retry_s, 41);
    assert_true(sessions_may_try(sessions, 7, NOW_US + 60000000, &retry_s));
    assert_true(sessions_may_try(sessions, 7, NOW_US + 1, &retry_s)); /* the clock was set back */
}

static void tokens_fit_or_not(void **state)
{
    (void)state;
    char token[SESSION_SECRET_LEN + 1];
    memset(token, 'a', SESSION_SECRET_LEN);
    token[SESSION_SECRET_LEN] = '\0';
    assert_true(session_token_fits(token, str_of(token)));
    assert_false(session_token_fits(token, str_slice(str_of(token), 1, SESSION_SECRET_LEN)));
    assert_false(session_token_fits(token, (struct str){NULL, 0}));
}

/* --- the cookie --- */

static void check_cookie(const char *first, const char *second, const char *expected)
{
    struct http_header headers[] = {{STR("host"), STR("h")}, {STR("cookie"), str_of(first)},
                                    {STR("cookie"), second ? str_of(second) : STR("")}};
    const struct http_request request = {.headers = headers, .header_count = second ? 3 : 2};
    const struct str value = cookie_get(&request, STR("s"));
    if (!expected) {
        assert_null(value.data);
        return;
    }
    assert_str_equal(value, expected);
}

static void cookies_are_found(void **state)
{
    (void)state;
    check_cookie("s=1", NULL, "1");
    check_cookie("a=2; s=1; b=3", NULL, "1");
    check_cookie("a=2;s=1", NULL, "1");
    check_cookie(" s = \"1\" ", NULL, "1");
    check_cookie("s=1; s=2", NULL, "1");
    check_cookie("s=a=b", NULL, "a=b");
    check_cookie("s=", NULL, "");
    check_cookie("a=2", "s=1", "1"); /* as HTTP/2 may send them */
    check_cookie("", NULL, NULL);
    check_cookie("s", NULL, NULL);
    check_cookie("ss=1; as=1; S=1", NULL, NULL);
    check_cookie(";;=;s", NULL, NULL);
}

/* --- whom it stands for --- */

#define TENANTS                                                                                                       \
    "tenants:\n"                                                                                                      \
    "  - name: shop\n"                                                                                                \
    "    account: '123456789012'\n"                                                                                   \
    "    keys: [{id: AKIASHOP, secret: 's:1'}, {id: AKIAROOT, secret: s2, role: admin}]\n"                          \
    "  - name: desk\n"                                                                                                \
    "    bearer:\n" /* of "secret" and of "other" */                                                                  \
    "      - 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\n"                                      \
    "      - {sha256: d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa, role: admin}\n"

struct bed {
    struct arena arena;
    struct config config;
    struct sessions *sessions;
    struct auth_identity identity;
    struct error error;
    char secret[SESSION_SECRET_LEN + 1], token[SESSION_SECRET_LEN + 1];
};

static void open_bed(struct bed *bed, const char *yaml)
{
    *bed = (struct bed){0};
    arena_init(&bed->arena, 0);
    if (config_parse(str_of(yaml), "f.yaml", program_sections, &bed->config, &bed->error))
        fail_msg("%s", bed->error.message);
    assert_int_equal(sessions_new(&bed->sessions, &bed->error), OK);
}

static void close_bed(struct bed *bed)
{
    sessions_free(bed->sessions);
    config_deinit(&bed->config);
    arena_deinit(&bed->arena);
}

static void log_in(struct bed *bed, const struct session *as)
{
    struct session session = *as;
    assert_int_equal(sessions_begin(bed->sessions, NOW_US, &session, bed->secret, &bed->error), OK);
    memcpy(bed->token, session.token, sizeof(bed->token));
}

/* `token`, `tenant`: headers; NULL: not sent. */
static enum auth_problem ask(struct bed *bed, const char *method, bool is_console, const char *token,
                             const char *tenant)
{
    struct suite_request request;
    const struct auth_question question = {
        .config = &bed->config, .sessions = bed->sessions, .now_us = NOW_US, .is_console = is_console};
    suite_parse(&request, &bed->arena, STR("GET /fulcrum/usage HTTP/1.1\nHost:h\n"));
    request.http.method = str_of(method);
    const struct str cookie = arena_printf(&bed->arena, "a=b; " SESSION_COOKIE "=%s", bed->secret);
    suite_add_header(&request, STR("cookie"), cookie);
    if (token)
        suite_add_header(&request, STR(SESSION_TOKEN_HEADER), str_of(token));
    if (tenant)
        suite_add_header(&request, STR(SESSION_TENANT_HEADER), str_of(tenant));
    const enum error_code code = auth_identify(&question, &request.http, &bed->identity, &bed->error);
    assert_true((code == OK) == (bed->identity.problem == AUTH_OK));
    return bed->identity.problem;
}

static void keys_are_of_tenants(void **state)
{
    (void)state;
    static const struct {
        const char *key, *tenant;
        enum config_role role;
    } rows[] = {
        {"secret", "desk", ROLE_VIEWER},     {"other", "desk", ROLE_ADMIN}, {"AKIASHOP:s:1", "shop", ROLE_VIEWER},
        {"AKIAROOT:s2", "shop", ROLE_ADMIN}, {"AKIAROOT:s:1", NULL, 0},     {"AKIAROOT", NULL, 0},
        {"", NULL, 0},                       {":", NULL, 0},                {"nobody:x", NULL, 0},
    };
    struct bed bed;
    open_bed(&bed, TENANTS);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct session session;
        if (auth_find_key(&bed.config, str_of(rows[i].key), &session) != (rows[i].tenant != NULL))
            fail_msg("key '%s'", rows[i].key);
        if (!rows[i].tenant)
            continue;
        assert_string_equal(session.tenant->name, rows[i].tenant);
        assert_int_equal(session.role, rows[i].role);
    }
    close_bed(&bed);
}

static void a_session_needs_its_token(void **state)
{
    (void)state;
    struct bed bed;
    open_bed(&bed, TENANTS);
    log_in(&bed, &(struct session){.tenant = &bed.config.tenants[0]});
    const char *wrong = bed.secret;
    assert_int_equal(ask(&bed, "GET", true, NULL, NULL), AUTH_OK); /* the console's pages read with the cookie */
    assert_string_equal(bed.identity.tenant, "shop");
    assert_string_equal(bed.identity.account, "123456789012");
    assert_true(bed.identity.has_session && !bed.identity.is_admin);
    assert_int_equal(ask(&bed, "GET", true, wrong, NULL), AUTH_DENIED);
    assert_int_equal(ask(&bed, "POST", true, NULL, NULL), AUTH_DENIED);
    assert_int_equal(ask(&bed, "GET", false, NULL, NULL), AUTH_DENIED); /* everything else with both */
    assert_int_equal(ask(&bed, "POST", false, wrong, NULL), AUTH_DENIED);
    assert_int_equal(ask(&bed, "POST", true, bed.token, NULL), AUTH_OK);
    assert_int_equal(ask(&bed, "POST", false, bed.token, NULL), AUTH_OK);
    sessions_end(bed.sessions, str_of(bed.secret));
    assert_int_equal(ask(&bed, "POST", false, bed.token, NULL), AUTH_MISSING);
    assert_string_equal(bed.identity.tenant, "default");
    assert_false(bed.identity.has_session);
    close_bed(&bed);
}

static void administrators_act_for_others(void **state)
{
    (void)state;
    struct bed bed;
    open_bed(&bed, TENANTS);
    log_in(&bed, &(struct session){.tenant = &bed.config.tenants[1], .role = ROLE_ADMIN});
    assert_int_equal(ask(&bed, "POST", false, bed.token, NULL), AUTH_OK);
    assert_string_equal(bed.identity.tenant, "desk");
    assert_int_equal(ask(&bed, "POST", false, bed.token, "shop"), AUTH_OK);
    assert_string_equal(bed.identity.tenant, "shop");
    assert_string_equal(bed.identity.account, "123456789012");
    assert_true(bed.identity.is_admin);
    assert_int_equal(ask(&bed, "POST", false, bed.token, "lab"), AUTH_DENIED);

    log_in(&bed, &(struct session){.tenant = NULL, .role = ROLE_ADMIN}); /* by the link */
    assert_int_equal(ask(&bed, "GET", true, NULL, NULL), AUTH_OK);
    assert_string_equal(bed.identity.tenant, "");
    assert_int_equal(ask(&bed, "POST", false, bed.token, NULL), AUTH_DENIED);
    assert_int_equal(ask(&bed, "POST", false, bed.token, "desk"), AUTH_OK);

    log_in(&bed, &(struct session){.tenant = &bed.config.tenants[0]}); /* a viewer does not */
    assert_int_equal(ask(&bed, "POST", false, bed.token, "shop"), AUTH_OK);
    assert_int_equal(ask(&bed, "POST", false, bed.token, "desk"), AUTH_DENIED);
    close_bed(&bed);
}

static void keys_have_roles_and_act_for_themselves(void **state)
{
    (void)state;
    struct bed bed;
    struct suite_request request;
    open_bed(&bed, TENANTS);
    const struct auth_question question = {.config = &bed.config, .sessions = bed.sessions, .now_us = NOW_US};
    suite_parse(&request, &bed.arena, STR("GET /fulcrum/usage HTTP/1.1\nHost:h\nauthorization:Bearer other\n"));
    assert_int_equal(auth_identify(&question, &request.http, &bed.identity, &bed.error), OK);
    assert_true(bed.identity.is_admin && !bed.identity.has_session);
    suite_add_header(&request, STR(SESSION_TENANT_HEADER), STR("shop"));
    assert_int_equal(auth_identify(&question, &request.http, &bed.identity, &bed.error), ERROR_DENIED);
    suite_parse(&request, &bed.arena, STR("GET /fulcrum/usage HTTP/1.1\nHost:h\nauthorization:Bearer secret\n"));
    assert_int_equal(auth_identify(&question, &request.http, &bed.identity, &bed.error), OK);
    assert_false(bed.identity.is_admin);
    close_bed(&bed);
}

static void without_tenants_everybody_is_everybody(void **state)
{
    (void)state;
    struct bed bed;
    open_bed(&bed, "");
    assert_int_equal(ask(&bed, "POST", false, NULL, NULL), AUTH_OK);
    assert_true(bed.identity.is_admin);
    assert_string_equal(bed.identity.tenant, "default");
    assert_int_equal(ask(&bed, "POST", false, NULL, "lab"), AUTH_OK);
    assert_string_equal(bed.identity.tenant, "lab");
    assert_int_equal(ask(&bed, "POST", false, NULL, "a/b"), AUTH_DENIED);
    close_bed(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sessions_end_by_time_and_by_hand, open_sessions, close_sessions),
        cmocka_unit_test_setup_teardown(one_tenant_cannot_have_all, open_sessions, close_sessions),
        cmocka_unit_test_setup_teardown(the_link_is_good_once, open_sessions, close_sessions),
        cmocka_unit_test_setup_teardown(wrong_keys_are_counted, open_sessions, close_sessions),
        cmocka_unit_test(tokens_fit_or_not),
        cmocka_unit_test(cookies_are_found),
        cmocka_unit_test(keys_are_of_tenants),
        cmocka_unit_test(a_session_needs_its_token),
        cmocka_unit_test(administrators_act_for_others),
        cmocka_unit_test(keys_have_roles_and_act_for_themselves),
        cmocka_unit_test(without_tenants_everybody_is_everybody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
