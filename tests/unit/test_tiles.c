/* Weights in tiles inside ggml: its CPU backend multiplies the same weights from our buffer and from its own. */
#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <ggml.h>
#include <math.h>

#include "support.h"

#include "core/mem.h"

static uint64_t seed;

static uint32_t draw(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33);
}

static struct {
    ggml_backend_t backend;
    ggml_backend_buffer_type_t tiles; /* NULL: this processor has no kernels */
    ggml_backend_set_n_threads_t set_threads;
} cpu;

static int find_cpu(void **state)
{
    (void)state;
    ggml_backend_load_all_from_path(FULCRUM_BACKEND_DIR);
    ggml_backend_dev_t device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
    assert_non_null(device);
    ggml_backend_reg_t registry = ggml_backend_dev_backend_reg(device);
    cpu.backend = ggml_backend_dev_init(device, NULL);
    cpu.set_threads =
        (ggml_backend_set_n_threads_t)ggml_backend_reg_get_proc_address(registry, "ggml_backend_set_n_threads");
    ggml_backend_dev_get_extra_bufts_t extras = (ggml_backend_dev_get_extra_bufts_t)ggml_backend_reg_get_proc_address(
        registry, "ggml_backend_dev_get_extra_bufts");
    assert_non_null(cpu.backend);
    for (ggml_backend_buffer_type_t *each = extras(device); *each; each++)
        if (!strcmp(ggml_backend_buft_name(*each), "CPU_TILES"))
            cpu.tiles = *each;
    return 0;
}

static int drop_cpu(void **state)
{
    (void)state;
    ggml_backend_free(cpu.backend);
    return 0;
}

/* --- one operation ---------------------------------------------------------------------------------- */

struct operation {
    enum ggml_op op;
    enum ggml_type type;
    int64_t k, rows, planes, deep; /* weights */
    int64_t columns;               /* of a plane; tokens of MUL_MAT_ID; rows wanted of GET_ROWS */
    int64_t x_planes, x_deep;
    int64_t used; /* experts a token; x has as many columns a token if x_planes is not 1 */
};

static struct ggml_tensor *build(const struct operation *o, struct ggml_context *context, struct ggml_tensor *w,
                                 struct ggml_tensor **x, struct ggml_tensor **ids)
{
    *ids = NULL;
    if (o->op == GGML_OP_GET_ROWS)
        return ggml_get_rows(context, w, *x = ggml_new_tensor_1d(context, GGML_TYPE_I32, o->columns));
    if (o->op == GGML_OP_MUL_MAT)
        return ggml_mul_mat(
            context, w, *x = ggml_new_tensor_4d(context, GGML_TYPE_F32, o->k, o->columns, o->x_planes, o->x_deep));
    *x = ggml_new_tensor_3d(context, GGML_TYPE_F32, o->k, o->x_planes == 1 ? 1 : o->used, o->columns);
    *ids = ggml_new_tensor_2d(context, GGML_TYPE_I32, o->used, o->columns);
    return ggml_mul_mat_id(context, w, *x, *ids);
}

/* mem_free what it gives: `count` floats. NULL: weights of this kind don't go to this buffer. */
static float *compute(const struct operation *o, ggml_backend_buffer_type_t place, const void *weights, const void *in,
                      const int32_t *experts, int threads, size_t *count)
{
    const struct ggml_init_params params = {ggml_tensor_overhead() * 8 + ggml_graph_overhead(), NULL, true};
    struct ggml_context *weights_context = ggml_init(params), *context = ggml_init(params);
    struct ggml_tensor *w = ggml_new_tensor_4d(weights_context, o->type, o->k, o->rows, o->planes, o->deep), *x, *ids;
    ggml_backend_buffer_t weights_buffer = ggml_backend_alloc_ctx_tensors_from_buft(weights_context, place);
    struct ggml_tensor *out = build(o, context, w, &x, &ids);
    float *result = NULL;
    if (ggml_backend_supports_op(cpu.backend, out)) {
        struct ggml_cgraph *graph = ggml_new_graph(context);
        ggml_build_forward_expand(graph, out);
        ggml_backend_buffer_t rest = ggml_backend_alloc_ctx_tensors(context, cpu.backend);
        ggml_backend_tensor_set(w, weights, 0, ggml_nbytes(w));
        uint8_t *back = mem_must_alloc(ggml_nbytes(w));
        ggml_backend_tensor_get(w, back, 0, ggml_nbytes(w));
        assert_memory_equal(back, weights, ggml_nbytes(w));
        mem_free(back);
        ggml_backend_tensor_set(x, in, 0, ggml_nbytes(x));
        if (ids)
            ggml_backend_tensor_set(ids, experts, 0, ggml_nbytes(ids));
        cpu.set_threads(cpu.backend, threads);
        assert_int_equal(ggml_backend_graph_compute(cpu.backend, graph), GGML_STATUS_SUCCESS);
        *count = (size_t)ggml_nelements(out);
        result = mem_must_alloc(*count * sizeof(float));
        ggml_backend_tensor_get(out, result, 0, *count * sizeof(float));
        ggml_backend_buffer_free(rest);
    }
    ggml_backend_buffer_free(weights_buffer);
    ggml_free(weights_context);
    ggml_free(context);
    return result;
}

