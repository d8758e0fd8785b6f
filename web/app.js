// The search page: the query and what becomes of it.

import { debounce, find, make } from "./dom.js";
import { count, fileName, span } from "./words.js";
import { makeFilters } from "./filters.js";
import { makeLibrary } from "./library.js";
import { makePlayer } from "./player.js";
import { makeResults } from "./results.js";
import { typed } from "./query.js";
import * as api from "./api.js";

const pageSize = 30;
const maximumResults = 1000;
const typingPause = 120;
/** Milliseconds between two drawings of an order that still changes: each costs the processor that re-ranking needs. */
const drawingPause = 150;

const [query, state, notice, more, like] = [find("query"), find("state"), find("notice"), find("more"), find("like")];
/** The moment that results are to look like. */
let example;
let limit = pageSize;
/** The search that is under way. */
let running;
/** What a failed search would be tried again for. */
let waitsForDaemon = false;
let knowsFolders = true;
/** Whether the query was finished: typing another then is a step for the browser's Back button. */
let isSettled = true;

const filters = makeFilters(() => searchLater());
const results = makeResults({
    open: (result) => player.show(result),
    likeThis,
});
const player = makePlayer({
    asked,
    likeThis(result) {
        player.close();
        likeThis(result);
    },
    neighbour(result, step) {
        const all = results.all;
        const place = all.findIndex((other) => other.clip === result.clip);
        return place < 0 ? undefined : all[place + step];
    },
    shown(result, last) {
        results.stop();
        writeAddress(false, result);
        if (last) results.focusClip(last.clip);
    },
});
const library = makeLibrary({
    arrived(status) {
        filters.suggest(status.roots);
        knowsFolders = status.roots.length > 0 || status.media.total > 0;
        if (waitsForDaemon) {
            waitsForDaemon = false;
            tell();
            search();
        } else if (!isAsked()) {
            welcome();
        }
    },
    failed: fail,
});

function tell(text = "", ...buttons) {
    notice.hidden = text === "";
    notice.replaceChildren(...(text ? [make("p", {}, text), ...buttons] : []));
}

function welcome() {
    if (knowsFolders) {
        if (notice.dataset.kind === "welcome") tell();
        notice.dataset.kind = "";
        state.textContent = "Describe a moment: who or what is seen, where, doing what. “Words in quotation marks” are looked for in subtitles, titles and names alone.";
        return;
    }
    if (notice.dataset.kind === "welcome") return;
    notice.dataset.kind = "welcome";
    const button = make("button", { type: "button" }, "Add a folder");
    button.addEventListener("click", () => {
        library.open();
        find("root-path").focus();
    });
    state.textContent = "";
    tell("No folder is watched yet, so there is nothing to find.", button);
}

function fail(failure) {
    if (failure.status === 401) {
        state.textContent = "";
        results.show([]);
        tell("This browser was not let in, or not recently. Run “saccade open” on the daemon's machine, and use the address that it shows.");
        waitsForDaemon = true;
    } else if (failure.status === 0) {
        waitsForDaemon = true;
        state.textContent = failure.message;
    } else if (failure.code === "overloaded" || failure.code === "unavailable") {
        waitsForDaemon = true;
        state.textContent = failure.message;
        library.ask();
    } else {
        state.textContent = failure.message;
    }
}

/** What is looked for, as the API takes it. */
function asked() {
    return { ...typed(query.value), ...(example && { like: [{ clip: example.clip }] }) };
}

function isAsked() {
    return query.value.trim() !== "" || example !== undefined;
}

/** Looks for what looks like a moment, beside the words that are there after this. */
function likeThis(result) {
    query.value = "";
    showExample(result);
    limit = pageSize;
    writeAddress(true);
    isSettled = true;
    search();
    like.querySelector("button").focus();
    scrollTo({ top: 0 });
}

function showExample(result) {
    example = result;
    like.hidden = !result;
    if (!result) return like.replaceChildren();
    const text = `${span(result.start, result.end)} in ${fileName(result.media.path)}`;
    const button = make("button", { type: "button", "aria-label": `Don't look for what is like ${text}` }, "✕");
    button.addEventListener("click", () => {
        showExample();
        limit = pageSize;
        writeAddress(true);
        search();
        query.focus();
    });
    like.replaceChildren(
        make("img", { src: api.thumbnail(result.clip, 160), alt: "" }), make("span", {}, `Like ${text}`), button);
}

