/* words.c - see words.h. Computes nothing but what a sentence needs. */
#include "advise/words.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#define QUOTE_BYTES 60 /* of a prompt, in a sentence */

uint32_t advice_best_group(const struct advice *advice, enum plan_lever lever)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < advice->intake.group_count; i++) {
        const double saved = advice->plan.groups[i].saved[lever];
        if (saved > 0 && (best == UINT32_MAX || saved > advice->plan.groups[best].saved[lever]))
            best = i;
    }
    return best;
}

uint32_t advice_best_cluster(const struct advice *advice, enum plan_lever lever)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < INTAKE_CLUSTERS; i++) {
        const double saved = advice->plan.clusters[i].saved[lever];
        if (saved > 0 && (best == UINT32_MAX || saved > advice->plan.clusters[best].saved[lever]))
            best = i;
    }
    return best;
}

/* --- pieces of sentences ------------------------------------------------------------------------------ */

struct words {
    char *text; /* [ADVICE_TEXT] */
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void say(struct words *words, const char *format, ...)
{
    va_list args;
    const size_t room = ADVICE_TEXT - words->len;
    va_start(args, format);
    const int len = vsnprintf(words->text + words->len, room, format, args);
    va_end(args);
    if (len > 0)
        words->len += (size_t)len < room ? (size_t)len : room - 1;
}

/* Text of a prompt on one line, cut behind a whole character; what is no text becomes a space. */
static void say_quoted(struct words *words, struct str text)
{
    char line[QUOTE_BYTES + 1];
    struct str part = str_slice(text, 0, QUOTE_BYTES);
    part.len = str_utf8_valid_len(part);
    for (size_t i = 0; i < part.len; i++)
        line[i] = (unsigned char)part.data[i] < 0x20 || part.data[i] == 0x7f ? ' ' : part.data[i];
    line[part.len] = '\0';
    say(words, "\"%s%s\"", line, part.len < text.len ? "..." : "");
}

/* 12,345 */
static void say_number(struct words *words, double number)
{
    char digits[32], out[48];
    const int len = snprintf(digits, sizeof(digits), "%.0f", fmax(0, number));
    size_t used = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
    say(words, "%s", out);
}

static void say_dollars(struct words *words, double pico)
{
    const double dollars = advice_dollars(pico);
    say(words, dollars >= 100 ? "$%.0f" : dollars >= 1 ? "$%.2f" : "$%.4g", dollars);
}

static void say_group(struct words *words, const struct group *group)
{
    say(words, "%s", group->model[0] ? group->model : "a model that is not named");
    if (group->tenant[0])
        say(words, " of %s", group->tenant);
}

static const char *head_name(const struct template *template)
{
    return template->is_system ? "the system prompt" : "the first message";
}

static void say_requests(struct words *words, const struct advice *advice, uint32_t cluster)
{
    const struct plan_cluster *found = &advice->plan.clusters[cluster];
    say(words, "requests to ");
    say_group(words, &advice->intake.groups[found->group]);
    if (cluster >= LIMIT_ADVISE_TEMPLATES)
        return;
    const struct template *template = templates_at(advice->intake.templates, (uint16_t)cluster);
    say(words, " whose %s begins ", template->is_system ? "system prompt" : "first message");
    say_quoted(words, (struct str){template->text, template->len});
}

/* --- the cache ------------------------------------------------------------------------------------------ */

static double share_of(double part, double whole)
{
    return whole > 0 ? 100 * part / whole : 0;
}

static bool any_body(const struct advice *advice)
{
    for (uint32_t i = 0; i < advice->intake.group_count; i++)
        if (advice->plan.groups[i].with_body > 0)
            return true;
    return false;
}

static void cache_nothing(const struct advice *advice, struct words *why)
{
    double tokens = 0, read = 0;
    bool has_price = false;
    for (uint32_t i = 0; i < advice->intake.group_count; i++) {
        tokens += advice->plan.groups[i].prompt_tokens;
        read += advice->plan.groups[i].read_today;
        has_price = has_price || advice->intake.groups[i].price.has_cache;
    }
    if (!any_body(advice))
        say(why, "the log has no prompts, so no prefix can be compared");
    else if (!has_price)
        say(why, "no model of the log has a price for cached tokens");
    else if (read > 0)
        say(why, "%.0f%% of the prompt tokens are read from the cache already, and no other marks would save more",
            share_of(read, tokens));
    else
        say(why, "no beginning of a prompt that is long enough comes again before it would be dropped");
}

static void cache_tools(const struct advice *advice, uint32_t cluster, struct words *where)
{
    if (cluster_is_reordered(&advice->intake.clusters[cluster]))
        say(where, "; the tools stand in another order from request to request, which breaks the prefix today: sort "
                   "them");
}

/* Of a prompt that is marked before what changes only that is named which one may not have known of. */
static void cache_break(const struct template *template, enum replay_head head, struct words *where)
{
    const struct template_span *broken = template_break(template);
    if (!broken || head == HEAD_WHOLE || (head == HEAD_SPLIT && broken->kind >= CHANGE_TEXT))
        return;
    say(where, "; %s at character %" PRIu32 " of %s (", template_change_names[broken->kind],
        template_character(template, broken->start), head_name(template));
    say_quoted(where, str_of(broken->example));
    say(where, head == HEAD_FIXED ? ") breaks the prefix today: move it behind the mark"
                                  : ") breaks the prefix today: it stays behind the mark");
    unsigned others = 0;
    for (unsigned i = 0; i < template->span_count; i++)
        others += &template->spans[i] != broken && template->spans[i].kind != CHANGE_TAIL &&
                  template->spans[i].count * 20 >= template->count;
    if (others > 0)
        say(where, ", with %u more place%s like it", others, others > 1 ? "s" : "");
}

static void cache_mark(const struct advice *advice, uint32_t cluster, const struct plan_group *group,
                       struct words *where)
{
    const struct plan_cluster *found = &advice->plan.clusters[cluster];
    const struct replay_policy *policy = &replay_policies[group->policy];
    if (cluster >= LIMIT_ADVISE_TEMPLATES) {
        say(where, policy->has_tail ? "behind the last message of each turn, for the next one to read"
                                    : "behind the tools and what follows them at the beginning of each prompt");
        say(where, ", in requests to ");
        say_group(where, &advice->intake.groups[found->group]);
        return;
    }
    const struct template *template = templates_at(advice->intake.templates, (uint16_t)cluster);
    const double requests = (double)found->requests;
    const uint32_t stable = template_stable(template);
    const bool is_whole = policy->head != HEAD_SPLIT ||
                          (stable + stable / 32 >= template->whole && !template_break(template));
    if (is_whole && template->is_system)
        say(where, "behind the system prompt");
    else if (policy->head == HEAD_FIXED)
        say(where, "behind what the first message always says");
    else
        say(where, "behind the first %" PRIu32 " characters of %s", template_character(template, stable),
            head_name(template));
    if (policy->has_tail)
        say(where, " and behind the last message");
    say(where, ", about ");
    const uint32_t bytes = policy->head == HEAD_FIXED ? template_fixed(template) : is_whole ? template->len : stable;
    const double per_byte = found->tokens / requests / fmax(1, template->whole);
    say_number(where, round(fmin(per_byte, 0.5) * bytes / 10) * 10);
    say(where, " tokens, shared by ");
    say_number(where, requests);
    say(where, " of ");
    say_number(where, (double)group->requests);
    say(where, " requests to ");
    say_group(where, &advice->intake.groups[found->group]);
}

static void write_cache(const struct advice *advice, struct words *why, struct words *where)
{
    const uint32_t best = advice_best_group(advice, PLAN_CACHE);
    const uint32_t cluster = advice_best_cluster(advice, PLAN_CACHE);
    if (best == UINT32_MAX || cluster == UINT32_MAX) {
        cache_nothing(advice, why);
        return;
    }
    const struct plan_group *group = &advice->plan.groups[best];
    const struct replay_policy *policy = &replay_policies[group->policy];
    say(why, "%.0f%% of the prompt tokens of ", share_of(group->read_then, group->prompt_tokens));
    say_group(why, &advice->intake.groups[best]);
    say(why, " would be read from the cache, today %.0f%%", share_of(group->read_today, group->prompt_tokens));
    if (group->read_marks > 0)
        say(why, " (%.0f%% by a replay with the marks as they are)", share_of(group->read_marks, group->prompt_tokens));
    say(why, "; kept for %s after the last use, writes paid", policy->is_hour ? "an hour" : "five minutes");
    cache_mark(advice, cluster, group, where);
    if (policy->head == HEAD_FIXED)
        cache_tools(advice, cluster, where);
    if (cluster < LIMIT_ADVISE_TEMPLATES)
        cache_break(templates_at(advice->intake.templates, (uint16_t)cluster), policy->head, where);
}

/* --- the others ------------------------------------------------------------------------------------------- */

static bool any_small(const struct advice *advice)
{
    for (uint32_t i = 0; i < advice->intake.group_count; i++)
        if (advice->intake.groups[i].price.small)
            return true;
    return false;
}

static double labels_of(const struct advise_router *router)
{
    double labels = 0;
    for (size_t i = 0; i < router->count; i++)
        labels += router->candidates[i].judged;
    return labels;
}

static void write_named_router(const struct advice *advice, const struct plan_group *group, struct words *why,
                               struct words *where)
{
    const struct advise_router *router = advice->intake.router;
    const double labels = labels_of(router);
    say(why, " the router %s would send %.0f%% to another model", router->name,
        share_of(group->routed, (double)group->requests));
    if (router->below > 0) {
        say(why, " and have %.0f%% of those answers made again", share_of(group->again, group->routed));
        if (labels > 0)
            say(why, ", as %.0f labels of its shadow say", labels);
        else
            say(why, "; how sure a model is of its answers nobody knows before it has answered, so this may be far "
                     "off: a shadow of 2%% would tell, and costs ");
        if (labels == 0)
            say_dollars(why, group->shadow);
    }
    say(where, "the router %s in place of the model ID", router->name);
}

static void write_route(const struct advice *advice, struct words *why, struct words *where)
{
    const uint32_t best = advice_best_group(advice, PLAN_ROUTE);
    if (best == UINT32_MAX) {
        if (!any_small(advice))
            say(why, "no model of the log has a cheaper one in its family");
        else if (!any_body(advice))
            say(why, "the log has no prompts for the predictor to read");
        else
            say(why, "the predictor would send nothing to a cheaper model, or a student takes it (distill)");
        return;
    }
    const struct plan_group *group = &advice->plan.groups[best];
    const struct group *of = &advice->intake.groups[best];
    say(why, "of the prompts to ");
    say_group(why, of);
    if (advice->intake.router) {
        write_named_router(advice, group, why, where);
        return;
    }
    say(why, " the predictor would send %.0f%% to %s", share_of(group->routed, (double)group->requests),
        of->price.small->id);
    say(why, "; to be sure, a shadow of 2%% of them costs ");
    say_dollars(why, group->shadow);
    say(where, "a router over %s and %s in place of the model ID", of->price.row->id, of->price.small->id);
}

static void write_distill(const struct advice *advice, struct words *why, struct words *where)
{
    const uint32_t best = advice_best_cluster(advice, PLAN_DISTILL);
    if (best != UINT32_MAX && advice->plan.student) {
        say_number(why, (double)advice->plan.clusters[best].requests);
        say(why, " requests would go to a student at the price of %s", advice->plan.student->id);
        say_requests(where, advice, best);
        return;
    }
    if (best == UINT32_MAX) {
        say(why, any_body(advice) ? "no %d and more alike prompts have answers of few kinds"
                                  : "the log has no prompts and answers (%d and more alike ones are needed)", 200);
        return;
    }
    const struct plan_cluster *cluster = &advice->plan.clusters[best];
    const double per_request = cluster->saved[PLAN_DISTILL] / (double)cluster->requests;
    say_number(why, (double)cluster->requests);
    say(why, " alike prompts have about %.0f kind%s of answers (entropy %.1f bits), which cover %.0f%% of them",
        fmax(1, round(cluster->alike.kinds)), cluster->alike.kinds >= 1.5 ? "s" : "", cluster->alike.entropy,
        100 * cluster->alike.coverage);
    say(why, "; a student at the price of %s has paid its comparison with the teacher after ",
        advice->intake.groups[cluster->group].price.small->id);
    say_number(why, ceil(cluster->effort / fmax(1, per_request)));
    say(why, " requests");
    say_requests(where, advice, best);
}

static void write_batch(const struct advice *advice, struct words *why, struct words *where)
{
    struct arrival_facts facts;
    if (advice_best_group(advice, PLAN_BATCH) == UINT32_MAX || !arrivals_largest(advice->plan.arrivals, &facts)) {
        if (advice->plan.untimed == advice->plan.requests && advice->plan.requests > 0)
            say(why, "the log has no times");
        else
            say(why, "no requests come in bursts at the same time of day, unstreamed and outside of conversations");
        return;
    }
    say_number(why, (double)facts.requests);
    say(why, " requests come in bursts from about %02u:%02u UTC on, ", facts.hour, facts.minute);
    if (facts.days > 1)
        say(why, "on %u days, ", facts.days);
    say(why, "not streamed, without a next turn: nobody waits for them; as a batch job or in the tier flex they "
             "cost half");
    say_requests(where, advice, facts.cluster);
}

static const char *const assumptions[PLAN_LEVERS] = {
    [PLAN_ROUTE] = "The shipped predictor, which was trained on questions of many subjects, is as right about these "
                   "prompts, and where it is unsure half of them may go.",
    [PLAN_DISTILL] = "A student answers as its teacher does what came again and again, and the rest stays with the "
                     "teacher.",
    [PLAN_CACHE] = "Requests come as they came, one cache serves all of a tenant's requests to a model, and tokens of "
                   "a prefix are in proportion to its bytes.",
    [PLAN_BATCH] = "Requests of a burst can wait some hours for their answers.",
};

void advice_write_words(struct advice *advice)
{
    static const char *const names[PLAN_LEVERS] = {"route", "distill", "cache", "batch"};
    static void (*const writers[PLAN_LEVERS])(const struct advice *, struct words *, struct words *) = {
        write_route, write_distill, write_cache, write_batch};
    for (unsigned i = 0; i < PLAN_LEVERS; i++) {
        struct advice_lever *lever = &advice->levers[i];
        struct words why = {lever->why, 0}, where = {lever->where, 0};
        lever->name = names[i];
        lever->assumes = assumptions[i];
        writers[i](advice, &why, &where);
    }
}
