/* document_fixture.h - docx and xlsx files made in memory. */
#ifndef TESTS_UNIT_DOCUMENT_FIXTURE_H
#define TESTS_UNIT_DOCUMENT_FIXTURE_H

#include <zip.h>

#include "core/buf.h"
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

#endif
