/* models.h - what the files of `fulcrum models` share. */
#ifndef CMD_MODELS_H
#define CMD_MODELS_H

#include "core/buf.h"
#include "core/config.h"
#include "core/error.h"

/* The configuration's models, their files, and the IDs that mean them. */
enum error_code models_append(struct buf *out, const struct config *config, bool is_json,
                              struct error *error) WARN_UNUSED;

/* What the templates of the configured models with a file can do; of `wanted` alone, a name or a file (GGUF or Jinja),
 * where it is not NULL. */
enum error_code models_examine(struct buf *out, const struct config *config, const char *wanted, bool is_json,
                               struct error *error) WARN_UNUSED;

#endif
