/* drain.c - see drain.h. */
#include "ledger/drain.h"

#include <assert.h>
#include <inttypes.h>

#include "core/log.h"
#include "core/mem.h"

#define BATCH_RECORDS 4096
#define BUCKETS 1024u

/* A request that was accepted and not finished so far. */
struct open_line {
    struct open_line *next;
    uint64_t segment, hash;
    size_t len;
    char payload[];
};

/* A segment that was read to its end. */
struct past_segment {
    uint64_t number;
    bool is_damaged;
};

struct drain {
    const char *dir;
    struct ledger_db *db;
    struct journal_reader *reader; /* NULL: the segment is not open yet */
    uint64_t segment;
    struct past_segment *past; /* ascending */
    size_t past_count, past_cap;
    uint64_t line_count;
    struct open_line *open[BUCKETS];
};

static uint64_t first_segment(const uint64_t *segments, size_t count)
{
    return count ? segments[0] : 1;
}

enum error_code drain_new(const char *dir, struct ledger_db *db, struct drain **drain, struct error *error)
{
    uint64_t *segments;
    size_t count;
    enum error_code code = journal_list(dir, &segments, &count, error);
    if (code != OK)
        return code;
    struct drain *made = mem_calloc(1, sizeof(*made));
    if (made) {
        made->segment = first_segment(segments, count);
        made->dir = dir;
        made->db = db;
        *drain = made;
    }
    mem_free(segments);
    return made ? OK : error_no_memory(error);
}

void drain_free(struct drain *drain)
{
    if (!drain)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct open_line *line = drain->open[i], *next; line; line = next) {
            next = line->next;
            mem_free(line);
        }
    }
    journal_reader_close(drain->reader);
    mem_free(drain->past);
    mem_free(drain);
}

/* --- what is open --- */

static struct str request_id_of(const struct open_line *open)
{
    struct ledger_line line = {0};
    (void)ledger_line_decode((struct str){open->payload, open->len}, &line); /* it was decoded before */
    return line.request_id;
}

static struct open_line **find_open(struct drain *drain, struct str request_id, uint64_t hash)
{
    struct open_line **at = &drain->open[hash % BUCKETS];
    while (*at && !((*at)->hash == hash && str_eq(request_id_of(*at), request_id)))
        at = &(*at)->next;
    return at;
}

/* Both may run again for the same record, after a batch that failed. */
static enum error_code note_accepted(struct drain *drain, const struct ledger_line *line, struct str payload,
                                     struct error *error)
{
    uint64_t hash = str_hash(line->request_id);
    struct open_line **at = find_open(drain, line->request_id, hash);
    if (*at)
        return OK;
    struct open_line *open = mem_alloc(sizeof(*open) + payload.len);
    if (!open)
        return error_no_memory(error);
    *open = (struct open_line){.segment = drain->segment, .hash = hash, .len = payload.len};
    memcpy(open->payload, payload.data, payload.len);
    *at = open;
    return OK;
}

static void note_ended(struct drain *drain, const struct ledger_line *line)
{
    struct open_line **at = find_open(drain, line->request_id, str_hash(line->request_id));
    struct open_line *open = *at;
    if (!open)
        return;
    assert(open->segment <= drain->segment);
    *at = open->next;
    mem_free(open);
}

static bool has_open(const struct drain *drain, uint64_t segment)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (const struct open_line *line = drain->open[i]; line; line = line->next)
            if (line->segment == segment)
                return true;
    return false;
}

/* --- one record after the other --- */

enum error_code drain_newer(uint64_t segment, struct str payload, struct error *error)
{
    return error_set(error, ERROR_INVALID,
                     "a later version of this program wrote segment %" PRIu64 " of the journal (lines of version %u, "
                     "this program knows them up to %d); start that one, no line is lost meanwhile", segment,
                     ledger_line_version(payload), LEDGER_LINE_VERSION);
}

static enum error_code take_record(struct drain *drain, const struct journal_record *record, struct error *error)
{
    struct ledger_line line;
    if (ledger_line_version(record->payload) > LEDGER_LINE_VERSION)
        return drain_newer(drain->segment, record->payload, error);
    bool is_known = record->type >= LEDGER_ACCEPTED && record->type <= LEDGER_REFUSED;
    if (!is_known || !ledger_line_decode(record->payload, &line)) {
        log_event(LOG_ERROR, "journal record is no line, left out", LOG_I("segment", drain->segment),
                  LOG_I("type", record->type), LOG_I("bytes", record->payload.len));
        return OK;
    }
    if (record->type == LEDGER_ACCEPTED)
        return note_accepted(drain, &line, record->payload, error);
    if (record->type == LEDGER_REFUSED) {
        note_ended(drain, &line);
        return OK;
    }
    enum error_code code = ledger_db_insert(drain->db, &line, error);
    if (code != OK)
        return code;
    drain->line_count++;
    note_ended(drain, &line);
    return OK;
}

