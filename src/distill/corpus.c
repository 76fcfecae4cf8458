/* corpus.c - reads rows, and draws from several sources by weight. What becomes of a row is example.c's. See
 * corpus.h. */
#include "distill/corpus.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_HALF_MIN 4
#define COPY_HALF_MAX 48
#define SKIPS_MAX 10000 /* rows in a row that are too long: the file does not fit the phase */

/* --- files ------------------------------------------------------------------------------------------ */

static enum error_code map_file(const char *path, struct str *text, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd < 0)
        return error_set_errno(error, ERROR_NOT_FOUND, errno, "%s", path);
    enum error_code code = OK;
    if (fstat(fd, &info) != 0)
        code = error_set_errno(error, ERROR_IO, errno, "%s", path);
    else if (info.st_size == 0)
        code = error_set(error, ERROR_INVALID, "%s: the file is empty", path);
    if (!code) {
        void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            code = error_set_errno(error, ERROR_IO, errno, "%s", path);
        else
            *text = (struct str){data, (size_t)info.st_size};
    }
    close(fd);
    return code;
}

static bool find_rows(struct corpus *corpus)
{
    struct str rest = corpus->text, row;
    size_t cap = 0;
    while (str_split(&rest, '\n', &row)) {
        void *rows = corpus->rows;
        if (str_trim(row).len == 0)
            continue;
        if (!mem_grow(&rows, corpus->row_count, &cap, sizeof(*corpus->rows)))
            return false;
        corpus->rows = rows;
        corpus->rows[corpus->row_count++] = row;
    }
    return true;
}

enum error_code corpus_open(const char *path, struct corpus *corpus, struct error *error)
{
    *corpus = (struct corpus){.path = path};
    enum error_code code = map_file(path, &corpus->text, error);
    if (code)
        return code;
    uint8_t digest[SHA256_LEN];
    sha256(corpus->text, digest);
    hex_encode(digest, sizeof(digest), corpus->hash);
    if (!find_rows(corpus)) {
        corpus_close(corpus);
        return error_no_memory(error);
    }
    return OK;
}

void corpus_close(struct corpus *corpus)
{
    if (corpus->text.data)
        munmap((void *)(uintptr_t)corpus->text.data, corpus->text.len);
    mem_free(corpus->rows);
    *corpus = (struct corpus){0};
}

/* --- order ------------------------------------------------------------------------------------------ */

/* The order of an epoch follows from seed, source and epoch: nothing to save. */
static void shuffle(struct corpus_sampler *sampler, size_t source)
{
    struct rng rng;
    uint32_t *order = sampler->orders[source], count = sampler->sources[source].corpus->row_count;
    rng_seed(&rng, sampler->seed ^ (source + 1) * 0x9e3779b97f4a7c15u ^ sampler->states[source].epoch << 32);
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = (uint32_t)rng_below(&rng, i), swapped = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swapped;
    }
}

enum error_code corpus_sampler_init(struct corpus_sampler *sampler, const struct tokenizer *tokenizer, uint64_t seed,
                             uint32_t length, const struct corpus_sampler_source *sources, size_t source_count,
                             struct error *error)
{
    *sampler = (struct corpus_sampler){
        .tokenizer = tokenizer,
        .seed = seed,
        .length = length,
        .source_count = source_count,
    };
    rng_seed(&sampler->rng, seed);
    arena_init(&sampler->arenas[0], 0);
    arena_init(&sampler->arenas[1], 0);
    for (size_t i = 0; i < source_count; i++) {
        sampler->sources[i] = sources[i];
        if (!sources[i].corpus)
            continue;
        sampler->orders[i] = mem_calloc(sources[i].corpus->row_count, sizeof(uint32_t));
        if (!sampler->orders[i]) {
            corpus_sampler_deinit(sampler);
            return error_no_memory(error);
        }
        shuffle(sampler, i);
    }
    return OK;
}

void corpus_sampler_deinit(struct corpus_sampler *sampler)
{
    for (size_t i = 0; i < sampler->source_count; i++)
        mem_free(sampler->orders[i]);
    arena_deinit(&sampler->arenas[0]);
    arena_deinit(&sampler->arenas[1]);
    *sampler = (struct corpus_sampler){0};
}

/* A phase may have been made shorter since. */
static void drop_long_waiting(struct corpus_sampler *sampler)
{
    size_t kept = 0;
    for (size_t i = 0; i < sampler->waiting_count; i++) {
        if (sampler->waiting[i].count > sampler->length)
            continue;
        sampler->waiting[kept] = sampler->waiting[i];
        sampler->waiting_tags[kept++] = sampler->waiting_tags[i];
    }
    sampler->waiting_count = kept;
}

enum error_code corpus_sampler_resume(struct corpus_sampler *sampler, struct error *error)
{
    for (size_t i = 0; i < sampler->source_count; i++) {
        const struct corpus *corpus = sampler->sources[i].corpus;
        if (corpus && sampler->states[i].next > corpus->row_count)
            return error_set(error, ERROR_CONFLICT, "%s: it has fewer rows than the checkpoint has seen",
                             corpus->path);
        if (corpus)
            shuffle(sampler, i);
    }
    drop_long_waiting(sampler);
    return OK;
}

