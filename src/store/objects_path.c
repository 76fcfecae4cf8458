/* objects_path.c - from keys to file names and back. Touches no disk. See objects_path.h. */
#include "store/objects_path.h"

#define PIECE_MARK "%+"

static bool is_escaped(unsigned char c)
{
    return c < 0x20 || c == 0x7f || c == '%';
}

static bool is_dots(struct str component)
{
    return str_eq(component, STR(".")) || str_eq(component, STR(".."));
}

bool object_component_append(struct buf *path, struct str component)
{
    if (component.len == 0)
        return buf_append_char(path, '%');
    bool escapes_all = is_dots(component);
    size_t piece = 0;
    for (size_t i = 0; i < component.len; i++) {
        unsigned char c = (unsigned char)component.data[i];
        bool escapes = escapes_all || is_escaped(c);
        if (piece + (escapes ? 3 : 1) > OBJECT_PIECE_MAX) {
            buf_append_text(path, PIECE_MARK "/");
            piece = 0;
            escapes_all = is_dots(str_slice(component, i, component.len));
            escapes = escapes_all || is_escaped(c);
        }
        if (escapes)
            buf_appendf(path, "%%%02X", c);
        else
            buf_append_char(path, (char)c);
        piece += escapes ? 3 : 1;
    }
    return !path->failed;
}

bool object_path_append(struct buf *path, struct str bucket, struct str key)
{
    struct str component;
    buf_append_str(path, bucket);
    while (str_split(&key, '/', &component)) {
        buf_append_char(path, '/');
        object_component_append(path, component);
    }
    if (!buf_append_char(path, '\0'))
        return false;
    path->len--;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool decode_text(struct str name, struct buf *component)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] != '%') {
            buf_append_char(component, name.data[i]);
            continue;
        }
        int high = i + 2 < name.len ? hex_digit(name.data[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(name.data[i + 2]) : -1;
        if (low < 0)
            return false;
        buf_append_char(component, (char)(high * 16 + low));
        i += 2;
    }
    return !component->failed;
}

enum object_name_kind object_name_decode(struct str name, struct buf *component)
{
    enum object_name_kind kind = OBJECT_NAME_PLAIN;
    if (name.len > 2 && str_ends(name, STR(PIECE_MARK))) {
        kind = OBJECT_NAME_PIECE;
        name.len -= 2;
    } else if (name.len > 1 && str_ends(name, STR(OBJECT_ASIDE))) {
        kind = OBJECT_NAME_ASIDE;
        name.len -= 1;
    }
    bool is_empty = str_eq(name, STR("%")) && kind != OBJECT_NAME_PIECE;
    return is_empty || decode_text(name, component) ? kind : OBJECT_NAME_FOREIGN;
}
