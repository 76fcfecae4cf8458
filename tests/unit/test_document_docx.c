/* Texts of docx files, as someone sees them who opens the file in Word. */
#include "support.h"

#include "core/limits.h"
#include "document/docx.h"
#include "document_fixture.h"

static void docx_paragraphs_headings_and_lists(void **state)
{
    (void)state;
    const struct fixture_part parts[] = {
        DOCX_ROOT,
        PART("word/_rels/document.xml.rels",
             RELATIONS(RELATION("a", "styles", "styles.xml") RELATION("b", "numbering", "/word/numbering.xml"))),
        STYLES,
        NUMBERING,
        DOCX_BODY(STYLED("berschrift1", "Title &amp; more") P("First.") "<w:p/><w:p/>" P("Second.")
                  STYLED("Sub", "Part") STYLED("Loop", "Plain") ITEM("0", "three") ITEM("1", "a") ITEM("1", "b")
                  ITEM("0", "four") ITEM("1", "a again") STYLED("ListBullet", "point")),
    };
    reads_as(docx_text, parts, COUNT(parts),
             "# Title & more\nFirst.\n\nSecond.\n\n## Part\nPlain\n3. three\n  3.a) a\n  3.b) b\n4. four\n"
             "  4.a) a again\n- point\n");
}

static void docx_runs_tabs_and_changes(void **state)
{
    (void)state;
    const struct fixture_part parts[] = {
        DOCX_BODY("<w:p><w:pPr><w:tabs><w:tab w:val=\"left\"/></w:tabs></w:pPr><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t>"
                  "<w:br/><w:t>c</w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del>"
                  "<w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom><w:ins><w:r><w:t>new</w:t></w:r></w:ins>"
                  "<w:r><w:instrText>PAGE</w:instrText></w:r></w:p>"
                  "<w:p><mc:AlternateContent xmlns:mc=\"m\"><mc:Choice><w:txbxContent>" P("box")
                  "</w:txbxContent></mc:Choice><mc:Fallback>" P("box") "</mc:Fallback></mc:AlternateContent></w:p>"),
    };
    reads_as(docx_text, parts, COUNT(parts), "a\tb\ncnew\nbox\n");
}

static void docx_tables(void **state)
{
    (void)state;
    const struct fixture_part parts[] = {
        DOCX_ROOT,
        DOCX_BODY(P("before") "<w:tbl><w:tr>" CELL(P("Item")) CELL(P("Price")) "</w:tr><w:tr>"
                  "<w:tc><w:tcPr><w:gridSpan w:val=\"2\"/></w:tcPr>" P("wide") "</w:tc>" CELL(P("x") P("y"))
                  "</w:tr><w:tr>" CELL("<w:p/>") CELL("<w:tbl><w:tr>" CELL(P("in")) CELL(P("ner")) "</w:tr></w:tbl>")
                  "</w:tr></w:tbl>" P("after")),
    };
    reads_as(docx_text, parts, COUNT(parts), "before\nItem\tPrice\nwide\t\tx y\nin\tner\nafter\n");
}

static void deleted_rows_and_cells_are_gone(void **state)
{
    (void)state;
#define GONE_CELL(inner) "<w:tc><w:tcPr><w:tcW/><w:cellDel w:id=\"2\"/></w:tcPr>" inner "</w:tc>"
    const struct fixture_part parts[] = {
        DOCX_ROOT,
        DOCX_BODY("<w:tbl><w:tr>" CELL(P("a")) GONE_CELL(P("gone")) CELL(P("b")) "</w:tr>"
                  "<w:tr><w:trPr><w:cantSplit/><w:del w:id=\"1\"/></w:trPr>" CELL(P("gone")) CELL(P("too")) "</w:tr>"
                  "<w:tr>" GONE_CELL(P("gone")) CELL("<w:p><w:del><w:r><w:t>old</w:t></w:r></w:del></w:p>")
                  CELL(P("c")) "</w:tr></w:tbl>" P("after")),
    };
    reads_as(docx_text, parts, COUNT(parts), "a\tb\n\tc\nafter\n");
}

static void docx_notes_headers_and_footers(void **state)
{
    (void)state;
    const struct fixture_part parts[] = {
        DOCX_ROOT,
        PART("word/_rels/document.xml.rels",
             RELATIONS(RELATION("a", "header", "header1.xml") RELATION("b", "header", "header2.xml")
                           RELATION("c", "footer", "footer1.xml") RELATION("d", "footnotes", "footnotes.xml")
                               RELATION("e", "endnotes", "endnotes.xml"))),
        PART("word/header1.xml", "<w:hdr " W ">" P("ACME") "</w:hdr>"),
        PART("word/header2.xml", "<w:hdr " W ">" P("ACME") "</w:hdr>"),
        PART("word/footer1.xml", "<w:ftr " W ">" P("Confidential") "</w:ftr>"),
        PART("word/footnotes.xml", "<w:footnotes " W "><w:footnote w:type=\"separator\" w:id=\"-1\">" P("line")
             "</w:footnote><w:footnote w:id=\"2\">" P("See there.") "</w:footnote></w:footnotes>"),
        DOCX_BODY("<w:p><w:r><w:t>Fact</w:t><w:footnoteReference w:id=\"2\"/></w:r></w:p>"),
    };
    reads_as(docx_text, parts, COUNT(parts), "Header: ACME\nFact[^1]\n[^1]: See there.\nFooter: Confidential\n");
}


