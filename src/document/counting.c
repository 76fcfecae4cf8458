/* counting.c - numbers as words, letters and Roman numerals. The counters of lists are docx_numbering.c's. See
 * counting.h. */
#include "document/counting.h"

#include <stdio.h>

enum counting counting_of_word(struct str name)
{
    static const struct {
        const char *name;
        enum counting way;
    } ways[] = {
        {"decimalZero", COUNTING_DECIMAL_ZERO}, {"lowerLetter", COUNTING_LOWER_LETTER},
        {"upperLetter", COUNTING_UPPER_LETTER}, {"lowerRoman", COUNTING_LOWER_ROMAN},
        {"upperRoman", COUNTING_UPPER_ROMAN}, {"ordinal", COUNTING_ORDINAL},
        {"cardinalText", COUNTING_CARDINAL_TEXT}, {"ordinalText", COUNTING_ORDINAL_TEXT}, {"hex", COUNTING_HEX},
        {"numberInDash", COUNTING_DASHED}, {"chicago", COUNTING_CHICAGO},
        {"decimalEnclosedCircle", COUNTING_CIRCLED}, {"decimalEnclosedCircleChinese", COUNTING_CIRCLED},
        {"decimalEnclosedParen", COUNTING_PARENTHESES}, {"decimalEnclosedFullstop", COUNTING_FULL_STOP},
        {"decimalFullWidth", COUNTING_FULL_WIDTH}, {"decimalFullWidth2", COUNTING_FULL_WIDTH},
        {"chineseCounting", COUNTING_HAN}, {"chineseCountingThousand", COUNTING_HAN},
        {"taiwaneseCounting", COUNTING_HAN}, {"taiwaneseCountingThousand", COUNTING_HAN},
        {"japaneseCounting", COUNTING_HAN}, {"japaneseDigitalTenThousand", COUNTING_HAN_DIGITS},
        {"ideographDigital", COUNTING_HAN_DIGITS}, {"taiwaneseDigital", COUNTING_HAN_DIGITS},
        {"koreanDigital2", COUNTING_HAN_DIGITS}, {"chineseLegalSimplified", COUNTING_HAN_LEGAL},
        {"ideographLegalTraditional", COUNTING_HAN_LEGAL}, {"japaneseLegal", COUNTING_HAN_LEGAL},
        {"ideographTraditional", COUNTING_STEMS}, {"ideographZodiac", COUNTING_BRANCHES},
        {"aiueo", COUNTING_AIUEO}, {"aiueoFullWidth", COUNTING_AIUEO}, {"iroha", COUNTING_IROHA},
        {"irohaFullWidth", COUNTING_IROHA}, {"koreanDigital", COUNTING_KOREAN_DIGITS},
        {"ganada", COUNTING_GANADA}, {"chosung", COUNTING_CHOSUNG}, {"russianLower", COUNTING_RUSSIAN_LOWER},
        {"russianUpper", COUNTING_RUSSIAN_UPPER}, {"hebrew2", COUNTING_HEBREW_LETTERS},
        {"arabicAlpha", COUNTING_ARABIC_LETTERS}, {"hindiNumbers", COUNTING_HINDI_DIGITS},
        {"thaiNumbers", COUNTING_THAI_DIGITS},
    };
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        if (str_eq(name, str_of(ways[i].name)))
            return ways[i].way;
    return COUNTING_DECIMAL;
}

/* --- alphabets -------------------------------------------------------------------------------------- */

/* One text per character, the first for 1. */
static const char *const chicago[] = {"*", "†", "‡", "§", NULL};
static const char *const circled[] = {"①", "②", "③", "④", "⑤", "⑥", "⑦", "⑧", "⑨", "⑩", "⑪",
                                      "⑫", "⑬", "⑭", "⑮", "⑯", "⑰", "⑱", "⑲", "⑳", NULL};
static const char *const stems[] = {"甲", "乙", "丙", "丁", "戊", "己", "庚", "辛", "壬", "癸", NULL};
static const char *const branches[] = {"子", "丑", "寅", "卯", "辰", "巳", "午",
                                       "未", "申", "酉", "戌", "亥", NULL};
