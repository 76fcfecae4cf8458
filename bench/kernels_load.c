/* kernels_load.c - what it costs that weights are packed into tiles when a model is loaded.
 *
 *   load_time    time until a worker is ready, over that on ggml as it was released
 *   load_memory  resident memory of the worker after a reply, over the same
 *
 * Rounds alternate. Of times the least of each side counts, since the machine only ever adds to them; the file is in
 * the page cache. Without tiles the weights are pages of the mapped file, which count as resident, too. */
#include <math.h>
#include <stdio.h>

#include "kernels_bed.h"

#define ROUNDS 5
#define REPLY_TOKENS 8u

static double resident_mib(pid_t pid)
{
    char path[64], line[256];
    unsigned long kib = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && kib == 0 && fgets(line, sizeof(line), file) != NULL)
        (void)sscanf(line, "VmRSS: %lu", &kib);
    if (file == NULL || kib == 0)
        bed_die("a worker's memory can't be read");
    fclose(file);
    return (double)kib / 1024;
}

struct loaded {
    double ms, mib;
};

static struct loaded load(bool is_released)
{
    static struct side side;
    static char text[PROMPT_TEXT_MAX];
    struct asked asked = {.prompt = bed_prompt(text, REPLY_TOKENS), .max_tokens = REPLY_TOKENS};
    side_open(&side, &(struct side_options){.model = RANDOM_Q8_0, .is_released = is_released});
    (void)side_ask(&side, &asked, 1, 1);
    const struct loaded loaded = {(double)side.load_us / 1000, resident_mib(side_worker(&side))};
    side_close(&side);
    return loaded;
}

static void keep_least(struct loaded *least, struct loaded loaded)
{
    least->ms = fmin(least->ms, loaded.ms);
    least->mib = fmin(least->mib, loaded.mib);
}

void bench_load(struct bench *bench)
{
    struct loaded tiles = {INFINITY, INFINITY}, released = tiles;
    const unsigned rounds = bench_rounds(ROUNDS);
    for (unsigned round = 0; round < rounds; round++) {
        keep_least(&released, load(true));
        keep_least(&tiles, load(false));
    }
    const struct bench_cell cells[] = {
        BENCH_TEXT("figure", "load"),
        BENCH_NUMBER("released_ms", released.ms),
        BENCH_NUMBER("our_ms", tiles.ms),
        BENCH_NUMBER("released_mib", released.mib),
        BENCH_NUMBER("our_mib", tiles.mib),
    };
    bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
    bench_limit(bench, "load_time", tiles.ms / released.ms, BENCH_AT_MOST, 1.2);
    bench_limit(bench, "load_memory", tiles.mib / released.mib, BENCH_AT_MOST, 1.05);
}
