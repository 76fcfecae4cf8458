/* Strings: lengths, patterns and formats, each alone or together.
 *
 * One of them alone is written as it reads. Several are sets that are cut with
 * each other, and a machine of the result is written, a rule for each state:
 * at each character one rule is alive. */
#include <inttypes.h>
#include <stdlib.h>

#include "chat/schema_compiler.h"
#include "core/mem.h"

/* ---- characters ---- */

static void write_range(struct buf *out, uint32_t low, uint32_t high)
{
    if (low > high)
        return;
    gbnf_code_point(out, low);
    if (high > low) {
        buf_append_char(out, '-');
        gbnf_code_point(out, high);
    }
}

/* The part of [low, high] that a JSON string holds as it is. */
static void write_plain_range(struct buf *out, uint32_t low, uint32_t high)
{
    static const uint32_t escaped[] = {'"', '\\'};
    low = low < 0x20 ? 0x20 : low;
    for (size_t i = 0; i < 2 && low <= high; i++) {
        if (escaped[i] < low || escaped[i] > high)
            continue;
        if (escaped[i] > low)
            write_range(out, low, escaped[i] - 1);
        low = escaped[i] + 1;
    }
    write_range(out, low, high);
}

static bool has(const struct regular_range *ranges, size_t count, uint32_t c)
{
    for (size_t i = 0; i < count; i++)
        if (ranges[i].low <= c && c <= ranges[i].high)
            return true;
    return false;
}

/* As one symbol: a class, or a group when some members need an escape. */
static void write_class(struct buf *out, const struct regular_range *ranges, size_t count)
{
    static const char escapes[][2] = {{'"', '"'}, {'\\', '\\'}, {'\n', 'n'}, {'\r', 'r'},
                                      {'\t', 't'}, {'\b', 'b'}, {'\f', 'f'}};
    struct buf plain, letters;
    buf_init(&plain, GBNF_TEXT_MAX);
    buf_init(&letters, 256);
    for (size_t i = 0; i < count; i++)
        write_plain_range(&plain, ranges[i].low, ranges[i].high);
    for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++)
        if (has(ranges, count, (unsigned char)escapes[i][0]))
            gbnf_code_point(&letters, (unsigned char)escapes[i][1]);
    buf_append_text(out, letters.len > 0 ? "(" : "");
    if (plain.len > 0)
        buf_appendf(out, "[" STR_FMT "]", STR_ARG(buf_str(&plain)));
    if (letters.len > 0)
        buf_appendf(out, "%s\"\\\\\" [" STR_FMT "])", plain.len > 0 ? " | " : "", STR_ARG(buf_str(&letters)));
    if (plain.failed || letters.failed)
        out->failed = true;
    buf_deinit(&letters);
    buf_deinit(&plain);
}

/* ---- sets as they read ---- */

static void write_term(struct schema_compiler *compiler, struct buf *out, regular_set set);

/* One symbol that can be repeated. */
static void write_symbol(struct schema_compiler *compiler, struct buf *out, regular_set set)
{
    struct buf text;
    if (set == regular_character(&compiler->regular)) {
        gbnf_shared_name(&compiler->gbnf, out, GBNF_CHAR);
        return;
    }
    const struct regular_term term = compiler->regular.terms[set];
    buf_init(&text, GBNF_TEXT_MAX);
    if (term.kind == REGULAR_CLASS)
        write_class(&text, &compiler->regular.ranges[term.a], term.b);
    else
        write_term(compiler, &text, set);
    if (text.len > 0 && text.data[0] == '[' && term.kind == REGULAR_CLASS)
        buf_append_str(out, buf_str(&text));
    else
        gbnf_rule_name(&compiler->gbnf, out, gbnf_rule_shared_text(&compiler->gbnf, &text));
    if (text.failed)
        out->failed = true;
    buf_deinit(&text);
}

