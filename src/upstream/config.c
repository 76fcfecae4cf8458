/* config.c - see config.h. */
#include "upstream/config.h"

#include <stdio.h>
#include <string.h>

#include "chat/traits.h"
#include "core/config_section.h"
#include "core/config_values.h"
#include "upstream/affinity.h"

#define TIMEOUT_MAX_MS (24ull * 3600 * 1000)
#define LOAD_BOUND_MAX 100

/* --- what models can take --------------------------------------------------------------------------- */

#define CACHE_POINTS "cache_points"

static const struct {
    const char *name;
    uint32_t bit; /* 0: of another list than that of needs */
} capabilities[] = {
    {"images", CHAT_NEED_IMAGES},
    {"video", CHAT_NEED_VIDEO},
    {"audio", CHAT_NEED_AUDIO},
    {"files", CHAT_NEED_FILES_ELSEWHERE},
    {"documents", CHAT_NEED_FILES_UNREAD},
    {"citations", CHAT_NEED_CITATIONS},
    {"thinking", CHAT_NEED_THINKING},
    {"effort", CHAT_NEED_EFFORT},
    {"guardrails", CHAT_NEED_GUARDRAILS},
    {"server_tools", CHAT_NEED_SERVER_TOOLS},
    {"tool_changes", CHAT_NEED_TOOL_CHANGES},
    {"connectors", CHAT_NEED_CONNECTORS},
    {"context_edits", CHAT_NEED_CONTEXT_EDITS},
    {"prompts", CHAT_NEED_MANAGED_PROMPTS},
    {"fast", CHAT_NEED_FAST_LATENCY},
    {"penalties", CHAT_NEED_PENALTIES},
    {"token_bias", CHAT_NEED_TOKEN_BIAS},
    {"guided_text", CHAT_NEED_GUIDED_TEXT},
    {"other_blocks", CHAT_NEED_OTHER_BLOCKS},
    {"extras", CHAT_NEED_EXTRAS},
    {CACHE_POINTS, 0},
};
#define CAPABILITIES "images, video, audio, files, documents, citations, thinking, effort, guardrails, server_tools, " \
    "tool_changes, connectors, context_edits, prompts, fast, penalties, token_bias, guided_text, other_blocks, "       \
    "extras or cache_points"

#define TAKES_COMMON                                                                                                  \
    (CHAT_NEED_IMAGES | CHAT_NEED_FILES_ELSEWHERE | CHAT_NEED_FILES_UNREAD | CHAT_NEED_EFFORT | CHAT_NEED_EXTRAS |   \
     CHAT_NEED_SERVER_TOOLS | CHAT_NEED_OTHER_BLOCKS)

static const uint32_t usual[UPSTREAM_KINDS] = {
    [UPSTREAM_OPENAI] = TAKES_COMMON | CHAT_NEED_AUDIO | CHAT_NEED_VIDEO | CHAT_NEED_PENALTIES | CHAT_NEED_TOKEN_BIAS |
                        CHAT_NEED_GUIDED_TEXT | CHAT_NEED_ASSISTANT_FIRST | CHAT_NEEDS_VERBATIM,
    [UPSTREAM_ANTHROPIC] = TAKES_COMMON | CHAT_NEED_CITATIONS | CHAT_NEED_THINKING | CHAT_NEED_TOOL_CHANGES |
                           CHAT_NEED_CONNECTORS | CHAT_NEED_CONTEXT_EDITS | CHAT_NEED_ASSISTANT_FIRST,
    [UPSTREAM_BEDROCK] = TAKES_COMMON | CHAT_NEED_VIDEO | CHAT_NEED_AUDIO | CHAT_NEED_CITATIONS | CHAT_NEED_THINKING |
                         CHAT_NEED_GUARDRAILS | CHAT_NEED_MANAGED_PROMPTS | CHAT_NEED_FAST_LATENCY |
                         CHAT_NEED_PENALTIES,
};

static bool is_capability(struct str text)
{
    for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++)
        if (str_eq(text, str_of(capabilities[i].name)))
            return true;
    return false;
}

static bool has_capability(const struct upstream_model *model, const char *name)
{
    for (size_t i = 0; i < model->capability_count; i++)
        if (!strcmp(model->capabilities[i], name))
            return true;
    return false;
}

