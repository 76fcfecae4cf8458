/* features.c - see features.h. One pass over the characters finds words and counts signs (script.h); a second finds
 * lists of choices (lines.h). Hashes are part of the file format: a change here needs a new version (weights.h). */
#include "route/features.h"

#include <math.h>
#include <string.h>

#include "route/lines.h"
#include "route/script.h"

#define WORD_MAX 48       /* bytes of a word that are hashed */
#define LONG_WORD 9
#define SHORT_WORD 3
#define APOSTROPHE 0x2019 /* as a quotation mark it has a partner that counts */
#define LATIN_END 0x250
#define LOOKED_UP 256
#define PIECE 4 /* characters */
/* Of the demand of a prompt, in letters. */
#define SIGN_LETTERS 4
#define ITEM_LETTERS 20
#define THING_LETTERS 200 /* a document, an image, the result of a tool */

enum built {
    LETTERS, WORDS, SENTENCES, SENTENCE_LETTERS, CLAUSES, SENTENCE_CLAUSES, QUESTIONS, ENDS_ASKING, LINES,
    ITEMS, ITEM_MEAN, ITEM_MAX, ITEM_MIN, ITEM_SPREAD, ITEMS_NUMERIC, ITEMS_ALIKE, BEFORE_ITEMS, DIALOGUE,
    DIGITS, DIGIT_SHARE, NUMBERS, NUMBER_SHARE, CAPITAL_SHARE, CAPITAL_WORDS, SHOUTED_WORDS, SIGNS, SIGN_SHARE,
    MARK_SHARE, BRACES, BACKTICKS, BLANKS, QUOTES, PARENTHESES, COLONS, WORD_LETTERS, WORD_LONGEST, DISTINCT,
    LONG_SHARE, SHORT_SHARE, CJK_SHARE, ACCENTED_SHARE, OTHER_SCRIPT_SHARE, SYSTEM_LETTERS, SYSTEM_LINES,
    SYSTEM_DIGITS, SYSTEM_KNOWN, HISTORY, TURNS, TOOLS, DOCUMENTS, IMAGES, JSON_OUTPUT, DEMAND,
    BUILT_COUNT
};
_Static_assert(BUILT_COUNT == FEATURES_BUILT, "features.h says how many there are");

const char *features_built_name(size_t index)
{
    static const char *const names[FEATURES_BUILT] = {
        "letters", "words", "sentences", "letters a sentence", "clauses", "clauses a sentence", "questions",
        "ends asking", "lines", "choices", "choice length", "longest choice", "shortest choice",
        "spread of choices", "numeric choices", "choices alike", "letters before choices", "lines of dialogue",
        "digits", "share of digits", "numbers", "share of numbers", "share of capitals", "capital words",
        "words in capitals", "signs", "share of signs", "share of marks", "braces", "backticks", "blanks", "quotes",
        "parentheses", "colons", "letters a word", "longest word", "distinct words", "long words", "short words",
        "share of CJK", "share of accented", "share of other scripts", "letters of system", "lines of system",
        "digits of system", "words known from system", "history", "turns", "tools", "documents", "images",
        "JSON output", "demand"};
    return index < FEATURES_BUILT ? names[index] : "";
}

bool features_is_general(size_t index)
{
    switch (index) {
    case LETTERS: case SENTENCES: case SENTENCE_LETTERS: case CLAUSES: case SENTENCE_CLAUSES: case QUESTIONS:
    case ENDS_ASKING: case LINES: case ITEMS: case ITEM_SPREAD: case ITEMS_NUMERIC: case BEFORE_ITEMS: case DIALOGUE:
    case DIGITS: case SIGNS: case BRACES: case BACKTICKS: case BLANKS: case QUOTES: case PARENTHESES:
    case SYSTEM_LETTERS: case SYSTEM_LINES: case SYSTEM_DIGITS: case HISTORY: case TURNS: case TOOLS: case DOCUMENTS:
    case IMAGES: case JSON_OUTPUT: case DEMAND: return true;
    default: return false;
    }
}

