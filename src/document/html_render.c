/* html_render.c - walks a page's tree with a stack of its own, since nothing bounds how deep a page goes, and writes
 * what is shown. See html_render.h. */
#include "document/html_render.h"

#include <stdio.h>

#include "core/mem.h"
#include "document/counting.h"
#include "document/html_math.h"
#include "document/html_node.h"
#include "document/html_table.h"
#include "document/html_writer.h"
#include "document/script_signs.h"

#define TABLES_MAX 32 /* nested; a deeper one is layout */
#define LISTS_MAX 64
#define SHORT_TEXT_MAX 64

struct list {
    bool is_ordered, is_unmarked;
    char type; /* 1 a A i I */
    int next, step;
};

/* An element whose inside is being read. */
struct frame {
    GumboNode *node;
    unsigned next_child;
    enum html_kind kind;
    bool is_pre;
    bool is_invisible; /* but something inside may be visible again */
    bool is_table, is_row, is_list; /* has begun one */
    const char *close;              /* what is written behind it */
    bool needs_space;               /* behind it */
};

struct renderer {
    struct html_writer writer;
    struct frame *frames;
    size_t count, cap;
    struct html_table *tables; /* TABLES_MAX of them */
    size_t table_count, list_count;
    struct list lists[LISTS_MAX];
    bool is_out_of_memory;
};

/* --- lists ------------------------------------------------------------------------------------------ */

static int count_items(const GumboNode *list)
{
    const GumboVector *children = html_node_children(list);
    int count = 0;
    for (unsigned i = 0; i < children->length; i++)
        count += html_node_is(children->data[i], GUMBO_TAG_LI);
    return count;
}

static bool is_unmarked(const GumboNode *node)
{
    struct str style = html_node_attribute(node, "style");
    ptrdiff_t at = str_find(style, STR("list-style"), 0);
    return at >= 0 && str_find(str_slice(style, (size_t)at, (size_t)at + 40), STR("none"), 0) >= 0;
}

static void begin_list(struct renderer *renderer, struct frame *frame, bool is_ordered)
{
    struct str type = html_node_attribute(frame->node, "type");
    bool is_reversed = html_node_attribute(frame->node, "reversed").data != NULL;
    if (renderer->list_count == LISTS_MAX)
        return;
    frame->is_list = true;
    renderer->lists[renderer->list_count++] = (struct list){
        .is_ordered = is_ordered,
        .is_unmarked = is_unmarked(frame->node),
        .type = type.len == 1 ? type.data[0] : '1',
        .next = html_node_integer(frame->node, "start", is_reversed ? count_items(frame->node) : 1),
        .step = is_reversed ? -1 : 1,
    };
}

static void put_number(struct html_writer *writer, char type, int value)
{
    char text[COUNTING_MAX];
    counting_write(type == 'a'   ? COUNTING_LOWER_COLUMN
                   : type == 'A' ? COUNTING_UPPER_COLUMN
                   : type == 'i' ? COUNTING_LOWER_ROMAN
                   : type == 'I' ? COUNTING_UPPER_ROMAN
                                 : COUNTING_DECIMAL,
                   value, text);
    html_marker(writer, str_of(text));
    html_marker(writer, STR(". "));
}

static void begin_item(struct renderer *renderer, const struct frame *frame)
{
    struct html_writer *writer = &renderer->writer;
    struct list *list = renderer->list_count > 0 ? &renderer->lists[renderer->list_count - 1] : NULL;
    bool has_marker = writer->marker[0] != '\0'; /* of the item around it, on the same line */
    for (size_t i = 1; i < renderer->list_count && !writer->is_row && !has_marker; i++)
        html_marker(writer, STR("  "));
    if (!list || !list->is_ordered) {
        html_marker(writer, list && list->is_unmarked ? STR("") : STR("- "));
        return;
    }
    int value = html_node_integer(frame->node, "value", list->next);
    list->next = value + list->step;
    if (!list->is_unmarked)
        put_number(writer, list->type, value);
}

/* --- forms ------------------------------------------------------------------------------------------ */

static void put_input(struct html_writer *writer, const GumboNode *node)
{
    struct str type = html_node_attribute(node, "type"), value = html_node_attribute(node, "value");
    bool is_checked = html_node_attribute(node, "checked").data != NULL;
    if (str_eq_nocase(type, STR("hidden")) || str_eq_nocase(type, STR("password")))
        return;
    if (str_eq_nocase(type, STR("checkbox")))
        html_put(writer, is_checked ? STR("[x]") : STR("[ ]"));
    else if (str_eq_nocase(type, STR("radio")))
        html_put(writer, is_checked ? STR("(x)") : STR("( )"));
    else if (str_eq_nocase(type, STR("image")))
        html_put(writer, html_node_attribute(node, "alt"));
    else
        html_put(writer, value);
}

