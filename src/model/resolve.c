/* resolve.c - from a model ID as somebody sent it to a model. The order
 * of what counts stands in docs/CONFIGURATION.md. */
#include "model/resolve.h"

#include <string.h>
#include "cache/config.h"
#include "core/arn.h"
#include "model/replies.h"

#include <stdio.h>

#define MODEL_ID_MAX 2048     /* the service's own bound */
#define GEOGRAPHY_MAX_LEN 8   /* of a prefix that no list has */

/* --- forms of one ID --- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* `id` without ":200k" and the like, the length of a context; itself when it has none. */
static struct str without_context(struct str id)
{
    size_t end = id.len;
    if (end < 3 || id.data[end - 1] != 'k')
        return id;
    end--;
    size_t digits = end;
    while (digits > 0 && is_digit(id.data[digits - 1]))
        digits--;
    return digits < end && digits > 0 && id.data[digits - 1] == ':' ? str_slice(id, 0, digits - 1) : id;
}

/* `id` without a digit behind `mark` at its end (":0", "-v1"); itself when it has none. */
static struct str without_version(struct str id, const char *mark)
{
    size_t len = strlen(mark);
    if (id.len < len + 2 || !is_digit(id.data[id.len - 1]))
        return id;
    struct str rest = str_slice(id, 0, id.len - 1);
    return str_ends(rest, str_of(mark)) ? str_slice(rest, 0, rest.len - len) : id;
}

/* The entry that is `id` and ":0". */
static const struct catalog_entry *find_with_revision(const struct catalog *catalog, struct str id)
{
    char longer[256];
    if (id.len + 2 > sizeof(longer))
        return NULL;
    memcpy(longer, id.data, id.len);
    memcpy(longer + id.len, ":0", 2);
    return catalog_find(catalog, (struct str){longer, id.len + 2});
}

/* The entry of a bare ID. Lists that circulate write a context's length behind it, leave its revision out, or add
 * one; where the ID as it stands is nobody's, those are the same. */
static const struct catalog_entry *find_entry(const struct catalog *catalog, struct str id)
{
    const struct catalog_entry *entry = id.len ? catalog_find(catalog, id) : NULL;
    struct str shorter = without_context(id);
    if (!entry && shorter.len && shorter.len < id.len)
        entry = catalog_find(catalog, shorter);
    if (!entry && id.len)
        entry = find_with_revision(catalog, id);
    shorter = without_version(shorter, ":");
    if (!entry && shorter.len)
        entry = catalog_find(catalog, shorter);
    shorter = without_version(shorter, "-v");
    if (!entry && shorter.len)
        entry = catalog_find(catalog, shorter);
    return entry;
}

/* What is before the first dot, if it looks like the name of a geography. */
static bool could_be_geography(struct str head)
{
    for (size_t i = 0; i < head.len; i++) {
        if ((head.data[i] < 'a' || head.data[i] > 'z') && head.data[i] != '-')
            return false;
    }
    return head.len >= 2 && head.len <= GEOGRAPHY_MAX_LEN;
}

/* One ID in all forms that matter. */
struct id_forms {
    struct str asked, bare, place;
    const struct catalog_entry *entry; /* NULL: the catalogue doesn't know it */
};

static struct id_forms forms_of(const struct catalog *catalog, struct str id)
{
    struct id_forms forms = {.asked = id, .bare = catalog_bare_id(id)};
    forms.entry = find_entry(catalog, forms.bare);
    ptrdiff_t dot = str_find_char(id, '.', 0);
    if (!forms.entry && forms.bare.len == id.len && dot > 0 && could_be_geography(str_slice(id, 0, (size_t)dot))) {
        struct str rest = str_slice(id, (size_t)dot + 1, id.len);
        forms.entry = find_entry(catalog, rest);
        if (forms.entry)
            forms.bare = rest;
    }
    if (forms.bare.len < id.len)
        forms.place = str_slice(id, 0, id.len - forms.bare.len - 1);
    return forms;
}

