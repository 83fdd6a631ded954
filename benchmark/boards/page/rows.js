// Values of rows under the chosen prior, their order, and which of them are shown.

let reweighedRows = new Map();

/** What a row's seeds become under the chosen prior; computed once per drawing. */
function underPrior(row) {
  if (!reweighedRows.has(row)) reweighedRows.set(row, row.summaries.map((one) => reweigh(one, weights())));
  return reweighedRows.get(row);
}

/** Each seed's value of a metric. */
function seedValues(row, key) {
  if (!reweighed() || UNCHANGED.test(key)) return row.values[key] ?? [];
  return RECOMPUTED.includes(key) ? underPrior(row).map((found) => found[key]) : [];
}

/** [mean, sd, low, high] of a metric, or null. */
function value(row, key) {
  if (!reweighed() || UNCHANGED.test(key)) return row.metrics[key] ?? null;
  return overSeeds(seedValues(row, key));
}

/** The same of a class; `key` is a per-class metric. */
function classValue(row, key, k) {
  if (!reweighed() || UNCHANGED.test(key)) return row.classes[key]?.[k] ?? null;
  return ["precision", "auc"].includes(key) ? overSeeds(underPrior(row).map((found) => found[key][k])) : null;
}

const SUBMITTED = "submitted predictions: training not seen by medtail";
const usable = (key) => !reweighed() || UNCHANGED.test(key) || RECOMPUTED.includes(key);
const sign = (one) => (one.best === "low" ? 1 : -1);

/** Place of each complete row by a metric, ties sharing the better one. */
function places(one) {
  const ranked = table().rows.filter((row) => row.complete && value(row, one.key) && one.best !== "none");
  const better = (a, b) => sign(one) * (value(a, one.key)[0] - value(b, one.key)[0]) < 0;
  return new Map(ranked.map((row) => [row, 1 + ranked.filter((other) => better(other, row)).length]));
}

const FILTERS = {
  all: ["All", () => true],
  ranked: ["Ranked", (row) => row.complete],
  equal: ["On equal terms (no ‡)", (row) => !row.extras.length],
  faithful: ["Faithful (no †)", (row) => row.status === "faithful"],
  trouble: ["Incomplete or failed", (row) => !row.complete && !row.submitted],
  submitted: ["Submitted (◇)", (row) => row.submitted],
};

/** Rows that pass search and filter, best first; rows that are not ranked come last. */
function visible() {
  const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  const [, passes] = FILTERS[state.rows] ?? FILTERS.all;
  const text = (row) => `${row.name} ${row.method} ${row.extras.join(" ")} ${row.status}`.toLowerCase();
  const kept = table().rows.filter((row) => passes(row) && words.every((word) => text(row).includes(word)));
  return kept.sort(order());
}

function order() {
  const down = state.sort.startsWith("-");
  const key = state.sort.replace("-", "");
  if (key === "name") return (a, b) => (down ? -1 : 1) * a.name.localeCompare(b.name);
  if (key === "rank") return (a, b) => (down ? -1 : 1) * ((a.rank?.[1] ?? 1e9) - (b.rank?.[1] ?? 1e9));
  const [group, index] = key.split(":");
  const one = table().metrics.find((found) => found.key === key) ?? metric();
  const number = (row) => (index === undefined ? value(row, one.key) : classValue(row, group, Number(index)))?.[0];
  const way = state.sort ? (down ? -1 : 1) : sign(one);
  const late = (row) => (number(row) == null ? 2 : row.complete || row.submitted || state.sort ? 0 : 1);
  return (a, b) => late(a) - late(b) || way * ((number(a) ?? 0) - (number(b) ?? 0)) || a.name.localeCompare(b.name);
}

/** A metric's title within a sentence. */
const within = (one) => (/^.[A-Z]/.test(one.title) ? one.title : one.title[0].toLowerCase() + one.title.slice(1));

/** A name that may break after its joints. */
const breakable = (name) => name.split(/(?<=[_(,=])/).flatMap((part) => [part, h("wbr", {})]);

/** A row's name with its marks. */
function named(row) {
  return [
    breakable(row.name),
    row.status === "reconstruction" && h("abbr", { title: "reconstruction: the paper leaves a formula open" }, "\u00a0†"),
    row.extras.length > 0 && h("abbr", { title: row.extras.join("; ") }, "\u00a0‡"),
    row.submitted && h("abbr", { title: SUBMITTED }, "\u00a0◇"),
    row.failures.length > 0 && h("abbr", { title: "failed seeds", class: "bad" }, " ✗"),
  ];
}

/** A column's head: a button that sorts. */
function sortHead(key, label, first, attributes = {}) {
  const down = first === "down";
  const current = state.sort.replace("-", "") === key;
  const now = current ? (state.sort.startsWith("-") ? "descending" : "ascending") : null;
  const next = current ? (now === "descending" ? key : `-${key}`) : down ? `-${key}` : key;
  const mark = now ? h("span", { class: "arrow", "aria-hidden": "true" }, now === "descending" ? " ↓" : " ↑") : null;
  const button = h("button", { type: "button", id: `sort-${key}`, click: () => choose({ sort: next }) }, label, mark);
  return h("th", { scope: "col", "aria-sort": now, ...attributes }, button);
}
