/* One operation of the API as a form, and its answer. */
import { announce, codeBlock, element, replace, show } from './dom.js';
import { shellWord } from './format.js';
import { resolve, sampleOf } from './schema.js';
import { apiKey } from './server.js';

let fieldCount = 0;

function labelled(title, hint, control) {
    fieldCount += 1;
    control.id = `field-${fieldCount}`;
    return element('div', { class: 'field' }, element('label', { for: control.id }, title), control,
        hint ? element('p', { class: 'hint' }, hint) : null);
}

function parameterField(document, raw) {
    const parameter = resolve(document, raw);
    const schema = resolve(document, parameter.schema || {});
    const control = schema.enum
        ? element('select', {}, parameter.required ? null : element('option', { value: '' }, ''),
            schema.enum.map((value) => element('option', { value }, String(value))))
        : element('input', { type: 'text', required: parameter.required, autocomplete: 'off' });
    return {
        ...parameter,
        node: labelled(`${parameter.name} (${parameter.in})`, parameter.description, control),
        value: () => control.value,
    };
}

/* A form field that takes files, when the schema says binary. */
function partField(document, name, raw) {
    const schema = resolve(document, raw);
    const inner = schema.type === 'array' ? resolve(document, schema.items || {}) : schema;
    const binary = inner.format === 'binary' || inner.contentMediaType || inner.type === undefined;
    const control = binary
        ? element('input', { type: 'file', multiple: schema.type === 'array' })
        : element('input', { type: 'text', autocomplete: 'off' });
    return {
        name,
        node: labelled(name, schema.description, control),
        values: () => (binary ? [...control.files] : [control.value].filter(Boolean)),
    };
}

/* {nodes, make() -> {body, headers}, curl() -> words} for one content type. */
function bodyAs(document, type, { schema, example }) {
    if (type === 'multipart/form-data') {
        const properties = resolve(document, schema || {}).properties || {};
        return formBody(Object.entries(properties).map(([name, one]) => partField(document, name, one)));
    }
    return type === 'application/json' ? jsonBody(example ?? sampleOf(document, schema || {})) : rawBody(type);
}

/* The same for what the operation takes; with a choice, when it takes several types. */
function bodyOf(document, operation) {
    const content = operation.requestBody ? resolve(document, operation.requestBody).content || {} : {};
    const types = Object.keys(content);
    const bodies = types.map((type) => bodyAs(document, type, content[type]));
    if (bodies.length < 2)
        return bodies[0] || { nodes: [], make: () => ({}), curl: () => '' };
    const choice = element('select', {}, types.map((type) => element('option', {}, type)));
    const groups = bodies.map((body, i) => element('div', { hidden: i > 0 }, body.nodes));
    choice.addEventListener('change', () => groups.forEach((group, i) => show(group, i === choice.selectedIndex)));
    return {
        nodes: [labelled('Send as', '', choice), ...groups],
        make: () => bodies[choice.selectedIndex].make(),
        curl: () => bodies[choice.selectedIndex].curl(),
    };
}

function formBody(parts) {
    const pairs = () => parts.flatMap((part) => part.values().map((value) => [part.name, value]));
    return {
        nodes: parts.map((part) => part.node),
        make: () => {
            const form = new FormData();
            pairs().forEach(([name, value]) => form.append(name, value));
            return { body: form };
        },
        curl: () => (pairs().length ? pairs() : parts.map((part) => [part.name, { name: 'photo.jpg' }]))
            .map(([name, value]) => ` -F ${shellWord(`${name}=${value.name ? `@${value.name}` : value}`)}`).join(''),
    };
}

function jsonBody(sample) {
    const area = element('textarea', { spellcheck: 'false' });
    area.value = JSON.stringify(sample, null, 2);
    return {
        nodes: [labelled('Body', 'JSON', area)],
        make: () => ({ body: area.value, headers: { 'Content-Type': 'application/json' } }),
        curl: () => ` -H 'Content-Type: application/json' -d ${shellWord(area.value)}`,
    };
}

function rawBody(type) {
    const input = element('input', { type: 'file' });
    return {
        nodes: [labelled('Body', type, input)],
        make: () => ({ body: input.files[0], headers: { 'Content-Type': input.files[0]?.type || type } }),
        curl: () => ` -H ${shellWord(`Content-Type: ${type}`)} --data-binary @${shellWord(input.files[0]?.name || 'file')}`,
    };
}

function urlOf(path, parameters) {
    const query = new URLSearchParams();
    let filled = path;
    for (const parameter of parameters) {
        if (parameter.in === 'path')
            filled = filled.replace(`{${parameter.name}}`, encodeURIComponent(parameter.value()));
        else if (parameter.in === 'query' && parameter.value() !== '')
            query.set(parameter.name, parameter.value());
    }
    const text = query.toString();
    return text ? `${filled}?${text}` : filled;
}

function headersOf(parameters) {
    const headers = apiKey() ? { 'X-API-Key': apiKey() } : {};
    for (const parameter of parameters) {
        if (parameter.in === 'header' && parameter.value() !== '')
            headers[parameter.name] = parameter.value();
    }
    return headers;
}

/* The body's text; long strings inside JSON (encoded pictures) are cut for reading. */
function readable(text, type) {
    if (!type.includes('json'))
        return text.slice(0, 20000);
    try {
        const cut = (key, value) => (typeof value === 'string' && value.length > 400
            ? `${value.slice(0, 120)} … (${value.length} characters)` : value);
        return JSON.stringify(JSON.parse(text, cut), null, 2);
    } catch {
        return text.slice(0, 20000);
    }
}

async function send(place, method, url, request) {
    const started = performance.now();
    let answer;
    try {
        answer = await fetch(url, { method, cache: 'no-store', ...request });
    } catch {
        replace(place, element('p', { class: 'alert', role: 'alert' }, 'No answer from the service.'));
        return;
    }
    const type = answer.headers.get('Content-Type') || '';
    const text = await answer.text();
    const line = `${answer.status} ${answer.statusText} · ${(performance.now() - started).toFixed(0)} ms`;
    const fields = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
    replace(place,
        element('p', { class: 'response-line' }, line),
        element('details', {}, element('summary', {}, 'Header fields'), codeBlock('Header fields', fields)),
        codeBlock('Answer', readable(text, type) || '(no body)'));
    announce(`Answer: status ${answer.status}`);
}

/* The form of one operation. */
export function tryForm(document, method, path, operation, shared) {
    const parameters = [...shared, ...(operation.parameters || [])].map((one) => parameterField(document, one));
    const body = bodyOf(document, operation);
    const answer = element('div', { class: 'response' });
    const command = element('div', {});
    const drawCommand = () => {
        const key = apiKey() ? ' -H "X-API-Key: $AIDETECT_API_KEY"' : '';
        const verb = method === 'GET' || body.nodes.length ? '' : ` -X ${method}`;
        const url = location.origin + urlOf(path, parameters);
        replace(command, codeBlock('curl command', `curl${verb}${key}${body.curl()} '${url}'`));
    };
    const form = element('form', {
        class: 'try',
        onsubmit: (event) => {
            event.preventDefault();
            const { body: content, headers } = body.make();
            send(answer, method, urlOf(path, parameters), {
                body: content, headers: { ...headersOf(parameters), ...headers },
            });
        },
        onchange: drawCommand,
    }, element('h3', {}, 'Try it'), parameters.map((one) => one.node), body.nodes,
    element('div', { class: 'row' }, element('button', { type: 'submit' }, `Send ${method}`)), command, answer);
    drawCommand();
    return form;
}
