/* evaluate/report_photos.c - the worst mistakes as pictures with captions. */
#include "base/base64.h"
#include "evaluate/mistakes.h"
#include "evaluate/plot.h"
#include "evaluate/report_html.h"

#define ARENA_SIZE ((size_t)1 << 30) /* address space; one photo at a time */

static void add_picture(struct buf *out, const char *path, struct arena *arena)
{
    struct evaluate_thumbnail thumbnail;
    struct err err;

    arena_reset(arena);
    if (evaluate_thumbnail(&thumbnail, path, arena, &err) != ST_OK) {
        buf_add_str(out, "<div class=\"gone\">no picture: ");
        evaluate_html_text(out, err.msg);
        buf_add_str(out, "</div>");
        return;
    }
    buf_printf(out, "<img alt=\"\" width=\"%u\" height=\"%u\" src=\"data:image/jpeg;base64,",
               thumbnail.width, thumbnail.height);
    base64_encode(out, thumbnail.jpeg);
    buf_add_str(out, "\">");
}

static void add_name(struct buf *out, const char *style, const char *name)
{
    buf_printf(out, "<span class=\"%s\"><bdi>", style);
    evaluate_html_text(out, name);
    buf_add_str(out, "</bdi></span>");
}

static void add_photo(struct buf *out, const struct evaluate_report *report,
                      const struct evaluate_mistake *mistake, enum train_tier chosen,
                      struct arena *arena)
{
    const struct train_manifest_row *row = &report->manifest->rows[mistake->scores[0].row];
    unsigned tier_index = 0;

    buf_add_str(out, "<li><figure class=\"photo\">");
    add_picture(out, row->path, arena);
    buf_add_str(out, "<figcaption>");
    add_name(out, "file", row->file);
    if (row->label == TRAIN_LABEL_AI)
        add_name(out, "from", report->manifest->family_names[row->family]);
    add_name(out, "from", report->manifest->source_names[row->source]);
    buf_add_str(out, "<span class=\"tiers\">");
    for (unsigned i = 0; i < TRAIN_TIER_COUNT; i++) {
        if (!report->present[i])
            continue;
        const struct evaluate_score *score = &mistake->scores[tier_index++];
        const char *mark = i == chosen ? "b" : "span";
        if (!score->failed)
            buf_printf(out, "<%s>%s&nbsp;%.1f&nbsp;%%</%s> ", mark,
                       train_tier_info(score->tier)->name, 100 * score->probability, mark);
    }
    buf_add_str(out, "</span></figcaption></figure></li>\n");
}

static void add_class(struct buf *out, const struct evaluate_report *report,
                      const struct evaluate_mistakes *mistakes, enum train_label label,
                      struct arena *arena)
{
    size_t count = mistakes->counts[label];

    buf_printf(out, "<h3>%s <small>%zu of %zu at %s</small></h3>\n",
               label == TRAIN_LABEL_AI ? "AI-generated, called real" : "Real, called AI-generated",
               count, mistakes->totals[label], train_tier_info(mistakes->tier)->name);
    if (!count) {
        buf_add_str(out, "<p>None.</p>\n");
        return;
    }
    buf_add_str(out, "<ul class=\"photos\">\n");
    for (size_t i = 0; i < count; i++)
        add_photo(out, report, &mistakes->items[label][i], mistakes->tier, arena);
    buf_add_str(out, "</ul>\n");
}

enum status evaluate_photos(struct buf *out, const struct evaluate_report *report, struct err *err)
{
    struct evaluate_mistakes mistakes;
    struct arena *arena = NULL;
    enum status st = arena_open(&arena, ARENA_SIZE, err);

    if (st != ST_OK)
        return st;
    evaluate_mistakes_find(&mistakes, report);
    add_class(out, report, &mistakes, TRAIN_LABEL_REAL, arena);
    add_class(out, report, &mistakes, TRAIN_LABEL_AI, arena);
    arena_close(arena);
    return ST_OK;
}
