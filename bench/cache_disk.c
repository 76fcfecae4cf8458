/* cache_disk.c - what the cache's disk tier costs: writing one block, reading it
 * back with all its checksums, and the scan of a directory by a new process.
 * Files are in the page cache, as they are after kill -9: this is our own cost,
 * to which a disk that has to be waited for adds its own. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/block_scan.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/util.h"
#include "support.h"

#define BLOCK 64u
#define ROUNDS 60u
#define CHAIN 16u             /* blocks of one prompt */
#define SCAN_PAYLOAD 1024u    /* the scan does not read it */
#define BLOCK_MS_MOST 2.0     /* 1 MiB, each way */
#define SCAN_US_MOST 100.0    /* a file */

static char root[64];

static struct prefix_scope scope(void)
{
    return (struct prefix_scope){.tenant = STR("shop"), .fingerprint = STR("model"), .template_version = STR("1")};
}

/* --- one block -------------------------------------------------------------------------------------------- */

static uint8_t *make_image(size_t payload_len, const int32_t *tokens, const uint8_t *key, size_t *len)
{
    const struct block_facts facts = {.key = key, .parent_key = key, .scope = scope(), .format = STR("format"),
                                      .end = BLOCK, .tokens = tokens};
    const size_t head_len = block_head_len(&facts);
    uint8_t *image = mem_must_alloc(head_len + payload_len);
    random_bytes(image + head_len, payload_len);
    block_image_seal(image, &facts, payload_len);
    *len = head_len + payload_len;
    return image;
}

static double measure_block(struct bench *bench, int dir, size_t payload_len)
{
    static const int32_t tokens[BLOCK];
    double writes[ROUNDS], reads[ROUNDS];
    uint8_t key[PREFIX_KEY_LEN] = {0};
    struct error error;
    size_t len;
    uint8_t *image = make_image(payload_len, tokens, key, &len), *read = mem_must_alloc(len);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        const uint64_t began_us = clock_now_us();
        const bool is_written = block_file_write(dir, key, image, len, &error) == OK;
        const uint64_t written_us = clock_now_us();
        if (!is_written || block_file_read(dir, key, read, len, &error) != OK) {
            fprintf(stderr, "%s\n", error.message);
            exit(1);
        }
        writes[i] = (double)(written_us - began_us) / 1000;
        reads[i] = (double)(clock_now_us() - written_us) / 1000;
    }
    const double write_ms = bench_percentile(writes, ROUNDS, 0.5), read_ms = bench_percentile(reads, ROUNDS, 0.5);
    const struct bench_cell cells[] = {BENCH_TEXT("what", "block"), BENCH_NUMBER("bytes", len),
                                       BENCH_NUMBER("write_ms", write_ms), BENCH_NUMBER("read_ms", read_ms)};
    bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
    mem_free(image);
    mem_free(read);
    return write_ms > read_ms ? write_ms : read_ms;
}

/* --- the scan ----------------------------------------------------------------------------------------------- */

static enum error_code refuse(void *ctx, const uint8_t key[PREFIX_KEY_LEN], uint64_t bytes, uint64_t *payload,
                              struct error *error)
{
    (void)ctx;
    (void)key;
    (void)bytes;
    (void)payload;
    return error_set(error, ERROR_UNAVAILABLE, "nothing moves here");
}

static void drop(void *ctx, enum cache_place place, uint64_t bytes, uint64_t payload)
{
    (void)place;
    (void)bytes;
    block_drop(ctx, (struct block *)(uintptr_t)payload);
}

static struct prefix_tree *open_tree(struct block_store *store)
{
    struct prefix_tree *tree;
    struct error error;
    const struct prefix_options options = {
        .backend = {.ctx = store, .to_disk = refuse, .to_memory = refuse, .drop = drop},
        .block_tokens = BLOCK, .memory_bytes = UINT64_C(1) << 30, .disk_bytes = UINT64_C(1) << 40,
        .nodes_max = 200000, .ghosts_max = 1000, .tenants_max = 10,
    };
    if (prefix_tree_new(&options, &tree, &error) == OK)
        return tree;
    fprintf(stderr, "%s\n", error.message);
    exit(1);
}

static struct block_store *open_store(void)
{
    struct block_store *store;
    struct error error;
    const struct block_store_options options = {.root = root, .name = "scan", .copy_bytes = UINT64_C(1) << 40};
    if (block_store_new(&options, &store, &error) == OK)
        return store;
    fprintf(stderr, "%s\n", error.message);
    exit(1);
}

