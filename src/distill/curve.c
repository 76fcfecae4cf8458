/* curve.c - the lines and the file that show how a run goes. Decides nothing by them. See curve.h. */
#include "distill/curve.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

/* --- the file --------------------------------------------------------------------------------------- */

static bool keeps_line(const char *line, uint64_t steps)
{
    struct str rest = str_of(line), first;
    uint64_t step;
    return str_split(&rest, ',', &first) && str_to_u64(first, &step) && step <= steps;
}

static bool read_kept(const char *path, uint64_t steps, struct buf *kept)
{
    char line[LINE_MAX_BYTES];
    FILE *old = steps ? fopen(path, "re") : NULL;
    bool is_ok = true;
    while (old && is_ok && fgets(line, sizeof(line), old))
        if (keeps_line(line, steps))
            is_ok = buf_append_text(kept, line);
    if (old)
        fclose(old);
    return is_ok;
}

static void write_header(struct curve *curve)
{
    fprintf(curve->csv, "step,tokens,seconds,phase,rate,loss,accuracy,copy_accuracy%s",
            curve->has_teacher ? ",soft_loss" : "");
    for (uint32_t i = 0; i < curve->measure->task_count; i++)
        fprintf(curve->csv, ",%s_exact", curve->measure->tasks[i].name);
    for (uint32_t i = 0; curve->measure->tells_loss && i < curve->measure->task_count; i++)
        fprintf(curve->csv, ",%s_loss", curve->measure->tasks[i].name);
    fprintf(curve->csv, "\n");
}

enum error_code curve_open(struct curve *curve, const char *path, const struct measure *measure, bool has_teacher,
                           uint64_t steps, uint64_t tokens, double seconds, struct error *error)
{
    struct buf kept;
    *curve = (struct curve){
        .measure = measure,
        .has_teacher = has_teacher,
        .is_terminal = isatty(STDERR_FILENO) == 1,
        .last_tokens = tokens,
        .last_seconds = seconds,
    };
    buf_init(&kept, 64 << 20);
    enum error_code code = read_kept(path, steps, &kept) ? OK : error_no_memory(error);
    if (!code && !(curve->csv = fopen(path, "we")))
        code = error_set_errno(error, ERROR_IO, errno, "%s", path);
    if (!code) {
        write_header(curve);
        fwrite(buf_str(&kept).data, 1, kept.len, curve->csv);
        fflush(curve->csv);
    }
    buf_deinit(&kept);
    return code;
}

void curve_close(struct curve *curve)
{
    if (curve->csv)
        fclose(curve->csv);
    if (curve->csv && curve->is_terminal)
        fprintf(stderr, "\n");
    *curve = (struct curve){0};
}

/* --- points ----------------------------------------------------------------------------------------- */

void curve_add_loss(struct curve *curve, double loss_sum, double soft_loss_sum, uint64_t count)
{
    curve->loss += loss_sum;
    curve->soft_loss += soft_loss_sum;
    curve->loss_count += count;
}

void curve_add_token(struct curve *curve, bool is_copied, bool is_right)
{
    struct curve_share *share = is_copied ? &curve->copied : &curve->tokens;
    share->count++;
    share->right += is_right;
}

static void print_share(FILE *file, struct curve_share share)
{
    if (share.count)
        fprintf(file, ",%.4f", (double)share.right / (double)share.count);
    else
        fprintf(file, ",");
}

/* Of what was added since the last point. */
static double per_token(const struct curve *curve, double loss)
{
    return curve->loss_count ? loss / (double)curve->loss_count : 0.0;
}

static void write_csv(struct curve *curve, const struct curve_point *point)
{
    fprintf(curve->csv, "%" PRIu64 ",%" PRIu64 ",%.1f,%s,%.4f,%.4f", point->steps, point->tokens, point->seconds,
            point->phase, point->rate, curve->last_loss);
    print_share(curve->csv, curve->tokens);
    print_share(curve->csv, curve->copied);
    if (curve->has_teacher)
        fprintf(curve->csv, ",%.4f", per_token(curve, curve->soft_loss));
    for (uint32_t i = 0; i < curve->measure->task_count; i++) {
        const struct measure_task *task = &curve->measure->tasks[i];
        if (point->is_measured)
            fprintf(curve->csv, ",%.4f", (double)task->exact / task->rows);
        else
            fprintf(curve->csv, ",");
    }
    for (uint32_t i = 0; curve->measure->tells_loss && i < curve->measure->task_count; i++)
        if (point->is_measured)
            fprintf(curve->csv, ",%.4f", curve->measure->tasks[i].loss);
        else
            fprintf(curve->csv, ",");
    fprintf(curve->csv, "\n");
    fflush(curve->csv);
}

static void print_progress(const struct curve *curve, const struct curve_point *point)
{
    double speed = point->seconds > curve->last_seconds
                       ? (double)(point->tokens - curve->last_tokens) / (point->seconds - curve->last_seconds)
                       : 0.0;
    double left = speed > 0.0 ? (double)point->tokens_left / speed : 0.0;
    fprintf(stderr, "%sstep %" PRIu64 "  %s  loss %.4f", curve->is_terminal ? "\r\033[K" : "", point->steps,
            point->phase, curve->last_loss);
    if (curve->has_teacher)
        fprintf(stderr, "  soft loss %.4f", per_token(curve, curve->soft_loss));
    if (curve->tokens.count)
        fprintf(stderr, "  accuracy %.1f%%", 100.0 * (double)curve->tokens.right / (double)curve->tokens.count);
    if (curve->copied.count)
        fprintf(stderr, "  copying %.1f%%", 100.0 * (double)curve->copied.right / (double)curve->copied.count);
    fprintf(stderr, "  %.0f tokens/s  %.0f min left", speed, left / 60.0);
    for (uint32_t i = 0; point->is_measured && i < curve->measure->task_count; i++) {
        const struct measure_task *task = &curve->measure->tasks[i];
        fprintf(stderr, "  %s %" PRIu32 "/%" PRIu32, task->name, task->exact, task->rows);
    }
    fprintf(stderr, "%s", curve->is_terminal && !point->is_measured ? "" : "\n");
}

enum error_code curve_write(struct curve *curve, const struct curve_point *point, struct error *error)
{
    curve->last_loss = per_token(curve, curve->loss);
    write_csv(curve, point);
    print_progress(curve, point);
    curve->loss = curve->soft_loss = 0.0;
    curve->loss_count = 0;
    curve->tokens = curve->copied = (struct curve_share){0};
    curve->last_seconds = point->seconds;
    curve->last_tokens = point->tokens;
    return ferror(curve->csv) ? error_set(error, ERROR_IO, "the loss curve can't be written") : OK;
}