/* --- words --- */

enum part { SYSTEM_PART, USER_PART };

struct tally { /* counts over one part */
    float bytes, wide_bytes, wide_letters; /* wide: of characters beyond ASCII */
    float letters, digits, capitals, signs, marks, cjk, accented, other;
    float words, numbers, capital_words, shouted_words, word_letters, longest, long_words, short_words;
    float sentences, clauses, questions, braces, backticks, blanks, quotes, parentheses, colons;
    float fresh, known; /* distinct words; of them those that stand in the system text too */
};

struct looked_up {
    uint32_t code;
    struct script_char character;
};

struct reader {
    struct features *out;
    enum part part;
    struct tally tally;
    uint32_t before; /* hash of the word before; 0: none */
    uint8_t word[WORD_MAX + 2 + 4]; /* between two spaces, for the pieces */
    size_t word_len;            /* with the space before */
    size_t letters, capitals, digits; /* of the word */
    bool is_wide; /* the word has characters beyond ASCII */
    uint64_t seen[FEATURES_BUCKETS / 64];
    struct looked_up known[LOOKED_UP];
};

static inline uint32_t mix(uint32_t hash)
{
    hash ^= hash >> 16;
    hash *= 0x7feb352dU;
    hash ^= hash >> 15;
    hash *= 0x846ca68bU;
    return hash ^ hash >> 16;
}

/* Without a branch: whether a bucket is new is as good as random. The place behind the last is written in any case. */
static inline size_t add_at(struct reader *reader, size_t count, uint32_t hash)
{
    const uint32_t bucket = hash >> (32 - FEATURES_BUCKET_BITS);
    uint64_t *seen = &reader->seen[bucket >> 6];
    reader->out->buckets[count] = (uint16_t)bucket;
    count += ~(*seen >> (bucket & 63)) & 1;
    *seen |= 1ULL << (bucket & 63);
    return count;
}

static inline bool add(struct reader *reader, uint32_t hash)
{
    const size_t before = reader->out->count;
    reader->out->count = add_at(reader, before, hash);
    return reader->out->count > before;
}

static inline bool is_seen(const struct reader *reader, uint32_t hash)
{
    const uint32_t bucket = hash >> (32 - FEATURES_BUCKET_BITS);
    return reader->seen[bucket >> 6] >> (bucket & 63) & 1;
}

static uint32_t hash_word(const uint8_t *bytes, size_t len)
{
    uint32_t hash = 0x811c9dc5U;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 0x01000193U;
    return mix(hash) | 1;
}

static const uint32_t part_salt[] = {[SYSTEM_PART] = 0x9e3779b9U, [USER_PART] = 0};

static const uint32_t piece_salt[] = {[SYSTEM_PART] = 0x51ed270bU ^ 0x9e3779b9U, [USER_PART] = 0x51ed270bU};

static void add_pieces(struct reader *reader)
{
    const uint32_t salt = piece_salt[reader->part];
    size_t count = reader->out->count;
    for (size_t i = 0; i + PIECE <= reader->word_len + 1; i++) {
        uint32_t piece;
        memcpy(&piece, reader->word + i, sizeof(piece));
        count = add_at(reader, count, mix(piece ^ salt));
    }
    reader->out->count = count;
}

static void add_wide_pieces(struct reader *reader)
{
    size_t starts[WORD_MAX + 3], chars = 0;
    for (size_t i = 0; i <= reader->word_len; i++)
        if ((reader->word[i] & 0xc0) != 0x80)
            starts[chars++] = i;
    starts[chars] = reader->word_len + 1;
    for (size_t i = 0; i + PIECE <= chars; i++)
        add(reader, hash_word(reader->word + starts[i], starts[i + PIECE] - starts[i]) ^ piece_salt[reader->part]);
}

