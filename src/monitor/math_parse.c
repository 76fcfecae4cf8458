/* math_parse.c - an expression of metric math as a tree, by recursive descent. From loose to tight: OR, AND,
 * comparisons, + and -, * and /, unary minus, ^. Doesn't know IDs or types. See math.h. */
#include <ctype.h>

#include "core/limits.h"
#include "monitor/math_internal.h"

struct parser {
    struct str text;
    size_t at;
    unsigned depth;
    struct math *math;
    struct math_node **ids; /* those that were met */
    struct arena *arena;
    struct error *error;
};

static enum error_code parse_any(struct parser *parser, struct math_node **node);

static enum error_code fail(struct parser *parser, const char *what)
{
    const struct str rest = str_slice(parser->text, parser->at, parser->at + 20);
    if (rest.len == 0)
        return error_set(parser->error, ERROR_INVALID, "%s at the end", what);
    return error_set(parser->error, ERROR_INVALID, "%s at character %zu ('" STR_FMT "')", what, parser->at + 1,
                     STR_ARG(rest));
}

static char peek(struct parser *parser)
{
    while (parser->at < parser->text.len && isspace((unsigned char)parser->text.data[parser->at]))
        parser->at++;
    return parser->at < parser->text.len ? parser->text.data[parser->at] : '\0';
}

static bool take(struct parser *parser, const char *token)
{
    (void)peek(parser);
    const struct str rest = str_slice(parser->text, parser->at, parser->text.len);
    if (!str_starts(rest, str_of(token)))
        return false;
    parser->at += strlen(token);
    return true;
}

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* A word, not the beginning of a longer one. */
static bool take_word(struct parser *parser, const char *word)
{
    const size_t before = parser->at;
    if (!take(parser, word))
        return false;
    if (parser->at < parser->text.len && is_name(parser->text.data[parser->at])) {
        parser->at = before;
        return false;
    }
    return true;
}

static struct math_node *new_node(struct parser *parser, enum math_kind kind)
{
    struct math_node *node = NULL;
    if (parser->math->nodes >= LIMIT_MATH_NODES) {
        error_set(parser->error, ERROR_TOO_LARGE, "the expressions have more than %d parts together",
                  LIMIT_MATH_NODES);
        return NULL;
    }
    node = ARENA_NEW(parser->arena, struct math_node);
    if (!node) {
        error_no_memory(parser->error);
        return NULL;
    }
    parser->math->nodes++;
    node->kind = kind;
    node->at = parser->at + 1;
    return node;
}

/* --- the smallest parts ----------------------------------------------------------------------------- */

static size_t count_digits(const struct parser *parser, size_t at)
{
    size_t count = 0;
    while (at + count < parser->text.len && isdigit((unsigned char)parser->text.data[at + count]))
        count++;
    return count;
}

static char char_at(const struct parser *parser, size_t at)
{
    return at < parser->text.len ? parser->text.data[at] : '\0';
}

static enum error_code parse_number(struct parser *parser, struct math_node **node)
{
    size_t end = parser->at + count_digits(parser, parser->at);
    double value = 0;
    if (char_at(parser, end) == '.')
        end += 1 + count_digits(parser, end + 1);
    if (char_at(parser, end) == 'e' || char_at(parser, end) == 'E') {
        const size_t sign = char_at(parser, end + 1) == '-' || char_at(parser, end + 1) == '+';
        const size_t digits = count_digits(parser, end + 1 + sign);
        end += digits ? 1 + sign + digits : 0;
    }
    struct str text = str_slice(parser->text, parser->at, end);
    if (str_ends(text, STR(".")))
        text.len--;
    if (!str_to_double(text, &value))
        return fail(parser, "a number that can't be read");
    *node = new_node(parser, MATH_NUMBER);
    if (!*node)
        return parser->error->code;
    (*node)->number = value;
    parser->at = end;
    return OK;
}

