// What the reader chose, kept in the address so that a view can be linked.

const DATA = JSON.parse(document.getElementById("data").textContent);
const DEFAULTS = {
  board: "", table: "0", view: "ranking", metric: "", sort: "", q: "", rows: "all",
  of_class: "", intervals: "", cost: "train_seconds", curve: "", prior: "test", weights: "", open: "",
  reference: "", lines: "", one: "", two: "", kind: "roc", over: "", over_rows: "",
};
const BASELINE = "erm"; // the method without any remedy
const state = { ...DEFAULTS };

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const key of Object.keys(DEFAULTS)) state[key] = given.get(key) ?? DEFAULTS[key];
}

function writeAddress() {
  const kept = Object.entries(state).filter(([key, value]) => value !== DEFAULTS[key] && value !== "");
  history.replaceState(null, "", `#${new URLSearchParams(kept)}`);
}

// Open first is the largest board; of an address that names none, the first.
const board = () => DATA.boards.find((one) => one.data === (state.board || DATA.largest)) ?? DATA.boards[0];
const table = () => board().tables[Number(state.table)] ?? board().tables[0];
const metric = () => table().metrics.find((one) => one.key === state.metric) ?? primary();
const primary = () => table().metrics.find((one) => one.key === table().primary) ?? table().metrics[0];
const classMetric = () => table().class_metrics.find((one) => one.key === state.of_class) ?? table().class_metrics[0];

/** Rows by name in one word of the address; a name may hold anything. */
const packed = (names) => names.map((name) => name.replaceAll("%", "%25").replaceAll("|", "%7C")).join("|");
const unpacked = (text) => text.split("|").filter(Boolean).map((name) => name.replaceAll("%7C", "|").replaceAll("%25", "%"));
const rowNamed = (name) => table().rows.find((row) => row.name === name) ?? null;
const finished = () => table().rows.filter((row) => row.records.length > 0);

/** Positions of the classes, most training images first; where none is trained on, test images. */
function byCount() {
  const count = (k) => table().classes[k].train ?? table().classes[k].test;
  return table().classes.map((_, k) => k).sort((a, b) => count(b) - count(a) || a - b);
}

const canReweigh = () => table().rows.some((row) => row.summaries.length);
const reweighed = () => canReweigh() && state.prior !== "test";

/** Weights of the classes in the test set, as chosen; they need not sum to 1. */
function weights() {
  const { classes } = table();
  if (state.prior === "balanced") return classes.map(() => 1);
  if (state.prior === "train") return classes.map((one) => one.train);
  const own = state.weights.split(",").map(Number);
  const usable = own.length === classes.length && own.every((w) => w >= 0 && Number.isFinite(w));
  return state.prior === "own" && usable && sum(own) > 0 ? own : classes.map((one) => one.test);
}
