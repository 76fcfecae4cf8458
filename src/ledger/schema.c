/* schema.c - see schema.h. Steps are history: what a release had is never
 * changed here. Columns come from the one list, each step takes those of its
 * version. */
#include "ledger/schema.h"

/* --- a column's definition --- */

#define TYPE_TEXT "TEXT"
#define TYPE_JSON "TEXT"
#define TYPE_TIER "TEXT"
#define TYPE_OUTCOME "TEXT"
#define TYPE_TIME "INTEGER"
#define TYPE_DURATION "INTEGER"
#define TYPE_OPTIONAL_DURATION "INTEGER"
#define TYPE_NUMBER "INTEGER"
#define TYPE_OPTIONAL "INTEGER"
#define TYPE_SIGNED "INTEGER"
#define TYPE_SCORE "INTEGER"

#define RULE_TEXT " NOT NULL"
#define RULE_TIER " NOT NULL"
#define RULE_OUTCOME " NOT NULL"
#define RULE_TIME " NOT NULL"
#define RULE_DURATION " NOT NULL"
#define RULE_OPTIONAL_DURATION ""
#define RULE_NUMBER " NOT NULL"
#define RULE_SIGNED " NOT NULL"

/* From version 4 on a new column is NULL in lines of before: nobody knew. */
#define DEFINE_1(name, kind) name " " TYPE_##kind RULE_##kind
#define DEFINE_2(name, kind) name " " TYPE_##kind " NOT NULL DEFAULT ''"
#define DEFINE_4(name, kind) name " " TYPE_##kind
#define DEFINE_5(name, kind) DEFINE_4(name, kind)
#define DEFINE_6(name, kind) DEFINE_4(name, kind)
#define DEFINE_7(name, kind) DEFINE_4(name, kind)
#define DEFINE_8(name, kind) DEFINE_4(name, kind)

/* --- the columns of a version, or of all up to it --- */

#define DEFINE_FIRST(name, kind, since, ...) DEFINE_##since(#name, kind)
#define IF_1_1(text) text
#define IF_1_2(text)
#define IF_1_4(text)
#define IF_1_5(text)
#define IF_1_6(text)
#define IF_1_7(text)
#define IF_1_8(text)
#define DEFINE_NEXT_OF_1(name, kind, since, ...) IF_1_##since(", " DEFINE_##since(#name, kind))
#define DEFINE_ALL_OF_1 LEDGER_COLUMNS(DEFINE_FIRST, DEFINE_NEXT_OF_1)

#define IF_2_1(text)
#define IF_2_2(text) text
#define IF_2_4(text)
#define IF_2_5(text)
#define IF_2_6(text)
#define IF_2_7(text)
#define IF_2_8(text)
#define ADD_2(name, kind, since, ...) IF_2_##since("ALTER TABLE line ADD COLUMN " DEFINE_##since(#name, kind) ";")
#define ADD_ALL_OF_2 LEDGER_COLUMNS(ADD_2, ADD_2)

#define UP_TO_3_1(text) text
#define UP_TO_3_2(text) text
#define UP_TO_3_4(text)
#define UP_TO_3_5(text)
#define UP_TO_3_6(text)
#define UP_TO_3_7(text)
#define UP_TO_3_8(text)
#define NAME_UP_TO_3(name, kind, since, ...) UP_TO_3_##since(", " #name)
#define NAMES_UP_TO_3 LEDGER_COLUMNS(LEDGER_NAME_FIRST, NAME_UP_TO_3)

#define UP_TO_4_1(text) text
#define UP_TO_4_2(text) text
#define UP_TO_4_4(text) text
#define UP_TO_4_5(text)
#define UP_TO_4_6(text)
#define UP_TO_4_7(text)
#define UP_TO_4_8(text)
#define DEFINE_NEXT_UP_TO_4(name, kind, since, ...) UP_TO_4_##since(", " DEFINE_##since(#name, kind))
#define DEFINE_ALL_UP_TO_4 LEDGER_COLUMNS(DEFINE_FIRST, DEFINE_NEXT_UP_TO_4)

#define IF_5_1(text)
#define IF_5_2(text)
#define IF_5_4(text)
#define IF_5_5(text) text
#define IF_5_6(text)
#define IF_5_7(text)
#define IF_5_8(text)
#define ADD_5(name, kind, since, ...) IF_5_##since("ALTER TABLE line ADD COLUMN " DEFINE_##since(#name, kind) ";")
#define ADD_ALL_OF_5 LEDGER_COLUMNS(ADD_5, ADD_5)

#define IF_6_1(text)
#define IF_6_2(text)
#define IF_6_4(text)
#define IF_6_5(text)
#define IF_6_6(text) text
#define IF_6_7(text)
#define IF_6_8(text)
#define ADD_6(name, kind, since, ...) IF_6_##since("ALTER TABLE line ADD COLUMN " DEFINE_##since(#name, kind) ";")
#define ADD_ALL_OF_6 LEDGER_COLUMNS(ADD_6, ADD_6)

#define IF_7_1(text)
#define IF_7_2(text)
#define IF_7_4(text)
#define IF_7_5(text)
#define IF_7_6(text)
#define IF_7_7(text) text
#define IF_7_8(text)
#define ADD_7(name, kind, since, ...) IF_7_##since("ALTER TABLE line ADD COLUMN " DEFINE_##since(#name, kind) ";")
#define ADD_ALL_OF_7 LEDGER_COLUMNS(ADD_7, ADD_7)

