/* show.c - `fulcrum show`: what the console of a running server shows, on a terminal: any list below /fulcrum. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/sigv4.h"
#include "cmd/api_client.h"
#include "cmd/cmd.h"
#include "cmd/cmd_io.h"
#include "core/json.h"

#define REPLY_BYTES_MAX ((size_t)64 << 20)
#define TARGET_BYTES 8192
#define PARAMETERS_MAX 32
#define COLUMNS_MAX 24
#define CELL_BYTES 48 /* of a text in the table; longer ones are cut */

static const char usage[] =
    "usage: fulcrum show WHAT [NAME=VALUE]... [--json | --csv] [--endpoint URL]\n"
    "Shows what the console of a running server shows: models, jobs, routers, alarms and the other lists of\n"
    "docs/CONSOLE.md, as a table; NAME=VALUE are their parameters.\n\n"
    "  fulcrum show jobs kind=batch status=InProgress\n"
    "  fulcrum show routers days=30 --csv\n"
    "  fulcrum show jobs/ARN --json\n\n"
    "  --json           the server's own JSON\n"
    "  --csv            the list as comma-separated values, all columns\n"
    "  --endpoint URL   the server; FULCRUM_ENDPOINT, else http://127.0.0.1:8080\n"
    "Requests are signed with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or carry AWS_BEARER_TOKEN_BEDROCK, where\n"
    "they are set. Exit status: 0 done, 1 failed, 2 wrong usage.\n";

struct options {
    const char *endpoint;
    bool is_json, is_csv;
    const char *what;
    const char *parameters[PARAMETERS_MAX + 1]; /* NAME=VALUE */
    size_t count;
};

/* --- the question ------------------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool read_options(int argc, char **argv, struct options *options, int *status)
{
    const struct cmd_option known[] = {{"endpoint", .value = &options->endpoint},
                                       {"json", .flag = &options->is_json},
                                       {"csv", .flag = &options->is_csv}};
    if (!cmd_read_options(argc, argv, usage, known, sizeof(known) / sizeof(known[0]), status))
        return false;
    *status = CMD_USAGE;
    options->what = optind < argc ? argv[optind++] : NULL;
    for (; optind < argc && options->count < PARAMETERS_MAX && strchr(argv[optind], '='); optind++)
        options->parameters[options->count++] = argv[optind];
    if (!options->what || (options->is_json && options->is_csv)) {
        fputs(usage, stderr);
        return false;
    }
    return cmd_no_arguments(argc, argv, usage);
}

/* "/fulcrum/WHAT?NAME=VALUE&...", names in order, as signatures want it; what stands behind a slash is one part. */
static bool write_target(const struct options *options, struct buf *target)
{
    const struct str what = str_of(options->what);
    const ptrdiff_t slash = str_find_char(what, '/', 0);
    const size_t end = slash < 0 ? what.len : (size_t)slash;
    buf_append_text(target, "/fulcrum/");
    sigv4_append_encoded(target, str_slice(what, 0, end), false);
    if (slash >= 0) {
        buf_append_char(target, '/');
        sigv4_append_encoded(target, str_slice(what, end + 1, what.len), false);
    }
    for (size_t i = 0; i < options->count; i++) {
        const struct str parameter = str_of(options->parameters[i]);
        const size_t equals = (size_t)str_find_char(parameter, '=', 0);
        buf_append_char(target, i ? '&' : '?');
        sigv4_append_encoded(target, str_slice(parameter, 0, equals), false);
        buf_append_char(target, '=');
        sigv4_append_encoded(target, str_slice(parameter, equals + 1, parameter.len), false);
    }
    return buf_append_char(target, '\0');
}

/* --- the table --------------------------------------------------------------------------------------- */

struct column {
    const char *name;
    size_t width;
    bool is_number;
};

/* The list of the reply: its first member that is one of objects. */
static yyjson_val *list_of(yyjson_val *root)
{
    size_t i, max;
    yyjson_val *key, *value;
    json_obj_foreach(root, i, max, key, value)
        if (yyjson_is_arr(value) && (yyjson_arr_size(value) == 0 || yyjson_is_obj(yyjson_arr_get_first(value))))
            return value;
    return NULL;
}

