/* fulcrum.yaml: what is read, what is refused and with which words. */
#include "support.h"
#include "cache/config.h"
#include "cmd/sections.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/config.h"
#include "core/config_section.h"
#include "core/config_values.h"
#include "core/mem.h"
#include "engine/tier.h"
#include "generate/reservation.h"
#include "net/tls_config.h"
#include "store/objects_config.h"

static void parse(const char *yaml, struct config *config)
{
    struct error error;
    if (config_parse(str_of(yaml), "dir/fulcrum.yaml", program_sections, config, &error))
        fail_msg("%s\n%s", error.message, yaml);
}

/* The whole message behind "dir/fulcrum.yaml:". */
static void refuse(const char *yaml, const char *message)
{
    struct config config;
    struct error error;
    if (config_parse(str_of(yaml), "dir/fulcrum.yaml", program_sections, &config, &error) == OK)
        fail_msg("accepted: %s", yaml);
    char whole[ERROR_MESSAGE_MAX];
    (void)snprintf(whole, sizeof(whole), "dir/fulcrum.yaml:%s", message);
    assert_string_equal(error.message, whole);
    assert_int_equal(error.code, ERROR_INVALID);
}

/* --- what is read --- */

static void defaults(void **state)
{
    (void)state;
    struct config config;
    struct error error;
    setenv("XDG_STATE_HOME", "/state", 1);
    assert_int_equal(config_load(NULL, program_sections, &config, &error), OK);
    assert_null(config.file);
    assert_string_equal(config.listen, "127.0.0.1:8080");
    assert_string_equal(config.data, "/state/fulcrum");
    assert_int_equal(config.model_count, 2);
    assert_string_equal(config.models[0].name, "desk-large");
    assert_string_equal(config.models[1].name, "desk-small");
    for (size_t i = 0; i < 2; i++) {
        assert_null(config.models[i].path);
        assert_int_equal(config.models[i].context, 4096);
        assert_int_equal(config.models[i].parallel, 16);
        assert_int_equal(config.models[i].cache, CACHE_MODE_IMPLICIT);
    }
    assert_int_equal(config.log_level, LOG_INFO);
    assert_int_equal(config.log_format, LOG_LOGFMT);
    assert_int_equal(config.io_threads, 0);
    assert_int_equal(cache_config(&config)->memory_bytes, UINT64_C(2) << 30);
    assert_int_equal(cache_config(&config)->min_tokens, 1024);
    assert_string_equal(cache_config(&config)->policy, "value");
    assert_false(config.deterministic);
    config_deinit(&config);

    unsetenv("XDG_STATE_HOME");
    setenv("HOME", "/home/u", 1);
    assert_int_equal(config_load(NULL, program_sections, &config, &error), OK);
    assert_string_equal(config.data, "/home/u/.local/state/fulcrum");
    config_deinit(&config);
}

static void empty_documents(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "# nothing\n", "---\n", "{}", "null"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct config config;
        parse(texts[i], &config);
        assert_int_equal(config.model_count, 2);
        config_deinit(&config);
    }
}

