/* test_cache_disk.c - block files, the store's disk thread, and what a new process finds. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/block_scan.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/util.h"
#include "support.h"

#define BLOCK 16u
#define PAYLOAD 3000u
#define MINUTE 60u
#define SECOND_US UINT64_C(1000000)


/* --- files ------------------------------------------------------------------------------------------------- */

static void path_of(const char *name, char out[256])
{
    snprintf(out, 256, "%s/kv/%s", test_root, name);
}

/* Calls visit for each block file. */
static uint32_t each_file(void (*visit)(const char *path))
{
    char path[512], dir_path[256];
    uint32_t count = 0;
    path_of("model", dir_path);
    DIR *dir = opendir(dir_path);
    for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        if (!block_name_is(entry->d_name))
            continue;
        count++;
        snprintf(path, sizeof(path), "%s/%s", dir_path, entry->d_name);
        if (visit != NULL)
            visit(path);
    }
    if (dir != NULL)
        closedir(dir);
    return count;
}

static uint32_t count_files(void)
{
    return each_file(NULL);
}

/* --- files ------------------------------------------------------------------------------------------------ */

struct sample {
    uint8_t key[PREFIX_KEY_LEN], parent[PREFIX_KEY_LEN];
    int32_t tokens[BLOCK];
    struct block_facts facts;
    uint8_t *image;
    size_t len;
};

static void sample_make(struct sample *sample, uint8_t seed)
{
    memset(sample->key, seed, sizeof(sample->key));
    memset(sample->parent, seed + 1, sizeof(sample->parent));
    for (uint32_t i = 0; i < BLOCK; i++)
        sample->tokens[i] = (int32_t)(i * 7 + seed);
    sample->facts = (struct block_facts){
        .key = sample->key,
        .parent_key = sample->parent,
        .scope = {.tenant = STR("shop"), .fingerprint = STR("f00d"), .template_version = STR("1"), .salt = STR("s")},
        .format = STR("format"),
        .begin = 32,
        .end = 32 + BLOCK,
        .tokens = sample->tokens,
        .lease = {.used_us = 1000, .expires_us = 301000000, .ttl_s = 300},
    };
    const size_t head_len = block_head_len(&sample->facts);
    sample->len = head_len + PAYLOAD;
    sample->image = mem_alloc(sample->len);
    for (uint32_t i = 0; i < PAYLOAD; i++)
        sample->image[head_len + i] = (uint8_t)(i * 31 + seed);
    block_image_seal(sample->image, &sample->facts, PAYLOAD);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct sample sample;
    struct error error;
    struct block_facts facts;
    struct str payload;
    sample_make(&sample, 5);
    const int dir = open(test_root, O_RDONLY | O_DIRECTORY);
    assert_int_equal(block_file_write(dir, sample.key, sample.image, sample.len, &error), OK);
    const struct block_lease lease = {.used_us = 77, .expires_us = 88, .ttl_s = 3600};
    assert_int_equal(block_file_renew(dir, sample.key, &lease, &error), OK);
    uint8_t *read = mem_alloc(sample.len);
    assert_int_equal(block_file_read(dir, sample.key, read, sample.len, &error), OK);
    assert_true(block_image_payload(read, sample.len, &payload));
    assert_int_equal(payload.len, PAYLOAD);
    assert_memory_equal(payload.data, sample.image + sample.len - PAYLOAD, PAYLOAD);
    assert_true(block_head_read(read, sample.len, sample.len, &facts));
    assert_memory_equal(facts.key, sample.key, PREFIX_KEY_LEN);
    assert_memory_equal(facts.parent_key, sample.parent, PREFIX_KEY_LEN);
    assert_memory_equal(facts.tokens, sample.tokens, sizeof(sample.tokens));
    assert_str_equal(facts.scope.tenant, "shop");
    assert_str_equal(facts.scope.salt, "s");
    assert_str_equal(facts.format, "format");
    assert_int_equal(facts.begin, 32);
    assert_int_equal(facts.lease.used_us, 77);
    assert_int_equal(facts.lease.expires_us, 88);
    assert_int_equal(facts.lease.ttl_s, 3600);
    uint8_t other[PREFIX_KEY_LEN] = {1};
    assert_int_equal(block_file_read(dir, other, read, sample.len, &error), ERROR_NOT_FOUND);
    block_file_remove(dir, sample.key);
    assert_int_equal(block_file_read(dir, sample.key, read, sample.len, &error), ERROR_NOT_FOUND);
    mem_free(read);
    mem_free(sample.image);
    close(dir);
}

