/* bpe.c - counts pairs and merges the most frequent one, until the vocabulary is full. Encoding with the result is
 * tokenizer.c's. See bpe.h. */
#include "distill/bpe.h"

#include "distill/pretoken.h"

/* A distinct word: its symbols so far and how often it came. */
struct word {
    struct str text;
    uint64_t count;
    int32_t *symbols;
    size_t symbol_count;
};

struct bpe_trainer {
    struct arena arena;
    uint32_t digits;
    struct word *words;
    size_t count, cap;
    uint32_t *slots; /* index + 1 into words; open addressing */
    size_t slot_count;
};

#define FIRST_SLOTS 4096
#define NUMBER_MERGES 1100

/* --- counting words --------------------------------------------------------------------------------- */

/* FNV-1a: str_hash differs by process, and this order decides nothing but speed. */
static uint64_t word_hash(struct str text)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ (uint8_t)text.data[i]) * 0x100000001b3u;
    return hash;
}

static uint32_t *find_word(struct bpe_trainer *trainer, struct str text)
{
    size_t at = word_hash(text) & (trainer->slot_count - 1);
    while (trainer->slots[at] && !str_eq(trainer->words[trainer->slots[at] - 1].text, text))
        at = (at + 1) & (trainer->slot_count - 1);
    return &trainer->slots[at];
}

static bool grow_slots(struct bpe_trainer *trainer)
{
    size_t count = trainer->slot_count ? trainer->slot_count * 2 : FIRST_SLOTS;
    uint32_t *slots = mem_calloc(count, sizeof(*slots));
    if (!slots)
        return false;
    mem_free(trainer->slots);
    trainer->slots = slots;
    trainer->slot_count = count;
    for (size_t i = 0; i < trainer->count; i++)
        *find_word(trainer, trainer->words[i].text) = (uint32_t)(i + 1);
    return true;
}

static bool add_word(struct bpe_trainer *trainer, uint32_t *slot, struct str text)
{
    struct word word = {.count = 1, .symbol_count = text.len};
    void *words = trainer->words;
    word.symbols = ARENA_ARRAY(&trainer->arena, int32_t, text.len);
    if (!word.symbols || !arena_str(&trainer->arena, text, &word.text) ||
        !mem_grow(&words, trainer->count, &trainer->cap, sizeof(word)))
        return false;
    for (size_t i = 0; i < text.len; i++)
        word.symbols[i] = (uint8_t)text.data[i];
    trainer->words = words;
    trainer->words[trainer->count++] = word;
    *slot = (uint32_t)trainer->count;
    return true;
}

struct bpe_trainer *bpe_trainer_new(uint32_t digits)
{
    struct bpe_trainer *trainer = mem_calloc(1, sizeof(*trainer));
    if (!trainer)
        return NULL;
    arena_init(&trainer->arena, 0);
    trainer->digits = digits;
    if (!grow_slots(trainer)) {
        bpe_trainer_free(trainer);
        return NULL;
    }
    return trainer;
}

void bpe_trainer_free(struct bpe_trainer *trainer)
{
    if (!trainer)
        return;
    arena_deinit(&trainer->arena);
    mem_free(trainer->words);
    mem_free(trainer->slots);
    mem_free(trainer);
}

bool bpe_trainer_add(struct bpe_trainer *trainer, struct str text)
{
    struct str piece;
    while (pretoken_next(&text, &piece, trainer->digits)) {
        if (piece.data[0] >= '0' && piece.data[0] <= '9')
            continue; /* a token as it is */
        if (trainer->count * 2 >= trainer->slot_count && !grow_slots(trainer))
            return false;
        uint32_t *slot = find_word(trainer, piece);
        if (*slot)
            trainer->words[*slot - 1].count++;
        else if (!add_word(trainer, slot, piece))
            return false;
    }
    return true;
}

/* --- merging ---------------------------------------------------------------------------------------- */

/* Numbers of two digits, then of three: whole tokens that nothing is learnt for. */
static uint32_t add_numbers(struct token_merge *merges)
{
    uint32_t count = 0;
    for (int32_t left = '0'; left <= '9'; left++)
        for (int32_t right = '0'; right <= '9'; right++)
            merges[count++] = (struct token_merge){left, right};
    for (int32_t pair = 0; pair < 100; pair++)
        for (int32_t right = '0'; right <= '9'; right++)
            merges[count++] = (struct token_merge){TOKENIZER_BYTES + pair, right};
    return count;
}