static void write_repeat(struct schema_compiler *compiler, struct buf *out, const struct regular_term *term)
{
    struct buf symbol;
    buf_init(&symbol, GBNF_TEXT_MAX);
    write_symbol(compiler, &symbol, term->a);
    gbnf_repeat(&compiler->gbnf, out, buf_str(&symbol), term->min,
                term->max == REGULAR_UNBOUNDED ? GBNF_UNBOUNDED : term->max);
    buf_deinit(&symbol);
}

static void write_either(struct schema_compiler *compiler, struct buf *out, regular_set set)
{
    const char *separator = " (";
    while (compiler->regular.terms[set].kind == REGULAR_EITHER) {
        const struct regular_term term = compiler->regular.terms[set];
        buf_append_text(out, separator);
        write_term(compiler, out, term.a);
        separator = " |";
        set = term.b;
    }
    buf_append_text(out, separator);
    write_term(compiler, out, set);
    buf_append_char(out, ')');
}

static void write_term(struct schema_compiler *compiler, struct buf *out, regular_set set)
{
    while (compiler->regular.terms[set].kind == REGULAR_SEQUENCE) {
        const struct regular_term term = compiler->regular.terms[set];
        write_term(compiler, out, term.a);
        set = term.b;
    }
    const struct regular_term term = compiler->regular.terms[set];
    gbnf_spend(&compiler->gbnf, 1);
    if (schema_failed(compiler))
        return;
    switch (term.kind) {
    case REGULAR_EPSILON:
        buf_append_text(out, " \"\"");
        break;
    case REGULAR_CLASS:
        buf_append_char(out, ' ');
        write_symbol(compiler, out, set);
        break;
    case REGULAR_EITHER:
        write_either(compiler, out, set);
        break;
    case REGULAR_REPEAT:
        write_repeat(compiler, out, &term);
        break;
    default:
        break; /* sets with others are written by a machine */
    }
}

struct shape {
    bool has_cuts;    /* "both" or "not" somewhere */
    bool has_choices; /* alternatives, or repetitions inside repetitions */
};

static void add_shape(const struct regular *regular, regular_set set, bool is_repeated, struct shape *shape, int depth)
{
    const struct regular_term *term = &regular->terms[set];
    for (; term->kind == REGULAR_SEQUENCE; set = term->b, term = &regular->terms[set])
        add_shape(regular, term->a, is_repeated, shape, depth);
    if (term->kind == REGULAR_BOTH || term->kind == REGULAR_NOT || depth > SCHEMA_DEPTH_MAX) {
        shape->has_cuts = true;
    } else if (term->kind == REGULAR_EITHER) {
        shape->has_choices = true;
        add_shape(regular, term->a, is_repeated, shape, depth + 1);
        add_shape(regular, term->b, is_repeated, shape, depth);
    } else if (term->kind == REGULAR_REPEAT) {
        shape->has_choices = shape->has_choices || is_repeated;
        add_shape(regular, term->a, true, shape, depth + 1);
    }
}

/* ---- sets by a machine ---- */

static void write_edge(struct schema_compiler *compiler, struct buf *out, const struct regular_machine *machine,
                       const struct regular_edge *edge, const size_t *rules)
{
    const struct regular_state *to = &machine->states[edge->to];
    write_class(out, &machine->ranges[edge->first_range], edge->range_count);
    if (to->edge_count == 0)
        return; /* an end that nothing follows */
    buf_append_char(out, ' ');
    gbnf_rule_name(&compiler->gbnf, out, rules[edge->to]);
}

static void write_state(struct schema_compiler *compiler, struct buf *out, const struct regular_machine *machine,
                        const struct regular_state *state, const size_t *rules)
{
    for (uint32_t e = 0; e < state->edge_count; e++) {
        buf_append_text(out, e > 0 ? " | " : "");
        write_edge(compiler, out, machine, &machine->edges[state->first_edge + e], rules);
    }
    if (state->is_end)
        buf_append_text(out, state->edge_count > 0 ? " | \"\"" : "\"\"");
}

