// The script of the dashboard. Every page is complete without it; the script keeps
// the page up to date, and sends requests for buttons and forms.
//
// Nothing here builds HTML from data: the page is fetched again from the server, and
// its sections replace the old ones.

const REFRESH_MS = 200;
const TOAST_MS = 8_000;

/** The path below which everything is served, when there is one. */
const BASE = document.documentElement.dataset.base ?? "";

const $ = (id) => document.getElementById(id);

// ---- Live: after a pulse, the page is fetched again.

/** The HTML of each section as last sent, so that unchanged sections stay. */
const sent = new Map();
let paused = false;
let refreshing = false;
let again = false;

async function refresh() {
  if (refreshing) {
    again = true;
    return;
  }
  refreshing = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.redirected) location.reload();
    else if (answer.ok) swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // The service is unavailable: the stream shows it and reconnects.
  }
  await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
  refreshing = false;
  if (again) {
    again = false;
    refresh();
  }
}

function swap(fresh) {
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(part.id);
    if (!next || sent.get(part.id) === next.outerHTML) continue;
    sent.set(part.id, next.outerHTML);
    if (part.id === "list" && isHeld(part)) update(part, next);
    else replace(part, next);
  }
}

/** Whether a person is working in the list, so that its rows must not move. */
function isHeld(part) {
  return selected.size > 0 || part.matches(":hover") || part.contains(document.activeElement);
}

/** Updates the rows of a list where they are, and offers the new ones. */
function update(part, next) {
  const keyOf = (row) => row.dataset.id;
  const rows = new Map([...part.querySelectorAll("tbody tr")].map((row) => [keyOf(row), row]));
  let added = 0;
  for (const row of next.querySelectorAll("tbody tr")) {
    const old = rows.get(keyOf(row));
    if (!old) added++;
    else if (old.outerHTML !== row.outerHTML) replace(old, row.cloneNode(true));
  }
  const offer = $("offer");
  if (!offer) return;
  offer.hidden = added === 0;
  offer.textContent = `${added} new`;
  offer.onclick = () => {
    offer.hidden = true;
    replace(part, next);
    $("list")?.querySelector("a")?.focus();
  };
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
  updateTimes();
}

function placeOf(element, part) {
  const place = [...part.querySelectorAll("a, button, input, summary, pre")].indexOf(element);
  return place < 0 ? undefined : place;
}

