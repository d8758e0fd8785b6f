// The grid of moments. A card stays the same element while its clip is among the results, so that an order that settles is seen to move.

import { find, likesStillness, make } from "./dom.js";
import { fileName, percent, place, reason, span } from "./words.js";
import * as api from "./api.js";

const hoverDelay = 200;
/** Of a picture that failed, in milliseconds; each wait is four times the one before. */
const [firstWait, lastWait] = [2000, 32_000];

/** Media items that this browser has failed to play. */
export const unplayable = new Set();

/**
 * @param open called with the result whose card was chosen.
 * @param likeThis called with the result that others are to look like.
 */
export function makeResults({ open, likeThis }) {
    const list = find("results");
    const cards = new Map();
    /** Clips whose similar results are shown after them. */
    const unfolded = new Set();
    let order = [];
    let shown = [];

    function card(result) {
        const known = cards.get(result.clip);
        if (known) return known;
        const picture = make("span", { className: "picture" });
        const image = make("img", { alt: "", loading: "lazy", decoding: "async", src: api.thumbnail(result.clip, 480) });
        keepTrying(image, result);
        const strip = make("span", { className: "strip" });
        picture.append(image, make("span", { className: "time" }, span(result.start, result.end)), strip);
        const detail = make("span", { className: "detail" });
        const line = make("span", { className: "line", dir: "auto" });
        const button = make("button", { type: "button", className: "card" },
            picture, make("span", { className: "name", title: result.media.path }, fileName(result.media.path)), line, detail);
        const like = make("button", { type: "button", className: "like" }, "More like this");
        const unfold = make("button", { type: "button", className: "unfold", hidden: true });
        const item = make("li", {}, button, make("div", { className: "actions" }, like, unfold));
        const made = { item, button, actions: [like, unfold], picture, strip, line, detail, result };
        like.addEventListener("click", () => likeThis(made.result));
        unfold.addEventListener("click", () => {
            if (!unfolded.delete(result.clip)) unfolded.add(result.clip);
            show(shown);
            unfold.focus();
        });
        button.addEventListener("click", () => open(made.result));
        preview(made);
        cards.set(result.clip, made);
        return made;
    }

    /** A picture that can't be had now, of a busy daemon or a disk that is away, may be there a little later. */
    function keepTrying(image, result) {
        const source = image.src;
        const none = make("span", { className: "no-picture" }, result.media.online ? "No picture yet" : "No picture: the file is offline");
        let wait = firstWait;
        image.addEventListener("error", () => {
            image.before(none);
            if (wait > lastWait || !cards.has(result.clip)) return;
            setTimeout(() => { image.src = `${source}&again=${wait}`; }, wait);
            wait *= 4;
        });
        image.addEventListener("load", () => none.remove());
    }

    function fill(made, result, hits) {
        made.result = result;
        const parts = [];
        let likelihood = "";
        // Of the picture, so that it says nothing where that isn't what was found.
        if (result.probability !== undefined && result.why !== "words") {
            const steps = make("span", { className: "steps", "aria-hidden": "true" });
            for (let step = 0; step < 5; step += 1) {
                steps.append(make("i", { className: result.probability > step / 5 + 0.02 ? "on" : "" }));
            }
            likelihood = `${percent(result.probability)} likely`;
            parts.push(steps, likelihood);
        }
        if (result.line) parts.push(make("span", { className: "why" }, reason(result)));
        if (!result.media.online) parts.push(make("span", { className: "offline" }, "offline"));
        made.line.hidden = !result.line;
        made.line.textContent = result.line ? `“${result.line.text}”` : "";
        made.line.title = result.line ? `${place(result.line)}: ${result.line.text}` : "";
        made.detail.replaceChildren(...parts);
        made.button.setAttribute("aria-label", [
            fileName(result.media.path), span(result.start, result.end), likelihood,
            result.line ? `found by ${reason(result)}: ${result.line.text}` : "", result.media.online ? "" : "offline",
        ].filter(Boolean).join(", "));
        const [like, unfold] = made.actions;
        const moment = `${span(result.start, result.end)} in ${fileName(result.media.path)}`;
        like.setAttribute("aria-label", `More like ${moment}`);
        unfold.hidden = !(result.folded > 0);
        unfold.setAttribute("aria-expanded", String(unfolded.has(result.clip)));
        unfold.textContent = unfolded.has(result.clip) ? "Hide similar" : `+${result.folded} similar`;
        unfold.setAttribute("aria-label", `${unfold.textContent}: ${moment}`);
        const length = result.media.duration;
        made.strip.replaceChildren(...(length > 0 ? hits : []).map((hit) => {
            const mark = make("i", { className: hit.clip === result.clip ? "here" : "" });
            mark.style.left = `${100 * hit.start / length}%`;
            mark.style.width = `${100 * (hit.end - hit.start) / length}%`;
            return mark;
        }));
    }

    /** Plays the moment, without sound, while the pointer or the focus rests on its card. */
    function preview(made) {
        let timer;
        let video;
        const stop = () => {
            clearTimeout(timer);
            if (!video) return;
            // Gives the connection back at once.
            video.removeAttribute("src");
            video.load();
            video.remove();
            video = undefined;
        };
        const play = () => {
            const { media, start, end, clip } = made.result;
            if (video || !media.online || !(media.duration > 0) || unplayable.has(media.id) || likesStillness()) return;
            video = make("video", { muted: true, playsInline: true, "aria-hidden": "true", tabIndex: -1 });
            const current = video;
            current.src = `${api.file(media.id)}#t=${start}`;
            current.poster = api.thumbnail(clip, 480);
            current.addEventListener("timeupdate", () => {
                if (current.currentTime >= end) current.currentTime = start;
            });
            current.addEventListener("error", () => {
                if (current !== video) return;
                unplayable.add(media.id);
                stop();
            });
            made.strip.before(current);
            current.play().catch(() => {});
        };
        const later = () => {
            clearTimeout(timer);
            timer = setTimeout(play, hoverDelay);
        };
        made.button.addEventListener("pointerenter", (event) => {
            if (event.pointerType === "mouse") later();
        });
        made.button.addEventListener("pointerleave", stop);
        made.button.addEventListener("focus", () => {
            if (made.button.matches(":focus-visible")) later();
        });
        made.button.addEventListener("blur", stop);
        made.stop = stop;
    }

    const focused = () => order.findIndex((made) => made.item.contains(document.activeElement));

    /** One card is in the order of the Tab key: the one that was looked at last. */
    function makeReachable(index) {
        order.forEach((made, place) => {
            for (const button of [made.button, ...made.actions]) button.tabIndex = place === index ? 0 : -1;
        });
    }

    function focus(index) {
        const made = order[Math.max(0, Math.min(order.length - 1, index))];
        if (!made) return;
        makeReachable(order.indexOf(made));
        made.button.focus({ focusVisible: true });
        made.button.scrollIntoView({ block: "nearest" });
    }

    list.addEventListener("keydown", (event) => {
        const place = focused();
        if (place < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
        const columns = getComputedStyle(list).gridTemplateColumns.split(" ").length;
        const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -place, End: order.length }[event.key];
        if (step === undefined) return;
        event.preventDefault();
        if (place + step < 0) find("query").focus();
        else focus(place + step);
    });
    list.addEventListener("focusin", () => {
        const place = focused();
        if (place >= 0) makeReachable(place);
    });

    /** With those that are shown after what they were folded into. */
    function flat(results) {
        const known = new Set(results.map((result) => result.clip));
        return results.flatMap((result) => [
            result, ...(unfolded.has(result.clip) ? result.similar ?? [] : []).filter((other) => !known.has(other.clip)),
        ]);
    }

    function show(folded) {
        shown = folded;
        const results = flat(folded);
        const before = new Map(order.map((made) => [made, made.item.getBoundingClientRect()]));
        const focus = document.activeElement;
        const hits = Map.groupBy ? Map.groupBy(results, (result) => result.media.id) : groups(results);
        order = results.map(card);
        order.forEach((made, place) => fill(made, results[place], hits.get(results[place].media.id)));
        const kept = new Set(order);
        for (const [clip, made] of cards) {
            if (kept.has(made)) continue;
            made.stop();
            cards.delete(clip);
        }
        list.replaceChildren(...order.map((made) => made.item));
        if (list.contains(focus)) focus.focus({ preventScroll: true });
        makeReachable(Math.max(0, focused()));
        if (likesStillness()) return;
        const isVisible = (box) => box.bottom > 0 && box.top < innerHeight;
        for (const made of order) {
            const from = before.get(made);
            if (!from) continue;
            const to = made.item.getBoundingClientRect();
            if (!isVisible(from) && !isVisible(to)) continue;
            const [x, y] = [from.left - to.left, from.top - to.top];
            if (x === 0 && y === 0) continue;
            made.item.animate([{ transform: `translate(${x}px, ${y}px)` }, { transform: "none" }], { duration: 220, easing: "ease-out" });
        }
    }

    return {
        show,
        get all() { return order.map((made) => made.result); },
        focus,
        focusClip(clip) {
            focus(Math.max(0, order.findIndex((made) => made.result.clip === clip)));
        },
        stop() {
            for (const made of order) made.stop();
        },
    };
}

function groups(results) {
    const all = new Map();
    for (const result of results) all.set(result.media.id, [...(all.get(result.media.id) ?? []), result]);
    return all;
}