static void write_machine(struct schema_compiler *compiler, struct buf *out, const struct regular_machine *machine)
{
    struct buf text;
    size_t *rules = mem_calloc(machine->state_count + 1, sizeof(*rules));
    buf_init(&text, GBNF_TEXT_MAX);
    if (rules == NULL)
        gbnf_fail_memory(&compiler->gbnf);
    for (size_t i = 0; i < machine->state_count && !schema_failed(compiler); i++)
        rules[i] = gbnf_rule_number(&compiler->gbnf);
    for (size_t i = 0; i < machine->state_count && !schema_failed(compiler); i++) {
        if (i > 0 && machine->states[i].edge_count == 0)
            continue; /* edges to it end there */
        buf_clear(&text);
        write_state(compiler, &text, machine, &machine->states[i], rules);
        gbnf_rule_define(&compiler->gbnf, rules[i], &text);
    }
    if (!schema_failed(compiler)) {
        buf_append_char(out, ' ');
        gbnf_rule_name(&compiler->gbnf, out, rules[0]);
    }
    buf_deinit(&text);
    mem_free(rules);
}

#define STATES_FOR_CHOICES_MAX 300 /* of a machine that is only written because it is quicker */

/* The largest part of a "both" that can be written, when all together can't;
 * the value is checked for the others. */
static regular_set without_lengths(struct regular *regular, regular_set set)
{
    const regular_set character = regular_character(regular);
    regular_set kept = REGULAR_NOTHING;
    bool has_any = false;
    while (true) {
        const struct regular_term term = regular->terms[set];
        regular_set one = term.kind == REGULAR_BOTH ? term.a : set;
        bool is_length = regular->terms[one].kind == REGULAR_REPEAT && regular->terms[one].a == character;
        if (!is_length && regular->terms[one].kind != REGULAR_NOT) {
            kept = has_any ? regular_both(regular, kept, one) : one;
            has_any = true;
        }
        if (term.kind != REGULAR_BOTH)
            return has_any ? kept : set;
        set = term.b;
    }
}

/* The last resort: one of the sets that must hold together. */
static regular_set first_plain(const struct regular *regular, regular_set set)
{
    while (regular->terms[set].kind == REGULAR_BOTH) {
        struct shape shape = {0};
        add_shape(regular, regular->terms[set].a, false, &shape, 0);
        if (!shape.has_cuts)
            return regular->terms[set].a;
        set = regular->terms[set].b;
    }
    return set;
}

static bool write_by_machine(struct schema_compiler *compiler, struct buf *out, regular_set set, size_t states_max,
                             enum regular_outcome *outcome)
{
    struct regular_machine machine;
    *outcome = regular_machine_make(&compiler->regular, set, states_max, &machine);
    bool is_written = *outcome == REGULAR_MADE && machine.state_count > 0;
    if (is_written)
        write_machine(compiler, out, &machine);
    regular_machine_deinit(&machine);
    if (*outcome == REGULAR_FAILED && schema_sets_are_fine(compiler))
        gbnf_fail_memory(&compiler->gbnf);
    return is_written && !schema_failed(compiler);
}

bool schema_set(struct schema_compiler *compiler, struct buf *out, regular_set set)
{
    struct shape shape = {0};
    enum regular_outcome outcome = REGULAR_TOO_MANY_STATES;
    if (!schema_sets_are_fine(compiler))
        return false;
    if (set == REGULAR_NOTHING)
        return schema_nothing(compiler, "no string fits its patterns and lengths");
    add_shape(&compiler->regular, set, false, &shape, 0);
    if (shape.has_cuts || shape.has_choices) {
        size_t states_max = shape.has_cuts ? SCHEMA_STATES_MAX : STATES_FOR_CHOICES_MAX;
        bool is_written = write_by_machine(compiler, out, set, states_max, &outcome);
        if (outcome != REGULAR_TOO_MANY_STATES)
            return is_written || schema_nothing(compiler, "no string fits its patterns and lengths");
    }
    if (!shape.has_cuts) {
        write_term(compiler, out, set);
        return !schema_failed(compiler);
    }
    regular_set less = without_lengths(&compiler->regular, set);
    if (less == set)
        less = first_plain(&compiler->regular, set);
    if (less != set)
        return schema_set(compiler, out, less);
    schema_fail(compiler, "its patterns together need more than %d states", SCHEMA_STATES_MAX);
    return false;
}

