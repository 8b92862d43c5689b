/* The page at /: photos in, verdicts out.  Owns the list of photos and the one queue that sends
 * them; what stands in the way is waited out by patience.js. */
import { announce, byId, element, replace, show } from './dom.js';
import { bytes, milliseconds, plural, verdict, words } from './format.js';
import { buildFrame } from './frame.js';
import { patiently } from './patience.js';
import { PHOTOS_MAX, PHOTO_BYTES_MAX, fromDrop, fromInput, fromPaste } from './photos.js';
import { Failure, ask, explain, isReady, predict, predictBatch } from './server.js';
import { OPEN, PhotoTable } from './table.js';
import { drawFigure, drawVerdict } from './verdict.js';

const BATCH_PHOTOS_MAX = 10;        /* of one request */
const BATCH_BYTES_MAX = 24 << 20;   /* a refused one is read to its end: the answer arrives */
const BUSY_TRIES_MAX = 8;           /* of one photo inside batches */
const READY_POLL_MS = 3000;

const state = { entries: [], selected: null, controller: null, batches: true, number: 0 };
let table;

/* ---- the list ---- */

function entryOf({ file, name }) {
    state.number += 1;
    const entry = { number: state.number, file, name, url: URL.createObjectURL(file),
        state: 'waiting', answer: null, failure: null, mapUrl: null, mapState: 'none', regions: null, tries: 0 };
    if (file.size > PHOTO_BYTES_MAX)
        fail(entry, new Failure('refused', 'Photo too large',
            `It has ${bytes(file.size)}; the limit is ${bytes(PHOTO_BYTES_MAX)}.`));
    return entry;
}

function fail(entry, failure) {
    entry.state = 'failed';
    entry.failure = failure;
}

function add(found) {
    const room = PHOTOS_MAX - state.entries.length;
    if (!found.length) {
        say('There is no photo in that. JPEG, PNG and WebP are read.');
        return;
    }
    say(found.length > room ? `The list holds ${PHOTOS_MAX} photos; the rest was left out.` : '');
    const added = found.slice(0, room).map(entryOf);
    state.entries.push(...added);
    document.body.classList.add('has-photos');
    if (added.length === 1)
        select(added[0], false);
    changed();
    run();
}

/* A remark below the drop area. */
function say(text) {
    byId('drop-hint').textContent = text || 'JPEG, PNG or WebP, up to 10 MB each. Pasting works, too.';
    byId('drop-hint').classList.toggle('remark', text !== '');
    if (text)
        announce(text);
}

function changed() {
    const many = state.entries.length > 1;
    show(byId('list'), many);
    if (many)
        table.setEntries(state.entries);
}

function clear() {
    stop();
    for (const entry of state.entries) {
        URL.revokeObjectURL(entry.url);
        if (entry.mapUrl)
            URL.revokeObjectURL(entry.mapUrl);
    }
    Object.assign(state, { entries: [], selected: null });
    document.body.classList.remove('has-photos');
    table.setEntries([]);
    show(byId('list'), false);
    show(byId('result'), false);
    byId('choose').focus();
    announce('The list is empty');
}

function update(entry) {
    table.update(entry);
    if (entry === state.selected)
        draw(entry);
}

/* ---- one photo ---- */

const actionsOf = (entry) => ({
    retry: () => {
        Object.assign(entry, { state: 'waiting', failure: null });
        update(entry);
        run();
    },
    retryMap: () => loadMap(entry),
});

function draw(entry) {
    const focused = document.activeElement === byId('verdict');
    show(byId('result'), true);
    drawVerdict(byId('result'), entry, actionsOf(entry));
    if (focused)
        byId('verdict').focus();
}

function select(entry, focus) {
    state.selected = entry;
    draw(entry);
    if (focus)
        byId('verdict').focus();
    if (entry.state === 'done')
        loadMap(entry);
}

function blobOf(base64) {
    const text = atob(base64);
    return new Blob([Uint8Array.from(text, (c) => c.charCodeAt(0))], { type: 'image/png' });
}

function mapErrorOf(failure) {
    if (failure.kind === 'limited')
        return `the rate limit is reached${failure.wait ? `, there is room in ${failure.wait} s` : ''}.`;
    return failure.detail || failure.title;
}

async function loadMap(entry) {
    if (entry.mapUrl || entry.mapState === 'loading' || entry.mapState === 'absent')
        return;
    entry.mapState = 'loading';
    redrawFigure(entry);
    try {
        const answer = await explain(entry.file);
        entry.mapUrl = URL.createObjectURL(blobOf(answer.heatmap_base64));
        entry.regions = answer.regions;
        entry.mapState = 'done';
    } catch (failure) {
        entry.mapState = failure.kind === 'absent' ? 'absent' : 'failed';
        entry.mapError = mapErrorOf(failure);
    }
    redrawFigure(entry);
}

function redrawFigure(entry) {
    if (entry === state.selected && entry.state === 'done')
        drawFigure(byId('result'), entry, actionsOf(entry));
}

/* ---- the queue ---- */

function settle(entry, answer) {
    if (answer instanceof Failure)
        fail(entry, answer);
    else
        Object.assign(entry, { state: 'done', answer });
    update(entry);
    if (entry !== state.selected)
        return;
    if (entry.state === 'done') {
        announce(`${entry.name}: ${verdict(answer)}, judged in ${milliseconds(answer.inference_time_ms)}`);
        loadMap(entry);
    }
}

