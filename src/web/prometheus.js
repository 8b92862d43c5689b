/* Prometheus text to numbers: just what the charts need. */

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ([^ ]+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:\\.|[^"\\])*)"/g;

function labelsOf(text) {
    const labels = {};
    for (const [, name, value] of (text || '').matchAll(LABEL))
        labels[name] = value.replace(/\\(.)/g, (all, c) => (c === 'n' ? '\n' : c));
    return labels;
}

function numberOf(text) {
    return text === '+Inf' ? Infinity : Number(text);
}

/* Map from metric name to [{labels, value}]. */
export function parseMetrics(text) {
    const metrics = new Map();
    for (const line of text.split('\n')) {
        const found = LINE.exec(line);
        if (!found)
            continue;
        const [, name, labels, value] = found;
        if (!metrics.has(name))
            metrics.set(name, []);
        metrics.get(name).push({ labels: labelsOf(labels), value: numberOf(value) });
    }
    return metrics;
}

/* The sum of all series of `name` whose labels pass `test`. */
export function total(metrics, name, test = () => true) {
    return (metrics.get(name) || []).reduce(
        (sum, series) => (test(series.labels) ? sum + series.value : sum), 0);
}

/* [{top, count}] of a histogram, summed over its series, counts cumulative, in order of `top`. */
export function buckets(metrics, name, test = () => true) {
    const counts = new Map();
    for (const { labels, value } of metrics.get(`${name}_bucket`) || []) {
        if (test(labels))
            counts.set(labels.le, (counts.get(labels.le) || 0) + value);
    }
    return [...counts].map(([le, count]) => ({ top: numberOf(le), count }))
        .sort((a, b) => a.top - b.top);
}

/* What came into the buckets between two readings. */
export function bucketsSince(now, before) {
    const old = new Map(before.map(({ top, count }) => [top, count]));
    return now.map(({ top, count }) => ({ top, count: count - (old.get(top) || 0) }));
}

/* The q-quantile by linear interpolation inside its bucket; null when there is nothing. */
export function quantile(q, list) {
    const all = list.length ? list[list.length - 1].count : 0;
    if (!all)
        return null;
    let below = 0;
    let low = 0;
    for (const { top, count } of list) {
        if (count >= q * all) {
            if (top === Infinity)
                return low;
            return count === below ? top : low + (top - low) * (q * all - below) / (count - below);
        }
        below = count;
        low = top;
    }
    return low;
}
