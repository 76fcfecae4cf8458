/* sql_pack.c - see sql_pack.h. A list is its elements one after the other, zeros
 * at the end left out. An element is a number n as 2n, or -2n - 1 below zero, in
 * groups of 7 bits from the lowest, all but the last with the high bit set. */
#include "store/sql_pack.h"

#include <sqlite3.h>
#include <string.h>

typedef unsigned __int128 u128;

#define ELEMENT_BYTES_MAX 19 /* 128 bits in groups of 7 */

/* SQLite aligns what it gives aggregates to 8 bytes, no more. */
typedef __int128 element __attribute__((aligned(8)));

struct list {
    element values[SQL_PACK_MAX];
    size_t count;
    bool is_damaged;
};

/* --- bytes ------------------------------------------------------------------------------------------ */

static size_t write_element(unsigned char *out, __int128 value)
{
    u128 number = value < 0 ? ((u128)(-(value + 1)) << 1) + 1 : (u128)value << 1;
    size_t len = 0;
    do {
        out[len] = (unsigned char)(number & 0x7f);
        number >>= 7;
        out[len] |= number ? 0x80 : 0;
        len++;
    } while (number);
    return len;
}

/* Moves *at behind the element; false: it does not end. */
static bool read_element(const unsigned char **at, const unsigned char *end, __int128 *value)
{
    u128 number = 0;
    const unsigned char *byte = *at;
    for (unsigned shift = 0; shift < 7 * ELEMENT_BYTES_MAX; shift += 7) {
        if (byte == end)
            return false;
        number |= (u128)(*byte & 0x7f) << shift;
        if (*byte++ & 0x80)
            continue;
        *at = byte;
        *value = number & 1 ? -(__int128)(number >> 1) - 1 : (__int128)(number >> 1);
        return true;
    }
    return false;
}

static void add_packed(struct list *list, const void *bytes, size_t len)
{
    const unsigned char *at = bytes, *end = at + len;
    for (size_t i = 0; at < end; i++) {
        __int128 value;
        if (i == SQL_PACK_MAX || !read_element(&at, end, &value)) {
            list->is_damaged = true;
            return;
        }
        list->values[i] += value;
        list->count = i >= list->count ? i + 1 : list->count;
    }
}

bool sql_unpack(struct str packed, __int128 *values, size_t count)
{
    struct list list = {.count = 0};
    add_packed(&list, packed.data ? packed.data : "", packed.len);
    memcpy(values, list.values, (count < SQL_PACK_MAX ? count : SQL_PACK_MAX) * sizeof(values[0]));
    return !list.is_damaged && list.count <= count && count <= SQL_PACK_MAX;
}

/* --- functions -------------------------------------------------------------------------------------- */

static void give(sqlite3_context *context, const struct list *list)
{
    unsigned char bytes[SQL_PACK_MAX * ELEMENT_BYTES_MAX];
    size_t count = list ? list->count : 0, len = 0;
    if (list && list->is_damaged) {
        sqlite3_result_error(context, "a packed list is damaged", -1);
        sqlite3_result_error_code(context, SQLITE_CORRUPT);
        return;
    }
    while (count > 0 && list->values[count - 1] == 0)
        count--;
    for (size_t i = 0; i < count; i++)
        len += write_element(bytes + len, list->values[i]);
    sqlite3_result_blob64(context, bytes, len, SQLITE_TRANSIENT);
}

static void pack_step(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct list *list = sqlite3_aggregate_context(context, sizeof(*list));
    if (!list) {
        sqlite3_result_error_nomem(context);
        return;
    }
    list->is_damaged = list->is_damaged || count > SQL_PACK_MAX;
    list->count = list->is_damaged ? 0 : (size_t)count;
    for (size_t i = 0; i < list->count; i++)
        list->values[i] += sqlite3_value_int64(values[i]);
}

static void add_value(struct list *list, sqlite3_value *value)
{
    const void *bytes = sqlite3_value_blob(value);
    if (bytes)
        add_packed(list, bytes, (size_t)sqlite3_value_bytes(value));
}

static void fold_step(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct list *list = sqlite3_aggregate_context(context, sizeof(*list));
    (void)count;
    if (list)
        add_value(list, values[0]);
    else
        sqlite3_result_error_nomem(context);
}

static void finish(sqlite3_context *context)
{
    give(context, sqlite3_aggregate_context(context, 0));
}

static void fold2(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct list list = {.count = 0};
    (void)count;
    add_value(&list, values[0]);
    add_value(&list, values[1]);
    give(context, &list);
}

static void packed_at(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct list list = {.count = 0};
    const sqlite3_int64 at = sqlite3_value_int64(values[1]);
    (void)count;
    add_value(&list, values[0]);
    sqlite3_result_double(context, at >= 0 && at < SQL_PACK_MAX ? (double)list.values[at] : 0);
}

int sql_pack_register(struct sqlite3 *handle)
{
    static const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    int result = sqlite3_create_function_v2(handle, "pack", -1, flags, NULL, NULL, pack_step, finish, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_create_function_v2(handle, "fold", 1, flags, NULL, NULL, fold_step, finish, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_create_function_v2(handle, "fold2", 2, flags, NULL, fold2, NULL, NULL, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_create_function_v2(handle, "packed_at", 2, flags, NULL, packed_at, NULL, NULL, NULL);
    return result;
}
