// /gallery: sign in, choose a channel, and what can be done with it, a tab each.
import { Api } from "./api.js";
import { byId, fill, make } from "./dom.js";
import { keysTab } from "./keys.js";
import { statisticsTab } from "./statistics.js";
import { targetsTab } from "./targets.js";
import { explain, number, t, translatePage } from "./texts.js";
import { trialTab } from "./trial.js";
import { uploadTab } from "./upload.js";

const KEPT = "arcli"; // in sessionStorage alone: gone when the tab is closed
const TABS = { targets: targetsTab, add: uploadTab, try: trialTab, statistics: statisticsTab, keys: keysTab };
const state = { api: null, channel: "", tab: "targets", leave: null };

function say(text, isError = false) {
  byId("status").textContent = text;
  byId("status").className = isError ? "error" : "";
}

async function signIn(username, secretkey) {
  const api = new Api(username, secretkey);
  let channels;
  try {
    channels = await api.channels();
  } catch (error) {
    if (!error.later) sessionStorage.removeItem(KEPT); // busy or offline: the next reload signs in
    byId("signin").hidden = false;
    return say(explain(error), true);
  }
  sessionStorage.setItem(KEPT, JSON.stringify([username, secretkey]));
  state.api = api;
  byId("signin").reset();
  byId("signin").hidden = true;
  for (const id of ["work", "pick", "out"]) byId(id).hidden = false;
  const names = channels.map(({ name, targets }) => make("option", { value: name }, `${name} (${number(targets)})`));
  fill(byId("channel"), names);
  say(channels.length ? "" : t("gallery.no_channel"));
  state.channel = channels[0]?.name ?? "";
  openTab(state.tab);
  return undefined;
}

function signOut() {
  sessionStorage.clear();
  location.reload();
}

function openTab(name) {
  state.leave?.abort();
  state.leave = new AbortController();
  state.tab = name;
  say("");
  for (const tab of byId("tabs").children) {
    tab.setAttribute("aria-selected", String(tab.dataset.tab === name));
    tab.tabIndex = tab.dataset.tab === name ? 0 : -1;
  }
  const panel = byId("panel");
  panel.setAttribute("aria-labelledby", `tab-${name}`);
  panel.replaceChildren();
  const { signal } = state.leave;
  const here = (speak) => (...words) => signal.aborted || speak(...words); // nothing of a tab that was left
  if (state.channel || name === "keys")
    TABS[name](panel, { api: state.api, channel: state.channel, signal, say: here(say), fail: here(fail), toast });
}

function fail(error) {
  if (error.name !== "AbortError") say(explain(error), true);
}

let fading;

/** Show a message for a while, with what can still be done: {words, act}. */
function toast(text, offer) {
  const box = byId("toast");
  clearTimeout(fading);
  fill(box, make("span", {}, text), offer && make("button", { onclick: () => (hide(), offer.act()) }, offer.words));
  box.hidden = false;
  const hide = () => { box.hidden = true; };
  fading = setTimeout(hide, 60_000);
}

function makeTabs() {
  const names = Object.keys(TABS);
  fill(byId("tabs"), names.map((name) => make("button", { id: `tab-${name}`, role: "tab", "data-tab": name,
    "aria-controls": "panel", onclick: () => openTab(name) }, t(`gallery.tab.${name}`))));
  byId("tabs").setAttribute("aria-label", t("gallery.title"));
  byId("tabs").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: names.length - 1 }[event.key];
    if (!step) return;
    openTab(names[(names.indexOf(state.tab) + step) % names.length]);
    byId(`tab-${state.tab}`).focus();
  });
}

translatePage();
document.title = `${t("gallery.title")} · arcli`;
makeTabs();
byId("out").addEventListener("click", signOut);
byId("channel").addEventListener("change", ({ target }) => {
  state.channel = target.value;
  openTab(state.tab);
});
byId("signin").addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = new FormData(event.target);
  signIn(typed.get("username"), typed.get("secretkey"));
});
const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
if (kept === null) byId("signin").hidden = false;
else signIn(...kept);
performance.mark("ready");
