/* explain.c - compares two prompts segment by segment and says where and why they part. Asks no model and no cache.
 * See explain.h. */
#include "cache/explain.h"

#include "cache/explain_body.h"

#define EXCERPT_BYTES 32
#define SAME_AGAIN_BYTES 8 /* as many equal bytes after white space say that nothing else differs */
#define ID_BYTES_MIN 12
#define EPOCH_DIGITS_MIN 10
#define EPOCH_DIGITS_MAX 19

/* Where the two lists of segments stop being the same. */
struct split {
    size_t index;  /* of the first segment that differs, in both */
    size_t offset; /* bytes into it */
};

static struct str segment_text(const struct explain_side *side, size_t index)
{
    return index < side->prompt.count ? side->prompt.segments[index].text : STR("");
}

static size_t common_len(struct str a, struct str b)
{
    const size_t most = a.len < b.len ? a.len : b.len;
    size_t len = 0;
    while (len < most && a.data[len] == b.data[len])
        len++;
    return len;
}

static struct split find_split(const struct explain_side side[2])
{
    struct split split = {0};
    for (; split.index < side[0].prompt.count && split.index < side[1].prompt.count; split.index++) {
        const struct prompt_segment *a = &side[0].prompt.segments[split.index];
        const struct prompt_segment *b = &side[1].prompt.segments[split.index];
        if (a->is_template != b->is_template)
            return split;
        if (!str_eq(a->text, b->text)) {
            split.offset = common_len(a->text, b->text);
            return split;
        }
    }
    return split;
}

static size_t bytes_before(const struct prompt *prompt, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += prompt->segments[i].text.len;
    return bytes;
}

/* --- places ----------------------------------------------------------------------------------------- */

/* `end` moved back to where a UTF-8 character begins, for excerpts. */
static size_t character_begin(struct str text, size_t at)
{
    while (at > 0 && at < text.len && ((unsigned char)text.data[at] & 0xc0) == 0x80)
        at--;
    return at;
}

static void fill_place(const struct explain_side *side, struct split split, struct arena *arena,
                       struct explain_place *place)
{
    const struct str text = segment_text(side, split.index);
    const size_t at = character_begin(text, split.offset);
    const size_t from = at > EXCERPT_BYTES ? at - EXCERPT_BYTES : 0;
    place->before = str_slice(text, character_begin(text, from), at);
    place->after = str_slice(text, at, character_begin(text, at + EXCERPT_BYTES));
    if (split.index >= side->prompt.count || side->prompt.segments[split.index].is_template)
        return;
    place->has_offset = body_find(side->body, text.data, arena, &place->field, &place->offset);
    place->offset += split.offset;
}

/* Fields that the segments' addresses did not give come from comparing the bodies. */
static void fill_fields(const struct explain_side side[2], struct split split, struct arena *arena,
                        struct explanation *e)
{
    yyjson_val *const bodies[2] = {side[0].body, side[1].body};
    const struct str text[2] = {segment_text(&side[0], split.index), segment_text(&side[1], split.index)};
    struct body_difference difference = {0};
    fill_place(&side[0], split, arena, &e->place[0]);
    fill_place(&side[1], split, arena, &e->place[1]);
    if (e->place[0].has_offset && e->place[1].has_offset)
        return;
    if (!body_compare(bodies, text, arena, &difference))
        return;
    for (int i = 0; i < 2; i++)
        if (!e->place[i].has_offset)
            e->place[i].field = difference.path[i];
    if (difference.is_order_of_keys)
        e->cause = CAUSE_KEY_ORDER;
    else if (!difference.path[0].data || !difference.path[1].data)
        e->cause = CAUSE_STRUCTURE;
}

static void fill_checkpoints(const struct explain_side *side, size_t shared_segments, struct arena *arena,
                             struct explain_checkpoint *checkpoints, size_t *count)
{
    size_t bytes = 0, unused;
    for (size_t i = 0; i < side->prompt.count; i++) {
        const struct prompt_segment *segment = &side->prompt.segments[i];
        bytes += segment->text.len;
        if (!segment->ends_checkpoint || *count == EXPLAIN_CHECKPOINTS_MAX)
            continue;
        struct explain_checkpoint *checkpoint = &checkpoints[(*count)++];
        *checkpoint = (struct explain_checkpoint){.number = *count, .bytes = bytes,
                                                  .ttl_seconds = segment->ttl_seconds,
                                                  .is_shared = i < shared_segments};
        (void)body_find(side->body, segment->text.data, arena, &checkpoint->field, &unused);
    }
}

