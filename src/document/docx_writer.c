/* docx_writer.c - lines and rows of tables out of what docx_reader.c finds. Knows no XML. See docx_writer.h. */
#include "document/docx_writer.h"

#include "document/script_signs.h"

#define SPAN_MAX 64

void docx_writer_init(struct docx_writer *writer, struct buf *out)
{
    *writer = (struct docx_writer){.out = {.buf = out}, .line_ends = 2};
}

static struct docx_table *table_of(struct docx_writer *writer)
{
    return writer->depth == 0                  ? NULL
           : writer->depth <= DOCX_TABLES_MAX ? &writer->tables[writer->depth - 1]
                                              : &writer->tables[DOCX_TABLES_MAX - 1];
}

/* --- lines ------------------------------------------------------------------------------------------ */

static void put_raw(struct docx_writer *writer, struct str text)
{
    if (text.len == 0)
        return;
    text_put(&writer->out, text);
    writer->line_ends = 0;
}

void docx_end_line(struct docx_writer *writer)
{
    if (writer->line_ends > 0)
        return;
    text_put_char(&writer->out, '\n');
    writer->line_ends = 1;
}

void docx_blank_line(struct docx_writer *writer)
{
    docx_end_line(writer);
    if (writer->line_ends == 1)
        text_put_char(&writer->out, '\n');
    writer->line_ends = 2;
}

/* --- a paragraph ------------------------------------------------------------------------------------ */

static void reset_paragraph(struct docx_writer *writer)
{
    writer->has_begun = writer->is_heading = writer->is_silent = writer->is_struck = false;
    writer->prefix[0] = '\0';
    writer->owed_len = writer->script_len = 0;
}

void docx_start_paragraph(struct docx_writer *writer)
{
    if (writer->has_begun && writer->depth == 0) /* a text box inside a paragraph */
        docx_end_line(writer);
    reset_paragraph(writer);
}

void docx_set_prefix(struct docx_writer *writer, struct str prefix, bool is_heading)
{
    docx_copy_text(prefix, writer->prefix, sizeof(writer->prefix));
    writer->is_heading = is_heading;
}

static void begin_in_table(struct docx_writer *writer, struct docx_table *table)
{
    if (table->owes_line)
        docx_end_line(writer);
    for (unsigned i = 0; i < table->owed_tabs; i++)
        put_raw(writer, STR("\t"));
    if (table->has_cell_text && !table->owes_line && table->owed_tabs == 0)
        put_raw(writer, STR(" "));
    table->owes_line = false;
    table->owed_tabs = 0;
    table->has_cell_text = true;
}

static void begin(struct docx_writer *writer)
{
    struct docx_table *table = table_of(writer);
    writer->has_begun = true;
    if (table)
        begin_in_table(writer, table);
    else if (writer->is_heading)
        docx_blank_line(writer);
    put_raw(writer, str_of(writer->prefix));
}

/* Everything that is owed, before a visible character. */
static void settle(struct docx_writer *writer)
{
    if (!writer->has_begun)
        begin(writer);
    for (size_t i = 0; i < writer->owed_len; i++)
        put_raw(writer, writer->depth > 0 ? STR(" ") : (struct str){&writer->owed[i], 1});
    writer->owed_len = 0;
}

static void owe(struct docx_writer *writer, char c)
{
    if (writer->owed_len < DOCX_OWED_MAX)
        writer->owed[writer->owed_len++] = c;
}

/* Character by character only where it has to be: white space that would break a line. */
static void put_visible(struct docx_writer *writer, struct str text)
{
    for (size_t from = 0, i = 0; i <= text.len; i++) {
        bool is_hyphen = str_starts(str_slice(text, i, i + 2), STR("\xC2\xAD")); /* soft: not shown */
        bool is_break = i < text.len && (text.data[i] == '\n' || text.data[i] == '\r' || text.data[i] == '\t');
        if (i < text.len && !is_break && !is_hyphen)
            continue;
        if (i > from) {
            settle(writer);
            put_raw(writer, str_slice(text, from, i));
        }
        if (is_break)
            owe(writer, text.data[i] == '\r' ? '\n' : text.data[i]);
        i += is_hyphen;
        from = i + 1;
    }
}

static char last_character(const struct docx_writer *writer)
{
    const struct buf *buf = writer->out.buf;
    return !writer->has_begun || writer->owed_len > 0 || buf->len == 0 ? '\n' : buf->data[buf->len - 1];
}

