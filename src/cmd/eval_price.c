/* eval_price.c - see eval_price.h. */
#include "cmd/eval_price.h"

#include <string.h>

#include "engine/embedded.h"
#include "model/resolve.h"

const struct price_row *eval_price_of(const struct config *config, struct price_book *book, const char *model)
{
    struct catalog catalog;
    struct registry *models;
    struct catalog_match match;
    struct error ignored;
    struct str asked = str_of(model), bare = catalog_bare_id(asked);
    if (catalog_load(embedded_file(STR("aliases.yaml")), &catalog, &ignored))
        return NULL;
    const struct price_row *row;
    if (registry_new(config, book, &models, &ignored) == OK &&
        catalog_resolve(&catalog, models, asked, &match, &ignored) == OK)
        row = price_book_row_of(book, match.model->price, match.id, match.place);
    else
        row = price_book_find(book, bare, price_place(asked, bare));
    registry_free(models);
    catalog_deinit(&catalog);
    return row && strcmp(row->name, PRICE_NONE) ? row : NULL;
}