static void every_key(void **state)
{
    (void)state;
    struct config config;
    parse("listen: '[::1]:9000'\n"
          "data: state\n"
          "log: json\n"
          "log_level: debug\n"
          "io_threads: 3\n"
          "deterministic: true\n"
          "models:\n"
          "  - name: desk-large\n"
          "    ids: [anthropic.claude-3-5-sonnet-20241022-v2:0, us.amazon.nova-pro-v1:0]\n"
          "    context: 2048\n"
          "    parallel: 8\n"
          "    threads: 2\n"
          "    chat_template: chatml\n"
          "    cache: off\n"
          "    cache_min_tokens: 64\n"
          "    price: {input: 0.80, output: 3.2, cache_read: .2, cache_write_5m: 0, cache_write_1h: 1e1}\n"
          "  - {name: desk-small, price_as: 'amazon.nova-lite-v1:0', cache: explicit}\n"
          "cache: {memory: 512MiB, disk: 20GiB, min_tokens: 256, policy: lru}\n"
          "tenants:\n"
          "  - {name: shop, keys: [{id: AKIA1, secret: x}], account: 000000000012,\n"
          "     cache: {floor: 1MiB, ceiling: 2MiB}}\n"
          "  - {name: free, keys: [{id: AKIA2, secret: x}], cache: {}}\n",
          &config);
    assert_string_equal(config.listen, "[::1]:9000");
    assert_string_equal(config.data, "dir/state");
    assert_int_equal(config.log_format, LOG_JSON);
    assert_int_equal(config.log_level, LOG_DEBUG);
    assert_int_equal(config.io_threads, 3);
    assert_true(config.deterministic);
    const struct config_model *model = &config.models[0];
    assert_int_equal(model->id_count, 2);
    assert_string_equal(model->ids[1], "us.amazon.nova-pro-v1:0");
    assert_int_equal(model->context, 2048);
    assert_int_equal(model->parallel, 8);
    assert_int_equal(model->threads, 2);
    assert_string_equal(model->chat_template, "chatml");
    assert_int_equal(model->cache, CACHE_MODE_OFF);
    assert_int_equal(model->cache_min_tokens, 64);
    assert_true(cache_config(&config)->disk_bytes == UINT64_C(20) << 30);
    assert_true(model->has_price);
    assert_true(model->price.input == 800000000000 && model->price.cache_read == 200000000000 &&
                model->price.cache_write_1h == 10 * CONFIG_PICO);
    assert_string_equal(config.models[1].price_as, "amazon.nova-lite-v1:0");
    assert_int_equal(config.models[1].cache, CACHE_MODE_EXPLICIT);
    assert_int_equal(cache_config(&config)->memory_bytes, 512 << 20);
    assert_string_equal(cache_config(&config)->policy, "lru");
    assert_string_equal(config.tenants[0].keys[0].secret, "x");
    assert_string_equal(config.tenants[0].account, "000000000012");
    assert_int_equal(cache_share(&config.tenants[0])->floor_bytes, 1 << 20);
    assert_int_equal(cache_share(&config.tenants[0])->ceiling_bytes, 2 << 20);
    assert_int_equal(cache_share(&config.tenants[1])->ceiling_bytes, 0);
    config_deinit(&config);
}

static void anchors(void **state)
{
    (void)state;
    struct config config;
    parse("models: [{name: desk-large, price: &p {input: 1, output: 2}}, {name: desk-small, price: *p}]\n", &config);
    assert_true(config.models[1].price.output == 2 * CONFIG_PICO);
    config_deinit(&config);
}

/* --- what is refused --- */

static void keys(void **state)
{
    (void)state;
    refuse("\nlisen: 127.0.0.1:1", "2: lisen: unknown key, did you mean 'listen'?");
    refuse("models:\n- name: desk-large\n  contxt: 1", "3: models[0].contxt: unknown key, did you mean 'context'?");
    refuse("tls: {certificate: a}", "1: tls.certificate: unknown key, expected one of: cert, key");
    refuse("log: json\nlog: json", "2: log: this key stands here twice");
    refuse("models: [{path: a}]", "1: models[0].path: expected the path of a file, but there is no dir/a");
    refuse("models:\n- context: 1", "2: models[0]: the key 'name' is missing");
    refuse("models:\n- name: desk-large\n  chat_template: vicuna",
           "3: models[0].chat_template: expected the name of a template family: chatml, llama3, mistral or gemma, got "
           "'vicuna'");
    refuse("documents: {sandbox: maybe}", "1: documents.sandbox: expected best-effort or required, got 'maybe'");
    refuse("[a]: 1", "1: expected a name as key");
    refuse("[]", "1: expected a mapping (key: value), got a list");
    refuse("x\x07: 1", "1: not valid YAML: control characters are not allowed");
    refuse("a: [1\n", "2: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence");
    refuse("log: json\n---\nlog: json", "3: a second YAML document begins; expected one");
}

