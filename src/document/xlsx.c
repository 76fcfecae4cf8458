#include "document/xlsx.h"

#include "core/limits.h"
#include "document/number_format.h"
#include "document/package.h"
#include "document/text_out.h"

#define SHEETS_MAX 1000
#define FORMATS_MAX 65536
#define STRINGS_MAX ((size_t)4 << 20)
/* A stray cell far to the right is not worth thousands of tabs. */
#define GAP_MAX 50u
#define CELL_BYTES_MAX ((size_t)1 << 20)

struct custom_format {
    unsigned id;
    struct number_format format;
};

struct sheet {
    struct str name, relation;
};

enum cell_type { CELL_NUMBER, CELL_SHARED, CELL_TEXT, CELL_BOOLEAN };

struct xlsx {
    struct package *package;
    struct text_out out;
    bool is_1904, is_out_of_memory;
    struct sheet *sheets;
    size_t sheet_count, sheet_cap;
    /* Shared strings, back to back. */
    struct buf strings;
    size_t *string_ends;
    size_t string_count, string_cap;
    /* Styles. */
    struct custom_format *customs;
    size_t custom_count, custom_cap;
    struct number_format *formats; /* by a cell's s */
    size_t format_count, format_cap;
    /* While a part is read. */
    bool is_in_formats; /* cellXfs */
    bool is_text;       /* inside t or v */
    unsigned phonetic;  /* depth inside rPh: how to pronounce what stands beside it */
    struct buf cell;
    enum cell_type type;
    size_t style;
    unsigned column, next_column;
    bool is_cell, row_has_cell, owes_empty_line;
};

static bool to_index(struct str text, size_t *index)
{
    uint64_t value;
    bool is_index = str_to_u64(text, &value) && value <= UINT32_MAX;
    *index = is_index ? (size_t)value : SIZE_MAX;
    return is_index;
}

static void *keep(struct xlsx *xlsx, void **items, size_t *count, size_t *cap, size_t size)
{
    if (!mem_grow(items, *count, cap, size)) {
        xlsx->is_out_of_memory = true;
        return NULL;
    }
    return (char *)*items + size * (*count)++;
}

static bool ignore_text(void *ctx, struct str text)
{
    (void)ctx, (void)text;
    return true;
}

/* --- workbook --------------------------------------------------------------------------------------- */

static bool on_workbook(void *ctx, struct str name, const struct xml_element *element)
{
    struct xlsx *xlsx = ctx;
    struct arena *arena = package_arena(xlsx->package);
    if (str_eq(name, STR("workbookPr"))) {
        struct str value = xml_attribute(element, "date1904");
        xlsx->is_1904 = str_eq(value, STR("1")) || str_eq(value, STR("true"));
    }
    if (!str_eq(name, STR("sheet")) || xlsx->sheet_count >= SHEETS_MAX)
        return true;
    void *items = xlsx->sheets;
    struct sheet *sheet = keep(xlsx, &items, &xlsx->sheet_count, &xlsx->sheet_cap, sizeof(*sheet));
    xlsx->sheets = items;
    if (sheet)
        xlsx->is_out_of_memory = !arena_str(arena, xml_attribute(element, "name"), &sheet->name) ||
                                 !arena_str(arena, xml_attribute(element, "id"), &sheet->relation);
    return !xlsx->is_out_of_memory;
}

/* --- shared strings --------------------------------------------------------------------------------- */

static bool on_string_start(void *ctx, struct str name, const struct xml_element *element)
{
    struct xlsx *xlsx = ctx;
    (void)element;
    xlsx->phonetic += str_eq(name, STR("rPh"));
    xlsx->is_text = str_eq(name, STR("t")) && xlsx->phonetic == 0;
    return true;
}

