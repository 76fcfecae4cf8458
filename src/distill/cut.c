/* cut.c - chooses tokens that stay, with what their merges go through, and writes them down. Counts no uses. See
 * cut.h. */
#include "distill/cut.h"

#include <stdlib.h>

#include "core/str.h"
#include "distill/pieces.h"
#include "engine/metadata.h"

/* llama.cpp's numbers, enum llama_token_type; the others are tokens that no merge makes, and bytes. */
enum { TYPE_UNDEFINED = 0, TYPE_NORMAL = 1, TYPE_UNUSED = 5 };

#define KEY(name) "tokenizer.ggml." name

/* Tokens that are joined, and what into. */
struct merge {
    int32_t left, right, result;
};

/* The old vocabulary, in tables. */
struct source {
    const struct gguf_context *gguf;
    struct arena *arena;
    struct str *texts; /* (count) as they are spelled in the file */
    uint32_t count;
    size_t longest;       /* of the texts */
    const int32_t *types; /* (count); NULL: all are normal */
    const float *scores;  /* (count) the higher, the earlier joined; NULL: by rank */
    uint32_t merge_count;
    struct merge *merges; /* (merge_count) by rank; NULL: pieces are joined by score */
    struct piece_texts by_text;
    struct piece_pairs by_pair;
};

/* --- tables ----------------------------------------------------------------------------------------- */

uint32_t cut_tokens(const struct gguf_context *gguf)
{
    const int64_t at = metadata_find_list(gguf, KEY("tokens"), GGUF_TYPE_STRING);
    return at < 0 ? 0 : (uint32_t)gguf_get_arr_n(gguf, at);
}

/* Per-token numbers, which must be there for every token if they are. */
static const void *numbers_of(const struct source *source, const char *key, enum gguf_type type)
{
    const int64_t at = metadata_find_list(source->gguf, key, type);
    return at >= 0 && gguf_get_arr_n(source->gguf, at) >= source->count ? gguf_get_arr_data(source->gguf, at) : NULL;
}

static enum error_code read_tokens(struct source *source, struct error *error)
{
    const int64_t at = metadata_find_list(source->gguf, KEY("tokens"), GGUF_TYPE_STRING);
    source->count = cut_tokens(source->gguf);
    source->texts = ARENA_ARRAY(source->arena, struct str, source->count + 1);
    source->types = numbers_of(source, KEY("token_type"), GGUF_TYPE_INT32);
    if (!source->texts || !piece_texts_init(&source->by_text, source->arena, source->texts, source->count))
        return error_no_memory(error);
    for (uint32_t i = 0; i < source->count; i++) {
        source->texts[i] = str_of(gguf_get_arr_str(source->gguf, at, i));
        source->longest = source->texts[i].len > source->longest ? source->texts[i].len : source->longest;
        piece_texts_put(&source->by_text, i); /* the last of several that are spelled the same */
    }
    return OK;
}

/* "left right"; a token may begin with the space that parts them elsewhere. */
static bool split_merge(struct str text, struct str *left, struct str *right)
{
    const ptrdiff_t at = str_find_char(text, ' ', 1);
    if (at < 0)
        return false;
    *left = str_slice(text, 0, (size_t)at);
    *right = str_slice(text, (size_t)at + 1, text.len);
    return true;
}

/* What it makes, in `joined`, which has room for it. */
static int32_t find_joined(const struct source *source, struct str left, struct str right, char *joined)
{
    memcpy(joined, left.data, left.len);
    memcpy(joined + left.len, right.data, right.len);
    return piece_texts_find(&source->by_text, (struct str){joined, left.len + right.len});
}

