/* Texts kept by the hash of their file, and the thread that reads documents: one
 * process per file, shared, killed when nobody waits, and never in the way.
 *
 * The extractor starts this very program again as its child: see main. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/log.h"
#include "document/cache.h"
#include "document/child.h"
#include "document/extractor.h"
#include "document_fixture.h"

/* --- the cache -------------------------------------------------------------------------------------- */

static struct document_key key_of(const char *name, enum document_format format)
{
    struct document_key key = {.format = format};
    sha256(str_of(name), key.hash);
    return key;
}

static struct document_text *text_of(const char *text)
{
    const struct error none = {.code = OK};
    struct document_text *made = document_text_new(mem_strdup(str_of(text)), strlen(text), &none);
    assert_non_null(made);
    return made;
}

static void put(struct text_cache *cache, const char *name, const char *text)
{
    struct document_key key = key_of(name, DOCUMENT_PDF);
    struct document_text *made = text_of(text);
    text_cache_put(cache, &key, made);
    document_text_release(made);
}

static bool holds(struct text_cache *cache, const char *name, enum document_format format)
{
    struct document_key key = key_of(name, format);
    struct document_text *text = text_cache_get(cache, &key);
    document_text_release(text);
    return text != NULL;
}

static void the_least_recently_used_goes_first(void **state)
{
    (void)state;
    struct text_cache *probe = text_cache_new(1u << 20);
    put(probe, "a", "text");
    size_t one = text_cache_bytes(probe);
    text_cache_free(probe);
    struct text_cache *cache = text_cache_new(3 * one);
    put(cache, "a", "text");
    put(cache, "b", "text");
    put(cache, "c", "text");
    assert_true(holds(cache, "a", DOCUMENT_PDF));
    assert_false(holds(cache, "a", DOCUMENT_DOCX)); /* the same bytes read as another format */
    put(cache, "d", "text");
    assert_false(holds(cache, "b", DOCUMENT_PDF));
    assert_true(holds(cache, "a", DOCUMENT_PDF) && holds(cache, "c", DOCUMENT_PDF) && holds(cache, "d", DOCUMENT_PDF));
    put(cache, "d", "text");
    assert_int_equal(text_cache_count(cache), 3);
    assert_int_equal(text_cache_bytes(cache), 3 * one);
    char large[5000];
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    put(cache, "e", large); /* larger than all of it: not kept, nothing dropped */
    assert_int_equal(text_cache_count(cache), 3);
    text_cache_free(cache);
}

static void a_text_outlives_its_place_in_the_cache(void **state)
{
    (void)state;
    struct text_cache *cache = text_cache_new(1u << 20);
    put(cache, "a", "text");
    struct document_key key = key_of("a", DOCUMENT_PDF);
    struct document_text *text = text_cache_get(cache, &key);
    text_cache_free(cache);
    assert_str_equal(text->text, "text");
    document_text_release(text);
}

static void no_memory_for_the_cache_is_no_error(void **state)
{
    (void)state;
    struct text_cache *cache = text_cache_new(1u << 20);
    struct document_key key = key_of("a", DOCUMENT_PDF);
    struct document_text *text = text_of("text");
    mem_fail_at(1);
    text_cache_put(cache, &key, text);
    mem_fail_at(0);
    assert_int_equal(text_cache_count(cache), 0);
    document_text_release(text);
    text_cache_free(cache);
    const struct error none = {.code = OK};
    mem_fail_at(1);
    assert_null(document_text_new(NULL, 0, &none));
    mem_fail_at(1);
    assert_null(text_cache_new(1));
    mem_fail_at(0);
}

/* --- the extractor ---------------------------------------------------------------------------------- */

#define ANSWERS_MAX 32

struct desk {
    uv_loop_t loop;
    struct extractor *extractor;
    struct extractor_port *port;
    struct arena arena;
    struct answer {
        struct desk *desk;
        bool is_there;
        struct error error;
        char text[64];
        struct extraction *extraction;
    } answers[ANSWERS_MAX];
    size_t pending;
    char folder[64]; /* of the pdftotext that PATH leads to */
};

static void open_desk(struct desk *desk)
{
    struct error error;
    memset(desk, 0, sizeof(*desk));
    uv_loop_init(&desk->loop);
    arena_init(&desk->arena, 0);
    assert_int_equal(extractor_new(false, &desk->extractor, &error), OK);
    desk->port = extractor_port_new(desk->extractor, &desk->loop, &error);
    assert_non_null(desk->port);
    for (size_t i = 0; i < ANSWERS_MAX; i++)
        desk->answers[i].desk = desk;
}