static enum error_code parse_string(struct parser *parser, struct math_node **node)
{
    const char quote = parser->text.data[parser->at];
    size_t end = parser->at + 1;
    while (end < parser->text.len && parser->text.data[end] != quote)
        end += parser->text.data[end] == '\\' ? 2 : 1;
    if (end >= parser->text.len)
        return fail(parser, "a text without its second quote");
    *node = new_node(parser, MATH_STRING);
    if (!*node)
        return parser->error->code;
    (*node)->text = str_slice(parser->text, parser->at + 1, end);
    parser->at = end + 1;
    return OK;
}

/* What stands between brackets, with commas between, as children of `parent`. */
static enum error_code parse_children(struct parser *parser, const char *end, struct math_node *parent)
{
    struct math_node **last = &parent->child;
    if (take(parser, end))
        return OK;
    do {
        const enum error_code code = parse_any(parser, last);
        if (code != OK)
            return code;
        last = &(*last)->next;
    } while (take(parser, ","));
    return take(parser, end) ? OK : fail(parser, *end == ')' ? "expected , or )" : "expected , or ]");
}

static enum error_code check_count(struct parser *parser, const struct math_node *call)
{
    unsigned count = 0;
    for (const struct math_node *child = call->child; child; child = child->next)
        count++;
    if (count >= call->function->least && count <= call->function->most)
        return OK;
    return error_set(parser->error, ERROR_INVALID, "%s at character %zu has %u arguments: write %s",
                     call->function->name, call->at, count, call->function->usage);
}

static enum error_code parse_call(struct parser *parser, struct str name, struct math_node *node)
{
    node->function = math_function_find(name);
    if (!node->function && math_function_is_foreign(name))
        return error_set(parser->error, ERROR_INVALID, STR_FMT " at character %zu is not supported here",
                         STR_ARG(name), node->at);
    if (!node->function)
        return error_set(parser->error, ERROR_INVALID, "there is no function '" STR_FMT "' (character %zu)",
                         STR_ARG(str_slice(name, 0, 64)), node->at);
    node->kind = MATH_CALL;
    const enum error_code code = parse_children(parser, ")", node);
    return code == OK ? check_count(parser, node) : code;
}

/* An ID, a function's name with its arguments, or a word. */
static enum error_code parse_name(struct parser *parser, struct math_node **node)
{
    size_t end = parser->at;
    while (end < parser->text.len && is_name(parser->text.data[end]))
        end++;
    const struct str name = str_slice(parser->text, parser->at, end);
    const bool is_id = islower((unsigned char)name.data[0]);
    *node = new_node(parser, is_id ? MATH_ID : MATH_WORD);
    if (!*node)
        return parser->error->code;
    (*node)->text = name;
    parser->at = end;
    if (take(parser, "("))
        return parse_call(parser, name, *node);
    if (str_eq(name, STR("SELECT")))
        return error_set(parser->error, ERROR_INVALID, "queries by SELECT are not supported here; use SEARCH");
    if (is_id) {
        (*node)->next_id = *parser->ids;
        *parser->ids = *node;
    }
    return OK;
}

static enum error_code parse_list(struct parser *parser, struct math_node **node)
{
    *node = new_node(parser, MATH_LIST);
    if (!*node)
        return parser->error->code;
    parser->at++;
    return parse_children(parser, "]", *node);
}

static enum error_code parse_part(struct parser *parser, struct math_node **node)
{
    const char c = peek(parser);
    if (isdigit((unsigned char)c) || (c == '.' && count_digits(parser, parser->at + 1) > 0))
        return parse_number(parser, node);
    if (c == '\'' || c == '"')
        return parse_string(parser, node);
    if (c == '[')
        return parse_list(parser, node);
    if (isalpha((unsigned char)c))
        return parse_name(parser, node);
    if (!take(parser, "("))
        return fail(parser, "expected a number, an ID, a function or (");
    const enum error_code code = parse_any(parser, node);
    return code == OK && !take(parser, ")") ? fail(parser, "expected )") : code;
}

/* --- operators -------------------------------------------------------------------------------------- */

