/* openmetrics.c - see openmetrics.h. Line by line; a family's # HELP stands right before its # TYPE, as metrics.h
 * writes them. */
#include "api/openmetrics.h"

#include <stdio.h>

#define TOTAL "_total"
#define NAME_MAX_BYTES 256

static bool has_family(struct str text, struct str name)
{
    char head[NAME_MAX_BYTES];
    const int len = snprintf(head, sizeof(head), "\n# TYPE " STR_FMT " ", STR_ARG(name));
    return len > 0 && len < (int)sizeof(head) && str_find(text, (struct str){head, (size_t)len}, 0) >= 0;
}

/* "# TYPE name type", and the text of the help before it. */
static void append_family(struct buf *out, struct str text, struct str line, struct str help)
{
    struct str rest = str_slice(line, strlen("# TYPE "), line.len), name, type = {NULL, 0};
    (void)str_split(&rest, ' ', &name);
    (void)str_split(&rest, ' ', &type);
    if (str_eq(type, STR("counter"))) {
        const struct str family = str_slice(name, 0, name.len - strlen(TOTAL));
        if (!str_ends(name, STR(TOTAL)) || has_family(text, family))
            type = STR("unknown");
        else
            name = family;
    }
    if (help.len > 0)
        buf_appendf(out, "# HELP " STR_FMT " " STR_FMT "\n", STR_ARG(name), STR_ARG(help));
    buf_appendf(out, "# TYPE " STR_FMT " " STR_FMT "\n", STR_ARG(name), STR_ARG(type));
}

/* A bound that looks like an integer gets a fraction. */
static void append_sample(struct buf *out, struct str line)
{
    const struct str key = STR("le=\"");
    const ptrdiff_t at = str_find(line, key, 0);
    const ptrdiff_t end = at < 0 ? -1 : str_find_char(line, '"', (size_t)at + key.len);
    size_t digits = 0;
    if (end >= 0)
        for (size_t i = (size_t)at + key.len; i < (size_t)end && line.data[i] >= '0' && line.data[i] <= '9'; i++)
            digits++;
    const bool is_whole = end >= 0 && digits > 0 && digits == (size_t)end - (size_t)at - key.len;
    buf_append_str(out, is_whole ? str_slice(line, 0, (size_t)end) : line);
    if (is_whole) {
        buf_append_text(out, ".0");
        buf_append_str(out, str_slice(line, (size_t)end, line.len));
    }
    buf_append_char(out, '\n');
}

bool openmetrics_append(struct buf *out, struct str text)
{
    struct str rest = text, line, help = {NULL, 0};
    while (str_split(&rest, '\n', &line)) {
        if (str_starts(line, STR("# HELP "))) {
            const ptrdiff_t space = str_find_char(line, ' ', strlen("# HELP "));
            help = space < 0 ? STR("") : str_slice(line, (size_t)space + 1, line.len);
        } else if (str_starts(line, STR("# TYPE "))) {
            append_family(out, text, line, help);
            help = (struct str){NULL, 0};
        } else if (line.len > 0) {
            append_sample(out, line);
        }
    }
    return buf_append_text(out, "# EOF\n");
}