/* The file with that body, styles and numbering. */
static void body_reads_as(const char *body, const char *styles, const char *numbering, const char *expected)
{
    struct buf parts[3];
    static const struct {
        const char *begin, *end;
    } wraps[] = {{"<w:document " W "><w:body>", "</w:body></w:document>"},
                 {"<w:styles " W ">", "</w:styles>"},
                 {"<w:numbering " W ">", "</w:numbering>"}};
    const char *inner[] = {body, styles, numbering};
    for (size_t i = 0; i < 3; i++) {
        buf_init(&parts[i], 1u << 20);
        buf_append_text(&parts[i], wraps[i].begin);
        buf_append_text(&parts[i], inner[i]);
        buf_append_text(&parts[i], wraps[i].end);
    }
    const struct fixture_part files[] = {
        DOCX_ROOT,
        PART("word/_rels/document.xml.rels",
             RELATIONS(RELATION("a", "styles", "styles.xml") RELATION("b", "numbering", "numbering.xml"))),
        {.name = "word/document.xml", .text = buf_str(&parts[0])},
        {.name = "word/styles.xml", .text = buf_str(&parts[1])},
        {.name = "word/numbering.xml", .text = buf_str(&parts[2])},
    };
    reads_as(docx_text, files, COUNT(files), expected);
    for (size_t i = 0; i < 3; i++)
        buf_deinit(&parts[i]);
}

static void plain_body(const char *body, const char *expected)
{
    body_reads_as(body, "", "", expected);
}

#define R(properties, text) "<w:r><w:rPr>" properties "</w:rPr><w:t xml:space=\"preserve\">" text "</w:t></w:r>"
#define PR(inner) "<w:p>" inner "</w:p>"
#define LEVEL(index, format, text, more)                                                            \
    "<w:lvl w:ilvl=\"" index "\"><w:start w:val=\"1\"/><w:numFmt w:val=\"" format "\"/>" more            \
    "<w:lvlText w:val=\"" text "\"/></w:lvl>"
#define ABSTRACT(id, levels) "<w:abstractNum w:abstractNumId=\"" id "\">" levels "</w:abstractNum>"
#define NUM(id, abstract, more) \
    "<w:num w:numId=\"" id "\"><w:abstractNumId w:val=\"" abstract "\"/>" more "</w:num>"
#define START(level, value) \
    "<w:lvlOverride w:ilvl=\"" level "\"><w:startOverride w:val=\"" value "\"/></w:lvlOverride>"
#define LI(num, level, text)                                                                        \
    "<w:p><w:pPr><w:numPr><w:ilvl w:val=\"" level "\"/><w:numId w:val=\"" num "\"/></w:numPr></w:pPr>" \
    R("", text) "</w:p>"

static void lists_share_definitions_and_start_anew(void **state)
{
    (void)state;
    body_reads_as(LI("1", "0", "a") LI("1", "0", "b") LI("2", "0", "c") P("text") LI("3", "0", "d") LI("3", "0", "e")
                  LI("1", "0", "f") LI("4", "0", "g"), "",
                  ABSTRACT("0", LEVEL("0", "decimal", "%1.", "")) NUM("1", "0", "") NUM("2", "0", "")
                  NUM("3", "0", START("0", "7")) NUM("4", "0", START("0", "1")),
                  "1. a\n2. b\n3. c\ntext\n7. d\n8. e\n9. f\n1. g\n");
}

