/* tokenizer.c - byte-level BPE by ranks of merges, with a table of pieces seen. Trains no vocabulary: that is bpe.c.
 * See tokenizer.h. */
#include "distill/tokenizer.h"

#include "distill/pretoken.h"
#include "engine/metadata.h"
#include "engine/model.h"

const char *const special_texts[SPECIAL_COUNT] = {
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>",
};

#define WORD_BYTES_MAX 4096 /* longer words are cut: merging is quadratic in the word */

/* --- ids -------------------------------------------------------------------------------------------- */

bool token_ids_append(struct token_ids *ids, int32_t id)
{
    void *items = ids->items;
    if (!mem_grow(&items, ids->count, &ids->cap, sizeof(*ids->items)))
        return false;
    ids->items = items;
    ids->items[ids->count++] = id;
    return true;
}

void token_ids_deinit(struct token_ids *ids)
{
    mem_free(ids->items);
    *ids = (struct token_ids){0};
}

/* --- whole words ------------------------------------------------------------------------------------ */

/* llama.cpp's "llama-bpe" takes a word that is a token before it merges anything. */
static int32_t whole_word(const struct tokenizer *tokenizer, struct str word)
{
    return tokenizer->digits == 3 ? piece_texts_find(&tokenizer->by_text, word) : NO_TOKEN;
}

/* --- building --------------------------------------------------------------------------------------- */

static bool join_texts(struct tokenizer *t, struct str left, struct str right, struct str *joined)
{
    char *text = arena_alloc(&t->arena, left.len + right.len);
    if (!text)
        return false;
    memcpy(text, left.data, left.len);
    memcpy(text + left.len, right.data, right.len);
    *joined = (struct str){text, left.len + right.len};
    return true;
}

static bool build(struct tokenizer *t, const struct token_merge *merges)
{
    t->texts = ARENA_ARRAY(&t->arena, struct str, t->count);
    t->merges = ARENA_ARRAY(&t->arena, struct token_merge, t->merge_count + 1);
    char *bytes = arena_alloc(&t->arena, TOKENIZER_BYTES);
    if (!t->texts || !t->merges || !bytes || !piece_texts_init(&t->by_text, &t->arena, t->texts, t->count) ||
        !piece_pairs_init(&t->by_pair, &t->arena, t->merge_count))
        return false;

    for (uint32_t i = 0; i < TOKENIZER_BYTES; i++) {
        bytes[i] = (char)i;
        t->texts[i] = (struct str){bytes + i, 1};
    }
    for (uint32_t i = 0; i < t->merge_count; i++) {
        t->merges[i] = merges[i];
        if (!join_texts(t, t->texts[merges[i].left], t->texts[merges[i].right], &t->texts[TOKENIZER_BYTES + i]))
            return false;
        piece_pairs_put(&t->by_pair, merges[i].left, merges[i].right, i);
    }
    for (uint32_t i = 0; i < TOKENIZER_BYTES + t->merge_count; i++)
        piece_texts_put(&t->by_text, i);
    for (uint32_t i = 0; i < SPECIAL_COUNT; i++)
        t->texts[TOKENIZER_BYTES + t->merge_count + i] = str_of(special_texts[i]);
    return true;
}

enum error_code tokenizer_new(const struct token_merge *merges, uint32_t merge_count, uint32_t digits,
                              struct tokenizer **tokenizer, struct error *error)
{
    for (uint32_t i = 0; i < merge_count; i++) {
        int32_t limit = (int32_t)(TOKENIZER_BYTES + i); /* only what came before */
        if (merges[i].left < 0 || merges[i].right < 0 || merges[i].left >= limit || merges[i].right >= limit)
            return error_set(error, ERROR_INVALID, "merge %u names a token that is not there yet", i);
    }
    struct tokenizer *t = mem_calloc(1, sizeof(*t));
    if (!t)
        return error_no_memory(error);
    arena_init(&t->arena, 0);
    t->digits = digits;
    t->merge_count = merge_count;
    t->count = TOKENIZER_BYTES + merge_count + SPECIAL_COUNT;
    if (!build(t, merges)) {
        tokenizer_free(t);
        return error_no_memory(error);
    }
    *tokenizer = t;
    return OK;
}

void tokenizer_free(struct tokenizer *tokenizer)
{
    if (!tokenizer)
        return;
    arena_deinit(&tokenizer->arena);
    model_free(tokenizer->pretrained);
    mem_free(tokenizer);
}

int32_t tokenizer_special(const struct tokenizer *tokenizer, enum special_token special)
{
    if (tokenizer->pretrained)
        return tokenizer->specials[special];
    return (int32_t)(TOKENIZER_BYTES + tokenizer->merge_count + (uint32_t)special);
}

/* --- encoding --------------------------------------------------------------------------------------- */

/* Joins, again and again, the leftmost pair of the lowest rank. Words are a
 * few bytes long, where a plain scan beats a queue. */