/** @param isStep whether the browser's Back button leads to what was before. */
function writeAddress(isStep, playing) {
    const parameters = new URLSearchParams();
    if (query.value.trim()) parameters.set("q", query.value.trim());
    if (example) parameters.set("like", example.clip);
    filters.write(parameters);
    if (playing) parameters.set("play", playing.clip);
    const text = parameters.toString();
    document.title = query.value.trim() ? `${query.value.trim()} – Saccade` : "Saccade";
    if (text === location.search.slice(1)) return;
    history[isStep ? "pushState" : "replaceState"](null, "", text ? `?${text}` : location.pathname);
}

/** @param typed what the query is when the address has none. */
async function readAddress(typed) {
    const parameters = new URLSearchParams(location.search);
    query.value = parameters.get("q") ?? typed;
    filters.read(parameters);
    const playing = parameters.get("play");
    if (!playing && player.isOpen) player.close();
    showExample();
    await withClip(parameters.get("like"), showExample);
    search();
    await withClip(playing, (clip) => player.show(clip));
}

/** What the address names, where it names anything. */
async function withClip(id, use) {
    if (!/^\d+$/.test(id ?? "")) return;
    try {
        use(await api.clip(id).then(({ id, ...clip }) => ({ clip: id, ...clip })));
    } catch (failure) {
        fail(failure);
    }
}

async function search() {
    running?.abort();
    searchLater.cancel();
    if (!isAsked()) {
        results.show([]);
        more.hidden = true;
        tell();
        notice.dataset.kind = "";
        welcome();
        return;
    }
    const mine = new AbortController();
    running = mine;
    const request = { ...asked(), limit, filters: filters.request(), fold: true };
    const begin = performance.now();
    state.textContent = "Searching…";
    try {
        let drawn = -Infinity;
        for await (const answer of api.search(request, mine.signal)) {
            if (running !== mine) return;
            const now = performance.now();
            if (!answer.final && now - drawn < drawingPause) continue;
            drawn = now;
            draw(answer, request, now - begin);
        }
    } catch (failure) {
        if (failure.name !== "AbortError" && running === mine) fail(failure);
    }
}

const searchLater = debounce(typingPause, () => {
    limit = pageSize;
    writeAddress(isSettled);
    isSettled = false;
    search();
});

function draw(answer, request, milliseconds) {
    const parts = [`${count(answer.clips, "clip")} searched in ${Math.max(1, Math.round(milliseconds))} ms`];
    if (answer.reranked > 0) parts.push(`${answer.reranked} re-ranked`);
    if (!answer.final) parts.push("the order may still change…");
    notice.dataset.kind = "";
    more.hidden = !(answer.final && answer.results.length === limit && limit < maximumResults);
    if (answer.final && answer.found === false && answer.results.length > 0) {
        parts[0] = `Nothing found: ${parts[0]}`;
        results.show([]);
        more.hidden = true;
        const button = make("button", { type: "button", id: "show-nearest" }, "Show the nearest anyway");
        button.addEventListener("click", () => {
            tell("Nothing looks like that. These are the nearest:");
            results.show(answer.results);
            results.focus(0);
        });
        tell("Nothing looks like that.", button);
    } else if (answer.final && answer.results.length === 0) {
        results.show([]);
        tell(emptiness(answer, request));
    } else {
        tell();
        results.show(answer.results);
    }
    state.textContent = parts.join(" · ");
}

/** Why there are no results. */
function emptiness(answer, request) {
    if (answer.clips === 0) return "There is no clip in the index yet.";
    const isFiltered = Object.keys(request.filters).length > 0;
    if (!/["“”„‟＂].+["“”„‟＂]/u.test(request.query ?? "") || request.like) return "No clip passes these filters.";
    return `No subtitle, title or name ${isFiltered ? "that passes these filters " : ""}has these words. Leave out the quotation marks to look at the pictures.`;
}

query.addEventListener("input", () => searchLater());
find("search").addEventListener("submit", (event) => {
    event.preventDefault();
    filters.close();
    limit = pageSize;
    writeAddress(isSettled);
    isSettled = true;
    search();
});
query.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" || results.all.length === 0) return;
    event.preventDefault();
    results.focus(0);
});
more.addEventListener("click", () => {
    const place = results.all.length;
    limit = Math.min(maximumResults, limit + pageSize);
    search().then(() => results.focus(place));
});
document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") || event.altKey || event.ctrlKey || event.metaKey) return;
    const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "/" && !isTyping) {
        event.preventDefault();
        query.focus();
        query.select();
    } else if (event.key === "Escape" && !filters.close() && event.target !== query) {
        query.focus();
    }
});
for (const button of document.querySelectorAll("dialog .close")) {
    button.addEventListener("click", () => button.closest("dialog").close());
}
addEventListener("popstate", () => readAddress(""));
// What was typed before this ran stays.
readAddress(query.value);
