/* parts.h - the functions that make up a struct kernels, under names of their own for each set of compiler flags. */
#ifndef KERNELS_PARTS_H
#define KERNELS_PARTS_H

#include "kernels.h"
#include "lanes.h"

#ifdef KERNELS_NAME

#define KERNELS_JOIN(a, b) a##_##b
#define KERNELS_NAMED(a, b) KERNELS_JOIN(a, b)
#define KERNELS_PART(name) KERNELS_NAMED(KERNELS_NAME, name)

size_t KERNELS_PART(column_bytes)(enum kernel_type type, int64_t k);
void KERNELS_PART(quantise)(enum kernel_type type, int64_t k, const float *x, uint8_t *column);
void KERNELS_PART(product)(enum kernel_type type, int64_t k, const uint8_t *tiles, int rows, const uint8_t *columns,
                           size_t column_stride, int column_count, float *const *out, size_t first_row);
int KERNELS_PART(attend_queries)(const struct attention *attention);
size_t KERNELS_PART(attend_bytes)(const struct attention *attention, int queries);
void KERNELS_PART(attend)(const struct attention *attention, int64_t first, int count, int first_kv_head, int kv_heads,
                          void *work);
size_t KERNELS_PART(view_bytes)(const struct attention *attention, int queries);
int KERNELS_PART(see)(const struct attention *attention, int64_t first, int count, void *view);
int KERNELS_PART(spans)(void *view);
int KERNELS_PART(spans_max)(const struct attention *attention);
size_t KERNELS_PART(part_floats)(const struct attention *attention, int queries);
void KERNELS_PART(attend_span)(const struct attention *attention, void *view, int span, int kv_head, void *work,
                               float *part);
void KERNELS_PART(join)(const struct attention *attention, void *view, int kv_head, float *parts);

#endif
#endif
