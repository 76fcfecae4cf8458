/* config.c - see config.h. */
#include "document/config.h"

#include "core/config_section.h"

static const char *const sandboxes[] = {
    [DOCUMENT_SANDBOX_BEST_EFFORT] = "best-effort", [DOCUMENT_SANDBOX_REQUIRED] = "required", NULL};

static const struct field fields[] = {
    {"sandbox", FIELD_CHOICE, FIELD_AT(document_config, sandbox), .choices = sandboxes},
};
static const struct field_table table = FIELD_TABLE(fields, struct document_config);
const struct config_section documents_section = {.name = "documents", .table = &table};

const struct document_config *document_config(const struct config *config)
{
    return config_part(config->parts, &documents_section);
}