static const char *const aiueo[] = {"ア", "イ", "ウ", "エ", "オ", "カ", "キ", "ク", "ケ", "コ", "サ", "シ", "ス", "セ", "ソ", "タ",
                                    "チ", "ツ", "テ", "ト", "ナ", "ニ", "ヌ", "ネ", "ノ", "ハ", "ヒ", "フ", "ヘ", "ホ", "マ", "ミ",
                                    "ム", "メ", "モ", "ヤ", "ユ", "ヨ", "ラ", "リ", "ル", "レ", "ロ", "ワ", "ヲ", "ン", NULL};
static const char *const iroha[] = {"イ", "ロ", "ハ", "ニ", "ホ", "ヘ", "ト", "チ", "リ", "ヌ", "ル", "ヲ", "ワ", "カ", "ヨ", "タ",
                                    "レ", "ソ", "ツ", "ネ", "ナ", "ラ", "ム", "ウ", "ヰ", "ノ", "オ", "ク", "ヤ", "マ", "ケ", "フ",
                                    "コ", "エ", "テ", "ア", "サ", "キ", "ユ", "メ", "ミ", "シ", "ヱ", "ヒ", "モ", "セ", "ス",
                                    "ン", NULL};
static const char *const ganada[] = {"가", "나", "다", "라", "마", "바", "사", "아", "자", "차", "카", "타", "파", "하", NULL};
static const char *const chosung[] = {"ㄱ", "ㄴ", "ㄷ", "ㄹ", "ㅁ", "ㅂ", "ㅅ", "ㅇ", "ㅈ", "ㅊ", "ㅋ", "ㅌ", "ㅍ", "ㅎ", NULL};
static const char *const russian_lower[] = {"а", "б", "в", "г", "д", "е", "ж", "з", "и", "к", "л", "м", "н", "о", "п",
                                            "р", "с", "т", "у", "ф", "х", "ц", "ч", "ш", "щ", "ы", "э", "ю", "я", NULL};
static const char *const russian_upper[] = {"А", "Б", "В", "Г", "Д", "Е", "Ж", "З", "И", "К", "Л", "М", "Н", "О", "П",
                                            "Р", "С", "Т", "У", "Ф", "Х", "Ц", "Ч", "Ш", "Щ", "Ы", "Э", "Ю", "Я", NULL};
static const char *const hebrew[] = {"א", "ב", "ג", "ד", "ה", "ו", "ז", "ח", "ט", "י", "כ",
                                     "ל", "מ", "נ", "ס", "ע", "פ", "צ", "ק", "ר", "ש", "ת", NULL};
static const char *const arabic[] = {"أ", "ب", "ت", "ث", "ج", "ح", "خ", "د", "ذ", "ر", "ز", "س", "ش", "ص",
                                     "ض", "ط", "ظ", "ع", "غ", "ف", "ق", "ك", "ل", "م", "ن", "ه", "و", "ي", NULL};

/* Digits from 0. */
static const char *const full_width_digits[] = {"０", "１", "２", "３", "４", "５", "６", "７", "８", "９", NULL};
static const char *const han_digits[] = {"〇", "一", "二", "三", "四", "五", "六", "七", "八", "九", NULL};
static const char *const han_legal_digits[] = {"零", "壹", "贰", "叁", "肆", "伍", "陆", "柒", "捌", "玖", NULL};
static const char *const korean_digits[] = {"영", "일", "이", "삼", "사", "오", "육", "칠", "팔", "구", NULL};
static const char *const hindi_digits[] = {"०", "१", "२", "३", "४", "५", "६", "७", "८", "९", NULL};
static const char *const thai_digits[] = {"๐", "๑", "๒", "๓", "๔", "๕", "๖", "๗", "๘", "๙", NULL};

static const char *const *alphabet_of(enum counting way)
{
    switch (way) {
    case COUNTING_CHICAGO: return chicago;
    case COUNTING_CIRCLED: return circled;
    case COUNTING_STEMS: return stems;
    case COUNTING_BRANCHES: return branches;
    case COUNTING_AIUEO: return aiueo;
    case COUNTING_IROHA: return iroha;
    case COUNTING_GANADA: return ganada;
    case COUNTING_CHOSUNG: return chosung;
    case COUNTING_RUSSIAN_LOWER: return russian_lower;
    case COUNTING_RUSSIAN_UPPER: return russian_upper;
    case COUNTING_HEBREW_LETTERS: return hebrew;
    case COUNTING_ARABIC_LETTERS: return arabic;
    default: return NULL;
    }
}

