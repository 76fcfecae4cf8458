/* Texts of xlsx files and of what pdftotext writes, and what becomes of hostile ones. */
#include "support.h"

#include <stdio.h>

#include "core/limits.h"
#include "core/util.h"
#include "document/docx.h"
#include "document/number_format.h"
#include "document/package.h"
#include "document/pdf_text.h"
#include "document/xlsx.h"
#include "document_fixture.h"

static void bytes_refused(reader read, struct str bytes, const char *message)
{
    struct buf text;
    struct error error;
    enum error_code code = read_bytes(read, bytes, &text, &error);
    if (code == OK || !strstr(error.message, message))
        print_error("got:      %s\nexpected: %s\n", error.message, message);
    assert_int_equal(code, ERROR_INVALID);
    assert_non_null(strstr(error.message, message));
    buf_deinit(&text);
}

static void refused(reader read, const struct fixture_part *parts, size_t count, const char *message)
{
    struct buf file;
    buf_init(&file, 64u << 20);
    make_package(parts, count, &file);
    bytes_refused(read, buf_str(&file), message);
    buf_deinit(&file);
}

/* --- xlsx ------------------------------------------------------------------------------------------- */

static void xlsx_cells_of_every_type(void **state)
{
    (void)state;
    const struct fixture_part parts[] = {
        XLSX_ROOT,
        XLSX_BOOK("<sheets><sheet name=\"Q1\" r:id=\"a\"/><sheet name=\"Chart\" r:id=\"c\"/>"
                  "<sheet name=\"Q2\" r:id=\"b\"/></sheets>"),
        PART("xl/_rels/workbook.xml.rels",
             RELATIONS(RELATION("a", "worksheet", "worksheets/sheet1.xml")
                           RELATION("b", "worksheet", "/xl/worksheets/sheet2.xml")
                               RELATION("c", "chartsheet", "chart.xml")
                                   RELATION("d", "sharedStrings", "sharedStrings.xml")
                                       RELATION("e", "styles", "styles.xml"))),
        PART("xl/sharedStrings.xml", "<sst " S "><si><t>Item</t></si><si><r><t>Ri</t></r><r><t>ch</t></r>"
                                     "<rPh><t>no</t></rPh></si></sst>"),
        PART("xl/styles.xml", "<styleSheet " S "><numFmts><numFmt numFmtId=\"164\" formatCode=\"yyyy\\-mm\\-dd\"/>"
                              "</numFmts><cellStyleXfs><xf numFmtId=\"9\"/></cellStyleXfs><cellXfs><xf numFmtId=\"0\"/>"
                              "<xf numFmtId=\"164\"/><xf numFmtId=\"10\"/></cellXfs></styleSheet>"),
        PART("xl/worksheets/sheet1.xml",
             "<worksheet " S "><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"C1\" t=\"s\"><v>1</v></c>"
             "<c r=\"D1\" t=\"s\"><v>99</v></c></row><row r=\"2\"/><row r=\"3\"/>"
             "<row r=\"4\"><c r=\"B4\" s=\"1\"><v>45352</v></c><c r=\"C4\" s=\"2\"><v>0.125</v></c>"
             "<c r=\"D4\"><f>1+2</f><v>3</v></c><c r=\"E4\" t=\"b\"><v>1</v></c><c r=\"F4\" t=\"e\"><v>#REF!</v></c>"
             "<c r=\"G4\" t=\"inlineStr\"><is><t>in\nline</t></is></c><c r=\"H4\" s=\"1\"/>"
             "<c t=\"str\"><f>A1</f><v>text</v></c><c r=\"XFD4\"><v>0.30000000000000004</v></c></row>"
             "</sheetData></worksheet>"),
        PART("xl/worksheets/sheet2.xml", "<worksheet " S "><sheetData/></worksheet>"),
    };
    char expected[512];
    char gap[52];
    memset(gap, '\t', 51);
    gap[51] = '\0';
    (void)snprintf(expected, sizeof(expected),
                   "Sheet: Q1\nItem\t\tRich\t(text missing in the file)\n\n\t2024-03-01\t12.50%%\t3\tTRUE"
                   "\t#REF!\tin line\t\ttext%s0.3\n"
                   "\nSheet: Q2\n", gap);
    reads_as(xlsx_text, parts, COUNT(parts), expected);
}