static void types(void **state)
{
    (void)state;
    refuse("log: [json]", "1: log: expected logfmt or json, got a list");
    refuse("log_level: loud", "1: log_level: expected debug, info, warn, error or off, got 'loud'");
    refuse("deterministic: yes", "1: deterministic: expected true or false, got 'yes'");
    refuse("io_threads: '2'", "1: io_threads: expected an integer, got the string '2'");
    refuse("io_threads: -1", "1: io_threads: expected an integer, got '-1'");
    refuse("io_threads: 65", "1: io_threads: expected 0 to 64, got 65");
    refuse("data:", "1: data: expected a path, got nothing");
    refuse("data: ''", "1: data: expected a path, got an empty string");
    refuse("data: \"a\\0b\"", "1: data: expected a path without control characters");
    refuse("models: desk-large", "1: models: expected a list of mappings, got 'desk-large'");
    refuse("models: [desk-large]", "1: models[0]: expected a mapping (key: value), got 'desk-large'");
    refuse("models: [{name: desk large}]",
           "1: models[0].name: expected a name of letters, digits and ._-:/, got 'desk large'");
    refuse("models: [{name: desk-large, ids: a}]", "1: models[0].ids: expected a list of strings, got 'a'");
    refuse("models: [{name: desk-large, parallel: 0}]", "1: models[0].parallel: expected 1 to 256, got 0");
    refuse("models: [{name: desk-large, price: {input: -1}}]",
           "1: models[0].price.input: expected a number, zero or more, with at most 12 decimals, got '-1'");
    refuse("models: [{name: desk-large, price: {input: 1}}]", "1: models[0].price: the key 'output' is missing");
    refuse("models: [{name: desk-large, price: {input: 0.0000000000001, output: 1}}]",
           "1: models[0].price.input: expected a number, zero or more, with at most 12 decimals, "
           "got '0.0000000000001'");
    refuse("models: [{name: desk-large, price: {input: 1000001, output: 1}}]",
           "1: models[0].price.input: expected 0 to 1e+06, got 1000001");
    refuse("prices: a.yaml", "1: prices: expected a list of files, got 'a.yaml'");
    refuse("prices: [/no/such.yaml]", "1: prices[0]: expected the path of a file, but there is no /no/such.yaml");
    refuse("cache: {memory: 2GB}",
           "1: cache.memory: expected a size (bytes, or with KiB, MiB or GiB), got '2GB'");
    refuse("cache: {policy: fifo}", "1: cache.policy: expected lru, ttl or value, got 'fifo'");
    refuse("listen: 8080",
           "1: listen: expected ADDR:PORT, such as 127.0.0.1:8080 or [::1]:8080, got '8080'");
}

static void models(void **state)
{
    (void)state;
    refuse("models: []", "1: models: expected at least one model; without the key the embedded pair serves");
    refuse("models: [{name: qwen}]",
           "1: models[0]: the key 'path' is missing (only desk-large, desk-small, their -long forms and "
           "desk-student are embedded)");
    refuse("models:\n- name: desk-large\n- name: desk-large",
           "3: models[1].name: 'desk-large' already stands for model 'desk-large'");
    refuse("models:\n- name: desk-large\n  ids: [a.b]\n- name: desk-small\n  ids: [c.d,\n   a.b]",
           "6: models[1].ids[1]: 'a.b' already stands for model 'desk-large'");
    refuse("models: [{name: desk-large, ids: [a, a]}]", "1: models[0].ids[1]: 'a' stands here twice");
    refuse("models: [{name: desk-large, price_as: a, price: {input: 1, output: 1}}]",
           "1: models[0]: expected price or price_as, got both");
    refuse("models: [{name: desk-large, price_share: 0.5}]",
           "1: models[0]: expected price or price_as besides price_share");
    refuse("models: [{name: desk-large, price_as: a, price_share: 1.5}]",
           "1: models[0].price_share: expected 1e-12 to 1, got 1.5");
    refuse("models: [{name: a, path: /}]", "1: models[0].path: expected the path of a file, but / is not one");
}

