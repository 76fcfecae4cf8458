/* docx_numbering.c - reads numbering.xml and counts through the lists of a document. Writes labels, no lines. See
 * docx_numbering.h. */
#include "document/docx_numbering.h"

#include <stdio.h>

/* Far more than a file has; what lies behind is ignored. */
#define TABLE_MAX 8000
#define COUNT_MAX 1000000

/* --- reading ---------------------------------------------------------------------------------------- */

static void *new_entry(struct docx_numbering *numbering, size_t size)
{
    if (numbering->count >= TABLE_MAX)
        return NULL;
    numbering->count++;
    void *entry = arena_alloc(package_arena(numbering->package), size);
    numbering->is_out_of_memory = numbering->is_out_of_memory || !entry;
    return entry;
}

static void begin_level_values(struct docx_level *level)
{
    *level = (struct docx_level){.kind = LEVEL_COUNTED, .way = COUNTING_DECIMAL, .start = 1, .restart = -1};
}

static void begin_abstract(struct docx_numbering *numbering, const struct xml_element *element)
{
    struct docx_abstract *abstract = new_entry(numbering, sizeof(*abstract));
    numbering->level = NULL;
    numbering->is_number = false;
    if (!abstract)
        return;
    abstract->id = docx_to_integer(xml_attribute(element, "abstractNumId"), -1);
    for (int i = 0; i < DOCX_LEVELS; i++)
        begin_level_values(&abstract->levels[i]);
    abstract->next = numbering->abstracts;
    numbering->abstracts = abstract;
}

static void begin_number(struct docx_numbering *numbering, const struct xml_element *element)
{
    struct docx_number *number = new_entry(numbering, sizeof(*number));
    numbering->is_number = true;
    numbering->level = NULL;
    if (!number)
        return;
    number->id = docx_to_integer(xml_attribute(element, "numId"), -1);
    number->abstract_id = -1;
    for (int i = 0; i < DOCX_LEVELS; i++)
        number->starts[i] = -1;
    number->next = numbering->numbers;
    numbering->numbers = number;
}

static int level_index(const struct xml_element *element)
{
    int index = docx_to_integer(xml_attribute(element, "ilvl"), -1);
    return index >= 0 && index < DOCX_LEVELS ? index : -1;
}

static void begin_level(struct docx_numbering *numbering, const struct xml_element *element)
{
    int index = level_index(element);
    numbering->level = NULL;
    numbering->is_fixed_format = false;
    if (index < 0)
        return;
    if (!numbering->is_number && numbering->abstracts) {
        numbering->level = &numbering->abstracts->levels[index];
    } else if (numbering->is_number && numbering->numbers) {
        numbering->level = numbering->numbers->levels[index] = new_entry(numbering, sizeof(struct docx_level));
        if (numbering->level)
            begin_level_values(numbering->level);
    }
}

/* A custom format shows its first numbers: "001, 002, 003, ..." */
static void read_format(struct docx_level *level, const struct xml_element *element)
{
    struct str value = xml_attribute(element, "val"), sample = xml_attribute(element, "format");
    level->kind = str_eq(value, STR("bullet")) ? LEVEL_BULLET : str_eq(value, STR("none")) ? LEVEL_NONE : LEVEL_COUNTED;
    level->way = counting_of_word(value);
    level->zeros = 0;
    while ((size_t)level->zeros < sample.len && level->zeros < 9 && sample.data[level->zeros] >= '0' &&
           sample.data[level->zeros] <= '9')
        level->zeros++;
}

static void read_level(struct docx_numbering *numbering, struct str name, const struct xml_element *element)
{
    struct docx_level *level = numbering->level;
    struct docx_look look = {0};
    if (str_eq(name, STR("start"))) {
        level->start = docx_integer(element, 1);
    } else if (str_eq(name, STR("numFmt"))) {
        read_format(level, element);
    } else if (str_eq(name, STR("lvlText"))) {
        docx_copy_text(xml_attribute(element, "val"), level->text, sizeof(level->text));
    } else if (str_eq(name, STR("lvlRestart"))) {
        level->restart = docx_integer(element, -1);
    } else if (str_eq(name, STR("isLgl"))) {
        level->is_legal = docx_is_on(element);
    } else if (str_eq(name, STR("pStyle"))) {
        numbering->is_out_of_memory =
            !arena_str(package_arena(numbering->package), xml_attribute(element, "val"), &level->style);
    } else if (docx_look_read(&look, name, element)) {
        level->font = look.has_font ? look.font : level->font;
    }
}