/* --- handing out ------------------------------------------------------------------------------------ */

/* The source furthest behind its share. */
static size_t next_source(const struct corpus_sampler *sampler)
{
    size_t best = 0;
    double least = 0.0;
    for (size_t i = 0; i < sampler->source_count; i++) {
        double given = (double)sampler->states[i].tokens / sampler->sources[i].weight;
        if (i == 0 || given < least) {
            best = i;
            least = given;
        }
    }
    return best;
}

/* Of a draw: whoever goes on from a checkpoint draws the same ones. */
static void seed_values(struct rng *rng, const struct corpus_sampler *sampler, size_t source)
{
    const struct source_state *state = &sampler->states[source];
    rng_seed(rng, sampler->seed ^ (source + 1) * 0xd1342543de82ef95u ^ state->epoch << 32 ^ state->next);
}

static struct str next_row(struct corpus_sampler *sampler, size_t source)
{
    struct source_state *state = &sampler->states[source];
    const struct corpus *corpus = sampler->sources[source].corpus;
    if (state->next == corpus->row_count) {
        state->next = 0;
        state->epoch++;
        shuffle(sampler, source);
    }
    return corpus->rows[sampler->orders[source][state->next++]];
}

static enum error_code next_of_file(struct corpus_sampler *sampler, size_t source, struct arena *arena,
                                    struct example *example, struct error *error)
{
    const struct corpus *corpus = sampler->sources[source].corpus;
    for (int i = 0; i < SKIPS_MAX; i++) {
        struct str row = next_row(sampler, source);
        struct rng values;
        seed_values(&values, sampler, source);
        enum error_code code = example_of_row_afresh(sampler->tokenizer, row,
                                                     sampler->sources[source].is_fresh ? &values : NULL, arena,
                                                     example, error);
        if (code)
            return error_prefix(error, "%s: row at byte %zu", corpus->path, (size_t)(row.data - corpus->text.data));
        if (example->count <= sampler->length)
            return OK;
        sampler->states[source].skipped++;
    }
    return error_set(error, ERROR_INVALID, "%s: its rows are longer than %u tokens", corpus->path, sampler->length);
}

static enum error_code next_example(struct corpus_sampler *sampler, struct arena *arena, struct example *example,
                                    int32_t *tag, struct error *error)
{
    size_t source = next_source(sampler);
    enum error_code code;
    if (sampler->sources[source].corpus) {
        code = next_of_file(sampler, source, arena, example, error);
    } else {
        uint32_t most = sampler->length / 2 < COPY_HALF_MAX ? sampler->length / 2 : COPY_HALF_MAX;
        uint32_t half = COPY_HALF_MIN + (uint32_t)rng_below(&sampler->rng, most - COPY_HALF_MIN + 1);
        code = example_of_copying(sampler->tokenizer, sampler->sources[source].copied, half, &sampler->rng, arena,
                                  example, error);
    }
    sampler->states[source].tokens += example->count;
    *tag = (int32_t)source;
    return code;
}

static void place_waiting(struct corpus_sampler *sampler, struct packer *packer)
{
    size_t kept = 0;
    for (size_t i = 0; i < sampler->waiting_count; i++) {
        if (packer_add(packer, &sampler->waiting[i], sampler->waiting_tags[i]))
            continue;
        sampler->waiting[kept] = sampler->waiting[i];
        sampler->waiting_tags[kept++] = sampler->waiting_tags[i];
    }
    sampler->waiting_count = kept;
}

/* Moves what waits to the other arena and empties this one: something always
 * waits, so one arena alone would grow for ever. */
static enum error_code move_waiting(struct corpus_sampler *sampler, struct error *error)
{
    struct arena *to = &sampler->arenas[1 - sampler->arena];
    for (size_t i = 0; i < sampler->waiting_count; i++) {
        struct example *example = &sampler->waiting[i];
        int32_t *tokens = ARENA_ARRAY(to, int32_t, example->count);
        bool *is_trained = ARENA_ARRAY(to, bool, example->count);
        if (!tokens || !is_trained)
            return error_no_memory(error);
        memcpy(tokens, example->tokens, example->count * sizeof(*tokens));
        memcpy(is_trained, example->is_trained, example->count * sizeof(*is_trained));
        example->tokens = tokens;
        example->is_trained = is_trained;
    }
    arena_reset(&sampler->arenas[sampler->arena]);
    sampler->arena = 1 - sampler->arena;
    return OK;
}

/* Ends when so many examples wait that more of them are unlikely to fit. */
enum error_code corpus_sampler_fill(struct corpus_sampler *sampler, struct packer *packer, struct error *error)
{
    packer_reset(packer);
    place_waiting(sampler, packer);
    while (sampler->waiting_count < SAMPLER_WAITING_MAX) {
        struct example example;
        int32_t tag;
        enum error_code code = next_example(sampler, &sampler->arenas[sampler->arena], &example, &tag, error);
        if (code)
            return code;
        if (packer_add(packer, &example, tag))
            continue;
        if (example.trained > packer->batch.shape.selected) {
            sampler->states[tag].skipped++;
            continue;
        }
        sampler->waiting[sampler->waiting_count] = example;
        sampler->waiting_tags[sampler->waiting_count++] = tag;
    }
    return move_waiting(sampler, error);
}