static void count_word(struct reader *reader)
{
    struct tally *tally = &reader->tally;
    const float letters = (float)(reader->letters + reader->digits);
    tally->words++;
    tally->numbers += reader->digits > 0;
    tally->capital_words += reader->capitals > 0;
    tally->shouted_words += reader->capitals > 1 && reader->capitals == reader->letters;
    tally->word_letters += letters;
    tally->longest = letters > tally->longest ? letters : tally->longest;
    tally->long_words += letters >= LONG_WORD;
    tally->short_words += letters <= SHORT_WORD;
}

static void end_word(struct reader *reader)
{
    if (reader->word_len <= 1 || reader->out->count + WORD_MAX + 4 > FEATURES_MAX)
        return;
    const uint32_t hash = hash_word(reader->word + 1, reader->word_len - 1);
    const uint32_t word = hash ^ part_salt[reader->part];
    const bool is_fresh = add(reader, word);
    reader->tally.fresh += is_fresh;
    if (is_fresh && reader->out->word_count < FEATURES_WORDS)
        reader->out->words[reader->out->word_count++] = (uint16_t)(word >> (32 - FEATURES_BUCKET_BITS));
    if (is_fresh && reader->part == USER_PART)
        reader->tally.known += is_seen(reader, hash ^ part_salt[SYSTEM_PART]);
    if (reader->before)
        add(reader, mix(reader->before * 31 + hash) ^ part_salt[reader->part]);
    reader->word[reader->word_len] = ' ';
    reader->is_wide ? add_wide_pieces(reader) : add_pieces(reader);
    count_word(reader);
    reader->before = hash;
    reader->word_len = 1;
    reader->is_wide = false;
    reader->letters = reader->capitals = reader->digits = 0;
}

/* --- characters --- */

/* Four bytes are copied whatever `len` is; there is room for them behind the word. */
static inline void put(struct reader *reader, const uint8_t bytes[4], size_t len)
{
    if (reader->word_len + len > WORD_MAX)
        return;
    memcpy(reader->word + reader->word_len, bytes, 4);
    reader->word_len += len;
}

static void ascii_sign(struct reader *reader, uint8_t c)
{
    struct tally *tally = &reader->tally;
    switch (c) {
    case '.': case '!': tally->sentences++; break;
    case '?': tally->sentences++; tally->questions++; break;
    case ',': case ';': tally->clauses++; break;
    case ':': tally->clauses++; tally->colons++; break;
    case '{': case '}': tally->braces++; break;
    case '`': tally->backticks++; break;
    case '"': tally->quotes++; break;
    case '(': case ')': tally->parentheses++; break;
    default: break;
    }
    if (strchr("+-*/=^<>|\\_%$[]{}~#&", c))
        tally->signs++;
    else
        tally->marks++;
}

static inline bool is_letter(uint8_t c)
{
    return (uint8_t)((c | 0x20) - 'a') <= 'z' - 'a';
}

/* A run of letters at once, for most characters are letters; gives its end. */
static const uint8_t *ascii_letters(struct reader *reader, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *begin = at;
    size_t len = reader->word_len, capitals = 0;
    for (; at < end && is_letter(*at); at++) {
        if (len < WORD_MAX)
            reader->word[len++] = *at | 0x20;
        capitals += (*at & 0x20) == 0;
    }
    reader->word_len = len;
    reader->letters += (size_t)(at - begin);
    reader->capitals += capitals;
    reader->tally.letters += (float)(at - begin);
    reader->tally.capitals += (float)capitals;
    return at;
}

static void ascii(struct reader *reader, uint8_t c, uint8_t next)
{
    if (c >= '0' && c <= '9') {
        put(reader, (const uint8_t[4]){'0'}, 1);
        reader->digits++;
        reader->tally.letters++;
        reader->tally.digits++;
    } else if (c == '\'' && reader->word_len > 1) { /* don't is one word */
        reader->tally.marks++;
    } else {
        const bool is_point = (c == '.' || c == ',') && reader->digits > 0 && next >= '0' && next <= '9';
        end_word(reader);
        if (c > ' ' && c < 0x7f && !is_point)
            ascii_sign(reader, c);
        reader->tally.blanks += c == '_' && next == '_';
    }
}

