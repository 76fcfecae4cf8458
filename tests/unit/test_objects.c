/* The object store in a directory: names, whole objects or none, listings, uploads in parts. */
#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/mem.h"
#include "core/util.h"
#include "store/objects.h"
#include "store/objects_path.h"

#define ALICE STR("alice")
#define BOB STR("bob")
#define BUCKET STR("bucket")
#define MIB ((size_t)1 << 20)

static char dir[96];
static struct objects *objects;
static struct arena arena;
static struct error error;

static void open_store(void)
{
    const struct objects_options options = {.directory = dir};
    assert_int_equal(objects_open(&options, &objects, &error), OK);
}

static int set_up(void **state)
{
    if (test_root_make(state))
        return 1;
    (void)snprintf(dir, sizeof(dir), "%s/objects", test_root);
    arena_init(&arena, 0);
    open_store();
    return objects_bucket_create(objects, ALICE, BUCKET, STR(""), &error) == OBJECTS_OK ? 0 : 1;
}

static int tear_down(void **state)
{
    arena_deinit(&arena);
    objects_close(objects);
    return test_root_remove(state);
}

static enum objects_problem put(struct str key, struct str data)
{
    struct objects_put *writing;
    const struct objects_put_options options = {.expected_size = data.len, .type = STR("text/plain")};
    enum objects_problem problem = objects_put_begin(objects, ALICE, BUCKET, key, &options, &writing, &error);
    if (problem == OBJECTS_OK) {
        assert_int_equal(objects_put_append(writing, data.data, data.len, &error), OBJECTS_OK);
        problem = objects_put_commit(writing, NULL, &error);
    }
    return problem;
}

static void must_put(const char *key, const char *data)
{
    assert_int_equal(put(str_of(key), str_of(data)), OBJECTS_OK);
}

/* The whole object as text, or NULL. */
static const char *get(struct str key)
{
    static char text[4096];
    struct objects_reader *reader;
    size_t len, total = 0;
    if (objects_reader_open(objects, ALICE, BUCKET, key, 0, OBJECTS_SIZE_UNKNOWN, NULL, &reader, &error) != OBJECTS_OK)
        return NULL;
    do {
        assert_int_equal(objects_reader_read(reader, text + total, 7, &len, &error), OBJECTS_OK);
        total += len;
    } while (len > 0);
    objects_reader_close(reader);
    text[total] = '\0';
    return text;
}

static void assert_object(const char *key, const char *expected)
{
    const char *text = get(str_of(key));
    assert_non_null(text);
    assert_string_equal(text, expected);
}

static unsigned count_files(const char *below)
{
    char command[256];
    unsigned count = 0;
    (void)snprintf(command, sizeof(command), "find %s/%s -type f | wc -l", dir, below);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%u", &count), 1);
    pclose(pipe);
    return count;
}

/* --- names --- */

static void bucket_names(void **state)
{
    (void)state;
    static const char *const good[] = {"abc", "a-b", "my.bucket.1", "1a2",
                                       "a23456789012345678901234567890123456789012345678901234567890123"};
    static const char *const bad[] = {"",     "ab",    "Abc",   "a_b", "-ab", "ab-", "a..b", "127.0.0.1", ".ab", "ab.",
                                      "a/b", "../x", "a\nb", ".fulcrum",
                                      "a234567890123456789012345678901234567890123456789012345678901234"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(objects_check_bucket(str_of(good[i]), &error), OBJECTS_OK);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(objects_check_bucket(str_of(bad[i]), &error), OBJECTS_BAD_BUCKET);
}

static void addresses(void **state)
{
    (void)state;
    struct str bucket, key;
    assert_int_equal(objects_parse_uri(STR("s3://bucket/a/b"), &bucket, &key, &error), OBJECTS_OK);
    assert_str_equal(bucket, "bucket");
    assert_str_equal(key, "a/b");
    assert_int_equal(objects_parse_uri(STR("s3://bucket"), &bucket, &key, &error), OBJECTS_OK);
    assert_int_equal(key.len, 0);
    assert_int_equal(objects_parse_uri(STR("http://bucket/a"), &bucket, &key, &error), OBJECTS_BAD_BUCKET);
    assert_int_equal(objects_parse_uri(STR("s3://B/a"), &bucket, &key, &error), OBJECTS_BAD_BUCKET);
}

static char long_key[OBJECTS_KEY_MAX + 1];

static const char *const odd_keys[] = {
    "a",      "a/",   "a/b",  "a//b",   "//",     "/",      ".",        "..",        "../../escape", "a/../b", "a/./c",
    "%",      "%2F",  "a%",   "a%/b",   "%%",     "%+",     "x%+/y",    " ",         "a b?c&d=e+f",  "\x01\x7f\n",
    "über/ß", "雪.txt", "con.", "a\\b", "*:|<>\"", "-rf", ".fulcrum", "./.fulcrum/tmp",
};
#define ODD_KEYS (sizeof(odd_keys) / sizeof(odd_keys[0]))

/* Every key keeps its own content whatever the order of writing, and nothing leaves the bucket. */
static void odd_keys_coexist(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < ODD_KEYS; i++) {
            size_t k = round ? ODD_KEYS - 1 - i : i;
            must_put(odd_keys[k], odd_keys[k]);
        }
        for (size_t i = 0; i < ODD_KEYS; i++)
            assert_object(odd_keys[i], odd_keys[i]);
        assert_int_equal(count_files("bucket"), ODD_KEYS);
        for (size_t i = 0; i < ODD_KEYS; i++)
            assert_int_equal(objects_delete(objects, ALICE, BUCKET, str_of(odd_keys[i]), NULL, &error), OBJECTS_OK);
        assert_int_equal(count_files("."), 1); /* the bucket's record: descriptions are gone too */
    }
    assert_int_equal(objects_bucket_delete(objects, ALICE, BUCKET, &error), OBJECTS_OK);
}

/* A file name has at most 255 bytes, a key 1024, and any tail behind a cut may look like "." or "..". */
static void long_keys(void **state)
{
    (void)state;
    static const char *const tails[] = {"", ".", "..", "x", "%", "/", "/y"};
    for (size_t len = OBJECT_PIECE_MAX - 2; len <= OBJECT_PIECE_MAX + 2; len++)
        for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
            char key[OBJECT_PIECE_MAX + 8];
            memset(key, 'k', len);
            (void)snprintf(key + len, sizeof(key) - len, "%s", tails[i]);
            must_put(key, tails[i]);
            assert_object(key, tails[i]);
        }
    memset(long_key, 1, OBJECTS_KEY_MAX); /* each byte is three on the disk */
    must_put(long_key, "long");
    assert_object(long_key, "long");
    memset(long_key, '/', OBJECTS_KEY_MAX);
    must_put(long_key, "deep");
    assert_object(long_key, "deep");
    char too_long[OBJECTS_KEY_MAX + 1];
    memset(too_long, 'k', sizeof(too_long));
    assert_int_equal(put((struct str){too_long, sizeof(too_long)}, STR("")), OBJECTS_LONG_KEY);
    assert_int_equal(put(STR("\xff"), STR("")), OBJECTS_BAD_KEY);
    assert_int_equal(put(STR(""), STR("")), OBJECTS_BAD_KEY);
}

