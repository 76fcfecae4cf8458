/* relay_parts.h - a relay from inside, shared by relay_build.c (what goes to the provider, and what is found of an
 * earlier claim) and relay.c (what is asked there, and what comes back). */
#ifndef BATCH_RELAY_PARTS_H
#define BATCH_RELAY_PARTS_H

#include "batch/lines.h"
#include "batch/provider.h"
#include "batch/relay.h"
#include "keys/accounts.h"
#include "upstream/wire.h"

#define RELAY_PARTS_MAX 200 /* a record's part fits into a byte */
#define RELAY_PATH_MAX 4096
#define RELAY_REFUSED_MAX 8

enum relay_state {
    RELAY_BUILT,
    RELAY_UPLOADED,
    RELAY_CREATING,
    RELAY_CREATED,
    RELAY_FETCHED,
    RELAY_GIVEN_UP,
    RELAY_STATES,
};
extern const char *const relay_state_names[RELAY_STATES];

/* Where a record is; its line of the results, once that has come. */
struct relay_entry {
    uint64_t offset;
    uint32_t len;
    uint8_t part; /* plus one; 0: it is not relayed */
    uint8_t place; /* enum relay_place */
};

enum relay_ask { ASK_NOTHING, ASK_UPLOAD, ASK_LIST, ASK_CREATE, ASK_GET, ASK_CANCEL, ASK_RESULTS };

struct relay_part {
    struct relay *relay;
    unsigned number;
    uint64_t fence; /* of the claim that has built it: its files are named so */
    struct job_model *model;
    struct upstream *upstream;
    enum relay_state state;
    uint64_t records;
    uint64_t bytes, reply_tokens; /* of all of them at most: what they may cost */
    bool has_reserved;
    struct spending spending;     /* held while the part is at the provider, and until the job ends */
    char file[PROVIDER_ID_MAX], id[PROVIDER_ID_MAX]; /* at the provider */
    uint64_t creating_us;                    /* when it was first to be made */
    char others[RELAY_REFUSED_MAX][PROVIDER_ID_MAX]; /* batches that looked like its own and are not */
    size_t other_count;

    bool is_unnoted;    /* the log has not its state yet */
    bool must_look;     /* it may have been made: whether it was is asked before it is */
    bool is_cancelled;  /* at the provider */
    char after[PROVIDER_ID_MAX]; /* where the list goes on */
    unsigned pages;
    uint64_t next_us, pause_us;

    enum relay_ask ask; /* that is under way */
    struct transfer *transfer;
    struct arena arena; /* of its request */
    struct buf reply;
    struct buf head;
    long status;
    void *map; /* of the file that is sent */
    size_t map_len;
    struct provider_batch batch; /* as it was said last */
    unsigned fetching;           /* which of its files */
    int results_fd;
    uint64_t at; /* bytes of its results that are here */
    uint64_t found; /* of them, records of ours */
    struct line_reader lines;
    bool has_lines;
};

struct relay {
    struct active *active;
    struct relay_entry *entries; /* by record */
    struct arena arena;          /* of what parts hold */
    struct relay_part *parts;    /* stay where they are once it is opened */
    size_t part_count, part_cap;
    int log_fd;
    char log_path[RELAY_PATH_MAX];
    bool is_stopping, has_news;
    uint64_t stop_us;
};

/* Paths of a part's files: what is sent, whose records it is made of, what came back. */
enum error_code relay_path(const struct relay_part *part, const char *what, char path[RELAY_PATH_MAX],
                           struct error *error) WARN_UNUSED;

/* Appends the part's state to the log. */
enum error_code relay_note(struct relay_part *part, struct error *error) WARN_UNUSED;

/* One line of a part's results: where it belongs to a record of the part, that is back. `ctx` is the part. */
enum error_code relay_take_line(void *ctx, const struct line *line, struct error *error);
/* Its results are whole: records that are not among them are asked as ever. */
void relay_close_results(struct relay_part *part);
/* As before its results came; or as if it had never been built. */
void relay_reset_entries(struct relay_part *part, enum relay_place place);

/* Opens the log of the job's directory, and what it says; builds the parts where it says nothing. */
enum error_code relay_load(struct relay *relay, struct error *error) WARN_UNUSED;

#endif
