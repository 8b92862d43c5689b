#include "detect/explain.h"

#include "detect/detect_internal.h"
#include "detect/evidence.h"
#include "detect/overlay.h"

#define OVERLAY_SIDE 1024 /* pixels of the picture's longer side, unless asked otherwise */

/* What each cell adds, from what judging has left in the session. */
static enum status weigh_cells(struct detect_explanation *out, struct detect_session *session,
                               const struct image *photo, const struct detect_result *result,
                               struct err *err)
{
    const struct detect_model *model = session->model;
    const struct detect_convention *convention = &model->convention;
    struct detect_grid grid = detect_grid_of(photo->width, photo->height);
    struct detect_evidence_map maps[DETECT_CROPS_MAX];
    struct nn_tensor map = nn_inference_output(session->network);
    size_t mark = arena_mark(session->arena);
    struct detect_scales scales;
    enum status st = detect_scales_of(&scales, photo, session->arena, err);

    if (st == ST_OK && session->statistics && convention->statistics_scale != 0)
        st = detect_statistics_compare(out->log_odds, session->statistics, model->statistics,
                                       &scales, &grid, session->arena, err);
    arena_release(session->arena, mark);
    if (st != ST_OK)
        return st;
    for (uint32_t i = 0; i < detect_grid_count(&grid); i++)
        out->log_odds[i] *= (double)convention->statistics_scale;
    for (size_t i = 0; i < result->crop_count; i++)
        maps[i] = (struct detect_evidence_map){.x = result->crops[i].x,
                                               .y = result->crops[i].y,
                                               .side_px = result->crops[i].side_px,
                                               .patches = (uint32_t)map.w,
                                               .logits = session->maps +
                                                         i * (size_t)map.h * (size_t)map.w};
    detect_evidence_add_network(out->log_odds, &grid, maps, result->crop_count,
                                (double)convention->bias + result->statistics_logit);
    out->columns = grid.columns;
    out->rows = grid.rows;
    out->cell_px = grid.side_px;
    out->region_count =
        detect_evidence_regions(out->regions, result->verdict, &grid, out->log_odds);
    return ST_OK;
}

enum status detect_explain(struct detect_result *out, struct detect_explanation *explanation,
                           struct detect_session *session, struct bytes photo, uint32_t side_max_px,
                           struct err *err)
{
    uint32_t side_px = side_max_px ? MIN_OF(side_max_px, DETECT_OVERLAY_SIDE_MAX) : OVERLAY_SIDE;
    struct detect_explanation found = {0};
    struct detect_result result;
    struct image pixels;
    struct image overlay;
    enum status st = detect_judge(&result, &pixels, session, photo, err);

    if (st == ST_OK)
        st = weigh_cells(&found, session, &pixels, &result, err);
    if (st == ST_OK)
        st = detect_overlay_draw(&overlay, &pixels, &found, side_px, session->arena, err);
    if (st == ST_OK)
        st = image_encode_png(&found.png, &overlay, session->arena, err);
    if (st != ST_OK) {
        detect_forget_photo(session);
        return st;
    }
    found.width = overlay.width;
    found.height = overlay.height;
    *out = result;
    *explanation = found;
    return ST_OK;
}
