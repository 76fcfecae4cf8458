/* docx_styles.c - reads styles.xml into a table and resolves what a style inherits. Ends on styles that inherit from
 * each other in a ring. See docx_styles.h. */
#include "document/docx_styles.h"

/* Far more than a template has; what lies behind is ignored. */
#define STYLES_MAX 4000
#define BASED_ON_MAX 20

/* --- values ----------------------------------------------------------------------------------------- */

int docx_to_integer(struct str text, int otherwise)
{
    int64_t value;
    return str_to_i64(text, &value) && value >= -1000000 && value <= 1000000 ? (int)value : otherwise;
}

int docx_integer(const struct xml_element *element, int otherwise)
{
    return docx_to_integer(xml_attribute(element, "val"), otherwise);
}

bool docx_is_on(const struct xml_element *element)
{
    struct str value = xml_attribute(element, "val");
    return !str_eq(value, STR("0")) && !str_eq(value, STR("false")) && !str_eq(value, STR("off"));
}

void docx_copy_text(struct str text, char *out, size_t cap)
{
    size_t len = text.len < cap - 1 ? text.len : cap - 1;
    if (len < text.len)
        len = str_utf8_valid_len(str_slice(text, 0, len));
    if (len > 0)
        memcpy(out, text.data, len);
    out[len] = '\0';
}

/* --- reading ---------------------------------------------------------------------------------------- */

static void read_font(struct docx_look *look, const struct xml_element *element)
{
    struct str font = xml_attribute(element, "ascii");
    if (!font.data)
        font = xml_attribute(element, "hAnsi");
    if (!font.data)
        return;
    look->font = symbol_font_of(font);
    look->has_font = true;
}

bool docx_look_read(struct docx_look *look, struct str name, const struct xml_element *element)
{
    enum docx_toggle toggle = docx_is_on(element) ? DOCX_ON : DOCX_OFF;
    struct str value = xml_attribute(element, "val");
    if (str_eq(name, STR("vanish")))
        look->hidden = toggle;
    else if (str_eq(name, STR("strike")) || str_eq(name, STR("dstrike")))
        look->struck = look->struck == DOCX_ON ? DOCX_ON : toggle;
    else if (str_eq(name, STR("vertAlign")))
        look->script = str_eq(value, STR("superscript")) ? DOCX_RAISED
                       : str_eq(value, STR("subscript")) ? DOCX_LOWERED
                                                         : DOCX_BASELINE;
    else if (str_eq(name, STR("rFonts")))
        read_font(look, element);
    else
        return false;
    return true;
}

/* "heading 3" and "Title", in any case: the names of built-in styles are not translated, their IDs are. */
static int heading_of(struct str name)
{
    if (str_eq_nocase(name, STR("title")))
        return 1;
    bool is_heading = name.len == 9 && str_eq_nocase(str_slice(name, 0, 8), STR("heading "));
    return is_heading && name.data[8] >= '1' && name.data[8] <= '9' ? name.data[8] - '0' : 0;
}

static bool begin_style(struct docx_styles *styles, const struct xml_element *element)
{
    struct arena *arena = package_arena(styles->package);
    if (styles->count >= STYLES_MAX)
        return false;
    struct docx_style *style = ARENA_NEW(arena, struct docx_style);
    styles->is_out_of_memory = !style || !arena_str(arena, xml_attribute(element, "styleId"), &style->id);
    if (styles->is_out_of_memory)
        return false;
    struct str flag = xml_attribute(element, "default");
    bool is_default = flag.len > 0 && !str_eq(flag, STR("0")) && !str_eq(flag, STR("false"));
    if (is_default && str_eq(xml_attribute(element, "type"), STR("paragraph")))
        styles->default_style = style->id;
    style->next = styles->styles;
    styles->styles = style;
    styles->count++;
    return true;
}

static void read_property(struct docx_styles *styles, struct docx_style *style, struct str name,
                          const struct xml_element *element)
{
    if (str_eq(name, STR("name")) && style->heading == 0) {
        style->heading = heading_of(xml_attribute(element, "val"));
    } else if (str_eq(name, STR("outlineLvl")) && style->heading == 0 && docx_integer(element, 9) < 9) {
        style->heading = docx_integer(element, 0) + 1;
    } else if (str_eq(name, STR("numId"))) {
        style->number_id = docx_integer(element, 0);
        style->has_number = true;
    } else if (str_eq(name, STR("ilvl"))) {
        style->level = docx_integer(element, 0);
        style->has_level = true;
    } else if (str_eq(name, STR("basedOn"))) {
        struct arena *arena = package_arena(styles->package);
        styles->is_out_of_memory = !arena_str(arena, xml_attribute(element, "val"), &style->based_on);
    } else {
        (void)docx_look_read(&style->look, name, element);
    }
}

