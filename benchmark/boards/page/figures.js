// What figures share, and ranks with their intervals and critical differences.

const COLOURS = 8; // of the style sheet
const figureWidth = () => Math.max(300, Math.min(document.getElementById("main").clientWidth - 24, 900));

/** Axes of a figure: left and bottom lines with numbers, and their titles. */
function frame(x, y, box, titles) {
  return [
    x.lines.map((line) => [s("line", { class: "grid", x1: x.at(line), x2: x.at(line), y1: box.top, y2: box.bottom }),
      s("text", { x: x.at(line), y: box.bottom + 16, "text-anchor": "middle" }, x.words(line))]),
    y.lines.map((line) => [s("line", { class: "grid", x1: box.left, x2: box.right, y1: y.at(line), y2: y.at(line) }),
      s("text", { x: box.left - 6, y: y.at(line) + 4, "text-anchor": "end" }, y.words(line))]),
    s("text", { class: "title", x: box.right, y: box.bottom + 34, "text-anchor": "end" }, titles[0]),
    s("text", { class: "title", x: 2, y: 14 }, titles[1]),
  ];
}

const words = (unit) => (line) => (unit === "count" ? (Math.abs(line) >= 1e6 ? `${+(line / 1e6).toFixed(2)}M` : Math.abs(line) >= 1e3 ? `${+(line / 1e3).toFixed(1)}k` : `${+line.toFixed(1)}`) : `${+(line * scale(unit)).toFixed(1)}`);

function ranksView(rows) {
  const ranked = rows.filter((row) => row.ranks[metric().key]);
  const one = DATA.critical.find((found) => found.track === board().track);
  const now = places(metric());
  return [
    h("h3", {}, `Ranks on ${board().data}`),
    ranked.length > 1
      ? [h("p", {}, `By ${within(metric())}: the place of every row, and its ranks in 95 %: from below the rows that are surely better to above those that are surely worse. Rows whose lines overlap may well change places.`), rankFigure(ranked.map((row) => ({ name: row.name, at: now.get(row), low: row.ranks[metric().key][0], high: row.ranks[metric().key][1] })), table().rows.length, [])]
      : h("p", {}, "Fewer than two rows have ranks with intervals."),
    one && criticalPart(one, new Set(rows.map((row) => row.name))),
  ];
}

function criticalPart(one, names) {
  const many = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
  const over = `${many(one.sources.length, "dataset")} (${one.boards.join(", ")}; regimes and variants of a dataset averaged first)`;
  const head = h("h3", {}, `Critical differences, ${board().track_title.toLowerCase()}`);
  if (one.names.length < 2) return [head, h("p", {}, `Fewer than two rows stand on every board of this track (${one.boards.join(", ")}): there is nothing to compare over sources.`)];
  const entries = one.names.map((name, k) => ({ name, at: one.average_ranks[k], position: k })).filter((entry) => names.has(entry.name) || one.p.length);
  const verdict = one.p.length
    ? `Wilcoxon's signed-rank test of every pair over ${many(one.sources.length, "dataset")}, Holm's correction: rows beside one bar are not told apart at 5 %.`
    : `No test over datasets can tell rows apart yet: there ${one.sources.length === 1 ? "is" : "are"} ${many(one.sources.length, "dataset")}, and ${one.needed} are needed for a pair among these ${one.names.length} rows.`;
  return [head,
    h("p", { id: "verdict" }, verdict),
    h("p", { class: "notes" }, `Dots: average rank over ${over}.${one.left_out.length ? ` Not on every board: ${one.left_out.join(", ")}.` : ""}`),
    one.p.length ? rankFigure(entries, one.names.length, one.cliques)
      : h("details", { id: "average-ranks" }, h("summary", {}, "Average ranks"), rankFigure(entries, one.names.length, [])),
    one.p.length > 0 && pairsTable(one)];
}

/** Ranks as dots, the interval of each as a line, groups that do not differ as bars beside them. */
function rankFigure(entries, worst, cliques) {
  const width = figureWidth();
  const left = Math.min(width < 500 ? 140 : 300, 12 + 7 * Math.max(...entries.map((entry) => entry.name.length)));
  const step = 20;
  const bars = 10 * cliques.length;
  const x = { at: linear(1, Math.max(worst, 2), left + 10 + bars, width - 16), lines: ticks(1, Math.max(worst, 2), width < 500 ? 5 : 10).filter((t) => t >= 1) };
  if (!x.lines.includes(1)) x.lines.unshift(1);
  const height = 24 + step * entries.length;
  const short = (name) => (name.length > left / 7 ? `${name.slice(0, Math.floor(left / 7) - 1)}…` : name);
  return s("svg", { class: "figure ranks", width, height, role: "img", "aria-label": entries.map((e) => `${e.name}: ${+e.at.toFixed(2)}${e.low ? `, ${e.low} to ${e.high}` : ""}`).join("; ") },
    x.lines.map((line) => [s("line", { class: "grid", x1: x.at(line), x2: x.at(line), y1: 18, y2: height }), s("text", { x: x.at(line), y: 12, "text-anchor": "middle" }, line)]),
    entries.map((entry, n) => {
      const y = 30 + step * n;
      return s("g", {}, s("title", {}, entry.name),
        s("text", { x: left, y: y + 4, "text-anchor": "end" }, short(entry.name)),
        entry.low && s("line", { class: "interval", x1: x.at(entry.low), x2: x.at(entry.high), y1: y, y2: y }),
        s("circle", { class: "dot", cx: x.at(entry.at), cy: y, r: 4 }));
    }),
    cliques.map((clique, n) => s("line", { class: "clique", x1: left + 8 + 10 * n, x2: left + 8 + 10 * n, y1: 24 + step * clique[0], y2: 36 + step * clique.at(-1) })));
}

function pairsTable(one) {
  return h("details", {}, h("summary", {}, "p-values of all pairs, corrected"),
    h("div", { class: "scroll", tabindex: 0 }, h("table", { class: "small" },
      h("thead", {}, h("tr", {}, ["", "Method", "Average rank", "Wins, %", ...one.names.map((_, k) => k + 1)].map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, one.names.map((name, k) => h("tr", {}, h("td", {}, k + 1), h("th", { scope: "row", class: "name" }, name),
        h("td", {}, one.average_ranks[k].toFixed(2)), h("td", {}, shown(one.win_rates[k], "percent")),
        one.p[k].map((p, j) => h("td", {}, j === k ? "" : p.toFixed(3)))))))));
}