static void shows(const char *code, const char *value, const char *expected)
{
    char shown[NUMBER_TEXT_MAX];
    struct number_format format = number_format_parse(str_of(code));
    number_format_write(&format, str_of(value), false, shown);
    if (strcmp(shown, expected) != 0)
        print_error("%s of %s\n", code, value);
    assert_string_equal(shown, expected);
}

static void numbers_are_rounded_as_in_the_cell(void **state)
{
    (void)state;
    shows("0%", "0.125", "13%");
    shows("0", "2.5", "3");
    shows("0", "0.5", "1");
    shows("0", "-0.5", "-1");
    shows("0", "0.49999999999999994", "1"); /* 15 digits: 0.5 */
    shows("#,##0", "1234.5", "1,235");
    shows("0.00", "0.125", "0.13");
    shows("0.00", "1.005", "1.01");
    shows("0.00", "1.0049999999999999", "1.01");
    shows("0.00", "2.6749999999999998", "2.68");
    shows("0.00", "10.155", "10.16");
    shows("0.00", "-1.005", "-1.01");
    shows("0.00", "-0.001", "0.00");
    shows("0.0", "9.95", "10.0");
    shows("0%", "1.065", "107%");
    shows("0.0", "99999999999999.95", "100000000000000.0");
    shows("0.000", "1e-3", "0.001");
    shows("0", "1.5E+3", "1500");
}

static void general_and_long_numbers(void **state)
{
    (void)state;
    shows("General", "0.30000000000000004", "0.3");
    shows("General", "1234567890123456", "1234567890123456");
    shows("0", "9007199254740993", "9007199254740993");
    shows("0", "12345678901234567890", "12345678901234567890");
    shows("#,##0", "1234567890123456789", "1,234,567,890,123,456,789");
    shows("General", "4.0000123412341234E+18", "4000012341234123400");
    shows("General", "123456.78900000001", "123456.789");
    shows("General", "1e300", "1E+300");
    shows("General", "1.25e-7", "1.25E-07");
    shows("General", "0.00012", "0.00012");
    shows("General", "-0", "0");
    shows("General", "12abc", "12abc");
    shows("General", "", "");
    shows("0", "1e999", "1e999");
    shows("General\" pcs\"", "3", "3 pcs");
    shows("@", "7", "7");
}

static void codes_with_sections(void **state)
{
    (void)state;
    shows("\"$\"#,##0_);(\"$\"#,##0)", "1234", "$1,234");
    shows("\"$\"#,##0_);(\"$\"#,##0)", "-1234", "($1,234)");
    shows("_($* #,##0.00_);_($* (#,##0.00);_($* \"-\"??_);_(@_)", "0", "$-");
    shows("_($* #,##0.00_);_($* (#,##0.00);_($* \"-\"??_);_(@_)", "-5", "$(5.00)");
    shows("[Red]0;[Blue]-0", "-3", "-3");
    shows("0;0", "-3", "3");
    shows("0;;", "-3", "");
    shows(";;;", "5", "");
    shows("0;-0;\"none\"", "0", "none");
    shows("\"up\";\"down\";\"same\"", "-2", "down");
    shows("[>=1000000]0.0,,\"M\";[>=1000]0.0,\"K\";0", "2500000", "2.5M");
    shows("[>=1000000]0.0,,\"M\";[>=1000]0.0,\"K\";0", "2500", "2.5K");
    shows("[>=1000000]0.0,,\"M\";[>=1000]0.0,\"K\";0", "25", "25");
    shows("[=1]\"Yes\";[=0]\"No\";General", "1", "Yes");
    shows("[=1]\"Yes\";[=0]\"No\";General", "0", "No");
    shows("[=1]\"Yes\";[=0]\"No\";General", "7", "7");
    shows("[<0]\"below\";0", "-4", "below");
    shows("[>100]\"many\";0", "-4", "-4");
    shows("[>=10000000]##\\,##\\,##\\,##0;[>=100000]##\\,##\\,##0;##,##0", "1234567", "12,34,567");
    shows("0.00;@", "-1.5", "-1.50");
}

