/* money.c - digits of sums that are wider than printf knows. See money.h. */
#include "ledger/money.h"

#define DECIMALS 12

/* From the last digit to the first, with a point before the last `decimals` and a zero before the point. */
static const char *digits(ledger_sum value, int decimals, char text[MONEY_TEXT])
{
    char *at = text + MONEY_TEXT - 1;
    const bool is_negative = value < 0;
    int count = 0;
    *at = '\0';
    do {
        const int digit = (int)(value % 10);
        if (count > 0 && count == decimals)
            *--at = '.';
        *--at = (char)('0' + (digit < 0 ? -digit : digit));
        value /= 10;
        count++;
    } while (value || count <= decimals);
    if (is_negative)
        *--at = '-';
    return at;
}

const char *money_picodollars(ledger_sum value, char text[MONEY_TEXT])
{
    return digits(value, 0, text);
}

const char *money_dollars(ledger_sum value, char text[MONEY_TEXT])
{
    return digits(value, DECIMALS, text);
}
