/* Invocation logs below the API: lines of records, the spool across restarts and faults, delivery, many threads. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include <zlib.h>

#include "core/io.h"
#include "core/json.h"
#include "core/limits.h"
#include "core/log.h"
#include "invocations/deliver.h"
#include "invocations/record.h"
#include "support.h"

#define TENANT STR("shop")
#define ACCOUNT STR("123456789012")
#define REGION STR("us-east-1")
#define TEXT_MAX (16u << 20)

static struct objects *open_objects(void)
{
    struct objects *objects = NULL;
    struct error error;
    char path[128];
    snprintf(path, sizeof(path), "%s/objects", test_root);
    const struct objects_options options = {.directory = path};
    assert_int_equal(objects_open(&options, &objects, &error), OK);
    const enum objects_problem problem = objects_bucket_create(objects, TENANT, STR("logs"), REGION, &error);
    assert_true(problem == OBJECTS_OK || problem == OBJECTS_BUCKET_OWNED);
    return objects;
}

static struct settings wanted(unsigned kinds)
{
    return (struct settings){.tenant = TENANT, .account = ACCOUNT, .region = REGION, .bucket = STR("logs"),
                             .prefix = STR("p/"), .text = STR("{}"), .kinds = kinds};
}

/* All that was delivered as records; *keys: how many objects. */
static void read_records(struct objects *objects, struct buf *text, size_t *keys)
{
    struct arena arena;
    struct objects_page page;
    struct error error;
    const struct objects_list_options options = {.max = OBJECTS_PAGE_MAX};
    char path[2048], bytes[4096];
    arena_init(&arena, 0);
    buf_init(text, TEXT_MAX);
    *keys = 0;
    assert_int_equal(objects_list(objects, TENANT, STR("logs"), &options, &arena, &page, &error), OBJECTS_OK);
    assert_false(page.is_truncated);
    for (size_t i = 0; i < page.count; i++) {
        const struct str key = page.entries[i].key;
        if (!str_ends(key, STR(".json.gz")) || str_find(key, STR("/data/"), 0) >= 0)
            continue;
        snprintf(path, sizeof(path), "%s/objects/logs/" STR_FMT, test_root, STR_ARG(key));
        gzFile file = gzopen(path, "rb");
        assert_non_null(file);
        for (int got; (got = gzread(file, bytes, sizeof(bytes))) > 0;)
            buf_append(text, bytes, (size_t)got);
        assert_int_equal(gzclose(file), Z_OK);
        (*keys)++;
    }
    assert_false(text->failed);
    arena_deinit(&arena);
}

/* Each a JSON object; how many. */
static size_t count_lines(struct str text)
{
    struct str line;
    size_t count = 0;
    assert_true(text.len == 0 || str_ends(text, STR("\n")));
    while (text.len > 0 && str_split(&text, '\n', &line) && line.data) {
        struct error error;
        yyjson_doc *doc = NULL;
        if (line.len == 0)
            continue;
        assert_int_equal(json_parse(line, &doc, &error), OK);
        assert_str_equal(json_str(yyjson_obj_get(yyjson_doc_get_root(doc), "schemaType")), "ModelInvocationLog");
        json_free(doc);
        count++;
    }
    return count;
}

static struct invocations *open_log(struct objects *objects)
{
    struct invocations *log = NULL;
    struct error error;
    assert_int_equal(invocations_open(test_root, objects, &log, &error), OK);
    return log;
}

static const struct invocation_facts plain = {
    .request_id = STR("11111111-2222-4333-8444-555555555555"),
    .operation = STR("Converse"),
    .model_id = STR("some.model"),
    .is_read = true,
    .input_tokens = 3,
    .output_tokens = 2,
};

/* False: it was not logged. */
static bool log_one(struct invocations *log, struct str body, struct str reply, const struct invocation_facts *facts)
{
    struct invocation *one = invocation_begin(log, TENANT, ACCOUNT, REGION);
    if (!one)
        return false;
    invocation_add_input(one, body);
    invocation_set_output(one, reply);
    invocation_end(one, facts);
    return true;
}

/* --- lines ------------------------------------------------------------------------------------------ */

