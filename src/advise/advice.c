/* advice.c - see advice.h: from sources to a plan. */
#include "advise/advice.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "advise/words.h"
#include "core/mem.h"
#include "ledger/view.h"
#include "store/objects.h"

struct advisor {
    struct advisor_options options;
    struct advice advice;
    struct log_rows *joined;
    bool is_in_bucket;    /* logs of the tenant's own buckets are read: records need not say whose they are */
    uint64_t bytes, done; /* of sources: of the one that is read, and of those before */
    enum error_code code; /* why the reading ended */
    struct error error;
};

enum error_code advisor_new(const struct advisor_options *options, struct advisor **advisor, struct error *error)
{
    struct advisor *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->options = *options;
    const enum error_code code =
        intake_init(&made->advice.intake, options->book, options->catalog, options->predictor, error);
    if (code != OK) {
        mem_free(made);
        return code;
    }
    made->advice.intake.default_model = options->model;
    made->advice.intake.small = options->small;
    made->advice.intake.router = options->router;
    made->advice.intake.route = options->route;
    made->advice.intake.student = options->student;
    made->advice.intake.batch = options->batch;
    made->advice.intake.counter = options->counter;
    *advisor = made;
    return OK;
}

void advisor_free(struct advisor *advisor)
{
    if (!advisor)
        return;
    log_rows_free(advisor->joined);
    plan_deinit(&advisor->advice.plan);
    intake_deinit(&advisor->advice.intake);
    mem_free(advisor);
}

/* --- reading ------------------------------------------------------------------------------------------- */

static bool take(struct advisor *advisor, enum advise_flaw flaw, const struct advise_record *record, bool is_ledger)
{
    const struct str tenant = advisor->options.tenant;
    const bool is_other = tenant.len > 0 && !advisor->is_in_bucket && flaw == ADVISE_READ &&
                          !str_eq(record->tenant, tenant);
    if (is_other)
        return true;
    if (flaw != ADVISE_READ)
        advisor->advice.flaws[flaw]++;
    else if (record->time_us == 0 || record->time_us >= advisor->options.from_us)
        advisor->code = intake_add(&advisor->advice.intake, record, is_ledger, &advisor->error);
    return advisor->code == OK;
}

static bool on_value(void *ctx, yyjson_val *value, const struct shape_bodies *bodies, struct arena *arena)
{
    yyjson_val *events = yyjson_obj_get(value, "events"), *event;
    struct advise_record record;
    size_t idx, max;
    if (yyjson_is_str(yyjson_obj_get(yyjson_arr_get_first(events), "message"))) { /* a page of CloudWatch Logs */
        bool goes_on = true;
        yyjson_arr_foreach(events, idx, max, event) goes_on = goes_on && on_value(ctx, event, bodies, arena);
        return goes_on;
    }
    value = shape_inner(value, arena);
    const enum advise_flaw flaw = shape_read(value, bodies, arena, &record);
    return take(ctx, flaw, &record, flaw == ADVISE_READ && yyjson_obj_get(value, "costPicodollars"));
}

static bool on_fields(void *ctx, const struct shape_field *fields, size_t count, struct arena *arena)
{
    struct advise_record record;
    return take(ctx, shape_read_fields(fields, count, arena, &record), &record, false);
}

static void on_flaw(void *ctx, enum advise_flaw flaw)
{
    ((struct advisor *)ctx)->advice.flaws[flaw]++;
}

static void on_progress(void *ctx, uint64_t bytes)
{
    struct advisor *advisor = ctx;
    if (bytes < advisor->bytes) /* the next file */
        advisor->done += advisor->bytes;
    advisor->bytes = bytes;
    if (advisor->options.progress)
        advisor->options.progress(advisor->options.ctx, advisor->done + bytes, advisor->advice.intake.read);
}

static enum error_code on_line(void *ctx, const struct ledger_line *line, struct error *error)
{
    struct advisor *advisor = ctx;
    struct advise_record record = {
        .time_us = line->time_us,
        .id = line->request_id,
        .tenant = line->tenant,
        .model = line->model_requested,
        .session = line->session,
        .is_stream = str_ends(line->operation, STR("Stream")),
        .is_failed = line->outcome == LEDGER_FAILED || str_starts(line->operation, STR("Shadow")),
        .has_usage = true,
        .has_reply = true,
        .tier = line->tier,
        .usage = line->usage,
    };
    yyjson_doc *tags = line->tags.len > 0 ? yyjson_read(line->tags.data, line->tags.len, 0) : NULL;
    record.tags = yyjson_doc_get_root(tags);
    shape_read_price_name(line->price, &record);
    (void)take(advisor, ADVISE_READ, &record, true);
    yyjson_doc_free(tags);
    if (advisor->code != OK)
        *error = advisor->error;
    return advisor->code;
}

