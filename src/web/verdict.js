/* One photo and everything that is known about it. */
import { codeBlock, element, replace } from './dom.js';
import { figureOf } from './figure.js';
import { isUnsure, milliseconds, probability, sentence, shellWord, verdict, words } from './format.js';
import { apiKey } from './server.js';

const UNSURE = 'The probability is too close to the threshold: have a person look.';
const REASONS = {
    high: 'The probability is far from the threshold.',
    medium: 'The probability is some way from the threshold.',
    low: 'The probability is close to the threshold.',
};

/* ---- the numbers ---- */

function thresholdOf(answer) {
    return typeof answer.threshold === 'number' ? answer.threshold : null;
}

function scale(answer) {
    const threshold = thresholdOf(answer);
    const marker = element('span', { class: 'marker' });
    const track = element('div', { class: 'track' });
    marker.style.left = `${100 * answer.probability}%`;
    if (typeof answer.unsure_low === 'number' && typeof answer.unsure_high === 'number') {
        const band = element('span', { class: 'band' });
        band.style.left = `${100 * answer.unsure_low}%`;
        band.style.width = `${100 * (answer.unsure_high - answer.unsure_low)}%`;
        track.append(band);
    }
    if (threshold !== null) {
        const tick = element('span', { class: 'tick' });
        tick.style.left = `${100 * threshold}%`;
        track.append(tick);
    }
    track.append(marker);
    const spoken = `Probability ${probability(answer.probability)} on a scale from 0, camera, ` +
        `to 1, AI-generated${threshold === null ? '' : `; the threshold is ${threshold}`}`;
    return element('div', { class: 'scale', role: 'img', 'aria-label': spoken }, track,
        element('div', { class: 'ends', 'aria-hidden': 'true' },
            element('span', {}, '0 camera'), element('span', {}, 'AI-generated 1')));
}

function fact(term, text) {
    return text === null || text === undefined ? null
        : element('div', {}, element('dt', {}, term), element('dd', {}, text));
}

function factsOf(answer) {
    const threshold = thresholdOf(answer);
    return element('dl', { class: 'facts' },
        fact('Probability', probability(answer.probability)),
        fact('Confidence', answer.confidence),
        fact('Threshold', threshold === null ? null : String(Number(threshold.toFixed(3)))),
        fact('Time', answer.inference_time_ms === undefined ? null
            : milliseconds(answer.inference_time_ms)),
        fact('Model', answer.model_version));
}

/* ---- evidence ---- */

function evidenceOf(answer) {
    const flags = answer.quality;
    if (!flags)
        return null; /* an answer without detail */
    if (!flags.length)
        return element('p', { class: 'hint evidence' },
            'Size, sharpness and compression are fine: nothing about the file weakens the verdict.');
    return element('div', { class: 'evidence' },
        element('h3', {}, 'What makes it less reliable'),
        element('ul', { class: 'flags' }, flags.map((flag) => element('li', {},
            element('strong', {}, words(flag.flag)), ` ${sentence(flag.help)}`))));
}

/* ---- for developers ---- */

export function curlOf(entry) {
    const name = entry.name.split('/').pop();
    const key = apiKey() ? ' -H "X-API-Key: $AIDETECT_API_KEY"' : '';
    return `curl${key} -F ${shellWord(`file=@${name}`)} ` +
        shellWord(`${location.origin}/predict?detail=full`).replace(/^(?!')(.*\?.*)$/, "'$1'");
}

function forDevelopers(entry) {
    const json = JSON.stringify(entry.answer || entry.failure.body, null, 2);
    return element('div', { class: 'developers' },
        json ? element('details', {}, element('summary', {}, 'JSON answer'),
            codeBlock('JSON answer', json)) : null,
        element('details', {}, element('summary', {}, 'curl command'),
            codeBlock('curl command', curlOf(entry))));
}

/* ---- states ---- */

function heading(text, extra = {}) {
    return element('h2', { tabindex: '-1', id: 'verdict', ...extra }, text);
}

const WAITING = {
    waiting: ['Waiting …', 'Other photos come first.'],
    working: ['Judging …', 'The photo is being sent and looked at.'],
    held: ['On hold …', 'It is judged as soon as the way is free.'],
    stopped: ['Not judged', 'It was stopped before there was a verdict.'],
};

function waitingView(entry, retry) {
    const [title, text] = WAITING[entry.state];
    return [element('p', { class: 'eyebrow' }, 'Verdict'),
        heading(title, { class: 'pending' }),
        element('p', {}, text),
        entry.state === 'stopped' ? element('div', { class: 'row' },
            element('button', { type: 'button', class: 'quiet', onclick: retry }, 'Judge it')) : null];
}

function failedView(entry, retry) {
    const { failure } = entry;
    return [element('p', { class: 'eyebrow' }, 'No verdict'),
        heading(failure.title),
        element('p', { class: 'alert', role: 'alert' }, sentence(failure.detail || failure.title)),
        failure.requestId ? element('p', { class: 'hint' }, `Request ${failure.requestId}`) : null,
        element('div', { class: 'row' },
            element('button', { type: 'button', class: 'quiet', onclick: retry }, 'Try again')),
        failure.body ? forDevelopers(entry) : null];
}

function doneView(entry) {
    const { answer } = entry;
    return [element('p', { class: 'eyebrow' }, 'Verdict'),
        heading(verdict(answer), { 'data-prediction': answer.prediction }),
        element('p', {}, isUnsure(answer) ? UNSURE : REASONS[answer.confidence] || ''),
        scale(answer),
        factsOf(answer),
        evidenceOf(answer),
        forDevelopers(entry)];
}

/* The photo again, because its heat map has changed; the rest keeps focus and open details. */
export function drawFigure(place, entry, actions) {
    place.querySelector('figure').replaceWith(figureOf(entry, actions.retryMap));
}

/* Draws `entry` into `place`; actions: {retry, retryMap}. */
export function drawVerdict(place, entry, actions) {
    let view;
    if (entry.state === 'done')
        view = doneView(entry);
    else if (entry.state === 'failed')
        view = failedView(entry, actions.retry);
    else
        view = waitingView(entry, actions.retry);
    replace(place, element('article', { class: 'verdict', 'data-state': entry.state },
        figureOf(entry, actions.retryMap),
        element('div', { class: 'finding' }, view)));
}
