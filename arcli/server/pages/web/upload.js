// Adding pictures: dropped or chosen, each checked first, then sent; a list says how far each one is.
import { fill, make } from "./dom.js";
import { advise, explain, number, t } from "./texts.js";

const AT_A_TIME = 2;

export function uploadTab(panel, { api, channel, signal, say }) {
  const rows = [];
  const list = make("ul", { class: "uploads", "aria-label": t("gallery.tab.add") });
  const bar = make("progress", { max: 1, value: 0, hidden: true, "aria-label": t("add.progress") });
  const go = make("button", { class: "main", hidden: true, onclick: send });
  const files = make("input", { type: "file", multiple: true, accept: "image/*", class: "unseen", id: "files",
    onchange: ({ target }) => { take([...target.files]); target.value = ""; } });
  const zone = make("div", { class: "drop" }, make("p", {}, t("add.drop")),
    make("label", { class: "button" }, t("add.choose"), files));
  zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    take([...event.dataTransfer.files]);
  });
  fill(panel, zone, make("div", { class: "bar" }, go, bar), list);

  async function take(chosen) {
    const taken = new Set(rows.map((row) => row.name.value));
    const added = chosen.map((file) => newRow(file, taken));
    rows.push(...added);
    list.append(...added.map((row) => row.element));
    await each(added, check);
    offer();
  }

  function newRow(file, taken) {
    const name = make("input", { value: identifier(file.name, taken), "aria-label": t("add.identifier", { name: file.name }) });
    const state = make("span", { class: "quiet" }, t("add.checking"));
    const notes = make("ul", { class: "notes" });
    return { file, name, state, notes, status: "checking",
      element: make("li", {}, make("span", { class: "file" }, file.name), name, state, notes) };
  }

  async function check(row) {
    try {
      const { level, hints, duplicates } = await api.check(channel, row.file);
      const alike = duplicates.filter((one) => one.identifier).map((one) => t("add.alike", { identifier: one.identifier }));
      fill(row.notes, [...hints.map(advise), ...alike]
        .map((text) => make("li", {}, text)));
      if (level === undefined || level === null) return mark(row, "bad", t("error.too_few_features"));
      return mark(row, "checked", t("add.level", { level }));
    } catch (error) {
      return mark(row, "bad", explain(error));
    }
  }

  async function add(row) {
    mark(row, "sending", t("add.sending"));
    try {
      const { level } = await api.add(channel, row.name.value.trim(), row.file, { name: row.file.name.slice(0, 200) });
      mark(row, "added", t("add.added", { level }));
      row.name.disabled = true;
    } catch (error) {
      mark(row, error.code === "target_exists" || error.later ? "checked" : "bad", explain(error), true);
    }
  }

  function mark(row, status, text, isError = status === "bad") {
    row.status = status;
    row.state.textContent = text;
    row.state.className = isError ? "error" : status === "added" ? "good" : "quiet";
    const ready = rows.filter((one) => one.status !== "checking" && one.status !== "sending").length;
    bar.hidden = ready === rows.length;
    bar.value = rows.length ? ready / rows.length : 0;
  }

  function offer() {
    const ready = rows.filter((row) => row.status === "checked").length;
    const bad = rows.filter((row) => row.status === "bad").length;
    go.hidden = ready === 0;
    go.textContent = t("add.go", { count: number(ready) });
    const added = rows.filter((row) => row.status === "added").length;
    say(t("add.summary", { added: number(added), ready: number(ready), bad: number(bad) }));
  }

  async function send() {
    go.hidden = true;
    await each(rows.filter((row) => row.status === "checked"), add);
    offer();
  }

  async function each(some, work) {
    const waiting = some.slice();
    const one = async () => {
      while (waiting.length && !signal.aborted) await work(waiting.shift());
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, one));
  }
}

/** An identifier from a file's name: allowed characters, 3 to 50, not one that the list has already. */
function identifier(name, taken) {
  const stem = name.replace(/\.[^.]*$/, "").normalize("NFKD").replace(/[^A-Za-z0-9@_.]+/g, "_").slice(0, 46);
  const base = stem.length < 3 ? `${stem}___`.slice(0, 3) : stem;
  let found = base;
  for (let i = 2; taken.has(found); i++) found = `${base}.${i}`;
  taken.add(found);
  return found;
}