static void codes_of_every_kind(void **state)
{
    (void)state;
    shows("#,##0.00", "1234567.891", "1,234,567.89");
    shows("00000", "501", "00501");
    shows("000-00-0000", "123456789", "123-45-6789");
    shows("(###) ###-####", "5551234567", "(555) 123-4567");
    shows("#,##0.00 [$\xE2\x82\xAC-407]", "5", "5.00 \xE2\x82\xAC");
    shows("[$\xC2\xA3-809]#,##0", "-5", "-\xC2\xA3" "5");
    shows("[$-409]0.0", "5", "5.0");
    shows("_-* #,##0 \"km\"_-", "12", "12 km");
    shows("0.0\\ \\k\\g", "1.25", "1.3 kg");
    shows("0.##", "5", "5.");
    shows("0.0#", "5.25", "5.25");
    shows("0.0#", "5.2", "5.2");
    shows("#.##", "0.5", ".5");
    shows("#", "0", "");
    shows(".00", "12.5", "12.50");
    shows("?0.0?", "5.2", "5.2");
    shows("0,", "12345", "12");
    shows("0.0,,", "12345678", "12.3");
    shows("#,##0,", "1234567", "1,235");
    shows("0%", "0.256", "26%");
    shows("0.0%\" of all\"", "0.1255", "12.6% of all");
    shows("0.00E+00", "12345", "1.23E+04");
    shows("0.00E+00", "0.00012345", "1.23E-04");
    shows("##0.0E+0", "12345", "12.3E+3");
    shows("0.0E-0", "9.99", "1.0E1");
    shows("0E+0", "0", "0E+0");
    shows("# ?/?", "0.5", "1/2");
    shows("# ?/?", "1.25", "1 1/4");
    shows("# ?\?/?\?", "3.14159265", "3 1/7");
    shows("# ?\?\?/?\?\?", "3.14159265", "3 16/113");
    shows("# ?/8", "2.5", "2 4/8");
    shows("?/?", "2.5", "5/2");
    shows("# ?/?", "-0.75", "-3/4");
    shows("# ?/?", "4", "4");
    shows("# ?/?", "0.01", "0");
    shows("# ?/?", "1E+15", "1000000000000000");
    shows("?0.0", "-1", "-1.0");
    shows("\"unfinished", "5", "unfinished");
    shows("[", "5", "");
    shows("\\", "5", "");
}

