// Rows over sources, before any single board: mean ranks, mean gains, and the gain on each source.

const GAINS = { up: [124, 58, 237], down: [194, 80, 12] }; // as far apart as light and dark allow
const FIRST = 10; // rows that are shown at once, and the reference

/** Paint a gain, from the page's colour to one of two hues at `most`. */
function paintGain(cell, gain, most) {
  const page = shade(0);
  const share = Math.min(Math.abs(gain) / most, 1) * 0.85;
  const colour = page.map((one, c) => Math.round(one + share * (GAINS[gain < 0 ? "down" : "up"][c] - one)));
  cell.style.backgroundColor = `rgb(${colour})`;
  cell.style.color = ink(colour);
  return cell;
}

function overSources() {
  const one = DATA.over_sources;
  if (!one) return [];
  const keys = Object.keys(one.rows[0].gains);
  const key = keys.includes(state.over) ? state.over : keys[0];
  const titles = Object.fromEntries(DATA.boards.flatMap((b) => b.tables).flatMap((t) => t.metrics).map((m) => [m.key, m.title]));
  const sources = [...one.core, ...one.stress];
  const size = one.rows.flatMap((row) => row.gains[key]).filter((g) => g !== null).map(Math.abs).sort((a, b) => a - b);
  const most = Math.max(0.05, size[Math.floor(0.95 * (size.length - 1))] ?? 0);
  const points = (value) => `${value > 0 ? "+" : ""}${(100 * value).toFixed(1)}`;
  const spanned = (found, words) => (found ? [words(found[0]), " ", h("small", {}, `${words(found[1])} to ${words(found[2])}`)] : "n/a");
  const rank = (row) => row.rank[key]?.[0] ?? Infinity;
  const every = [...one.rows].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
  const rows = every.filter((row, n) => state.over_rows || n < FIRST || row.name === one.reference);
  const cell = (row, source, n) => {
    const gain = row.gains[key][n];
    const made = h("td", { class: "heat", "data-key": source, "data-value": gain ?? "" }, gain === null ? "n/a" : points(gain));
    return gain === null ? made : paintGain(made, gain, most);
  };
  const headOf = (source, n) => h("th", { scope: "col" }, source, h("small", {}, n < one.core.length ? "core" : "stress"));
  const [sure, pairs] = one.sure;
  const test = `Wilcoxon's signed-rank test over core sources, Holm's correction: ${sure} of ${pairs.toLocaleString("en")} pairs told apart${one.core.length < one.needed ? `; it can tell none below ${one.needed} sources` : ""}.`;
  return [
    h("h2", {}, "Over sources", h("small", {}, "long tail, frozen ImageNet features")),
    h("p", { class: "terms" }, `Mean rank, and gain over ${one.reference} in points of %, over ${one.core.length} core sources, each weighted alike; small: 95 % intervals over sources, trainings, samples. Stress sources are never averaged (`, h("a", { href: "../docs/sources.md" }, "which, and why"), ")."),
    h("fieldset", { class: "choices" }, h("legend", {}, "Metric"), keys.map((k) => h("label", {},
      h("input", { type: "radio", name: "over", id: `over-${k}`, value: k, checked: k === key, change: () => choose({ over: k }, ["over"]) }), titles[k] ?? k))),
    scrolling("Rows over sources",
      h("table", { class: "heatmap" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "name" }, "Method"), h("th", { scope: "col" }, "Mean rank"), h("th", { scope: "col" }, "Mean gain"), sources.map(headOf))),
        h("tbody", {}, rows.map((row) => h("tr", { "data-over": row.name },
          h("th", { scope: "row", class: "name" }, row.name),
          h("td", {}, spanned(row.rank[key], (v) => v.toFixed(1))), h("td", {}, spanned(row.gain[key], points)),
          sources.map((source, n) => cell(row, source, n))))))),
    every.length > FIRST && h("p", {}, h("button", { type: "button", id: "over-rows", click: () => choose({ over_rows: state.over_rows ? "" : "all" }, ["over"]) },
      state.over_rows ? `The first ${FIRST} alone` : `All ${every.length} rows`)),
    h("p", { class: "notes" }, test, rows.some((row) => !row.rank[key]) && " A row that a core source lacks is not ranked."),
  ];
}
