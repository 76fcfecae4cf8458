/* Which model a model ID means. */
#include "support.h"
#include "cmd/sections.h"

#include <stdio.h>

#include "model/resolve.h"

#define CATALOG                                                                                                      \
    "geographies: [{prefix: us, name: US, regions: [us-east-1]}]\n"                                                  \
    "models:\n"                                                                                                      \
    "  - {id: 'anthropic.claude-3-haiku-20240307-v1:0', model: desk-small, name: H, provider: A, body: anthropic}\n" \
    "  - {id: 'amazon.nova-pro-v1:0', model: desk-large, name: Nova Pro, provider: Amazon, body: nova}\n"             \
    "  - {id: 'amazon.nova-lite-v1:0', model: desk-small, name: Nova Lite, provider: Amazon, body: nova,\n"            \
    "     cache_min_tokens: 1536, cache_ttl_max: 5m}\n"                                                               \
    "  - {id: 'mistral.large', model: desk-large, name: Large, provider: Mistral, body: converse}\n"                  \
    "  - {id: 'anthropic.claude-opus-9', model: desk-large, name: O, provider: A, body: anthropic, profiles: [us]}\n" \
    "  - {id: 'openai.gpt-9.5-sol', model: desk-large, name: G, provider: O, body: chat}\n"                          \
    "  - {id: 'amazon.titan-embed-text-v2:0', name: Embed, provider: Amazon, makes: embeddings}\n"                   \
    "  - {id: 'meta.llama3-8b', model: absent, name: Llama, provider: Meta, body: llama}\n"

#define CONFIG                                                                                                       \
    "models:\n"                                                                                                      \
    "  - name: desk-large\n"                                                                                         \
    "    ids: [us.amazon.nova-lite-v1:0, anthropic.claude-own, amazon.nova-own, meta.llama-own, own]\n"              \
    "  - name: desk-small\n"                                                                                         \
    "    ids: ['arn:aws:bedrock:us-east-1:000000000000:custom-model/mine', eu.twin, us.twin2, twin2]\n"

struct catalogued {
    struct catalog catalog;
    struct config config;
    struct registry *models;
};

static void load(struct catalogued *both, const char *yaml)
{
    struct error error = {0};
    assert_int_equal(catalog_load(STR(CATALOG), &both->catalog, &error), OK);
    if (config_parse(str_of(yaml), "f.yaml", program_sections, &both->config, &error))
        fail_msg("%s", error.message);
    assert_int_equal(registry_new(&both->config, NULL, &both->models, &error), OK);
}

static void unload(struct catalogued *both)
{
    registry_free(both->models);
    catalog_deinit(&both->catalog);
    config_deinit(&both->config);
}

static void resolves(const struct catalogued *both, const char *id, const char *model, enum body_shape body)
{
    struct catalog_match match;
    struct error error;
    if (catalog_resolve(&both->catalog, both->models, str_of(id), &match, &error))
        fail_msg("%s: %s", id, error.message);
    assert_string_equal(match.model->name, model);
    assert_int_equal(match.body, body);
}

static void fails(const struct catalogued *both, const char *id, enum error_code expected)
{
    struct catalog_match match;
    struct error error;
    enum error_code code = catalog_resolve(&both->catalog, both->models, str_of(id), &match, &error);
    if (code != expected)
        fail_msg("%s gives %d", id, (int)code);
    if (code == ERROR_INVALID)
        assert_string_equal(error.message, "The provided model identifier is invalid.");
}

#define ARN "arn:aws:bedrock:us-east-1:"

static void catalogue_ids(void **state)
{
    (void)state;
    struct catalogued both;
    load(&both, "");
    resolves(&both, "amazon.nova-pro-v1:0", "desk-large", BODY_NOVA);
    resolves(&both, "us.amazon.nova-pro-v1:0", "desk-large", BODY_NOVA);
    resolves(&both, "us-gov.amazon.nova-lite-v1:0", "desk-small", BODY_NOVA);
    resolves(&both, "global.anthropic.claude-3-haiku-20240307-v1:0", "desk-small", BODY_ANTHROPIC);
    resolves(&both, ARN ":foundation-model/amazon.nova-pro-v1:0", "desk-large", BODY_NOVA);
    resolves(&both, ARN "123456789012:inference-profile/us.amazon.nova-pro-v1:0", "desk-large", BODY_NOVA);
    resolves(&both, "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/mistral.large", "desk-large",
             BODY_CONVERSE);
    resolves(&both, "desk-small", "desk-small", BODY_CONVERSE);
    fails(&both, "meta.llama3-8b", ERROR_INVALID); /* its model isn't served */
    unload(&both);
}