static enum error_code read_merge(struct source *source, int64_t key, uint32_t rank, char *joined, struct error *error)
{
    const struct str text = str_of(gguf_get_arr_str(source->gguf, key, rank));
    struct str left = {0}, right = {0};
    int32_t result = NO_TOKEN;
    const bool is_split = split_merge(text, &left, &right);
    if (is_split && text.len <= source->longest + 1)
        result = find_joined(source, left, right, joined);
    const struct merge merge = {piece_texts_find(&source->by_text, left), piece_texts_find(&source->by_text, right),
                                result};
    if (result == NO_TOKEN || merge.left == NO_TOKEN || merge.right == NO_TOKEN)
        return error_set(error, ERROR_INVALID,
                         "its vocabulary can't be cut: merge %u ('%.40s') is of pieces that are no tokens", rank,
                         text.data);
    source->merges[rank] = merge;
    piece_pairs_put(&source->by_pair, merge.left, merge.right, rank);
    return OK;
}

static enum error_code read_merges(struct source *source, struct error *error)
{
    const int64_t key = metadata_find_list(source->gguf, KEY("merges"), GGUF_TYPE_STRING);
    if (key < 0)
        return error_set(error, ERROR_INVALID, "its vocabulary can't be cut: it has no merges");
    source->merge_count = (uint32_t)gguf_get_arr_n(source->gguf, key);
    source->merges = ARENA_ARRAY(source->arena, struct merge, source->merge_count + 1);
    char *joined = arena_alloc(source->arena, source->longest + 1);
    if (!source->merges || !joined || !piece_pairs_init(&source->by_pair, source->arena, source->merge_count))
        return error_no_memory(error);
    enum error_code code = OK;
    for (uint32_t i = 0; code == OK && i < source->merge_count; i++)
        code = read_merge(source, key, i, joined, error);
    return code;
}

static enum error_code open_source(struct source *source, struct error *error)
{
    const char *model = metadata_text(source->gguf, KEY("model"));
    if (read_tokens(source, error) != OK)
        return error->code;
    if (strcmp(model, "gpt2") == 0)
        return read_merges(source, error);
    source->scores = numbers_of(source, KEY("scores"), GGUF_TYPE_FLOAT32);
    if (strcmp(model, "llama") == 0 && source->scores)
        return OK;
    return error_set(error, ERROR_INVALID, "its vocabulary can't be cut: it is of the kind '%.40s', not gpt2 or llama",
                     model);
}

/* --- what a token's merges go through --------------------------------------------------------------- */

/* Scratch for one token at a time. */
struct parts {
    struct str *pieces; /* (longest) what is left to join, side by side */
    size_t piece_count;
    int32_t *made;      /* (longest) what was joined */
    size_t made_count;
};

/* A character is what merging begins with. */
static size_t character_len(struct str text)
{
    const unsigned char lead = (unsigned char)text.data[0];
    const size_t len = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    return len < text.len ? len : text.len;
}

/* Whether two neighbours can be joined, what into, and when: the least `turn` first. */
static bool find_join(const struct source *source, struct str left, struct str right, double *turn, int32_t *result)
{
    if (source->scores) {
        *result = piece_texts_find(&source->by_text, (struct str){left.data, left.len + right.len});
        *turn = *result == NO_TOKEN ? 0.0 : -(double)source->scores[*result];
        return *result != NO_TOKEN;
    }
    const uint32_t rank = piece_pairs_find(&source->by_pair, piece_texts_find(&source->by_text, left),
                                           piece_texts_find(&source->by_text, right));
    if (rank == NO_MERGE)
        return false;
    *turn = rank;
    *result = source->merges[rank].result;
    return true;
}

static bool join_next(const struct source *source, struct parts *parts)
{
    size_t best = SIZE_MAX;
    double best_turn = 0.0, turn;
    int32_t best_result = NO_TOKEN, result;
    for (size_t i = 0; i + 1 < parts->piece_count; i++)
        if (find_join(source, parts->pieces[i], parts->pieces[i + 1], &turn, &result) &&
            (best == SIZE_MAX || turn < best_turn)) {
            best = i;
            best_turn = turn;
            best_result = result;
        }
    if (best == SIZE_MAX)
        return false;
    parts->pieces[best].len += parts->pieces[best + 1].len;
    memmove(&parts->pieces[best + 1], &parts->pieces[best + 2],
            (parts->piece_count - best - 2) * sizeof(*parts->pieces));
    parts->piece_count--;
    parts->made[parts->made_count++] = best_result;
    return true;
}

