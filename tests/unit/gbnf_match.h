/* gbnf_match.h - reads a GBNF grammar and says whether a text matches, for the
 * tests of grammars. Backtracking, so for short texts only. What llama.cpp
 * makes of the same grammars is tested where the engine is. */
#ifndef TESTS_GBNF_MATCH_H
#define TESTS_GBNF_MATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/mem.h"
#include "core/str.h"

struct gm_symbol {
    enum { GM_CLASS, GM_RULE } kind;
    uint32_t ranges[96][2];
    size_t range_count;
    bool is_inverse;
    size_t rule;
    uint64_t min, max;
};

struct gm_alternative {
    struct gm_symbol *symbols;
    size_t count, cap;
};

struct gm_rule {
    struct str name;
    struct gm_alternative *alternatives;
    size_t count, cap;
};

struct gm {
    const char *at;
    struct gm_rule *rules;
    size_t count, cap;
    struct str text; /* being matched */
};

static inline void gm_spaces(struct gm *gm)
{
    while (*gm->at == ' ')
        gm->at++;
}

static inline size_t gm_rule_named(struct gm *gm, struct str name)
{
    for (size_t i = 0; name.len > 0 && i < gm->count; i++)
        if (str_eq(gm->rules[i].name, name))
            return i;
    assert_true(mem_grow((void **)&gm->rules, gm->count, &gm->cap, sizeof(*gm->rules)));
    gm->rules[gm->count] = (struct gm_rule){.name = name};
    return gm->count++;
}

static inline uint32_t gm_hex(struct gm *gm, int digits)
{
    char text[9] = {0};
    memcpy(text, gm->at, (size_t)digits);
    gm->at += digits;
    return (uint32_t)strtoul(text, NULL, 16);
}

static inline uint32_t gm_utf8(const char **at)
{
    const unsigned char *c = (const unsigned char *)*at;
    int len = *c < 0x80 ? 1 : *c < 0xE0 ? 2 : *c < 0xF0 ? 3 : 4;
    uint32_t value = len == 1 ? *c : *c & (0x7Fu >> len);
    for (int i = 1; i < len; i++)
        value = value << 6 | (c[i] & 0x3F);
    *at += len;
    return value;
}

static inline uint32_t gm_char(struct gm *gm)
{
    if (*gm->at != '\\')
        return gm_utf8(&gm->at);
    gm->at += 2;
    switch (gm->at[-1]) {
    case 'x':
        return gm_hex(gm, 2);
    case 'u':
        return gm_hex(gm, 4);
    case 'U':
        return gm_hex(gm, 8);
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        assert_non_null(strchr("\\\"[]-", gm->at[-1]));
        return (uint32_t)gm->at[-1];
    }
}

static inline struct gm_symbol *gm_add(struct gm_alternative *alternative)
{
    assert_true(mem_grow((void **)&alternative->symbols, alternative->count, &alternative->cap,
                         sizeof(*alternative->symbols)));
    struct gm_symbol *symbol = &alternative->symbols[alternative->count++];
    *symbol = (struct gm_symbol){.min = 1, .max = 1};
    return symbol;
}

static inline void gm_parse_class(struct gm *gm, struct gm_symbol *symbol)
{
    gm->at++;
    symbol->is_inverse = *gm->at == '^';
    gm->at += symbol->is_inverse;
    while (*gm->at != ']') {
        assert_true(*gm->at != '\0' && symbol->range_count < 96);
        uint32_t *range = symbol->ranges[symbol->range_count++];
        range[0] = range[1] = gm_char(gm);
        if (gm->at[0] == '-' && gm->at[1] != ']') {
            gm->at++;
            range[1] = gm_char(gm);
        }
    }
    gm->at++;
}

static inline void gm_parse_repetition(struct gm *gm, struct gm_alternative *alternative, size_t first)
{
    uint64_t min = 1, max = 1;
    char c = *gm->at;
    if (c == '*' || c == '+' || c == '?') {
        min = c == '+';
        max = c == '?' ? 1 : UINT64_MAX;
        gm->at++;
    } else if (c == '{') {
        char *end;
        min = max = strtoull(gm->at + 1, &end, 10);
        if (*end == ',') {
            max = UINT64_MAX;
            if (end[1] != '}')
                max = strtoull(end + 1, &end, 10);
            else
                end++;
        }
        assert_true(*end == '}');
        assert_true(min <= 2000 && (max <= 2000 || max == UINT64_MAX)); /* llama.cpp's limit */
        gm->at = end + 1;
    } else {
        return;
    }
    assert_true(alternative->count == first + 1);
    alternative->symbols[first].min = min;
    alternative->symbols[first].max = max;
    gm_spaces(gm);
}

static inline void gm_parse_alternatives(struct gm *gm, size_t rule);