static void configured_ids(void **state)
{
    (void)state;
    struct catalogued both;
    load(&both, CONFIG);
    resolves(&both, "us.amazon.nova-lite-v1:0", "desk-large", BODY_NOVA); /* the file goes before the catalogue */
    resolves(&both, "amazon.nova-lite-v1:0", "desk-large", BODY_NOVA);
    resolves(&both, "eu.amazon.nova-lite-v1:0", "desk-large", BODY_NOVA);
    resolves(&both, "anthropic.claude-own", "desk-large", BODY_ANTHROPIC);
    resolves(&both, "amazon.nova-own", "desk-large", BODY_NOVA);
    resolves(&both, "eu.meta.llama-own", "desk-large", BODY_LLAMA);
    resolves(&both, "own", "desk-large", BODY_CONVERSE);
    resolves(&both, ARN "000000000000:custom-model/mine", "desk-small", BODY_CONVERSE);
    resolves(&both, "twin", "desk-small", BODY_CONVERSE);
    resolves(&both, ARN ":foundation-model/own", "desk-large", BODY_CONVERSE);
    unload(&both);
}

static void unknown_ids(void **state)
{
    (void)state;
    struct catalogued both;
    load(&both, "");
    static const char *const invalid[] = {
        "",
        "us.",
        "amazon.nova-pro",
        "amazon.nova-pro-v2:0",
        "anthropic.claude-opus-9-5",
        "north-west-passage.amazon.nova-pro-v1:0",
        "amazon.nova-pro-v1:0 ",
        "AMAZON.NOVA-PRO-V1:0",
        "us.us.amazon.nova-pro-v1:0",
        "us.desk-large",
        "arn:",
        "arn:aws:bedrock:us-east-1",
        "arn:aws:bedrock:us-east-1::",
        "arn:aws:bedrock:us-east-1::foundation-model/",
        "arn:aws:bedrock:us-east-1::foundation-model/nobody",
        "arn:aws:s3:us-east-1::foundation-model/amazon.nova-pro-v1:0",
        "arn:gcp:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0",
        "arn:aws:bedrock:us-east-1::inference-profile/us.nobody",
    };
    for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
        fails(&both, invalid[i], ERROR_INVALID);
    fails(&both, ARN "000000000000:custom-model/amazon.nova-micro/abc", ERROR_NOT_FOUND);
    fails(&both, ARN "000000000000:provisioned-model/abc", ERROR_NOT_FOUND);
    fails(&both, ARN "000000000000:prompt-router/abc", ERROR_NOT_FOUND);
    unload(&both);
}

/* Lists that circulate write the same ID in several ways. */
static void other_forms(void **state)
{
    (void)state;
    struct catalogued both;
    load(&both, "");
    static const char *const large[] = {
        "amazon.nova-pro-v1",
        "amazon.nova-pro-v1:0:300k",
        "us.amazon.nova-pro-v1:0:24k",
        "ca.amazon.nova-pro-v1:0",
        "amer.amazon.nova-pro-v1:0",
        "sa.amazon.nova-pro-v1:0",
        "xx.amazon.nova-pro-v1:0", /* by the rule: an ID that is known stands behind it */
        "us-iso.amazon.nova-pro-v1",
        ARN "123456789012:inference-profile/nz.amazon.nova-pro-v1:0",
    };
    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++)
        resolves(&both, large[i], "desk-large", BODY_NOVA);
    resolves(&both, "anthropic.claude-3-haiku-20240307-v1:0:200k", "desk-small", BODY_ANTHROPIC);
    resolves(&both, "anthropic.claude-opus-9-v1:0", "desk-large", BODY_ANTHROPIC);
    resolves(&both, "global.anthropic.claude-opus-9-v1", "desk-large", BODY_ANTHROPIC);
    resolves(&both, "in.openai.gpt-9.5-sol", "desk-large", BODY_CHAT);
    struct catalog_match match;
    struct error error;
    assert_int_equal(catalog_resolve(&both.catalog, both.models, STR("xx.amazon.nova-pro-v1:0:24k"), &match, &error),
                     OK);
    assert_str_equal(match.id, "amazon.nova-pro-v1:0"); /* what its price is looked up by */
    assert_str_equal(match.place, "xx");
    unload(&both);
}

static void what_makes_no_text_is_refused_by_name(void **state)
{
    (void)state;
    struct catalogued both;
    struct catalog_match match;
    struct error error;
    load(&both, "models: [{name: desk-large, ids: ['*', 'amazon.*']}]");
    struct str embed = STR("us.amazon.titan-embed-text-v2:0");
    assert_int_equal(catalog_resolve(&both.catalog, both.models, embed, &match, &error), ERROR_INVALID);
    assert_string_equal(error.message, "modelId: amazon.titan-embed-text-v2:0 (Embed) makes embeddings; the models of "
                                       "this server read and write text only");
    unload(&both);
    load(&both, "models: [{name: desk-large, ids: ['amazon.titan-embed-text-v2:0']}]");
    resolves(&both, "amazon.titan-embed-text-v2:0", "desk-large", BODY_CONVERSE); /* who writes it down means it */
    unload(&both);
}

