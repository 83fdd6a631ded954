// Accuracy against cost: the best rows, those that nothing beats and the baseline are named, the
// others where the pointer or the keyboard is.

const NAMED = 5; // best rows

function costView(rows) {
  const costs = table().metrics.filter((one) => ["train_seconds", "parameters"].includes(one.key));
  const cost = costs.find((one) => one.key === state.cost) ?? costs[0];
  const chosen = metric();
  const points = rows.filter((row) => cost && row.metrics[cost.key] && value(row, chosen.key));
  if (!points.length || cost === chosen) return h("p", {}, "Nothing to draw: choose another metric.");
  const width = figureWidth();
  const box = { left: 44, right: width - 24, top: 26, bottom: 440 };
  const pad = (share, low, high) => [low - share * (high - low || low), high + share * (high - low || high)];
  const [x0, x1] = pad(0.12, ...extent(points.map((row) => row.metrics[cost.key][0])));
  const [y0, y1] = pad(0.18, ...extent(points.map((row) => value(row, chosen.key)[0])));
  const x = { at: linear(x0, x1, box.left, box.right), lines: ticks(x0, x1, width < 500 ? 4 : 8), words: words("count") };
  const y = { at: linear(y0, y1, box.bottom, box.top), lines: ticks(y0 * scale(chosen.unit), y1 * scale(chosen.unit), 6).map((t) => t / scale(chosen.unit)), words: words(chosen.unit) };
  const ranked = points.filter((row) => row.complete);
  const ahead = chosen.best === "none" ? [] : ranked.filter((row) => !ranked.some((other) => beats(other, row, cost, chosen)));
  const at = (row) => [x.at(row.metrics[cost.key][0]), y.at(value(row, chosen.key)[0])];
  const bases = points.filter((row) => row.method === BASELINE);
  const best = chosen.best === "none" ? [] : [...ranked].sort((a, b) => sign(chosen) * (value(a, chosen.key)[0] - value(b, chosen.key)[0])).slice(0, width < 500 ? 3 : NAMED);
  const picked = [reference()].filter((row) => points.includes(row));
  const wanted = [...new Set([...ahead, ...bases, ...picked, ...best])];
  const front = [...ahead].sort((a, b) => at(a)[0] - at(b)[0]);
  const labels = placed(wanted, points, at, (row) => row.name, box, front.map(at));
  const say = (row) => `${spread(value(row, chosen.key), chosen.unit)} at ${shown(row.metrics[cost.key][0], "count")}`;
  const kind = (row) => (ahead.includes(row) ? "dot" : bases.includes(row) ? "dot base" : "dot quiet");
  const tip = s("g", { class: "tip", "aria-hidden": "true" });
  return [
    h("div", { class: "tools" }, picker("cost", "Cost", costs.map((one) => [one.key, one.title]), cost.key, (key) => choose({ cost: key }, ["view"]))),
    s("svg", { class: "figure", width, height: box.bottom + 40, role: "group", "aria-label": `${chosen.title} against ${cost.title}: a point for every row; arrow keys go from one to the next` },
      frame(x, y, box, [cost.title, title(chosen)]),
      front.length > 1 && s("polyline", { class: "front", points: front.map((row) => at(row).map((n) => n.toFixed(1)).join(",")).join(" ") }),
      labels.map((one) => one.line && s("line", { class: "leader", x1: one.line[0][0], y1: one.line[0][1], x2: one.line[1][0], y2: one.line[1][1] })),
      spots(points, at, kind, (row) => [row.name, say(row)], tip, box),
      labels.map((one) => s("text", { class: ahead.includes(one.item) ? "label strong" : "label", x: one.left, y: one.base }, one.text)),
      tip),
    h("p", { class: "notes" },
      ahead.length > 0 && ["No row is better at the same or a lower cost (blue, joined): ", ahead.map((row, n) => [n ? ", " : "", h("code", {}, row.name)]), ". "],
      `Named are these, ${best.length ? `the best ${best.length}` : "no best ones"}${bases.length ? " and the baseline (orange)" : ""}; point at another, or go through them with Tab and the arrow keys. Training time is that of the machine in the record, a stage shared with another method counted in full; a mean over seeds.`),
  ];
}

/** Points that tell of themselves under the pointer or the keyboard's focus; one stop of Tab for all. */
function spots(points, at, kind, say, tip, box) {
  const order = [...points].sort((a, b) => at(a)[0] - at(b)[0] || at(a)[1] - at(b)[1]);
  const hide = () => tip.replaceChildren();
  const made = order.map((row, n) => {
    const [x, y] = at(row);
    const show = () => tip.replaceChildren(...tipAt([x, y], say(row), box));
    const go = (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const next = made[(n + step + made.length) % made.length];
      made.forEach((one) => one.setAttribute("tabindex", one === next ? 0 : -1));
      next.focus();
    };
    return s("g", { class: "point", tabindex: n ? -1 : 0, role: "img", "aria-label": say(row).join(": "), "data-row": row.name, focus: show, blur: hide, mouseenter: show, mouseleave: hide, keydown: go },
      s("circle", { class: "reach", cx: x, cy: y, r: 11 }),
      s("circle", { class: kind(row), cx: x, cy: y, r: 5 }));
  });
  return made;
}

function tipAt([x, y], lines, box) {
  const texts = lines.map((line) => fitting(line, box.right - box.left));
  const width = Math.max(...texts.map(wide)) + 14;
  const height = 8 + 16 * texts.length;
  const left = Math.min(Math.max(x - width / 2, 2), box.right + 22 - width);
  const top = y - height - 10 > box.top - 20 ? y - height - 10 : y + 12;
  return [s("rect", { x: left, y: top, width, height, rx: 4 }),
    ...texts.map((line, n) => s("text", { class: n ? "" : "strong", x: left + 7, y: top + 16 * (n + 1) }, line))];
}

/** Whether a row is at least as good at no higher cost, and better in one of them. */
function beats(other, row, cost, chosen) {
  const better = sign(chosen) * (value(row, chosen.key)[0] - value(other, chosen.key)[0]);
  const cheaper = row.metrics[cost.key][0] - other.metrics[cost.key][0];
  return better >= 0 && cheaper >= 0 && better + cheaper > 0;
}