/* Every byte, each with one bit and with all of them. */
static void test_any_damage_is_seen(void **state)
{
    (void)state;
    struct sample sample;
    struct str payload;
    sample_make(&sample, 9);
    assert_true(block_image_payload(sample.image, sample.len, &payload));
    for (size_t at = 0; at < sample.len; at++) {
        for (uint32_t i = 0; i < 2; i++) {
            const uint8_t mask = (uint8_t)(i == 0 ? 1u << (at % 8) : 0xffu);
            sample.image[at] ^= mask;
            assert_false(block_image_payload(sample.image, sample.len, &payload));
            sample.image[at] ^= mask;
        }
    }
    for (size_t len = 0; len < sample.len; len++)
        assert_false(block_image_payload(sample.image, len, &payload));
    assert_true(block_image_payload(sample.image, sample.len, &payload));
    mem_free(sample.image);
}

static void test_damaged_files(void **state)
{
    (void)state;
    struct sample sample, other;
    struct error error;
    char name[BLOCK_NAME_LEN + 1];
    sample_make(&sample, 3);
    sample_make(&other, 4);
    uint8_t *read = mem_alloc(sample.len + 1);
    const int dir = open(test_root, O_RDONLY | O_DIRECTORY);
    for (size_t at = 0; at < sample.len; at += 41) {
        sample.image[at] ^= 0x10;
        assert_int_equal(block_file_write(dir, sample.key, sample.image, sample.len, &error), OK);
        assert_int_equal(block_file_read(dir, sample.key, read, sample.len, &error), ERROR_INVALID);
        sample.image[at] ^= 0x10;
    }
    block_name(sample.key, name);
    for (size_t len = 0; len <= sample.len + 1; len += 113) {
        assert_int_equal(block_file_write(dir, sample.key, sample.image, sample.len, &error), OK);
        const int fd = openat(dir, name, O_WRONLY);
        assert_int_equal(ftruncate(fd, (off_t)len), 0);
        close(fd);
        assert_int_equal(block_file_read(dir, sample.key, read, sample.len, &error), ERROR_INVALID);
    }
    /* whole, but under another block's name */
    assert_int_equal(block_file_write(dir, sample.key, other.image, other.len, &error), OK);
    assert_int_equal(block_file_read(dir, sample.key, read, sample.len, &error), ERROR_INVALID);
    mem_free(read);
    mem_free(sample.image);
    mem_free(other.image);
    close(dir);
}

/* --- a bench: tree and store, payloads that say whose they are --------------------------------------------- */

struct bench {
    struct block_store *store;
    struct prefix_tree *tree;
    struct block_scan_result scan;
    uint64_t now_us;
    _Atomic uint32_t progress;
};

struct bench_options {
    uint64_t memory_blocks, disk_blocks, copy_blocks;
    const char *fingerprint, *format, *template_version;
};

#define BLOCK_BYTES (block_bytes_of_one())

static uint64_t block_bytes_of_one(void)
{
    const struct block_facts facts = {
        .scope = {.tenant = STR("shop"), .fingerprint = STR("model"), .template_version = STR("1")},
        .format = STR("format"),
        .end = BLOCK,
    };
    return block_head_len(&facts) + PAYLOAD;
}

static enum error_code to_disk(void *ctx, const uint8_t key[PREFIX_KEY_LEN], uint64_t bytes, uint64_t *payload,
                               struct error *error)
{
    const struct bench *bench = ctx;
    (void)key;
    (void)bytes;
    return block_to_disk(bench->store, (struct block *)(uintptr_t)*payload, error);
}

