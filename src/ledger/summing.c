/* summing.c - see summing.h. Lines are taken in the order of their rows, and
 * `summed` says up to which: it changes in the transaction that adds them, so
 * each is counted once, whatever dies in between. A step sums its lines by
 * minute in a table of its own first, and that into the three that stay. */
#include "ledger/summing.h"

#include "core/mem.h"
#include "ledger/schema.h"

enum step { STEP_RANGE, STEP_LABELS, STEP_BATCH, STEP_MINUTES, STEP_HOURS, STEP_DAYS, STEP_CLEAR, STEP_THROUGH, STEPS };

struct summing {
    struct sql *sql;
    struct sql_statement *statements[STEPS];
};

#define LABEL_OF_FIRST(name) "coalesce(line." #name ", '')"
#define LABEL_OF_NEXT(name) ", coalesce(line." #name ", '')"
#define NAME_FIRST(name) #name
#define NAME_NEXT(name) ", " #name
#define SAME_FIRST(name) "label." #name " = coalesce(line." #name ", '')"
#define SAME_NEXT(name) " AND label." #name " = coalesce(line." #name ", '')"
#define IN_RANGE "line.rowid > ?1 AND line.rowid <= ?2"
#define ADD_BATCH(seconds, minutes)                                                                             \
    "INSERT INTO main.sums SELECT " seconds ", minute / " minutes " AS place, label, fold(packed) FROM temp.batch " \
    "WHERE true GROUP BY place, label "                                                                          \
    "ON CONFLICT (grain, bucket, label) DO UPDATE SET packed = fold2(packed, excluded.packed)"

static const char temporary[] = "CREATE TEMP TABLE batch (minute, label, packed)";

static const char *const texts[STEPS] = {
    [STEP_RANGE] = "SELECT through, coalesce((SELECT max(rowid) FROM line), 0) FROM summed",
    [STEP_LABELS] = "INSERT OR IGNORE INTO label (" LEDGER_LABELS(NAME_FIRST, NAME_NEXT) ") SELECT DISTINCT "
                    LEDGER_LABELS(LABEL_OF_FIRST, LABEL_OF_NEXT) " FROM line WHERE " IN_RANGE,
    [STEP_BATCH] = "INSERT INTO temp.batch SELECT line.time_us / 60000000 AS place, label.id, "
                   LEDGER_PACK " FROM line CROSS JOIN label ON "
                   LEDGER_LABELS(SAME_FIRST, SAME_NEXT) " WHERE " IN_RANGE " GROUP BY place, label.id",
    [STEP_MINUTES] = ADD_BATCH("60", "1"),
    [STEP_HOURS] = ADD_BATCH("3600", "60"),
    [STEP_DAYS] = ADD_BATCH("86400", "1440"),
    [STEP_CLEAR] = "DELETE FROM temp.batch",
    [STEP_THROUGH] = "UPDATE summed SET through = ?1",
};

enum error_code summing_new(struct sql *sql, struct summing **summing, struct error *error)
{
    struct summing *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->sql = sql;
    enum error_code code = sql_exec(sql, temporary, error);
    for (size_t i = 0; i < STEPS && code == OK; i++)
        code = sql_prepare(sql, texts[i], &made->statements[i], error);
    if (code != OK) {
        summing_free(made);
        return code;
    }
    *summing = made;
    return OK;
}

void summing_free(struct summing *summing)
{
    if (!summing)
        return;
    for (size_t i = 0; i < STEPS; i++)
        sql_free(summing->statements[i]);
    mem_free(summing);
}

static enum error_code read_range(struct summing *summing, int64_t *from, int64_t *last, struct error *error)
{
    bool has_row = false;
    struct sql_statement *range = summing->statements[STEP_RANGE];
    enum error_code code = sql_step(range, &has_row, error);
    *from = has_row ? sql_int(range, 0) : 0;
    *last = has_row ? sql_int(range, 1) : 0;
    if (has_row)
        sql_reset(range);
    return code;
}

static enum error_code add_range(struct summing *summing, int64_t from, int64_t through, struct error *error)
{
    enum error_code code = OK;
    for (int step = STEP_LABELS; step <= STEP_BATCH; step++) {
        sql_bind_int(summing->statements[step], 1, from);
        sql_bind_int(summing->statements[step], 2, through);
    }
    sql_bind_int(summing->statements[STEP_THROUGH], 1, through);
    for (int step = STEP_LABELS; step <= STEP_THROUGH && code == OK; step++)
        code = sql_run(summing->statements[step], error);
    return code;
}

enum error_code summing_step(struct summing *summing, uint64_t rows, bool *is_done, struct error *error)
{
    int64_t from, last;
    *is_done = true;
    enum error_code code = read_range(summing, &from, &last, error);
    if (code != OK || last <= from)
        return code;
    const int64_t through = last - from > (int64_t)rows ? from + (int64_t)rows : last;
    code = sql_exec(summing->sql, "BEGIN IMMEDIATE", error);
    if (code == OK)
        code = add_range(summing, from, through, error);
    if (code == OK)
        code = sql_exec(summing->sql, "COMMIT", error);
    if (code != OK)
        sql_rollback(summing->sql);
    *is_done = code != OK || through == last;
    return code;
}
