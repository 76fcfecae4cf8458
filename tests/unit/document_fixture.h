/* document_fixture.h - docx and xlsx files made in memory. */
#ifndef TESTS_UNIT_DOCUMENT_FIXTURE_H
#define TESTS_UNIT_DOCUMENT_FIXTURE_H

#include <zip.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/limits.h"
#include "core/mem.h"

struct fixture_part {
    const char *name;
    struct str text;
    bool is_stored; /* not packed */
};

#define PART(name_, text_) {.name = (name_), .text = {(text_), sizeof(text_) - 1}}

/* The archive of those parts, appended to `out`. */
static inline void make_package(const struct fixture_part *parts, size_t count, struct buf *out)
{
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *archive = zip_source_buffer_create(NULL, 0, 0, &error);
    assert_non_null(archive);
    zip_source_keep(archive);
    zip_t *zip = zip_open_from_source(archive, ZIP_CREATE | ZIP_TRUNCATE, &error);
    assert_non_null(zip);
    for (size_t i = 0; i < count; i++) {
        zip_source_t *source = zip_source_buffer(zip, parts[i].text.data, parts[i].text.len, 0);
        zip_int64_t index = zip_file_add(zip, parts[i].name, source, ZIP_FL_ENC_UTF_8);
        assert_true(index >= 0);
        if (parts[i].is_stored)
            assert_int_equal(zip_set_file_compression(zip, (zip_uint64_t)index, ZIP_CM_STORE, 0), 0);
    }
    assert_int_equal(zip_close(zip), 0);
    zip_stat_t info;
    assert_int_equal(zip_source_open(archive), 0);
    assert_int_equal(zip_source_stat(archive, &info), 0);
    assert_true(buf_reserve(out, (size_t)info.size));
    assert_int_equal(zip_source_read(archive, out->data + out->len, info.size), (zip_int64_t)info.size);
    out->len += (size_t)info.size;
    zip_source_close(archive);
    zip_source_free(archive);
    zip_error_fini(&error);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One of docx_text and its like. */
typedef enum error_code (*reader)(struct str bytes, struct buf *out, struct error *error);

static inline enum error_code read_bytes(reader read, struct str bytes, struct buf *out, struct error *error)
{
    buf_init(out, (size_t)limit(document_text_bytes));
    *error = (struct error){0};
    return read(bytes, out, error);
}

static inline void reads_as(reader read, const struct fixture_part *parts, size_t count, const char *expected)
{
    struct buf file, text;
    struct error error;
    buf_init(&file, 64u << 20);
    make_package(parts, count, &file);
    enum error_code code = read_bytes(read, buf_str(&file), &text, &error);
    if (code != OK)
        print_error("%s\n", error.message);
    assert_int_equal(code, OK);
    assert_str_equal(buf_str(&text), expected);
    buf_deinit(&text);
    buf_deinit(&file);
}

#define OFFICE "http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
#define RELATION(id, type, target) "<Relationship Id=\"" id "\" Type=\"" OFFICE type "\" Target=\"" target "\"/>"
#define RELATIONS(inner) \
    "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">" inner "</Relationships>"
#define W "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\""
#define S "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"" OFFICE "\""

#define DOCX_ROOT PART("_rels/.rels", RELATIONS(RELATION("r1", "officeDocument", "word/document.xml")))
#define DOCX_BODY(inner) PART("word/document.xml", "<w:document " W "><w:body>" inner "</w:body></w:document>")
#define P(text) "<w:p><w:r><w:t>" text "</w:t></w:r></w:p>"
#define STYLED(style, text) "<w:p><w:pPr><w:pStyle w:val=\"" style "\"/></w:pPr><w:r><w:t>" text "</w:t></w:r></w:p>"

#define XLSX_ROOT PART("_rels/.rels", RELATIONS(RELATION("r1", "officeDocument", "xl/workbook.xml")))
#define XLSX_BOOK(inner) PART("xl/workbook.xml", "<workbook " S ">" inner "</workbook>")
#define XLSX_ONE_SHEET                                                                        \
    XLSX_BOOK("<sheets><sheet name=\"One\" sheetId=\"1\" r:id=\"rId1\"/></sheets>"),          \
        PART("xl/_rels/workbook.xml.rels", RELATIONS(RELATION("rId1", "worksheet", "worksheets/sheet1.xml")))
#define XLSX_SHEET(rows) \
    PART("xl/worksheets/sheet1.xml", "<worksheet " S "><sheetData>" rows "</sheetData></worksheet>")

#define STYLES                                                                                                    \
    PART("word/styles.xml",                                                                                       \
         "<w:styles " W "><w:style w:styleId=\"berschrift1\"><w:name w:val=\"heading 1\"/></w:style>"             \
         "<w:style w:styleId=\"Sub\"><w:name w:val=\"Mine\"/><w:basedOn w:val=\"H2\"/></w:style>"                 \
         "<w:style w:styleId=\"H2\"><w:name w:val=\"Other\"/><w:pPr><w:outlineLvl w:val=\"1\"/></w:pPr></w:style>" \
         "<w:style w:styleId=\"Loop\"><w:basedOn w:val=\"Loop\"/></w:style>"                                      \
         "<w:style w:styleId=\"ListBullet\"><w:pPr><w:numPr><w:numId w:val=\"2\"/></w:numPr></w:pPr></w:style>"   \
         "</w:styles>")
#define NUMBERING                                                                                                   \
    PART("word/numbering.xml",                                                                                      \
         "<w:numbering " W "><w:abstractNum w:abstractNumId=\"7\">"                                                 \
         "<w:lvl w:ilvl=\"0\"><w:start w:val=\"3\"/><w:numFmt w:val=\"decimal\"/><w:lvlText w:val=\"%1.\"/></w:lvl>" \
         "<w:lvl w:ilvl=\"1\"><w:start w:val=\"1\"/><w:numFmt w:val=\"lowerLetter\"/><w:lvlText w:val=\"%1.%2)\"/>"  \
         "</w:lvl></w:abstractNum><w:abstractNum w:abstractNumId=\"8\"><w:lvl w:ilvl=\"0\">"                        \
         "<w:numFmt w:val=\"bullet\"/><w:lvlText w:val=\"*\"/></w:lvl></w:abstractNum>"                             \
         "<w:num w:numId=\"1\"><w:abstractNumId w:val=\"7\"/></w:num>"                                              \
         "<w:num w:numId=\"2\"><w:abstractNumId w:val=\"8\"/></w:num></w:numbering>")
#define ITEM(level, text)                                                                                           \
    "<w:p><w:pPr><w:numPr><w:ilvl w:val=\"" level "\"/><w:numId w:val=\"1\"/></w:numPr></w:pPr><w:r><w:t>" text     \
    "</w:t></w:r></w:p>"
#define CELL(inner) "<w:tc><w:tcPr/>" inner "</w:tc>"

#endif
