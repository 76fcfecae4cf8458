/* models_examine.c - `fulcrum models --examine`: what the chat templates of models can do, and how far prompts are
 * theirs. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "chat/template.h"
#include "cmd/cmd_io.h"
#include "cmd/models.h"
#include "core/file.h"
#include "engine/metadata.h"
#include "jinja/examine.h"

#define TEMPLATE_MAX ((size_t)1 << 20)

struct report {
    const char *name, *file;
    enum template_family family;
    struct examination found;
};

/* --- a file ------------------------------------------------------------------------------------------ */

static const char *token_text(const struct gguf_context *gguf, const char *id_key)
{
    const int64_t id = metadata_find(gguf, id_key, GGUF_TYPE_UINT32);
    const int64_t tokens = metadata_find_list(gguf, "tokenizer.ggml.tokens", GGUF_TYPE_STRING);
    if (id < 0 || tokens < 0 || gguf_get_val_u32(gguf, id) >= gguf_get_arr_n(gguf, tokens))
        return "";
    return gguf_get_arr_str(gguf, tokens, gguf_get_val_u32(gguf, id));
}

static enum error_code examine_source(const struct examined_source *source, struct arena *arena, struct report *report,
                                      struct error *error)
{
    report->family = template_detect(source->text);
    if (source->text.len > 0)
        return jinja_examine(source, arena, &report->found, error);
    snprintf(report->found.hindrance, sizeof(report->found.hindrance), "the file has no template");
    return OK;
}

/* The Jinja text alone, as repositories of models have it. */
static enum error_code examine_jinja(struct arena *arena, struct report *report, struct error *error)
{
    struct buf text;
    buf_init(&text, TEMPLATE_MAX);
    enum error_code code = file_read(report->file, &text, error);
    const struct examined_source source = {buf_str(&text), "<s>", "</s>"};
    if (code == OK)
        code = examine_source(&source, arena, report, error);
    buf_deinit(&text);
    return code;
}

static enum error_code examine_file(struct arena *arena, struct report *report, struct error *error)
{
    if (str_ends(str_of(report->file), STR(".jinja")))
        return examine_jinja(arena, report, error);
    struct gguf_context *gguf = gguf_init_from_file(report->file, (struct gguf_init_params){.no_alloc = true});
    if (!gguf)
        return error_set(error, ERROR_INVALID, "%s: neither a GGUF file nor a template (.jinja)", report->file);
    const struct examined_source source = {str_of(metadata_text(gguf, "tokenizer.chat_template")),
                                           token_text(gguf, "tokenizer.ggml.bos_token_id"),
                                           token_text(gguf, "tokenizer.ggml.eos_token_id")};
    const enum error_code code = examine_source(&source, arena, report, error);
    gguf_free(gguf);
    return code;
}

/* --- what is said of it ------------------------------------------------------------------------------ */

static const struct ability {
    const char *name, *words;
    size_t offset;
} abilities[] = {
    {"system", "system text", offsetof(struct examination, has_system)},
    {"tools", "tools", offsetof(struct examination, has_tools)},
    {"toolCalls", "calls in the history", offsetof(struct examination, has_calls)},
    {"parallelToolCalls", "several calls", offsetof(struct examination, has_parallel_calls)},
    {"toolResults", "results", offsetof(struct examination, has_results)},
    {"reasoningInHistory", "earlier reasoning", offsetof(struct examination, shows_reasoning)},
    {"reasoningSwitch", "reasoning on and off", offsetof(struct examination, has_thinking_switch)},
    {"reasoningEffort", "reasoning effort", offsetof(struct examination, has_effort)},
};
#define ABILITIES (sizeof(abilities) / sizeof(abilities[0]))

static bool can(const struct report *report, const struct ability *ability)
{
    return *(const bool *)((const char *)&report->found + ability->offset);
}

/* Who writes a prompt of this model. */
static const char *writer(const struct report *report)
{
    if (report->family != TEMPLATE_GENERIC)
        return template_family_name(report->family);
    return report->found.is_measured ? "measured" : "chatml, for want of better";
}

