/* HTML as someone sees it who looks at the page: blocks, tables, lists, forms, hidden parts, encodings. */
#include "support.h"

#include "core/limits.h"
#include "core/mem.h"
#include "core/util.h"
#include "document/charset.h"
#include "document/counting.h"
#include "document/html.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void bytes_read_as(struct str html, const char *expected)
{
    struct buf text;
    struct error error = {0};
    buf_init(&text, (size_t)limit(document_text_bytes));
    enum error_code code = html_text(html, &text, &error);
    if (code != OK)
        print_error("%s\n", error.message);
    assert_int_equal(code, OK);
    if (!str_eq(buf_str(&text), str_of(expected)))
        print_error("of " STR_FMT "\n", STR_ARG(html));
    assert_str_equal(buf_str(&text), expected);
    buf_deinit(&text);
}

static void reads_as(const char *html, const char *expected)
{
    bytes_read_as(str_of(html), expected);
}

static void text_and_blocks(void **state)
{
    (void)state;
    reads_as("<html><head><title>A</title><style>p{}</style></head><body><p>one</p><p>two <b>three</b></p></body></html"
             ">",
             "A\none\ntwo three");
    reads_as("a<script>if (a < b) { x(\"</p>\") }</script>b", "ab");
    reads_as("a <!-- <p> --> b", "a b");
    reads_as("  lots\n\tof   space  <br> next", "lots of space\nnext");
    reads_as("<h1>Title</h1>text<h2>Part</h2>more", "Title\ntext\nPart\nmore");
    reads_as("<section><article><header>H</header><main>M</main></article></section><footer>F</footer>", "H\nM\nF");
    reads_as("<figure><figcaption>Cap</figcaption></figure><aside>Side</aside><address>Addr</address>",
             "Cap\nSide\nAddr");
    reads_as("<details><summary>More</summary>inside</details>", "More\ninside");
    reads_as("<dl><dt>Term</dt><dd>What it means</dd></dl>", "Term\nWhat it means");
    reads_as("<blockquote>He said</blockquote><p>so", "He said\nso");
    reads_as("<p>a<div>b</div>c", "a\nb\nc");
    reads_as("<p><b>bold<p>still</b> on", "bold\nstill on");
    reads_as("Wo<b>rd</b>s <i> and </i> more", "Words and more");
    reads_as("un<wbr>break&shy;able&#8203;s", "unbreakables");
    reads_as("<span style='display:block'>a</span><span style='DISPLAY: inline-block !important'>b</span>c", "a\nb c");
    reads_as("See <a href='http://x/'>the page</a>.", "See the page.");
    reads_as("plain &lt;b&gt; text", "plain <b> text");
    reads_as("", "");
    reads_as("<div><p> </p></div>", "");
}

