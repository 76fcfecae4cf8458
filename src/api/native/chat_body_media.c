/* OpenAI's chat completions: parts of messages that are no text. Their bytes stay what they are in the body. */
#include "api/media_type.h"
#include "api/native/chat_body.h"

/* "data:image/png;base64,AAAA" -> its media type's second half and the bytes; false: some other URL. */
static bool split_data_url(struct str url, struct str *format, struct str *data)
{
    const struct str scheme = STR("data:"), mark = STR(";base64,");
    ptrdiff_t at = str_find(url, mark, 0);
    if (!str_starts(url, scheme) || at < 0)
        return false;
    struct str media_type = str_slice(url, scheme.len, (size_t)at);
    ptrdiff_t parameter = str_find_char(media_type, ';', 0);
    media_type = str_slice(media_type, 0, parameter < 0 ? media_type.len : (size_t)parameter);
    *format = media_type_format(media_type);
    *data = str_slice(url, (size_t)at + mark.len, url.len);
    return true;
}

static enum error_code read_url(struct chat_request *request, struct str url, const char *where, const char *key,
                                struct chat_block *block, struct error *error)
{
    block->source = CHAT_SOURCE_BASE64;
    if (split_data_url(url, &block->format, &block->data))
        return OK;
    block->source = CHAT_SOURCE_URL;
    block->data = url;
    return needs_note(request, CHAT_NEED_FILES_ELSEWHERE, error, where, key, "URLs are not read by this model; send "
                      "the bytes in a data: URL");
}

/* {"url": ...}, or the URL itself as some write it. */
static enum error_code parse_url(struct chat_request *request, yyjson_val *part, const char *where, const char *key,
                                 struct chat_block *block, struct error *error)
{
    yyjson_val *inner = yyjson_obj_get(part, key);
    struct field_path path = field_path_member(where, key);
    struct str url = json_str(inner);
    enum error_code code = yyjson_is_str(inner) ? OK : fields_need_object(part, where, key, &inner, error);
    if (code == OK && !url.data)
        code = fields_need_str(inner, path.text, "url", 1, SIZE_MAX, &url, error);
    return code == OK ? read_url(request, url, path.text, "url", block, error) : code;
}

static enum error_code parse_audio(yyjson_val *part, const char *where, struct chat_block *block, struct error *error)
{
    yyjson_val *inner = NULL;
    struct field_path path = field_path_member(where, "input_audio");
    block->source = CHAT_SOURCE_BASE64;
    enum error_code code = fields_need_object(part, where, "input_audio", &inner, error);
    if (code == OK)
        code = fields_need_str(inner, path.text, "format", 1, SIZE_MAX, &block->format, error);
    return code == OK ? fields_need_str(inner, path.text, "data", 1, SIZE_MAX, &block->data, error) : code;
}

/* `file`: where its members stand. */
static enum error_code read_file(struct chat_request *request, yyjson_val *file, const char *where,
                                 struct chat_block *block, struct error *error)
{
    struct str data = {0};
    const char *key = yyjson_is_str(yyjson_obj_get(file, "file_url")) ? "file_url" : "file_data";
    block->text = STR("");
    block->name = STR("document");
    enum error_code code = json_get_str(file, where, "filename", &block->name, NULL, error);
    if (code == OK)
        code = json_get_str(file, where, key, &data, NULL, error);
    if (code == OK && data.data)
        return read_url(request, data, where, key, block, error);
    block->source = CHAT_SOURCE_FILE;
    return code == OK ? fields_need_str(file, where, "file_id", 1, SIZE_MAX, &block->data, error) : code;
}

static enum error_code parse_file(struct chat_request *request, yyjson_val *part, const char *where,
                                  struct chat_block *block, struct error *error)
{
    yyjson_val *inner = NULL;
    struct field_path path = field_path_member(where, "file");
    const enum error_code code = fields_need_object(part, where, "file", &inner, error);
    return code == OK ? read_file(request, inner, path.text, block, error) : code;
}

/* As Responses have it. */
static enum error_code parse_input_image(struct chat_request *request, yyjson_val *part, const char *where,
                                         struct chat_block *block, struct error *error)
{
    if (!yyjson_is_str(yyjson_obj_get(part, "file_id")))
        return parse_url(request, part, where, "image_url", block, error);
    block->source = CHAT_SOURCE_FILE;
    block->data = json_str(yyjson_obj_get(part, "file_id"));
    return OK;
}

enum error_code chat_body_media(struct chat_request *request, yyjson_val *part, struct str type, const char *where,
                                struct chat_block *block, struct error *error)
{
    static const struct {
        const char *type;
        enum chat_block_kind kind;
        enum chat_need need;
    } known[] = {
        {"image_url", CHAT_IMAGE, CHAT_NEED_IMAGES},
        {"input_audio", CHAT_AUDIO, CHAT_NEED_AUDIO},
        {"video_url", CHAT_VIDEO, CHAT_NEED_VIDEO},
        {"file", CHAT_DOCUMENT, CHAT_NEED_FILES_UNREAD},
        {"input_image", CHAT_IMAGE, CHAT_NEED_IMAGES},
        {"input_file", CHAT_DOCUMENT, CHAT_NEED_FILES_UNREAD},
    };
    enum chat_need need = CHAT_NEED_OTHER_BLOCKS;
    block->kind = CHAT_OTHER;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!str_eq(type, str_of(known[i].type)))
            continue;
        block->kind = known[i].kind;
        need = known[i].need;
    }
    enum error_code code = needs_note(request, need, error, where, "type", "%.*s: this model reads text only",
                                      (int)(type.len > 40 ? 40 : type.len), type.data);
    if (code == OK)
        code = needs_where(request, block, where, error);
    if (code != OK)
        return code;
    switch (block->kind) {
    case CHAT_IMAGE:
        return str_eq(type, STR("input_image")) ? parse_input_image(request, part, where, block, error)
                                                : parse_url(request, part, where, "image_url", block, error);
    case CHAT_VIDEO: return parse_url(request, part, where, "video_url", block, error);
    case CHAT_AUDIO: return parse_audio(part, where, block, error);
    case CHAT_DOCUMENT:
        return str_eq(type, STR("input_file")) ? read_file(request, part, where, block, error)
                                               : parse_file(request, part, where, block, error);
    default: return OK;
    }
}
