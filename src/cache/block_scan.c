/* block_scan.c - see block_scan.h.
 *
 * Blocks refer to the one above by its key, so the heads are collected first,
 * then added with the first blocks of prompts before those behind, then given
 * their ages from the longest unused on. */
#include "cache/block_scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/util.h"

#define HEAD_FIRST 2048u /* bytes read at first: more than the head of a block of 256 tokens has */

struct record {
    struct block_facts facts; /* points into head */
    uint8_t *head;
    uint64_t file_len;
    struct prefix_node *node; /* once it is added */
    struct prefix_found found;
    bool is_chosen;
};

struct scan {
    const struct block_scan_options *options;
    struct block_scan_result *result;
    int dir;
    struct record *records;
    size_t count, cap;
    struct record **order; /* count of them, sorted as needed */
    struct record **by_key;
    uint64_t now_us, wall_us;
};

/* --- heads ------------------------------------------------------------------------------------------- */

static uint8_t *read_bytes(int fd, size_t len)
{
    uint8_t *bytes = mem_alloc(len);
    if (bytes != NULL && pread(fd, bytes, len, 0) == (ssize_t)len)
        return bytes;
    mem_free(bytes);
    return NULL;
}

/* The head of a file; NULL: none, or no memory. A head that is longer than the
 * first read says so itself. */
static uint8_t *read_head(int fd, uint64_t file_len, struct block_facts *facts)
{
    size_t len = file_len < HEAD_FIRST ? (size_t)file_len : HEAD_FIRST;
    uint8_t *head = read_bytes(fd, len);
    const size_t whole = head != NULL ? block_head_claimed(head, len) : 0;
    if (whole > len && whole <= file_len) {
        mem_free(head);
        len = whole;
        head = read_bytes(fd, len);
    }
    if (head != NULL && block_head_read(head, len, file_len, facts))
        return head;
    mem_free(head);
    return NULL;
}

static bool is_ours(const struct scan *scan, const struct block_facts *facts, const char *name)
{
    const struct block_scan_options *options = scan->options;
    char expected[BLOCK_NAME_LEN + 1];
    block_name(facts->key, expected);
    return strcmp(name, expected) == 0 && str_eq(facts->scope.fingerprint, options->fingerprint) &&
           str_eq(facts->format, options->format) && facts->scope.adapter.len == 0 &&
           str_eq(facts->scope.template_version, options->template_version) &&
           (facts->lease.ttl_s == 0 || facts->lease.expires_us > scan->wall_us);
}

static bool take_file(struct scan *scan, const char *name)
{
    struct stat status;
    struct record record = {0};
    const int fd = openat(scan->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        record.file_len = (uint64_t)status.st_size;
        record.head = read_head(fd, record.file_len, &record.facts);
    }
    close(fd);
    if (record.head != NULL && is_ours(scan, &record.facts, name) &&
        mem_grow((void **)&scan->records, scan->count, &scan->cap, sizeof(record))) {
        scan->records[scan->count++] = record;
        return true;
    }
    mem_free(record.head);
    return false;
}

static void take_files(struct scan *scan)
{
    const int fd = openat(scan->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (!block_name_is(entry->d_name))
            continue;
        scan->result->found++;
        const bool is_late = clock_now_us() - scan->now_us > scan->options->most_us;
        if (!is_late && scan->count < scan->options->files_max && take_file(scan, entry->d_name))
            continue;
        (void)unlinkat(scan->dir, entry->d_name, 0);
        scan->result->removed++;
    }
    closedir(dir);
}

/* --- orders ------------------------------------------------------------------------------------------- */

