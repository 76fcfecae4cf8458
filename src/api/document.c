#include "api/document.h"

#include "api/fields.h"
#include "core/limits.h"
#include "document/format.h"
#include "document/html.h"

/* --- while the body is parsed ----------------------------------------------------------------------- */

static bool is_text_format(struct str format)
{
    return str_eq(format, STR("txt")) || str_eq(format, STR("md")) || str_eq(format, STR("csv")) ||
           str_eq(format, STR("html"));
}

static enum error_code check_format(const struct document_input *input, struct error *error)
{
    enum document_format format;
    if (is_text_format(input->format) || document_format_parse(input->format, &format))
        return OK;
    if (str_eq(input->format, STR("doc")))
        return field_error(error, input->where, input->format_key, "doc files cannot be read; send it as docx or pdf");
    if (str_eq(input->format, STR("xls")))
        return field_error(error, input->where, input->format_key, "xls files cannot be read; send it as xlsx or csv");
    return field_error(error, input->where, input->format_key, "must be one of pdf, csv, docx, xlsx, html, txt, md");
}

static enum error_code reduced(struct str html, struct arena *arena, struct str *text, struct error *error)
{
    struct buf buf;
    buf_init(&buf, html.len + 16);
    bool is_done = html_text(html, &buf) && arena_str(arena, buf_str(&buf), text);
    buf_deinit(&buf);
    return is_done ? OK : error_no_memory(error);
}

static enum error_code plain_text(const struct document_input *input, struct arena *arena, struct str *text,
                                  struct error *error)
{
    *text = input->bytes;
    if (!str_is_utf8(*text))
        return field_error(error, input->where, "source", "the document is not UTF-8 text");
    if (str_starts(*text, STR("\xEF\xBB\xBF")))
        *text = str_slice(*text, 3, text->len);
    return str_eq(input->format, STR("html")) ? reduced(*text, arena, text, error) : OK;
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

enum error_code document_add(struct chat_request *request, const struct document_input *input,
                             struct chat_block *block, struct error *error)
{
    struct str text = STR("");
    enum error_code code = check_format(input, error);
    if (code != OK)
        return code;
    if (input->bytes.len == 0)
        return field_error(error, input->where, "source", "the document is empty");
    if (input->bytes.len > limit(document_bytes))
        return field_error(error, input->where, "source", "the document has %zu bytes, more than the limit of %zu",
                           input->bytes.len, (size_t)limit(document_bytes));
    bool is_file = !input->is_plain && !is_text_format(input->format);
    if (!is_file)
        code = plain_text(input, request->arena, &text, error);
    struct chat_document *document = code == OK ? new_document(request, input) : NULL;
    if (code == OK && !document)
        code = error_no_memory(error);
    if (code != OK)
        return code;
    document->text = text;
    document->bytes = is_file ? input->bytes : (struct str){0};
    if (input->context.len > 0)
        text = arena_printf(request->arena, STR_FMT "\n\n" STR_FMT, STR_ARG(input->context), STR_ARG(text));
    if (!text.data)
        return error_no_memory(error);
    *block = (struct chat_block){.kind = CHAT_DOCUMENT, .name = input->name, .text = text, .format = input->format};
    document->target = &block->text;
    document->offset = text.len - document->text.len;
    append_document(request, document);
    return OK;
}

void documents_move(struct chat_request *request, struct chat_document *last, struct str *target, size_t offset)
{
    for (struct chat_document *document = last ? last->next : request->documents; document; document = document->next) {
        document->target = target;
        document->offset += offset;
    }
}