/* Raised or lowered text that has waited for `next`. */
static void put_script(struct docx_writer *writer, char next)
{
    struct str text = {writer->script_text, writer->script_len};
    if (writer->script_len == 0)
        return;
    writer->script_len = 0;
    struct str inner = str_trim(text);
    struct script_signs signs = script_signs(inner, writer->script == DOCX_RAISED, last_character(writer), next);
    put_visible(writer, str_slice(text, 0, (size_t)(inner.data - text.data)));
    put_visible(writer, str_of(signs.open));
    put_visible(writer, inner);
    put_visible(writer, str_of(signs.close));
    bool ends_in_space = inner.data + inner.len < text.data + text.len;
    if (ends_in_space || signs.needs_space)
        put_visible(writer, STR(" "));
}

static void set_struck(struct docx_writer *writer, bool is_struck)
{
    if (writer->is_struck == is_struck)
        return;
    if (is_struck)
        settle(writer);
    put_raw(writer, STR("~~"));
    writer->is_struck = is_struck;
}

void docx_put(struct docx_writer *writer, struct str text, const struct docx_look *look)
{
    enum docx_script script = look ? look->script : DOCX_BASELINE;
    bool is_script = script == DOCX_RAISED || script == DOCX_LOWERED;
    if (text.len == 0)
        return;
    if (!writer->has_begun && writer->prefix[0]) { /* which ends in a blank of its own */
        while (text.len > 0 && text.data[0] == ' ')
            text = str_slice(text, 1, text.len);
        if (text.len == 0)
            return;
    }
    bool is_same = is_script && script == writer->script && writer->script_len + text.len < DOCX_SCRIPT_MAX;
    if (!is_same)
        put_script(writer, is_script ? '^' : text.data[0]);
    set_struck(writer, look && look->struck == DOCX_ON);
    if (is_script && text.len < DOCX_SCRIPT_MAX) {
        memcpy(writer->script_text + writer->script_len, text.data, text.len);
        writer->script_len += text.len;
        writer->script = script;
    } else {
        put_visible(writer, text);
    }
}

void docx_put_tab(struct docx_writer *writer)
{
    put_script(writer, '\0');
    owe(writer, '\t');
}

void docx_put_break(struct docx_writer *writer)
{
    put_script(writer, '\0');
    if (writer->has_begun)
        owe(writer, '\n');
}

void docx_put_prefix(struct docx_writer *writer)
{
    if (!writer->has_begun && writer->prefix[0])
        begin(writer);
}

void docx_end_paragraph(struct docx_writer *writer)
{
    put_script(writer, '\0');
    set_struck(writer, false);
    if (writer->depth == 0 && writer->has_begun)
        docx_end_line(writer);
    else if (writer->depth == 0 && writer->line_ends == 1 && !writer->is_silent)
        docx_blank_line(writer);
    reset_paragraph(writer);
}

/* --- tables ----------------------------------------------------------------------------------------- */

void docx_start_table(struct docx_writer *writer)
{
    if (writer->depth == 0)
        docx_end_line(writer);
    writer->depth++;
    if (writer->depth <= DOCX_TABLES_MAX)
        *table_of(writer) = (struct docx_table){.owes_line = true, .span = 1};
    writer->has_begun = false;
}

void docx_end_table(struct docx_writer *writer)
{
    if (writer->depth > 0)
        writer->depth--;
    struct docx_table *table = table_of(writer);
    if (table && writer->depth < DOCX_TABLES_MAX)
        table->is_broken = table->owes_line = true;
    writer->has_begun = false;
}

static bool is_flat(const struct docx_writer *writer)
{
    return writer->depth > 0 && writer->depth <= DOCX_TABLES_MAX;
}

void docx_start_row(struct docx_writer *writer)
{
    if (is_flat(writer))
        *table_of(writer) = (struct docx_table){.owes_line = true, .span = 1};
}

void docx_end_row(struct docx_writer *writer)
{
    if (is_flat(writer))
        docx_end_line(writer);
}

void docx_start_cell(struct docx_writer *writer)
{
    struct docx_table *table = table_of(writer);
    if (!is_flat(writer))
        return;
    if (table->is_broken)
        table->owes_line = true;
    else if (table->cells > 0)
        table->owed_tabs += table->span;
    table->cells++;
    table->span = 1;
    table->has_cell_text = false;
}

void docx_drop_cell(struct docx_writer *writer)
{
    if (is_flat(writer))
        table_of(writer)->span = 0;
}

void docx_set_span(struct docx_writer *writer, int columns)
{
    if (is_flat(writer))
        table_of(writer)->span = columns >= 1 && columns <= SPAN_MAX ? (unsigned)columns : 1;
}

void docx_skip_columns(struct docx_writer *writer, int columns)
{
    if (is_flat(writer) && columns > 0 && columns <= SPAN_MAX)
        table_of(writer)->owed_tabs += (unsigned)columns;
}