static int compare(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int by_begin(const void *a, const void *b)
{
    const struct record *x = *(struct record *const *)a, *y = *(struct record *const *)b;
    return compare(x->facts.begin, y->facts.begin);
}

static int by_use(const void *a, const void *b)
{
    const struct record *x = *(struct record *const *)a, *y = *(struct record *const *)b;
    const int order = compare(x->facts.lease.used_us, y->facts.lease.used_us);
    return order != 0 ? order : compare(y->facts.begin, x->facts.begin);
}

static int by_key(const void *a, const void *b)
{
    const struct record *x = *(struct record *const *)a, *y = *(struct record *const *)b;
    return memcmp(x->facts.key, y->facts.key, PREFIX_KEY_LEN);
}

static const struct record *find_key(const struct scan *scan, const uint8_t *key)
{
    const struct record wanted = {.facts.key = key}, *pointer = &wanted;
    struct record **found = bsearch(&pointer, scan->by_key, scan->count, sizeof(*scan->by_key), by_key);
    return found != NULL ? *found : NULL;
}

/* --- into the tree --------------------------------------------------------------------------------------- */

static void choose(struct scan *scan)
{
    uint64_t bytes = 0;
    for (size_t i = scan->count; i-- > 0;) {
        struct record *record = scan->order[i];
        bytes += record->file_len;
        record->is_chosen = bytes <= scan->options->disk_bytes;
    }
}

/* From the wall clock to ours. A clock that was set back makes nothing live longer than its time. */
static void set_times(const struct scan *scan, const struct block_lease *lease, struct prefix_found *found)
{
    const uint64_t age_us = scan->wall_us > lease->used_us ? scan->wall_us - lease->used_us : 0;
    const uint64_t ttl_us = (uint64_t)lease->ttl_s * 1000000, left_us = lease->expires_us - scan->wall_us;
    found->used_us = scan->now_us > age_us ? scan->now_us - age_us : 0;
    found->ttl_s = lease->ttl_s;
    if (lease->ttl_s > 0)
        found->expires_us = scan->now_us + (left_us < ttl_us ? left_us : ttl_us);
}

static void add(struct scan *scan, struct record *record)
{
    const struct block_facts *facts = &record->facts;
    struct prefix_node *parent = NULL;
    if (facts->begin > 0) {
        const struct record *above = find_key(scan, facts->parent_key);
        parent = above != NULL && above->facts.end == facts->begin ? above->node : NULL;
        if (parent == NULL)
            return;
    }
    struct block *block = block_of_file(scan->options->store, facts, record->file_len);
    if (block == NULL)
        return;
    record->found = (struct prefix_found){
        .scope = facts->scope,
        .parent = parent,
        .tokens = facts->tokens,
        .count = facts->end - facts->begin,
        .key = facts->key,
        .payload = (uint64_t)(uintptr_t)block,
        .bytes = record->file_len,
    };
    set_times(scan, &facts->lease, &record->found);
    record->node = prefix_tree_add(scan->options->tree, &record->found);
    if (record->node == NULL)
        block_drop(scan->options->store, block);
}

static void add_all(struct scan *scan)
{
    for (size_t i = 0; i < scan->count; i++)
        scan->order[i] = scan->by_key[i] = &scan->records[i];
    qsort(scan->by_key, scan->count, sizeof(*scan->by_key), by_key);
    qsort(scan->order, scan->count, sizeof(*scan->order), by_use);
    choose(scan);
    qsort(scan->order, scan->count, sizeof(*scan->order), by_begin);
    for (size_t i = 0; i < scan->count; i++)
        if (scan->order[i]->is_chosen)
            add(scan, scan->order[i]);
    qsort(scan->order, scan->count, sizeof(*scan->order), by_use);
    for (size_t i = 0; i < scan->count; i++)
        if (scan->order[i]->node != NULL)
            prefix_tree_age(scan->options->tree, scan->order[i]->node, &scan->order[i]->found);
}

void block_scan(const struct block_scan_options *options, struct block_scan_result *result)
{
    struct scan scan = {
        .options = options,
        .result = result,
        .dir = block_store_dir(options->store),
        .now_us = clock_now_us(),
        .wall_us = clock_wall_us(),
    };
    *result = (struct block_scan_result){0};
    take_files(&scan);
    scan.order = mem_calloc(scan.count + 1, sizeof(*scan.order));
    scan.by_key = mem_calloc(scan.count + 1, sizeof(*scan.by_key));
    if (scan.order != NULL && scan.by_key != NULL)
        add_all(&scan);
    for (size_t i = 0; i < scan.count; i++) {
        struct record *record = &scan.records[i];
        if (record->node != NULL) {
            result->added++;
            result->bytes += record->file_len;
        } else {
            block_file_remove(scan.dir, record->facts.key);
            result->removed++;
        }
        mem_free(record->head);
    }
    mem_free(scan.order);
    mem_free(scan.by_key);
    mem_free(scan.records);
    result->us = clock_now_us() - scan.now_us;
}