/* --- what is said of models --- */

bool catalog_is_pattern(struct str pattern)
{
    return str_find_char(pattern, '*', 0) >= 0;
}

bool catalog_pattern_fits(struct str pattern, struct str id)
{
    size_t at = 0, in = 0, star = SIZE_MAX, retry = 0;
    while (in < id.len) {
        if (at < pattern.len && pattern.data[at] == '*') {
            star = at++;
            retry = in;
        } else if (at < pattern.len && pattern.data[at] == id.data[in]) {
            at++;
            in++;
        } else if (star != SIZE_MAX) {
            at = star + 1;
            in = ++retry;
        } else {
            return false;
        }
    }
    while (at < pattern.len && pattern.data[at] == '*')
        at++;
    return at == pattern.len;
}

/* Characters that a pattern asks for; 0: the last resort. */
static size_t specificity(struct str pattern)
{
    size_t count = 0;
    for (size_t i = 0; i < pattern.len; i++)
        count += pattern.data[i] != '*';
    return count;
}

/* NULL: none. Only `ids` stand for service IDs, which have geographies; a name is ours and must match as
 * it is. */
static const struct model *find_exact(const struct model_list *list, struct str id, bool ignores_geography)
{
    struct str bare = catalog_bare_id(id);
    for (size_t i = 0; i < list->count; i++) {
        const struct model *model = list->models[i];
        if (!ignores_geography && str_eq(id, str_of(model->name)))
            return model;
        for (size_t j = 0; j < model->id_count; j++) {
            struct str known = str_of(model->ids[j]);
            if (ignores_geography ? str_eq(bare, catalog_bare_id(known)) : str_eq(id, known))
                return model;
        }
    }
    return NULL;
}

static const struct model *find_name(const struct model_list *list, const char *name)
{
    for (size_t i = 0; name && i < list->count; i++) {
        if (!strcmp(list->models[i]->name, name))
            return list->models[i];
    }
    return NULL;
}

static bool fits_any(struct str pattern, const struct id_forms *forms)
{
    return catalog_pattern_fits(pattern, forms->asked) || catalog_pattern_fits(pattern, forms->bare) ||
           (forms->entry && catalog_pattern_fits(pattern, str_of(forms->entry->id)));
}

/* The most specific pattern, the first of equals; *found tells which. With `last_resort` those of `*` alone, else all
 * others. */
static const struct model *find_pattern(const struct model_list *list, const struct id_forms *forms, bool last_resort,
                                        const char **found)
{
    const struct model *best = NULL;
    size_t most = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct model *model = list->models[i];
        for (size_t j = 0; j < model->id_count; j++) {
            struct str pattern = str_of(model->ids[j]);
            size_t weight = specificity(pattern);
            if (!catalog_is_pattern(pattern) || (weight == 0) != last_resort || (best && weight <= most) ||
                !fits_any(pattern, forms))
                continue;
            best = model;
            most = weight;
            *found = model->ids[j];
        }
    }
    return best;
}

static const struct model *find_exact_form(const struct model_list *list, const struct id_forms *forms)
{
    const struct model *model = find_exact(list, forms->asked, false);
    if (!model)
        model = find_exact(list, forms->asked, true);
    if (!model && forms->entry)
        model = find_exact(list, str_of(forms->entry->id), true);
    return model;
}

/* NULL: none; *pattern is set when one led there. */
static const struct model *find_model(const struct model_list *list, const struct id_forms *forms,
                                      const char **pattern)
{
    *pattern = NULL;
    const struct model *model = find_exact_form(list, forms);
    if (!model && forms->entry && forms->entry->makes != MAKES_TEXT)
        return NULL;
    if (!model)
        model = find_pattern(list, forms, false, pattern);
    if (!model && forms->entry)
        model = find_name(list, forms->entry->model);
    return model ? model : find_pattern(list, forms, true, pattern);
}

/* --- resolving --- */

