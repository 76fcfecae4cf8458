/* search.c - searches for metrics: parsing, and matching by words. See search.h. */
#include "monitor/search.h"

#include <ctype.h>

#include "core/limits.h"

enum term_kind { TERM_ALL, TERM_ANY, TERM_NOT, TERM_TEXT }; /* TERM_ALL: also of none */

struct term {
    enum term_kind kind;
    struct str property; /* empty: any */
    struct str text;
    bool is_exact;
    struct term *child, *next;
};

struct search {
    struct str name_space;
    struct str *dimensions;
    size_t count;
    bool has_schema;
    struct term *terms;
};

struct parser {
    struct str text;
    size_t at;
    unsigned depth, terms;
    struct arena *arena;
    struct error *error;
};

/* --- parsing ---------------------------------------------------------------------------------------- */

static char peek(struct parser *parser)
{
    while (parser->at < parser->text.len && isspace((unsigned char)parser->text.data[parser->at]))
        parser->at++;
    return parser->at < parser->text.len ? parser->text.data[parser->at] : '\0';
}

static bool take(struct parser *parser, char c)
{
    if (peek(parser) != c || parser->at >= parser->text.len)
        return false;
    parser->at++;
    return true;
}

static enum error_code fail(struct parser *parser, const char *what)
{
    return error_set(parser->error, ERROR_INVALID, "%s at character %zu of the search", what, parser->at + 1);
}

/* Where a backslash is, the next character stands for itself. */
static enum error_code parse_quoted(struct parser *parser, struct str *text)
{
    char *copy = arena_alloc(parser->arena, parser->text.len + 1);
    size_t len = 0;
    if (!copy)
        return error_no_memory(parser->error);
    parser->at++;
    while (parser->at < parser->text.len && parser->text.data[parser->at] != '"') {
        if (parser->text.data[parser->at] == '\\' && parser->at + 1 < parser->text.len)
            parser->at++;
        copy[len++] = parser->text.data[parser->at++];
    }
    *text = (struct str){copy, len};
    return take(parser, '"') ? OK : fail(parser, "expected \"");
}

/* Quoted, or up to one of these characters. */
static enum error_code parse_text(struct parser *parser, const char *ends, struct str *text, bool *is_quoted)
{
    *is_quoted = peek(parser) == '"';
    if (*is_quoted)
        return parse_quoted(parser, text);
    const size_t from = parser->at;
    while (parser->at < parser->text.len && !isspace((unsigned char)parser->text.data[parser->at]) &&
           !memchr(ends, parser->text.data[parser->at], strlen(ends)))
        parser->at++;
    *text = str_slice(parser->text, from, parser->at);
    return text->len > 0 ? OK : fail(parser, "expected a name or a word");
}

/* Names in schemas may have inner spaces only in quotes. */
static enum error_code parse_schema(struct parser *parser, struct search *search)
{
    bool is_quoted;
    enum error_code code = parse_text(parser, ",}\"", &search->name_space, &is_quoted);
    search->has_schema = true;
    search->dimensions = ARENA_ARRAY(parser->arena, struct str, LIMIT_METRIC_DIMENSIONS);
    if (code == OK && !search->dimensions)
        code = error_no_memory(parser->error);
    while (code == OK && take(parser, ',')) {
        if (search->count == LIMIT_METRIC_DIMENSIONS)
            return fail(parser, "too many dimensions");
        code = parse_text(parser, ",}\"", &search->dimensions[search->count++], &is_quoted);
    }
    return code == OK && !take(parser, '}') ? fail(parser, "expected , or }") : code;
}

static struct term *new_term(struct parser *parser, enum term_kind kind)
{
    struct term *term = NULL;
    if (parser->terms++ >= LIMIT_SEARCH_NODES)
        (void)fail(parser, "too many terms");
    else if (!(term = ARENA_NEW(parser->arena, struct term)))
        (void)error_no_memory(parser->error);
    else
        term->kind = kind;
    return term;
}

static bool take_word(struct parser *parser, const char *word)
{
    (void)peek(parser);
    const size_t end = parser->at + strlen(word);
    const bool ends = end >= parser->text.len || isspace((unsigned char)parser->text.data[end]) ||
                      parser->text.data[end] == '(' || parser->text.data[end] == '"';
    if (!ends || !str_starts(str_slice(parser->text, parser->at, parser->text.len), str_of(word)))
        return false;
    parser->at = end;
    return true;
}