static void wide_mark(struct tally *tally, enum script_kind kind)
{
    switch (kind) {
    case SCRIPT_STOP: tally->sentences++; break;
    case SCRIPT_ASKS:
        tally->sentences++;
        tally->questions++;
        break;
    case SCRIPT_CLAUSE: tally->clauses++; break;
    case SCRIPT_COLON:
        tally->clauses++;
        tally->colons++;
        break;
    case SCRIPT_QUOTE: tally->quotes++; break;
    case SCRIPT_BRACKET: tally->parentheses++; break;
    default: break;
    }
    if (kind == SCRIPT_SIGN)
        tally->signs++;
    else if (kind != SCRIPT_BLANK)
        tally->marks++;
}

/* Scripts that don't part words come in pieces as long as a word may be. */
static void put_wide(struct reader *reader, uint32_t code)
{
    uint8_t bytes[4] = {0};
    const size_t len = script_encode(code, bytes);
    if (reader->word_len + len > WORD_MAX)
        end_word(reader);
    put(reader, bytes, len);
    reader->is_wide = true;
}

static void wide_letter(struct reader *reader, const struct script_char *character, uint32_t code)
{
    struct tally *tally = &reader->tally;
    put_wide(reader, character->lower);
    reader->letters++;
    reader->capitals += character->lower != code;
    tally->capitals += character->lower != code;
    *(code < LATIN_END ? &tally->accented : &tally->other) += character->letters;
}

/* A text has few different characters, and the tables of Unicode are large. */
static const struct script_char *look_up(struct reader *reader, uint32_t code)
{
    struct looked_up *known = &reader->known[code % LOOKED_UP];
    if (known->code != code || code == 0) {
        known->code = code;
        script_read(code, &known->character);
    }
    return &known->character;
}

static size_t wide(struct reader *reader, const uint8_t *at, const uint8_t *end)
{
    uint32_t code;
    const size_t len = script_decode(at, end, &code);
    const struct script_char *character = look_up(reader, code);
    struct tally *tally = &reader->tally;
    tally->wide_bytes += (float)len;
    tally->letters += character->letters;
    tally->wide_letters += character->letters;
    switch (character->kind) {
    case SCRIPT_LETTER: wide_letter(reader, character, code); break;
    case SCRIPT_ALONE:
        end_word(reader);
        put_wide(reader, code);
        reader->letters++;
        tally->cjk += character->letters;
        end_word(reader);
        break;
    case SCRIPT_JOINED:
        if (reader->word_len > 1)
            put_wide(reader, code);
        break;
    case SCRIPT_NUMERAL:
        put(reader, (const uint8_t[4]){'0'}, 1);
        reader->digits++;
        tally->digits++;
        break;
    default:
        if (code != APOSTROPHE || reader->word_len <= 1)
            end_word(reader);
        wide_mark(tally, code == APOSTROPHE ? SCRIPT_MARK : character->kind);
    }
    return len;
}

static void read_slice(struct reader *reader, struct str slice)
{
    reader->tally.bytes += (float)slice.len;
    const uint8_t *at = (const uint8_t *)slice.data, *end = at + slice.len;
    while (at < end) {
        if (is_letter(*at)) {
            at = ascii_letters(reader, at, end);
        } else if (*at < 0x80) {
            ascii(reader, *at, at + 1 < end ? at[1] : 0);
            at++;
        } else {
            at += wide(reader, at, end);
        }
    }
    end_word(reader);
}

