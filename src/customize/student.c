/* student.c - compares sizes, and writes shares into settings. See student.h. */
#include "customize/student.h"

#include "engine/model_size.h"

#define MEMBER ",\"price_share\":"
#define SETTINGS_MAX 16384

static bool is_priced(struct str settings)
{
    return str_find(settings, STR(",\"price\":"), 0) >= 0 || str_find(settings, STR(",\"price_as\":"), 0) >= 0;
}

/* Where the share stands; both at the end without one. */
static struct str find_share(struct str settings, size_t *begin)
{
    const ptrdiff_t at = str_find(settings, STR(MEMBER), 0);
    *begin = at < 0 ? settings.len : (size_t)at;
    const ptrdiff_t end = at < 0 ? -1 : str_find_char(settings, ',', *begin + 1);
    return str_slice(settings, *begin, end < 0 ? settings.len : (size_t)end);
}

uint64_t student_share(struct str settings)
{
    size_t begin;
    double share;
    const struct str member = find_share(settings, &begin);
    if (member.len == 0 || !str_to_double(str_slice(member, sizeof(MEMBER) - 1, member.len), &share))
        return STUDENT_WHOLE;
    return (uint64_t)(share * STUDENT_WHOLE + 0.5);
}

enum error_code student_measure(const char *path, const char *base, struct student_size *size, struct error *error)
{
    struct model_size own, whole;
    enum error_code code = model_size_read(path, &own, error);
    if (code == OK)
        code = model_size_read(base, &whole, error);
    if (code != OK)
        return code;
    *size = (struct student_size){own.weights, whole.weights, STUDENT_WHOLE};
    if (own.weights < whole.weights)
        size->share = (own.weights * STUDENT_WHOLE + whole.weights - 1) / whole.weights;
    return OK;
}

bool student_settings(struct str settings, uint64_t share, struct arena *arena, struct str *made)
{
    size_t begin;
    struct buf text;
    const uint64_t all = (student_share(settings) * share + STUDENT_WHOLE - 1) / STUDENT_WHOLE;
    const struct str member = find_share(settings, &begin);
    *made = settings;
    if (!is_priced(settings) || all >= STUDENT_WHOLE)
        return true;
    buf_init(&text, SETTINGS_MAX);
    buf_append_str(&text, str_slice(settings, 0, begin));
    buf_append_str(&text, str_slice(settings, begin + member.len, settings.len));
    buf_appendf(&text, MEMBER "0.%06llu", (unsigned long long)all);
    const bool is_made = !text.failed && arena_str(arena, buf_str(&text), made);
    buf_deinit(&text);
    return is_made;
}
