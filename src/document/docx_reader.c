/* docx_reader.c - walks the elements of a part and tells docx_writer.c what they are. Keeps no text. See
 * docx_reader.h. */
#include "document/docx_reader.h"

#include <stdio.h>

#define NOTE_LABEL_MAX 32

void docx_reader_init(struct docx_reader *reader, struct buf *out, const struct docx_styles *styles,
                      struct docx_numbering *numbering)
{
    docx_writer_init(&reader->writer, out);
    docx_math_init(&reader->math);
    buf_init(&reader->box, out->max);
    reader->styles = styles;
    reader->numbering = numbering;
}

void docx_reader_deinit(struct docx_reader *reader)
{
    docx_math_deinit(&reader->math);
    buf_deinit(&reader->box);
}

void docx_reader_begin(struct docx_reader *reader)
{
    reader->skipped = reader->properties = reader->runs = reader->math_depth = reader->boxes = 0;
    reader->is_text = reader->is_ruby = reader->is_row_properties = reader->is_joined = false;
    reader->fields.depth = 0;
    reader->note[0] = '\0';
    buf_clear(&reader->box);
    reader->writer.depth = 0;
    reader->paragraph = (struct docx_paragraph){.level = -1};
    docx_start_paragraph(&reader->writer);
}

/* --- paragraphs ------------------------------------------------------------------------------------- */

static void apply_style(struct docx_reader *reader, struct str id)
{
    struct docx_paragraph *paragraph = &reader->paragraph;
    docx_copy_text(id, reader->style_space, sizeof(reader->style_space));
    paragraph->style = str_of(reader->style_space);
    paragraph->heading = docx_style_heading(reader->styles, paragraph->style);
    if (!paragraph->has_number)
        docx_style_list(reader->styles, paragraph->style, &paragraph->number_id, &paragraph->level);
}

/* One that goes on in the line of the last has begun: no label of its own stands in the middle of it. */
static void start_paragraph(struct docx_reader *reader)
{
    if (!reader->is_joined)
        docx_start_paragraph(&reader->writer);
    reader->paragraph = (struct docx_paragraph){.is_open = !reader->is_joined, .level = -1};
    reader->is_joined = false;
    apply_style(reader, STR(""));
}

/* Behind a paragraph without a mark comes none that could go on with it. */
static void end_joined(struct docx_reader *reader)
{
    if (reader->is_joined)
        docx_end_paragraph(&reader->writer);
    reader->is_joined = false;
}

static void append(char out[DOCX_PREFIX_MAX], const char *text)
{
    size_t len = strlen(out);
    docx_copy_text(str_of(text), out + len, DOCX_PREFIX_MAX - len);
}

static void append_label(struct docx_reader *reader, bool is_heading, char prefix[DOCX_PREFIX_MAX])
{
    struct docx_paragraph *paragraph = &reader->paragraph;
    char label[DOCX_LABEL_MAX];
    int level = paragraph->level;
    if (level < 0 && !paragraph->has_number)
        level = docx_numbering_level_of(reader->numbering, paragraph->number_id, paragraph->style);
    docx_label(reader->numbering, paragraph->number_id, level < 0 ? 0 : level, label);
    for (int i = 0; i < level && i < DOCX_LEVELS && reader->writer.depth == 0 && !is_heading; i++)
        append(prefix, "  ");
    append(prefix, label);
    append(prefix, label[0] ? " " : "");
}

/* Before the first character, when all properties are known: heading, note and label, which counts on. */
static void decide_beginning(struct docx_reader *reader)
{
    struct docx_paragraph *paragraph = &reader->paragraph;
    char prefix[DOCX_PREFIX_MAX] = "";
    bool is_heading = paragraph->heading > 0 && reader->writer.depth == 0;
    if (!paragraph->is_open)
        return;
    paragraph->is_open = false;
    append(prefix, reader->note);
    reader->note[0] = '\0';
    for (int i = 0; is_heading && i < paragraph->heading; i++)
        append(prefix, "#");
    append(prefix, is_heading ? " " : "");
    if (paragraph->number_id > 0)
        append_label(reader, is_heading, prefix);
    docx_set_prefix(&reader->writer, str_of(prefix), is_heading);
}