static void moments_are_iso(void **state)
{
    (void)state;
    shows("m/d/yy", "1", "1900-01-01");
    shows("d.m.yyyy", "59", "1900-02-28");
    shows("d.m.yyyy", "60", "1900-02-29");
    shows("d-mmm-yy", "61", "1900-03-01");
    shows("m/d/yyyy h:mm", "0.75", "1900-01-00 18:00");
    shows("yyyy-mm-dd hh:mm:ss", "45352.750011574077", "2024-03-01 18:00:01");
    shows("h:mm AM/PM", "0.5625", "13:30");
    shows("mm:ss", "0.020833333333333332", "00:30:00");
    shows("mm:ss.000", "0.00001446759259", "00:00:01.250");
    shows("[h]:mm", "1.5", "36:00");
    shows("[h]:mm", "-1.5", "-36:00");
    shows("[mm]:ss", "1.5", "2160:00");
    shows("[mm]:ss.0", "0.00001446759259", "00:01.3");
    shows("[ss]", "0.001", "86");
    shows("[m]", "0.0625", "90");
    shows("yyyy-mm-dd", "45351.9999999", "2024-03-01");
    shows("[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy", "45352", "2024-03-01");
    shows("[$-F400]h:mm:ss\\ AM/PM", "0.5", "12:00:00");
    shows("[$-411]ggge\"\xE5\xB9\xB4\"m\"\xE6\x9C\x88\"d\"\xE6\x97\xA5\"", "45352", "2024-03-01");
    shows("yyyy\"\xE5\xB9\xB4\"m\"\xE6\x9C\x88\"", "45352", "2024-03-01");
    shows("[Blue]dd/mm/yyyy;@", "45352", "2024-03-01");
    shows("yyyy", "-5", "-5");
    shows("yyyy", "1e12", "1000000000000");
    shows("yyyy", "2958466", "2958466");
}

static void builtin(unsigned id, const char *value, const char *expected)
{
    char shown[NUMBER_TEXT_MAX];
    struct number_format format = number_format_builtin(id);
    number_format_write(&format, str_of(value), false, shown);
    if (strcmp(shown, expected) != 0)
        print_error("built-in %u of %s\n", id, value);
    assert_string_equal(shown, expected);
}

static void builtin_formats(void **state)
{
    (void)state;
    char shown[NUMBER_TEXT_MAX];
    struct number_format format = number_format_builtin(14);
    number_format_write(&format, STR("0"), true, shown);
    assert_string_equal(shown, "1904-01-01");
    builtin(0, "1.5", "1.5");
    builtin(4, "1234.5", "1,234.50");
    builtin(9, "0.125", "13%");
    builtin(11, "1234", "1.23E+03");
    builtin(12, "0.25", "1/4");
    builtin(13, "0.15625", "5/32");
    builtin(22, "45352.5", "2024-03-01 12:00");
    for (unsigned id = 27; id <= 31; id++)
        builtin(id, "45352", "2024-03-01");
    builtin(32, "0.5", "12:00");
    builtin(33, "0.5", "12:00:00");
    builtin(34, "0.5", "12:00:00");
    builtin(34, "45352", "2024-03-01");
    builtin(36, "45352", "2024-03-01");
    builtin(38, "-1234", "(1,234)");
    builtin(40, "-1234.5", "(1,234.50)");
    builtin(41, "0", "-");
    builtin(43, "-2", "(2.00)");
    builtin(46, "1.5", "36:00:00");
    builtin(47, "0.00001446759259", "00:00:01.3");
    builtin(48, "12345", "12.3E+3");
    builtin(49, "7", "7");
    builtin(50, "45352", "2024-03-01");
    builtin(56, "45352.25", "2024-03-01 06:00:00");
    builtin(58, "45352", "2024-03-01");
    builtin(62, "1234.5", "1,234.50");
    builtin(67, "0.5", "50%");
    builtin(71, "45352", "2024-03-01");
    builtin(79, "2", "48:00:00");
    builtin(4711, "1.5", "1.5");
}

static void texts_in_formats(void **state)
{
    (void)state;
    char before[NUMBER_TEXT_MAX], behind[NUMBER_TEXT_MAX];
    struct number_format format = number_format_parse(STR("0;-0;0;\"No. \"@\" (text)\""));
    assert_true(number_format_around(&format, before, behind));
    assert_string_equal(before, "No. ");
    assert_string_equal(behind, " (text)");
    format = number_format_parse(STR(";;;"));
    assert_false(number_format_around(&format, before, behind));
    format = number_format_parse(STR("0;-0;0;\"text\""));
    assert_false(number_format_around(&format, before, behind));
    assert_string_equal(before, "text");
    format = number_format_parse(STR("0.00"));
    assert_true(number_format_around(&format, before, behind));
    assert_string_equal(before, "");
}