static size_t merge_word(const struct tokenizer *tokenizer, int32_t *ids, size_t count)
{
    for (;;) {
        uint32_t best = NO_MERGE;
        size_t at = 0;
        for (size_t i = 0; i + 1 < count; i++) {
            uint32_t rank = piece_pairs_find(&tokenizer->by_pair, ids[i], ids[i + 1]);
            if (rank < best) {
                best = rank;
                at = i;
            }
        }
        if (best == NO_MERGE)
            return count;
        ids[at] = (int32_t)(TOKENIZER_BYTES + best);
        memmove(&ids[at + 1], &ids[at + 2], (count - at - 2) * sizeof(*ids));
        count--;
    }
}

static bool encode_word(const struct tokenizer *tokenizer, struct str word, struct token_ids *ids)
{
    int32_t pieces[WORD_BYTES_MAX], whole = whole_word(tokenizer, word);
    if (whole != NO_TOKEN)
        return token_ids_append(ids, whole);
    while (word.len) {
        size_t len = word.len < WORD_BYTES_MAX ? word.len : WORD_BYTES_MAX;
        for (size_t i = 0; i < len; i++)
            pieces[i] = (uint8_t)word.data[i];
        size_t count = merge_word(tokenizer, pieces, len);
        for (size_t i = 0; i < count; i++)
            if (!token_ids_append(ids, pieces[i]))
                return false;
        word = str_slice(word, len, word.len);
    }
    return true;
}

static bool encode_plain(const struct tokenizer *tokenizer, struct str text, struct token_ids *ids)
{
    struct str word;
    while (pretoken_next(&text, &word, tokenizer->digits))
        if (!encode_word(tokenizer, word, ids))
            return false;
    return true;
}

size_t tokenizer_find_special(struct str text, bool with_template, enum special_token *special)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '<')
            continue;
        for (uint32_t s = with_template ? 0 : SPECIAL_TOOL_CALL; s < SPECIAL_COUNT; s++)
            if (str_starts(str_slice(text, i, text.len), str_of(special_texts[s]))) {
                *special = (enum special_token)s;
                return i;
            }
    }
    return text.len;
}

static bool append_pretrained(const struct model_tokens *tokens, struct token_ids *ids)
{
    for (size_t i = 0; i < tokens->count; i++)
        if (!token_ids_append(ids, tokens->items[i]))
            return false;
    return true;
}

static bool encode_pretrained(const struct model *model, struct str text, bool with_special, struct token_ids *ids)
{
    struct model_tokens tokens = {0};
    struct error error;
    const bool is_ok =
        model_tokenize(model, text, with_special, &tokens, &error) == OK && append_pretrained(&tokens, ids);
    model_tokens_deinit(&tokens);
    return is_ok;
}

bool tokenizer_begin(const struct tokenizer *tokenizer, struct token_ids *ids)
{
    struct model_tokens tokens = {0};
    struct error error;
    if (!tokenizer->pretrained)
        return true;
    const bool is_ok =
        model_tokenize_begin(tokenizer->pretrained, &tokens, &error) == OK && append_pretrained(&tokens, ids);
    model_tokens_deinit(&tokens);
    return is_ok;
}

bool tokenizer_encode(const struct tokenizer *tokenizer, struct str text, bool with_special, struct token_ids *ids)
{
    if (tokenizer->pretrained)
        return encode_pretrained(tokenizer->pretrained, text, with_special, ids);
    while (text.len) {
        enum special_token special = SPECIAL_END_OF_TEXT;
        size_t at = tokenizer_find_special(text, with_special, &special);
        if (!encode_plain(tokenizer, str_slice(text, 0, at), ids))
            return false;
        if (at == text.len)
            return true;
        if (!token_ids_append(ids, tokenizer_special(tokenizer, special)))
            return false;
        text = str_slice(text, at + strlen(special_texts[special]), text.len);
    }
    return true;
}

bool tokenizer_decode(const struct tokenizer *tokenizer, const int32_t *ids, size_t count, struct buf *text)
{
    const struct str *texts =
        tokenizer->pretrained ? model_vocabulary(tokenizer->pretrained)->pieces : tokenizer->texts;
    for (size_t i = 0; i < count; i++)
        if (!buf_append_str(text, texts[ids[i]]))
            return false;
    return true;
}

/* --- spelling in GGUF files ------------------------------------------------------------------------- */

/* Printable bytes stand for themselves, the others for U+0100 and up, in order
 * (openai/gpt-2, encoder.py, bytes_to_unicode). */
static uint32_t byte_spelling(uint8_t byte)
{
    uint32_t below = 0; /* unprintable bytes before this one */
    for (uint32_t b = 0; b <= byte; b++) {
        bool is_printable = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
        if (b == byte)
            return is_printable ? b : 0x100 + below;
        below += !is_printable;
    }
    return byte;
}

bool tokenizer_spell(struct str bytes, struct buf *text)
{
    bool is_ok = true;
    for (size_t i = 0; i < bytes.len; i++) {
        uint32_t c = byte_spelling((uint8_t)bytes.data[i]);
        if (c < 0x80)
            is_ok = buf_append_char(text, (char)c);
        else
            is_ok = buf_append_char(text, (char)(0xc0 | c >> 6)) && buf_append_char(text, (char)(0x80 | (c & 0x3f)));
    }
    return is_ok;
}