static enum error_code parse_any(struct parser *parser, struct term **term);

static enum error_code parse_words(struct parser *parser, struct term *term)
{
    enum error_code code = parse_text(parser, "()\"=", &term->text, &term->is_exact);
    if (code == OK && !term->is_exact && (str_eq(term->text, STR("AND")) || str_eq(term->text, STR("OR"))))
        return fail(parser, "AND or OR without a term before it");
    if (code == OK && take(parser, '=')) {
        term->property = term->text;
        code = parse_text(parser, "()\"", &term->text, &term->is_exact);
    }
    return code;
}

static enum error_code parse_one(struct parser *parser, struct term **term)
{
    enum error_code code;
    if (++parser->depth > LIMIT_SEARCH_DEPTH)
        return fail(parser, "too many brackets inside each other");
    if (take_word(parser, "NOT")) {
        *term = new_term(parser, TERM_NOT);
        code = *term ? parse_one(parser, &(*term)->child) : parser->error->code;
    } else if (take(parser, '(')) {
        code = parse_any(parser, term);
        if (code == OK && !take(parser, ')'))
            code = fail(parser, "expected )");
    } else {
        *term = new_term(parser, TERM_TEXT);
        code = *term ? parse_words(parser, *term) : parser->error->code;
    }
    parser->depth--;
    return code;
}

static bool is_at_end(struct parser *parser)
{
    const char c = peek(parser);
    return parser->at >= parser->text.len || c == ')';
}

/* Terms beside each other, with AND between them or not. */
static enum error_code parse_all(struct parser *parser, struct term **term)
{
    *term = new_term(parser, TERM_ALL);
    if (!*term)
        return parser->error->code;
    struct term **last = &(*term)->child;
    do {
        const enum error_code code = parse_one(parser, last);
        if (code != OK)
            return code;
        last = &(*last)->next;
        const size_t before = parser->at;
        const bool is_or = take_word(parser, "OR");
        parser->at = is_or ? before : parser->at;
        if (is_or)
            break;
    } while (take_word(parser, "AND") || !is_at_end(parser));
    return OK;
}

static enum error_code parse_any(struct parser *parser, struct term **term)
{
    *term = new_term(parser, TERM_ANY);
    if (!*term)
        return parser->error->code;
    struct term **last = &(*term)->child;
    do {
        const enum error_code code = parse_all(parser, last);
        if (code != OK)
            return code;
        last = &(*last)->next;
    } while (take_word(parser, "OR"));
    return OK;
}

enum error_code search_parse(struct str text, struct arena *arena, struct search **out, struct error *error)
{
    struct parser parser = {.text = text, .arena = arena, .error = error};
    struct search *search = ARENA_NEW(arena, struct search);
    enum error_code code = OK;
    if (!search)
        return error_no_memory(error);
    if (text.len > LIMIT_SEARCH_BYTES)
        return error_set(error, ERROR_INVALID, "the search has %zu characters, %d are the most", text.len,
                         LIMIT_SEARCH_BYTES);
    if (take(&parser, '{'))
        code = parse_schema(&parser, search);
    if (code == OK && search->has_schema)
        (void)take(&parser, ',');
    (void)peek(&parser);
    if (code == OK && (parser.at < text.len || !search->has_schema))
        code = parse_any(&parser, &search->terms);
    if (code == OK && parser.at < text.len)
        code = fail(&parser, "expected the end");
    *out = search;
    return code;
}

/* --- words ------------------------------------------------------------------------------------------ */

enum letter { LETTER_NONE, LETTER_SMALL, LETTER_CAPITAL, LETTER_DIGIT };

static enum letter letter_at(struct str text, size_t at)
{
    const unsigned char c = at < text.len ? (unsigned char)text.data[at] : 0;
    if (isdigit(c))
        return LETTER_DIGIT;
    if (isupper(c))
        return LETTER_CAPITAL;
    return islower(c) || c >= 0x80 ? LETTER_SMALL : LETTER_NONE;
}

/* A word ends before a capital that follows a small letter, before the last of several capitals that a small letter
 * follows ("SDBFailure": SDB, Failure), and where digits begin or end. */
