/* OpenAPI documents: references, schemas in words, sample values. */
import { element } from './dom.js';

const DEPTH_MAX = 5;

/* Follows "$ref": "#/a/b" inside `document`. */
export function resolve(document, node) {
    let at = node;
    for (let hops = 0; at && at.$ref && hops < 10; hops += 1)
        at = at.$ref.slice(2).split('/').reduce(
            (inside, key) => inside?.[key.replace(/~1/g, '/').replace(/~0/g, '~')], document);
    return at || {};
}

export function typeOf(document, schema) {
    const node = resolve(document, schema);
    if (node.const !== undefined)
        return JSON.stringify(node.const);
    if (node.enum)
        return node.enum.map((value) => JSON.stringify(value)).join(' | ');
    if (node.oneOf || node.anyOf)
        return (node.oneOf || node.anyOf).map((one) => typeOf(document, one)).join(' or ');
    if (node.type === 'array')
        return `array of ${typeOf(document, node.items || {})}`;
    const type = Array.isArray(node.type) ? node.type.join(' or ') : node.type || 'any';
    return node.format || node.contentEncoding ? `${type} (${node.format || node.contentEncoding})` : type;
}

function rangeOf(node) {
    const parts = [];
    if (node.minimum !== undefined && node.maximum !== undefined)
        parts.push(`${node.minimum} to ${node.maximum}`);
    else if (node.minimum !== undefined)
        parts.push(`at least ${node.minimum}`);
    else if (node.maximum !== undefined)
        parts.push(`at most ${node.maximum}`);
    if (node.maxLength !== undefined)
        parts.push(`at most ${node.maxLength} characters`);
    if (node.maxItems !== undefined)
        parts.push(`at most ${node.maxItems}`);
    if (node.default !== undefined)
        parts.push(`default ${JSON.stringify(node.default)}`);
    return parts.length ? ` ${parts.join(', ')}` : '';
}

function propertyRow(document, name, schema, required, depth) {
    const node = resolve(document, schema);
    const inner = node.type === 'array' ? resolve(document, node.items || {}) : node;
    return element('li', {},
        element('span', { class: 'name' }, name), ' ',
        element('span', { class: 'type' }, `${typeOf(document, schema)}${required ? '' : ', optional'}${rangeOf(node)}`),
        node.description || schema.description ? ` ${schema.description || node.description}` : '',
        inner.properties && depth < DEPTH_MAX ? schemaList(document, inner, depth + 1) : null);
}

/* The members of an object as a list, nested. */
export function schemaList(document, schema, depth = 0) {
    const node = resolve(document, schema);
    const inner = node.type === 'array' ? resolve(document, node.items || {}) : node;
    const required = new Set(inner.required || []);
    if (!inner.properties)
        return element('p', { class: 'schema' }, element('span', { class: 'type' }, typeOf(document, node)),
            node.description ? ` ${node.description}` : '');
    return element('ul', { class: 'schema' }, Object.entries(inner.properties).map(
        ([name, property]) => propertyRow(document, name, property, required.has(name), depth)));
}

/* A value of that shape, to start from. */
export function sampleOf(document, schema, depth = 0) {
    const node = resolve(document, schema);
    if (node.example !== undefined)
        return node.example;
    if (node.examples && node.examples.length)
        return node.examples[0];
    if (node.default !== undefined)
        return node.default;
    if (node.const !== undefined)
        return node.const;
    if (node.enum)
        return node.enum[0];
    if (depth > DEPTH_MAX)
        return null;
    const one = (node.oneOf || node.anyOf || node.allOf || [])[0];
    if (one)
        return sampleOf(document, one, depth + 1);
    const type = Array.isArray(node.type) ? node.type[0] : node.type;
    if (type === 'object' || node.properties)
        return Object.fromEntries(Object.entries(node.properties || {}).map(
            ([name, property]) => [name, sampleOf(document, property, depth + 1)]));
    if (type === 'array')
        return [sampleOf(document, node.items || {}, depth + 1)];
    return { integer: node.minimum ?? 0, number: node.minimum ?? 0, boolean: false, null: null }[type] ?? '';
}
