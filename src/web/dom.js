/* Elements from data, never from markup: text goes in as text. */

const SVG = 'http://www.w3.org/2000/svg';

function assign(node, properties) {
    for (const [name, value] of Object.entries(properties)) {
        if (value === undefined || value === null || value === false)
            continue;
        if (name.startsWith('on'))
            node.addEventListener(name.slice(2), value);
        else
            node.setAttribute(name, value === true ? '' : String(value));
    }
}

function fill(node, children) {
    for (const child of children.flat(Infinity)) {
        if (child !== undefined && child !== null && child !== false)
            node.append(child);
    }
    return node;
}

/* element('button', {class: 'quiet', onclick: f}, 'Stop'): attributes, listeners, children. */
export function element(tag, properties = {}, ...children) {
    const node = document.createElement(tag);
    assign(node, properties);
    return fill(node, children);
}

export function svg(tag, properties = {}, ...children) {
    const node = document.createElementNS(SVG, tag);
    assign(node, properties);
    return fill(node, children);
}

export function byId(id) {
    return document.getElementById(id);
}

/* Puts `children` in place of what is there. */
export function replace(node, ...children) {
    node.replaceChildren();
    return fill(node, children);
}

export function show(node, visible) {
    node.hidden = !visible;
}

/* Said by screen readers when they have finished what they say. */
export function announce(text) {
    const region = byId('announcer') || document.body.appendChild(
        element('p', { id: 'announcer', class: 'unseen', role: 'status', 'aria-live': 'polite' }));
    region.textContent = text;
}

async function copy(text) {
    try {
        await navigator.clipboard.writeText(text);
        return true;
    } catch {
        return false; /* no permission, or not a secure origin */
    }
}

/* Copies what `block` holds; where the browser forbids that, selects it for the keyboard. */
function copyButton(label, block) {
    const caption = element('span', {}, 'Copy');
    const click = async () => {
        const done = await copy(block.textContent);
        if (!done)
            getSelection().selectAllChildren(block);
        caption.textContent = done ? 'Copied' : 'Selected';
        announce(`${label} ${done ? 'copied' : 'selected'}`);
        setTimeout(() => { caption.textContent = 'Copy'; }, 2000);
    };
    return element('button', {
        type: 'button', class: 'quiet small', 'aria-label': `Copy ${label}`, onclick: click,
    }, caption);
}

/* A block of code with its copy button. */
export function codeBlock(label, text) {
    const block = element('pre', { tabindex: '0', role: 'region', 'aria-label': label }, text);
    return element('div', { class: 'code' }, block, copyButton(label, block));
}

/* Hands `text` to the browser as a file to save. */
export function download(name, type, text) {
    const url = URL.createObjectURL(new Blob([text], { type }));
    const link = element('a', { href: url, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
}
