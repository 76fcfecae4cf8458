/* test_route_labels.c - labels as they are kept: lines, crashes, damage, rotation, tenants. */
#include "support.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/json.h"
#include "core/limits.h"
#include "route/features.h"
#include "route/labels.h"

static char path[LABELS_PATH_MAX];
static unsigned begun; /* times that a file was full */

static int set_up(void **state)
{
    struct error error;
    (void)state;
    if (test_root_make(NULL) != 0 || labels_path(test_root, STR("auto"), path, &error) != OK)
        return -1;
    return 0;
}

static int tear_down(void **state)
{
    return test_root_remove(state);
}

static struct features *features_of(const char *text)
{
    static struct features features;
    const struct route_prompt prompt = {
        .user = {{str_of(text)}, 1, strlen(text)}, .system = {{STR("Be brief.")}, 1, 9}, .turns = 1};
    features_read(&prompt, &features);
    return &features;
}

static void make_line(struct buf *out, const char *id, const char *tenant)
{
    const struct label label = {
        .request_id = str_of(id), .router = STR("auto"), .tenant = str_of(tenant), .time_us = 1795564800000000,
        .reference = STR("large"), .answered = STR("small"), .by = "text",
        .models = {{STR("small"), 0, 0.000001, 0.75, 0.5}, {STR("large"), 1, 0.00002, NAN, NAN},
                   {STR("lost"), NAN, NAN, NAN, NAN}},
        .count = 3, .group = 0xabc, .predictor = 0x1234, .features = features_of("What are your hours?"),
        .prompt = STR("What are your \"hours\"?"), .system = STR("Be brief.")};
    buf_clear(out);
    assert_true(label_write(&label, out));
}

static size_t add(const char *id, const char *tenant)
{
    struct buf line;
    struct error error;
    struct labels_written written;
    buf_init(&line, 1 << 20);
    make_line(&line, id, tenant);
    assert_int_equal(labels_append(path, buf_str(&line), &written, &error), OK);
    buf_deinit(&line);
    begun += written.is_begun_anew;
    return written.cut;
}

/* --- what is in a file --- */

struct seen {
    size_t lines, torn, damaged;
    char ids[4096], complaint[ERROR_MESSAGE_MAX];
};

static enum error_code see(void *ctx, const struct label_line *line, struct error *error)
{
    struct seen *seen = ctx;
    (void)error;
    seen->lines++;
    const size_t len = strlen(seen->ids);
    (void)snprintf(seen->ids + len, sizeof(seen->ids) - len, "%s ", yyjson_get_str(yyjson_obj_get(line->root, "id")));
    return OK;
}

static enum error_code complain(void *ctx, enum label_fault fault, struct error *error)
{
    struct seen *seen = ctx;
    *(fault == LABEL_TORN ? &seen->torn : &seen->damaged) += 1;
    memcpy(seen->complaint, error->message, sizeof(seen->complaint));
    return OK;
}

static struct seen read_all(void)
{
    struct seen seen = {0};
    struct error error;
    const struct label_reader reader = {&seen, see, complain};
    if (labels_read(path, &reader, &error) != OK)
        fail_msg("%s", error.message);
    return seen;
}

static void add_bytes(const char *bytes)
{
    FILE *file = fopen(path, "ab");
    assert_non_null(file);
    assert_int_equal(fputs(bytes, file) < 0, 0);
    assert_int_equal(fclose(file), 0);
}

/* --- tests --- */

