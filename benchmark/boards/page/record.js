// A row opened: where its numbers come from, and how to have them again.

const pair = (name, ...what) => [h("dt", {}, name), h("dd", {}, ...what)];
const listed = (values) => Object.entries(values).map(([key, one]) => `${key} ${JSON.stringify(one)}`).join(", ");

function openedRecord(row) {
  return h(
    "div", { class: "opened" },
    h("dl", {}, facts(row)),
    row.records.length > 0 && !row.submitted && seedTable(row),
    row.failures.length > 0 && [
      h("h4", {}, "Failed seeds"),
      h("ul", { class: "bad" }, row.failures.map((one) => h("li", {}, `Seed ${one.seed}: ${one.reason}`))),
    ],
    courses(row),
    !row.submitted && runAgain(row),
  );
}

/** What is known of predictions that somebody handed in. */
function submission(row) {
  const { added, url, note, form, seeds, place } = row.submitted;
  return [
    pair("◇", SUBMITTED),
    place && pair("Would be", `${place.place} of ${place.of}, ${interval([place.best, place.worst])} at the ends of its interval`),
    pair("Trainings", `${seeds.length}, their seeds ${seeds.join(", ")}`),
    pair("Read as", form),
    pair("Added", added),
    url && pair("More", h("a", { href: /^https?:/.test(url) ? url : null, rel: "nofollow noopener noreferrer" }, url)),
    note && pair("Note", note),
  ];
}

function facts(row) {
  if (row.submitted) return submission(row);
  const words = {
    faithful: "faithful to its paper (deviations: see its card)",
    reconstruction: "reconstruction (†): the paper leaves a formula open",
  };
  const used = [...new Set(row.records.map((one) => one.environment))].filter((n) => n !== undefined);
  const where = used.map((n) => table().environments[n]);
  const devices = [...new Set(row.records.map((one) => one.cost?.device).filter(Boolean))];
  return [
    pair("Method", h("code", {}, row.method), row.status ? `, ${words[row.status]}` : ", no seed finished"),
    paperOf(row) && pair("Paper", paperOf(row)),
    pair("Parameters", listed(row.params) || "none"),
    row.extras.length > 0 && pair("Beyond the terms (‡)", row.extras.join("; ")),
    Object.entries(row.ranks).map(([key, rank]) => pair(`Rank by ${within(table().metrics.find((m) => m.key === key))}, 95 %`, interval(rank), key in row.wins ? `; above a rival drawn at random with chance ${shown(row.wins[key], "percent")} %` : "")),
    where.map((one) => [
      pair("Images, split", `${one.source || "source not told"}; split lists ${one.split_digest}`),
      pair("Machine", [one.platform, devices.join(", ")].filter(Boolean).join("; ") || "not told"),
      pair("Versions", Object.entries(one.versions).map(([name, number]) => `${name} ${number}`).join(", ") || "not told"),
    ]),
  ];
}

/** A method's paper and its card, as far as they are known; null if neither is. */
function paperOf(row) {
  const { paper, address, card } = DATA.methods[row.method] ?? {};
  if (!paper && !card) return null;
  const words = /\/scholar\?/.test(address) ? "search for it" : "read it";
  return [
    paper, " ",
    /^https?:/.test(address) && ["(", h("a", { href: address, rel: "noopener noreferrer" }, words), ") "],
    card && h("a", { href: card }, `card of ${row.method}`)];
}

const interval = ([low, high]) => (low === high ? `${low}` : `${low} to ${high}`);

function seedTable(row) {
  const one = primary();
  const heads = ["Seed", one.title, "Kept epoch", "Training, s", "Parameters", "Peak MiB", "Commit", "Finished", "Cell"];
  const lines = row.records.map((record, n) => [
    record.seed,
    shown(row.values[one.key]?.[n], one.unit),
    record.stages.map((stage) => `${stage.name} ${stage.selected + 1}/${stage.epochs}${stage.shared ? " (shared)" : ""}`).join(", "),
    shown(record.cost?.train_seconds, "count"),
    shown(record.cost?.parameters, "count"),
    shown(record.cost?.peak_mib, "count"),
    record.commit || "none",
    (record.finished ?? "").replace("T", " ").slice(0, 16),
    h("code", {}, record.cell),
  ]);
  return h(
    "div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Records of every seed" },
    h("table", { class: "small" },
      h("thead", {}, h("tr", {}, heads.map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, lines.map((cells) => h("tr", {}, cells.map((cell) => h("td", {}, cell)))))),
  );
}

function runAgain(row) {
  const text = h("pre", { tabindex: 0, "aria-label": "again.yaml" }, row.again);
  const status = h("span", { role: "status" });
  return [
    h("h4", {}, "Run it again"),
    h("p", {}, "Save this suite as ", h("code", {}, "again.yaml"), ", then ", h("code", {}, "medtail bench again.yaml"), ". ",
      h("button", { type: "button", click: () => save(row.again, "again.yaml") }, "Save"), " ",
      h("button", { type: "button", click: () => copy(row.again, text, status) }, "Copy"), " ", status),
    text,
  ];
}
