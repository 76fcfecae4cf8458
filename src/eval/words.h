/* words.h - text as metrics see it: one form for what reads the same, and its words, in any language.
 *
 * One form: Unicode's NFKC with case folded away (full-width letters, ligatures and capitals are their plain letters),
 * each run of white space one blank, none at the ends. Words: those of Unicode's word boundaries (UAX 29), by ICU,
 * which finds them by dictionary where a script writes no blanks; pieces without a letter or a digit (punctuation,
 * symbols, emoji) are no words. "don't" and "3.5" are one word each. Invalid UTF-8 reads as U+FFFD.
 *
 * A reader belongs to one thread at a time. */
#ifndef EVAL_WORDS_H
#define EVAL_WORDS_H

#include "core/buf.h"
#include "core/error.h"

struct words_reader;

enum error_code words_reader_new(struct words_reader **reader, struct error *error) WARN_UNUSED;
void words_reader_free(struct words_reader *reader); /* NULL is legal */

/* Appends the text in its one form. ERROR_TOO_LARGE: the buffer's maximum. */
enum error_code words_fold(struct words_reader *reader, struct str text, struct buf *folded,
                           struct error *error) WARN_UNUSED;
struct str words_without_end_marks(struct str folded); /* without the marks that end a sentence or a part of one */

/* Words as 64-bit hashes: equal words have equal ones. */
struct words {
    uint64_t *hashes; /* mem_free'd by words_deinit */
    size_t count, cap;
};

/* Of a folded text, at most LIMIT_EVAL_WORDS of them: what is behind is not looked at. */
enum error_code words_read(struct words_reader *reader, struct str folded, struct words *words,
                           struct error *error) WARN_UNUSED;
void words_deinit(struct words *words);

#endif