static void test_a_line(void **state)
{
    (void)state;
    struct buf line;
    yyjson_doc *doc;
    struct error error;
    struct features *back = test_calloc(1, sizeof(*back));
    buf_init(&line, 1 << 20);
    make_line(&line, "r-1", "acme");
    assert_int_equal(json_parse((struct str){line.data, line.len - 1}, &doc, &error), OK);
    yyjson_val *root = yyjson_doc_get_root(doc), *quality = yyjson_obj_get(root, "quality");
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "time")), "2026-11-25T00:00:00.000Z");
    assert_int_equal(yyjson_obj_size(quality), 2); /* of the third nobody knows */
    assert_true(yyjson_get_num(yyjson_obj_get(yyjson_obj_get(root, "cost"), "large")) == 0.00002);
    assert_int_equal(yyjson_obj_size(yyjson_obj_get(root, "predicted")), 1);
    assert_true(yyjson_get_num(yyjson_obj_get(yyjson_obj_get(root, "confidence"), "small")) == 0.5);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "prompt")), "What are your \"hours\"?");
    assert_true(features_read_json(yyjson_obj_get(root, "features"), back));
    const struct features *same = features_of("What are your hours?");
    assert_int_equal(back->count, same->count);
    assert_memory_equal(back->buckets, same->buckets, same->count * sizeof(same->buckets[0]));
    assert_int_equal(back->word_count, same->word_count);
    assert_int_equal(back->system_words, same->system_words);
    assert_memory_equal(back->words, same->words, same->word_count * sizeof(same->words[0]));
    assert_memory_equal(back->built, same->built, sizeof(same->built));
    json_free(doc);
    test_free(back);
    buf_deinit(&line);
}