/* Merges of a text never reach across the tokens that it comes to, so inside each they are those of the token alone.
 * What merges can't make (a word that is taken whole, a marker) has no parts. */
static void find_parts(const struct source *source, int32_t token, struct parts *parts)
{
    struct str rest = source->texts[token];
    parts->piece_count = parts->made_count = 0;
    while (rest.len > 0) {
        const size_t len = character_len(rest);
        parts->pieces[parts->piece_count++] = str_slice(rest, 0, len);
        rest = str_slice(rest, len, rest.len);
    }
    while (join_next(source, parts))
        continue;
    if (parts->piece_count != 1)
        parts->made_count = 0;
}

/* --- choosing --------------------------------------------------------------------------------------- */

struct choice {
    const struct source *source;
    struct parts parts;
    bool *is_kept; /* (source->count) */
    uint32_t count, most;
};

static void add(struct choice *choice, int32_t token)
{
    choice->count += !choice->is_kept[token];
    choice->is_kept[token] = true;
}

/* With its parts, if there is room for all of them. */
static void add_whole(struct choice *choice, int32_t token)
{
    uint32_t missing = 1;
    if (choice->is_kept[token] || choice->count >= choice->most)
        return;
    find_parts(choice->source, token, &choice->parts);
    for (size_t i = 0; i < choice->parts.made_count; i++)
        missing += choice->parts.made[i] != token && !choice->is_kept[choice->parts.made[i]];
    if (missing > choice->most - choice->count)
        return;
    for (size_t i = 0; i < choice->parts.made_count; i++)
        add(choice, choice->parts.made[i]);
    add(choice, token);
}

static int32_t type_of(const struct source *source, uint32_t token)
{
    return source->types ? source->types[token] : TYPE_NORMAL;
}

/* What SentencePiece writes for a space; as bytes it would be read as this very character. */
#define SPACE STR("\xe2\x96\x81")

/* Byte-level BPE spells each byte as a character; the other kind has tokens of a type of their own for them. */
static bool must_stay(const struct source *source, uint32_t token)
{
    const int32_t type = type_of(source, token);
    if (type != TYPE_NORMAL && type != TYPE_UNUSED && type != TYPE_UNDEFINED)
        return true;
    const struct str text = source->texts[token];
    return source->scores ? str_eq(text, SPACE) : text.len > 0 && character_len(text) == text.len;
}

/* The number of a token, by its key. */
static bool names_token(const struct gguf_context *gguf, int64_t at, uint32_t count, uint32_t *token)
{
    const struct str key = str_of(gguf_get_key(gguf, at));
    if (!str_starts(key, STR(KEY(""))) || !str_ends(key, STR("_token_id")) ||
        gguf_get_kv_type(gguf, at) != GGUF_TYPE_UINT32)
        return false;
    *token = gguf_get_val_u32(gguf, at);
    return *token < count;
}

static void add_fixed(struct choice *choice)
{
    const struct source *source = choice->source;
    uint32_t token;
    for (int64_t i = 0; i < gguf_get_n_kv(source->gguf); i++)
        if (names_token(source->gguf, i, source->count, &token))
            add(choice, (int32_t)token);
    for (uint32_t i = 0; i < source->count; i++)
        if (must_stay(source, i))
            add(choice, (int32_t)i);
}

struct use {
    uint64_t uses;
    int32_t token;
};

static int compare_uses(const void *a, const void *b)
{
    const struct use *left = a, *right = b;
    if (left->uses != right->uses)
        return left->uses > right->uses ? -1 : 1;
    return left->token < right->token ? -1 : 1;
}