static enum error_code to_memory(void *ctx, const uint8_t key[PREFIX_KEY_LEN], uint64_t bytes, uint64_t *payload,
                                 struct error *error)
{
    const struct bench *bench = ctx;
    (void)key;
    (void)bytes;
    return block_to_memory(bench->store, (struct block *)(uintptr_t)*payload, error);
}

static void drop(void *ctx, enum cache_place place, uint64_t bytes, uint64_t payload)
{
    const struct bench *bench = ctx;
    (void)place;
    (void)bytes;
    block_drop(bench->store, (struct block *)(uintptr_t)payload);
}

static void on_progress(void *ctx)
{
    struct bench *bench = ctx;
    bench->progress++;
}

/* NULL: no memory. */
static struct bench *bench_open_or_null(struct bench_options options)
{
    char kv[128];
    struct error error;
    struct bench *bench = mem_calloc(1, sizeof(*bench));
    if (bench == NULL)
        return NULL;
    snprintf(kv, sizeof(kv), "%s/kv", test_root);
    const struct block_store_options store = {.root = kv,
                                              .name = "model",
                                              .copy_bytes = options.copy_blocks * BLOCK_BYTES,
                                              .on_progress = on_progress,
                                              .ctx = bench};
    if (block_store_new(&store, &bench->store, &error) != OK) {
        mem_free(bench);
        return NULL;
    }
    const struct prefix_options tree = {
        .backend = {.ctx = bench, .to_disk = to_disk, .to_memory = to_memory, .drop = drop},
        .policy = CACHE_POLICY_LRU,
        .block_tokens = BLOCK,
        .memory_bytes = options.memory_blocks * BLOCK_BYTES,
        .disk_bytes = options.disk_blocks * BLOCK_BYTES,
        .nodes_max = 10000,
        .ghosts_max = 1000,
        .tenants_max = 10,
        .new_below = 4,
    };
    if (prefix_tree_new(&tree, &bench->tree, &error) != OK) {
        block_store_free(bench->store);
        mem_free(bench);
        return NULL;
    }
    const struct block_scan_options scan = {
        .store = bench->store,
        .tree = bench->tree,
        .fingerprint = str_of(options.fingerprint ? options.fingerprint : "model"),
        .format = str_of(options.format ? options.format : "format"),
        .template_version = str_of(options.template_version ? options.template_version : "1"),
        .disk_bytes = tree.disk_bytes,
        .files_max = 5000,
        .most_us = 60 * SECOND_US,
    };
    block_scan(&scan, &bench->scan);
    bench->now_us = clock_now_us();
    return bench;
}

static struct bench *bench_open(struct bench_options options)
{
    struct bench *bench = bench_open_or_null(options);
    assert_non_null(bench);
    return bench;
}

static void bench_close(struct bench *bench)
{
    block_store_end(bench->store);
    prefix_tree_free(bench->tree);
    block_store_free(bench->store);
    mem_free(bench);
}

static uint8_t payload_byte(const struct block_facts *facts, uint32_t at)
{
    return (uint8_t)(facts->scope.tenant.data[0] + facts->tokens[0] * 3 + (int32_t)facts->begin + (int32_t)at * 7);
}

static struct block *make_block(struct bench *bench, const struct block_facts *facts)
{
    struct block *block = block_new(bench->store, facts, PAYLOAD + 100);
    if (block == NULL)
        return NULL;
    for (uint32_t i = 0; i < PAYLOAD; i++)
        block_data(block)[i] = payload_byte(facts, i);
    block_seal(block, facts, PAYLOAD);
    return block;
}

static struct prefix_scope scope_of(const char *tenant)
{
    return (struct prefix_scope){
        .tenant = str_of(tenant), .fingerprint = STR("model"), .template_version = STR("1")};
}

static void fill_tokens(int32_t *tokens, uint32_t count, int32_t seed)
{
    for (uint32_t i = 0; i < count; i++)
        tokens[i] = seed * 1000 + (int32_t)i;
}