static void tenants(void **state)
{
    (void)state;
    const char *twice = "tenants:\n- {name: a, keys: [{id: K, secret: s}]}\n- {name: b, keys: [{id: K, secret: t}]}";
    refuse("tenants: []", "1: tenants: expected at least one tenant; without the key nobody is asked");
    refuse("tenants: [{name: a, keys: [{id: K}]}]", "1: tenants[0].keys[0]: the key 'secret' is missing");
    refuse(twice, "3: tenants[1].keys[0].id: 'K' already belongs to tenant 'a'");
    refuse("tenants: [{name: a, account: 12, keys: [{id: K, secret: s}]}]",
           "1: tenants[0].account: expected an account of 12 digits, got '12'");
    refuse("tenants: [{name: a, keys: [{id: K, secret: s}], cache: {flor: 1}}]",
           "1: tenants[0].cache.flor: unknown key, did you mean 'floor'?");
    refuse("tenants:\n- name: a\n  keys: [{id: K, secret: s}]\n  cache:\n    floor: 2KiB\n    ceiling: 1KiB",
           "5: tenants[0].cache.floor: expected at most the ceiling, 1024 bytes, got 2048");
    refuse("cache: {memory: 3KiB}\ntenants:\n- {name: a, keys: [{id: K, secret: s}], cache: {floor: 2KiB}}\n"
           "- {name: b, keys: [{id: L, secret: s}], cache: {floor: 2KiB}}",
           "4: tenants[1].cache.floor: expected floors that fit into cache.memory together; 1024 bytes are left for "
           "this one, got 2048");
    /* Somebody may have put the token itself here: it is not repeated. */
    refuse("tenants: [{name: a, keys: [{id: b, secret: c, role: boss}]}]",
           "1: tenants[0].keys[0].role: expected viewer or admin, got 'boss'");
    refuse("tenants: [{name: a, bearer: [{role: admin}]}]", "1: tenants[0].bearer[0]: the key 'sha256' is missing");
    refuse("tenants: [{name: a, bearer: [{sha256: my-token}]}]",
           "1: tenants[0].bearer[0].sha256: expected the SHA-256 of a token, 64 lower-case hex digits");
    refuse("tenants: [{name: a, bearer: my-token}]",
           "1: tenants[0].bearer: expected a list of strings or mappings, got 'my-token'");
    refuse("tenants: [{name: a, bearer: [my-token]}]",
           "1: tenants[0].bearer[0]: expected the SHA-256 of a token, 64 lower-case hex digits");
}

static void tiers(void **state)
{
    (void)state;
    struct config config;
    parse("tiers: {share: objective, objective: 1.5, flex: {queue: 7, deadline: 10m}, priority: {queue: 3}}\n"
          "tenants:\n- name: a\n  keys: [{id: K, secret: s}]\n"
          "  reservation: {model: desk-small, input_tpm: 100000, output_tpm: 0}\n",
          &config);
    assert_int_equal(tier_config(&config)->share, TIER_SHARE_OBJECTIVE);
    assert_true(tier_config(&config)->objective == 1.5);
    const struct tier_queue *queues = tier_config(&config)->tiers;
    assert_true(queues[TIER_FLEX].queue == 7 && queues[TIER_FLEX].deadline_ms == 600000);
    assert_true(queues[TIER_PRIORITY].queue == 3 && queues[TIER_PRIORITY].deadline_ms == 0);
    assert_int_equal(queues[TIER_DEFAULT].queue, 0);
    assert_string_equal(reservation_config(&config.tenants[0])->model, "desk-small");
    const struct reservation_config *reservation = reservation_config(&config.tenants[0]);
    assert_true(reservation->input_tpm == 100000 && reservation->output_tpm == 0);
    config_deinit(&config);
    parse("{}", &config);
    assert_int_equal(tier_config(&config)->share, TIER_SHARE_STRICT);
    config_deinit(&config);
    refuse("tiers: {share: half}", "1: tiers.share: expected strict or objective, got 'half'");
    refuse("tiers:\n  objective: 0.5",
           "2: tiers.objective: expected 1 to 100: times the unloaded time per output token");
    refuse("tiers: {flex: {queue: 0}}", "1: tiers.flex.queue: expected 1 to 1000000, got 0");
    refuse("tiers: {batch: {queue: 1}}", "1: tiers.batch: unknown key, expected one of: share, objective, priority, "
                                         "default, flex");
    refuse("tenants:\n- name: a\n  keys: [{id: K, secret: s}]\n"
           "  reservation: {model: other, input_tpm: 1, output_tpm: 1}",
           "4: tenants[0].reservation.model: expected the name of a model of this file, got 'other'");
    refuse("tenants: [{name: a, keys: [{id: K, secret: s}], reservation: {model: desk-small, input_tpm: 1}}]",
           "1: tenants[0].reservation: the key 'output_tpm' is missing");
}

static void an_s3_server(void **state)
{
    (void)state;
    struct config config;
    struct error error;
    struct str text = STR("s3: {endpoint: \"http://127.0.0.1:9000\", key: k, secret: s}");
    assert_int_equal(config_parse(text, "f.yaml", program_sections, &config, &error), OK);
    assert_string_equal(s3_config(&config)->endpoint, "http://127.0.0.1:9000");
    assert_string_equal(s3_config(&config)->region, "us-east-1");
    assert_string_equal(s3_config(&config)->secret, "s");
    config_deinit(&config);
    refuse("s3: {endpoint: \"127.0.0.1:9000\", key: k, secret: s}",
           "1: s3.endpoint: expected http://HOST[:PORT] or https://HOST[:PORT], got the string '127.0.0.1:9000'");
    refuse("s3: {endpoint: \"http://h/path\", key: k, secret: s}",
           "1: s3.endpoint: expected http://HOST[:PORT] or https://HOST[:PORT], got the string 'http://h/path'");
    refuse("s3: {endpoint: \"http://h\", key: k}", "1: s3: the key 'secret' is missing");
}