/* --- loading ---------------------------------------------------------------------------------------- */

/* Ids follow from the merges alone, so they are read back by spelling every
 * token that stands so far and finding both halves among them. */
static int32_t find_spelled(char *const *spelled, uint32_t count, struct str half)
{
    for (uint32_t i = 0; i < count; i++)
        if (str_eq(str_of(spelled[i]), half))
            return (int32_t)i;
    return -1;
}

static enum error_code read_merges(struct gguf_context *gguf, const char *path, struct arena *arena,
                                   struct token_merge **merges, uint32_t *merge_count, struct error *error)
{
    const int64_t tokens_key = metadata_find_list(gguf, "tokenizer.ggml.tokens", GGUF_TYPE_STRING);
    const int64_t merges_key = metadata_find_list(gguf, "tokenizer.ggml.merges", GGUF_TYPE_STRING);
    if (tokens_key < 0 || merges_key < 0)
        return error_set(error, ERROR_INVALID, "%s: no byte-level BPE tokenizer in it", path);
    uint32_t tokens = (uint32_t)gguf_get_arr_n(gguf, tokens_key), count = (uint32_t)gguf_get_arr_n(gguf, merges_key);
    if (tokens != TOKENIZER_BYTES + count + SPECIAL_COUNT)
        return error_set(error, ERROR_INVALID, "%s: its tokenizer was not made by fulcrum train", path);

    char **spelled = ARENA_ARRAY(arena, char *, tokens);
    *merges = ARENA_ARRAY(arena, struct token_merge, count + 1);
    if (!spelled || !*merges)
        return error_no_memory(error);
    for (uint32_t i = 0; i < tokens; i++)
        spelled[i] = arena_strdup(arena, str_of(gguf_get_arr_str(gguf, tokens_key, i)));
    for (uint32_t i = 0; i < count; i++) {
        struct str right = str_of(gguf_get_arr_str(gguf, merges_key, i)), left;
        if (!str_split(&right, ' ', &left))
            left = right;
        (*merges)[i].left = find_spelled(spelled, TOKENIZER_BYTES + i, left);
        (*merges)[i].right = find_spelled(spelled, TOKENIZER_BYTES + i, right);
    }
    *merge_count = count;
    return OK;
}

static uint32_t digits_of(const struct gguf_context *gguf)
{
    return strcmp(metadata_text(gguf, "tokenizer.ggml.pre"), PRETOKEN_NAME(3)) == 0 ? 3 : 1;
}

enum error_code tokenizer_load(const char *path, struct tokenizer **tokenizer, struct error *error)
{
    struct gguf_context *gguf = gguf_init_from_file(path, (struct gguf_init_params){.no_alloc = true});
    if (!gguf)
        return error_set(error, ERROR_INVALID, "%s: not a readable GGUF file", path);
    struct arena arena;
    struct token_merge *merges = NULL;
    uint32_t count = 0;
    arena_init(&arena, 0);
    enum error_code code = read_merges(gguf, path, &arena, &merges, &count, error);
    if (code == OK)
        code = tokenizer_new(merges, count, digits_of(gguf), tokenizer, error);
    if (code == ERROR_INVALID)
        code = error_prefix(error, "%s", path);
    arena_deinit(&arena);
    gguf_free(gguf);
    return code;
}

/* Rows are rendered by ChatML, so a vocabulary must be able to write it. */
static enum error_code find_markers(struct tokenizer *tokenizer, const char *path, struct error *error)
{
    struct model_tokens tokens = {0};
    enum error_code code = OK;
    for (uint32_t i = 0; !code && i < SPECIAL_COUNT; i++) {
        tokens.count = 0;
        code = model_tokenize(tokenizer->pretrained, str_of(special_texts[i]), true, &tokens, error);
        tokenizer->specials[i] = tokens.count == 1 ? tokens.items[0] : NO_TOKEN;
    }
    model_tokens_deinit(&tokens);
    if (code)
        return code;
    if (tokenizer_special(tokenizer, SPECIAL_IM_START) < 0 || tokenizer_special(tokenizer, SPECIAL_IM_END) < 0)
        return error_set(error, ERROR_INVALID, "%s: its vocabulary has no %s and %s, and rows are written in ChatML",
                         path, special_texts[SPECIAL_IM_START], special_texts[SPECIAL_IM_END]);
    return OK;
}

enum error_code tokenizer_load_pretrained(const char *path, struct tokenizer **tokenizer, struct error *error)
{
    struct tokenizer *t = mem_calloc(1, sizeof(*t));
    if (!t)
        return error_no_memory(error);
    arena_init(&t->arena, 0);
    enum error_code code = model_load_vocabulary(path, &t->pretrained, error);
    if (!code) {
        t->count = model_facts(t->pretrained)->vocabulary;
        code = find_markers(t, path, error);
    }
    if (code) {
        tokenizer_free(t);
        return code;
    }
    *tokenizer = t;
    return OK;
}