/* Tokens that are only there to fill a table are the last to be taken. */
static enum error_code add_used(struct choice *choice, const uint64_t *uses, struct error *error)
{
    const struct source *source = choice->source;
    struct use *order = ARENA_ARRAY(source->arena, struct use, source->count + 1);
    if (!order)
        return error_no_memory(error);
    for (uint32_t i = 0; i < source->count; i++)
        order[i] = (struct use){type_of(source, i) == TYPE_UNUSED ? 0 : uses[i] + 1, (int32_t)i};
    qsort(order, source->count, sizeof(*order), compare_uses);
    for (uint32_t i = 0; i < source->count; i++)
        add_whole(choice, order[i].token);
    return OK;
}

static enum error_code note_kept(const struct choice *choice, struct cut *cut, struct error *error)
{
    cut->count = 0;
    cut->old_count = choice->source->count;
    cut->kept = ARENA_ARRAY(&cut->arena, int32_t, choice->count + 1);
    cut->fresh = ARENA_ARRAY(&cut->arena, int32_t, cut->old_count + 1);
    if (!cut->kept || !cut->fresh)
        return error_no_memory(error);
    for (uint32_t i = 0; i < cut->old_count; i++) {
        cut->fresh[i] = choice->is_kept[i] ? (int32_t)cut->count : NO_TOKEN;
        if (choice->is_kept[i])
            cut->kept[cut->count++] = (int32_t)i;
    }
    return OK;
}

/* Those between tokens that stay, into one that does. */
static enum error_code note_merges(const struct choice *choice, struct cut *cut, struct error *error)
{
    const struct source *source = choice->source;
    if (!source->merges)
        return OK;
    cut->merges = ARENA_ARRAY(&cut->arena, uint32_t, source->merge_count + 1);
    if (!cut->merges)
        return error_no_memory(error);
    for (uint32_t i = 0; i < source->merge_count; i++)
        if (choice->is_kept[source->merges[i].left] && choice->is_kept[source->merges[i].right] &&
            choice->is_kept[source->merges[i].result])
            cut->merges[cut->merge_count++] = i;
    return OK;
}

static enum error_code choose(struct choice *choice, const uint64_t *uses, struct cut *cut, struct error *error)
{
    const struct source *source = choice->source;
    choice->is_kept = ARENA_ARRAY(source->arena, bool, source->count + 1);
    choice->parts.pieces = ARENA_ARRAY(source->arena, struct str, source->longest + 1);
    choice->parts.made = ARENA_ARRAY(source->arena, int32_t, source->longest + 1);
    if (!choice->is_kept || !choice->parts.pieces || !choice->parts.made)
        return error_no_memory(error);
    add_fixed(choice);
    if (choice->count > choice->most)
        return error_set(error, ERROR_INVALID,
                         "its vocabulary can't be cut to %u tokens: bytes and markers alone are %u", choice->most,
                         choice->count);
    enum error_code code = add_used(choice, uses, error);
    if (code == OK)
        code = note_kept(choice, cut, error);
    return code == OK ? note_merges(choice, cut, error) : code;
}

enum error_code cut_choose(const struct gguf_context *gguf, const uint64_t *uses, uint32_t most, struct cut *cut,
                           struct error *error)
{
    struct arena arena;
    struct source source = {.gguf = gguf, .arena = &arena};
    struct choice choice = {.source = &source, .most = most};
    *cut = (struct cut){.from = gguf};
    arena_init(&arena, 0);
    arena_init(&cut->arena, 0);
    enum error_code code = open_source(&source, error);
    if (code == OK)
        code = choose(&choice, uses, cut, error);
    arena_deinit(&arena);
    if (code != OK)
        cut_deinit(cut);
    return code;
}

void cut_deinit(struct cut *cut)
{
    arena_deinit(&cut->arena);
    *cut = (struct cut){0};
}

/* --- writing ---------------------------------------------------------------------------------------- */

static bool put_tokens(const struct cut *cut, struct gguf_context *gguf, struct arena *arena)
{
    const int64_t at = gguf_find_key(cut->from, KEY("tokens"));
    const char **texts = ARENA_ARRAY(arena, const char *, cut->count + 1);
    if (!texts)
        return false;
    for (uint32_t i = 0; i < cut->count; i++)
        texts[i] = gguf_get_arr_str(cut->from, at, (size_t)cut->kept[i]);
    gguf_set_arr_str(gguf, KEY("tokens"), texts, cut->count);
    return true;
}