static const char *const *digits_of(enum counting way)
{
    switch (way) {
    case COUNTING_FULL_WIDTH: return full_width_digits;
    case COUNTING_HAN_DIGITS: return han_digits;
    case COUNTING_KOREAN_DIGITS: return korean_digits;
    case COUNTING_HINDI_DIGITS: return hindi_digits;
    case COUNTING_THAI_DIGITS: return thai_digits;
    default: return NULL;
    }
}

/* --- ways ------------------------------------------------------------------------------------------- */

static void append(char out[COUNTING_MAX], const char *text)
{
    size_t len = strlen(out), more = strlen(text);
    if (len + more < COUNTING_MAX)
        memcpy(out + len, text, more + 1);
}

/* The first goes round the alphabet as often as Word repeats a letter; the rest of the ways only has the alphabet. */
static bool write_letter(const char *const *alphabet, int value, bool is_repeated, char out[COUNTING_MAX])
{
    int count = 0;
    while (alphabet[count])
        count++;
    int times = (value - 1) / count + 1;
    if (value < 1 || times > 10 || (times > 1 && !is_repeated))
        return false;
    for (int i = 0; i < times; i++)
        append(out, alphabet[(value - 1) % count]);
    return true;
}

static void write_digits(const char *const *digits, int value, char out[COUNTING_MAX])
{
    char decimal[16];
    snprintf(decimal, sizeof(decimal), "%d", value);
    for (const char *c = decimal; *c; c++)
        append(out, digits[*c - '0']);
}

static bool write_latin(int value, char first, char out[COUNTING_MAX])
{
    int times = (value - 1) / 26 + 1;
    if (value < 1 || times > 30)
        return false;
    for (int i = 0; i < times; i++)
        append(out, (char[2]){(char)(first + (value - 1) % 26)});
    return true;
}

static bool write_column(int value, char first, char out[COUNTING_MAX])
{
    char letters[16];
    size_t at = sizeof(letters) - 1;
    letters[at] = '\0';
    if (value < 1)
        return false;
    for (; value > 0; value = (value - 1) / 26)
        letters[--at] = (char)(first + (value - 1) % 26);
    append(out, letters + at);
    return true;
}

static bool write_roman(int value, bool is_upper, char out[COUNTING_MAX])
{
    static const struct {
        int value;
        const char *lower, *upper;
    } digits[] = {{1000, "m", "M"}, {900, "cm", "CM"}, {500, "d", "D"}, {400, "cd", "CD"}, {100, "c", "C"},
                  {90, "xc", "XC"}, {50, "l", "L"},    {40, "xl", "XL"}, {10, "x", "X"},   {9, "ix", "IX"},
                  {5, "v", "V"},    {4, "iv", "IV"},   {1, "i", "I"}};
    if (value < 1 || value > 3999)
        return false;
    for (size_t i = 0; i < sizeof(digits) / sizeof(digits[0]); i++)
        for (; value >= digits[i].value; value -= digits[i].value)
            append(out, is_upper ? digits[i].upper : digits[i].lower);
    return true;
}

/* 1234 as one thousand two hundred three ten four; 10 to 19 without the one unless they are for a cheque. */
static bool write_han(int value, bool is_legal, char out[COUNTING_MAX])
{
    static const char *const units[] = {"千", "百", "十", ""}, *const legal_units[] = {"仟", "佰", "拾", ""};
    const char *const *digits = is_legal ? han_legal_digits : han_digits;
    bool owes_zero = false;
    if (value < 1 || value > 9999)
        return false;
    for (int i = 0, unit = 1000; i < 4; i++, unit /= 10) {
        int digit = value / unit % 10;
        if (digit == 0) {
            owes_zero = out[0] != '\0';
            continue;
        }
        if (owes_zero)
            append(out, is_legal ? "零" : "〇");
        owes_zero = false;
        if (is_legal || digit > 1 || unit != 10 || out[0])
            append(out, digits[digit]);
        append(out, is_legal ? legal_units[i] : units[i]);
    }
    return true;
}

