/* template.c - see template.h. */
#include "advise/template.h"

#include <ctype.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/mem.h"

#define RESYNC_BYTES 24 /* that must be the same for two texts to go on together */
#define RESYNC_WORDS 8  /* that may have come or gone at one place */
#define MEMO_SLOTS 4096u
#define NAME_BYTES 40   /* of a name; longer text is none */
#define TAIL_BYTES 200  /* a difference of more bytes that reaches a system prompt's end is all that follows */

const char *const template_change_names[CHANGES] = {
    [CHANGE_TIME] = "a timestamp",   [CHANGE_DATE] = "a date",   [CHANGE_UUID] = "a UUID",
    [CHANGE_ID] = "an identifier",   [CHANGE_NUMBER] = "a number", [CHANGE_NAME] = "a name",
    [CHANGE_TEXT] = "text that changes", [CHANGE_TAIL] = "text that differs from request to request",
};

struct memo {
    uint64_t hash;
    uint32_t group;
    struct template_match match;
    uint32_t spans; /* bits of those that it differs in */
};

struct templates {
    struct template items[LIMIT_ADVISE_TEMPLATES];
    uint16_t count;
    struct memo memo[MEMO_SLOTS];
};

/* --- what a word is ----------------------------------------------------------------------------------- */

static bool is_break(char c)
{
    return c == '\0' || strchr(" \t\r\n\",;<>(){}[]|=`'", c) != NULL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_calendar_word(struct str word)
{
    static const char *const names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov",
                                        "dec", "mon", "tue", "wed", "thu", "fri", "sat", "sun", "utc", "gmt", "am",
                                        "pm"};
    static const char *const whole[] = {"january",   "february", "march",    "april",    "june",      "july",
                                        "august",    "september", "october", "november", "december",  "monday",
                                        "tuesday",   "wednesday", "thursday", "friday",  "saturday",  "sunday",
                                        "cet", "cest", "est", "edt", "pst", "pdt", "z"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_eq_nocase(word, str_of(names[i])))
            return true;
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
        if (str_eq_nocase(word, str_of(whole[i])))
            return true;
    return false;
}

/* "12:30:05", "2026-11-30T12:00:05.123Z", "30/11/2026", "30", "1st", "Nov". */
static bool is_date_word(struct str word)
{
    size_t digits = 0;
    while (word.len > 0 && strchr(".,:", word.data[word.len - 1]))
        word.len--;
    if (is_calendar_word(word))
        return true;
    for (size_t i = 0; i < word.len; i++) {
        digits += is_digit(word.data[i]);
        if (!is_digit(word.data[i]) && !strchr(":-/.+TZtz", word.data[i]) &&
            !(digits > 0 && word.len - i == 2 && strchr("snrtAP", word.data[i])))
            return false;
    }
    return digits > 0;
}

static bool is_uuid(struct str word)
{
    if (word.len != 36)
        return false;
    for (size_t i = 0; i < 36; i++) {
        const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash ? word.data[i] != '-' : !isxdigit((unsigned char)word.data[i]))
            return false;
    }
    return true;
}

/* A separator between two digits. */
static bool has_between(struct str text, const char *separators)
{
    for (size_t i = 1; i + 1 < text.len; i++)
        if (is_digit(text.data[i - 1]) && strchr(separators, text.data[i]) && is_digit(text.data[i + 1]))
            return true;
    return false;
}

static bool has_calendar(struct str text)
{
    struct str rest = text, word;
    while (str_split(&rest, ' ', &word)) {
        while (word.len > 0 && strchr(".,", word.data[word.len - 1]))
            word.len--;
        if (word.len > 2 && is_calendar_word(word))
            return true;
    }
    return false;
}

/* --- what changes --------------------------------------------------------------------------------------- */

/* The neighbour before `start`, one space away; empty: none. */
static struct str word_before(struct str text, uint32_t start)
{
    uint32_t end = start, begin;
    while (end > 0 && (text.data[end - 1] == ' ' || text.data[end - 1] == ','))
        end--;
    for (begin = end; begin > 0 && !is_break(text.data[begin - 1]); begin--)
        continue;
    return start - end > 2 || end == start ? (struct str){NULL, 0} : str_slice(text, begin, end);
}

static struct str word_after(struct str text, uint32_t end)
{
    uint32_t begin = end, last;
    while (begin < text.len && (text.data[begin] == ' ' || text.data[begin] == ','))
        begin++;
    for (last = begin; last < text.len && !is_break(text.data[last]); last++)
        continue;
    return begin - end > 2 || begin == end ? (struct str){NULL, 0} : str_slice(text, begin, last);
}

