// Figures: accuracy against cost, ranks with their intervals, critical differences, learning curves.

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

function costView(rows) {
  const costs = table().metrics.filter((one) => ["train_seconds", "parameters"].includes(one.key));
  const cost = costs.find((one) => one.key === state.cost) ?? costs[0];
  const chosen = metric();
  const points = rows.filter((row) => cost && row.metrics[cost.key] && value(row, chosen.key));
  if (!points.length || cost === chosen) return h("p", {}, "Nothing to draw: choose another metric.");
  const width = figureWidth();
  const box = { left: 44, right: width - 24, top: 26, bottom: 400 };
  const xs = points.map((row) => row.metrics[cost.key][0]);
  const pad = (share, low, high) => [low - share * (high - low || low), high + share * (high - low || high)];
  const [x0, x1] = pad(0.12, ...extent(xs));
  const [y0, y1] = pad(0.06, ...extent(points.map((row) => value(row, chosen.key)[0])));
  const x = { at: linear(x0, x1, box.left, box.right), lines: ticks(x0, x1, width < 500 ? 4 : 8), words: words("count") };
  const y = { at: linear(y0, y1, box.bottom, box.top), lines: ticks(y0 * scale(chosen.unit), y1 * scale(chosen.unit), 6).map((t) => t / scale(chosen.unit)), words: words(chosen.unit) };
  const ahead = chosen.best === "none" ? [] : points.filter((row) => row.complete && !points.some((other) => other.complete && beats(other, row, cost, chosen)));
  const at = (row) => [x.at(row.metrics[cost.key][0]), y.at(value(row, chosen.key)[0])];
  const labels = placed(ahead, points.filter((row) => !ahead.includes(row)), at, box);
  const told = (row) => `${row.name}: ${spread(value(row, chosen.key), chosen.unit)} at ${shown(row.metrics[cost.key][0], "count")}`;
  return [
    h("div", { class: "tools" }, picker("cost", "Cost", costs.map((one) => [one.key, one.title]), cost.key, (key) => choose({ cost: key }, ["view"]))),
    s("svg", { class: "figure", width, height: box.bottom + 40, role: "img", "aria-label": `${chosen.title} against ${cost.title}` },
      frame(x, y, box, [cost.title, title(chosen)]),
      points.map((row) => s("circle", { class: ahead.includes(row) ? "dot" : "dot quiet", cx: at(row)[0], cy: at(row)[1], r: 5 }, s("title", {}, told(row)))),
      labels.map(([row, left, top, anchor]) => s("text", { class: ahead.includes(row) ? "label strong" : "label", x: left, y: top, "text-anchor": anchor }, row.name))),
    ahead.length > 0 && h("p", { class: "notes" }, "No row is better at the same or a lower cost: ",
      ahead.map((row, n) => [n ? ", " : "", h("code", {}, row.name)]), ". Training time is that of the machine in the record, a stage shared with another method counted in full; a mean over seeds."),
  ];
}

/** Whether a row is at least as good at no higher cost, and better in one of them. */
function beats(other, row, cost, chosen) {
  const better = sign(chosen) * (value(row, chosen.key)[0] - value(other, chosen.key)[0]);
  const cheaper = row.metrics[cost.key][0] - other.metrics[cost.key][0];
  return better >= 0 && cheaper >= 0 && better + cheaper > 0;
}

