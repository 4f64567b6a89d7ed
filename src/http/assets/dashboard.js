// The script of the dashboard. Every page is complete without it; the script keeps
// the page up to date, and sends requests for buttons and forms.
//
// Nothing here builds HTML from data: the page is fetched again from the server, and
// its sections replace the old ones.

import { $, afterPaint, ask, BASE, confirmed, resultText, toast } from "./api.js";
import "./keyboard.js";
import { noticeFailures } from "./notices.js";
import {
  countExactly,
  followList,
  isListHeld,
  pressAll,
  pressBulk,
  tickSelected,
  updateList,
} from "./tasks.js";

/** The shortest time between the end of an update and the next one, in milliseconds. */
const REFRESH_MS = 100;

// ---- Live: after a pulse, the page is fetched again.

/** The HTML of each section as last sent, so that unchanged sections stay. */
const sent = new Map();
let paused = false;
let refreshing = false;
let again = false;

async function refresh() {
  // A hidden tab is updated when it is shown again.
  if (refreshing || document.hidden) {
    again = true;
    return;
  }
  refreshing = true;
  again = false;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.redirected) location.reload();
    else if (answer.ok) swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // The service is unavailable: the stream shows it and reconnects.
  }
  await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
  refreshing = false;
  if (again) refresh();
}

function swap(fresh) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(part.id);
    if (!next || sent.get(part.id) === next.outerHTML) continue;
    sent.set(part.id, next.outerHTML);
    if (part.id === "list" && isListHeld(part)) updateList(part, next, replace);
    else replace(part, next);
  }
  updateTimes();
  countExactly().catch(() => {});
}

/** Keeps focus, ticked boxes and open details. */
function replace(part, next) {
  const focused = document.activeElement;
  const place = part.contains(focused) ? placeOf(focused, part) : undefined;
  const open = [...part.querySelectorAll("details[open]")].map(({ id }) => id);
  part.replaceWith(document.adoptNode(next));
  tickSelected();
  for (const id of open) if ($(id)) $(id).open = true;
  if (place !== undefined) next.querySelectorAll("a, button, input, summary, pre")[place]?.focus();
}

function placeOf(element, part) {
  const place = [...part.querySelectorAll("a, button, input, summary, pre")].indexOf(element);
  return place < 0 ? undefined : place;
}

/** Calls `onPulse` and `onError` for the live stream, which all tabs share where browsers can. */
function openStream(url, onPulse, onError) {
  if (globalThis.SharedWorker) {
    // One path for all versions of the pages, because they share it.
    const { port } = new SharedWorker(`${BASE}/ui/assets/live-worker.js`);
    port.onmessage = ({ data }) =>
      data.type === "pulse" ? onPulse(data.data) : onError(data.isClosed);
    const join = () => port.postMessage({ follow: new URL(url, location.href).href });
    addEventListener("pagehide", () => port.postMessage({ leave: true }));
    addEventListener("pageshow", ({ persisted }) => persisted && join());
    join();
    return;
  }
  let source;
  const open = () => {
    source = new EventSource(url);
    source.addEventListener("pulse", ({ data }) => onPulse(data));
    source.addEventListener("error", () => onError(source.readyState === EventSource.CLOSED));
  };
  // A hidden tab gives its connection to the others.
  document.addEventListener("visibilitychange", () => document.hidden ? source.close() : open());
  addEventListener("pagehide", () => source.close());
  open();
}

function follow(url) {
  const connection = $("connection");
  let known = $("change")?.value;
  let isFirst = true;
  openStream(url, (data) => {
    connection.textContent = paused ? "paused" : "live";
    connection.classList.toggle("on", !paused);
    // The first pulse matters only if something changed since the page was made. A later
    // pulse with the same number reports progress of running tasks.
    if ((!isFirst || data !== known) && !paused) refresh();
    if (!isFirst) noticeFailures();
    isFirst = false;
    known = data;
  }, (isClosed) => {
    connection.textContent = "reconnecting";
    connection.classList.remove("on");
    // A refused stream, as after the end of a session, does not reconnect by itself.
    if (isClosed) setTimeout(() => location.reload(), 5_000);
  });
  document.addEventListener("visibilitychange", () => {
    if (again && !refreshing && !paused) refresh();
  });
  $("pause").addEventListener("click", ({ target }) => {
    paused = !paused;
    target.textContent = paused ? "Resume live updates" : "Pause live updates";
    connection.textContent = paused ? "paused" : "live";
    connection.classList.toggle("on", !paused);
    if (paused) return;
    followList();
    refresh();
  });
}

// ---- Times: relative times are updated while nothing else changes.