static void test_files_are_private(void **state)
{
    (void)state;
    struct stat stat_of;
    char *slash;
    add("r-1", "acme");
    assert_int_equal(stat(path, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 0777, 0600);
    slash = strrchr(path, '/');
    *slash = '\0';
    assert_int_equal(stat(path, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 0777, 0700);
    *slash = '/';
}

static void test_a_torn_line(void **state)
{
    (void)state;
    add("r-1", "acme");
    add_bytes("{\"id\":\"r-2\",\"time\":\"20");
    struct seen seen = read_all();
    assert_true(seen.lines == 1 && seen.torn == 1 && seen.damaged == 0);
    assert_non_null(strstr(seen.complaint, "labels:2: the last line was not written to its end"));
    assert_int_equal(add("r-3", "acme"), strlen("{\"id\":\"r-2\",\"time\":\"20")); /* the next writer takes it away */
    seen = read_all();
    assert_true(seen.torn == 0 && seen.damaged == 0);
    assert_string_equal(seen.ids, "r-1 r-3 ");
}

/* Each byte of the last line may be the last that was written. */
static void test_torn_at_each_byte(void **state)
{
    (void)state;
    struct buf text;
    struct error error;
    add("r-1", "acme");
    buf_init(&text, 1 << 20);
    assert_int_equal(file_read(path, &text, &error), OK);
    for (size_t len = 0; len < text.len; len += len < text.len - 20 ? 37 : 1) {
        assert_int_equal(truncate(path, (off_t)len), 0);
        assert_true(read_all().lines == 0 && read_all().damaged == 0);
        assert_int_equal(add("r-2", "acme"), len);
        assert_string_equal(read_all().ids, "r-2 ");
    }
    buf_deinit(&text);
}

static void test_damage(void **state)
{
    (void)state;
    static const char *const lines[] = {"not json\n", "[1]\n", "\x01\x02\n", "{\"id\":\"x\"\n"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        add("r-1", "acme");
        add_bytes(lines[i]);
        add("r-2", "acme");
        const struct seen seen = read_all();
        assert_true(seen.damaged == 1 && seen.lines == 2);
        assert_non_null(strstr(seen.complaint, "labels:2: "));
        assert_int_equal(unlink(path), 0);
    }
}

/* A number that flipped a bit is no label, though it still is JSON; a line without a checksum is somebody's own. */
static void test_flipped_bits(void **state)
{
    (void)state;
    struct buf text;
    struct error error;
    add("r-1", "acme");
    buf_init(&text, 1 << 20);
    assert_int_equal(file_read(path, &text, &error), OK);
    const ptrdiff_t at = str_find(buf_str(&text), STR("\"small\":0,"), 0);
    assert_true(at > 0);
    text.data[at + 8] = '1';
    assert_int_equal(unlink(path), 0);
    buf_append_char(&text, '\0');
    add_bytes(text.data);
    assert_true(read_all().damaged == 1);
    assert_int_equal(unlink(path), 0);
    add_bytes("{\"id\":\"own\",\"quality\":{\"a\":1}}\n\n");
    assert_string_equal(read_all().ids, "own ");
    buf_deinit(&text);
}

static void test_rotation(void **state)
{
    (void)state;
    char id[32], older[LABELS_PATH_MAX + 8];
    struct stat stat_of;
    const uint64_t usual = limit(router_label_bytes);
    limits_in_force.router_label_bytes = 4000;
    begun = 0;
    for (unsigned i = 0; i < 50; i++) {
        (void)snprintf(id, sizeof(id), "r-%02u", i);
        add(id, "acme");
        assert_int_equal(stat(path, &stat_of), 0);
        assert_true(stat_of.st_size <= 4000);
    }
    limits_in_force.router_label_bytes = usual;
    (void)snprintf(older, sizeof(older), "%s.1", path);
    assert_int_equal(stat(older, &stat_of), 0);
    assert_true(stat_of.st_size <= 4000);
    const struct seen seen = read_all();
    assert_true(seen.lines >= 3 && seen.lines < 50 && seen.damaged == 0);
    assert_true(begun >= 50 / seen.lines && begun < 50);
    assert_non_null(strstr(seen.ids, "r-48 r-49 ")); /* the newest, in their order */
}

static void test_tenants_go(void **state)
{
    (void)state;
    size_t removed;
    struct error error;
    assert_int_equal(labels_remove_tenant(path, STR("acme"), &removed, &error), ERROR_NOT_FOUND);
    add("r-1", "acme");
    add("r-2", "other");
    add_bytes("not json\n");
    add("r-3", "acme");
    assert_int_equal(labels_remove_tenant(path, STR("acme"), &removed, &error), OK);
    assert_int_equal(removed, 3); /* what can't be read may be of the tenant */
    assert_string_equal(read_all().ids, "r-2 ");
    assert_int_equal(labels_remove_tenant(path, STR("acme"), &removed, &error), OK);
    assert_int_equal(removed, 0);
    add("r-4", "other");
    assert_string_equal(read_all().ids, "r-2 r-4 ");
}

static void test_names(void **state)
{
    (void)state;
    static const char *const bad[] = {"", ".", "..", "a/b", "../x"};
    char ignored[LABELS_PATH_MAX];
    struct error error;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(labels_path("/data", str_of(bad[i]), ignored, &error), ERROR_INVALID);
    assert_int_equal(labels_path("/data", STR("a.b-c_d"), ignored, &error), OK);
    assert_string_equal(ignored, "/data/routers/a.b-c_d/labels");
}

#define IN_ITS_OWN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* Whoever made a line: its numbers can be computed with, and its time can be shown. */
static void test_what_is_no_label(void **state)
{
    static const char *const lines[] = {
        "{\"id\":\"a\",\"quality\":{\"small\":1.5}}\n", "{\"predicted\":{\"small\":1e300}}\n",
        "{\"predicted\":{\"small\":\"0.5\"}}\n", "{\"confidence\":{\"small\":-0.1}}\n", "{\"quality\":[1]}\n",
        "{\"time\":\"\\\"}\"}\n", "{\"time\":\"2026-11-30T03:12:44.120Z2026\"}\n", "{\"time\":7}\n", "[]\n"};
    (void)state;
    (void)add("r-1", "acme");
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        add_bytes(lines[i]);
    add_bytes("{\"id\":\"by-hand\",\"quality\":{\"small\":true,\"large\":null},\"confidence\":null}\n");
    const struct seen seen = read_all();
    assert_int_equal(seen.damaged, sizeof(lines) / sizeof(lines[0]));
    assert_string_equal(seen.ids, "r-1 by-hand ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_ITS_OWN(test_a_line),   IN_ITS_OWN(test_files_are_private), IN_ITS_OWN(test_a_torn_line),
        IN_ITS_OWN(test_torn_at_each_byte), IN_ITS_OWN(test_damage),   IN_ITS_OWN(test_flipped_bits),
        IN_ITS_OWN(test_rotation), IN_ITS_OWN(test_tenants_go),        IN_ITS_OWN(test_names),
        IN_ITS_OWN(test_what_is_no_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
