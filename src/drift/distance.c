#include "drift/distance.h"

#include <math.h>

#define EMPTY    1e-4
#define KS_TERMS 100
#define SD_LEAST 0.001

double drift_ks_p(double d, double n, double m)
{
    double size = sqrt(n * m / (n + m));
    double l = (size + 0.12 + 0.11 / size) * d;
    double sum = 0, sign = 1;

    if (l < 0.2)
        return 1; /* the series does not converge there */
    for (int j = 1; j <= KS_TERMS; j++, sign = -sign) {
        double term = exp(-2 * j * j * l * l);
        sum += sign * term;
        if (term < 1e-12)
            break;
    }
    return CLAMP(2 * sum, 0.0, 1.0);
}

double drift_psi(const double *window, const double *baseline, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++) {
        double w = fmax(window[i], EMPTY), b = fmax(baseline[i], EMPTY);
        sum += (w - b) * log(w / b);
    }
    return sum;
}

static double divergence_term(double p, double q)
{
    return p > 0 ? p * log(2 * p / (p + q)) : 0;
}

static double jensen_shannon(const double *a, const double *b, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += divergence_term(a[i], b[i]) + divergence_term(b[i], a[i]);
    return sqrt(fmax(0, sum / 2));
}

struct drift_distances drift_distances_of(const struct drift_window *window,
                                          const struct drift_baseline *baseline)
{
    double w[DRIFT_PSI_BINS] = {0}, b[DRIFT_PSI_BINS] = {0};
    double n = (double)window->count;
    double sum = 0;
    struct drift_distances out = {0};

    for (size_t i = 0; i < DRIFT_GRID; i++) {
        double before = i ? baseline->cumulative[i - 1] : 0;
        size_t bin = i * DRIFT_PSI_BINS / DRIFT_GRID;
        sum += window->grid[i] / n;
        double distance = fabs(sum - baseline->cumulative[i]);
        out.ks = fmax(out.ks, distance);
        out.wasserstein += distance / DRIFT_GRID;
        w[bin] += window->grid[i] / n;
        b[bin] += baseline->cumulative[i] - before;
    }
    out.ks_p = drift_ks_p(out.ks, n, (double)baseline->count);
    out.psi = drift_psi(w, b, DRIFT_PSI_BINS);
    out.jensen_shannon = jensen_shannon(w, b, DRIFT_PSI_BINS);
    out.wasserstein_normed = out.wasserstein / fmax(baseline->figures.std_probability, SD_LEAST);
    return out;
}
