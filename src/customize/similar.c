/* similar.c - shingles, MinHash with bands, and hashed vectors. Knows nothing of prompts. See similar.h. */
#include "customize/similar.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include "core/mem.h"
#include "core/util.h"

#define ROWS (SIMILAR_HASHES / SIMILAR_BANDS) /* minima of a band */
#define DIMS 1024
#define PLACES 4              /* of a vector that a shingle is added to: two that share one hardly share all */
#define LANES 16              /* sums that a product keeps, so that it can be computed side by side */
#define SHARERS (1u << 22)    /* counters of texts that share a shingle; 15,000 texts have fewer shingles by far */
#define COMMON_LEAST 8        /* real texts from which on what most of them have is left out */
#define SETTLE_SAMPLE 250     /* real texts whose nearest one is looked for */
#define NONE UINT32_MAX

_Static_assert(SIMILAR_HASHES % SIMILAR_BANDS == 0 && DIMS % LANES == 0, "bands and lanes are whole");
_Static_assert(DIMS <= 1 << 15, "16 bits are a place and a sign");

struct similar {
    struct similar_options options;
    size_t learnt, reals, count; /* texts; reals come first */
    size_t cap;
    uint16_t *sharers;               /* [SHARERS] */
    struct similar_sketch *sketches; /* [cap] */
    uint32_t *next;                  /* [cap][SIMILAR_BANDS]: the text before this one in the same slot */
    uint32_t *heads;                 /* [SIMILAR_BANDS][slots] */
    uint32_t *seen;                  /* [cap]: by which look-up */
    float *vectors;                  /* [options.reals][DIMS], each of length 1 */
    uint32_t slots, lookups;         /* slots: a power of two */
    uint32_t *shingles, *kept;       /* of the text at hand; kept: those that are not common */
    size_t shingle_cap;
    float nearest_least;             /* a text must be so near to a real one */
};

/* --- shingles --------------------------------------------------------------------------------------- */

/* The first character off *rest, and what it counts as: letters in small, a space for what stands between words. */
static uint32_t next_char(struct str *rest)
{
    const uint32_t words = U_GC_L_MASK | U_GC_M_MASK | U_GC_N_MASK | U_GC_S_MASK; /* symbols: emoji are words, too */
    const uint8_t *bytes = (const uint8_t *)rest->data;
    const int32_t len = (int32_t)(rest->len < U8_MAX_LENGTH ? rest->len : U8_MAX_LENGTH);
    int32_t taken = 0;
    UChar32 code;
    U8_NEXT(bytes, taken, len, code);
    *rest = str_slice(*rest, (size_t)taken, rest->len);
    if (code < 0)
        return 0xfffd; /* the sign for what is no character */
    return U_GET_GC_MASK(code) & words ? (uint32_t)u_foldCase(code, U_FOLD_CASE_DEFAULT) : ' ';
}

/* The finaliser of splitmix64 (Steele, Lea, Flood, 2014). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

static uint32_t hash_window(const uint32_t window[SIMILAR_CHARS], size_t len)
{
    uint64_t hash = len;
    for (size_t i = 0; i < len; i++)
        hash = mix(hash ^ (uint64_t)window[i] << 32 ^ window[i]);
    return (uint32_t)(hash >> 32);
}

static int compare_shingles(const void *a, const void *b)
{
    const uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static size_t sort_unique(uint32_t *items, size_t count)
{
    size_t kept = 0;
    if (count > 0)
        qsort(items, count, sizeof(*items), compare_shingles);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || items[i] != items[kept - 1])
            items[kept++] = items[i];
    return kept;
}

size_t similar_shingles(struct str text, uint32_t *out)
{
    uint32_t window[SIMILAR_CHARS] = {' '}; /* the text begins a word, and ends one */
    size_t len = 1, count = 0;
    bool has_word = false;
    while (text.len > 0 || (has_word && window[len - 1] != ' ')) {
        const uint32_t code = text.len > 0 ? next_char(&text) : ' ';
        if (code == ' ' && window[len - 1] == ' ')
            continue;
        has_word = true;
        if (len == SIMILAR_CHARS)
            memmove(window, window + 1, (SIMILAR_CHARS - 1) * sizeof(*window));
        else
            len++;
        window[len - 1] = code;
        if (len == SIMILAR_CHARS)
            out[count++] = hash_window(window, len);
    }
    if (has_word && count == 0)
        out[count++] = hash_window(window, len);
    return sort_unique(out, count);
}

/* --- MinHash ---------------------------------------------------------------------------------------- */