/* --- causes ----------------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The run of letters, digits and what stands inside dates and IDs, around `at`. */
static struct str word_around(struct str text, size_t at)
{
    size_t from = at, to = at;
    while (from > 0 && (is_digit(text.data[from - 1]) || is_letter(text.data[from - 1]) ||
                        strchr(":.-+_/", text.data[from - 1])))
        from--;
    while (to < text.len && (is_digit(text.data[to]) || is_letter(text.data[to]) || strchr(":.-+_/", text.data[to])))
        to++;
    return str_slice(text, from, to);
}

/* 12:30, 2026-11-25, 25/11/26: digits, a mark, two digits. */
static bool has_clock_or_date(struct str word)
{
    for (size_t i = 1; i + 2 < word.len; i++)
        if (strchr(":-/", word.data[i]) && is_digit(word.data[i - 1]) && is_digit(word.data[i + 1]) &&
            is_digit(word.data[i + 2]))
            return true;
    return false;
}

static bool is_name_of_time(struct str word)
{
    static const char *const names[] = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
                                        "january", "february", "march", "april", "may", "june", "july", "august",
                                        "september", "october", "november", "december"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_eq_nocase(word, str_of(names[i])) || str_eq_nocase(word, str_slice(str_of(names[i]), 0, 3)))
            return true;
    return false;
}

static bool is_all_digits(struct str word)
{
    size_t i = 0;
    while (i < word.len && is_digit(word.data[i]))
        i++;
    return word.len > 0 && i == word.len;
}

static bool is_number(struct str word)
{
    uint64_t integer;
    double real;
    return str_to_u64(word, &integer) || str_to_double(word, &real);
}

/* Seconds to nanoseconds since 1970, of our days. */
static bool is_epoch(struct str word)
{
    return is_all_digits(word) && word.len >= EPOCH_DIGITS_MIN && word.len <= EPOCH_DIGITS_MAX && word.data[0] == '1';
}

static bool is_id(struct str word)
{
    bool has_digit = false, has_letter = false;
    for (size_t i = 0; i < word.len; i++) {
        has_digit = has_digit || is_digit(word.data[i]);
        has_letter = has_letter || is_letter(word.data[i]);
    }
    return word.len >= ID_BYTES_MIN && has_digit && has_letter;
}

static struct str without_space(struct str text, size_t at)
{
    while (at < text.len && is_space(text.data[at]))
        at++;
    return str_slice(text, at, text.len);
}

/* White space on one side at least, and behind it both go on alike. */
static bool is_space_only(const struct str text[2], size_t at)
{
    const bool has_space = (at < text[0].len && is_space(text[0].data[at])) ||
                           (at < text[1].len && is_space(text[1].data[at]));
    const struct str a = without_space(text[0], at), b = without_space(text[1], at);
    const size_t common = common_len(a, b);
    return has_space && (common >= SAME_AGAIN_BYTES || common == a.len || common == b.len) &&
           (a.len > 0) == (b.len > 0);
}

static enum explain_cause cause_in_text(const struct str text[2], size_t at)
{
    const struct str a = word_around(text[0], at), b = word_around(text[1], at);
    if (is_space_only(text, at))
        return CAUSE_SPACE;
    if ((has_clock_or_date(a) && has_clock_or_date(b)) || (is_epoch(a) && is_epoch(b)) ||
        (is_name_of_time(a) && is_name_of_time(b)))
        return CAUSE_TIME;
    if (is_id(a) && is_id(b))
        return CAUSE_ID;
    if (is_number(a) && is_number(b))
        return CAUSE_NUMBER;
    if (str_eq_nocase(a, b) && a.len > 0 && at < text[0].len && at < text[1].len &&
        lower(text[0].data[at]) == lower(text[1].data[at]))
        return CAUSE_CASE;
    return CAUSE_TEXT;
}

