#include "document/docx_styles.h"

#include <stdio.h>

/* Far more than a template has; what lies behind is ignored. */
#define TABLE_MAX 2000
#define BASED_ON_MAX 10

/* --- reading the two parts -------------------------------------------------------------------------- */

static struct str value_of(const struct xml_element *element)
{
    return xml_attribute(element, "val");
}

static int to_integer(struct str text, int otherwise)
{
    int64_t value;
    return str_to_i64(text, &value) && value >= -1000000 && value <= 1000000 ? (int)value : otherwise;
}

int docx_integer(const struct xml_element *element, int otherwise)
{
    return to_integer(value_of(element), otherwise);
}

static void *new_entry(struct docx_styles *styles, size_t size)
{
    if (styles->count >= TABLE_MAX)
        return NULL;
    styles->count++;
    void *entry = arena_alloc(package_arena(styles->package), size);
    styles->is_out_of_memory = styles->is_out_of_memory || !entry;
    return entry;
}

static void copy_text(struct str text, char *out, size_t cap)
{
    size_t len = text.len < cap - 1 ? text.len : cap - 1;
    if (len > 0)
        memcpy(out, text.data, len);
    out[len] = '\0';
}

/* "heading 3" and "Title", in any case: the names of built-in styles are not translated, their IDs are. */
static int heading_of(struct str name)
{
    if (str_eq_nocase(name, STR("title")))
        return 1;
    bool is_heading = name.len == 9 && str_eq_nocase(str_slice(name, 0, 8), STR("heading "));
    return is_heading && name.data[8] >= '1' && name.data[8] <= '9' ? name.data[8] - '0' : 0;
}

static bool on_style_start(void *ctx, struct str name, const struct xml_element *element)
{
    struct docx_styles *styles = ctx;
    struct arena *arena = package_arena(styles->package);
    if (str_eq(name, STR("style"))) {
        struct docx_style *style = new_entry(styles, sizeof(*style));
        if (!style)
            return false;
        styles->is_out_of_memory = !arena_str(arena, xml_attribute(element, "styleId"), &style->id);
        style->next = styles->styles;
        styles->styles = style;
    }
    struct docx_style *style = styles->styles;
    if (!style)
        return true;
    if (str_eq(name, STR("name")) && style->heading == 0)
        style->heading = heading_of(value_of(element));
    else if (str_eq(name, STR("outlineLvl")) && style->heading == 0 && docx_integer(element, 9) < 9)
        style->heading = docx_integer(element, 0) + 1;
    else if (str_eq(name, STR("numId")))
        style->number_id = docx_integer(element, 0);
    else if (str_eq(name, STR("ilvl")))
        style->level = docx_integer(element, 0);
    else if (str_eq(name, STR("basedOn")))
        styles->is_out_of_memory = !arena_str(arena, value_of(element), &style->based_on);
    return !styles->is_out_of_memory;
}

static bool on_nothing(void *ctx, struct str text)
{
    (void)ctx, (void)text;
    return true;
}

static void begin_abstract(struct docx_styles *styles, const struct xml_element *element)
{
    struct docx_abstract *abstract = new_entry(styles, sizeof(*abstract));
    styles->level = NULL;
    if (!abstract)
        return;
    abstract->id = to_integer(xml_attribute(element, "abstractNumId"), -1);
    abstract->next = styles->abstracts;
    styles->abstracts = abstract;
}

static void begin_number(struct docx_styles *styles, const struct xml_element *element)
{
    struct docx_number *number = new_entry(styles, sizeof(*number));
    styles->is_in_number_override = true;
    if (!number)
        return;
    number->id = to_integer(xml_attribute(element, "numId"), -1);
    number->next = styles->numbers;
    styles->numbers = number;
}

static bool on_numbering_start(void *ctx, struct str name, const struct xml_element *element)
{
    struct docx_styles *styles = ctx;
    struct docx_level *level = styles->is_in_number_override ? NULL : styles->level;
    if (str_eq(name, STR("abstractNum"))) {
        begin_abstract(styles, element);
    } else if (str_eq(name, STR("num"))) {
        begin_number(styles, element);
    } else if (str_eq(name, STR("abstractNumId")) && styles->is_in_number_override && styles->numbers) {
        styles->numbers->abstract_id = docx_integer(element, -1);
    } else if (str_eq(name, STR("lvl")) && !styles->is_in_number_override && styles->abstracts) {
        int index = to_integer(xml_attribute(element, "ilvl"), -1);
        styles->level = index >= 0 && index < DOCX_LEVELS ? &styles->abstracts->levels[index] : NULL;
        if (styles->level)
            styles->level->start = 1;
    } else if (level && str_eq(name, STR("start"))) {
        level->start = docx_integer(element, 1);
    } else if (level && str_eq(name, STR("numFmt"))) {
        copy_text(value_of(element), level->format, sizeof(level->format));
    } else if (level && str_eq(name, STR("lvlText"))) {
        copy_text(value_of(element), level->text, sizeof(level->text));
    }
    return !styles->is_out_of_memory;
}

static bool on_numbering_end(void *ctx, struct str name)
{
    struct docx_styles *styles = ctx;
    if (str_eq(name, STR("num")))
        styles->is_in_number_override = false;
    return true;
}