uint32_t upstream_takes(const struct upstream_config *upstream, const struct upstream_model *model)
{
    uint32_t takes = usual[upstream->kind] & (CHAT_NEED_ASSISTANT_FIRST | CHAT_NEEDS_VERBATIM);
    if (!model->capabilities)
        return usual[upstream->kind];
    for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++)
        if (has_capability(model, capabilities[i].name))
            takes |= capabilities[i].bit;
    return takes;
}

bool upstream_takes_cache_points(const struct upstream_model *model)
{
    return has_capability(model, CACHE_POINTS);
}

/* --- keys ------------------------------------------------------------------------------------------- */

static const char *const kinds[] = {
    [UPSTREAM_OPENAI] = "openai", [UPSTREAM_ANTHROPIC] = "anthropic", [UPSTREAM_BEDROCK] = "bedrock", NULL};
static const char *const servers[] = {[UPSTREAM_SERVER_ANY] = "any",
                                      [UPSTREAM_SERVER_VLLM] = "vllm",
                                      [UPSTREAM_SERVER_SGLANG] = "sglang",
                                      [UPSTREAM_SERVER_LLAMA] = "llama-server",
                                      NULL};
static const char *const providers[] = {
    [UPSTREAM_PROVIDER_USUAL] = "usual",         [UPSTREAM_PROVIDER_CEREBRAS] = "cerebras",
    [UPSTREAM_PROVIDER_DEEPSEEK] = "deepseek",   [UPSTREAM_PROVIDER_FIREWORKS] = "fireworks",
    [UPSTREAM_PROVIDER_GEMINI] = "gemini",       [UPSTREAM_PROVIDER_GROQ] = "groq",
    [UPSTREAM_PROVIDER_MISTRAL] = "mistral",     [UPSTREAM_PROVIDER_OPENROUTER] = "openrouter",
    [UPSTREAM_PROVIDER_TOGETHER] = "together",   [UPSTREAM_PROVIDER_XAI] = "xai",
    [UPSTREAM_PROVIDERS] = NULL,
};
static const char *const words[] = {[UPSTREAM_WORD_USUAL] = "usual",
                                    [UPSTREAM_WORD_NEWER] = "max_completion_tokens",
                                    [UPSTREAM_WORD_OLDER] = "max_tokens",
                                    NULL};

static const char *const batches[] = {[UPSTREAM_BATCH_USUAL] = "usual",
                                      [UPSTREAM_BATCH_SOLD] = "true",
                                      [UPSTREAM_BATCH_NOT] = "false",
                                      NULL};

static bool is_sold(struct str text)
{
    return str_eq(text, STR("flex")) || str_eq(text, STR("priority")) || str_eq(text, STR("ultrafast"));
}

static bool is_name(struct str text)
{
    return config_is_made_of(text, "._-", 64);
}

static bool is_region(struct str text)
{
    return config_is_made_of(text, "-", 64);
}

static bool is_variable(struct str text)
{
    return config_is_made_of(text, "_", 256);
}

static enum error_code read_headers(struct yaml_reader *reader, const yaml_node_t *node, void *parent)
{
    struct upstream_config *upstream = parent;
    return config_read_headers(reader, node, upstream->headers, UPSTREAM_HEADERS_MAX, &upstream->header_count);
}

static enum error_code read_retries(struct yaml_reader *reader, const yaml_node_t *node, void *parent)
{
    struct upstream_config *upstream = parent;
    uint64_t value;
    if (!str_to_u64(yaml_text_of(node), &value) || value > 10)
        return yaml_fail_at(reader, reader->path, "expected a number from 0 to 10");
    upstream->retries = (uint32_t)value + 1;
    return OK;
}