/* Tokens read; what is missing of `count` is stored. -1: out of memory. */
static int64_t ask(struct bench *bench, const char *tenant, int32_t seed, uint32_t count, uint32_t ttl_s)
{
    int32_t tokens[1024];
    struct prefix_path *path;
    struct prefix_hit hit;
    struct error error;
    fill_tokens(tokens, count, seed);
    const struct prefix_query query = {
        .scope = scope_of(tenant), .tokens = tokens, .count = count, .now_us = bench->now_us};
    const struct prefix_checkpoint checkpoint = {.position = count, .ttl_s = ttl_s};
    if (prefix_tree_open(bench->tree, &query, &path, &hit, &error) != OK)
        return -1;
    const uint32_t read = prefix_tree_load(bench->tree, path);
    prefix_tree_use(bench->tree, path, bench->now_us);
    const uint64_t wall_us = clock_wall_us();
    for (uint32_t i = 0; i < prefix_path_count(path); i++) {
        const struct prefix_block found = prefix_path_block(path, i);
        const struct block_facts facts = {.scope = scope_of(tenant), .begin = found.begin,
                                          .tokens = tokens + found.begin};
        struct str payload;
        assert_true(block_payload((struct block *)(uintptr_t)found.payload, &payload));
        assert_int_equal(payload.len, PAYLOAD);
        for (uint32_t at = 0; at < PAYLOAD; at++)
            if ((uint8_t)payload.data[at] != payload_byte(&facts, at))
                fail_msg("a wrong state was loaded");
        const struct block_lease lease = {
            .used_us = wall_us, .expires_us = wall_us + found.expires_us - bench->now_us, .ttl_s = found.ttl_s};
        block_use(bench->store, (struct block *)(uintptr_t)found.payload, &lease, true);
    }
    bool is_good = prefix_tree_claim(bench->tree, path, tokens, count, &checkpoint, 1, bench->now_us, &error) == OK;
    struct prefix_block claim;
    while (is_good && prefix_path_claim(bench->tree, path, &claim)) {
        const struct block_facts facts = {
            .key = claim.key,
            .parent_key = claim.parent_key,
            .scope = scope_of(tenant),
            .format = STR("format"),
            .begin = claim.begin,
            .end = claim.end,
            .tokens = tokens + claim.begin,
            .lease = {wall_us, wall_us + ttl_s * SECOND_US, ttl_s},
        };
        struct block *block = make_block(bench, &facts);
        is_good = block != NULL && prefix_tree_commit(bench->tree, path, (uint64_t)(uintptr_t)block,
                                                      block_bytes(block), bench->now_us);
        if (is_good)
            block_use(bench->store, block, &facts.lease, ttl_s > 0);
    }
    prefix_tree_close(bench->tree, path);
    return read;
}

/* Tokens that are stored, without touching them. */
static uint32_t peek(struct bench *bench, const char *tenant, int32_t seed, uint32_t count)
{
    int32_t tokens[1024];
    struct prefix_hit hit;
    fill_tokens(tokens, count, seed);
    const struct prefix_query query = {
        .scope = scope_of(tenant), .tokens = tokens, .count = count, .now_us = bench->now_us};
    prefix_tree_expire(bench->tree, bench->now_us);
    prefix_tree_peek(bench->tree, &query, &hit);
    return hit.tokens;
}

static void wait_for_files(uint32_t count)
{
    for (uint32_t i = 0; i < 2000 && count_files() != count; i++)
        usleep(1000);
    assert_int_equal(count_files(), count);
}

static const struct bench_options roomy = {.memory_blocks = 100, .disk_blocks = 100, .copy_blocks = 50};

/* --- restart ----------------------------------------------------------------------------------------------- */

