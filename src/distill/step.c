/* step.c - runs the passes of a step, on one thread or several, and adds up their gradients. Updates no weights. See
 * step.h. */
#include "distill/step.h"

#include <pthread.h>

#include "core/machine.h"
#include "core/mem.h"

#define GRAPHS 3 /* with room for 1/2, 1/4 and 1/8 of a pass's tokens as trained ones */

struct step_worker {
    struct step *step;
    struct compute *compute;
    struct weights *weights; /* the first one's are the step's, the others' share its values */
    struct graph *graphs[GRAPHS];
    struct teacher_reader *readers[GRAPHS]; /* with a teacher: one beside each graph */
    struct batch_shape shape;
    uint32_t index;
    float gradient_scale;
    struct error error; /* of the last run; code OK: none */
    pthread_t thread;
};

/* --- opening and closing ---------------------------------------------------------------------------- */

static struct batch_shape graph_shape_at(struct batch_shape shape, size_t graph)
{
    return (struct batch_shape){shape.length, shape.rows, (shape.length * shape.rows) >> (graph + 1)};
}

static enum error_code make_graph(struct step_worker *worker, size_t at, struct error *error)
{
    const struct teacher *teacher = worker->step->teacher;
    const struct batch_shape shape = graph_shape_at(worker->shape, at);
    if (!teacher)
        return graph_new(worker->compute, worker->weights, shape, true, &worker->graphs[at], error);
    const enum error_code code = teacher_reader_new(teacher, worker->compute, shape, &worker->readers[at], error);
    return code ? code : graph_new_soft(worker->compute, worker->weights, shape, teacher_loss(teacher),
                                        &worker->graphs[at], error);
}

static enum error_code open_worker(struct step *step, uint32_t index, struct batch_shape shape,
                                   struct compute *compute, struct error *error)
{
    struct step_worker *worker = &step->workers[index];
    *worker = (struct step_worker){.step = step, .index = index, .shape = shape};
    if (index == 0) {
        worker->compute = compute;
        worker->weights = step->weights;
        return OK;
    }
    enum error_code code = compute_new(1, true, &worker->compute, error);
    if (!code)
        compute_give_way(worker->compute, compute_way(compute), index);
    return code ? code : weights_share(step->weights, &worker->weights, error);
}

static void close_worker(struct step_worker *worker)
{
    for (size_t i = 0; i < GRAPHS; i++) {
        graph_free(worker->graphs[i]);
        teacher_reader_free(worker->readers[i]);
    }
    if (worker->index > 0) {
        weights_free(worker->weights);
        compute_free(worker->compute);
    }
}

uint32_t step_workers_that_fit(uint32_t wanted, uint64_t each, uint64_t available)
{
    const uint64_t fit = each > 0 && available > 0 ? (available - available / 10) / each : wanted;
    return fit >= wanted ? wanted : fit > 1 ? (uint32_t)fit : 1;
}

/* What the first worker takes says what each of them will; none of that has been touched yet. */
static enum error_code open_workers(struct step *step, uint32_t wanted, struct batch_shape shape,
                                    struct compute *compute, struct error *error)
{
    enum error_code code = open_worker(step, step->worker_count++, shape, compute, error);
    if (!code && wanted > 1) {
        code = make_graph(&step->workers[0], 0, error);
        wanted = step_workers_that_fit(wanted, compute_bytes(compute) + weights_gradient_bytes(step->weights),
                                       machine_memory_available());
    }
    while (!code && step->worker_count < wanted)
        code = open_worker(step, step->worker_count++, shape, compute, error);
    return code;
}

enum error_code step_open(struct step *step, const struct train_phase *phase, struct compute *compute,
                          struct weights *weights, const struct teacher *teacher, struct error *error)
{
    struct batch_shape shape = graph_shape_at((struct batch_shape){phase->length, phase->rows, 0}, 0);
    *step = (struct step){.weights = weights, .teacher = teacher};
    step->passes = mem_calloc(phase->accumulate, sizeof(*step->passes));
    step->workers = mem_calloc(phase->workers, sizeof(*step->workers));
    enum error_code code = step->passes && step->workers ? OK : error_no_memory(error);
    for (uint32_t i = 0; !code && i < phase->accumulate; i++) {
        code = packer_init(&step->passes[i].packer, shape, error);
        step->passes[i].is_right = mem_calloc(shape.selected, sizeof(bool));
        step->pass_count++;
        if (!code && !step->passes[i].is_right)
            code = error_no_memory(error);
    }
    if (!code)
        code = open_workers(step, phase->workers, shape, compute, error);
    if (code)
        step_close(step);
    return code;
}

void step_close(struct step *step)
{
    for (uint32_t i = 0; i < step->worker_count; i++)
        close_worker(&step->workers[i]);
    for (uint32_t i = 0; i < step->pass_count; i++) {
        packer_deinit(&step->passes[i].packer);
        mem_free(step->passes[i].is_right);
    }
    mem_free(step->workers);
    mem_free(step->passes);
    *step = (struct step){0};
}

/* --- running ---------------------------------------------------------------------------------------- */

/* The head is computed for as many rows as a graph has room for, so a pass
 * with few answers takes a smaller graph. */
static size_t graph_for(const struct step_worker *worker, const struct batch *batch)
{
    size_t at = 0;
    while (at + 1 < GRAPHS && batch->selected <= graph_shape_at(worker->shape, at + 1).selected)
        at++;
    return at;
}

static enum error_code run_pass(struct step_worker *worker, struct step_pass *pass, struct error *error)
{
    const struct batch *batch = &pass->packer.batch;
    const size_t at = graph_for(worker, batch);
    enum error_code code = worker->graphs[at] ? OK : make_graph(worker, at, error);
    struct graph *graph = worker->graphs[at];
    if (!code && worker->readers[at])
        code = teacher_read(worker->readers[at], batch, graph_soft_labels(graph), error);
    if (!code)
        code = graph_run(graph, batch, worker->gradient_scale, &pass->loss, pass->is_right, error);
    pass->soft_loss = code ? 0.0 : graph_soft_loss(graph);
    return code;
}

static void *run_worker(void *arg)
{
    struct step_worker *worker = arg;
    struct step *step = worker->step;
    enum error_code code = OK;
    weights_zero_grads(worker->weights);
    for (uint32_t i = worker->index; !code && i < step->pass_count; i += step->worker_count)
        code = run_pass(worker, &step->passes[i], &worker->error);
    worker->error.code = code;
    return NULL;
}

enum error_code step_run(struct step *step, struct error *error)
{
    uint32_t selected = 0, running = 1;
    for (uint32_t i = 0; i < step->pass_count; i++)
        selected += step->passes[i].packer.batch.selected;
    for (uint32_t i = 0; i < step->worker_count; i++)
        step->workers[i].gradient_scale = 1.0f / (float)selected;

    while (running < step->worker_count &&
           pthread_create(&step->workers[running].thread, NULL, run_worker, &step->workers[running]) == 0)
        running++;
    run_worker(&step->workers[0]);
    for (uint32_t i = 1; i < running; i++)
        pthread_join(step->workers[i].thread, NULL);
    for (uint32_t i = running; i < step->worker_count; i++) /* no thread could be had */
        run_worker(&step->workers[i]);

    for (uint32_t i = 0; i < step->worker_count; i++) {
        if (step->workers[i].error.code) {
            *error = step->workers[i].error;
            return error->code;
        }
        if (i > 0)
            weights_add_grads(step->weights, step->workers[i].weights);
    }
    return OK;
}
