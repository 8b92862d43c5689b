/* evaluate/plot.h - diagrams as inline SVG, and text that is safe inside HTML; private to
 * evaluate/ and its tests.  Colours are classes of the page's style.  Must not know what is drawn.
 * Pure. */
#pragma once

#include "base/buf.h"

/* Text from outside: markup is escaped, control and direction-changing characters and what is not
 * UTF-8 become U+FFFD. */
void evaluate_html_text(struct buf *out, const char *text);

struct evaluate_axis {
    double low, high, step; /* step: between two grid lines */
    double unit;            /* the number at a grid line is value / unit, without its sign */
    const char *label;
};

/* All lengths in units of the drawing, which is scaled to the width it gets. */
struct evaluate_plot {
    double width, height;
    double left, top, right, bottom; /* of the field, from the drawing's edges */
    struct evaluate_axis x, y;
};

struct evaluate_point {
    double x, y;
};

double evaluate_plot_x(const struct evaluate_plot *plot, double value);
double evaluate_plot_y(const struct evaluate_plot *plot, double value); /* grows downwards */

/* Opens the drawing with grid, numbers and the axes' names; `name` is read out in its place. */
void evaluate_plot_begin(struct buf *out, const struct evaluate_plot *plot, const char *name);
/* Points that are not finite are left out. */
void evaluate_plot_line(struct buf *out, const struct evaluate_plot *plot, const char *style,
                        const struct evaluate_point *points, size_t count);
/* From y = 0 to `to.y`, `from_x` to `to.x`. */
void evaluate_plot_bar(struct buf *out, const struct evaluate_plot *plot, const char *style,
                       double from_x, struct evaluate_point to, const char *tip);
void evaluate_plot_dot(struct buf *out, const struct evaluate_plot *plot, const char *style,
                       struct evaluate_point at, double radius, const char *tip);
void evaluate_plot_end(struct buf *out);
