/* charset.c - names and marks of encodings, and ICU's tables for the rest. Never fails on bytes: what is none becomes
 * U+FFFD. See charset.h. */
#include "document/charset.h"

#include <pthread.h>
#include <unicode/ucnv.h>
#include <unicode/udata.h>

/* A byte of a single-byte encoding is at most three of UTF-8; no encoding here does worse. */
#define GROWTH_MAX 3u

/* Languages written in windows-1252 have hardly one letter in eight that is not ASCII; where it is one in three,
 * the bytes are Cyrillic, Greek or Chinese, or no text at all. Short texts are given the benefit of the doubt. */
#define ACCENTED_ONE_OF 3u
#define ACCENTED_FREE 16u

/* --- names ------------------------------------------------------------------------------------------ */

/* Labels that mean something else on the web than to ICU, or that ICU does not know; the rest goes by ICU's names. */
static const struct {
    const char *label, *name;
} labels[] = {
    {"ansi_x3.4-1968", "windows-1252"}, {"ascii", "windows-1252"}, {"cp819", "windows-1252"},
    {"csisolatin1", "windows-1252"}, {"ibm819", "windows-1252"}, {"iso-8859-1", "windows-1252"},
    {"iso-ir-100", "windows-1252"}, {"iso8859-1", "windows-1252"}, {"iso88591", "windows-1252"},
    {"iso_8859-1", "windows-1252"}, {"iso_8859-1:1987", "windows-1252"}, {"l1", "windows-1252"},
    {"latin1", "windows-1252"}, {"us-ascii", "windows-1252"}, {"x-user-defined", "windows-1252"},
    {"cp1252", "windows-1252"}, {"x-cp1252", "windows-1252"}, {"x-cp1250", "windows-1250"},
    {"x-cp1251", "windows-1251"}, {"x-cp1253", "windows-1253"}, {"x-cp1254", "windows-1254"},
    {"x-cp1255", "windows-1255"}, {"x-cp1256", "windows-1256"}, {"x-cp1257", "windows-1257"},
    {"x-cp1258", "windows-1258"}, {"csisolatin5", "windows-1254"}, {"iso-8859-9", "windows-1254"},
    {"iso-ir-148", "windows-1254"}, {"iso8859-9", "windows-1254"}, {"iso88599", "windows-1254"},
    {"iso_8859-9", "windows-1254"}, {"iso_8859-9:1989", "windows-1254"}, {"l5", "windows-1254"},
    {"latin5", "windows-1254"}, {"dos-874", "windows-874"}, {"iso-8859-11", "windows-874"},
    {"iso8859-11", "windows-874"}, {"iso885911", "windows-874"}, {"tis-620", "windows-874"},
    {"chinese", "gb18030"}, {"csgb2312", "gb18030"}, {"csiso58gb231280", "gb18030"}, {"gb2312", "gb18030"},
    {"gb_2312", "gb18030"}, {"gb_2312-80", "gb18030"}, {"gbk", "gb18030"}, {"iso-ir-58", "gb18030"},
    {"x-gbk", "gb18030"}, {"big5", "Big5-HKSCS"}, {"big5-hkscs", "Big5-HKSCS"}, {"cn-big5", "Big5-HKSCS"},
    {"csbig5", "Big5-HKSCS"}, {"x-x-big5", "Big5-HKSCS"}, {"cseuckr", "windows-949"},
    {"csksc56011987", "windows-949"}, {"euc-kr", "windows-949"}, {"iso-ir-149", "windows-949"},
    {"korean", "windows-949"}, {"ks_c_5601-1987", "windows-949"}, {"ks_c_5601-1989", "windows-949"},
    {"ksc5601", "windows-949"}, {"ksc_5601", "windows-949"}, {"csshiftjis", "windows-31j"},
    {"ms932", "windows-31j"}, {"ms_kanji", "windows-31j"}, {"shift-jis", "windows-31j"},
    {"shift_jis", "windows-31j"}, {"sjis", "windows-31j"}, {"x-sjis", "windows-31j"},
    {"cseucpkdfmtjapanese", "euc-jp"}, {"x-euc-jp", "euc-jp"}, {"csiso2022jp", "iso-2022-jp"},
    {"mac", "macintosh"}, {"x-mac-roman", "macintosh"}, {"x-mac-ukrainian", "x-mac-cyrillic"}, {"866", "ibm866"},
    {"csibm866", "ibm866"}, {"koi", "koi8-r"}, {"koi8", "koi8-r"}, {"koi8_r", "koi8-r"}, {"koi8-ru", "koi8-u"},
    {"csiso88598e", "iso-8859-8"}, {"csiso88598i", "iso-8859-8"}, {"iso-8859-8-e", "iso-8859-8"},
    {"iso-8859-8-i", "iso-8859-8"}, {"logical", "iso-8859-8"}, {"visual", "iso-8859-8"},
    {"csiso88596e", "iso-8859-6"}, {"csiso88596i", "iso-8859-6"}, {"iso-8859-6-e", "iso-8859-6"},
    {"iso-8859-6-i", "iso-8859-6"}, {"asmo-708", "iso-8859-6"}, {"sun_eu_greek", "iso-8859-7"},
    {"utf-8", CHARSET_UTF8}, {"utf8", CHARSET_UTF8}, {"unicode-1-1-utf-8", CHARSET_UTF8},
    {"unicode11utf8", CHARSET_UTF8}, {"unicode20utf8", CHARSET_UTF8}, {"x-unicode20utf8", CHARSET_UTF8},
    {"csunicode", CHARSET_UTF8}, {"iso-10646-ucs-2", CHARSET_UTF8}, {"ucs-2", CHARSET_UTF8},
    {"unicode", CHARSET_UTF8}, {"unicodefeff", CHARSET_UTF8}, {"unicodefffe", CHARSET_UTF8},
    {"utf-16", CHARSET_UTF8}, {"utf-16be", CHARSET_UTF8}, {"utf-16le", CHARSET_UTF8}, {"utf-32", CHARSET_UTF8},
};