/** Labels that overlap neither each other nor a point: [row, x, y, anchor]. */
function placed(ahead, others, at, box) {
  const rows = [...ahead, ...others];
  const taken = rows.map((row) => [at(row)[0] - 6, at(row)[1] - 6, at(row)[0] + 6, at(row)[1] + 6]);
  const free = (one) => one[0] >= box.left && one[2] <= box.right + 8 && one[1] >= box.top - 8 && taken.every((t) => one[2] < t[0] || one[0] > t[2] || one[3] < t[1] || one[1] > t[3]);
  return rows.flatMap((row) => {
    const [x, y] = at(row);
    const wide = 6.4 * row.name.length;
    const beside = [[x + 9, y + 4, "start"], [x - 9, y + 4, "end"]];
    const spots = !ahead.includes(row) ? beside : [...beside, [x + 5, y - 9, "start"], [x + 5, y + 17, "start"], [x - 5, y - 9, "end"], [x - 5, y + 17, "end"], [x, y - 11, "middle"], [x, y + 20, "middle"]];
    for (const [left, base, anchor] of spots) {
      const start = left - { start: 0, middle: wide / 2, end: wide }[anchor];
      const area = [start, base - 10, start + wide, base + 3];
      if (free(area)) {
        taken.push(area);
        return [[row, left, base, anchor]];
      }
    }
    return [];
  });
}

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

function curvesView(rows) {
  const kept = rows.filter((row) => row.rounds);
  const names = [...new Set(kept.flatMap((row) => Object.keys(row.rounds)))].filter((name) => kept.some((row) => row.rounds[name].filter(Boolean).length > 1));
  const chosen = names.includes(state.curve) ? state.curve : names.includes("rare_accuracy") ? "rare_accuracy" : names[0];
  if (!chosen) return h("p", {}, "No row has a curve.");
  const { labelled } = table();
  const width = figureWidth();
  const box = { left: 44, right: width - 24, top: 26, bottom: 380 };
  const [low, high] = extent(kept.flatMap((row) => row.rounds[chosen].filter(Boolean).map((stat) => stat[0])));
  const x = { at: linear(...extent(labelled), box.left, box.right), lines: labelled.length <= 12 && width > 500 ? labelled : ticks(...extent(labelled), 5), words: (line) => line };
  const y = { at: linear(low, high, box.bottom, box.top), lines: ticks(100 * low, 100 * high, 6).map((t) => t / 100), words: words("percent") };
  const titled = (name) => { const text = name.replaceAll("_", " ").replace("auc", "AUC"); return text[0].toUpperCase() + text.slice(1); };
  const style = (n) => `series s${n % COLOURS} d${Math.floor(n / COLOURS)}`;
  const path = (row) => row.rounds[chosen].map((stat, k) => (stat ? `${x.at(labelled[k]).toFixed(1)},${y.at(stat[0]).toFixed(1)}` : null)).filter(Boolean).join(" ");
  return [
    h("div", { class: "tools" }, picker("curve", "Curve", names.map((name) => [name, titled(name)]), chosen, (key) => choose({ curve: key }, ["view"]))),
    s("svg", { class: "figure", width, height: box.bottom + 40, role: "img", "aria-label": `${titled(chosen)} over labelled images` },
      frame(x, y, box, ["Labelled images", `${titled(chosen)}, %`]),
      kept.map((row, n) => s("g", { class: style(n) }, s("title", {}, row.name), s("polyline", { points: path(row) }),
        row.rounds[chosen].map((stat, k) => stat && s("circle", { cx: x.at(labelled[k]), cy: y.at(stat[0]), r: 3 }))))),
    h("ul", { class: "legend" }, kept.map((row, n) => h("li", {}, s("svg", { width: 28, height: 10, class: style(n), "aria-hidden": "true" }, s("polyline", { points: "0,5 28,5" })), row.name))),
    h("p", { class: "notes" }, "Means over seeds. Search to draw fewer rows."),
    h("h3", {}, "Images chosen of each class"),
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Images chosen; scrolls sideways" }, h("table", { class: "groups" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "name" }, "Method"), byCount().map((k) => h("th", { scope: "col" }, classHead(table().classes[k]))))),
      h("tbody", {}, kept.map((row) => h("tr", {}, h("th", { scope: "row", class: "name" }, named(row)), byCount().map((k) => h("td", { class: "number" }, shown(row.picked[k], "count")))))))),
  ];
}
