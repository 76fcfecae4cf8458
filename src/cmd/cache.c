/* `fulcrum cache explain A.json B.json`: two request bodies, rendered as `serve`
 * would, and where they part. */
#include <stdio.h>
#include <unistd.h>

#include "api/bedrock/converse.h"
#include "api/native/native.h"
#include "cache/explain.h"
#include "cmd/cmd.h"
#include "cmd/cmd_io.h"
#include "cmd/sections.h"
#include "core/log.h"
#include "engine/embedded.h"
#include "engine/metadata.h"
#include "generate/documents.h"
#include "model/resolve.h"

#define OUTPUT_BYTES_MAX (1u << 20)

static const char usage[] =
    "usage: fulcrum cache explain [--json] [--config FILE] [--model ID] [--dialect D] A.json B.json\n"
    "Renders two request bodies as `serve` would and says up to which checkpoints they share their prefix,\n"
    "and where and why they part: what A caches, B reads only if B begins with the same.\n"
    "The template is that of the model that answers for ID, by default the first one of FILE (fulcrum.yaml).\n"
    "D is converse, anthropic, nova or llama; by default what each body looks like.\n"
    "Exit status: 0 it is explained, 1 a file can't be read, 2 wrong usage, configuration or body.\n";

struct options {
    bool is_json;
    const char *config, *model, *dialect;
    const char *files[2];
};

/* One body, from its file to its prompt. */
struct body {
    const char *file;
    struct buf text;
    struct arena arena;
    struct chat_request request;
    const struct codec *codec;
};

/* --- dialects --------------------------------------------------------------------------------------- */

static bool has_any(yyjson_val *object, const char *const *names)
{
    for (; *names; names++)
        if (yyjson_obj_get(object, *names))
            return true;
    return false;
}

/* A cache point inside the block that it follows is Nova's own form. */
static bool has_inline_cache_point(yyjson_val *value)
{
    size_t i, count;
    yyjson_val *key, *item;
    if (yyjson_is_obj(value)) {
        if (yyjson_obj_size(value) > 1 && yyjson_obj_get(value, "cachePoint"))
            return true;
        yyjson_obj_foreach(value, i, count, key, item)
            if (has_inline_cache_point(item))
                return true;
    }
    if (yyjson_is_arr(value))
        yyjson_arr_foreach(value, i, count, item)
            if (has_inline_cache_point(item))
                return true;
    return false;
}

static const struct codec *codec_of_shape(yyjson_val *root)
{
    static const char *const anthropic[] = {"anthropic_version", "max_tokens", "tools", "stop_sequences", NULL};
    static const char *const nova[] = {"max_new_tokens", "top_p", "top_k", NULL};
    if (yyjson_is_str(yyjson_obj_get(root, "prompt")))
        return &llama_codec;
    if (has_any(root, anthropic))
        return &anthropic_codec;
    if (yyjson_obj_get(root, "schemaVersion") || has_any(yyjson_obj_get(root, "inferenceConfig"), nova) ||
        has_inline_cache_point(root))
        return &nova_codec;
    return &converse_codec;
}

static const struct codec *codec_by_name(const char *name)
{
    const struct codec *const codecs[] = {&converse_codec, &anthropic_codec, &nova_codec, &llama_codec};
    for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
        if (!strcmp(codecs[i]->name, name))
            return codecs[i];
    return NULL;
}

/* --- reading ---------------------------------------------------------------------------------------- */

static enum error_code read_file(struct body *body, struct error *error)
{
    FILE *file = fopen(body->file, "rb");
    if (!file)
        return error_set(error, ERROR_NOT_FOUND, "cannot open %s: %m", body->file);
    enum error_code code = OK;
    buf_init(&body->text, (size_t)limit(body_bytes));
    for (size_t got = 1; got > 0 && code == OK;) {
        char piece[16384];
        got = fread(piece, 1, sizeof(piece), file);
        if (!buf_append(&body->text, piece, got))
            code = error_set(error, ERROR_TOO_LARGE, "%s: more than the limit of %zu bytes", body->file,
                             (size_t)limit(body_bytes));
    }
    if (ferror(file))
        code = error_set(error, ERROR_NOT_FOUND, "cannot read %s: %m", body->file);
    (void)fclose(file);
    return code;
}