/* ---- formats ---- */

#define OCTET "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
#define DATE_TEXT                                                                                                      \
    "[12][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|"     \
    "2[0-8]))"
#define TIME_TEXT "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
#define PATH_TEXT "(/([A-Za-z0-9._~-]|%[0-9A-F][0-9A-F])*)*(\\?[A-Za-z0-9._~=&-]*)?(#[A-Za-z0-9._~-]*)?"
#define HOST_TEXT "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
#define URI_TEXT                                                                                                       \
    "([a-z][a-z0-9+.-]*://[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"          \
    "(:[1-9][0-9]{0,3})?" PATH_TEXT "|(urn|mailto|tel):[A-Za-z0-9:._@+-]+)"
#define DURATION_TIME "([0-9]{1,4}H([0-9]{1,4}M([0-9]{1,4}S)?)?|[0-9]{1,4}M([0-9]{1,4}S)?|[0-9]{1,4}S)"

static const struct {
    const char *name, *pattern;
} FORMATS[] = {
    {"date", "^" DATE_TEXT "$"},
    {"time", "^" TIME_TEXT "$"},
    {"date-time", "^" DATE_TEXT "T" TIME_TEXT "$"},
    {"uuid", "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"},
    {"email", "^[A-Za-z0-9_+-]+(\\.[A-Za-z0-9_+-]+)*@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\\.)+[A-Za-z]{2,}$"},
    {"hostname", "^" HOST_TEXT "$"},
    {"ipv4", "^" OCTET "(\\." OCTET "){3}$"},
    {"ipv6", "^(([0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|([0-9a-f]{1,4}:){1,6}:[0-9a-f]{1,4}|([0-9a-f]{1,4}:){1,7}:|::)$"},
    {"uri", "^" URI_TEXT "$"},
    {"url", "^" URI_TEXT "$"},
    {"iri", "^" URI_TEXT "$"},
    {"uri-reference", "^(" URI_TEXT "|/[A-Za-z0-9._~-]*" PATH_TEXT ")$"},
    {"duration", "^P([0-9]{1,4}W|([0-9]{1,4}Y([0-9]{1,4}M([0-9]{1,4}D)?)?|[0-9]{1,4}M([0-9]{1,4}D)?|[0-9]{1,4}D)(T"
                 DURATION_TIME ")?|T" DURATION_TIME ")$"},
    {"json-pointer", "^(/([^~/]|~[01])*)*$"},
    {"byte", "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"},
};

const char *json_schema_format_pattern(struct str format)
{
    for (size_t i = 0; i < sizeof(FORMATS) / sizeof(FORMATS[0]); i++)
        if (str_eq_nocase(format, str_of(FORMATS[i].name)))
            return FORMATS[i].pattern;
    return NULL;
}

/* Formats are annotations: one that is not known asks for nothing. */
static bool format_set(struct schema_compiler *compiler, struct str format, regular_set *set)
{
    const char *what, *pattern = json_schema_format_pattern(format);
    size_t at;
    return pattern && regular_parse(&compiler->regular, str_of(pattern), false, set, &what, &at);
}

/* The formats that gbnf.h has as rules. */
static bool write_shared_format(struct schema_compiler *compiler, struct buf *out, struct str format)
{
    struct gbnf *gbnf = &compiler->gbnf;
    if (str_eq(format, STR("uuid"))) {
        gbnf_shared_name(gbnf, out, GBNF_UUID);
    } else if (str_eq(format, STR("date")) || str_eq(format, STR("date-time"))) {
        gbnf_shared_name(gbnf, out, GBNF_DATE);
        if (format.len > 4) {
            buf_append_text(out, " \"T\" ");
            gbnf_shared_name(gbnf, out, GBNF_TIME);
        }
    } else if (str_eq(format, STR("time"))) {
        gbnf_shared_name(gbnf, out, GBNF_TIME);
    } else {
        return false;
    }
    return true;
}

