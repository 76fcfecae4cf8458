/* metadata.h - values of a GGUF file's metadata by key and type: what is there as another type is not there. Files are
 * other people's, and gguf.h ends the program when a value is asked for as what it is not. Any thread. */
#ifndef ENGINE_METADATA_H
#define ENGINE_METADATA_H

#include <gguf.h>

/* Where it is; -1: nowhere. */
static inline int64_t metadata_find(const struct gguf_context *gguf, const char *key, enum gguf_type type)
{
    const int64_t at = gguf_find_key(gguf, key);
    return at >= 0 && gguf_get_kv_type(gguf, at) == type ? at : -1;
}

/* The same of a list of that type. */
static inline int64_t metadata_find_list(const struct gguf_context *gguf, const char *key, enum gguf_type type)
{
    const int64_t at = metadata_find(gguf, key, GGUF_TYPE_ARRAY);
    return at >= 0 && gguf_get_arr_type(gguf, at) == type ? at : -1;
}

/* "": there is none. */
static inline const char *metadata_text(const struct gguf_context *gguf, const char *key)
{
    const int64_t at = metadata_find(gguf, key, GGUF_TYPE_STRING);
    return at >= 0 ? gguf_get_val_str(gguf, at) : "";
}

#endif