static void levels_of_lists(void **state)
{
    (void)state;
    body_reads_as(LI("1", "0", "a") LI("1", "1", "b") LI("1", "2", "c") LI("1", "0", "d") LI("1", "1", "e") LI("1",
                   "2", "f")
                  LI("1", "3", "g"), "",
                  ABSTRACT("0", LEVEL("0", "upperRoman", "Article %1", "") LEVEL("1", "lowerLetter", "%1.%2)",
                                 "<w:isLgl/>")
                           LEVEL("2", "decimalZero", "%3", "<w:lvlRestart w:val=\"0\"/>") LEVEL("3", "none", "", ""))
                  NUM("1", "0", ""),
                  "Article I a\n  1.1) b\n    01 c\nArticle II d\n  2.1) e\n    02 f\n      g\n");
    body_reads_as(LI("1", "0", "a") LI("1", "1", "b") LI("1", "2", "c") LI("1", "1", "d") LI("1", "2", "e"), "",
                  ABSTRACT("0", LEVEL("0", "decimal", "%1", "") LEVEL("1", "decimal", "%1.%2", "")
                           LEVEL("2", "decimal", "%3)", "<w:lvlRestart w:val=\"1\"/>")) NUM("1", "0", ""),
                  "1 a\n  1.1 b\n    1) c\n  1.2 d\n    2) e\n");
    /* A list's own level in place of the definition's. */
    body_reads_as(LI("1", "0", "a") LI("2", "0", "b"), "",
                  ABSTRACT("0", LEVEL("0", "decimal", "%1.", "")) NUM("1", "0", "")
                  NUM("2", "0", "<w:lvlOverride w:ilvl=\"0\">" LEVEL("0", "upperLetter", "(%1)", "")
                                 "</w:lvlOverride>"),
                  "1. a\n(B) b\n");
    body_reads_as(LI("1", "0", "a") LI("2", "0", "b") LI("3", "0", "c") LI("4", "0", "d"), "",
                  ABSTRACT("0", LEVEL("0", "bullet", "\u2610", "")) NUM("1", "0", "")
                  ABSTRACT("1", LEVEL("0", "bullet", "\xEF\x82\xA8", "<w:rPr><w:rFonts w:ascii=\"Wingdings\"/>"
                                 "</w:rPr>"))
                  NUM("2", "1", "") ABSTRACT("2", LEVEL("0", "bullet", "\xEF\x82\xB7", "")) NUM("3", "2", "")
                  ABSTRACT("3", "<w:lvl w:ilvl=\"0\"><mc:AlternateContent><mc:Choice>"
                                 "<w:numFmt w:val=\"custom\" w:format=\""
                           "001, 002, ...\"/></mc:Choice><mc:Fallback><w:numFmt w:val=\"decimal\"/></mc:Fallback>"
                           "</mc:AlternateContent><w:lvlText w:val=\"%1:\"/></w:lvl>") NUM("4", "3", ""),
                  "\u2610 a\n\u2610 b\n- c\n001: d\n");
}

static void numbers_from_styles(void **state)
{
    (void)state;
    body_reads_as(STYLED("H1", "One") STYLED("H2", "Sub") STYLED("H2", "Sub") STYLED("H1", "Two") STYLED("H2", "Sub")
                  STYLED("Plain", "no number") LI("0", "0", "none"),
                  "<w:style w:type=\"paragraph\" w:styleId=\"H1\"><w:name w:val=\"heading 1\"/><w:pPr><w:numPr>"
                  "<w:numId "
                  "w:val=\"1\"/></w:numPr></w:pPr></w:style><w:style w:styleId=\"H2\"><w:name w:val=\"heading 2\"/>"
                  "<w:basedOn w:val=\"H1\"/></w:style><w:style w:styleId=\"Plain\"><w:basedOn w:val=\"H2\"/>"
                  "<w:name w:val=\"P\"/><w:pPr><w:numPr><w:numId w:val=\"0\"/></w:numPr><w:outlineLvl w:val=\"9\"/>"
                  "</w:pPr>"
                  "</w:style><w:style w:type=\"numbering\" w:styleId=\"L\"><w:pPr><w:numPr><w:numId w:val=\"2\"/>"
                  "</w:numPr>"
                  "</w:pPr></w:style>",
                  "<w:abstractNum w:abstractNumId=\"0\"><w:numStyleLink w:val=\"L\"/></w:abstractNum>"
                  ABSTRACT("1", LEVEL("0", "decimal", "%1", "<w:pStyle w:val=\"H1\"/>")
                           LEVEL("1", "decimal", "%1.%2", "<w:pStyle w:val=\"H2\"/>"))
                  NUM("1", "0", "") NUM("2", "1", ""),
                  "# 1 One\n\n## 1.1 Sub\n\n## 1.2 Sub\n\n# 2 Two\n\n## 2.1 Sub\n\n## no number\nnone\n");
}

static void empty_items_count(void **state)
{
    (void)state;
    static const char numbering[] = ABSTRACT("0", LEVEL("0", "decimal", "%1.", "")) NUM("1", "0", "");
#define EMPTY_LI(mark) \
    "<w:p><w:pPr><w:numPr><w:ilvl w:val=\"0\"/><w:numId w:val=\"1\"/></w:numPr><w:rPr>" mark "</w:rPr></w:pPr></w:p>"
    body_reads_as(LI("1", "0", "a") EMPTY_LI("") LI("1", "0", "c"), "", numbering, "1. a\n2. \n3. c\n");
    body_reads_as("<w:tbl><w:tr>" CELL(EMPTY_LI("")) CELL(P("x")) "</w:tr><w:tr>" CELL(EMPTY_LI("")) CELL(P("y"))
                  "</w:tr></w:tbl>", "", numbering, "1. \tx\n2. \ty\n");
    body_reads_as(LI("1", "0", "a") EMPTY_LI("<w:del/>") EMPTY_LI("<w:vanish/>") LI("1", "0", "b"), "", numbering,
                  "1. a\n2. b\n");
}

