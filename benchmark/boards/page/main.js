// The page: controls, tabs, and what they show.

const TRACKS = ["long_tail", "few_shot", "one_class", "active"];
const over = h("section", { id: "over" });
const head = h("section", { id: "head" });
const prior = h("section", { id: "prior" });
const tabs = h("fieldset", { class: "choices tabs" });
const status = h("p", { id: "status", role: "status" });
const view = h("section", { id: "view" });

const VIEWS = {
  ranking: ["Ranking", rankingView, () => true],
  classes: ["Classes", classesView, () => table().class_metrics.length > 0],
  groups: ["Head to tail", groupsView, hasGroups],
  curves: ["Learning curves", curvesView, () => table().labelled.length > 0],
  cost: ["Cost", costView, () => table().metrics.some((one) => one.key === "train_seconds")],
  ranks: ["Ranks", ranksView, () => true],
  two: ["Two rows", twoView, () => finished().length > 1],
};
const PARTS = { over: () => over.replaceChildren(...overSources().flat(Infinity).filter(Boolean)), controls: drawControls, head: drawHead, prior: drawPrior, tabs: drawTabs, status: drawStatus, view: drawView };

/** Change the state, then draw what depends on it; the focus stays where it was. */
function choose(changes, parts = Object.keys(PARTS)) {
  Object.assign(state, changes);
  writeAddress();
  draw(parts);
}

function draw(parts = Object.keys(PARTS)) {
  const focused = document.activeElement?.id;
  const side = view.querySelector(".scroll")?.scrollLeft ?? 0;
  reweighedRows = new Map();
  for (const part of parts) PARTS[part]();
  if (focused && focused !== document.activeElement?.id) document.getElementById(focused)?.focus({ preventScroll: true });
  const box = view.querySelector(".scroll");
  if (box) box.scrollLeft = side;
}

/** A labelled select. */
function picker(id, label, options, chosen, change) {
  return h("label", {}, h("span", {}, label),
    h("select", { id, change: (event) => change(event.target.value) },
      options.map(([key, words, off]) => h("option", { value: key, selected: key === chosen, disabled: off }, words))));
}

/** Another board begins anew, but for the search. */
function goTo(data) {
  choose({ ...DEFAULTS, q: state.q, rows: state.rows, view: state.view, board: data });
}

function drawControls() {
  const { track, dataset, data, tables } = board();
  const known = TRACKS.filter((name) => DATA.boards.some((one) => one.track === name));
  const ofTrack = (name) => DATA.boards.filter((one) => one.track === name);
  const ofData = ofTrack(track).filter((one) => one.dataset === dataset);
  const datasets = [...new Set(ofTrack(track).map((one) => one.dataset))];
  const metrics = table().metrics.map((one) => [one.key, one.title, !usable(one.key)]);
  const search = document.getElementById("q") ?? h("input", { id: "q", type: "search", value: state.q, placeholder: "name, setting, mark", input: (event) => choose({ q: event.target.value }, ["status", "view"]) });
  const form = document.getElementById("controls");
  form.replaceChildren();
  make(form, {}, [
    picker("track", "Track", known.map((name) => [name, ofTrack(name)[0].track_title]), track, (name) => goTo(ofTrack(name)[0].data)),
    picker("dataset", "Dataset", datasets.map((name) => [name, name]), dataset, (name) => goTo(ofTrack(track).find((one) => one.dataset === name).data)),
    picker("regime", "Regime", ofData.map((one) => [one.data, one.regime]), data, goTo),
    picker("metric", "Metric", metrics, metric().key, (key) => choose({ metric: key === table().primary ? "" : key, sort: "" })),
    h("label", {}, h("span", {}, "Search"), search),
    picker("rows", "Rows", Object.entries(FILTERS).map(([key, [words]]) => [key, words]), state.rows, (key) => choose({ rows: key }, ["status", "view"])),
    tables.length > 1 && picker("table", `Table, of ${tables.length} on other terms`, tables.map((one, n) => [String(n), one.words]), String(tables.indexOf(table())), (n) => choose({ ...DEFAULTS, q: state.q, board: data, table: n })),
  ]);
}

function drawHead() {
  const one = table();
  const { data, track_title, notes } = board();
  document.title = `${data} · medtail leaderboards`;
  const smallest = Object.entries(one.smallest_difference);
  head.replaceChildren(
    h("h2", {}, data, h("small", {}, track_title)),
    h("p", { class: "terms" }, one.words),
    ...(smallest.length ? [h("p", {}, "This table can tell differences of about ", smallest.flatMap(([key, value], n) => [n ? " and " : "", h("strong", {}, `${shown(value, primary().unit)} points`), ` of ${within(one.metrics.find((m) => m.key === key))}`]), ", not smaller ones.")] : []),
    ...(notes.length ? [h("p", {}, notes.map((note, n) => [n ? " · " : "", h("a", { href: note.address }, note.title)]))] : []),
    ...(one.facts.length ? [h("details", {}, h("summary", {}, "What these numbers stand on"), h("ul", {}, one.facts.map((fact) => h("li", {}, inline(fact)))))] : []));
}

function drawPrior() {
  prior.replaceChildren(...(canReweigh() ? [priorPanel()] : []));
}

const currentView = () => (VIEWS[state.view]?.[2]() ? state.view : "ranking");

function drawTabs() {
  const shownViews = Object.entries(VIEWS).filter(([, [, , there]]) => there());
  tabs.replaceChildren(h("legend", {}, "View"), ...shownViews.map(([key, [words]]) => h("label", {},
    h("input", { type: "radio", name: "view", id: `view-${key}`, value: key, checked: key === currentView(), change: () => choose({ view: key, sort: "" }, ["tabs", "status", "view"]) }), words)));
}

function drawStatus() {
  const rows = visible();
  const by = metric().best === "none" ? "not ranked" : `ranked by ${within(metric())}`;
  const under = reweighed() ? `, class prior ${PRESETS[state.prior] ?? ""}` : "";
  status.textContent = `${rows.length} of ${table().rows.length} rows, ${by}${under}`;
}

function drawView() {
  const rows = visible();
  const made = rows.length ? VIEWS[currentView()][1](rows) : h("p", {}, "No row matches search and filter.");
  view.replaceChildren(...[made].flat(Infinity).filter(Boolean));
  tellScrolling();
}

function start() {
  const main = document.getElementById("main");
  const form = document.getElementById("controls");
  form.addEventListener("submit", (event) => event.preventDefault());
  if (!DATA.boards.length) {
    main.replaceChildren(h("p", {}, "No records yet: run a suite, then medtail leaderboards."));
    return;
  }
  readAddress();
  form.before(over);
  main.replaceChildren(head, prior, tabs, status, view);
  draw();
  addEventListener("hashchange", () => { readAddress(); draw(); });
  dark.addEventListener("change", () => draw(["over", "view"]));
  let waiting, width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(() => draw(["view"]), 150);
  });
}

start();