static enum error_code parse_body(struct body *body, const char *dialect, struct error *error)
{
    enum error_code code = json_parse_exact(buf_str(&body->text), &body->request.document, error);
    if (code != OK)
        return error_prefix(error, "%s", body->file);
    yyjson_val *root = yyjson_doc_get_root(body->request.document);
    body->codec = dialect ? codec_by_name(dialect) : codec_of_shape(root);
    struct ignored ignored = {.arena = &body->arena};
    body->request.arena = &body->arena;
    body->request.ignored = &ignored;
    body->request.takes_assistant_first = body->codec == &anthropic_codec;
    /* Counting asks for nothing but the prompt; Converse's has fewer members then. */
    const bool is_whole = body->codec == &converse_codec || body->codec == &nova_codec;
    code = codec_parse(body->codec, root, is_whole ? CODEC_GENERATE : CODEC_COUNT, &body->request, error);
    body->request.ignored = NULL; /* it ends here */
    if (code == OK)
        code = chat_request_check(&body->request, error);
    return code == OK ? OK : error_prefix(error, "%s (read as %s)", body->file, body->codec->name);
}

/* --- documents -------------------------------------------------------------------------------------- */

struct resolving {
    bool is_done;
    struct error error; /* code OK: all texts are there */
};

static void on_documents(void *ctx, const struct error *error)
{
    struct resolving *resolving = ctx;
    resolving->is_done = true;
    if (error)
        resolving->error = *error;
}

/* The texts of documents, read by processes of their own as `serve` does it. */
static enum error_code resolve_documents(struct body *body, struct error *error)
{
    uv_loop_t loop;
    struct extractor *extractor;
    struct document_wait *wait = NULL;
    struct resolving resolving = {.error = {.code = OK}};
    if (!body->request.documents)
        return OK;
    enum error_code code = extractor_new(false, &extractor, error);
    if (code != OK)
        return code;
    uv_loop_init(&loop);
    struct extractor_port *port = extractor_port_new(extractor, &loop, error);
    code = error->code;
    if (port)
        code = documents_resolve(port, STR("default"), &body->request, on_documents, &resolving, &wait, error);
    while (code == OK && wait && !resolving.is_done)
        uv_run(&loop, UV_RUN_ONCE);
    if (code == OK && resolving.error.code != OK) {
        *error = resolving.error;
        code = error->code;
    }
    if (port)
        extractor_port_close(port);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    extractor_free(extractor);
    return code == OK ? OK : error_prefix(error, "%s", body->file);
}

/* --- the template ----------------------------------------------------------------------------------- */

/* A file's own template; ChatML, as the embedded models have it, where there is
 * none, and where only llama.cpp's renderer with the model loaded would know it. */
static enum template_family family_of_file(const char *path)
{
    enum template_family family = TEMPLATE_CHATML;
    struct gguf_context *gguf = gguf_init_from_file(path, (struct gguf_init_params){.no_alloc = true});
    if (!gguf)
        return family;
    const int64_t key = metadata_find(gguf, "tokenizer.chat_template", GGUF_TYPE_STRING);
    if (key >= 0)
        family = template_detect(str_of(gguf_get_val_str(gguf, key)));
    gguf_free(gguf);
    return family == TEMPLATE_GENERIC ? TEMPLATE_CHATML : family;
}

static enum error_code find_family(const struct options *options, enum template_family *family, struct error *error)
{
    struct config config;
    struct catalog catalog;
    struct catalog_match match;
    struct registry *models = NULL;
    enum error_code code = config_load(config_find(options->config), program_sections, &config, error);
    if (code != OK)
        return code;
    code = catalog_load(embedded_file(STR("aliases.yaml")), &catalog, error);
    if (code == OK) {
        code = registry_new(&config, NULL, &models, error);
        if (code == OK && options->model)
            code = catalog_resolve(&catalog, models, str_of(options->model), &match, error);
        catalog_deinit(&catalog);
    }
    const struct config_model *model =
        code == OK && options->model ? match.model->config : &config.models[0];
    *family = TEMPLATE_CHATML;
    if (code == OK && (!model->chat_template || !template_family_parse(str_of(model->chat_template), family)) &&
        model->path)
        *family = family_of_file(model->path);
    registry_free(models);
    config_deinit(&config);
    return code == OK || !options->model ? code : error_prefix(error, "--model");
}

/* --- output ----------------------------------------------------------------------------------------- */

static const char *const side_names[2] = {"A", "B"};
static const char *const kind_names[] = {
    [EXPLAIN_SAME] = "same",
    [EXPLAIN_FIRST_ENDS] = "b-goes-on",
    [EXPLAIN_SECOND_ENDS] = "a-goes-on",
    [EXPLAIN_DIFFERENT] = "different",
};

