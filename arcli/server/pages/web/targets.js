// The targets of a channel, a page at a time: search, filter, edit, remove and bring back.
import { byId, fill, make } from "./dom.js";
import { editTarget } from "./edit.js";
import { explain, number, t } from "./texts.js";

const PAGE = 48;
const AT_A_TIME = 4; // pictures that are fetched at once
const GONE = "arcli.removed"; // in sessionStorage, for reloads: what brings removed targets back

export function targetsTab(panel, { api, channel, signal, fail, toast }) {
  const query = { position: 0, limit: PAGE };
  let loading = null;
  const list = make("ul", { class: "cards" });
  const count = make("p", { class: "quiet", role: "status" });
  const [back, on] = [pager("‹", "gallery.back", -PAGE), pager("›", "gallery.on", PAGE)];
  const gone = make("p", { class: "bar" });
  fill(panel, filters(), make("div", { class: "bar" }, back, on, count), gone, list);
  showGone();
  load();

  function pager(sign, words, step) {
    return make("button", { "aria-label": t(words), onclick: () => {
      query.position = Math.max(0, query.position + step);
      load();
    } }, sign);
  }

  function filters() {
    const prefix = make("input", { type: "search", name: "prefix" });
    const active = choice({ "": "gallery.any", true: "gallery.active", false: "gallery.inactive" });
    const level = choice({ "": "gallery.any", 1: "1", 2: "2", 3: "3", 4: "4", 5: "5" });
    const where = make("input", { type: "search", name: "where", placeholder: "title=Card" });
    const form = make("form", { class: "filters", role: "search", onsubmit: (event) => event.preventDefault() },
      labelled("gallery.search", prefix), labelled("gallery.state", active), labelled("gallery.level", level),
      labelled("gallery.where", where));
    form.addEventListener("input", () => {
      Object.assign(query, { position: 0, prefix: prefix.value.trim(), active: active.value, level: level.value,
        where: where.value.includes("=") ? where.value.trim() : "" });
      load();
    });
    return form;
  }

  async function load() {
    loading?.abort();
    loading = new AbortController();
    const until = loading.signal;
    signal.addEventListener("abort", () => loading.abort(), { signal: until });
    try {
      const page = await api.targets(channel, query, until);
      if (page.targets.length === 0 && page.totalcount > 0 && query.position > 0) {
        query.position = Math.floor((page.totalcount - 1) / PAGE) * PAGE;
        await load();
        return;
      }
      show(page, until);
    } catch (error) {
      if (!until.aborted) fail(error);
    }
  }

  function show(page, until) {
    for (const image of list.querySelectorAll("img")) URL.revokeObjectURL(image.src);
    const [from, to] = [query.position + 1, query.position + page.targets.length];
    count.textContent = page.totalcount
      ? t("gallery.count", { from: number(from), to: number(to), total: number(page.totalcount) })
      : t("gallery.none");
    back.disabled = query.position === 0;
    on.disabled = to >= page.totalcount;
    const cards = page.targets.map(card);
    fill(list, cards.map(({ element }) => element));
    pictures(cards, until);
  }

  function card(target) {
    const image = make("img", { alt: "", width: 160, height: 120 });
    const element = make("li", { class: target.active ? "card" : "card inactive" }, image,
      make("h2", {}, target.identifier),
      make("p", { class: "quiet" }, target.level ? t("gallery.level.is", { level: target.level }) : "",
        target.active ? "" : ` · ${t("gallery.inactive")}`),
      make("div", { class: "bar" },
        make("button", { "aria-label": `${t("gallery.edit")}: ${target.identifier}`, onclick: () => edit(target) }, t("gallery.edit")),
        make("button", { "aria-label": `${t("gallery.remove")}: ${target.identifier}`, onclick: () => remove(target) }, t("gallery.remove"))));
    return { element, image, target };
  }

  async function pictures(cards, until) {
    const waiting = cards.slice();
    const one = async () => {
      for (let next = waiting.shift(); next && !until.aborted; next = waiting.shift()) {
        try {
          next.image.src = URL.createObjectURL(await api.picture(channel, next.target.identifier, until));
        } catch {
          next.image.remove(); // not kept, or removed meanwhile
        }
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, one));
  }

  async function edit(target) {
    const save = (changes) => api.update(channel, target.identifier, changes);
    if (!await editTarget(byId("dialog"), target, save, hints(target))) return;
    await load();
    focusOn(target.identifier);
  }

  async function hints({ identifier }) {
    return (await api.check(channel, await api.picture(channel, identifier, signal))).hints;
  }

  /** Give the focus to a target's first button: the one that had it went with the old list. */
  function focusOn(identifier) {
    list.querySelector(`[aria-label=${JSON.stringify(`${t("gallery.edit")}: ${identifier}`)}]`)?.focus();
  }

  async function remove({ identifier }) {
    try {
      const { removed } = await api.remove(channel, identifier);
      keepGone([...readGone(), { channel, identifier, removed }]);
      showGone();
      toast(t("gallery.removed", { identifier }), { words: t("gallery.undo"), act: () => undo(identifier, removed) });
      await load();
      byId("toast").querySelector("button")?.focus();
    } catch (error) {
      fail(error);
    }
  }

  /** Offer to bring back what was removed in this tab, also before a reload. */
  function showGone() {
    const mine = readGone().filter((one) => one.channel === channel).reverse();
    fill(gone, mine.length ? t("gallery.lately") : null, mine.map(({ identifier, removed }) =>
      make("button", { "aria-label": `${t("gallery.undo")}: ${identifier}`, onclick: () => undo(identifier, removed) }, identifier)));
  }

  async function undo(identifier, removed) {
    try {
      await api.restore(channel, removed);
      toast(t("gallery.restored", { identifier }));
      keepGone(readGone().filter((one) => one.removed !== removed));
    } catch (error) {
      toast(explain(error));
    }
    if (signal.aborted) return;
    showGone();
    await load();
    focusOn(identifier);
  }
}

function readGone() {
  try {
    return JSON.parse(sessionStorage.getItem(GONE)) ?? [];
  } catch {
    return [];
  }
}

/** Keep what was removed, the newest as far as there is room. */
function keepGone(removals) {
  for (let from = 0; from <= removals.length; from++) {
    try {
      sessionStorage.setItem(GONE, JSON.stringify(removals.slice(from)));
      return;
    } catch { /* over the browser's limit */ }
  }
}

export function labelled(words, field) {
  return make("label", {}, t(words), field);
}

function choice(options) {
  const made = Object.entries(options).map(([value, words]) => make("option", { value }, t(words)));
  made.sort((a, b) => (a.value === "" ? -1 : 0) - (b.value === "" ? -1 : 0));
  return make("select", {}, made);
}
