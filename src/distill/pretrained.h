/* pretrained.h - the weights of somebody else's model as those that training begins with.
 *
 * A GGUF file of the llama architecture without anything that the training graph lacks: every tensor of the file must
 * be one of ours (weights.h), in whatever type ggml turns to floats. What it says of itself (tokenizer, template,
 * licence) goes into the trained file unchanged. One thread at a time. */
#ifndef DISTILL_PRETRAINED_H
#define DISTILL_PRETRAINED_H

#include "core/error.h"
#include "distill/weights.h"

struct pretrained {
    struct gguf_context *gguf;
    struct ggml_context *tensors;
    const char *path; /* borrowed */
};

/* ERROR_INVALID names what the file is not, or has besides. */
enum error_code pretrained_open(const char *path, struct pretrained *pretrained, struct error *error) WARN_UNUSED;
void pretrained_close(struct pretrained *pretrained); /* zero is closed */

enum error_code pretrained_shape(const struct pretrained *pretrained, struct model_shape *shape,
                                 struct error *error) WARN_UNUSED;
bool pretrained_is_quantised(const struct pretrained *pretrained); /* its first matrix is */
/* Into weights of that shape; adapters stay as they are. */
enum error_code pretrained_copy(const struct pretrained *pretrained, struct weights *weights,
                                struct error *error) WARN_UNUSED;
/* The values of an adapter's file into the adapters of `weights`, which must be of its rank and beside the same
 * matrices. Before pretrained_copy or after it. */
enum error_code pretrained_copy_adapter(const char *path, struct weights *weights, struct error *error) WARN_UNUSED;
/* Adds the products of an adapter's file, of llama.cpp's own form, to the matrices of `weights`. */
enum error_code pretrained_merge(const char *path, struct weights *weights, struct error *error) WARN_UNUSED;

#endif
