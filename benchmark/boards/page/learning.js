// Learning curves of active boards: a few rows that the reader picks, with their intervals.

/** Rows that are drawn before anybody picks: the best, the baseline, and methods with notes on this board. */
function firstLines(kept) {
  const noted = board().notes.map((note) => note.address.split("/").at(-1).replace(/\.md$/, ""));
  const best = kept.find((row) => row.complete) ?? kept[0];
  const plain = (method) => kept.find((row) => row.name === method) ?? kept.find((row) => row.method === method);
  const found = [best, plain(BASELINE), ...noted.map(plain)].filter(Boolean);
  return [...new Set(found.length > 1 ? found : kept)].slice(0, 4);
}

function curvesView(rows) {
  const kept = rows.filter((row) => row.rounds);
  const names = [...new Set(kept.flatMap((row) => Object.keys(row.rounds)))].filter((name) => kept.some((row) => row.rounds[name]?.filter(Boolean).length > 1));
  const chosen = names.includes(state.curve) ? state.curve : names.includes("rare_accuracy") ? "rare_accuracy" : names[0];
  if (!chosen) return h("p", {}, "No row has a curve.");
  const all = table().rows.filter((row) => row.rounds);
  const picked = (state.lines ? unpacked(state.lines).map(rowNamed) : firstLines(all)).filter((row) => kept.includes(row));
  const pick = (list) => choose({ lines: list.length ? packed(list.map((row) => row.name)) : "|" }, ["view"]);
  const flip = (row) => pick(picked.includes(row) ? picked.filter((one) => one !== row) : [...picked, row]);
  const style = (row) => (picked.includes(row) ? `series s${picked.indexOf(row) % COLOURS} d${Math.floor(picked.indexOf(row) / COLOURS) % 4}` : "series off");
  const chip = (row) => h("label", { class: picked.includes(row) ? "on" : null },
    h("input", { type: "checkbox", id: `line-${all.indexOf(row)}`, checked: picked.includes(row), change: () => flip(row) }),
    s("svg", { width: 24, height: 10, class: style(row), "aria-hidden": "true" }, s("polyline", { points: "0,5 24,5" })), row.name);
  const button = (id, text, list) => h("button", { type: "button", id, click: () => (list ? pick(list) : choose({ lines: "" }, ["view"])) }, text);
  return [
    h("div", { class: "tools" }, picker("curve", "Curve", names.map((name) => [name, titled(name)]), chosen, (key) => choose({ curve: key }, ["view"])), exportPanel(() => curvesGrid(picked, chosen))),
    picked.length ? curvesFigure(picked, chosen, style) : h("p", {}, "No row is picked."),
    h("fieldset", { class: "lines" }, h("legend", {}, `Rows drawn, ${picked.length} of ${kept.length}`), kept.map(chip),
      h("span", {}, button("lines-first", "First choice", null), " ", button("lines-all", "All", kept), " ", button("lines-none", "None", []))),
    h("p", { class: "notes" }, "Lines: means over seeds. Bands: 95 % intervals between trainings, moderated over all rows of the table; the test sample is not drawn anew here. First choice: the best row, the baseline, methods with notes on this board."),
    h("h3", {}, "Images chosen of each class"),
    scrolling("Images chosen", h("table", { class: "groups" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "name" }, "Method"), byCount().map((k) => h("th", { scope: "col" }, classHead(table().classes[k]))))),
      h("tbody", {}, kept.map((row) => h("tr", {}, h("th", { scope: "row", class: "name" }, named(row)), byCount().map((k) => h("td", { class: "number" }, shown(row.picked[k], "count")))))))),
  ];
}

const titled = (name) => { const text = name.replaceAll("_", " ").replace("auc", "AUC"); return text[0].toUpperCase() + text.slice(1); };

function curvesFigure(picked, chosen, style) {
  const { labelled } = table();
  const width = figureWidth();
  const box = { left: 44, right: width - 24, top: 26, bottom: 400 };
  const stats = picked.flatMap((row) => (row.rounds[chosen] ?? []).filter(Boolean));
  if (!stats.length) return h("p", {}, "The rows that are picked have no such curve.");
  const [low, high] = extent(stats.flatMap((stat) => [stat[0], stat[2] ?? stat[0], stat[3] ?? stat[0]]));
  const x = { at: linear(...extent(labelled), box.left, box.right), lines: labelled.length <= 12 && width > 500 ? labelled : ticks(...extent(labelled), 5), words: (line) => line };
  const y = { at: linear(low, high, box.bottom, box.top), lines: ticks(100 * low, 100 * high, 6).map((t) => t / 100), words: words("percent") };
  const points = (row, pick) => (row.rounds[chosen] ?? []).map((stat, k) => (pick(stat) == null ? null : `${x.at(labelled[k]).toFixed(1)},${y.at(pick(stat)).toFixed(1)}`)).filter(Boolean);
  const band = (row) => [...points(row, (stat) => stat?.[2]), ...points(row, (stat) => stat?.[3]).reverse()].join(" ");
  const last = (row) => { const stat = row.rounds[chosen]?.findLast(Boolean); return stat ? `${spread(stat, "percent")}${stat[2] == null ? "" : `, 95 % ${between(stat, "percent")}`} in the end` : ""; };
  return s("svg", { class: "figure", width, height: box.bottom + 40, role: "img", "aria-label": `${titled(chosen)} over labelled images. ${picked.map((row) => `${row.name}: ${last(row)}`).join("; ")}` },
    frame(x, y, box, ["Labelled images", `${titled(chosen)}, %`]),
    picked.map((row) => s("polygon", { class: `band ${style(row)}`, points: band(row) })),
    picked.map((row) => s("g", { class: style(row), "data-row": row.name }, s("title", {}, `${row.name}: ${last(row)}`), s("polyline", { points: points(row, (stat) => stat?.[0]).join(" ") }),
      (row.rounds[chosen] ?? []).map((stat, k) => stat && s("circle", { cx: x.at(labelled[k]), cy: y.at(stat[0]), r: 3 })))));
}

function curvesGrid(picked, chosen) {
  const columns = table().labelled.map((amount) => ({ key: `${chosen}[${amount}]`, title: `${amount}`, unit: "percent" }));
  return { kind: chosen, of: `${titled(chosen)} in % by labelled images`, columns, rows: ofRows(picked, (row) => columns.map((_, k) => ({ stat: row.rounds[chosen]?.[k] ?? null }))) };
}
