/* Strings, buffers, memory, hashes and clocks. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

#include "core/buf.h"
#include "core/error.h"
#include "core/file.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/must.h"
#include "core/util.h"

static void splits_at_every_separator(void **state)
{
    (void)state;
    struct str rest = STR("a,,b"), part;
    assert_true(str_split(&rest, ',', &part));
    assert_str_equal(part, "a");
    assert_true(str_split(&rest, ',', &part));
    assert_str_equal(part, "");
    assert_true(str_split(&rest, ',', &part));
    assert_str_equal(part, "b");
    assert_false(str_split(&rest, ',', &part));
}

static void numbers_are_strict(void **state)
{
    (void)state;
    uint64_t u;
    int64_t i;
    double d;
    assert_true(str_to_u64(STR("18446744073709551615"), &u));
    assert_true(u == UINT64_MAX);
    assert_false(str_to_u64(STR("18446744073709551616"), &u));
    assert_false(str_to_u64(STR(""), &u));
    assert_false(str_to_u64(STR("+1"), &u));
    assert_false(str_to_u64(STR(" 1"), &u));
    assert_true(str_to_i64(STR("-9223372036854775808"), &i));
    assert_true(i == INT64_MIN);
    assert_false(str_to_i64(STR("9223372036854775808"), &i));
    assert_true(str_to_double(STR("1.5e3"), &d));
    assert_true(d > 1499.9 && d < 1500.1);
    assert_false(str_to_double(STR("1.5x"), &d));
    assert_false(str_to_double(STR("1e999"), &d));
}

static void utf8_is_checked_by_the_table(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len, valid;
    } cases[] = {
        {"abc", 3, 3},
        {"\xc3\xa4", 2, 2},
        {"\xc3", 1, 0},                 /* cut off */
        {"\xc0\x80", 2, 0},             /* overlong */
        {"\xe0\x9f\xbf", 3, 0},         /* overlong */
        {"\xed\xa0\x80", 3, 0},         /* surrogate */
        {"\xf0\x9f\x98\x80", 4, 4},
        {"\xf4\x90\x80\x80", 4, 0},     /* past U+10FFFF */
        {"a\xff", 2, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(str_utf8_valid_len((struct str){cases[i].bytes, cases[i].len}), cases[i].valid);
}

static void buffer_failure_is_sticky(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 4);
    assert_true(buf_append_text(&buf, "abcd"));
    assert_false(buf_append_char(&buf, 'e'));
    assert_true(buf.failed);
    assert_false(buf_append(&buf, "", 0));
    buf_clear(&buf);
    assert_true(buf_append_text(&buf, "x"));
    assert_str_equal(buf_str(&buf), "x");
    buf_deinit(&buf);
}

static void json_text_is_escaped(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    assert_true(buf_append_json(&buf, (struct str){"a\"\\\n\x01\xff\xc3\xa4", 8}));
    assert_str_equal(buf_str(&buf), "\"a\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa4\"");
    buf_deinit(&buf);
}

static void base64_goes_both_ways(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct buf text, back;
        buf_init(&text, 100);
        buf_init(&back, 100);
        assert_true(buf_append_base64(&text, pairs[i][0], strlen(pairs[i][0])));
        assert_str_equal(buf_str(&text), pairs[i][1]);
        assert_true(base64_decode(buf_str(&text), &back));
        assert_str_equal(buf_str(&back), pairs[i][0]);
        buf_deinit(&text);
        buf_deinit(&back);
    }
    static const char *const bad[] = {"Z", "Zg=", "====", "Z===", "Zg==Zg==", "Z g="};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buf out;
        buf_init(&out, 100);
        assert_false(base64_decode(str_of(bad[i]), &out));
        buf_deinit(&out);
    }
}

