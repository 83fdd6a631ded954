// The visible table as CSV or LaTeX: its rows, columns and order, numbers in full or as they are shown.

const STATISTICS = ["mean", "sd", "low", "high"]; // as in the CSV beside the page

/** Of a table: the row that columns belong to, and cells [mean, sd, low, high] that may be best. */
function rankingGrid(rows) {
  const columns = rankingColumns();
  const best = bestOf(columns);
  const now = places(metric());
  const base = reference();
  return {
    kind: base ? "differences" : "ranking",
    of: base ? `paired differences from ${base.name}, whose row has its own numbers, with 95 % intervals` : "",
    columns: columns.map((one) => ({ ...one, title: title(one), difference: Boolean(base) })),
    rows: rows.map((row) => ({ row, place: now.get(row) ?? "", cells: columns.map((one) => ({
      stat: row.records.length ? cellStat(row, one.key) : null,
      own: row === base, // its own numbers, which are no difference
      difference: base !== null && base !== row,
      best: !base && row.complete && value(row, one.key)?.[0] === best.get(one.key) })) })),
  };
}

function classesGrid(rows, one, order) {
  const columns = order.map((k) => ({ key: `${one.key}[${table().classes[k].name}]`, title: table().classes[k].name, unit: "percent" }));
  const cells = (row) => order.map((k) => ({ stat: classValue(row, one.key, k) }));
  return { kind: one.key, of: `${one.title} of each class, %`, columns, rows: ofRows(rows.filter((row) => row.records.length), cells) };
}

function groupsGrid(rows, groups) {
  const columns = groups.map((group) => ({ key: `${group}_recall`, title: `${group} recall, %`, unit: "percent" }));
  return { kind: "groups", of: "", columns, rows: ofRows(rows, (row) => columns.map((one) => ({ stat: value(row, one.key) }))) };
}

function ofRows(rows, cells) {
  const now = places(metric());
  return rows.map((row) => ({ row, place: now.get(row) ?? "", cells: cells(row) }));
}

/** A field of CSV (RFC 4180); what a spreadsheet would take for a formula gets an apostrophe. */
function field(text) {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function asCsv(grid) {
  const number = (cell, p) => (cell.own ? [0][p] : cell.stat?.[p]);
  const has = grid.columns.map((_, c) => STATISTICS.map((_, p) => grid.rows.some(({ cells }) => number(cells[c], p) != null)));
  const each = (pick) => grid.columns.flatMap((one, c) => STATISTICS.flatMap((part, p) => (p === 0 || has[c][p] ? [pick(one, c, part, p)] : [])));
  const head = ["place", "method", ...each((one, c, part) => field(`${one.key}_${one.difference ? "difference_" : ""}${part}`))];
  const digits = (found) => (found == null ? "" : String(+found.toFixed(6)));
  const lines = grid.rows.map(({ row, place, cells }) => [String(place), field(row.name), ...each((one, c, part, p) => digits(number(cells[c], p)))]);
  return [head, ...lines].map((line) => `${line.join(",")}\n`).join("");
}

const TEX = {
  "\\": "\\textbackslash{}", "{": "\\{", "}": "\\}", "#": "\\#", "$": "\\$", "%": "\\%", "&": "\\&", "_": "\\_",
  "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "<": "\\textless{}", ">": "\\textgreater{}", "|": "\\textbar{}",
  '"': "''", "[": "{[}", "]": "{]}", "\u00a0": "~", "–": "--", "−": "$-$", "±": "$\\pm$", "†": "\\dag{}", "‡": "\\ddag{}", "◇": "$\\diamond$",
};

/** Text that LaTeX prints as it is, on one line. */
const tex = (text) => [...text.replace(/[\s\p{Cc}]+/gu, (gap) => (gap === "\u00a0" ? gap : " "))].map((letter) => TEX[letter] ?? letter).join("");

function texCell({ stat, best, difference }, one) {
  if (!stat) return "n/a";
  const number = difference ? tex(signed(stat[0], one.unit)) : shown(stat[0], one.unit).replaceAll(",", "{,}");
  const strong = best ? `\\textbf{${number}}` : number;
  if (difference) return stat[2] == null ? strong : `${strong} {\\small (${tex(signedEnds(stat, one.unit))})}`;
  return stat[1] == null || one.unit === "half" ? strong : `${strong} $\\pm$ ${shown(stat[1], one.unit).replaceAll(",", "{,}")}`;
}

function asLatex(grid) {
  const marks = (row) => [row.status === "reconstruction" && "†", row.extras.length > 0 && "‡", row.submitted && "◇"].filter(Boolean).join("");
  const lines = grid.rows.map(({ row, place, cells }) => [place === "" ? "--" : place, tex(row.name) + (marks(row) && `~${tex(marks(row))}`), ...cells.map((cell, c) => texCell(cell, grid.columns[c]))]);
  const head = ["", "Method", ...grid.columns.map((one) => tex(one.title))];
  const said = [board().data, table().words, grid.of, "means over seeds, ± sample standard deviation"].filter(Boolean).join("; ");
  return [
    `% ${tex(said)}`, "% \\usepackage{booktabs}",
    `\\begin{tabular}{rl${"r".repeat(grid.columns.length)}}`, "\\toprule",
    `${head.join(" & ")} \\\\`, "\\midrule", ...lines.map((line) => `${line.join(" & ")} \\\\`), "\\bottomrule", "\\end{tabular}", "",
  ].join("\n");
}

/** Buttons that save or copy what the table shows now. */
function exportPanel(grid) {
  const status = h("span", { role: "status", id: "exported" });
  const text = h("pre", { hidden: true, tabindex: 0, "aria-label": "Exported table" });
  const name = (end) => `${board().data}-${grid().kind}.${end}`.replace(/[^\w.+@-]+/g, "-");
  const button = (id, words, click) => h("button", { type: "button", id: `export-${id}`, click }, words);
  return h("details", { class: "export", id: "export", open: exportPanel.open, toggle: (event) => { exportPanel.open = event.target.open; } },
    h("summary", {}, "Export this table"),
    h("p", {},
      button("csv", "Save CSV", () => { save(asCsv(grid()), name("csv")); status.textContent = "saved"; }), " ",
      button("csv-copy", "Copy CSV", () => copy(asCsv(grid()), text, status)), " ",
      button("tex", "Save LaTeX", () => { save(asLatex(grid()), name("tex")); status.textContent = "saved"; }), " ",
      button("tex-copy", "Copy LaTeX", () => copy(asLatex(grid()), text, status)), " ", status),
    h("p", { class: "notes" }, "Rows, columns and order as they are shown. CSV: shares from 0 to 1. LaTeX: needs booktabs."),
    text);
}
