/* script.c - see script.h. */
#include "route/script.h"

#include <unicode/uchar.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

/* Letters of an alphabet that one character replaces. */
#define HAN_LETTERS 3.0F
#define KANA_LETTERS 1.5F
#define HANGUL_LETTERS 2.2F
#define CONSONANT_LETTERS 1.3F /* where short vowels are not written */

static float letters_of(UScriptCode script)
{
    switch (script) {
    case USCRIPT_HAN: return HAN_LETTERS;
    case USCRIPT_HIRAGANA:
    case USCRIPT_KATAKANA:
    case USCRIPT_KATAKANA_OR_HIRAGANA: return KANA_LETTERS;
    case USCRIPT_HANGUL: return HANGUL_LETTERS;
    case USCRIPT_ARABIC:
    case USCRIPT_HEBREW:
    case USCRIPT_SYRIAC: return CONSONANT_LETTERS;
    default: return 1;
    }
}

static void read_letter(uint32_t code, struct script_char *character)
{
    UErrorCode status = U_ZERO_ERROR;
    const UScriptCode script = uscript_getScript((UChar32)code, &status);
    const bool is_kana = script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA || code == 0x30fc;
    character->kind = is_kana || script == USCRIPT_HAN ? SCRIPT_ALONE : SCRIPT_LETTER;
    character->letters = is_kana ? KANA_LETTERS : letters_of(script);
    character->lower = (uint32_t)u_tolower((UChar32)code);
}

/* Vowels of the scripts of India and South-East Asia are marks; an accent says nothing that its letter does not. */
static bool is_vowel_sign(uint32_t code)
{
    return (code >= 0x0900 && code <= 0x1cff) || (code >= 0xa800 && code <= 0xabff) || code >= 0x11000;
}

/* Unicode has no property that says it. */
static bool asks(uint32_t code)
{
    static const uint16_t marks[] = {0x37e, 0x55e, 0x61f, 0x1367, 0x1945, 0x203d, 0x2047, 0x2048, 0x2049,
                                     0x2cfa, 0x2e2e, 0xa60f, 0xa6f7, 0xfe16, 0xfe56, 0xff1f};
    for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
        if (code == marks[i])
            return true;
    return false;
}

static enum script_kind mark_of(uint32_t code, int8_t type)
{
    if (asks(code))
        return SCRIPT_ASKS;
    if (u_hasBinaryProperty((UChar32)code, UCHAR_S_TERM))
        return SCRIPT_STOP;
    if (code == 0xff1a || code == 0xfe55)
        return SCRIPT_COLON;
    if (u_hasBinaryProperty((UChar32)code, UCHAR_TERMINAL_PUNCTUATION))
        return SCRIPT_CLAUSE;
    if (u_hasBinaryProperty((UChar32)code, UCHAR_QUOTATION_MARK))
        return SCRIPT_QUOTE;
    return type == U_START_PUNCTUATION || type == U_END_PUNCTUATION ? SCRIPT_BRACKET : SCRIPT_MARK;
}

void script_read(uint32_t code, struct script_char *character)
{
    const int8_t type = code ? u_charType((UChar32)code) : U_UNASSIGNED;
    *character = (struct script_char){.kind = SCRIPT_BLANK, .lower = code};
    switch (type) {
    case U_UPPERCASE_LETTER:
    case U_LOWERCASE_LETTER:
    case U_TITLECASE_LETTER:
    case U_MODIFIER_LETTER:
    case U_OTHER_LETTER:
    case U_LETTER_NUMBER: read_letter(code, character); break;
    case U_NON_SPACING_MARK:
    case U_ENCLOSING_MARK:
    case U_COMBINING_SPACING_MARK:
        character->kind = SCRIPT_JOINED;
        character->letters = is_vowel_sign(code);
        break;
    case U_FORMAT_CHAR: character->kind = code == 0x200b ? SCRIPT_BLANK : SCRIPT_JOINED; break;
    case U_DECIMAL_DIGIT_NUMBER:
        character->kind = SCRIPT_NUMERAL;
        character->letters = 1;
        break;
    case U_MATH_SYMBOL:
    case U_CURRENCY_SYMBOL: character->kind = SCRIPT_SIGN; break;
    case U_OTHER_SYMBOL: /* arrows are signs, emoji and dingbats are marks */
        character->kind = code >= 0x2190 && code <= 0x23ff ? SCRIPT_SIGN : SCRIPT_MARK;
        break;
    case U_UNASSIGNED:
    case U_CONTROL_CHAR:
    case U_SPACE_SEPARATOR:
    case U_LINE_SEPARATOR:
    case U_PARAGRAPH_SEPARATOR:
    case U_PRIVATE_USE_CHAR:
    case U_SURROGATE: break;
    default: character->kind = mark_of(code, type);
    }
}

size_t script_decode(const uint8_t *at, const uint8_t *end, uint32_t *code)
{
    const size_t len = *at >= 0xf0 ? 4 : *at >= 0xe0 ? 3 : *at >= 0xc2 ? 2 : 0;
    *code = 0;
    if (len == 0 || (size_t)(end - at) < len)
        return 1;
    uint32_t value = *at & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 1;
        value = value << 6 | (at[i] & 0x3fU);
    }
    *code = value;
    return len;
}

size_t script_encode(uint32_t code, uint8_t bytes[4])
{
    size_t len = 0;
    U8_APPEND_UNSAFE(bytes, len, code);
    return len;
}