/** Times on hover are those of the reader, with the zone. */
const LOCAL_TIME = { dateStyle: "medium", timeStyle: "long" };
const LOCAL_DAY = { weekday: "short", day: "numeric" };
const LOCAL_CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const LOCAL_WHOLE = {
  ...LOCAL_DAY,
  month: "short",
  year: "numeric",
  ...LOCAL_CLOCK,
  timeZoneName: "short",
};
const LOCAL_DAY_AND_CLOCK = { ...LOCAL_DAY, ...LOCAL_CLOCK };
/** Formats by their options: making one takes longer than a hundred uses. */
const formats = new Map();

function local(date, options) {
  const format = formats.get(options) ?? new Intl.DateTimeFormat([], options);
  formats.set(options, format);
  return format.format(date);
}

const UNITS = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]];

/** A text that stays the same is not written again: the browser would lay out the page again. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function updateTimes() {
  const now = Date.now();
  for (const time of document.querySelectorAll("time.ago")) {
    const seconds = (Date.parse(time.dateTime) - now) / 1_000;
    const size = Math.floor(Math.abs(seconds));
    const [unit, name] = UNITS.find(([unit]) => size >= unit) ?? [1, "s"];
    const text = `${Math.floor(size / unit)} ${name}`;
    write(time, size < 1 ? "now" : seconds < 0 ? `${text} ago` : `in ${text}`);
  }
  showLocalTimes();
}

/** The server writes these in UTC. */
function showLocalTimes() {
  for (const time of document.querySelectorAll("time.clock, time.day")) {
    const at = new Date(time.dateTime);
    write(time, local(at, time.className === "day" ? LOCAL_DAY : LOCAL_CLOCK));
  }
  for (const time of document.querySelectorAll("time.local")) {
    write(time, local(new Date(time.dateTime), LOCAL_WHOLE));
  }
}

/** Times and the bars of a chart say when they were, once the pointer is on them. */
function nameMoment({ target }) {
  const time = target.closest?.("time.ago, time.clock, time.day");
  if (time) time.title = local(new Date(time.dateTime), LOCAL_TIME);
  const title = target.closest?.("svg g")?.querySelector("title[data-at]");
  if (!title) return;
  const at = local(new Date(title.dataset.at), LOCAL_DAY_AND_CLOCK);
  title.textContent = title.textContent.replace(/^.*?: /, `${at}: `);
  delete title.dataset.at;
}

// ---- The API: buttons that send a request.

async function run(work, done, undo) {
  try {
    toast(resultText(done, await work()), undo);
  } catch (error) {
    toast(error.message);
  }
  refresh();
}

async function press(button) {
  const { dataset } = button;
  if (dataset.copy) {
    await navigator.clipboard.writeText($(dataset.copy).textContent).then(
      () => toast("Copied"),
      () => toast("The browser does not allow copying"),
    );
    return;
  }
  if (dataset.bulk) return await pressBulk(dataset, refresh);
  if (dataset.all) return await pressAll(button, refresh);
  if (!await confirmed(dataset.confirm)) return;
  if (dataset.leads !== undefined) {
    const { id } = await ask(dataset.call, dataset.body);
    return location.assign(`${BASE}/ui/${id.startsWith("bat") ? "batches" : "tasks"}/${id}`);
  }
  const undo = dataset.undo && (() => run(() => ask(dataset.undo), "Undone"));
  await run(() => ask(dataset.call, dataset.body), dataset.done, undo);
}

// ---- Start.

document.addEventListener("click", ({ target }) => {
  const button = target.closest("button[data-call], button[data-bulk], button[data-copy]");
  if (button) press(button).catch((error) => toast(error.message));
});
/** A clock time of a form is the latest such moment of the reader's. */
document.addEventListener("submit", ({ target }) => {
  const field = target.elements[target.dataset.clock];
  const [, hours, minutes] = /^\s*(\d\d?):(\d\d)\s*$/.exec(field?.value) ?? [];
  if (minutes === undefined) return;
  const at = new Date();
  at.setHours(Number(hours), Number(minutes), 0, 0);
  if (at > new Date()) at.setDate(at.getDate() - 1);
  field.value = at.toISOString();
});

document.addEventListener("pointerover", nameMoment);
showLocalTimes();
setInterval(updateTimes, 5_000);
afterPaint(() => {
  document.documentElement.classList.add("painted");
  tickSelected();
  // The menu of a phone scrolls: the entry of this page is in view.
  document.querySelector("nav [aria-current=page]")?.scrollIntoView({
    inline: "center",
    block: "nearest",
  });
  if (document.body.dataset.follow) follow(document.body.dataset.follow);
  countExactly().catch(() => {});
});
