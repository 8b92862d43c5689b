/* Small charts as SVG: a line over time, columns of a histogram. */
import { element, svg } from './dom.js';

const WIDTH = 300;
const HEIGHT = 100;

/* The next round number of 1, 2, 5 times a power of ten. */
export function roundUp(value) {
    if (!(value > 0))
        return 1;
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 5, 10].find((step) => step * power >= value) * power;
}

function pathOf(values, slots, top) {
    let path = '';
    let pen = false;
    values.forEach((value, i) => {
        if (value === null) {
            pen = false;
            return;
        }
        const x = WIDTH * (slots - values.length + i) / (slots - 1);
        const y = HEIGHT * (1 - value / top);
        path += `${pen ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`;
        pen = true;
    });
    return path;
}

function frame(spoken, ...shapes) {
    return svg('svg', {
        class: 'chart', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none',
        role: 'img', 'aria-label': spoken,
    },
    svg('path', { class: 'grid', d: `M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}` }),
    shapes);
}

function areaOf(path) {
    /* each stretch of the line falls to the ground at both ends */
    return path.split('M').filter(Boolean).map((stretch) => {
        const points = stretch.split('L');
        const [first] = points[0].split(' ');
        const [last] = points[points.length - 1].split(' ');
        return `M${first} ${HEIGHT}L${points.join('L')}L${last} ${HEIGHT}Z`;
    }).join('');
}

/* `values`, newest last, null where nothing is known; `slots` are the places along time. */
export function lineChart(title, values, slots, write, span) {
    const known = values.filter((value) => value !== null);
    const top = roundUp(Math.max(0, ...known));
    const path = pathOf(values, slots, top);
    const last = known.length ? write(known[known.length - 1]) : 'nothing yet';
    return [
        frame(`${title}: ${last} now, axis up to ${write(top)}`,
            svg('path', { class: 'area', d: areaOf(path) }), svg('path', { class: 'line', d: path })),
        element('div', { class: 'axis', 'aria-hidden': 'true' },
            element('span', {}, span), element('span', {}, `axis to ${write(top)}`)),
    ];
}

/* `counts` side by side. */
export function columnChart(title, counts, low, high) {
    const top = Math.max(1, ...counts);
    const all = counts.reduce((sum, count) => sum + count, 0);
    const width = WIDTH / Math.max(1, counts.length);
    const columns = counts.map((count, i) => svg('rect', {
        class: 'column', x: i * width + 1.5, width: Math.max(1, width - 3),
        y: HEIGHT * (1 - count / top), height: HEIGHT * count / top,
    }));
    return [
        frame(`${title}: ${all} photos, ${counts.join(', ')} from ${low} to ${high}`, columns),
        element('div', { class: 'axis', 'aria-hidden': 'true' },
            element('span', {}, low), element('span', {}, high)),
    ];
}
