/* JSON schemas: any JSON gives a grammar whose rules are all defined and all
 * begin with the root's name, or one message. A value holds to it or not. */
#include <assert.h>
#include <stdint.h>

#include "chat/json_schema.h"
#include "chat/json_schema_check.h"
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

#define VALUE                                                                                                          \
    STR("{\"k\":\"a\",\"n\":0.15,\"x-a\":null,\"b_id\":[1,\"a\",\"a\",1.10,18446744073709551617,{\"next\":null}]}")

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf grammar;
    struct error error = {0};
    yyjson_doc *doc = NULL;
    if (json_parse_exact((struct str){(const char *)data, size}, &doc, &error) != OK)
        return 0;
    error = (struct error){0};
    buf_init(&grammar, limit(grammar_bytes));
    if (json_schema_to_grammar(yyjson_doc_get_root(doc), "root", "schema", &grammar, &error) == OK)
        check_grammar(buf_str(&grammar));
    else
        assert(error.code == ERROR_INVALID && str_starts(str_of(error.message), STR("schema")));
    buf_deinit(&grammar);
    enum error_code code = json_schema_check(yyjson_doc_get_root(doc), VALUE, "value", &error);
    assert(code == OK || code == ERROR_MODEL);
    json_free(doc);
    return 0;
}
