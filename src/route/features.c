/* features.c - see features.h. One pass over the characters finds words and counts signs; a second, over lines, finds
 * lists of choices. Hashes are part of the file format: a change here needs a new version of it (weights.h). */
#include "route/features.h"

#include <math.h>
#include <string.h>

#define WORD_MAX 48       /* bytes of a word that are hashed */
#define CJK_LETTERS 2.6f  /* what one such character says, in letters of an alphabet */
#define LONG_WORD 9
#define SHORT_WORD 3
#define DIALOGUE_NAME_MAX 16

enum built {
    LETTERS, WORDS, SENTENCES, SENTENCE_LETTERS, CLAUSES, SENTENCE_CLAUSES, QUESTIONS, ENDS_ASKING, LINES,
    ITEMS, ITEM_MEAN, ITEM_MAX, ITEM_MIN, ITEM_SPREAD, ITEMS_NUMERIC, ITEMS_ALIKE, BEFORE_ITEMS, DIALOGUE,
    DIGITS, DIGIT_SHARE, NUMBERS, NUMBER_SHARE, CAPITAL_SHARE, CAPITAL_WORDS, SHOUTED_WORDS, SIGNS, SIGN_SHARE,
    MARK_SHARE, BRACES, BACKTICKS, BLANKS, QUOTES, PARENTHESES, COLONS, WORD_LETTERS, WORD_LONGEST, DISTINCT,
    LONG_SHARE, SHORT_SHARE, CJK_SHARE, ACCENTED_SHARE, OTHER_SCRIPT_SHARE, SYSTEM_LETTERS, SYSTEM_LINES,
    SYSTEM_DIGITS, SYSTEM_KNOWN, HISTORY, TURNS, TOOLS, DOCUMENTS, IMAGES, JSON_OUTPUT,
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
        "JSON output"};
    return index < FEATURES_BUILT ? names[index] : "";
}

bool features_is_general(size_t index)
{
    switch (index) {
    case LETTERS: case SENTENCES: case SENTENCE_LETTERS: case CLAUSES: case SENTENCE_CLAUSES: case QUESTIONS:
    case ENDS_ASKING: case LINES: case ITEMS: case ITEM_SPREAD: case ITEMS_NUMERIC: case DIALOGUE: case DIGITS:
    case SIGNS: case BRACES: case BACKTICKS: case BLANKS: case SYSTEM_LETTERS: case SYSTEM_LINES: case SYSTEM_DIGITS:
    case HISTORY: case TURNS: case TOOLS: case DOCUMENTS: case IMAGES: case JSON_OUTPUT: return true;
    default: return false;
    }
}

/* --- words --- */

enum part { SYSTEM_PART, USER_PART };

struct tally { /* counts over one part */
    float letters, digits, capitals, signs, marks, cjk, accented, other;
    float words, numbers, capital_words, shouted_words, word_letters, longest, long_words, short_words;
    float sentences, clauses, questions, braces, backticks, blanks, quotes, parentheses, colons;
    float fresh, known; /* distinct words; of them those that stand in the system text too */
};

struct reader {
    struct features *out;
    enum part part;
    struct tally tally;
    uint32_t before; /* hash of the word before; 0: none */
    uint8_t word[WORD_MAX + 2]; /* between two spaces, for the pieces */
    size_t word_len;            /* with the space before */
    size_t letters, capitals, digits; /* of the word */
    uint64_t seen[FEATURES_BUCKETS / 64];
};

static inline uint32_t mix(uint32_t hash)
{
    hash ^= hash >> 16;
    hash *= 0x7feb352dU;
    hash ^= hash >> 15;
    hash *= 0x846ca68bU;
    return hash ^ hash >> 16;
}

