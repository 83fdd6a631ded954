// The table of rows: ranks, intervals drawn, numbers, and the class prior that recomputes it.

const PLOT = { height: 30, edge: 10 };
const plotWidth = () => (innerWidth < 500 ? 170 : 230);

/** The metric's axis over some rows: from values to pixels, and where its lines are. */
function axis(rows, key, unit) {
  const width = plotWidth();
  const numbers = rows.flatMap((row) => {
    const stat = value(row, key);
    return stat ? [stat[0], stat[2] ?? stat[0], stat[3] ?? stat[0], ...defined(seedValues(row, key))] : [];
  });
  if (!numbers.length) return null;
  const [low, high] = extent(numbers);
  const lines = ticks(low * scale(unit), high * scale(unit), 4).map((tick) => tick / scale(unit));
  return { at: linear(low, high, PLOT.edge, width - PLOT.edge), lines, width };
}

const gridLines = (one, height) =>
  one.lines.map((line) => s("line", { class: "grid", x1: one.at(line), x2: one.at(line), y1: 0, y2: height }));

function axisHead(one, unit) {
  const words = (line) => (unit === "count" && Math.abs(line) >= 1e4 ? `${+(line / 1e3).toFixed(1)}k` : `${+(line * scale(unit)).toFixed(2)}`);
  return s("svg", { width: one.width, height: 14, "aria-hidden": "true" },
    one.lines.map((line) => s("text", { x: one.at(line), y: 11, "text-anchor": "middle" }, words(line))));
}

/** A row's interval as a line, its seeds as ticks, its mean as a dot. */
function intervalPlot(row, one, key, unit) {
  const stat = value(row, key);
  const middle = PLOT.height / 2;
  const seeds = defined(seedValues(row, key));
  const label = stat ? `${spread(stat, unit)}${stat[2] == null ? "" : `, 95 % ${between(stat, unit)}`}` : "no value";
  return s("svg", { width: one.width, height: PLOT.height, role: "img", "aria-label": label },
    s("title", {}, label),
    gridLines(one, PLOT.height),
    stat && [
      stat[2] != null && s("line", { class: "interval", x1: one.at(stat[2]), x2: one.at(stat[3]), y1: middle, y2: middle }),
      seeds.length > 1 && seeds.map((seed) => s("line", { class: "seed", x1: one.at(seed), x2: one.at(seed), y1: middle - 6, y2: middle + 6 })),
      s("circle", { class: row.complete ? "dot" : "dot hollow", cx: one.at(stat[0]), cy: middle, r: 4 }),
    ]);
}

function rankingView(rows) {
  const chosen = metric();
  const own = axis(rows, chosen.key, chosen.unit);
  const others = table().metrics.filter((one) => one.key !== chosen.key && usable(one.key) && (reweighed() ? RECOMPUTED.includes(one.key) : one.shown));
  const ranks = rows.some((row) => row.ranks[chosen.key]);
  const now = places(chosen);
  const before = reweighed() ? placesBefore(chosen) : null;
  const best = bestOf([chosen, ...others]);
  const columns = 4 + (ranks ? 1 : 0) + (own ? 1 : 0) + others.length;
  const body = rows.flatMap((row) => {
    const open = state.open.split("|").includes(row.name);
    const line = h("tr", { class: row.complete ? null : "unranked", "data-row": row.name },
      h("td", { class: "place" }, now.get(row) ?? (row.submitted ? "◇" : "–"), before && moved(before.get(row), now.get(row))),
      nameCell(row, open),
      numberCell(row, chosen, best),
      own && h("td", { class: "plot" }, intervalPlot(row, own, chosen.key, chosen.unit)),
      ranks && h("td", { class: "ranks" }, row.ranks[chosen.key] ? interval(row.ranks[chosen.key]).replace(" to ", "–") : "–"),
      others.map((one) => numberCell(row, one, best)),
      h("td", {}, row.failures.length ? `✗ ${row.failures.length} of ${row.records.length + row.failures.length}` : row.complete || row.submitted ? row.records.length : `${row.records.length} of ${table().seeds.length}`));
    return open ? [line, h("tr", { class: "record", id: recordId(row) }, h("td", { colspan: columns }, openedRecord(row)))] : [line];
  });
  const first = (one) => (one.best === "low" ? "up" : "down");
  return [
    h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Ranking; scrolls sideways" },
      h("table", { class: "ranking" },
        h("thead", {}, h("tr", {},
          h("th", { scope: "col" }, "#"),
          sortHead("name", "Method", "up", { class: "name" }),
          sortHead(chosen.key, title(chosen), first(chosen)),
          own && h("th", { scope: "col", class: "plot" }, axisHead(own, chosen.unit)),
          ranks && sortHead("rank", "Rank, 95\u00a0%", "up"),
          others.map((one) => sortHead(one.key, title(one), first(one))),
          h("th", { scope: "col" }, "Seeds"))),
        h("tbody", {}, body))),
    h("p", { class: "notes" }, notes(rows, chosen, own)),
  ];
}

