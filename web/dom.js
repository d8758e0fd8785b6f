// Elements without markup: whatever a name of a file holds, it becomes text.

export const find = (id) => document.getElementById(id);

/** Makes an element with properties, `data-` and `aria-` attributes, and children: elements, or texts. */
export function make(name, properties = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
        if (value === undefined || value === null) continue;
        if (key.includes("-") || key === "role") element.setAttribute(key, value);
        else element[key] = value;
    }
    element.append(...children.filter((child) => child !== undefined && child !== null));
    return element;
}

/** Calls `action` once nobody has asked for it again for `milliseconds`. */
export function debounce(milliseconds, action) {
    let timer;
    const later = (...values) => {
        clearTimeout(timer);
        timer = setTimeout(() => action(...values), milliseconds);
    };
    later.cancel = () => clearTimeout(timer);
    return later;
}

export const likesStillness = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
