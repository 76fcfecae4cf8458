#include <stdio.h>

#include "chat/gbnf.h"
#include "chat/json_schema.h"
#include "chat/template_family.h"
#include "core/limits.h"

/* What the families write around a call. The parts are JSON with the spaces
 * that templates print, so the forced text is what the model would write. */
struct call_syntax {
    const char *before, *arguments_key, *after;
};

static struct call_syntax call_syntax(enum template_family family)
{
    switch (family) {
    case TEMPLATE_LLAMA3:
        return (struct call_syntax){"", "parameters", ""};
    case TEMPLATE_MISTRAL:
        return (struct call_syntax){"[TOOL_CALLS][", "arguments", "]"};
    case TEMPLATE_CHATML:
    case TEMPLATE_GEMMA:
    case TEMPLATE_GENERIC:
        break;
    }
    return (struct call_syntax){"<tool_call>\n", "arguments", "\n</tool_call>"};
}

/* `call-N ::= "{"name": "N", "arguments": " args-N "}"` and the rules of its arguments. */
static enum error_code add_call(const struct chat_tool *tool, size_t number, const char *arguments_key,
                                struct buf *grammar, struct error *error)
{
    char root_name[32], where[96];
    struct buf opening;
    snprintf(root_name, sizeof(root_name), "args-%zu", number);
    snprintf(where, sizeof(where), "tools[%zu] (%.*s)", number, tool->name.len < 64 ? (int)tool->name.len : 64,
             tool->name.data);
    buf_init(&opening, limit(grammar_bytes));
    buf_append_text(&opening, "{\"name\": ");
    buf_append_json(&opening, tool->name);
    buf_appendf(&opening, ", \"%s\": ", arguments_key);
    buf_appendf(grammar, "call-%zu ::= ", number);
    gbnf_literal(grammar, buf_str(&opening));
    buf_appendf(grammar, " %s \"}\"\n", root_name);
    if (opening.failed)
        grammar->failed = true;
    buf_deinit(&opening);
    return json_schema_to_grammar(tool->schema, root_name, where, grammar, error);
}

static bool is_asked_for(const struct chat_request *request, const struct chat_tool *tool)
{
    return request->tool_choice != CHAT_TOOL_NAMED || str_eq(tool->name, request->tool_choice_name);
}

/* `calls`: exactly one call of the tools asked for, in the family's syntax. */
static enum error_code add_calls(enum template_family family, const struct chat_request *request,
                                 struct buf *grammar, struct error *error)
{
    struct call_syntax syntax = call_syntax(family);
    const char *separator = " (";
    buf_append_text(grammar, "calls ::= ");
    gbnf_literal(grammar, str_of(syntax.before));
    for (size_t i = 0; i < request->tool_count; i++) {
        if (!is_asked_for(request, &request->tools[i]))
            continue;
        buf_appendf(grammar, "%scall-%zu", separator, i);
        separator = " | ";
    }
    buf_append_text(grammar, ") ");
    gbnf_literal(grammar, str_of(syntax.after));
    buf_append_char(grammar, '\n');
    for (size_t i = 0; i < request->tool_count; i++) {
        enum error_code code = OK;
        if (is_asked_for(request, &request->tools[i]))
            code = add_call(&request->tools[i], i, syntax.arguments_key, grammar, error);
        if (code != OK)
            return code;
    }
    return OK;
}

static bool is_forced(const struct chat_request *request)
{
    return request->tool_choice == CHAT_TOOL_ANY || request->tool_choice == CHAT_TOOL_NAMED;
}

/* With an output schema a model may still call a tool that it was offered. */
static enum error_code write_grammar(enum template_family family, const struct chat_request *request,
                                     struct buf *grammar, struct error *error)
{
    bool has_calls = is_forced(request) || template_shows_tools(request);
    bool has_output = !is_forced(request);
    enum error_code code = OK;
    buf_append_text(grammar, has_calls && has_output ? "root ::= calls | output\n"
                             : has_calls             ? "root ::= calls\n"
                                                     : "root ::= output\n");
    if (has_calls)
        code = add_calls(family, request, grammar, error);
    if (code == OK && has_output)
        code = json_schema_to_grammar(request->output_schema, "output", "output schema", grammar, error);
    return code;
}

enum error_code template_grammar(const struct template_spec *spec, const struct chat_request *request,
                                 struct str *grammar, struct error *error)
{
    struct buf text;
    *grammar = STR("");
    if (!is_forced(request) && request->output_schema == NULL)
        return OK;
    buf_init(&text, limit(grammar_bytes));
    enum error_code code = write_grammar(spec->family, request, &text, error);
    if (code == OK && text.failed)
        code = text.len + 1024 < text.max ? error_no_memory(error)
                                          : error_set(error, ERROR_INVALID, "tools: their grammar is larger than the "
                                                                            "limit grammar_bytes");
    if (code == OK && !arena_str(request->arena, buf_str(&text), grammar))
        code = error_no_memory(error);
    buf_deinit(&text);
    return code;
}