static enum body_shape body_of(const struct id_forms *forms)
{
    static const struct {
        const char *prefix;
        enum body_shape body;
    } families[] = {
        {"anthropic.", BODY_ANTHROPIC}, {"amazon.nova", BODY_NOVA}, {"amazon.titan", BODY_TITAN},
        {"ai21.j2", BODY_JURASSIC},
        {"meta.llama", BODY_LLAMA},     {"mistral.", BODY_MISTRAL}, {"cohere.", BODY_COHERE},
        {"ai21.", BODY_CHAT},           {"deepseek.", BODY_CHAT},   {"openai.", BODY_CHAT},
        {"qwen.", BODY_CHAT},           {"writer.", BODY_CHAT},     {"google.", BODY_CHAT},
        {"minimax.", BODY_CHAT},        {"moonshot", BODY_CHAT},    {"nvidia.", BODY_CHAT},
        {"zai.", BODY_CHAT},            {"xai.", BODY_CHAT},
    };
    struct str bare = forms->bare;
    if (forms->entry)
        return forms->entry->body;
    if (str_starts(bare, STR(MODEL_CUSTOM_PREFIX))) /* asked as its base is */
        bare = str_slice(bare, sizeof(MODEL_CUSTOM_PREFIX) - 1, bare.len);
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        if (str_starts(bare, str_of(families[i].prefix)))
            return families[i].body;
    }
    return BODY_CONVERSE;
}

static enum error_code fail_unknown(struct error *error)
{
    return error_set(error, ERROR_INVALID, "The provided model identifier is invalid.");
}

static enum error_code fail_makes(const struct catalog_entry *entry, struct error *error)
{
    static const char *const what[] = {
        [MAKES_TEXT] = "text",     [MAKES_EMBEDDINGS] = "embeddings",      [MAKES_RANKS] = "rankings",
        [MAKES_IMAGES] = "images", [MAKES_VIDEO] = "video",                [MAKES_SPEECH] = "speech",
        [MAKES_OF_VIDEO] = "text about videos",
    };
    return error_set(error, ERROR_INVALID,
                     "modelId: %s (%s) makes %s; the models of this server read and write text only", entry->id,
                     entry->name, what[entry->makes]);
}

static void fill(struct catalog_match *match, const struct id_forms *forms, const struct model *model)
{
    *match = (struct catalog_match){
        .model = model,
        .body = body_of(forms),
        .entry = forms->entry,
        .id = forms->entry ? str_of(forms->entry->id) : forms->bare,
        .place = forms->place,
    };
}

/* ERROR_NOT_FOUND, without a message: nobody knows `id`. */
static enum error_code match_id(const struct catalog *catalog, const struct model_list *list, struct str id,
                                struct catalog_match *match, struct error *error)
{
    const char *pattern;
    struct id_forms forms = forms_of(catalog, id);
    const struct model *model = find_model(list, &forms, &pattern);
    if (model)
        fill(match, &forms, model);
    else if (forms.entry && forms.entry->makes != MAKES_TEXT)
        return fail_makes(forms.entry, error);
    return model ? OK : ERROR_NOT_FOUND;
}

/* A whole ARN that stands in `ids`, or fits a pattern that begins as one. */
static const struct model *find_arn(const struct model_list *list, struct str arn)
{
    const struct model *model = find_exact(list, arn, false);
    for (size_t i = 0; i < list->count && !model; i++) {
        const struct model *candidate = list->models[i];
        for (size_t j = 0; j < candidate->id_count && !model; j++) {
            struct str pattern = str_of(candidate->ids[j]);
            if (str_starts(pattern, STR("arn:")) && catalog_pattern_fits(pattern, arn))
                model = candidate;
        }
    }
    return model;
}

