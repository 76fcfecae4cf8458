/* Which model a model ID means. */
#include "support.h"

#include <stdio.h>

#include "core/catalog.h"

#define CATALOG                                                                                                      \
    "models:\n"                                                                                                      \
    "  - {id: 'anthropic.claude-3-haiku-20240307-v1:0', model: desk-small, name: H, provider: A, body: anthropic}\n" \
    "  - {id: 'amazon.nova-pro-v1:0', model: desk-large, name: Nova Pro, provider: Amazon, body: nova}\n"             \
    "  - {id: 'amazon.nova-lite-v1:0', model: desk-small, name: Nova Lite, provider: Amazon, body: nova,\n"            \
    "     cache_min_tokens: 1536, cache_ttl_max: 5m}\n"                                                               \
    "  - {id: 'mistral.large', model: desk-large, name: Large, provider: Mistral, body: converse}\n"                  \
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
};

static void load(struct catalogued *both, const char *yaml)
{
    struct error error = {0};
    assert_int_equal(catalog_load(STR(CATALOG), &both->catalog, &error), OK);
    if (config_parse(str_of(yaml), "f.yaml", &both->config, &error))
        fail_msg("%s", error.message);
}

static void unload(struct catalogued *both)
{
    catalog_deinit(&both->catalog);
    config_deinit(&both->config);
}

static void resolves(const struct catalogued *both, const char *id, const char *model, enum body_shape body)
{
    struct catalog_match match;
    struct error error;
    if (catalog_resolve(&both->catalog, &both->config, str_of(id), &match, &error))
        fail_msg("%s: %s", id, error.message);
    assert_string_equal(both->config.models[match.model].name, model);
    assert_int_equal(match.body, body);
}

static void fails(const struct catalogued *both, const char *id, enum error_code expected)
{
    struct catalog_match match;
    struct error error;
    enum error_code code = catalog_resolve(&both->catalog, &both->config, str_of(id), &match, &error);
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
        "amazon.nova-pro-v1",
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

static void caches(const char *yaml, const char *id, uint32_t min_tokens, uint32_t ttl_max_seconds)
{
    struct catalogued both;
    struct catalog_match match;
    struct error error;
    load(&both, yaml);
    if (catalog_resolve(&both.catalog, &both.config, str_of(id), &match, &error))
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
        assert_true(config_is_embedded_name(str_of(entry->model)));
        assert_str_equal(catalog_bare_id(str_of(entry->id)), entry->id);
        resolves(&both, entry->id, entry->model, entry->body);
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
    assert_non_null(strstr(error.message, "models[0].body: expected converse, anthropic, nova or llama"));
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
        cmocka_unit_test(cards_say_what_is_cached),
    };
    return cmocka_run_group_tests_name("catalog", tests, NULL, NULL);
}