/** Calls `onPulse` and `onError` for the live stream, which all tabs share where browsers can. */
function openStream(url, onPulse, onError) {
  if (globalThis.SharedWorker) {
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
  let known = document.body.dataset.change;
  let isFirst = true;
  openStream(url, (data) => {
    connection.textContent = paused ? "paused" : "live";
    connection.classList.toggle("on", !paused);
    // The first pulse matters only if something changed since the page was made. A later
    // pulse with the same number reports progress of running tasks.
    if ((!isFirst || data !== known) && !paused) refresh();
    isFirst = false;
    known = data;
  }, (isClosed) => {
    connection.textContent = "reconnecting";
    connection.classList.remove("on");
    // A refused stream, as after the end of a session, does not reconnect by itself.
    if (isClosed) setTimeout(() => location.reload(), 5_000);
  });
  $("pause").addEventListener("click", ({ target }) => {
    paused = !paused;
    target.textContent = paused ? "Resume live updates" : "Pause live updates";
    connection.textContent = paused ? "paused" : "live";
    connection.classList.toggle("on", !paused);
    if (!paused) refresh();
  });
}

// ---- Times: relative times are updated while nothing else changes.

/** Times on hover are those of the reader, with the zone. */
const LOCAL_TIME = { dateStyle: "medium", timeStyle: "long" };
const LOCAL_DAY = { weekday: "short", day: "numeric" };
const LOCAL_CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const LOCAL_DAY_AND_CLOCK = { ...LOCAL_DAY, ...LOCAL_CLOCK };
const UNITS = [[86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"]];

function updateTimes() {
  for (const time of document.querySelectorAll("time.ago")) {
    const seconds = (Date.parse(time.dateTime) - Date.now()) / 1_000;
    const size = Math.floor(Math.abs(seconds));
    const [unit, name] = UNITS.find(([unit]) => size >= unit) ?? [1, "s"];
    const text = `${Math.floor(size / unit)} ${name}`;
    time.title = new Date(time.dateTime).toLocaleString([], LOCAL_TIME);
    time.textContent = size < 1 ? "now" : seconds < 0 ? `${text} ago` : `in ${text}`;
  }
  for (const time of document.querySelectorAll("time.clock, time.day")) {
    const at = new Date(time.dateTime);
    time.title = at.toLocaleString([], LOCAL_TIME);
    time.textContent = at.toLocaleString([], time.className === "day" ? LOCAL_DAY : LOCAL_CLOCK);
  }
  // The bars of a chart say when they were.
  for (const title of document.querySelectorAll("title[data-at]")) {
    const at = new Date(title.dataset.at).toLocaleString([], LOCAL_DAY_AND_CLOCK);
    title.textContent = title.textContent.replace(/^.*?: /, `${at}: `);
    delete title.dataset.at;
  }
}

// ---- The API: buttons that send a request.

async function ask(call, json) {
  const [method, path] = call.split(" ");
  const request = json ? { body: json, headers: { "content-type": "application/json" } } : {};
  const answer = await fetch(BASE + path, { method, ...request });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(body.detail ?? answer.statusText);
  return body;
}

/** `{cancelled: 3, aborting: 1}` as words. */
function resultText(done, body) {
  const counts = Object.entries(body).filter(([, value]) => typeof value === "number");
  const isTally = counts.length > 0 && counts.length === Object.keys(body).length;
  return isTally ? counts.map(([name, count]) => `${count} ${name}`).join(", ") : done;
}

function toast(text, undo) {
  const box = document.createElement("div");
  box.className = "toast";
  box.append(Object.assign(document.createElement("span"), { textContent: text }));
  if (undo) {
    const button = Object.assign(document.createElement("button"), {
      type: "button",
      textContent: "Undo",
    });
    button.addEventListener("click", async () => {
      box.remove();
      await run(undo, "Undone");
    });
    box.append(button);
  }
  $("toasts").append(box);
  setTimeout(() => box.remove(), TOAST_MS);
}

async function run(work, done, undo) {
  try {
    toast(resultText(done, await work()), undo);
  } catch (error) {
    toast(error.message);
  }
  refresh();
}

function confirmed(question) {
  if (!question) return Promise.resolve(true);
  const dialog = $("confirm");
  $("confirm-text").textContent = question;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) =>
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true })
  );
}

async function press({ dataset }) {
  if (dataset.copy) {
    await navigator.clipboard.writeText($(dataset.copy).textContent).then(
      () => toast("Copied"),
      () => toast("The browser does not allow copying"),
    );
    return;
  }
  if (dataset.bulk) return await pressBulk(dataset);
  if (!await confirmed(dataset.confirm)) return;
  const undo = dataset.undo && (() => ask(dataset.undo));
  await run(() => ask(dataset.call, dataset.body), dataset.done, undo);
}