static void widen_date(struct str text, uint32_t *start, uint32_t *end)
{
    for (int i = 0; i < 6; i++) {
        const struct str word = word_before(text, *start);
        if (word.len == 0 || !is_date_word(word))
            break;
        *start = (uint32_t)(word.data - text.data);
    }
    for (int i = 0; i < 6; i++) {
        const struct str word = word_after(text, *end);
        if (word.len == 0 || !is_date_word(word))
            break;
        *end = (uint32_t)(word.data - text.data + (ptrdiff_t)word.len);
    }
}

/* "now:1764512345" begins at the digit, "req-17" too. */
static void begin_at_digit(struct str text, uint32_t *start, uint32_t end)
{
    uint32_t at = *start;
    while (at < end && !is_digit(text.data[at]))
        at++;
    if (at < end)
        *start = at;
}

static bool is_epoch(struct str digits)
{
    if (!(digits.len == 10 || digits.len == 13 || (digits.len > 11 && digits.data[10] == '.')) || *digits.data != '1')
        return false;
    for (size_t i = 0; i < digits.len; i++)
        if (!is_digit(digits.data[i]) && digits.data[i] != '.')
            return false;
    return true;
}

static bool find_uuid(struct str text, uint32_t *start, uint32_t *end)
{
    for (uint32_t at = *start; at + 36 <= *end; at++) {
        if (is_uuid(str_slice(text, at, at + 36))) {
            *start = at;
            *end = at + 36;
            return true;
        }
    }
    return false;
}

static enum template_change classify_word(struct str text, uint32_t *start, uint32_t *end)
{
    const struct str word = str_slice(text, *start, *end);
    size_t digits = 0, letters = 0;
    for (size_t i = 0; i < word.len; i++) {
        digits += is_digit(word.data[i]);
        letters += isalpha((unsigned char)word.data[i]) != 0;
    }
    if (digits > 0 && (letters == 0 || !is_digit(*word.data))) {
        uint32_t at = *start;
        begin_at_digit(text, &at, *end);
        const struct str number = str_slice(text, at, *end);
        bool is_number = number.len > 0;
        for (size_t i = 0; i < number.len; i++)
            is_number = is_number && (is_digit(number.data[i]) || number.data[i] == '.');
        if (is_epoch(number) || has_between(number, ":")) {
            *start = at;
            return CHANGE_TIME;
        }
        if (is_number) {
            *start = at;
            return CHANGE_NUMBER;
        }
    }
    if (digits > 0 && word.len >= 6)
        return CHANGE_ID;
    if (digits > 0)
        return CHANGE_NUMBER;
    const bool is_short = word.len <= NAME_BYTES;
    return letters > 0 && is_short && isupper((unsigned char)*word.data) ? CHANGE_NAME : CHANGE_TEXT;
}

enum template_change template_classify(struct str text, uint32_t *start, uint32_t *end)
{
    while (*start > 0 && !is_break(text.data[*start - 1]))
        --*start;
    if (*end <= *start)
        *end = *start;
    while (*end < text.len && !is_break(text.data[*end]))
        ++*end;
    if (*end == *start && *end < text.len)
        ++*end;
    if (find_uuid(text, start, end))
        return CHANGE_UUID;
    uint32_t from = *start, to = *end;
    if (is_date_word(str_slice(text, from, to)))
        widen_date(text, &from, &to);
    const struct str wide = str_slice(text, from, to);
    const bool has_clock = has_between(wide, ":"), has_day = has_between(wide, "-/") || has_calendar(wide);
    while (to > from && strchr(".,:", text.data[to - 1]))
        to--;
    if (has_clock || has_day) {
        if (!has_calendar(wide))
            begin_at_digit(text, &from, to);
        *start = from;
        *end = to;
        return has_clock ? CHANGE_TIME : CHANGE_DATE;
    }
    while (*end > *start + 1 && strchr(".,:!?", text.data[*end - 1]))
        --*end;
    return classify_word(text, start, end);
}

/* --- two texts beside each other ------------------------------------------------------------------------ */

static size_t same_bytes(const char *a, const char *b, size_t most)
{
    size_t at = 0;
    for (uint64_t x, y; at + 8 <= most; at += 8) {
        memcpy(&x, a + at, 8);
        memcpy(&y, b + at, 8);
        if (x != y)
            break;
    }
    while (at < most && a[at] == b[at])
        at++;
    return at;
}

static size_t same_end(struct str a, struct str b)
{
    const size_t most = a.len < b.len ? a.len : b.len;
    size_t count = 0;
    while (count < most && a.data[a.len - 1 - count] == b.data[b.len - 1 - count])
        count++;
    return count;
}

