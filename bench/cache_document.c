/* cache_document.c - the second question over a document of 50 pages, 32,000 tokens.
 *
 * The model is small, so that the first question, which computes all of it, takes a minute or two; attention, which
 * grows with the square of the length, is most of that. */
#include "cache_bed.h"
#include "cache_parts.h"

#define DOCUMENT_PATH "build/bench/random-4x256.gguf"
#define DOCUMENT_TOKENS 32000u
#define DOCUMENT_CONTEXT 33024u

void bench_document(struct bench *report)
{
    static struct bed bed;
    static struct client client;
    double second[BENCH_ROUNDS_MAX];
    const uint32_t count = DOCUMENT_TOKENS + SUFFIX_TOKENS;
    const struct random_gguf_options shape = {.layers = 4, .width = 256, .heads = 4, .kv_heads = 2,
                                              .feed_forward = 768, .vocabulary = 512, .context = DOCUMENT_CONTEXT,
                                              .seed = 1, .weights = "q8_0"};
    bench_model(&shape, DOCUMENT_PATH);
    open_bed_of(&bed, DOCUMENT_PATH, DOCUMENT_CONTEXT, 2, PLENTY);
    fill_text(client.text, count, 1);
    begin(&bed, &client, DOCUMENT_TOKENS, count, ENGINE_CACHE_EXPLICIT, "reader");
    finish(&bed, &client);
    const double cold = first_token_ms(&client);
    for (unsigned round = 0; round < rounds; round++) {
        fill_text(client.text + DOCUMENT_TOKENS, SUFFIX_TOKENS, 2 + round);
        begin(&bed, &client, DOCUMENT_TOKENS, count, ENGINE_CACHE_EXPLICIT, "reader");
        finish(&bed, &client);
        if (client.finished.cache.read_tokens != DOCUMENT_TOKENS)
            die("the document was not read");
        second[round] = first_token_ms(&client);
    }
    close_bed(&bed);
    const struct store_times times = measure_store(DOCUMENT_PATH, DOCUMENT_CONTEXT, DOCUMENT_TOKENS, 1);
    const double second_ms = bench_percentile(second, rounds, 0.5), saved = 1 - second_ms / cold;
    const struct bench_cell cells[] = {
        BENCH_TEXT("figure", "document_32k"),
        BENCH_TEXT("model", "3M"),
        BENCH_NUMBER("tokens", DOCUMENT_TOKENS),
        BENCH_NUMBER("first_ms", cold),
        BENCH_NUMBER("second_ms", second_ms),
        BENCH_NUMBER("saved", saved),
        BENCH_NUMBER("put_back_ms", times.put_back_ms),
        BENCH_NUMBER("readback_share", times.share),
    };
    bench_row(report, cells, sizeof(cells) / sizeof(cells[0]));
    bench_limit(report, "document_32k", saved, BENCH_AT_LEAST, 0.97);
    bench_limit(report, "document_32k_readback", times.share, BENCH_AT_MOST, 0.003);
}
