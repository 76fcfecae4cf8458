/* xlsx.c - sheets, shared strings and cells of an Excel file as lines. How a number is shown is number_format.c's.
 * See xlsx.h. */
#include "document/xlsx.h"

#include <stdio.h>

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
#define FORMULA_BYTES_MAX ((size_t)8192) /* what Excel allows; the rest of a longer one is left out */
#define COLUMNS_MAX 16384u

struct custom_format {
    unsigned id;
    struct number_format format;
};

struct sheet {
    struct str name, relation;
    bool is_hidden;
};

enum cell_type { CELL_NUMBER, CELL_SHARED, CELL_TEXT, CELL_STRING, CELL_BOOLEAN, CELL_DATE };

struct xlsx {
    struct package *package;
    struct text_out out;
    bool is_1904, is_out_of_memory;
    bool is_recalculated; /* values in the file are not those that a cell will show */
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
    struct buf cell, formula;
    enum cell_type type;
    size_t style;
    bool has_formula, is_formula; /* of the cell; inside f */
    unsigned column;     /* of the cell, from 0; COLUMNS_MAX: it has none */
    unsigned next_column; /* of a cell that does not say where it is */
    unsigned tab;        /* column up to which tabs are written */
    size_t row;          /* from 1 */
    bool is_cell, is_row_hidden, row_has_cell, has_row, owes_empty_line;
    /* Hidden rows and columns of the sheet. */
    uint8_t hidden_columns[COLUMNS_MAX / 8];
    size_t hidden_row_count, hidden_cell_count; /* with something in them */
};

static bool to_index(struct str text, size_t *index)
{
    uint64_t value;
    bool is_index = str_to_u64(text, &value) && value <= UINT32_MAX;
    *index = is_index ? (size_t)value : SIZE_MAX;
    return is_index;
}

static bool is_true(struct str value)
{
    return str_eq(value, STR("1")) || str_eq(value, STR("true"));
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
        xlsx->is_1904 = is_true(value);
    }
    if (str_eq(name, STR("calcPr")))
        xlsx->is_recalculated = is_true(xml_attribute(element, "fullCalcOnLoad"));
    if (!str_eq(name, STR("sheet")) || xlsx->sheet_count >= SHEETS_MAX)
        return true;
    void *items = xlsx->sheets;
    struct sheet *sheet = keep(xlsx, &items, &xlsx->sheet_count, &xlsx->sheet_cap, sizeof(*sheet));
    xlsx->sheets = items;
    if (!sheet)
        return false;
    struct str visibility = xml_attribute(element, "state");
    sheet->is_hidden = str_eq(visibility, STR("hidden")) || str_eq(visibility, STR("veryHidden"));
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
        struct str code;
        if (custom && arena_str(package_arena(xlsx->package), xml_attribute(element, "formatCode"), &code))
            *custom = (struct custom_format){(unsigned)id, number_format_parse(code)};
        else
            xlsx->is_out_of_memory = true;
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
    return i > 0 && value <= COLUMNS_MAX;
}

static bool is_column_hidden(const struct xlsx *xlsx, unsigned column)
{
    return column < COLUMNS_MAX && xlsx->hidden_columns[column / 8] >> column % 8 & 1;
}

static void start_columns(struct xlsx *xlsx, const struct xml_element *element)
{
    size_t first, last;
    if (!is_true(xml_attribute(element, "hidden")) || !to_index(xml_attribute(element, "min"), &first) ||
        !to_index(xml_attribute(element, "max"), &last) || first == 0)
        return;
    for (size_t column = first - 1; column < last && column < COLUMNS_MAX; column++)
        xlsx->hidden_columns[column / 8] |= (uint8_t)(1u << column % 8);
}

static void start_row(struct xlsx *xlsx, const struct xml_element *element)
{
    size_t row;
    if (!to_index(xml_attribute(element, "r"), &row))
        row = xlsx->row + 1;
    xlsx->owes_empty_line = xlsx->owes_empty_line || (xlsx->has_row && row > xlsx->row + 1);
    xlsx->row = row;
    xlsx->next_column = xlsx->tab = 0;
    xlsx->row_has_cell = false;
    xlsx->is_row_hidden = is_true(xml_attribute(element, "hidden"));
    xlsx->has_row = true;
}

