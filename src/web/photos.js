/* Photos from everywhere: chosen, dropped, pasted, whole folders. */

export const PHOTOS_MAX = 2000;      /* in one list */
export const PHOTO_BYTES_MAX = 10 << 20; /* the service's own limit; larger ones are not sent */

const IMAGE_NAME = /\.(jpe?g|png|webp)$/i;

function entryFile(entry) {
    return new Promise((resolve, reject) => entry.file(resolve, reject));
}

function readEntries(reader) {
    return new Promise((resolve, reject) => reader.readEntries(resolve, reject));
}

/* Everything below a dropped folder that is named like a photo. */
async function walk(entry, path, found) {
    if (found.length >= PHOTOS_MAX)
        return;
    if (entry.isFile) {
        if (!path || IMAGE_NAME.test(entry.name))
            found.push({ file: await entryFile(entry), name: path + entry.name });
        return;
    }
    const reader = entry.createReader();
    for (let some = await readEntries(reader); some.length; some = await readEntries(reader))
        for (const inner of some)
            await walk(inner, `${path}${entry.name}/`, found);
}

/* {file, name}[] of a drop.  The entries must be taken before the event is over. */
export async function fromDrop(transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const files = [...transfer.files];
    const found = [];
    for (const entry of entries)
        await walk(entry, '', found);
    return entries.length ? found : files.map((file) => ({ file, name: file.name }));
}

export function fromInput(input) {
    const folder = input.hasAttribute('webkitdirectory');
    const found = [...input.files]
        .filter((file) => !folder || IMAGE_NAME.test(file.name))
        .map((file) => ({ file, name: file.webkitRelativePath || file.name }));
    input.value = ''; /* the same choice once more is a choice, too */
    return found;
}

export function fromPaste(clipboard) {
    return [...clipboard.files].map((file) => ({ file, name: file.name || 'pasted photo' }));
}
