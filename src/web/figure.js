/* The photo with its heat map, and the parts of it that say most. */
import { element, svg } from './dom.js';
import { bytes, logOdds } from './format.js';

const OPACITY_START = 60;

function opacitySlider(map) {
    const value = element('output', { for: 'opacity' });
    const apply = () => {
        map.style.opacity = String(input.value / 100);
        value.textContent = `${input.value} %`;
    };
    const input = element('input', {
        id: 'opacity', type: 'range', min: '0', max: '100', step: '5', value: OPACITY_START,
        oninput: apply,
    });
    apply();
    return element('div', { class: 'slider' },
        element('label', { for: 'opacity' }, 'Heat map'), input, value);
}

function mapNote(entry, retry) {
    if (entry.mapState === 'loading')
        return element('p', { class: 'hint map-note' }, 'Looking for where it shows …');
    if (entry.mapState === 'failed')
        return element('p', { class: 'hint map-note' }, `No heat map: ${entry.mapError} `,
            element('button', { type: 'button', class: 'quiet small', onclick: retry }, 'Try again'));
    return null;
}

function photoOf(entry) {
    const photo = element('img', { class: 'photo', src: entry.url, alt: `Photo ${entry.name}` });
    photo.addEventListener('error', () => photo.replaceWith(
        element('div', { class: 'no-photo' }, 'This file cannot be shown as a photo')));
    return photo;
}

function pixelsOf(answer) {
    return answer && answer.width ? ` · ${answer.width} × ${answer.height}` : '';
}

/* A box around one part, over a photo of `width` times `height` pixels. */
function boxOf({ x, y, width, height }, photo) {
    const margin = Math.max(photo.naturalWidth, photo.naturalHeight) / 80;
    return svg('svg', {
        class: 'box', viewBox: `0 0 ${photo.naturalWidth} ${photo.naturalHeight}`, 'aria-hidden': 'true',
    }, ['box-edge', 'box-line'].map((name) => svg('rect', {
        class: name, x: x - margin, y: y - margin, rx: margin / 2,
        width: width + 2 * margin, height: height + 2 * margin,
    })));
}

/* The parts that say most; each is marked in the photo while it has the focus or the pointer. */
function partsOf(entry, stack) {
    const { regions } = entry;
    if (!regions || !regions.length)
        return null;
    const photo = stack.querySelector('.photo');
    const unmark = () => stack.querySelector('.box')?.remove();
    const mark = (region) => () => {
        unmark();
        stack.append(boxOf(region, photo));
    };
    return element('div', { class: 'parts' },
        element('h3', {}, 'Parts that say most'),
        element('p', { class: 'hint' }, 'What the score would lose without each, in log-odds.'),
        element('ul', {}, regions.map((region) => element('li', {}, element('button', {
            type: 'button', class: 'quiet small', 'aria-label': `Show the part at ${region.x}, ${region.y}: ` +
                `${logOdds(region.log_odds)} log-odds`,
            onclick: mark(region), onmouseenter: mark(region), onfocus: mark(region),
            onmouseleave: unmark, onblur: unmark,
        }, logOdds(region.log_odds))))));
}

/* Where the evidence is, as ever more of the heat map covers the photo. */
export function figureOf(entry, retryMap) {
    const stack = element('div', { class: entry.state === 'working' ? 'stack scanning' : 'stack' },
        photoOf(entry));
    const figure = element('figure', {}, stack);
    if (entry.mapUrl) {
        const map = element('img', { class: 'map', src: entry.mapUrl, alt: 'Heat map over the photo' });
        stack.append(map);
        figure.append(opacitySlider(map));
        figure.append(element('p', { class: 'ramp-line hint' }, 'camera',
            element('span', { class: 'ramp', 'aria-hidden': 'true' }), 'AI-generated'));
        figure.append(partsOf(entry, stack) || '');
    }
    const note = mapNote(entry, retryMap);
    if (note)
        figure.append(note);
    figure.append(element('figcaption', {},
        `${entry.name} · ${bytes(entry.file.size)}${pixelsOf(entry.answer)}`));
    return figure;
}
