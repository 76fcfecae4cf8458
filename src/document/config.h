/* config.h - `documents:` of fulcrum.yaml. */
#ifndef DOCUMENT_CONFIG_H
#define DOCUMENT_CONFIG_H

#include "core/config.h"

/* Whether documents are read without all walls of the sandbox. */
enum document_sandbox { DOCUMENT_SANDBOX_BEST_EFFORT, DOCUMENT_SANDBOX_REQUIRED };

struct document_config {
    enum document_sandbox sandbox;
};
extern const struct config_section documents_section;
const struct document_config *document_config(const struct config *config);

#endif
