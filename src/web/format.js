/* Numbers and answers as people read them. */

const SIZES = ['B', 'KB', 'MB', 'GB']; /* of 1,024 each, as file managers count */

export function bytes(count) {
    let value = count;
    let step = 0;
    for (; value >= 1000 && step < SIZES.length - 1; step += 1)
        value /= 1024;
    return `${value < 10 && step > 1 ? value.toFixed(1) : value.toFixed(0)} ${SIZES[step]}`;
}

export function milliseconds(value) {
    if (value < 1)
        return '< 1 ms';
    return value < 1000 ? `${value.toFixed(value < 10 ? 1 : 0)} ms` : `${(value / 1000).toFixed(2)} s`;
}

export function duration(seconds) {
    const days = Math.floor(seconds / 86400);
    const hours = Math.floor(seconds / 3600) % 24;
    const minutes = Math.floor(seconds / 60) % 60;
    if (days)
        return `${days} d ${hours} h`;
    if (hours)
        return `${hours} h ${minutes} min`;
    return minutes ? `${minutes} min ${Math.floor(seconds) % 60} s` : `${Math.floor(seconds)} s`;
}

export function ratio(value) {
    return `${(100 * value).toFixed(1)} %`;
}

export function probability(value) {
    return value.toFixed(3);
}

/* Signed, so that it is seen what it speaks for. */
export function logOdds(value) {
    return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;
}

export function count(value) {
    return value.toLocaleString('en');
}

export function plural(n, one, many = `${one}s`) {
    return `${count(n)} ${n === 1 ? one : many}`;
}

/* A name of the API as words: "too_small". */
export function words(name) {
    const text = name.replace(/_/g, ' ');
    return text.charAt(0).toUpperCase() + text.slice(1);
}

export function sentence(text) {
    const end = /[.!?]$/.test(text) ? '' : '.';
    return text.charAt(0).toUpperCase() + text.slice(1) + end;
}

/* Whether a person should decide; an answer without detail says no more than its confidence. */
export function isUnsure(answer) {
    return answer.decision ? answer.decision === 'unsure' : answer.confidence === 'low';
}

/* The verdict in words; that it is unsure is said first, because then the label means little. */
export function verdict(answer) {
    const fake = answer.prediction === 'ai_generated';
    if (isUnsure(answer))
        return fake ? 'Unsure, leaning AI-generated' : 'Unsure, leaning camera photo';
    if (answer.confidence !== 'high')
        return fake ? 'Probably AI-generated' : 'Probably a camera photo';
    return fake ? 'AI-generated' : 'Camera photo';
}

export function label(answer) {
    return answer.prediction === 'ai_generated' ? 'AI-generated' : 'Camera photo';
}

/* A word that a POSIX shell reads as itself. */
export function shellWord(text) {
    return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`;
}

/* One row of RFC 4180.  A cell that a spreadsheet would run as a formula is made text. */
export function csvRow(cells) {
    return cells.map((cell) => {
        let text = String(cell ?? '');
        if (typeof cell === 'string' && /^[=+\-@\t\r]/.test(text))
            text = `'${text}`;
        return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
    }).join(',') + '\r\n';
}
