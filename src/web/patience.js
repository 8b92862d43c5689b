/* Waiting for what stands in the way: no connection, a model that loads, a full queue, a rate
 * limit, a missing key.  The photos stay; the request is made again when the way is free. */
import { announce, byId, element, replace, show } from './dom.js';
import { openKeyPanel } from './frame.js';
import { isReady } from './server.js';

const POLL_MS = 2000;
const BUSY_WAIT_S = 2;
const BUSY_TRIES_MAX = 8;

const TEXTS = {
    offline: ['The service does not answer', 'Your photos stay here. It goes on as soon as there is an answer.'],
    loading: ['The model is not loaded yet', 'The service is starting. It goes on by itself.'],
    busy: ['The service is busy', 'Every place in its queue is taken. It goes on in a moment.'],
    limited: ['Too many requests', 'The rate limit is reached. It goes on when there is room again.'],
    locked: ['An API key is needed', 'The service asks for a key, or for one with more rights.'],
};

/* Resolves when one of the listeners calls `go`; rejects when `signal` aborts. */
function waitFor(signal, listen) {
    return new Promise((resolve, reject) => {
        const undo = [];
        const finish = (settle, value) => {
            undo.forEach((f) => f());
            settle(value);
        };
        const stop = () => finish(reject, new DOMException('stopped', 'AbortError'));
        if (signal.aborted) {
            stop();
            return;
        }
        signal.addEventListener('abort', stop);
        undo.push(() => signal.removeEventListener('abort', stop));
        listen(() => finish(resolve), undo);
    });
}

function countDown(seconds, clock, go, undo) {
    let left = Math.max(1, Math.ceil(seconds));
    const write = () => { clock.textContent = `${left} s`; };
    const timer = setInterval(() => {
        left -= 1;
        write();
        if (left <= 0)
            go();
    }, 1000);
    write();
    undo.push(() => clearInterval(timer));
}

function poll(go, undo) {
    const timer = setInterval(async () => {
        if (await isReady())
            go();
    }, POLL_MS);
    undo.push(() => clearInterval(timer));
}

function listenFor(failure, clock) {
    return (go, undo) => {
        if (failure.kind === 'limited' || failure.kind === 'busy') {
            countDown(failure.wait || BUSY_WAIT_S, clock, go, undo);
        } else if (failure.kind === 'locked') {
            window.addEventListener('keychange', go);
            undo.push(() => window.removeEventListener('keychange', go));
        } else {
            poll(go, undo);
        }
        const now = byId('notice-now');
        if (now)
            now.addEventListener('click', go);
    };
}

function noticeButton(failure) {
    if (failure.kind === 'locked')
        return element('button', { type: 'button', 'data-opens-key': '', onclick: openKeyPanel },
            'Enter API key');
    return element('button', { type: 'button', id: 'notice-now', class: 'quiet' }, 'Try now');
}

async function waitOut(failure, stop, signal) {
    const [title, text] = TEXTS[failure.kind];
    const notice = byId('notice');
    const clock = element('span', { class: 'clock', 'aria-hidden': 'true' });

    replace(notice,
        element('div', {},
            element('h2', {}, title),
            element('p', {}, text, failure.kind === 'locked' && failure.detail
                ? ` (${failure.detail})` : '')),
        clock,
        element('div', { class: 'row' }, noticeButton(failure),
            element('button', { type: 'button', class: 'quiet', onclick: stop }, 'Stop')));
    notice.dataset.kind = failure.kind;
    show(notice, true);
    announce(`${title}. ${text}`);
    try {
        await waitFor(signal, listenFor(failure, clock));
    } finally {
        show(notice, false);
        replace(notice);
    }
}

/* The result of request(); waits out every obstacle.  Throws what is none, and AbortError.
 * hold(true) is called when a wait begins and hold(false) when it is over. */
export async function patiently(request, controller, hold) {
    for (let busy = 0; ;) {
        try {
            return await request(controller.signal);
        } catch (failure) {
            busy += failure.kind === 'busy' ? 1 : 0;
            if (!failure.isObstacle || busy > BUSY_TRIES_MAX)
                throw failure;
            hold(true);
            await waitOut(failure, () => controller.abort(), controller.signal);
            hold(false);
        }
    }
}