static void close_desk(struct desk *desk)
{
    extractor_port_close(desk->port);
    uv_run(&desk->loop, UV_RUN_DEFAULT);
    extractor_free(desk->extractor);
    assert_int_equal(uv_loop_close(&desk->loop), 0);
    arena_deinit(&desk->arena);
}

/* A shell script stands in for pdftotext. The user nobody must be able to run it. */
static void set_pdftotext(struct desk *desk, const char *script)
{
    char path[128];
    if (!desk->folder[0]) {
        (void)snprintf(desk->folder, sizeof(desk->folder), "/tmp/fulcrum-test-XXXXXX");
        assert_non_null(mkdtemp(desk->folder));
        assert_int_equal(chmod(desk->folder, 0755), 0);
        setenv("PATH", desk->folder, 1);
    }
    (void)snprintf(path, sizeof(path), "%s/pdftotext", desk->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fprintf(file, "#!/bin/sh\n%s\n", script);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0755), 0);
}

static void remove_pdftotext(struct desk *desk)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/pdftotext", desk->folder);
    (void)unlink(path);
    (void)rmdir(desk->folder);
    setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
}

static void on_done(void *ctx, const struct error *error, struct str text)
{
    struct answer *answer = ctx;
    answer->is_there = true;
    answer->error = *error;
    answer->extraction = NULL;
    (void)snprintf(answer->text, sizeof(answer->text), STR_FMT, STR_ARG(text));
    if (--answer->desk->pending == 0)
        uv_stop(&answer->desk->loop);
}

/* Answers at once or notes that an answer is awaited. */
static void ask(struct desk *desk, size_t index, enum document_format format, struct str bytes)
{
    struct answer *answer = &desk->answers[index];
    struct str text = {0};
    *answer = (struct answer){.desk = desk};
    enum error_code code = extractor_submit(desk->port, STR("a"), format, bytes, NULL, on_done, answer, &desk->arena,
                                            &text, &answer->extraction, &answer->error);
    if (answer->extraction) {
        assert_int_equal(code, OK);
        desk->pending++;
        return;
    }
    answer->is_there = true;
    answer->error.code = code;
    (void)snprintf(answer->text, sizeof(answer->text), STR_FMT, STR_ARG(text));
}

static void await(struct desk *desk)
{
    if (desk->pending > 0)
        uv_run(&desk->loop, UV_RUN_DEFAULT);
    assert_int_equal(desk->pending, 0);
}

static const struct answer *answer_to(struct desk *desk, enum document_format format, struct str bytes)
{
    ask(desk, 0, format, bytes);
    await(desk);
    return &desk->answers[0];
}

static struct extractor_counters counters_of(struct desk *desk)
{
    struct extractor_counters counters;
    extractor_counters(desk->extractor, &counters);
    return counters;
}

static void a_file_is_read_once(void **state)
{
    (void)state;
    struct desk desk;
    open_desk(&desk);
    set_pdftotext(&desk, "read line; printf '%s\\f' \"$line\"");
    for (size_t i = 0; i < 20; i++)
        ask(&desk, i, DOCUMENT_PDF, STR("same\n"));
    await(&desk);
    for (size_t i = 0; i < 20; i++)
        assert_string_equal(desk.answers[i].text, "same\n");
    assert_int_equal(counters_of(&desk).extractions, 1);
    assert_int_equal(counters_of(&desk).shared, 19);
    assert_string_equal(answer_to(&desk, DOCUMENT_PDF, STR("same\n"))->text, "same\n");
    assert_int_equal(counters_of(&desk).cache_hits, 1);
    assert_string_equal(answer_to(&desk, DOCUMENT_PDF, STR("other\n"))->text, "other\n");
    assert_int_equal(counters_of(&desk).extractions, 2);
    assert_int_equal(counters_of(&desk).failures, 0);
    remove_pdftotext(&desk);
    close_desk(&desk);
}

