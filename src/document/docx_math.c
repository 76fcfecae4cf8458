/* docx_math.c - equations into one line of text, part by part as the reader comes to them. See docx_math.h. */
#include "document/docx_math.h"

#include "document/docx_styles.h"

#define MATH_BYTES_MAX ((size_t)65536)

enum kind {
    KIND_OTHER, /* has no signs of its own */
    KIND_FRACTION,
    KIND_RAISED,
    KIND_LOWERED,
    KIND_BOTH,       /* sSubSup */
    KIND_BEFORE,     /* sPre: scripts stand before their base */
    KIND_ROOT,
    KIND_NARY,
    KIND_DELIMITED,
    KIND_FUNCTION,
    KIND_LOWER_LIMIT,
    KIND_UPPER_LIMIT,
    KIND_ACCENT,
    KIND_BAR,
    KIND_ROWS,   /* eqArr */
    KIND_MATRIX,
    KIND_MATRIX_ROW,
    KIND_PHANTOM,
};

void docx_math_init(struct docx_math *math)
{
    *math = (struct docx_math){.depth = 0};
    buf_init(&math->text, MATH_BYTES_MAX);
}

void docx_math_deinit(struct docx_math *math)
{
    buf_deinit(&math->text);
}

void docx_math_begin(struct docx_math *math)
{
    buf_clear(&math->text);
    math->depth = math->hidden = 0;
    math->is_text = math->needs_space = false;
}

/* --- text ------------------------------------------------------------------------------------------- */

static void put(struct docx_math *math, const char *text)
{
    buf_append_text(&math->text, text);
}

/* `text` in front of what begins at `start`. */
static void insert(struct docx_math *math, size_t start, const char *text)
{
    size_t len = strlen(text);
    if (!buf_append_text(&math->text, text))
        return;
    memmove(math->text.data + start + len, math->text.data + start, math->text.len - len - start);
    memcpy(math->text.data + start, text, len);
}

static struct str text_from(const struct docx_math *math, size_t start)
{
    return str_slice(buf_str(&math->text), start, math->text.len);
}

/* One character, a number, or what has brackets around it already. */
static bool is_single(struct str text)
{
    size_t characters = 0, number = 0;
    int open = 0;
    bool is_bracketed = text.len > 1 && text.data[0] == '(' && text.data[text.len - 1] == ')';
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        characters += ((unsigned char)c & 0xC0) != 0x80;
        number += (c >= '0' && c <= '9') || c == '.' || c == ',';
        open += (c == '(') - (c == ')');
        is_bracketed = is_bracketed && (open > 0 || i + 1 == text.len);
    }
    return characters <= 1 || number == text.len || is_bracketed;
}

/* The name of a function, three letters and more; two are a product. */
static bool is_word(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((text.data[i] | 32) < 'a' || (text.data[i] | 32) > 'z')
            return false;
    return text.len >= 3;
}

static void parenthesise(struct docx_math *math, size_t start)
{
    if (is_single(text_from(math, start)))
        return;
    insert(math, start, "(");
    put(math, ")");
}

/* --- elements --------------------------------------------------------------------------------------- */

