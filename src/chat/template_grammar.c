/* template_grammar.c - the grammars that replies run under, in the family's tool-call syntax.
 *
 * Forced (a call must come, or JSON by a schema): the grammar is the whole
 * reply. Free to call: text, and calls wherever the model opens one. With strict
 * tools these are enforced from there on; without, the grammar is only observed:
 * it tells calls from text, where stop sequences count, and ends the reply
 * behind the first call if there may be one only.
 *
 * What may open a call at the very beginning without a marker, `{"name"` for
 * Llama 3 and `[{"name"` for Mistral, is text until it has come that far. */
#include <stdio.h>

#include "chat/gbnf.h"
#include "chat/json_schema.h"
#include "chat/template.h"
#include "chat/template_family.h"
#include "core/limits.h"

/* What the families write around calls. The parts are JSON with the spaces that
 * templates print, so the forced text is what the model would write. */
struct call_syntax {
    const char *marker;        /* special token that opens a call, or several */
    bool is_forced_marked;     /* also a forced one */
    const char *before, *after;  /* the calls behind a marker */
    bool is_array;             /* of calls; else one */
    const char *end_marker;    /* "": none */
    const char *bare;          /* opens a call at the beginning without the marker, up to the first key; "": nothing */
    const char *arguments_key;
};

static struct call_syntax call_syntax(enum template_family family)
{
    switch (family) {
    case TEMPLATE_LLAMA3:
        return (struct call_syntax){"<|python_tag|>", false, "", "", false, "", "{\"name\"", "parameters"};
    case TEMPLATE_MISTRAL:
        return (struct call_syntax){"[TOOL_CALLS]", true, "[", "]", true, "", "[{\"name\"", "arguments"};
    case TEMPLATE_CHATML:
    case TEMPLATE_GEMMA:
    case TEMPLATE_GENERIC:
        break;
    }
    return (struct call_syntax){"<tool_call>", true, "\n", "\n", false, "</tool_call>", "", "arguments"};
}

static void add_literal(struct buf *grammar, const char *text)
{
    if (text[0] == '\0')
        return;
    gbnf_literal(grammar, str_of(text));
    buf_append_char(grammar, ' ');
}

static void add_marker(struct buf *grammar, const char *text)
{
    if (text[0] == '\0')
        return;
    buf_append_char(grammar, '<');
    gbnf_literal(grammar, str_of(text));
    buf_append_text(grammar, "> ");
}

/* --- calls by schema --------------------------------------------------------------------------------- */

/* Any object, for tools that are not strict beside such as are. */
static void add_json_rules(struct buf *grammar)
{
    buf_append_text(grammar,
                    "json-space ::= [ \\t\\n\\r]*\n"
                    "json-object ::= \"{\" json-space (json-member (\",\" json-space json-member)*)? \"}\"\n"
                    "json-member ::= json-string json-space \":\" json-space json-value json-space\n"
                    "json-array ::= \"[\" json-space (json-item (\",\" json-space json-item)*)? \"]\"\n"
                    "json-item ::= json-value json-space\n"
                    "json-value ::= json-object | json-array | json-string | json-number | \"true\" | \"false\" | "
                    "\"null\"\n"
                    "json-string ::= \"\\\"\" json-char* \"\\\"\"\n"
                    "json-char ::= [^\\x22\\x5C\\x00-\\x1F] | \"\\\\\" ([\\x22\\x5C/bfnrt] | \"u\" [0-9a-fA-F]{4})\n"
                    "json-number ::= \"-\"? (\"0\" | [1-9] [0-9]*) (\".\" [0-9]+)? ([eE] [-+]? [0-9]+)?\n");
}

/* `call-N ::= "{"name": " named-N`, `named-N ::= ""N", "arguments": " args-N "}"`, and the rules of its arguments. */
static enum error_code add_call(const struct chat_tool *tool, size_t number, const char *arguments_key,
                                bool has_schema, struct buf *grammar, struct error *error)
{
    char root_name[32], where[96];
    struct buf name;
    snprintf(root_name, sizeof(root_name), "args-%zu", number);
    snprintf(where, sizeof(where), "tools[%zu] (%.*s)", number, tool->name.len < 64 ? (int)tool->name.len : 64,
             tool->name.data);
    buf_init(&name, limit(grammar_bytes));
    buf_append_json(&name, tool->name);
    buf_appendf(&name, ", \"%s\": ", arguments_key);
    buf_appendf(grammar, "# %s\ncall-%zu ::= ", where, number);
    gbnf_literal(grammar, STR("{\"name\": "));
    buf_appendf(grammar, " named-%zu\nnamed-%zu ::= ", number, number);
    gbnf_literal(grammar, buf_str(&name));
    buf_appendf(grammar, " %s \"}\"\n", has_schema ? root_name : "json-object");
    if (name.failed)
        grammar->failed = true;
    buf_deinit(&name);
    return has_schema ? json_schema_to_grammar(tool->schema, root_name, where, grammar, error) : OK;
}

