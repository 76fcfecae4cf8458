/* words.c - folds text and cuts it into words, with ICU. Compares nothing. See words.h. */
#include "eval/words.h"

#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

#include "core/limits.h"
#include "core/mem.h"

struct words_reader {
    const UNormalizer2 *normalizer; /* ICU's own */
    UBreakIterator *breaks;
};

static enum error_code icu_problem(UErrorCode problem, struct error *error)
{
    if (problem == U_MEMORY_ALLOCATION_ERROR)
        return error_no_memory(error);
    return error_set(error, ERROR_INTERNAL, "ICU: %s", u_errorName(problem));
}

enum error_code words_reader_new(struct words_reader **reader, struct error *error)
{
    UErrorCode problem = U_ZERO_ERROR;
    struct words_reader *made = mem_calloc(1, sizeof(*made));
    if (!made)
        return error_no_memory(error);
    made->normalizer = unorm2_getNFKCCasefoldInstance(&problem);
    made->breaks = ubrk_open(UBRK_WORD, "", NULL, 0, &problem);
    if (U_FAILURE(problem)) {
        words_reader_free(made);
        return icu_problem(problem, error);
    }
    *reader = made;
    return OK;
}

void words_reader_free(struct words_reader *reader)
{
    if (!reader)
        return;
    if (reader->breaks)
        ubrk_close(reader->breaks);
    mem_free(reader);
}

/* --- one form ---------------------------------------------------------------------------------------- */

/* A unit of UTF-16 is at most three bytes of UTF-8. */
static void append_run(struct buf *out, const UChar *run, int32_t len)
{
    UErrorCode problem = U_ZERO_ERROR;
    int32_t bytes = 0;
    if (!buf_reserve(out, 3 * (size_t)len))
        return;
    u_strToUTF8WithSub(out->data + out->len, 3 * len, &bytes, run, len, 0xfffd, NULL, &problem);
    out->len += (size_t)bytes;
}

/* Each run of white space one blank, none at the ends. No white space lies outside the units' own range. */
static void append_blanks_as_one(struct buf *out, const UChar *text, int32_t len)
{
    const size_t begin = out->len;
    for (int32_t from = 0, to; from < len; from = to) {
        for (to = from; to < len && !u_isUWhiteSpace(text[to]); to++)
            ;
        if (to > from && out->len > begin)
            buf_append_char(out, ' ');
        append_run(out, text + from, to - from);
        for (; to < len && u_isUWhiteSpace(text[to]); to++)
            ;
    }
}

static enum error_code fold_wide(struct words_reader *reader, const UChar *wide, int32_t len, struct buf *folded,
                                 struct error *error)
{
    UErrorCode problem = U_ZERO_ERROR;
    int32_t need = unorm2_normalize(reader->normalizer, wide, len, NULL, 0, &problem);
    if (problem != U_BUFFER_OVERFLOW_ERROR && U_FAILURE(problem))
        return icu_problem(problem, error);
    UChar *text = mem_alloc(((size_t)need + 1) * sizeof(*text));
    if (!text)
        return error_no_memory(error);
    problem = U_ZERO_ERROR;
    need = unorm2_normalize(reader->normalizer, wide, len, text, need + 1, &problem);
    enum error_code code = U_FAILURE(problem) ? icu_problem(problem, error) : OK;
    if (code == OK)
        append_blanks_as_one(folded, text, need);
    mem_free(text);
    return code;
}

/* UTF-16 has at most as many units as UTF-8 has bytes. */
enum error_code words_fold(struct words_reader *reader, struct str text, struct buf *folded, struct error *error)
{
    UErrorCode problem = U_ZERO_ERROR;
    int32_t len = 0;
    if (text.len > (size_t)1 << 30 || text.len > folded->max)
        return error_set(error, ERROR_TOO_LARGE, "a text of %zu bytes is too long to be compared", text.len);
    UChar *wide = mem_alloc((text.len + 1) * sizeof(*wide));
    if (!wide)
        return error_no_memory(error);
    u_strFromUTF8WithSub(wide, (int32_t)text.len + 1, &len, text.data ? text.data : "", (int32_t)text.len, 0xfffd, NULL,
                         &problem);
    enum error_code code = U_FAILURE(problem) ? icu_problem(problem, error) : OK;
    if (code == OK)
        code = fold_wide(reader, wide, len, folded, error);
    mem_free(wide);
    if (code == OK && folded->failed)
        code = error_no_memory(error);
    return code;
}

struct str words_without_end_marks(struct str folded)
{
    for (int32_t end = (int32_t)folded.len; end > 0; folded.len = (size_t)end) {
        UChar32 c;
        U8_PREV((const uint8_t *)folded.data, 0, end, c);
        if (c < 0 || (!u_hasBinaryProperty(c, UCHAR_TERMINAL_PUNCTUATION) && !u_isUWhiteSpace(c)))
            break;
    }
    return folded;
}

/* --- words ------------------------------------------------------------------------------------------- */

static bool add_word(struct words *words, struct str word)
{
    void *items = words->hashes;
    if (!mem_grow(&items, words->count, &words->cap, sizeof(*words->hashes)))
        return false;
    words->hashes = items;
    words->hashes[words->count++] = str_hash(word);
    return true;
}

static enum error_code cut(struct words_reader *reader, struct str folded, struct words *words, struct error *error)
{
    int32_t from = ubrk_first(reader->breaks);
    for (int32_t to = ubrk_next(reader->breaks); to != UBRK_DONE && words->count < LIMIT_EVAL_WORDS;
         from = to, to = ubrk_next(reader->breaks)) {
        const bool is_word = ubrk_getRuleStatus(reader->breaks) >= UBRK_WORD_NONE_LIMIT;
        if (is_word && !add_word(words, str_slice(folded, (size_t)from, (size_t)to)))
            return error_no_memory(error);
    }
    return OK;
}

enum error_code words_read(struct words_reader *reader, struct str folded, struct words *words, struct error *error)
{
    UErrorCode problem = U_ZERO_ERROR;
    UText text = UTEXT_INITIALIZER;
    *words = (struct words){0};
    utext_openUTF8(&text, folded.data ? folded.data : "", (int64_t)folded.len, &problem);
    ubrk_setUText(reader->breaks, &text, &problem);
    enum error_code code = U_FAILURE(problem) ? icu_problem(problem, error) : cut(reader, folded, words, error);
    utext_close(&text);
    if (code != OK)
        words_deinit(words);
    return code;
}

void words_deinit(struct words *words)
{
    mem_free(words->hashes);
    *words = (struct words){0};
}