static bool on_string_end(void *ctx, struct str name)
{
    struct xlsx *xlsx = ctx;
    xlsx->is_text = false;
    xlsx->phonetic -= str_eq(name, STR("rPh"));
    if (!str_eq(name, STR("si")))
        return true;
    void *items = xlsx->string_ends;
    size_t *end = keep(xlsx, &items, &xlsx->string_count, &xlsx->string_cap, sizeof(*end));
    xlsx->string_ends = items;
    if (end)
        *end = xlsx->strings.len;
    return end && xlsx->string_count < STRINGS_MAX;
}

static bool on_string_text(void *ctx, struct str text)
{
    struct xlsx *xlsx = ctx;
    return !xlsx->is_text || buf_append_str(&xlsx->strings, text);
}

static struct str shared_string(const struct xlsx *xlsx, size_t index)
{
    if (index >= xlsx->string_count)
        return STR("");
    return str_slice(buf_str(&xlsx->strings), index > 0 ? xlsx->string_ends[index - 1] : 0, xlsx->string_ends[index]);
}

/* --- styles ----------------------------------------------------------------------------------------- */

static struct number_format format_of(const struct xlsx *xlsx, size_t id)
{
    for (size_t i = 0; i < xlsx->custom_count; i++)
        if (xlsx->customs[i].id == id)
            return xlsx->customs[i].format;
    return number_format_builtin((unsigned)id);
}

static bool on_style_start(void *ctx, struct str name, const struct xml_element *element)
{
    struct xlsx *xlsx = ctx;
    size_t id;
    if (str_eq(name, STR("cellXfs")))
        xlsx->is_in_formats = true;
    if (str_eq(name, STR("numFmt")) && to_index(xml_attribute(element, "numFmtId"), &id) &&
        xlsx->custom_count < SHEETS_MAX) {
        void *items = xlsx->customs;
        struct custom_format *custom =
            keep(xlsx, &items, &xlsx->custom_count, &xlsx->custom_cap, sizeof(*custom));
        xlsx->customs = items;
        if (custom)
            *custom = (struct custom_format){(unsigned)id, number_format_parse(xml_attribute(element, "formatCode"))};
    } else if (str_eq(name, STR("xf")) && xlsx->is_in_formats && xlsx->format_count < FORMATS_MAX) {
        void *items = xlsx->formats;
        struct number_format *format =
            keep(xlsx, &items, &xlsx->format_count, &xlsx->format_cap, sizeof(*format));
        xlsx->formats = items;
        (void)to_index(xml_attribute(element, "numFmtId"), &id);
        if (format)
            *format = format_of(xlsx, id);
    }
    return !xlsx->is_out_of_memory;
}

static bool on_style_end(void *ctx, struct str name)
{
    struct xlsx *xlsx = ctx;
    if (str_eq(name, STR("cellXfs")))
        xlsx->is_in_formats = false;
    return true;
}

/* --- cells ------------------------------------------------------------------------------------------ */

/* "BC12": the letters are the column, from 0. */
static bool parse_column(struct str reference, unsigned *column)
{
    unsigned value = 0;
    size_t i = 0;
    for (; i < reference.len && i < 4 && reference.data[i] >= 'A' && reference.data[i] <= 'Z'; i++)
        value = value * 26 + (unsigned)(reference.data[i] - 'A') + 1;
    *column = value - 1;
    return i > 0;
}

static void start_cell(struct xlsx *xlsx, const struct xml_element *element)
{
    struct str type = xml_attribute(element, "t");
    xlsx->is_cell = true;
    buf_clear(&xlsx->cell);
    (void)to_index(xml_attribute(element, "s"), &xlsx->style);
    if (!parse_column(xml_attribute(element, "r"), &xlsx->column))
        xlsx->column = xlsx->next_column;
    xlsx->type = str_eq(type, STR("s"))                    ? CELL_SHARED
                 : str_eq(type, STR("b"))                  ? CELL_BOOLEAN
                 : type.len == 0 || str_eq(type, STR("n")) ? CELL_NUMBER
                                                           : CELL_TEXT; /* inlineStr, str, d, e */
}

