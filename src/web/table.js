/* The list of all photos: sortable, filtered, saved as CSV. */
import { announce, download, element, replace, show } from './dom.js';
import { csvRow, isUnsure, label, milliseconds, plural, probability } from './format.js';

const CONFIDENCES = ['low', 'medium', 'high'];

const COLUMNS = [
    { id: 'name', title: 'Photo', value: (entry) => entry.name.toLowerCase() },
    { id: 'verdict', title: 'Verdict', value: (entry) => stateText(entry) },
    { id: 'probability', title: 'Probability', value: (entry) => entry.answer?.probability },
    { id: 'confidence', title: 'Confidence', value: (entry) => confidenceRank(entry) },
    { id: 'time', title: 'Time', value: (entry) => entry.answer?.inference_time_ms },
];

const FILTERS = [
    ['all', 'All photos', () => true],
    ['ai', 'AI-generated', (entry) => entry.answer?.prediction === 'ai_generated'],
    ['real', 'Camera photos', (entry) => entry.answer?.prediction === 'real'],
    ['unsure', 'Unsure', (entry) => Boolean(entry.answer) && isUnsure(entry.answer)],
    ['failed', 'Failed', (entry) => entry.state === 'failed'],
];

const STATE_TEXTS = { waiting: 'waiting', held: 'on hold', working: 'judging …', stopped: 'stopped' };

/* The states of a photo that has no verdict yet and will get one. */
export const OPEN = ['waiting', 'held', 'working'];

function confidenceRank(entry) {
    const rank = CONFIDENCES.indexOf(entry.answer?.confidence);
    return rank < 0 ? undefined : rank;
}

function stateText(entry) {
    if (entry.state === 'done')
        return label(entry.answer);
    return entry.state === 'failed' ? entry.failure.title : STATE_TEXTS[entry.state];
}

/* Rows without a value come last, whichever way the others go. */
export function compareBy(column, descending) {
    return (a, b) => {
        const x = column.value(a);
        const y = column.value(b);
        if (x === undefined || y === undefined)
            return (x === undefined) - (y === undefined) || a.number - b.number;
        const order = typeof x === 'string' ? x.localeCompare(y) : x - y;
        return (descending ? -order : order) || a.number - b.number;
    };
}

export class PhotoTable {
    /* actions: {open(entry), stop(), clear()} */
    constructor(place, actions) {
        this.place = place;
        this.actions = actions;
        this.entries = [];
        this.sort = { column: null, descending: false };
        this.filter = FILTERS[0];
        this.build();
    }

    build() {
        this.progress = element('progress', { 'aria-label': 'Photos judged', max: '1', value: '0' });
        this.summary = element('p', { class: 'summary' });
        this.body = element('tbody');
        this.heads = COLUMNS.map((column) => this.headOf(column));
        this.stopButton = element('button', { type: 'button', class: 'quiet', onclick: this.actions.stop }, 'Stop');
        this.saveButton = element('button', { type: 'button', onclick: () => this.save() }, 'Download CSV');
        const filter = element('select', {
            id: 'filter',
            onchange: () => {
                this.filter = FILTERS[filter.selectedIndex];
                this.arrange();
            },
        }, FILTERS.map(([value, title]) => element('option', { value }, title)));
        replace(this.place,
            element('div', { class: 'list-head' },
                element('div', {}, element('h2', {}, 'All photos'), this.summary),
                element('div', { class: 'row' },
                    element('label', { for: 'filter' }, 'Show'), filter, this.stopButton, this.saveButton,
                    element('button', { type: 'button', class: 'quiet', onclick: this.actions.clear }, 'Clear list'))),
            this.progress,
            element('div', { class: 'table-frame' },
                element('table', {}, element('caption', { class: 'unseen' }, 'Photos and verdicts'),
                    element('thead', {}, element('tr', {}, this.heads)), this.body)));
    }

    headOf(column) {
        const button = element('button', { type: 'button', class: 'sort', onclick: () => this.sortBy(column) },
            column.title, element('span', { class: 'arrow', 'aria-hidden': 'true' }));
        return element('th', { scope: 'col', class: `column-${column.id}`, 'aria-sort': 'none' }, button);
    }