/* ---- patterns ---- */

regular_set schema_pattern(struct schema_compiler *compiler, yyjson_val *pattern, bool is_wide)
{
    size_t known;
    regular_set set = REGULAR_NOTHING;
    const char *what = NULL;
    size_t at = 0;
    if (!yyjson_is_str(pattern)) {
        schema_fail(compiler, "'pattern' must be a string");
        return REGULAR_NOTHING;
    }
    struct str key = arena_printf(&compiler->arena, "%c" STR_FMT, is_wide ? 'w' : 'n', STR_ARG(json_str(pattern)));
    if (key.data != NULL && gbnf_map_get(&compiler->sets, key, &known))
        return (regular_set)known;
    if (!regular_parse(&compiler->regular, json_str(pattern), is_wide, &set, &what, &at)) {
        if (what != NULL)
            schema_fail(compiler, "'pattern' holds %s at byte %zu, which is not supported", what, at);
        else
            (void)!schema_sets_are_fine(compiler);
        return REGULAR_NOTHING;
    }
    if (key.data == NULL || !gbnf_map_put(&compiler->sets, key, set))
        gbnf_fail_memory(&compiler->gbnf);
    return set;
}

static regular_set of_length(struct regular *regular, uint64_t min, uint64_t max)
{
    uint32_t low = min < GBNF_REPEAT_MAX ? (uint32_t)min : GBNF_REPEAT_MAX;
    uint32_t high = max == GBNF_UNBOUNDED ? REGULAR_UNBOUNDED : max < GBNF_REPEAT_MAX ? (uint32_t)max : GBNF_REPEAT_MAX;
    return regular_repeat(regular, regular_character(regular), low, high);
}

/* A sequence with one part of many lengths, each time as long: that part's count is cut. NOTHING: not so. */
static regular_set cut_one_repeat(struct regular *regular, regular_set set, uint64_t min, uint64_t max)
{
    uint64_t fixed = 0;
    size_t open = 0;
    regular_set parts[64];
    size_t count = 0, which = 0;
    for (bool is_last = false; !is_last && count < 64; set = is_last ? set : regular->terms[set].b) {
        is_last = regular->terms[set].kind != REGULAR_SEQUENCE;
        parts[count] = is_last ? set : regular->terms[set].a;
        const struct regular_term *part = &regular->terms[parts[count]];
        if (part->shortest != part->longest) {
            open++;
            which = count;
        } else {
            fixed += part->shortest;
        }
        count++;
    }
    const struct regular_term part = regular->terms[parts[which]];
    uint32_t each = open == 1 && part.kind == REGULAR_REPEAT ? regular->terms[part.a].shortest : 0;
    if (count == 64 || open != 1 || each == 0 || regular->terms[part.a].longest != each)
        return REGULAR_NOTHING;
    uint64_t low = min > fixed ? (min - fixed + each - 1) / each : 0;
    uint64_t high = max == GBNF_UNBOUNDED ? part.max : max < fixed ? 0 : (max - fixed) / each;
    low = low > part.min ? low : part.min;
    high = high < part.max ? high : part.max;
    if (low > high || (max != GBNF_UNBOUNDED && max < fixed))
        return REGULAR_NOTHING;
    regular_set cut = REGULAR_EMPTY;
    for (size_t i = count; i > 0; i--) {
        regular_set one = parts[i - 1];
        if (i - 1 == which)
            one = regular_repeat(regular, part.a, (uint32_t)low, (uint32_t)high);
        cut = regular_sequence(regular, one, cut);
    }
    return cut;
}

