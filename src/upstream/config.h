/* config.h - `upstreams:` of fulcrum.yaml: servers of others that answer for us,
 * and which of their models are ours. Secrets are not here but read when the
 * server starts (credentials.h). Read-only after start-up. */
#ifndef UPSTREAM_CONFIG_H
#define UPSTREAM_CONFIG_H

#include "core/config.h"

/* Which API it speaks. */
enum upstream_kind { UPSTREAM_OPENAI, UPSTREAM_ANTHROPIC, UPSTREAM_BEDROCK, UPSTREAM_KINDS };

/* Which program a local server is: what its metrics are called, and what it takes besides the API. */
enum upstream_server { UPSTREAM_SERVER_ANY, UPSTREAM_SERVER_VLLM, UPSTREAM_SERVER_SGLANG, UPSTREAM_SERVER_LLAMA };

/* Well-known providers that speak chat completions. */
enum upstream_provider {
    UPSTREAM_PROVIDER_USUAL, /* the kind's own */
    UPSTREAM_PROVIDER_CEREBRAS,
    UPSTREAM_PROVIDER_DEEPSEEK,
    UPSTREAM_PROVIDER_FIREWORKS,
    UPSTREAM_PROVIDER_GEMINI,
    UPSTREAM_PROVIDER_GROQ,
    UPSTREAM_PROVIDER_MISTRAL,
    UPSTREAM_PROVIDER_OPENROUTER,
    UPSTREAM_PROVIDER_TOGETHER,
    UPSTREAM_PROVIDER_XAI,
    UPSTREAM_PROVIDERS
};

/* How a maximum of tokens is called in chat completions. */
enum upstream_word { UPSTREAM_WORD_USUAL, UPSTREAM_WORD_NEWER, UPSTREAM_WORD_OLDER };

struct upstream_model {
    struct config_model as;     /* the first member: name, ids, context, price as of any model */
    const char *upstream_model; /* as the upstream calls it; NULL: by our name */
    const char **capabilities;  /* see upstream_takes */
    size_t capability_count;
    uint32_t max_tokens;        /* of a reply whose request gives no maximum; 0: what the upstream makes of that */
};

#define UPSTREAM_HEADERS_MAX 16

/* Whether it sells batches of its own. */
enum upstream_batch { UPSTREAM_BATCH_USUAL, UPSTREAM_BATCH_SOLD, UPSTREAM_BATCH_NOT };

/* Who places the marks of the prompt cache where a provider keeps only what is marked. */
enum upstream_marking { UPSTREAM_MARKS_AUTO, UPSTREAM_MARKS_CLIENT };

struct upstream_config {
    const char *name;
    enum upstream_kind kind;
    enum upstream_provider provider;
    const char *url;        /* NULL: the provider's own, or there are replicas */
    const char **replicas;  /* URLs of servers that are all the same, instead of `url` */
    size_t replica_count;
    double bound;           /* of their load, over the mean; 0: the usual one */
    enum upstream_server server;
    uint64_t hedge_ms;      /* after which another replica is asked too; 0: none ever is */
    const char *region;     /* of Bedrock */
    const char *access_key; /* of Bedrock: the ID whose secret the key is; NULL: the key is an API key */
    const char *key_file, *key_env; /* where the secret is; both NULL: none is needed */
    const char *ca;         /* file of certificates that are trusted instead of the system's; NULL: the system's */
    const char *version;    /* of Anthropic's API; NULL: the client's, or 2023-06-01 */
    enum upstream_word max_tokens_name;
    uint64_t connect_ms, first_byte_ms, idle_ms; /* timeouts; 0: the usual ones */
    const char *priced_by;  /* the provider whose prices its models have; NULL: upstream_provider says */
    const char **tiers;     /* that it sells; NULL: the usual ones */
    size_t tier_count;
    enum upstream_batch batch;
    enum upstream_marking marks;
    uint32_t retries;       /* plus one; 0: the usual number */
    uint32_t requests;      /* at once; 0: any number */
    uint32_t requests_per_minute;
    uint64_t tokens_per_minute;
    const char *headers[UPSTREAM_HEADERS_MAX]; /* "NAME: VALUE" */
    size_t header_count;
    struct upstream_model *models;
    size_t model_count;
};

struct upstreams_config {
    struct upstream_config *items;
    size_t count;
};
extern const struct config_section upstreams_section;
const struct upstreams_config *upstreams_config(const struct config *config);

/* The number of the upstream of that name; SIZE_MAX: there is none. */
size_t upstream_find(const struct upstreams_config *upstreams, const char *name);

/* Whether a model of some upstream has this name. */
bool upstreams_have_model(const struct config *config, const char *name);

/* Not at the provider whose API the kind is. */
bool upstream_is_elsewhere(const struct upstream_config *upstream);

const char *upstream_provider_url(enum upstream_provider provider); /* NULL: the kind's own */

const char *upstream_kind_name(enum upstream_kind kind);
const char *upstream_model_id(const struct upstream_model *model); /* as the upstream calls it */

/* What a request may need and get there: bits of chat/traits.h. Without `capabilities` all that its API can say. */
uint32_t upstream_takes(const struct upstream_config *upstream, const struct upstream_model *model);
/* The tier that a request which asks for `asked` is served in, and charged as: what it does not sell is default. */
enum tier upstream_tier(const struct upstream_config *upstream, enum tier asked);

/* Whether this program marks prompts of those who mark nothing: where the API keeps only what is marked. */
bool upstream_places_marks(const struct upstream_config *upstream);

/* Whether batch jobs go there as batches of its own, at its batch price: OpenAI's and Anthropic's own API, and servers
 * that are said to have one. */
bool upstream_sells_batch(const struct upstream_config *upstream);

/* The provider whose price list its models are in, by `priced_by`, its URL or its kind; NULL: nobody knows one. */
const char *upstream_provider(const struct upstream_config *upstream);

/* Whether chat completions of the model take marks of cache points on their parts. */
bool upstream_takes_cache_points(const struct upstream_model *model);

#define UPSTREAM_CONNECT_MS 5000
#define UPSTREAM_FIRST_BYTE_MS 600000
#define UPSTREAM_IDLE_MS 120000
#define UPSTREAM_RETRIES 2 /* besides the first try */

#endif
