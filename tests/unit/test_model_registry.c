/* The registry of models: versions, the list, holds; and the table that it is made of. */
#include "support.h"
#include "cmd/sections.h"

#include <pthread.h>

#include "core/table.h"
#include "model/resolve.h"

static void a_table_keeps_what_is_put(void **state)
{
    (void)state;
    static int items[1000];
    struct table table = {0};
    assert_null(table_at(&table, 0));
    assert_int_equal(table_count(&table), 0);
    for (size_t i = 0; i < 1000; i++)
        assert_true(table_put(&table, i, &items[i]));
    for (size_t i = 0; i < 1000; i++)
        assert_ptr_equal(table_at(&table, i), &items[i]);
    assert_int_equal(table_count(&table), 1000);
    assert_null(table_at(&table, 1000));
    assert_true(table_put(&table, 5000, &items[1])); /* holes are NULL */
    assert_null(table_at(&table, 4000));
    assert_ptr_equal(table_at(&table, 5000), &items[1]);
    assert_false(table_put(&table, SIZE_MAX / 2, &items[1]));
    assert_int_equal(table_count(&table), 5001);
    table_deinit(&table);
}

/* A registry of the embedded pair. */
struct bed {
    struct config config;
    struct registry *registry;
};

static void bed_open(struct bed *bed)
{
    struct error error;
    assert_int_equal(config_parse(STR(""), NULL, program_sections, &bed->config, &error), OK);
    assert_int_equal(registry_new(&bed->config, NULL, &bed->registry, &error), OK);
}

static void bed_close(struct bed *bed)
{
    registry_free(bed->registry);
    config_deinit(&bed->config);
}

static const struct model *add(const struct bed *bed, const char *name, const char *id)
{
    struct error error;
    const struct model *model;
    char name_copy[32], id_copy[32]; /* the registry keeps its own */
    snprintf(name_copy, sizeof(name_copy), "%s", name);
    snprintf(id_copy, sizeof(id_copy), "%s", id);
    const char *ids[] = {id_copy};
    const struct config_model config = {.name = name_copy, .ids = ids, .id_count = 1, .path = "x.gguf"};
    assert_int_equal(registry_add(bed->registry, &config, &model, &error), OK);
    return model;
}

static const struct model *publish(const struct bed *bed, const struct model *model)
{
    struct error error;
    const struct model *replaced;
    assert_int_equal(registry_publish(bed->registry, model, &replaced, &error), OK);
    return replaced;
}

static const struct model *resolve(const struct bed *bed, const char *id)
{
    static const struct catalog none;
    struct catalog_match match;
    struct error error;
    const enum error_code code = catalog_resolve(&none, bed->registry, str_of(id), &match, &error);
    assert_true(code == OK || code == ERROR_INVALID);
    if (code != OK)
        assert_string_equal(error.message, "The provided model identifier is invalid.");
    return code == OK ? match.model : NULL;
}

static void a_model_comes_and_goes(void **state)
{
    (void)state;
    struct bed bed;
    struct error error;
    bed_open(&bed);
    const struct model *own = add(&bed, "own", "my.id");
    assert_int_equal(model_state(own), MODEL_STARTING);
    assert_null(resolve(&bed, "own")); /* nobody is led to what is not loaded */
    assert_null(publish(&bed, own));
    assert_ptr_equal(resolve(&bed, "own"), own);
    assert_ptr_equal(resolve(&bed, "my.id"), own);
    assert_ptr_equal(registry_find(bed.registry, "own"), own);
    assert_int_equal(own->index, 2);
    assert_string_equal(registry_name(bed.registry, 2), "own");
    assert_int_equal(registry_retire(bed.registry, own, &error), OK);
    assert_null(resolve(&bed, "own"));
    assert_null(resolve(&bed, "my.id"));
    assert_true(model_try_end(own));
    assert_int_equal(model_state(own), MODEL_RETIRED);
    assert_string_equal(own->name, "own"); /* whoever keeps it may still read it */
    assert_int_equal(registry_list(bed.registry)->count, 2);
    bed_close(&bed);
}

