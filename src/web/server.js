/* Requests to the service this page came from, and what their failures mean. */

const KEY = 'aidetect.key';

/* The API key lives as long as the tab: in its session storage and nowhere else. */
export function apiKey() {
    try {
        return sessionStorage.getItem(KEY) || '';
    } catch {
        return '';
    }
}

export function setApiKey(value) {
    try {
        if (value)
            sessionStorage.setItem(KEY, value);
        else
            sessionStorage.removeItem(KEY);
    } catch {
        /* storage is switched off: there is no key then */
    }
    window.dispatchEvent(new CustomEvent('keychange'));
}

/* What stands between a request and its answer: these kinds pass by themselves or with a key. */
export const OBSTACLES = ['offline', 'loading', 'busy', 'limited', 'locked'];

const KIND_OF_STATUS = new Map([
    [401, 'locked'], [403, 'locked'], [404, 'absent'], [405, 'absent'], [429, 'limited'],
    [501, 'absent'], [502, 'offline'], [503, 'busy'], [504, 'offline'],
]);

export class Failure extends Error {
    /* kind: one of OBSTACLES, 'absent' (no such route) or 'refused' (this request is wrong). */
    constructor(kind, title, detail, more = {}) {
        super(detail || title);
        Object.assign(this, { kind, title, detail, status: 0, wait: 0, requestId: '' }, more);
    }

    get isObstacle() {
        return OBSTACLES.includes(this.kind);
    }
}

function headers() {
    const key = apiKey();
    return key ? { 'X-API-Key': key } : {};
}

async function bodyOf(answer) {
    const text = await answer.text();
    const isJson = (answer.headers.get('Content-Type') || '').includes('json');
    try {
        return isJson ? JSON.parse(text) : text;
    } catch {
        return text;
    }
}

/* 503 has two reasons; /readyz tells them apart. */
async function kindOfBusy() {
    try {
        const ready = await fetch('/readyz', { cache: 'no-store' });
        return ready.ok ? 'busy' : 'loading';
    } catch {
        return 'offline';
    }
}

async function failureOf(answer, body) {
    const said = body && typeof body === 'object' ? body : {};
    let kind = KIND_OF_STATUS.get(answer.status) || 'refused';
    if (answer.status === 503)
        kind = await kindOfBusy();
    return new Failure(kind, said.error || `Status ${answer.status}`, said.detail || '', {
        status: answer.status,
        wait: Number(answer.headers.get('Retry-After')) || 0,
        requestId: said.request_id || answer.headers.get('X-Request-ID') || '',
        body,
    });
}

/* The answer's body: an object for JSON, else text.  Throws Failure, or AbortError. */
export async function ask(path, options = {}) {
    let answer;
    try {
        answer = await fetch(path, {
            cache: 'no-store',
            credentials: 'same-origin',
            ...options,
            headers: { ...headers(), ...options.headers },
        });
        const body = await bodyOf(answer);
        if (answer.ok)
            return body;
        throw await failureOf(answer, body);
    } catch (error) {
        if (error instanceof Failure || error.name === 'AbortError')
            throw error;
        throw new Failure('offline', 'No answer', 'The service does not answer.');
    }
}

function formOf(field, files) {
    const form = new FormData();
    for (const file of files)
        form.append(field, file, file.name);
    return form;
}

/* One photo with everything the service can say about it. */
export function predict(file, signal) {
    return ask('/predict?detail=full', { method: 'POST', body: formOf('file', [file]), signal });
}

/* Where in the photo the evidence is. */
export function explain(file, signal) {
    return ask('/predict/explain', { method: 'POST', body: formOf('file', [file]), signal });
}

export function predictBatch(files, signal) {
    return ask('/predict/batch?detail=full', { method: 'POST', body: formOf('files', files), signal });
}

export async function isReady() {
    try {
        return (await fetch('/readyz', { cache: 'no-store' })).ok;
    } catch {
        return false;
    }
}