/* Hash i of a shingle x: the upper half of factor_i x + term_i, modulo 2^64 (Dietzfelbinger et al., 1997). */
void similar_sketch(const uint32_t *shingles, size_t count, uint64_t seed, struct similar_sketch *sketch)
{
    for (uint64_t i = 0; i < SIMILAR_HASHES; i++) {
        const uint64_t factor = mix(seed + (2 * i + 1) * 0x9e3779b97f4a7c15ull) | 1;
        const uint64_t term = mix(seed + (2 * i + 2) * 0x9e3779b97f4a7c15ull);
        uint32_t least = UINT32_MAX;
        for (size_t k = 0; k < count; k++) {
            const uint32_t hash = (uint32_t)((factor * shingles[k] + term) >> 32);
            least = hash < least ? hash : least;
        }
        sketch->minima[i] = least;
    }
}

double similar_likeness(const struct similar_sketch *a, const struct similar_sketch *b)
{
    uint32_t same = 0;
    for (size_t i = 0; i < SIMILAR_HASHES; i++)
        same += a->minima[i] == b->minima[i];
    return (double)same / SIMILAR_HASHES;
}

static bool is_duplicate_of(const struct similar *similar, const struct similar_sketch *sketch, size_t other)
{
    return similar_likeness(sketch, &similar->sketches[other]) * 100 >= similar->options.duplicate_percent;
}

static uint32_t *head_of(const struct similar *similar, const struct similar_sketch *sketch, size_t band)
{
    uint64_t hash = band;
    for (size_t i = 0; i < ROWS; i++)
        hash = mix(hash ^ sketch->minima[band * ROWS + i]);
    return &similar->heads[band * similar->slots + (hash & (similar->slots - 1))];
}

static bool has_duplicate(struct similar *similar, const struct similar_sketch *sketch)
{
    const uint32_t lookup = ++similar->lookups;
    for (size_t band = 0; band < SIMILAR_BANDS; band++)
        for (uint32_t at = *head_of(similar, sketch, band); at != NONE;
             at = similar->next[(size_t)at * SIMILAR_BANDS + band]) {
            if (similar->seen[at] == lookup)
                continue;
            similar->seen[at] = lookup;
            if (is_duplicate_of(similar, sketch, at))
                return true;
        }
    return false;
}

static void link_sketch(struct similar *similar, const struct similar_sketch *sketch)
{
    const size_t at = similar->count++;
    assert(at < similar->cap);
    similar->sketches[at] = *sketch;
    for (size_t band = 0; band < SIMILAR_BANDS; band++) {
        uint32_t *head = head_of(similar, sketch, band);
        similar->next[at * SIMILAR_BANDS + band] = *head;
        *head = (uint32_t)at;
    }
}

/* --- vectors ---------------------------------------------------------------------------------------- */

static uint32_t sharers_of(const struct similar *similar, uint32_t shingle)
{
    return similar->sharers[mix(shingle) & (SHARERS - 1)];
}

/* Of length 1; false: it has no shingle. */
static bool make_vector(const struct similar *similar, const uint32_t *shingles, size_t count, float *vector)
{
    float length = 0;
    memset(vector, 0, DIMS * sizeof(*vector));
    for (size_t i = 0; i < count; i++) {
        uint64_t places = mix(similar->options.seed ^ mix(shingles[i] + 1ull));
        const uint32_t sharers = sharers_of(similar, shingles[i]);
        const float weight = logf(1.0f + (float)similar->learnt / (float)(sharers ? sharers : 1));
        for (size_t k = 0; k < PLACES; k++, places >>= 16)
            vector[places % DIMS] += places >> 15 & 1 ? weight : -weight;
    }
    for (size_t i = 0; i < DIMS; i++)
        length += vector[i] * vector[i];
    if (length <= 0)
        return false;
    for (size_t i = 0; i < DIMS; i++)
        vector[i] /= sqrtf(length);
    return true;
}