static const char *ttl_name(uint32_t seconds)
{
    return seconds >= 3600 ? "1h" : "5m";
}

static void append_text_checkpoints(struct buf *out, const struct explanation *e)
{
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < e->checkpoint_count[side]; i++) {
            const struct explain_checkpoint *checkpoint = &e->checkpoints[side][i];
            buf_appendf(out, "%s checkpoint %zu, %s, behind " STR_FMT " (byte %zu): %s\n", side_names[side],
                        checkpoint->number, ttl_name(checkpoint->ttl_seconds),
                        STR_ARG(checkpoint->field.data ? checkpoint->field : STR("a part that was rewritten")),
                        checkpoint->bytes, checkpoint->is_shared ? "shared" : "NOT shared");
        }
    }
    if (e->checkpoint_count[0] + e->checkpoint_count[1] == 0)
        buf_append_text(out, "no checkpoints: implicit caching shares whole blocks before the first difference\n");
}

static void append_text_place(struct buf *out, const struct explain_place *place, const char *name)
{
    buf_appendf(out, "  %s  ", name);
    if (place->field.data)
        buf_append_str(out, place->field);
    else
        buf_append_text(out, "text of the template");
    if (place->has_offset)
        buf_appendf(out, ", byte %zu", place->offset);
    buf_append_text(out, ": ");
    buf_append_json(out, place->before);
    buf_append_text(out, " then ");
    buf_append_json(out, place->after);
    buf_append_char(out, '\n');
}

static void append_text(struct buf *out, const struct body bodies[2], enum template_family family, bool is_salted,
                        const struct explanation *e)
{
    for (int side = 0; side < 2; side++)
        buf_appendf(out, "%s  %s, %s: a prompt of %zu bytes\n", side_names[side], bodies[side].file,
                    bodies[side].codec->name, e->bytes[side]);
    buf_appendf(out, "rendered as %s\n", template_family_name(family));
    if (is_salted)
        buf_append_text(out, "the two have different cache salts and never share anything\n");
    append_text_checkpoints(out, e);
    switch (e->kind) {
    case EXPLAIN_SAME: buf_append_text(out, "the prompts are the same\n"); return;
    case EXPLAIN_FIRST_ENDS: buf_appendf(out, "B goes on where A ends, at byte %zu\n", e->shared_bytes); return;
    case EXPLAIN_SECOND_ENDS: buf_appendf(out, "A goes on where B ends, at byte %zu\n", e->shared_bytes); return;
    case EXPLAIN_DIFFERENT: break;
    }
    buf_appendf(out, "first difference at byte %zu of the prompts\n", e->shared_bytes);
    append_text_place(out, &e->place[0], "A");
    append_text_place(out, &e->place[1], "B");
    buf_appendf(out, "likely cause: %s\n", explain_cause_text(e->cause));
}

static void append_json_field(struct buf *out, const char *name, struct str text)
{
    buf_appendf(out, "\"%s\": ", name);
    if (text.data)
        buf_append_json(out, text);
    else
        buf_append_text(out, "null");
}

static void append_json_side(struct buf *out, const struct body *body, const struct explanation *e, int side)
{
    append_json_field(out, "file", str_of(body->file));
    buf_append_text(out, ", ");
    append_json_field(out, "dialect", str_of(body->codec->name));
    buf_appendf(out, ", \"bytes\": %zu, \"checkpoints\": [", e->bytes[side]);
    for (size_t i = 0; i < e->checkpoint_count[side]; i++) {
        const struct explain_checkpoint *checkpoint = &e->checkpoints[side][i];
        buf_append_text(out, i ? ", {" : "{");
        append_json_field(out, "field", checkpoint->field);
        buf_appendf(out, ", \"byte\": %zu, \"ttl\": \"%s\", \"shared\": %s}", checkpoint->bytes,
                    ttl_name(checkpoint->ttl_seconds), checkpoint->is_shared ? "true" : "false");
    }
    buf_append_char(out, ']');
}

static void append_json_place(struct buf *out, const struct explain_place *place)
{
    append_json_field(out, "field", place->field);
    if (place->has_offset)
        buf_appendf(out, ", \"offset\": %zu", place->offset);
    buf_append_text(out, ", ");
    append_json_field(out, "before", place->before);
    buf_append_text(out, ", ");
    append_json_field(out, "after", place->after);
}

