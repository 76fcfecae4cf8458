/* docx.c - which parts of a Word file are read and in which order. The elements of a part are docx_reader.c's. See
 * docx.h. */
#include "document/docx.h"

#include <stdio.h>

#include "core/limits.h"
#include "document/charset.h"
#include "document/docx_reader.h"
#include "document/html.h"
#include "document/package.h"

#define MARGIN_BYTES ((size_t)16384) /* text of one header or footer */
#define MARGINS_MAX 32
#define EMBEDDED_DEPTH_MAX 2 /* files in files */
#define EMBEDDED_MAX 64      /* of one file */

struct docx {
    struct package *package;
    const struct package_relation *relations; /* of the main part */
    struct docx_styles styles;
    struct docx_numbering numbering;
    struct docx_reader reader;
    unsigned depth; /* of the file in others */
    unsigned embedded_count;
    struct error *error;
    enum error_code code; /* of an embedded part */
};

static enum error_code read_file(struct str bytes, struct buf *out, unsigned depth, struct error *error);

/* --- parts that are files of their own -------------------------------------------------------------- */

static bool ends_nocase(const char *name, struct str ending)
{
    struct str whole = str_of(name);
    return whole.len >= ending.len && str_eq_nocase(str_slice(whole, whole.len - ending.len, whole.len), ending);
}

static bool is_html(const char *name, struct str bytes)
{
    struct str begin = str_trim(str_slice(bytes, 0, 512));
    if (str_starts(begin, STR("\xEF\xBB\xBF")))
        begin = str_trim(str_slice(begin, 3, begin.len));
    return ends_nocase(name, STR(".html")) || ends_nocase(name, STR(".htm")) || ends_nocase(name, STR(".xhtml")) ||
           str_starts(begin, STR("<"));
}

static enum error_code plain_text(struct str bytes, struct buf *out, struct error *error)
{
    size_t mark;
    const char *charset = charset_of_mark(bytes, &mark);
    bytes = str_slice(bytes, mark, bytes.len);
    return charset_decode(charset ? charset : charset_guess(bytes), bytes, out, error);
}

/* By what it begins with; names and types of such parts are whatever a program gave them. */
static enum error_code text_of_embedded(struct docx *docx, const char *name, struct str bytes, struct buf *out,
                                        struct error *error)
{
    bool is_unread = str_starts(bytes, STR("{\\rtf")) || str_starts(bytes, STR("MIME-Version")) ||
                     ends_nocase(name, STR(".mht")) || ends_nocase(name, STR(".rtf"));
    bool is_package = str_starts(bytes, STR("PK\003\004"));
    if (is_unread || (is_package && docx->depth >= EMBEDDED_DEPTH_MAX)) {
        buf_appendf(out, "(%s, a part of another format, is not read)", name);
        return OK;
    }
    if (is_package)
        return read_file(bytes, out, docx->depth + 1, error);
    return is_html(name, bytes) ? html_text(bytes, out, error) : plain_text(bytes, out, error);
}

static void put_lines(struct docx_writer *writer, struct str text)
{
    docx_start_paragraph(writer);
    docx_put(writer, text, NULL);
    docx_end_paragraph(writer);
}

static bool read_embedded(void *ctx, struct str id)
{
    struct docx *docx = ctx;
    const struct package_relation *relation = package_relation_by_id(docx->relations, id);
    struct buf bytes, text;
    bool is_there = false;
    if (docx->embedded_count++ >= EMBEDDED_MAX || !relation) {
        put_lines(&docx->reader.writer, STR("(a part of the file is not read)"));
        return true;
    }
    buf_init(&bytes, (size_t)limit(document_inflated_bytes));
    buf_init(&text, docx->reader.writer.out.buf->max);
    docx->code = package_read(docx->package, relation->target, &bytes, &is_there, docx->error);
    if (docx->code == OK && is_there)
        docx->code = text_of_embedded(docx, relation->target, buf_str(&bytes), &text, docx->error);
    if (docx->code == ERROR_INVALID) { /* it is wrong with a part, not with the file */
        buf_clear(&text);
        buf_appendf(&text, "(%s cannot be read: %s)", relation->target, docx->error->message);
        docx->code = text.failed ? error_no_memory(docx->error) : OK;
    }
    if (docx->code == OK && !is_there)
        put_lines(&docx->reader.writer, STR("(a part of the file is not read)"));
    else if (docx->code == OK)
        put_lines(&docx->reader.writer, str_trim(buf_str(&text)));
    buf_deinit(&bytes);
    buf_deinit(&text);
    return docx->code == OK;
}

/* --- parts ------------------------------------------------------------------------------------------ */