/* The one line that comes of a request, without newline; buf_deinit it. */
static void line_of(struct str body, const char *const *events, struct str reply, unsigned kinds,
                    const struct invocation_facts *facts, struct buf *text)
{
    size_t keys;
    struct error error;
    struct objects *objects = open_objects();
    struct invocations *log = open_log(objects);
    const struct settings settings = wanted(kinds);
    assert_int_equal(invocations_put(log, &settings, &error), OK);
    struct invocation *one = invocation_begin(log, TENANT, ACCOUNT, REGION);
    assert_non_null(one);
    invocation_add_input(one, body);
    for (size_t i = 0; events && events[i]; i++)
        invocation_add_event(one, i % 2 ? STR("named") : STR(""), str_of(events[i]));
    if (reply.len > 0)
        invocation_set_output(one, reply);
    invocation_end(one, facts);
    invocations_close(log);
    read_records(objects, text, &keys);
    objects_close(objects);
    assert_int_equal(keys, 1);
    assert_int_equal(count_lines(buf_str(text)), 1);
    text->len--;
}

#define HEAD_END "\"modelId\":\"some.model\",\"input\":{\"inputContentType\":\"application/json\""
#define COUNTS "\"inputTokenCount\":3,\"cacheReadInputTokenCount\":0,\"cacheWriteInputTokenCount\":0}"
#define OUTPUT ",\"output\":{\"outputContentType\":\"application/json\""

static void expect_tail(const struct buf *text, const char *tail)
{
    const ptrdiff_t at = str_find(buf_str(text), STR("\"modelId\""), 0);
    assert_true(at > 0);
    assert_str_equal(str_slice(buf_str(text), (size_t)at, text->len), tail);
}

static void a_body_loses_its_white_space_and_nothing_else(void **state)
{
    struct buf text;
    (void)state;
    line_of(STR("{ \"a\" : [1.50, 1e5,\n -0.0],\r\n\t\"b\":\"x\\u0041 \\n\",\"a\":2 }"), NULL, STR("{\"ok\":true}"),
            SETTINGS_ALL, &plain, &text);
    expect_tail(&text, HEAD_END ",\"inputBodyJson\":{\"a\":[1.50,1e5,-0.0],\"b\":\"xA \\n\",\"a\":2}," COUNTS OUTPUT
                       ",\"outputBodyJson\":{\"ok\":true},\"outputTokenCount\":2}}");
    buf_deinit(&text);
}

static void a_line_is_one_for_every_reader(void **state)
{
    struct buf text;
    (void)state;
    line_of(STR("{\"a\":\"\xe2\x80\xa8\xe2\x80\xa9\xc2\x85 \xe2\x82\xac\xc3\xbc\"}"), NULL,
            STR("{\"b\":\"\xe2\x80\xa8\"}"), SETTINGS_ALL, &plain, &text);
    expect_tail(&text, HEAD_END ",\"inputBodyJson\":{\"a\":\"\\u2028\\u2029\\u0085 \xe2\x82\xac\xc3\xbc\"}," COUNTS
                       OUTPUT
                       ",\"outputBodyJson\":{\"b\":\"\\u2028\"},\"outputTokenCount\":2}}");
    buf_deinit(&text);
}

static void events_are_an_array(void **state)
{
    struct buf text;
    static const char *const events[] = {"{\"x\":1}", "{\"y\":2}", "{}", NULL};
    (void)state;
    line_of(STR("{}"), events, STR(""), SETTINGS_ALL, &plain, &text);
    expect_tail(&text, HEAD_END ",\"inputBodyJson\":{}," COUNTS OUTPUT
                       ",\"outputBodyJson\":[{\"x\":1},{\"named\":{\"y\":2}},{}],\"outputTokenCount\":2}}");
    buf_deinit(&text);
}

static void a_whole_reply_takes_the_place_of_events(void **state)
{
    struct buf text;
    static const char *const events[] = {"{\"x\":1}", NULL};
    (void)state;
    line_of(STR("{}"), events, STR("[7]"), SETTINGS_ALL, &plain, &text);
    expect_tail(&text, HEAD_END ",\"inputBodyJson\":{}," COUNTS OUTPUT
                       ",\"outputBodyJson\":[7],\"outputTokenCount\":2}}");
    buf_deinit(&text);
}

