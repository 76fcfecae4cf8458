/* train_config.c - the keys of a recipe and what must hold between them. Opens none of the files that it names. See
 * train_config.h. */
#include "distill/train_config.h"

#include <stdio.h>

#include "core/config_yaml.h"
#include "core/file.h"

#define CONFIG_BYTES_MAX 1000000

/* --- keys ------------------------------------------------------------------------------------------- */

#define AT(type, member) .offset = offsetof(struct type, member)
#define LIST_AT(type, member, count) AT(type, member), .count_offset = offsetof(struct type, count)

static const struct field model_fields[] = {
    {"layers", FIELD_UINT32, .is_required = true, AT(train_config, model.layers), .low = 1, .high = 128},
    {"width", FIELD_UINT32, .is_required = true, AT(train_config, model.width), .low = 8, .high = 8192},
    {"heads", FIELD_UINT32, .is_required = true, AT(train_config, model.heads), .low = 1, .high = 256},
    {"kv_heads", FIELD_UINT32, .is_required = true, AT(train_config, model.kv_heads), .low = 1, .high = 256},
    {"feed_forward", FIELD_UINT32, .is_required = true, AT(train_config, model.feed_forward), .low = 8, .high = 65536},
    {"vocabulary", FIELD_UINT32, AT(train_config, model.vocabulary), .low = 300, .high = 8192},
    {"context", FIELD_UINT32, AT(train_config, model.context), .low = 32, .high = 131072},
    {"tied", FIELD_BOOL, AT(train_config, model.is_tied)},
    {"rope_base", FIELD_REAL, AT(train_config, rope_base)},
    {"norm_epsilon", FIELD_REAL, AT(train_config, norm_epsilon)},
};
static const struct field_table model_table = FIELD_TABLE(model_fields, struct train_config);

static const struct field tokenizer_fields[] = {
    {"file", FIELD_FILE, AT(train_config, tokenizer_file)},
    {"corpus", FIELD_STRINGS, LIST_AT(train_config, tokenizer_corpus, tokenizer_corpus_count)},
    {"rows", FIELD_UINT32, AT(train_config, tokenizer_rows), .low = 1, .high = UINT32_MAX},
    {"digits", FIELD_UINT32, AT(train_config, tokenizer_digits), .low = 1, .high = 3},
};
static const struct field_table tokenizer_table = FIELD_TABLE(tokenizer_fields, struct train_config);

static const char *const optimiser_kinds[] = {"muon", "adamw", NULL};
static const struct field optimiser_fields[] = {
    {"kind", FIELD_CHOICE, AT(train_config, optimiser), .choices = optimiser_kinds},
    {"rate", FIELD_REAL, AT(train_config, optim.rate)},
    {"muon_rate", FIELD_REAL, AT(train_config, optim.muon_rate)},
    {"weight_decay", FIELD_REAL, AT(train_config, optim.weight_decay)},
    {"beta1", FIELD_REAL, AT(train_config, optim.beta1)},
    {"beta2", FIELD_REAL, AT(train_config, optim.beta2)},
    {"epsilon", FIELD_REAL, AT(train_config, optim.epsilon)},
    {"momentum", FIELD_REAL, AT(train_config, optim.momentum)},
    {"clip", FIELD_REAL, AT(train_config, optim.clip)},
};
static const struct field_table optimiser_table = FIELD_TABLE(optimiser_fields, struct train_config);

static const char *const copied_kinds[] = {"none", "characters", "tokens", NULL};
static const struct field source_fields[] = {
    {"file", FIELD_FILE, AT(train_source, file)},
    {"copying", FIELD_CHOICE, AT(train_source, copied), .choices = copied_kinds},
    {"weight", FIELD_REAL, AT(train_source, weight)},
    {"fresh_values", FIELD_BOOL, AT(train_source, has_fresh_values)},
};
static const struct field_table source_table = FIELD_TABLE(source_fields, struct train_source);

static const struct field phase_fields[] = {
    {"name", FIELD_STRING, .is_required = true, AT(train_phase, name)},
    {"tokens", FIELD_COUNT, .is_required = true, AT(train_phase, tokens), .low = 1, .high = UINT64_MAX},
    {"length", FIELD_UINT32, .is_required = true, AT(train_phase, length), .low = 16, .high = 8192},
    {"rows", FIELD_UINT32, .is_required = true, AT(train_phase, rows), .low = 1, .high = 1024},
    {"accumulate", FIELD_UINT32, AT(train_phase, accumulate), .low = 1, .high = 1024},
    {"workers", FIELD_UINT32, AT(train_phase, workers), .low = 1, .high = 64},
    {"warm_up", FIELD_UINT32, AT(train_phase, warm_up), .low = 0, .high = 1000000},
    {"rate", FIELD_REAL, AT(train_phase, rate)},
    {"decay_from", FIELD_REAL, AT(train_phase, decay_from)},
    {"final_rate", FIELD_REAL, AT(train_phase, final_rate)},
    {"data", FIELD_OBJECTS, .is_required = true, LIST_AT(train_phase, sources, source_count), .table = &source_table,
     .high = SAMPLER_SOURCES_MAX},
};
static const struct field_table phase_table = FIELD_TABLE(phase_fields, struct train_phase);

