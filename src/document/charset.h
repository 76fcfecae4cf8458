/* charset.h - bytes of a text in whatever encoding, as UTF-8.
 *
 * The names of encodings are those of the web (WHATWG Encoding, 4.2), where
 * "iso-8859-1" means windows-1252 and "gb2312" means GB18030. The tables are
 * ICU's, which lie in its library: nothing looks at a file. Any thread. */
#ifndef DOCUMENT_CHARSET_H
#define DOCUMENT_CHARSET_H

#include "core/buf.h"
#include "core/error.h"

#define CHARSET_UTF8 "UTF-8"
#define CHARSET_FALLBACK "windows-1252"
#define CHARSET_NAME_MAX 32

/* ICU's name of the encoding with that label. False: nobody knows it. UTF-16
 * that is declared inside a text can't be true and means UTF-8. */
bool charset_of_label(struct str label, char name[CHARSET_NAME_MAX]);

/* What the bytes themselves say: a byte order mark, whose length *mark becomes,
 * or the zeros of UTF-16. NULL: nothing. */
const char *charset_of_mark(struct str bytes, size_t *mark);

/* For bytes that nobody has declared: UTF-8 when they are, or are but for a few
 * damaged characters; else windows-1252. */
const char *charset_guess(struct str bytes);

/* Nearly every byte is a character of windows-1252, so that any file would do;
 * those with bytes that stand for nothing in a text, and those with more accents
 * than letters in any of its languages are something else. */
bool charset_is_windows_1252(struct str bytes);

/* Replaces the content of `text`, whose maximum becomes what the result may
 * need. Bytes that stand for nothing become U+FFFD. ERROR_NO_MEMORY, or
 * ERROR_INTERNAL when ICU has no such encoding. */
enum error_code charset_decode(const char *name, struct str bytes, struct buf *text, struct error *error) WARN_UNUSED;

#endif