static void test_restart_finds_what_was_declared(void **state)
{
    (void)state;
    struct bench *bench = bench_open(roomy);
    assert_int_equal(ask(bench, "shop", 1, 70, 5 * MINUTE), 0); /* 4 blocks and a short one */
    assert_int_equal(ask(bench, "shop", 2, 64, 0), 0);          /* not declared: stays in memory */
    assert_int_equal(ask(bench, "club", 1, 32, 5 * MINUTE), 0);
    wait_for_files(7);
    bench_close(bench);
    bench = bench_open(roomy);
    assert_int_equal(bench->scan.found, 7);
    assert_int_equal(bench->scan.added, 7);
    assert_int_equal(peek(bench, "shop", 2, 64), 0);
    assert_int_equal(peek(bench, "else", 1, 70), 0);
    assert_int_equal(peek(bench, "club", 1, 70), 32);
    assert_int_equal(ask(bench, "shop", 1, 70, 5 * MINUTE), 70);
    assert_int_equal(ask(bench, "club", 1, 32, 5 * MINUTE), 32);
    struct prefix_stats stats;
    prefix_tree_stats(bench->tree, &stats);
    assert_int_equal(stats.promoted, 7);
    assert_int_equal(stats.blocks[CACHE_DISK], 0);
    bench_close(bench);
    assert_int_equal(count_files(), 7); /* copies of what is in memory */
}

static void test_used_again_is_copied(void **state)
{
    (void)state;
    struct bench *bench = bench_open(roomy);
    assert_int_equal(ask(bench, "shop", 1, 64, 0), 0);
    assert_int_equal(count_files(), 0);
    assert_int_equal(ask(bench, "shop", 1, 64, 0), 64);
    wait_for_files(4);
    bench_close(bench);
    bench = bench_open(roomy);
    assert_int_equal(peek(bench, "shop", 1, 64), 64);
    bench_close(bench);
}

static void test_foreign_files_go(void **state)
{
    (void)state;
    const struct bench_options foreign[] = {
        {100, 100, 50, "other", NULL, NULL}, {100, 100, 50, NULL, "other", NULL}, {100, 100, 50, NULL, NULL, "2"}};
    for (size_t i = 0; i < 3; i++) {
        struct bench *bench = bench_open(roomy);
        assert_int_equal(ask(bench, "shop", 1, 64, 5 * MINUTE), 0);
        wait_for_files(4);
        bench_close(bench);
        bench = bench_open(foreign[i]);
        assert_int_equal(bench->scan.added, 0);
        assert_int_equal(bench->scan.removed, 4);
        assert_int_equal(peek(bench, "shop", 1, 64), 0);
        bench_close(bench);
        assert_int_equal(count_files(), 0);
    }
}

static size_t damage_at;
static uint32_t damage_turn, damage_which;

static void damage(const char *path)
{
    uint8_t byte;
    if (damage_turn++ != damage_which)
        return;
    const int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, (off_t)damage_at), 1);
    byte ^= 0x40;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)damage_at), 1);
    close(fd);
}

/* In the head it is seen by the scan, in the payload when it is read; what comes
 * before it can still be read, and the answer is never a wrong state (ask checks). */
static void test_damage_between_two_lives(void **state)
{
    (void)state;
    struct bench *bench = bench_open(roomy);
    assert_int_equal(ask(bench, "shop", 1, 64, 5 * MINUTE), 0);
    wait_for_files(4);
    bench_close(bench);
    uint32_t shorter = 0;
    for (damage_at = 0; damage_at < BLOCK_BYTES; damage_at += 23) {
        damage_which = (uint32_t)(damage_at % 4);
        damage_turn = 0;
        each_file(damage);
        bench = bench_open(roomy);
        const int64_t read = ask(bench, "shop", 1, 64, 5 * MINUTE);
        assert_true(read < 64 && read % BLOCK == 0);
        shorter += read > 0;
        assert_int_equal(ask(bench, "shop", 1, 64, 5 * MINUTE), 64); /* stored again */
        bench_close(bench);
        assert_int_equal(count_files(), 4);
    }
    assert_true(shorter > 0);
}

static void truncate_file(const char *path)
{
    if (damage_turn++ == damage_which)
        assert_int_equal(truncate(path, (off_t)damage_at), 0);
}

static void test_truncated_between_two_lives(void **state)
{
    (void)state;
    struct bench *bench = bench_open(roomy);
    assert_int_equal(ask(bench, "shop", 1, 64, 5 * MINUTE), 0);
    bench_close(bench);
    for (damage_at = 0; damage_at < BLOCK_BYTES; damage_at += 211) {
        damage_which = (uint32_t)(damage_at % 4);
        damage_turn = 0;
        each_file(truncate_file);
        bench = bench_open(roomy);
        assert_int_equal(bench->scan.removed >= 1, true);
        assert_true(ask(bench, "shop", 1, 64, 5 * MINUTE) < 64);
        bench_close(bench);
        assert_int_equal(count_files(), 4);
    }
}