static void docx_and_xlsx_are_read_by_this_program(void **state)
{
    (void)state;
    const struct fixture_part docx[] = {DOCX_BODY(P("words"))};
    const struct fixture_part xlsx[] = {XLSX_ROOT, XLSX_ONE_SHEET, XLSX_SHEET("<row><c><v>1</v></c></row>")};
    const struct fixture_part blank[] = {DOCX_BODY("<w:p/>")};
    struct desk desk;
    struct buf files[3];
    open_desk(&desk);
    for (size_t i = 0; i < 3; i++)
        buf_init(&files[i], 1u << 20);
    make_package(docx, 1, &files[0]);
    make_package(xlsx, 4, &files[1]);
    make_package(blank, 1, &files[2]);
    ask(&desk, 0, DOCUMENT_DOCX, buf_str(&files[0]));
    ask(&desk, 1, DOCUMENT_XLSX, buf_str(&files[1]));
    ask(&desk, 2, DOCUMENT_DOCX, buf_str(&files[2]));
    ask(&desk, 3, DOCUMENT_DOCX, STR("garbage"));
    await(&desk);
    assert_string_equal(desk.answers[0].text, "words\n");
    assert_string_equal(desk.answers[1].text, "Sheet: One\n1\n");
    assert_string_equal(desk.answers[2].error.message, "there is no text in the docx file");
    assert_string_equal(desk.answers[3].error.message, "the file is damaged: it is not a zip archive");
    assert_int_equal(counters_of(&desk).failures, 2);
    /* What lies in the file is remembered too. */
    assert_int_equal(answer_to(&desk, DOCUMENT_DOCX, STR("garbage"))->error.code, ERROR_INVALID);
    assert_int_equal(counters_of(&desk).extractions, 4);
    for (size_t i = 0; i < 3; i++)
        buf_deinit(&files[i]);
    close_desk(&desk);
}

static void expect_refusal(struct desk *desk, const char *script, const char *message)
{
    set_pdftotext(desk, script);
    const struct answer *answer = answer_to(desk, DOCUMENT_PDF, str_of(script));
    if (!strstr(answer->error.message, message))
        print_error("%s: %s\n", script, answer->error.message);
    assert_int_equal(answer->error.code, ERROR_INVALID);
    assert_non_null(strstr(answer->error.message, message));
}

static void hostile_files_end_in_a_refusal(void **state)
{
    (void)state;
    struct limits before = limits_in_force;
    struct desk desk;
    open_desk(&desk);
    expect_refusal(&desk, "echo 'Command Line Error: Incorrect password' >&2; exit 1", "the PDF is encrypted");
    expect_refusal(&desk, "echo 'Syntax Error' >&2; exit 1", "the file is damaged, or not a PDF");
    expect_refusal(&desk, "exit 3", "the PDF forbids copying its text");
    expect_refusal(&desk, "exit 99", "the PDF cannot be read");
    expect_refusal(&desk, "printf '\\f\\f'", "there is no text in the PDF");
    expect_refusal(&desk, "kill -SEGV $$; kill -ABRT $$; exit 1", "the file is damaged");
    limits_in_force.document_text_bytes = 1000;
    expect_refusal(&desk, "while :; do echo 0123456789012345678901234567890123456789; done", "more than the limit");
    limits_in_force.document_memory_bytes = 64u << 20;
    expect_refusal(&desk, "x=aaaaaaaa; while :; do x=$x$x; done", "or needed more than the limit");
    limits_in_force.document_memory_bytes = before.document_memory_bytes;
    limits_in_force.document_timeout_ms = 300;
    expect_refusal(&desk, "exec sleep 60", "took longer than the limit of 300 ms");
    expect_refusal(&desk, "exec >&- 2>&-; exec sleep 60", "took longer than the limit of 300 ms");
    limits_in_force.document_timeout_ms = 1000;
    expect_refusal(&desk, "while :; do :; done", "took longer than the limit of 1000 ms");
    limits_in_force = before;
    uint64_t extractions = counters_of(&desk).extractions;
    limits_in_force.document_timeout_ms = 300;
    expect_refusal(&desk, "exec sleep 60", "took longer"); /* a time-out is not remembered */
    limits_in_force = before;
    assert_int_equal(counters_of(&desk).extractions, extractions + 1);
    remove_pdftotext(&desk);
    close_desk(&desk);
}

static void without_pdftotext_the_package_is_named(void **state)
{
    (void)state;
    struct desk desk;
    open_desk(&desk);
    setenv("PATH", "/nowhere:relative:", 1);
    const struct answer *answer = answer_to(&desk, DOCUMENT_PDF, STR("%PDF"));
    assert_int_equal(answer->error.code, ERROR_INVALID);
    assert_non_null(strstr(answer->error.message, "poppler-utils"));
    set_pdftotext(&desk, "printf 'there\\f'"); /* installing it is enough */
    assert_string_equal(answer_to(&desk, DOCUMENT_PDF, STR("%PDF"))->text, "there\n");
    remove_pdftotext(&desk);
    close_desk(&desk);
}