/* A paragraph ends with its mark: where that was deleted, moved away or hidden, the next one goes on in its line. */
static void docx_paragraphs_without_a_mark(void **state)
{
    (void)state;
    static const char numbering[] = ABSTRACT("0", LEVEL("0", "decimal", "%1.", "")) NUM("1", "0", "");
#define GONE(mark, text) "<w:p><w:pPr><w:rPr>" mark "</w:rPr></w:pPr><w:r><w:t>" text "</w:t></w:r></w:p>"
#define GONE_LI(text) \
    "<w:p><w:pPr><w:numPr><w:ilvl w:val=\"0\"/><w:numId w:val=\"1\"/></w:numPr><w:rPr><w:del/></w:rPr></w:pPr>" \
    "<w:r><w:t>" text "</w:t></w:r></w:p>"
    plain_body(GONE("<w:del/>", "one ") GONE("<w:vanish/>", "and ") GONE("<w:moveFrom/>", "the same") P(", or not")
               P("two"), "one and the same, or not\ntwo\n");
    plain_body(GONE("<w:ins/>", "one") P("two"), "one\ntwo\n");
    plain_body(GONE("<w:del/>", "one") "<w:tbl><w:tr>" CELL(GONE("<w:del/>", "a") P("b")) CELL(GONE("<w:del/>", "c"))
               "</w:tr><w:tr>" CELL(P("d")) CELL(P("e")) "</w:tr></w:tbl>" GONE("<w:del/>", "last"),
               "one\nab\tc\nd\te\nlast\n");
    body_reads_as(GONE_LI("a") LI("1", "0", "b") LI("1", "0", "c"), "", numbering, "1. ab\n2. c\n");
}

#define M(inner) PR("<m:oMath>" inner "</m:oMath>")
#define MR(text) "<m:r><m:t>" text "</m:t></m:r>"
#define ME(name, inner) "<m:" name ">" inner "</m:" name ">"

static void equations_in_one_line(void **state)
{
    (void)state;
    plain_body(PR(R("", "Ratio ") "<m:oMath>" ME("f", ME("num", MR("1")) ME("den", MR("2"))) "</m:oMath>" R("", " ok")),
               "Ratio 1/2 ok\n");
    plain_body(M(ME("sSup", ME("e", MR("10")) ME("sup", MR("6")))), "10^6\n");
    plain_body(M(ME("f", "<m:fPr><m:ctrlPr/></m:fPr>" ME("num", MR("a") MR("+") MR("b")) ME("den", MR("2")))),
                   "(a+b)/2\n");
    plain_body(M(ME("sSubSup", ME("e", MR("x")) ME("sub", MR("i")) ME("sup", MR("n") MR("+1")))), "x_i^(n+1)\n");
    plain_body(M(ME("rad", "<m:radPr><m:degHide m:val=\"1\"/></m:radPr><m:deg/>" ME("e", MR("x") MR("+1")))),
                   "sqrt(x+1)\n");
    plain_body(M(ME("rad", ME("deg", MR("3")) ME("e", MR("x") MR("+1")))), "(x+1)^(1/3)\n");
    plain_body(M(ME("nary", "<m:naryPr><m:chr m:val=\"\u2211\"/></m:naryPr>" ME("sub", MR("i=1")) ME("sup", MR("n"))
                    ME("e", ME("sSup", ME("e", MR("i")) ME("sup", MR("2")))))), "\u2211_(i=1)^n i^2\n");
    plain_body(M(ME("nary", "<m:sub/><m:sup/>" ME("e", MR("x dx")))), "\u222B x dx\n");
    plain_body(M(ME("d", "<m:dPr><m:begChr m:val=\"[\"/><m:endChr m:val=\"]\"/></m:dPr>" ME("e", MR("a")) ME("e",
                   MR("b")))),
               "[a|b]\n");
    plain_body(M(ME("sSup", ME("e", ME("d", ME("e", MR("a+b")))) ME("sup", MR("2")))), "(a+b)^2\n");
    plain_body(M(ME("func", ME("fName", ME("sSup", ME("e", MR("sin")) ME("sup", MR("2")))) ME("e", MR("x")))),
               "sin^2 (x)\n");
    plain_body(M(ME("func", ME("fName", ME("limLow", ME("e", MR("lim")) ME("lim", MR("x\u21920")))) ME("e", MR("f")))),
               "lim_(x\u21920) (f)\n");
    plain_body(M(ME("m", ME("mr", ME("e", MR("1")) ME("e", MR("2"))) ME("mr", ME("e", MR("3")) ME("e", MR("4"))))),
               "[1, 2; 3, 4]\n");
    plain_body(M(ME("eqArr", ME("e", MR("x=1")) ME("e", MR("y=2")))), "x=1; y=2\n");
    plain_body(M(ME("acc", "<m:accPr><m:chr m:val=\"\u0304\"/></m:accPr>" ME("e", MR("x")))), "x\u0304\n");
    plain_body(M(ME("sPre", ME("sub", MR("6")) ME("sup", MR("12")) ME("e", MR("C")))), "_6^12C\n");
    plain_body(M(ME("phant", "<m:phantPr><m:show m:val=\"0\"/></m:phantPr>" ME("e", MR("no"))) MR("2\u2062x")), "2x\n");
    plain_body(M(ME("f", ME("num", MR("1")) ME("den", MR("2"))) MR("x") ME("sSup", ME("e", MR("a")) ME("sup", MR("2")))
                 MR("b")),
               "1/2 xa^2 b\n");
    plain_body(M(ME("f", ME("num", ME("f", ME("num", MR("a")) ME("den", MR("b")))) ME("den", MR("c")))), "(a/b)/c\n");
    plain_body(M(ME("d", ME("e", ME("f", "<m:fPr><m:type m:val=\"noBar\"/></m:fPr>" ME("num", MR("n"))
                                  ME("den", MR("k-1")))))),
               "(n\u00A6(k-1))\n");
    plain_body(M("<m:r><w:rPr><w:vanish/></w:rPr><m:t>gone</m:t></m:r><m:r><w:rPr><w:vanish w:val=\"0\"/></w:rPr>"
                 "<m:t>x</m:t></m:r>" MR("+1")),
               "x+1\n");
}

