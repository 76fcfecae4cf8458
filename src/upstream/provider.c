/* provider.c - whose price list an upstream's models are in. Reads no prices. See config.h. */
#include <string.h>

#include "core/util.h"
#include "upstream/config.h"

/* Hosts of providers that prices/providers.yaml has, by their names there. */
static const struct {
    const char *host, *provider;
} hosts[] = {
    {"api.openai.com", "openai"},
    {"api.anthropic.com", "anthropic"},
    {"generativelanguage.googleapis.com", "gemini"},
    {"api.deepseek.com", "deepseek"},
    {"api.mistral.ai", "mistral"},
    {"api.groq.com", "groq"},
    {"api.x.ai", "xai"},
    {"api.together.xyz", "together"},
    {"api.together.ai", "together"},
    {"api.fireworks.ai", "fireworks"},
    {"api.cerebras.ai", "cerebras"},
    {"api.moonshot.ai", "moonshot"},
    {"api.moonshot.cn", "moonshot"},
};

/* Of https://HOST[:PORT][/PATH]. */
static struct str host_of(const char *url)
{
    const char *begin = strstr(url, "://");
    begin = begin ? begin + 3 : url;
    return (struct str){begin, strcspn(begin, ":/?")};
}

const char *upstream_provider(const struct upstream_config *upstream)
{
    if (upstream->priced_by)
        return upstream->priced_by;
    if (upstream->replica_count > 0)
        return NULL;
    const char *url = upstream->url ? upstream->url : upstream_provider_url(upstream->provider);
    if (!url)
        return upstream->kind == UPSTREAM_OPENAI ? "openai" : upstream->kind == UPSTREAM_ANTHROPIC ? "anthropic" : NULL;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        if (str_eq_nocase(host_of(url), str_of(hosts[i].host)))
            return hosts[i].provider;
    return NULL;
}