#define PATTERNS                                                                                                  \
    "models:\n"                                                                                                   \
    "  - {name: desk-large, ids: ['*sonnet*', 'anthropic.*', 'us.meta.*', 'arn:aws:bedrock:*:custom-model/*']}\n"  \
    "  - {name: desk-small, ids: ['*', 'anthropic.claude-3-sonnet-x', 'anthropic.claude-*-sonnet*', '*haiku*']}\n"

static void patterns_of_ids(void **state)
{
    (void)state;
    struct catalogued both;
    load(&both, PATTERNS);
    resolves(&both, "anthropic.claude-3-sonnet-x", "desk-small", BODY_ANTHROPIC);   /* as it stands */
    resolves(&both, "eu.anthropic.claude-3-sonnet-y", "desk-small", BODY_ANTHROPIC); /* more characters than *sonnet* */
    resolves(&both, "other.sonnet-1", "desk-large", BODY_CONVERSE);
    resolves(&both, "anthropic.claude-new", "desk-large", BODY_ANTHROPIC);
    resolves(&both, "anthropic.claude-3-haiku-20240307-v1:0", "desk-large", BODY_ANTHROPIC); /* anthropic. is longer */
    resolves(&both, "us.meta.llama9", "desk-large", BODY_LLAMA); /* a pattern may ask for a geography */
    resolves(&both, "eu.meta.llama9", "desk-small", BODY_LLAMA);
    resolves(&both, "amazon.nova-pro-v1:0", "desk-large", BODY_NOVA); /* the catalogue goes before the last resort */
    resolves(&both, "nobody.ever-heard-of-v1:0", "desk-small", BODY_CONVERSE);
    resolves(&both, "gpt-4o", "desk-small", BODY_CONVERSE);
    resolves(&both, ARN ":foundation-model/nobody.knows", "desk-small", BODY_CONVERSE);
    resolves(&both, ARN "000000000000:custom-model/any/thing", "desk-large", BODY_CONVERSE);
    fails(&both, ARN "000000000000:provisioned-model/abc", ERROR_NOT_FOUND);
    fails(&both, "", ERROR_INVALID);
    unload(&both);
}

static void patterns_that_never_count(void **state)
{
    (void)state;
    struct catalogued both;
    load(&both, "models:\n"
                "  - {name: desk-large, ids: ['amazon.nova-*', 'amazon.nova-p*', 'us.anthropic.*', 'nothing.*']}\n"
                "  - {name: desk-small, ids: ['*nova-l*', '*nova*']}\n");
    const struct model_list *list = registry_list(both.models);
    const struct model *first = list->models[0], *second = list->models[1];
    assert_true(catalog_pattern_is_used(&both.catalog, both.models, first, first->ids[0]));
    assert_true(catalog_pattern_is_used(&both.catalog, both.models, first, first->ids[1]));
    assert_true(catalog_pattern_is_used(&both.catalog, both.models, first, first->ids[2])); /* of a listed profile */
    assert_false(catalog_pattern_is_used(&both.catalog, both.models, first, first->ids[3]));
    assert_false(catalog_pattern_is_used(&both.catalog, both.models, second, second->ids[0]));
    assert_false(catalog_pattern_is_used(&both.catalog, both.models, second, second->ids[1]));
    unload(&both);
}

static void stars_fit_any_run(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *id;
        bool fits;
    } cases[] = {
        {"*", "", true},        {"*", "a.b", true},       {"a*", "a", true},       {"a*", "ba", false},
        {"*a", "ba", true},     {"*a*", "bab", true},     {"a*c*e", "abcde", true}, {"a*c*e", "abdce", true},
        {"a*c*e", "abcd", false}, {"**x", "yx", true},    {"*aab", "aaab", true},  {"a", "A", false},
        {"", "", true},         {"", "a", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (catalog_pattern_fits(str_of(cases[i].pattern), str_of(cases[i].id)) != cases[i].fits)
            fail_msg("%s and %s", cases[i].pattern, cases[i].id);
    }
}

static void caches(const char *yaml, const char *id, uint32_t min_tokens, uint32_t ttl_max_seconds)
{
    struct catalogued both;
    struct catalog_match match;
    struct error error;
    load(&both, yaml);
    if (catalog_resolve(&both.catalog, both.models, str_of(id), &match, &error))
        fail_msg("%s: %s", id, error.message);
    assert_int_equal(catalog_cache_min_tokens(&both.config, &match), min_tokens);
    assert_int_equal(catalog_cache_ttl_max_seconds(&match), ttl_max_seconds);
    unload(&both);
}