static const struct field measure_fields[] = {
    {"file", FIELD_FILE, .is_required = true, AT(train_measure, file)},
    {"rows", FIELD_UINT32, AT(train_measure, rows), .low = 1, .high = 1000000},
    {"length", FIELD_UINT32, AT(train_measure, length), .low = 16, .high = 8192},
    {"every", FIELD_UINT32, AT(train_measure, every), .low = 1, .high = 1000000},
    {"loss", FIELD_BOOL, AT(train_measure, loss)},
};
static const struct field_table measure_table = FIELD_TABLE(measure_fields, struct train_measure);

static const char *const base_types[] = {"q8_0", "f32", NULL};
static const struct field adapter_fields[] = {
    {"rank", FIELD_UINT32, .is_required = true, AT(train_config, tuning.rank), .low = 1, .high = 1024},
    {"alpha", FIELD_REAL, AT(train_config, adapter_alpha)},
    {"targets", FIELD_STRINGS, LIST_AT(train_config, adapter_targets, adapter_target_count)},
    {"base", FIELD_CHOICE, AT(train_config, adapter_base), .choices = base_types},
    {"from", FIELD_FILE, AT(train_config, adapter_from)},
};
static const struct field_table adapter_table = FIELD_TABLE(adapter_fields, struct train_config);

static const struct field teacher_fields[] = {
    {"file", FIELD_FILE, .is_required = true, AT(train_teacher, file)},
    {"adapter", FIELD_FILE, AT(train_teacher, adapter)},
    {"temperature", FIELD_REAL, AT(train_teacher, temperature)},
    {"top", FIELD_UINT32, AT(train_teacher, top), .low = 0, .high = UINT32_MAX},
    {"weight", FIELD_REAL, AT(train_teacher, weight)},
};
static const struct field_table teacher_table = FIELD_TABLE(teacher_fields, struct train_teacher);

#define LAYERS_MAX 1024u

static enum error_code read_chosen_layer(struct yaml_reader *reader, const yaml_node_t *node, size_t at,
                                         struct pruning *pruning)
{
    uint64_t number = LAYERS_MAX;
    const bool is_number = node && node->type == YAML_SCALAR_NODE &&
                           str_to_u64((struct str){(const char *)node->data.scalar.value, node->data.scalar.length},
                                      &number);
    if (!is_number || number >= LAYERS_MAX || (at > 0 && number <= pruning->chosen[at - 1]))
        return yaml_fail_at(reader, "pruned.layers", "expected numbers of layers, from 0 on, in ascending order");
    pruning->chosen[at] = (uint32_t)number;
    return OK;
}