static bool on_start(void *ctx, struct str name, const struct xml_element *element)
{
    struct docx_numbering *numbering = ctx;
    if (numbering->skipped > 0 || str_eq(name, STR("Fallback"))) {
        numbering->skipped++;
        return true;
    }
    if (str_eq(name, STR("abstractNum"))) {
        begin_abstract(numbering, element);
    } else if (str_eq(name, STR("num"))) {
        begin_number(numbering, element);
    } else if (str_eq(name, STR("abstractNumId")) && numbering->is_number && numbering->numbers) {
        numbering->numbers->abstract_id = docx_integer(element, -1);
    } else if (str_eq(name, STR("numStyleLink")) && !numbering->is_number && numbering->abstracts) {
        numbering->is_out_of_memory = !arena_str(package_arena(numbering->package), xml_attribute(element, "val"),
                                                 &numbering->abstracts->style_link);
    } else if (str_eq(name, STR("lvlOverride"))) {
        numbering->index = level_index(element);
        numbering->level = NULL;
    } else if (str_eq(name, STR("startOverride")) && numbering->is_number && numbering->numbers &&
               numbering->index >= 0) {
        numbering->numbers->starts[numbering->index] = docx_integer(element, 1);
    } else if (str_eq(name, STR("lvl"))) {
        begin_level(numbering, element);
    } else if (numbering->level) {
        read_level(numbering, name, element);
    }
    return !numbering->is_out_of_memory;
}

static bool on_end(void *ctx, struct str name)
{
    struct docx_numbering *numbering = ctx;
    if (numbering->skipped > 0)
        numbering->skipped--;
    else if (str_eq(name, STR("lvl")))
        numbering->level = NULL;
    return true;
}

static bool on_text(void *ctx, struct str text)
{
    (void)ctx, (void)text;
    return true;
}

enum error_code docx_numbering_load(struct docx_numbering *numbering, struct package *package,
                                    const struct docx_styles *styles, const struct package_relation *relations,
                                    struct error *error)
{
    static const struct xml_handler handler = {on_start, on_end, on_text};
    const struct package_relation *part = package_relation_of(relations, STR("numbering"));
    enum error_code code = OK;
    bool is_there;
    numbering->package = package;
    numbering->styles = styles;
    if (part)
        code = package_parse(package, part->target, &handler, numbering, &is_there, error);
    return code == OK && numbering->is_out_of_memory ? error_no_memory(error) : code;
}

/* --- asking ----------------------------------------------------------------------------------------- */

static struct docx_number *find_number(const struct docx_numbering *numbering, int id)
{
    struct docx_number *number = numbering->numbers;
    while (number && number->id != id)
        number = number->next;
    return number;
}

static struct docx_abstract *find_abstract(const struct docx_numbering *numbering, int id)
{
    struct docx_abstract *abstract = numbering->abstracts;
    while (abstract && abstract->id != id)
        abstract = abstract->next;
    return abstract;
}

/* That of a list, or the one that its style stands for: one step, since a style's own list has levels. */
static struct docx_abstract *abstract_of(const struct docx_numbering *numbering, const struct docx_number *number)
{
    struct docx_abstract *abstract = number ? find_abstract(numbering, number->abstract_id) : NULL;
    if (!abstract || abstract->style_link.len == 0)
        return abstract;
    int number_id, level;
    docx_style_list(numbering->styles, abstract->style_link, &number_id, &level);
    const struct docx_number *linked = find_number(numbering, number_id);
    struct docx_abstract *meant = linked ? find_abstract(numbering, linked->abstract_id) : NULL;
    return meant ? meant : abstract;
}

static const struct docx_level *level_of(const struct docx_abstract *abstract, const struct docx_number *number,
                                         int index)
{
    return number->levels[index] ? number->levels[index] : &abstract->levels[index];
}

int docx_numbering_level_of(const struct docx_numbering *numbering, int number_id, struct str style)
{
    const struct docx_number *number = find_number(numbering, number_id);
    const struct docx_abstract *abstract = abstract_of(numbering, number);
    for (int i = 0; abstract && style.len > 0 && i < DOCX_LEVELS; i++)
        if (str_eq(level_of(abstract, number, i)->style, style))
            return i;
    return 0;
}

