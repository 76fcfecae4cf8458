/* support_traffic.c - see support_traffic.h. */
#include "support_traffic.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "core/util.h"

#define TRACE "../shared/data/traces-azure-2023/AzureLLMInferenceTrace_conv.csv.gz"
#define WINDOW 32 /* arrivals, over which the mean gap is the unit */
#define PROMPT_LEAST 8u
#define PROMPT_MOST 512u
#define REPLY_LEAST 4u
#define REPLY_MOST 128u
#define PROMPT_MEAN 1155.0 /* of the trace */
#define REPLY_MEAN 211.0

static uint32_t shorten(double tokens, uint32_t least, uint32_t most)
{
    const double shorter = tokens / TRAFFIC_SHORTER;
    return shorter < least ? least : shorter > most ? most : (uint32_t)shorter;
}

/* "2023-11-16 18:15:46.6805900,374,44"; the trace lies within one day. */
static bool read_row(const char *line, double *seconds, struct arrival *arrival)
{
    unsigned hour, minute, prompt, reply;
    double second;
    if (sscanf(line, "%*u-%*u-%*u %u:%u:%lf,%u,%u", &hour, &minute, &second, &prompt, &reply) != 5)
        return false;
    *seconds = hour * 3600.0 + minute * 60.0 + second;
    arrival->prompt = shorten(prompt, PROMPT_LEAST, PROMPT_MOST);
    arrival->reply = shorten(reply, REPLY_LEAST, REPLY_MOST);
    return true;
}

static void read_trace(struct traffic *traffic)
{
    char line[128];
    double before = -1, seconds;
    gzFile file = gzopen(TRACE, "rb");
    if (file == NULL)
        return;
    while (traffic->count < TRAFFIC_MAX && gzgets(file, line, sizeof(line)) != NULL) {
        struct arrival *arrival = &traffic->arrivals[traffic->count];
        if (!read_row(line, &seconds, arrival))
            continue;
        arrival->after = before < 0 ? 0 : seconds - before;
        before = seconds;
        traffic->count++;
    }
    gzclose(file);
    traffic->is_recorded = traffic->count > 0;
}

static double uniform(struct rng *rng)
{
    return ((double)rng_below(rng, 1u << 30) + 1) / ((1u << 30) + 1.0);
}

static double log_normal(struct rng *rng, double mean, double sigma)
{
    const double normal = sqrt(-2 * log(uniform(rng))) * cos(6.283185307179586 * uniform(rng));
    return mean * exp(sigma * normal - sigma * sigma / 2);
}

static void make_up(struct traffic *traffic)
{
    struct rng rng;
    rng_seed(&rng, 1);
    for (traffic->count = 0; traffic->count < TRAFFIC_MAX; traffic->count++)
        traffic->arrivals[traffic->count] = (struct arrival){
            .after = -log(uniform(&rng)),
            .prompt = shorten(log_normal(&rng, PROMPT_MEAN, 1.0), PROMPT_LEAST, PROMPT_MOST),
            .reply = shorten(log_normal(&rng, REPLY_MEAN, 0.8), REPLY_LEAST, REPLY_MOST),
        };
}

/* Bursts stay, but the load of one phase of a bench is that of another. */
static void scale_gaps(struct arrival *arrivals, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += arrivals[i].after;
    for (size_t i = 0; i < count && sum > 0; i++)
        arrivals[i].after *= (double)count / sum;
}

void traffic_load(struct traffic *traffic)
{
    memset(traffic, 0, sizeof(*traffic));
    read_trace(traffic);
    if (!traffic->is_recorded)
        make_up(traffic);
    for (size_t i = 0; i < traffic->count; i += WINDOW)
        scale_gaps(&traffic->arrivals[i], traffic->count - i < WINDOW ? traffic->count - i : WINDOW);
}
