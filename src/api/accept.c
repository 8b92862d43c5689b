#include "api/accept.h"

#include <string.h>
#include <strings.h>

static bool same(struct str a, const char *b)
{
    return a.len == strlen(b) && strncasecmp(a.at, b, a.len) == 0;
}

/* A parameter's value without its quotes. */
static struct str unquoted(struct str value)
{
    if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
        return (struct str){value.at + 1, value.len - 2};
    return value;
}

/* The weight of one media range in [0, 1]; *version stays as it is without such a parameter. */
static double weight_of(struct str parameters, struct str *version)
{
    double weight = 1;

    while (parameters.len) {
        struct str value = str_split(&parameters, ';');
        struct str name = str_trim(str_split(&value, '='));
        value = unquoted(str_trim(value));
        if (same(name, "version"))
            *version = value;
        else if (same(name, "q") && !str_to_double(&weight, value, 0, 1))
            weight = 0;
    }
    return weight;
}

bool api_accepts_openmetrics(struct str accept)
{
    double openmetrics = 0;
    double text = 0;

    while (accept.len) {
        struct str parameters = str_split(&accept, ',');
        struct str type = str_trim(str_split(&parameters, ';'));
        struct str version = str_of("1.0.0");
        double weight = weight_of(parameters, &version);
        if (same(type, "application/openmetrics-text") && str_equal(version, "1.0.0"))
            openmetrics = MAX_OF(openmetrics, weight);
        else if (same(type, "text/plain"))
            text = MAX_OF(text, weight);
    }
    return openmetrics > 0 && openmetrics >= text;
}
