/* number_format.c - chooses the section of a format code for a value, and the built-in codes by number. See
 * number_format.h. */
#include "document/number_format.h"

#include <stdio.h>

#include "document/number_code.h"
#include "document/number_moment.h"
#include "document/number_render.h"

/* --- sections --------------------------------------------------------------------------------------- */

static void read_condition(struct str text, struct number_section *section)
{
    static const struct {
        struct str sign;
        int condition;
    } signs[] = {{{"<=", 2}, CONDITION_LESS_EQUAL}, {{"<>", 2}, CONDITION_NOT_EQUAL}, {{">=", 2}, CONDITION_MORE_EQUAL},
                 {{"<", 1}, CONDITION_LESS},        {{">", 1}, CONDITION_MORE},       {{"=", 1}, CONDITION_EQUAL}};
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (!str_starts(text, signs[i].sign))
            continue;
        struct str limit = str_trim(str_slice(text, signs[i].sign.len, text.len));
        if (str_to_double(limit, &section->limit))
            section->condition = (unsigned)signs[i].condition;
        return;
    }
}

static struct number_section read_section(struct str code)
{
    struct number_section section = {.code = code, .kind = SECTION_NUMBER};
    bool is_general = false;
    for (struct code_token token; (token = code_next(&code)).sign != SIGN_END;) {
        if (token.sign == SIGN_CONDITION)
            read_condition(token.text, &section);
        is_general = is_general || token.sign == SIGN_GENERAL;
    }
    if (is_general)
        section.kind = SECTION_GENERAL;
    else if (moment_is_code(section.code))
        section.kind = SECTION_MOMENT;
    return section;
}

struct number_format number_format_parse(struct str code)
{
    struct number_format format = {.count = 0};
    if (str_eq_nocase(str_trim(code), STR("General")) || code.len == 0)
        return format;
    while (format.count < NUMBER_SECTIONS) {
        size_t len = code_section_len(code);
        format.sections[format.count++] = read_section(str_slice(code, 0, len));
        if (len >= code.len)
            break;
        code = str_slice(code, len + 1, code.len);
    }
    return format;
}

/* Numbers below 50 that are the same everywhere, and those of East Asia and Thailand, whose code depends on the
 * country: theirs are dates, times, or (34, 35, 52 to 56) one here and the other there, which the value tells.
 * Currencies of 5 to 8 and 42 and 44 depend on who looks at the file, and are left out. */
#define EITHER "y/h" /* never in a file: a slash between letters of different kinds */

