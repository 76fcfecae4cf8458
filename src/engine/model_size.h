/* model_size.h - how large the model in a GGUF file is, by the file's head alone: no weights are read. Any thread. */
#ifndef ENGINE_MODEL_SIZE_H
#define ENGINE_MODEL_SIZE_H

#include <stdint.h>

#include "core/error.h"

struct model_size {
    uint32_t layers;  /* 0: the file does not say */
    uint64_t weights; /* that each token is multiplied with: all but an embedding that is no head as well */
};

enum error_code model_size_read(const char *path, struct model_size *size, struct error *error) WARN_UNUSED;

#endif