static void signs_and_boxes(void **state)
{
    (void)state;
#define SYM(font, code) "<w:r><w:sym w:font=\"" font "\" w:char=\"" code "\"/></w:r>"
    plain_body(PR(SYM("Wingdings", "F0FE") R("", " Yes ") SYM("Wingdings", "F0A8") R("", " No ") SYM("Wingdings 2",
                   "F052")),
               "\u2611 Yes \u2610 No \u2611\n");
    plain_body(PR(SYM("Symbol", "F061") SYM("Symbol", "00B3") SYM("Wingdings", "00FC") SYM("Wingdings 3", "0021")),
               "α≥✓\u2B60\n");
    plain_body(PR(SYM("Some Font", "F041") R("", " ") SYM("Arial", "20AC")), "(sign F041 of Some Font) €\n");
    plain_body(PR(R("<w:rFonts w:ascii=\"Wingdings\" w:hAnsi=\"Wingdings\"/>", "\xC3\xBE\xEF\x81\xAF") R("", " b")),
                   "\u2611\u2610 b\n");
    plain_body(PR(R("<w:rFonts w:ascii=\"Symbol\" w:hAnsi=\"Symbol\"/>", "ab") R("<w:rFonts w:ascii=\"Arial\"/>",
                   "ab")),
               "αβab\n");
    plain_body(PR("<w:sdt><w:sdtPr><w14:checkbox><w14:checked w14:val=\"1\"/></w14:checkbox></w:sdtPr><w:sdtContent>"
                  R("", "\u2612") "</w:sdtContent></w:sdt>" R("", " agreed")), "\u2612 agreed\n");
#define FIELD(type, more) "<w:r><w:fldChar w:fldCharType=\"" type "\">" more "</w:fldChar></w:r>"
#define CODE(text) "<w:r><w:instrText>" text "</w:instrText></w:r>"
    plain_body(PR(FIELD("begin", "<w:ffData><w:checkBox><w:default w:val=\"0\"/><w:checked/></w:checkBox></w:ffData>")
                  CODE(" FORMCHECKBOX ") FIELD("end", "") R("", " yes ")
                  FIELD("begin", "<w:ffData><w:checkBox><w:default w:val=\"0\"/></w:checkBox></w:ffData>")
                  CODE(" FORMCHECKBOX ") FIELD("separate", "") FIELD("end", "") R("", " no")),
               "\u2612 yes \u2610 no\n");
    plain_body(PR(FIELD("begin", "<w:ffData><w:ddList><w:result w:val=\"1\"/><w:listEntry w:val=\"Red\"/><w:listEntry "
                  "w:val=\"Blue\"/></w:ddList></w:ffData>") CODE("FORMDROPDOWN") FIELD("end", "")), "Blue\n");
    plain_body("<w:p><w:fldSimple w:instr=\" SYMBOL 254 \\f &quot;Wingdings&quot; \"/><w:fldSimple w:instr=\"DATE\">"
               "<w:r><w:t> on Monday</w:t></w:r></w:fldSimple><w:fldSimple w:instr=\"SYMBOL 65 \\f Arial\"><w:r>"
               "<w:t>, B</w:t></w:r></w:fldSimple><w:fldSimple w:instr=\"PAGE\"/></w:p>", "\u2611 on Monday, B\n");
    plain_body(PR(FIELD("begin", "") CODE("SYMBOL 254 \\f &quot;Wingdings&quot; \\s 12") FIELD("end", "")), "\u2611\n");
}