static pthread_once_t icu_once = PTHREAD_ONCE_INIT;

static void prepare_icu(void)
{
    UErrorCode problem = U_ZERO_ERROR;
    udata_setFileAccess(UDATA_NO_FILES, &problem);
}

/* ICU knows many more than the web, among them those in which ASCII is not ASCII (EBCDIC, UTF-7): a page that declares
 * one of these is not in it. */
static bool is_like_ascii(UConverter *converter)
{
    static const char sample[] = "<p>Az09+-~";
    UChar decoded[sizeof(sample) + 1];
    UErrorCode problem = U_ZERO_ERROR;
    int32_t len = ucnv_toUChars(converter, decoded, sizeof(sample) + 1, sample, sizeof(sample) - 1, &problem);
    bool is_same = U_SUCCESS(problem) && len == sizeof(sample) - 1;
    for (size_t i = 0; is_same && i + 4 < sizeof(sample); i++) /* Japan's have other signs for the last ones */
        is_same = decoded[i] == (UChar)sample[i];
    return is_same;
}

/* Writes the name to use over the one that was looked for. */
static bool is_known_to_icu(char name[CHARSET_NAME_MAX])
{
    UErrorCode problem = U_ZERO_ERROR;
    const char *other = NULL;
    pthread_once(&icu_once, prepare_icu);
    UConverter *converter = ucnv_open(name, &problem);
    bool is_known = U_SUCCESS(problem);
    switch (is_known ? ucnv_getType(converter) : UCNV_UNSUPPORTED_CONVERTER) {
    case UCNV_LATIN_1:
    case UCNV_US_ASCII: other = CHARSET_FALLBACK; break;
    case UCNV_UTF8: other = CHARSET_UTF8; break;
    case UCNV_SBCS:
    case UCNV_DBCS:
    case UCNV_MBCS:
    case UCNV_HZ:
    case UCNV_ISO_2022: is_known = is_like_ascii(converter); break;
    default: is_known = false; break;
    }
    ucnv_close(converter);
    if (other)
        memcpy(name, other, strlen(other) + 1);
    return is_known;
}

bool charset_of_label(struct str label, char name[CHARSET_NAME_MAX])
{
    label = str_trim(label);
    if (label.len == 0 || label.len >= CHARSET_NAME_MAX || memchr(label.data, ',', label.len))
        return false;
    memcpy(name, label.data, label.len);
    name[label.len] = '\0';
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        if (str_eq_nocase(label, str_of(labels[i].label))) {
            memcpy(name, labels[i].name, strlen(labels[i].name) + 1);
            return true;
        }
    }
    return is_known_to_icu(name);
}

/* --- what the bytes say ----------------------------------------------------------------------------- */

