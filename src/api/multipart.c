/* multipart.c - delimiters are looked for, headers read by their parameters. Knows no operation. See multipart.h. */
#include "api/multipart.h"

#include <stdio.h>

#include "core/util.h"

#define NAME_BYTES_MAX 1024

/* --- parameters of a header ---------------------------------------------------------------------------- */

struct parameter {
    struct str name, value; /* value: as it stands between its quotes */
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static struct str skip_spaces(struct str text)
{
    size_t at = 0;
    while (at < text.len && is_space(text.data[at]))
        at++;
    return str_slice(text, at, text.len);
}

/* Takes the quoted string off *rest, which begins behind its first quote. */
static struct str take_quoted(struct str *rest)
{
    size_t at = 0;
    while (at < rest->len && rest->data[at] != '"')
        at += rest->data[at] == '\\' ? 2 : 1;
    const struct str value = str_slice(*rest, 0, at);
    *rest = str_slice(*rest, at + 1, rest->len);
    return value;
}

/* The next `; name=value` of *rest; what stands before a semicolon is passed over. */
static bool next_parameter(struct str *rest, struct parameter *parameter)
{
    const ptrdiff_t semicolon = str_find_char(*rest, ';', 0);
    if (semicolon < 0)
        return false;
    *rest = skip_spaces(str_slice(*rest, (size_t)semicolon + 1, rest->len));
    size_t len = 0;
    while (len < rest->len && rest->data[len] != '=' && rest->data[len] != ';')
        len++;
    parameter->name = str_trim(str_slice(*rest, 0, len));
    parameter->value = STR("");
    if (len == rest->len || rest->data[len] == ';') {
        *rest = str_slice(*rest, len, rest->len);
        return true;
    }
    *rest = skip_spaces(str_slice(*rest, len + 1, rest->len));
    if (rest->len > 0 && rest->data[0] == '"') {
        *rest = str_slice(*rest, 1, rest->len);
        parameter->value = take_quoted(rest);
        return true;
    }
    const ptrdiff_t end = str_find_char(*rest, ';', 0);
    parameter->value = str_trim(str_slice(*rest, 0, end < 0 ? rest->len : (size_t)end));
    *rest = str_slice(*rest, end < 0 ? rest->len : (size_t)end, rest->len);
    return true;
}

static bool find_parameter(struct str header, const char *name, struct str *value)
{
    struct parameter parameter;
    while (next_parameter(&header, &parameter)) {
        if (!str_eq_nocase(parameter.name, str_of(name)))
            continue;
        *value = parameter.value;
        return true;
    }
    return false;
}

/* One character of an escape at `text`; *len how long that is. Browsers write quotes and line ends as %22, %0D, %0A,
 * others with a backslash; `all`: every %XX is one. */
static char unescape(struct str text, bool all, size_t *len)
{
    char byte = text.data[0];
    *len = 1;
    if (byte == '\\' && !all && text.len > 1 && (text.data[1] == '"' || text.data[1] == '\\')) {
        *len = 2;
        return text.data[1];
    }
    if (byte != '%' || text.len < 3 || !hex_decode(str_slice(text, 1, 3), &byte, 1))
        return text.data[0];
    if (!all && byte != '"' && byte != '\r' && byte != '\n')
        return text.data[0];
    *len = 3;
    return byte;
}

static enum error_code keep_text(struct str text, bool all, struct arena *arena, struct str *kept, struct error *error)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t count = 0;
    if (!out)
        return error_no_memory(error);
    if (text.len > NAME_BYTES_MAX)
        return error_set(error, ERROR_INVALID, "The name of a part has more than %d bytes.", NAME_BYTES_MAX);
    while (text.len > 0) {
        size_t len;
        out[count++] = unescape(text, all, &len);
        text = str_slice(text, len, text.len);
    }
    *kept = (struct str){out, count};
    return str_is_utf8(*kept) ? OK : error_set(error, ERROR_INVALID, "The name of a part is not UTF-8.");
}

/* --- parts ---------------------------------------------------------------------------------------------- */

enum error_code multipart_open(struct multipart *form, struct str type, struct str body, struct error *error)
{
    struct str boundary = {0};
    const ptrdiff_t end = str_find_char(type, ';', 0);
    const struct str kind = str_trim(str_slice(type, 0, end < 0 ? type.len : (size_t)end));
    *form = (struct multipart){.rest = body};
    if (!str_eq_nocase(kind, STR("multipart/form-data")))
        return error_set(error, ERROR_INVALID, "content-type: expected multipart/form-data, got '" STR_FMT "'",
                         STR_ARG(str_slice(kind, 0, 64)));
    if (!find_parameter(type, "boundary", &boundary) || boundary.len == 0 || boundary.len > MULTIPART_BOUNDARY_MAX)
        return error_set(error, ERROR_INVALID, "content-type: boundary: must have 1 to %d characters",
                         MULTIPART_BOUNDARY_MAX);
    (void)snprintf(form->delimiter, sizeof(form->delimiter), "\r\n--" STR_FMT, STR_ARG(boundary));
    return OK;
}