#define ROW(cells) "<row>" cells "</row>"
#define TEXT_CELL(text) "<c t=\"inlineStr\"><is><t>" text "</t></is></c>"

static void sheet_reads_as(const char *rows, const char *expected)
{
    struct buf sheet;
    buf_init(&sheet, 1u << 20);
    buf_append_text(&sheet, "<worksheet " S ">");
    buf_append_text(&sheet, rows);
    buf_append_text(&sheet, "</worksheet>");
    const struct fixture_part parts[] = {XLSX_ROOT, XLSX_ONE_SHEET,
                                         {.name = "xl/worksheets/sheet1.xml", .text = buf_str(&sheet)}};
    reads_as(xlsx_text, parts, COUNT(parts), expected);
    buf_deinit(&sheet);
}

static void xlsx_cells_without_reference(void **state)
{
    (void)state;
    sheet_reads_as("<sheetData>" ROW(TEXT_CELL("Name") "<c/>" TEXT_CELL("Age"))
                   ROW("<c><v>1</v></c><c><v/></c><c><v>3</v>"
                   "</c>") ROW("<c r=\"B3\"><v>4</v></c><c><v>5</v></c>") "</sheetData>",
                   "Sheet: One\nName\t\tAge\n1\t\t3\n\t4\t5\n");
    sheet_reads_as("<sheetData><row r=\"2\"><c><v>1</v></c></row><row r=\"5\"><c><v>2</v></c></row><row><c><v>3</v></c>"
                   "</row></sheetData>",
                   "Sheet: One\n1\n\n2\n3\n");
}

static void xlsx_formulas_without_value(void **state)
{
    (void)state;
    sheet_reads_as("<sheetData>" ROW("<c><v>2</v></c><c><f>A1*2</f><v></v></c><c><v>4</v></c><c><f>A1&amp;\"x\"</f></c>"
                   "<c><f t=\"shared\" si=\"0\"/></c><c t=\"str\"><f>T(A1)</f><v></v></c><c><f>1+2</f><v>3</v></c>")
                   "</sheetData>",
                   "Sheet: One\n2\t=A1*2 (not computed)\t4\t=A1&\"x\" (not computed)\t=formula (not computed)\t\t3\n");
    sheet_reads_as("<sheetData>" ROW("<c><f>_xlfn._xlws.SORT(A1:A2)+_xlfn.XLOOKUP(_xl,1)</f></c>") "</sheetData>",
                   "Sheet: One\n=SORT(A1:A2)+XLOOKUP(_xl,1) (not computed)\n");
    const struct fixture_part parts[] = {
        XLSX_ROOT,
        XLSX_BOOK("<sheets><sheet name=\"One\" r:id=\"rId1\"/></sheets><calcPr fullCalcOnLoad=\"1\"/>"),
        PART("xl/_rels/workbook.xml.rels", RELATIONS(RELATION("rId1", "worksheet", "worksheets/sheet1.xml"))),
        XLSX_SHEET(ROW("<c><f>1+2</f><v>0</v></c><c><f>1+2</f><v>3</v></c><c><v>0</v></c>"))};
    reads_as(xlsx_text, parts, COUNT(parts), "Sheet: One\n=1+2 (not computed)\t3\t0\n");
}

static void xlsx_escapes_dates_and_missing_texts(void **state)
{
    (void)state;
    sheet_reads_as("<sheetData>" ROW(TEXT_CELL("a_x000D__x000a_b_x005F_x000D_") TEXT_CELL("x_y_x00_z")
                   TEXT_CELL("l1\nl2") TEXT_CELL("_x00E9__x20AC__xD800_"))
                   ROW("<c t=\"d\"><v>2024-03-01T00:00:00</v></c><c t=\"d\">"
                   "<v>2024-03-01T18:30:00Z</v></c><c t=\"b\"><v>true</v></c><c t=\"s\"><v>7</v></c>") "</sheetData>",
                   "Sheet: One\na b_x000D_\tx_y_x00_z\tl1 l2\té€\xEF\xBF\xBD\n"
                   "2024-03-01\t2024-03-01 18:30:00\tTRUE\t(text missing in the file)\n");
}