static const struct field model_fields[] = {
    {"name", FIELD_STRING, .is_required = true, FIELD_AT(upstream_model, as.name), .check = config_is_model_name,
     .expected = CONFIG_MODEL_NAME_EXPECTED},
    {"upstream_model", FIELD_STRING, FIELD_AT(upstream_model, upstream_model), .check = config_is_model_id,
     .expected = "the ID by which the upstream knows the model"},
    {"ids", FIELD_STRINGS, FIELD_LIST_AT(upstream_model, as.ids, as.id_count), .check = config_is_model_pattern,
     .expected = CONFIG_MODEL_PATTERN_EXPECTED},
    {"context", FIELD_UINT32, FIELD_AT(upstream_model, as.context), .high = CONFIG_TOKENS_MAX},
    {"max_tokens", FIELD_UINT32, FIELD_AT(upstream_model, max_tokens), .low = 1, .high = CONFIG_TOKENS_MAX},
    {"price_as", FIELD_STRING, FIELD_AT(upstream_model, as.price_as), .check = config_is_model_id,
     .expected = "the model ID whose price counts"},
    {"price", FIELD_CUSTOM, .custom = config_read_price},
    {"cache_min_tokens", FIELD_UINT32, FIELD_AT(upstream_model, as.cache_min_tokens), .low = 1,
     .high = CONFIG_TOKENS_MAX},
    {"response_cache", FIELD_PART, FIELD_AT(upstream_model, as.recall), .table = &config_recall_table},
    {"capabilities", FIELD_STRINGS, FIELD_LIST_AT(upstream_model, capabilities, capability_count),
     .check = is_capability, .expected = "one of " CAPABILITIES},
};
static const struct field_table model_table = FIELD_TABLE(model_fields, struct upstream_model);

static const char *const marks[] = {[UPSTREAM_MARKS_AUTO] = "auto", [UPSTREAM_MARKS_CLIENT] = "client", NULL};

static const struct field upstream_fields[] = {
    {"name", FIELD_STRING, .is_required = true, FIELD_AT(upstream_config, name), .check = is_name,
     .expected = "a name of up to 64 letters, digits and ._-"},
    {"kind", FIELD_CHOICE, .is_required = true, FIELD_AT(upstream_config, kind), .choices = kinds},
    {"url", FIELD_STRING, FIELD_AT(upstream_config, url), .check = config_is_url,
     .expected = "http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH]"},
    {"provider", FIELD_CHOICE, FIELD_AT(upstream_config, provider), .choices = providers},
    {"replicas", FIELD_STRINGS, FIELD_LIST_AT(upstream_config, replicas, replica_count), .check = config_is_url,
     .expected = "http://HOST[:PORT][/PATH] or https://HOST[:PORT][/PATH]"},
    {"load_bound", FIELD_REAL, FIELD_AT(upstream_config, bound)},
    {"hedge_after", FIELD_MS, FIELD_AT(upstream_config, hedge_ms), .low = 1, .high = TIMEOUT_MAX_MS},
    {"server", FIELD_CHOICE, FIELD_AT(upstream_config, server), .choices = servers},
    {"region", FIELD_STRING, FIELD_AT(upstream_config, region), .check = is_region,
     .expected = "a region, such as us-east-1"},
    {"access_key", FIELD_STRING, FIELD_AT(upstream_config, access_key), .check = is_variable,
     .expected = "the ID of an access key"},
    {"key_file", FIELD_PATH, FIELD_AT(upstream_config, key_file)},
    {"key_env", FIELD_STRING, FIELD_AT(upstream_config, key_env), .check = is_variable,
     .expected = "the name of an environment variable"},
    {"ca", FIELD_FILE, FIELD_AT(upstream_config, ca)},
    {"version", FIELD_STRING, FIELD_AT(upstream_config, version), .check = is_region,
     .expected = "a version of Anthropic's API, such as 2023-06-01"},
    {"cache_marks", FIELD_CHOICE, FIELD_AT(upstream_config, marks), .choices = marks},
    {"max_tokens_name", FIELD_CHOICE, FIELD_AT(upstream_config, max_tokens_name), .choices = words},
    {"connect_timeout", FIELD_MS, FIELD_AT(upstream_config, connect_ms), .low = 1, .high = TIMEOUT_MAX_MS},
    {"first_byte_timeout", FIELD_MS, FIELD_AT(upstream_config, first_byte_ms), .low = 1, .high = TIMEOUT_MAX_MS},
    {"idle_timeout", FIELD_MS, FIELD_AT(upstream_config, idle_ms), .low = 1, .high = TIMEOUT_MAX_MS},
    {"priced_by", FIELD_STRING, FIELD_AT(upstream_config, priced_by), .check = is_name,
     .expected = "the provider whose prices its models have, such as openai"},
    {"tiers", FIELD_STRINGS, FIELD_LIST_AT(upstream_config, tiers, tier_count), .check = is_sold,
     .expected = "flex or priority"},
    {"batch", FIELD_CHOICE, FIELD_AT(upstream_config, batch), .choices = batches},
    {"retries", FIELD_CUSTOM, .custom = read_retries},
    {"requests", FIELD_UINT32, FIELD_AT(upstream_config, requests), .low = 1, .high = UINT32_MAX},
    {"requests_per_minute", FIELD_UINT32, FIELD_AT(upstream_config, requests_per_minute), .low = 1,
     .high = UINT32_MAX},
    {"tokens_per_minute", FIELD_COUNT, FIELD_AT(upstream_config, tokens_per_minute), .low = 1,
     .high = CONFIG_VALUE_MAX},
    {"headers", FIELD_CUSTOM, .custom = read_headers},
    {"models", FIELD_OBJECTS, .is_required = true, FIELD_LIST_AT(upstream_config, models, model_count),
     .high = LIMIT_UPSTREAM_MODELS, .table = &model_table},
};
static const struct field_table upstream_table = FIELD_TABLE(upstream_fields, struct upstream_config);