/* By how loose they bind. What is tighter than all of these are signs and powers. */
static const struct {
    const char *token;
    enum math_operator operator;
    int level;
    bool is_word;
} operators[] = {
    {"OR", MATH_OR, 0, true},        {"||", MATH_OR, 0, false},      {"AND", MATH_AND, 1, true},
    {"&&", MATH_AND, 1, false},      {"==", MATH_EQUAL, 2, false},   {"!=", MATH_UNEQUAL, 2, false},
    {"<=", MATH_LESS_EQUAL, 2, false}, {">=", MATH_GREATER_EQUAL, 2, false},
    {"<", MATH_LESS, 2, false},      {">", MATH_GREATER, 2, false},  {"+", MATH_ADD, 3, false},
    {"-", MATH_SUBTRACT, 3, false},  {"*", MATH_MULTIPLY, 4, false}, {"/", MATH_DIVIDE, 4, false},
};
#define LEVELS 5

static bool take_operator(struct parser *parser, int level, enum math_operator *operator, size_t *at)
{
    (void)peek(parser);
    *at = parser->at;
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
        if (operators[i].level == level && (operators[i].is_word ? take_word(parser, operators[i].token)
                                                                 : take(parser, operators[i].token))) {
            *operator = operators[i].operator;
            return true;
        }
    return false;
}

static enum error_code parse_level(struct parser *parser, int level, struct math_node **node);

/* Puts `node` and what stands behind, of this level or tighter, below an operator. */
static enum error_code join(struct parser *parser, enum math_operator operator, size_t at, int level,
                            struct math_node **node)
{
    struct math_node *parent = new_node(parser, MATH_BINARY);
    if (!parent)
        return parser->error->code;
    parent->operator = operator;
    parent->at = at + 1;
    parent->child = *node;
    *node = parent;
    return parse_level(parser, level, &parent->child->next);
}

static enum error_code parse_power(struct parser *parser, struct math_node **node)
{
    const enum error_code code = parse_part(parser, node);
    return code == OK && take(parser, "^") ? join(parser, MATH_POWER, parser->at - 1, LEVELS, node) : code;
}

static enum error_code parse_unary(struct parser *parser, struct math_node **node)
{
    enum error_code code;
    if (++parser->depth > LIMIT_MATH_DEPTH)
        return error_set(parser->error, ERROR_TOO_LARGE, "more than %d brackets and signs inside each other",
                         LIMIT_MATH_DEPTH);
    if (take(parser, "-")) {
        *node = new_node(parser, MATH_NEGATE);
        code = *node ? parse_unary(parser, &(*node)->child) : parser->error->code;
    } else {
        code = take(parser, "+") ? parse_unary(parser, node) : parse_power(parser, node);
    }
    parser->depth--;
    return code;
}

/* From the left: a - b - c is (a - b) - c. */
static enum error_code parse_level(struct parser *parser, int level, struct math_node **node)
{
    enum math_operator operator;
    size_t at;
    if (level == LEVELS)
        return parse_unary(parser, node);
    enum error_code code = parse_level(parser, level + 1, node);
    while (code == OK && take_operator(parser, level, &operator, &at))
        code = join(parser, operator, at, level + 1, node);
    return code;
}

static enum error_code parse_any(struct parser *parser, struct math_node **node)
{
    return parse_level(parser, 0, node);
}

enum error_code math_parse(struct math *math, size_t index, struct arena *arena, struct error *error)
{
    const struct str text = math->queries[index].expression;
    struct parser parser = {.text = text, .math = math, .ids = &math->ids[index], .arena = arena, .error = error};
    if (text.len > LIMIT_MATH_EXPRESSION)
        return error_set(error, ERROR_INVALID, "it has %zu characters, %d are the most", text.len,
                         LIMIT_MATH_EXPRESSION);
    const enum error_code code = parse_any(&parser, &math->trees[index]);
    (void)peek(&parser);
    return code == OK && parser.at < text.len ? fail(&parser, "expected an operator") : code;
}
