/* The page at /status: health, traffic and drift, read again and again while somebody looks. */
import { columnChart, lineChart } from './chart.js';
import { announce, byId, element, replace, show } from './dom.js';
import { count, duration, milliseconds, plural, ratio } from './format.js';
import { buildFrame } from './frame.js';
import { buckets, bucketsSince, parseMetrics, quantile, total } from './prometheus.js';
import { ask } from './server.js';

const PERIOD_MS = 5000;
const SLOTS_MIN = 12;  /* one minute */
const SLOTS_MAX = 120; /* ten */

const STATES = {
    healthy: ['Healthy', 'The model is loaded and photos are accepted.'],
    starting: ['Starting', 'The model is being loaded; photos wait until it is there.'],
    draining: ['Draining', 'What was accepted is finished; new photos go elsewhere.'],
    stopped: ['Stopped', 'Photos are not accepted any more.'],
    failed: ['Failed', 'The model could not be loaded; the log says why.'],
};

const isPredict = ({ endpoint }) => (endpoint || '').includes('/predict');
const isServerError = ({ status_code: code }) => /^5/.test(code || '');

/* What is drawn over time: how it is read from two readings `seconds` apart, and written. */
const SERIES = [
    { title: 'Requests a second', write: (v) => v.toFixed(v < 10 ? 1 : 0),
        read: (now, before, seconds) => delta(now, before, 'aidetect_http_requests_total') / seconds },
    { title: 'Photos a second', write: (v) => v.toFixed(v < 10 ? 1 : 0),
        read: (now, before, seconds) => delta(now, before, 'aidetect_predictions_total') / seconds },
    { title: 'Prediction latency, p95', write: (v) => milliseconds(1000 * v),
        read: (now, before) => quantile(0.95, since(now, before)) },
    { title: 'Server errors', write: ratio,
        read: (now, before) => share(delta(now, before, 'aidetect_http_requests_total', isServerError),
            delta(now, before, 'aidetect_http_requests_total')) },
    { title: 'Photos waiting', write: count, read: (now) => total(now, 'aidetect_queue_depth') },
    { title: 'Memory', write: (v) => `${v.toFixed(0)} MB`,
        read: (now) => total(now, 'process_resident_memory_bytes') / 1e6 },
];

const history = SERIES.map(() => []);
let before = null;
let timer = 0;
let paused = false;

function delta(now, earlier, name, test) {
    return Math.max(0, total(now, name, test) - total(earlier, name, test));
}

function share(part, whole) {
    return whole ? part / whole : null;
}

function since(now, earlier) {
    const name = 'aidetect_http_request_duration_seconds';
    return bucketsSince(buckets(now, name, isPredict), buckets(earlier, name, isPredict));
}

function card(title, value, ...more) {
    return element('section', { class: 'card' }, element('h3', {}, title),
        value === null ? null : element('p', { class: 'value' }, value), more);
}

/* ---- health ---- */

function setState(state, [title, text]) {
    const heading = byId('state');
    if (heading.dataset.state !== state)
        announce(`The service is: ${title}`);
    heading.dataset.state = state;
    heading.textContent = title;
    byId('state-text').textContent = text;
}

function drawHealth(health) {
    const texts = STATES[health.status] || [health.status, ''];
    setState(health.status, texts);
    replace(byId('facts'),
        card('Model', health.model_loaded ? health.model_version : 'none',
            element('p', { class: 'hint' }, health.model_loaded ? 'loaded' : 'not loaded')),
        card('Up for', duration(health.uptime_seconds),
            element('p', { class: 'hint' }, `process ${health.pid}`)),
        card('Photos judged', count(health.predictions_total),
            element('p', { class: 'hint' }, `${plural(health.active_requests, 'photo')} under way`)),
        card('Workers', `${health.workers_ready} of ${health.workers}`,
            element('p', { class: 'hint' }, `queue ${health.queue_depth} of ${health.queue_max}`)));
}

function drawDown(failure) {
    setState('down', ['No answer', failure.kind === 'offline'
        ? 'The service does not answer. This page keeps asking.'
        : `${failure.title} ${failure.detail || ''}`]);
}

/* ---- traffic ---- */

function remember(now) {
    SERIES.forEach((series, i) => {
        const value = before ? series.read(now.metrics, before.metrics, (now.at - before.at) / 1000) : null;
        history[i].push(Number.isFinite(value) ? value : null);
        if (history[i].length > SLOTS_MAX)
            history[i].shift();
    });
    before = now;
}

function probabilityCounts(metrics) {
    const list = buckets(metrics, 'aidetect_prediction_probability');
    return list.map(({ count: n }, i) => n - (i ? list[i - 1].count : 0))
        .slice(0, list.length && list[list.length - 1].top === Infinity ? -1 : undefined);
}

function drawTraffic(metrics) {
    const slots = Math.max(SLOTS_MIN, history[0].length);
    const span = `last ${(slots * PERIOD_MS / 60000).toFixed(0)} min`;
    const cards = SERIES.map((series, i) => {
        const values = history[i];
        const last = values[values.length - 1];
        return card(series.title, last === null ? '–' : series.write(last),
            lineChart(series.title, values, slots, series.write, span));
    });
    replace(byId('traffic'), cards);
    show(byId('traffic-note'), false);
}

