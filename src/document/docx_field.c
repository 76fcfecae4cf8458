/* docx_field.c - the state of fields inside one another: whether what is read now is shown. See docx_field.h. */
#include "document/docx_field.h"

#include <stdio.h>

#include "document/docx_styles.h"

static struct docx_field *top(struct docx_fields *fields)
{
    return fields->depth > 0 && fields->depth <= DOCX_FIELDS_MAX ? &fields->fields[fields->depth - 1] : NULL;
}

bool docx_fields_hide(const struct docx_fields *fields)
{
    for (unsigned i = 0; i < fields->depth && i < DOCX_FIELDS_MAX; i++)
        if (fields->fields[i].is_code)
            return true;
    return false;
}

void docx_fields_end_paragraph(struct docx_fields *fields)
{
    for (unsigned i = 0; i < fields->depth && i < DOCX_FIELDS_MAX; i++)
        fields->fields[i].is_code = false;
}

static void start_character(struct docx_fields *fields, const struct xml_element *element)
{
    struct str type = xml_attribute(element, "fldCharType");
    struct docx_field *field;
    if (str_eq(type, STR("begin"))) {
        fields->depth++;
        if ((field = top(fields)) != NULL)
            *field = (struct docx_field){.is_code = true, .chosen = -1};
    } else if (str_eq(type, STR("separate")) && (field = top(fields)) != NULL) {
        field->is_code = false;
    }
}

/* Code and result in one element: what is inside is shown. */
static void start_simple(struct docx_fields *fields, const struct xml_element *element)
{
    fields->depth++;
    struct docx_field *field = top(fields);
    if (!field)
        return;
    *field = (struct docx_field){.chosen = -1};
    docx_copy_text(xml_attribute(element, "instr"), field->text, sizeof(field->text));
}

static void start_entry(struct docx_field *field, const struct xml_element *element)
{
    if (field->entry++ == (field->chosen > 0 ? field->chosen : 0))
        docx_copy_text(xml_attribute(element, "val"), field->text, sizeof(field->text));
}

bool docx_fields_start(struct docx_fields *fields, struct str name, const struct xml_element *element)
{
    struct docx_field *field = top(fields);
    fields->is_instruction = str_eq(name, STR("instrText"));
    if (str_eq(name, STR("fldChar"))) {
        start_character(fields, element);
        return true;
    }
    if (fields->is_instruction)
        return true;
    if (str_eq(name, STR("fldSimple"))) {
        start_simple(fields, element);
        return true;
    }
    if (!field || !field->is_code)
        return false;
    if (str_eq(name, STR("checkBox")))
        field->is_check_box = true;
    else if (str_eq(name, STR("checked")) || (str_eq(name, STR("default")) && field->is_check_box))
        field->is_checked = docx_is_on(element);
    else if (str_eq(name, STR("ddList")))
        field->is_list = true;
    else if (str_eq(name, STR("result")) || (str_eq(name, STR("default")) && field->is_list && field->chosen < 0))
        field->chosen = docx_integer(element, 0);
    else if (str_eq(name, STR("listEntry")))
        start_entry(field, element);
    else
        return false;
    return true;
}

void docx_fields_shown(struct docx_fields *fields)
{
    struct docx_field *field = top(fields);
    if (field)
        field->has_result = true;
}

void docx_fields_text(struct docx_fields *fields, struct str text)
{
    struct docx_field *field = top(fields);
    if (!fields->is_instruction || !field || field->is_list)
        return;
    size_t len = strlen(field->text);
    docx_copy_text(text, field->text + len, sizeof(field->text) - len);
}

/* SYMBOL 254 \f "Wingdings" */
static struct str symbol_of(struct str code, char space[DOCX_FIELD_TEXT_MAX + 8])
{
    struct str word, font = STR("Symbol");
    int64_t character = -1;
    for (bool is_font = false; str_split(&code, ' ', &word);) {
        if (word.len == 0)
            continue;
        if (is_font && str_starts(word, STR("\""))) { /* names have blanks */
            const char *end = code.data ? code.data + code.len : word.data + word.len;
            struct str rest = {word.data + 1, (size_t)(end - word.data) - 1};
            ptrdiff_t close = str_find_char(rest, '"', 0);
            font = str_slice(rest, 0, close < 0 ? rest.len : (size_t)close);
        } else if (is_font) {
            font = word;
        } else if (character < 0 && !str_to_i64(word, &character)) {
            character = -1;
        }
        is_font = str_eq_nocase(word, STR("\\f"));
    }
    uint32_t code_point = character >= 0 && character < 0x10000
                              ? symbol_code_point(symbol_font_of(font), (uint32_t)character)
                              : 0;
    if (!code_point && symbol_font_of(font) == SYMBOL_FONT_NONE && character >= 0x20 && character < 0xD800)
        code_point = (uint32_t)character;
    return (struct str){space, code_point ? symbol_utf8(code_point, space) : 0};
}

struct str docx_fields_end(struct docx_fields *fields, char space[DOCX_FIELD_TEXT_MAX + 8])
{
    struct docx_field *field = top(fields);
    fields->depth -= fields->depth > 0;
    if (!field || field->has_result)
        return STR("");
    struct str code = str_trim(str_of(field->text));
    if (field->is_check_box)
        return field->is_checked ? STR("\u2612") : STR("\u2610");
    if (field->is_list)
        return (struct str){space, (size_t)snprintf(space, DOCX_FIELD_TEXT_MAX + 8, "%s", field->text)};
    if (str_starts(code, STR("SYMBOL ")))
        return symbol_of(str_slice(code, 7, code.len), space);
    if (str_starts(code, STR("EQ "))) /* named rather than lost */
        return (struct str){space, (size_t)snprintf(space, DOCX_FIELD_TEXT_MAX + 8, "{" STR_FMT "}", STR_ARG(code))};
    return STR("");
}
