/* What every page has: its head with the ways to the other pages, the API key and the theme. */
import { announce, byId, element, replace } from './dom.js';
import { apiKey, setApiKey } from './server.js';

const PAGES = [['/', 'Check'], ['/status', 'Status'], ['/docs', 'API']];
const THEMES = [['system', 'Auto theme'], ['light', 'Light'], ['dark', 'Dark']];

function link([path, title]) {
    const current = location.pathname === path ? 'page' : undefined;
    return element('a', { href: path, 'aria-current': current }, title);
}

function themeSwitch() {
    const theme = window.aidetectTheme;
    const select = element('select', {
        id: 'theme',
        'aria-label': 'Colour theme',
        onchange: () => theme.choose(select.value),
    }, THEMES.map(([value, title]) => element('option', {
        value, selected: value === theme.current(),
    }, title)));
    return select;
}

function keyPanel() {
    const input = element('input', {
        id: 'key', type: 'password', autocomplete: 'off', spellcheck: 'false', maxlength: '256',
        'aria-describedby': 'key-hint',
    });
    const summary = element('summary', {}, 'API key');
    const details = element('details', { class: 'key', id: 'key-panel' }, summary);
    const close = (text) => {
        details.open = false;
        summary.focus();
        announce(text);
    };
    const forget = () => {
        input.value = '';
        setApiKey('');
        close('API key forgotten');
    };
    const save = (event) => {
        event.preventDefault();
        setApiKey(input.value.trim());
        close(input.value ? 'API key set for this tab' : 'No API key is set');
    };

    input.value = apiKey();
    details.append(element('form', { class: 'key-form', onsubmit: save },
        element('label', { for: 'key' }, 'API key'),
        input,
        element('p', { id: 'key-hint', class: 'hint' },
            'Only when the service asks for one. Kept in this tab until you close it.'),
        element('div', { class: 'row' },
            element('button', { type: 'submit' }, 'Use key'),
            element('button', { type: 'button', class: 'quiet', onclick: forget }, 'Forget'))));
    details.addEventListener('keydown', (event) => {
        if (event.key === 'Escape' && details.open)
            close('');
    });
    details.addEventListener('toggle', () => details.open && input.focus());
    document.addEventListener('click', (event) => {
        if (!details.contains(event.target) && !event.target.closest('[data-opens-key]'))
            details.open = false;
    });
    const mark = () => summary.classList.toggle('set', apiKey() !== '');
    window.addEventListener('keychange', mark);
    mark();
    return details;
}

export function openKeyPanel() {
    byId('key-panel').open = true;
    byId('key').focus();
}

export function buildFrame() {
    replace(byId('top'),
        element('a', { class: 'brand', href: '/' },
            element('span', { class: 'mark', 'aria-hidden': 'true' }), 'aidetect'),
        element('nav', { 'aria-label': 'Pages' }, PAGES.map(link)),
        element('div', { class: 'tools' }, keyPanel(), themeSwitch()));
}
