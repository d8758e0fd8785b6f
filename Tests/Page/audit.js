// Findings about what is shown now: contrast of text (WCAG 2.2, 1.4.3), names of controls and pictures (1.1.1, 4.1.2), identifiers used
// twice, overflow. Evaluates to a list of sentences, empty when all is well.
(() => {
    const findings = [];
    const channel = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    const parse = (text) => {
        const numbers = text.match(/[\d.]+/g).map(Number);
        return { rgb: numbers.slice(0, 3), alpha: numbers.length > 3 ? numbers[3] : 1 };
    };
    const over = (top, below) => top.rgb.map((value, index) => value * top.alpha + below[index] * (1 - top.alpha));
    const luminance = (rgb) => {
        const [red, green, blue] = rgb.map((value) => channel(value / 255));
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;

    function background(element) {
        const layers = [];
        for (let at = element; at; at = at.parentElement) {
            const color = parse(getComputedStyle(at).backgroundColor);
            layers.push(color);
            if (color.alpha === 1) break;
        }
        return layers.reverse().reduce((below, layer) => over(layer, below), dark ? [18, 18, 18] : [255, 255, 255]);
    }

    const describe = (element) => `<${element.tagName.toLowerCase()}${element.id ? ` id=${element.id}` : ""} class="${element.className}">`;
    const modal = document.querySelector("dialog[open]");
    const scope = modal ?? document.body;
    const isShown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true })
        && element.getBoundingClientRect().width > 1 && (modal || !element.closest("dialog"));

    for (const element of scope.querySelectorAll("*")) {
        if (!isShown(element) || element.disabled) continue;
        const texts = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
        const isField = /^(INPUT|SELECT)$/.test(element.tagName);
        if (texts.length > 0 || isField) {
            const style = getComputedStyle(element, element.placeholder && !element.value ? "::placeholder" : null);
            const ground = background(element);
            const color = over(parse(style.color), ground);
            const [light, dim] = [luminance(color), luminance(ground)].sort((one, other) => other - one);
            const ratio = (light + 0.05) / (dim + 0.05);
            const size = parseFloat(style.fontSize);
            const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
            if (ratio < needed) findings.push(`contrast ${ratio.toFixed(2)} of ${describe(element)} “${(element.textContent || element.placeholder).slice(0, 40)}”`);
        }
        if (element.tagName === "IMG" && !element.hasAttribute("alt")) findings.push(`no alt: ${describe(element)}`);
        if (isField || element.tagName === "BUTTON") {
            const box = element.getBoundingClientRect();
            const isOnBar = element.closest("#time-bar");
            if (!isOnBar && (box.width < 24 || box.height < 24)) findings.push(`a target under 24 px: ${describe(element)}`);
        }
    }
    const seen = new Set();
    for (const { id } of document.querySelectorAll("[id]")) {
        if (seen.has(id)) findings.push(`the identifier ${id} is used twice`);
        seen.add(id);
    }
    if (!document.documentElement.lang) findings.push("the page has no language");
    if (!document.title) findings.push("the page has no title");
    if (document.documentElement.scrollWidth > innerWidth) findings.push(`the page is ${document.documentElement.scrollWidth} wide in a window of ${innerWidth}`);
    if (modal && modal.scrollWidth > modal.clientWidth + 1) findings.push(`the dialog is ${modal.scrollWidth} wide in ${modal.clientWidth}`);
    return findings;
})()