function noteTraffic(failure) {
    byId('traffic-note').textContent = failure.kind === 'locked'
        ? 'Metrics need an API key with more rights.' : `No metrics: ${failure.detail || failure.title}`;
    show(byId('traffic-note'), true);
}

/* ---- drift ---- */

const INDICATORS = [
    { title: 'Drift score', value: 'drift_score', limit: 'drift_threshold', standard: 0.15 },
    { title: 'Probability shift', value: 'probability_drift', limit: 'probability_threshold', standard: 0.15 },
    { title: 'Confidence shift', value: 'confidence_drift', limit: 'confidence_threshold', standard: 0.15 },
    { title: 'AI-share shift', value: 'ratio_drift', limit: 'ratio_threshold', standard: 0.20 },
];

function meter({ title, value, limit, standard }, drift) {
    const now = drift[value];
    if (typeof now !== 'number')
        return null;
    const bound = typeof drift[limit] === 'number' ? drift[limit] : standard;
    const fill = element('div', { class: 'fill' });
    fill.style.width = `${Math.min(100, 50 * now / bound)}%`;
    return element('div', { class: now > bound ? 'meter over' : 'meter' },
        element('div', { class: 'meter-line' }, element('span', {}, title),
            element('span', { class: 'meter-value' }, `${now.toFixed(3)} of ${bound}`)),
        element('div', { class: 'rail', 'aria-hidden': 'true' }, fill));
}

function driftText(drift) {
    if (drift.drift_detected === true)
        return 'The photos of late are not like those of the baseline.';
    if (drift.drift_detected === false)
        return 'The photos of late are like those of the baseline.';
    return 'There is no baseline yet: this is what the photos of late look like, without a comparison.';
}

function numberCard(title, value, write, hint) {
    return typeof value === 'number'
        ? card(title, write(value), element('p', { class: 'hint' }, hint)) : null;
}

function probabilityCard(metrics) {
    const judged = (prediction) => total(metrics, 'aidetect_predictions_total',
        (labels) => labels.prediction === prediction);
    const fake = judged('ai_generated');
    const part = share(fake, fake + judged('real'));
    return card('AI-generated since the start', part === null ? '–' : ratio(part),
        columnChart('Probabilities', probabilityCounts(metrics), '0 camera', '1 AI-generated'));
}

function drawDrift(drift) {
    byId('drift-note').textContent = driftText(drift);
    const meters = INDICATORS.map((row) => meter(row, drift)).filter(Boolean);
    replace(byId('drift'),
        numberCard('Photos in the window', drift.window_size, count,
            drift.window_max ? `of ${count(drift.window_max)}, the latest ones` : 'the latest ones'),
        numberCard('Mean probability', drift.mean_probability, (v) => v.toFixed(3),
            typeof drift.std_probability === 'number' ? `standard deviation ${drift.std_probability.toFixed(3)}` : ''),
        numberCard('Low confidence', drift.low_confidence_ratio, ratio, 'of the window'),
        numberCard('AI-generated', drift.prediction_ratio?.ai_generated, ratio, 'of the window'));
    replace(byId('indicators'), meters.length ? card('Indicators', null, meters) : null,
        before ? probabilityCard(before.metrics) : null);
}

function noteDrift(failure) {
    byId('drift-note').textContent = {
        absent: 'This service does not watch for drift.',
        locked: 'Drift needs an API key with more rights.',
    }[failure.kind] || `No drift figures: ${failure.detail || failure.title}`;
    replace(byId('drift'));
    replace(byId('indicators'), before ? probabilityCard(before.metrics) : null);
}

/* ---- again and again ---- */

async function readOne(path, use, onFailure) {
    try {
        use(await ask(path));
        return true;
    } catch (failure) {
        if (failure.kind === undefined)
            throw failure; /* a fault of this page, not of the service */
        onFailure(failure);
        return false;
    }
}

function useMetrics(text) {
    const metrics = parseMetrics(text);
    remember({ metrics, at: performance.now() });
    drawTraffic(metrics);
}

async function refresh() {
    clearTimeout(timer);
    if (await readOne('/health', drawHealth, drawDown)) {
        await readOne('/metrics', useMetrics, noteTraffic);
        await readOne('/monitoring/drift', drawDrift, noteDrift);
    }
    if (!paused && !document.hidden)
        timer = setTimeout(refresh, PERIOD_MS);
}

function pause() {
    paused = !paused;
    byId('pause').setAttribute('aria-pressed', String(paused));
    byId('pause').textContent = paused ? 'Go on' : 'Pause';
    if (paused)
        clearTimeout(timer);
    else
        refresh();
}

buildFrame();
byId('pause').addEventListener('click', pause);
document.addEventListener('visibilitychange', () => !document.hidden && !paused && refresh());
window.addEventListener('keychange', refresh);
refresh();
