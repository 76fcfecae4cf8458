/* The store of resources, with a kind made up for it: what its tenant sees of it, what requests that come twice get,
 * bounds, tags, and what is left after a restart. */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "store/resource.h"

struct kettle {
    struct resource head;
    struct str colour;
    int64_t litres;
};

static const char *const steps[] = {
    "CREATE TABLE kettle (sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, "
    "token TEXT NOT NULL, tags TEXT NOT NULL, created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL, "
    "colour TEXT NOT NULL, litres INTEGER NOT NULL) STRICT",
};

static bool copy_kettle(void *resource, struct arena *arena)
{
    struct kettle *kettle = resource;
    return arena_str(arena, kettle->colour, &kettle->colour);
}

static enum error_code read_kettle(void *resource, struct sql_statement *row, int column, struct arena *arena,
                                   struct error *error)
{
    struct kettle *kettle = resource;
    (void)arena, (void)error;
    kettle->colour = sql_text(row, column);
    kettle->litres = sql_int(row, column + 1);
    return OK;
}

static enum error_code bind_kettle(const void *resource, struct sql_statement *query, int parameter,
                                   struct arena *arena, struct error *error)
{
    const struct kettle *kettle = resource;
    (void)arena, (void)error;
    sql_bind_text(query, parameter, kettle->colour);
    sql_bind_int(query, parameter + 1, kettle->litres);
    return OK;
}

static bool is_same_request(const void *a, const void *b)
{
    return str_eq(((const struct kettle *)a)->colour, ((const struct kettle *)b)->colour);
}

static enum error_code check_colour(const void *other, const void *resource, struct error *error)
{
    return is_same_request(other, resource) ? error_set(error, ERROR_CONFLICT, "one of this colour is there") : OK;
}

static uint64_t most(bool of_all_tenants)
{
    return of_all_tenants ? 4 : 3;
}

static const struct resource_kind kettles = {
    .name = "kettle", .names = "kettles", .room = "kettles", .steps = steps, .step_count = 1, .table = "kettle",
    .columns = "colour, litres", .column_count = 2, .size = sizeof(struct kettle), .copy = copy_kettle,
    .read = read_kettle, .bind = bind_kettle, .is_same = is_same_request, .check = check_colour, .most = most,
};

static struct resources *open_kettles(void)
{
    struct resources *resources;
    struct error error;
    assert_int_equal(resources_open(&kettles, test_root, &resources, &error), OK);
    return resources;
}

static enum error_code make(struct resources *resources, const char *tenant, const char *token, const char *colour,
                            struct kettle *kettle)
{
    struct error error;
    *kettle = (struct kettle){.head.tenant = str_of(tenant), .head.token = str_of(token), .head.tags = STR(""),
                              .colour = str_of(colour), .litres = 2};
    return resources_create(resources, kettle, &error);
}

static enum error_code get(struct resources *resources, const char *tenant, const char *id, struct arena *arena,
                           struct kettle *kettle)
{
    struct error error;
    return resources_get(resources, str_of(tenant), str_of(id), arena, kettle, &error);
}

/* As resources have them: nothing lies where the caller's strings lay. */
static void what_is_made_is_its_tenants_alone(void **state)
{
    struct arena arena;
    struct kettle red, found;
    char colour[] = "red";
    (void)state;
    arena_init(&arena, 0);
    struct resources *resources = open_kettles();
    assert_int_equal(make(resources, "a", "", colour, &red), OK);
    memset(colour, 'x', 3);
    assert_true(resource_is_id(str_of(red.head.id)));
    assert_true(red.head.created_us > 0 && red.head.created_us == red.head.updated_us);
    assert_int_equal(get(resources, "a", red.head.id, &arena, &found), OK);
    assert_true(str_eq(found.colour, STR("red")));
    assert_int_equal(found.litres, 2);
    assert_int_equal(get(resources, "b", red.head.id, &arena, &found), ERROR_NOT_FOUND);
    struct error error;
    assert_int_equal(resources_delete(resources, STR("b"), str_of(red.head.id), &error), ERROR_NOT_FOUND);
    assert_int_equal(resources_delete(resources, STR("a"), str_of(red.head.id), &error), OK);
    assert_int_equal(get(resources, "a", red.head.id, &arena, &found), ERROR_NOT_FOUND);
    resources_close(resources);
    arena_deinit(&arena);
}

static void a_request_that_comes_twice_makes_one(void **state)
{
    struct kettle first, again;
    (void)state;
    struct resources *resources = open_kettles();
    assert_int_equal(make(resources, "a", "t", "red", &first), OK);
    assert_int_equal(make(resources, "a", "t", "red", &again), OK);
    assert_string_equal(first.head.id, again.head.id);
    assert_int_equal(make(resources, "a", "t", "blue", &again), ERROR_CONFLICT);
    assert_int_equal(make(resources, "a", "", "red", &again), ERROR_CONFLICT); /* the kind's own check */
    assert_int_equal(make(resources, "b", "t", "red", &again), OK);
    assert_string_not_equal(first.head.id, again.head.id);
    resources_close(resources);
}