    sortBy(column) {
        const again = this.sort.column === column;
        this.sort = { column, descending: again ? !this.sort.descending : false };
        this.heads.forEach((head, i) => head.setAttribute('aria-sort', COLUMNS[i] !== column ? 'none'
            : this.sort.descending ? 'descending' : 'ascending'));
        announce(`Sorted by ${column.title}, ${this.sort.descending ? 'descending' : 'ascending'}`);
        this.arrange();
    }

    setEntries(entries) {
        this.entries = entries;
        for (const entry of entries) {
            if (!entry.row)
                this.update(entry);
        }
        this.arrange();
    }

    /* The row of a photo that has changed. */
    update(entry) {
        if (!entry.row)
            entry.row = element('tr', {}, this.nameCell(entry));
        entry.row.dataset.state = entry.state;
        while (entry.row.children.length > 1)
            entry.row.lastChild.remove();
        entry.row.append(...this.cellsOf(entry));
        if (!this.pending) {
            this.pending = true;
            requestAnimationFrame(() => {
                this.pending = false;
                this.arrange();
            });
        }
    }

    nameCell(entry) {
        const picture = element('img', { src: entry.url, alt: '', loading: 'lazy', decoding: 'async',
            width: '40', height: '40' });
        return element('th', { scope: 'row', class: 'column-name' }, element('button',
            { type: 'button', class: 'open', onclick: () => this.actions.open(entry) },
            picture, element('span', {}, entry.name)));
    }

    cellsOf(entry) {
        const { answer } = entry;
        const bar = element('span', { class: 'bar', 'aria-hidden': 'true' });
        if (answer)
            bar.style.width = `${100 * answer.probability}%`;
        return [
            element('td', { class: 'column-verdict', 'data-prediction': answer?.prediction,
                title: entry.failure?.detail }, stateText(entry)),
            element('td', { class: 'column-probability' }, answer
                ? [element('span', { class: 'number' }, probability(answer.probability)),
                    element('span', { class: 'gauge', 'aria-hidden': 'true' }, bar)] : ''),
            element('td', { class: 'column-confidence' }, answer?.confidence),
            element('td', { class: 'column-time' }, answer?.inference_time_ms === undefined ? ''
                : milliseconds(answer.inference_time_ms)),
        ];
    }

    /* Order, filter, progress and counts. */
    arrange() {
        const shown = this.entries.filter(this.filter[2]);
        if (this.sort.column)
            shown.sort(compareBy(this.sort.column, this.sort.descending));
        const same = this.body.children.length === shown.length &&
            shown.every((entry, i) => this.body.children[i] === entry.row);
        if (!same) {
            const focused = this.body.contains(document.activeElement) ? document.activeElement : null;
            this.body.replaceChildren(...shown.map((entry) => entry.row));
            if (focused)
                focused.focus();
        }
        this.count();
    }

    count() {
        const total = this.entries.length;
        const of = (test) => this.entries.filter(test).length;
        const done = of((entry) => entry.state === 'done' || entry.state === 'failed');
        const failed = of((entry) => entry.state === 'failed');
        const open = of((entry) => OPEN.includes(entry.state));
        const parts = [`${done} of ${plural(total, 'photo')} judged`,
            `${of(FILTERS[1][2])} AI-generated`, `${of(FILTERS[2][2])} from cameras`];
        if (failed)
            parts.push(`${failed} failed`);
        this.summary.textContent = parts.join(' · ');
        this.progress.max = total || 1;
        this.progress.value = done;
        this.progress.classList.toggle('complete', open === 0);
        show(this.stopButton, open > 0);
        if (this.wasOpen && open === 0)
            announce(this.summary.textContent);
        this.wasOpen = open > 0;
    }

    csv() {
        const rows = [['photo', 'prediction', 'decision', 'probability', 'confidence', 'inference_time_ms',
            'model_version', 'error', 'detail']];
        for (const { name, answer, failure } of this.entries)
            rows.push([name, answer?.prediction, answer?.decision, answer?.probability,
                answer?.confidence, answer?.inference_time_ms, answer?.model_version, failure?.title, failure?.detail]);
        return rows.map(csvRow).join('');
    }

    save() {
        download('aidetect.csv', 'text/csv;charset=utf-8', this.csv());
        announce('CSV saved');
    }
}
