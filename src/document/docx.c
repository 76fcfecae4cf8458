#include "document/docx.h"

#include <stdio.h>

#include "document/docx_styles.h"
#include "document/package.h"
#include "document/text_out.h"

#define NOTE_ID_MAX 24
#define SPAN_MAX 64
#define MARGIN_BYTES ((size_t)16384) /* text of one header or footer */
#define MARGINS_MAX 32

struct docx {
    struct package *package;
    struct docx_styles styles;
    struct text_out out;
    unsigned skipped; /* depth inside an element that is left out */
    bool is_text;     /* inside w:t */
    bool has_body;    /* the main part is that of a Word file */
    /* The paragraph. Its beginning is written with its first text, so that an empty one leaves no label. */
    bool has_begun;
    int heading, number_id, level;
    char note[NOTE_ID_MAX]; /* label that the next paragraph gets */
    /* Where we are. */
    unsigned table_depth;
    unsigned cell_index; /* of the row, in the outermost table */
    unsigned cell_span;
    bool cell_has_text;
    unsigned line_ends; /* at the end of the output, 2 at its beginning */
};

static bool is_one_of(struct str name, const char *const *names)
{
    for (; *names; names++)
        if (str_eq(name, str_of(*names)))
            return true;
    return false;
}

/* --- paragraphs ------------------------------------------------------------------------------------- */

static void end_line(struct docx *docx)
{
    if (docx->line_ends == 0)
        text_put_char(&docx->out, '\n');
    if (docx->line_ends == 0)
        docx->line_ends = 1;
}

static void blank_line(struct docx *docx)
{
    end_line(docx);
    if (docx->line_ends == 1)
        text_put_char(&docx->out, '\n');
    docx->line_ends = 2;
}

static void put_list_label(struct docx *docx)
{
    char label[DOCX_LABEL_MAX];
    docx_label(&docx->styles, docx->number_id, docx->level, label);
    for (int i = 0; i < docx->level && i < DOCX_LEVELS && docx->table_depth == 0; i++)
        text_put(&docx->out, STR("  "));
    if (label[0]) {
        text_put(&docx->out, str_of(label));
        text_put_char(&docx->out, ' ');
    }
}

static void begin_paragraph(struct docx *docx)
{
    docx->has_begun = true;
    if (docx->table_depth > 0) {
        if (docx->cell_has_text)
            text_put_char(&docx->out, ' ');
        docx->cell_has_text = true;
    } else if (docx->heading > 0) {
        blank_line(docx);
    }
    docx->line_ends = 0;
    if (docx->note[0]) {
        text_put(&docx->out, STR("[^"));
        text_put(&docx->out, str_of(docx->note));
        text_put(&docx->out, STR("]: "));
        docx->note[0] = '\0';
    }
    for (int i = 0; i < docx->heading && docx->table_depth == 0; i++)
        text_put_char(&docx->out, '#');
    if (docx->heading > 0 && docx->table_depth == 0)
        text_put_char(&docx->out, ' ');
    if (docx->number_id > 0)
        put_list_label(docx);
}

static bool put_text(struct docx *docx, struct str text)
{
    if (text.len == 0)
        return true;
    if (!docx->has_begun)
        begin_paragraph(docx);
    for (size_t from = 0, i = 0; i <= text.len; i++) {
        bool is_break = i < text.len && (text.data[i] == '\n' || text.data[i] == '\r' || text.data[i] == '\t');
        if (i < text.len && !is_break)
            continue;
        text_put(&docx->out, str_slice(text, from, i));
        if (is_break)
            text_put_char(&docx->out, docx->table_depth > 0 ? ' ' : text.data[i]);
        from = i + 1;
    }
    return text_is_whole(&docx->out);
}

static void start_paragraph(struct docx *docx)
{
    if (docx->has_begun && docx->table_depth == 0) /* a text box inside a paragraph */
        end_line(docx);
    docx->has_begun = false;
    docx->heading = docx->number_id = docx->level = 0;
}

static void end_paragraph(struct docx *docx)
{
    if (docx->table_depth == 0) {
        if (docx->has_begun)
            end_line(docx);
        else if (docx->line_ends == 1)
            blank_line(docx);
    }
    docx->has_begun = false;
}

static void apply_style(struct docx *docx, struct str style)
{
    docx->heading = docx_style_heading(&docx->styles, style);
    docx_style_list(&docx->styles, style, &docx->number_id, &docx->level);
}

/* --- tables ----------------------------------------------------------------------------------------- */