/* Cuts a set with lengths, where they say something that it does not say itself. */
static regular_set cut_lengths(struct regular *regular, regular_set set, uint64_t min, uint64_t max)
{
    const struct regular_term *term = &regular->terms[set];
    bool is_long_enough = term->shortest >= min;
    bool is_short_enough = max == GBNF_UNBOUNDED || (term->longest != REGULAR_UNBOUNDED && term->longest <= max);
    if (is_long_enough && is_short_enough)
        return set;
    regular_set cut = cut_one_repeat(regular, set, min, max);
    return cut != REGULAR_NOTHING ? cut : regular_both(regular, set, of_length(regular, min, max));
}

static regular_set values_set(struct schema_compiler *compiler, yyjson_val *schema, const char *key)
{
    size_t i, max;
    yyjson_val *one;
    yyjson_val *value = yyjson_obj_get(schema, key);
    regular_set set = REGULAR_NOTHING;
    if (yyjson_is_str(value))
        set = regular_text(&compiler->regular, json_str(value));
    yyjson_arr_foreach(value, i, max, one)
    {
        if (yyjson_is_str(one))
            set = regular_either(&compiler->regular, regular_text(&compiler->regular, json_str(one)), set);
    }
    return set;
}

struct text_form {
    regular_set patterns, formats;
    bool has_patterns, has_formats;
    struct str format;
};

static void add_pattern(struct schema_compiler *compiler, struct text_form *form, regular_set set)
{
    form->patterns = form->has_patterns ? regular_both(&compiler->regular, form->patterns, set) : set;
    form->has_patterns = true;
}

static void read_text_entry(struct schema_compiler *compiler, const struct schema_entry *entry, struct text_form *form)
{
    struct regular *regular = &compiler->regular;
    yyjson_val *pattern = yyjson_obj_get(entry->schema, "pattern"), *format = yyjson_obj_get(entry->schema, "format");
    regular_set set;
    if (entry->kind == ENTRY_SCHEMA && pattern != NULL)
        add_pattern(compiler, form, schema_pattern(compiler, pattern, false));
    if (entry->kind == ENTRY_SCHEMA && yyjson_is_str(format) && format_set(compiler, json_str(format), &set)) {
        form->formats = form->has_formats ? regular_both(regular, form->formats, set) : set;
        form->has_formats = true;
        form->format = json_str(format);
    }
    if (entry->kind != ENTRY_NOT_KEY)
        return;
    if (strcmp(entry->key, "pattern") == 0)
        add_pattern(compiler, form, regular_not(regular, schema_pattern(compiler, pattern, true)));
    if (strcmp(entry->key, "enum") == 0 || strcmp(entry->key, "const") == 0) {
        set = values_set(compiler, entry->schema, entry->key);
        if (set != REGULAR_NOTHING)
            add_pattern(compiler, form, regular_not(regular, set));
    }
}

static bool write_form(struct schema_compiler *compiler, struct buf *out, const struct text_form *form, uint64_t min,
                       uint64_t max)
{
    struct regular *regular = &compiler->regular;
    bool has_length = min > 0 || max != GBNF_UNBOUNDED;
    if (form->has_formats) {
        struct buf text;
        regular_set set = form->has_patterns ? regular_both(regular, form->patterns, form->formats) : form->formats;
        if (!form->has_patterns && !has_length && write_shared_format(compiler, out, form->format))
            return true;
        buf_init(&text, GBNF_TEXT_MAX);
        bool is_written = schema_set(compiler, &text, cut_lengths(regular, set, min, max));
        if (is_written)
            buf_append_str(out, buf_str(&text));
        buf_deinit(&text);
        if (is_written || schema_failed(compiler))
            return is_written; /* a format that nothing fits gives way */
    }
    if (form->has_patterns)
        return schema_set(compiler, out, cut_lengths(regular, form->patterns, min, max));
    struct buf name;
    buf_init(&name, 256);
    gbnf_shared_name(&compiler->gbnf, &name, GBNF_CHAR);
    gbnf_repeat(&compiler->gbnf, out, buf_str(&name), min, max);
    buf_deinit(&name);
    return true;
}

