/* document.c - notes the files in a body and decodes small texts at once. Waiting for the others is generate's. See
 * document.h. */
#include "api/document.h"

#include "api/needs.h"
#include "core/limits.h"
#include "document/charset.h"
#include "document/format.h"

/* --- while the body is parsed ----------------------------------------------------------------------- */

static bool is_text_format(struct str format)
{
    return str_eq(format, STR("txt")) || str_eq(format, STR("md")) || str_eq(format, STR("csv"));
}

/* Formats that nobody here can read are for targets that can. */
static enum error_code check_format(struct chat_request *request, const struct document_input *input, bool *is_read,
                                    struct error *error)
{
    enum document_format format;
    *is_read = is_text_format(input->format) || document_format_parse(input->format, &format);
    if (*is_read)
        return OK;
    if (str_eq(input->format, STR("doc")))
        return needs_note(request, CHAT_NEED_FILES_UNREAD, error, input->where, input->format_key,
                          "doc files cannot be read; send it as docx or pdf");
    if (str_eq(input->format, STR("xls")))
        return needs_note(request, CHAT_NEED_FILES_UNREAD, error, input->where, input->format_key,
                          "xls files cannot be read; send it as xlsx or csv");
    return field_error(error, input->where, input->format_key, "must be one of pdf, csv, docx, xlsx, html, txt, md");
}

static enum error_code decoded(const char *charset, struct str bytes, struct arena *arena, struct str *text,
                               struct error *error)
{
    struct buf buf;
    buf_init(&buf, 0);
    enum error_code code = charset_decode(charset, bytes, &buf, error);
    if (code == OK && !arena_str(arena, buf_str(&buf), text))
        code = error_no_memory(error);
    buf_deinit(&buf);
    return code;
}

/* By its mark, else UTF-8, else windows-1252 when it can be that. */
static enum error_code plain_text(const struct document_input *input, struct arena *arena, struct str *text,
                                  struct error *error)
{
    size_t mark;
    const char *charset = charset_of_mark(input->bytes, &mark);
    struct str bytes = *text = str_slice(input->bytes, mark, input->bytes.len);
    bool is_utf8 = !charset || strcmp(charset, CHARSET_UTF8) == 0;
    if (is_utf8 && str_is_utf8(bytes))
        return OK;
    if (!charset)
        charset = charset_guess(bytes);
    if (mark == 0 && is_utf8 && strcmp(charset, CHARSET_UTF8) != 0 && !charset_is_windows_1252(bytes))
        return field_error(error, input->where, "source",
                           "the document is not text in UTF-8, UTF-16 with a byte order mark or windows-1252; save it "
                           "as UTF-8");
    return decoded(charset, bytes, arena, text, error);
}

/* A string of the request is UTF-8, whatever the HTML in it declares; its mark says so. */
static enum error_code marked_html(const struct document_input *input, struct arena *arena, struct str *bytes,
                                   struct error *error)
{
    char *marked = arena_alloc(arena, input->bytes.len + 3);
    if (!marked)
        return error_no_memory(error);
    memcpy(marked, "\xEF\xBB\xBF", 3);
    memcpy(marked + 3, input->bytes.data, input->bytes.len);
    *bytes = (struct str){marked, input->bytes.len + 3};
    return OK;
}

static struct chat_document *new_document(struct chat_request *request, const struct document_input *input)
{
    struct chat_document *document = ARENA_NEW(request->arena, struct chat_document);
    if (!document)
        return NULL;
    document->where = arena_strdup(request->arena, str_of(input->where));
    document->name = input->name;
    document->format = input->format;
    return document->where ? document : NULL;
}

static void append_document(struct chat_request *request, struct chat_document *document)
{
    *(request->last_document ? &request->last_document->next : &request->documents) = document;
    request->last_document = document;
    request->document_count++;
}

/* The text of what can be read, and the file that is still to be. */
static enum error_code read_document(struct chat_request *request, const struct document_input *input,
                                     struct chat_block *block, struct error *error)
{
    struct str text = STR(""), bytes = input->bytes;
    enum error_code code = OK;
    if (input->bytes.len == 0)
        return field_error(error, input->where, "source", "the document is empty");
    if (input->bytes.len > limit(document_bytes))
        return field_error(error, input->where, "source", "the document has %zu bytes, more than the limit of %zu",
                           input->bytes.len, (size_t)limit(document_bytes));
    bool is_html = str_eq(input->format, STR("html"));
    bool is_file = is_html || (!input->is_plain && !is_text_format(input->format));
    if (!is_file)
        code = plain_text(input, request->arena, &text, error);
    else if (input->is_plain)
        code = marked_html(input, request->arena, &bytes, error);
    struct chat_document *document = code == OK ? new_document(request, input) : NULL;
    if (code == OK && !document)
        code = error_no_memory(error);
    if (code != OK)
        return code;
    document->text = text;
    document->bytes = is_file ? bytes : (struct str){0};
    if (input->context.len > 0)
        text = arena_printf(request->arena, STR_FMT "\n\n" STR_FMT, STR_ARG(input->context), STR_ARG(text));
    if (!text.data)
        return error_no_memory(error);
    block->text = text;
    block->where = document->where;
    document->target = &block->text;
    document->offset = text.len - document->text.len;
    append_document(request, document);
    return OK;
}

enum error_code document_add(struct chat_request *request, const struct document_input *input,
                             struct chat_block *block, struct error *error)
{
    bool is_here = input->source == CHAT_SOURCE_BASE64 || input->source == CHAT_SOURCE_TEXT, is_read = false;
    *block = (struct chat_block){.kind = CHAT_DOCUMENT,
                                 .source = input->source,
                                 .name = input->name,
                                 .context = input->context,
                                 .text = STR(""),
                                 .format = input->format,
                                 .data = input->data};
    enum error_code code = is_here ? check_format(request, input, &is_read, error) : OK;
    if (code != OK)
        return code;
    return is_read ? read_document(request, input, block, error)
                   : needs_where(request, block, input->where, error);
}