static void xlsx_hidden_parts(void **state)
{
    (void)state;
    sheet_reads_as("<cols><col min=\"2\" max=\"2\" hidden=\"1\"/></cols><sheetData><row r=\"1\"><c r=\"A1\">"
                   "<v>1</v></c><c r=\"B1\"><v>2</v></c><c r=\"C1\"><v>3</v></c></row>"
                   "<row r=\"2\" hidden=\"1\"><c r=\"A2\"><v>4</v></c></row>"
                   "<row r=\"3\"><c r=\"C3\"><v>5</v></c></row></sheetData>",
                   "Sheet: One\n1\t3\n\t5\n(left out: 1 hidden rows, 1 cells in hidden columns)\n");
    const struct fixture_part parts[] = {
        XLSX_ROOT,
        XLSX_BOOK("<sheets><sheet name=\"One\" state=\"veryHidden\" r:id=\"rId1\"/></sheets>"),
        PART("xl/_rels/workbook.xml.rels", RELATIONS(RELATION("rId1", "worksheet", "worksheets/sheet1.xml"))),
        XLSX_SHEET(ROW("<c><v>1</v></c>"))};
    reads_as(xlsx_text, parts, COUNT(parts), "Sheet: One (hidden)\n1\n");
}

/* --- PDF -------------------------------------------------------------------------------------------- */

static void pdf_reads_as(struct str raw, const char *expected)
{
    struct buf text;
    struct error error;
    assert_int_equal(read_bytes(pdf_text, raw, &text, &error), OK);
    assert_str_equal(buf_str(&text), expected);
    buf_deinit(&text);
}

static void pdf_pages_are_separated(void **state)
{
    (void)state;
    pdf_reads_as(STR("\n\n  One  \n\n\n\nA          B\n\fTwo\n\f"), "  One\n\nA    B\n--- page 2 ---\nTwo\n");
    pdf_reads_as(STR("\f\fthird\f"), "--- page 2 ---\n--- page 3 ---\nthird\n");
    pdf_reads_as(STR("caf\xC3\xA9 \xFF\xE2\x82\xAC\x01\x7F\xE2\x82\f"), "caf\xC3\xA9 \xEF\xBF\xBD\xE2\x82\xAC"
                                                                        "\xEF\xBF\xBD\xEF\xBF\xBD\n");
    bytes_refused(pdf_text, STR("\f \n\f"), "there is no text in the PDF");
    bytes_refused(pdf_text, STR(""), "there is no text in the PDF");
}

static void pdf_limits(void **state)
{
    (void)state;
    struct limits before = limits_in_force;
    limits_in_force.document_pages = 2;
    bytes_refused(pdf_text, STR("a\fb\fc\f"), "more than the limit of 2 pages");
    limits_in_force.document_text_bytes = 8;
    bytes_refused(pdf_text, STR("0123456789\f"), "its text has more than the limit of 8 bytes");
    limits_in_force = before;
}

/* --- hostile files ---------------------------------------------------------------------------------- */

static void what_is_no_package_is_refused(void **state)
{
    (void)state;
    const struct fixture_part empty[] = {PART("readme.txt", "hello")};
    bytes_refused(docx_text, STR(""), "is not a zip archive");
    bytes_refused(docx_text, STR("PK\003\004garbage"), "is not a zip archive");
    bytes_refused(xlsx_text, STR("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1rest"), "encrypted or of an older format");
    refused(docx_text, empty, COUNT(empty), "it has no word/document.xml");
    refused(xlsx_text, empty, COUNT(empty), "it has no xl/workbook.xml");
}

