/* JSON schemas: any JSON gives a grammar whose rules are all defined and all
 * begin with the root's name, or one message. */
#include <assert.h>
#include <stdint.h>

#include "chat/json_schema.h"
#include "core/json.h"
#include "core/limits.h"

/* A name at the front of `line`, up to a byte that no name holds. */
static struct str leading_name(struct str line)
{
    size_t len = 0;
    while (len < line.len && ((line.data[len] >= 'a' && line.data[len] <= 'z') || line.data[len] == '-' ||
                              (line.data[len] >= '0' && line.data[len] <= '9')))
        len++;
    return str_slice(line, 0, len);
}

static void check_grammar(struct str grammar)
{
    struct str rest = grammar, line;
    bool has_root = false;
    assert(grammar.len < 1 || grammar.data[grammar.len - 1] == '\n');
    while (rest.len > 0 && str_split(&rest, '\n', &line)) {
        struct str name = leading_name(line);
        assert(str_starts(name, STR("root")));
        assert(str_starts(str_slice(line, name.len, line.len), STR(" ::= ")));
        has_root = has_root || str_eq(name, STR("root"));
    }
    assert(has_root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf grammar;
    struct error error = {0};
    yyjson_doc *doc = NULL;
    if (json_parse((struct str){(const char *)data, size}, &doc, &error) != OK)
        return 0;
    error = (struct error){0};
    buf_init(&grammar, limit(grammar_bytes));
    if (json_schema_to_grammar(yyjson_doc_get_root(doc), "root", "schema", &grammar, &error) == OK)
        check_grammar(buf_str(&grammar));
    else
        assert(error.code == ERROR_INVALID && str_starts(str_of(error.message), STR("schema")));
    buf_deinit(&grammar);
    json_free(doc);
    return 0;
}
