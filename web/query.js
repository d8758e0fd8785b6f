// The query as it is typed: words, and those that results are not to show, each with a minus sign before it.

const marks = "\"“”„‟＂";
// At the beginning, between quotation marks, or before white space; never inside of a quotation.
const parts = new RegExp(`[${marks}][^${marks}]*[${marks}]|(?<=^|\\s)-(?:[${marks}]([^${marks}]*[^${marks}\\s][^${marks}]*)[${marks}]|(\\p{L}[^\\s${marks}]*))`, "gu");

const plain = (text) => text.trim().replace(/\s+/gu, " ");

/** What the API takes of it: `query`, where there are words, and `not`, where some are excluded. */
export function typed(text) {
    const not = [];
    const words = plain(text.replace(parts, (whole, quoted, word) => {
        if (quoted === undefined && word === undefined) return whole;
        not.push(plain(quoted ?? word));
        return " ";
    }));
    return { ...(words && { query: words }), ...(not.length > 0 && { not }) };
}