static void count_on(struct docx_number *number, struct docx_abstract *abstract, int index)
{
    int *counter = &abstract->counters[index];
    if (number->starts[index] >= 0 && !number->has_started[index])
        *counter = number->starts[index];
    else if (!abstract->is_used[index])
        *counter = level_of(abstract, number, index)->start;
    else if (*counter < COUNT_MAX)
        ++*counter;
    number->has_started[index] = abstract->is_used[index] = true;
    for (int deeper = index + 1; deeper < DOCX_LEVELS; deeper++) {
        int restart = level_of(abstract, number, deeper)->restart;
        if (restart < 0 || index < restart)
            abstract->is_used[deeper] = false;
    }
}

static void put_count(const struct docx_level *level, bool is_legal, int value, char out[COUNTING_MAX])
{
    if (level->kind != LEVEL_COUNTED)
        out[0] = '\0';
    else if (level->zeros > 0)
        snprintf(out, COUNTING_MAX, "%0*d", level->zeros, value);
    else
        counting_write(is_legal && level->way != COUNTING_DECIMAL_ZERO ? COUNTING_DECIMAL : level->way, value, out);
}

/* "%1.%2)" with each count in the format of its own level. */
static void put_label(const struct docx_abstract *abstract, const struct docx_number *number, int index,
                      char out[DOCX_LABEL_MAX])
{
    const struct docx_level *own = level_of(abstract, number, index);
    size_t len = 0;
    for (const char *c = own->text; *c && len + 2 < DOCX_LABEL_MAX; c++) {
        if (*c != '%' || c[1] < '1' || c[1] > '9') {
            out[len++] = *c;
            continue;
        }
        int other = *++c - '1';
        const struct docx_level *level = level_of(abstract, number, other);
        int start = number->starts[other] >= 0 ? number->starts[other] : level->start;
        char count[COUNTING_MAX];
        put_count(level, own->is_legal, abstract->is_used[other] ? abstract->counters[other] : start, count);
        docx_copy_text(str_of(count), out + len, DOCX_LABEL_MAX - len);
        len += strlen(out + len);
    }
    out[len] = '\0';
}

/* Bullets are "-", but boxes and ticks, which say something. */
static void put_bullet(const struct docx_level *level, char out[DOCX_LABEL_MAX])
{
    static const char *const telling[] = {"\u2610", "\u2611", "\u2612", "\u2713", "\u2714", "\u2717", "\u2718"};
    struct str text = str_of(level->text);
    char shown[8] = "";
    uint32_t character = text.len == 1 ? (unsigned char)text.data[0] : 0;
    if (text.len == 3 && (unsigned char)text.data[0] == 0xEF) /* U+F0xx */
        character = 0xF000u | ((unsigned)text.data[1] & 0x3F) << 6 | ((unsigned)text.data[2] & 0x3F);
    uint32_t code_point = symbol_code_point(level->font, character);
    if (code_point)
        shown[symbol_utf8(code_point, shown)] = '\0';
    else
        docx_copy_text(text, shown, sizeof(shown));
    docx_copy_text(STR("-"), out, DOCX_LABEL_MAX);
    for (size_t i = 0; i < sizeof(telling) / sizeof(telling[0]); i++)
        if (strcmp(shown, telling[i]) == 0)
            docx_copy_text(str_of(shown), out, DOCX_LABEL_MAX);
}

void docx_label(struct docx_numbering *numbering, int number_id, int level, char out[DOCX_LABEL_MAX])
{
    struct docx_number *number = find_number(numbering, number_id);
    struct docx_abstract *abstract = abstract_of(numbering, number);
    docx_copy_text(STR("-"), out, DOCX_LABEL_MAX);
    if (!abstract || level < 0 || level >= DOCX_LEVELS)
        return;
    const struct docx_level *own = level_of(abstract, number, level);
    count_on(number, abstract, level);
    if (own->kind == LEVEL_BULLET)
        put_bullet(own, out);
    else
        put_label(abstract, number, level, out);
    struct str shown = str_trim(str_of(out));
    memmove(out, shown.data, shown.len);
    out[shown.len] = '\0';
}