static float product(const float *a, const float *b)
{
    float sums[LANES] = {0}, sum = 0;
    for (size_t i = 0; i < DIMS; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            sums[k] += a[i + k] * b[i + k];
    for (size_t k = 0; k < LANES; k++)
        sum += sums[k];
    return sum;
}

/* --- texts ------------------------------------------------------------------------------------------ */

static bool take_shingles(struct similar *similar, struct str text, size_t *count)
{
    const size_t room = similar_room(text);
    if (room > similar->shingle_cap) {
        uint32_t *shingles = mem_realloc(similar->shingles, room * sizeof(*shingles));
        similar->shingles = shingles ? shingles : similar->shingles;
        uint32_t *kept = shingles ? mem_realloc(similar->kept, room * sizeof(*kept)) : NULL;
        similar->kept = kept ? kept : similar->kept;
        if (!kept)
            return false;
        similar->shingle_cap = room;
    }
    *count = similar_shingles(text, similar->shingles);
    return true;
}

/* Without what most real texts have, unless there is nothing else. */
static void make_sketch(struct similar *similar, size_t count, struct similar_sketch *sketch)
{
    size_t kept = 0;
    for (size_t i = 0; i < count && similar->learnt >= COMMON_LEAST; i++)
        if ((size_t)sharers_of(similar, similar->shingles[i]) * 2 <= similar->learnt)
            similar->kept[kept++] = similar->shingles[i];
    similar_sketch(kept ? similar->kept : similar->shingles, kept ? kept : count, similar->options.seed, sketch);
}

bool similar_learn(struct similar *similar, struct str text)
{
    size_t count;
    if (!take_shingles(similar, text, &count))
        return false;
    for (size_t i = 0; i < count; i++) {
        uint16_t *sharers = &similar->sharers[mix(similar->shingles[i]) & (SHARERS - 1)];
        if (*sharers < UINT16_MAX)
            (*sharers)++;
    }
    similar->learnt++;
    return true;
}

bool similar_add(struct similar *similar, struct str text)
{
    struct similar_sketch sketch;
    size_t count;
    assert(similar->reals == similar->count && similar->reals < similar->options.reals);
    if (!take_shingles(similar, text, &count))
        return false;
    make_sketch(similar, count, &sketch);
    (void)make_vector(similar, similar->shingles, count, similar->vectors + similar->reals++ * DIMS);
    link_sketch(similar, &sketch);
    return true;
}

static float nearest_other(const struct similar *similar, size_t real)
{
    float nearest = -2;
    for (size_t i = 0; i < similar->reals; i++) {
        const float found = product(similar->vectors + real * DIMS, similar->vectors + i * DIMS);
        if (i != real && found > nearest && !is_duplicate_of(similar, &similar->sketches[real], i))
            nearest = found;
    }
    return nearest;
}

static int compare_floats(const void *a, const void *b)
{
    const float left = *(const float *)a, right = *(const float *)b;
    return (left > right) - (left < right);
}

bool similar_settle(struct similar *similar)
{
    const size_t sample = similar->reals < SETTLE_SAMPLE ? similar->reals : SETTLE_SAMPLE;
    float *nearest = mem_alloc((sample + 1) * sizeof(*nearest));
    size_t count = 0;
    if (!nearest)
        return false;
    for (size_t i = 0; i < sample; i++) {
        const float found = nearest_other(similar, i * similar->reals / sample); /* evenly spread */
        if (found > -2)
            nearest[count++] = found;
    }
    if (count > 0) {
        qsort(nearest, count, sizeof(*nearest), compare_floats);
        const size_t at = count * similar->options.off_topic_percent / 100;
        similar->nearest_least = nearest[at < count ? at : count - 1];
    }
    mem_free(nearest);
    return true;
}

enum similar_verdict similar_judge(struct similar *similar, struct str text)
{
    struct similar_sketch sketch;
    float vector[DIMS];
    size_t count;
    bool is_near = false;
    if (!take_shingles(similar, text, &count))
        return SIMILAR_NO_MEMORY;
    make_sketch(similar, count, &sketch);
    if (count > 0 && has_duplicate(similar, &sketch))
        return SIMILAR_DUPLICATE;
    const bool has_vector = make_vector(similar, similar->shingles, count, vector);
    for (size_t i = 0; has_vector && i < similar->reals && !is_near; i++)
        is_near = product(vector, similar->vectors + i * DIMS) >= similar->nearest_least;
    if (!is_near)
        return SIMILAR_OFF_TOPIC;
    link_sketch(similar, &sketch);
    return SIMILAR_NEW;
}

/* --- life ------------------------------------------------------------------------------------------- */

struct similar *similar_new(const struct similar_options *options)
{
    struct similar *similar = mem_calloc(1, sizeof(*similar));
    if (!similar)
        return NULL;
    similar->options = *options;
    similar->nearest_least = -2; /* everything is near */
    similar->cap = options->reals + options->others;
    for (similar->slots = 64; similar->slots < similar->cap;)
        similar->slots *= 2;
    similar->sharers = mem_calloc(SHARERS, sizeof(*similar->sharers));
    similar->sketches = mem_calloc(similar->cap + 1, sizeof(*similar->sketches));
    similar->next = mem_calloc(similar->cap + 1, SIMILAR_BANDS * sizeof(*similar->next));
    similar->heads = mem_calloc(similar->slots, SIMILAR_BANDS * sizeof(*similar->heads));
    similar->seen = mem_calloc(similar->cap + 1, sizeof(*similar->seen));
    similar->vectors = mem_calloc(options->reals + 1, DIMS * sizeof(*similar->vectors));
    if (!similar->sharers || !similar->sketches || !similar->next || !similar->heads || !similar->seen ||
        !similar->vectors) {
        similar_free(similar);
        return NULL;
    }
    memset(similar->heads, 0xff, (size_t)similar->slots * SIMILAR_BANDS * sizeof(*similar->heads));
    return similar;
}

void similar_free(struct similar *similar)
{
    if (!similar)
        return;
    mem_free(similar->sharers);
    mem_free(similar->sketches);
    mem_free(similar->next);
    mem_free(similar->heads);
    mem_free(similar->seen);
    mem_free(similar->vectors);
    mem_free(similar->shingles);
    mem_free(similar->kept);
    mem_free(similar);
}
