/* report.c - see report.h. */
#include "route/report.h"

#include <math.h>

#define SVG_WIDTH 720
#define SVG_HEIGHT 440
#define SVG_LEFT 70
#define SVG_RIGHT 190
#define SVG_TOP 30
#define SVG_BOTTOM 60
#define SVG_TICKS 5
#define SVG_LEGEND_STEP 20

/* --- text --- */

static bool is_curve(const struct train_method *method)
{
    return method->curve.count > 1;
}

static void append_method(struct buf *out, const struct train_method *method)
{
    buf_appendf(out, "  %-18s", method->name);
    if (method->predicted[0])
        buf_appendf(out, "  %.3f  %.3f to %.3f", method->auc.value, method->auc.low, method->auc.high);
    else
        buf_appendf(out, "      -               -");
    if (is_curve(method))
        buf_appendf(out, "  %5.3f     %5.1f%%     %5.1f%%\n", method->apgr, 100 * method->calls_50,
                    100 * method->calls_80);
    else
        buf_appendf(out, "      -          -          -   quality %.4f, cost %.6g\n", method->curve.points[0].quality,
                    method->curve.points[0].cost);
}

static void append_gain(struct buf *out, const struct train_report *report)
{
    const struct train_method *best = NULL;
    for (size_t i = 1; i + 1 < report->method_count; i++) /* the oracle is last */
        if (report->methods[i].predicted[0] && (!best || report->methods[i].auc.value > best->auc.value))
            best = &report->methods[i];
    if (best)
        buf_appendf(out, "\nThe router's AUC is %+.3f (%+.3f to %+.3f) over %s, the best baseline.\n",
                    best->gain.value, best->gain.low, best->gain.high, best->name);
}

static void append_saving(struct buf *out, const char *how, const struct saving *saving)
{
    buf_appendf(out, "  %-10s  %5.1f%%  %5.1f%% to %5.1f%%  %+.4f  %+.4f to %+.4f\n", how, 100 * saving->cost.value,
                100 * saving->cost.low, 100 * saving->cost.high, saving->lost.value, saving->lost.low,
                saving->lost.high);
}

static void append_savings(struct buf *out, const struct train_report *report)
{
    const struct samples *samples = report->samples;
    buf_appendf(out, "\nBeside always asking " STR_FMT ", with " STR_FMT " for the rest: cost at which at most %g of\n"
                     "quality is lost, and quality lost at %.0f%% of the cost, each with its 95%% interval:\n\n"
                     "  by              cost        interval     lost        interval\n",
                STR_ARG(samples->models[samples->model_count - 1]), STR_ARG(samples->models[0]), SAVING_LOST,
                100 * SAVING_COST);
    append_saving(out, "text", &report->saving);
    if (report->escalation.rows > 0)
        append_saving(out, "escalation", &report->escalation.saving);
}

static void append_escalation(struct buf *out, const struct train_report *report)
{
    const struct escalation *escalation = &report->escalation;
    if (escalation->rows == 0)
        return;
    buf_appendf(out, "\nWith escalation, on %zu rows that tell how sure " STR_FMT " was: it answers all, and the least "
                     "likely to be\nright are made again by " STR_FMT "; both are paid. AUC %.3f (%.3f to %.3f), "
                     "calibration error %.4f.\n%s\nAt the same cost its quality is at least %+.4f over the text's "
                     "alone.\n\n  made again  below  quality  cost\n",
                escalation->rows, STR_ARG(report->samples->models[0]),
                STR_ARG(report->samples->models[report->samples->model_count - 1]), escalation->auc.value,
                escalation->auc.low, escalation->auc.high, escalation->calibration_error,
                escalation->is_learnt ? "The chances were learnt from these rows, four fifths at a time."
                                      : "The chances are the predictor's own.",
                escalation->least_gain);
    for (size_t i = 0; i < escalation->curve.count; i += 2) {
        const struct curve_point *point = &escalation->curve.points[i];
        buf_appendf(out, "  %9.0f%%  %.3f  %.4f   %.6g\n", 100 * point->strong_share, (double)escalation->below[i],
                    point->quality, point->cost);
    }
}

void report_append_text(struct buf *out, const struct train_report *report)
{
    const struct samples *samples = report->samples;
    buf_appendf(out, "%zu rows; models from the weakest on:", samples->count);
    for (size_t i = 0; i < samples->model_count; i++)
        buf_appendf(out, "%s " STR_FMT, i ? "," : "", STR_ARG(samples->models[i]));
    buf_appendf(out, "\ncalibration error %.4f; %s\n", report->calibration_error,
                samples->has_costs ? "cost as the rows say it, a request's mean"
                                   : "the rows say no cost: 0 is the weakest model's, 1 the strongest's");
    buf_appendf(out, "coverage %.3f: so many of %zu groups of alike rows have a mean quality within the 95%%\n"
                     "interval that was said of it; by chance alone it would be %.3f. Mean uncertainty %.3f\n\n",
                report->coverage.share, report->coverage.groups, report->coverage.bare, report->coverage.said);
    buf_append_text(out, "On rows held out; AUC of 'the weakest model is right', 95% interval; APGR; share of calls\n"
                         "to the strongest model that keeps 50% and 80% of its advantage:\n\n"
                         "  method                AUC        interval   APGR  calls for 50%  80%\n");
    for (size_t i = 0; i < report->method_count; i++)
        append_method(out, &report->methods[i]);
    append_gain(out, report);
    buf_append_text(out, "\n  strong share  tolerance  quality  cost\n");
    for (size_t i = 0; i < report->methods[0].curve.count; i += 2) {
        const struct curve_point *point = &report->methods[0].curve.points[i];
        buf_appendf(out, "  %11.0f%%  %9.3f  %.4f   %.6g\n", 100 * point->strong_share,
                    measure_tolerance(&report->methods[0].curve, i), point->quality, point->cost);
    }
    append_savings(out, report);
    append_escalation(out, report);
}