static void *draw_weights(const struct operation *o)
{
    const size_t count = (size_t)(o->k * o->rows * o->planes * o->deep);
    float *values = mem_must_alloc(count * sizeof(float));
    uint8_t *blocks = mem_must_alloc(ggml_row_size(o->type, o->k) * (size_t)(o->rows * o->planes * o->deep));
    for (size_t i = 0; i < count; i++)
        values[i] = (float)draw() / (float)(1u << 30) - 1;
    ggml_quantize_chunk(o->type, values, blocks, 0, o->rows * o->planes * o->deep, o->k, NULL);
    if (o->type == GGML_TYPE_F32)
        memcpy(blocks, values, count * sizeof(float));
    mem_free(values);
    return blocks;
}

/* The error of all against the size of all: both sides round activations, each in its way. */
static double distance(const float *a, const float *b, size_t count)
{
    double error = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        error += fabs((double)a[i] - b[i]);
        size += fabs((double)b[i]);
    }
    return error / size;
}

static void check(const struct operation *o)
{
    const size_t in_count = (size_t)(o->k * (o->columns + 1) * 64);
    size_t count = 0;
    void *weights = draw_weights(o);
    float *x = mem_must_alloc(in_count * sizeof(float));
    int32_t experts[256];
    for (size_t i = 0; i < in_count; i++)
        x[i] = (float)draw() / (float)(1u << 29) - 2;
    for (int64_t i = 0; i < 256; i++)
        experts[i] = (int32_t)(draw() % (uint32_t)(o->op == GGML_OP_GET_ROWS ? o->rows : o->planes));
    const void *in = o->op == GGML_OP_GET_ROWS ? (const void *)experts : x;
    float *ours = compute(o, cpu.tiles, weights, in, experts, 1, &count);
    float *threaded = compute(o, cpu.tiles, weights, in, experts, 3, &count);
    float *theirs = compute(o, ggml_backend_cpu_buffer_type(), weights, in, experts, 1, &count);
    assert_true(ours && threaded && theirs);
    assert_memory_equal(ours, threaded, count * sizeof(float));
    if (o->op == GGML_OP_GET_ROWS)
        assert_memory_equal(ours, theirs, count * sizeof(float));
    else if (!(distance(ours, theirs, count) < 0.01))
        fail_msg("type %d rows %d planes %d columns %d: off by %g", (int)o->type, (int)o->rows, (int)o->planes,
                 (int)o->columns, distance(ours, theirs, count));
    mem_free(ours);
    mem_free(threaded);
    mem_free(theirs);
    mem_free(weights);
    mem_free(x);
}

static const enum ggml_type types[] = {GGML_TYPE_Q4_0, GGML_TYPE_Q4_1, GGML_TYPE_Q5_0, GGML_TYPE_Q5_1,
                                       GGML_TYPE_Q8_0, GGML_TYPE_Q4_K, GGML_TYPE_Q5_K, GGML_TYPE_Q6_K,
                                       GGML_TYPE_F32,  GGML_TYPE_F16,  GGML_TYPE_BF16};
#define TYPES_COUNT (sizeof(types) / sizeof(types[0]))

static void products_are_those_of_ggml(void **state)
{
    (void)state;
    seed = 1;
    if (!cpu.tiles)
        skip();
    for (size_t i = 0; i < TYPES_COUNT; i++)
        for (int64_t columns = 1; columns < 40; columns += 6)
            check(&(struct operation){.op = GGML_OP_MUL_MAT, .type = types[i], .k = 512, .rows = 17 * columns,
                                      .planes = 1, .deep = 1, .columns = columns, .x_planes = 1, .x_deep = 1});
}