/* Types or scores: four bytes a token. */
static bool put_numbers(const struct cut *cut, const char *key, struct gguf_context *gguf, struct arena *arena)
{
    const int64_t at = gguf_find_key(cut->from, key);
    if (at < 0 || gguf_get_kv_type(cut->from, at) != GGUF_TYPE_ARRAY || gguf_get_arr_n(cut->from, at) < cut->old_count)
        return true;
    const enum gguf_type type = gguf_get_arr_type(cut->from, at);
    if (type != GGUF_TYPE_INT32 && type != GGUF_TYPE_FLOAT32)
        return true;
    const uint32_t *old = gguf_get_arr_data(cut->from, at);
    uint32_t *numbers = ARENA_ARRAY(arena, uint32_t, cut->count + 1);
    if (!numbers)
        return false;
    for (uint32_t i = 0; i < cut->count; i++)
        numbers[i] = old[cut->kept[i]];
    gguf_set_arr_data(gguf, key, type, numbers, cut->count);
    return true;
}

static bool put_merges(const struct cut *cut, struct gguf_context *gguf, struct arena *arena)
{
    const int64_t at = metadata_find_list(cut->from, KEY("merges"), GGUF_TYPE_STRING);
    if (at < 0)
        return true;
    if (!cut->merges) { /* nobody reads them where pieces are joined by score */
        gguf_remove_key(gguf, KEY("merges"));
        return true;
    }
    const char **merges = ARENA_ARRAY(arena, const char *, cut->merge_count + 1);
    for (uint32_t i = 0; merges && i < cut->merge_count; i++)
        merges[i] = gguf_get_arr_str(cut->from, at, cut->merges[i]);
    if (merges)
        gguf_set_arr_str(gguf, KEY("merges"), merges, cut->merge_count);
    return merges != NULL;
}

/* Tokens that are never to be chosen, as far as they are still there. */
static bool put_suppressed(const struct cut *cut, struct gguf_context *gguf, struct arena *arena)
{
    const int64_t at = metadata_find_list(cut->from, KEY("suppress_tokens"), GGUF_TYPE_INT32);
    if (at < 0)
        return true;
    const size_t old_count = gguf_get_arr_n(cut->from, at);
    const int32_t *old = gguf_get_arr_data(cut->from, at);
    int32_t *tokens = ARENA_ARRAY(arena, int32_t, old_count + 1);
    size_t count = 0;
    for (size_t i = 0; tokens && i < old_count; i++)
        if (old[i] >= 0 && (uint32_t)old[i] < cut->old_count && cut->fresh[old[i]] >= 0)
            tokens[count++] = cut->fresh[old[i]];
    if (tokens)
        gguf_set_arr_data(gguf, KEY("suppress_tokens"), GGUF_TYPE_INT32, tokens, count);
    return tokens != NULL;
}

enum error_code cut_put(const struct cut *cut, struct gguf_context *gguf, struct error *error)
{
    struct arena arena;
    uint32_t token;
    arena_init(&arena, 0);
    const bool is_ok = put_tokens(cut, gguf, &arena) && put_numbers(cut, KEY("token_type"), gguf, &arena) &&
                       put_numbers(cut, KEY("scores"), gguf, &arena) && put_merges(cut, gguf, &arena) &&
                       put_suppressed(cut, gguf, &arena);
    for (int64_t i = 0; is_ok && i < gguf_get_n_kv(cut->from); i++)
        if (names_token(cut->from, i, cut->old_count, &token))
            gguf_set_val_u32(gguf, gguf_get_key(cut->from, i), (uint32_t)cut->fresh[token]);
    gguf_remove_key(gguf, "tokenizer.huggingface.json"); /* the old vocabulary once more */
    arena_deinit(&arena);
    return is_ok ? OK : error_no_memory(error);
}
