/* pdf_text.c - takes out what a PDF's layout put between words: pages, broken lines, hyphens. Reads no PDF. See
 * pdf_text.h. */
#include "document/pdf_text.h"

#include <stdio.h>

#include "core/limits.h"
#include "document/text_out.h"

#define BLANKS_MAX 4

static struct str trim_end(struct str line)
{
    while (line.len > 0 && strchr(" \t\r", line.data[line.len - 1]))
        line.len--;
    return line;
}

/* One line without its end: valid UTF-8 without control characters and long gaps. */
static void put_line(struct text_out *out, struct str line)
{
    size_t blanks = 0;
    while (line.len > 0) {
        unsigned char c = (unsigned char)line.data[0];
        size_t len = 1;
        blanks = c == ' ' ? blanks + 1 : 0;
        if (c >= 0x80) {
            len = str_utf8_valid_len(str_slice(line, 0, 4));
            while (len > 1 && str_utf8_valid_len(str_slice(line, 0, len - 1)) == len - 1)
                len--; /* the first character alone */
            text_put(out, len > 0 ? str_slice(line, 0, len) : STR("\xEF\xBF\xBD"));
            len = len > 0 ? len : 1;
        } else if ((c >= ' ' && c != 0x7F && blanks <= BLANKS_MAX) || c == '\t') {
            text_put_char(out, (char)c);
        }
        line = str_slice(line, len, line.len);
    }
}

/* True when there is a visible character on the page. */
static bool put_page(struct text_out *out, struct str page)
{
    struct str line;
    bool has_text = false, owes_line = false;
    while (text_is_whole(out) && str_split(&page, '\n', &line)) {
        line = trim_end(line);
        if (line.len == 0) {
            owes_line = has_text;
            continue;
        }
        if (owes_line)
            text_put_char(out, '\n');
        owes_line = false;
        has_text = true;
        put_line(out, line);
        text_put_char(out, '\n');
    }
    return has_text;
}

enum error_code pdf_text(struct str raw, struct buf *out, struct error *error)
{
    struct text_out text = {.buf = out};
    bool has_text = false;
    uint64_t page_count = 0;
    while (raw.len > 0 && text_is_whole(&text)) {
        ptrdiff_t end = str_find_char(raw, '\f', 0);
        struct str page = str_slice(raw, 0, end < 0 ? raw.len : (size_t)end);
        raw = str_slice(raw, page.len + 1, raw.len);
        if (++page_count > limit(document_pages))
            return error_set(error, ERROR_INVALID, "the PDF has more than the limit of %llu pages; send a part of it",
                             (unsigned long long)limit(document_pages));
        if (page_count > 1) {
            char separator[40];
            int len = snprintf(separator, sizeof(separator), "--- page %llu ---\n", (unsigned long long)page_count);
            text_put(&text, (struct str){separator, (size_t)len});
        }
        has_text = put_page(&text, page) || has_text;
    }
    if (!has_text && text_is_whole(&text))
        return error_set(error, ERROR_INVALID,
                         "there is no text in the PDF; pages that are scanned images cannot be read, send their text");
    return text_check(&text, error);
}