static bool is_asked_for(const struct chat_request *request, const struct chat_tool *tool)
{
    return request->tool_choice != CHAT_TOOL_NAMED || str_eq(tool->name, request->tool_choice_name);
}

static bool is_forced(const struct chat_request *request)
{
    return request->tool_choice == CHAT_TOOL_ANY || request->tool_choice == CHAT_TOOL_NAMED;
}

static void add_alternatives(const struct chat_request *request, const char *prefix, struct buf *grammar)
{
    const char *separator = "(";
    for (size_t i = 0; i < request->tool_count; i++) {
        if (!is_asked_for(request, &request->tools[i]))
            continue;
        buf_appendf(grammar, "%s%s-%zu", separator, prefix, i);
        separator = " | ";
    }
    buf_append_text(grammar, ") ");
}

static enum error_code add_tools(const struct chat_request *request, const char *arguments_key, bool all_by_schema,
                                 struct buf *grammar, struct error *error)
{
    enum error_code code = OK;
    buf_append_text(grammar, "call ::= ");
    add_alternatives(request, "call", grammar);
    buf_append_text(grammar, "\nnamed ::= ");
    add_alternatives(request, "named", grammar);
    buf_append_char(grammar, '\n');
    for (size_t i = 0; i < request->tool_count && code == OK; i++)
        if (is_asked_for(request, &request->tools[i]))
            code = add_call(&request->tools[i], i, arguments_key, all_by_schema || request->tools[i].is_strict,
                            grammar, error);
    return code;
}

/* `calls`: exactly one call of the tools asked for, in the family's syntax. */
static enum error_code add_calls(const struct call_syntax *syntax, const struct chat_request *request,
                                 struct buf *grammar, struct error *error)
{
    buf_append_text(grammar, "calls ::= ");
    if (syntax->is_forced_marked)
        add_marker(grammar, syntax->marker);
    add_literal(grammar, syntax->before);
    buf_append_text(grammar, "call ");
    add_literal(grammar, syntax->after);
    add_marker(grammar, syntax->end_marker);
    buf_append_char(grammar, '\n');
    return add_tools(request, syntax->arguments_key, true, grammar, error);
}

/* With an output schema a model may still call a tool that it was offered. */
static enum error_code write_forced(const struct call_syntax *syntax, const struct chat_request *request,
                                    struct buf *grammar, struct error *error)
{
    bool has_calls = is_forced(request) || template_shows_tools(request);
    bool has_output = !is_forced(request);
    enum error_code code = OK;
    buf_append_text(grammar, has_calls && has_output ? "root ::= calls | output\n"
                             : has_calls             ? "root ::= calls\n"
                                                     : "root ::= output\n");
    if (has_calls)
        code = add_calls(syntax, request, grammar, error);
    if (code == OK && has_output) {
        buf_append_text(grammar, "# output schema\n");
        code = json_schema_to_grammar(request->output_schema, "output", "output schema", grammar, error);
    }
    return code;
}

/* --- calls in text ------------------------------------------------------------------------------------ */

/* Llama 3: more calls may stand behind a call, with a semicolon between them or without. */
static bool has_bare_calls(const struct call_syntax *syntax)
{
    return syntax->bare[0] == '{';
}

/* Behind a marker or what opens a call without one, `first` being what is left of the first call: the others that may
 * follow, the end, and text again. A single call ends the reply, where an end marker is not missed. */
static void add_rest(const struct call_syntax *syntax, const struct chat_request *request, const char *first,
                     struct buf *grammar)
{
    buf_appendf(grammar, "%s ", first);
    if (request->is_single_call)
        return;
    if (syntax->is_array)
        buf_append_text(grammar, "(json-space \",\" json-space call)* json-space \"]\" ");
    if (syntax->end_marker[0] != '\0')
        buf_append_text(grammar, "json-space ");
    add_marker(grammar, syntax->end_marker);
    buf_append_text(grammar, has_bare_calls(syntax) ? "text-open-0" : "text");
}

/* `text`: what comes up to the marker, and the calls behind it. Number n: n bytes of the marker stand there already. */
static void add_text_rules(const struct call_syntax *syntax, const struct chat_request *request, struct buf *grammar)
{
    for (int begun = 0; begun < 3; begun++) {
        buf_appendf(grammar, begun == 0 ? "text ::= ~" : "text-%d ::= ~%d", begun, begun);
        add_marker(grammar, syntax->marker);
        buf_append_text(grammar, "marked\n");
    }
    buf_append_text(grammar, "marked ::= json-space ");
    if (syntax->is_array)
        buf_append_text(grammar, "\"[\" json-space ");
    add_rest(syntax, request, "call", grammar);
    buf_append_char(grammar, '\n');
}

/* One character class of `[^...]` or of `[...]`. */
static void add_class_byte(struct buf *grammar, char c)
{
    gbnf_code_point(grammar, (unsigned char)c);
}