static bool on_start(void *ctx, struct str name, const struct xml_element *element)
{
    struct docx_styles *styles = ctx;
    if (styles->conditional > 0 || str_eq(name, STR("tblStylePr"))) {
        styles->conditional++;
        return true;
    }
    if (str_eq(name, STR("style")))
        return begin_style(styles, element);
    if (styles->styles)
        read_property(styles, styles->styles, name, element);
    return !styles->is_out_of_memory;
}

static bool on_end(void *ctx, struct str name)
{
    struct docx_styles *styles = ctx;
    (void)name;
    styles->conditional -= styles->conditional > 0;
    return true;
}

static bool on_text(void *ctx, struct str text)
{
    (void)ctx, (void)text;
    return true;
}

enum error_code docx_styles_load(struct docx_styles *styles, struct package *package,
                                 const struct package_relation *relations, struct error *error)
{
    static const struct xml_handler handler = {on_start, on_end, on_text};
    const struct package_relation *part = package_relation_of(relations, STR("styles"));
    enum error_code code = OK;
    bool is_there;
    styles->package = package;
    if (part)
        code = package_parse(package, part->target, &handler, styles, &is_there, error);
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

static const struct docx_style *paragraph_style(const struct docx_styles *styles, struct str id)
{
    return find_style(styles, id.len > 0 ? id : styles->default_style);
}

static const struct docx_style *base_of(const struct docx_styles *styles, const struct docx_style *style)
{
    return style->based_on.len > 0 ? find_style(styles, style->based_on) : NULL;
}

int docx_style_heading(const struct docx_styles *styles, struct str id)
{
    const struct docx_style *style = paragraph_style(styles, id);
    for (int i = 0; i < BASED_ON_MAX && style; i++, style = base_of(styles, style))
        if (style->heading > 0)
            return style->heading;
    return 0;
}

void docx_style_list(const struct docx_styles *styles, struct str id, int *number_id, int *level)
{
    const struct docx_style *style = paragraph_style(styles, id);
    bool has_number = false;
    *number_id = 0;
    *level = -1;
    for (int i = 0; i < BASED_ON_MAX && style; i++, style = base_of(styles, style)) {
        if (style->has_level && *level < 0)
            *level = style->level;
        if (style->has_number && !has_number)
            *number_id = style->number_id;
        has_number = has_number || style->has_number;
    }
}

/* The nearest of each along basedOn. */
static struct docx_look inherited_look(const struct docx_styles *styles, const struct docx_style *style)
{
    struct docx_look look = {0};
    for (int i = 0; i < BASED_ON_MAX && style; i++, style = base_of(styles, style)) {
        look.hidden = look.hidden == DOCX_UNSET ? style->look.hidden : look.hidden;
        look.struck = look.struck == DOCX_UNSET ? style->look.struck : look.struck;
        look.script = look.script == DOCX_SCRIPT_UNSET ? style->look.script : look.script;
        if (!look.has_font && style->look.has_font) {
            look.font = style->look.font;
            look.has_font = true;
        }
    }
    return look;
}

/* Toggles of two styles cancel each other out (17.7.3). */
static enum docx_toggle toggled(enum docx_toggle paragraph, enum docx_toggle run, enum docx_toggle direct)
{
    if (direct != DOCX_UNSET)
        return direct;
    return (paragraph == DOCX_ON) != (run == DOCX_ON) ? DOCX_ON : DOCX_OFF;
}

struct docx_look docx_style_look(const struct docx_styles *styles, struct str paragraph, struct str run,
                                 const struct docx_look *direct)
{
    struct docx_look outer = inherited_look(styles, paragraph_style(styles, paragraph));
    struct docx_look inner = inherited_look(styles, run.len > 0 ? find_style(styles, run) : NULL);
    struct docx_look look = *direct;
    look.hidden = toggled(outer.hidden, inner.hidden, direct->hidden);
    look.struck = toggled(outer.struck, inner.struck, direct->struck);
    if (look.script == DOCX_SCRIPT_UNSET)
        look.script = inner.script != DOCX_SCRIPT_UNSET ? inner.script : outer.script;
    if (!look.has_font)
        look.font = inner.has_font ? inner.font : outer.font;
    return look;
}
