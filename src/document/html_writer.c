/* html_writer.c - white space, line ends and indents of a page as text. Knows no elements. See html_writer.h. */
#include "document/html_writer.h"

static void put_owed_lines(struct html_writer *writer)
{
    bool is_first = writer->out.buf->len == 0;
    unsigned lines = writer->owes_line ? 1 : writer->owed_pre_lines;
    for (unsigned i = 0; i < lines && !is_first && text_is_whole(&writer->out); i++)
        text_put_char(&writer->out, '\n');
    writer->is_line_start = writer->is_line_start || lines > 0;
    writer->owes_line = false;
    writer->owed_pre_lines = 0;
}

/* Everything that is owed, before a visible character. */
static void settle(struct html_writer *writer)
{
    put_owed_lines(writer);
    if (writer->owed_tabs > 0) {
        for (unsigned i = 0; i < writer->owed_tabs; i++)
            text_put_char(&writer->out, '\t');
    } else if (writer->blank_count > 0) {
        text_put(&writer->out, (struct str){writer->blanks, writer->blank_count});
    } else if (writer->owes_space && !writer->is_line_start) {
        text_put_char(&writer->out, ' ');
    }
    writer->blank_count = 0;
    writer->owed_tabs = 0;
    writer->owes_space = writer->is_line_start = false;
    if (writer->marker[0])
        text_put(&writer->out, str_of(writer->marker));
    writer->marker[0] = '\0';
}

static void put_blank(struct html_writer *writer, char c)
{
    if (writer->pre == 0 || c == '\r' || c == '\f') {
        writer->owes_space = true;
    } else if (c == '\n' && writer->is_row) {
        writer->owes_space = true;
    } else if (c == '\n') {
        writer->owed_pre_lines++;
        writer->owes_space = false;
        writer->blank_count = 0;
    } else if (writer->blank_count < HTML_BLANKS_MAX) {
        writer->blanks[writer->blank_count++] = c;
    }
}

/* The length of a character at text[at] that is no visible one, and what it is: a blank or nothing at all. */
static size_t special_character(struct str text, size_t at, bool *is_blank)
{
    struct str rest = str_slice(text, at, at + 3);
    *is_blank = str_starts(rest, STR("\xC2\xA0")); /* no-break space */
    if (*is_blank || str_starts(rest, STR("\xC2\xAD"))) /* soft hyphen */
        return 2;
    bool is_zero_width = str_eq(rest, STR("\xE2\x80\x8B")) || str_eq(rest, STR("\xEF\xBB\xBF")) ||
                         str_eq(rest, STR("\xE2\x81\xA0"));
    /* The signs of formulas for what is not written: function of, times, comma, plus. */
    bool is_invisible_sign = str_starts(rest, STR("\xE2\x81")) && rest.len == 3 &&
                             (unsigned char)rest.data[2] >= 0xA1 && (unsigned char)rest.data[2] <= 0xA4;
    return is_zero_width || is_invisible_sign ? 3 : 0;
}

void html_put(struct html_writer *writer, struct str text)
{
    for (size_t i = 0, len; i < text.len; i += len) {
        char c = text.data[i];
        bool is_blank = c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
        len = 1;
        if (!is_blank && (unsigned char)c >= 0xC2) {
            size_t special = special_character(text, i, &is_blank);
            len = special > 0 ? special : 1;
            if (special > 0 && !is_blank)
                continue;
            c = is_blank ? ' ' : c;
        }
        if (is_blank) {
            put_blank(writer, c);
            continue;
        }
        settle(writer);
        text_put_char(&writer->out, c);
    }
}

void html_put_close(struct html_writer *writer, struct str text)
{
    text_put(&writer->out, text);
}

void html_space(struct html_writer *writer)
{
    writer->owes_space = true;
}

void html_line(struct html_writer *writer)
{
    writer->blank_count = 0;
    writer->owed_pre_lines = 0;
    if (writer->is_row)
        writer->owes_space = true;
    else
        writer->owes_line = true;
}

void html_marker(struct html_writer *writer, struct str text)
{
    size_t len = strlen(writer->marker);
    if (len + text.len >= HTML_MARKER_MAX)
        return;
    memcpy(writer->marker + len, text.data, text.len);
    writer->marker[len + text.len] = '\0';
}

char html_last(const struct html_writer *writer)
{
    const struct buf *buf = writer->out.buf;
    if (buf->len == 0 || writer->owes_line || writer->owed_pre_lines > 0)
        return '\n';
    return writer->owes_space || writer->owed_tabs > 0 || writer->blank_count > 0 ? ' ' : buf->data[buf->len - 1];
}