static bool on_ledger(void *ctx, const char *data)
{
    struct advisor *advisor = ctx;
    struct ledger_view *view;
    struct error error;
    if (ledger_view_open(data, &view, &error) != OK) {
        advisor->advice.flaws[ADVISE_NO_FILE]++;
        return true;
    }
    if (ledger_view_lines(view, on_line, advisor, &error) != OK && advisor->code == OK)
        advisor->advice.flaws[ADVISE_NO_FILE]++;
    ledger_view_close(view);
    return advisor->code == OK;
}

/* After the ledger; from here on only the tenant's own logs are read. */
static bool on_bucket(void *ctx, const char *data, struct str bucket)
{
    struct advisor *advisor = ctx;
    char directory[PATH_MAX];
    const int len = snprintf(directory, sizeof(directory), "%s/objects", data);
    advisor->is_in_bucket = true;
    return len < (int)sizeof(directory) && objects_bucket_is_of(directory, advisor->options.tenant, bucket);
}

static struct source_sink sink_of(struct advisor *advisor)
{
    return (struct source_sink){.ctx = advisor,
                                .value = on_value,
                                .fields = on_fields,
                                .ledger = on_ledger,
                                .bucket = advisor->options.tenant.len > 0 ? on_bucket : NULL,
                                .flaw = on_flaw,
                                .progress = on_progress};
}

enum error_code advisor_read(struct advisor *advisor, const char *path, struct error *error)
{
    const struct source_sink sink = sink_of(advisor);
    advisor->is_in_bucket = false;
    const enum error_code code = source_read(path, &sink, error);
    advisor->done += advisor->bytes;
    advisor->bytes = 0;
    if (advisor->code != OK)
        *error = advisor->error;
    return advisor->code != OK ? advisor->code : code;
}

enum error_code advisor_read_text(struct advisor *advisor, struct str text, struct error *error)
{
    const struct source_sink sink = sink_of(advisor);
    if (source_read_text(text, &sink))
        return OK;
    *error = advisor->error;
    return advisor->code != OK ? advisor->code : error_no_memory(error);
}

/* --- the advice ---------------------------------------------------------------------------------------- */

static int by_requests(const void *a, const void *b)
{
    const struct advice_model *x = a, *y = b;
    return (x->requests < y->requests) - (x->requests > y->requests);
}

/* Models without a price, those asked most first. */
static enum error_code name_unpriced(struct advice *advice, struct error *error)
{
    const struct intake *intake = &advice->intake;
    size_t count = 0;
    struct advice_model *models = mem_calloc(intake->group_count + 1u, sizeof(*models));
    if (!models)
        return error_no_memory(error);
    for (uint32_t i = 0; i < intake->group_count; i++) {
        const char *name = intake->groups[i].model;
        size_t at = 0;
        if (intake->groups[i].price.row || advice->plan.groups[i].requests == 0)
            continue;
        while (at < count && strcmp(models[at].name, name) != 0)
            at++;
        models[at].name = name;
        models[at].requests += advice->plan.groups[i].requests;
        count += at == count;
    }
    qsort(models, count, sizeof(*models), by_requests);
    advice->unpriced_count = count < ADVICE_UNPRICED ? count : ADVICE_UNPRICED;
    memcpy(advice->unpriced, models, advice->unpriced_count * sizeof(*models));
    mem_free(models);
    return OK;
}

enum error_code advisor_finish(struct advisor *advisor, const struct advice **advice, struct error *error)
{
    struct advice *made = &advisor->advice;
    struct log_rows *rows = made->intake.rows;
    enum error_code code = OK;
    if (made->intake.has_pairs) {
        made->intake.rows = NULL;
        code = log_rows_join(rows, &advisor->joined, &made->joined, error);
        made->flaws[ADVISE_NO_REPLY] += made->joined.unanswered;
        rows = advisor->joined;
    }
    if (code == OK)
        code = plan_make(&made->plan, &advisor->options.choice, &made->intake, rows, error);
    if (code == OK)
        code = name_unpriced(made, error);
    if (code != OK)
        return code;
    advice_write_words(made);
    *advice = made;
    return OK;
}

int64_t advice_left(const struct advice *advice)
{
    __int128 left = advice->plan.cost;
    for (unsigned i = 0; i < PLAN_LEVERS; i++)
        left -= advice->plan.sums[i].saved;
    return left < -INT64_MAX ? -INT64_MAX : (int64_t)left; /* below zero where sums had to stop */
}
