// The control of the class prior.

const PRESETS = { test: "as in the test set", balanced: "balanced", train: "as in training", own: "my own" };

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