/* Ends of the next words of a text: starts[0] is the end of the word at `at`. */
static unsigned word_ends(struct str text, size_t at, size_t ends[RESYNC_WORDS])
{
    unsigned count = 0;
    while (count < RESYNC_WORDS) {
        while (at < text.len && !is_break(text.data[at]))
            at++;
        ends[count++] = at;
        if (at >= text.len)
            break;
        at++;
    }
    return count;
}

/* The nearest place behind a difference from where both go on the same. */
static bool resync(struct str a, struct str b, size_t *i, size_t *j)
{
    size_t ends_a[RESYNC_WORDS], ends_b[RESYNC_WORDS];
    const unsigned count_a = word_ends(a, *i, ends_a), count_b = word_ends(b, *j, ends_b);
    for (unsigned sum = 0; sum < count_a + count_b; sum++) {
        for (unsigned k = 0; k <= sum && k < count_a; k++) {
            const unsigned m = sum - k;
            if (m >= count_b)
                continue;
            const size_t rest_a = a.len - ends_a[k], rest_b = b.len - ends_b[m];
            const size_t most = rest_a < rest_b ? rest_a : rest_b;
            const bool is_end = rest_a == rest_b && most < RESYNC_BYTES;
            if ((most >= RESYNC_BYTES || is_end) &&
                memcmp(a.data + ends_a[k], b.data + ends_b[m], is_end ? most : RESYNC_BYTES) == 0) {
                *i = ends_a[k];
                *j = ends_b[m];
                return true;
            }
        }
    }
    return false;
}

void template_align(struct str a, struct str b, struct template_alignment *alignment)
{
    size_t i = 0, j = 0;
    *alignment = (struct template_alignment){0};
    for (;;) {
        const size_t most = a.len - i < b.len - j ? a.len - i : b.len - j;
        const size_t run = same_bytes(a.data + i, b.data + j, most);
        if (alignment->count == 0)
            alignment->same = (uint32_t)run;
        alignment->matched += (uint32_t)run;
        i += run;
        j += run;
        if (i == a.len && j == b.len)
            return;
        struct template_piece *piece = &alignment->pieces[alignment->count++];
        *piece = (struct template_piece){(uint32_t)i, (uint32_t)a.len};
        if (alignment->count < TEMPLATE_SPANS && i < a.len && j < b.len && resync(a, b, &i, &j)) {
            piece->end = (uint32_t)i;
            continue;
        }
        const size_t end = same_end(str_slice(a, i, a.len), str_slice(b, j, b.len));
        piece->end = (uint32_t)(a.len - end);
        alignment->matched += (uint32_t)end;
        return;
    }
}

/* --- the templates -------------------------------------------------------------------------------------- */

struct templates *templates_new(void)
{
    return mem_calloc(1, sizeof(struct templates));
}

void templates_free(struct templates *templates)
{
    for (uint16_t i = 0; templates && i < templates->count; i++)
        mem_free(templates->items[i].text);
    mem_free(templates);
}

/* Mostly the same, or the same for as long as a prefix must be to be worth anything. */
static bool belongs(const struct template_alignment *alignment, size_t a, size_t b)
{
    const size_t longer = a > b ? a : b;
    return (double)alignment->matched >= 0.6 * (double)longer || alignment->same >= 1024;
}

/* The bit of the span; 0: there is no room. */
static uint32_t add_span(struct template *template, const struct template_piece *piece)
{
    const struct str text = {template->text, template->len};
    struct template_span span = {.start = piece->start, .end = piece->end, .count = 1};
    const bool is_last = span.end + RESYNC_BYTES > text.len;
    if (is_last && (!template->is_system || span.end - span.start >= TAIL_BYTES))
        span.kind = CHANGE_TAIL;
    else
        span.kind = template_classify(text, &span.start, &span.end);
    for (unsigned i = 0; i < template->span_count; i++) {
        struct template_span *old = &template->spans[i];
        if (span.start <= old->end && old->start <= span.end) {
            old->count++;
            return 1u << i;
        }
    }
    if (template->span_count == TEMPLATE_SPANS)
        return 0;
    const struct str said = str_slice(text, span.start, span.end);
    (void)snprintf(span.example, sizeof(span.example), STR_FMT, STR_ARG(said));
    template->spans[template->span_count] = span;
    return 1u << template->span_count++;
}

static void add_step(struct template *template, uint32_t same)
{
    const uint64_t step = template->len ? (uint64_t)same * (TEMPLATE_STEPS - 1) / template->len : 0;
    uint32_t *least = &template->least[step];
    *least = template->steps[step]++ == 0 || same < *least ? same : *least;
    template->count++;
}