#define IF_8_1(text)
#define IF_8_2(text)
#define IF_8_4(text)
#define IF_8_5(text)
#define IF_8_6(text)
#define IF_8_7(text)
#define IF_8_8(text) text
#define ADD_8(name, kind, since, ...) IF_8_##since("ALTER TABLE line ADD COLUMN " DEFINE_##since(#name, kind) ";")
#define ADD_ALL_OF_8 LEDGER_COLUMNS(ADD_8, ADD_8)

#define LABEL_FIRST(name) #name " TEXT NOT NULL"
#define LABEL_NEXT(name) ", " #name " TEXT NOT NULL"
#define LABEL_NAME_FIRST(name) #name
#define LABEL_NAME_NEXT(name) ", " #name
#define LABELS_UP_TO_7(FIRST, NEXT)                                                                             \
    FIRST(tenant) NEXT(model_invoked) NEXT(operation) NEXT(tier) NEXT(outcome) NEXT(miss_reason) NEXT(provider) \
    NEXT(router) NEXT(profile) NEXT(tags)
#define CREATE_LABELS(labels)                                                                                   \
    "CREATE TABLE label (id INTEGER PRIMARY KEY, " labels(LABEL_FIRST, LABEL_NEXT) ", UNIQUE ("                 \
    labels(LABEL_NAME_FIRST, LABEL_NAME_NEXT) ")) STRICT;"

#define KEEP_LINES                                                                                              \
    "CREATE TRIGGER line_keep BEFORE UPDATE ON line WHEN old.checksum IS NOT NULL "                             \
    "BEGIN SELECT RAISE(ABORT, 'lines are never changed'); END;"
#define STAY_LINES                                                                                              \
    "CREATE TRIGGER line_stay BEFORE DELETE ON line BEGIN SELECT RAISE(ABORT, 'lines are never deleted'); END;"

static const char *const steps[LEDGER_DB_VERSION] = {
    [0] = "CREATE TABLE line (" DEFINE_ALL_OF_1 ") STRICT;"
          "CREATE TABLE price (name TEXT NOT NULL UNIQUE, rates TEXT NOT NULL) STRICT;"
          "CREATE TRIGGER line_keep BEFORE UPDATE ON line BEGIN SELECT RAISE(ABORT, 'lines are never changed'); END;"
          STAY_LINES,
    [1] = ADD_ALL_OF_2,
    /* Lines get their checksums later, some at a time (ledger_db_tend). */
    [2] = "ALTER TABLE line ADD COLUMN checksum INTEGER;"
          "ALTER TABLE price ADD COLUMN checksum INTEGER;"
          "UPDATE price SET checksum = seal(name, rates);"
          "CREATE TABLE unsealed (below INTEGER NOT NULL) STRICT;"
          "INSERT INTO unsealed SELECT coalesce(max(rowid), 0) + 1 FROM line;"
          "DROP TRIGGER line_keep;"
          KEEP_LINES,
    /* Until here request_id was unique, by an index whose pages were all touched in turn, for IDs are random: four
     * pages read and four written for each line. What can come twice is the same record of a journal, with the same
     * time, and a record of a batch job, whose ID follows from the job. SQLite takes a constraint off by a new table
     * only. */
    [3] = "CREATE TABLE next (" DEFINE_ALL_UP_TO_4 ", checksum INTEGER) STRICT;"
          "INSERT INTO next (rowid, " NAMES_UP_TO_3 ", checksum) SELECT rowid, " NAMES_UP_TO_3 ", checksum FROM line;"
          "DROP TABLE line;"
          "ALTER TABLE next RENAME TO line;"
          "CREATE UNIQUE INDEX line_time ON line (time_us, request_id);"
          "CREATE INDEX line_tenant ON line (tenant, time_us);"
          "CREATE UNIQUE INDEX line_batch ON line (request_id) WHERE tier = 'batch';"
          KEEP_LINES STAY_LINES
          CREATE_LABELS(LABELS_UP_TO_7)
          "CREATE TABLE sums (grain INTEGER NOT NULL, bucket INTEGER NOT NULL, label INTEGER NOT NULL, "
          "packed BLOB NOT NULL, PRIMARY KEY (grain, bucket, label)) STRICT, WITHOUT ROWID;"
          "CREATE TABLE summed (through INTEGER NOT NULL) STRICT;"
          "INSERT INTO summed VALUES (0);",
    [4] = ADD_ALL_OF_5,
    [5] = ADD_ALL_OF_6,
    [6] = ADD_ALL_OF_7,
    /* Sums by the key, too: they are made anew, some lines at a time; until then questions read lines. */
    [7] = ADD_ALL_OF_8
          "DROP TABLE label;"
          CREATE_LABELS(LEDGER_LABELS)
          "DELETE FROM sums;"
          "UPDATE summed SET through = 0;",
};
_Static_assert(LEDGER_DB_VERSION == 8, "one step for each version");

const struct migration ledger_migration = {.room = NULL, .steps = steps, .step_count = LEDGER_DB_VERSION};