static enum cell_type cell_type_of(struct str type)
{
    static const struct {
        struct str name;
        enum cell_type type;
    } types[] = {{{"s", 1}, CELL_SHARED}, {{"b", 1}, CELL_BOOLEAN}, {{"n", 1}, CELL_NUMBER}, {{"", 0}, CELL_NUMBER},
                 {{"str", 3}, CELL_STRING}, {{"d", 1}, CELL_DATE}};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (str_eq(type, types[i].name))
            return types[i].type;
    return CELL_TEXT; /* inlineStr, e */
}

static void start_cell(struct xlsx *xlsx, const struct xml_element *element)
{
    xlsx->is_cell = true;
    xlsx->has_formula = false;
    buf_clear(&xlsx->cell);
    buf_clear(&xlsx->formula);
    (void)to_index(xml_attribute(element, "s"), &xlsx->style);
    if (!parse_column(xml_attribute(element, "r"), &xlsx->column))
        xlsx->column = xlsx->next_column;
    xlsx->next_column = xlsx->column + 1;
    xlsx->type = cell_type_of(xml_attribute(element, "t"));
}

static bool on_cell_start(void *ctx, struct str name, const struct xml_element *element)
{
    struct xlsx *xlsx = ctx;
    xlsx->phonetic += str_eq(name, STR("rPh"));
    if (str_eq(name, STR("row")))
        start_row(xlsx, element);
    else if (str_eq(name, STR("col")))
        start_columns(xlsx, element);
    else if (str_eq(name, STR("c")))
        start_cell(xlsx, element);
    xlsx->is_formula = xlsx->is_cell && str_eq(name, STR("f"));
    xlsx->has_formula = xlsx->has_formula || xlsx->is_formula;
    xlsx->is_text = xlsx->is_cell && xlsx->phonetic == 0 && (str_eq(name, STR("v")) || str_eq(name, STR("t")));
    return true;
}

/* "_x000D_" stands for a character that XML cannot hold: its value, -1 when it is none. */
static int escaped_character(struct str text)
{
    int value = 0;
    if (text.len < 7 || text.data[0] != '_' || text.data[1] != 'x' || text.data[6] != '_')
        return -1;
    for (size_t i = 2; i < 6; i++) {
        char c = text.data[i], lower = (char)(c | 32);
        bool is_digit = c >= '0' && c <= '9';
        if (!is_digit && (lower < 'a' || lower > 'f'))
            return -1;
        value = value * 16 + (is_digit ? c - '0' : lower - 'a' + 10);
    }
    return value;
}

static void put_escaped(struct xlsx *xlsx, int c)
{
    const unsigned char three[] = {(unsigned char)(0xE0 | c >> 12), (unsigned char)(0x80 | (c >> 6 & 0x3F)),
                                   (unsigned char)(0x80 | (c & 0x3F))};
    const unsigned char two[] = {(unsigned char)(0xC0 | c >> 6), (unsigned char)(0x80 | (c & 0x3F))};
    if (c == '\n' || c == '\r' || c == '\t')
        text_put_char(&xlsx->out, ' ');
    else if (c >= 0xD800 && c <= 0xDFFF)
        text_put(&xlsx->out, STR("\xEF\xBF\xBD"));
    else if (c >= ' ' && c < 0x80)
        text_put_char(&xlsx->out, (char)c);
    else if (c >= 0x80)
        text_put(&xlsx->out, c < 0x800 ? (struct str){(const char *)two, 2} : (struct str){(const char *)three, 3});
}

/* The first half of a line's end of two characters. */
static bool is_line_start(int c, struct str rest)
{
    return c == '\r' && (str_starts(rest, STR("\n")) || escaped_character(str_slice(rest, 0, 7)) == '\n');
}

/* A cell's text on one line of one column. */
static void put_cell_text(struct xlsx *xlsx, struct str text)
{
    size_t from = 0, i = 0;
    while (i < text.len) {
        char c = text.data[i];
        int escaped = c == '_' ? escaped_character(str_slice(text, i, i + 7)) : -1;
        if (escaped < 0 && c != '\n' && c != '\r' && c != '\t') {
            i++;
            continue;
        }
        text_put(&xlsx->out, str_slice(text, from, i));
        size_t len = escaped >= 0 ? 7 : 1;
        if (!is_line_start(escaped >= 0 ? escaped : c, str_slice(text, i + len, text.len)))
            put_escaped(xlsx, escaped >= 0 ? escaped : c);
        i += len;
        from = i;
    }
    text_put(&xlsx->out, str_slice(text, from, text.len));
}