static void fields_show_their_results(void **state)
{
    (void)state;
    plain_body(PR(FIELD("begin", "") CODE(" PAGE ") FIELD("separate", "") R("", "7") FIELD("end", "") R("", " pages")),
               "7 pages\n");
    plain_body(PR(FIELD("begin", "") CODE("IF ") FIELD("begin", "") CODE("MERGEFIELD x") FIELD("separate", "") R("",
                   "inner")
                  FIELD("end", "") CODE(" = 1") FIELD("separate", "") R("", "shown") FIELD("end", "")), "shown\n");
    plain_body(PR("<w:fldSimple w:instr=\"DATE\">" R("", "today") "</w:fldSimple>"), "today\n");
    plain_body(PR(R("", "a") FIELD("begin", "") CODE("PAGE") R("", "code")) P("b"), "a\nb\n"); /* it never ends */
    plain_body(PR(FIELD("begin", "") CODE("EQ \\f(1,2)") FIELD("end", "")), "{EQ \\f(1,2)}\n");
    plain_body(PR(FIELD("begin", "") CODE("EQ \\f(1,2)") FIELD("separate", "") FIELD("end", "")), "{EQ \\f(1,2)}\n");
}

static void wrappers_are_seen_through(void **state)
{
    (void)state;
    plain_body(PR("<w:smartTag w:element=\"place\">" R("", "Rome") "</w:smartTag><w:hyperlink>" R("", " link")
                   "</w:hyperlink>"
                  "<w:ins>" R("", " new") "</w:ins><w:customXml>" R("", " x") "</w:customXml><w:sdt><w:sdtPr>"
                  "<w:alias w:val="
                  "\"no\"/><w:dropDownList><w:listItem w:displayText=\"A\"/></w:dropDownList></w:sdtPr><w:sdtContent>"
                  R("", " chosen") "</w:sdtContent></w:sdt>"),
               "Rome link new x chosen\n");
    plain_body("<w:sdt><w:sdtContent>" P("block") "<w:tbl><w:sdt><w:sdtContent><w:tr>" CELL(P("1")) CELL(P("2"))
               "</w:tr></w:sdtContent></w:sdt></w:tbl></w:sdtContent></w:sdt>", "block\n1\t2\n");
}

static void strict_files_are_read(void **state)
{
    (void)state;
#define STRICT "http://purl.oclc.org/ooxml/"
    const struct fixture_part parts[] = {
        PART("_rels/.rels", RELATIONS("<Relationship Id=\"r\" Type=\"" STRICT
                       "officeDocument/relationships/officeDocument\""
                                      " Target=\"doc/main.xml\"/>")),
        PART("doc/_rels/main.xml.rels", RELATIONS("<Relationship Id=\"s\" Type=\"" STRICT
                       "officeDocument/relationships/"
                                                  "styles\" Target=\"st.xml\"/>")),
        PART("doc/st.xml", "<w:styles xmlns:w=\"" STRICT "wordprocessingml/main\"><w:style w:styleId=\"H\"><w:name "
                           "w:val=\"heading 1\"/></w:style></w:styles>"),
        PART("doc/main.xml", "<w:document xmlns:w=\"" STRICT "wordprocessingml/main\"><w:body>" STYLED("H", "Strict")
                             PR(R("<w:vanish w:val=\"true\"/>", "no") R("<w:vanish w:val=\"false\"/>", "yes"))
                             "</w:body></w:document>"),
    };
    reads_as(docx_text, parts, COUNT(parts), "# Strict\nyes\n");
}

static void hidden_text_is_not_read(void **state)
{
    (void)state;
    static const char styles[] =
        "<w:style w:type=\"character\" w:styleId=\"Secret\"><w:rPr><w:vanish/></w:rPr></w:style>"
        "<w:style w:type=\"paragraph\" w:styleId=\"Note\"><w:rPr><w:vanish/></w:rPr></w:style>"
        "<w:style w:type=\"table\" w:styleId=\"T\"><w:tblStylePr><w:rPr><w:vanish/></w:rPr></w:tblStylePr></w:style>";
    body_reads_as(PR(R("", "Seen") R("<w:vanish/>", " unseen") R("<w:vanish w:val=\"0\"/>", " seen")), styles, "",
                  "Seen seen\n");
    body_reads_as(PR(R("", "a") R("<w:rStyle w:val=\"Secret\"/>", "b") R("<w:rStyle w:val=\"T\"/>", "c")), styles, "",
                  "ac\n");
    body_reads_as(P("a") "<w:p><w:pPr><w:pStyle w:val=\"Note\"/></w:pPr>" R("", "b")
                  R("<w:rStyle w:val=\"Secret\"/>", "c") "</w:p>" P("d"), styles, "", "a\nc\nd\n");
    body_reads_as(PR("<w:r><w:rPr><w:vanish/></w:rPr><w:pict><w:txbxContent>" P("gone") "</w:txbxContent></w:pict>"
                     "</w:r>"
                     R("", "seen")),
                  styles, "", "seen\n");
    body_reads_as(P("a") PR(R("<w:vanish/>", "gone")) P("b"), styles, "", "a\nb\n");
    body_reads_as(P("a") "<w:p><w:pPr><w:rPr><w:vanish/></w:rPr></w:pPr>" R("", "b") "</w:p>", styles, "", "a\nb\n");
}

