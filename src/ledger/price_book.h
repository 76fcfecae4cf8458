/* price_book.h - dated price lists: prices/ in the repository, part of the
 * program, and the files of `prices:` in fulcrum.yaml, which go before it.
 *
 * Loaded once at start-up, read-only after, but for rows of models that come
 * later: any thread. Rows live as long as the book. docs/LEDGER.md has the file's format. */
#ifndef LEDGER_PRICE_BOOK_H
#define LEDGER_PRICE_BOOK_H

#include "core/config.h"
#include "core/error.h"
#include "ledger/price.h"

struct price_book;

/* Reads the embedded book and the files of `prices:`, and the prices of config's
 * models. An error names file, line and key. price_book_free(NULL) is legal. */
enum error_code price_book_load(const struct config *config, struct price_book **book, struct error *error) WARN_UNUSED;
void price_book_free(struct price_book *book);

/* The row of the price that a model says itself, price or price_as, of one that is added while the server runs; NULL:
 * it says none. ERROR_INVALID: no book has its price_as. Main thread; the others may read meanwhile. */
enum error_code price_book_add(struct price_book *book, const struct config_model *model,
                               const struct price_row **row, struct error *error) WARN_UNUSED;
/* Rows that no book has, of models that were added so far: they only become more. */
size_t price_book_added_count(const struct price_book *book);
const struct price_row *price_book_added(const struct price_book *book, size_t index);

/* The row of a bare ID in `place` (a geography such as "eu", a region, or
 * empty); another place's row when that one has no price of its own. NULL: no
 * book knows the ID. */
const struct price_row *price_book_find(const struct price_book *book, struct str id, struct str place);

/* The row of a model's own price or price_as, by its number in the configuration; NULL: it has none. */
const struct price_row *price_book_own(const struct price_book *book, size_t model);
/* `own`, or where that is NULL the row of the ID asked for. Never NULL; rows named PRICE_NONE cost nothing. */
const struct price_row *price_book_row_of(const struct price_book *book, const struct price_row *own, struct str id,
                                          struct str place);

/* What model number `model` of the configuration costs when asked for as `id`
 * (bare) in `place`: its own price, that of its price_as, or that of the ID.
 * Never NULL; rows named PRICE_NONE cost nothing. */
const struct price_row *price_book_of_model(const struct price_book *book, size_t model, struct str id,
                                            struct str place);
#define PRICE_NONE "unpriced"

/* "eu" of "eu.amazon.nova-pro-v1:0", whose bare ID is `bare`, a part of
 * `asked` (or any other string); empty without a geography. */
struct str price_place(struct str asked, struct str bare);

/* Every row there is, for the ledger to keep. */
size_t price_book_count(const struct price_book *book);
const struct price_row *price_book_row(const struct price_book *book, size_t index);

#endif
