// A dialog for a target's metadata, match ratio and state.
import { fill, make } from "./dom.js";
import { advise, explain, t } from "./texts.js";

/** Ask for changes and `save` them; returns whether anything was saved. `hints`: a promise of what to improve. */
export function editTarget(dialog, target, save, hints) {
  const metadata = make("textarea", { rows: 8, spellcheck: false, value: target.metadata ?? "" });
  const ratio = make("input", { inputMode: "decimal", value: target.matchratio ?? "" });
  const active = make("input", { type: "checkbox", checked: target.active });
  const trouble = make("p", { class: "error", role: "alert" });
  const notes = make("ul", { class: "notes", "aria-label": t("gallery.hints") });
  const show = (found) => fill(notes, found.map((hint) => make("li", {}, advise(hint))));
  hints.then(show, () => {}); // without the picture there are none
  return new Promise((done) => {
    let saved = false;
    const submit = async (event) => {
      event.preventDefault();
      const problem = wrong(metadata.value.trim(), ratio.value.trim());
      trouble.textContent = problem ?? "";
      if (problem) return;
      try {
        await save(changes(target, metadata.value.trim(), ratio.value.trim(), active.checked));
        saved = true;
        dialog.close();
      } catch (error) {
        trouble.textContent = explain(error);
      }
    };
    const form = make("form", { onsubmit: submit }, make("h2", { id: "dialog-title" }, target.identifier), notes,
      make("label", {}, t("gallery.metadata"), metadata), make("label", {}, t("gallery.ratio"), ratio),
      make("label", {}, active, " ", t("gallery.active.is")), trouble,
      make("div", { class: "bar" }, make("button", { class: "main" }, t("gallery.save")),
        make("button", { type: "button", onclick: () => dialog.close() }, t("gallery.cancel"))));
    dialog.setAttribute("aria-labelledby", "dialog-title");
    fill(dialog, form);
    dialog.addEventListener("close", () => done(saved), { once: true });
    dialog.showModal();
  });
}

function wrong(metadata, ratio) {
  try {
    if (metadata) JSON.parse(metadata);
  } catch {
    return t("error.invalid_metadata");
  }
  return ratio && !(Number(ratio) >= 0 && Number(ratio) <= 1) ? t("gallery.ratio.wrong") : null;
}

function changes(target, metadata, ratio, active) {
  const clear = [];
  const sent = { active: active ? "1" : "0" };
  if (metadata !== (target.metadata ?? "")) metadata ? (sent.metadata = metadata) : clear.push("metadata");
  if (ratio !== String(target.matchratio ?? "")) ratio ? (sent.matchratio = ratio) : clear.push("matchratio");
  if (clear.length) sent.clear = clear.join(" ");
  return sent;
}
