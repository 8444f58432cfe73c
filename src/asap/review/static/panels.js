// The dialogs: name, filter, right label, agreement, help. Each is a promise of what was chosen.

import { ANY, KINDS, METRICS, ORDERS, STATES, UNFILTERED } from "./data.js";

const find = (id) => document.getElementById(id);

const make = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
};

// shows a dialog until it is closed; true where that was by its main button
const opened = (dialog, escape = true) => new Promise((resolve) => {
  let done = false;
  const controller = new AbortController(), { signal } = controller;
  dialog.addEventListener("submit", () => { done = true; }, { signal });
  dialog.addEventListener("cancel", (event) => { if (!escape) event.preventDefault(); }, { signal });
  for (const button of dialog.querySelectorAll(".close")) button.addEventListener("click", () => dialog.close(), { signal });
  dialog.addEventListener("close", () => { controller.abort(); resolve(done); }, { signal });
  dialog.addEventListener("keydown", (event) => { // a select keeps Enter for itself
    if (event.key !== "Enter" || event.target.tagName !== "SELECT") return;
    event.preventDefault();
    dialog.querySelector(".main").click();
  }, { signal });
  dialog.showModal();
});

export const askName = async (name) => {
  find("name").value = name;
  do await opened(find("who"), Boolean(name)); while (!find("name").value.trim() && !name);
  return find("name").value.trim().replace(/\s+/g, " ") || name;
};

const choice = (filter, name, label, options, changed) => {
  const select = make("select", { onchange: () => { filter[name] = select.value; changed(); } },
    ...options.map(([value, text]) => make("option", { value, textContent: text, selected: value === filter[name] })));
  return make("label", {}, `${label} `, select);
};

const bound = (filter, name, label, changed) =>
  make("label", {}, `${label} `, make("input", {
    type: "number", step: "any", value: filter[name],
    oninput: (event) => { filter[name] = event.target.value; changed(); },
  }));

// the filter, or null where it is cancelled
export const showFilters = async (pairs, before, count) => {
  let filter = { ...before };
  const changed = () => {
    const found = count(filter);
    find("matches").textContent = `${found.toLocaleString()} ${found === 1 ? "pair" : "pairs"}`;
  };
  const words = (name) => [[ANY, "all"], ...pairs.words(name).map((word) => [word, word])];
  const build = () => {
    const kinds = Object.entries(KINDS).map(([name, label]) => choice(filter, name, label, words(name), changed));
    const metrics = [[ANY, "any"], ...Object.entries(METRICS)];
    const down = make("input", { type: "checkbox", checked: filter.descending, onchange: () => { filter.descending = down.checked; } });
    find("fields").replaceChildren(
      choice(filter, "state", "Show", Object.entries(STATES), changed), ...kinds,
      choice(filter, "metric", "Metric", metrics, changed),
      make("span", { className: "two" }, bound(filter, "least", "from", changed), bound(filter, "most", "to", changed)),
      choice(filter, "order", "Sort by", Object.entries(ORDERS), () => {}),
      make("label", { className: "check" }, down, " highest first"),
    );
    changed();
  };
  for (const name of Object.keys(KINDS)) filter[name] ??= ANY;
  build();
  find("clear").onclick = () => { filter = { ...UNFILTERED, state: "all" }; for (const name of Object.keys(KINDS)) filter[name] = ANY; build(); };
  return (await opened(find("filters"))) ? filter : null;
};

// a name from the list, or of one's own; "" where none is given, null where it is cancelled
export const chooseError = async (names) => {
  const input = find("right"), box = find("names");
  let shown = [], at = -1;
  const mark = () => {
    [...box.children].forEach((item, index) => item.setAttribute("aria-selected", String(index === at)));
    if (at >= 0) { input.setAttribute("aria-activedescendant", `name-${at}`); box.children[at].scrollIntoView({ block: "nearest" }); }
    else input.removeAttribute("aria-activedescendant");
  };
  const narrow = () => {
    const text = input.value.trim().toLowerCase();
    shown = names.filter((name) => name.toLowerCase().includes(text));
    at = text && shown.length ? 0 : -1;
    box.replaceChildren(...shown.map((name, index) => make("li", {
      role: "option", id: `name-${index}`, textContent: name, onclick: () => { at = index; find("label").querySelector(".main").click(); },
    })));
    mark();
  };
  input.value = "";
  input.oninput = narrow;
  input.onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    at = Math.min(Math.max(at + step, 0), shown.length - 1);
    mark();
  };
  narrow();
  if (!(await opened(find("label")))) return null;
  return shown[at] ?? input.value.trim();
};

const cells = (...texts) => make("tr", {}, ...texts.map((text, index) => make(index ? "td" : "th", { textContent: text, ...(index ? {} : { scope: "row" }) })));

export const showAgreement = async () => {
  find("alpha").textContent = "…";
  const told = fetch("/api/agreement").then((reply) => reply.json()).then(fill, () => { find("alpha").textContent = "The server does not answer."; });
  let wanted = false;
  find("disputed").onclick = () => { wanted = true; find("agreement").close(); };
  await Promise.all([told, opened(find("agreement"))]);
  return wanted;
};

const fill = ({ alpha, twos, people, shared, disputed }) => {
  const many = (count) => `${count.toLocaleString()} ${count === 1 ? "pair" : "pairs"}`;
  find("alpha").textContent = shared
    ? `${many(shared)} decided by two people or more, ${disputed.toLocaleString()} of them differently. ` +
      (alpha === null ? "Krippendorff's alpha is open: only one word was used." : `Krippendorff's alpha ${alpha.toFixed(2)}: 1 is full agreement, 0 is chance.`)
    : "No pair was decided by two people yet.";
  find("people").replaceChildren(...Object.entries(people).map(([name, count]) => cells(name, count.toLocaleString())));
  find("twos").replaceChildren(...twos.map((two) => cells(
    `${two.first} and ${two.second}`, two.items, `${Math.round((100 * two.same) / two.items)}%`, two.kappa === null ? "–" : two.kappa.toFixed(2))));
  find("twos").closest("table").hidden = !twos.length;
  find("disputed").hidden = !disputed;
};

// true where the name is to be changed
export const showHelp = async (settings) => {
  let rename = false;
  find("theme").value = settings.get("theme", "");
  find("theme").onchange = () => { settings.set("theme", find("theme").value); settings.theme(); };
  find("keys").checked = settings.get("keys", true);
  find("keys").onchange = () => settings.set("keys", find("keys").checked);
  find("rename").onclick = () => { rename = true; find("help").close(); };
  await opened(find("help"));
  return rename;
};