static const struct number_format *cell_format(const struct xlsx *xlsx)
{
    static const struct number_format general = {.count = 0};
    return xlsx->style < xlsx->format_count ? &xlsx->formats[xlsx->style] : &general;
}

static void put_number(struct xlsx *xlsx, struct str text)
{
    char shown[NUMBER_TEXT_MAX];
    number_format_write(cell_format(xlsx), text, xlsx->is_1904, shown);
    put_cell_text(xlsx, str_of(shown));
}

static void put_string(struct xlsx *xlsx, struct str text)
{
    char before[NUMBER_TEXT_MAX], behind[NUMBER_TEXT_MAX];
    bool is_shown = number_format_around(cell_format(xlsx), before, behind);
    put_cell_text(xlsx, str_of(before));
    if (is_shown)
        put_cell_text(xlsx, text);
    put_cell_text(xlsx, str_of(behind));
}

/* "2024-03-01T00:00:00Z": a moment in words, without a time that says nothing. */
static void put_iso_date(struct xlsx *xlsx, struct str text)
{
    ptrdiff_t at = str_find_char(text, 'T', 0);
    struct str date = str_slice(text, 0, at < 0 ? text.len : (size_t)at);
    struct str time = at < 0 ? STR("") : str_slice(text, (size_t)at + 1, text.len);
    bool is_midnight = true;
    for (size_t i = 0; i < time.len; i++)
        is_midnight = is_midnight && strchr("0:.Z", time.data[i]);
    put_cell_text(xlsx, date);
    if (!is_midnight && date.len > 0)
        text_put_char(&xlsx->out, ' ');
    if (!is_midnight)
        put_cell_text(xlsx, str_ends(time, STR("Z")) ? str_slice(time, 0, time.len - 1) : time);
}

/* Its result is not in the file: programs that write files don't compute. */
static bool is_not_computed(const struct xlsx *xlsx)
{
    struct str value = buf_str(&xlsx->cell);
    if (!xlsx->has_formula || xlsx->type == CELL_STRING)
        return false;
    return value.len == 0 || (xlsx->is_recalculated && xlsx->type == CELL_NUMBER && str_eq(value, STR("0")));
}

/* As someone sees it: names of functions newer than the format carry marks that a spreadsheet does not show. */
static void put_formula_text(struct xlsx *xlsx, struct str formula)
{
    static const struct str marks[] = {{"_xlfn.", 6}, {"_xlws.", 6}, {"_xlpm.", 6}};
    size_t from = 0;
    for (size_t i = 0; i < formula.len; i++) {
        struct str here = str_slice(formula, i, i + 6);
        if (formula.data[i] != '_' || !(str_eq(here, marks[0]) || str_eq(here, marks[1]) || str_eq(here, marks[2])))
            continue;
        put_cell_text(xlsx, str_slice(formula, from, i));
        from = i + 6;
        i += 5;
    }
    put_cell_text(xlsx, str_slice(formula, from, formula.len));
}

static void put_formula(struct xlsx *xlsx)
{
    struct str formula = buf_str(&xlsx->formula);
    text_put_char(&xlsx->out, '=');
    put_formula_text(xlsx, formula.len > 0 ? str_slice(formula, 0, str_utf8_valid_len(formula)) : STR("formula"));
    text_put(&xlsx->out, STR(" (not computed)"));
}

static void put_value(struct xlsx *xlsx)
{
    struct str text = buf_str(&xlsx->cell);
    size_t index;
    if (is_not_computed(xlsx)) {
        put_formula(xlsx);
        return;
    }
    switch (xlsx->type) {
    case CELL_NUMBER: put_number(xlsx, text); break;
    case CELL_TEXT:
    case CELL_STRING: put_string(xlsx, text); break;
    case CELL_BOOLEAN: text_put(&xlsx->out, is_true(text) ? STR("TRUE") : STR("FALSE")); break;
    case CELL_DATE: put_iso_date(xlsx, text); break;
    case CELL_SHARED:
        if (to_index(text, &index) && index < xlsx->string_count)
            put_string(xlsx, shared_string(xlsx, index));
        else
            text_put(&xlsx->out, STR("(text missing in the file)"));
        break;
    }
}

/* Tabs for the columns from the last cell to this one, those that can be seen; one that stands out of order is kept
 * apart, too. */
