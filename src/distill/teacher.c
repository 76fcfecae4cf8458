/* teacher.c - opens a teacher, compares its vocabulary with the student's, and reads batches with it. See teacher.h. */
#include "distill/teacher.h"

#include "core/mem.h"
#include "distill/frozen.h"
#include "distill/soften.h"
#include "engine/metadata.h"

struct teacher {
    const struct train_teacher *settings;
    struct weights *weights;
    uint32_t student_tokens; /* of the student's vocabulary */
    int32_t *ids;            /* the teacher's of each; NULL: they are the same */
};

struct teacher_reader {
    const struct teacher *teacher;
    struct graph *graph;
    int32_t *tokens;      /* of a batch, in the teacher's ids */
    float *probabilities; /* of one token, the teacher's vocabulary */
    uint32_t *heap;
};

/* The teacher's id of a token of the student's, whose vocabulary may be a cut of the teacher's. */
static int32_t teacher_id(const struct teacher *teacher, int32_t student_id)
{
    return teacher->ids ? teacher->ids[student_id] : student_id;
}

/* --- vocabulary ------------------------------------------------------------------------------------- */

static enum error_code differs(const char *path, const char *what, struct error *error)
{
    return error_set(error, ERROR_INVALID, "%s: the teacher's tokenizer is not the student's: %s differs", path, what);
}

/* A list of a file's tokenizer: tokens or merges. */
struct texts {
    const struct gguf_context *gguf;
    int64_t key;
    size_t count;
};

static struct texts texts_of(const struct pretrained *file, const char *key)
{
    const int64_t at = metadata_find_list(file->gguf, key, GGUF_TYPE_STRING);
    return (struct texts){file->gguf, at, at < 0 ? 0 : gguf_get_arr_n(file->gguf, at)};
}

static const char *text_of(const struct texts *texts, size_t at)
{
    return gguf_get_arr_str(texts->gguf, texts->key, at);
}

static enum error_code other_count(const char *path, const char *what, size_t own, size_t students,
                                   struct error *error)
{
    return error_set(error, ERROR_INVALID,
                     "%s: the teacher's tokenizer is not the student's: it has %zu %s, the student's %zu", path, own,
                     what, students);
}

/* Each of the student's must be the teacher's of that number, and there be no others but with a cut vocabulary. */
static enum error_code compare_tokens(const struct teacher *teacher, const struct pretrained *file,
                                      const struct pretrained *base, struct error *error)
{
    const struct texts own = texts_of(file, "tokenizer.ggml.tokens");
    const struct texts students = texts_of(base, "tokenizer.ggml.tokens");
    if (teacher->ids ? own.count < students.count : own.count != students.count)
        return other_count(file->path, "tokens", own.count, students.count, error);
    for (size_t i = 0; i < students.count; i++) {
        const size_t at = (size_t)teacher_id(teacher, (int32_t)i);
        const char *text = at < own.count ? text_of(&own, at) : "";
        if (strcmp(text, text_of(&students, i)) != 0)
            return error_set(error, ERROR_INVALID,
                             "%s: the teacher's tokenizer is not the student's: its token %zu is \"%.40s\", not "
                             "\"%.40s\"", file->path, at, text, text_of(&students, i));
    }
    return OK;
}

/* In the same order; a cut vocabulary has some of them. */
static enum error_code compare_merges(const struct teacher *teacher, const struct pretrained *file,
                                      const struct pretrained *base, struct error *error)
{
    const struct texts own = texts_of(file, "tokenizer.ggml.merges");
    const struct texts students = texts_of(base, "tokenizer.ggml.merges");
    size_t at = 0;
    if (!teacher->ids && own.count != students.count)
        return other_count(file->path, "merges", own.count, students.count, error);
    for (size_t i = 0; i < students.count; i++) {
        while (at < own.count && strcmp(text_of(&own, at), text_of(&students, i)) != 0)
            at++;
        if (at++ == own.count)
            return error_set(error, ERROR_INVALID,
                             "%s: the teacher's tokenizer is not the student's: it has no merge \"%.40s\" where the "
                             "student's has it", file->path, text_of(&students, i));
    }
    return OK;
}

/* What a cut vocabulary's tokens were in the file that it was cut out of (prune.h). */
static enum error_code take_ids(struct teacher *teacher, const struct pretrained *base, struct error *error)
{
    const int64_t at = metadata_find_list(base->gguf, "fulcrum.pruned.tokens", GGUF_TYPE_INT32);
    const uint32_t count = teacher->student_tokens;
    if (at < 0 || gguf_get_arr_n(base->gguf, at) != count)
        return OK;
    teacher->ids = mem_alloc(count * sizeof(*teacher->ids));
    if (!teacher->ids)
        return error_no_memory(error);
    memcpy(teacher->ids, gguf_get_arr_data(base->gguf, at), count * sizeof(*teacher->ids));
    return OK;
}

