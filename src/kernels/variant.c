/* The kernels that this set of compiler flags makes, as a table. */
#include "parts.h"

#ifdef KERNELS_NAME

#define NAME(name) #name
#define NAME_OF(name) NAME(name)

const struct kernels KERNELS_NAME = {
    .name = NAME_OF(KERNELS_NAME),
    .column_bytes = KERNELS_PART(column_bytes),
    .quantise = KERNELS_PART(quantise),
    .product = KERNELS_PART(product),
    .attend_queries = KERNELS_PART(attend_queries),
    .attend_bytes = KERNELS_PART(attend_bytes),
    .attend = KERNELS_PART(attend),
    .view_bytes = KERNELS_PART(view_bytes),
    .see = KERNELS_PART(see),
    .spans = KERNELS_PART(spans),
    .spans_max = KERNELS_PART(spans_max),
    .part_floats = KERNELS_PART(part_floats),
    .attend_span = KERNELS_PART(attend_span),
    .join = KERNELS_PART(join),
};

#endif