static void ordinary_keys_can_be_browsed(void **state)
{
    (void)state;
    char path[160], text[16] = "";
    must_put("in/2026/batch 1.jsonl", "line");
    (void)snprintf(path, sizeof(path), "%s/bucket/in/2026/batch 1.jsonl", dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof(text), file));
    fclose(file);
    assert_string_equal(text, "line");
}

static void files_put_there_by_hand_are_objects(void **state)
{
    (void)state;
    char path[160];
    struct objects_info info;
    (void)snprintf(path, sizeof(path), "%s/bucket/by-hand", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("hello", file) >= 0);
    fclose(file);
    assert_object("by-hand", "hello");
    assert_int_equal(objects_head(objects, ALICE, BUCKET, STR("by-hand"), &info, &error), OBJECTS_OK);
    assert_int_equal(info.size, 5);
    assert_true(str_ends(str_of(info.etag), STR("-1")));
    must_put("by-hand", "again");
    assert_object("by-hand", "again");
}

/* --- objects --- */

static void what_is_said_of_an_object(void **state)
{
    (void)state;
    struct objects_put *writing;
    struct objects_info info;
    uint64_t before = clock_wall_us();
    const struct objects_put_options options = {
        .expected_size = OBJECTS_SIZE_UNKNOWN, .type = STR("text/csv"), .headers = STR("x-amz-meta-a: \"b\"\n")};
    assert_int_equal(objects_put_begin(objects, ALICE, BUCKET, STR("k"), &options, &writing, &error), OBJECTS_OK);
    assert_int_equal(objects_put_append(writing, "hel", 3, &error), OBJECTS_OK);
    assert_int_equal(objects_put_append(writing, "lo", 2, &error), OBJECTS_OK);
    objects_put_checksum(writing, "crc32", STR("NhCmhg=="), false);
    assert_int_equal(objects_put_commit(writing, &info, &error), OBJECTS_OK);
    assert_string_equal(info.etag, "5d41402abc4b2a76b9719d911017c592");
    objects_close(objects);
    open_store();
    assert_int_equal(objects_head(objects, ALICE, BUCKET, STR("k"), &info, &error), OBJECTS_OK);
    assert_int_equal(info.size, 5);
    assert_string_equal(info.etag, "5d41402abc4b2a76b9719d911017c592");
    assert_string_equal(info.type, "text/csv");
    assert_string_equal(info.headers, "x-amz-meta-a: \"b\"\n");
    assert_string_equal(info.checksum_name, "crc32");
    assert_string_equal(info.checksum, "NhCmhg==");
    assert_true(info.modified_us + 1000 >= before && info.modified_us <= clock_wall_us() + 1000);
}

static void ranges(void **state)
{
    (void)state;
    struct objects_reader *reader;
    struct objects_info info;
    char text[16];
    size_t len;
    must_put("k", "0123456789");
    assert_int_equal(objects_reader_open(objects, ALICE, BUCKET, STR("k"), 8, 5, &info, &reader, &error), OBJECTS_OK);
    assert_int_equal(objects_reader_read(reader, text, sizeof(text), &len, &error), OBJECTS_OK);
    assert_int_equal(len, 2);
    assert_memory_equal(text, "89", 2);
    assert_int_equal(objects_reader_read(reader, text, sizeof(text), &len, &error), OBJECTS_OK);
    assert_int_equal(len, 0);
    objects_reader_close(reader);
    assert_int_equal(objects_reader_open(objects, ALICE, BUCKET, STR("k"), 10, 1, &info, &reader, &error),
                     OBJECTS_BAD_RANGE);
    assert_int_equal(info.size, 10);
}

static void announcements_are_checked(void **state)
{
    (void)state;
    struct objects_put *writing;
    const uint8_t wrong[16] = {1};
    struct objects_put_options options = {.expected_size = 4, .expected_md5 = wrong};
    must_put("k", "old");
    assert_int_equal(objects_put_begin(objects, ALICE, BUCKET, STR("k"), &options, &writing, &error), OBJECTS_OK);
    assert_int_equal(objects_put_append(writing, "newer", 5, &error), OBJECTS_BAD_LENGTH);
    objects_put_abort(writing);
    assert_int_equal(objects_put_begin(objects, ALICE, BUCKET, STR("k"), &options, &writing, &error), OBJECTS_OK);
    assert_int_equal(objects_put_append(writing, "new", 3, &error), OBJECTS_OK);
    assert_int_equal(objects_put_commit(writing, NULL, &error), OBJECTS_BAD_LENGTH);
    assert_int_equal(objects_put_begin(objects, ALICE, BUCKET, STR("k"), &options, &writing, &error), OBJECTS_OK);
    assert_int_equal(objects_put_append(writing, "newe", 4, &error), OBJECTS_OK);
    assert_int_equal(objects_put_commit(writing, NULL, &error), OBJECTS_BAD_DIGEST);
    assert_object("k", "old");
    assert_int_equal(count_files(".fulcrum/tmp"), 0);
    assert_int_equal(count_files(".fulcrum/meta"), 1);
}

static void a_local_file(void **state)
{
    (void)state;
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/local", test_root);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("from a file", file) >= 0);
    fclose(file);
    assert_int_equal(objects_put_file(objects, ALICE, BUCKET, STR("f"), path, STR(""), &error), OBJECTS_OK);
    assert_object("f", "from a file");
    (void)unlink(path);
    assert_int_equal(objects_put_file(objects, ALICE, BUCKET, STR("f"), path, STR(""), &error), OBJECTS_FAILED);
}

/* A reader keeps the object that it opened. */
static void readers_keep_what_they_opened(void **state)
{
    (void)state;
    struct objects_reader *reader;
    char text[8];
    size_t len;
    must_put("k", "old");
    assert_int_equal(objects_reader_open(objects, ALICE, BUCKET, STR("k"), 0, 99, NULL, &reader, &error), OBJECTS_OK);
    must_put("k", "newer");
    assert_int_equal(objects_reader_read(reader, text, sizeof(text), &len, &error), OBJECTS_OK);
    assert_int_equal(len, 3);
    assert_memory_equal(text, "old", 3);
    objects_reader_close(reader);
    assert_int_equal(count_files(".fulcrum/meta"), 1);
}

#define CHURN_BYTES 50000
#define CHURN_ROUNDS 150

/* Writes whole objects of one letter, all the same length. */
static void *churn(void *arg)
{
    char letter = *(const char *)arg, *data = mem_alloc(CHURN_BYTES);
    struct error own;
    if (!data)
        return "no memory";
    memset(data, letter, CHURN_BYTES);
    const char *failed = NULL;
    for (int i = 0; i < CHURN_ROUNDS && !failed; i++) {
        struct objects_put *writing;
        const struct objects_put_options options = {.expected_size = CHURN_BYTES, .type = {&letter, 1}};
        if (objects_put_begin(objects, ALICE, BUCKET, STR("k"), &options, &writing, &own) != OBJECTS_OK)
            failed = "begin";
        else if (objects_put_append(writing, data, CHURN_BYTES, &own) != OBJECTS_OK) {
            failed = "append";
            objects_put_abort(writing);
        } else if (objects_put_commit(writing, NULL, &own) != OBJECTS_OK)
            failed = "commit";
    }
    mem_free(data);
    return (void *)failed;
}