static void test_expiry_across_restart(void **state)
{
    (void)state;
    struct bench *bench = bench_open(roomy);
    assert_int_equal(ask(bench, "shop", 1, 32, 2), 0);
    assert_int_equal(ask(bench, "shop", 2, 32, 5 * MINUTE), 0);
    wait_for_files(4);
    bench_close(bench);
    bench = bench_open(roomy);
    assert_int_equal(bench->scan.added, 4);
    bench->now_us += 3 * SECOND_US; /* its time goes on in the new process */
    assert_int_equal(peek(bench, "shop", 1, 32), 0);
    assert_int_equal(peek(bench, "shop", 2, 32), 32);
    wait_for_files(2);
    bench_close(bench);
    bench = bench_open(roomy);
    assert_int_equal(ask(bench, "shop", 3, 32, 1), 0);
    wait_for_files(4);
    bench_close(bench);
    usleep(1100000);
    bench = bench_open(roomy);
    assert_int_equal(bench->scan.removed, 2); /* or ended between the two */
    assert_int_equal(peek(bench, "shop", 3, 32), 0);
    bench_close(bench);
}

/* A lease that is renewed in one life counts in the next. */
static void test_renewed_lease_is_kept(void **state)
{
    (void)state;
    struct bench *bench = bench_open(roomy);
    assert_int_equal(ask(bench, "shop", 1, 32, 2), 0);
    wait_for_files(2);
    usleep(1200000);
    bench->now_us = clock_now_us();
    assert_int_equal(ask(bench, "shop", 1, 32, 2), 32);
    bench_close(bench);
    usleep(1200000); /* past the first, within the second */
    bench = bench_open(roomy);
    assert_int_equal(bench->scan.added, 2);
    assert_int_equal(peek(bench, "shop", 1, 32), 32);
    bench_close(bench);
}

/* --- budgets ------------------------------------------------------------------------------------------------ */

static void test_demoted_and_back(void **state)
{
    (void)state;
    /* one more than is stored: who comes to memory leaves the disk when another is there already */
    struct bench *bench = bench_open((struct bench_options){.memory_blocks = 8, .disk_blocks = 13, .copy_blocks = 4});
    for (int32_t i = 0; i < 5; i++)
        assert_int_equal(ask(bench, "shop", i, 64, 0), 0);
    struct prefix_stats stats;
    prefix_tree_stats(bench->tree, &stats);
    assert_int_equal(stats.blocks[CACHE_MEMORY], 8);
    assert_int_equal(stats.blocks[CACHE_DISK], 12);
    for (int32_t round = 0; round < 3; round++)
        for (int32_t i = 0; i < 5; i++)
            assert_int_equal(ask(bench, "shop", i, 64, 0), 64);
    for (int32_t i = 5; i < 9; i++)
        assert_int_equal(ask(bench, "shop", i, 64, 0), 0);
    prefix_tree_stats(bench->tree, &stats);
    assert_true(stats.bytes[CACHE_DISK] <= 13 * BLOCK_BYTES);
    assert_int_equal(peek(bench, "shop", 0, 64), 0); /* used longest ago */
    assert_int_equal(peek(bench, "shop", 8, 64), 64);
    bench_close(bench);
    assert_true(count_files() <= 17);
    bench = bench_open((struct bench_options){.memory_blocks = 8, .disk_blocks = 4, .copy_blocks = 4});
    assert_true(bench->scan.bytes <= 4 * BLOCK_BYTES); /* less than there was: the rest goes */
    bench_close(bench);
    assert_int_equal(count_files(), 4);
}

