// Two rows side by side: their numbers, classes, confusion matrices, ROC and precision-recall curves.

function twoView() {
  const rows = finished();
  const first = rowNamed(state.one) ?? rows[0];
  const other = rows.find((row) => row.method === BASELINE && row !== first) ?? rows.find((row) => row !== first);
  const second = rowNamed(state.two) ?? other;
  const options = rows.map((row) => [row.name, row.name]);
  const both = [first, second];
  return [
    h("div", { class: "tools" },
      picker("one", "First row (blue)", options, first.name, (name) => choose({ one: name }, ["view"])),
      picker("two", "Second row (orange)", options, second.name, (name) => choose({ two: name }, ["view"])),
      h("button", { type: "button", id: "swap", click: () => choose({ one: second.name, two: first.name }, ["view"]) }, "Swap"),
      exportPanel(() => twoGrid(both))),
    both.map((row) => paperOf(row) && h("p", { class: "notes" }, h("strong", {}, row.name), ": ", paperOf(row))),
    h("h3", {}, "Numbers"), numbersOfTwo(...both),
    table().class_metrics.length > 0 && [h("h3", {}, "Classes"), classesOfTwo(...both)],
    both.some(confusionOf) && [h("h3", {}, "Confusion"), confusions(both)],
    h("h3", {}, "Curves"), curvesOfTwo(...both),
  ];
}

const apartOf = (row, other, key) => (row === other ? null : difference(row, other, key));

function numbersOfTwo(first, second) {
  const metrics = table().metrics.filter((one) => usable(one.key) && one.unit !== "half" && (value(first, one.key) || value(second, one.key)));
  const line = (one) => {
    const stat = apartOf(first, second, one.key);
    const kind = verdict(stat, one);
    return h("tr", { "data-key": one.key }, h("th", { scope: "row", class: "name" }, title(one)),
      [first, second].map((row) => h("td", {}, spread(value(row, one.key), one.unit))),
      h("td", { class: kind, "data-value": stat?.[0] ?? "" }, stat ? h(kind ? "b" : "span", {}, signed(stat[0], one.unit)) : "n/a"),
      h("td", {}, signedEnds(stat, one.unit) || "–"));
  };
  const shownFirst = metrics.filter((one) => one.shown || one.key === metric().key);
  const rest = metrics.filter((one) => !shownFirst.includes(one));
  const made = (list) => scrolling("Numbers of two rows", h("table", { class: "two" },
    h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "name" }, "Metric"), [first, second].map((row, n) => h("th", { scope: "col", class: `s${n}` }, breakable(row.name))), h("th", { scope: "col" }, "Difference"), h("th", { scope: "col" }, "95\u00a0%"))),
    h("tbody", {}, list.map(line))));
  return [made(shownFirst), rest.length > 0 && h("details", { id: "more-numbers" }, h("summary", {}, `${rest.length} more metrics`), made(rest)),
    h("p", { class: "notes" }, "± is the sample standard deviation over seeds. Difference: first less second over the seeds that both have, with the 95 % interval of the board's own statistics where it has one; bold: zero is outside.")];
}

/** Both rows' values of every class, with their intervals. */
function classesOfTwo(first, second) {
  const one = classMetric();
  const at = { at: linear(0, 1, 10, 186), lines: [0, 0.25, 0.5, 0.75, 1], width: 200 };
  const mark = (row, k, n) => {
    const stat = classValue(row, one.key, k);
    const y = 9 + 12 * n;
    return stat && s("g", { class: `series s${n}` }, stat[2] != null && s("line", { class: "whisk", x1: at.at(stat[2]), x2: at.at(stat[3]), y1: y, y2: y }), s("circle", { cx: at.at(stat[0]), cy: y, r: 4 }));
  };
  const line = (k) => {
    const stats = [first, second].map((row) => classValue(row, one.key, k));
    return h("tr", {}, h("th", { scope: "row", class: "name" }, table().classes[k].name, " ", h("small", {}, classHead(table().classes[k]).slice(2).filter(Boolean).map((small) => small.textContent).join(", "))),
      h("td", { class: "plot" }, s("svg", { width: at.width, height: 30, "aria-hidden": "true" }, gridLines(at, 30), mark(first, k, 0), mark(second, k, 1))),
      stats.map((stat) => h("td", {}, shown(stat?.[0], "percent"), stat?.[2] != null && h("small", { class: "ends" }, between(stat, "percent")))),
      h("td", {}, stats.every(Boolean) ? signed(stats[0][0] - stats[1][0], "percent") : "n/a"));
  };
  return [
    table().class_metrics.length > 1 && h("div", { class: "tools" }, picker("of_class", "Of every class", table().class_metrics.map((found) => [found.key, `${found.title}, %`]), one.key, (key) => choose({ of_class: key }, ["view"]))),
    scrolling("Classes of two rows", h("table", { class: "two" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "name" }, "Class"), h("th", { scope: "col", class: "plot" }, axisHead({ ...at, lines: [0, 0.5, 1] }, "percent")), [first, second].map((row, n) => h("th", { scope: "col", class: `s${n}` }, breakable(row.name))), h("th", { scope: "col" }, "Difference"))),
      h("tbody", {}, byCount().map(line)))),
    h("p", { class: "notes" }, `${one.title} of each class, the mean over seeds, and 95 % intervals of each row. The board has no interval of a difference within one class.`)];
}

/** [K, K] images, all seeds together; null where no predictions are stored. */
function confusionOf(row) {
  if (row.curves?.confusion) return row.curves.confusion;
  return row.summaries.length ? row.summaries.map((one) => one.confusion).reduce((a, b) => a.map((line, k) => line.map((n, j) => n + b[k][j]))) : null;
}

function confusions(both) {
  const order = byCount();
  const one = (row, n) => {
    const counts = confusionOf(row);
    if (!counts) return h("p", {}, `${row.name}: no predictions are stored.`);
    const cell = (k, j) => {
      const all = sum(counts[k]);
      const share = all ? counts[k][j] / all : 0;
      const each = counts[k][j] / row.records.length;
      return paint(h("td", { class: k === j ? "heat right" : "heat", "data-count": counts[k][j], title: `${table().classes[k].name} taken for ${table().classes[j].name}: ${+each.toFixed(1)} of ${all / row.records.length} images` }, all ? (100 * share).toFixed(0) : "–"), share);
    };
    return h("div", {}, h("h4", { class: `s${n}` }, row.name), scrolling(`Confusion matrix of ${row.name}`, h("table", { class: "confusion" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "name" }, "True ↓ predicted →"), order.map((j) => h("th", { scope: "col" }, table().classes[j].name)))),
      h("tbody", {}, order.map((k) => h("tr", {}, h("th", { scope: "row", class: "name" }, table().classes[k].name), order.map((j) => cell(k, j))))))));
  };
  return [h("div", { class: "beside" }, both.map(one)),
    h("p", { class: "notes" }, "In % of the images of the true class, all seeds together; framed: right. Classes by training images, most first.")];
}

function twoGrid(both) {
  const [first, second] = both;
  const metrics = rankingColumns().filter((one) => one.unit !== "half");
  const columns = metrics.map((one) => ({ ...one, title: title(one) }));
  const rows = ofRows(both, (row) => metrics.map((one) => ({ stat: value(row, one.key) })));
  const apart = metrics.map((one) => ({ stat: apartOf(first, second, one.key), difference: true }));
  const row = { name: `${first.name} less ${second.name}`, status: "", extras: [], submitted: null };
  return { kind: "two-rows", of: "", columns, rows: [...rows, { row, place: "", cells: apart }] };
}
