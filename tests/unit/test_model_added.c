/* The rows of models that were added: what a command writes, what the server says, what a definition may be. */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/added.h"

struct bed {
    struct sql *sql;
    struct arena arena;
    struct added_row *rows;
    size_t count;
};

static void bed_open(struct bed *bed)
{
    struct error error;
    *bed = (struct bed){0};
    arena_init(&bed->arena, 0);
    assert_int_equal(added_open(test_root, &bed->sql, &error), OK);
}

static void bed_close(struct bed *bed)
{
    sql_close(bed->sql);
    arena_deinit(&bed->arena);
}

static int64_t insert(struct bed *bed, const char *name)
{
    struct error error;
    int64_t revision = 0;
    assert_int_equal(added_insert(bed->sql, name, STR("{}"), &revision, &error), OK);
    return revision;
}

static void set(struct bed *bed, int64_t revision, enum added_state state)
{
    struct error error;
    assert_int_equal(added_set(bed->sql, revision, state, state == ADDED_FAILED ? "why" : "", &error), OK);
}

/* "name:state", oldest first. */
static void expect(struct bed *bed, const char *expected)
{
    struct error error;
    char text[256] = "";
    size_t len = 0;
    assert_int_equal(added_list(bed->sql, &bed->arena, &bed->rows, &bed->count, &error), OK);
    for (size_t i = 0; i < bed->count; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s:%s", i ? " " : "", bed->rows[i].name,
                                added_state_names[bed->rows[i].state]);
    assert_string_equal(text, expected);
}

static void a_version_replaces_older_ones(void **state)
{
    (void)state;
    struct bed bed;
    bed_open(&bed);
    const int64_t first = insert(&bed, "a"), other = insert(&bed, "b");
    set(&bed, first, ADDED_READY);
    const int64_t second = insert(&bed, "a");
    set(&bed, second, ADDED_LOADING);
    expect(&bed, "a:ready b:wanted a:loading");
    set(&bed, second, ADDED_READY);
    set(&bed, other, ADDED_READY);
    expect(&bed, "b:ready a:ready");
    bed_close(&bed);
}

static void one_that_failed_goes_with_the_next(void **state)
{
    (void)state;
    struct bed bed;
    bed_open(&bed);
    const int64_t first = insert(&bed, "a"), second = insert(&bed, "a");
    set(&bed, first, ADDED_READY);
    set(&bed, second, ADDED_FAILED);
    expect(&bed, "a:ready a:failed");
    assert_string_equal(bed.rows[1].message, "why");
    const int64_t third = insert(&bed, "a");
    assert_true(third > second); /* a number never comes again */
    expect(&bed, "a:ready a:wanted");
    bed_close(&bed);
}

/* Whatever the server has to say of a model that somebody removes comes too late. */
static void a_removal_is_the_last_word(void **state)
{
    (void)state;
    struct bed bed;
    struct error error;
    bed_open(&bed);
    const int64_t first = insert(&bed, "a");
    assert_int_equal(added_begin_removal(bed.sql, "a", &error), OK);
    set(&bed, first, ADDED_READY);
    expect(&bed, "a:removing");
    const int64_t second = insert(&bed, "a");
    set(&bed, second, ADDED_READY);
    assert_int_equal(added_remove(bed.sql, second, &error), OK); /* which nobody removes */
    expect(&bed, "a:removing a:ready");
    assert_int_equal(added_remove(bed.sql, first, &error), OK);
    expect(&bed, "a:ready");
    assert_int_equal(added_forget(bed.sql, "a", &error), OK);
    expect(&bed, "");
    bed_close(&bed);
}

static void parses(const char *definition, const char *message)
{
    struct config config;
    struct error error;
    const enum error_code code = added_parse(str_of(definition), &config, &error);
    assert_int_equal(code, message ? ERROR_INVALID : OK);
    if (!message) {
        assert_int_equal(config.model_count, 1);
        config_deinit(&config);
    } else if (strncmp(error.message, message, strlen(message)) != 0) {
        fail_msg("%s", error.message);
    }
}

static void definitions_are_entries_of_the_configuration(void **state)
{
    (void)state;
    parses("{\"name\": \"desk-small\", \"ids\": [\"a.b\", \"c*\"], \"parallel\": 2}", NULL);
    parses("{\"name\": \"a\", \"path\": \"/nowhere.gguf\"}", "path: expected the path of a file");
    parses("{\"name\": \"a\"}", "the key 'path' is missing");
    parses("{\"name\": \"a b\"}", "name: expected a name");
    parses("{\"name\": \"desk-small\", \"context\": \"many\"}", "context: expected an integer");
    parses("{\"name\": \"desk-small\", \"ids\": [\"a.b\", \"a.b\"]}", "ids[1]: 'a.b' stands here twice");
    parses("{\"name\": \"desk-small\"}, {\"name\": \"desk-large\"}", "a definition is of one model");
    parses("{\"name\"", "");
}

static void check(const char *path, enum error_code expected, const char *message)
{
    const struct config_model model = {.name = "a", .path = path};
    struct error error = {.message = ""};
    assert_int_equal(added_check_file(&model, &error), expected);
    assert_non_null(strstr(error.message, message));
}

static void files_are_looked_at_first(void **state)
{
    (void)state;
    struct bed bed;
    char path[128];
    bed_open(&bed);
    snprintf(path, sizeof(path), "%s/model.gguf", test_root);
    check(path, ERROR_NOT_FOUND, "No such file");
    check(test_root, ERROR_INVALID, "is not a file");
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    check(path, ERROR_INVALID, "is not a GGUF file");
    assert_int_equal(pwrite(fd, "GGUF", 4, 0), 4);
    check(path, OK, "");
    assert_int_equal(ftruncate(fd, (off_t)1 << 43), 0); /* a hole: takes no room */
    check(path, ERROR_NO_MEMORY, "too little memory");
    close(fd);
    check(NULL, OK, ""); /* part of the program */
    bed_close(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_version_replaces_older_ones, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(one_that_failed_goes_with_the_next, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(a_removal_is_the_last_word, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(definitions_are_entries_of_the_configuration, test_root_make, test_root_remove),
        cmocka_unit_test_setup_teardown(files_are_looked_at_first, test_root_make, test_root_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