static enum error_code broken(struct error *error)
{
    return error_set(error, ERROR_INVALID, "The body is not multipart/form-data, or breaks off.");
}

/* Behind the delimiter: the end, or a line feed and a part. */
static enum error_code pass_delimiter(struct multipart *form, bool *has_part, struct error *error)
{
    if (str_starts(form->rest, STR("--"))) {
        *has_part = false;
        form->rest = STR("");
        return OK;
    }
    form->rest = skip_spaces(form->rest);
    if (!str_starts(form->rest, STR("\r\n")))
        return broken(error);
    *has_part = true;
    form->rest = str_slice(form->rest, 2, form->rest.len);
    return OK;
}

static enum error_code read_header(struct str line, struct arena *arena, struct multipart_part *part,
                                   struct error *error)
{
    struct str value;
    const ptrdiff_t colon = str_find_char(line, ':', 0);
    if (colon <= 0)
        return broken(error);
    if (!str_eq_nocase(str_trim(str_slice(line, 0, (size_t)colon)), STR("content-disposition")))
        return OK;
    line = str_slice(line, (size_t)colon + 1, line.len);
    enum error_code code = OK;
    if (find_parameter(line, "name", &value))
        code = keep_text(value, false, arena, &part->name, error);
    if (code == OK && find_parameter(line, "filename*", &value)) { /* UTF-8'language'text */
        const ptrdiff_t first = str_find_char(value, '\'', 0);
        const ptrdiff_t second = first < 0 ? -1 : str_find_char(value, '\'', (size_t)first + 1);
        return keep_text(str_slice(value, second < 0 ? 0 : (size_t)second + 1, value.len), true, arena,
                         &part->filename, error);
    }
    if (code == OK && find_parameter(line, "filename", &value))
        code = keep_text(value, false, arena, &part->filename, error);
    return code;
}

static enum error_code read_headers(struct multipart *form, struct arena *arena, struct multipart_part *part,
                                    struct error *error)
{
    size_t bytes = 0;
    for (;;) {
        const struct str window = str_slice(form->rest, 0, MULTIPART_HEADERS_MAX);
        const ptrdiff_t end = str_find(window, STR("\r\n"), 0);
        bytes += end < 0 ? 0 : (size_t)end;
        if (end < 0 || bytes > MULTIPART_HEADERS_MAX)
            return broken(error);
        const struct str line = str_slice(form->rest, 0, (size_t)end);
        form->rest = str_slice(form->rest, (size_t)end + 2, form->rest.len);
        if (line.len == 0)
            return OK;
        const enum error_code code = read_header(line, arena, part, error);
        if (code != OK)
            return code;
    }
}

enum error_code multipart_next(struct multipart *form, struct arena *arena, struct multipart_part *part,
                               bool *has_part, struct error *error)
{
    const struct str delimiter = str_of(form->delimiter), first = str_slice(delimiter, 2, delimiter.len);
    *part = (struct multipart_part){0};
    *has_part = false;
    if (form->count == 0) { /* the first one may have no line before it */
        const ptrdiff_t at = str_starts(form->rest, first) ? 0 : str_find(form->rest, delimiter, 0);
        if (at < 0)
            return broken(error);
        form->rest = str_slice(form->rest, (size_t)at + (at == 0 && str_starts(form->rest, first) ? first.len
                                                                                                 : delimiter.len),
                               form->rest.len);
    }
    enum error_code code = pass_delimiter(form, has_part, error);
    if (code != OK || !*has_part)
        return code;
    if (++form->count > MULTIPART_PARTS_MAX)
        return error_set(error, ERROR_INVALID, "The form has more than %d parts.", MULTIPART_PARTS_MAX);
    code = read_headers(form, arena, part, error);
    if (code != OK)
        return code;
    /* An empty part's delimiter begins with the line feed that ends its headers. */
    const ptrdiff_t end = str_find(form->rest, delimiter, 0);
    if (str_starts(form->rest, first)) {
        part->body = STR("");
        form->rest = str_slice(form->rest, first.len, form->rest.len);
        return OK;
    }
    if (end < 0)
        return broken(error);
    part->body = str_slice(form->rest, 0, (size_t)end);
    form->rest = str_slice(form->rest, (size_t)end + delimiter.len, form->rest.len);
    return OK;
}