static void test_copies_have_a_budget(void **state)
{
    (void)state;
    struct bench *bench =
        bench_open((struct bench_options){.memory_blocks = 100, .disk_blocks = 100, .copy_blocks = 6});
    struct block_store_stats stats;
    for (int32_t i = 0; i < 10; i++)
        assert_int_equal(ask(bench, "shop", i, 32, 5 * MINUTE), 0);
    block_store_stats(bench->store, &stats);
    assert_int_equal(stats.copies, 6);
    wait_for_files(6);
    bench_close(bench);
    bench = bench_open(roomy);
    assert_int_equal(bench->scan.added, 6);
    assert_int_equal(peek(bench, "shop", 9, 32), 32);
    assert_int_equal(peek(bench, "shop", 0, 32), 0);
    bench_close(bench);
}

/* --- reading ahead ------------------------------------------------------------------------------------------- */

static void test_fetch(void **state)
{
    (void)state;
    struct bench *bench = bench_open(roomy);
    assert_int_equal(ask(bench, "shop", 1, 64, 5 * MINUTE), 0);
    bench_close(bench);
    bench = bench_open(roomy);
    int32_t tokens[64];
    struct prefix_path *path;
    struct prefix_hit hit;
    struct error error;
    struct block *blocks[4];
    struct block_store_stats stats;
    fill_tokens(tokens, 64, 1);
    const struct prefix_query query = {.scope = scope_of("shop"), .tokens = tokens, .count = 64,
                                       .now_us = bench->now_us};
    for (uint32_t round = 0; round < 3; round++) {
        assert_int_equal(prefix_tree_open(bench->tree, &query, &path, &hit, &error), OK);
        assert_int_equal(hit.disk_tokens, round < 2 ? 64 : 0);
        for (uint32_t i = 0; i < 4; i++) {
            blocks[i] = (struct block *)(uintptr_t)prefix_path_block(path, i).payload;
            block_fetch(bench->store, blocks[i]);
        }
        for (uint32_t i = 0; i < 4; i++)
            while (block_is_fetching(bench->store, blocks[i]))
                usleep(100);
        if (round > 0) /* the first gives up and the images go again */
            assert_int_equal(prefix_tree_load(bench->tree, path), 64);
        for (uint32_t i = 0; i < 4; i++)
            block_unfetch(bench->store, blocks[i]);
        prefix_tree_close(bench->tree, path);
    }
    block_store_stats(bench->store, &stats);
    assert_int_equal(stats.read, 8);
    assert_true(bench->progress >= 8);
    bench_close(bench);
}

/* What is damaged in memory is overwritten when it was computed again. */
static void test_replace(void **state)
{
    (void)state;
    struct bench *bench = bench_open(roomy);
    struct sample sample;
    struct str payload;
    sample_make(&sample, 7);
    struct block *block = make_block(bench, &sample.facts), *fresh = make_block(bench, &sample.facts);
    assert_true(block_payload(block, &payload));
    ((uint8_t *)(uintptr_t)payload.data)[PAYLOAD / 2] ^= 1;
    assert_false(block_payload(block, &payload));
    block_replace(bench->store, block, fresh);
    assert_true(block_payload(block, &payload));
    block_drop(bench->store, block);
    mem_free(sample.image);
    bench_close(bench);
}

/* --- failures -------------------------------------------------------------------------------------------------- */

static void limit_files(rlim_t bytes)
{
    struct rlimit limit_now;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit_now), 0);
    limit_now.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit_now), 0);
}

/* As a full disk: a write is cut short and the next one fails. */
static void test_full_disk(void **state)
{
    (void)state;
    struct bench *bench = bench_open((struct bench_options){.memory_blocks = 8, .disk_blocks = 100, .copy_blocks = 8});
    struct prefix_stats stats;
    struct block_store_stats disk;
    limit_files(1000);
    int32_t asked = 0;
    do { /* until the disk thread has met it, and the tier is off for a while */
        assert_int_equal(ask(bench, "shop", asked++, 64, 0), 0);
        usleep(2000);
        block_store_stats(bench->store, &disk);
    } while (disk.refused == 0 && asked < 2000);
    prefix_tree_stats(bench->tree, &stats);
    assert_int_equal(stats.blocks[CACHE_MEMORY], 8);
    assert_int_equal(disk.written, 0);
    assert_true(disk.refused > 0);
    for (int32_t i = 0; i < 10; i++) {
        const int64_t read = ask(bench, "shop", i, 64, 0);
        assert_true(read >= 0 && read <= 64);
    }
    limit_files(RLIM_INFINITY);
    bench_close(bench);
    assert_int_equal(count_files(), 0);
}