static enum kind kind_of(struct str name)
{
    static const struct {
        const char *name;
        enum kind kind;
    } kinds[] = {{"f", KIND_FRACTION},       {"sSup", KIND_RAISED},         {"sSub", KIND_LOWERED},
                 {"sSubSup", KIND_BOTH},     {"sPre", KIND_BEFORE},         {"rad", KIND_ROOT},
                 {"nary", KIND_NARY},        {"d", KIND_DELIMITED},         {"func", KIND_FUNCTION},
                 {"limLow", KIND_LOWER_LIMIT}, {"limUpp", KIND_UPPER_LIMIT}, {"acc", KIND_ACCENT},
                 {"bar", KIND_BAR},          {"eqArr", KIND_ROWS},          {"m", KIND_MATRIX},
                 {"mr", KIND_MATRIX_ROW},    {"phant", KIND_PHANTOM}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (str_eq(name, str_of(kinds[i].name)))
            return kinds[i].kind;
    return KIND_OTHER;
}

static bool is_operand(struct str name)
{
    static const char *const names[] = {"e", "num", "den", "sup", "sub", "deg", "fName", "lim", "mr", NULL};
    for (size_t i = 0; names[i]; i++)
        if (str_eq(name, str_of(names[i])))
            return true;
    return false;
}

static struct docx_math_frame *frame_at(struct docx_math *math, unsigned depth)
{
    return depth > 0 && depth <= DOCX_MATH_DEPTH ? &math->frames[depth - 1] : NULL;
}

static void set_defaults(struct docx_math_frame *frame)
{
    const char *sign = frame->kind == KIND_NARY        ? "\u222B"
                       : frame->kind == KIND_DELIMITED ? "("
                       : frame->kind == KIND_ACCENT    ? "\u0302"
                       : frame->kind == KIND_BAR       ? "\u0332"
                                                       : "";
    docx_copy_text(str_of(sign), frame->sign, sizeof(frame->sign));
    const char *separator = frame->kind == KIND_DELIMITED ? "|" : frame->kind == KIND_FRACTION ? "/" : "";
    docx_copy_text(str_of(separator), frame->separator, sizeof(frame->separator));
    docx_copy_text(frame->kind == KIND_DELIMITED ? STR(")") : STR(""), frame->end, sizeof(frame->end));
}

/* The sign of a big operator, once, in front of its first operand. */
static void put_sign(struct docx_math *math, struct docx_math_frame *owner)
{
    if (!owner->has_sign)
        put(math, owner->sign);
    owner->has_sign = true;
}

/* What stands in front of an operand. */
static void begin_operand(struct docx_math *math, struct docx_math_frame *owner, struct str name)
{
    bool is_first = owner->parts == 0;
    switch (owner->kind) {
    case KIND_FRACTION: put(math, is_first ? "" : owner->separator); break;
    case KIND_RAISED:
    case KIND_UPPER_LIMIT: put(math, is_first ? "" : "^"); break;
    case KIND_LOWERED:
    case KIND_LOWER_LIMIT: put(math, is_first ? "" : "_"); break;
    case KIND_NARY: put_sign(math, owner); /* fall through */
    case KIND_BOTH:
    case KIND_BEFORE: put(math, str_eq(name, STR("sub")) ? "_" : str_eq(name, STR("sup")) ? "^" : ""); break;
    case KIND_DELIMITED: put(math, is_first ? owner->sign : owner->separator); break;
    case KIND_ROWS:
    case KIND_MATRIX: put(math, is_first ? (owner->kind == KIND_MATRIX ? "[" : "") : "; "); break;
    case KIND_MATRIX_ROW: put(math, is_first ? "" : ", "); break;
    default: break;
    }
    owner->parts++;
}

/* An accent stands on its letter; over more than one thing it is written behind. */
static void end_accented(struct docx_math *math, struct docx_math_frame *owner, size_t start)
{
    parenthesise(math, start);
    put(math, owner->sign);
}

static void end_root(struct docx_math *math, struct docx_math_frame *owner, struct str name, size_t start)
{
    if (str_eq(name, STR("deg"))) {
        docx_copy_text(str_trim(text_from(math, start)), owner->degree, sizeof(owner->degree));
        math->text.len = start;
    } else if (owner->degree[0]) {
        parenthesise(math, start);
        put(math, "^(1/");
        put(math, owner->degree);
        put(math, ")");
    } else {
        insert(math, start, "sqrt(");
        put(math, ")");
    }
}

/* An operand is complete: brackets where it is more than one thing, nothing where it is empty. */
static void end_operand(struct docx_math *math, struct docx_math_frame *owner, struct str name, size_t start)
{
    bool is_base = str_eq(name, STR("e"));
    bool is_script = str_eq(name, STR("sub")) || str_eq(name, STR("sup")) || str_eq(name, STR("lim"));
    if (is_script && text_from(math, start).len == 0 && start > 0) {
        math->text.len = start - 1; /* with the sign in front of it */
        return;
    }
    bool is_apart = start < math->text.len && math->text.data[start] == ' '; /* brackets go behind the blank */
    start += is_apart && owner->kind != KIND_NARY;
    switch (owner->kind) {
    case KIND_ROOT: end_root(math, owner, name, start); break;
    case KIND_ACCENT:
    case KIND_BAR: end_accented(math, owner, start); break;
    case KIND_FUNCTION:
        if (is_base && !str_starts(text_from(math, start), STR("("))) {
            insert(math, start, "(");
            put(math, ")");
        }
        break;
    case KIND_NARY:
        if (is_script)
            parenthesise(math, start);
        else
            insert(math, start, " ");
        break;
    case KIND_RAISED:
    case KIND_LOWERED:
    case KIND_BOTH:
        if (!is_base || !is_word(text_from(math, start)))
            parenthesise(math, start);
        break;
    case KIND_FRACTION:
    case KIND_BEFORE: parenthesise(math, start); break;
    case KIND_LOWER_LIMIT:
    case KIND_UPPER_LIMIT:
        if (!is_base)
            parenthesise(math, start);
        break;
    default: break;
    }
}

/* Properties of the element around them. */
static void read_property(struct docx_math *math, struct str name, const struct xml_element *element)
{
    struct docx_math_frame *owner = frame_at(math, math->depth > 2 ? math->depth - 2 : 0); /* dPr is between */
    struct str value = xml_attribute(element, "val");
    if (!owner)
        return;
    if (str_eq(name, STR("begChr")) || str_eq(name, STR("chr")))
        docx_copy_text(value, owner->sign, sizeof(owner->sign));
    else if (str_eq(name, STR("sepChr")))
        docx_copy_text(value, owner->separator, sizeof(owner->separator));
    else if (str_eq(name, STR("endChr")))
        docx_copy_text(value, owner->end, sizeof(owner->end));
    else if (str_eq(name, STR("pos")) && owner->kind == KIND_BAR && str_eq(value, STR("top")))
        docx_copy_text(STR("\u0305"), owner->sign, sizeof(owner->sign));
    else if (str_eq(name, STR("type")) && owner->kind == KIND_FRACTION && str_eq(value, STR("noBar")))
        docx_copy_text(STR("\u00A6"), owner->separator, sizeof(owner->separator)); /* no quotient: n over k */
    else if (str_eq(name, STR("show")) && owner->kind == KIND_PHANTOM && !docx_is_on(element))
        owner->has_sign = true; /* not to be shown */
}

void docx_math_start(struct docx_math *math, struct str name, const struct xml_element *element)
{
    struct docx_math_frame *owner = frame_at(math, math->depth);
    struct docx_math_frame *frame = frame_at(math, ++math->depth);
    bool is_phantom = owner && owner->kind == KIND_PHANTOM && owner->has_sign && str_eq(name, STR("e"));
    math->hidden += math->hidden > 0 || is_phantom;
    if (math->hidden == 0 && math->depth > 2 && str_eq(name, STR("vanish")) && docx_is_on(element))
        math->hidden = 3; /* this, rPr, and the run that it hides */
    math->is_text = str_eq(name, STR("t"));
    if (!frame)
        return;
    *frame = (struct docx_math_frame){.kind = (int)kind_of(name), .is_part = owner && is_operand(name)};
    set_defaults(frame);
    if (frame->is_part)
        begin_operand(math, owner, name);
    else
        read_property(math, name, element);
    frame->start = math->text.len;
}

void docx_math_end(struct docx_math *math, struct str name)
{
    struct docx_math_frame *frame = frame_at(math, math->depth);
    math->is_text = false;
    math->hidden -= math->hidden > 0;
    if (math->depth > 0)
        math->depth--;
    struct docx_math_frame *owner = frame_at(math, math->depth);
    if (!frame || frame->start > math->text.len)
        return;
    if (frame->kind == KIND_DELIMITED)
        put(math, frame->end);
    else if (frame->kind == KIND_MATRIX && frame->parts > 0)
        put(math, "]");
    if (frame->is_part && owner)
        end_operand(math, owner, name, frame->start);
    bool is_signed = (frame->kind >= KIND_FRACTION && frame->kind <= KIND_BOTH) || frame->kind == KIND_LOWER_LIMIT ||
                     frame->kind == KIND_UPPER_LIMIT;
    math->needs_space = math->needs_space || is_signed;
}

static bool is_word_character(char c)
{
    return ((c | 32) >= 'a' && (c | 32) <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0xC3;
}

void docx_math_text(struct docx_math *math, struct str text)
{
    if (!math->is_text || math->hidden > 0 || text.len == 0)
        return;
    bool is_behind = math->text.len > 0 && (is_word_character(math->text.data[math->text.len - 1]) ||
                                            math->text.data[math->text.len - 1] == ')');
    if (math->needs_space && is_behind && is_word_character(text.data[0]))
        put(math, " ");
    math->needs_space = false;
    for (size_t i = 0; i < text.len; i++) {
        /* Signs for what is not written: function of, times, comma, plus (U+2061 to U+2064). */
        struct str sign = str_slice(text, i, i + 3);
        bool is_invisible = sign.len == 3 && str_starts(sign, STR("\xE2\x81")) &&
                            (unsigned char)sign.data[2] >= 0xA1 && (unsigned char)sign.data[2] <= 0xA4;
        if (is_invisible)
            i += 2;
        else
            buf_append_char(&math->text, text.data[i]);
    }
}
