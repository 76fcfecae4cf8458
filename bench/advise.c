/* advise.c - `make bench B=advise`: how many records a second the advisor reads, and what memory it takes.
 *
 *   prompts        an invocation log with small bodies: a system prompt, a question, an answer, all different
 *   bare           the same without bodies, as a tenant has it that keeps none
 *   long           a system prompt of 8 KB with a time in it, so that none is the same as another
 *
 * A figure is that of the whole way from the file to the advice, by the time that its one thread had a CPU and, beside
 * it, by the clock. BENCH_RECORDS changes the number (100,000; a tenth of it with long prompts). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "advise/advice.h"
#include "cmd/sections.h"
#include "core/config.h"
#include "core/mem.h"
#include "core/util.h"
#include "engine/embedded.h"
#include "support.h"

#define FIRST_US UINT64_C(1793491200000000) /* 2026-11-01 00:00:00 UTC */

enum kind { PROMPTS, BARE, LONG, KINDS };
static const char *const names[KINDS] = {"prompts", "bare", "long"};

_Noreturn static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "bench advise: %s: %s\n", what, why);
    exit(1);
}

static void put_words(FILE *file, struct rng *rng, unsigned count)
{
    static const char *const words[] = {"shop", "parcel", "order", "return", "gift", "member", "price", "where",
                                        "does", "label", "stock", "season", "refund", "when", "phone", "box"};
    for (unsigned i = 0; i < count; i++)
        (void)fprintf(file, "%s%s", i ? " " : "", words[rng_below(rng, 16)]);
}

static void put_record(FILE *file, struct rng *rng, enum kind kind, uint64_t number)
{
    char time[TIMESTAMP_LEN + 1];
    clock_iso8601(FIRST_US + number * 7000000, time);
    (void)fprintf(file,
                  "{\"schemaType\":\"ModelInvocationLog\",\"timestamp\":\"%s\",\"accountId\":\"123456789012\","
                  "\"requestId\":\"%llu\",\"operation\":\"Converse\",\"modelId\":\"amazon.nova-pro-v1:0\",\"input\":{",
                  time, (unsigned long long)number);
    if (kind != BARE) {
        (void)fprintf(file, "\"inputBodyJson\":{\"system\":[{\"text\":\"It is %s. ", kind == LONG ? time : "day");
        struct rng same;
        rng_seed(&same, 1);
        put_words(file, &same, kind == LONG ? 1400 : 20);
        (void)fprintf(file, "\"}],\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"");
        put_words(file, rng, 5 + (unsigned)rng_below(rng, 30));
        (void)fprintf(file, "\"}]}]},");
    }
    (void)fprintf(file, "\"inputTokenCount\":%d},\"output\":{", kind == LONG ? 2000 : 60);
    if (kind != BARE) {
        (void)fprintf(file, "\"outputBodyJson\":{\"output\":{\"message\":{\"content\":[{\"text\":\"");
        put_words(file, rng, 5 + (unsigned)rng_below(rng, 30));
        (void)fprintf(file, "\"}]}}},");
    }
    (void)fprintf(file, "\"outputTokenCount\":30}}\n");
}

static void write_log(const char *path, enum kind kind, uint64_t count)
{
    struct rng rng;
    FILE *file = fopen(path, "w");
    if (!file)
        die(path, strerror(errno));
    rng_seed(&rng, 9);
    for (uint64_t i = 0; i < count; i++)
        put_record(file, &rng, kind, i);
    if (fclose(file) != 0)
        die(path, strerror(errno));
}

static double cpu_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct spent {
    double cpu_s, wall_s;
};

static struct spent read_log(const struct advisor_options *options, const char *path, uint64_t count)
{
    struct advisor *advisor;
    const struct advice *advice;
    struct error error;
    const uint64_t began_us = clock_now_us();
    const double began = cpu_seconds();
    if (advisor_new(options, &advisor, &error) || advisor_read(advisor, path, &error) ||
        advisor_finish(advisor, &advice, &error))
        die(path, error.message);
    const struct spent spent = {cpu_seconds() - began, (double)(clock_now_us() - began_us) / 1e6};
    if (advice->plan.requests != count)
        die(path, "not every record was read");
    advisor_free(advisor);
    return spent;
}

static double measure(struct bench *bench, const struct advisor_options *options, enum kind kind, uint64_t count)
{
    double rates[BENCH_ROUNDS_MAX], by_clock[BENCH_ROUNDS_MAX];
    char path[64];
    const unsigned rounds = bench_rounds(5);
    (void)snprintf(path, sizeof(path), "build/bench/advise-%s.jsonl", names[kind]);
    write_log(path, kind, count);
    for (unsigned i = 0; i < rounds; i++) {
        const struct spent spent = read_log(options, path, count);
        rates[i] = (double)count / spent.cpu_s;
        by_clock[i] = (double)count / spent.wall_s;
    }
    (void)unlink(path);
    const double rate = bench_percentile(rates, rounds, 0.5);
    const struct bench_cell cells[] = {BENCH_TEXT("log", names[kind]), BENCH_NUMBER("records", count),
                                       BENCH_NUMBER("records_per_second", rate),
                                       BENCH_NUMBER("by_the_clock", bench_percentile(by_clock, rounds, 0.5))};
    bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
    return rate;
}

int main(void)
{
    struct config config;
    struct price_book *book;
    struct catalog catalog;
    struct predictor *predictor;
    struct error error;
    if (config_parse(STR(""), "bench", program_sections, &config, &error) || price_book_load(&config, &book, &error) ||
        catalog_load(embedded_file(STR("aliases.yaml")), &catalog, &error) ||
        predictor_open_builtin(PREDICTOR_GENERAL, &predictor, &error))
        die("start", error.message);
    const struct advisor_options options = {.book = book, .catalog = &catalog, .predictor = predictor};
    const uint64_t records = bench_setting("BENCH_RECORDS", 100000);
    struct bench *bench = bench_new("advise");
    const double prompts = measure(bench, &options, PROMPTS, records);
    const double bare = measure(bench, &options, BARE, records);
    (void)measure(bench, &options, LONG, records / 10);
    bench_limit(bench, "prompts_per_second", prompts, BENCH_AT_LEAST, 20000);
    bench_limit(bench, "bare_per_second", bare, BENCH_AT_LEAST, 20000);
    predictor_free(predictor);
    catalog_deinit(&catalog);
    price_book_free(book);
    config_deinit(&config);
    return bench_finish(bench);
}