static void append_json(struct buf *out, const struct body bodies[2], enum template_family family, bool is_salted,
                        const struct explanation *e)
{
    buf_appendf(out, "{\"result\": \"%s\", \"sharedBytes\": %zu, \"template\": \"%s\", \"saltsDiffer\": %s, \"a\": {",
                kind_names[e->kind], e->shared_bytes, template_family_name(family), is_salted ? "true" : "false");
    append_json_side(out, &bodies[0], e, 0);
    buf_append_text(out, "}, \"b\": {");
    append_json_side(out, &bodies[1], e, 1);
    buf_append_char(out, '}');
    if (e->kind == EXPLAIN_DIFFERENT) {
        buf_append_text(out, ", \"difference\": {\"a\": {");
        append_json_place(out, &e->place[0]);
        buf_append_text(out, "}, \"b\": {");
        append_json_place(out, &e->place[1]);
        buf_appendf(out, "}, \"cause\": \"%s\"}", explain_cause_name(e->cause));
    }
    buf_append_text(out, "}\n");
}

/* --- the command ------------------------------------------------------------------------------------ */

static enum error_code load_body(struct body *body, const struct template_spec *spec, const char *dialect,
                                 struct explain_side *side, struct error *error)
{
    enum error_code code = parse_body(body, dialect, error);
    if (code == OK)
        code = resolve_documents(body, error);
    if (code == OK)
        code = template_render(spec, &body->request, &side->prompt, error);
    side->body = body->request.body;
    return code;
}

static int explain_bodies(const struct options *options, struct body bodies[2])
{
    struct template_spec spec = {.family = TEMPLATE_CHATML};
    struct explain_side sides[2] = {{.body = NULL}, {.body = NULL}};
    struct explanation explanation;
    struct arena arena;
    struct buf out;
    struct error error;
    if (find_family(options, &spec.family, &error))
        return cmd_fail("cache", &error, CMD_USAGE);
    for (int side = 0; side < 2; side++)
        if (read_file(&bodies[side], &error))
            return cmd_fail("cache", &error, CMD_FAILED);
    for (int side = 0; side < 2; side++)
        if (load_body(&bodies[side], &spec, options->dialect, &sides[side], &error))
            return cmd_fail("cache", &error, error.code == ERROR_INVALID ? CMD_USAGE : CMD_FAILED);
    arena_init(&arena, 0);
    explain(sides, &arena, &explanation);
    const bool is_salted = !str_eq(bodies[0].request.cache_salt, bodies[1].request.cache_salt);
    buf_init(&out, OUTPUT_BYTES_MAX);
    (options->is_json ? append_json : append_text)(&out, bodies, spec.family, is_salted, &explanation);
    arena_deinit(&arena);
    return cmd_finish("cache", &out);
}

/* True to go on; false when the command is over with *status. */
static bool read_options(int argc, char **argv, struct options *options, int *status)
{
    const struct cmd_option known[] = {
        {"json", .flag = &options->is_json},
        {"config", .value = &options->config},
        {"model", .value = &options->model},
        {"dialect", .value = &options->dialect},
    };
    *options = (struct options){0};
    if (!cmd_read_options(argc, argv, usage, known, sizeof(known) / sizeof(known[0]), status))
        return false;
    if (options->dialect && !codec_by_name(options->dialect)) {
        fprintf(stderr, "fulcrum cache: --dialect: expected converse, anthropic, nova or llama, got '%s'\n",
                options->dialect);
        return false;
    }
    if (argc - optind != 3 || strcmp(argv[optind], "explain") != 0) {
        fputs(usage, stderr);
        return false;
    }
    options->files[0] = argv[optind + 1];
    options->files[1] = argv[optind + 2];
    return true;
}

int cmd_cache(int argc, char **argv)
{
    struct options options;
    struct body bodies[2] = {{.file = NULL}, {.file = NULL}};
    int status;
    if (!read_options(argc, argv, &options, &status))
        return status;
    log_configure(LOG_OFF, LOG_LOGFMT); /* readers of documents log; here the error is all that is said */
    for (int side = 0; side < 2; side++) {
        bodies[side].file = options.files[side];
        arena_init(&bodies[side].arena, 0);
    }
    status = explain_bodies(&options, bodies);
    for (int side = 0; side < 2; side++) {
        codec_request_free(&bodies[side].request);
        buf_deinit(&bodies[side].text);
        arena_deinit(&bodies[side].arena);
    }
    return status;
}