static void start_cell(struct docx *docx)
{
    if (docx->table_depth != 1)
        return;
    for (unsigned i = 0; docx->cell_index > 0 && i < docx->cell_span; i++)
        text_put_char(&docx->out, '\t');
    docx->cell_index++;
    docx->cell_span = 1;
    docx->cell_has_text = false;
    docx->line_ends = 0;
}

static void end_table(struct docx *docx)
{
    if (docx->table_depth > 0)
        docx->table_depth--;
    docx->has_begun = false;
}

static void end_row(struct docx *docx)
{
    if (docx->table_depth != 1)
        return;
    docx->cell_index = 0;
    end_line(docx);
}

/* --- elements --------------------------------------------------------------------------------------- */

static void put_note_reference(struct docx *docx, const struct xml_element *element, const char *kind)
{
    char label[NOTE_ID_MAX + 8];
    struct str id = xml_attribute(element, "id");
    id = str_slice(id, 0, 16);
    int len = snprintf(label, sizeof(label), "[^%s" STR_FMT "]", kind, STR_ARG(id));
    put_text(docx, (struct str){label, (size_t)len});
}

/* A note of the notes' part; those with a type are the lines that separate them. */
static void start_note(struct docx *docx, const struct xml_element *element, const char *kind)
{
    struct str id = xml_attribute(element, "id");
    if (xml_attribute(element, "type").data)
        docx->skipped = 1;
    id = str_slice(id, 0, 16);
    snprintf(docx->note, sizeof(docx->note), "%s" STR_FMT, kind, STR_ARG(id));
}

static void start_property(struct docx *docx, struct str name, const struct xml_element *element)
{
    if (str_eq(name, STR("pStyle")))
        apply_style(docx, xml_attribute(element, "val"));
    else if (str_eq(name, STR("numId")))
        docx->number_id = docx_integer(element, 0);
    else if (str_eq(name, STR("ilvl")))
        docx->level = docx_integer(element, 0);
    else if (str_eq(name, STR("outlineLvl")) && docx_integer(element, 9) < 9)
        docx->heading = docx_integer(element, 0) + 1;
    else if (str_eq(name, STR("gridSpan")) && docx->table_depth == 1)
        docx->cell_span = (unsigned)docx_integer(element, 1);
    if (docx->cell_span == 0 || docx->cell_span > SPAN_MAX)
        docx->cell_span = 1;
    if (docx->heading < 0)
        docx->heading = 0;
}

static bool on_start(void *ctx, struct str name, const struct xml_element *element)
{
    /* mc:Fallback says again what mc:Choice says; the others hold what the text was before a change. */
    static const char *const left_out[] = {"Fallback",     "moveFrom",    "del",       "pPrChange",
                                           "sectPrChange", "tblPrChange", "rPrChange", NULL};
    struct docx *docx = ctx;
    if (docx->skipped > 0 || is_one_of(name, left_out)) {
        docx->skipped++;
        return true;
    }
    if (str_eq(name, STR("p")))
        start_paragraph(docx);
    else if (str_eq(name, STR("t")))
        docx->is_text = true;
    else if (str_eq(name, STR("tab")) && docx->has_begun) /* before the text it is a tab stop of the paragraph */
        put_text(docx, STR("\t"));
    else if (str_eq(name, STR("br")) || str_eq(name, STR("cr")))
        put_text(docx, docx->has_begun ? STR("\n") : STR(""));
    else if (str_eq(name, STR("noBreakHyphen")))
        put_text(docx, STR("-"));
    else if (str_eq(name, STR("tbl")) && docx->table_depth++ == 0)
        end_line(docx);
    else if (str_eq(name, STR("tr")) && docx->table_depth == 1)
        docx->cell_index = 0;
    else if (str_eq(name, STR("tc")))
        start_cell(docx);
    else if (str_eq(name, STR("body")))
        docx->has_body = true;
    else if (str_eq(name, STR("footnoteReference")))
        put_note_reference(docx, element, "");
    else if (str_eq(name, STR("endnoteReference")))
        put_note_reference(docx, element, "e");
    else if (str_eq(name, STR("footnote")))
        start_note(docx, element, "");
    else if (str_eq(name, STR("endnote")))
        start_note(docx, element, "e");
    else
        start_property(docx, name, element);
    return text_is_whole(&docx->out);
}

static bool on_end(void *ctx, struct str name)
{
    struct docx *docx = ctx;
    if (docx->skipped > 0) {
        docx->skipped--;
        return true;
    }
    if (str_eq(name, STR("p")))
        end_paragraph(docx);
    else if (str_eq(name, STR("t")))
        docx->is_text = false;
    else if (str_eq(name, STR("tr")))
        end_row(docx);
    else if (str_eq(name, STR("tbl")))
        end_table(docx);
    return text_is_whole(&docx->out);
}