static enum error_code resolve_arn(const struct catalog *catalog, const struct model_list *list, struct str arn,
                                   struct catalog_match *match, struct error *error)
{
    struct arn parts;
    if (!arn_split(arn, &parts))
        return fail_unknown(error);
    struct id_forms forms = forms_of(catalog, parts.id);
    const struct model *model = find_arn(list, arn);
    bool is_system = str_eq(parts.type, STR("foundation-model")) || str_eq(parts.type, STR("inference-profile"));
    if (!model && !is_system)
        model = find_exact_form(list, &forms);
    if (model) {
        fill(match, &forms, model);
        return OK;
    }
    if (!is_system)
        return error_set(error, ERROR_NOT_FOUND,
                         "Could not resolve the foundation model from the provided model identifier.");
    enum error_code code = match_id(catalog, list, parts.id, match, error);
    return code == ERROR_NOT_FOUND ? fail_unknown(error) : code;
}

enum error_code catalog_resolve(const struct catalog *catalog, const struct registry *registry, struct str id,
                                struct catalog_match *match, struct error *error)
{
    const struct model_list *list = registry_list(registry);
    if (id.len == 0 || id.len > MODEL_ID_MAX)
        return fail_unknown(error);
    if (str_starts(id, STR("arn:")))
        return resolve_arn(catalog, list, id, match, error);
    enum error_code code = match_id(catalog, list, id, match, error);
    return code == ERROR_NOT_FOUND ? fail_unknown(error) : code;
}

/* --- all IDs of a model --- */

static bool is_own_id(const struct model *model, const char *id)
{
    for (size_t i = 0; i < model->id_count; i++)
        if (strcmp(model->ids[i], id) == 0)
            return true;
    return false;
}

void catalog_each_id(const struct catalog *catalog, const struct registry *registry, const struct model *model,
                     void (*each)(void *ctx, const char *id), void *ctx)
{
    for (size_t i = 0; i < model->id_count; i++)
        each(ctx, model->ids[i]);
    for (size_t i = 0; i < catalog->count; i++) {
        const char *id = catalog->entries[i].id;
        struct catalog_match match;
        struct error ignored;
        if (!is_own_id(model, id) && catalog_resolve(catalog, registry, str_of(id), &match, &ignored) == OK &&
            match.model == model)
            each(ctx, id);
    }
}

/* --- patterns that never count --- */

static bool leads_by(const struct catalog *catalog, const struct model_list *list, struct str id,
                     const struct model *model, const char *pattern)
{
    const char *found;
    struct id_forms forms = forms_of(catalog, id);
    return find_model(list, &forms, &found) == model && found == pattern;
}

bool catalog_pattern_is_used(const struct catalog *catalog, const struct registry *registry, const struct model *model,
                             const char *pattern)
{
    const struct model_list *list = registry_list(registry);
    char id[256];
    for (size_t i = 0; i < catalog->count; i++) {
        const struct catalog_entry *entry = &catalog->entries[i];
        if (leads_by(catalog, list, str_of(entry->id), model, pattern))
            return true;
        for (size_t j = 0; j < entry->profile_count; j++) {
            int len = snprintf(id, sizeof(id), "%s.%s", entry->profiles[j], entry->id);
            if (len > 0 && (size_t)len < sizeof(id) &&
                leads_by(catalog, list, (struct str){id, (size_t)len}, model, pattern))
                return true;
        }
    }
    return false;
}

/* --- what cards say --- */

uint32_t catalog_cache_min_tokens(const struct config *config, const struct catalog_match *match)
{
    if (match->model->config->cache_min_tokens)
        return match->model->config->cache_min_tokens;
    return match->entry && match->entry->cache_min_tokens ? match->entry->cache_min_tokens
                                                          : cache_config(config)->min_tokens;
}

uint32_t catalog_cache_ttl_max_seconds(const struct catalog_match *match)
{
    return match->entry ? (uint32_t)(match->entry->cache_ttl_max_ms / 1000) : 0;
}

uint32_t catalog_default_reply_tokens(const struct config *config, const struct catalog_match *match)
{
    const uint32_t most = reply_config(config)->max_tokens;
    if (most == 0)
        return 0;
    return match->entry && match->entry->max_output ? match->entry->max_output : most;
}
