// The pages' words, in the language that the browser prefers: English or Chinese.
import en from "./texts.en.js";
import zh from "./texts.zh.js";

const chosen = (navigator.languages ?? [navigator.language]).find((name) => /^(en|zh)\b/i.test(name)) ?? "en";
export const language = chosen.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
const words = language === "en" ? en : { ...en, ...zh };

/** A text with its {places} filled. */
export function t(name, places = {}) {
  const text = words[name] ?? name;
  return text.replace(/\{(\w+)\}/g, (whole, place) => (place in places ? String(places[place]) : whole));
}

/** What could be better about a picture: in the server's own English words, which have the numbers too. */
export function advise({ code, message, advice }) {
  return words[`hint.${code}`] ?? [message, advice].filter(Boolean).join("; ");
}

/** What to tell a person about an error. */
export function explain(error) {
  const known = words[`error.${error.code}`];
  if (known) return known;
  return error.message ? t("error.other", { message: error.message }) : t("error.unknown");
}

export const number = (value) => new Intl.NumberFormat(language).format(value);
export const percent = (value) => new Intl.NumberFormat(language, { style: "percent" }).format(value);

/** Fill what the page marks with data-t (its text), data-t-label and data-t-hint. */
export function translatePage() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-t-label]")) element.setAttribute("aria-label", t(element.dataset.tLabel));
  for (const element of document.querySelectorAll("[data-t-hint]")) element.setAttribute("placeholder", t(element.dataset.tHint));
}
