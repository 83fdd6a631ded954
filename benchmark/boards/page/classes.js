// Classes: a heat map of every class, and bars of head, medium and tail.

// From the colour of the page to a blue that stands out from it, in even steps of lightness; numbers
// on it are black or white, whichever is seen better.
const dark = matchMedia("(prefers-color-scheme: dark)");
const BY_DAY = [[247, 251, 255], [198, 219, 239], [107, 174, 214], [33, 113, 181], [8, 48, 107]];
const IN_THE_DARK = [[30, 34, 39], [21, 52, 92], [33, 96, 160], [98, 160, 210], [198, 219, 239]];

function shade(share) {
  const blues = dark.matches ? IN_THE_DARK : BY_DAY;
  const place = Math.min(Math.max(share, 0), 1) * (blues.length - 1);
  const k = Math.min(Math.floor(place), blues.length - 2);
  return blues[k].map((one, c) => Math.round(one + (place - k) * (blues[k + 1][c] - one)));
}

/** Paint a cell by a share of 1. */
function paint(cell, share) {
  const colour = shade(share);
  cell.style.backgroundColor = `rgb(${colour})`;
  cell.style.color = ink(colour);
  return cell;
}

/** Relative luminance (WCAG 2.1). */
function luminance(colour) {
  const [r, g, b] = colour.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

const ink = (colour) => (luminance(colour) > 0.179 ? "#000" : "#fff");

function classesView(rows) {
  const one = classMetric();
  if (!one) return h("p", {}, "No row has numbers of single classes.");
  const order = byCount();
  const floor = /auc|auroc/.test(one.key) ? 0.5 : 0; // what chance gives
  const rivals = table().rows.filter((row) => row.complete);
  const best = order.map((k) => (rivals.length > 1 ? Math.max(...rivals.map((row) => classValue(row, one.key, k)?.[0] ?? -1)) : null));
  const cell = (row, k, n) => {
    const stat = classValue(row, one.key, k);
    const made = h("td", { class: row.complete && stat && stat[0] === best[n] ? "heat best" : "heat", "data-key": one.key, "data-value": stat?.[0] ?? "", title: stat?.[2] != null ? `95 % ${between(stat, "percent")}` : null },
      shown(stat?.[0], "percent"), state.intervals && stat?.[2] != null && h("small", {}, `${shown(stat[2], "percent")}–${shown(stat[3], "percent")}`));
    return stat ? paint(made, (stat[0] - floor) / (1 - floor)) : made;
  };
  const kinds = table().class_metrics.map((found) => [found.key, `${found.title}, %`]);
  const select = picker("of_class", "Of every class", kinds, one.key, (key) => choose({ of_class: key }, ["view"]));
  const toggle = h("label", { class: "check" }, h("input", { type: "checkbox", id: "intervals", checked: Boolean(state.intervals), change: (event) => choose({ intervals: event.target.checked ? "yes" : "" }, ["view"]) }), "95 % intervals");
  return [
    h("div", { class: "tools" }, kinds.length > 1 && select, toggle, exportPanel(() => classesGrid(rows, one, order))),
    scrolling("Heat map",
      h("table", { class: "heatmap" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "name" }, "Method"),
          order.map((k) => sortHead(`${one.key}:${k}`, classHead(table().classes[k]), "down")))),
        h("tbody", {}, rows.filter((row) => row.records.length).map((row) => h("tr", { "data-row": row.name },
          h("th", { scope: "row", class: "name" }, named(row)), order.map((k, n) => cell(row, k, n))))))),
    h("p", { class: "notes" }, `${one.title} in %, from ${100 * floor} (the page's colour) to 100 (the strongest blue); the best of a class is framed, of rows with all seeds. `,
      usable(one.key) || ["precision", "auc"].includes(one.key) ? "" : "It cannot be recomputed for another class prior. ",
      table().trained.length > 0 && `Trained on ${table().trained.map((t) => `${t.name} (${t.train.toLocaleString("en")})`).join(", ")}.`),
  ];
}

function classHead(one) {
  const told = [one.group, one.rare && "rare"].filter(Boolean).join(", ");
  return [one.name, told && h("small", {}, told), one.train !== null && h("small", {}, `train ${one.train.toLocaleString("en")}`), h("small", {}, `test ${one.test.toLocaleString("en")}`)];
}

const GROUPS = ["head", "medium", "tail"];
const hasGroups = () => table().rows.some((row) => GROUPS.some((group) => row.metrics[`${group}_recall`]));

function groupsView(rows) {
  const kept = rows.filter((row) => row.records.length);
  const shownGroups = GROUPS.filter((group) => kept.some((row) => value(row, `${group}_recall`)));
  const members = (group) => byCount().map((k) => table().classes[k]).filter((one) => one.group === group).map((one) => one.name).join(", ");
  const narrow = innerWidth < 640; // then bars stand below their numbers, so that all three fit
  const across = narrow ? Math.max(36, Math.floor((document.getElementById("main").clientWidth - 124) / shownGroups.length) - 10) : 160;
  const wide = { at: linear(0, 1, 1, across), lines: [0, 0.25, 0.5, 0.75, 1], width: across + (narrow ? 2 : 10) };
  const bar = (row, group) => {
    const stat = value(row, `${group}_recall`);
    const end = stat ? wide.at(stat[0]) : 1;
    return s("svg", { width: wide.width, height: 24, "aria-hidden": "true" }, gridLines(wide, 24), stat && [
      s("rect", { class: `bar ${group}`, x: 1, y: 5, width: end - 1, height: 14 }),
      stat[2] != null && s("path", { class: "whisker", d: `M${wide.at(stat[2])} 12H${wide.at(stat[3])}M${wide.at(stat[2])} 8v8M${wide.at(stat[3])} 8v8` })]);
  };
  const number = (row, group) => h("span", { "data-key": `${group}_recall`, "data-value": value(row, `${group}_recall`)?.[0] ?? "" }, shown(value(row, `${group}_recall`)?.[0], "percent"));
  const cells = (row, group) => narrow
    ? h("td", { class: "number stacked" }, number(row, group), bar(row, group))
    : [h("td", { class: "plot" }, bar(row, group)), h("td", { class: "number" }, number(row, group))];
  const head = (group) => [`${group[0].toUpperCase()}${group.slice(1)}${narrow ? ", %" : " recall, %"}`, h("small", {}, members(group))];
  return [
    h("div", { class: "tools" }, exportPanel(() => groupsGrid(kept, shownGroups))),
    scrolling("Head, medium and tail",
      h("table", { class: narrow ? "groups narrow" : "groups" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "name" }, "Method"),
          shownGroups.map((group) => sortHead(`${group}_recall`, head(group), "down", { colspan: narrow ? null : 2 })))),
        h("tbody", {}, kept.map((row) => h("tr", { "data-row": row.name }, h("th", { scope: "row", class: "name" }, named(row)),
          shownGroups.map((group) => cells(row, group))))))),
    h("p", { class: "notes" }, "Mean recall of the classes with many, some and few training images, from 0 to 100 %; whiskers: 95 % intervals. Groups by training images: see what these numbers stand on."),
  ];
}