static void what_looks_like_markup(void **state)
{
    (void)state;
    reads_as("<p>planets: <10,000 in all</p><p>more</p>", "planets: <10,000 in all\nmore");
    reads_as("x < y and y > z, a<5 && b>6", "x < y and y > z, a<5 && b>6");
    reads_as("i <3 you <- me <= you <> us", "i <3 you <- me <= you <> us");
    reads_as("1 &lt; 2 &amp;&amp; 3 &#62; 2 &#x263A; &nbsp; &unknown; &", "1 < 2 && 3 > 2 \xE2\x98\xBA &unknown; &");
    reads_as("&eacute;&Auml;&hearts;&times;&frac12;&copy &ltb &amp;lt;", "éÄ♥×½© <b &lt;");
    reads_as("&#128;&#xD800;&#0;&#1114112;", "€\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    reads_as("broken <p", "broken");
    reads_as("open <!-- comment", "open");
    reads_as("<script>never closed", "");
    reads_as("a <!doctype b> c <?php echo ?> d", "a c d");
    reads_as("<a title='x > y'>link</a>", "link");
    reads_as("a</>b</p>c", "ab\nc");
}

static void white_space_that_counts(void **state)
{
    (void)state;
    reads_as("<pre>def f():\n    return 1\n</pre>", "def f():\n    return 1");
    reads_as("x<pre>\n  a\n\n\tb  \n</pre>y", "x\n  a\n\n\tb\ny");
    reads_as("<pre>a <b>b</b>  c<br>d</pre>", "a b  c\nd");
    reads_as("<textarea>one\n  two</textarea>", "one\n  two");
    reads_as("<p style='white-space: pre-wrap'>a\n  b</p>", "a\n  b");
    reads_as("<code>a  b</code>", "a b");
}

static void what_is_not_shown(void **state)
{
    (void)state;
    reads_as("<template>T</template><p>x</p>", "x");
    reads_as("<div style='visibility:hidden'>no<p style='visibility:visible'>yes<b style='visibility:collapse'>no</b>"
             "</p><ul><li>no<li style='visibility: visible !important'>one</ul>no<img alt=no></div>behind",
             "yes\n- one\nbehind");
    reads_as("a<i style='visibility:hidden'>no<b>no</b></i>b"
             "<p style='display:none'>no<u style='visibility:visible'>no</u>", "ab");
    reads_as("<p hidden>no</p><p style='color:red;display:none'>no</p><p style=\"visibility:hidden\">no</p>yes", "yes");
    reads_as("<div hidden><table><tr><td>1</td></tr></table></div>yes", "yes");
    reads_as("<p><noscript>no</noscript><iframe>no</iframe><object>no</object><canvas>no</canvas>yes", "yes");
    reads_as("<dialog>no</dialog><dialog open>yes</dialog>", "yes");
    reads_as("<datalist id=d><option>no</datalist><audio>no</audio><video>no</video>yes", "yes");
    reads_as("<svg><title>no</title><defs><text>no</text></defs><text>seen</text><text>too</text></svg>", "seen too");
    reads_as("<p style='display:block'>a</p>", "a");
    reads_as("<p aria-hidden=true>a</p>", "a");
}

static void tables(void **state)
{
    (void)state;
    reads_as("<table><tr><td>1</td><td>2</td></tr><tr><td>Price</td><td>10</td></tr></table>", "1\t2\nPrice\t10");
    reads_as("before<table><caption>Sales</caption><thead><tr><th>Q1<th>Q2</thead><tbody><tr><td>1<td>2</table>after",
             "before\nSales\nQ1\tQ2\n1\t2\nafter");
    reads_as("<table><tfoot><tr><td>Sum<td>3</tfoot><tr><td>a<td>1<tr><td>b<td>2</table>", "a\t1\nb\t2\nSum\t3");
    reads_as("<table><tr><td></td><td>b</td><td>&nbsp;</td><td>d</td><td></td></tr><tr><td></td></tr></table>",
             "\tb\t\td");
    reads_as("<table><tr><td colspan=2>wide</td><td>x</td></tr><tr><td>1</td><td>2</td><td>3</td></tr></table>",
             "wide\t\tx\n1\t2\t3");
    reads_as("<table><tr><td rowspan=2>North</td><td>a</td></tr><tr><td>b</td></tr><tr><td>South</td><td>c</td></tr>"
             "</table>",
             "North\ta\n\tb\nSouth\tc");
    reads_as("<table><tr><td>a<td rowspan=2 colspan=2>m<td>z<tr><td>b<td>y</table>", "a\tm\t\tz\nb\t\t\ty");
    reads_as("<table><tr><td>one<br>two<p>three</p></td><td><ul><li>x<li>y</ul></td></tr></table>",
             "one two three\t- x - y");
    reads_as("<table><tr><td>left</td><td><table><tr><td>1</td><td>2</td></tr></table></td></tr>"
             "<tr><td>a</td><td>b</td></tr></table>",
             "left\n1\t2\na\tb");
    reads_as("<table><tr><td>1\n2</td><td><pre>a\n  b</pre></td></tr></table>", "1 2\na\n  b");
    reads_as("<table>lost<tr><td>1</table>", "lost\n1");
    reads_as("<table><tr><td style='display:none'>no</td><td>1</td></tr><tr hidden><td>no</td></tr></table>", "1");
    reads_as("<div style='display:table'><div style='display:table-row'><span style='display:table-cell'>1</span>"
             "<span style='display:table-cell'>2</span></div></div>",
             "1 2");
}

static void lists(void **state)
{
    (void)state;
    reads_as("<li>a<li>b", "- a\n- b");
    reads_as("<ul><li>a<ul><li>b</ul><li>c</ul>", "- a\n  - b\n- c");
    reads_as("<ol start=3><li>c<li value=7>g<li>h</ol>", "3. c\n7. g\n8. h");
    reads_as("<ol reversed><li>x<li>y<li>z</ol>", "3. x\n2. y\n1. z");
    reads_as("<ol type=a start=26><li>x<li>y</ol><ol type=I><li>x<li>y<li>z<li>w</ol>",
             "z. x\naa. y\nI. x\nII. y\nIII. z\nIV. w");
    reads_as("<ol><li><p>para</p><p>two</p></li><li></li><li>three</ol>", "1. para\ntwo\n3. three");
    reads_as("<ul style='list-style: none'><li>a<li>b</ul>", "a\nb");
    reads_as("<ol><li><ol><li>deep</ol></ol>", "1. 1. deep");
}

static void forms_and_pictures(void **state)
{
    (void)state;
    reads_as("<select><option>Red</option><option selected>Blue</option></select>", "Red\nBlue (selected)");
    reads_as("<select><optgroup label=Cars><option>VW</optgroup></select>", "Cars\nVW");
    reads_as("<label>Name: <input value='Bob'></label><label>Mail: <input type=email value='b@x'></label>",
             "Name: Bob Mail: b@x");
    reads_as("<input type=checkbox checked>Yes<input type=checkbox>No", "[x] Yes [ ] No");
    reads_as("<input type=radio checked>A <input type=radio>B", "(x) A ( ) B");
    reads_as("<input type=hidden value=no><input type=password value=no><input type=submit value=Send>", "Send");
    reads_as("<button>Yes</button><button>No</button>", "Yes No");
    reads_as("price<img alt='up 5%' src=x>today<img src=y>", "price up 5% today");
}

static void signs_that_change_the_meaning(void **state)
{
    (void)state;
    reads_as("10<sup>6</sup> and x<sup>n+1</sup>, 10<sup>-3</sup>", "10^6 and x^(n+1), 10^-3");
    reads_as("the 1<sup>st</sup> of May<sup>[2]</sup>", "the 1st of May[2]");
    reads_as("x<sub>i</sub><sup>2</sup>, x<sup>2</sup><b><sub>i</sub></b>, SO<sub>4</sub><sup>2-</sup>",
             "x_i^2, x^2_i, SO4^(2-)");
    reads_as("10<sup>-</sup><sup>3</sup> m, a<sub>i</sub><sub>j</sub>b", "10^-3 m, a_ij b");
    reads_as("H<sub>2</sub>O, x<sub>i</sub>, log<sub>2</sub>8, a<sub>i+1</sub>", "H2O, x_i, log_2 8, a_(i+1)");
    reads_as("was <del>100</del> now 80, <s>old</s>", "was ~~100~~ now 80, ~~old~~");
    reads_as("He said <q>no</q>.", "He said \"no\".");
    reads_as("<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>字", "漢(kan)字");
}

static void formulas(void **state)
{
    (void)state;
    reads_as("<math><mo>(</mo><mfrac linethickness=0><mi>n</mi><mi>k</mi></mfrac><mo>)</mo></math>", "(n\u00A6k)");
    reads_as("<math><mfrac linethickness=2px><mi>n</mi><mi>k</mi></mfrac></math>", "n/k");
    reads_as("<math> <mfrac> <mn>1</mn> <mn>2</mn> </mfrac> </math>", "1/2");
    reads_as("<math><mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mn>2</mn></mfrac></math>", "(a+b)/2");
    reads_as("<math><msup><mi>x</mi><mn>2</mn></msup><mo>=</mo><msub><mi>a</mi><mrow><mi>i</mi></mrow></msub></math>",
             "x^2=a_i");
    reads_as("<math><msqrt><mi>x</mi><mo>+</mo><mn>1</mn></msqrt><mroot><mi>y</mi><mn>3</mn></mroot></math>",
             "sqrt(x+1)y^(1/3)");
    reads_as("<math><mfrac><mn>1</mn><mn>2</mn></mfrac><mi>x</mi><msup><mi>a</mi><mn>2</mn></msup> <mi>b</mi></math>",
             "1/2 xa^2 b");
    reads_as("<math><munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover></math>",
             "∑_(i=1)^n");
    reads_as("<math><semantics><mi>x</mi><annotation encoding='tex'>\\x</annotation></semantics></math>", "x");
    reads_as("<math><mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>2</mn></mtd></mtr><mtr><mtd><mn>3</mn></mtd></mtr>"
             "</mtable></math>",
             "[1, 2; 3]");
}

static void encodings(void **state)
{
    (void)state;
    bytes_read_as(STR("\xEF\xBB\xBF<meta charset=windows-1251>\xC3\xA9"), "é");
    bytes_read_as(STR("<meta charset=\"windows-1251\">\xCF\xF0\xE8\xE2\xE5\xF2"), "Привет");
    bytes_read_as(STR("<META HTTP-EQUIV=content-type CONTENT='text/html; charset = Shift_JIS'>\x93\xFA\x96{"), "日本");
    bytes_read_as(STR("<meta charset=iso-8859-1>\x80 5"), "€ 5");
    bytes_read_as(STR("<meta charset=gb2312>\xD6\xD0\xCE\xC4"), "中文");
    bytes_read_as(STR("<meta charset=big5>\xA4\xA4\xA4\xE5"), "中文");
    bytes_read_as(STR("<meta charset=euc-kr>\xC7\xD1\xB1\xDB"), "한글");
    bytes_read_as(STR("<?xml version='1.0' encoding='iso-8859-2'?><p>\xB3\xF3\xBCka</p>"), "łóźka");
    bytes_read_as(STR("<!-- <meta charset=koi8-r> --><script>'<meta charset=koi8-r>'</script>caf\xE9"), "café");
    bytes_read_as(STR("<meta charset=utf-8>caf\xE9"), "café");
    bytes_read_as(STR("<meta charset=utf-16>caf\xC3\xA9"), "café");
    bytes_read_as(STR("<meta charset=no-such><meta charset=koi8-r>\xC4\xC1"), "да");
    bytes_read_as(STR("na\xC3\xAFve caf\xC3\xA9 \xFF"), "naïve café \xEF\xBF\xBD");
    bytes_read_as(STR("caf\xE9 \x93quoted\x94"), "café “quoted”");
    bytes_read_as(STR("\xFF\xFE<\0p\0>\0\xE9\0<\0/\0p\0>\0"), "é");
    bytes_read_as(STR("\xFE\xFF\0<\0b\0>\x20\xAC"), "€");
    bytes_read_as(STR("<\0p\0>\0\xE9\0t\0\xE9\0"), "été");
}

static void what_no_one_declared_is_not_guessed_wrong(void **state)
{
    (void)state;
    struct buf text;
    struct error error = {0};
    buf_init(&text, 4096);
    assert_int_equal(html_text(STR("<p>\xCF\xF0\xE8\xE2\xE5\xF2 "
                               "\xEC\xE8\xF0, \xEA\xE0\xEA \xE4\xE5\xEB\xE0 \xF2\xF3\xF2"), &text, &error),
                     ERROR_INVALID);
    assert_string_equal(error.message, "the HTML file is not UTF-8 and declares no encoding; save it as UTF-8 or "
                                       "declare it in a meta element");
    buf_deinit(&text);
}

static void labels_of_encodings(void **state)
{
    (void)state;
    static const char *const known[] = {
        "866", "cp866", "csibm866", "ibm866", "csisolatin2", "iso-8859-2", "iso-ir-101", "iso8859-2", "iso88592",
        "iso_8859-2", "iso_8859-2:1987", "l2", "latin2", "iso-8859-3", "latin3", "iso-8859-4", "latin4",
        "csisolatincyrillic", "cyrillic", "iso-8859-5", "arabic", "asmo-708", "ecma-114", "iso-8859-6", "ecma-118",
        "greek", "greek8", "iso-8859-7", "iso-8859-8", "hebrew", "iso-8859-8-i", "iso-8859-10", "latin6", "iso-8859-13",
        "iso-8859-14", "iso-8859-15", "latin-9", "l9", "koi8-r", "koi8-u", "macintosh", "windows-874",
        "windows-1250", "cp1250", "windows-1251", "x-cp1251", "windows-1252", "ascii", "latin1", "windows-1253",
        "windows-1254", "latin5", "windows-1255", "windows-1256", "windows-1257", "windows-1258", "x-mac-cyrillic",
        "gbk", "gb18030", "big5", "euc-jp", "iso-2022-jp", "shift_jis", "euc-kr", "utf-16le", " UTF-8 "};
    char name[CHARSET_NAME_MAX];
    for (size_t i = 0; i < COUNT(known); i++) {
        struct buf text;
        struct error error;
        buf_init(&text, 0);
        bool is_read = charset_of_label(str_of(known[i]), name) &&
                       charset_decode(name, STR("abc"), &text, &error) == OK && str_eq(buf_str(&text), STR("abc"));
        if (!is_read)
            print_error("%s\n", known[i]);
        assert_true(is_read);
        buf_deinit(&text);
    }
    assert_false(charset_of_label(STR(""), name));
    assert_false(charset_of_label(STR("no-such-encoding"), name));
    assert_false(charset_of_label(STR("utf-7"), name));
    assert_false(charset_of_label(STR("ibm037"), name));
    assert_false(charset_of_label(STR("scsu"), name));
    assert_true(charset_of_label(STR("iso_646.irv:1991"), name));
    assert_string_equal(name, CHARSET_FALLBACK);
    assert_false(charset_of_label(STR("../../etc/passwd"), name));
}

static void counts_as(enum counting way, int value, const char *expected)
{
    char text[COUNTING_MAX];
    counting_write(way, value, text);
    assert_string_equal(text, expected);
}

static void ways_of_counting(void **state)
{
    (void)state;
    counts_as(COUNTING_DECIMAL, -5, "-5");
    counts_as(COUNTING_DECIMAL_ZERO, 7, "07");
    counts_as(COUNTING_LOWER_LETTER, 28, "bb");
    counts_as(COUNTING_UPPER_LETTER, 0, "0");
    counts_as(COUNTING_LOWER_COLUMN, 28, "ab");
    counts_as(COUNTING_UPPER_COLUMN, 703, "AAA");
    counts_as(COUNTING_LOWER_ROMAN, 1994, "mcmxciv");
    counts_as(COUNTING_UPPER_ROMAN, 4000, "4000");
    counts_as(COUNTING_ORDINAL, 11, "11th");
    counts_as(COUNTING_ORDINAL, 22, "22nd");
    counts_as(COUNTING_CARDINAL_TEXT, 21, "Twenty-one");
    counts_as(COUNTING_CARDINAL_TEXT, 40, "Forty");
    counts_as(COUNTING_ORDINAL_TEXT, 3, "Third");
    counts_as(COUNTING_ORDINAL_TEXT, 30, "Thirtieth");
    counts_as(COUNTING_ORDINAL_TEXT, 82, "Eighty-second");
    counts_as(COUNTING_HAN, 12, "十二");
    counts_as(COUNTING_HAN, 205, "二百〇五");
    counts_as(COUNTING_HAN_DIGITS, 20, "二〇");
    counts_as(COUNTING_HAN_LEGAL, 11, "壹拾壹");
    counts_as(COUNTING_CIRCLED, 3, "③");
    counts_as(COUNTING_CIRCLED, 21, "21");
    counts_as(COUNTING_CHICAGO, 6, "††");
    counts_as(COUNTING_RUSSIAN_LOWER, 3, "в");
    counts_as(COUNTING_AIUEO, 2, "イ");
    assert_int_equal(counting_of_word(STR("upperRoman")), COUNTING_UPPER_ROMAN);
    assert_int_equal(counting_of_word(STR("custom")), COUNTING_DECIMAL);
}

/* Any depth, any length, any lie: a text within its limit or one error. */
static void hostile_pages_end_well(void **state)
{
    (void)state;
    static const char *const repeated[] = {"<div>", "<b><p>", "<table><tr><td>", "<ul><li>", "<svg><a>", "<math><msup>",
                                           "<sup>", "<pre>", "<td colspan=1000 rowspan=0>x", "<a><table>", "&#x41;<",
                                           "<select><option>", "<template>", "<q>a"};
    struct limits before = limits_in_force;
    limits_in_force.document_text_bytes = 100000;
    for (size_t i = 0; i < COUNT(repeated); i++) {
        struct buf html, text;
        struct error error = {0};
        buf_init(&html, 1u << 20);
        buf_init(&text, (size_t)limit(document_text_bytes));
        for (int round = 0; round < 1500; round++)
            buf_append_text(&html, repeated[i]);
        buf_append_text(&html, "end");
        enum error_code code = html_text(buf_str(&html), &text, &error);
        if (code != OK)
            print_error("%s: %s\n", repeated[i], error.message);
        assert_int_equal(code, OK);
        assert_true(str_is_utf8(buf_str(&text)));
        buf_deinit(&html);
        buf_deinit(&text);
    }
    limits_in_force.document_text_bytes = 12;
    struct buf text;
    struct error error = {0};
    buf_init(&text, (size_t)limit(document_text_bytes));
    assert_int_equal(html_text(STR("<p>0123456789<p>0123456789"), &text, &error), ERROR_INVALID);
    assert_non_null(strstr(error.message, "its text has more than the limit of 12 bytes"));
    buf_deinit(&text);
    limits_in_force = before;
}

static void every_failing_allocation_is_an_error(void **state)
{
    (void)state;
    static const char page[] = "<meta charset=utf-8><table><tfoot><tr><td>x</tfoot><tr><td>1<td><ol><li>2</ol></table>"
                               "<pre> a\n b</pre>caf\xC3\xA9";
    for (uint64_t nth = 1; nth < 2000; nth++) {
        struct buf text;
        struct error error = {0};
        buf_init(&text, 4096);
        mem_fail_at(nth);
        enum error_code code = html_text(STR(page), &text, &error);
        bool is_untouched = mem_fail_count() < nth;
        mem_fail_at(0);
        assert_int_equal(code, is_untouched ? OK : ERROR_NO_MEMORY);
        buf_deinit(&text);
        if (is_untouched)
            return;
    }
    fail_msg("allocations never ended");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_blocks),
        cmocka_unit_test(what_looks_like_markup),
        cmocka_unit_test(white_space_that_counts),
        cmocka_unit_test(what_is_not_shown),
        cmocka_unit_test(tables),
        cmocka_unit_test(lists),
        cmocka_unit_test(forms_and_pictures),
        cmocka_unit_test(signs_that_change_the_meaning),
        cmocka_unit_test(formulas),
        cmocka_unit_test(encodings),
        cmocka_unit_test(what_no_one_declared_is_not_guessed_wrong),
        cmocka_unit_test(labels_of_encodings),
        cmocka_unit_test(ways_of_counting),
        cmocka_unit_test(hostile_pages_end_well),
        cmocka_unit_test(every_failing_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
