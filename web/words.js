// Numbers as people read them.

/** Seconds as 0:05, 12:30 or 1:02:03. */
export function clock(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    const pair = (number) => String(number).padStart(2, "0");
    const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
    return hours > 0 ? `${hours}:${pair(minutes)}:${pair(whole % 60)}` : `${minutes}:${pair(whole % 60)}`;
}

export const span = (start, end) => (end > start ? `${clock(start)}–${clock(end)}` : clock(start));

/** Seconds as a length in one unit or two: 45 s, 12 min, 3 h 5 min. */
export function duration(seconds) {
    if (seconds < 60) return `${Math.ceil(seconds)} s`;
    const minutes = Math.round(seconds / 60);
    if (minutes < 60) return `${minutes} min`;
    return minutes % 60 === 0 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

export function percent(probability) {
    if (probability > 0 && probability < 0.01) return "under 1 %";
    return `${Math.round(100 * probability)} %`;
}

/** What a result was found by. */
export const reason = (result) => ({ picture: "picture", words: "words", both: "picture and words" })[result.why] ?? result.why;

/** Where a line of text stands. */
export function place(line) {
    const kinds = { subtitle: "Subtitle", chapter: "Chapter", title: "Title", comment: "Comment", file_name: "File name", folder_name: "Folder" };
    const time = line.start === undefined ? "" : ` at ${clock(line.start)}`;
    return `${kinds[line.kind] ?? "Text"}${time}${line.language ? `, ${line.language}` : ""}`;
}

export const fileName = (path) => path.slice(path.lastIndexOf("/") + 1) || path;