async function pressBulk({ bulk, undo }) {
  const ids = [...selected];
  const question = `Cancel ${ids.length} selected ${ids.length === 1 ? "task" : "tasks"}?`;
  if (bulk.startsWith("DELETE") && !await confirmed(question)) return;
  const each = (call) => async () => {
    let good = 0;
    const left = [...ids];
    const one = async () => {
      for (let id = left.pop(); id; id = left.pop()) {
        await ask(call.replace("{id}", id)).then(() => good++, () => {});
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
    const bad = ids.length - good;
    return bad > 0 ? { done: good, "not possible": bad } : { done: good };
  };
  await run(each(bulk), "Done", undo && each(undo));
  unselect();
}

// ---- Bulk actions.

/** Requests of a bulk action at once. */
const AT_ONCE = 8;
const SELECTION = "postrider-selected";
/** Ids of the selected tasks: also of those on other pages of the list, until they are acted on. */
const selected = new Set(
  location.pathname === `${BASE}/ui/tasks`
    ? JSON.parse(sessionStorage.getItem(SELECTION) ?? "[]")
    : [],
);

const ticks = () => [...document.querySelectorAll('input[name="task"]')];

/** Takes the ticks of the page into the selection. */
function select(boxes) {
  for (const { value, checked } of boxes) checked ? selected.add(value) : selected.delete(value);
  sessionStorage.setItem(SELECTION, JSON.stringify([...selected]));
  countSelected();
}

/** Ticks what is selected. */
function tickSelected() {
  for (const box of ticks()) box.checked = selected.has(box.value);
  countSelected();
}

function unselect() {
  selected.clear();
  select([]);
  tickSelected();
}

function countSelected() {
  const text = $("ticked");
  if (!text) return;
  const count = selected.size;
  const shown = ticks().filter(({ checked }) => checked).length;
  const elsewhere = count > shown ? ` (${count - shown} on other pages)` : "";
  text.textContent = count === 0 ? "None selected" : `${count} selected${elsewhere}`;
  $("unselect").hidden = count === 0;
  for (const button of document.querySelectorAll("[data-bulk]")) {
    button.disabled = count === 0;
    button.querySelector(".number").dataset.number = count === 0 ? "" : `${count} `;
  }
  const all = $("tick-all");
  if (all) all.checked = shown > 0 && shown === ticks().length;
}

// ---- Sending: a form becomes the JSON of a submit.

const LISTS = ["to", "tags"];

function submitOf(form) {
  const body = {};
  let format = "text";
  for (const [name, value] of new FormData(form)) {
    const text = String(value);
    if (text.trim() === "") continue;
    if (name === "format") format = text;
    else if (name === "headers") body.headers = headersOf(text);
    else if (name === "priority") body.priority = Number(text);
    else if (name === "retry") body.retry = /^\d+$/.test(text.trim()) ? Number(text) : text;
    else if (LISTS.includes(name)) body[name] = text.split(",").map((one) => one.trim());
    else body[name] = text;
  }
  if (format !== "text" && body.text !== undefined) {
    body[format] = body.text;
    delete body.text;
  }
  return body;
}

function headersOf(text) {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return Object.fromEntries(lines.map((line) => {
    const at = line.indexOf(":");
    return at < 0 ? [line.trim(), ""] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
  }));
}

async function send(form, isDryRun) {
  for (const place of form.querySelectorAll("[data-fault]")) place.textContent = "";
  for (const field of form.elements) field.removeAttribute("aria-invalid");
  const preview = $(`${form.id}-preview`);
  preview.hidden = true;
  const answer = await fetch(form.dataset.send + (isDryRun ? "?dryRun=true" : ""), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(submitOf(form)),
  });
  const body = await answer.json();
  if (answer.ok && isDryRun) {
    preview.textContent = JSON.stringify(body, null, 2);
    preview.hidden = false;
    return;
  }
  if (answer.ok) {
    location.assign(`${BASE}/ui/${body.id.startsWith("bat") ? "batches" : "tasks"}/${body.id}`);
    return;
  }
  let first;
  for (const { pointer, detail } of body.errors ?? []) {
    const given = pointer.split("/")[1];
    const name = ["html", "markdown"].includes(given) ? "text" : given;
    const place = form.querySelector(`[data-fault="${CSS.escape(name)}"]`);
    if (!place) continue;
    place.textContent = detail;
    const field = form.elements[name];
    field.setAttribute("aria-invalid", "true");
    first ??= field;
  }
  first?.closest("details")?.setAttribute("open", "");
  first?.focus();
  toast(body.detail ?? body.title);
}

// ---- Start.

document.addEventListener("click", ({ target }) => {
  if (target.id === "unselect") return unselect();
  const button = target.closest("button[data-call], button[data-bulk], button[data-copy]");
  if (button) press(button);
});
document.addEventListener("change", ({ target }) => {
  if (target.id === "tick-all") {
    for (const one of ticks()) one.checked = target.checked;
    select(ticks());
  } else if (target.name === "task") select([target]);
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
document.addEventListener("submit", (event) => {
  if (!event.target.dataset.send) return;
  event.preventDefault();
  send(event.target, event.submitter?.name === "dryRun").catch((error) => toast(error.message));
});

tickSelected();
updateTimes();
setInterval(updateTimes, 5_000);
if (document.body.dataset.follow) follow(document.body.dataset.follow);