/* --- JSON --- */

static void append_interval(struct buf *out, const char *key, const struct interval *interval)
{
    buf_appendf(out, "\"%s\":%.6g,\"%s_low\":%.6g,\"%s_high\":%.6g", key, interval->value, key, interval->low, key,
                interval->high);
}

static void append_saving_json(struct buf *out, const char *how, const struct saving *saving)
{
    buf_appendf(out, "\"%s\":{", how);
    append_interval(out, "cost", &saving->cost);
    buf_append_char(out, ',');
    append_interval(out, "lost", &saving->lost);
    buf_append_char(out, '}');
}

static void append_savings_json(struct buf *out, const struct train_report *report)
{
    buf_append_text(out, ",\"savings\":{");
    append_saving_json(out, "text", &report->saving);
    if (report->escalation.rows > 0) {
        buf_append_char(out, ',');
        append_saving_json(out, "escalation", &report->escalation.saving);
    }
    buf_append_char(out, '}');
}

static void append_curve(struct buf *out, const struct curve *curve)
{
    buf_append_text(out, "\"curve\":[");
    for (size_t i = 0; i < curve->count; i++)
        buf_appendf(out, "%s{\"strong_share\":%.6g,\"quality\":%.6g,\"cost\":%.6g}", i ? "," : "",
                    curve->points[i].strong_share, curve->points[i].quality, curve->points[i].cost);
    buf_append_char(out, ']');
}

static void append_escalation_json(struct buf *out, const struct escalation *escalation)
{
    if (escalation->rows == 0)
        return;
    buf_appendf(out, ",\"escalate_learnt\":%s,\"escalate_rows\":%zu,\"escalate_auc\":%.6g,\"escalate_auc_low\":%.6g,"
                     "\"escalate_auc_high\":%.6g,\"escalate_calibration_error\":%.6g,\"escalate_least_gain\":%.6g,"
                     "\"escalate_curve\":[",
                escalation->is_learnt ? "true" : "false", escalation->rows, escalation->auc.value,
                escalation->auc.low, escalation->auc.high, escalation->calibration_error, escalation->least_gain);
    for (size_t i = 0; i < escalation->curve.count; i++) {
        const struct curve_point *point = &escalation->curve.points[i];
        buf_appendf(out, "%s{\"share\":%.6g,\"below\":%.6g,\"quality\":%.6g,\"cost\":%.6g}", i ? "," : "",
                    point->strong_share, (double)escalation->below[i], point->quality, point->cost);
    }
    buf_append_char(out, ']');
}

void report_append_json(struct buf *out, const struct train_report *report)
{
    const struct samples *samples = report->samples;
    const struct train_method *router = &report->methods[0];
    buf_appendf(out, "{\"rows\":%zu,\"models\":[", samples->count);
    for (size_t i = 0; i < samples->model_count; i++) {
        buf_append_text(out, i ? "," : "");
        buf_append_json(out, samples->models[i]);
    }
    buf_appendf(out, "],\"auc\":%.6g,\"auc_low\":%.6g,\"auc_high\":%.6g,\"calibration_error\":%.6g,\"apgr\":%.6g,",
                router->auc.value, router->auc.low, router->auc.high, report->calibration_error, router->apgr);
    append_curve(out, &router->curve);
    buf_append_text(out, ",\"baselines\":{");
    for (size_t i = 1; i < report->method_count; i++) {
        const struct train_method *method = &report->methods[i];
        buf_appendf(out, "%s\"%s\":{\"auc\":%.6g,\"apgr\":%.6g,", i > 1 ? "," : "", method->name, method->auc.value,
                    method->apgr);
        append_curve(out, &method->curve);
        buf_append_char(out, '}');
    }
    buf_append_char(out, '}');
    buf_appendf(out, ",\"coverage\":%.6g,\"coverage_by_chance\":%.6g,\"coverage_groups\":%zu,\"uncertainty\":%.6g",
                report->coverage.share, report->coverage.bare, report->coverage.groups, report->coverage.said);
    append_savings_json(out, report);
    append_escalation_json(out, &report->escalation);
    buf_append_text(out, "}\n");
}

/* --- SVG --- */