static void malformed_xml_is_refused(void **state)
{
    (void)state;
    const struct fixture_part open[] = {PART("word/document.xml", "<w:document " W "><w:p>")};
    const struct fixture_part text[] = {PART("word/document.xml", "no xml")};
    const struct fixture_part nothing[] = {PART("word/document.xml", "")};
    const struct fixture_part entity[] = {PART("word/document.xml", "<a>&unknown;</a>")};
    refused(docx_text, open, 1, "word/document.xml is not well-formed XML");
    refused(docx_text, text, 1, "word/document.xml is not well-formed XML");
    refused(docx_text, nothing, 1, "word/document.xml is not well-formed XML");
    refused(docx_text, entity, 1, "word/document.xml is not well-formed XML");
}

static void entities_and_external_things_are_refused(void **state)
{
    (void)state;
    const struct fixture_part laughs[] = {
        PART("word/document.xml", "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\"><!ENTITY c "
                                  "\"&b;&b;&b;&b;\">]><w:document " W "><w:p><w:t>&c;</w:t></w:p></w:document>")};
    const struct fixture_part external[] = {
        PART("word/document.xml", "<!DOCTYPE l SYSTEM \"file:///etc/passwd\"><l/>")};
    refused(docx_text, laughs, 1, "word/document.xml: it has a DTD");
    refused(docx_text, external, 1, "word/document.xml: it has a DTD");
}

static void deep_nesting_is_refused(void **state)
{
    (void)state;
    struct buf xml;
    buf_init(&xml, 1u << 20);
    for (int i = 0; i < 200; i++)
        buf_append_text(&xml, "<w>");
    for (int i = 0; i < 200; i++)
        buf_append_text(&xml, "</w>");
    const struct fixture_part part = {.name = "word/document.xml", .text = buf_str(&xml)};
    refused(docx_text, &part, 1, "nested too deep");
    buf_deinit(&xml);
}

static void bombs_are_refused(void **state)
{
    (void)state;
    struct limits before = limits_in_force;
    struct buf xml;
    buf_init(&xml, 64u << 20);
    buf_append_text(&xml, "<w:document " W ">");
    assert_true(buf_reserve(&xml, 8u << 20));
    memset(xml.data + xml.len, ' ', 8u << 20);
    xml.len += 8u << 20;
    buf_append_text(&xml, "</w:document>");
    struct fixture_part part = {.name = "word/document.xml", .text = buf_str(&xml)};
    refused(docx_text, &part, 1, "word/document.xml unpacks to more than 400 times its size");
    limits_in_force.document_inflate_ratio = 100000;
    limits_in_force.document_inflated_bytes = 1u << 20;
    refused(docx_text, &part, 1, "unpacked it has more than 1048576 bytes");
    limits_in_force.document_inflated_bytes = before.document_inflated_bytes;
    limits_in_force.document_zip_entries = 1;
    const struct fixture_part two[] = {DOCX_ROOT, DOCX_BODY(P("a"))};
    refused(docx_text, two, 2, "more than the limit of 1 files");
    limits_in_force = before;
    buf_deinit(&xml);
}

static void long_texts_are_refused(void **state)
{
    (void)state;
    struct limits before = limits_in_force;
    limits_in_force.document_text_bytes = 12;
    const struct fixture_part docx[] = {DOCX_BODY(P("0123456789") P("0123456789"))};
    const struct fixture_part xlsx[] = {XLSX_ROOT, XLSX_ONE_SHEET,
                                        XLSX_SHEET("<row><c t=\"str\"><v>0123456789</v></c></row>")};
    refused(docx_text, docx, COUNT(docx), "its text has more than the limit of 12 bytes");
    refused(xlsx_text, xlsx, COUNT(xlsx), "its text has more than the limit of 12 bytes");
    limits_in_force = before;
}