/* --- signs that change what is said ------------------------------------------------------------------ */

static bool is_script(const GumboNode *node)
{
    return html_node_is(node, GUMBO_TAG_SUP) || html_node_is(node, GUMBO_TAG_SUB);
}

/* The first character behind an element, when it follows without white space; '^': that is raised or lowered. */
static char character_behind(const GumboNode *node)
{
    for (const GumboNode *at = node; (at = html_node_after(at, NULL)) != NULL;) {
        while (!is_script(at) && html_node_children(at)->length > 0)
            at = html_node_children(at)->data[0];
        if (is_script(at))
            return '^';
        if (at->type == GUMBO_NODE_TEXT || at->type == GUMBO_NODE_WHITESPACE)
            return at->v.text.text[0];
    }
    return '\0';
}

/* Pages that programs write have an element for each sign: 10<sup>-</sup><sup>3</sup>. */
static bool goes_on(const GumboNode *node)
{
    size_t index = node->index_within_parent;
    const GumboNode *before = index > 0 ? html_node_children(node->parent)->data[index - 1] : NULL;
    return before && is_script(before) && before->v.element.tag == node->v.element.tag;
}

static void begin_script(struct renderer *renderer, struct frame *frame, bool is_raised)
{
    char space[SHORT_TEXT_MAX];
    struct str text = html_node_text(frame->node, space, sizeof(space));
    struct script_signs signs =
        script_signs(text, is_raised, html_last(&renderer->writer), character_behind(frame->node));
    if (!goes_on(frame->node)) {
        html_put(&renderer->writer, str_of(signs.open));
        frame->close = signs.close;
    }
    frame->needs_space = signs.needs_space;
}

/* What is struck out is still to be seen, and so is that it is struck out. */
static void begin_pair(struct renderer *renderer, struct frame *frame, const char *open, const char *close)
{
    char space[SHORT_TEXT_MAX];
    if (html_node_text(frame->node, space, sizeof(space)).len == 0)
        return;
    html_put(&renderer->writer, str_of(open));
    frame->close = close;
}

static void begin_inline(struct renderer *renderer, struct frame *frame, struct str name)
{
    struct html_writer *writer = &renderer->writer;
    if (str_eq(name, STR("sup")))
        begin_script(renderer, frame, true);
    else if (str_eq(name, STR("sub")))
        begin_script(renderer, frame, false);
    else if (str_eq(name, STR("s")) || str_eq(name, STR("del")) || str_eq(name, STR("strike")))
        begin_pair(renderer, frame, "~~", "~~");
    else if (str_eq(name, STR("q")))
        begin_pair(renderer, frame, "\"", "\"");
    else if (str_eq(name, STR("rt")))
        begin_pair(renderer, frame, "(", ")");
    else if (str_eq(name, STR("img")))
        html_put(writer, html_node_attribute(frame->node, "alt"));
    else if (str_eq(name, STR("input")))
        put_input(writer, frame->node);
    else if (str_eq(name, STR("optgroup")))
        html_put(writer, html_node_attribute(frame->node, "label"));
    else if (str_eq(name, STR("option")) && html_node_attribute(frame->node, "selected").data)
        frame->close = " (selected)";
}

/* --- elements --------------------------------------------------------------------------------------- */

static struct html_table *table_of(struct renderer *renderer)
{
    return renderer->table_count > 0 ? &renderer->tables[renderer->table_count - 1] : NULL;
}

static void begin_table_part(struct renderer *renderer, struct frame *frame, struct str name)
{
    struct html_table *table = table_of(renderer);
    if (str_eq(name, STR("table")) && renderer->table_count < TABLES_MAX && !renderer->writer.is_row) {
        memset(&renderer->tables[renderer->table_count++], 0, sizeof(*renderer->tables));
        frame->is_table = true;
        renderer->is_out_of_memory = !html_table_sort(frame->node);
    } else if (str_eq(name, STR("tr")) && table && !renderer->writer.is_row) {
        html_table_row(table, frame->node, &renderer->writer);
        frame->is_row = true;
    } else if (table && (str_eq(name, STR("td")) || str_eq(name, STR("th")))) {
        html_table_cell(table, frame->node, &renderer->writer);
    }
}

static bool is_cell(const GumboNode *node)
{
    return html_node_is(node, GUMBO_TAG_TD) || html_node_is(node, GUMBO_TAG_TH);
}

