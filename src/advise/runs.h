/* runs.h - the advisor over a running server's own data: `fulcrum advise` as a child process of the lowest priority,
 * one at a time, bounded in time and memory; what it found is remembered for RUNS_FRESH_S.
 *
 * Nobody waits for one: who asks again and again is told how far it is, and gets the advice once it is there. A run
 * that nobody has asked for lately gives way to another question. Any thread that outlives the children. */
#ifndef ADVISE_RUNS_H
#define ADVISE_RUNS_H

#include <stdint.h>

#include "core/error.h"
#include "core/mem.h"
#include "core/str.h"

#define RUNS_FRESH_S 600
#define RUNS_DAYS_MAX 3650

struct advise_runs;

/* All is borrowed. */
struct advise_runs_options {
    const char *data;   /* directory of the server */
    const char *config; /* its file, for the prices that are named there; NULL: none */
};
enum error_code advise_runs_new(const struct advise_runs_options *options, struct advise_runs **runs,
                                struct error *error) WARN_UNUSED;
void advise_runs_free(struct advise_runs *runs); /* ends what runs; NULL is legal */

struct advise_question {
    struct str tenant;  /* whose requests; data NULL: everybody's */
    uint64_t days;      /* 1 to RUNS_DAYS_MAX */
    struct str what_if; /* as after --what-if; empty: all levers as they are best */
};

enum advise_run_state { ADVISE_RUN_WAITS /* for another one */, ADVISE_RUN_RUNS, ADVISE_RUN_DONE };

struct advise_answer {
    enum advise_run_state state;
    double share;     /* of the bytes that are to be read, about, 0 to 1 */
    uint64_t records; /* that have been read */
    struct str json;  /* what --json prints, in the arena, when it is done; and when that was */
    uint64_t made_us; /* wall clock */
};

/* Waits for no more than a process to start. ERROR_INVALID: the command refuses the question, in its own words;
 * ERROR_UNAVAILABLE: the run failed, or was ended at a limit. The next one that asks starts it anew. */
enum error_code advise_runs_ask(struct advise_runs *runs, const struct advise_question *question, struct arena *arena,
                                struct advise_answer *answer, struct error *error) WARN_UNUSED;

#endif
