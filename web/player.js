// One moment in its video, with the other moments that fit the query on a bar of its time.

import { find, make } from "./dom.js";
import { clock, fileName, percent, place, span } from "./words.js";
import { unplayable } from "./results.js";
import * as api from "./api.js";

const hitLimit = 50;

/**
 * @param neighbour gives the result some places after one, or nothing.
 * @param shown called with the result that is shown now, and with nothing when the player is closed.
 * @param asked gives what was asked, as the API takes it.
 * @param likeThis called with the result that others are to look like.
 */
export function makePlayer({ neighbour, shown, asked, likeThis }) {
    const dialog = find("player");
    const [stage, bar, message] = [find("stage"), find("time-bar"), find("unplayable")];
    let current;
    let search;

    function video(result) {
        const element = make("video", {
            controls: true, autoplay: true, playsInline: true, poster: api.thumbnail(result.clip, 960),
            "aria-label": `${fileName(result.media.path)} from ${clock(result.start)}`,
        });
        element.src = `${api.file(result.media.id)}#t=${result.start}`;
        element.addEventListener("error", () => {
            if (!stage.contains(element)) return;
            unplayable.add(result.media.id);
            cannotPlay(result);
        });
        // What has no picture that the browser knows plays its sound alone.
        element.addEventListener("loadedmetadata", () => {
            if (stage.contains(element) && element.videoWidth === 0) cannotPlay(result);
        });
        element.addEventListener("timeupdate", () => {
            const needle = bar.querySelector("i");
            if (needle && element.duration > 0) needle.style.left = `${100 * element.currentTime / element.duration}%`;
        });
        return element;
    }

    /** A few seconds that the daemon has made for browsers; the picture of the moment where there are none. */
    function cannotPlay(result) {
        empty();
        const why = result.media.online
            ? "This browser can't play this file" : "The file can't be read now, so it can't be played: connect its disk";
        const tell = (what) => {
            message.textContent = result.media.online
                ? `${why}, so here ${what}. \`saccade search --play\` opens it in a player of this machine.` : `${why}. Here ${what}.`;
            message.hidden = false;
        };
        const stillOnly = () => {
            stage.replaceChildren(picture(api.thumbnail(result.clip, 960), result));
            tell("is its picture");
        };
        if (!(result.media.duration > 0)) return stillOnly();
        const element = make("video", {
            controls: true, autoplay: true, loop: true, muted: true, playsInline: true, poster: api.thumbnail(result.clip, 960),
            "aria-label": `A preview of ${fileName(result.media.path)} from ${clock(result.start)}`,
        });
        element.dataset.preview = "";
        element.src = api.preview(result.clip);
        element.addEventListener("error", () => { if (stage.contains(element)) stillOnly(); });
        stage.append(element);
        tell("is a short preview without sound");
    }

    function picture(source, result) {
        const image = make("img", { src: source, alt: `${fileName(result.media.path)} at ${clock(result.start)}` });
        image.addEventListener("error", () => image.remove());
        return image;
    }

    function empty() {
        for (const element of stage.querySelectorAll("video")) {
            element.removeAttribute("src");
            element.load();
        }
        stage.replaceChildren();
        message.hidden = true;
    }

    function show(result) {
        current = result;
        search?.abort();
        empty();
        find("player-title").textContent = `${span(result.start, result.end)} in ${fileName(result.media.path)}`;
        find("player-line").textContent = result.line ? `${place(result.line)}: “${result.line.text}”` : "";
        find("player-path").textContent = result.media.path;
        find("previous").disabled = !neighbour(result, -1);
        find("next").disabled = !neighbour(result, 1);
        const isStill = !(result.media.duration > 0);
        if (!result.media.online || unplayable.has(result.media.id)) cannotPlay(result);
        else stage.append(isStill ? picture(api.file(result.media.id), result) : video(result));
        bar.hidden = isStill;
        drawBar([result]);
        if (!isStill) findHits(result);
        if (!dialog.open) dialog.showModal();
        shown(result);
    }

    /** All moments of the video that fit, the better the fuller. */
    async function findHits(result) {
        const request = asked();
        // A path that isn't text can't be a filter.
        if (!request.query && !request.like || result.media.path_bytes) return;
        search = new AbortController();
        try {
            const filters = { path_prefix: result.media.path };
            for await (const answer of api.search({ ...request, limit: hitLimit, filters }, search.signal)) {
                if (current !== result) return;
                const hits = answer.results.filter((hit) => hit.media.id === result.media.id);
                drawBar(hits.some((hit) => hit.clip === result.clip) ? hits : [...hits, result]);
            }
        } catch {
            // The bar keeps what it has.
        }
    }

    function drawBar(hits) {
        const length = current.media.duration;
        const scores = hits.map((hit) => hit.probability ?? hit.score);
        const [least, most] = [Math.min(...scores), Math.max(...scores)];
        const kept = bar.contains(document.activeElement) ? document.activeElement.dataset.clip : undefined;
        const marks = hits.map((hit, place) => {
            const likelihood = hit.probability === undefined ? "" : `, ${percent(hit.probability)} likely`;
            const text = `${span(hit.start, hit.end)}${likelihood}`;
            const mark = make("button", { type: "button", title: text, "aria-label": text });
            mark.dataset.clip = hit.clip;
            mark.style.left = `${100 * hit.start / length}%`;
            mark.style.width = `${Math.max(0.4, 100 * (hit.end - hit.start) / length - 0.15)}%`;
            mark.style.opacity = most > least ? 0.25 + 0.75 * (scores[place] - least) / (most - least) : 1;
            if (hit.clip === current.clip) mark.setAttribute("aria-current", "true");
            mark.addEventListener("click", () => seek(hit));
            return mark;
        });
        marks.sort((one, other) => parseFloat(one.style.left) - parseFloat(other.style.left));
        bar.replaceChildren(...marks, make("i", { "aria-hidden": "true" }));
        if (kept) bar.querySelector(`[data-clip="${Number(kept)}"]`)?.focus();
    }

    function seek(hit) {
        const element = stage.querySelector("video:not([data-preview])");
        if (!element) return show(hit);
        element.currentTime = hit.start;
        element.play().catch(() => {});
        find("player-title").textContent = `${span(hit.start, hit.end)} in ${fileName(hit.media.path)}`;
        for (const mark of bar.querySelectorAll("button")) {
            if (mark.dataset.clip === String(hit.clip)) mark.setAttribute("aria-current", "true");
            else mark.removeAttribute("aria-current");
        }
    }

    function move(step) {
        const other = current && neighbour(current, step);
        if (other) show(other);
    }

    find("previous").addEventListener("click", () => move(-1));
    find("next").addEventListener("click", () => move(1));
    find("like-this").addEventListener("click", () => likeThis(current));
    dialog.addEventListener("keydown", (event) => {
        // The video's own controls take the arrow keys while they have the focus.
        if (event.target.tagName === "VIDEO" || event.altKey || event.ctrlKey || event.metaKey) return;
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        move(step);
    });
    dialog.addEventListener("close", () => {
        search?.abort();
        empty();
        const last = current;
        current = undefined;
        shown(undefined, last);
    });

    return { show, close: () => dialog.close(), get isOpen() { return dialog.open; } };
}