/* Of one row: what fits into a cell. The exact integers beside sums of money are for programs. */
static struct str cell_of(yyjson_val *value, struct buf *text)
{
    buf_clear(text);
    if (yyjson_is_str(value))
        buf_append_str(text, json_str(value));
    else if (value && !yyjson_is_null(value))
        json_append(text, value);
    struct str cell = buf_str(text);
    if (cell.len > CELL_BYTES)
        cell.len = str_utf8_valid_len(str_slice(cell, 0, CELL_BYTES));
    for (size_t i = 0; i < cell.len; i++) /* nothing that a terminal would obey */
        if ((unsigned char)cell.data[i] < 0x20 || cell.data[i] == 0x7f)
            text->data[i] = ' ';
    return cell;
}

static size_t find_columns(yyjson_val *list, struct column *columns, struct buf *text)
{
    size_t count = 0, i, max, k, members;
    yyjson_val *row, *key, *value;
    json_obj_foreach(yyjson_arr_get_first(list), i, max, key, value)
        if (count < COLUMNS_MAX && !yyjson_is_ctn(value) && !str_ends(json_str(key), STR("Picodollars")))
            columns[count++] = (struct column){yyjson_get_str(key), yyjson_get_len(key), yyjson_is_num(value)};
    json_arr_foreach(list, k, members, row)
        for (size_t at = 0; at < count; at++) {
            const size_t width = cell_of(yyjson_obj_get(row, columns[at].name), text).len;
            columns[at].width = width > columns[at].width ? width : columns[at].width;
        }
    return count;
}

static void append_cell(struct buf *out, const struct column *column, struct str cell, bool is_last)
{
    const size_t gap = column->width > cell.len ? column->width - cell.len : 0;
    for (size_t i = 0; column->is_number && i < gap; i++)
        buf_append_char(out, ' ');
    buf_append_str(out, cell);
    for (size_t i = 0; !column->is_number && !is_last && i < gap; i++)
        buf_append_char(out, ' ');
    buf_append_text(out, is_last ? "\n" : "  ");
}

static void append_table(struct buf *out, yyjson_val *list, struct buf *text)
{
    struct column columns[COLUMNS_MAX];
    const size_t count = find_columns(list, columns, text);
    size_t i, max;
    yyjson_val *row;
    for (size_t at = 0; at < count; at++)
        append_cell(out, &columns[at], str_of(columns[at].name), at + 1 == count);
    json_arr_foreach(list, i, max, row)
        for (size_t at = 0; at < count; at++)
            append_cell(out, &columns[at], cell_of(yyjson_obj_get(row, columns[at].name), text), at + 1 == count);
}

/* What has no list is shown as it is. */
static enum error_code append_reply(struct buf *out, const struct options *options, struct str reply,
                                    struct error *error)
{
    yyjson_doc *doc = NULL;
    struct buf text;
    enum error_code code = options->is_csv ? OK : json_parse(reply, &doc, error);
    if (code != OK)
        return code;
    yyjson_val *list = options->is_json || options->is_csv ? NULL : list_of(yyjson_doc_get_root(doc));
    buf_init(&text, REPLY_BYTES_MAX);
    if (list) {
        append_table(out, list, &text);
        if (yyjson_is_str(yyjson_obj_get(yyjson_doc_get_root(doc), "next")))
            buf_appendf(out, "(there are more: cursor=%s)\n",
                        yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "next")));
    } else {
        buf_append_str(out, reply);
        if (!options->is_csv)
            buf_append_char(out, '\n');
    }
    buf_deinit(&text);
    json_free(doc);
    return OK;
}

int cmd_show(int argc, char **argv)
{
    struct options options = {0};
    struct api_client *client = NULL;
    struct buf target, reply, out;
    struct error error;
    int status;
    if (!read_options(argc, argv, &options, &status))
        return status;
    if (options.is_csv && options.count < PARAMETERS_MAX)
        options.parameters[options.count++] = "format=csv";
    qsort(options.parameters, options.count, sizeof(options.parameters[0]), by_name);
    buf_init(&target, TARGET_BYTES);
    buf_init(&reply, REPLY_BYTES_MAX);
    buf_init(&out, REPLY_BYTES_MAX);
    enum error_code code = write_target(&options, &target)
                               ? api_client_new(options.endpoint, &client, &error)
                               : error_set(&error, ERROR_INVALID, "the parameters are too long");
    if (code == OK)
        code = api_client_call(client, target.data, (struct str){0}, &reply, &error);
    if (code == OK)
        code = append_reply(&out, &options, buf_str(&reply), &error);
    api_client_free(client);
    buf_deinit(&target);
    buf_deinit(&reply);
    if (code == OK)
        return cmd_finish("show", &out);
    buf_deinit(&out);
    return cmd_fail("show", &error, CMD_FAILED);
}
