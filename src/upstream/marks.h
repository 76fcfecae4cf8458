/* marks.h - where a prompt is worth a cache mark, for providers who keep only what is marked and charge for it.
 *
 * A mark makes its prefix dearer now (a write) and cheaper each time that it comes back before its time to live is
 * over (a read). So it is a bet on the prefix, and the odds are learnt from the traffic itself: every prompt leaves a
 * hash of its tools and system text, and one of all of it. A prompt that begins with one that was seen says that this
 * one came back, and after how long; one that nobody began with for an hour says that it did not. That is counted by
 * tenant and model, each prefix once, and apart for tools and system texts, first turns and later turns, which come
 * back for different reasons; what has come back itself is known by its own record. Until there is evidence, beliefs
 * stand in its place that lose a write at most now and then, and give way to a handful of observations. What is out
 * and may still come back counts as lost: by a quarter, and whole once it is out four times as long as prefixes took
 * lately. So a thousand prompts that come at once and never again are not a thousand writes.
 *
 * With P the chance to come back in time and E = P / (1 - P) the times that it will, a mark pays if
 *
 *     E * (input - read) > write - input
 *
 * for each of its tokens; a prefix that is there already is read whatever else happens. An hour is chosen where it is
 * worth more than five minutes.
 *
 * Bounded memory, the longest unused go first. Any thread; a mutex for the length of some lookups. */
#ifndef UPSTREAM_MARKS_H
#define UPSTREAM_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MARKS_MINUTES_S 300u
#define MARKS_HOUR_S 3600u

struct marks;

/* A prefix: everything of the prompt up to an end. */
struct marks_prefix {
    uint64_t hash; /* 0: there is none */
    uint64_t bytes;
};

struct marks_rates { /* of one unit each, the same for all */
    uint64_t input, read, write, write_1h;
};

struct marks_prompt {
    uint64_t group;             /* a hash of tenant and model */
    struct marks_prefix fixed;  /* tools and system text */
    struct marks_prefix whole;
    const struct marks_prefix *earlier; /* ends of its messages but the last, in their order */
    size_t earlier_count;
    bool is_later;              /* the model has said something in it */
    bool has_hour;              /* the provider sells an hour */
    uint32_t min_tokens;        /* that a prefix has to have */
    struct marks_rates rates;
};

/* Of one mark that was thought of. */
struct marks_place {
    uint32_t ttl_s;  /* 0: none is placed... */
    double expected; /* ...and so often its prefix is expected to come back in time */
    uint32_t tokens; /* about */
};

/* Why less than all of what is marked will be read. */
enum marks_miss { MARKS_MISS_NONE, MARKS_MISS_FIRST, MARKS_MISS_EXPIRED, MARKS_MISS_SHORT, MARKS_MISS_UNMARKED };

struct marks_choice {
    struct marks_place fixed, whole;
    size_t read_end; /* of `earlier`, from 1 on: the one whose prefix a provider has; 0: none is known to be there */
    enum marks_miss miss;
    uint32_t miss_value; /* seconds since it was used, or tokens that it has */
};

struct marks *marks_new(size_t prefixes_max); /* at least 1; NULL: no memory */
void marks_free(struct marks *marks);         /* NULL is legal */

void marks_choose(struct marks *marks, const struct marks_prompt *prompt, uint64_t now_us, struct marks_choice *choice);
/* The provider has begun to answer it, marked so, and has its prefixes from now on. */
void marks_sent(struct marks *marks, const struct marks_prompt *prompt, const struct marks_choice *choice,
                uint64_t now_us);

/* What a provider counted for a prompt of so many bytes: tokens are estimated by it. */
void marks_counted(struct marks *marks, uint64_t group, uint64_t bytes, uint64_t tokens);

/* Since the start: marks that were placed, and prefixes that were long enough and not worth one. */
void marks_totals(struct marks *marks, uint64_t *placed, uint64_t *withheld);

#endif