/* What leads out of the opening into text: any character but those that go on with it; with a character of the
 * marker, so much of the marker has begun. Of a marker no byte but the first is found in it twice at its beginning. */
static void add_ways_to_text(const struct call_syntax *syntax, char wanted, const char *space, unsigned begun,
                             struct buf *grammar)
{
    const char first = syntax->marker[0], next = syntax->marker[begun];
    buf_append_text(grammar, "\"\" | [^");
    add_class_byte(grammar, wanted);
    add_class_byte(grammar, first);
    add_class_byte(grammar, next);
    buf_appendf(grammar, "%s] text", space);
    if (first != wanted) {
        buf_append_text(grammar, " | [");
        add_class_byte(grammar, first);
        buf_append_text(grammar, "] text-1");
    }
    if (begun > 0 && next != wanted && next != first) {
        buf_append_text(grammar, " | [");
        add_class_byte(grammar, next);
        buf_appendf(grammar, "] text-%u", begun + 1);
    }
}

/* `text-open-N`: N bytes of the opening have come; `text-open-N-s`: and white space behind them. White space may stand
 * before all but the letters of the name. */
static void add_opening_rule(const struct call_syntax *syntax, size_t at, bool behind_space, struct buf *grammar)
{
    const char wanted = syntax->bare[at];
    const bool takes_space = at == 0 || strchr("[{", syntax->bare[at - 1]) != NULL;
    const char *space = !takes_space ? "" : at == 0 && has_bare_calls(syntax) ? " \\t\\n\\r;" : " \\t\\n\\r";
    const unsigned begun = at == 1 && !behind_space && syntax->bare[0] == syntax->marker[0] ? 1 : 0;
    buf_appendf(grammar, behind_space ? "text-open-%zu-s ::= " : "text-open-%zu ::= ", at);
    add_ways_to_text(syntax, wanted, space, begun, grammar);
    if (takes_space)
        buf_appendf(grammar, " | [%s] text-open-%zu-s", space, at);
    buf_append_text(grammar, " | [");
    add_class_byte(grammar, wanted);
    if (syntax->bare[at + 1] == '\0')
        buf_append_text(grammar, "] bare\n");
    else
        buf_appendf(grammar, "] text-open-%zu\n", at + 1);
}

static void add_opening(const struct call_syntax *syntax, const struct chat_request *request, struct buf *grammar)
{
    buf_append_text(grammar, "root ::= text-open-0\n");
    for (size_t at = 0; syntax->bare[at] != '\0'; at++) {
        add_opening_rule(syntax, at, false, grammar);
        if (at == 0 || strchr("[{", syntax->bare[at - 1]) != NULL)
            add_opening_rule(syntax, at, true, grammar);
    }
    buf_append_text(grammar, "bare ::= json-space \":\" json-space ");
    add_rest(syntax, request, "named", grammar);
    buf_append_char(grammar, '\n');
}

static bool has_strict(const struct chat_request *request)
{
    for (size_t i = 0; i < request->tool_count; i++)
        if (request->tools[i].is_strict)
            return true;
    return false;
}

static enum error_code write_free(const struct call_syntax *syntax, const struct chat_request *request, bool is_strict,
                                  struct buf *grammar, struct error *error)
{
    if (syntax->bare[0] != '\0')
        add_opening(syntax, request, grammar);
    else
        buf_append_text(grammar, "root ::= text\n");
    add_text_rules(syntax, request, grammar);
    add_json_rules(grammar);
    if (is_strict)
        return add_tools(request, syntax->arguments_key, false, grammar, error);
    buf_append_text(grammar, "call ::= json-object\n"
                             "named ::= json-value json-space (\",\" json-space json-member)* \"}\"\n");
    return OK;
}

enum error_code template_grammar(const struct template_spec *spec, const struct chat_request *request,
                                 struct template_grammar *grammar, struct error *error)
{
    const struct call_syntax syntax = call_syntax(spec->family);
    const bool is_whole = is_forced(request) || request->output_schema != NULL;
    struct buf text;
    *grammar = (struct template_grammar){.text = STR("")};
    if (!is_whole && !template_shows_tools(request))
        return OK;
    buf_init(&text, limit(grammar_bytes));
    grammar->is_observed = !is_whole && !has_strict(request);
    enum error_code code = is_whole ? write_forced(&syntax, request, &text, error)
                                    : write_free(&syntax, request, !grammar->is_observed, &text, error);
    if (code == OK && text.failed)
        code = text.len + 1024 < text.max ? error_no_memory(error)
                                          : error_set(error, ERROR_INVALID, "tools: their grammar is larger than the "
                                                                            "limit grammar_bytes");
    if (code == OK && !arena_str(request->arena, buf_str(&text), &grammar->text))
        code = error_no_memory(error);
    buf_deinit(&text);
    return code;
}