static void a_replacement_takes_the_place(void **state)
{
    (void)state;
    struct bed bed;
    bed_open(&bed);
    const struct model *first = add(&bed, "a", "id.first"), *other = add(&bed, "b", "id.other");
    assert_null(publish(&bed, first));
    assert_null(publish(&bed, other));
    const struct model_list *before = registry_list(bed.registry);
    const struct model *second = add(&bed, "a", "id.second");
    assert_ptr_equal(publish(&bed, second), first);
    assert_int_equal(model_state(first), MODEL_RETIRING);
    assert_int_equal(second->index, first->index); /* counters go on */
    assert_int_not_equal(second->worker, first->worker);
    assert_ptr_equal(resolve(&bed, "a"), second);
    assert_ptr_equal(resolve(&bed, "id.second"), second);
    assert_null(resolve(&bed, "id.first"));
    assert_ptr_equal(registry_list(bed.registry)->models[2], second);
    assert_ptr_equal(registry_list(bed.registry)->models[3], other);
    assert_true(before->count == 4 && before->models[2] == first); /* as whoever reads it still sees it */
    bed_close(&bed);
}

static void who_holds_a_model_keeps_it(void **state)
{
    (void)state;
    struct bed bed;
    struct error error;
    bed_open(&bed);
    const struct model *model = add(&bed, "a", "id");
    assert_null(publish(&bed, model));
    assert_true(model_hold(model));
    assert_int_equal(registry_retire(bed.registry, model, &error), OK);
    assert_true(model_hold(model)); /* looked up before it was retired */
    model_release(model);
    assert_false(model_try_end(model));
    assert_int_equal(model_state(model), MODEL_RETIRING);
    model_release(model);
    assert_true(model_try_end(model));
    assert_false(model_hold(model)); /* too late */
    bed_close(&bed);
}

static void names_are_bounded(void **state)
{
    (void)state;
    struct bed bed;
    struct error error;
    const struct model *model;
    char name[32];
    bed_open(&bed);
    for (unsigned i = 2; i < LIMIT_MODELS; i++) {
        snprintf(name, sizeof(name), "m%u", i);
        add(&bed, name, name);
    }
    const struct config_model config = {.name = "one more"};
    assert_int_equal(registry_add(bed.registry, &config, &model, &error), ERROR_CONFLICT);
    add(&bed, "m2", "id"); /* a name that is known */
    bed_close(&bed);
}

/* --- many threads ------------------------------------------------------------------------------------- */

#define READERS 3
#define ROUNDS 2000

struct reading {
    struct bed *bed;
    atomic_bool is_over;
    _Atomic uint64_t found;
};

/* The name is never missing, and what is held is never ended. */
static void *read_all(void *ctx)
{
    struct reading *reading = ctx;
    while (!atomic_load(&reading->is_over)) {
        const struct model *model = registry_find(reading->bed->registry, "a");
        assert_non_null(model);
        if (!model_hold(model))
            continue;
        assert_int_not_equal(model_state(model), MODEL_STARTING);
        atomic_fetch_add(&reading->found, 1);
        model_release(model);
    }
    return NULL;
}

static void readers_never_see_half_a_change(void **state)
{
    (void)state;
    struct bed bed;
    pthread_t threads[READERS];
    bed_open(&bed);
    struct reading reading = {.bed = &bed};
    assert_null(publish(&bed, add(&bed, "a", "id")));
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &reading), 0);
    for (size_t i = 0; i < ROUNDS || atomic_load(&reading.found) == 0; i++) {
        const struct model *old = publish(&bed, add(&bed, "a", "id"));
        while (!model_try_end(old))
            continue;
        assert_int_equal(model_state(old), MODEL_RETIRED);
    }
    atomic_store(&reading.is_over, true);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    bed_close(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_keeps_what_is_put),
        cmocka_unit_test(a_model_comes_and_goes),
        cmocka_unit_test(a_replacement_takes_the_place),
        cmocka_unit_test(who_holds_a_model_keeps_it),
        cmocka_unit_test(names_are_bounded),
        cmocka_unit_test(readers_never_see_half_a_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