static void test_directory_vanishes(void **state)
{
    (void)state;
    char command[128];
    struct bench *bench = bench_open((struct bench_options){.memory_blocks = 8, .disk_blocks = 100, .copy_blocks = 8});
    for (int32_t i = 0; i < 5; i++)
        assert_int_equal(ask(bench, "shop", i, 64, 5 * MINUTE), 0);
    wait_for_files(20);
    snprintf(command, sizeof(command), "rm -rf %s/kv", test_root);
    assert_int_equal(system(command), 0);
    for (int32_t i = 0; i < 8; i++)
        assert_true(ask(bench, "shop", i, 64, 5 * MINUTE) >= 0);
    bench_close(bench);
}

static void test_directory_cannot_be_made(void **state)
{
    (void)state;
    char path[128];
    struct error error;
    struct block_store *store;
    snprintf(path, sizeof(path), "%s/file", test_root);
    const int fd = open(path, O_WRONLY | O_CREAT, 0600);
    close(fd);
    const struct block_store_options options = {.root = path, .name = "model"};
    assert_int_equal(block_store_new(&options, &store, &error), ERROR_IO);
}

static void test_directory_is_for_one(void **state)
{
    (void)state;
    struct error error;
    struct block_store *second;
    char kv[128];
    struct bench *bench = bench_open(roomy);
    snprintf(kv, sizeof(kv), "%s/kv", test_root);
    const struct block_store_options options = {.root = kv, .name = "model"};
    assert_int_equal(block_store_new(&options, &second, &error), ERROR_CONFLICT);
    bench_close(bench);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct bench *bench = bench_open((struct bench_options){.memory_blocks = 8, .disk_blocks = 40, .copy_blocks = 8});
    for (int32_t i = 0; i < 5; i++)
        assert_int_equal(ask(bench, "shop", i, 64, 5 * MINUTE), 0);
    for (uint64_t nth = 1; nth < 120; nth++) {
        mem_fail_at(nth);
        for (int32_t i = 0; i < 3; i++)
            (void)ask(bench, "shop", (int32_t)(nth + (uint64_t)i) % 9, 64, 5 * MINUTE);
        mem_fail_at(0);
    }
    bench_close(bench);
    for (uint64_t nth = 1; nth < 150; nth++) { /* while a new process begins */
        mem_fail_at(nth);
        bench = bench_open_or_null((struct bench_options){.memory_blocks = 8, .disk_blocks = 40, .copy_blocks = 8});
        mem_fail_at(0);
        if (bench == NULL)
            continue;
        assert_true(ask(bench, "shop", 3, 64, 5 * MINUTE) >= 0);
        bench_close(bench);
    }
}

int main(void)
{
    signal(SIGXFSZ, SIG_IGN);
    log_configure(LOG_OFF, LOG_LOGFMT);
#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, test_root_make, test_root_remove)
    const struct CMUnitTest tests[] = {
        ON_DISK(test_round_trip),
        ON_DISK(test_any_damage_is_seen),
        ON_DISK(test_damaged_files),
        ON_DISK(test_restart_finds_what_was_declared),
        ON_DISK(test_used_again_is_copied),
        ON_DISK(test_foreign_files_go),
        ON_DISK(test_damage_between_two_lives),
        ON_DISK(test_truncated_between_two_lives),
        ON_DISK(test_expiry_across_restart),
        ON_DISK(test_renewed_lease_is_kept),
        ON_DISK(test_demoted_and_back),
        ON_DISK(test_copies_have_a_budget),
        ON_DISK(test_fetch),
        ON_DISK(test_replace),
        ON_DISK(test_full_disk),
        ON_DISK(test_directory_vanishes),
        ON_DISK(test_directory_cannot_be_made),
        ON_DISK(test_directory_is_for_one),
        ON_DISK(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