static inline void gm_parse_symbol(struct gm *gm, struct gm_alternative *alternative)
{
    size_t first = alternative->count;
    bool is_marker = *gm->at == '<'; /* <"text">: here no more than its text */
    gm->at += is_marker;
    if (*gm->at == '"') {
        for (gm->at++; *gm->at != '"';) {
            struct gm_symbol *symbol = gm_add(alternative);
            assert_true(*gm->at != '\0');
            symbol->ranges[0][0] = symbol->ranges[0][1] = gm_char(gm);
            symbol->range_count = 1;
        }
        gm->at += 1 + is_marker;
    } else if (*gm->at == '[') {
        gm_parse_class(gm, gm_add(alternative));
    } else if (*gm->at == '(') {
        size_t rule = gm_rule_named(gm, STR(""));
        gm->at++;
        gm_parse_alternatives(gm, rule);
        assert_true(*gm->at == ')');
        gm->at++;
        struct gm_symbol *symbol = gm_add(alternative);
        symbol->kind = GM_RULE;
        symbol->rule = rule;
    } else {
        size_t len = strspn(gm->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
        if (len == 0)
            fail_msg("not a grammar: %.40s", gm->at);
        struct gm_symbol *symbol = gm_add(alternative);
        symbol->kind = GM_RULE;
        symbol->rule = gm_rule_named(gm, (struct str){gm->at, len});
        gm->at += len;
    }
    gm_spaces(gm);
    gm_parse_repetition(gm, alternative, first);
}

static inline void gm_parse_alternatives(struct gm *gm, size_t rule)
{
    struct gm_alternative alternative = {0};
    for (;;) {
        gm_spaces(gm);
        if (*gm->at != '\0' && strchr("|)\n", *gm->at) == NULL) {
            gm_parse_symbol(gm, &alternative);
            continue;
        }
        struct gm_rule *into = &gm->rules[rule];
        assert_true(
            mem_grow((void **)&into->alternatives, into->count, &into->cap, sizeof(*into->alternatives)));
        into->alternatives[into->count++] = alternative;
        alternative = (struct gm_alternative){0};
        if (*gm->at != '|')
            return;
        gm->at++;
    }
}

/* `grammar` must be NUL-terminated and outlive the result. */
static inline void gm_init(struct gm *gm, const char *grammar)
{
    *gm = (struct gm){.at = grammar};
    while (*gm->at != '\0') {
        if (*gm->at == '#') { /* a comment */
            gm->at += strcspn(gm->at, "\n") + 1;
            continue;
        }
        const char *end = strstr(gm->at, " ::= ");
        assert_non_null(end);
        size_t rule = gm_rule_named(gm, (struct str){gm->at, (size_t)(end - gm->at)});
        if (gm->rules[rule].count > 0)
            fail_msg("rule " STR_FMT " is defined twice", STR_ARG(gm->rules[rule].name));
        gm->at = end + 5;
        gm_parse_alternatives(gm, rule);
        assert_true(*gm->at == '\n' || *gm->at == '\0');
        gm->at += *gm->at == '\n';
    }
    for (size_t i = 0; i < gm->count; i++)
        if (gm->rules[i].count == 0)
            fail_msg("rule " STR_FMT " is not defined", STR_ARG(gm->rules[i].name));
}

static inline void gm_deinit(struct gm *gm)
{
    for (size_t i = 0; i < gm->count; i++) {
        for (size_t k = 0; k < gm->rules[i].count; k++)
            mem_free(gm->rules[i].alternatives[k].symbols);
        mem_free(gm->rules[i].alternatives);
    }
    mem_free(gm->rules);
}

/* What is left to match behind the current symbol. */
struct gm_rest {
    const struct gm_symbol *symbols;
    size_t count;
    uint64_t done; /* repetitions of the first symbol */
    size_t from;   /* where its last repetition began */
    const struct gm_rest *next;
};

static inline bool gm_run(const struct gm *gm, const struct gm_rest *rest, size_t at);

static inline bool gm_match_one(const struct gm *gm, const struct gm_symbol *symbol, size_t at,
                                const struct gm_rest *rest)
{
    if (symbol->kind == GM_RULE) {
        const struct gm_rule *rule = &gm->rules[symbol->rule];
        for (size_t i = 0; i < rule->count; i++) {
            const struct gm_alternative *alternative = &rule->alternatives[i];
            struct gm_rest inner = {alternative->symbols, alternative->count, 0, SIZE_MAX, rest};
            if (gm_run(gm, &inner, at))
                return true;
        }
        return false;
    }
    if (at >= gm->text.len)
        return false;
    const char *end = gm->text.data + at;
    uint32_t c = gm_utf8(&end);
    bool is_in = false;
    for (size_t i = 0; i < symbol->range_count; i++)
        is_in = is_in || (symbol->ranges[i][0] <= c && c <= symbol->ranges[i][1]);
    return is_in != symbol->is_inverse && gm_run(gm, rest, (size_t)(end - gm->text.data));
}

static inline bool gm_run(const struct gm *gm, const struct gm_rest *rest, size_t at)
{
    if (rest == NULL)
        return at == gm->text.len;
    if (rest->count == 0)
        return gm_run(gm, rest->next, at);
    const struct gm_symbol *symbol = rest->symbols;
    if (rest->done < symbol->max && (rest->from != at || rest->done == 0 || rest->done < symbol->min)) {
        struct gm_rest again = {rest->symbols, rest->count, rest->done + 1, at, rest->next};
        if (gm_match_one(gm, symbol, at, &again))
            return true;
    }
    if (rest->done < symbol->min)
        return false;
    struct gm_rest behind = {rest->symbols + 1, rest->count - 1, 0, SIZE_MAX, rest->next};
    return gm_run(gm, &behind, at);
}

static inline bool gm_matches(struct gm *gm, struct str text)
{
    struct gm_symbol root = {.kind = GM_RULE, .rule = gm_rule_named(gm, STR("root")), .min = 1, .max = 1};
    struct gm_rest rest = {&root, 1, 0, SIZE_MAX, NULL};
    gm->text = text;
    return gm_run(gm, &rest, 0);
}

#endif