static void weights_of_many_planes_meet_their_columns(void **state)
{
    (void)state;
    seed = 2;
    if (!cpu.tiles)
        skip();
    for (size_t i = 0; i < TYPES_COUNT; i++) {
        check(&(struct operation){.op = GGML_OP_MUL_MAT, .type = types[i], .k = 256, .rows = 40, .planes = 3,
                                  .deep = 1, .columns = 5, .x_planes = 6, .x_deep = 1});
        check(&(struct operation){.op = GGML_OP_MUL_MAT, .type = types[i], .k = 256, .rows = 24, .planes = 2,
                                  .deep = 2, .columns = 3, .x_planes = 2, .x_deep = 4});
    }
}

static void experts_meet_the_columns_that_name_them(void **state)
{
    (void)state;
    seed = 3;
    if (!cpu.tiles)
        skip();
    for (size_t i = 0; i < TYPES_COUNT; i++)
        for (int64_t tokens = 1; tokens < 30; tokens += 7)
            for (int64_t apart = 1; apart <= 2; apart++) /* slots of a token share its column, or have their own */
                check(&(struct operation){.op = GGML_OP_MUL_MAT_ID, .type = types[i], .k = 256, .rows = 70,
                                          .planes = 5, .deep = 1, .columns = tokens, .x_planes = apart, .used = 2});
}

static void rows_come_back_as_they_were(void **state)
{
    (void)state;
    seed = 4;
    if (!cpu.tiles)
        skip();
    for (size_t i = 0; i < TYPES_COUNT; i++)
        check(&(struct operation){.op = GGML_OP_GET_ROWS, .type = types[i], .k = 256, .rows = 37, .planes = 1,
                                  .deep = 1, .columns = 9});
}

/* A token's experts give the same bits whichever tokens come along. */
static void a_token_depends_on_no_other_token(void **state)
{
    struct operation o = {.op = GGML_OP_MUL_MAT_ID, .k = 256, .rows = 48, .planes = 4, .deep = 1, .columns = 11,
                          .x_planes = 1, .used = 2};
    (void)state;
    seed = 5;
    if (!cpu.tiles)
        skip();
    for (size_t i = 0; i < TYPES_COUNT; i++) {
        size_t count = 0, alone_count = 0;
        int32_t experts[22];
        float x[256 * 11];
        o.type = types[i];
        o.columns = 11;
        void *weights = draw_weights(&o);
        for (size_t j = 0; j < 256 * 11; j++)
            x[j] = (float)draw() / (float)(1u << 30) - 1;
        for (size_t j = 0; j < 22; j++)
            experts[j] = (int32_t)(draw() % 4);
        float *all = compute(&o, cpu.tiles, weights, x, experts, 2, &count);
        o.columns = 1;
        for (size_t token = 0; token < 11; token++) {
            float *alone = compute(&o, cpu.tiles, weights, x + 256 * token, experts + 2 * token, 1, &alone_count);
            assert_memory_equal(alone, all + token * alone_count, alone_count * sizeof(float));
            mem_free(alone);
        }
        mem_free(all);
        mem_free(weights);
    }
}

/* What other operations look into stays where ggml's own code can read it. */
static void other_weights_stay_with_ggml(void **state)
{
    (void)state;
    if (!cpu.tiles)
        skip();
    const struct operation small = {.op = GGML_OP_GET_ROWS, .type = GGML_TYPE_F32, .k = 64, .rows = 2, .planes = 1,
                                    .deep = 1, .columns = 1};
    const struct operation other = {.op = GGML_OP_MUL_MAT, .type = GGML_TYPE_IQ4_NL, .k = 64, .rows = 32, .planes = 1,
                                    .deep = 1, .columns = 1, .x_planes = 1, .x_deep = 1};
    assert_null(compute(&small, cpu.tiles, NULL, NULL, NULL, 1, NULL));
    assert_null(compute(&other, cpu.tiles, NULL, NULL, NULL, 1, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_those_of_ggml),
        cmocka_unit_test(weights_of_many_planes_meet_their_columns),
        cmocka_unit_test(experts_meet_the_columns_that_name_them),
        cmocka_unit_test(rows_come_back_as_they_were),
        cmocka_unit_test(a_token_depends_on_no_other_token),
        cmocka_unit_test(other_weights_stay_with_ggml),
    };
    return cmocka_run_group_tests(tests, find_cpu, drop_cpu);
}