static bool on_text(void *ctx, struct str text)
{
    struct docx *docx = ctx;
    return docx->skipped > 0 || !docx->is_text || put_text(docx, text);
}

/* --- parts ------------------------------------------------------------------------------------------ */

static enum error_code read_part(struct docx *docx, const char *name, bool *is_there, struct error *error)
{
    static const struct xml_handler handler = {on_start, on_end, on_text};
    docx->skipped = docx->table_depth = 0;
    docx->is_text = docx->has_begun = false;
    docx->note[0] = '\0';
    docx->cell_span = 1;
    enum error_code code = package_parse(docx->package, name, &handler, docx, is_there, error);
    return code == OK ? text_check(&docx->out, error) : code;
}

/* A header or footer, into `text` and not yet into the output. */
static enum error_code read_margin(struct docx *docx, const char *name, struct buf *text, struct error *error)
{
    struct text_out kept = docx->out;
    bool is_there;
    docx->out = (struct text_out){.buf = text};
    docx->line_ends = 2;
    enum error_code code = read_part(docx, name, &is_there, error);
    bool is_too_long = docx->out.is_full;
    docx->out = kept;
    return is_too_long ? OK : code; /* nothing that belongs into a margin; its beginning will do */
}

/* All headers or all footers, each text once: first pages and even pages have their own parts. */
static enum error_code read_margins(struct docx *docx, const struct package_relation *relations, struct str type,
                                    const char *label, struct error *error)
{
    struct str seen[MARGINS_MAX];
    size_t seen_count = 0;
    enum error_code code = OK;
    for (const struct package_relation *part = relations; part && code == OK && seen_count < MARGINS_MAX;
         part = part->next) {
        if (!str_eq(part->type, type))
            continue;
        struct buf text;
        buf_init(&text, MARGIN_BYTES);
        code = read_margin(docx, part->target, &text, error);
        struct str shown = str_trim(buf_str(&text));
        bool is_new = shown.len > 0;
        for (size_t i = 0; i < seen_count; i++)
            is_new = is_new && !str_eq(seen[i], shown);
        if (code == OK && is_new) {
            if (!arena_str(package_arena(docx->package), shown, &seen[seen_count++]))
                code = error_no_memory(error);
            text_put(&docx->out, str_of(label));
            text_put(&docx->out, shown);
            text_put_char(&docx->out, '\n');
        }
        buf_deinit(&text);
    }
    return code;
}

static enum error_code read_notes(struct docx *docx, const struct package_relation *relations, struct str type,
                                  struct error *error)
{
    const struct package_relation *part = package_relation_of(relations, type);
    bool is_there;
    return part ? read_part(docx, part->target, &is_there, error) : OK;
}

static enum error_code read_document(struct docx *docx, struct error *error)
{
    struct package_relation *relations;
    enum error_code code = package_relations(docx->package, "", &relations, error);
    if (code != OK)
        return code;
    const struct package_relation *main_part = package_relation_of(relations, STR("officeDocument"));
    const char *name = main_part ? main_part->target : "word/document.xml";
    code = package_relations(docx->package, name, &relations, error);
    if (code == OK)
        code = docx_styles_load(&docx->styles, docx->package, relations, error);
    if (code == OK)
        code = read_margins(docx, relations, STR("header"), "Header: ", error);
    docx->line_ends = docx->out.buf->len > 0 ? 1 : 2;
    if (code == OK)
        code = read_part(docx, name, NULL, error);
    if (code == OK && !docx->has_body)
        code = error_set(error, ERROR_INVALID, "the file is damaged, or not a docx file: it has no body");
    end_line(docx);
    if (code == OK)
        code = read_notes(docx, relations, STR("footnotes"), error);
    if (code == OK)
        code = read_notes(docx, relations, STR("endnotes"), error);
    end_line(docx);
    return code == OK ? read_margins(docx, relations, STR("footer"), "Footer: ", error) : code;
}

enum error_code docx_text(struct str bytes, struct buf *out, struct error *error)
{
    struct docx docx = {.out = {.buf = out}, .line_ends = 2};
    enum error_code code = package_open(bytes, &docx.package, error);
    if (code != OK)
        return code;
    code = read_document(&docx, error);
    package_close(docx.package);
    return code == OK ? text_check(&docx.out, error) : code;
}
