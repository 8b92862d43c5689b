/* The page at /docs: /openapi.json, to read and to try. */
import { byId, element, replace, show } from './dom.js';
import { buildFrame } from './frame.js';
import { resolve, schemaList, typeOf } from './schema.js';
import { ask } from './server.js';
import { tryForm } from './tryit.js';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

/* [{method, path, operation, shared, tag, id}], in the order of the document. */
function operationsOf(document) {
    return Object.entries(document.paths || {}).flatMap(([path, item]) => METHODS
        .filter((method) => item[method])
        .map((method) => ({
            method: method.toUpperCase(),
            path,
            operation: item[method],
            shared: item.parameters || [],
            tag: (item[method].tags || ['other'])[0],
            id: `${method}${path.replace(/[^A-Za-z0-9]+/g, '-')}`,
        })));
}

/* /v1 twins say nothing new: they follow their originals as a remark. */
function withoutTwins(operations) {
    const known = new Set(operations.map(({ method, path }) => `${method} ${path}`));
    return operations.filter(({ method, path }) => !path.startsWith('/v1/') ||
        !known.has(`${method} ${path.slice(3)}`));
}

function groupsOf(operations) {
    const groups = new Map();
    for (const operation of operations) {
        if (!groups.has(operation.tag))
            groups.set(operation.tag, []);
        groups.get(operation.tag).push(operation);
    }
    return groups;
}

function part(title, ...content) {
    return element('section', {}, element('h3', {}, title), content);
}

function parametersOf(document, list) {
    if (!list.length)
        return null;
    return part('Parameters', element('ul', { class: 'schema' }, list.map((raw) => {
        const parameter = resolve(document, raw);
        return element('li', {}, element('span', { class: 'name' }, parameter.name), ' ',
            element('span', { class: 'type' }, `${parameter.in}, ${typeOf(document, parameter.schema || {})}` +
                `${parameter.required ? '' : ', optional'}`),
            parameter.description ? ` ${parameter.description}` : '');
    })));
}

/* Rows whose second members are the same become one: [[[first, ...], second], ...]. */
function merged(rows) {
    const groups = new Map();
    for (const [first, second] of rows) {
        const key = JSON.stringify(second);
        if (!groups.has(key))
            groups.set(key, [[], second]);
        groups.get(key)[0].push(first);
    }
    return [...groups.values()];
}

function contentOf(document, content) {
    const rows = Object.entries(content || {}).map(([type, { schema }]) => [type, schema || null]);
    return merged(rows).map(([types, schema]) => element('div', { class: 'content' },
        element('p', { class: 'type' }, types.join(', ')), schema ? schemaList(document, schema) : null));
}

function accessOf(operation) {
    if (!operation.security || !operation.security.length)
        return null;
    const optional = operation.security.some((one) => !Object.keys(one).length);
    return element('p', { class: 'hint' }, optional ? 'With an API key, when the service asks for one.'
        : 'Needs an API key.');
}

function requestOf(document, operation) {
    const body = operation.requestBody && resolve(document, operation.requestBody);
    return body ? part('Body', body.description ? element('p', { class: 'hint' }, body.description) : null,
        contentOf(document, body.content)) : null;
}

function answersOf(document, operation) {
    const rows = merged(Object.entries(operation.responses || {}));
    return part('Answers', element('ul', { class: 'schema' }, rows.map(([statuses, raw]) => {
        const answer = resolve(document, raw);
        return element('li', {}, element('span', { class: 'name' }, statuses.join(', ')),
            ` ${answer.description || ''}`, contentOf(document, answer.content));
    })));
}

function operationBox(document, one) {
    const { method, path, operation, shared, id } = one;
    const box = element('details', { class: 'operation', id },
        element('summary', {}, element('span', { class: 'method' }, method),
            element('span', { class: 'path' }, path),
            element('span', { class: 'brief' }, operation.summary || '')));
    box.addEventListener('toggle', () => {
        if (!box.open || box.children.length > 1)
            return;
        box.append(element('div', { class: 'operation-body' },
            operation.description ? element('p', {}, operation.description) : null,
            accessOf(operation),
            parametersOf(document, [...shared, ...(operation.parameters || [])]),
            requestOf(document, operation),
            answersOf(document, operation),
            tryForm(document, method, path, operation, shared)));
    });
    return box;
}

function openTarget() {
    const box = location.hash && byId(location.hash.slice(1));
    if (box && box.matches('.operation')) {
        box.open = true;
        box.scrollIntoView();
    }
}

function draw(document) {
    const operations = operationsOf(document);
    const groups = groupsOf(withoutTwins(operations));
    const info = document.info || {};
    const twins = operations.some(({ path }) => path.startsWith('/v1/'))
        ? ' Paths answer below /v1 as well.' : '';

    byId('about').textContent = `${info.description || info.title || ''}${twins}`;
    byId('title').textContent = info.version ? `API ${info.version}` : 'API';
    replace(byId('toc'), [...groups].map(([tag, list]) => element('div', {}, element('h2', {}, tag),
        element('ul', {}, list.map(({ method, path, id }) => element('li', {},
            element('a', { href: `#${id}` }, `${method} ${path}`)))))));
    replace(byId('operations'), [...groups].flatMap(([tag, list]) => [
        element('h2', {}, tag), ...list.map((one) => operationBox(document, one))]));
    show(byId('docs'), true);
    openTarget();
}

async function start() {
    buildFrame();
    window.addEventListener('hashchange', openTarget);
    try {
        draw(await ask('/openapi.json'));
    } catch (failure) {
        if (failure.kind === undefined)
            throw failure;
        byId('about').textContent = failure.kind === 'absent'
            ? 'This service does not describe its API.'
            : `The description could not be read: ${failure.detail || failure.title}`;
    }
}

start();
