// The table of rows: ranks, intervals drawn, numbers or their differences from a row.

const PLOT = { height: 30, edge: 10 };
const plotWidth = () => (innerWidth < 500 ? 170 : innerWidth < 1500 ? 196 : 230);

/** The metric's axis over some rows: from values to pixels, and where its lines are. */
function axis(rows, key, unit) {
  const width = plotWidth();
  const base = reference();
  const numbers = rows.flatMap((row) => {
    const stat = base === row ? null : cellStat(row, key);
    return stat ? [stat[0], stat[2] ?? stat[0], stat[3] ?? stat[0], ...(base ? [] : defined(seedValues(row, key)))] : [];
  });
  if (!numbers.length) return null;
  if (base) numbers.push(0);
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

/** A row's interval as a line, its seeds as ticks, its mean as a dot; or the same of its difference. */
function intervalPlot(row, one, key, unit) {
  const base = reference();
  const stat = base === row ? [0, null, null, null] : cellStat(row, key);
  const middle = PLOT.height / 2;
  const seeds = base ? [] : defined(seedValues(row, key));
  const number = base && stat ? signed(stat[0], unit) : spread(stat, unit);
  const ends = base ? signedEnds(stat, unit) : between(stat, unit);
  const label = stat ? `${number}${ends && `, 95 % ${ends}`}` : "no value";
  return s("svg", { width: one.width, height: PLOT.height, role: "img", "aria-label": label },
    s("title", {}, label),
    gridLines(one, PLOT.height),
    base && s("line", { class: "zero", x1: one.at(0), x2: one.at(0), y1: 0, y2: PLOT.height }),
    stat && [
      stat[2] != null && s("line", { class: "interval", x1: one.at(stat[2]), x2: one.at(stat[3]), y1: middle, y2: middle }),
      seeds.length > 1 && seeds.map((seed) => s("line", { class: "seed", x1: one.at(seed), x2: one.at(seed), y1: middle - 6, y2: middle + 6 })),
      s("circle", { class: row.complete ? "dot" : "dot hollow", cx: one.at(stat[0]), cy: middle, r: 4 }),
    ]);
}

/** The columns of numbers, the chosen metric's first. */
function rankingColumns() {
  const chosen = metric();
  const drawn = (one) => usable(one.key) && (reweighed() ? RECOMPUTED.includes(one.key) : one.shown);
  const others = table().metrics.filter((one) => one.key !== chosen.key && drawn(one));
  return [chosen, ...others.filter((one) => !reference() || one.unit !== "half")];
}

function rankingView(rows) {
  const columns = rankingColumns();
  const [chosen, ...others] = columns;
  const own = axis(rows, chosen.key, chosen.unit);
  const ranks = rows.some((row) => row.ranks[chosen.key]);
  const now = places(chosen);
  const before = reweighed() ? placesBefore(chosen) : null;
  const best = bestOf(columns);
  const amount = 4 + (ranks ? 1 : 0) + (own ? 1 : 0) + others.length;
  const body = rows.flatMap((row) => {
    const open = unpacked(state.open).includes(row.name);
    const line = h("tr", { class: row.complete ? null : "unranked", "data-row": row.name },
      h("td", { class: "place" }, now.get(row) ?? (row.submitted ? "◇" : "–"), before && moved(before.get(row), now.get(row))),
      nameCell(row, open),
      numberCell(row, chosen, best),
      own && h("td", { class: "plot" }, intervalPlot(row, own, chosen.key, chosen.unit)),
      ranks && h("td", { class: "ranks" }, row.ranks[chosen.key] ? interval(row.ranks[chosen.key]).replace(" to ", "–") : "–"),
      others.map((one) => numberCell(row, one, best)),
      h("td", {}, row.failures.length ? `✗ ${row.failures.length} of ${row.records.length + row.failures.length}` : row.complete || row.submitted ? row.records.length : `${row.records.length} of ${table().seeds.length}`));
    return open ? [line, h("tr", { class: "record", id: recordId(row) }, h("td", { colspan: amount }, openedRecord(row)))] : [line];
  });
  const first = (one) => (one.best === "low" ? "up" : "down");
  return [
    h("div", { class: "tools" }, referencePicker(), exportPanel(() => rankingGrid(rows))),
    scrolling("Ranking",
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
    h("p", { class: "notes" }, reference() ? differenceNotes() : "", notes(rows, chosen, own)),
  ];
}

const recordId = (row) => `record-${table().rows.indexOf(row)}`;
const title = (one) => (one.unit === "percent" ? `${one.title},\u00a0%` : one.title);

function nameCell(row, open) {
  const flip = () => {
    const names = unpacked(state.open).filter((name) => name !== row.name);
    choose({ open: packed(open ? names : [...names, row.name]) }, ["view"]);
  };
  const attributes = { type: "button", id: `open-${table().rows.indexOf(row)}`, "aria-expanded": String(open), "aria-controls": open ? recordId(row) : null, click: flip };
  return h("th", { scope: "row", class: "name" }, h("button", attributes, named(row)));
}

function numberCell(row, one, best) {
  if (reference() && reference() !== row) return differenceCell(row, one);
  const stat = value(row, one.key);
  const top = row.complete && stat && stat[0] === best.get(one.key);
  return h("td", { class: top ? "number best" : "number", "data-key": one.key, "data-value": stat?.[0] ?? "" },
    row.records.length ? [stat && one.unit === "half" && "± ", shown(stat?.[0], one.unit), stat?.[1] != null && one.unit !== "half" && h("small", {}, ` ± ${shown(stat[1], one.unit)}`)] : "✗");
}

function differenceCell(row, one) {
  const stat = cellStat(row, one.key);
  const kind = verdict(stat, one);
  return h("td", { class: kind ? `number ${kind}` : "number", "data-key": one.key, "data-value": stat?.[0] ?? "", "data-ends": stat?.[2] == null ? null : `${stat[2]} ${stat[3]}` },
    stat ? [kind ? h("b", {}, signed(stat[0], one.unit)) : signed(stat[0], one.unit), stat[2] != null && h("small", { class: "ends" }, signedEnds(stat, one.unit))] : row.records.length ? "n/a" : "✗");
}

const differenceNotes = () => ["Differences from ", h("code", {}, reference().name), ", whose own numbers stand in its row: means over the seeds that both have, and below them 95 % intervals of the paired difference, by the board's own statistics. ",
  "Bold: the interval leaves out zero (green: better, red: worse); every row is one more chance to be wrong. A number without an interval has none on this board. "];

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
  const said = [];
  if (own && !reference() && !reweighed() && rows.some((row) => row.metrics[chosen.key]?.[2] != null)) said.push("Line: 95 % interval. ");
  if (own && !reference()) said.push("Dot: mean. Ticks: seeds. ± is the sample standard deviation over seeds, no interval. ");
  if (rows.some((row) => row.status === "reconstruction")) said.push("† reconstruction: the paper leaves a formula open. ");
  if (rows.some((row) => row.extras.length)) said.push("‡ had more than the table's terms: open the row. ");
  if (rows.some((row) => row.submitted)) said.push(`◇ ${SUBMITTED}; not ranked, never best. `);
  if (rows.some((row) => !row.complete && !row.submitted)) said.push("A row without all seeds is shown, not ranked. ");
  return said;
}
