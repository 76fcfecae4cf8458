/* eval_labels.c - see eval_labels.h. */
#include "cmd/eval_labels.h"

#include <errno.h>
#include <stdio.h>

#include "core/json.h"
#include "core/limits.h"

static bool is_replaced(struct str key)
{
    static const char *const keys[] = {"expected", "train_all", "task", "kind",
                                       "subject",  "quality",   "cost", "confidence"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (str_eq(key, str_of(keys[i])))
            return true;
    return false;
}

static void append_number(struct buf *line, const char *before, const char *model, double value)
{
    buf_append_text(line, before);
    buf_append_json(line, str_of(model));
    buf_appendf(line, ":%.9g", value);
}

static void append_row(struct buf *line, const struct eval_data *data, size_t row, const struct eval_labelled *models,
                       size_t count)
{
    size_t index, max;
    yyjson_val *key, *value;
    buf_append_text(line, "{\"subject\":");
    buf_append_json(line, data->tasks[data->rows[row].task]);
    json_obj_foreach(yyjson_doc_get_root(data->rows[row].doc), index, max, key, value) {
        if (is_replaced(json_str(key)))
            continue;
        buf_append_char(line, ',');
        buf_append_json(line, json_str(key));
        buf_append_char(line, ':');
        json_append(line, value);
    }
    buf_append_text(line, ",\"quality\":{");
    for (size_t i = 0; i < count; i++)
        append_number(line, i ? "," : "", models[i].model, models[i].outcomes[row].result.is_right);
    buf_append_text(line, "},\"cost\":{");
    for (size_t i = 0, priced = 0; i < count; i++)
        if (models[i].costs)
            append_number(line, priced++ ? "," : "", models[i].model, models[i].costs[row]);
    buf_append_text(line, "},\"confidence\":{");
    for (size_t i = 0, known = 0; i < count; i++)
        if (models[i].outcomes[row].confidence >= 0)
            append_number(line, known++ ? "," : "", models[i].model, models[i].outcomes[row].confidence);
    buf_append_text(line, "}}\n");
}

enum error_code eval_labels_write(const char *path, const struct eval_data *data, const struct eval_labelled *models,
                                  size_t count, struct error *error)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        return error_set_errno(error, ERROR_IO, errno, "cannot write %s", path);
    struct buf line;
    buf_init(&line, 4 * (size_t)limit(batch_record_bytes));
    bool is_written = true;
    for (size_t i = 0; i < data->count && is_written; i++) {
        buf_clear(&line);
        append_row(&line, data, i, models, count);
        is_written = !line.failed && fwrite(line.data, 1, line.len, file) == line.len;
    }
    buf_deinit(&line);
    if (fclose(file) || !is_written)
        return error_set_errno(error, ERROR_IO, errno, "cannot write %s", path);
    return OK;
}