static void put_tabs(struct xlsx *xlsx)
{
    unsigned gap = 0;
    for (unsigned column = xlsx->tab; column < xlsx->column && gap <= GAP_MAX; column++)
        gap += !is_column_hidden(xlsx, column);
    if (gap == 0 && xlsx->row_has_cell)
        gap = 1;
    for (unsigned i = 0; i < gap; i++)
        text_put_char(&xlsx->out, '\t');
    xlsx->tab = xlsx->column > xlsx->tab ? xlsx->column : xlsx->tab;
}

static void put_cell(struct xlsx *xlsx)
{
    if (xlsx->is_row_hidden) {
        xlsx->row_has_cell = true;
        return;
    }
    if (is_column_hidden(xlsx, xlsx->column)) {
        xlsx->hidden_cell_count++;
        return;
    }
    if (xlsx->owes_empty_line)
        text_put_char(&xlsx->out, '\n');
    xlsx->owes_empty_line = false;
    put_tabs(xlsx);
    xlsx->row_has_cell = true;
    put_value(xlsx);
}

static void end_row(struct xlsx *xlsx)
{
    if (xlsx->is_row_hidden)
        xlsx->hidden_row_count += xlsx->row_has_cell;
    else if (xlsx->row_has_cell)
        text_put_char(&xlsx->out, '\n');
    else
        xlsx->owes_empty_line = true;
}

static bool on_cell_end(void *ctx, struct str name)
{
    struct xlsx *xlsx = ctx;
    xlsx->is_text = xlsx->is_formula = false;
    xlsx->phonetic -= str_eq(name, STR("rPh"));
    if (str_eq(name, STR("c"))) {
        if ((xlsx->cell.len > 0 || is_not_computed(xlsx)) && !xlsx->cell.failed)
            put_cell(xlsx);
        xlsx->is_cell = false;
    } else if (str_eq(name, STR("row"))) {
        end_row(xlsx);
    }
    return text_is_whole(&xlsx->out);
}

static bool on_cell_text(void *ctx, struct str text)
{
    struct xlsx *xlsx = ctx;
    if (xlsx->is_formula)
        buf_append_str(&xlsx->formula, str_slice(text, 0, FORMULA_BYTES_MAX - xlsx->formula.len));
    return !xlsx->is_text || buf_append_str(&xlsx->cell, text);
}

/* --- parts ------------------------------------------------------------------------------------------ */

static enum error_code check(const struct xlsx *xlsx, struct error *error)
{
    if (xlsx->is_out_of_memory)
        return error_no_memory(error);
    if (xlsx->strings.failed || xlsx->cell.failed || xlsx->formula.failed)
        return error_set(error, ERROR_INVALID, "its text has more than the limit of %zu bytes; send a part of it",
                         xlsx->out.buf->max);
    return text_check(&xlsx->out, error);
}

/* What is left out is said: it may be what someone asks for. */
static void put_what_is_hidden(struct xlsx *xlsx)
{
    char line[96];
    if (xlsx->hidden_row_count + xlsx->hidden_cell_count == 0)
        return;
    int len = snprintf(line, sizeof(line), "(left out: %zu hidden rows, %zu cells in hidden columns)\n",
                       xlsx->hidden_row_count, xlsx->hidden_cell_count);
    text_put(&xlsx->out, (struct str){line, (size_t)len});
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
    text_put(&xlsx->out, sheet->is_hidden ? STR(" (hidden)\n") : STR("\n"));
    xlsx->is_cell = xlsx->is_text = xlsx->is_formula = xlsx->owes_empty_line = xlsx->has_row = false;
    xlsx->phonetic = 0;
    xlsx->row = xlsx->hidden_row_count = xlsx->hidden_cell_count = 0;
    memset(xlsx->hidden_columns, 0, sizeof(xlsx->hidden_columns));
    enum error_code code = package_parse(xlsx->package, relations->target, &handler, xlsx, &is_there, error);
    put_what_is_hidden(xlsx);
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
    buf_init(&xlsx.formula, FORMULA_BYTES_MAX);
    enum error_code code = package_open(bytes, &xlsx.package, error);
    if (code == OK)
        code = read_workbook(&xlsx, error);
    package_close(xlsx.package);
    buf_deinit(&xlsx.strings);
    buf_deinit(&xlsx.cell);
    buf_deinit(&xlsx.formula);
    mem_free(xlsx.sheets);
    mem_free(xlsx.string_ends);
    mem_free(xlsx.customs);
    mem_free(xlsx.formats);
    return code;
}
