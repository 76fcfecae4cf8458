/* fields.h - a line of the ledger, or sums of lines, as named fields: one list for every form in which they are given
 * out, `fulcrum ledger` and the console alike. Plain data; strings borrow. No allocation, any thread. */
#ifndef LEDGER_FIELDS_H
#define LEDGER_FIELDS_H

#include "core/buf.h"
#include "core/util.h"
#include "ledger/money.h"

enum ledger_field_kind {
    LEDGER_FIELD_TEXT,
    LEDGER_FIELD_NUMBER,
    LEDGER_FIELD_JSON,
    LEDGER_FIELD_ABSENT, /* null; in CSV nothing */
};
struct ledger_field {
    const char *name;
    enum ledger_field_kind kind;
    struct str text; /* of a number: its digits */
};

#define LEDGER_FIELDS_MAX 72
struct ledger_fields { /* zeroed: none; not to be moved */
    size_t count;
    struct ledger_field items[LEDGER_FIELDS_MAX];
    char digits[LEDGER_FIELDS_MAX][MONEY_TEXT];
};

/* Names are kept, texts borrowed. */
void ledger_fields_text(struct ledger_fields *fields, const char *name, struct str text);
void ledger_fields_number(struct ledger_fields *fields, const char *name, ledger_sum value);
void ledger_fields_json(struct ledger_fields *fields, const char *name, struct str text); /* empty: {} */
void ledger_fields_absent(struct ledger_fields *fields, const char *name);
void ledger_fields_time(struct ledger_fields *fields, const char *name, uint64_t us);
/* With so many decimals; below 0 or no number: null. */
void ledger_fields_real(struct ledger_fields *fields, const char *name, double value, int decimals);
/* Picodollars as decimal dollars, with all twelve decimals. */
void ledger_fields_dollars(struct ledger_fields *fields, const char *name, ledger_sum picodollars);

/* The exported columns of a line, in their order. With `has_dollars` each amount is followed by the same in dollars:
 * costPicodollars by costDollars, savedRoute by savedRouteDollars. */
void ledger_fields_line(struct ledger_fields *fields, const struct ledger_line *line, bool has_dollars);

/* Requests, how they ended and their tokens. */
void ledger_fields_counts(struct ledger_fields *fields, const struct ledger_group *group);

/* Names of a group's money, where amounts stand: of classes of the cost, of levers. */
extern const char *const ledger_class_fields[PRICE_CLASSES]; /* "costInputPicodollars", ... */
extern const char *const ledger_saved_fields[LEVERS];        /* "savedRoute", ... */

void ledger_fields_append_json(struct buf *out, const struct ledger_fields *fields); /* an object */
void ledger_fields_append_csv(struct buf *out, const struct ledger_fields *fields);  /* a row and its end */
void ledger_fields_append_header(struct buf *out, const struct ledger_fields *fields);

#endif