/* The segments from `index` on begin with `text`, or with its first bytes at least. */
static bool goes_on_with(const struct explain_side *side, size_t index, struct str text)
{
    size_t same = 0;
    while (same < text.len && same < SAME_AGAIN_BYTES && index < side->prompt.count) {
        const struct str next = segment_text(side, index++), rest = str_slice(text, same, text.len);
        const size_t common = common_len(next, rest);
        same += common;
        if (common < next.len && common < rest.len)
            break;
    }
    return text.len > 0 && (same == text.len || same >= SAME_AGAIN_BYTES);
}

/* One side's segment ends, and what follows it is what the other's goes on with. */
static bool is_cut_otherwise(const struct explain_side side[2], struct split split)
{
    for (int i = 0; i < 2; i++) {
        const struct str ended = segment_text(&side[i], split.index), longer = segment_text(&side[1 - i], split.index);
        if (split.offset == ended.len &&
            goes_on_with(&side[i], split.index + 1, str_slice(longer, split.offset, longer.len)))
            return true;
    }
    return false;
}

static enum explain_cause find_cause(const struct explain_side side[2], struct split split,
                                     const struct explain_place place[2])
{
    const struct str text[2] = {segment_text(&side[0], split.index), segment_text(&side[1], split.index)};
    if (is_cut_otherwise(side, split))
        return CAUSE_CUT;
    return place[0].field.data && place[1].field.data ? cause_in_text(text, split.offset) : CAUSE_STRUCTURE;
}

static enum explain_kind kind_of(const struct explain_side side[2], struct split split)
{
    const bool has_ended[2] = {split.index >= side[0].prompt.count, split.index >= side[1].prompt.count};
    if (has_ended[0] && has_ended[1])
        return EXPLAIN_SAME;
    if (has_ended[0])
        return EXPLAIN_FIRST_ENDS;
    return has_ended[1] ? EXPLAIN_SECOND_ENDS : EXPLAIN_DIFFERENT;
}

void explain(const struct explain_side side[2], struct arena *arena, struct explanation *explanation)
{
    const struct split split = find_split(side);
    struct explanation *e = explanation;
    *e = (struct explanation){.kind = kind_of(side, split)};
    e->shared_bytes = bytes_before(&side[0].prompt, split.index) + split.offset;
    for (int i = 0; i < 2; i++) {
        e->bytes[i] = bytes_before(&side[i].prompt, side[i].prompt.count);
        fill_checkpoints(&side[i], split.index, arena, e->checkpoints[i], &e->checkpoint_count[i]);
    }
    if (e->kind == EXPLAIN_DIFFERENT) {
        fill_fields(side, split, arena, e);
        if (e->cause == CAUSE_NONE)
            e->cause = find_cause(side, split, e->place);
    }
}

const char *explain_cause_name(enum explain_cause cause)
{
    static const char *const names[] = {
        [CAUSE_NONE] = "none",
        [CAUSE_CUT] = "cut",
        [CAUSE_KEY_ORDER] = "key-order",
        [CAUSE_SPACE] = "white-space",
        [CAUSE_TIME] = "time",
        [CAUSE_ID] = "id",
        [CAUSE_NUMBER] = "number",
        [CAUSE_CASE] = "case",
        [CAUSE_STRUCTURE] = "structure",
        [CAUSE_TEXT] = "text"};
    return names[cause];
}

const char *explain_cause_text(enum explain_cause cause)
{
    static const char *const texts[] = {
        [CAUSE_NONE] = "",
        [CAUSE_CUT] = "the same text is cut into other content blocks; build the blocks the same way each time",
        [CAUSE_KEY_ORDER] = "the same JSON with its keys in another order; sort the keys before sending",
        [CAUSE_SPACE] = "white space alone; build the text the same way each time",
        [CAUSE_TIME] = "a date or a time of day; put it behind the last checkpoint",
        [CAUSE_ID] = "an ID that is new with each request; put it behind the last checkpoint or leave it out",
        [CAUSE_NUMBER] = "a number that changes; put it behind the last checkpoint",
        [CAUSE_CASE] = "upper and lower case",
        [CAUSE_STRUCTURE] = "other messages, blocks or tools; only add at the end",
        [CAUSE_TEXT] = "another text; what changes goes behind the last checkpoint"};
    return texts[cause];
}