static void arena_obeys_its_maximum(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 100000);
    assert_non_null(arena_alloc(&arena, 90000));
    assert_null(arena_alloc(&arena, 20000));
    assert_null(ARENA_ARRAY(&arena, uint64_t, SIZE_MAX / 4));
    struct str text = arena_printf(&arena, "%d-%s", 7, "x");
    assert_str_equal(text, "7-x");
    arena_reset(&arena);
    assert_non_null(arena_alloc(&arena, 20000));
    arena_deinit(&arena);
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        struct arena arena;
        struct buf buf;
        mem_fail_at(nth);
        arena_init(&arena, 0);
        buf_init(&buf, 1 << 20);
        bool ok = arena_alloc(&arena, 5000) != NULL;
        ok = arena_strdup(&arena, STR("text")) != NULL && ok;
        for (int i = 0; i < 100; i++)
            buf_appendf(&buf, "%01000d", i);
        ok = ok && !buf.failed;
        bool was_hit = mem_fail_count() >= nth;
        mem_fail_at(0);
        assert_true(ok != was_hit);
        arena_deinit(&arena);
        buf_deinit(&buf);
        if (!was_hit)
            break;
    }
}

static void error_text_is_cut_not_overrun(void **state)
{
    (void)state;
    struct error error;
    char text[2 * ERROR_MESSAGE_MAX];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(error_set(&error, ERROR_INVALID, "%s", text), ERROR_INVALID);
    assert_int_equal(strlen(error.message), ERROR_MESSAGE_MAX - 1);
    assert_int_equal(error_prefix(&error, "%s", text), ERROR_INVALID);
    assert_int_equal(strlen(error.message), ERROR_MESSAGE_MAX - 1);
    (void)error_set(&error, ERROR_IO, "b");
    (void)error_prefix(&error, "a");
    assert_string_equal(error.message, "a: b");
}

static void known_hashes(void **state)
{
    (void)state;
    uint8_t digest[SHA256_LEN];
    char hex[2 * SHA256_LEN + 1];
    sha256(STR("abc"), digest);
    hex_encode(digest, sizeof(digest), hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(crc32_ieee(0, "123456789", 9), 0xcbf43926);
}

static void identifiers_and_times_have_their_form(void **state)
{
    (void)state;
    char id[UUID_LEN + 1], other[UUID_LEN + 1], when[TIMESTAMP_LEN + 1];
    uuid_v4(id);
    uuid_v4(other);
    assert_int_equal(strlen(id), UUID_LEN);
    assert_int_equal(id[14], '4');
    assert_string_not_equal(id, other);
    clock_iso8601(1764028800123456, when);
    assert_string_equal(when, "2025-11-25T00:00:00.123Z");
    random_id(id, 12);
    random_id(other, 12);
    assert_int_equal(strlen(id), 12);
    assert_int_equal(strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789"), 12);
    assert_string_not_equal(id, other);
    assert_int_equal(hex_digit('0') + hex_digit('a') + hex_digit('F'), 25);
    assert_int_equal(hex_digit('g'), -1);
    assert_int_equal(hex_digit('\0'), -1);
}

static void random_numbers_repeat_from_a_seed(void **state)
{
    (void)state;
    struct rng a, b;
    rng_seed(&a, 42);
    rng_seed(&b, 42);
    for (int i = 0; i < 1000; i++) {
        assert_true(rng_next(&a) == rng_next(&b));
        double unit = rng_unit(&a);
        assert_true(unit >= 0 && unit < 1);
        assert_true(rng_below(&a, 7) < 7);
        (void)rng_unit(&b);
        (void)rng_below(&b, 7);
    }
}

static void reads_and_writes_are_whole(void **state)
{
    (void)state;
    char read[8];
    const int fd = memfd_create("io", MFD_CLOEXEC), full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0 && full >= 0);
    assert_true(io_write_all(fd, "0123456789", 10));
    assert_true(io_read_at(fd, read, 8, 2));
    assert_memory_equal(read, "23456789", 8);
    assert_false(io_read_at(fd, read, 8, 3));
    assert_int_equal(errno, 0);
    assert_false(io_read_at(full, read, 1, 0));
    assert_int_equal(errno, EBADF);
    assert_false(io_write_all(full, "0", 1));
    assert_int_equal(errno, ENOSPC);
    close(fd);
    close(full);
}

/* In a child, whose standard error comes back; with the log off, too. */
static void break_promise(int out)
{
    const struct rlimit none = {0, 0};
    const int cells = 7, promised = 9;
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)dup2(out, STDERR_FILENO);
    log_configure(LOG_OFF, LOG_LOGFMT);
    must(promised <= cells, "no more is promised than there is", LOG_I("promised", promised), LOG_I("cells", cells));
    _exit(0);
}