static const struct field fields[] = {
    {"upstreams", FIELD_OBJECTS, FIELD_LIST_AT(upstreams_config, items, count), .high = LIMIT_UPSTREAMS,
     .table = &upstream_table},
};
static const struct field_table table = FIELD_TABLE(fields, struct upstreams_config);

/* --- what must hold between them -------------------------------------------------------------------- */

static bool stands_for(const struct config_model *model, const char *id)
{
    bool is_there = !strcmp(model->name, id);
    for (size_t i = 0; i < model->id_count; i++)
        is_there = is_there || !strcmp(model->ids[i], id);
    return is_there;
}

/* The name of the model before number `model` of upstream number `upstream` that the ID stands for; NULL: none. */
static const char *find_claim(const struct config *config, size_t upstream, size_t model, const char *id)
{
    const struct upstreams_config *upstreams = upstreams_config(config);
    for (size_t i = 0; i < config->model_count; i++)
        if (stands_for(&config->models[i], id))
            return config->models[i].name;
    if (config->model_count == 0 && !config->models && config_is_embedded_name(str_of(id)))
        return id;
    for (size_t i = 0; i <= upstream; i++)
        for (size_t k = 0; k < (i < upstream ? upstreams->items[i].model_count : model); k++)
            if (stands_for(&upstreams->items[i].models[k].as, id))
                return upstreams->items[i].models[k].as.name;
    return NULL;
}

static enum error_code check_model(struct yaml_reader *reader, const struct config *config, size_t i, size_t k)
{
    const struct config_model *model = &upstreams_config(config)->items[i].models[k].as;
    char path[96];
    const char *claim = find_claim(config, i, k, model->name);
    snprintf(path, sizeof(path), "upstreams[%zu].models[%zu].name", i, k);
    if (claim)
        return yaml_fail_at(reader, path, "'%s' already stands for model '%s'", model->name, claim);
    for (size_t j = 0; j < model->id_count; j++) {
        snprintf(path, sizeof(path), "upstreams[%zu].models[%zu].ids[%zu]", i, k, j);
        claim = find_claim(config, i, k, model->ids[j]);
        if (claim)
            return yaml_fail_at(reader, path, "'%s' already stands for model '%s'", model->ids[j], claim);
    }
    snprintf(path, sizeof(path), "upstreams[%zu].models[%zu]", i, k);
    return model->has_price && model->price_as ? yaml_fail_at(reader, path, "expected price or price_as, got both")
                                               : OK;
}

