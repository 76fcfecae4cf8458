/* background.c - a few threads and two lists of tasks. What a task does is its maker's. See background.h. */
#include "batch/background.h"

#include <pthread.h>

#include "core/mem.h"

#define THREADS_MAX 8

struct queue {
    struct background_task *first, *last;
};

struct background {
    pthread_mutex_t mutex; /* guards the rest but threads and wake */
    pthread_cond_t given;
    struct queue todo, done;
    bool is_stopping;
    uv_async_t *wake;
    pthread_t threads[THREADS_MAX];
    unsigned thread_count;
};

static void push(struct queue *queue, struct background_task *task)
{
    task->next = NULL;
    *(queue->last ? &queue->last->next : &queue->first) = task;
    queue->last = task;
}

static struct background_task *pop(struct queue *queue)
{
    struct background_task *task = queue->first;
    if (!task)
        return NULL;
    queue->first = task->next;
    if (!queue->first)
        queue->last = NULL;
    return task;
}

static void *run_tasks(void *ctx)
{
    struct background *background = ctx;
    pthread_mutex_lock(&background->mutex);
    while (!background->is_stopping) {
        struct background_task *task = pop(&background->todo);
        if (!task) {
            pthread_cond_wait(&background->given, &background->mutex);
            continue;
        }
        pthread_mutex_unlock(&background->mutex);
        task->run(task->ctx);
        pthread_mutex_lock(&background->mutex);
        push(&background->done, task);
        (void)uv_async_send(background->wake);
    }
    pthread_mutex_unlock(&background->mutex);
    return NULL;
}

enum error_code background_new(unsigned thread_count, uv_async_t *wake, struct background **background,
                               struct error *error)
{
    struct background *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    pthread_mutex_init(&made->mutex, NULL);
    pthread_cond_init(&made->given, NULL);
    made->wake = wake;
    for (unsigned i = 0; i < thread_count && i < THREADS_MAX; i++) {
        int failure = pthread_create(&made->threads[i], NULL, run_tasks, made);
        if (failure) {
            background_free(made);
            return error_set_errno(error, ERROR_IO, failure, "cannot start a thread for batch jobs");
        }
        made->thread_count++;
    }
    *background = made;
    return OK;
}

void background_free(struct background *background)
{
    if (!background)
        return;
    pthread_mutex_lock(&background->mutex);
    background->is_stopping = true;
    pthread_cond_broadcast(&background->given);
    pthread_mutex_unlock(&background->mutex);
    for (unsigned i = 0; i < background->thread_count; i++)
        (void)pthread_join(background->threads[i], NULL);
    pthread_cond_destroy(&background->given);
    pthread_mutex_destroy(&background->mutex);
    mem_free(background);
}

void background_give(struct background *background, struct background_task *task)
{
    pthread_mutex_lock(&background->mutex);
    push(&background->todo, task);
    pthread_cond_signal(&background->given);
    pthread_mutex_unlock(&background->mutex);
}

struct background_task *background_take(struct background *background)
{
    pthread_mutex_lock(&background->mutex);
    struct background_task *task = pop(&background->done);
    pthread_mutex_unlock(&background->mutex);
    return task;
}