struct frame {
    double cost_low, cost_high, quality_low, quality_high;
};

static double x_of(const struct frame *frame, double cost)
{
    const double width = fmax(frame->cost_high - frame->cost_low, 1e-12);
    return SVG_LEFT + (cost - frame->cost_low) / width * (SVG_WIDTH - SVG_LEFT - SVG_RIGHT);
}

static double y_of(const struct frame *frame, double quality)
{
    const double height = fmax(frame->quality_high - frame->quality_low, 1e-12);
    return SVG_HEIGHT - SVG_BOTTOM - (quality - frame->quality_low) / height * (SVG_HEIGHT - SVG_TOP - SVG_BOTTOM);
}

static void widen(struct frame *frame, const struct curve *curve)
{
    for (size_t i = 0; i < curve->count; i++) {
        frame->cost_low = fmin(frame->cost_low, curve->points[i].cost);
        frame->cost_high = fmax(frame->cost_high, curve->points[i].cost);
        frame->quality_low = fmin(frame->quality_low, curve->points[i].quality);
        frame->quality_high = fmax(frame->quality_high, curve->points[i].quality);
    }
}

static void append_axes(struct buf *out, const struct frame *frame, bool has_costs)
{
    for (int i = 0; i <= SVG_TICKS; i++) {
        const double part = (double)i / SVG_TICKS;
        const double cost = frame->cost_low + part * (frame->cost_high - frame->cost_low);
        const double quality = frame->quality_low + part * (frame->quality_high - frame->quality_low);
        buf_appendf(out, "<path d=\"M%d %.1fH%d\" stroke=\"#ddd\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.1f%%"
                         "</text>\n", SVG_LEFT, y_of(frame, quality), SVG_WIDTH - SVG_RIGHT, SVG_LEFT - 6,
                    y_of(frame, quality) + 4, 100 * quality);
        buf_appendf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.3g</text>\n", x_of(frame, cost),
                    SVG_HEIGHT - SVG_BOTTOM + 18, cost);
    }
    buf_appendf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n"
                     "<text x=\"%d\" y=\"%d\">quality</text>\n",
                SVG_LEFT + (SVG_WIDTH - SVG_LEFT - SVG_RIGHT) / 2, SVG_HEIGHT - SVG_BOTTOM + 40,
                has_costs ? "cost of a request" : "cost: 0 always the weakest model, 1 always the strongest", SVG_LEFT,
                SVG_TOP - 10);
}

static void append_legend(struct buf *out, const char *name, const char *colour, size_t row)
{
    const int y = SVG_TOP + (int)row * SVG_LEGEND_STEP, x = SVG_WIDTH - SVG_RIGHT + 20;
    buf_appendf(out, "<path d=\"M%d %dh16\" stroke=\"%s\" stroke-width=\"3\"/><text x=\"%d\" y=\"%d\">%s</text>\n", x,
                y, colour, x + 22, y + 4, name);
}

static void append_curve_path(struct buf *out, const struct frame *frame, const struct curve *curve,
                              const char *colour, const char *width)
{
    buf_appendf(out, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" d=\"", colour, width);
    for (size_t i = 0; i < curve->count; i++)
        buf_appendf(out, "%c%.1f %.1f", i ? 'L' : 'M', x_of(frame, curve->points[i].cost),
                    y_of(frame, curve->points[i].quality));
    buf_append_text(out, "\"/>\n");
}

static void append_line(struct buf *out, const struct frame *frame, const struct train_method *method, size_t row)
{
    static const char *const colours[] = {"#0b6e4f", "#999", "#999", "#777", "#bbb", "#c77d0a", "#7b4fa0", "#2f6db5",
                                          "#b03a2e"};
    const char *colour = colours[row % (sizeof(colours) / sizeof(colours[0]))];
    if (is_curve(method))
        append_curve_path(out, frame, &method->curve, colour, row ? "1.3" : "3");
    else
        buf_appendf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>\n",
                    x_of(frame, method->curve.points[0].cost), y_of(frame, method->curve.points[0].quality), colour);
    append_legend(out, method->name, colour, row);
}

void report_append_svg(struct buf *out, const struct train_report *report)
{
    const size_t shown = report->method_count - 1; /* the oracle would squeeze all others */
    struct frame frame = {INFINITY, -INFINITY, INFINITY, -INFINITY};
    for (size_t i = 0; i < shown; i++)
        widen(&frame, &report->methods[i].curve);
    const struct curve *doubts = report->escalation.rows > 0 ? &report->escalation.curve : NULL;
    if (doubts)
        widen(&frame, doubts);
    buf_appendf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" "
                     "font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
                SVG_WIDTH, SVG_HEIGHT);
    append_axes(out, &frame, report->samples->has_costs);
    for (size_t i = shown; i-- > 0;)
        append_line(out, &frame, &report->methods[i], i);
    if (doubts) {
        append_curve_path(out, &frame, doubts, "#d1495b", "3");
        append_legend(out, "escalation", "#d1495b", shown);
    }
    buf_append_text(out, "</svg>\n");
}