static enum error_code check_replicas(struct yaml_reader *reader, const struct upstream_config *upstream, size_t i)
{
    char path[64];
    snprintf(path, sizeof(path), "upstreams[%zu]", i);
    if (upstream->replica_count > 0 && upstream->url)
        return yaml_fail_at(reader, path, "expected url or replicas, got both");
    if (upstream->server != UPSTREAM_SERVER_ANY && upstream->kind != UPSTREAM_OPENAI)
        return yaml_fail_at(reader, path, "server is for the kind openai alone");
    if (upstream->provider != UPSTREAM_PROVIDER_USUAL && upstream->kind != UPSTREAM_OPENAI)
        return yaml_fail_at(reader, path, "provider is for the kind openai alone");
    if (upstream->provider != UPSTREAM_PROVIDER_USUAL && (upstream->url || upstream->replica_count > 0))
        return yaml_fail_at(reader, path, "expected provider, url or replicas, got two of them");
    if (upstream->hedge_ms && (upstream->server == UPSTREAM_SERVER_ANY || upstream->replica_count < 2))
        return yaml_fail_at(reader, path, "hedge_after is for several replicas of a local server, which `server` "
                                          "names: elsewhere both requests are paid");
    snprintf(path, sizeof(path), "upstreams[%zu].load_bound", i);
    if (upstream->bound != 0 && (upstream->bound < 1 || upstream->bound > LOAD_BOUND_MAX))
        return yaml_fail_at(reader, path, "expected a number from 1 to 100: so many times the mean load");
    snprintf(path, sizeof(path), "upstreams[%zu].replicas", i);
    if (upstream->replica_count > AFFINITY_REPLICAS_MAX)
        return yaml_fail_at(reader, path, "expected at most %d servers", AFFINITY_REPLICAS_MAX);
    for (size_t k = 1; k < upstream->replica_count; k++)
        for (size_t j = 0; j < k; j++)
            if (!strcmp(upstream->replicas[j], upstream->replicas[k]))
                return yaml_fail_at(reader, path, "'%s' stands there twice", upstream->replicas[k]);
    return OK;
}

static enum error_code check_batch(struct yaml_reader *reader, const struct upstream_config *upstream, size_t i)
{
    char path[64];
    snprintf(path, sizeof(path), "upstreams[%zu].batch", i);
    if (upstream->batch == UPSTREAM_BATCH_SOLD && upstream->kind == UPSTREAM_BEDROCK)
        return yaml_fail_at(reader, path, "batches go to the kinds openai and anthropic alone");
    if (upstream->batch == UPSTREAM_BATCH_SOLD && upstream->replica_count > 0)
        return yaml_fail_at(reader, path, "a batch goes to one server, not to replicas");
    return OK;
}

static enum error_code check_upstream(struct yaml_reader *reader, const struct config *config, size_t i)
{
    const struct upstreams_config *upstreams = upstreams_config(config);
    const struct upstream_config *upstream = &upstreams->items[i];
    char path[64];
    snprintf(path, sizeof(path), "upstreams[%zu]", i);
    if (upstream->key_file && upstream->key_env)
        return yaml_fail_at(reader, path, "expected key_file or key_env, got both");
    if (upstream->kind == UPSTREAM_BEDROCK && !upstream->region)
        return yaml_fail_at(reader, path, "the key 'region' is missing: requests to Bedrock are signed for one");
    if (upstream->access_key && !upstream->key_file && !upstream->key_env)
        return yaml_fail_at(reader, path, "the key 'key_file' or 'key_env' is missing: where the secret of access_key "
                                          "is");
    if (upstream->access_key && upstream->kind != UPSTREAM_BEDROCK)
        return yaml_fail_at(reader, path, "access_key is for the kind bedrock alone");
    snprintf(path, sizeof(path), "upstreams[%zu].name", i);
    if (upstream_find(upstreams, upstream->name) < i)
        return yaml_fail_at(reader, path, "'%s' is the name of an earlier upstream", upstream->name);
    if (!strcmp(upstream->name, "engine"))
        return yaml_fail_at(reader, path, "'engine' is what the ledger calls the models of this server itself");
    snprintf(path, sizeof(path), "upstreams[%zu].models", i);
    if (upstream->model_count == 0)
        return yaml_fail_at(reader, path, "expected at least one model");
    const enum error_code code = check_batch(reader, upstream, i);
    return code == OK ? check_replicas(reader, upstream, i) : code;
}

