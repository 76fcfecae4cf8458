/* packer.c - puts examples into the rows of a batch, first that fits, and writes the mask between them. */
#include "distill/packer.h"

enum error_code packer_init(struct packer *packer, struct batch_shape shape, struct error *error)
{
    size_t tokens = (size_t)shape.length * shape.rows;
    *packer = (struct packer){.batch.shape = shape};
    packer->batch.tokens = mem_calloc(tokens, sizeof(int32_t));
    packer->batch.positions = mem_calloc(tokens, sizeof(int32_t));
    packer->batch.documents = mem_calloc(tokens, sizeof(int32_t));
    packer->batch.selects = mem_calloc(shape.selected, sizeof(int32_t));
    packer->batch.labels = mem_calloc(shape.selected, sizeof(int32_t));
    packer->used = mem_calloc(shape.rows, sizeof(uint32_t));
    packer->tags = mem_calloc(shape.selected, sizeof(int32_t));
    if (!packer->batch.tokens || !packer->batch.positions || !packer->batch.documents || !packer->batch.selects ||
        !packer->batch.labels || !packer->used || !packer->tags) {
        packer_deinit(packer);
        return error_no_memory(error);
    }
    packer_reset(packer);
    return OK;
}

void packer_deinit(struct packer *packer)
{
    mem_free(packer->batch.tokens);
    mem_free(packer->batch.positions);
    mem_free(packer->batch.documents);
    mem_free(packer->batch.selects);
    mem_free(packer->batch.labels);
    mem_free(packer->used);
    mem_free(packer->tags);
    *packer = (struct packer){0};
}

void packer_reset(struct packer *packer)
{
    struct batch_shape shape = packer->batch.shape;
    size_t tokens = (size_t)shape.length * shape.rows;
    memset(packer->batch.tokens, 0, tokens * sizeof(int32_t));
    memset(packer->batch.positions, 0, tokens * sizeof(int32_t));
    for (size_t i = 0; i < tokens; i++)
        packer->batch.documents[i] = -1;
    memset(packer->used, 0, shape.rows * sizeof(uint32_t));
    packer->batch.selected = 0;
    packer->filled = 0;
    packer->examples = 0;
}

/* First fit: close to the best there is, and in the order of arrival. */
static bool find_row(const struct packer *packer, uint32_t count, uint32_t *row)
{
    for (*row = 0; *row < packer->batch.shape.rows; ++*row)
        if (packer->used[*row] + count <= packer->batch.shape.length)
            return true;
    return false;
}

bool packer_add(struct packer *packer, const struct example *example, int32_t tag)
{
    struct batch *batch = &packer->batch;
    uint32_t row;
    if (batch->selected + example->trained > batch->shape.selected || !find_row(packer, example->count, &row))
        return false;
    uint32_t at = row * batch->shape.length + packer->used[row];
    for (uint32_t i = 0; i < example->count; i++) {
        batch->tokens[at + i] = example->tokens[i];
        batch->positions[at + i] = (int32_t)i;
        batch->documents[at + i] = (int32_t)packer->examples;
        if (i == 0 || !example->is_trained[i])
            continue;
        packer->tags[batch->selected] = tag;
        batch->selects[batch->selected] = (int32_t)(at + i - 1);
        batch->labels[batch->selected++] = example->tokens[i];
    }
    packer->used[row] += example->count;
    packer->filled += example->count;
    packer->examples++;
    return true;
}
