/* soften.c - softmax at a temperature, and the largest entries of a row. See soften.h.
 *
 * What the kept entries leave of 1 is spread evenly over the others. A bucket of its own, one class for all of them,
 * would say less that isn't known; but its gradient wants the student's probability of the whole rest, and ggml's
 * cross entropy knows labels of single tokens only. Spread evenly the kept ones have exactly the gradient that they
 * have with the whole distribution, and the rest as a whole has, too: only how it is spread among thousands of tokens
 * that the teacher holds for unlikely is lost. Scaling the kept ones up to 1 instead would teach certainty that the
 * teacher does not have. */
#include "distill/soften.h"

#include <math.h>
#include <stdbool.h>

void soften(const float *logits, uint32_t count, float temperature, float *out)
{
    float most = logits[0];
    double sum = 0.0;
    for (uint32_t i = 1; i < count; i++)
        most = logits[i] > most ? logits[i] : most;
    for (uint32_t i = 0; i < count; i++) {
        out[i] = expf((logits[i] - most) / temperature);
        sum += (double)out[i];
    }
    for (uint32_t i = 0; i < count; i++)
        out[i] = (float)((double)out[i] / sum);
}

/* The one that is to go first: the smaller, of equals the later. */
static bool goes_before(const float *row, uint32_t a, uint32_t b)
{
    return row[a] < row[b] || (row[a] == row[b] && a > b);
}

static void sift_down(const float *row, uint32_t *heap, uint32_t count, uint32_t at)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= count)
            return;
        if (child + 1 < count && goes_before(row, heap[child + 1], heap[child]))
            child++;
        if (!goes_before(row, heap[child], heap[at]))
            return;
        const uint32_t moved = heap[at];
        heap[at] = heap[child];
        heap[child] = moved;
        at = child;
    }
}

/* Into `heap`, the smallest of them at its root. */
static void find_top(const float *row, uint32_t count, uint32_t top, uint32_t *heap)
{
    for (uint32_t i = 0; i < top; i++)
        heap[i] = i;
    for (uint32_t i = top / 2; i-- > 0;)
        sift_down(row, heap, top, i);
    for (uint32_t i = top; i < count; i++) {
        if (!goes_before(row, heap[0], i))
            continue;
        heap[0] = i;
        sift_down(row, heap, top, 0);
    }
}

static void scale_all(float *row, uint32_t count)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < count; i++)
        sum += (double)row[i];
    for (uint32_t i = 0; i < count; i++) /* none of it may be here: what the student has no token for */
        row[i] = sum > 0.0 ? (float)((double)row[i] / sum) : 1.0f / (float)count;
}

void soften_keep(float *row, uint32_t count, uint32_t top, uint32_t *heap)
{
    double left = 1.0;
    if (top == 0 || top >= count) {
        scale_all(row, count);
        return;
    }
    find_top(row, count, top, heap);
    for (uint32_t i = 0; i < top; i++) {
        left -= (double)row[heap[i]];
        row[heap[i]] = -row[heap[i]]; /* marked; none is below zero */
    }
    const float share = left > 0.0 ? (float)(left / (double)(count - top)) : 0.0f;
    for (uint32_t i = 0; i < count; i++)
        row[i] = signbit(row[i]) ? -row[i] : share;
}
