// Find-only keys of the account, which may be published in an app: made, shown once, revoked.
import { fill, make } from "./dom.js";
import { labelled } from "./targets.js";
import { language, t } from "./texts.js";

export function keysTab(panel, { api, channel, fail, say }) {
  const shown = make("div", { "aria-live": "polite" });
  const list = make("div");
  fill(panel, make("p", {}, t("keys.how")), form(), shown, list);
  load();

  function form() {
    const only = make("input", { type: "checkbox", checked: Boolean(channel), disabled: !channel });
    const until = make("input", { type: "date" });
    const rate = make("input", { type: "number", min: 0.01, step: "any" });
    const create = async (event) => {
      event.preventDefault();
      try {
        const made = await api.addKey({ channels: only.checked ? [channel] : null,
          expires: until.value ? `${until.value}T23:59:59Z` : null, rate: rate.value ? Number(rate.value) : null });
        reveal(made);
        load();
      } catch (error) {
        fail(error);
      }
    };
    return make("form", { class: "filters", onsubmit: create },
      make("label", {}, only, " ", t("keys.only", { channel })), labelled("keys.until", until),
      labelled("keys.rate", rate), make("button", { class: "main" }, t("keys.make")));
  }

  function reveal({ secretkey }) {
    const link = `${location.origin}/scan#${new URLSearchParams({ u: api.username, k: secretkey })}`;
    fill(shown, make("h2", {}, t("keys.made")), make("p", {}, make("code", { class: "secret" }, secretkey)),
      make("p", {}, t("keys.link"), " ", make("a", { href: link, target: "_blank", rel: "noopener" }, link)));
    say("");
  }

  async function load() {
    try {
      fill(list, table(await api.keys()));
    } catch (error) {
      fail(error);
    }
  }

  async function revoke(id) {
    try {
      await api.revokeKey(id);
      load();
    } catch (error) {
      fail(error);
    }
  }

  function table(keys) {
    if (keys.length === 0) return make("p", { class: "quiet" }, t("keys.none"));
    const head = ["keys.id", "keys.channels", "keys.created", "keys.used", "keys.until", ""];
    return make("div", { class: "wide", tabIndex: 0, role: "region", "aria-label": t("gallery.tab.keys") }, make("table", {},
      make("thead", {}, make("tr", {}, head.map((name) => (name ? make("th", { scope: "col" }, t(name)) : make("td"))))),
      make("tbody", {}, keys.map((key) => make("tr", {}, make("td", {}, key.key_id),
        make("td", {}, key.channels?.join(", ") ?? t("keys.all")), make("td", {}, moment(key.created)),
        make("td", {}, key.last_used ? moment(key.last_used) : "—"), make("td", {}, key.expires ? moment(key.expires) : "—"),
        make("td", {}, make("button", { "aria-label": `${t("keys.revoke")}: ${key.key_id}`, onclick: () => revoke(key.key_id) }, t("keys.revoke"))))))));
  }
}

const moment = (text) => new Date(text).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