static inline bool add(struct reader *reader, uint32_t hash)
{
    const uint32_t bucket = hash >> (32 - FEATURES_BUCKET_BITS);
    const uint64_t bit = 1ULL << (bucket & 63);
    uint64_t *word = &reader->seen[bucket >> 6];
    if (*word & bit || reader->out->count == FEATURES_MAX)
        return false;
    *word |= bit;
    reader->out->buckets[reader->out->count++] = (uint16_t)bucket;
    return true;
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

static void add_pieces(struct reader *reader)
{
    const uint32_t salt = 0x51ed270bU ^ part_salt[reader->part];
    reader->word[reader->word_len] = ' ';
    for (size_t i = 0; i + 4 <= reader->word_len + 1; i++) {
        uint32_t piece;
        memcpy(&piece, reader->word + i, sizeof(piece));
        add(reader, mix(piece ^ salt));
    }
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
    tally->longest = fmaxf(tally->longest, letters);
    tally->long_words += letters >= LONG_WORD;
    tally->short_words += letters <= SHORT_WORD;
}

static void end_word(struct reader *reader)
{
    if (reader->word_len <= 1)
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
    add_pieces(reader);
    count_word(reader);
    reader->before = hash;
    reader->word_len = 1;
    reader->letters = reader->capitals = reader->digits = 0;
}

/* --- characters --- */

static inline void put(struct reader *reader, const uint8_t *bytes, size_t len)
{
    if (reader->word_len + len > WORD_MAX)
        return;
    memcpy(reader->word + reader->word_len, bytes, len);
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

static void ascii(struct reader *reader, uint8_t c, uint8_t next)
{
    const uint8_t lower = c | 0x20;
    if (lower >= 'a' && lower <= 'z') {
        put(reader, &lower, 1);
        reader->letters++;
        reader->capitals += c != lower;
        reader->tally.letters++;
        reader->tally.capitals += c != lower;
    } else if (c >= '0' && c <= '9') {
        put(reader, (const uint8_t *)"0", 1);
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

static bool is_cjk(uint32_t code)
{
    return (code >= 0x3040 && code <= 0x30ff) || (code >= 0x3400 && code <= 0x9fff) ||
           (code >= 0xf900 && code <= 0xfaff) || (code >= 0x20000 && code <= 0x323af);
}

/* Marks of other scripts; true where `code` is none and belongs to a word. */
static bool wide_mark(struct reader *reader, uint32_t code)
{
    struct tally *tally = &reader->tally;
    switch (code) {
    case 0x3002: case 0xff01: case 0x0964: case 0x06d4: tally->sentences++; break;
    case 0xff1f: case 0x061f: case 0x037e: tally->sentences++; tally->questions++; break;
    case 0xff0c: case 0x3001: case 0xff1b: case 0x060c: case 0x061b: tally->clauses++; break;
    case 0xff1a: tally->clauses++; tally->colons++; break;
    case 0x201c: case 0x201d: case 0x201e: case 0xab: case 0xbb: case 0x300c: case 0x300d: tally->quotes++; break;
    case 0xff08: case 0xff09: tally->parentheses++; break;
    default:
        if (code >= 0x2190 && code <= 0x22ff) { /* arrows, mathematics */
            tally->signs++;
            return false;
        }
        if (!((code >= 0x80 && code <= 0xbf) || (code >= 0x2000 && code <= 0x206f) ||
              (code >= 0x3000 && code <= 0x303f) || (code >= 0xff00 && code <= 0xff0f)))
            return true;
    }
    tally->marks++;
    return false;
}

static uint32_t to_lower(uint32_t code)
{
    if ((code >= 0xc0 && code <= 0xde && code != 0xd7) || (code >= 0x391 && code <= 0x3a9) ||
        (code >= 0x410 && code <= 0x42f))
        return code + 0x20;
    return code >= 0x400 && code <= 0x40f ? code + 0x50 : code;
}

/* Bytes of the character at `at`, its code in *code; 1 and code 0 where it is none. */
static size_t decode(const uint8_t *at, const uint8_t *end, uint32_t *code)
{
    const size_t len = *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : *at >= 0xc2 ? 2 : 0;
    *code = 0;
    if (len == 0 || (size_t)(end - at) < len)
        return 1;
    uint32_t value = *at & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 1;
        value = value << 6 | (at[i] & 0x3fU);
    }
    *code = value;
    return len;
}

static size_t wide(struct reader *reader, const uint8_t *at, const uint8_t *end)
{
    uint32_t code;
    const size_t len = decode(at, end, &code);
    struct tally *tally = &reader->tally;
    if (is_cjk(code)) {
        end_word(reader);
        put(reader, at, len);
        reader->letters++;
        tally->letters += CJK_LETTERS;
        tally->cjk += CJK_LETTERS;
        end_word(reader);
    } else if (code == 0 || !wide_mark(reader, code)) {
        end_word(reader);
    } else {
        const uint32_t lower = to_lower(code);
        if (lower != code) /* all of these are two bytes long, before and after */
            put(reader, (const uint8_t[]){(uint8_t)(0xc0 | lower >> 6), (uint8_t)(0x80 | (lower & 0x3f))}, 2);
        else
            put(reader, at, len);
        reader->letters++;
        reader->capitals += lower != code;
        tally->capitals += lower != code;
        tally->letters++;
        *(code < 0x250 ? &tally->accented : &tally->other) += 1;
    }
    return len;
}

static void read_slice(struct reader *reader, struct str slice)
{
    const uint8_t *at = (const uint8_t *)slice.data, *end = at + slice.len;
    while (at < end) {
        if (*at < 0x80) {
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

/* --- lines --- */

struct items {
    float lines, count, sum, squares, longest, shortest, numeric, before, dialogue, alike;
    uint32_t words; /* of the item before: a filter of 32 bits */
};

/* Length of a mark such as "A. ", "2) ", "- " at the beginning of a line; 0: none. */
static size_t item_mark(struct str line)
{
    if (line.len < 3)
        return 0;
    if ((line.data[0] == '-' || line.data[0] == '*') && line.data[1] == ' ')
        return 2;
    const bool is_bracketed = line.data[0] == '(';
    size_t at = is_bracketed;
    while (at < line.len && at < 3 && ((line.data[at] | 0x20) >= 'a' ? (line.data[at] | 0x20) <= 'z'
                                                                   : line.data[at] >= '0' && line.data[at] <= '9'))
        at++;
    if (at == (size_t)is_bracketed || at + 1 >= line.len || at - is_bracketed > 2)
        return 0;
    return (line.data[at] == '.' || line.data[at] == ')') && line.data[at + 1] == ' ' ? at + 2 : 0;
}

static uint32_t word_filter(struct str text)
{
    uint32_t filter = 0, hash = 0;
    for (size_t i = 0; i <= text.len; i++) {
        if (i < text.len && text.data[i] != ' ') {
            hash = (hash ^ (uint8_t)text.data[i]) * 0x01000193U + 1;
        } else if (hash) {
            filter |= 1U << (mix(hash) >> 27);
            hash = 0;
        }
    }
    return filter;
}

static void add_item(struct items *items, struct str item)
{
    const float len = (float)item.len;
    size_t digits = 0, letters = 0;
    for (size_t i = 0; i < item.len && i < 64; i++) {
        digits += item.data[i] >= '0' && item.data[i] <= '9';
        letters += (item.data[i] | 0x20) >= 'a' && (item.data[i] | 0x20) <= 'z';
    }
    items->numeric += digits > letters;
    items->shortest = items->count == 0 ? len : fminf(items->shortest, len);
    items->longest = fmaxf(items->longest, len);
    items->sum += len;
    items->squares += len * len;
    const uint32_t words = word_filter(str_slice(item, 0, 256));
    if (items->count > 0 && (words | items->words))
        items->alike += (float)__builtin_popcount(words & items->words) /
                        (float)__builtin_popcount(words | items->words);
    items->words = words;
    items->count++;
}

static void read_lines(struct str rest, struct items *items)
{
    struct str line;
    while (str_split(&rest, '\n', &line)) {
        items->lines++;
        const size_t mark = item_mark(line);
        if (mark) {
            add_item(items, str_slice(line, mark, line.len));
            continue;
        }
        if (items->count == 0)
            items->before += (float)line.len;
        const ptrdiff_t colon = str_find_char(str_slice(line, 0, DIALOGUE_NAME_MAX), ':', 0);
        items->dialogue += colon > 0 && (size_t)colon + 1 < line.len && line.data[colon + 1] == ' ';
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

static void build_items(const struct items *items, float *built)
{
    const float mean = share(items->sum, items->count);
    const float variance = fmaxf(0, share(items->squares, items->count) - mean * mean);
    built[LINES] = log1pf(items->lines);
    built[ITEMS] = log1pf(items->count);
    built[ITEM_MEAN] = log1pf(mean);
    built[ITEM_MAX] = log1pf(items->longest);
    built[ITEM_MIN] = log1pf(items->shortest);
    built[ITEM_SPREAD] = sqrtf(variance) / (mean + 1);
    built[ITEMS_NUMERIC] = share(items->numeric, items->count);
    built[ITEMS_ALIKE] = items->count > 1 ? items->alike / (items->count - 1) : 0;
    built[BEFORE_ITEMS] = log1pf(items->before);
    built[DIALOGUE] = log1pf(items->dialogue);
}

static bool ends_asking(const struct route_text *user)
{
    if (user->count == 0)
        return false;
    const struct str last = str_trim(user->slices[user->count - 1]);
    return str_ends(last, STR("?")) || str_ends(last, STR("\xef\xbc\x9f")) || str_ends(last, STR("\xd8\x9f"));
}

static void build_rest(const struct route_prompt *prompt, const struct tally *system, float *built)
{
    built[ENDS_ASKING] = ends_asking(&prompt->user);
    built[SYSTEM_LETTERS] = log1pf((float)prompt->system.bytes);
    built[SYSTEM_LINES] = log1pf(prompt->system.count ? count_lines(&prompt->system, FEATURES_USER_BYTES) : 0);
    built[SYSTEM_DIGITS] = log1pf(system->digits);
    built[HISTORY] = log1pf((float)prompt->history_bytes);
    built[TURNS] = log1pf((float)prompt->turns);
    built[TOOLS] = log1pf((float)prompt->tools);
    built[DOCUMENTS] = log1pf((float)(prompt->documents + prompt->tool_results) + (float)prompt->document_bytes / 256);
    built[IMAGES] = (float)(prompt->images > 0);
    built[JSON_OUTPUT] = (float)prompt->has_output_schema;
}

void features_read(const struct route_prompt *prompt, struct features *features)
{
    struct reader reader = {.out = features};
    struct items items = {0};
    features->count = features->word_count = 0;
    read_part(&reader, SYSTEM_PART, &prompt->system, FEATURES_SYSTEM_BYTES);
    const struct tally system = reader.tally;
    features->system_words = features->word_count;
    read_part(&reader, USER_PART, &prompt->user, FEATURES_USER_BYTES);
    size_t left = FEATURES_USER_BYTES;
    for (size_t i = 0; i < prompt->user.count && left > 0; i++) {
        const struct str slice = str_slice(prompt->user.slices[i], 0, left);
        read_lines(slice, &items);
        left -= slice.len;
    }
    build_signs(&reader.tally, features->built);
    if (prompt->user.bytes > FEATURES_USER_BYTES) /* of what was not read only the length is known */
        features->built[LETTERS] = log1pf((float)prompt->user.bytes);
    build_items(&items, features->built);
    build_rest(prompt, &system, features->built);
}