/* As many as one request may carry. */
function nextChunk() {
    const chunk = [];
    let size = 0;
    for (const entry of state.entries) {
        if (entry.state !== 'waiting')
            continue;
        size += entry.file.size;
        if (chunk.length && (size > BATCH_BYTES_MAX || !state.batches))
            break;
        chunk.push(entry);
        if (chunk.length === BATCH_PHOTOS_MAX)
            break;
    }
    return chunk;
}

/* One result of a batch as the answer, or the failure, that the photo alone would have got. */
function resultOf(result, modelVersion) {
    if (result && result.prediction)
        return { ...result, model_version: modelVersion };
    const title = result?.error_class ? words(result.error_class) : 'No verdict';
    return new Failure('refused', title, result?.error || '', { body: result });
}

/* Told by patience.js: these wait for something, or go on. */
const holder = (chunk) => (held) => {
    for (const entry of chunk) {
        entry.state = held ? 'held' : 'working';
        update(entry);
    }
};

/* The queue had no place for it: it comes with the next request. */
function sendAgain(entry) {
    entry.tries += 1;
    entry.state = 'waiting';
    update(entry);
}

async function judgeOne(entry, controller) {
    const request = (signal) => predict(entry.file, signal);
    settle(entry, await patiently(request, controller, holder([entry])));
}

async function judgeChunk(chunk, controller) {
    const files = chunk.map((entry) => entry.file);
    const request = (signal) => predictBatch(files, signal);
    const answer = await patiently(request, controller, holder(chunk));
    chunk.forEach((entry, i) => {
        const result = answer.results[i];
        if (result?.error_class === 'busy' && entry.tries < BUSY_TRIES_MAX)
            sendAgain(entry);
        else
            settle(entry, resultOf(result, answer.model_version));
    });
}

async function judge(chunk, controller) {
    for (const entry of chunk) {
        entry.state = 'working';
        update(entry);
    }
    try {
        await (chunk.length === 1 ? judgeOne(chunk[0], controller) : judgeChunk(chunk, controller));
    } catch (failure) {
        if (failure.name === 'AbortError')
            throw failure;
        if (failure.kind === 'absent' && chunk.length > 1) {
            state.batches = false; /* an older service: one by one */
            chunk.forEach((entry) => { entry.state = 'waiting'; });
            return;
        }
        chunk.forEach((entry) => settle(entry, failure));
    }
}

async function run() {
    if (state.controller)
        return;
    const controller = new AbortController();
    controller.signal.addEventListener('abort', markStopped);
    state.controller = controller;
    try {
        for (let chunk = nextChunk(); chunk.length; chunk = nextChunk())
            await judge(chunk, controller);
    } catch (error) {
        if (error.name !== 'AbortError')
            throw error;
    } finally {
        if (state.controller === controller)
            state.controller = null;
    }
}

function markStopped() {
    state.controller = null;
    for (const entry of state.entries) {
        if (!OPEN.includes(entry.state))
            continue;
        entry.state = 'stopped';
        update(entry);
    }
}

function stop() {
    if (state.controller)
        state.controller.abort();
}

/* ---- ways in ---- */

function listenToInputs() {
    show(byId('choose-folder'), 'webkitdirectory' in byId('folder'));
    for (const [button, input] of [['choose', 'files'], ['choose-folder', 'folder']]) {
        byId(button).addEventListener('click', () => byId(input).click());
        byId(input).addEventListener('change', () => add(fromInput(byId(input))));
    }
    document.addEventListener('paste', (event) => {
        if (event.clipboardData && event.clipboardData.files.length) {
            event.preventDefault();
            add(fromPaste(event.clipboardData));
        }
    });
}

/* The whole page takes a drop: a photo that misses the area must not open in the tab. */
function listenToDrags() {
    let depth = 0;
    const mark = () => document.body.classList.toggle('dragging', depth > 0);
    document.addEventListener('dragenter', (event) => {
        event.preventDefault();
        depth += 1;
        mark();
    });
    document.addEventListener('dragover', (event) => event.preventDefault());
    document.addEventListener('dragleave', () => {
        depth = Math.max(0, depth - 1);
        mark();
    });
    document.addEventListener('drop', async (event) => {
        event.preventDefault();
        depth = 0;
        mark();
        add(await fromDrop(event.dataTransfer));
    });
}

async function showModel() {
    const line = byId('model-line');
    try {
        const health = await ask('/health');
        replace(line, health.model_loaded ? 'Model ' : 'The model is still loading …',
            health.model_loaded ? element('strong', {}, health.model_version) : '',
            health.model_loaded && health.predictions_total
                ? ` · ${plural(health.predictions_total, 'photo')} judged since it started` : '');
    } catch (failure) {
        line.textContent = failure.kind === 'offline' ? 'The service does not answer at the moment.' : '';
    }
    if (!await isReady())
        setTimeout(showModel, READY_POLL_MS);
}

buildFrame();
table = new PhotoTable(byId('list'), { open: (entry) => select(entry, true), stop, clear });
listenToInputs();
listenToDrags();
showModel();
