/* row_independence.c - see row_independence.h. */
#include "engine/row_independence.h"

#include <ggml.h>
#include <stddef.h>

#define ATTENTION_POSITIONS 5 /* among the sources of an attention: the positions of its cells */

/* Sums and maxima of these run along a row whose length is the model's, never along tokens or cells; the last three
 * go through one sequence token by token, with a state of its own. */
static const enum ggml_op BY_ROWS[] = {
    GGML_OP_NONE,      GGML_OP_DUP,       GGML_OP_ADD,      GGML_OP_ADD_ID,  GGML_OP_SUB,      GGML_OP_MUL,
    GGML_OP_DIV,       GGML_OP_SQR,       GGML_OP_SQRT,     GGML_OP_LOG,     GGML_OP_SIN,      GGML_OP_COS,
    GGML_OP_SUM_ROWS,  GGML_OP_REPEAT,    GGML_OP_CONCAT,   GGML_OP_NORM,    GGML_OP_RMS_NORM, GGML_OP_L2_NORM,
    GGML_OP_SCALE,     GGML_OP_CPY,       GGML_OP_CONT,     GGML_OP_RESHAPE, GGML_OP_VIEW,     GGML_OP_PERMUTE,
    GGML_OP_TRANSPOSE, GGML_OP_GET_ROWS,  GGML_OP_SET_ROWS, GGML_OP_ROPE,    GGML_OP_CLAMP,    GGML_OP_ARANGE,
    GGML_OP_ARGSORT,   GGML_OP_TOP_K,     GGML_OP_FILL,     GGML_OP_UNARY,   GGML_OP_GLU,
    GGML_OP_SSM_CONV,  GGML_OP_SSM_SCAN,  GGML_OP_GATED_DELTA_NET,
};

static bool is_by_rows(enum ggml_op op)
{
    for (size_t i = 0; i < sizeof(BY_ROWS) / sizeof(BY_ROWS[0]); i++)
        if (BY_ROWS[i] == op)
            return true;
    return false;
}

/* With a mask the cells of all sequences are looked at, and where they lie is chance: sums must be in the order of
 * their positions, which are another source (deps/patches). */
static bool knows_positions(const struct ggml_tensor *attention)
{
    return attention->src[3] == NULL || attention->src[ATTENTION_POSITIONS] != NULL;
}

bool node_is_row_independent(const struct ggml_tensor *node, bool (*takes)(const struct ggml_tensor *node))
{
    switch (node->op) {
    case GGML_OP_MUL_MAT:
    case GGML_OP_MUL_MAT_ID: return takes != NULL && takes(node);
    case GGML_OP_FLASH_ATTN_EXT: return takes != NULL && takes(node) && knows_positions(node);
    case GGML_OP_SOFT_MAX: return node->src[1] == NULL; /* with a mask its row is the cells of all sequences */
    default: return is_by_rows(node->op);
    }
}