/* Every byte cut off and many bytes changed: a text or a refusal, never more. */
static void damaged_files_end_well(void **state)
{
    (void)state;
    const struct fixture_part parts[] = {DOCX_ROOT, DOCX_BODY(P("Some text to be packed") P("and more"))};
    struct buf file, text;
    struct error error;
    struct rng rng;
    buf_init(&file, 1u << 20);
    make_package(parts, COUNT(parts), &file);
    for (size_t len = 0; len < file.len; len++) {
        assert_int_not_equal(read_bytes(docx_text, str_slice(buf_str(&file), 0, len), &text, &error), OK);
        assert_int_equal(error.code, ERROR_INVALID);
        buf_deinit(&text);
    }
    rng_seed(&rng, 5);
    for (int round = 0; round < 2000; round++) {
        size_t at = (size_t)rng_below(&rng, file.len);
        char kept = file.data[at];
        file.data[at] = (char)rng_next(&rng);
        if (read_bytes(docx_text, buf_str(&file), &text, &error) != OK)
            assert_true(error.code == ERROR_INVALID && error.message[0]);
        buf_deinit(&text);
        file.data[at] = kept;
    }
    buf_deinit(&file);
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    const struct fixture_part docx[] = {
        DOCX_ROOT, PART("word/_rels/document.xml.rels", RELATIONS(RELATION("a", "styles", "styles.xml")
                        RELATION("b", "numbering", "numbering.xml") RELATION("c", "header", "h.xml"))),
        STYLES, NUMBERING, PART("word/h.xml", "<w:hdr " W ">" P("Head") "</w:hdr>"), DOCX_BODY(ITEM("0", "one"))};
    const struct fixture_part xlsx[] = {XLSX_ROOT, XLSX_ONE_SHEET, XLSX_SHEET("<row><c><v>1</v></c></row>")};
    const struct {
        reader read;
        const struct fixture_part *parts;
        size_t count;
    } files[] = {{docx_text, docx, COUNT(docx)}, {xlsx_text, xlsx, COUNT(xlsx)}};
    for (size_t i = 0; i < COUNT(files); i++) {
        struct buf file, text;
        struct error error;
        bool is_untouched = false;
        buf_init(&file, 1u << 20);
        make_package(files[i].parts, files[i].count, &file);
        for (uint64_t nth = 1; nth < 300 && !is_untouched; nth++) {
            mem_fail_at(nth);
            enum error_code code = read_bytes(files[i].read, buf_str(&file), &text, &error);
            is_untouched = mem_fail_count() < nth;
            mem_fail_at(0);
            assert_int_equal(code == OK, is_untouched);
            buf_deinit(&text);
        }
        assert_true(is_untouched);
        buf_deinit(&file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xlsx_cells_of_every_type),
        cmocka_unit_test(numbers_are_rounded_as_in_the_cell),
        cmocka_unit_test(general_and_long_numbers),
        cmocka_unit_test(codes_with_sections),
        cmocka_unit_test(codes_of_every_kind),
        cmocka_unit_test(moments_are_iso),
        cmocka_unit_test(builtin_formats),
        cmocka_unit_test(texts_in_formats),
        cmocka_unit_test(xlsx_cells_without_reference),
        cmocka_unit_test(xlsx_formulas_without_value),
        cmocka_unit_test(xlsx_escapes_dates_and_missing_texts),
        cmocka_unit_test(xlsx_hidden_parts),
        cmocka_unit_test(pdf_pages_are_separated),
        cmocka_unit_test(pdf_limits),
        cmocka_unit_test(what_is_no_package_is_refused),
        cmocka_unit_test(malformed_xml_is_refused),
        cmocka_unit_test(entities_and_external_things_are_refused),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(bombs_are_refused),
        cmocka_unit_test(long_texts_are_refused),
        cmocka_unit_test(damaged_files_end_well),
        cmocka_unit_test(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