static void raised_lowered_and_struck_out_text(void **state)
{
    (void)state;
#define UP "<w:vertAlign w:val=\"superscript\"/>"
#define DOWN "<w:vertAlign w:val=\"subscript\"/>"
    plain_body(PR(R("", "10") R(UP, "6") R("", " m") R(UP, "2") R("", ", H") R(DOWN, "2") R("", "O, x") R(DOWN, "i")
                   R(DOWN, "+1")),
               "10^6 m^2, H2O, x_(i+1)\n");
    plain_body(PR(R("", "x") R(DOWN, "i") R(UP, "2") R("", ", SO") R(DOWN, "4") R(UP, "2-")), "x_i^2, SO4^(2-)\n");
    plain_body(PR(R("", "the 1") R(UP, "st") R("", " of May")), "the 1st of May\n");
    plain_body(PR(R("", "was ") R("<w:strike/>", "100") R("<w:dstrike/>", " EUR") R("", " now 80")),
               "was ~~100 EUR~~ now 80\n");
}

static void ruby_tabs_and_hyphens(void **state)
{
    (void)state;
    plain_body(PR("<w:r><w:ruby><w:rubyPr/><w:rt>" R("", "kan") "</w:rt><w:rubyBase>" R("", "漢") "</w:rubyBase>"
                   "</w:ruby>"
                  "</w:r>" R("", "字")), "漢(kan)字\n");
    plain_body("<w:p><w:pPr><w:tabs><w:tab w:pos=\"1\"/></w:tabs></w:pPr><w:r><w:tab/><w:t>B</w:t><w:tab/></w:r></w:p>"
               PR("<w:r><w:t>A</w:t><w:tab/><w:t>B</w:t></w:r>") PR("<w:r><w:t>L</w:t><w:ptab/><w:t>R</w:t><w:br/>"
                              "</w:r>"),
               "\tB\nA\tB\nL\tR\n");
    plain_body(PR("<w:r><w:t>co</w:t><w:noBreakHyphen/><w:t>op soft</w:t><w:softHyphen/><w:t>\xC2\xAD" "er</w:t>"
                   "</w:r>"),
               "co-op softer\n");
    plain_body(PR("<w:r><w:t>a</w:t><w:br w:type=\"column\"/><w:t>b</w:t></w:r>"), "a\nb\n");
}

static void text_boxes_follow_their_paragraph(void **state)
{
    (void)state;
#define BOX(inner) \
    "<w:r><mc:AlternateContent><mc:Choice><w:drawing><wps:txbx><w:txbxContent>" inner "</w:txbxContent></wps:txbx>" \
    "</w:drawing></mc:Choice><mc:Fallback><w:pict><v:textbox><w:txbxContent>" inner "</w:txbxContent></v:textbox>" \
    "</w:pict></mc:Fallback></mc:AlternateContent></w:r>"
    plain_body(PR(R("", "The price is ") BOX(P("Box 1") P("line 2")) R("", "100.")) P("next"),
               "The price is 100.\nBox 1\nline 2\nnext\n");
    plain_body(PR(BOX(P("only"))) P("next"), "only\nnext\n");
    plain_body("<w:tbl><w:tr>" CELL(PR(R("", "a") BOX(P("x") P("y")))) CELL(P("b")) "</w:tr></w:tbl>", "a x y\tb\n");
    plain_body(PR("<w:r><w:pict><v:textpath string=\"DRAFT\"/></w:pict></w:r>"), "DRAFT\n");
}

static void tables_in_tables_and_merged_cells(void **state)
{
    (void)state;
    plain_body("<w:tbl><w:tr>" CELL(P("left")) CELL(P("top") "<w:tbl><w:tr>" CELL(P("1")) CELL(P("2")) "</w:tr><w:tr>"
               CELL(P("3")) CELL(P("4")) "</w:tr></w:tbl>" P("below")) CELL(P("right")) "</w:tr><w:tr>" CELL(P("a"))
               CELL(P("b")) "</w:tr></w:tbl>" P("after"),
               "left\ttop\n1\t2\n3\t4\nbelow\nright\na\tb\nafter\n");
    plain_body("<w:tbl><w:tr><w:trPr><w:gridBefore w:val=\"1\"/></w:trPr>" CELL(P("b")) "</w:tr><w:tr><w:tc><w:tcPr>"
                   "<w:vMerge "
               "w:val=\"restart\"/></w:tcPr>" P("m") "</w:tc>" CELL(P("1")) "</w:tr><w:tr><w:tc><w:tcPr><w:vMerge/>"
               "</w:tcPr>"
               "<w:p/></w:tc>" CELL(P("2")) "</w:tr><w:tr>" CELL("<w:p/>") CELL("<w:p/>") "</w:tr></w:tbl>",
               "\tb\nm\t1\n\t2\n");
    plain_body("<w:tbl><w:tr>" CELL(PR(R("<w:vanish/>", "no"))) CELL(P("1")) "</w:tr><w:tr><w:trPr><w:del/></w:trPr>"
               CELL(PR("<w:del>" R("", "x") "</w:del>")) "</w:tr></w:tbl>", "\t1\n");
}

