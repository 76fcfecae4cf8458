/* apply.c - the fulcrum.yaml that pulls the levers of an advice. See report.h.
 *
 * Names out of a log are hostile text: they stand in quotes, escaped, or not at all. */
#include "advise/report.h"

#include <inttypes.h>

#include "advise/words.h"


/* A double-quoted scalar; JSON's escapes are YAML's. */
static void append_quoted(struct buf *out, const char *text)
{
    buf_append_json(out, str_of(text));
}

/* The next character of a comment: what would end its line, or is none that YAML takes, becomes a question mark. */
static void append_character(struct buf *out, struct str *rest)
{
    const unsigned char first = (unsigned char)*rest->data;
    const size_t wanted = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    const struct str character = str_slice(*rest, 0, wanted);
    const bool is_whole = character.len == wanted && str_is_utf8(character);
    const bool is_control = first < 0x20 || first == 0x7f ||
                            (first == 0xc2 && is_whole && (unsigned char)character.data[1] < 0xa0);
    const bool is_break = str_starts(character, STR("\xe2\x80\xa8")) || str_starts(character, STR("\xe2\x80\xa9")) ||
                          str_starts(character, STR("\xef\xbb\xbf")) || str_starts(character, STR("\xef\xbf\xbe")) ||
                          str_starts(character, STR("\xef\xbf\xbf"));
    if (is_whole && !is_control && !is_break)
        buf_append_str(out, character);
    else
        buf_append_char(out, '?');
    *rest = str_slice(*rest, is_whole ? wanted : 1, rest->len);
}

/* Sentences as comments, one line each. */
static void append_comment(struct buf *out, const char *text)
{
    size_t column = 0;
    struct str rest = str_of(text), word;
    while (str_split(&rest, ' ', &word)) {
        if (column == 0 || column + 1 + word.len > 116) {
            buf_append_text(out, column ? "\n#" : "#");
            column = 1;
        }
        buf_append_char(out, ' ');
        column += 1 + word.len;
        while (word.len > 0)
            append_character(out, &word);
    }
    buf_append_char(out, '\n');
}

static bool is_worth(const struct advice *advice, enum plan_lever lever)
{
    return advice->plan.sums[lever].score > 0;
}

static void append_model(struct buf *out, const char *name, const char *embedded, const struct price_row *row,
                         bool is_cached)
{
    buf_appendf(out, "  - name: %s # %s; `path:` here serves a GGUF file in its place\n", embedded, name);
    buf_append_text(out, "    ids: [");
    append_quoted(out, row->id);
    buf_append_text(out, "]\n    price_as: ");
    append_quoted(out, row->id);
    buf_appendf(out, "\n    cache: %s\n", is_cached ? "implicit # prefixes are found without marks, too" : "explicit");
}

static void append_router(struct buf *out, const struct advice *advice)
{
    if (!is_worth(advice, PLAN_ROUTE))
        return;
    buf_append_char(out, '\n');
    append_comment(out, advice->levers[PLAN_ROUTE].why);
    buf_append_text(out, "routers:\n  - name: auto # ask for this model ID\n    models: [desk-small, desk-large]\n"
                         "    tolerance: 0.05\n    shadow: 0.02\n");
}

static void append_steps(struct buf *out, const struct advice *advice)
{
    if (is_worth(advice, PLAN_CACHE)) {
        buf_append_text(out, "\n# cache: what no configuration can do: where a mark belongs, and what moves.\n");
        append_comment(out, advice->levers[PLAN_CACHE].where);
    }
    if (is_worth(advice, PLAN_DISTILL)) {
        buf_append_text(out, "\n# distill: turn invocation logging on (docs/INVOCATION-LOGS.md), then\n"
                             "#   fulcrum distill submit --request job.json    (docs/DISTILLATION.md)\n");
        append_comment(out, advice->levers[PLAN_DISTILL].where);
    }
    if (is_worth(advice, PLAN_BATCH)) {
        buf_append_text(out, "\n# batch: send these as a job, or with serviceTier flex (docs/TIERS-AND-BATCH.md)\n"
                             "#   fulcrum batch submit --request job.json\n");
        append_comment(out, advice->levers[PLAN_BATCH].where);
    }
}

/* The group with most dollars, and its family's small model. */
static const struct advise_price *main_price(const struct advice *advice)
{
    const struct advise_price *best = NULL;
    double most = 0;
    for (uint32_t i = 0; i < advice->intake.group_count; i++) {
        const struct advise_price *price = &advice->intake.groups[i].price;
        if (price->row && (!best || advice->plan.groups[i].costs[0] > most)) {
            most = advice->plan.groups[i].costs[0];
            best = price;
        }
    }
    return best;
}

enum error_code advice_append_config(struct buf *out, const struct advice *advice, struct error *error)
{
    const struct advise_price *price = main_price(advice);
    const bool is_cached = is_worth(advice, PLAN_CACHE);
    buf_appendf(out, "# fulcrum.yaml by `fulcrum advise --apply`, from %" PRIu64 " requests.\n",
                advice->plan.requests);
    if (advice->plan.start < 0)
        append_comment(out, advice_verdict(advice));
    buf_append_text(out, "listen: 127.0.0.1:8080\n\nmodels:\n");
    if (price) {
        append_model(out, "answers for the model that was asked", "desk-large", price->row, is_cached);
        if (price->small)
            append_model(out, "the cheapest of its family", "desk-small", price->small, is_cached);
        else
            buf_append_text(out, "  - name: desk-small\n");
    } else {
        buf_append_text(out, "  - name: desk-large\n  - name: desk-small\n");
    }
    append_router(out, advice);
    append_steps(out, advice);
    return out->failed ? error_no_memory(error) : OK;
}