static void files(void **state)
{
    (void)state;
    struct config config;
    struct error error;
    assert_int_equal(config_load("/nowhere/f.yaml", program_sections, &config, &error), ERROR_INVALID);
    assert_string_equal(error.message, "cannot open the configuration /nowhere/f.yaml: No such file or directory");
    assert_int_equal(config_load("/", program_sections, &config, &error), ERROR_INVALID);

    char folder[] = "/tmp/fulcrum-test-XXXXXX", path[64], text[128];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/f.yaml", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs("models: [{name: a, path: f.yaml}]\n", file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(config_load(path, program_sections, &config, &error), OK);
    assert_string_equal(config.models[0].path, path);
    assert_int_equal(config.models[0].context, 0);
    assert_int_equal(config.models[0].parallel, 4);
    config_deinit(&config);

    (void)snprintf(text, sizeof(text), "models: [{name: a, worker: %s}]", path);
    assert_int_equal(config_parse(str_of(text), "f.yaml", program_sections, &config, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "models[0].worker: expected a program"));
    assert_int_equal(chmod(path, 0700), 0);
    assert_int_equal(config_parse(str_of(text), "f.yaml", program_sections, &config, &error), OK);
    config_deinit(&config);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void shipped_example(void **state)
{
    (void)state;
    struct config config;
    struct error error;
    struct limits before = limits_in_force;
    if (access("examples/fulcrum.yaml", R_OK))
        skip();
    if (config_load("examples/fulcrum.yaml", program_sections, &config, &error))
        fail_msg("%s", error.message);
    config_deinit(&config);
    limits_in_force = before;
}

/* --- sections --- */

/* Two sections that no room has: one at the root, one of each tenant. */
struct lamp_config {
    uint32_t watts;
    const char *name;
};
static const struct field lamp_fields[] = {
    {"watts", FIELD_UINT32, FIELD_AT(lamp_config, watts), .high = 100},
    {"name", FIELD_STRING, FIELD_AT(lamp_config, name)},
};
static const struct field_table lamp_table = FIELD_TABLE(lamp_fields, struct lamp_config);
static const struct lamp_config lamp_defaults = {.watts = 60};
static enum error_code check_lamps(struct yaml_reader *reader, const struct config *config);
static const struct config_section lamp_section = {
    .name = "lamp", .table = &lamp_table, .defaults = &lamp_defaults, .check = check_lamps};
static const struct config_section tenant_lamp_section = {
    .name = "lamp", .place = CONFIG_OF_TENANT, .table = &lamp_table};
static const struct config_section *const lamp_sections[] = {&lamp_section, &config_server_section,
                                                             &config_tenants_section, &tenant_lamp_section, NULL};

static const struct lamp_config *lamp_of(const struct config_part *parts, const struct config_section *section)
{
    return config_part(parts, section);
}

static enum error_code check_lamps(struct yaml_reader *reader, const struct config *config)
{
    const uint32_t most = lamp_of(config->parts, &lamp_section)->watts;
    for (size_t i = 0; i < config->tenant_count; i++)
        if (lamp_of(config->tenants[i].parts, &tenant_lamp_section)->watts > most)
            return yaml_fail_at(reader, "tenants[1].lamp.watts", "expected at most %u", most);
    return OK;
}

static void a_section_of_a_rooms_own(void **state)
{
    (void)state;
    struct config config;
    struct error error;
    const char *yaml = "tenants:\n- {name: a, keys: [{id: K, secret: s}]}\n"
                       "- {name: b, keys: [{id: L, secret: s}], lamp: {watts: 40, name: desk}}\n"
                       "lamp: {name: hall}\ndata: /d\n";
    assert_int_equal(config_parse(str_of(yaml), "f.yaml", lamp_sections, &config, &error), OK);
    assert_string_equal(config.data, "/d");
    assert_int_equal(lamp_of(config.parts, &lamp_section)->watts, 60); /* its default */
    assert_string_equal(lamp_of(config.parts, &lamp_section)->name, "hall");
    assert_int_equal(lamp_of(config.tenants[0].parts, &tenant_lamp_section)->watts, 0);
    assert_null(lamp_of(config.tenants[0].parts, &tenant_lamp_section)->name);
    assert_string_equal(lamp_of(config.tenants[1].parts, &tenant_lamp_section)->name, "desk");
    assert_int_equal(cache_config(&config)->memory_bytes, 0); /* not among these sections */
    config_deinit(&config);
    assert_int_equal(config_parse(STR(""), NULL, lamp_sections, &config, &error), OK);
    assert_int_equal(lamp_of(config.parts, &lamp_section)->watts, 60);
    config_deinit(&config);
    const char *bright = "lamp: {watts: 30}\ntenants:\n- {name: a, keys: [{id: K, secret: s}]}\n"
                         "- {name: b, keys: [{id: L, secret: s}],\n   lamp: {watts: 40}}\n";
    assert_int_equal(config_parse(str_of(bright), "f.yaml", lamp_sections, &config, &error), ERROR_INVALID);
    assert_string_equal(error.message, "f.yaml:5: tenants[1].lamp.watts: expected at most 30");
    assert_int_equal(config_parse(STR("cache: {}"), "f.yaml", lamp_sections, &config, &error), ERROR_INVALID);
    assert_string_equal(error.message, "f.yaml:1: cache: unknown key, expected one of: lamp, listen, data, log, "
                        "log_level, io_threads, deterministic, strict, models, tenants");
    assert_int_equal(config_parse(STR("lamp: {watts: 101}"), "f.yaml", lamp_sections, &config, &error), ERROR_INVALID);
    assert_string_equal(error.message, "f.yaml:1: lamp.watts: expected 0 to 100, got 101");
}

/* --- the address --- */

static void check_exposure(const char *yaml, bool insecure, const char *part)
{
    struct config config;
    struct error error;
    parse(yaml, &config);
    config.insecure = insecure;
    enum error_code code = tls_check_exposure(&config, &error);
    assert_int_equal(code, part ? ERROR_INVALID : OK);
    if (part)
        assert_non_null(strstr(error.message, part));
    config_deinit(&config);
}

#define TENANTS "tenants: [{name: a, keys: [{id: K, secret: s}]}]\n"
#define TLS "tls: {cert: /proc/self/exe, key: /proc/self/exe}\n"

static void exposure(void **state)
{
    (void)state;
    check_exposure("listen: 127.0.0.1:80", false, NULL);
    check_exposure("listen: 127.3.2.1:80", false, NULL);
    check_exposure("listen: localhost:80", false, NULL);
    check_exposure("listen: '[::1]:80'", false, NULL);
    check_exposure("listen: 0.0.0.0:80", false, "'tenants' and 'tls'");
    check_exposure("listen: '[::]:80'", false, "'tenants' and 'tls'");
    check_exposure("listen: 10.0.0.1:80\n" TENANTS, false, "needs 'tls'");
    check_exposure("listen: 10.0.0.1:80\n" TLS, false, "needs 'tenants'");
    check_exposure("listen: 10.0.0.1:80\n" TENANTS TLS, false, NULL);
    check_exposure("listen: 10.0.0.1:80", true, NULL);
}

static void listen_addresses(void **state)
{
    (void)state;
    char host[64];
    uint16_t port;
    struct error error;
    assert_int_equal(config_parse_listen("[2001:db8::1]:65535", host, sizeof(host), &port, &error), OK);
    assert_string_equal(host, "2001:db8::1");
    assert_int_equal(port, 65535);
    assert_int_equal(config_parse_listen("127.0.0.1:0", host, sizeof(host), &port, &error), OK);
    assert_int_equal(port, 0);
    static const char *const bad[] = {"",          ":80",       "127.0.0.1",    "127.0.0.1:",   "127.0.0.1:65536",
                                      "1.2.3:80",  "::1:80",    "[::1]",        "[127.0.0.1]:1", "host:80",
                                      "1.2.3.4:x", "[::1%lo]:1", "1.2.3.4:+1",  "[]:80"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(config_parse_listen(bad[i], host, sizeof(host), &port, &error), ERROR_INVALID);
    assert_true(config_host_is_loopback("127.0.0.1"));
    assert_true(config_host_is_loopback("::ffff:127.0.0.1"));
    assert_false(config_host_is_loopback("128.0.0.1"));
    assert_false(config_host_is_loopback("::"));
    assert_false(config_host_is_loopback("example"));
}

static void sizes_and_durations(void **state)
{
    (void)state;
    uint64_t value;
    assert_true(config_parse_pico(STR("0.00875"), &value) && value == 8750000000);
    assert_true(config_parse_pico(STR("1.75"), &value) && value == 1750000000000);
    assert_true(config_parse_pico(STR("25e-2"), &value) && value == 250000000000);
    assert_true(config_parse_pico(STR(".5"), &value) && value == 500000000000);
    assert_true(config_parse_pico(STR("0.000000000001"), &value) && value == 1);
    assert_true(config_parse_pico(STR("0.1000000000000"), &value) && value == 100000000000);
    assert_true(config_parse_pico(STR("18446744.073709551615"), &value) && value == UINT64_MAX);
    const char *const no_numbers[] = {"",   ".",   "-1",  "+1",  "1.2.3", "1e", "1e200", "e1", "0.0000000000001",
                                      "1 ", "0x1", "nan", "inf", "1,5",   "18446744.073709551616"};
    for (size_t i = 0; i < sizeof(no_numbers) / sizeof(no_numbers[0]); i++)
        assert_false(config_parse_pico(str_of(no_numbers[i]), &value));
    assert_true(config_parse_size(STR("10"), &value) && value == 10);
    assert_true(config_parse_size(STR("10KiB"), &value) && value == 10240);
    assert_true(config_parse_size(STR("2GiB"), &value) && value == UINT64_C(1) << 31);
    assert_false(config_parse_size(STR("10kb"), &value));
    assert_false(config_parse_size(STR("GiB"), &value));
    assert_false(config_parse_size(STR(""), &value));
    assert_false(config_parse_size(STR("1 KiB"), &value));
    assert_false(config_parse_size(STR("18446744073709551615GiB"), &value));
    assert_true(config_parse_duration(STR("30s"), &value) && value == 30000);
    assert_true(config_parse_duration(STR("5m"), &value) && value == 300000);
    assert_true(config_parse_duration(STR("1h"), &value) && value == 3600000);
    assert_false(config_parse_duration(STR("30"), &value));
    assert_false(config_parse_duration(STR("1d"), &value));
}

/* --- memory --- */

static void every_allocation_may_fail(void **state)
{
    (void)state;
    const char *yaml = "models: [{name: desk-large, ids: [a, b], price: {input: 1, output: 1}}]\n" TENANTS;
    for (uint64_t nth = 1;; nth++) {
        struct config config;
        struct error error;
        mem_fail_at(nth);
        enum error_code code = config_parse(str_of(yaml), "f.yaml", program_sections, &config, &error);
        bool is_untouched = mem_fail_count() < nth;
        mem_fail_at(0);
        if (code == OK)
            config_deinit(&config);
        else
            assert_int_equal(code, ERROR_NO_MEMORY);
        if (is_untouched) {
            assert_int_equal(code, OK);
            return;
        }
    }
}

/* Aliases multiply what a small file says; the memory for it is bounded. */
static void aliases_do_not_multiply(void **state)
{
    (void)state;
    struct buf yaml;
    struct config config;
    struct error error;
    buf_init(&yaml, LIMIT_CONFIG_BYTES);
    buf_append_text(&yaml, "models:\n- &m\n  name: desk-large\n  ids: [");
    for (int i = 0; i < 4096; i++)
        buf_appendf(&yaml, "id-of-some-length-%d,", i);
    buf_append_text(&yaml, "]\n");
    for (int i = 0; i < 31; i++)
        buf_append_text(&yaml, "- *m\n");
    assert_false(yaml.failed);
    assert_int_not_equal(config_parse(buf_str(&yaml), "f.yaml", program_sections, &config, &error), OK);
    buf_deinit(&yaml);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(empty_documents),
        cmocka_unit_test(every_key),
        cmocka_unit_test(anchors),
        cmocka_unit_test(keys),
        cmocka_unit_test(types),
        cmocka_unit_test(models),
        cmocka_unit_test(tenants),
        cmocka_unit_test(tiers),
        cmocka_unit_test(an_s3_server),
        cmocka_unit_test(files),
        cmocka_unit_test(shipped_example),
        cmocka_unit_test(a_section_of_a_rooms_own),
        cmocka_unit_test(exposure),
        cmocka_unit_test(listen_addresses),
        cmocka_unit_test(sizes_and_durations),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(aliases_do_not_multiply),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