static enum error_code check(struct yaml_reader *reader, const struct config *config)
{
    const struct upstreams_config *upstreams = upstreams_config(config);
    if (config->models && config->model_count == 0 && upstreams->count == 0)
        return yaml_fail_at(reader, "models", "expected at least one model; without the key the embedded pair serves");
    for (size_t i = 0; i < upstreams->count; i++) {
        enum error_code code = check_upstream(reader, config, i);
        for (size_t k = 0; k < upstreams->items[i].model_count && code == OK; k++)
            code = check_model(reader, config, i, k);
        if (code != OK)
            return code;
    }
    return OK;
}

const struct config_section upstreams_section = {.table = &table, .check = check};

const struct upstreams_config *upstreams_config(const struct config *config)
{
    return config_part(config->parts, &upstreams_section);
}

/* --- what is known ---------------------------------------------------------------------------------- */

size_t upstream_find(const struct upstreams_config *upstreams, const char *name)
{
    for (size_t i = 0; i < upstreams->count; i++)
        if (!strcmp(upstreams->items[i].name, name))
            return i;
    return SIZE_MAX;
}

bool upstreams_have_model(const struct config *config, const char *name)
{
    const struct upstreams_config *upstreams = upstreams_config(config);
    for (size_t i = 0; i < upstreams->count; i++)
        for (size_t k = 0; k < upstreams->items[i].model_count; k++)
            if (!strcmp(upstreams->items[i].models[k].as.name, name))
                return true;
    return false;
}

enum tier upstream_tier(const struct upstream_config *upstream, enum tier asked)
{
    const bool is_usual = upstream->kind == UPSTREAM_BEDROCK ||
                          (upstream->kind == UPSTREAM_OPENAI && !upstream_is_elsewhere(upstream));
    if (asked != TIER_FLEX && asked != TIER_PRIORITY && asked != TIER_ULTRAFAST)
        return TIER_DEFAULT;
    if (!upstream->tiers) /* the dearest one is sold for few models: somebody has to say so */
        return is_usual && asked != TIER_ULTRAFAST ? asked : TIER_DEFAULT;
    for (size_t i = 0; i < upstream->tier_count; i++)
        if (!strcmp(upstream->tiers[i], tier_names[asked]))
            return asked;
    return TIER_DEFAULT;
}

bool upstream_places_marks(const struct upstream_config *upstream)
{
    return upstream->kind != UPSTREAM_OPENAI && upstream->marks == UPSTREAM_MARKS_AUTO;
}

bool upstream_sells_batch(const struct upstream_config *upstream)
{
    if (upstream->kind == UPSTREAM_BEDROCK || upstream->replica_count > 0)
        return false;
    return upstream->batch == UPSTREAM_BATCH_SOLD ||
           (upstream->batch == UPSTREAM_BATCH_USUAL && !upstream_is_elsewhere(upstream));
}

bool upstream_is_elsewhere(const struct upstream_config *upstream)
{
    return upstream->url || upstream->replica_count > 0 || upstream->provider != UPSTREAM_PROVIDER_USUAL;
}

const char *upstream_provider_url(enum upstream_provider provider)
{
    static const char *const urls[UPSTREAM_PROVIDERS] = {
        [UPSTREAM_PROVIDER_CEREBRAS] = "https://api.cerebras.ai/v1",
        [UPSTREAM_PROVIDER_DEEPSEEK] = "https://api.deepseek.com/v1",
        [UPSTREAM_PROVIDER_FIREWORKS] = "https://api.fireworks.ai/inference/v1",
        [UPSTREAM_PROVIDER_GEMINI] = "https://generativelanguage.googleapis.com/v1beta/openai",
        [UPSTREAM_PROVIDER_GROQ] = "https://api.groq.com/openai/v1",
        [UPSTREAM_PROVIDER_MISTRAL] = "https://api.mistral.ai/v1",
        [UPSTREAM_PROVIDER_OPENROUTER] = "https://openrouter.ai/api/v1",
        [UPSTREAM_PROVIDER_TOGETHER] = "https://api.together.xyz/v1",
        [UPSTREAM_PROVIDER_XAI] = "https://api.x.ai/v1",
    };
    return urls[provider];
}

const char *upstream_kind_name(enum upstream_kind kind)
{
    return kinds[kind];
}

const char *upstream_model_id(const struct upstream_model *model)
{
    return model->upstream_model ? model->upstream_model : model->as.name;
}
