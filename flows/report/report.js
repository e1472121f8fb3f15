"use strict";
// Nothing here is needed to read the page: it adds tabs, sorting, finding and the theme.
document.documentElement.classList.add("js");

const make = (name, properties) => Object.assign(document.createElement(name), properties);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

function choose(tabs, chosen) {
  for (const tab of tabs) {
    const on = tab === chosen;
    tab.setAttribute("aria-selected", String(on));
    tab.tabIndex = on ? 0 : -1;
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !on;
  }
}

for (const group of all("[data-tabs]")) {
  const list = make("div", { role: "tablist" });
  list.setAttribute("aria-label", group.dataset.tabs);
  const tabs = all(":scope > .panel", group).map((panel) => {
    const tab = make("button", { type: "button", role: "tab", id: "tab-" + panel.id, textContent: panel.dataset.tab });
    tab.setAttribute("aria-controls", panel.id);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", () => choose(tabs, tab));
    list.append(tab);
    return tab;
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const now = tabs.indexOf(document.activeElement);
    if (!step || now < 0) return;
    const next = tabs[(now + step + tabs.length) % tabs.length];
    choose(tabs, next);
    next.focus();
    event.preventDefault();
  });
  group.prepend(list);
  choose(tabs, tabs[0]);
}

for (const link of all("[data-open]")) {
  link.addEventListener("click", () => document.getElementById("tab-" + link.dataset.open).click());
}

const value = (row, column) => {
  const cell = row.cells[column];
  return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
};

for (const table of all("table.sortable")) {
  all("thead th:not([data-plain])", table).forEach((head) => {
    const button = make("button", { type: "button", className: "sort" });
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      const column = head.cellIndex;
      all("thead th", table).forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((one, other) => {
        const [a, b] = [value(one, column), value(other, column)];
        const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
        return down ? -order : order;
      });
      table.tBodies[0].append(...rows);
    });
  });
}

for (const form of all("form[data-filter]")) {
  form.hidden = false;
  const rows = [...document.getElementById(form.dataset.filter).tBodies[0].rows];
  const [field, count] = [form.querySelector("input"), form.querySelector("output")];
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = wanted ? `${shown} of ${rows.length}` : "";
  });
}

const controls = document.getElementById("card-controls");
if (controls) {
  controls.hidden = false;
  const [find, split, count] = ["card-find", "card-split", "card-count"].map((id) => document.getElementById(id));
  const sheets = document.getElementById("sheets");
  const cards = all(".card", sheets).map((card) => [card, card.textContent.toLowerCase()]);
  const sift = () => {
    const wanted = find.value.trim().toLowerCase();
    let shown = 0;
    for (const [card, words] of cards) {
      card.hidden = !words.includes(wanted) || (split.value !== "" && card.dataset.split !== split.value);
      shown += card.hidden ? 0 : 1;
    }
    count.textContent = wanted || split.value ? `${shown} of ${cards.length} records, over all tasks` : "";
    for (const tab of all("[role=tab]", sheets)) {
      const panel = document.getElementById(tab.getAttribute("aria-controls"));
      tab.hidden = !panel.querySelector(".card:not([hidden])");
    }
    const chosen = sheets.querySelector("[role=tab][aria-selected=true]");
    const left = sheets.querySelector("[role=tab]:not([hidden])");
    if (chosen.hidden && left) left.click();
  };
  find.addEventListener("input", sift);
  split.addEventListener("change", sift);
  document.getElementById("show-drawn").addEventListener("change", (event) => sheets.classList.toggle("bare", !event.target.checked));
  controls.addEventListener("submit", (event) => event.preventDefault());
}

const theme = document.getElementById("theme");
const system = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
const label = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
theme.hidden = false;
theme.addEventListener("click", () => { document.documentElement.dataset.theme = isDark() ? "light" : "dark"; label(); });
system.addEventListener("change", label);
label();