static enum error_code next_segment(struct drain *drain, bool is_damaged, struct error *error)
{
    void *past = drain->past;
    if (!mem_grow(&past, drain->past_count, &drain->past_cap, sizeof(*drain->past)))
        return error_no_memory(error);
    drain->past = past;
    drain->past[drain->past_count++] = (struct past_segment){drain->segment, is_damaged};
    journal_reader_close(drain->reader);
    drain->reader = NULL;
    drain->segment++;
    return OK;
}

/* The reader is at the end of what can be read of its segment. */
static enum error_code end_segment(struct drain *drain, uint64_t current, enum journal_read state, bool *is_behind,
                                   bool *has_damage, struct error *error)
{
    bool is_past = drain->segment < current;
    assert(drain->segment <= current && drain->reader);
    if (state == JOURNAL_DAMAGED)
        log_event(LOG_ERROR, "journal is damaged, its rest is kept aside", LOG_I("segment", drain->segment),
                  LOG_I("offset", journal_reader_offset(drain->reader)));
    else if (state == JOURNAL_TORN && is_past)
        log_event(LOG_WARN, "journal ends within a record, cut off", LOG_I("segment", drain->segment),
                  LOG_I("offset", journal_reader_offset(drain->reader)));
    *has_damage = state == JOURNAL_DAMAGED && !is_past;
    *is_behind = is_past;
    return is_past ? next_segment(drain, state == JOURNAL_DAMAGED, error) : OK;
}

static enum error_code read_records(struct drain *drain, enum journal_read *state, struct error *error)
{
    for (size_t i = 0; i < BATCH_RECORDS; i++) {
        struct journal_record record;
        *state = journal_reader_next(drain->reader, &record, error);
        if (*state == JOURNAL_FAILED)
            return error->code;
        if (*state != JOURNAL_RECORD)
            return OK;
        enum error_code code = take_record(drain, &record, error);
        if (code != OK)
            return code;
    }
    return OK;
}

static enum error_code read_batch(struct drain *drain, enum journal_read *state, struct error *error)
{
    uint64_t begin = journal_reader_offset(drain->reader), lines = drain->line_count;
    enum error_code code = ledger_db_begin(drain->db, error);
    if (code == OK)
        code = read_records(drain, state, error);
    if (code == OK)
        code = ledger_db_commit(drain->db, error);
    if (code == OK)
        return OK;
    ledger_db_rollback(drain->db);
    journal_reader_seek(drain->reader, begin);
    drain->line_count = lines;
    return code;
}

enum error_code drain_batch(struct drain *drain, uint64_t current, bool *is_behind, bool *has_damage,
                            struct error *error)
{
    enum journal_read state = JOURNAL_END;
    *is_behind = *has_damage = false;
    enum error_code code = OK;
    if (!drain->reader) {
        code = journal_reader_open(drain->dir, drain->segment, &drain->reader, error);
        if (code == ERROR_NOT_FOUND && drain->segment < current) { /* a gap: somebody took it away */
            drain->segment++;
            *is_behind = true;
            return OK;
        }
    }
    if (code == OK)
        code = read_batch(drain, &state, error);
    if (code != OK)
        return code;
    if (state == JOURNAL_RECORD) {
        *is_behind = true;
        return OK;
    }
    return end_segment(drain, current, state, is_behind, has_damage, error);
}

static enum error_code insert_open(struct drain *drain, struct error *error)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (const struct open_line *open = drain->open[i]; open; open = open->next) {
            struct ledger_line line;
            (void)ledger_line_decode((struct str){open->payload, open->len}, &line);
            enum error_code code = ledger_db_insert(drain->db, &line, error);
            if (code != OK)
                return code;
        }
    }
    return OK;
}

enum error_code drain_close_open(struct drain *drain, struct error *error)
{
    size_t count = 0;
    enum error_code code = ledger_db_begin(drain->db, error);
    if (code == OK)
        code = insert_open(drain, error);
    if (code == OK)
        code = ledger_db_commit(drain->db, error);
    if (code != OK) {
        ledger_db_rollback(drain->db);
        return code;
    }
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct open_line *open; (open = drain->open[i]); count++) {
            drain->open[i] = open->next;
            mem_free(open);
        }
    }
    if (count)
        log_event(LOG_WARN, "requests without an end are in the ledger as failed", LOG_I("count", count));
    return OK;
}

bool drain_oldest(const struct drain *drain, uint64_t *segment, bool *is_damaged)
{
    if (!drain->past_count || has_open(drain, drain->past[0].number))
        return false;
    *segment = drain->past[0].number;
    *is_damaged = drain->past[0].is_damaged;
    return true;
}

void drain_forget_oldest(struct drain *drain)
{
    assert(drain->past_count > 0);
    drain->past_count--;
    memmove(drain->past, drain->past + 1, drain->past_count * sizeof(*drain->past));
}

uint64_t drain_segment(const struct drain *drain)
{
    return drain->segment;
}

uint64_t drain_offset(const struct drain *drain)
{
    return drain->reader ? journal_reader_offset(drain->reader) : 0;
}

uint64_t drain_lines(const struct drain *drain)
{
    return drain->line_count;
}