struct number_format number_format_builtin(unsigned id)
{
    static const struct {
        unsigned first, last;
        const char *code;
    } codes[] = {
        {1, 1, "0"}, {2, 2, "0.00"}, {3, 3, "#,##0"}, {4, 4, "#,##0.00"}, {5, 6, "#,##0_);(#,##0)"},
        {7, 8, "#,##0.00_);(#,##0.00)"}, {9, 9, "0%"}, {10, 10, "0.00%"}, {11, 11, "0.00E+00"}, {12, 12, "# ?/?"},
        {13, 13, "# ?\?/?\?"}, {14, 17, "y-m-d"}, {18, 18, "h:mm"}, {19, 19, "h:mm:ss"}, {20, 20, "h:mm"},
        {21, 21, "h:mm:ss"}, {22, 22, "y-m-d h:mm"}, {27, 31, "y-m-d"}, {32, 32, "h:mm"}, {33, 33, "h:mm:ss"},
        {34, 35, EITHER}, {36, 36, "y-m-d"}, {37, 38, "#,##0_);(#,##0)"}, {39, 40, "#,##0.00_);(#,##0.00)"},
        {41, 42, "#,##0_);(#,##0);\"-\"_);@"}, {43, 44, "#,##0.00_);(#,##0.00);\"-\"?\?_);@"}, {45, 45, "mm:ss"},
        {46, 46, "[h]:mm:ss"}, {47, 47, "mm:ss.0"}, {48, 48, "##0.0E+0"}, {49, 49, "@"}, {50, 51, "y-m-d"},
        {52, 53, EITHER}, {54, 54, "y-m-d"}, {55, 56, EITHER}, {57, 58, "y-m-d"}, {59, 59, "0"}, {60, 60, "0.00"},
        {61, 61, "#,##0"}, {62, 62, "#,##0.00"}, {67, 67, "0%"}, {68, 68, "0.00%"}, {69, 69, "# ?/?"},
        {70, 70, "# ?\?/?\?"}, {71, 74, "y-m-d"}, {75, 75, "h:mm"}, {76, 76, "h:mm:ss"}, {77, 77, "y-m-d h:mm"},
        {78, 78, "mm:ss"}, {79, 79, "[h]:mm:ss"}, {80, 80, "mm:ss.0"}, {81, 81, "y-m-d"},
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (id >= codes[i].first && id <= codes[i].last)
            return number_format_parse(str_of(codes[i].code));
    return (struct number_format){.count = 0};
}

/* --- choosing one ----------------------------------------------------------------------------------- */

static bool is_met(const struct number_section *section, double value)
{
    switch (section->condition) {
    case CONDITION_LESS: return value < section->limit;
    case CONDITION_LESS_EQUAL: return value <= section->limit;
    case CONDITION_EQUAL: return value == section->limit;
    case CONDITION_NOT_EQUAL: return value != section->limit;
    case CONDITION_MORE_EQUAL: return value >= section->limit;
    case CONDITION_MORE: return value > section->limit;
    default: return true;
    }
}

/* The sections that are for numbers: of four the first three, and one of text only (@) is for numbers too
 * when it is the only one. */
static unsigned number_sections(const struct number_format *format)
{
    unsigned count = format->count < 4 ? format->count : 3;
    struct str last = format->sections[count - 1].code;
    bool is_text = false;
    for (struct code_token token; (token = code_next(&last)).sign != SIGN_END;)
        is_text = is_text || token.sign == SIGN_TEXT;
    return is_text && count > 1 ? count - 1 : count;
}

/* NULL: no section is for it, and the cell shows signs that it has no room. */
static const struct number_section *choose(const struct number_format *format, double value)
{
    const struct number_section *sections = format->sections;
    unsigned count = number_sections(format);
    if (sections[0].condition == CONDITION_NONE && (count < 2 || sections[1].condition == CONDITION_NONE)) {
        if (count >= 2 && value < 0)
            return &sections[1];
        return &sections[count >= 3 && value == 0 ? 2 : 0];
    }
    /* With a condition on one of two, the other has what is left: of positive and zero, or of negative. */
    struct number_section first = sections[0], second = sections[count > 1 ? 1 : 0];
    if (first.condition == CONDITION_NONE) {
        first.condition = CONDITION_MORE;
        first.limit = 0;
    }
    if (count > 2 && second.condition == CONDITION_NONE) {
        second.condition = CONDITION_LESS;
        second.limit = 0;
    }
    if (is_met(&first, value))
        return &sections[0];
    if (count > 1 && is_met(&second, value))
        return &sections[1];
    return count > 2 ? &sections[2] : NULL;
}

/* A section for negative numbers alone says itself how they look, brackets or a sign. */
static bool has_own_sign(const struct number_format *format, const struct number_section *section)
{
    bool is_second = section == &format->sections[1] && section->condition == CONDITION_NONE &&
                     format->sections[0].condition == CONDITION_NONE;
    bool is_below = (section->condition == CONDITION_LESS && section->limit <= 0) ||
                    (section->condition == CONDITION_LESS_EQUAL && section->limit < 0);
    return is_second || (is_below && number_sections(format) > 1);
}

/* --- writing ---------------------------------------------------------------------------------------- */

static void trim_blanks(char out[NUMBER_TEXT_MAX])
{
    struct str shown = str_trim(str_of(out));
    memmove(out, shown.data, shown.len);
    out[shown.len] = '\0';
}

static bool write_moment(const struct number_section *section, double value, bool is_1904, char out[NUMBER_TEXT_MAX])
{
    struct moment_format moment = moment_format_parse(section->code);
    if (str_eq(section->code, STR(EITHER)))
        moment = (struct moment_format){.is_either = true};
    return moment_write(&moment, value, is_1904, out, NUMBER_TEXT_MAX);
}

void number_format_write(const struct number_format *format, struct str text, bool is_1904,
                         char out[NUMBER_TEXT_MAX])
{
    struct decimal decimal;
    double value;
    text = str_trim(text);
    if (!decimal_parse(text, &decimal) || !str_to_double(text, &value)) {
        snprintf(out, NUMBER_TEXT_MAX, STR_FMT, STR_ARG(text));
        return;
    }
    const struct number_section *section = format->count > 0 ? choose(format, value) : NULL;
    if (!section)
        number_render_general(&decimal, out, NUMBER_TEXT_MAX);
    else if (section->kind == SECTION_MOMENT && write_moment(section, value, is_1904, out))
        return;
    else if (section->kind == SECTION_MOMENT)
        number_render_general(&decimal, out, NUMBER_TEXT_MAX);
    else
        number_render(section->code, &decimal, !has_own_sign(format, section), out, NUMBER_TEXT_MAX);
    trim_blanks(out);
}

bool number_format_around(const struct number_format *format, char before[NUMBER_TEXT_MAX],
                          char behind[NUMBER_TEXT_MAX])
{
    char *out = before;
    before[0] = behind[0] = '\0';
    if (format->count == 0)
        return true;
    struct str code = format->sections[format->count - 1].code;
    bool is_for_text = format->count == 4 || number_sections(format) < format->count;
    for (struct str rest = code; !is_for_text && rest.len > 0;)
        is_for_text = code_next(&rest).sign == SIGN_TEXT;
    if (!is_for_text)
        return true;
    for (struct code_token token; (token = code_next(&code)).sign != SIGN_END;) {
        size_t len = strlen(out);
        if (token.sign == SIGN_TEXT)
            out = behind;
        if (token.sign != SIGN_LITERAL || token.text.len == 0 || len + token.text.len >= NUMBER_TEXT_MAX)
            continue;
        memcpy(out + len, token.text.data, token.text.len);
        out[len + token.text.len] = '\0';
    }
    return out == behind;
}