static enum error_code read_part(struct docx *docx, const char *name, bool *is_there, struct error *error)
{
    docx_reader_begin(&docx->reader);
    enum error_code code = package_parse(docx->package, name, &docx_handler, &docx->reader, is_there, error);
    if (code == OK)
        code = docx->code;
    if (code == OK && docx->reader.math.text.failed)
        code = error_set(error, ERROR_INVALID, "the file is refused: an equation is too long");
    return code == OK ? text_check(&docx->reader.writer.out, error) : code;
}

/* A header or footer, into `text` and not yet into the output. */
static enum error_code read_margin(struct docx *docx, const char *name, struct buf *text, struct error *error)
{
    struct docx_writer kept = docx->reader.writer;
    bool is_there;
    docx_writer_init(&docx->reader.writer, text);
    enum error_code code = read_part(docx, name, &is_there, error);
    bool is_too_long = docx->reader.writer.out.is_full;
    docx->reader.writer = kept;
    return is_too_long ? OK : code; /* nothing that belongs into a margin; its beginning will do */
}

/* All headers or all footers, each text once: first pages and even pages have their own parts. */
static enum error_code read_margins(struct docx *docx, struct str type, const char *label, struct error *error)
{
    struct str seen[MARGINS_MAX];
    size_t seen_count = 0;
    enum error_code code = OK;
    for (const struct package_relation *part = docx->relations; part && code == OK && seen_count < MARGINS_MAX;
         part = part->next) {
        if (!str_eq(part->type, type))
            continue;
        struct buf text;
        buf_init(&text, MARGIN_BYTES);
        code = read_margin(docx, part->target, &text, error);
        struct str shown = str_trim(buf_str(&text));
        shown = str_slice(shown, 0, str_utf8_valid_len(shown));
        bool is_new = shown.len > 0;
        for (size_t i = 0; i < seen_count; i++)
            is_new = is_new && !str_eq(seen[i], shown);
        if (code == OK && is_new) {
            if (!arena_str(package_arena(docx->package), shown, &seen[seen_count++]))
                code = error_no_memory(error);
            struct text_out *out = &docx->reader.writer.out;
            text_put(out, str_of(label));
            text_put(out, shown);
            text_put_char(out, '\n');
            docx->reader.writer.line_ends = 1;
        }
        buf_deinit(&text);
    }
    return code;
}

static enum error_code read_notes(struct docx *docx, struct str type, struct error *error)
{
    const struct package_relation *part = package_relation_of(docx->relations, type);
    bool is_there;
    return part ? read_part(docx, part->target, &is_there, error) : OK;
}

static enum error_code load(struct docx *docx, const char **main_part, struct error *error)
{
    struct package_relation *relations;
    enum error_code code = package_relations(docx->package, "", &relations, error);
    if (code != OK)
        return code;
    const struct package_relation *relation = package_relation_of(relations, STR("officeDocument"));
    *main_part = relation ? relation->target : "word/document.xml";
    code = package_relations(docx->package, *main_part, &relations, error);
    docx->relations = relations;
    if (code == OK)
        code = docx_styles_load(&docx->styles, docx->package, relations, error);
    if (code == OK)
        code = docx_numbering_load(&docx->numbering, docx->package, &docx->styles, relations, error);
    return code;
}

static enum error_code read_document(struct docx *docx, struct error *error)
{
    const char *name;
    enum error_code code = load(docx, &name, error);
    if (code == OK)
        code = read_margins(docx, STR("header"), "Header: ", error);
    docx->reader.has_body = false;
    if (code == OK)
        code = read_part(docx, name, NULL, error);
    if (code == OK && !docx->reader.has_body)
        code = error_set(error, ERROR_INVALID, "the file is damaged, or not a docx file: it has no body");
    docx_end_line(&docx->reader.writer);
    if (code == OK)
        code = read_notes(docx, STR("footnotes"), error);
    if (code == OK)
        code = read_notes(docx, STR("endnotes"), error);
    docx_end_line(&docx->reader.writer);
    return code == OK ? read_margins(docx, STR("footer"), "Footer: ", error) : code;
}

static enum error_code read_file(struct str bytes, struct buf *out, unsigned depth, struct error *error)
{
    struct docx *docx = mem_calloc(1, sizeof(*docx));
    if (!docx)
        return error_no_memory(error);
    docx->depth = depth;
    docx->error = error;
    docx_reader_init(&docx->reader, out, &docx->styles, &docx->numbering);
    docx->reader.read_embedded = read_embedded;
    docx->reader.ctx = docx;
    enum error_code code = package_open(bytes, &docx->package, error);
    if (code == OK)
        code = read_document(docx, error);
    if (code == OK)
        code = text_check(&docx->reader.writer.out, error);
    package_close(docx->package);
    docx_reader_deinit(&docx->reader);
    mem_free(docx);
    return code;
}

enum error_code docx_text(struct str bytes, struct buf *out, struct error *error)
{
    return read_file(bytes, out, 0, error);
}