/* Text without a mark whose every second byte is zero, as of letters in UTF-16; looked for in its beginning. */
static const char *utf16_of_zeros(struct str bytes)
{
    size_t zeros[2] = {0}, pairs = bytes.len / 2 < 256 ? bytes.len / 2 : 256;
    for (size_t i = 0; i < pairs * 2; i++)
        zeros[i & 1] += bytes.data[i] == '\0';
    if (pairs == 0 || bytes.len % 2 != 0)
        return NULL;
    if (zeros[1] * 10 >= pairs * 7 && zeros[0] == 0)
        return "UTF-16LE";
    return zeros[0] * 10 >= pairs * 7 && zeros[1] == 0 ? "UTF-16BE" : NULL;
}

const char *charset_of_mark(struct str bytes, size_t *mark)
{
    static const struct {
        struct str mark;
        const char *name;
    } marks[] = {{{"\xEF\xBB\xBF", 3}, CHARSET_UTF8},
                 {{"\xFF\xFE\0\0", 4}, "UTF-32LE"},
                 {{"\0\0\xFE\xFF", 4}, "UTF-32BE"},
                 {{"\xFF\xFE", 2}, "UTF-16LE"},
                 {{"\xFE\xFF", 2}, "UTF-16BE"}};
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        if (str_starts(bytes, marks[i].mark)) {
            *mark = marks[i].mark.len;
            return marks[i].name;
        }
    }
    *mark = 0;
    return utf16_of_zeros(bytes);
}

/* Bytes of what stands at the beginning and is no character; one that breaks off counts as a whole. */
static size_t broken_len(struct str bytes)
{
    size_t len = 1;
    while (len < bytes.len && len < 4 && ((unsigned char)bytes.data[len] & 0xC0) == 0x80)
        len++;
    return len;
}

const char *charset_guess(struct str bytes)
{
    size_t whole = 0, broken = 0;
    while (bytes.len > 0) {
        size_t valid = str_utf8_valid_len(bytes);
        for (size_t i = 0; i < valid; i++)
            whole += ((unsigned char)bytes.data[i] & 0xC0) == 0xC0;
        broken += valid < bytes.len;
        bytes = str_slice(bytes, valid, bytes.len);
        bytes = str_slice(bytes, broken_len(bytes), bytes.len);
    }
    return broken == 0 || whole > broken ? CHARSET_UTF8 : CHARSET_FALLBACK;
}

bool charset_is_windows_1252(struct str bytes)
{
    size_t visible = 0, accented = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.data[i];
        visible += c > ' ';
        accented += c >= 0x80;
        bool is_control = c < 0x20 && !strchr("\t\n\v\f\r\x1A\x1B", c);
        if (c == 0 || is_control || c == 0x81 || c == 0x8D || c == 0x8F || c == 0x90 || c == 0x9D)
            return false;
    }
    return accented < ACCENTED_FREE || accented * ACCENTED_ONE_OF <= visible;
}

/* --- decoding --------------------------------------------------------------------------------------- */

static bool repair_utf8(struct str bytes, struct buf *text)
{
    while (bytes.len > 0) {
        size_t valid = str_utf8_valid_len(bytes);
        buf_append_str(text, str_slice(bytes, 0, valid));
        bytes = str_slice(bytes, valid, bytes.len);
        if (bytes.len == 0)
            break;
        buf_append_str(text, STR("\xEF\xBF\xBD"));
        bytes = str_slice(bytes, broken_len(bytes), bytes.len);
    }
    return !text->failed;
}

enum error_code charset_decode(const char *name, struct str bytes, struct buf *text, struct error *error)
{
    UErrorCode problem = U_ZERO_ERROR;
    buf_clear(text);
    text->max = bytes.len * GROWTH_MAX + 16;
    if (strcmp(name, CHARSET_UTF8) == 0)
        return repair_utf8(bytes, text) ? OK : error_no_memory(error);
    if (bytes.len > INT32_MAX / GROWTH_MAX - 16 || !buf_reserve(text, text->max))
        return error_no_memory(error);
    pthread_once(&icu_once, prepare_icu);
    int32_t len = ucnv_convert(CHARSET_UTF8, name, text->data, (int32_t)text->max, bytes.data, (int32_t)bytes.len,
                               &problem);
    if (problem == U_MEMORY_ALLOCATION_ERROR)
        return error_no_memory(error);
    if (U_FAILURE(problem))
        return error_set(error, ERROR_INTERNAL, "the encoding %s cannot be read: %s", name, u_errorName(problem));
    text->len = (size_t)len;
    return OK;
}
