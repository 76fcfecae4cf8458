/* alike.c - see alike.h. */
#include "advise/alike.h"

#include <math.h>

#include "core/mem.h"
#include "customize/similar.h"

#define LEADERS 32        /* texts that others are compared with */
#define TEXT_BYTES 400    /* of a text that are looked at */
#define ALL_UP_TO 512     /* requests of a kind that are looked at, every one; then */
#define ONE_IN 32         /* of them; */
#define SAMPLE_MAX 8192   /* at most */
#define LIKENESS 0.75
#define OFTEN 5           /* an answer that came as often is one that comes again */
#define SEED UINT64_C(0x5eed)

struct leader {
    uint64_t hash, count;
    struct similar_sketch sketch;
};

struct crowd {
    struct leader *leaders; /* [LEADERS], once there is one */
    unsigned count;
    uint64_t seen, others;
};

struct alike {
    uint64_t requests, sampled;
    struct crowd prompts, answers;
};

struct alike *alike_new(void)
{
    return mem_calloc(1, sizeof(struct alike));
}

void alike_free(struct alike *alike)
{
    if (!alike)
        return;
    mem_free(alike->prompts.leaders);
    mem_free(alike->answers.leaders);
    mem_free(alike);
}

/* Numbers differ without saying anything else. */
static struct str plain(struct str text, char out[TEXT_BYTES])
{
    const struct str head = str_slice(str_trim(text), 0, TEXT_BYTES);
    for (size_t i = 0; i < head.len; i++)
        out[i] = head.data[i] >= '0' && head.data[i] <= '9' ? '0' : head.data[i];
    return (struct str){out, head.len};
}

static void crowd_add(struct crowd *crowd, struct str text)
{
    char bytes[TEXT_BYTES];
    uint32_t shingles[TEXT_BYTES + 2];
    struct leader leader = {.count = 1};
    const struct str said = plain(text, bytes);
    if (!crowd->leaders && !(crowd->leaders = mem_calloc(LEADERS, sizeof(*crowd->leaders))))
        return;
    crowd->seen++;
    leader.hash = str_hash(said);
    for (unsigned i = 0; i < crowd->count; i++) {
        if (crowd->leaders[i].hash == leader.hash) {
            crowd->leaders[i].count++;
            return;
        }
    }
    similar_sketch(shingles, similar_shingles(said, shingles), SEED, &leader.sketch);
    for (unsigned i = 0; i < crowd->count; i++) {
        if (similar_likeness(&crowd->leaders[i].sketch, &leader.sketch) >= LIKENESS) {
            crowd->leaders[i].count++;
            return;
        }
    }
    if (crowd->count < LEADERS)
        crowd->leaders[crowd->count++] = leader;
    else
        crowd->others++;
}

void alike_add(struct alike *alike, struct str prompt, struct str answer)
{
    const uint64_t number = alike->requests++;
    if ((number >= ALL_UP_TO && number % ONE_IN != 0) || alike->sampled >= SAMPLE_MAX)
        return;
    alike->sampled++;
    if (prompt.len > 0)
        crowd_add(&alike->prompts, prompt);
    if (answer.len > 0)
        crowd_add(&alike->answers, answer);
}

/* Those that are like none of the leaders count as one of a kind, each. */
static double crowd_entropy(const struct crowd *crowd)
{
    double bits = 0;
    const double seen = (double)crowd->seen;
    for (unsigned i = 0; i < crowd->count; i++) {
        const double share = (double)crowd->leaders[i].count / seen;
        bits -= share * log2(share);
    }
    return crowd->others ? bits + (double)crowd->others / seen * log2(seen) : bits;
}

/* Texts that belong to one that came often. */
static uint64_t crowd_often(const struct crowd *crowd)
{
    uint64_t often = 0;
    for (unsigned i = 0; i < crowd->count; i++)
        often += crowd->leaders[i].count >= OFTEN ? crowd->leaders[i].count : 0;
    return often;
}

static double often_kinds(const struct crowd *crowd)
{
    const double often = (double)crowd_often(crowd);
    double bits = 0;
    for (unsigned i = 0; i < crowd->count; i++) {
        const double share = (double)crowd->leaders[i].count / often;
        bits -= crowd->leaders[i].count >= OFTEN ? share * log2(share) : 0;
    }
    return exp2(bits);
}

void alike_facts(const struct alike *alike, struct alike_facts *facts)
{
    const double seen = (double)alike->answers.seen;
    *facts = (struct alike_facts){
        .requests = alike->requests,
        .answers = alike->answers.seen,
        .coverage = seen > 0 ? (double)crowd_often(&alike->answers) / seen : 0,
        .entropy = crowd_entropy(&alike->answers),
        .kinds = often_kinds(&alike->answers),
        .prompts = exp2(crowd_entropy(&alike->prompts)),
    };
}