/* At the bounds of the pieces in which a file is looked through from its end. */
static void a_file_is_cut_to_whole_lines(void **state)
{
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 8192, 10000};
    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (size_t torn = 0; torn <= sizes[i]; torn += torn < 2 ? 1 : 1361) {
            char path[96];
            struct buf text, back;
            struct error error;
            uint64_t end = 77;
            buf_init(&text, 1 << 16);
            for (size_t at = 0; at < sizes[i]; at++)
                buf_append_char(&text, at + torn + 1 == sizes[i] ? '\n' : 'x');
            snprintf(path, sizeof(path), "%s/lines", test_root);
            assert_int_equal(file_replace(path, buf_str(&text), 0600, &error), OK);
            buf_init(&back, 1 << 16);
            assert_int_equal(file_read(path, &back, &error), OK);
            assert_true(str_eq(buf_str(&back), buf_str(&text)));
            const int fd = open(path, O_RDONLY | O_CLOEXEC);
            assert_true(file_whole_lines(fd, sizes[i], &end));
            assert_int_equal(end, torn < sizes[i] ? sizes[i] - torn : 0);
            close(fd);
            buf_deinit(&back);
            buf_deinit(&text);
        }
}

static void a_file_that_cannot_be_replaced_stays(void **state)
{
    char path[96], part[112];
    struct error error;
    struct buf back;
    (void)state;
    snprintf(path, sizeof(path), "%s/kept", test_root);
    snprintf(part, sizeof(part), "%s.part", path);
    assert_int_equal(file_replace(path, STR("old"), 0600, &error), OK);
    assert_int_equal(mkdir(part, 0700), 0);
    assert_int_equal(file_replace(path, STR("new"), 0600, &error), ERROR_IO);
    assert_non_null(strstr(error.message, "kept.part"));
    buf_init(&back, 64);
    assert_int_equal(file_read(path, &back, &error), OK);
    assert_str_equal(buf_str(&back), "old");
    buf_deinit(&back);
    buf_init(&back, 2);
    assert_int_equal(file_read(path, &back, &error), ERROR_TOO_LARGE);
    buf_deinit(&back);
}

static void what_must_hold_says_what_it_saw(void **state)
{
    (void)state;
    int ends[2], status, read_fields = 0;
    char text[1024] = "";
    must(read_fields == 0, "fields are read in need only", LOG_I("read", ++read_fields));
    assert_int_equal(read_fields, 0);
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0)
        break_promise(ends[1]);
    (void)close(ends[1]);
    size_t len = 0;
    for (ssize_t got; (got = read(ends[0], text + len, sizeof(text) - 1 - len)) > 0;)
        len += (size_t)got;
    (void)close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    const struct str line = {text, len};
    assert_true(str_find(line, STR("event=must_hold"), 0) >= 0);
    assert_true(str_find(line, STR("condition=\"promised <= cells\""), 0) >= 0);
    assert_true(str_find(line, STR("promised=9 cells=7"), 0) >= 0);
    assert_true(str_find(line, STR("test_core.c"), 0) >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_at_every_separator),
        cmocka_unit_test(numbers_are_strict),
        cmocka_unit_test(utf8_is_checked_by_the_table),
        cmocka_unit_test(buffer_failure_is_sticky),
        cmocka_unit_test(json_text_is_escaped),
        cmocka_unit_test(base64_goes_both_ways),
        cmocka_unit_test(arena_obeys_its_maximum),
        cmocka_unit_test(every_failing_allocation_is_an_error),
        cmocka_unit_test(error_text_is_cut_not_overrun),
        cmocka_unit_test(known_hashes),
        cmocka_unit_test(identifiers_and_times_have_their_form),
        cmocka_unit_test(random_numbers_repeat_from_a_seed),
        cmocka_unit_test(reads_and_writes_are_whole),
        cmocka_unit_test_setup_teardown(a_file_is_cut_to_whole_lines, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_replaced_stays, test_root_make, test_root_remove),
        cmocka_unit_test(what_must_hold_says_what_it_saw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
