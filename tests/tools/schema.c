/* Grammars and checks of JSON schemas, for tests that compare them with others.
 *
 *   schema grammar      each line of stdin a schema
 *   schema check        each line {"schema": ..., "text": "..."}
 *
 * Prints a line of JSON for each: {"grammar":"..."}, {"ok":true} or {"error":"..."}. */
#include <stdio.h>
#include <stdlib.h>

#include "chat/json_schema.h"
#include "chat/json_schema_check.h"
#include "core/json.h"
#include "core/limits.h"

static enum error_code answer(const char *command, yyjson_val *root, struct buf *out, struct error *error)
{
    if (strcmp(command, "check") == 0)
        return json_schema_check(yyjson_obj_get(root, "schema"), json_str(yyjson_obj_get(root, "text")), "value",
                                 error);
    return json_schema_to_grammar(root, "root", "schema", out, error);
}

static void answer_line(const char *command, struct str line)
{
    struct error error = {0};
    yyjson_doc *doc = NULL;
    struct buf grammar, out;
    buf_init(&grammar, limit(grammar_bytes));
    buf_init(&out, 4 * limit(grammar_bytes));
    enum error_code code = json_parse_exact(line, &doc, &error);
    if (code == OK)
        code = answer(command, yyjson_doc_get_root(doc), &grammar, &error);
    buf_append_text(&out, code != OK ? "{\"error\":" : grammar.len > 0 ? "{\"grammar\":" : "{\"ok\":true");
    if (code != OK || grammar.len > 0)
        buf_append_json(&out, code != OK ? str_of(error.message) : buf_str(&grammar));
    printf(STR_FMT "}\n", STR_ARG(buf_str(&out)));
    json_free(doc);
    buf_deinit(&out);
    buf_deinit(&grammar);
}

int main(int argc, char **argv)
{
    char *line = NULL;
    size_t cap = 0;
    if (argc != 2)
        return 2;
    for (ssize_t len = getline(&line, &cap, stdin); len > 0; len = getline(&line, &cap, stdin))
        answer_line(argv[1], str_trim((struct str){line, (size_t)len}));
    free(line); /* lint: allow(memory) getline's own */
    return 0;
}
