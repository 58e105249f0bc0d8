// How often targets were found: a chart by day, and the targets found most.
import { fill, make } from "./dom.js";
import { language, number, t } from "./texts.js";
import { labelled } from "./targets.js";

const TOP = 10;
const DAY = 24 * 3600 * 1000;

export function statisticsTab(panel, { api, channel, signal, fail }) {
  const range = make("select", { onchange: load },
    [7, 30, 90, 365].map((days) => make("option", { value: days }, t("stats.days", { days: number(days) }))));
  range.value = "30";
  const shown = make("div");
  fill(panel, make("div", { class: "filters" }, labelled("stats.range", range)), shown);
  load();

  async function load() {
    const days = lastDays(Number(range.value));
    try {
      const records = await api.statistics(channel, compact(days[0]), compact(days[days.length - 1]));
      if (!signal.aborted && days.length === Number(range.value)) show(days, records); // else another range was chosen
    } catch (error) {
      fail(error);
    }
  }

  function show(days, records) {
    const byDay = new Map(days.map((day) => [compact(day), 0]));
    const byTarget = new Map();
    for (const { date, identifier, count } of records) {
      byDay.set(date, (byDay.get(date) ?? 0) + count);
      byTarget.set(identifier, (byTarget.get(identifier) ?? 0) + count);
    }
    const top = [...byTarget].sort((a, b) => b[1] - a[1]).slice(0, TOP);
    const total = [...byDay.values()].reduce((sum, count) => sum + count, 0);
    fill(shown, make("p", {}, t("stats.total", { count: number(total) })), chart(days, [...byDay.values()]),
      make("h2", {}, t("stats.top")),
      top.length ? table([t("stats.target"), t("stats.count")], top) : make("p", { class: "quiet" }, t("stats.none")),
      make("details", {}, make("summary", {}, t("stats.table")),
        table([t("stats.day"), t("stats.count")], days.map((day) => [words(day), byDay.get(compact(day))]))));
  }
}

function chart(days, counts) {
  const [width, height, foot] = [720, 200, 32];
  const most = Math.max(1, ...counts);
  const step = width / days.length;
  const bars = counts.map((count, i) => {
    const tall = (count / most) * (height - 24);
    return make("rect", { class: "day", x: i * step + step * 0.1, y: height - tall, width: step * 0.8, height: tall },
      make("title", {}, `${words(days[i])}: ${number(count)}`));
  });
  const note = (x, y, text, anchor) => make("text", { x, y, "text-anchor": anchor }, text);
  return make("svg", { class: "chart", viewBox: `0 0 ${width} ${height + foot}`, role: "img", "aria-label": t("stats.chart") },
    make("line", { x1: 0, x2: width, y1: height, y2: height }), bars, note(0, 20, number(most), "start"),
    note(0, height + 26, words(days[0]), "start"), note(width, height + 26, words(days[days.length - 1]), "end"));
}

function table(head, rows) {
  return make("table", {}, make("thead", {}, make("tr", {}, head.map((text) => make("th", { scope: "col" }, text)))),
    make("tbody", {}, rows.map(([name, count]) => make("tr", {}, make("td", {}, name ?? "—"), make("td", {}, number(count))))));
}

// Days are UTC, as the server counts.
function lastDays(count) {
  const today = Math.floor(Date.now() / DAY) * DAY;
  return Array.from({ length: count }, (_, i) => new Date(today - (count - 1 - i) * DAY));
}

const compact = (day) => day.toISOString().slice(0, 10).replaceAll("-", "");
const words = (day) => day.toLocaleDateString(language, { timeZone: "UTC", month: "short", day: "numeric" });