const recordId = (row) => `record-${table().rows.indexOf(row)}`;
const title = (one) => (one.unit === "percent" ? `${one.title},\u00a0%` : one.title);

function nameCell(row, open) {
  const flip = () => {
    const names = state.open.split("|").filter((name) => name && name !== row.name);
    choose({ open: (open ? names : [...names, row.name]).join("|") }, ["view"]);
  };
  const attributes = { type: "button", id: `open-${table().rows.indexOf(row)}`, "aria-expanded": String(open), "aria-controls": open ? recordId(row) : null, click: flip };
  return h("th", { scope: "row", class: "name" }, h("button", attributes, named(row)));
}

function numberCell(row, one, best) {
  const stat = value(row, one.key);
  const top = row.complete && stat && stat[0] === best.get(one.key);
  return h("td", { class: top ? "number best" : "number", "data-key": one.key, "data-value": stat?.[0] ?? "" },
    row.records.length ? [stat && one.unit === "half" && "± ", shown(stat?.[0], one.unit), stat?.[1] != null && one.unit !== "half" && h("small", {}, ` ± ${shown(stat[1], one.unit)}`)] : "✗");
}

/** The best mean of each metric among complete rows, shown or not. */
function bestOf(metrics) {
  return new Map(metrics.filter((one) => one.best !== "none").map((one) => {
    const means = table().rows.filter((row) => row.complete).map((row) => value(row, one.key)?.[0]).filter((number) => number != null);
    return [one.key, means.length > 1 ? (one.best === "low" ? Math.min : Math.max)(...means) : null];
  }));
}

/** Places with the test set as it is. */
function placesBefore(one) {
  const { prior } = state;
  state.prior = "test";
  const found = places(one);
  state.prior = prior;
  return found;
}

function moved(before, now) {
  if (!before || !now || before === now) return null;
  const up = before > now;
  return h("small", { class: up ? "up" : "down", title: `${before} with the test set as it is` }, ` ${up ? "▲" : "▼"}${Math.abs(before - now)}`);
}

function notes(rows, chosen, own) {
  const told = [];
  if (own && !reweighed() && rows.some((row) => row.metrics[chosen.key]?.[2] != null)) told.push("Line: 95 % interval. ");
  if (own) told.push("Dot: mean. Ticks: seeds. ± is the sample standard deviation over seeds, no interval. ");
  if (rows.some((row) => row.status === "reconstruction")) told.push("† reconstruction: the paper leaves a formula open. ");
  if (rows.some((row) => row.extras.length)) told.push("‡ had more than the table's terms: open the row. ");
  if (rows.some((row) => row.submitted)) told.push(`◇ ${SUBMITTED}; not ranked, never best. `);
  if (rows.some((row) => !row.complete && !row.submitted)) told.push("A row without all seeds is shown, not ranked. ");
  return told;
}

const PRESETS = { test: "as in the test set", balanced: "balanced", train: "as in training", own: "my own" };

/** The control of the class prior. */
function priorPanel() {
  const shares = () => { const w = weights(); return w.map((one) => one / sum(w)); };
  const outputs = table().classes.map(() => h("output", {}));
  const sliders = table().classes.map((one, k) => h("input", {
    type: "range", min: 0, max: 100, step: 0.1, id: `prior-${k}`, "aria-label": `Weight of ${one.name}`,
    value: 100 * (shares()[k] / Math.max(...shares())),
    input: () => {
      choose({ prior: "own", weights: sliders.map((slider) => slider.value).join(",") }, ["view", "status"]);
      tell();
    },
  }));
  const radios = Object.entries(PRESETS).map(([key, words]) => h("label", {},
    h("input", { type: "radio", name: "prior", id: `preset-${key}`, value: key, checked: state.prior === key,
      change: () => choose({ prior: key, weights: key === "own" ? shares().map((w) => (100 * w).toFixed(3)).join(",") : "" }) }), words));
  const tell = () => {
    shares().forEach((share, k) => { outputs[k].textContent = `${(100 * share).toFixed(1)} %`; });
    radios.forEach((label) => { label.firstChild.checked = label.firstChild.value === state.prior; });
    note.replaceChildren(reweighed() ? "Recomputed from every seed's predictions; ▲▼ against the test set as it is. "
      + "Balanced accuracy and every recall stay: how well a class is recognised does not depend on how many of it there are. "
      + "Intervals and their ranks belong to the test set as it is." : "");
  };
  const note = h("p", { class: "notes" });
  tell();
  return h("details", { class: "prior", open: reweighed() || priorPanel.open, toggle: (event) => { priorPanel.open = event.target.open; } },
    h("summary", {}, "Class prior of the test set: ", h("b", {}, PRESETS[state.prior] ?? PRESETS.test)),
    h("p", {}, "How would the board look where these diseases are rarer, or more common?"),
    h("fieldset", { class: "choices" }, h("legend", {}, "Prior"), radios),
    h("div", { class: "sliders" }, byCount().map((k) => h("label", { class: "slider" },
      h("span", {}, table().classes[k].name), sliders[k], outputs[k]))),
    note);
}
