/* similar.h - which texts say nearly the same as another one, and which are about something else than all of them.
 *
 * A text is its shingles: runs of SIMILAR_CHARS characters of what is left of it once letters are small (Unicode's case
 * folding) and everything between words is one space. Two measures are made of them:
 *
 *   likeness   of two texts: the share of shingles that both have of all that one has (Jaccard), estimated by
 *              SIMILAR_HASHES hashes whose minima agree (MinHash: Broder, "On the resemblance and containment of
 *              documents", 1997). The error's standard deviation is sqrt(J (1 - J) / 128), 0.044 at most. Texts are
 *              found by bands of equal minima (Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", 3.4): of
 *              pairs with likeness 0.8 one in 20 million is missed, of the same shingles none.
 *   nearness   of a text to the nearest real one: the cosine of hashed vectors of shingles (Weinberger et al.,
 *              "Feature Hashing for Large Scale Multitask Learning", 2009), each counted the more the fewer real texts
 *              have it.
 *
 * What more than half of the real texts have, instructions around a question say, makes no two of them alike. All is
 * reproducible from the seed. Memory: about 5 KB for each real text, 0.8 KB for each other one, and 9 MB. A call
 * costs the text's length times SIMILAR_HASHES, and one pass over all vectors. One thread. */
#ifndef CUSTOMIZE_SIMILAR_H
#define CUSTOMIZE_SIMILAR_H

#include "core/error.h"
#include "core/str.h"

#define SIMILAR_CHARS 4
#define SIMILAR_HASHES 128
#define SIMILAR_BANDS 32

struct similar;

struct similar_options {
    size_t reals, others;       /* texts of each kind at most */
    unsigned duplicate_percent; /* likeness from which on a text is a duplicate */
    unsigned off_topic_percent; /* so many of the real texts are further from all others than a text may be */
    uint64_t seed;
};

/* NULL: no memory. */
struct similar *similar_new(const struct similar_options *options);
void similar_free(struct similar *similar); /* NULL is legal */

/* Real texts, in any order: all are learnt first (how many have which shingle), then added, then settled (how near they
 * are to one another; near duplicates of a text do not count). False: no memory. */
bool similar_learn(struct similar *similar, struct str text) WARN_UNUSED;
bool similar_add(struct similar *similar, struct str text) WARN_UNUSED;
bool similar_settle(struct similar *similar) WARN_UNUSED;

enum similar_verdict {
    SIMILAR_NEW,       /* and the next one is compared with it, too */
    SIMILAR_DUPLICATE, /* of a real text, or of an earlier new one */
    SIMILAR_OFF_TOPIC, /* or without a letter or digit */
    SIMILAR_NO_MEMORY,
};
/* After similar_settle. Whether a text is off-topic does not depend on the order; of two that are alike the first is
 * new. */
enum similar_verdict similar_judge(struct similar *similar, struct str text);

/* --- its parts --- */

struct similar_sketch {
    uint32_t minima[SIMILAR_HASHES];
};

/* Hashes of the text's shingles, in ascending order, each once. `out` has room for similar_room(text). What is no
 * UTF-8 counts as a character. */
static inline size_t similar_room(struct str text)
{
    return text.len + 2;
}
size_t similar_shingles(struct str text, uint32_t *out);
void similar_sketch(const uint32_t *shingles, size_t count, uint64_t seed, struct similar_sketch *sketch);
double similar_likeness(const struct similar_sketch *a, const struct similar_sketch *b); /* estimate */

#endif