static void what_is_no_json_is_a_string(void **state)
{
    struct buf text;
    struct invocation_facts facts = plain;
    (void)state;
    facts.is_read = false;
    facts.error_code = STR("ValidationException");
    facts.output_tokens = 0;
    line_of(STR("{\"a\": \"\xff\n}"), NULL, STR(""), SETTINGS_ALL, &facts, &text);
    expect_tail(&text, "\"modelId\":\"some.model\",\"errorCode\":\"ValidationException\","
                       "\"input\":{\"inputContentType\":\"application/json\","
                       "\"inputBodyJson\":\"{\\\"a\\\": \\\"\xef\xbf\xbd\\n}\"," COUNTS "}");
    buf_deinit(&text);
}

static void bodies_go_by_what_is_wanted(void **state)
{
    static const struct {
        unsigned kinds, carries;
        bool is_read, has_input, has_output;
    } rows[] = {
        {SETTINGS_ALL, SETTINGS_IMAGES | SETTINGS_AUDIO, true, true, true},
        {SETTINGS_ALL & ~SETTINGS_IMAGES, SETTINGS_IMAGES, true, false, true},
        {SETTINGS_ALL & ~SETTINGS_IMAGES, SETTINGS_VIDEO, true, true, true},
        {SETTINGS_ALL & ~SETTINGS_VIDEO, SETTINGS_VIDEO, true, false, true},
        {SETTINGS_ALL & ~SETTINGS_AUDIO, SETTINGS_AUDIO | SETTINGS_VIDEO, true, false, true},
        {SETTINGS_ALL & ~SETTINGS_AUDIO, 0, true, true, true},
        {SETTINGS_ALL & ~SETTINGS_AUDIO, 0, false, false, true},
        {SETTINGS_ALL & ~SETTINGS_TEXT, 0, true, false, false},
        {SETTINGS_ALL, 0, false, true, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf text;
        struct invocation_facts facts = plain;
        facts.carries = rows[i].carries;
        facts.is_read = rows[i].is_read;
        test_root_remove(NULL);
        test_root_make(NULL);
        line_of(STR("{\"in\":1}"), NULL, STR("{\"out\":1}"), rows[i].kinds, &facts, &text);
        assert_int_equal(str_find(buf_str(&text), STR("{\"in\":1}"), 0) > 0, rows[i].has_input);
        assert_int_equal(str_find(buf_str(&text), STR("{\"out\":1}"), 0) > 0, rows[i].has_output);
        buf_deinit(&text);
    }
}

/* --- configurations --------------------------------------------------------------------------------- */

static void configurations_are_found_by_their_owner_and_outlive_the_process(void **state)
{
    struct settings_store *store = NULL;
    struct error error;
    char name[16];
    (void)state;
    assert_int_equal(settings_open(test_root, &store, &error), OK);
    assert_null(settings_get(store, TENANT, ACCOUNT, REGION));
    for (int i = 49; i >= 0; i--) {
        struct settings one = wanted((unsigned)i & SETTINGS_ALL);
        snprintf(name, sizeof(name), "t%d", (i * 7) % 50);
        one.tenant = str_of(name);
        assert_int_equal(settings_put(store, &one, &error), OK);
    }
    assert_int_equal(settings_delete(store, STR("t13"), ACCOUNT, REGION, &error), OK);
    settings_close(store);
    assert_int_equal(settings_open(test_root, &store, &error), OK);
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "t%d", (i * 7) % 50);
        const struct settings *found = settings_get(store, str_of(name), ACCOUNT, REGION);
        assert_int_equal(found == NULL, !strcmp(name, "t13"));
        if (found)
            assert_int_equal(found->kinds, (unsigned)i & SETTINGS_ALL);
        settings_release(found);
        assert_null(settings_get(store, str_of(name), ACCOUNT, STR("eu-west-1")));
        assert_null(settings_get(store, str_of(name), STR("210987654321"), REGION));
    }
    settings_close(store);
}

static void configurations_are_bounded(void **state)
{
    struct settings_store *store = NULL;
    struct error error;
    char region[32];
    (void)state;
    assert_true(limits_set(STR("invocation_log_configs"), 3));
    assert_int_equal(settings_open(test_root, &store, &error), OK);
    struct settings one = wanted(SETTINGS_ALL);
    for (int i = 0; i < 5; i++) {
        snprintf(region, sizeof(region), "region-%d", i);
        one.region = str_of(region);
        assert_int_equal(settings_put(store, &one, &error), i < 3 ? OK : ERROR_QUOTA);
    }
    one.region = STR("region-1"); /* in the place of the one that is there */
    assert_int_equal(settings_put(store, &one, &error), OK);
    settings_close(store);
    assert_true(limits_set(STR("invocation_log_configs"), 64));
}

