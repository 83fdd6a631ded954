// How a row's trainings went: what they logged after every epoch, seed by seed.

const LOGGED = { "train/loss": ["Training loss", "plain"], "val/balanced_accuracy": ["Validation balanced accuracy, %", "percent"], "val/macro_auc": ["Validation AUC, %", "percent"] };

/** A small figure for each metric that any stage logged. */
function courses(row) {
  const logged = [...new Set(row.records.flatMap((one) => one.stages.flatMap((stage) => Object.keys(stage.history))))];
  const known = [...Object.keys(LOGGED).filter((name) => logged.includes(name)), ...logged.filter((name) => !(name in LOGGED))];
  if (!known.length) return null;
  const kept = row.records.some((one) => one.stages.some((stage) => Object.keys(stage.history).some((name) => name.startsWith("val/"))));
  return [
    h("h4", {}, "Course of training"),
    h("div", { class: "courses" }, known.map((name) => courseFigure(row, name))),
    h("p", { class: "notes" }, `A line for each seed, over epochs${kept ? "; dots: the epochs that were kept" : ""}${row.records.some((one) => one.stages.length > 1) ? "; dashed: another stage begins" : ""}.`),
  ];
}

function courseFigure(row, name) {
  const [title, unit] = LOGGED[name] ?? [name, "plain"];
  const width = Math.min(300, Math.max(230, document.getElementById("main").clientWidth - 60));
  const box = { left: 40, right: width - 8, top: 24, bottom: 130 };
  const lines = row.records.map((one) => {
    let begun = 0;
    return one.stages.flatMap((stage) => {
      const values = (stage.history[name] ?? []).map((number, n) => [begun + n + 1, number, n === stage.selected]);
      begun += Math.max(stage.epochs, values.length);
      return values;
    }).filter(([, number]) => number !== null);
  });
  const points = lines.flat();
  if (!points.length) return null;
  const [x0, x1] = extent(points.map(([epoch]) => epoch));
  const [y0, y1] = extent(points.map(([, number]) => number));
  const x = { at: linear(x0, x1, box.left, box.right), lines: ticks(x0, x1, 4).filter(Number.isInteger), words: (line) => line };
  const y = { at: linear(y0, y1, box.bottom, box.top), lines: ticks(y0 * scale(unit), y1 * scale(unit), 5).map((t) => t / scale(unit)), words: (line) => +(scale(unit) * line).toPrecision(4) };
  const starts = row.records[0].stages.slice(0, -1).reduce((found, stage) => [...found, (found.at(-1) ?? 0.5) + stage.epochs], []);
  return s("svg", { width, height: box.bottom + 36, role: "img", "aria-label": `${title}: ${lines.filter((line) => line.length).map((line) => `${shown(line[0][1], unit)} to ${shown(line.at(-1)[1], unit)}`).join("; ")}` },
    frame(x, y, box, ["Epoch", title]),
    starts.map((start) => s("line", { class: "start", x1: x.at(start), x2: x.at(start), y1: box.top, y2: box.bottom })),
    lines.map((line, n) => s("g", { class: `series s${n % COLOURS}` },
      s("title", {}, `Seed ${row.records[n].seed}`),
      s("polyline", { points: line.map(([epoch, number]) => `${x.at(epoch).toFixed(1)},${y.at(number).toFixed(1)}`).join(" ") }),
      name.startsWith("val/") && line.filter(([, , selected]) => selected).map(([epoch, number]) => s("circle", { cx: x.at(epoch), cy: y.at(number), r: 3.5 })))));
}