static void begin(struct renderer *renderer, struct frame *frame)
{
    struct html_writer *writer = &renderer->writer;
    char space[32];
    struct str name = html_node_name(frame->node, space);
    frame->is_pre = html_node_is_pre(frame->node);
    if (frame->kind == HTML_BLOCK && !(is_cell(frame->node) && writer->is_row))
        html_line(writer);
    else if (frame->kind == HTML_APART)
        html_space(writer);
    writer->pre += frame->is_pre;
    begin_table_part(renderer, frame, name);
    if (str_eq(name, STR("ol")))
        begin_list(renderer, frame, true);
    else if (str_eq(name, STR("ul")) || str_eq(name, STR("menu")) || str_eq(name, STR("dir")))
        begin_list(renderer, frame, false);
    else if (str_eq(name, STR("li")))
        begin_item(renderer, frame);
    else
        begin_inline(renderer, frame, name);
    html_math_begin(frame->node, writer);
}

static void end(struct renderer *renderer, struct frame *frame)
{
    struct html_writer *writer = &renderer->writer;
    html_math_end(frame->node, writer);
    if (frame->close)
        html_put_close(writer, str_of(frame->close));
    if (frame->is_row)
        html_table_row_end(table_of(renderer), writer);
    renderer->table_count -= frame->is_table;
    renderer->list_count -= frame->is_list;
    writer->pre -= frame->is_pre;
    if (html_node_is(frame->node, GUMBO_TAG_LI))
        writer->marker[0] = '\0';
    if (frame->kind == HTML_BLOCK && !(is_cell(frame->node) && writer->is_row))
        html_line(writer);
    else if (frame->kind == HTML_APART || frame->needs_space)
        html_space(writer);
}

/* Inside the elements that have begun. */
static bool is_visible(const struct renderer *renderer)
{
    return renderer->count == 0 || !renderer->frames[renderer->count - 1].is_invisible;
}

static bool push(struct renderer *renderer, GumboNode *node)
{
    enum html_kind kind = html_node_kind(node);
    bool was_visible = is_visible(renderer);
    bool is_seen = html_node_is_visible(node, was_visible);
    if (kind == HTML_HIDDEN || (was_visible && !is_seen && !html_node_shows_any(node)))
        return true;
    void *frames = renderer->frames;
    if (!mem_grow(&frames, renderer->count, &renderer->cap, sizeof(struct frame))) {
        renderer->is_out_of_memory = true;
        return false;
    }
    renderer->frames = frames;
    struct frame *frame = &renderer->frames[renderer->count++];
    *frame = (struct frame){.node = node, .kind = kind, .is_invisible = !is_seen};
    if (is_seen)
        begin(renderer, frame);
    return !renderer->is_out_of_memory;
}

static bool visit(struct renderer *renderer, GumboNode *node)
{
    if (node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE || node->type == GUMBO_NODE_DOCUMENT)
        return push(renderer, node);
    bool is_text = node->type == GUMBO_NODE_TEXT || node->type == GUMBO_NODE_CDATA ||
                   (node->type == GUMBO_NODE_WHITESPACE && !html_math_is_layout(node));
    if (is_text && is_visible(renderer))
        html_put(&renderer->writer, str_of(node->v.text.text));
    return text_is_whole(&renderer->writer.out);
}

static void walk(struct renderer *renderer, GumboNode *root)
{
    bool goes_on = push(renderer, root);
    while (goes_on && renderer->count > 0) {
        struct frame *frame = &renderer->frames[renderer->count - 1];
        const GumboVector *children = html_node_children(frame->node);
        if (frame->next_child < children->length) {
            goes_on = visit(renderer, children->data[frame->next_child++]);
        } else {
            if (!frame->is_invisible)
                end(renderer, frame);
            renderer->count--;
        }
    }
}

enum error_code html_render(GumboNode *root, struct buf *out, struct error *error)
{
    struct renderer *renderer = mem_calloc(1, sizeof(*renderer));
    struct html_table *tables = mem_calloc(TABLES_MAX, sizeof(*tables));
    enum error_code code = OK;
    if (renderer && tables) {
        renderer->writer = (struct html_writer){.out = {.buf = out}, .is_line_start = true};
        renderer->tables = tables;
        walk(renderer, root);
        code = renderer->is_out_of_memory ? error_no_memory(error) : text_check(&renderer->writer.out, error);
        mem_free(renderer->frames);
    } else {
        code = error_no_memory(error);
    }
    mem_free(tables);
    mem_free(renderer);
    return code;
}