static enum error_code compare_files(struct teacher *teacher, const struct pretrained *file,
                                     const struct pretrained *base, struct error *error)
{
    static const char *const texts[] = {"tokenizer.ggml.model", "tokenizer.ggml.pre"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (strcmp(metadata_text(file->gguf, texts[i]), metadata_text(base->gguf, texts[i])) != 0)
            return differs(file->path, texts[i], error);
    enum error_code code = compare_tokens(teacher, file, base, error);
    if (code) /* the teacher may have been cut like the student, so this comes second */
        code = take_ids(teacher, base, error) ? error->code
               : teacher->ids                 ? compare_tokens(teacher, file, base, error)
                                              : code;
    return code ? code : compare_merges(teacher, file, base, error);
}

/* Tokens of our own follow from merges and digits. */
static enum error_code compare_own(const char *path, const struct tokenizer *student, struct error *error)
{
    struct tokenizer *tokenizer;
    enum error_code code = tokenizer_load(path, &tokenizer, error);
    if (code)
        return code;
    if (tokenizer->digits != student->digits)
        code = differs(path, "how numbers are split", error);
    else if (tokenizer->merge_count != student->merge_count ||
             memcmp(tokenizer->merges, student->merges, student->merge_count * sizeof(*student->merges)) != 0)
        code = differs(path, "the list of merges", error);
    tokenizer_free(tokenizer);
    return code;
}

/* --- opening ---------------------------------------------------------------------------------------- */

static enum error_code load_weights(struct teacher *teacher, const struct pretrained *file,
                                    const struct model_shape *shape, struct error *error)
{
    const struct tuning tuning = {.is_all_frozen = true};
    struct rng unused = {0}; /* there is nothing to draw */
    for (uint32_t i = 0; i < teacher->student_tokens; i++)
        if ((uint32_t)teacher_id(teacher, (int32_t)i) >= shape->vocabulary)
            return error_set(error, ERROR_INVALID, "%s: an embedding of %u, without the student's token %u", file->path,
                             shape->vocabulary, i);
    enum error_code code = weights_new_tuned(shape, &tuning, &unused, &teacher->weights, error);
    if (!code)
        code = pretrained_copy(file, teacher->weights, error);
    if (!code && teacher->settings->adapter)
        code = pretrained_merge(teacher->settings->adapter, teacher->weights, error);
    if (!code && pretrained_is_quantised(file)) /* so it computes with bytes where it serves, too */
        code = frozen_make(teacher->weights, false, error);
    return code;
}

static enum error_code load(struct teacher *teacher, const struct pretrained *base, const struct tokenizer *tokenizer,
                            struct error *error)
{
    struct pretrained file;
    struct model_shape shape;
    enum error_code code = pretrained_open(teacher->settings->file, &file, error);
    if (!code)
        code = pretrained_shape(&file, &shape, error);
    if (!code)
        code = base ? compare_files(teacher, &file, base, error) : compare_own(file.path, tokenizer, error);
    if (!code)
        code = load_weights(teacher, &file, &shape, error);
    pretrained_close(&file);
    return code;
}

enum error_code teacher_open(const struct train_teacher *settings, const struct pretrained *base,
                             const struct tokenizer *tokenizer, struct teacher **teacher, struct error *error)
{
    struct teacher *t = mem_calloc(1, sizeof(*t));
    if (!t)
        return error_no_memory(error);
    *t = (struct teacher){.settings = settings, .student_tokens = tokenizer->count};
    const enum error_code code = load(t, base, tokenizer, error);
    if (code) {
        teacher_free(t);
        return error_prefix(error, "teacher");
    }
    *teacher = t;
    return OK;
}

void teacher_free(struct teacher *teacher)
{
    if (!teacher)
        return;
    weights_free(teacher->weights);
    mem_free(teacher->ids);
    mem_free(teacher);
}

struct soft_loss teacher_loss(const struct teacher *teacher)
{
    return (struct soft_loss){(float)teacher->settings->temperature, (float)teacher->settings->weight};
}

/* --- reading ---------------------------------------------------------------------------------------- */

enum error_code teacher_reader_new(const struct teacher *teacher, struct compute *compute, struct batch_shape shape,
                                   struct teacher_reader **reader, struct error *error)
{
    const uint32_t tokens = teacher->weights->shape.vocabulary, top = teacher->settings->top;
    struct teacher_reader *r = mem_calloc(1, sizeof(*r));
    if (!r)
        return error_no_memory(error);
    r->teacher = teacher;
    r->tokens = mem_calloc((size_t)shape.length * shape.rows, sizeof(*r->tokens));
    r->probabilities = mem_calloc(tokens, sizeof(*r->probabilities));
    r->heap = mem_calloc(top < tokens ? top + 1 : 1, sizeof(*r->heap));
    enum error_code code = r->tokens && r->probabilities && r->heap ? OK : error_no_memory(error);
    if (!code)
        code = graph_new_forward(compute, teacher->weights, shape, &r->graph, error);
    if (code) {
        teacher_reader_free(r);
        return code;
    }
    *reader = r;
    return OK;
}

void teacher_reader_free(struct teacher_reader *reader)
{
    if (!reader)
        return;
    graph_free(reader->graph);
    mem_free(reader->heap);
    mem_free(reader->probabilities);
    mem_free(reader->tokens);
    mem_free(reader);
}

enum error_code teacher_read(struct teacher_reader *reader, const struct batch *batch, float *labels,
                             struct error *error)
{
    const struct teacher *teacher = reader->teacher;
    const uint32_t own = teacher->weights->shape.vocabulary, count = teacher->student_tokens;
    struct batch read = *batch;
    read.tokens = reader->tokens;
    for (size_t i = 0; i < (size_t)batch->shape.length * batch->shape.rows; i++)
        reader->tokens[i] = teacher_id(teacher, batch->tokens[i]);
    const enum error_code code = graph_run_forward(reader->graph, &read, error);
    if (code)
        return code;
    for (uint32_t i = 0; i < batch->selected; i++) {
        float *row = labels + (size_t)i * count;
        soften(graph_logits(reader->graph) + (size_t)i * own, own, (float)teacher->settings->temperature,
               reader->probabilities);
        for (uint32_t j = 0; j < count; j++)
            row[j] = reader->probabilities[teacher_id(teacher, (int32_t)j)];
        soften_keep(row, count, teacher->settings->top, reader->heap);
    }
    return OK;
}