static uint32_t add_member(struct template *template, const struct template_alignment *alignment)
{
    uint32_t spans = 0;
    add_step(template, alignment->same);
    for (unsigned i = 0; i < alignment->count; i++)
        spans |= add_span(template, &alignment->pieces[i]);
    return spans;
}

static uint16_t add_template(struct templates *templates, uint32_t group, bool is_system, struct str head,
                             size_t whole)
{
    if (templates->count == LIMIT_ADVISE_TEMPLATES)
        return TEMPLATE_NONE;
    struct template *template = &templates->items[templates->count];
    *template = (struct template){.group = group, .is_system = is_system, .len = (uint32_t)head.len,
                                  .whole = (uint32_t)(whole < UINT32_MAX ? whole : UINT32_MAX),
                                  .hash = str_hash(head)};
    template->text = mem_strdup(head);
    if (!template->text)
        return TEMPLATE_NONE;
    add_step(template, template->len);
    return templates->count++;
}

/* Bits of the spans that it differs in. */
static uint32_t match_new(struct templates *templates, uint32_t group, bool is_system, struct str head, size_t whole,
                          struct template_match *match)
{
    struct template_alignment alignment;
    unsigned of_group = 0;
    for (uint16_t i = 0; i < templates->count; i++) {
        struct template *template = &templates->items[i];
        if (template->group != group || template->is_system != is_system)
            continue;
        of_group++;
        template_align((struct str){template->text, template->len}, head, &alignment);
        if (!belongs(&alignment, template->len, head.len))
            continue;
        *match = (struct template_match){i, alignment.same, alignment.matched};
        return add_member(template, &alignment);
    }
    const uint16_t index = of_group < LIMIT_ADVISE_TEMPLATES_GROUP
                               ? add_template(templates, group, is_system, head, whole) : TEMPLATE_NONE;
    *match = (struct template_match){index, (uint32_t)head.len, (uint32_t)head.len};
    return 0;
}

/* The same head again counts as it did before. */
static void count_again(struct template *template, const struct memo *memo)
{
    add_step(template, memo->match.same);
    for (unsigned i = 0; i < template->span_count; i++)
        template->spans[i].count += memo->spans >> i & 1;
}

void templates_match(struct templates *templates, uint32_t group, bool is_system, struct str head,
                     struct template_match *match)
{
    const uint64_t hash = str_hash(head) ^ (uint64_t)is_system;
    struct memo *memo = &templates->memo[(hash ^ group) % MEMO_SLOTS];
    const struct str kept = str_slice(head, 0, LIMIT_ADVISE_TEMPLATE_BYTES);
    if (memo->hash == hash && memo->group == group && hash != 0) {
        *match = memo->match;
        if (match->index != TEMPLATE_NONE)
            count_again(&templates->items[match->index], memo);
        return;
    }
    const uint32_t spans = match_new(templates, group, is_system, kept, head.len, match);
    *memo = (struct memo){hash, group, *match, spans};
}

uint16_t templates_count(const struct templates *templates)
{
    return templates->count;
}

const struct template *templates_at(const struct templates *templates, uint16_t index)
{
    return &templates->items[index];
}

/* --- what it says --------------------------------------------------------------------------------------- */

uint32_t template_stable(const struct template *template)
{
    uint64_t below = 0;
    for (unsigned i = 0; i < TEMPLATE_STEPS; i++) {
        below += template->steps[i];
        if (below * 10 > template->count)
            return template->least[i];
    }
    return template->len;
}

static bool is_frequent(const struct template *template, const struct template_span *span)
{
    return span->count * 20 >= template->count;
}

uint32_t template_fixed(const struct template *template)
{
    uint32_t bytes = template->len;
    for (unsigned i = 0; i < template->span_count; i++) {
        const uint32_t len = template->spans[i].end - template->spans[i].start;
        if (is_frequent(template, &template->spans[i]))
            bytes -= len < bytes ? len : bytes;
    }
    return bytes;
}

const struct template_span *template_break(const struct template *template)
{
    const struct template_span *first = NULL;
    for (unsigned i = 0; i < template->span_count; i++) {
        const struct template_span *span = &template->spans[i];
        if (span->kind != CHANGE_TAIL && is_frequent(template, span) && (!first || span->start < first->start))
            first = span;
    }
    return first;
}

uint32_t template_character(const struct template *template, uint32_t byte)
{
    uint32_t characters = 0;
    for (uint32_t i = 0; i < byte && i < template->len; i++)
        characters += ((unsigned char)template->text[i] & 0xc0) != 0x80;
    return characters;
}
