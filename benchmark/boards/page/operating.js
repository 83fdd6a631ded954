// ROC and precision-recall curves of two rows: a small figure for each class.

const KINDS = { roc: ["ROC", "False positive rate, %", "Recall, %"], precision: ["Precision and recall", "Recall, %", "Precision, %"] };

function curvesOfTwo(first, second) {
  const both = [first, second];
  if (!both.some((row) => row.curves)) {
    return h("p", { class: "notes" }, board().track === "few_shot"
      ? "Few-shot scores are comparable within an episode only: no curve is drawn over episodes."
      : "No predictions are stored beside this board.");
  }
  const kind = KINDS[state.kind] ? state.kind : "roc";
  const all = both.some((row) => row.curves?.[`${kind}_all`]);
  const against = all ? "against the given class" : "against the rest";
  const panels = [
    all && curvePanel("All abnormal", both.map((row) => row.curves?.[`${kind}_all`]), kind),
    byCount().map((k) => curvePanel(table().classes[k].name, both.map((row) => row.curves?.[kind][k]), kind, k, both)),
  ];
  return [
    h("fieldset", { class: "choices" }, h("legend", {}, "Kind of curve"), Object.entries(KINDS).map(([key, [words]]) => h("label", {},
      h("input", { type: "radio", name: "kind", id: `kind-${key}`, value: key, checked: key === kind, change: () => choose({ kind: key }, ["view"]) }), words))),
    h("div", { class: "panels" }, panels),
    h("p", { class: "notes" }, `Each class ${against} on the test set as it is: means over the seeds of a row, read at the same ${kind === "roc" ? "false positive rates" : "recalls"} in every seed (no curve of one training, and no interval). ${kind === "roc" ? "Grey: chance." : "Grey: the share of the class, which chance gives."} Above: AUC or average precision on the board, in %.`),
  ];
}

/** Curves of both rows in one class, with the area below each where the board has it. */
function curvePanel(name, lines, kind, k = null, both = []) {
  const width = Math.min(214, Math.floor((document.getElementById("main").clientWidth - 14) / 2)); // two beside each other on a phone
  const box = { left: 34, right: width - 14, top: 24, bottom: width - 28 };
  const at = (low, high) => ({ at: linear(0, 1, low, high), lines: [0, 0.5, 1], words: words("percent") });
  const [x, y] = [at(box.left, box.right), at(box.bottom, box.top)];
  const places = kind === "roc" ? [0, ...DATA.curve_places.roc] : DATA.curve_places.precision;
  const path = (line) => (kind === "roc" ? [0, ...line] : line).map((n, p) => `${x.at(places[p]).toFixed(1)},${y.at(n / 1000).toFixed(1)}`).join(" ");
  const area = (row) => (k === null ? null : ["auc", "class_auroc", "ap"].filter((key) => (key === "ap") === (kind === "precision")).map((key) => row.classes[key]?.[k]).find(Boolean));
  const told = both.map((row) => shown(area(row)?.[0], "percent"));
  const share = kind === "roc" ? null : shareOf(k);
  const chance = kind === "roc" ? [[0, 0], [1, 1]] : share === null ? null : [[0, share], [1, share]];
  const short = fitting(name, width - 94);
  return s("svg", { class: "panel", width, height: box.bottom + 38, role: "img", "aria-label": `${KINDS[kind][0]} of ${name}${told.length ? `: ${told.join(" and ")}` : ""}` },
    s("title", {}, name),
    frame(x, y, box, [KINDS[kind][1], short]),
    told.map((text, n) => text !== "n/a" && s("text", { class: `area s${n}`, x: box.right - (1 - n) * 38, y: 14, "text-anchor": "end" }, text)),
    chance && s("polyline", { class: "chance", points: chance.map(([a, b]) => `${x.at(a)},${y.at(b)}`).join(" ") }),
    lines.map((line, n) => line && s("g", { class: `series s${n} d${n}` }, s("polyline", { points: path(line) }))));
}

/** The share of a class, or of all abnormal ones, among the test images that a curve is about. */
function shareOf(k) {
  const all = sum(table().classes.map((one) => one.test));
  if (board().track !== "one_class") return table().classes[k].test / all;
  const normal = finished().map((row) => row.metrics.given_images?.[0]).find(Boolean);
  const mine = k === null ? all : table().classes[k].test;
  return normal ? mine / (mine + normal) : null;
}