/* The beginning and the end of a part, `max` bytes of it. */
static void read_part(struct reader *reader, enum part part, const struct route_text *text, size_t max)
{
    size_t total = 0, offset = 0;
    for (size_t i = 0; i < text->count; i++)
        total += text->slices[i].len;
    const size_t head = total <= max ? total : max / 3 * 2, tail = total <= max ? total : total - (max - head);
    reader->part = part;
    reader->before = 0;
    reader->word[0] = ' ';
    reader->word_len = 1;
    reader->tally = (struct tally){0};
    for (size_t i = 0; i < text->count; i++) {
        const struct str slice = text->slices[i];
        const size_t end = offset + slice.len;
        if (offset < head)
            read_slice(reader, str_slice(slice, 0, head - offset));
        if (end > tail)
            read_slice(reader, str_slice(slice, tail > offset ? tail - offset : 0, slice.len));
        offset = end;
    }
}

static float count_lines(const struct route_text *text, size_t max)
{
    float lines = (float)text->count;
    for (size_t i = 0; i < text->count; i++) {
        const struct str slice = str_slice(text->slices[i], 0, max);
        for (const char *at = slice.data; (at = memchr(at, '\n', slice.len - (size_t)(at - slice.data))); at++)
            lines++;
    }
    return lines;
}

/* --- what the prompt is built of --- */

static float share(float part, float whole)
{
    return whole > 0 ? part / whole : 0;
}

/* What a length in bytes of such a text would be in English. */
static float density(const struct tally *tally)
{
    return tally->bytes > 0 ? (tally->bytes - tally->wide_bytes + tally->wide_letters) / tally->bytes : 1;
}

static void build_signs(const struct tally *tally, float *built)
{
    const float all = tally->letters + tally->marks + tally->signs, sentences = fmaxf(1, tally->sentences);
    built[LETTERS] = log1pf(tally->letters);
    built[WORDS] = log1pf(tally->words);
    built[SENTENCES] = log1pf(tally->sentences);
    built[SENTENCE_LETTERS] = log1pf(tally->letters / sentences);
    built[CLAUSES] = log1pf(tally->clauses);
    built[SENTENCE_CLAUSES] = tally->clauses / sentences;
    built[QUESTIONS] = log1pf(tally->questions);
    built[DIGITS] = log1pf(tally->digits);
    built[DIGIT_SHARE] = share(tally->digits, all);
    built[NUMBERS] = log1pf(tally->numbers);
    built[NUMBER_SHARE] = share(tally->numbers, tally->words);
    built[CAPITAL_SHARE] = share(tally->capitals, tally->letters);
    built[CAPITAL_WORDS] = share(tally->capital_words, tally->words);
    built[SHOUTED_WORDS] = log1pf(tally->shouted_words);
    built[SIGNS] = log1pf(tally->signs);
    built[SIGN_SHARE] = share(tally->signs, all);
    built[MARK_SHARE] = share(tally->marks, all);
    built[BRACES] = log1pf(tally->braces);
    built[BACKTICKS] = log1pf(tally->backticks);
    built[BLANKS] = tally->blanks > 0;
    built[QUOTES] = log1pf(tally->quotes);
    built[PARENTHESES] = log1pf(tally->parentheses);
    built[COLONS] = log1pf(tally->colons);
    built[WORD_LETTERS] = share(tally->word_letters, tally->words);
    built[WORD_LONGEST] = log1pf(tally->longest);
    built[DISTINCT] = share(tally->fresh, tally->words);
    built[LONG_SHARE] = share(tally->long_words, tally->words);
    built[SHORT_SHARE] = share(tally->short_words, tally->words);
    built[CJK_SHARE] = share(tally->cjk, tally->letters);
    built[ACCENTED_SHARE] = share(tally->accented, tally->letters);
    built[OTHER_SCRIPT_SHARE] = share(tally->other, tally->letters);
    built[SYSTEM_KNOWN] = share(tally->known, tally->fresh);
}

