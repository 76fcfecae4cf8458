/* Replies that are to be lists of prompts: any bytes give so many texts as were wanted at most, none of them empty, or
 * one message. The first byte says how many. */
#include <assert.h>

#include "customize/variants.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct error error = {0};
    struct str texts[VARIANTS_EACH];
    size_t found = 0;
    if (size == 0)
        return 0;
    const uint32_t count = data[0] % VARIANTS_EACH + 1;
    arena_init(&arena, 0);
    const enum error_code code =
        variants_parse((struct str){(const char *)data + 1, size - 1}, count, &arena, texts, &found, &error);
    assert(code == OK ? found > 0 && found <= count : error.message[0] != '\0');
    for (size_t i = 0; code == OK && i < found; i++)
        assert(str_trim(texts[i]).len == texts[i].len && texts[i].len > 0);
    arena_deinit(&arena);
    return 0;
}
