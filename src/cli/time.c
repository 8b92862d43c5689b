#include "cli/time.h"

#include <string.h>

#define DAY_US 86400000000

/* Days since 1970-01-01 of a day of the Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool read_parts(int64_t *out, struct str text, char separator, const int64_t *tops)
{
    for (unsigned i = 0; i < 3; i++)
        if (!str_to_int(&out[i], str_split(&text, separator), 0, tops[i]))
            return false;
    return text.len == 0;
}

enum status cli_read_time(int64_t *out, const char *option, const char *typed, int64_t now_us,
                          struct err *err)
{
    static const int64_t date_tops[] = {9999, 12, 31}, time_tops[] = {23, 59, 59};
    static const char units[] = "dhm";
    static const int64_t unit_us[] = {DAY_US, 3600000000, 60000000};
    struct str text = str_of(typed);
    int64_t date[3], time[3] = {0, 0, 0}, count = 0;
    const char *unit = text.len ? strchr(units, text.at[text.len - 1]) : NULL;

    if (unit && str_to_int(&count, (struct str){text.at, text.len - 1}, 0, 36500)) {
        *out = now_us - count * unit_us[unit - units];
        return ST_OK;
    }
    if (text.len && text.at[text.len - 1] == 'Z')
        text.len--;
    struct str day = str_split(&text, 'T');
    if (!read_parts(date, day, '-', date_tops) || date[0] < 1970 || !date[1] || !date[2] ||
        (text.len && !read_parts(time, text, ':', time_tops)))
        return err_set(err, ST_INVALID,
                       "--%s '%.40s' is no time: 2026-01-31, 2026-01-31T09:05:00Z, 7d, 12h, 30m",
                       option, typed);
    *out = days_of(date[0], date[1], date[2]) * DAY_US +
           ((time[0] * 60 + time[1]) * 60 + time[2]) * 1000000;
    return ST_OK;
}