/* How many, or which. */
static enum error_code read_layers(struct yaml_reader *reader, const yaml_node_t *node, void *parent)
{
    struct pruning *pruning = parent;
    uint64_t count = 0;
    if (node->type == YAML_SCALAR_NODE) {
        const struct str text = {(const char *)node->data.scalar.value, node->data.scalar.length};
        if (!str_to_u64(text, &count) || count == 0 || count > LAYERS_MAX)
            return yaml_fail_at(reader, "pruned.layers", "expected 1 to %u, or a list of numbers", LAYERS_MAX);
        pruning->layers = (uint32_t)count;
        return OK;
    }
    if (node->type == YAML_SEQUENCE_NODE)
        count = (uint64_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (count == 0 || count > LAYERS_MAX)
        return yaml_fail_at(reader, "pruned.layers", "expected a number of layers, or a list of their numbers");
    pruning->chosen = ARENA_ARRAY(reader->arena, uint32_t, count);
    pruning->chosen_count = pruning->chosen ? count : 0;
    enum error_code code = pruning->chosen ? OK : error_no_memory(reader->error);
    for (size_t i = 0; code == OK && i < count; i++)
        code = read_chosen_layer(reader, yaml_document_get_node(&reader->document,
                                                                node->data.sequence.items.start[i]), i, pruning);
    return code;
}

static const struct field pruned_fields[] = {
    {"layers", FIELD_CUSTOM, .custom = read_layers},
    {"vocabulary", FIELD_UINT32, AT(pruning, vocabulary), .low = 1, .high = UINT32_MAX},
};
static const struct field_table pruned_table = FIELD_TABLE(pruned_fields, struct pruning);

static const struct field yarn_fields[] = {
    {"factor", FIELD_REAL, .is_required = true, AT(train_yarn, factor)},
    {"original", FIELD_UINT32, .is_required = true, AT(train_yarn, original), .low = 16, .high = 1u << 20},
    {"attention", FIELD_REAL, AT(train_yarn, attention)},
};
static const struct field_table yarn_table = FIELD_TABLE(yarn_fields, struct train_yarn);

static const char *const frozen_kinds[] = {"none", "embedding", NULL};
static const char *const export_types[] = {"q8_0", "f32", "adapter", "auto", NULL};
static const struct field root_fields[] = {
    {"name", FIELD_STRING, .is_required = true, AT(train_config, name)},
    {"model", FIELD_OBJECT, .table = &model_table},
    {"tuned_from", FIELD_FILE, AT(train_config, tuned_from)},
    {"yarn", FIELD_OBJECT, AT(train_config, yarn), .table = &yarn_table},
    {"pruned", FIELD_PART, AT(train_config, pruned), .table = &pruned_table},
    {"frozen", FIELD_CHOICE, AT(train_config, frozen), .choices = frozen_kinds},
    {"adapter", FIELD_OBJECT, .table = &adapter_table},
    {"grown_from", FIELD_FILE, AT(train_config, grown_from)},
    {"tokenizer", FIELD_OBJECT, .table = &tokenizer_table},
    {"optimiser", FIELD_OBJECT, .table = &optimiser_table},
    {"phases", FIELD_OBJECTS, .is_required = true, LIST_AT(train_config, phases, phase_count), .table = &phase_table,
     .high = 64},
    {"measure", FIELD_OBJECT, AT(train_config, measure), .table = &measure_table},
    {"teacher", FIELD_OBJECT, AT(train_config, teacher), .table = &teacher_table},
    {"seed", FIELD_COUNT, AT(train_config, seed), .low = 0, .high = UINT64_MAX},
    {"threads", FIELD_UINT32, AT(train_config, threads), .low = 1, .high = 256},
    {"checkpoint_every", FIELD_UINT32, AT(train_config, checkpoint_every), .low = 1, .high = UINT32_MAX},
    {"log_every", FIELD_UINT32, AT(train_config, log_every), .low = 1, .high = UINT32_MAX},
    {"csv", FIELD_PATH, AT(train_config, csv)},
    {"type", FIELD_CHOICE, AT(train_config, type), .choices = export_types},
};
static const struct field_table root_table = FIELD_TABLE(root_fields, struct train_config);

/* --- defaults and checks ---------------------------------------------------------------------------- */

static void set_defaults(struct train_config *config)
{
    config->model = (struct model_shape){.vocabulary = 1536, .context = 4096, .is_tied = true};
    config->rope_base = 10000.0;
    config->norm_epsilon = 1e-5;
    config->tokenizer_rows = 20000;
    config->tokenizer_digits = 1;
    config->optim = (struct optim_settings){.rate = 0.004, .muon_rate = 0.02, .beta1 = 0.9, .beta2 = 0.95,
                                            .epsilon = 1e-8, .momentum = 0.95, .clip = 1.0};
    config->measure = (struct train_measure){.rows = 200, .length = 256, .every = 200};
    config->teacher = (struct train_teacher){.temperature = 1.0, .weight = 0.7};
    config->yarn.attention = 1.0;
    config->threads = 1;
    config->checkpoint_every = 200;
    config->log_every = 10;
}

/* Lists are zeroed, and none of these may be zero. */
static void set_phase_defaults(struct train_phase *phase)
{
    phase->accumulate = phase->accumulate ? phase->accumulate : 1;
    phase->workers = phase->workers ? phase->workers : 1;
    phase->rate = phase->rate > 0.0 ? phase->rate : 1.0;
    phase->decay_from = phase->decay_from > 0.0 ? phase->decay_from : 1.0;
    for (size_t i = 0; i < phase->source_count; i++)
        phase->sources[i].weight = phase->sources[i].weight > 0.0 ? phase->sources[i].weight : 1.0;
}

static enum error_code check_phases(struct yaml_reader *reader, struct train_config *config)
{
    char path[64];
    if (config->phase_count == 0)
        return yaml_fail_at(reader, "phases", "expected at least one");
    for (size_t i = 0; i < config->phase_count; i++) {
        struct train_phase *phase = &config->phases[i];
        set_phase_defaults(phase);
        snprintf(path, sizeof(path), "phases[%zu].workers", i);
        if (phase->workers > phase->accumulate)
            return yaml_fail_at(reader, path, "expected at most accumulate (%u): a pass runs on one worker",
                                phase->accumulate);
        snprintf(path, sizeof(path), "phases[%zu].data", i);
        if (phase->source_count == 0)
            return yaml_fail_at(reader, path, "expected at least one source");
        for (size_t j = 0; j < phase->source_count; j++)
            if (!phase->sources[j].file == (phase->sources[j].copied == COPIED_NONE))
                return yaml_fail_at(reader, path, "expected either a file or copying in each source");
            else if (config->tuned_from && !phase->sources[j].file)
                return yaml_fail_at(reader, path, "expected files only with tuned_from: such a model can copy");
    }
    return OK;
}

static enum error_code check_model(struct yaml_reader *reader, struct train_config *config)
{
    struct model_shape *model = &config->model;
    model->rope_base = (float)config->rope_base;
    model->norm_epsilon = (float)config->norm_epsilon;
    if (model->layers == 0)
        return yaml_fail_at(reader, "model", "expected the shape of the model, or tuned_from");
    if (model->width % model->heads != 0 || model->width / model->heads % 2 != 0)
        return yaml_fail_at(reader, "model.heads", "expected a divisor of width that leaves an even head size");
    if (model->heads % model->kv_heads != 0)
        return yaml_fail_at(reader, "model.kv_heads", "expected a divisor of heads");
    if (config->type == EXPORT_Q8_0 && (model->width % 32 != 0 || model->feed_forward % 32 != 0))
        return yaml_fail_at(reader, "model", "expected width and feed_forward to be multiples of 32 for type q8_0");
    if (!config->tokenizer_file == !config->tokenizer_corpus_count)
        return yaml_fail_at(reader, "tokenizer", "expected either a file or a corpus");
    if (config->tokenizer_digits == 2)
        return yaml_fail_at(reader, "tokenizer.digits", "expected 1 or 3, as llama.cpp's pre-tokenizers have them");
    return OK;
}

/* Names as they stand in a GGUF file; without any, all. */
static enum error_code read_targets(struct yaml_reader *reader, struct train_config *config)
{
    static const char *const names[MATRIX_COUNT] = {"attn_q",   "attn_k", "attn_v",  "attn_output",
                                                    "ffn_gate", "ffn_up", "ffn_down"};
    for (size_t i = 0; i < config->adapter_target_count; i++) {
        int at = 0;
        while (at < MATRIX_COUNT && strcmp(config->adapter_targets[i], names[at]) != 0)
            at++;
        if (at == MATRIX_COUNT)
            return yaml_fail_at(reader, "adapter.targets",
                                "expected attn_q, attn_k, attn_v, attn_output, ffn_gate, ffn_up or ffn_down");
        config->tuning.targets |= 1u << at;
    }
    if (config->adapter_target_count == 0)
        config->tuning.targets = (1u << MATRIX_COUNT) - 1;
    return OK;
}

static enum error_code check_adapter(struct yaml_reader *reader, struct train_config *config)
{
    struct tuning *tuning = &config->tuning;
    tuning->is_embedding_frozen = config->frozen == FROZEN_EMBEDDING;
    if (config->type == EXPORT_ADAPTER && tuning->rank == 0)
        return yaml_fail_at(reader, "type", "expected an adapter that could be written: there is no key adapter");
    if (tuning->rank == 0)
        return OK;
    if (!config->tuned_from)
        return yaml_fail_at(reader, "adapter", "expected tuned_from besides: an adapter stands beside a model");
    tuning->alpha = config->adapter_alpha > 0.0 ? (float)config->adapter_alpha : 2.0f * (float)tuning->rank;
    return read_targets(reader, config);
}

/* A pretrained model brings its shape and its tokenizer along. */
static enum error_code check_tuned(struct yaml_reader *reader, const struct train_config *config)
{
    if (config->model.layers > 0)
        return yaml_fail_at(reader, "model", "expected nothing with tuned_from: the file has a shape");
    if (config->tokenizer_file || config->tokenizer_corpus_count)
        return yaml_fail_at(reader, "tokenizer", "expected nothing with tuned_from: the file has one");
    if (config->grown_from)
        return yaml_fail_at(reader, "grown_from", "expected nothing with tuned_from");
    return OK;
}

static enum error_code check_teacher(struct yaml_reader *reader, const struct train_teacher *teacher)
{
    if (!(teacher->temperature >= TEACHER_TEMPERATURE_MIN && teacher->temperature <= TEACHER_TEMPERATURE_MAX))
        return yaml_fail_at(reader, "teacher.temperature", "expected %g to %g", TEACHER_TEMPERATURE_MIN,
                            TEACHER_TEMPERATURE_MAX);
    if (!(teacher->weight > 0.0 && teacher->weight <= 1.0))
        return yaml_fail_at(reader, "teacher.weight",
                            "expected more than 0, 1 at most; without soft labels leave the teacher out");
    return OK;
}

static enum error_code check_yarn(struct yaml_reader *reader, const struct train_config *config)
{
    if (config->yarn.factor == 0.0)
        return OK;
    if (!config->tuned_from)
        return yaml_fail_at(reader, "yarn", "expected tuned_from besides: it is for a model that was trained on less");
    if (!(config->yarn.factor > 1.0 && config->yarn.factor <= 64.0))
        return yaml_fail_at(reader, "yarn.factor", "expected more than 1, at most 64");
    if (!(config->yarn.attention > 0.0))
        return yaml_fail_at(reader, "yarn.attention", "expected more than 0");
    return OK;
}

static enum error_code check_pruned(struct yaml_reader *reader, const struct train_config *config)
{
    const struct pruning *pruned = config->pruned;
    if (!pruned)
        return OK;
    if (!config->tuned_from)
        return yaml_fail_at(reader, "pruned", "expected tuned_from besides: what is pruned is a model that there is");
    if (pruned->layers == 0 && pruned->chosen_count == 0 && pruned->vocabulary == 0)
        return yaml_fail_at(reader, "pruned", "expected layers, vocabulary or both");
    if (config->type == EXPORT_ADAPTER)
        return yaml_fail_at(reader, "type", "expected auto, q8_0 or f32 with pruned: an adapter would stand beside "
                            "a model that is served nowhere");
    return OK;
}

static enum error_code check_config(struct yaml_reader *reader, struct train_config *config)
{
    config->optim.with_muon = config->optimiser == OPTIM_MUON;
    enum error_code code = config->tuned_from ? check_tuned(reader, config) : check_model(reader, config);
    if (!code)
        code = check_yarn(reader, config);
    if (!code)
        code = check_pruned(reader, config);
    if (!code)
        code = check_adapter(reader, config);
    if (!code)
        code = check_teacher(reader, &config->teacher);
    return code ? code : check_phases(reader, config);
}

/* Strings of a list are not paths to the reader; like paths they count from
 * the configuration's directory. */
static enum error_code place_corpus(struct train_config *config, const char *path, struct error *error)
{
    const char *slash = strrchr(path, '/');
    for (size_t i = 0; slash && i < config->tokenizer_corpus_count; i++) {
        if (config->tokenizer_corpus[i][0] == '/')
            continue;
        struct str placed = arena_printf(&config->arena, "%.*s%s", (int)(slash - path + 1), path,
                                         config->tokenizer_corpus[i]);
        if (!placed.data)
            return error_no_memory(error);
        config->tokenizer_corpus[i] = placed.data;
    }
    return OK;
}

/* --- loading ---------------------------------------------------------------------------------------- */

enum error_code train_config_load(const char *path, struct train_config *config, struct error *error)
{
    struct yaml_reader reader;
    struct buf text;
    *config = (struct train_config){0};
    arena_init(&config->arena, 0);
    set_defaults(config);
    buf_init(&text, CONFIG_BYTES_MAX);
    enum error_code code = file_read(path, &text, error);
    if (!code)
        code = yaml_reader_open(&reader, buf_str(&text), path, &config->arena, error);
    buf_deinit(&text);
    if (!code) {
        code = yaml_read_root(&reader, &root_table, config);
        if (!code)
            code = check_config(&reader, config);
        yaml_reader_close(&reader);
    }
    if (!code)
        code = place_corpus(config, path, error);
    if (code)
        train_config_deinit(config);
    return code;
}

void train_config_deinit(struct train_config *config)
{
    arena_deinit(&config->arena);
    *config = (struct train_config){0};
}

bool train_config_is_first(const struct train_config *config, size_t phase, size_t source)
{
    const char *path = config->phases[phase].sources[source].file;
    for (size_t i = 0; path && i <= phase; i++)
        for (size_t j = 0; j < (i == phase ? source : config->phases[i].source_count); j++)
            if (config->phases[i].sources[j].file && strcmp(config->phases[i].sources[j].file, path) == 0)
                return false;
    return path != NULL;
}
