// Elements, numbers and words. Text only ever enters the page as text nodes.

const SVG = "http://www.w3.org/2000/svg";

/** An element; a function as attribute is a listener, null and false leave an attribute out. */
function make(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const h = (tag, attributes, ...children) => make(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) => make(document.createElementNS(SVG, tag), attributes, children);

/** The few marks of our Markdown: strong, emphasis, code. */
function inline(text) {
  const parts = text.replaceAll("\\|", "|").split(/(\*\*.+?\*\*|`.+?`|\*.+?\*)/);
  return parts.map((part) => {
    if (/^\*\*.+\*\*$/.test(part)) return h("strong", {}, part.slice(2, -2));
    if (/^`.+`$/.test(part)) return h("code", {}, part.slice(1, -1));
    if (/^\*.+\*$/.test(part)) return h("em", {}, part.slice(1, -1));
    return part;
  });
}

const scale = (unit) => (unit === "percent" || unit === "half" ? 100 : 1);
const decimals = (unit) => (unit === "plain" ? 3 : 1);

/** A number of a metric's unit, such as 57.6 of 0.576. */
function shown(value, unit) {
  if (value === null || value === undefined) return "n/a";
  if (unit !== "count") return (scale(unit) * value).toFixed(decimals(unit));
  const digits = Number.isInteger(value) || value >= 1000 ? 0 : 1;
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Mean and spread over seeds. */
function spread(stat, unit) {
  if (!stat) return "n/a";
  const mean = shown(stat[0], unit);
  if (unit === "half") return `± ${mean}`;
  return stat[1] === null ? mean : `${mean} ± ${shown(stat[1], unit)}`;
}

const between = (stat, unit) => (stat?.[2] == null ? "" : `${shown(stat[2], unit)} to ${shown(stat[3], unit)}`);

/** Round numbers, at most `count` of them, from low to high. */
function ticks(low, high, count) {
  const rough = (high - low || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; n += 1) found.push(n * step);
  return found;
}

/** A function from values to pixels. */
const linear = (low, high, from, to) => (value) => from + ((value - low) / (high - low || 1)) * (to - from);

const extent = (values) => [Math.min(...values), Math.max(...values)];
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Mean and sample standard deviation, as [mean, sd, no low, no high]. */
function overSeeds(values) {
  if (!values.length || values.some((value) => value === null)) return null;
  const centre = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return [centre, values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : null, null, null];
}

/** What is wider than its place scrolls sideways, and says so where it does (see drawView). */
const scrolling = (label, ...children) => [
  h("p", { class: "hint", "aria-hidden": "true", hidden: true }, "Wider than the screen: scroll it sideways →"),
  h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": `${label}; scrolls sideways` }, children)];

function tellScrolling() {
  for (const hint of document.querySelectorAll("p.hint")) {
    const box = hint.nextElementSibling;
    hint.hidden = box.scrollWidth <= box.clientWidth + 1;
  }
}

/** Offer a text as a file. */
function save(text, name) {
  const link = h("a", { href: URL.createObjectURL(new Blob([text])), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** Copy a text; where the browser does not allow it, select it in the element that shows it. */
async function copy(text, element, status) {
  const copied = await (navigator.clipboard?.writeText(text).then(() => true, () => false) ?? false);
  if (!copied) {
    element.hidden = false;
    element.textContent = text;
    getSelection().selectAllChildren(element);
  }
  status.textContent = copied ? "copied" : "selected: copy it with your keyboard";
}
