/* checkpoint.c - writes a run's state beside the old one and renames it into place; reads it back with every length
 * checked. See checkpoint.h. */
#include "distill/checkpoint.h"

#include "core/file.h"

#define MAGIC "FULTRAIN"
#define VERSION 1u
#define BYTES_MAX ((size_t)4 << 30)

struct checkpoint_head {
    char magic[8];
    uint32_t version, pruning; /* of the model that training began with (shape.h); 0: none */
    struct model_shape shape; /* zeroed before it is filled: padding is part of the file */
    uint32_t with_muon, source_count, waiting_count, tuning; /* tuning: tuning_mark() */
    uint64_t optim_steps;
    struct train_position position;
    struct rng rng;
    struct source_state states[SAMPLER_SOURCES_MAX];
};

/* What of a model is trained, as a number; 0: all. */
static uint32_t tuning_mark(const struct tuning *tuning)
{
    return tuning->rank << 16 | tuning->targets << 1 | tuning->is_embedding_frozen;
}

/* --- saving ----------------------------------------------------------------------------------------- */

static void fill_head(struct checkpoint_head *head, const struct weights *weights, const struct optim *optim,
                      const struct corpus_sampler *sampler, const struct train_position *position)
{
    memset(head, 0, sizeof(*head));
    memcpy(head->magic, MAGIC, sizeof(head->magic));
    head->version = VERSION;
    head->pruning = weights->tuning.pruning;
    memcpy(&head->shape, &weights->shape, sizeof(head->shape));
    head->with_muon = optim->settings.with_muon;
    head->tuning = tuning_mark(&weights->tuning);
    head->source_count = (uint32_t)sampler->source_count;
    head->waiting_count = (uint32_t)sampler->waiting_count;
    head->optim_steps = optim->steps;
    head->position = *position;
    head->rng = sampler->rng;
    memcpy(head->states, sampler->states, sizeof(head->states));
}

static bool append_state(struct buf *file, const struct weights *weights, const struct optim *optim)
{
    bool is_ok = true;
    for (size_t i = 0; is_ok && i < weights->param_count; i++) {
        size_t bytes = param_count(&weights->params[i]) * sizeof(float);
        if (!weights->params[i].grad)
            continue;
        is_ok = buf_append(file, param_data(&weights->params[i]), bytes) &&
                buf_append(file, optim->slots[i].first, bytes) &&
                (!optim->slots[i].second || buf_append(file, optim->slots[i].second, bytes));
    }
    return is_ok;
}

static bool append_waiting(struct buf *file, const struct corpus_sampler *sampler)
{
    bool is_ok = true;
    for (size_t i = 0; is_ok && i < sampler->waiting_count; i++) {
        const struct example *example = &sampler->waiting[i];
        is_ok = buf_append(file, &example->count, sizeof(example->count)) &&
                buf_append(file, &example->trained, sizeof(example->trained)) &&
                buf_append(file, &sampler->waiting_tags[i], sizeof(sampler->waiting_tags[i])) &&
                buf_append(file, example->task, sizeof(example->task)) &&
                buf_append(file, example->tokens, example->count * sizeof(*example->tokens)) &&
                buf_append(file, example->is_trained, example->count * sizeof(*example->is_trained));
    }
    return is_ok;
}

enum error_code checkpoint_save(const char *path, const struct weights *weights, const struct optim *optim,
                                const struct corpus_sampler *sampler, const struct train_position *position,
                                struct error *error)
{
    struct checkpoint_head head;
    struct buf file;
    uint8_t digest[SHA256_LEN];
    fill_head(&head, weights, optim, sampler, position);
    buf_init(&file, BYTES_MAX);
    bool is_ok = buf_append(&file, &head, sizeof(head)) && append_state(&file, weights, optim) &&
                 append_waiting(&file, sampler);
    sha256(buf_str(&file), digest);
    is_ok = is_ok && buf_append(&file, digest, sizeof(digest));
    enum error_code code = is_ok ? file_replace(path, buf_str(&file), 0644, error) : error_no_memory(error);
    buf_deinit(&file);
    return code;
}

/* --- loading ---------------------------------------------------------------------------------------- */

/* What is left of the file; `failed` once something was asked for that isn't there. */
struct reader {
    struct str rest;
    bool failed;
};

static void take(struct reader *reader, void *out, size_t len)
{
    reader->failed = reader->failed || len > reader->rest.len;
    if (reader->failed)
        return;
    memcpy(out, reader->rest.data, len);
    reader->rest = str_slice(reader->rest, len, reader->rest.len);
}

static void take_state(struct reader *reader, struct weights *weights, struct optim *optim)
{
    for (size_t i = 0; i < weights->param_count; i++) {
        size_t bytes = param_count(&weights->params[i]) * sizeof(float);
        if (!weights->params[i].grad)
            continue;
        take(reader, param_data(&weights->params[i]), bytes);
        take(reader, optim->slots[i].first, bytes);
        if (optim->slots[i].second)
            take(reader, optim->slots[i].second, bytes);
    }
}