static void put_box(struct docx_reader *reader)
{
    struct buf *box = &reader->box;
    if (box->len == 0)
        return;
    struct str text = buf_str(box);
    while (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--;
    docx_start_paragraph(&reader->writer);
    docx_put(&reader->writer, text, NULL);
    docx_end_paragraph(&reader->writer);
    buf_clear(box);
}

/* One with a number and nothing else shows it: the first column of many a table. */
static void end_paragraph(struct docx_reader *reader)
{
    struct docx_paragraph *paragraph = &reader->paragraph;
    bool has_box = reader->boxes == 0 && reader->box.len > 0;
    if (paragraph->is_open && paragraph->number_id > 0 && !paragraph->is_mark_gone) {
        decide_beginning(reader);
        if (!str_ends(str_of(reader->writer.prefix), STR("- ")))
            docx_put_prefix(&reader->writer);
    }
    reader->writer.is_silent = reader->writer.is_silent || paragraph->is_mark_gone || has_box;
    reader->is_joined = paragraph->is_mark_gone && reader->writer.has_begun && !has_box;
    if (!reader->is_joined)
        docx_end_paragraph(&reader->writer);
    docx_fields_end_paragraph(&reader->fields);
    paragraph->is_open = false;
    if (has_box)
        put_box(reader);
}

static void read_paragraph_property(struct docx_reader *reader, struct str name, const struct xml_element *element)
{
    struct docx_paragraph *paragraph = &reader->paragraph;
    if (str_eq(name, STR("pStyle"))) {
        apply_style(reader, xml_attribute(element, "val"));
    } else if (str_eq(name, STR("numId"))) {
        paragraph->number_id = docx_integer(element, 0);
        paragraph->has_number = true;
    } else if (str_eq(name, STR("ilvl"))) {
        paragraph->level = docx_integer(element, 0);
    } else if (str_eq(name, STR("outlineLvl"))) {
        int level = docx_integer(element, 9);
        paragraph->heading = level >= 0 && level < 9 ? level + 1 : 0;
    } else if (str_eq(name, STR("vanish"))) {
        paragraph->is_mark_gone = paragraph->is_mark_gone || docx_is_on(element);
    } else if (str_eq(name, STR("del")) || str_eq(name, STR("moveFrom"))) {
        paragraph->is_mark_gone = true;
    }
}

/* --- runs ------------------------------------------------------------------------------------------- */

static void start_run(struct docx_reader *reader)
{
    reader->runs++;
    reader->direct = (struct docx_look){0};
    reader->run_style[0] = '\0';
    reader->is_look_known = false;
}

static const struct docx_look *look_of(struct docx_reader *reader)
{
    if (!reader->is_look_known)
        reader->look = docx_style_look(reader->styles, reader->paragraph.style, str_of(reader->run_style),
                                       &reader->direct);
    reader->is_look_known = true;
    return &reader->look;
}

static bool is_shown(struct docx_reader *reader)
{
    if (docx_fields_hide(&reader->fields))
        return false;
    bool is_hidden = reader->runs > 0 && look_of(reader)->hidden == DOCX_ON;
    reader->writer.is_silent = reader->writer.is_silent || is_hidden;
    return !is_hidden;
}

static void put(struct docx_reader *reader, struct str text)
{
    if (text.len == 0 || !is_shown(reader))
        return;
    docx_fields_shown(&reader->fields);
    if (reader->is_ruby) {
        size_t len = strlen(reader->ruby);
        docx_copy_text(text, reader->ruby + len, sizeof(reader->ruby) - len);
        return;
    }
    decide_beginning(reader);
    docx_put(&reader->writer, text, reader->runs > 0 ? look_of(reader) : NULL);
}

/* Length of the UTF-8 character at text[at], and its code point. */
static size_t character_at(struct str text, size_t at, uint32_t *code_point)
{
    unsigned char lead = (unsigned char)text.data[at];
    size_t len = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    uint32_t value = len == 1 ? lead : lead & (0xFFu >> (len + 1));
    for (size_t i = 1; i < len && at + i < text.len; i++)
        value = value << 6 | ((unsigned char)text.data[at + i] & 0x3F);
    *code_point = value;
    return len;
}

/* Text in a font of signs: the signs. */
static void put_run_text(struct docx_reader *reader, struct str text)
{
    enum symbol_font font = reader->runs > 0 ? look_of(reader)->font : SYMBOL_FONT_NONE;
    if (font == SYMBOL_FONT_NONE) {
        put(reader, text);
        return;
    }
    for (size_t i = 0, len; i < text.len; i += len) {
        uint32_t character;
        char shown[4];
        len = character_at(text, i, &character);
        uint32_t code_point = symbol_code_point(font, character);
        struct str sign = {shown, code_point ? symbol_utf8(code_point, shown) : 0};
        put(reader, code_point ? sign : str_slice(text, i, i + len));
    }
}

static void put_symbol(struct docx_reader *reader, const struct xml_element *element)
{
    struct str hex = xml_attribute(element, "char"), font = xml_attribute(element, "font");
    char shown[64];
    uint32_t character = 0;
    for (size_t i = 0; i < hex.len && i < 6; i++) {
        char c = hex.data[i], lower = (char)(c | 32);
        bool is_digit = c >= '0' && c <= '9';
        if (is_digit || (lower >= 'a' && lower <= 'f'))
            character = character * 16 + (uint32_t)(is_digit ? c - '0' : lower - 'a' + 10);
    }
    enum symbol_font known = symbol_font_of(font);
    uint32_t code_point = symbol_code_point(known, character);
    bool is_plain = known == SYMBOL_FONT_NONE && character >= 0x20 && character < 0xD800;
    if (code_point || is_plain) {
        put(reader, (struct str){shown, symbol_utf8(code_point ? code_point : character, shown)});
        return;
    }
    font = str_slice(font, 0, str_utf8_valid_len(str_slice(font, 0, 32)));
    int len = snprintf(shown, sizeof(shown), "(sign %04X of " STR_FMT ")", (unsigned)character, STR_ARG(font));
    put(reader, (struct str){shown, (size_t)len < sizeof(shown) ? (size_t)len : sizeof(shown) - 1});
}

static void read_run_property(struct docx_reader *reader, struct str name, const struct xml_element *element)
{
    if (str_eq(name, STR("rStyle")))
        docx_copy_text(xml_attribute(element, "val"), reader->run_style, sizeof(reader->run_style));
    else if (!docx_look_read(&reader->direct, name, element))
        return;
    reader->is_look_known = false;
}

/* --- notes, boxes, equations, ruby ------------------------------------------------------------------- */

/* A note's number, from 1; it gets the next one when it `is_new`. 0: it has none. */
static int note_number(struct docx_notes *notes, int id, bool is_new)
{
    for (int i = 0; i < notes->count; i++)
        if (notes->ids[i] == id)
            return i + 1;
    if (!is_new || notes->count == DOCX_NOTES_MAX)
        return 0;
    notes->ids[notes->count++] = id;
    return notes->count;
}

static void put_note_reference(struct docx_reader *reader, const struct xml_element *element, bool is_end)
{
    char label[NOTE_LABEL_MAX];
    int id = docx_to_integer(xml_attribute(element, "id"), -1);
    if (!is_shown(reader))
        return;
    int number = note_number(is_end ? &reader->endnotes : &reader->footnotes, id, true);
    if (number == 0)
        return;
    int len = snprintf(label, sizeof(label), "[^%s%d]", is_end ? "e" : "", number);
    decide_beginning(reader);
    docx_put(&reader->writer, (struct str){label, (size_t)len}, NULL);
}

/* A note of the notes' part; those that nobody calls, and the lines that separate them, are not shown. */
static void start_note(struct docx_reader *reader, const struct xml_element *element, bool is_end)
{
    struct str type = xml_attribute(element, "type");
    int id = docx_to_integer(xml_attribute(element, "id"), -1);
    int number = note_number(is_end ? &reader->endnotes : &reader->footnotes, id, false);
    if (number == 0 || (type.data && !str_eq(type, STR("normal"))))
        reader->skipped = 1;
    else
        snprintf(reader->note, sizeof(reader->note), "[^%s%d]: ", is_end ? "e" : "", number);
}

static void start_box(struct docx_reader *reader)
{
    if (!is_shown(reader)) { /* its anchor is hidden */
        reader->skipped = 1;
        return;
    }
    if (reader->boxes++ > 0)
        return;
    reader->outer = reader->writer;
    reader->outer_paragraph = reader->paragraph;
    memcpy(reader->outer_style, reader->style_space, sizeof(reader->outer_style));
    docx_writer_init(&reader->writer, &reader->box);
    reader->writer.line_ends = reader->box.len > 0 ? 1 : 2; /* a second one of the same paragraph */
}

static void end_box(struct docx_reader *reader)
{
    end_joined(reader);
    if (reader->boxes == 0 || --reader->boxes > 0)
        return;
    docx_end_line(&reader->writer);
    bool is_full = reader->writer.out.is_full;
    reader->writer = reader->outer;
    reader->writer.out.is_full = reader->writer.out.is_full || is_full;
    reader->paragraph = reader->outer_paragraph;
    memcpy(reader->style_space, reader->outer_style, sizeof(reader->style_space));
    reader->paragraph.style = str_of(reader->style_space);
    reader->is_look_known = false;
}

static void end_ruby(struct docx_reader *reader)
{
    reader->is_ruby = false;
    if (reader->ruby[0] == '\0')
        return;
    docx_put(&reader->writer, STR("("), NULL);
    docx_put(&reader->writer, str_of(reader->ruby), NULL);
    docx_put(&reader->writer, STR(")"), NULL);
    reader->ruby[0] = '\0';
}

static void start_math(struct docx_reader *reader)
{
    docx_math_begin(&reader->math);
    reader->math_depth = 1;
    start_run(reader); /* text in an equation has no other look */
    reader->runs--;
}

static void end_math(struct docx_reader *reader)
{
    put(reader, buf_str(&reader->math.text));
    docx_math_begin(&reader->math);
}

/* --- elements --------------------------------------------------------------------------------------- */

static bool is_one_of(struct str name, const char *const *names)
{
    for (; *names; names++)
        if (str_eq(name, str_of(*names)))
            return true;
    return false;
}

/* What is not text, what says again what an alternative says (Fallback), what the text was before a change. */
static bool is_left_out(struct str name)
{
    static const char *const names[] = {"Fallback",   "moveFrom",    "del",        "pPrChange",       "sectPrChange",
                                        "tblPrChange", "rPrChange",  "tcPrChange", "trPrChange",      "tblPrExChange",
                                        "numberingChange", "tblGridChange", "tabs", "sectPr",         "tblPr",
                                        "tblGrid",    "sdtPr",       "sdtEndPr",   "rubyPr",          "framePr",
                                        "delText",    "delInstrText", NULL};
    return is_one_of(name, names);
}

/* A row or cell that was deleted, by an element among its properties: that, they and it are left out. */
static bool is_table_deletion(const struct docx_reader *reader, struct str name)
{
    return (reader->is_row_properties && str_eq(name, STR("del"))) || str_eq(name, STR("cellDel"));
}

static void skip_table_part(struct docx_reader *reader, struct str name)
{
    if (str_eq(name, STR("cellDel")))
        docx_drop_cell(&reader->writer);
    reader->is_row_properties = false;
    reader->skipped = 3;
}

static void start_table_element(struct docx_reader *reader, struct str name, const struct xml_element *element)
{
    struct docx_writer *writer = &reader->writer;
    if (str_eq(name, STR("tbl"))) {
        end_joined(reader);
        docx_start_table(writer);
    } else if (str_eq(name, STR("tr"))) {
        docx_start_row(writer);
    } else if (str_eq(name, STR("tc"))) {
        docx_start_cell(writer);
    } else if (str_eq(name, STR("trPr"))) {
        reader->is_row_properties = true;
    } else if (str_eq(name, STR("gridSpan"))) {
        docx_set_span(writer, docx_integer(element, 1));
    } else if (str_eq(name, STR("gridBefore"))) {
        docx_skip_columns(writer, docx_integer(element, 0));
    }
}

static void start_run_element(struct docx_reader *reader, struct str name, const struct xml_element *element)
{
    bool is_break = str_eq(name, STR("br")) || str_eq(name, STR("cr"));
    bool is_tab = str_eq(name, STR("tab")) || str_eq(name, STR("ptab"));
    if (str_eq(name, STR("t")))
        reader->is_text = true;
    else if ((is_break || is_tab) && reader->is_ruby)
        return;
    else if (is_tab && is_shown(reader))
        docx_put_tab(&reader->writer);
    else if (is_break && is_shown(reader))
        docx_put_break(&reader->writer);
    else if (str_eq(name, STR("noBreakHyphen")))
        put(reader, STR("-"));
    else if (str_eq(name, STR("sym")))
        put_symbol(reader, element);
    else if (str_eq(name, STR("textpath"))) /* lettering in a drawing of before 2007 */
        put(reader, xml_attribute(element, "string"));
    else if (str_eq(name, STR("footnoteReference")) || str_eq(name, STR("endnoteReference")))
        put_note_reference(reader, element, str_eq(name, STR("endnoteReference")));
    else if (str_eq(name, STR("rt")))
        reader->is_ruby = true;
    else if (reader->runs > 0)
        read_run_property(reader, name, element);
}

static bool start_structure(struct docx_reader *reader, struct str name, const struct xml_element *element)
{
    if (str_eq(name, STR("p")))
        start_paragraph(reader);
    else if (str_eq(name, STR("r")))
        start_run(reader);
    else if (str_eq(name, STR("oMath")))
        start_math(reader);
    else if (str_eq(name, STR("txbxContent")) || str_eq(name, STR("txBody")))
        start_box(reader);
    else if (str_eq(name, STR("body")))
        reader->has_body = true;
    else if (str_eq(name, STR("footnote")) || str_eq(name, STR("endnote")))
        start_note(reader, element, str_eq(name, STR("endnote")));
    else
        return false;
    return true;
}

static void end_field(struct docx_reader *reader)
{
    char space[DOCX_FIELD_TEXT_MAX + 8];
    struct str shown = docx_fields_end(&reader->fields, space);
    put(reader, shown);
}

static bool on_start(void *ctx, struct str name, const struct xml_element *element)
{
    struct docx_reader *reader = ctx;
    if (reader->skipped == 0 && reader->properties > 0)
        read_paragraph_property(reader, name, element);
    if (reader->skipped == 0 && is_table_deletion(reader, name)) {
        skip_table_part(reader, name);
    } else if (reader->skipped > 0 || is_left_out(name)) {
        reader->skipped++;
    } else if (reader->math_depth > 0) {
        reader->math_depth++;
        docx_math_start(&reader->math, name, element);
    } else if (reader->properties > 0 || str_eq(name, STR("pPr"))) {
        reader->properties++;
    } else if (str_eq(name, STR("altChunk")) || str_eq(name, STR("subDoc"))) {
        reader->has_body = true;
        return reader->read_embedded(reader->ctx, xml_attribute(element, "id"));
    } else if (!docx_fields_start(&reader->fields, name, element) && !start_structure(reader, name, element)) {
        start_table_element(reader, name, element);
        start_run_element(reader, name, element);
    } else if (str_eq(name, STR("fldChar")) && str_eq(xml_attribute(element, "fldCharType"), STR("end"))) {
        end_field(reader);
    }
    return text_is_whole(&reader->writer.out);
}

static void end_element(struct docx_reader *reader, struct str name)
{
    static const char *const holders[] = {"tc", "tbl", "body", "footnote", "endnote", "hdr", "ftr", "comment", NULL};
    if (is_one_of(name, holders))
        end_joined(reader);
    if (str_eq(name, STR("p")))
        end_paragraph(reader);
    else if (str_eq(name, STR("r")))
        reader->runs -= reader->runs > 0;
    else if (str_eq(name, STR("t")))
        reader->is_text = false;
    else if (str_eq(name, STR("fldSimple")))
        end_field(reader);
    else if (str_eq(name, STR("trPr")))
        reader->is_row_properties = false;
    else if (str_eq(name, STR("tr")))
        docx_end_row(&reader->writer);
    else if (str_eq(name, STR("tbl")))
        docx_end_table(&reader->writer);
    else if (str_eq(name, STR("rt")))
        reader->is_ruby = false;
    else if (str_eq(name, STR("ruby")))
        end_ruby(reader);
    else if (str_eq(name, STR("txbxContent")) || str_eq(name, STR("txBody")))
        end_box(reader);
}

static bool on_end(void *ctx, struct str name)
{
    struct docx_reader *reader = ctx;
    reader->fields.is_instruction = false;
    if (reader->skipped > 0) {
        reader->skipped--;
    } else if (reader->math_depth > 0) {
        if (--reader->math_depth == 0)
            end_math(reader);
        else
            docx_math_end(&reader->math, name);
    } else if (reader->properties > 0) {
        reader->properties--;
    } else {
        end_element(reader, name);
    }
    return text_is_whole(&reader->writer.out);
}

static bool on_text(void *ctx, struct str text)
{
    struct docx_reader *reader = ctx;
    if (reader->skipped > 0)
        return true;
    if (reader->math_depth > 0)
        docx_math_text(&reader->math, text);
    else if (reader->fields.is_instruction)
        docx_fields_text(&reader->fields, text);
    else if (reader->is_text)
        put_run_text(reader, text);
    return text_is_whole(&reader->writer.out);
}

const struct xml_handler docx_handler = {on_start, on_end, on_text};