/* --- the spool -------------------------------------------------------------------------------------- */

static size_t files_in_spool(void)
{
    char path[128];
    size_t count = 0;
    snprintf(path, sizeof(path), "%s/invocations", test_root);
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

#define LINE STR("{\"schemaType\":\"ModelInvocationLog\",\"n\":1}\n")

/* Delivers all that is due now; how many files. */
static size_t deliver_all(struct spool *spool, struct objects *objects, struct settings_store *settings)
{
    const struct deliverer deliverer = {spool, objects, settings};
    struct spool_file *file;
    struct error error;
    uint64_t lines;
    size_t count = 0;
    spool_end(spool);
    while (spool_take(spool, &file)) {
        assert_int_equal(deliver(&deliverer, file, &lines, &error), DELIVERED);
        spool_delivered(spool, file);
        count++;
    }
    return count;
}

static void a_cut_line_goes_and_what_stands_is_delivered(void **state)
{
    struct spool *spool = NULL;
    struct settings_store *store = NULL;
    struct error error;
    struct buf text;
    size_t keys;
    char path[160];
    struct objects *objects = open_objects();
    struct settings settings = wanted(SETTINGS_ALL);
    (void)state;
    assert_int_equal(settings_open(test_root, &store, &error), OK);
    assert_int_equal(spool_open(test_root, &spool, &error), OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(spool_add(spool, &settings, LINE, &error), OK);
    atomic_store(&settings.holders, 9); /* ours, on the stack: never freed */
    spool_close(spool);
    snprintf(path, sizeof(path), "%s/invocations/%016x.records", test_root, 0);
    const int fd = open(path, O_WRONLY | O_APPEND);
    char cut[9000];
    memset(cut, 'x', sizeof(cut));
    assert_int_equal(write(fd, cut, sizeof(cut)), sizeof(cut));
    close(fd);
    assert_int_equal(spool_open(test_root, &spool, &error), OK);
    assert_int_equal(deliver_all(spool, objects, store), 1);
    assert_int_equal(spool_bytes(spool), 0);
    spool_close(spool);
    read_records(objects, &text, &keys);
    assert_int_equal(count_lines(buf_str(&text)), 3);
    assert_int_equal(files_in_spool(), 0);
    buf_deinit(&text);
    settings_close(store);
    objects_close(objects);
}

static void one_that_delivers_twice_puts_the_same_object(void **state)
{
    struct spool *spool = NULL;
    struct settings_store *store = NULL;
    struct error error;
    struct buf text;
    struct spool_file *file;
    uint64_t lines;
    size_t keys;
    struct objects *objects = open_objects();
    struct settings settings = wanted(SETTINGS_ALL);
    (void)state;
    atomic_store(&settings.holders, 9);
    assert_int_equal(settings_open(test_root, &store, &error), OK);
    assert_int_equal(spool_open(test_root, &spool, &error), OK);
    assert_int_equal(spool_add(spool, &settings, LINE, &error), OK);
    spool_end(spool);
    assert_true(spool_take(spool, &file));
    const struct deliverer deliverer = {spool, objects, store};
    assert_int_equal(deliver(&deliverer, file, &lines, &error), DELIVERED);
    assert_int_equal(lines, 1);
    spool_failed(spool, file, "killed before it was noted");
    spool_close(spool);
    assert_int_equal(spool_open(test_root, &spool, &error), OK);
    assert_int_equal(deliver_all(spool, objects, store), 1);
    spool_close(spool);
    read_records(objects, &text, &keys);
    assert_int_equal(keys, 1);
    assert_int_equal(count_lines(buf_str(&text)), 1);
    buf_deinit(&text);
    settings_close(store);
    objects_close(objects);
}

/* Whatever call of the system fails: what was said to be written is delivered once, what was not is not. */
static void no_failing_call_loses_or_doubles_what_was_written(void **state)
{
    (void)state;
    bool was_hit = true;
    for (uint64_t nth = 1; was_hit && nth < 60; nth++) {
        struct spool *spool = NULL;
        struct settings_store *store = NULL;
        struct error error;
        struct buf text, uri;
        size_t keys, written = 0;
        struct settings settings = wanted(SETTINGS_ALL);
        test_root_remove(NULL);
        test_root_make(NULL);
        struct objects *objects = open_objects();
        atomic_store(&settings.holders, 9);
        buf_init(&uri, 4096);
        assert_int_equal(settings_open(test_root, &store, &error), OK);
        assert_int_equal(spool_open(test_root, &spool, &error), OK);
        io_fail_at(nth, nth % 2 ? ENOSPC : EIO);
        for (int i = 0; i < 4; i++) {
            written += spool_add(spool, &settings, LINE, &error) == OK;
            (void)!spool_add_body(spool, &settings, 0, STR("id_input"), STR("{}"), &uri, &error);
        }
        was_hit = io_fail_count() >= nth;
        io_fail_at(0, 0);
        spool_close(spool);
        assert_int_equal(spool_open(test_root, &spool, &error), OK);
        (void)deliver_all(spool, objects, store);
        spool_close(spool);
        read_records(objects, &text, &keys);
        assert_int_equal(count_lines(buf_str(&text)), written);
        assert_true(written >= 3);
        buf_deinit(&text);
        buf_deinit(&uri);
        settings_close(store);
        objects_close(objects);
    }
    assert_false(was_hit);
}

/* --- all of it -------------------------------------------------------------------------------------- */

static void no_memory_loses_records_alone(void **state)
{
    (void)state;
    struct error error;
    struct buf text;
    size_t keys;
    bool was_hit = true;
    log_configure(LOG_OFF, LOG_LOGFMT);
    for (uint64_t nth = 1; was_hit && nth < 500; nth++) {
        test_root_remove(NULL);
        test_root_make(NULL);
        struct objects *objects = open_objects();
        struct invocations *log = open_log(objects);
        const struct settings settings = wanted(SETTINGS_ALL);
        struct invocations_counters counters;
        assert_int_equal(invocations_put(log, &settings, &error), OK);
        mem_fail_at(nth);
        for (int i = 0; i < 2; i++)
            (void)log_one(log, STR("{\"a\":1}"), STR("{\"b\":2}"), &plain);
        struct invocations_counters before;
        do { /* until the thread is through with them */
            invocations_counters(log, &before);
        } while (before.queue_bytes > 0);
        was_hit = mem_fail_count() >= nth;
        mem_fail_at(0);
        invocations_counters(log, &counters);
        invocations_close(log);
        read_records(objects, &text, &keys);
        assert_int_equal(count_lines(buf_str(&text)) + counters.lost_memory + counters.lost_disk, 2);
        assert_true(counters.lost_memory + counters.lost_disk <= 1);
        buf_deinit(&text);
        objects_close(objects);
    }
    log_configure(LOG_WARN, LOG_LOGFMT);
    assert_false(was_hit);
}

static void a_full_queue_loses_what_does_not_fit(void **state)
{
    struct error error;
    struct invocations_counters counters;
    struct buf text;
    size_t keys;
    struct objects *objects = open_objects();
    struct invocations *log = open_log(objects);
    const struct settings settings = wanted(SETTINGS_ALL);
    (void)state;
    assert_true(limits_set(STR("invocation_log_queue_bytes"), 10000));
    assert_int_equal(invocations_put(log, &settings, &error), OK);
    struct invocation *held = invocation_begin(log, TENANT, ACCOUNT, REGION);
    char large[8000];
    memset(large, '"', sizeof(large));
    memset(large + 1, '7', sizeof(large) - 2);
    invocation_add_input(held, (struct str){large, sizeof(large)});
    assert_true(log_one(log, (struct str){large, sizeof(large)}, STR("{}"), &plain)); /* finds no room */
    invocation_end(held, &plain);
    assert_true(limits_set(STR("invocation_log_queue_bytes"), 67108864));
    invocations_close(log);
    log = open_log(objects);
    invocations_counters(log, &counters);
    assert_int_equal(counters.queue_bytes, 0);
    invocations_close(log);
    read_records(objects, &text, &keys);
    assert_int_equal(count_lines(buf_str(&text)), 1);
    buf_deinit(&text);
    objects_close(objects);
}

struct crowd {
    struct invocations *log;
    atomic_size_t logged;
    atomic_bool is_over;
};

static void *log_many(void *ctx)
{
    struct crowd *crowd = ctx;
    char large[3000];
    memset(large, '7', sizeof(large));
    for (int i = 0; i < 300; i++)
        crowd->logged += log_one(crowd->log, i % 9 ? STR("{\"a\":1}") : (struct str){large, sizeof(large)},
                                 STR("{\"b\":2}"), &plain);
    return NULL;
}

static void *change_much(void *ctx)
{
    struct crowd *crowd = ctx;
    struct settings settings = wanted(SETTINGS_ALL);
    struct invocations_counters counters;
    struct error error;
    for (int i = 0; !atomic_load(&crowd->is_over); i++) {
        settings.prefix = i % 2 ? STR("p/") : STR("q/");
        assert_int_equal(invocations_put(crowd->log, &settings, &error), OK);
        invocations_counters(crowd->log, &counters);
    }
    return NULL;
}

/* Configurations come and go beneath, batches are small, bodies are parted: nothing is lost, nothing comes twice. */
static void many_threads_are_each_logged_once(void **state)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS], changer;
    struct error error;
    struct buf text;
    size_t keys;
    struct objects *objects = open_objects();
    struct crowd crowd = {.log = open_log(objects)};
    const struct settings settings = wanted(SETTINGS_ALL);
    (void)state;
    assert_true(limits_set(STR("invocation_log_body_bytes"), 2000));
    assert_true(limits_set(STR("invocation_log_batch_bytes"), 100000));
    assert_int_equal(invocations_put(crowd.log, &settings, &error), OK);
    assert_int_equal(pthread_create(&changer, NULL, change_much, &crowd), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, &crowd), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&crowd.is_over, true);
    pthread_join(changer, NULL);
    invocations_close(crowd.log);
    assert_int_equal(crowd.logged, THREADS * 300);
    crowd.log = open_log(objects); /* for what the end of the first had no time for */
    invocations_close(crowd.log);
    read_records(objects, &text, &keys);
    assert_int_equal(count_lines(buf_str(&text)), THREADS * 300);
    assert_int_equal(files_in_spool(), 0);
    buf_deinit(&text);
    objects_close(objects);
    assert_true(limits_set(STR("invocation_log_body_bytes"), 102400));
    assert_true(limits_set(STR("invocation_log_batch_bytes"), 8388608));
}