static void readers_see_whole_objects_under_writers(void **state)
{
    (void)state;
    static char letters[2] = {'a', 'b'};
    pthread_t threads[2];
    char *data = mem_alloc(CHURN_BYTES + 1);
    must_put("k", "");
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &letters[i]), 0);
    for (int round = 0; round < 2 * CHURN_ROUNDS; round++) {
        struct objects_reader *reader;
        struct objects_info info;
        size_t len, total = 0;
        assert_int_equal(objects_reader_open(objects, ALICE, BUCKET, STR("k"), 0, OBJECTS_SIZE_UNKNOWN, &info, &reader,
                                             &error), OBJECTS_OK);
        do {
            assert_int_equal(objects_reader_read(reader, data + total, 8192, &len, &error), OBJECTS_OK);
            total += len;
        } while (len > 0);
        objects_reader_close(reader);
        assert_true(total == 0 || total == CHURN_BYTES);
        for (size_t i = 0; i < total; i++)
            assert_true(data[i] == info.type[0]); /* bytes and description are of one object */
    }
    for (size_t i = 0; i < 2; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    mem_free(data);
    assert_int_equal(count_files(".fulcrum/meta"), 1);
}

/* A process that writes is killed at some moment: every name has whole content afterwards. */
static void a_crash_leaves_no_half_object(void **state)
{
    (void)state;
    for (unsigned delay_us = 2000; delay_us < 40000; delay_us += 9000) {
        must_put("k", "");
        fflush(NULL);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            static char letter = 'c';
            for (;;)
                if (churn(&letter))
                    _exit(1);
        }
        usleep(delay_us);
        assert_int_equal(kill(child, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        objects_close(objects);
        open_store();
        struct objects_info info;
        assert_int_equal(objects_head(objects, ALICE, BUCKET, STR("k"), &info, &error), OBJECTS_OK);
        assert_true(info.size == 0 || (info.size == CHURN_BYTES && info.type[0] == 'c'));
        assert_int_equal(count_files(".fulcrum/tmp"), 0);
        assert_int_equal(count_files("bucket"), 1);
    }
}

/* A file that may not grow stands for a full disk. */
static void a_full_disk_leaves_the_old_object(void **state)
{
    (void)state;
    struct rlimit before, tight = {.rlim_cur = 1000, .rlim_max = RLIM_INFINITY};
    struct objects_put *writing;
    const struct objects_put_options options = {.expected_size = OBJECTS_SIZE_UNKNOWN};
    static const char data[5000];
    must_put("k", "old");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    tight.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(objects_put_begin(objects, ALICE, BUCKET, STR("k"), &options, &writing, &error), OBJECTS_OK);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    enum objects_problem problem = objects_put_append(writing, data, sizeof(data), &error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_not_equal(problem, OBJECTS_OK);
    assert_int_not_equal(objects_put_commit(writing, NULL, &error), OBJECTS_OK);
    assert_object("k", "old");
    assert_int_equal(count_files(".fulcrum/tmp"), 0);
}

/* --- buckets --- */

static void buckets_belong_to_tenants(void **state)
{
    (void)state;
    struct objects_bucket *buckets;
    struct objects_info info;
    size_t count;
    must_put("k", "alice's");
    assert_int_equal(objects_bucket_create(objects, ALICE, BUCKET, STR(""), &error), OBJECTS_BUCKET_OWNED);
    assert_int_equal(objects_bucket_create(objects, BOB, BUCKET, STR(""), &error), OBJECTS_BUCKET_TAKEN);
    assert_int_equal(objects_bucket_head(objects, BOB, BUCKET, NULL, &error), OBJECTS_NO_BUCKET);
    assert_int_equal(objects_head(objects, BOB, BUCKET, STR("k"), &info, &error), OBJECTS_NO_BUCKET);
    assert_int_equal(objects_delete(objects, BOB, BUCKET, STR("k"), NULL, &error), OBJECTS_NO_BUCKET);
    assert_int_equal(objects_bucket_delete(objects, BOB, BUCKET, &error), OBJECTS_NO_BUCKET);
    assert_int_equal(objects_bucket_create(objects, ALICE, STR("another"), STR(""), &error), OBJECTS_OK);
    assert_int_equal(objects_bucket_create(objects, BOB, STR("bobs"), STR(""), &error), OBJECTS_OK);
    assert_int_equal(objects_bucket_list(objects, ALICE, &arena, &buckets, &count, &error), OBJECTS_OK);
    assert_int_equal(count, 2);
    assert_str_equal(buckets[0].name, "another");
    assert_str_equal(buckets[1].name, "bucket");
    assert_int_equal(objects_bucket_delete(objects, ALICE, BUCKET, &error), OBJECTS_BUCKET_NOT_EMPTY);
    assert_object("k", "alice's");
    /* without the store, as a program beside the server sees it */
    assert_true(objects_bucket_is_of(dir, ALICE, BUCKET) && !objects_bucket_is_of(dir, BOB, BUCKET));
    assert_false(objects_bucket_is_of(dir, ALICE, STR("nothing")) || objects_bucket_is_of(dir, ALICE, STR("..")) ||
                 objects_bucket_is_of("/nonexistent", ALICE, BUCKET));
}

static void read_into(struct buf *text, size_t max, struct str key, enum objects_problem expected, bool is_all)
{
    bool is_whole;
    buf_deinit(text);
    buf_init(text, max);
    assert_int_equal(objects_read(objects, ALICE, BUCKET, key, text, &is_whole, &error), expected);
    assert_int_equal(is_whole, is_all);
}

static void objects_are_read_at_once(void **state)
{
    (void)state;
    struct buf text, whole;
    buf_init(&text, 1);
    buf_init(&whole, MIB);
    for (size_t i = 0; i < 200000; i++)
        buf_append_char(&whole, (char)('a' + i % 26));
    must_put("empty", "");
    assert_int_equal(put(STR("large"), buf_str(&whole)), OBJECTS_OK);
    read_into(&text, 10, STR("empty"), OBJECTS_OK, true);
    assert_int_equal(text.len, 0);
    read_into(&text, 200000, STR("large"), OBJECTS_OK, true); /* fits exactly */
    assert_int_equal(text.len, 200000);
    assert_memory_equal(text.data, whole.data, 200000);
    read_into(&text, 199999, STR("large"), OBJECTS_OK, false);
    assert_int_equal(text.len, 199999);
    assert_memory_equal(text.data, whole.data, 199999);
    read_into(&text, 10, STR("nothing"), OBJECTS_NO_KEY, false);
    buf_deinit(&text);
    buf_deinit(&whole);
}

/* --- listings --- */

static void list_into(char *out, size_t cap, struct objects_list_options options)
{
    struct objects_page page;
    size_t len = 0;
    out[0] = '\0';
    do {
        assert_int_equal(objects_list(objects, ALICE, BUCKET, &options, &arena, &page, &error), OBJECTS_OK);
        assert_true(page.count <= options.max);
        for (size_t i = 0; i < page.count; i++)
            len += (size_t)snprintf(out + len, cap - len, "%s" STR_FMT " ", page.entries[i].is_prefix ? "+" : "",
                                    STR_ARG(page.entries[i].key));
        options.after = page.next;
        assert_true(!page.is_truncated || page.count == options.max);
    } while (page.is_truncated);
}

static void assert_list(struct objects_list_options options, const char *expected)
{
    char text[8192];
    for (options.max = 1; options.max < 9; options.max += 3) {
        list_into(text, sizeof(text), options);
        assert_string_equal(text, expected);
    }
}

#define LIST(...) ((struct objects_list_options){__VA_ARGS__})

static void listings_are_in_byte_order(void **state)
{
    (void)state;
    static const char *const keys[] = {"b", "a/x", "a-b", "a", "a/", "a0", "a/y/z", "c/d/e", "B", "é"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        must_put(keys[i], "");
    assert_list(LIST(0), "B a a-b a/ a/x a/y/z a0 b c/d/e é ");
    assert_list(LIST(.prefix = STR("a/")), "a/ a/x a/y/z ");
    assert_list(LIST(.prefix = STR("a")), "a a-b a/ a/x a/y/z a0 ");
    assert_list(LIST(.delimiter = STR("/")), "B a a-b +a/ a0 b +c/ é ");
    assert_list(LIST(.prefix = STR("a/"), .delimiter = STR("/")), "a/ a/x +a/y/ ");
    assert_list(LIST(.prefix = STR("c"), .delimiter = STR("/")), "+c/ ");
    assert_list(LIST(.delimiter = STR("-")), "B a +a- a/ a/x a/y/z a0 b c/d/e é ");
    assert_list(LIST(.after = STR("a/x")), "a/y/z a0 b c/d/e é ");
    assert_list(LIST(.after = STR("a/m")), "a/x a/y/z a0 b c/d/e é ");
    assert_list(LIST(.prefix = STR("nothing/here")), "");
    assert_list(LIST(.prefix = STR("../")), "");
}

static void odd_keys_are_listed(void **state)
{
    (void)state;
    struct objects_page page;
    size_t expected = ODD_KEYS;
    for (size_t i = 0; i < ODD_KEYS; i++)
        must_put(odd_keys[i], "");
    for (size_t len = OBJECT_PIECE_MAX - 1; len <= 2 * OBJECT_PIECE_MAX + 1; len += 61, expected++) {
        char key[2 * OBJECT_PIECE_MAX + 2] = "";
        memset(key, 'k', len);
        must_put(key, "");
    }
    const struct objects_list_options options = {.max = OBJECTS_PAGE_MAX};
    assert_int_equal(objects_list(objects, ALICE, BUCKET, &options, &arena, &page, &error), OBJECTS_OK);
    assert_int_equal(page.count, expected);
    for (size_t i = 1; i < page.count; i++) {
        struct str a = page.entries[i - 1].key, b = page.entries[i].key;
        int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
        assert_true(order < 0 || (order == 0 && a.len < b.len));
    }
    for (size_t i = 0; i < ODD_KEYS; i++) {
        bool is_there = false;
        for (size_t j = 0; j < page.count; j++)
            is_there = is_there || str_eq(page.entries[j].key, str_of(odd_keys[i]));
        assert_true(is_there);
    }
}

static void pages_of_a_large_directory(void **state)
{
    (void)state;
    char key[32];
    size_t seen = 0;
    struct objects_page page;
    struct objects_list_options options = {.max = 100};
    for (unsigned i = 0; i < 350; i++) {
        (void)snprintf(key, sizeof(key), "d%u/k%03u", i % 3, i);
        must_put(key, "x");
    }
    do {
        assert_int_equal(objects_list(objects, ALICE, BUCKET, &options, &arena, &page, &error), OBJECTS_OK);
        seen += page.count;
        options.after = page.next;
    } while (page.is_truncated);
    assert_int_equal(seen, 350);
    /* Directories without an object are nobody's prefix, however many there are. */
    for (unsigned i = 0; i < 100; i++) {
        char path[192];
        (void)snprintf(path, sizeof(path), "%s/bucket/a%u", dir, i);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    options = (struct objects_list_options){.max = 2, .delimiter = STR("/")};
    assert_int_equal(objects_list(objects, ALICE, BUCKET, &options, &arena, &page, &error), OBJECTS_OK);
    assert_int_equal(page.count, 2);
    assert_str_equal(page.entries[1].key, "d1/");
    assert_true(page.is_truncated);
}

/* --- uploads in parts --- */

static void send_part(struct str id, unsigned number, char letter, size_t len, struct objects_part *part)
{
    struct objects_put *writing;
    struct objects_info info;
    const struct objects_put_options options = {.expected_size = len};
    char *data = mem_alloc(len + 1);
    memset(data, letter, len);
    assert_int_equal(objects_upload_part(objects, ALICE, BUCKET, STR("big"), id, number, &options, &writing, &error),
                     OBJECTS_OK);
    assert_int_equal(objects_put_append(writing, data, len, &error), OBJECTS_OK);
    assert_int_equal(objects_put_commit(writing, &info, &error), OBJECTS_OK);
    mem_free(data);
    *part = (struct objects_part){.number = number};
    memcpy(part->etag, info.etag, sizeof(part->etag));
}

static void begin_upload(char id[OBJECTS_UPLOAD_ID_LEN + 1], const char *checksum)
{
    const struct objects_put_options options = {.expected_size = OBJECTS_SIZE_UNKNOWN, .type = STR("text/plain")};
    assert_int_equal(objects_upload_create(objects, ALICE, BUCKET, STR("big"), &options, checksum, false, id, &error),
                     OBJECTS_OK);
}

static enum objects_problem complete(struct str key, struct str id, const struct objects_part *parts, size_t count,
                                     struct str checksum, struct objects_info *info)
{
    const struct objects_completion wanted = {
        .parts = parts, .count = count, .checksum = checksum, .size = OBJECTS_SIZE_UNKNOWN};
    return objects_upload_complete(objects, ALICE, BUCKET, key, id, &wanted, info, &error);
}

static void parts_become_an_object(void **state)
{
    (void)state;
    char id[OBJECTS_UPLOAD_ID_LEN + 1];
    struct objects_part parts[3], *found;
    struct objects_upload upload;
    struct objects_info info;
    size_t count;
    begin_upload(id, "crc32");
    send_part(str_of(id), 2, 'x', 10, &parts[1]); /* replaced below */
    send_part(str_of(id), 7, 'c', 3, &parts[2]);
    send_part(str_of(id), 2, 'b', 5 * MIB, &parts[1]);
    send_part(str_of(id), 1, 'a', 5 * MIB, &parts[0]);
    assert_int_equal(objects_upload_parts(objects, ALICE, BUCKET, STR("big"), str_of(id), &arena, &upload, &found,
                                          &count, &error), OBJECTS_OK);
    assert_int_equal(count, 3);
    assert_int_equal(found[1].size, 5 * MIB);
    assert_int_equal(found[2].number, 7);
    assert_int_equal(objects_head(objects, ALICE, BUCKET, STR("big"), &info, &error), OBJECTS_NO_KEY);
    assert_int_equal(complete(STR("big"), str_of(id), parts, 3, STR("AAAAAA=="), &info), OBJECTS_BAD_DIGEST);
    assert_int_equal(complete(STR("big"), str_of(id), parts, 3, STR(""), &info), OBJECTS_OK);
    assert_int_equal(info.size, 10 * MIB + 3);
    /* python3: md5(md5(a).digest() + md5(b).digest() + md5(c).digest()); base64 of crc32 of all */
    assert_string_equal(info.etag, "b6c33dca9576d1a5717fae679cb871f1-3");
    assert_string_equal(info.checksum, "7jVW7w==");
    assert_string_equal(info.type, "text/plain");
    assert_int_equal(objects_upload_abort(objects, ALICE, BUCKET, STR("big"), str_of(id), &error), OBJECTS_NO_UPLOAD);
    assert_int_equal(count_files(".fulcrum/uploads"), 0);
}

static void wrong_parts_are_refused(void **state)
{
    (void)state;
    char id[OBJECTS_UPLOAD_ID_LEN + 1];
    struct objects_part parts[2], reversed[2], foreign;
    struct objects_upload *uploads;
    struct objects_info info;
    size_t count;
    begin_upload(id, "");
    send_part(str_of(id), 1, 'a', 3, &parts[0]);
    send_part(str_of(id), 2, 'b', 3, &parts[1]);
    reversed[0] = parts[1];
    reversed[1] = parts[0];
    foreign = parts[0];
    foreign.etag[0] = foreign.etag[0] == '0' ? '1' : '0';
    const struct str key = STR("big"), name = {id, OBJECTS_UPLOAD_ID_LEN};
#define COMPLETE(list, n) complete(key, name, list, n, STR(""), &info)
    assert_int_equal(COMPLETE(parts, 2), OBJECTS_SMALL_PART);
    assert_int_equal(COMPLETE(reversed, 2), OBJECTS_BAD_PART_ORDER);
    assert_int_equal(COMPLETE(&foreign, 1), OBJECTS_BAD_PART);
    assert_int_equal(COMPLETE(parts, 0), OBJECTS_BAD_PART);
    assert_int_equal(objects_upload_abort(objects, BOB, BUCKET, key, name, &error), OBJECTS_NO_BUCKET);
    assert_int_equal(objects_upload_abort(objects, ALICE, BUCKET, STR("other"), name, &error), OBJECTS_NO_UPLOAD);
    assert_int_equal(objects_upload_abort(objects, ALICE, BUCKET, key, STR("../../bucket"), &error), OBJECTS_NO_UPLOAD);
    assert_int_equal(objects_upload_list(objects, ALICE, BUCKET, &arena, &uploads, &count, &error), OBJECTS_OK);
    assert_int_equal(count, 1);
    assert_str_equal(uploads[0].key, "big");
    assert_int_equal(COMPLETE(&parts[1], 1), OBJECTS_OK); /* one small part is the last */
    assert_int_equal(info.size, 3);
#undef COMPLETE
}

static void a_completed_upload_may_be_completed_again(void **state)
{
    (void)state;
    char id[OBJECTS_UPLOAD_ID_LEN + 1];
    struct objects_part parts[2], other;
    struct objects_info info, again;
    const struct str key = STR("big"), name = {id, OBJECTS_UPLOAD_ID_LEN};
    begin_upload(id, "");
    send_part(name, 1, 'a', 5 * MIB, &parts[0]);
    send_part(name, 2, 'b', 3, &parts[1]);
    assert_int_equal(complete(key, name, parts, 2, STR(""), &info), OBJECTS_OK);
    assert_int_equal(complete(key, name, parts, 2, STR(""), &again), OBJECTS_OK);
    assert_string_equal(again.etag, info.etag);
    assert_int_equal(again.modified_us, info.modified_us);
    objects_close(objects);
    open_store();
    assert_int_equal(complete(key, name, parts, 2, STR(""), &again), OBJECTS_OK);
    other = parts[1];
    assert_int_equal(complete(key, name, &other, 1, STR(""), &again), OBJECTS_NO_UPLOAD);
    assert_int_equal(put(key, STR("another")), OBJECTS_OK);
    assert_int_equal(complete(key, name, parts, 2, STR(""), &again), OBJECTS_NO_UPLOAD);
    assert_object("big", "another");
}

static void where_the_parts_lie(void **state)
{
    (void)state;
    char id[OBJECTS_UPLOAD_ID_LEN + 1];
    struct objects_part parts[4];
    struct objects_info info;
    uint64_t offset, len;
    const struct str key = STR("big"), name = {id, OBJECTS_UPLOAD_ID_LEN};
    begin_upload(id, "");
    send_part(name, 2, 'a', 5 * MIB, &parts[0]);
    send_part(name, 3, 'b', 5 * MIB, &parts[1]);
    send_part(name, 5, 'c', 6 * MIB, &parts[2]);
    send_part(name, 9, 'd', 7, &parts[3]);
    assert_int_equal(complete(key, name, parts, 4, STR(""), &info), OBJECTS_OK);
    static const struct {
        unsigned number;
        uint64_t offset, len;
    } known[] = {{1, 0, 5 * MIB}, {2, 5 * MIB, 5 * MIB}, {3, 10 * MIB, 6 * MIB}, {4, 16 * MIB, 7}};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(objects_head_part(objects, ALICE, BUCKET, key, known[i].number, &info, &offset, &len, &error),
                         OBJECTS_OK);
        assert_int_equal(info.part_count, 4);
        assert_int_equal(offset, known[i].offset);
        assert_int_equal(len, known[i].len);
    }
    assert_int_equal(objects_head_part(objects, ALICE, BUCKET, key, 5, &info, &offset, &len, &error),
                     OBJECTS_BAD_PART);
    must_put("small", "abc");
    assert_int_equal(objects_head_part(objects, ALICE, BUCKET, STR("small"), 1, &info, &offset, &len, &error),
                     OBJECTS_OK);
    assert_int_equal(info.part_count, 0);
    assert_int_equal(len, 3);
    assert_int_equal(objects_head_part(objects, ALICE, BUCKET, STR("small"), 2, &info, &offset, &len, &error),
                     OBJECTS_BAD_PART);
}

/* A crash between the object's name and the end of its upload. */
static void an_upload_that_is_over_is_not_completed_again_after_a_crash(void **state)
{
    (void)state;
    char id[OBJECTS_UPLOAD_ID_LEN + 1], command[512];
    struct objects_part part;
    struct objects_info info;
    const struct str key = STR("big"), name = {id, OBJECTS_UPLOAD_ID_LEN};
    begin_upload(id, "");
    send_part(name, 1, 'a', 3, &part);
    (void)snprintf(command, sizeof(command), "cp -a %s/.fulcrum/uploads/%s %s/kept", dir, id, test_root);
    assert_int_equal(system(command), 0);
    assert_int_equal(complete(key, name, &part, 1, STR(""), &info), OBJECTS_OK);
    (void)snprintf(command, sizeof(command), "cp -a %s/kept %s/.fulcrum/uploads/%s", test_root, dir, id);
    assert_int_equal(system(command), 0);
    objects_close(objects);
    open_store();
    assert_int_equal(count_files(".fulcrum/uploads"), 0);
    assert_object("big", "aaa");
}

/* --- a bucket that is deleted and made again, by somebody else --- */

static struct objects_put *begin_put(struct str tenant, const char *key)
{
    struct objects_put *writing;
    const struct objects_put_options options = {.expected_size = OBJECTS_SIZE_UNKNOWN};
    assert_int_equal(objects_put_begin(objects, tenant, BUCKET, str_of(key), &options, &writing, &error), OBJECTS_OK);
    assert_int_equal(objects_put_append(writing, "alice's", 7, &error), OBJECTS_OK);
    return writing;
}

static void remake_bucket(struct str tenant)
{
    assert_int_equal(objects_bucket_delete(objects, ALICE, BUCKET, &error), OBJECTS_OK);
    assert_int_equal(objects_bucket_create(objects, tenant, BUCKET, STR(""), &error), OBJECTS_OK);
}

static void a_put_does_not_outlive_its_bucket(void **state)
{
    (void)state;
    struct objects_put *writing = begin_put(ALICE, "key"), *own;
    remake_bucket(BOB);
    assert_int_equal(objects_put_commit(writing, NULL, &error), OBJECTS_NO_BUCKET);
    assert_int_equal(count_files("bucket"), 0);
    assert_int_equal(count_files(".fulcrum/meta"), 0);
    own = begin_put(BOB, "key");
    assert_int_equal(objects_put_commit(own, NULL, &error), OBJECTS_OK);
    assert_int_equal(count_files("bucket"), 1);
}

static void not_even_in_a_bucket_of_the_same_tenant(void **state)
{
    (void)state;
    struct objects_put *writing = begin_put(ALICE, "key");
    remake_bucket(ALICE);
    assert_int_equal(objects_put_commit(writing, NULL, &error), OBJECTS_NO_BUCKET);
    assert_null(get(STR("key")));
}

static void nor_does_an_upload(void **state)
{
    (void)state;
    char id[OBJECTS_UPLOAD_ID_LEN + 1], command[512];
    struct objects_part part;
    struct objects_info info;
    struct objects_put *writing;
    struct objects_upload *uploads;
    size_t count;
    const struct objects_put_options options = {.expected_size = 3};
    begin_upload(id, "");
    send_part(str_of(id), 1, 'a', 3, &part);
    assert_int_equal(objects_upload_part(objects, ALICE, BUCKET, STR("big"), str_of(id), 2, &options, &writing, &error),
                     OBJECTS_OK);
    (void)snprintf(command, sizeof(command), "cp -a %s/.fulcrum/uploads/%s %s/kept", dir, id, test_root);
    assert_int_equal(system(command), 0);
    remake_bucket(ALICE);
    assert_int_equal(objects_put_append(writing, "bbb", 3, &error), OBJECTS_OK);
    assert_int_equal(objects_put_commit(writing, NULL, &error), OBJECTS_NO_UPLOAD);
    /* as where the deletion of the upload was lost */
    (void)snprintf(command, sizeof(command), "cp -a %s/kept %s/.fulcrum/uploads/%s", test_root, dir, id);
    assert_int_equal(system(command), 0);
    assert_int_equal(complete(STR("big"), str_of(id), &part, 1, STR(""), &info), OBJECTS_NO_UPLOAD);
    assert_int_equal(objects_upload_list(objects, ALICE, BUCKET, &arena, &uploads, &count, &error), OBJECTS_OK);
    assert_int_equal(count, 0);
    assert_int_equal(count_files("bucket"), 0);
    objects_close(objects);
    open_store();
    assert_int_equal(count_files(".fulcrum/uploads"), 0);
}

static void a_record_without_its_directory_is_no_bucket(void **state)
{
    (void)state;
    char command[512];
    (void)snprintf(command, sizeof(command), "rmdir %s/bucket", dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(objects_bucket_head(objects, ALICE, BUCKET, NULL, &error), OBJECTS_NO_BUCKET);
    assert_int_equal(objects_bucket_create(objects, BOB, BUCKET, STR("eu-west-1"), &error), OBJECTS_OK);
    assert_int_equal(objects_bucket_head(objects, ALICE, BUCKET, NULL, &error), OBJECTS_NO_BUCKET);
    struct objects_bucket bucket;
    assert_int_equal(objects_bucket_head(objects, BOB, BUCKET, &bucket, &error), OBJECTS_OK);
    assert_string_equal(bucket.region, "eu-west-1");
}

struct swapping {
    pthread_t thread;
    bool is_done;
};

/* Two tenants take turns with one name, each writing its own name into it. */
static void *swap_buckets(void *ctx)
{
    struct swapping *swapping = ctx;
    struct error mine;
    for (int i = 0; i < 300; i++) {
        const struct str tenant = i % 2 ? ALICE : BOB;
        struct objects_put *writing;
        const struct objects_put_options options = {.expected_size = tenant.len};
        if (objects_bucket_create(objects, tenant, STR("turns"), STR(""), &mine) != OBJECTS_OK ||
            objects_put_begin(objects, tenant, STR("turns"), STR("key"), &options, &writing, &mine) != OBJECTS_OK ||
            objects_put_append(writing, tenant.data, tenant.len, &mine) != OBJECTS_OK ||
            objects_put_commit(writing, NULL, &mine) != OBJECTS_OK ||
            objects_delete(objects, tenant, STR("turns"), STR("key"), NULL, &mine) != OBJECTS_OK ||
            objects_bucket_delete(objects, tenant, STR("turns"), &mine) != OBJECTS_OK)
            return (void *)1;
    }
    __atomic_store_n(&swapping->is_done, true, __ATOMIC_SEQ_CST);
    return NULL;
}

static void readers_see_their_own_bucket_only(void **state)
{
    (void)state;
    struct swapping swapping = {.is_done = false};
    void *failed = NULL;
    assert_int_equal(pthread_create(&swapping.thread, NULL, swap_buckets, &swapping), 0);
    while (!__atomic_load_n(&swapping.is_done, __ATOMIC_SEQ_CST)) {
        struct objects_reader *reader;
        char text[16];
        size_t len;
        if (objects_reader_open(objects, ALICE, STR("turns"), STR("key"), 0, OBJECTS_SIZE_UNKNOWN, NULL, &reader,
                                &error) != OBJECTS_OK)
            continue;
        assert_int_equal(objects_reader_read(reader, text, sizeof(text), &len, &error), OBJECTS_OK);
        assert_str_equal(((struct str){text, len}), "alice");
        objects_reader_close(reader);
    }
    assert_int_equal(pthread_join(swapping.thread, &failed), 0);
    assert_null(failed);
}

/* --- links --- */

static void links_are_not_followed(void **state)
{
    (void)state;
    char command[1024];
    struct objects_page page;
    const struct objects_list_options options = {.prefix = STR("dir/"), .max = 10};
    (void)snprintf(command, sizeof(command),
                   "mkdir -p %s/outside/sub && echo secret > %s/outside/file && cd %s/bucket && mkdir own && "
                   "ln -s %s/outside dir && ln -s %s/outside/file link && ln -s ../../../outside own/up && "
                   "ln -s %s/outside ../linked",
                   test_root, test_root, dir, test_root, test_root, test_root);
    assert_int_equal(system(command), 0);
    static const char *const keys[] = {"dir/file", "link", "own/up/file", "dir/sub/x", "dir/new/x"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        assert_null(get(str_of(keys[i])));
    assert_int_equal(put(STR("dir/new"), STR("x")), OBJECTS_DENIED);
    assert_int_equal(put(STR("dir/deep/new"), STR("x")), OBJECTS_DENIED);
    assert_int_equal(put(STR("own/up/new"), STR("x")), OBJECTS_DENIED);
    assert_int_equal(objects_delete(objects, ALICE, BUCKET, STR("dir/file"), NULL, &error), OBJECTS_OK);
    assert_int_equal(objects_list(objects, ALICE, BUCKET, &options, &arena, &page, &error), OBJECTS_OK);
    assert_int_equal(page.count, 0);
    assert_int_equal(objects_bucket_create(objects, ALICE, STR("linked"), STR(""), &error), OBJECTS_BUCKET_TAKEN);
    assert_int_equal(put(STR("link"), STR("beside it")), OBJECTS_OK);
    assert_object("link", "beside it");
    (void)snprintf(command, sizeof(command), "test \"$(cd %s && find outside | sort | tr '\\n' ' ')\" = "
                                             "'outside outside/file outside/sub ' && grep -q secret %s/outside/file",
                   test_root, test_root);
    assert_int_equal(system(command), 0);
}

/* --- conditions --- */

static enum objects_problem put_if(const char *key, struct objects_conditions conditions)
{
    struct objects_put *writing;
    const struct objects_put_options options = {.expected_size = OBJECTS_SIZE_UNKNOWN, .conditions = conditions};
    assert_int_equal(objects_put_begin(objects, ALICE, BUCKET, str_of(key), &options, &writing, &error), OBJECTS_OK);
    assert_int_equal(objects_put_append(writing, "new", 3, &error), OBJECTS_OK);
    return objects_put_commit(writing, NULL, &error);
}

static void conditions_of_writes(void **state)
{
    (void)state;
    struct objects_info info;
#define IF(...) ((struct objects_conditions){__VA_ARGS__})
    must_put("k", "old");
    assert_int_equal(objects_head(objects, ALICE, BUCKET, STR("k"), &info, &error), OBJECTS_OK);
    const struct str etag = str_of(info.etag);
    const uint64_t modified_s = info.modified_us / 1000000;
    assert_int_equal(put_if("k", IF(.match = STR("\"other\""))), OBJECTS_CONDITION);
    assert_int_equal(put_if("k", IF(.none_match = STR("*"))), OBJECTS_CONDITION);
    assert_int_equal(put_if("k", IF(.none_match = etag)), OBJECTS_CONDITION);
    assert_int_equal(put_if("k", IF(.has_unmodified_since = true, .unmodified_since_s = modified_s - 1)),
                     OBJECTS_CONDITION);
    assert_int_equal(put_if("none", IF(.match = STR("*"))), OBJECTS_NO_KEY);
    assert_object("k", "old");
    assert_int_equal(put_if("none", IF(.none_match = STR("*"))), OBJECTS_OK);
    assert_int_equal(put_if("k", IF(.match = etag, .none_match = STR("\"other\""))), OBJECTS_OK);
    assert_object("k", "new");
    assert_int_equal(put_if("k", IF(.match = etag)), OBJECTS_CONDITION);

    const struct objects_conditions wrong[] = {IF(.match = etag), IF(.has_size = true, .size = 4),
                                               IF(.has_modified = true, .modified_s = modified_s - 5)};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(objects_delete(objects, ALICE, BUCKET, STR("k"), &wrong[i], &error), OBJECTS_CONDITION);
        assert_int_equal(objects_delete(objects, ALICE, BUCKET, STR("nobody"), &wrong[i], &error), OBJECTS_OK);
    }
    assert_object("k", "new");
    const struct objects_conditions right = IF(.match = STR("*"), .has_size = true, .size = 3);
    assert_int_equal(objects_delete(objects, ALICE, BUCKET, STR("k"), &right, &error), OBJECTS_OK);
    assert_null(get(STR("k")));
#undef IF
}

/* --- quotas --- */

#define QUOTA ((uint64_t)12 * MIB)

static uint64_t quota(const void *ctx, struct str tenant)
{
    (void)ctx;
    return str_eq(tenant, ALICE) ? QUOTA : 0;
}

static void open_with_quota(void)
{
    const struct objects_options options = {.directory = dir, .quota = quota};
    objects_close(objects);
    assert_int_equal(objects_open(&options, &objects, &error), OK);
}

static enum objects_problem put_bytes(struct str tenant, struct str bucket, const char *key, size_t len, bool is_known)
{
    struct objects_put *writing;
    const struct objects_put_options options = {.expected_size = is_known ? len : OBJECTS_SIZE_UNKNOWN};
    char *data = mem_calloc(1, len + 1);
    enum objects_problem problem =
        objects_put_begin(objects, tenant, bucket, str_of(key), &options, &writing, &error);
    if (problem == OBJECTS_OK) {
        problem = objects_put_append(writing, data, len, &error);
        if (problem == OBJECTS_OK)
            problem = objects_put_commit(writing, NULL, &error);
        else
            objects_put_abort(writing);
    }
    mem_free(data);
    return problem;
}

/* How much alice may still write: exactly so much, and not a byte more. Leaves nothing. */
static void assert_left(size_t left)
{
    assert_int_equal(put_bytes(ALICE, BUCKET, "probe", left + 1, true), OBJECTS_QUOTA);
    assert_int_equal(put_bytes(ALICE, BUCKET, "probe", left + 1, false), OBJECTS_QUOTA);
    assert_int_equal(put_bytes(ALICE, BUCKET, "probe", left, true), OBJECTS_OK);
    assert_int_equal(objects_delete(objects, ALICE, BUCKET, STR("probe"), NULL, &error), OBJECTS_OK);
}

static void quotas_count_objects(void **state)
{
    (void)state;
    struct objects_put *writing, *second;
    const struct objects_put_options announced = {.expected_size = 2 * MIB};
    must_put("before", "1234567");
    open_with_quota();
    assert_left(QUOTA - 7);
    assert_int_equal(put_bytes(ALICE, BUCKET, "a/b", 5 * MIB, true), OBJECTS_OK);
    assert_int_equal(put_bytes(ALICE, BUCKET, "a", 1 * MIB, false), OBJECTS_OK); /* beside the directory */
    assert_left(QUOTA - 7 - 6 * MIB);
    assert_int_equal(put_bytes(ALICE, BUCKET, "a/b", 11 * MIB - 7, true), OBJECTS_OK); /* in place of 5 */
    assert_left(0);
    assert_int_equal(put_bytes(ALICE, BUCKET, "a/b", 11 * MIB - 7, true), OBJECTS_OK);
    assert_int_equal(put_bytes(ALICE, BUCKET, "a/b", 11 * MIB - 6, true), OBJECTS_QUOTA);
    assert_int_equal(put_bytes(ALICE, BUCKET, "empty", 0, true), OBJECTS_OK);
    assert_int_equal(put_bytes(ALICE, BUCKET, "a/b", 3, true), OBJECTS_OK);
    assert_left(QUOTA - 7 - 1 * MIB - 3);
    open_with_quota();
    assert_left(QUOTA - 7 - 1 * MIB - 3);
    /* what was announced counts before it comes, and no more when it goes */
    assert_int_equal(objects_put_begin(objects, ALICE, BUCKET, STR("x"), &announced, &writing, &error), OBJECTS_OK);
    assert_left(QUOTA - 7 - 3 * MIB - 3);
    objects_put_abort(writing);
    assert_left(QUOTA - 7 - 1 * MIB - 3);
    /* only one put at a time may lean on the object that it replaces */
    assert_int_equal(put_bytes(ALICE, BUCKET, "a/b", 10 * MIB, true), OBJECTS_OK);
    const struct objects_put_options same = {.expected_size = 10 * MIB};
    assert_int_equal(objects_put_begin(objects, ALICE, BUCKET, STR("a/b"), &same, &writing, &error), OBJECTS_OK);
    assert_int_equal(objects_put_begin(objects, ALICE, BUCKET, STR("a/b"), &same, &second, &error), OBJECTS_QUOTA);
    objects_put_abort(writing);
    assert_left(QUOTA - 7 - 11 * MIB);
    /* others have their own */
    assert_int_equal(objects_bucket_create(objects, BOB, STR("bobs"), STR(""), &error), OBJECTS_OK);
    assert_int_equal(put_bytes(BOB, STR("bobs"), "k", QUOTA + 1, true), OBJECTS_OK);
    assert_left(QUOTA - 7 - 11 * MIB);
    /* a file that somebody puts there is nobody's to pay for */
    char command[256];
    (void)snprintf(command, sizeof(command), "head -c 3000000 /dev/zero > %s/bucket/byhand", dir);
    assert_int_equal(system(command), 0);
    open_with_quota();
    assert_left(QUOTA - 7 - 11 * MIB);
    assert_int_equal(objects_delete(objects, ALICE, BUCKET, STR("byhand"), NULL, &error), OBJECTS_OK);
    assert_left(QUOTA - 7 - 11 * MIB);
}

static void quotas_count_uploads(void **state)
{
    (void)state;
    char id[OBJECTS_UPLOAD_ID_LEN + 1];
    struct objects_part parts[2];
    struct objects_info info;
    struct objects_put *writing;
    const struct str key = STR("big"), name = {id, OBJECTS_UPLOAD_ID_LEN};
    const struct objects_put_options too_much = {.expected_size = 6 * MIB};
    open_with_quota();
    begin_upload(id, "");
    send_part(name, 1, 'a', 5 * MIB, &parts[0]);
    send_part(name, 2, 'b', 2 * MIB, &parts[1]);
    assert_left(5 * MIB);
    send_part(name, 2, 'b', 2 * MIB, &parts[1]); /* the same again */
    assert_left(5 * MIB);
    send_part(name, 2, 'c', 1 * MIB, &parts[1]); /* another in its place */
    assert_left(6 * MIB);
    assert_int_equal(count_files(".fulcrum/uploads"), 3);
    open_with_quota();
    assert_left(6 * MIB);
    assert_int_equal(put_bytes(ALICE, BUCKET, "big", 1 * MIB, true), OBJECTS_OK);
    assert_int_equal(objects_upload_part(objects, ALICE, BUCKET, key, name, 3, &too_much, &writing, &error),
                     OBJECTS_QUOTA);
    assert_int_equal(complete(key, name, parts, 2, STR("wrong"), &info), OBJECTS_OK); /* no checksum was asked for */
    assert_left(6 * MIB);
    begin_upload(id, "");
    send_part(name, 1, 'a', 6 * MIB, &parts[0]);
    assert_left(0);
    assert_int_equal(objects_upload_abort(objects, ALICE, BUCKET, key, name, &error), OBJECTS_OK);
    assert_left(6 * MIB);
    begin_upload(id, "");
    send_part(name, 1, 'a', 6 * MIB, &parts[0]);
    assert_int_equal(objects_delete(objects, ALICE, BUCKET, key, NULL, &error), OBJECTS_OK);
    remake_bucket(ALICE);
    assert_left(QUOTA);
    open_with_quota();
    assert_left(QUOTA);
}

/* Whatever allocation fails, an object is described as it was written, or there is no memory: never as a file that
 * somebody put there, nor its bucket as damaged or missing. */
static void no_memory_is_no_other_answer(void **state)
{
    (void)state;
    struct objects_info *info = mem_must_calloc(1, sizeof(*info));
    must_put("key", "some bytes");
    enum objects_problem problem = OBJECTS_FAILED;
    for (uint64_t n = 1; n < 100 && problem != OBJECTS_OK; n++) {
        mem_fail_at(n);
        problem = objects_head(objects, ALICE, BUCKET, STR("key"), info, &error);
        mem_fail_at(0);
        if (problem != OBJECTS_OK && (problem != OBJECTS_FAILED || !strstr(error.message, "memory")))
            fail_msg("%s", error.message);
    }
    assert_int_equal(problem, OBJECTS_OK);
    assert_string_equal(info->type, "text/plain");
    mem_free(info);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bucket_names),
        cmocka_unit_test(addresses),
        TEST(odd_keys_coexist),
        TEST(long_keys),
        TEST(ordinary_keys_can_be_browsed),
        TEST(files_put_there_by_hand_are_objects),
        TEST(what_is_said_of_an_object),
        TEST(ranges),
        TEST(announcements_are_checked),
        TEST(a_local_file),
        TEST(readers_keep_what_they_opened),
        TEST(readers_see_whole_objects_under_writers),
        TEST(a_crash_leaves_no_half_object),
        TEST(a_full_disk_leaves_the_old_object),
        TEST(buckets_belong_to_tenants),
        TEST(objects_are_read_at_once),
        TEST(listings_are_in_byte_order),
        TEST(odd_keys_are_listed),
        TEST(pages_of_a_large_directory),
        TEST(parts_become_an_object),
        TEST(wrong_parts_are_refused),
        TEST(a_completed_upload_may_be_completed_again),
        TEST(where_the_parts_lie),
        TEST(an_upload_that_is_over_is_not_completed_again_after_a_crash),
        TEST(a_put_does_not_outlive_its_bucket),
        TEST(not_even_in_a_bucket_of_the_same_tenant),
        TEST(nor_does_an_upload),
        TEST(a_record_without_its_directory_is_no_bucket),
        TEST(readers_see_their_own_bucket_only),
        TEST(links_are_not_followed),
        TEST(conditions_of_writes),
        TEST(no_memory_is_no_other_answer),
        TEST(quotas_count_objects),
        TEST(quotas_count_uploads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