static void notes_are_numbered_as_they_are_called(void **state)
{
    (void)state;
    const struct fixture_part parts[] = {
        DOCX_ROOT,
        PART("word/_rels/document.xml.rels",
             RELATIONS(RELATION("d", "footnotes", "footnotes.xml") RELATION("e", "endnotes", "endnotes.xml"))),
        PART("word/footnotes.xml", "<w:footnotes " W "><w:footnote w:type=\"separator\" w:id=\"0\">" P("line")
             "</w:footnote><w:footnote w:id=\"3\">" P("First.") P("More.") "</w:footnote><w:footnote w:id=\"4\">"
             P("Lost.")
             "</w:footnote><w:footnote w:type=\"normal\" w:id=\"7\">" P("Second.") "</w:footnote></w:footnotes>"),
        PART("word/endnotes.xml", "<w:endnotes " W "><w:endnote w:id=\"2\">" P("End.") "</w:endnote></w:endnotes>"),
        DOCX_BODY("<w:p><w:r><w:t>A</w:t><w:footnoteReference w:id=\"3\"/><w:t>B</w:t><w:footnoteReference w:id=\"7\"/>"
                  "<w:t>C</w:t><w:endnoteReference w:id=\"2\"/></w:r></w:p>"),
    };
    reads_as(docx_text, parts, COUNT(parts),
             "A[^1]B[^2]C[^e1]\n[^1]: First.\nMore.\n[^2]: Second.\n[^e1]: End.\n");
}

static void embedded_parts_are_read_or_named(void **state)
{
    (void)state;
    const struct fixture_part inner[] = {DOCX_ROOT, DOCX_BODY(P("Inner file"))};
    struct buf docx;
    buf_init(&docx, 1u << 20);
    make_package(inner, COUNT(inner), &docx);
    const struct fixture_part parts[] = {
        DOCX_ROOT,
        PART("word/_rels/document.xml.rels",
             RELATIONS(RELATION("h", "aFChunk", "c.html") RELATION("d", "aFChunk", "c.docx")
                           RELATION("t", "aFChunk", "/word/c.txt") RELATION("r", "aFChunk", "c.rtf")
                               RELATION("b", "aFChunk", "bad.docx")
                                   RELATION("m", "aFChunk", "missing.html"))),
        PART("word/c.html", "<p>Inside</p><table><tr><td>1<td>2</table>"),
        {.name = "word/c.docx", .text = buf_str(&docx)},
        PART("word/c.txt", "caf\xE9\n  two"),
        PART("word/c.rtf", "{\\rtf1 x}"),
        PART("word/bad.docx", "PK\003\004nothing"),
        DOCX_BODY(P("Before") "<w:altChunk r:id=\"h\"/><w:altChunk r:id=\"d\"/><w:altChunk r:id=\"t\"/>"
                  "<w:altChunk r:id=\"r\"/><w:altChunk r:id=\"b\"/><w:altChunk r:id=\"none\"/><w:altChunk r:id=\"m\"/>"
                  "<w:subDoc r:id=\"d\"/>"
                  P("After")),
    };
    reads_as(docx_text, parts, COUNT(parts),
             "Before\nInside\n1\t2\nInner file\ncafé\n  two\n(word/c.rtf, a part of another format, is not read)\n"
             "(word/bad.docx cannot be read: the file is damaged: it is not a zip archive)\n"
             "(a part of the file is not read)\n(a part of the file is not read)\nInner file\nAfter\n");
    buf_deinit(&docx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(docx_paragraphs_without_a_mark),
        cmocka_unit_test(docx_paragraphs_headings_and_lists),
        cmocka_unit_test(docx_runs_tabs_and_changes),
        cmocka_unit_test(docx_tables),
        cmocka_unit_test(deleted_rows_and_cells_are_gone),
        cmocka_unit_test(docx_notes_headers_and_footers),
        cmocka_unit_test(lists_share_definitions_and_start_anew),
        cmocka_unit_test(levels_of_lists),
        cmocka_unit_test(numbers_from_styles),
        cmocka_unit_test(empty_items_count),
        cmocka_unit_test(equations_in_one_line),
        cmocka_unit_test(signs_and_boxes),
        cmocka_unit_test(fields_show_their_results),
        cmocka_unit_test(wrappers_are_seen_through),
        cmocka_unit_test(strict_files_are_read),
        cmocka_unit_test(hidden_text_is_not_read),
        cmocka_unit_test(raised_lowered_and_struck_out_text),
        cmocka_unit_test(ruby_tabs_and_hyphens),
        cmocka_unit_test(text_boxes_follow_their_paragraph),
        cmocka_unit_test(tables_in_tables_and_merged_cells),
        cmocka_unit_test(notes_are_numbered_as_they_are_called),
        cmocka_unit_test(embedded_parts_are_read_or_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