/* Prompts of CHAIN blocks, with the keys that the tree gives them. */
static void write_files(struct block_store *store, uint32_t from, uint32_t to)
{
    struct prefix_tree *tree = open_tree(store);
    int32_t tokens[CHAIN * BLOCK];
    struct error error;
    for (uint32_t prompt = from / CHAIN; prompt < to / CHAIN; prompt++) {
        for (uint32_t i = 0; i < CHAIN * BLOCK; i++)
            tokens[i] = (int32_t)(prompt * 8 + i);
        struct prefix_path *path;
        struct prefix_hit hit;
        struct prefix_block claim;
        const struct prefix_query query = {.scope = scope(), .tokens = tokens, .count = CHAIN * BLOCK};
        const struct prefix_checkpoint end = {.position = CHAIN * BLOCK};
        if (prefix_tree_open(tree, &query, &path, &hit, &error) != OK)
            exit(1);
        prefix_tree_use(tree, path, 0);
        if (prefix_tree_claim(tree, path, tokens, CHAIN * BLOCK, &end, 1, 0, &error) != OK)
            exit(1);
        while (prefix_path_claim(tree, path, &claim)) {
            const struct block_facts facts = {.key = claim.key, .parent_key = claim.parent_key, .scope = scope(),
                                              .format = STR("format"), .begin = claim.begin, .end = claim.end,
                                              .tokens = tokens + claim.begin, .lease = {.used_us = prompt}};
            struct block *block = block_new(store, &facts, SCAN_PAYLOAD);
            memset(block_data(block), 7, SCAN_PAYLOAD);
            block_seal(block, &facts, SCAN_PAYLOAD);
            if (!prefix_tree_commit(tree, path, (uint64_t)(uintptr_t)block, block_bytes(block), 0))
                exit(1);
            block_use(store, block, &facts.lease, true);
        }
        prefix_tree_close(tree, path);
    }
    block_store_end(store);
    prefix_tree_free(tree);
    block_store_free(store);
}

static double measure_scan(struct bench *bench, uint32_t from, uint32_t files)
{
    write_files(open_store(), from, files);
    struct block_store *store = open_store();
    struct prefix_tree *tree = open_tree(store);
    struct block_scan_result result;
    const struct block_scan_options options = {
        .store = store, .tree = tree, .fingerprint = STR("model"), .format = STR("format"),
        .template_version = STR("1"), .disk_bytes = UINT64_C(1) << 40, .files_max = 200000, .most_us = 60000000};
    block_scan(&options, &result);
    const double per_file_us = (double)result.us / (result.found > 0 ? result.found : 1);
    const struct bench_cell cells[] = {BENCH_TEXT("what", "scan"), BENCH_NUMBER("files", result.found),
                                       BENCH_NUMBER("added", result.added),
                                       BENCH_NUMBER("ms", (double)result.us / 1000),
                                       BENCH_NUMBER("us_per_file", per_file_us)};
    bench_row(bench, cells, sizeof(cells) / sizeof(cells[0]));
    block_store_end(store);
    prefix_tree_free(tree);
    block_store_free(store);
    return per_file_us;
}

int main(void)
{
    static const size_t payloads[] = {32u << 10, 64u << 10, 1u << 20, 8u << 20};
    static const uint32_t files[] = {0, 1600, 16000, 48000};
    double block_ms = 0, file_us = 0;
    char command[128];
    log_configure(LOG_ERROR, LOG_LOGFMT);
    snprintf(root, sizeof(root), "build/bench-disk-XXXXXX");
    if (mkdtemp(root) == NULL) {
        perror(root);
        return 1;
    }
    struct bench *bench = bench_new("cache_disk");
    const int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
        const double ms = measure_block(bench, dir, payloads[i]);
        block_ms = payloads[i] == 1u << 20 ? ms : block_ms;
    }
    for (size_t i = 1; i < sizeof(files) / sizeof(files[0]); i++)
        file_us = measure_scan(bench, files[i - 1], files[i]);
    bench_limit(bench, "block_ms", block_ms, BENCH_AT_MOST, BLOCK_MS_MOST);
    bench_limit(bench, "scan_us_per_file", file_us, BENCH_AT_MOST, SCAN_US_MOST);
    snprintf(command, sizeof(command), "rm -rf %s", root);
    const int status = system(command);
    close(dir);
    return bench_finish(bench) != 0 || status != 0;
}