static void there_are_so_many_and_no_more(void **state)
{
    static const char *const colours[] = {"red", "blue", "green"};
    struct kettle kettle;
    (void)state;
    struct resources *resources = open_kettles();
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(make(resources, "a", "", colours[i], &kettle), OK);
    assert_int_equal(make(resources, "a", "", "grey", &kettle), ERROR_QUOTA);
    assert_int_equal(make(resources, "b", "", "grey", &kettle), OK);
    assert_int_equal(make(resources, "b", "", "white", &kettle), ERROR_QUOTA);
    resources_close(resources);
}

static void lists_come_in_pages(void **state)
{
    static const char *const colours[] = {"red", "blue", "green"};
    struct arena arena;
    struct kettle kettle;
    struct error error;
    void *list;
    size_t count;
    bool has_more;
    (void)state;
    arena_init(&arena, 0);
    struct resources *resources = open_kettles();
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(make(resources, i == 1 ? "b" : "a", "", colours[i], &kettle), OK);
    assert_int_equal(resources_list(resources, STR("a"), 0, 1, &arena, &list, &count, &has_more, &error), OK);
    const struct kettle *found = list;
    assert_int_equal(count, 1);
    assert_true(has_more && str_eq(found[0].colour, STR("red")));
    assert_int_equal(resources_list(resources, STR("a"), found[0].head.sequence, 5, &arena, &list, &count, &has_more,
                                    &error),
                     OK);
    found = list;
    assert_int_equal(count, 1);
    assert_true(!has_more && str_eq(found[0].colour, STR("green")));
    resources_close(resources);
    arena_deinit(&arena);
}

static enum error_code add_letter(void *ctx, struct str tags, struct arena *arena, struct str *merged,
                                  struct error *error)
{
    *merged = arena_printf(arena, STR_FMT "%s", STR_ARG(tags), (const char *)ctx);
    return merged->data ? OK : error_no_memory(error);
}

static enum error_code refuse(void *ctx, struct str tags, struct arena *arena, struct str *merged, struct error *error)
{
    (void)ctx, (void)tags, (void)arena, (void)merged;
    return error_set(error, ERROR_TAGS, "no");
}

static void tags_change_and_all_of_it_is_there_after_a_restart(void **state)
{
    struct arena arena;
    struct kettle red, found;
    struct error error;
    (void)state;
    arena_init(&arena, 0);
    struct resources *resources = open_kettles();
    assert_int_equal(make(resources, "a", "token", "red", &red), OK);
    const struct str id = str_of(red.head.id);
    assert_int_equal(resources_tag(resources, STR("a"), id, add_letter, "x", &error), OK);
    assert_int_equal(resources_tag(resources, STR("a"), id, add_letter, "y", &error), OK);
    assert_int_equal(resources_tag(resources, STR("a"), id, refuse, NULL, &error), ERROR_TAGS);
    assert_int_equal(resources_tag(resources, STR("b"), id, add_letter, "z", &error), ERROR_NOT_FOUND);
    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(get(resources, "a", red.head.id, &arena, &found), OK);
        assert_true(str_eq(found.head.tags, STR("xy")));
        assert_true(str_eq(found.head.token, STR("token")));
        assert_true(str_eq(found.colour, STR("red")));
        assert_int_equal(found.litres, 2);
        assert_int_equal(found.head.sequence, red.head.sequence);
        assert_int_equal(found.head.created_us, red.head.created_us);
        resources_close(resources);
        resources = open_kettles();
    }
    resources_close(resources);
    arena_deinit(&arena);
}

static void what_is_updated_keeps_what_is_not_its_kinds(void **state)
{
    struct arena arena;
    struct kettle red, blue, found;
    struct error error;
    void *all;
    size_t count;
    (void)state;
    arena_init(&arena, 0);
    struct resources *resources = open_kettles();
    assert_int_equal(make(resources, "a", "token", "red", &red), OK);
    assert_int_equal(make(resources, "b", "token", "blue", &blue), OK);
    assert_int_equal(resources_tag(resources, STR("a"), str_of(red.head.id), add_letter, "x", &error), OK);
    red.colour = STR("green");
    red.litres = 9;
    red.head.token = STR("another");
    assert_int_equal(resources_update(resources, &red, &error), OK);
    blue.head.tenant = STR("a");
    assert_int_equal(resources_update(resources, &blue, &error), ERROR_NOT_FOUND);
    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(get(resources, "a", red.head.id, &arena, &found), OK);
        assert_true(str_eq(found.colour, STR("green")) && found.litres == 9);
        assert_true(str_eq(found.head.tags, STR("x")) && str_eq(found.head.token, STR("token")));
        assert_int_equal(found.head.sequence, red.head.sequence);
        assert_int_equal(found.head.created_us, red.head.created_us);
        assert_int_equal(resources_list_all(resources, &arena, &all, &count, &error), OK);
        assert_int_equal(count, 2);
        assert_true(str_eq(((struct kettle *)all)[1].colour, STR("blue")));
        resources_close(resources);
        resources = open_kettles();
    }
    resources_close(resources);
    arena_deinit(&arena);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_root_make, test_root_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_made_is_its_tenants_alone),
        TEST(a_request_that_comes_twice_makes_one),
        TEST(there_are_so_many_and_no_more),
        TEST(lists_come_in_pages),
        TEST(tags_change_and_all_of_it_is_there_after_a_restart),
        TEST(what_is_updated_keeps_what_is_not_its_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