static void run_for(struct desk *desk, unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        uv_run(&desk->loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
}

static void what_nobody_waits_for_is_killed(void **state)
{
    (void)state;
    struct desk desk;
    open_desk(&desk);
    set_pdftotext(&desk, "exec sleep 60");
    ask(&desk, 0, DOCUMENT_PDF, STR("a"));
    ask(&desk, 1, DOCUMENT_PDF, STR("a"));
    for (size_t i = 2; i < 6; i++) {
        char name[2] = {(char)('a' + (char)i), 0};
        ask(&desk, i, DOCUMENT_PDF, str_of(name));
    }
    run_for(&desk, 100);
    assert_int_equal(counters_of(&desk).extractions, limit(document_extractions));
    uint64_t begun_us = clock_now_us();
    for (size_t i = 0; i < 6; i++)
        extraction_cancel(desk.answers[i].extraction);
    desk.pending = 0;
    set_pdftotext(&desk, "printf 'new\\f'");
    assert_string_equal(answer_to(&desk, DOCUMENT_PDF, STR("a"))->text, "new\n"); /* not joined to the dying one */
    assert_true(clock_now_us() - begun_us < 20000000);
    for (size_t i = 0; i < 6; i++)
        assert_true(i == 0 || !desk.answers[i].is_there);
    remove_pdftotext(&desk);
    close_desk(&desk);
}

static void a_full_queue_throttles(void **state)
{
    (void)state;
    struct limits before = limits_in_force;
    struct desk desk;
    limits_in_force.document_extractions = 1;
    limits_in_force.document_queue = 2;
    open_desk(&desk);
    set_pdftotext(&desk, "exec sleep 60");
    ask(&desk, 0, DOCUMENT_PDF, STR("a"));
    run_for(&desk, 100);
    ask(&desk, 1, DOCUMENT_PDF, STR("b"));
    ask(&desk, 2, DOCUMENT_PDF, STR("c"));
    assert_int_equal(counters_of(&desk).waiting, 2);
    ask(&desk, 3, DOCUMENT_PDF, STR("d"));
    assert_int_equal(desk.answers[3].error.code, ERROR_THROTTLED);
    ask(&desk, 4, DOCUMENT_PDF, STR("b")); /* joins */
    assert_non_null(desk.answers[4].extraction);
    for (size_t i = 0; i < 5; i++)
        if (desk.answers[i].extraction)
            extraction_cancel(desk.answers[i].extraction);
    desk.pending = 0;
    assert_int_equal(counters_of(&desk).waiting, 0);
    remove_pdftotext(&desk);
    close_desk(&desk); /* while the child is still dying */
    limits_in_force = before;
}

static void failing_allocations_are_errors(void **state)
{
    (void)state;
    struct desk desk;
    open_desk(&desk);
    set_pdftotext(&desk, "printf 'text\\f'");
    for (uint64_t nth = 1; nth < 12; nth++) {
        char name[3] = {(char)('a' + (char)nth), 0, 0};
        mem_fail_at(nth);
        ask(&desk, 0, DOCUMENT_PDF, str_of(name));
        await(&desk);
        mem_fail_at(0);
        enum error_code code = desk.answers[0].error.code;
        assert_true(code == ERROR_NO_MEMORY || (code == OK && strcmp(desk.answers[0].text, "text\n") == 0));
        assert_string_equal(answer_to(&desk, DOCUMENT_PDF, str_of(name))->text, "text\n");
    }
    remove_pdftotext(&desk);
    close_desk(&desk);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "extract") == 0)
        return child_main(argc - 1, argv + 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_recently_used_goes_first),
        cmocka_unit_test(a_text_outlives_its_place_in_the_cache),
        cmocka_unit_test(no_memory_for_the_cache_is_no_error),
        cmocka_unit_test(a_file_is_read_once),
        cmocka_unit_test(docx_and_xlsx_are_read_by_this_program),
        cmocka_unit_test(hostile_files_end_in_a_refusal),
        cmocka_unit_test(without_pdftotext_the_package_is_named),
        cmocka_unit_test(what_nobody_waits_for_is_killed),
        cmocka_unit_test(a_full_queue_throttles),
        cmocka_unit_test(failing_allocations_are_errors),
    };
    log_configure(LOG_OFF, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