static bool on_cell_start(void *ctx, struct str name, const struct xml_element *element)
{
    struct xlsx *xlsx = ctx;
    xlsx->phonetic += str_eq(name, STR("rPh"));
    if (str_eq(name, STR("row"))) {
        xlsx->next_column = 0;
        xlsx->row_has_cell = false;
    } else if (str_eq(name, STR("c"))) {
        start_cell(xlsx, element);
    }
    xlsx->is_text = xlsx->is_cell && xlsx->phonetic == 0 && (str_eq(name, STR("v")) || str_eq(name, STR("t")));
    return true;
}

/* A cell's text on one line of one column. */
static void put_cell_text(struct xlsx *xlsx, struct str text)
{
    for (size_t from = 0, i = 0; i <= text.len; i++) {
        bool is_break = i < text.len && (text.data[i] == '\n' || text.data[i] == '\r' || text.data[i] == '\t');
        if (i < text.len && !is_break)
            continue;
        text_put(&xlsx->out, str_slice(text, from, i));
        if (is_break)
            text_put_char(&xlsx->out, ' ');
        from = i + 1;
    }
}

static void put_number(struct xlsx *xlsx, struct str text)
{
    static const struct number_format general = {.kind = NUMBER_GENERAL};
    char shown[NUMBER_TEXT_MAX];
    double value;
    if (!str_to_double(text, &value)) {
        put_cell_text(xlsx, text);
        return;
    }
    const struct number_format *format = xlsx->style < xlsx->format_count ? &xlsx->formats[xlsx->style] : &general;
    number_format_write(format, value, xlsx->is_1904, shown);
    text_put(&xlsx->out, str_of(shown));
}

static void put_cell(struct xlsx *xlsx)
{
    struct str text = buf_str(&xlsx->cell);
    size_t index;
    unsigned gap = xlsx->column > xlsx->next_column ? xlsx->column - xlsx->next_column : 0;
    if (xlsx->owes_empty_line)
        text_put_char(&xlsx->out, '\n');
    xlsx->owes_empty_line = false;
    gap = (gap < GAP_MAX ? gap : GAP_MAX) + xlsx->row_has_cell;
    for (unsigned i = 0; i < gap; i++)
        text_put_char(&xlsx->out, '\t');
    xlsx->row_has_cell = true;
    switch (xlsx->type) {
    case CELL_NUMBER: put_number(xlsx, text); break;
    case CELL_TEXT: put_cell_text(xlsx, text); break;
    case CELL_BOOLEAN: text_put(&xlsx->out, str_eq(text, STR("1")) ? STR("TRUE") : STR("FALSE")); break;
    case CELL_SHARED:
        (void)to_index(text, &index);
        put_cell_text(xlsx, shared_string(xlsx, index));
        break;
    }
    xlsx->next_column = xlsx->column + 1;
}

static bool on_cell_end(void *ctx, struct str name)
{
    struct xlsx *xlsx = ctx;
    xlsx->is_text = false;
    xlsx->phonetic -= str_eq(name, STR("rPh"));
    if (str_eq(name, STR("c"))) {
        if (xlsx->cell.len > 0 && !xlsx->cell.failed)
            put_cell(xlsx);
        xlsx->is_cell = false;
    } else if (str_eq(name, STR("row"))) {
        if (xlsx->row_has_cell)
            text_put_char(&xlsx->out, '\n');
        else
            xlsx->owes_empty_line = true;
    }
    return text_is_whole(&xlsx->out);
}

static bool on_cell_text(void *ctx, struct str text)
{
    struct xlsx *xlsx = ctx;
    return !xlsx->is_text || buf_append_str(&xlsx->cell, text);
}

/* --- parts ------------------------------------------------------------------------------------------ */