enum error_code docx_styles_load(struct docx_styles *styles, struct package *package,
                                 const struct package_relation *relations, struct error *error)
{
    static const struct xml_handler style_handler = {on_style_start, on_nothing, on_nothing};
    static const struct xml_handler numbering_handler = {on_numbering_start, on_numbering_end, on_nothing};
    const struct package_relation *part = package_relation_of(relations, STR("styles"));
    const struct package_relation *numbering = package_relation_of(relations, STR("numbering"));
    enum error_code code = OK;
    bool is_there;
    styles->package = package;
    if (part)
        code = package_parse(package, part->target, &style_handler, styles, &is_there, error);
    if (code == OK && numbering)
        code = package_parse(package, numbering->target, &numbering_handler, styles, &is_there, error);
    return code == OK && styles->is_out_of_memory ? error_no_memory(error) : code;
}

/* --- asking ----------------------------------------------------------------------------------------- */

static const struct docx_style *find_style(const struct docx_styles *styles, struct str id)
{
    const struct docx_style *style = styles->styles;
    while (style && !str_eq(style->id, id))
        style = style->next;
    return style;
}

int docx_style_heading(const struct docx_styles *styles, struct str id)
{
    for (int i = 0; i < BASED_ON_MAX && id.len > 0; i++) {
        const struct docx_style *style = find_style(styles, id);
        if (!style || style->heading > 0)
            return style ? style->heading : 0;
        id = style->based_on;
    }
    return 0;
}

void docx_style_list(const struct docx_styles *styles, struct str id, int *number_id, int *level)
{
    for (int i = 0; i < BASED_ON_MAX && id.len > 0; i++) {
        const struct docx_style *style = find_style(styles, id);
        if (!style)
            return;
        if (style->number_id != 0) {
            *number_id = style->number_id;
            *level = style->level;
            return;
        }
        id = style->based_on;
    }
}

static void put_roman(char *out, size_t cap, int value, bool is_upper)
{
    static const struct {
        int value;
        const char *lower, *upper;
    } digits[] = {{1000, "m", "M"}, {900, "cm", "CM"}, {500, "d", "D"}, {400, "cd", "CD"}, {100, "c", "C"},
                  {90, "xc", "XC"}, {50, "l", "L"},    {40, "xl", "XL"}, {10, "x", "X"},   {9, "ix", "IX"},
                  {5, "v", "V"},    {4, "iv", "IV"},   {1, "i", "I"}};
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof(digits) / sizeof(digits[0]);) {
        if (value < digits[i].value || len + 3 > cap) {
            i++;
            continue;
        }
        len += (size_t)snprintf(out + len, cap - len, "%s", is_upper ? digits[i].upper : digits[i].lower);
        value -= digits[i].value;
    }
}

static void put_count(const struct docx_level *level, int value, char *out, size_t cap)
{
    struct str format = str_of(level->format);
    bool is_upper = str_starts(format, STR("upper"));
    if (value > 0 && value < 4000 && (str_eq(format, STR("lowerRoman")) || str_eq(format, STR("upperRoman"))))
        put_roman(out, cap, value, is_upper);
    else if (value > 0 && value <= 26 && (str_eq(format, STR("lowerLetter")) || str_eq(format, STR("upperLetter"))))
        snprintf(out, cap, "%c", (is_upper ? 'A' : 'a') + value - 1);
    else
        snprintf(out, cap, "%d", value);
}

/* "%1.%2)" with each count in the format of its own level. */
static void put_label(const struct docx_abstract *abstract, const struct docx_number *number, const char *text,
                      char out[DOCX_LABEL_MAX])
{
    size_t len = 0;
    for (const char *c = text; *c && len + 24 < DOCX_LABEL_MAX; c++) {
        if (*c == '%' && c[1] >= '1' && c[1] <= '9') {
            int level = *++c - '1';
            int value = number->is_used[level] ? number->counters[level] : abstract->levels[level].start;
            put_count(&abstract->levels[level], value, out + len, 20);
            len += strlen(out + len);
        } else {
            out[len++] = *c;
        }
    }
    out[len] = '\0';
}

static void count_on(struct docx_number *number, const struct docx_abstract *abstract, int level)
{
    int *counter = &number->counters[level];
    *counter = number->is_used[level] ? *counter + 1 : abstract->levels[level].start;
    number->is_used[level] = true;
    for (int deeper = level + 1; deeper < DOCX_LEVELS; deeper++)
        number->is_used[deeper] = false;
}

void docx_label(struct docx_styles *styles, int number_id, int level, char out[DOCX_LABEL_MAX])
{
    struct docx_number *number = styles->numbers;
    struct docx_abstract *abstract = styles->abstracts;
    while (number && number->id != number_id)
        number = number->next;
    while (number && abstract && abstract->id != number->abstract_id)
        abstract = abstract->next;
    copy_text(STR("-"), out, DOCX_LABEL_MAX);
    if (!number || !abstract || level < 0 || level >= DOCX_LEVELS)
        return;
    struct str format = str_of(abstract->levels[level].format);
    count_on(number, abstract, level);
    if (str_eq(format, STR("none")))
        out[0] = '\0';
    else if (!str_eq(format, STR("bullet")) && abstract->levels[level].text[0])
        put_label(abstract, number, abstract->levels[level].text, out);
}