static void take_waiting(struct reader *reader, struct corpus_sampler *sampler, uint32_t count)
{
    reader->failed = reader->failed || count > SAMPLER_WAITING_MAX;
    for (uint32_t i = 0; i < count && !reader->failed; i++) {
        struct example *example = &sampler->waiting[i];
        struct arena *arena = &sampler->arenas[sampler->arena];
        take(reader, &example->count, sizeof(example->count));
        take(reader, &example->trained, sizeof(example->trained));
        take(reader, &sampler->waiting_tags[i], sizeof(sampler->waiting_tags[i]));
        take(reader, example->task, sizeof(example->task));
        if (reader->failed || example->count > reader->rest.len) {
            reader->failed = true;
            return;
        }
        example->tokens = ARENA_ARRAY(arena, int32_t, example->count);
        example->is_trained = ARENA_ARRAY(arena, bool, example->count);
        reader->failed = !example->tokens || !example->is_trained;
        take(reader, example->tokens, example->count * sizeof(*example->tokens));
        take(reader, example->is_trained, example->count * sizeof(*example->is_trained));
        sampler->waiting_count = i + 1;
    }
}

/* Takes the head of a file whose checksum is right. */
static enum error_code open_reader(const char *path, struct str file, struct reader *reader,
                                   struct checkpoint_head *head, struct error *error)
{
    uint8_t digest[SHA256_LEN];
    if (file.len < sizeof(*head) + SHA256_LEN)
        return error_set(error, ERROR_INVALID, "%s: cut short", path);
    sha256(str_slice(file, 0, file.len - SHA256_LEN), digest);
    if (memcmp(digest, file.data + file.len - SHA256_LEN, SHA256_LEN) != 0)
        return error_set(error, ERROR_INVALID, "%s: damaged, its checksum does not match", path);
    *reader = (struct reader){.rest = str_slice(file, 0, file.len - SHA256_LEN)};
    take(reader, head, sizeof(*head));
    if (memcmp(head->magic, MAGIC, sizeof(head->magic)) != 0 || head->version != VERSION)
        return error_set(error, ERROR_INVALID, "%s: not a checkpoint of this version", path);
    return OK;
}

static enum error_code check_head(const char *path, const struct checkpoint_head *head, const struct weights *weights,
                                  const struct optim *optim, const struct corpus_sampler *sampler, struct error *error)
{
    if (head->pruning != weights->tuning.pruning)
        return error_set(error, ERROR_CONFLICT,
                         "%s: made with another pruned, or rows that cut the vocabulary in another way; train without "
                         "--resume", path);
    if (!model_shape_equal(&head->shape, &weights->shape))
        return error_set(error, ERROR_CONFLICT, "%s: made with another model shape; train without --resume", path);
    if (head->with_muon != optim->settings.with_muon)
        return error_set(error, ERROR_CONFLICT, "%s: made with another optimiser; train without --resume", path);
    if (head->tuning != tuning_mark(&weights->tuning))
        return error_set(error, ERROR_CONFLICT, "%s: made with another frozen or adapter; train without --resume",
                         path);
    if (sampler && head->source_count != sampler->source_count)
        return error_set(error, ERROR_CONFLICT, "%s: its phase had other sources of data", path);
    return OK;
}

static enum error_code read_checkpoint(const char *path, struct str file, struct weights *weights,
                                       struct optim *optim, struct corpus_sampler *sampler,
                                       struct train_position *position, struct error *error)
{
    struct checkpoint_head head;
    struct reader reader;
    enum error_code code = open_reader(path, file, &reader, &head, error);
    if (!code)
        code = check_head(path, &head, weights, optim, sampler, error);
    if (code)
        return code;
    take_state(&reader, weights, optim);
    optim->steps = head.optim_steps;
    *position = head.position;
    if (sampler) {
        sampler->rng = head.rng;
        memcpy(sampler->states, head.states, sizeof(head.states));
        take_waiting(&reader, sampler, head.waiting_count);
    }
    if (reader.failed)
        return error_set(error, ERROR_INVALID, "%s: cut short", path);
    return sampler ? corpus_sampler_resume(sampler, error) : OK;
}

enum error_code checkpoint_load(const char *path, struct weights *weights, struct optim *optim,
                                struct corpus_sampler *sampler, struct train_position *position, struct error *error)
{
    struct buf file;
    buf_init(&file, BYTES_MAX);
    enum error_code code = file_read(path, &file, error);
    if (!code)
        code = read_checkpoint(path, buf_str(&file), weights, optim, sampler, position, error);
    buf_deinit(&file);
    return code;
}

static enum error_code read_weights(const char *path, struct str file, struct weights **weights, struct error *error)
{
    struct checkpoint_head head;
    struct reader reader;
    enum error_code code = open_reader(path, file, &reader, &head, error);
    if (!code && head.tuning != 0)
        code = error_set(error, ERROR_CONFLICT, "%s: only some of its model's weights are in it", path);
    if (!code)
        code = weights_new(&head.shape, weights, error);
    if (code)
        return code;
    for (size_t i = 0; i < (*weights)->param_count; i++) {
        const struct param *param = &(*weights)->params[i];
        const size_t bytes = param_count(param) * sizeof(float);
        const size_t moments = head.with_muon && param->kind == PARAM_MATRIX ? 1 : 2;
        take(&reader, param_data(param), bytes);
        reader.rest = str_slice(reader.rest, moments * bytes, reader.rest.len);
    }
    return reader.failed ? error_set(error, ERROR_INVALID, "%s: cut short", path) : OK;
}

enum error_code checkpoint_read_weights(const char *path, struct weights **weights, struct error *error)
{
    struct buf file;
    buf_init(&file, BYTES_MAX);
    *weights = NULL;
    enum error_code code = file_read(path, &file, error);
    if (!code)
        code = read_weights(path, buf_str(&file), weights, error);
    buf_deinit(&file);
    if (code) {
        weights_free(*weights);
        *weights = NULL;
    }
    return code;
}
