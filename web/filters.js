// Which videos may answer: the editor, the chips, and their place in the page's address.

import { find, make } from "./dom.js";
import { duration } from "./words.js";

const lengths = [10, 60, 300, 1200, 3600];
const names = ["folder", "after", "before", "min", "max"];

const chipTexts = {
    folder: (value) => `in ${value}`,
    after: (value) => `on or after ${value}`,
    before: (value) => `before ${value}`,
    min: (value) => `at least ${duration(value)}`,
    max: (value) => `at most ${duration(value)}`,
};

const day = /^\d{4}-\d{2}-\d{2}$/;

/** @param changed called when a person has changed a filter. */
export function makeFilters(changed) {
    const [editor, form, chips] = [find("filter-editor"), find("filters"), find("chips")];
    for (const name of ["min", "max"]) {
        form[name].append(make("option", { value: "", textContent: "any length" }));
        for (const length of lengths) form[name].append(make("option", { value: length, textContent: duration(length) }));
    }

    const values = () => Object.fromEntries(names.map((name) => [name, form[name].value.trim()]).filter(([, value]) => value));

    function draw() {
        chips.replaceChildren(...Object.entries(values()).map(([name, value]) => {
            const text = chipTexts[name](value);
            const chip = make("button", { type: "button", "aria-label": `Remove the filter: ${text}` }, `${text} ×`);
            chip.addEventListener("click", () => {
                form[name].value = "";
                draw();
                changed();
                (chips.querySelector("button") ?? find("query")).focus();
            });
            return make("li", {}, chip);
        }));
    }

    form.addEventListener("input", () => {
        draw();
        changed();
    });
    form.addEventListener("submit", (event) => {
        event.preventDefault();
        editor.open = false;
        editor.querySelector("summary").focus();
    });
    document.addEventListener("click", (event) => {
        if (editor.open && !editor.contains(event.target)) editor.open = false;
    });

    return {
        /** As the API takes them. */
        request() {
            const set = values();
            const filters = {};
            if (set.folder) filters.path_prefix = set.folder;
            if (set.after) filters.recorded_after = set.after;
            if (set.before) filters.recorded_before = set.before;
            if (set.min) filters.min_duration = Number(set.min);
            if (set.max) filters.max_duration = Number(set.max);
            return filters;
        },
        /** Puts them into the parameters of an address. */
        write(parameters) {
            for (const [name, value] of Object.entries(values())) parameters.set(name, value);
        },
        read(parameters) {
            for (const name of names) {
                let value = parameters.get(name) ?? "";
                if ((name === "after" || name === "before") && !day.test(value)) value = "";
                if (name === "min" || name === "max") {
                    if (!(Number(value) > 0)) value = "";
                    const isKnown = [...form[name].options].some((option) => option.value === value);
                    if (!isKnown) form[name].append(make("option", { value, textContent: duration(Number(value)) }));
                }
                form[name].value = value;
            }
            draw();
        },
        suggest(roots) {
            find("folders").replaceChildren(...roots.map((root) => make("option", { value: `${root.path.replace(/\/$/, "")}/` })));
        },
        /** Whether it was open. */
        close() {
            const wasOpen = editor.open;
            editor.open = false;
            return wasOpen;
        },
    };
}