bool schema_string(struct schema_compiler *compiler, struct buf *out, const struct schema_branch *branch)
{
    struct text_form form = {0};
    uint64_t min, max;
    schema_counts(compiler, branch, "minLength", "maxLength", &min, &max);
    for (size_t i = 0; i < branch->entries.count && !schema_failed(compiler); i++)
        read_text_entry(compiler, &branch->entries.items[i], &form);
    if (!schema_sets_are_fine(compiler))
        return false;
    if (min > max)
        return schema_nothing(compiler, "'minLength' is larger than 'maxLength'");
    if (!form.has_patterns && !form.has_formats && min == 0 && max == GBNF_UNBOUNDED) {
        gbnf_shared_name(&compiler->gbnf, out, GBNF_STRING);
        return true;
    }
    buf_append_text(out, "\"\\\"\" ");
    bool is_written = write_form(compiler, out, &form, min, max);
    buf_append_text(out, " \"\\\"\"");
    return is_written;
}

/* ---- names ---- */

static regular_set names_combined(struct schema_compiler *compiler, yyjson_val *schema, const char *key, bool is_both,
                                  int depth)
{
    size_t i, max;
    yyjson_val *one;
    struct regular *regular = &compiler->regular;
    regular_set set = is_both ? regular_not(regular, REGULAR_NOTHING) : REGULAR_NOTHING;
    yyjson_arr_foreach(yyjson_obj_get(schema, key), i, max, one)
    {
        regular_set next = schema_names(compiler, one, depth + 1);
        set = is_both ? regular_both(regular, set, next) : regular_either(regular, set, next);
    }
    return set;
}

regular_set schema_names(struct schema_compiler *compiler, yyjson_val *schema, int depth)
{
    struct regular *regular = &compiler->regular;
    struct text_form form = {.patterns = regular_not(regular, REGULAR_NOTHING), .has_patterns = true};
    uint64_t min = 0, max = GBNF_UNBOUNDED;
    if (yyjson_is_true(schema) || schema_failed(compiler))
        return form.patterns;
    if (!yyjson_is_obj(schema) || depth > SCHEMA_DEPTH_MAX)
        return REGULAR_NOTHING;
    const struct schema_entry entry = {.kind = ENTRY_SCHEMA, .schema = schema};
    read_text_entry(compiler, &entry, &form);
    schema_count(compiler, schema, "minLength", &min);
    schema_count(compiler, schema, "maxLength", &max);
    if (min > 0 || max != GBNF_UNBOUNDED)
        add_pattern(compiler, &form, of_length(regular, min, max));
    if (form.has_formats)
        add_pattern(compiler, &form, form.formats);
    if (yyjson_obj_get(schema, "$ref") != NULL) {
        yyjson_val *target = schema_ref(compiler, schema);
        add_pattern(compiler, &form, schema_names(compiler, target, depth + 1));
    }
    if (yyjson_obj_get(schema, "enum") != NULL)
        add_pattern(compiler, &form, values_set(compiler, schema, "enum"));
    if (yyjson_obj_get(schema, "const") != NULL)
        add_pattern(compiler, &form, values_set(compiler, schema, "const"));
    if (yyjson_obj_get(schema, "allOf") != NULL)
        add_pattern(compiler, &form, names_combined(compiler, schema, "allOf", true, depth));
    if (yyjson_obj_get(schema, "anyOf") != NULL)
        add_pattern(compiler, &form, names_combined(compiler, schema, "anyOf", false, depth));
    if (yyjson_obj_get(schema, "oneOf") != NULL)
        add_pattern(compiler, &form, names_combined(compiler, schema, "oneOf", false, depth));
    if (yyjson_obj_get(schema, "not") != NULL)
        add_pattern(compiler, &form,
                    regular_not(regular, schema_names(compiler, yyjson_obj_get(schema, "not"), depth + 1)));
    return form.patterns;
}
