/* docx, xlsx and HTML files: any bytes give a text within its limit or one message.
 *
 * Input: a byte that chooses the format and the packing, then the file. With its
 * bit 4 it is HTML, with 2 xlsx, else docx. An odd byte means that what follows
 * is not a whole archive but the main part's XML, which the target packs, so
 * that the fuzzer reaches the parsers without having to find checksums. */
#include <assert.h>
#include <zip.h>

#include "core/limits.h"
#include "document/docx.h"
#include "document/html.h"
#include "document/xlsx.h"

static const char book[] = "<workbook xmlns:r=\"r\"><sheets><sheet name=\"S\" r:id=\"a\"/></sheets></workbook>";
static const char relations[] =
    "<Relationships><Relationship Id=\"a\" Type=\"x/worksheet\" Target=\"sheet.xml\"/>"
    "<Relationship Id=\"b\" Type=\"x/sharedStrings\" Target=\"sheet.xml\"/>"
    "<Relationship Id=\"c\" Type=\"x/styles\" Target=\"sheet.xml\"/></Relationships>";
static const char word_relations[] =
    "<Relationships><Relationship Id=\"a\" Type=\"x/styles\" Target=\"document.xml\"/>"
    "<Relationship Id=\"b\" Type=\"x/numbering\" Target=\"document.xml\"/>"
    "<Relationship Id=\"c\" Type=\"x/header\" Target=\"document.xml\"/>"
    "<Relationship Id=\"d\" Type=\"x/footnotes\" Target=\"document.xml\"/>"
    "<Relationship Id=\"e\" Type=\"x/aFChunk\" Target=\"document.xml\"/></Relationships>";

static void add(zip_t *zip, const char *name, struct str text)
{
    zip_source_t *source = zip_source_buffer(zip, text.data, text.len, 0);
    zip_int64_t index = zip_file_add(zip, name, source, 0);
    assert(index >= 0);
    zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0);
}

static void pack(struct str xml, bool is_docx, struct buf *out)
{
    zip_stat_t info;
    zip_source_t *archive = zip_source_buffer_create(NULL, 0, 0, NULL);
    zip_source_keep(archive);
    zip_t *zip = zip_open_from_source(archive, ZIP_TRUNCATE, NULL);
    assert(zip);
    add(zip, is_docx ? "word/document.xml" : "xl/sheet.xml", xml);
    if (is_docx) {
        add(zip, "word/_rels/document.xml.rels", STR(word_relations));
    } else {
        add(zip, "xl/workbook.xml", STR(book));
        add(zip, "xl/_rels/workbook.xml.rels", STR(relations));
    }
    int closed = zip_close(zip);
    assert(closed == 0);
    zip_source_open(archive);
    zip_source_stat(archive, &info);
    bool has_room = buf_reserve(out, (size_t)info.size);
    assert(has_room);
    out->len = (size_t)zip_source_read(archive, out->data, info.size);
    zip_source_close(archive);
    zip_source_free(archive);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf file, text;
    struct error error = {0};
    if (size == 0 || size > (1u << 20))
        return 0;
    bool is_docx = (data[0] & 2) == 0, is_html = (data[0] & 4) != 0;
    struct str input = {(const char *)data + 1, size - 1};
    limits_in_force.document_text_bytes = 1u << 20;
    limits_in_force.document_inflated_bytes = 8u << 20;
    buf_init(&file, 4u << 20);
    buf_init(&text, (size_t)limit(document_text_bytes));
    if ((data[0] & 1) && !is_html) {
        pack(input, is_docx, &file);
        input = buf_str(&file);
    }
    enum error_code code = is_html   ? html_text(input, &text, &error)
                           : is_docx ? docx_text(input, &text, &error)
                                     : xlsx_text(input, &text, &error);
    assert(code == OK ? str_is_utf8(buf_str(&text)) : (code == ERROR_INVALID && error.message[0]));
    buf_deinit(&text);
    buf_deinit(&file);
    return 0;
}
