/* train.c - the third stage: the trainer runs, is watched, and is started again where something ended it. See run.h. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/log.h"
#include "customize/metrics.h"
#include "customize/run.h"
#include "customize/trainer.h"
#include "store/disk.h"

#define POLL_MS 250
#define STOP_MS 20000 /* in which it writes a checkpoint */
#define DEATHS_MAX 3  /* without a step in between */

/* What the curve says, into the job's progress. */
static enum error_code look(struct custom_run *run, struct error *error)
{
    struct arena arena;
    struct metric_point *points;
    size_t count;
    struct custom_progress *progress = &run->job.progress;
    arena_init(&arena, 0);
    enum error_code code = metrics_read(run_file(run, RUN_CURVE).text, &arena, &points, &count, error);
    if (code == OK && count > 0) {
        const struct metric_point *last = &points[count - 1];
        const uint64_t left = progress->steps > last->step ? progress->steps - last->step : 0;
        progress->step = last->step;
        progress->has_loss = true;
        progress->loss = last->loss;
        progress->seconds_left = last->step ? (uint64_t)(last->seconds / (double)last->step * (double)left) : 0;
    }
    for (size_t i = 0; code == OK && i < count; i++) {
        if (points[i].measured == 0)
            continue;
        progress->validator_count = points[i].measured;
        memcpy(progress->validation_losses, points[i].validation, sizeof(points[i].validation));
    }
    arena_deinit(&arena);
    return code;
}

static enum error_code watch(struct custom_run *run, struct subprocess *trainer, int *status, struct error *error)
{
    enum error_code code = OK;
    while (code == OK && !subprocess_has_ended(trainer, status)) {
        code = run_pause(run, POLL_MS, error);
        if (code == OK)
            code = look(run, error);
        if (code == OK)
            code = run_note(run, error);
    }
    subprocess_stop(trainer, STOP_MS);
    return code;
}

static enum error_code run_once(struct custom_run *run, int *status, struct error *error)
{
    struct subprocess trainer;
    const bool resumes = access(run_file(run, "model.gguf.checkpoint").text, F_OK) == 0;
    const char *const arguments[] = {"--config",   "recipe.yaml", "--out", "model.gguf", resumes ? "--resume" : NULL,
                                     NULL};
    const enum error_code code = trainer_start(&trainer, run->runner->options->broker_fd, run->dir, arguments, error);
    return code == OK ? watch(run, &trainer, status, error) : code;
}

/* Another try may go better: something ended it from outside, or the disk was full. */
static bool may_pass(int status, struct error *error)
{
    struct error full;
    if (disk_admit(0, &full) != OK || str_find(str_of(error->message), STR("No space left"), 0) >= 0) {
        error->code = ERROR_UNAVAILABLE;
        return false;
    }
    return WIFSIGNALED(status) || str_find(str_of(error->message), STR("stopped after step"), 0) >= 0 ||
           str_find(str_of(error->message), STR(RUN_SILENT), 0) >= 0; /* no room for its last words, perhaps */
}

enum error_code run_train(struct custom_run *run, struct error *error)
{
    unsigned deaths = 0;
    for (;;) {
        const uint64_t before = run->job.progress.step;
        int status = 0;
        enum error_code code = run_once(run, &status, error);
        if (code == OK && status == 0)
            return look(run, error);
        if (code != OK)
            return code;
        (void)run_child_failed(run, "The training", status, error);
        if (!may_pass(status, error))
            return error->code;
        code = look(run, error);
        if (code != OK)
            return code;
        deaths = run->job.progress.step > before ? 1 : deaths + 1;
        log_event(LOG_WARN, "trainer_ended", LOG_C("job", run->job.id), LOG_I("status", status),
                  LOG_I("step", run->job.progress.step));
        if (deaths >= DEATHS_MAX)
            return WIFSIGNALED(status)
                       ? error_set(error, ERROR_INVALID,
                                   "The training was ended by signal %d for the %u. time without a step in between; "
                                   "the machine may have too little memory for it.", WTERMSIG(status), deaths)
                       : (error->code = ERROR_INVALID);
    }
}
