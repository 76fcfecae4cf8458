/* advise_remote.c - see advise_remote.h. The server computes it beside its work and says how far it is. */
#include "cmd/advise_remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "auth/sigv4.h"
#include "cmd/api_client.h"
#include "cmd/cmd_io.h"
#include "core/json.h"

#define REPLY_BYTES_MAX ((size_t)8 << 20)
#define TARGET_BYTES 4096
#define PARAMETERS_MAX 16
#define POLL_NS 300000000L

/* NAME=VALUE in the order that signatures want; --what-if is a list of these already. */
static int by_text(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    const int order = memcmp(x->data, y->data, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

static bool append_parameters(struct buf *target, struct str *parameters, size_t count)
{
    qsort(parameters, count, sizeof(parameters[0]), by_text);
    for (size_t i = 0; i < count; i++) {
        const ptrdiff_t equals = str_find_char(parameters[i], '=', 0);
        const size_t end = equals < 0 ? parameters[i].len : (size_t)equals;
        buf_append_char(target, i ? '&' : '?');
        sigv4_append_encoded(target, str_slice(parameters[i], 0, end), false);
        buf_append_char(target, '=');
        if (equals >= 0)
            sigv4_append_encoded(target, str_slice(parameters[i], end + 1, parameters[i].len), false);
    }
    return buf_append_char(target, '\0');
}

static bool write_target(const struct advise_remote *options, struct buf *target)
{
    struct str parameters[PARAMETERS_MAX], rest = str_of(options->what_if);
    char days[64], tenant[512];
    size_t count = 0;
    (void)snprintf(days, sizeof(days), "days=%s", options->days ? options->days : "");
    (void)snprintf(tenant, sizeof(tenant), "tenant=%s", options->tenant ? options->tenant : "");
    if (options->days)
        parameters[count++] = str_of(days);
    if (options->tenant)
        parameters[count++] = str_of(tenant);
    while (options->what_if && count < PARAMETERS_MAX && str_split(&rest, ',', &parameters[count]))
        count++;
    buf_append_text(target, "/fulcrum/advice");
    return append_parameters(target, parameters, count);
}

/* --- what is printed --------------------------------------------------------------------------------- */

static const char *text_of(yyjson_val *object, const char *name)
{
    const char *text = yyjson_get_str(yyjson_obj_get(object, name));
    return text ? text : "";
}

static double number_of(yyjson_val *object, const char *name)
{
    return yyjson_get_num(yyjson_obj_get(object, name));
}

static yyjson_val *lever_of(yyjson_val *advice, const char *name)
{
    size_t i, max;
    yyjson_val *lever;
    json_arr_foreach(yyjson_obj_get(advice, "levers"), i, max, lever)
        if (strcmp(text_of(lever, "lever"), name) == 0)
            return lever;
    return NULL;
}

static void append_advice(struct buf *out, yyjson_val *advice)
{
    const double dollars = number_of(advice, "dollars");
    size_t i, max;
    yyjson_val *lever, *name;
    buf_appendf(out, "%.0f requests, %.16s to %.16s UTC, $%.6f at list prices.\n\n", number_of(advice, "records"),
                text_of(advice, "from"), text_of(advice, "to"), dollars);
    buf_append_text(out, "lever           saves                 between           of all   alone\n");
    json_arr_foreach(yyjson_obj_get(advice, "levers"), i, max, lever)
        buf_appendf(out, "%-8s %12.6f  %12.6f %12.6f   %5.1f%%  %12.6f\n", text_of(lever, "lever"),
                    number_of(lever, "dollars"), number_of(lever, "low"), number_of(lever, "high"),
                    dollars > 0 ? 100 * number_of(lever, "dollars") / dollars : 0.0, number_of(lever, "alone"));
    buf_appendf(out, "left     %12.6f\n", number_of(advice, "left"));
    json_arr_foreach(yyjson_obj_get(advice, "order"), i, max, name)
    {
        lever = lever_of(advice, yyjson_is_str(name) ? yyjson_get_str(name) : "");
        buf_appendf(out, "\n%zu. %s%s\n  where  %s\n  why    %s\n", i + 1, text_of(lever, "lever"),
                    i == 0 ? "  <- start with this" : "", text_of(lever, "where"), text_of(lever, "why"));
    }
    if (*text_of(advice, "verdict"))
        buf_appendf(out, "\n%s\n", text_of(advice, "verdict"));
}

static void tell(yyjson_val *reply)
{
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\r%s, %3.0f%%, %.0f requests   ", text_of(reply, "state"),
                      100 * number_of(reply, "progress"), number_of(reply, "records"));
}

/* --- the command ------------------------------------------------------------------------------------- */

/* *doc is freed by the caller. */
static enum error_code wait_for_advice(struct api_client *client, const char *target, struct buf *reply,
                                       yyjson_doc **doc, struct error *error)
{
    static const struct timespec pause = {.tv_nsec = POLL_NS};
    for (;;) {
        enum error_code code = api_client_call(client, target, (struct str){0}, reply, error);
        if (code == OK)
            code = json_parse(buf_str(reply), doc, error);
        if (code != OK || strcmp(text_of(yyjson_doc_get_root(*doc), "state"), "done") == 0)
            return code;
        tell(yyjson_doc_get_root(*doc));
        json_free(*doc);
        *doc = NULL;
        (void)nanosleep(&pause, NULL);
    }
}

int advise_remote(const struct advise_remote *options)
{
    struct api_client *client = NULL;
    struct buf target, reply, out;
    struct error error;
    yyjson_doc *doc = NULL;
    buf_init(&target, TARGET_BYTES);
    buf_init(&reply, REPLY_BYTES_MAX);
    buf_init(&out, REPLY_BYTES_MAX);
    enum error_code code = write_target(options, &target)
                               ? api_client_new(options->endpoint, &client, &error)
                               : error_set(&error, ERROR_INVALID, "the parameters are too long");
    if (code == OK)
        code = wait_for_advice(client, target.data, &reply, &doc, &error);
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\r%60s\r", "");
    if (code == OK && options->is_json) {
        buf_append_str(&out, buf_str(&reply));
        buf_append_char(&out, '\n');
    } else if (code == OK) {
        append_advice(&out, yyjson_doc_get_root(doc));
    }
    json_free(doc);
    api_client_free(client);
    buf_deinit(&target);
    buf_deinit(&reply);
    if (code == OK)
        return cmd_finish("advise", &out);
    buf_deinit(&out);
    return cmd_fail("advise", &error, code == ERROR_INVALID ? CMD_USAGE : CMD_FAILED);
}