static bool ends_word(struct str text, size_t at)
{
    const enum letter before = letter_at(text, at - 1), here = letter_at(text, at);
    if (here == LETTER_NONE || (before == LETTER_DIGIT) != (here == LETTER_DIGIT))
        return true;
    if (here != LETTER_CAPITAL)
        return false;
    return before == LETTER_SMALL || letter_at(text, at + 1) == LETTER_SMALL;
}

static bool next_word(struct str *rest, struct str *word)
{
    size_t from = 0;
    while (from < rest->len && letter_at(*rest, from) == LETTER_NONE)
        from++;
    if (from == rest->len)
        return false;
    size_t to = from + 1;
    while (!ends_word(*rest, to))
        to++;
    *word = str_slice(*rest, from, to);
    *rest = str_slice(*rest, to, rest->len);
    return true;
}

/* The words of `term` one behind the other, from the beginning of `text` on. */
static bool begins_with(struct str text, struct str term)
{
    struct str word, other;
    while (next_word(&term, &word))
        if (!next_word(&text, &other) || !str_eq_nocase(word, other))
            return false;
    return true;
}

/* All of both, whatever stands between letters. */
static bool is_same_letters(struct str a, struct str b)
{
    size_t i = 0, j = 0;
    for (;; i++, j++) {
        while (i < a.len && letter_at(a, i) == LETTER_NONE)
            i++;
        while (j < b.len && letter_at(b, j) == LETTER_NONE)
            j++;
        if (i >= a.len || j >= b.len)
            return i >= a.len && j >= b.len;
        if (tolower((unsigned char)a.data[i]) != tolower((unsigned char)b.data[j]))
            return false;
    }
}

static bool has_words(struct str text, struct str term)
{
    struct str rest = text, from = text, word;
    if (is_same_letters(text, term))
        return true;
    for (; next_word(&rest, &word); from = rest)
        if (begins_with(from, term))
            return true;
    return false;
}

/* --- matching --------------------------------------------------------------------------------------- */

static bool text_matches(const struct term *term, struct str text)
{
    return term->is_exact ? str_eq(term->text, text) : has_words(text, term->text);
}

static bool property_matches(const struct term *term, const struct search_metric *metric)
{
    if (str_eq(term->property, STR("MetricName")))
        return text_matches(term, metric->name);
    if (str_eq(term->property, STR("Namespace")))
        return text_matches(term, metric->name_space);
    for (size_t i = 0; i < metric->count; i++)
        if (str_eq(term->property, metric->dimensions[i].name))
            return text_matches(term, metric->dimensions[i].value);
    return false;
}

static bool anything_matches(const struct term *term, const struct search_metric *metric)
{
    bool is_there = text_matches(term, metric->name) || text_matches(term, metric->name_space);
    for (size_t i = 0; i < metric->count && !is_there; i++)
        is_there = text_matches(term, metric->dimensions[i].name) || text_matches(term, metric->dimensions[i].value);
    return is_there;
}

static bool term_matches(const struct term *term, const struct search_metric *metric)
{
    const bool stops_at = term->kind == TERM_ANY;
    if (term->kind == TERM_NOT)
        return !term_matches(term->child, metric);
    if (term->kind == TERM_TEXT)
        return term->property.len > 0 ? property_matches(term, metric) : anything_matches(term, metric);
    for (const struct term *child = term->child; child; child = child->next)
        if (term_matches(child, metric) == stops_at)
            return stops_at;
    return !stops_at;
}

static bool schema_matches(const struct search *search, const struct search_metric *metric)
{
    if (!str_eq(search->name_space, metric->name_space) || (search->count > 0 && search->count != metric->count))
        return false;
    for (size_t i = 0; i < search->count; i++) {
        bool has_dimension = false;
        for (size_t d = 0; d < metric->count && !has_dimension; d++)
            has_dimension = str_eq(search->dimensions[i], metric->dimensions[d].name);
        if (!has_dimension)
            return false;
    }
    return true;
}

bool search_matches(const struct search *search, const struct search_metric *metric)
{
    return (!search->has_schema || schema_matches(search, metric)) &&
           (!search->terms || term_matches(search->terms, metric));
}

struct str search_namespace(const struct search *search)
{
    return search->name_space;
}