static const char *const prefixes[] = {[EXAMINED_KEEPS_ALL] = "all", [EXAMINED_KEEPS_MESSAGES] = "messages",
                                       [EXAMINED_KEEPS_LESS] = "less"};

static void append_json(struct buf *out, const struct report *report)
{
    buf_append_text(out, "{\"name\": ");
    buf_append_json(out, str_of(report->name));
    buf_append_text(out, ", \"file\": ");
    buf_append_json(out, str_of(report->file));
    buf_appendf(out, ", \"renders\": %s, \"promptsBy\": \"%s\", \"measured\": %s",
                report->found.is_usable ? "true" : "false", writer(report),
                report->found.is_measured ? "true" : "false");
    for (size_t i = 0; i < ABILITIES; i++)
        buf_appendf(out, ", \"%s\": %s", abilities[i].name, can(report, &abilities[i]) ? "true" : "false");
    buf_appendf(out, ", \"keepsPrefix\": \"%s\", \"kept\": %zu, \"of\": %zu, \"hindrance\": ",
                prefixes[report->found.prefix], report->found.kept, report->found.of);
    buf_append_json(out, str_of(report->found.hindrance));
    buf_append_char(out, '}');
}

static void append_list(struct buf *out, const struct report *report, bool wanted)
{
    const char *between = "";
    for (size_t i = 0; i < ABILITIES; i++) {
        if (can(report, &abilities[i]) != wanted)
            continue;
        buf_appendf(out, "%s%s", between, abilities[i].words);
        between = ", ";
    }
    buf_append_text(out, between[0] ? "\n" : "nothing\n");
}

static void append_text(struct buf *out, const struct report *report)
{
    buf_appendf(out, "%s  (%s)\n    prompts by   %s\n", report->name, report->file, writer(report));
    if (report->found.hindrance[0])
        buf_appendf(out, "    not measured %s\n", report->found.hindrance);
    if (!report->found.is_usable)
        return;
    buf_append_text(out, "    shows        ");
    append_list(out, report, true);
    buf_append_text(out, "    does not     ");
    append_list(out, report, false);
    if (report->found.prefix == EXAMINED_KEEPS_ALL)
        buf_append_text(out, "    caching      a turn's prompt begins the next turn's\n");
    else if (report->found.prefix == EXAMINED_KEEPS_MESSAGES)
        buf_append_text(out, "    caching      a turn's prompt begins the next turn's up to what opens the reply\n");
    else
        buf_appendf(out, "    caching      of a first turn's %zu bytes only %zu begin the next turn's\n",
                    report->found.of, report->found.kept);
}

static enum error_code append_report(struct buf *out, const char *name, const char *file, bool is_json,
                                     struct error *error)
{
    struct report report = {.name = name, .file = file};
    struct arena arena;
    arena_init(&arena, 0);
    const enum error_code code = examine_file(&arena, &report, error);
    if (code == OK)
        (is_json ? append_json : append_text)(out, &report);
    arena_deinit(&arena);
    return code;
}

static enum error_code append_configured(struct buf *out, const struct config *config, const char *wanted, bool is_json,
                                         bool *is_known, struct error *error)
{
    enum error_code code = OK;
    for (size_t i = 0; i < config->model_count && code == OK; i++) {
        const struct config_model *model = &config->models[i];
        if (!model->path || (wanted && strcmp(model->name, wanted) != 0))
            continue;
        if (is_json && *is_known)
            buf_append_text(out, ",\n ");
        *is_known = true;
        code = append_report(out, model->name, model->path, is_json, error);
    }
    return code;
}

enum error_code models_examine(struct buf *out, const struct config *config, const char *wanted, bool is_json,
                               struct error *error)
{
    bool is_known = false;
    if (is_json)
        buf_append_char(out, '[');
    enum error_code code = append_configured(out, config, wanted, is_json, &is_known, error);
    if (code == OK && !is_known && wanted)
        code = append_report(out, wanted, wanted, is_json, error);
    if (is_json)
        buf_append_text(out, "]\n");
    return code;
}
