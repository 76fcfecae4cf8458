/* The table of media types that have a short name, and those that are their own. */
#include "api/media_type.h"

#include <stdio.h>

static const struct {
    const char *format, *media_type;
} known[] = {
    {"txt", "text/plain"},
    {"md", "text/markdown"},
    {"csv", "text/csv"},
    {"html", "text/html"},
    {"pdf", "application/pdf"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"doc", "application/msword"},
    {"xls", "application/vnd.ms-excel"},
    {"jpeg", "image/jpeg"},
    {"jpeg", "image/jpg"},
    {"mp3", "audio/mpeg"},
    {"mov", "video/quicktime"},
    {"mkv", "video/x-matroska"},
};

struct str media_type_format(struct str media_type)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (str_eq(media_type, str_of(known[i].media_type)))
            return str_of(known[i].format);
    ptrdiff_t slash = str_find_char(media_type, '/', 0);
    return str_slice(media_type, slash < 0 ? 0 : (size_t)slash + 1, media_type.len);
}

void media_type_of(enum chat_block_kind kind, struct str format, char text[MEDIA_TYPE_MAX])
{
    const char *first = kind == CHAT_IMAGE ? "image" : kind == CHAT_AUDIO ? "audio" : kind == CHAT_VIDEO ? "video"
                                                                                                       : "application";
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!str_eq(format, str_of(known[i].format)))
            continue;
        (void)snprintf(text, MEDIA_TYPE_MAX, "%s", known[i].media_type);
        return;
    }
    (void)snprintf(text, MEDIA_TYPE_MAX, "%s/%.*s", first, format.len > 80 ? 80 : (int)format.len,
                   format.data ? format.data : "");
}