/* State of the learning: what tokens stand, and a count of every pair. Ids stay
 * below 65,536 (the largest vocabulary), pairs are counted in a square table. */
struct learning {
    uint32_t side; /* vocabulary at the end */
    uint64_t *pairs;
    bool *has_capital;
    struct token_merge *merges;
    uint32_t merge_count;
};

static bool may_join(const struct learning *learning, int32_t left, int32_t right)
{
    return !(learning->has_capital[left] && learning->has_capital[right]);
}

static uint64_t *pair_count(struct learning *learning, int32_t left, int32_t right)
{
    return &learning->pairs[(size_t)left * learning->side + (size_t)right];
}

static void count_word(struct learning *learning, const struct word *word, bool is_added)
{
    for (size_t i = 0; i + 1 < word->symbol_count; i++) {
        uint64_t *count = pair_count(learning, word->symbols[i], word->symbols[i + 1]);
        *count = is_added ? *count + word->count : *count - word->count;
    }
}

static bool best_pair(struct learning *learning, struct token_merge *best)
{
    uint64_t most = 1; /* a pair seen once saves nothing */
    int32_t known = (int32_t)(TOKENIZER_BYTES + learning->merge_count);
    for (int32_t left = 0; left < known; left++)
        for (int32_t right = 0; right < known; right++)
            if (*pair_count(learning, left, right) > most && may_join(learning, left, right)) {
                most = *pair_count(learning, left, right);
                *best = (struct token_merge){left, right};
            }
    return most > 1;
}

static bool contains_pair(const struct word *word, struct token_merge merge)
{
    for (size_t i = 0; i + 1 < word->symbol_count; i++)
        if (word->symbols[i] == merge.left && word->symbols[i + 1] == merge.right)
            return true;
    return false;
}

static void join_in_word(struct word *word, struct token_merge merge, int32_t id)
{
    size_t kept = 0;
    for (size_t i = 0; i < word->symbol_count; i++) {
        bool is_pair = i + 1 < word->symbol_count && word->symbols[i] == merge.left &&
                       word->symbols[i + 1] == merge.right;
        word->symbols[kept++] = is_pair ? id : word->symbols[i];
        i += is_pair;
    }
    word->symbol_count = kept;
}

static void learn(struct bpe_trainer *trainer, struct learning *learning, uint32_t wanted)
{
    for (size_t i = 0; i < trainer->count; i++)
        count_word(learning, &trainer->words[i], true);
    struct token_merge merge;
    while (learning->merge_count < wanted && best_pair(learning, &merge)) {
        int32_t id = (int32_t)(TOKENIZER_BYTES + learning->merge_count);
        learning->has_capital[id] = learning->has_capital[merge.left] || learning->has_capital[merge.right];
        learning->merges[learning->merge_count++] = merge;
        for (size_t i = 0; i < trainer->count; i++) {
            struct word *word = &trainer->words[i];
            if (!contains_pair(word, merge))
                continue;
            count_word(learning, word, false);
            join_in_word(word, merge, id);
            count_word(learning, word, true);
        }
    }
}

enum error_code bpe_trainer_finish(struct bpe_trainer *trainer, uint32_t vocabulary, struct tokenizer **tokenizer,
                                   struct error *error)
{
    uint32_t least = TOKENIZER_BYTES + SPECIAL_COUNT + (trainer->digits == 3 ? NUMBER_MERGES : 0);
    if (vocabulary < least || vocabulary > 8192)
        return error_set(error, ERROR_INVALID, "vocabulary: expected %u to 8192", least);
    struct arena arena;
    arena_init(&arena, 0);
    struct learning learning = {.side = vocabulary};
    learning.pairs = ARENA_ARRAY(&arena, uint64_t, (size_t)vocabulary * vocabulary);
    learning.has_capital = ARENA_ARRAY(&arena, bool, vocabulary);
    learning.merges = ARENA_ARRAY(&arena, struct token_merge, vocabulary);
    enum error_code code;
    if (learning.pairs && learning.has_capital && learning.merges) {
        for (int32_t c = 'A'; c <= 'Z'; c++)
            learning.has_capital[c] = true;
        if (trainer->digits == 3)
            learning.merge_count = add_numbers(learning.merges);
        learn(trainer, &learning, vocabulary - TOKENIZER_BYTES - SPECIAL_COUNT);
        code = tokenizer_new(learning.merges, learning.merge_count, trainer->digits, tokenizer, error);
    } else {
        code = error_no_memory(error);
    }
    arena_deinit(&arena);
    return code;
}
