/* step.c - runs the passes of a step, on one thread or several, and adds up their gradients. Updates no weights. See
 * step.h. */
#include "distill/step.h"

#include <pthread.h>

#include "core/mem.h"

#define GRAPHS 3 /* with room for 1/2, 1/4 and 1/8 of a pass's tokens as trained ones */

struct step_worker {
    struct step *step;
    struct compute *compute;
    struct weights *weights; /* the first one's are the step's, the others' share its values */
    struct graph *graphs[GRAPHS];
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
    return code ? code : weights_share(step->weights, &worker->weights, error);
}

static void close_worker(struct step_worker *worker)
{
    for (size_t i = 0; i < GRAPHS; i++)
        graph_free(worker->graphs[i]);
    if (worker->index > 0) {
        weights_free(worker->weights);
        compute_free(worker->compute);
    }
}

enum error_code step_open(struct step *step, const struct train_phase *phase, struct compute *compute,
                          struct weights *weights, struct error *error)
{
    struct batch_shape shape = graph_shape_at((struct batch_shape){phase->length, phase->rows, 0}, 0);
    *step = (struct step){.weights = weights};
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
    for (uint32_t i = 0; !code && i < phase->workers; i++) {
        code = open_worker(step, i, shape, compute, error);
        step->worker_count++;
    }
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
static enum error_code graph_for(struct step_worker *worker, const struct batch *batch, struct graph **graph,
                                 struct error *error)
{
    size_t at = 0;
    while (at + 1 < GRAPHS && batch->selected <= graph_shape_at(worker->shape, at + 1).selected)
        at++;
    enum error_code code = OK;
    if (!worker->graphs[at])
        code = graph_new(worker->compute, worker->weights, graph_shape_at(worker->shape, at), true,
                         &worker->graphs[at], error);
    *graph = worker->graphs[at];
    return code;
}

static void *run_worker(void *arg)
{
    struct step_worker *worker = arg;
    struct step *step = worker->step;
    enum error_code code = OK;
    weights_zero_grads(worker->weights);
    for (uint32_t i = worker->index; !code && i < step->pass_count; i += step->worker_count) {
        struct step_pass *pass = &step->passes[i];
        struct graph *graph;
        code = graph_for(worker, &pass->packer.batch, &graph, &worker->error);
        if (!code)
            code = graph_run(graph, &pass->packer.batch, worker->gradient_scale, &pass->loss, pass->is_right,
                             &worker->error);
    }
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