static void build_lines(const struct lines *lines, float scale, float *built)
{
    const float mean = share(lines->sum, lines->items);
    const float variance = fmaxf(0, share(lines->squares, lines->items) - mean * mean);
    built[LINES] = log1pf(lines->count);
    built[ITEMS] = log1pf(lines->items);
    built[ITEM_MEAN] = log1pf(scale * mean);
    built[ITEM_MAX] = log1pf(scale * lines->longest);
    built[ITEM_MIN] = log1pf(scale * lines->shortest);
    built[ITEM_SPREAD] = sqrtf(variance) / (mean + 1);
    built[ITEMS_NUMERIC] = share(lines->numeric, lines->items);
    built[ITEMS_ALIKE] = lines->items > 1 ? lines->alike / (lines->items - 1) : 0;
    built[BEFORE_ITEMS] = log1pf(scale * lines->before);
    built[DIALOGUE] = log1pf(lines->dialogue);
}

static bool ends_asking(const struct route_text *user)
{
    if (user->count == 0)
        return false;
    const struct str last = str_trim(user->slices[user->count - 1]);
    size_t at = last.len;
    while (at > 0 && last.len - at < 3 && ((uint8_t)last.data[at - 1] & 0xc0) == 0x80)
        at--;
    if (at == 0)
        return false;
    struct script_char character;
    uint32_t code = (uint8_t)last.data[at - 1];
    if (code < 0x80)
        return code == '?' && at == last.len;
    script_decode((const uint8_t *)last.data + at - 1, (const uint8_t *)last.data + last.len, &code);
    script_read(code, &character);
    return character.kind == SCRIPT_ASKS;
}

static void build_rest(const struct route_prompt *prompt, const struct tally *system, float *built)
{
    built[ENDS_ASKING] = ends_asking(&prompt->user);
    built[SYSTEM_LETTERS] = log1pf((float)prompt->system.bytes * density(system));
    built[SYSTEM_LINES] = log1pf(prompt->system.count ? count_lines(&prompt->system, FEATURES_USER_BYTES) : 0);
    built[SYSTEM_DIGITS] = log1pf(system->digits);
    built[HISTORY] = log1pf((float)prompt->history_bytes);
    built[TURNS] = log1pf((float)prompt->turns);
    built[TOOLS] = log1pf((float)prompt->tools);
    built[DOCUMENTS] = log1pf((float)(prompt->documents + prompt->tool_results) + (float)prompt->document_bytes / 256);
    built[IMAGES] = (float)(prompt->images > 0);
    built[JSON_OUTPUT] = (float)prompt->has_output_schema;
}

/* In letters: the question's, and what it refers to. Signs and choices say more than letters do. */
static float demand(const struct route_prompt *prompt, const struct tally *user, const struct lines *lines)
{
    const size_t things = prompt->documents + prompt->tool_results + prompt->images;
    return user->letters + SIGN_LETTERS * user->signs + ITEM_LETTERS * lines->items +
           (float)(prompt->history_bytes + prompt->document_bytes) + THING_LETTERS * (float)things;
}

void features_read(const struct route_prompt *prompt, struct features *features)
{
    struct reader reader = {.out = features};
    struct lines lines = {0};
    features->count = features->word_count = 0;
    read_part(&reader, SYSTEM_PART, &prompt->system, FEATURES_SYSTEM_BYTES);
    const struct tally system = reader.tally;
    features->system_words = features->word_count;
    read_part(&reader, USER_PART, &prompt->user, FEATURES_USER_BYTES);
    size_t left = FEATURES_USER_BYTES;
    for (size_t i = 0; i < prompt->user.count && left > 0; i++) {
        const struct str slice = str_slice(prompt->user.slices[i], 0, left);
        lines_read(slice, &lines);
        left -= slice.len;
    }
    build_signs(&reader.tally, features->built);
    if (prompt->user.bytes > FEATURES_USER_BYTES) /* of what was not read only the length is known */
        features->built[LETTERS] = log1pf((float)prompt->user.bytes * density(&reader.tally));
    build_lines(&lines, density(&reader.tally), features->built);
    build_rest(prompt, &system, features->built);
    features->built[DEMAND] = log1pf(demand(prompt, &reader.tally, &lines));
}

float features_demand(const float *built)
{
    return expm1f(built[DEMAND]);
}
