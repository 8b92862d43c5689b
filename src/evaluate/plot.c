#include "evaluate/plot.h"

#include <math.h>
#include <string.h>

#define TICK_GAP   5  /* between the field and the numbers */
#define TICK_DROP  12 /* from the field to the base line of the numbers below it */
#define LABEL_DROP 28
#define LABEL_LEFT 11
#define TICKS_MAX  50

/* Bytes of the UTF-8 character at `at`, which ends in NUL, and its code; 0: it is none. */
static size_t read_character(uint32_t *code, const unsigned char *at)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t size = at[0] < 0x80       ? 1
                  : at[0] >> 5 == 6  ? 2
                  : at[0] >> 4 == 14 ? 3
                  : at[0] >> 3 == 30 ? 4
                                     : 0;

    if (!size)
        return 0;
    *code = size == 1 ? at[0] : at[0] & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return 0;
        *code = *code << 6 | (at[i] & 0x3Fu);
    }
    bool wrong = (size > 1 && *code < least[size]) || (*code >= 0xD800 && *code <= 0xDFFF) ||
                 *code > 0x10FFFF;
    return wrong ? 0 : size;
}

/* Controls, and those that change the direction of writing: a name could pose as another. */
static bool is_shown(uint32_t code)
{
    return code >= 0x20 && !(code >= 0x7F && code < 0xA0) && !(code >= 0x202A && code <= 0x202E) &&
           !(code >= 0x2066 && code <= 0x2069) && code != 0x200E && code != 0x200F &&
           code != 0x061C && (code & 0xFFFE) != 0xFFFE;
}

static const char *escape_of(uint32_t code)
{
    switch (code) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

void evaluate_html_text(struct buf *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    while (*at) {
        uint32_t code = 0;
        size_t size = read_character(&code, at);
        const char *escape = escape_of(code);
        if (!size || !is_shown(code))
            buf_add_str(out, "\xEF\xBF\xBD");
        else if (escape)
            buf_add_str(out, escape);
        else
            buf_add(out, at, size);
        at += size ? size : 1;
    }
}

double evaluate_plot_x(const struct evaluate_plot *plot, double value)
{
    double width = plot->width - plot->left - plot->right;

    return plot->left + width * (value - plot->x.low) / (plot->x.high - plot->x.low);
}

double evaluate_plot_y(const struct evaluate_plot *plot, double value)
{
    double height = plot->height - plot->top - plot->bottom;

    return plot->top + height * (plot->y.high - value) / (plot->y.high - plot->y.low);
}

static void add_grid_line(struct buf *out, double x1, double y1, double x2, double y2)
{
    buf_printf(out, "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", x1,
               y1, x2, y2);
}

/* The i-th grid line; false behind the last. */
static bool tick(double *value, const struct evaluate_axis *axis, unsigned i)
{
    *value = axis->low + axis->step * i;
    if (fabs(*value) < axis->step * 1e-6)
        *value = 0;
    return i < TICKS_MAX && *value <= axis->high + axis->step * 1e-6;
}

static void add_x_axis(struct buf *out, const struct evaluate_plot *plot)
{
    double bottom = plot->height - plot->bottom;
    double value = 0;

    for (unsigned i = 0; tick(&value, &plot->x, i); i++) {
        double x = evaluate_plot_x(plot, value);
        add_grid_line(out, x, plot->top, x, bottom);
        buf_printf(
            out, "<text class=\"number\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.4g</text>",
            x, bottom + TICK_DROP, fabs(value / plot->x.unit));
    }
    buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
               (plot->left + plot->width - plot->right) / 2, bottom + LABEL_DROP);
    evaluate_html_text(out, plot->x.label);
    buf_add_str(out, "</text>");
}

static void add_y_axis(struct buf *out, const struct evaluate_plot *plot)
{
    double middle = (plot->top + plot->height - plot->bottom) / 2;
    double value = 0;

    for (unsigned i = 0; tick(&value, &plot->y, i); i++) {
        double y = evaluate_plot_y(plot, value);
        add_grid_line(out, plot->left, y, plot->width - plot->right, y);
        buf_printf(out,
                   "<text class=\"number\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>",
                   plot->left - TICK_GAP, y + 3, fabs(value / plot->y.unit));
    }
    buf_printf(out, "<text transform=\"translate(%d %.1f) rotate(-90)\" text-anchor=\"middle\">",
               LABEL_LEFT, middle);
    evaluate_html_text(out, plot->y.label);
    buf_add_str(out, "</text>");
}

void evaluate_plot_begin(struct buf *out, const struct evaluate_plot *plot, const char *name)
{
    buf_printf(out, "<svg class=\"plot\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"",
               plot->width, plot->height);
    evaluate_html_text(out, name);
    buf_add_str(out, "\">");
    add_x_axis(out, plot);
    add_y_axis(out, plot);
}

void evaluate_plot_line(struct buf *out, const struct evaluate_plot *plot, const char *style,
                        const struct evaluate_point *points, size_t count)
{
    buf_printf(out, "<polyline class=\"line %s\" points=\"", style);
    for (size_t i = 0; i < count; i++)
        if (isfinite(points[i].x) && isfinite(points[i].y))
            buf_printf(out, "%s%.1f,%.1f", i ? " " : "", evaluate_plot_x(plot, points[i].x),
                       evaluate_plot_y(plot, points[i].y));
    buf_add_str(out, "\"/>");
}

static void add_tip(struct buf *out, const char *tip)
{
    buf_add_str(out, "<title>");
    evaluate_html_text(out, tip);
    buf_add_str(out, "</title>");
}

void evaluate_plot_bar(struct buf *out, const struct evaluate_plot *plot, const char *style,
                       double from_x, struct evaluate_point to, const char *tip)
{
    double left = evaluate_plot_x(plot, from_x);
    double zero = evaluate_plot_y(plot, 0);
    double end = evaluate_plot_y(plot, to.y);

    buf_printf(out, "<rect class=\"bar %s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\">",
               style, left + 0.5, MIN_OF(zero, end),
               MAX_OF(evaluate_plot_x(plot, to.x) - left - 1, 0.5), fabs(zero - end));
    add_tip(out, tip);
    buf_add_str(out, "</rect>");
}

void evaluate_plot_dot(struct buf *out, const struct evaluate_plot *plot, const char *style,
                       struct evaluate_point at, double radius, const char *tip)
{
    buf_printf(out, "<circle class=\"dot %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\">", style,
               evaluate_plot_x(plot, at.x), evaluate_plot_y(plot, at.y), radius);
    add_tip(out, tip);
    buf_add_str(out, "</circle>");
}

void evaluate_plot_end(struct buf *out)
{
    buf_add_str(out, "</svg>\n");
}