static void write_ordinal(int value, char out[COUNTING_MAX])
{
    static const char *const endings[] = {"th", "st", "nd", "rd"};
    bool is_teen = value / 10 % 10 == 1;
    snprintf(out, COUNTING_MAX, "%d%s", value, endings[is_teen || value % 10 > 3 || value < 0 ? 0 : value % 10]);
}

static bool write_words(int value, bool is_ordinal, char out[COUNTING_MAX])
{
    static const char *const ones[] = {
        "",        "One",     "Two",       "Three",    "Four",     "Five",    "Six",     "Seven",     "Eight",
        "Nine",    "Ten",     "Eleven",    "Twelve",   "Thirteen", "Fourteen", "Fifteen", "Sixteen",  "Seventeen",
        "Eighteen", "Nineteen"};
    static const char *const ordinals[] = {
        "",      "First", "Second",   "Third",   "Fourth",     "Fifth",      "Sixth",     "Seventh",   "Eighth",
        "Ninth", "Tenth", "Eleventh", "Twelfth", "Thirteenth", "Fourteenth", "Fifteenth", "Sixteenth", "Seventeenth",
        "Eighteenth", "Nineteenth"};
    static const char *const tens[] = {"", "", "Twent", "Thirt", "Fort", "Fift", "Sixt", "Sevent", "Eight", "Ninet"};
    if (value < 1 || value > 99)
        return false;
    if (value >= 20) {
        append(out, tens[value / 10]);
        append(out, value % 10 == 0 && is_ordinal ? "ieth" : "y");
        append(out, value % 10 == 0 ? "" : "-");
        value %= 10;
        char last[COUNTING_MAX];
        snprintf(last, sizeof(last), "%s", is_ordinal ? ordinals[value] : ones[value]);
        last[0] = (char)(last[0] ? last[0] | 32 : '\0');
        append(out, last);
        return true;
    }
    append(out, is_ordinal ? ordinals[value] : ones[value]);
    return true;
}

static bool write_way(enum counting way, int value, char out[COUNTING_MAX])
{
    const char *const *alphabet = alphabet_of(way), *const *digits = digits_of(way);
    if (alphabet)
        return write_letter(alphabet, value, way == COUNTING_CHICAGO || way >= COUNTING_RUSSIAN_LOWER, out);
    if (digits && value >= 0)
        write_digits(digits, value, out);
    switch (way) {
    case COUNTING_DECIMAL_ZERO: snprintf(out, COUNTING_MAX, "%02d", value); break;
    case COUNTING_LOWER_LETTER: return write_latin(value, 'a', out);
    case COUNTING_UPPER_LETTER: return write_latin(value, 'A', out);
    case COUNTING_LOWER_COLUMN: return write_column(value, 'a', out);
    case COUNTING_UPPER_COLUMN: return write_column(value, 'A', out);
    case COUNTING_LOWER_ROMAN: return write_roman(value, false, out);
    case COUNTING_UPPER_ROMAN: return write_roman(value, true, out);
    case COUNTING_ORDINAL: write_ordinal(value, out); break;
    case COUNTING_CARDINAL_TEXT: return write_words(value, false, out);
    case COUNTING_ORDINAL_TEXT: return write_words(value, true, out);
    case COUNTING_HEX: snprintf(out, COUNTING_MAX, "%X", (unsigned)value); break;
    case COUNTING_DASHED: snprintf(out, COUNTING_MAX, "- %d -", value); break;
    case COUNTING_PARENTHESES: snprintf(out, COUNTING_MAX, "(%d)", value); break;
    case COUNTING_FULL_STOP: snprintf(out, COUNTING_MAX, "%d.", value); break;
    case COUNTING_HAN: return write_han(value, false, out);
    case COUNTING_HAN_LEGAL: return write_han(value, true, out);
    default: break;
    }
    return out[0] != '\0';
}

void counting_write(enum counting way, int value, char out[COUNTING_MAX])
{
    out[0] = '\0';
    if (way == COUNTING_DECIMAL || !write_way(way, value, out))
        snprintf(out, COUNTING_MAX, "%d", value);
}
