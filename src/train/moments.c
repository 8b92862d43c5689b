#include "train/moments.h"

#include "base/mem.h"

#define PENDING_MAX 32u /* rows added at once: the matrix is far larger than a cache */

struct train_moments {
    size_t columns;
    double *matrix; /* columns x columns, the lower triangle of it */
    float *rows;    /* PENDING_MAX x columns */
    double weights[PENDING_MAX];
    size_t pending;
};

enum status train_moments_open(struct train_moments **out, size_t columns, struct err *err)
{
    struct train_moments *moments = mem_alloc(1, sizeof *moments);

    moments->columns = columns;
    moments->matrix = mem_try_alloc(columns * columns, sizeof *moments->matrix);
    moments->rows = mem_try_alloc(PENDING_MAX * columns, sizeof *moments->rows);
    if (!moments->matrix || !moments->rows) {
        train_moments_close(moments);
        return err_set(err, ST_NOMEM, "no room for the moments of %zu columns", columns);
    }
    *out = moments;
    return ST_OK;
}

void train_moments_close(struct train_moments *moments)
{
    if (!moments)
        return;
    mem_free(moments->matrix);
    mem_free(moments->rows);
    mem_free(moments);
}

/* out += factor * values */
VECTORISED static void add_scaled(double *restrict out, const float *restrict values, double factor,
                                  size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] += factor * (double)values[i];
}

static void add_pending(struct train_moments *moments)
{
    size_t columns = moments->columns;

    for (size_t i = 0; i < columns; i++)
        for (size_t r = 0; r < moments->pending; r++) {
            const float *row = moments->rows + r * columns;
            add_scaled(moments->matrix + i * columns, row, moments->weights[r] * (double)row[i],
                       i + 1);
        }
    moments->pending = 0;
}

float *train_moments_row(struct train_moments *moments, double weight)
{
    if (moments->pending == PENDING_MAX)
        add_pending(moments);
    moments->weights[moments->pending] = weight;
    return moments->rows + moments->columns * moments->pending++;
}

double *train_moments_matrix(struct train_moments *moments)
{
    add_pending(moments);
    return moments->matrix;
}
