/* query.h - the parameters of questions to the console's API. Errors are ERROR_INVALID and begin with the parameter's
 * name. On the exchange's I/O thread; texts lie in the exchange's arena. */
#ifndef API_CONSOLE_QUERY_H
#define API_CONSOLE_QUERY_H

#include "api/call.h"

/* Every parameter is one of `names` (NULL-terminated), or one that all questions take: tenant, format. */
enum error_code console_query_known(struct api_call *call, const char *const *names, struct error *error) WARN_UNUSED;

/* A moment, by clock_wall_us(): what clock_parse takes, milliseconds since 1970, or so long before `now_us`: -90s,
 * -15m, -24h, -7d. */
bool console_parse_time(struct str text, uint64_t now_us, uint64_t *us);

/* `from` and `to`. Absent: from so long before now (0: from the first), to now. ERROR_INVALID as well where `to` is not
 * after `from`. */
struct console_period {
    uint64_t from_us, to_us;
};
enum error_code console_query_period(struct api_call *call, uint64_t usual_us, struct console_period *period,
                                     struct error *error) WARN_UNUSED;

/* `limit` and `cursor`: how many rows, and behind which. A cursor is two numbers, the keys of the last row that was
 * seen (say, its time and its place among those of the same time); console_put_cursor writes it. */
#define CONSOLE_PAGE_DEFAULT 50
#define CONSOLE_PAGE_MAX 500
#define CONSOLE_CSV_PAGE_MAX 5000 /* of a list of lines as CSV */
struct console_page {
    size_t limit;
    bool has_cursor;
    uint64_t keys[2];
};
enum error_code console_query_page(struct api_call *call, struct console_page *page, struct error *error) WARN_UNUSED;

/* One of `names` (NULL-terminated), by its index; absent: *which stays. */
enum error_code console_query_choice(struct api_call *call, const char *name, const char *const *names, size_t *which,
                                     struct error *error) WARN_UNUSED;

/* A whole number from low to high; absent: *value stays. */
enum error_code console_query_number(struct api_call *call, const char *name, uint64_t low, uint64_t high,
                                     uint64_t *value, struct error *error) WARN_UNUSED;

#endif