static void off_is_off(void **state)
{
    struct error error;
    struct objects *objects = open_objects();
    struct invocations *log = open_log(objects);
    const struct settings settings = wanted(SETTINGS_ALL);
    (void)state;
    mem_fail_at(UINT64_MAX);
    assert_null(invocation_begin(log, TENANT, ACCOUNT, REGION));
    assert_int_equal(mem_fail_count(), 0);
    mem_fail_at(0);
    assert_int_equal(invocations_put(log, &settings, &error), OK);
    struct invocation *one = invocation_begin(log, TENANT, ACCOUNT, REGION);
    assert_non_null(one);
    assert_int_equal(invocations_delete(log, TENANT, ACCOUNT, REGION, &error), OK);
    invocation_end(one, &plain); /* nobody wants it any more */
    assert_null(invocation_begin(log, TENANT, ACCOUNT, REGION));
    invocations_close(log);
    assert_int_equal(files_in_spool(), 0);
    objects_close(objects);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_root_make, test_root_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_body_loses_its_white_space_and_nothing_else),
        TEST(a_line_is_one_for_every_reader),
        TEST(events_are_an_array),
        TEST(a_whole_reply_takes_the_place_of_events),
        TEST(what_is_no_json_is_a_string),
        TEST(bodies_go_by_what_is_wanted),
        TEST(configurations_are_found_by_their_owner_and_outlive_the_process),
        TEST(configurations_are_bounded),
        TEST(a_cut_line_goes_and_what_stands_is_delivered),
        TEST(one_that_delivers_twice_puts_the_same_object),
        TEST(no_failing_call_loses_or_doubles_what_was_written),
        TEST(no_memory_loses_records_alone),
        TEST(a_full_queue_loses_what_does_not_fit),
        TEST(many_threads_are_each_logged_once),
        TEST(off_is_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