static void cards_say_what_is_cached(void **state)
{
    (void)state;
    const char *general = "cache: {min_tokens: 64}";
    const char *own = "cache: {min_tokens: 64}\nmodels: [{name: desk-small, cache_min_tokens: 16}]";
    caches("", "amazon.nova-lite-v1:0", 1536, 300);
    caches(general, "eu.amazon.nova-lite-v1:0", 1536, 300); /* the card goes before the default */
    caches(general, "amazon.nova-pro-v1:0", 64, 0);
    caches(general, "desk-small", 64, 0);
    caches(own, "amazon.nova-lite-v1:0", 16, 300); /* and what is said of the model before the card */
    caches("models: [{name: desk-large, ids: [amazon.nova-lite-v1:0]}]", "amazon.nova-lite-v1:0", 1536, 300);
}

/* The catalogue that is part of the program. */
static void shipped_catalogue(void **state)
{
    (void)state;
    FILE *file = fopen("models/aliases.yaml", "rb");
    if (!file)
        skip();
    static char text[1 << 18];
    size_t len = fread(text, 1, sizeof(text), file);
    (void)fclose(file);
    struct catalogued both;
    struct error error = {0};
    load(&both, "");
    catalog_deinit(&both.catalog);
    if (catalog_load((struct str){text, len}, &both.catalog, &error))
        fail_msg("%s", error.message);
    assert_true(both.catalog.count > 0);
    const struct catalog_entry *nova = catalog_find(&both.catalog, STR("amazon.nova-pro-v1:0"));
    assert_true(nova && nova->cache_min_tokens == 1024 && nova->cache_ttl_max_ms == 300000);
    for (size_t i = 0; i < both.catalog.count; i++) {
        const struct catalog_entry *entry = &both.catalog.entries[i];
        assert_str_equal(catalog_bare_id(str_of(entry->id)), entry->id);
        if (entry->makes != MAKES_TEXT) {
            struct catalog_match match;
            assert_int_equal(catalog_resolve(&both.catalog, both.models, str_of(entry->id), &match, &error),
                             ERROR_INVALID);
            continue;
        }
        assert_true(config_is_embedded_name(str_of(entry->model)));
        assert_true(entry->max_output <= entry->context);
        resolves(&both, entry->id, entry->model, entry->body);
    }
    for (size_t i = 0; i < both.catalog.geography_count; i++) {
        char id[64];
        (void)snprintf(id, sizeof(id), "%s.amazon.nova-pro-v1:0", both.catalog.geographies[i].prefix);
        assert_str_equal(catalog_bare_id(str_of(id)), "amazon.nova-pro-v1:0");
    }
    unload(&both);
}

static void broken_catalogues(void **state)
{
    (void)state;
    struct catalog catalog;
    struct error error;
    assert_int_equal(catalog_load(STR("models: [{id: a, model: b, name: c, provider: d, body: e}]"), &catalog, &error),
                     ERROR_INVALID);
    assert_non_null(strstr(error.message, "models[0].body: expected converse, anthropic, nova"));
    const char *textless = "models: [{id: a, name: c, provider: d}]";
    assert_int_equal(catalog_load(str_of(textless), &catalog, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "a: a model that makes text, and no other, has the key 'model'"));
    const char *nowhere = "models: [{id: a, model: b, name: c, provider: d, profiles: [xx]}]";
    assert_int_equal(catalog_load(str_of(nowhere), &catalog, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "'xx' is none of the geographies"));
    const char *twice = "models: [&a {id: a, model: b, name: c, provider: d, body: nova}, *a]";
    assert_int_equal(catalog_load(str_of(twice), &catalog, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "the ID a stands here twice"));
    assert_int_equal(catalog_load((struct str){NULL, 0}, &catalog, &error), OK);
    assert_null(catalog_find(&catalog, STR("a")));
    catalog_deinit(&catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(catalogue_ids),  cmocka_unit_test(configured_ids),    cmocka_unit_test(unknown_ids),
        cmocka_unit_test(shipped_catalogue), cmocka_unit_test(broken_catalogues),
        cmocka_unit_test(cards_say_what_is_cached), cmocka_unit_test(other_forms),
        cmocka_unit_test(what_makes_no_text_is_refused_by_name), cmocka_unit_test(patterns_of_ids),
        cmocka_unit_test(patterns_that_never_count), cmocka_unit_test(stars_fit_any_run),
    };
    return cmocka_run_group_tests_name("catalog", tests, NULL, NULL);
}