static enum error_code check(const struct xlsx *xlsx, struct error *error)
{
    if (xlsx->is_out_of_memory)
        return error_no_memory(error);
    if (xlsx->strings.failed || xlsx->cell.failed)
        return error_set(error, ERROR_INVALID, "its text has more than the limit of %zu bytes; send a part of it",
                         xlsx->out.buf->max);
    return text_check(&xlsx->out, error);
}

static enum error_code read_sheet(struct xlsx *xlsx, const struct sheet *sheet,
                                  const struct package_relation *relations, struct error *error)
{
    static const struct xml_handler handler = {on_cell_start, on_cell_end, on_cell_text};
    bool is_there;
    while (relations && !str_eq(relations->id, sheet->relation))
        relations = relations->next;
    if (!relations || !str_eq(relations->type, STR("worksheet"))) /* a sheet that is one chart */
        return OK;
    if (xlsx->out.buf->len > 0)
        text_put_char(&xlsx->out, '\n');
    text_put(&xlsx->out, STR("Sheet: "));
    put_cell_text(xlsx, sheet->name);
    text_put_char(&xlsx->out, '\n');
    xlsx->is_cell = xlsx->is_text = xlsx->owes_empty_line = false;
    xlsx->phonetic = 0;
    enum error_code code = package_parse(xlsx->package, relations->target, &handler, xlsx, &is_there, error);
    return code == OK ? check(xlsx, error) : code;
}

static enum error_code read_part(struct xlsx *xlsx, const struct package_relation *relations, struct str type,
                                 const struct xml_handler *handler, struct error *error)
{
    const struct package_relation *part = package_relation_of(relations, type);
    bool is_there;
    enum error_code code = part ? package_parse(xlsx->package, part->target, handler, xlsx, &is_there, error) : OK;
    return code == OK ? check(xlsx, error) : code;
}

static enum error_code read_workbook(struct xlsx *xlsx, struct error *error)
{
    static const struct xml_handler workbook = {on_workbook, on_style_end, ignore_text};
    static const struct xml_handler strings = {on_string_start, on_string_end, on_string_text};
    static const struct xml_handler styles = {on_style_start, on_style_end, ignore_text};
    struct package_relation *relations;
    enum error_code code = package_relations(xlsx->package, "", &relations, error);
    if (code != OK)
        return code;
    const struct package_relation *main_part = package_relation_of(relations, STR("officeDocument"));
    const char *name = main_part ? main_part->target : "xl/workbook.xml";
    code = package_relations(xlsx->package, name, &relations, error);
    if (code == OK)
        code = package_parse(xlsx->package, name, &workbook, xlsx, NULL, error);
    if (code == OK)
        code = read_part(xlsx, relations, STR("sharedStrings"), &strings, error);
    if (code == OK)
        code = read_part(xlsx, relations, STR("styles"), &styles, error);
    if (code == OK && xlsx->sheet_count == 0)
        code = error_set(error, ERROR_INVALID, "the file is damaged, or not an xlsx file: it has no sheets");
    for (size_t i = 0; code == OK && i < xlsx->sheet_count; i++)
        code = read_sheet(xlsx, &xlsx->sheets[i], relations, error);
    return code;
}

enum error_code xlsx_text(struct str bytes, struct buf *out, struct error *error)
{
    struct xlsx xlsx = {.out = {.buf = out}};
    /* Strings that no cell shows don't count against the text, and still have a bound. */
    buf_init(&xlsx.strings, (size_t)limit(document_inflated_bytes));
    buf_init(&xlsx.cell, CELL_BYTES_MAX);
    enum error_code code = package_open(bytes, &xlsx.package, error);
    if (code == OK)
        code = read_workbook(&xlsx, error);
    package_close(xlsx.package);
    buf_deinit(&xlsx.strings);
    buf_deinit(&xlsx.cell);
    mem_free(xlsx.sheets);
    mem_free(xlsx.string_ends);
    mem_free(xlsx.customs);
    mem_free(xlsx.formats);
    return code;
}
