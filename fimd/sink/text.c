/* Small texts. Owns no memory; asks neither clock nor locale: a document is the same wherever it is made. */
#include "fimd/sink/text.h"

#include "fimd/rt/clock.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Days since 1970-01-01 → date. Counted in eras of 400 years (146,097 days) that begin with a March, so that
 * the leap day is the last of its year. gmtime_r does the same but takes the lock of the time zone each time.
 */
static void date_of_days(int64_t days, struct text_date *ret)
{
    int64_t shifted = days + 719468; /* from 0000-03-01 */
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* 0 is March */

    ret->day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
    ret->month = (int)(month < 10 ? month + 3 : month - 9);
    ret->year = (int)(year + era * 400 + (ret->month <= 2));
}

void text_date_of(int64_t ns, struct text_date *ret)
{
    int64_t seconds = ns / NS_PER_S, rest = ns % NS_PER_S;
    int64_t days, of_day;

    if (rest < 0) {
        rest += NS_PER_S;
        seconds--;
    }
    days = seconds / 86400;
    of_day = seconds % 86400;
    if (of_day < 0) {
        of_day += 86400;
        days--;
    }
    date_of_days(days, ret);
    ret->hour = (int)(of_day / 3600);
    ret->minute = (int)(of_day / 60 % 60);
    ret->second = (int)(of_day % 60);
    ret->nanosecond = (int)rest;
}

static char *put_digits(char *to, int value, int digits)
{
    for (int i = digits - 1; i >= 0; i--, value /= 10)
        to[i] = (char)('0' + value % 10);
    return to + digits;
}

void text_time(int64_t ns, int digits, char ret[TEXT_TIME_SIZE])
{
    struct text_date date;
    char *to = ret;

    text_date_of(ns, &date);
    to = put_digits(to, date.year, 4);
    *to++ = '-';
    to = put_digits(to, date.month, 2);
    *to++ = '-';
    to = put_digits(to, date.day, 2);
    *to++ = 'T';
    to = put_digits(to, date.hour, 2);
    *to++ = ':';
    to = put_digits(to, date.minute, 2);
    *to++ = ':';
    to = put_digits(to, date.second, 2);
    *to++ = '.';
    to = put_digits(to, digits == TEXT_MS ? date.nanosecond / NS_PER_MS : date.nanosecond, digits);
    *to++ = 'Z';
    *to = '\0';
}

void text_hex(const uint8_t *data, size_t len, char *ret)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        ret[2 * i] = digits[data[i] >> 4];
        ret[2 * i + 1] = digits[data[i] & 15];
    }
    ret[2 * len] = '\0';
}

void text_base64(struct buf *to, const void *data, size_t len)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t group = (uint32_t)bytes[i] << 16;
        char out[4];

        if (n > 1)
            group |= (uint32_t)bytes[i + 1] << 8;
        if (n > 2)
            group |= bytes[i + 2];
        for (size_t k = 0; k < 4; k++)
            out[k] = k <= n ? base64_digits[group >> (18 - 6 * k) & 63] : '=';
        buf_put(to, out, sizeof(out));
    }
}

int text_base64_decode(const char *text, size_t len, struct buf *to)
{
    uint32_t group = 0;
    unsigned bits = 0;

    for (size_t i = 0; i < len; i++) {
        const char *digit;

        if (isspace((unsigned char)text[i]) || text[i] == '=')
            continue;
        digit = text[i] ? strchr(base64_digits, text[i]) : NULL;
        if (!digit)
            return -EINVAL;
        group = group << 6 | (uint32_t)(digit - base64_digits);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            buf_put_u8(to, (uint8_t)(group >> bits));
        }
    }
    return to->failed ? -ENOMEM : 0;
}
