// The list of tasks: its selection, its bulk actions, its columns, and its rows, which
// stay where they are while someone works with them.

import { $, ask, askWithProgress, BASE, confirmed, number, showProgress, toast } from "./api.js";

/** Requests of a bulk action at once. */
const AT_ONCE = 8;
const SELECTION = "postrider-selected";

// ---- Rows that hold still.

/** Whether someone has worked in the list since it was shown whole: its rows do not move then. */
let isUsed = false;

export function isListHeld(list) {
  return isUsed || selected.size > 0 || list.matches(":hover") ||
    list.contains(document.activeElement) || scrollY > list.offsetTop;
}

/** Shows the list as it is now at the next update. */
export function followList() {
  isUsed = false;
}

/** Updates the rows of a list where they are, and offers the new ones. */
export function updateList(list, next, replace) {
  isUsed = true;
  const rows = new Map([...list.querySelectorAll("tbody tr")].map((row) => [row.dataset.id, row]));
  let added = 0;
  for (const row of next.querySelectorAll("tbody tr")) {
    const old = rows.get(row.dataset.id);
    rows.delete(row.dataset.id);
    if (!old) added++;
    else if (old.outerHTML !== row.outerHTML) replace(old, row.cloneNode(true));
  }
  // What is not in the list any more has moved to a later page, or does not match any more.
  const isComplete = !next.querySelector('a[rel="next"]');
  for (const row of rows.values()) row.classList.toggle("gone", isComplete);
  const offer = $("offer");
  if (!offer) return;
  const gone = isComplete ? rows.size : 0;
  offer.hidden = added === 0 && gone === 0;
  offer.textContent = added > 0 ? `${number(added)} new` : `${number(gone)} gone`;
  offer.onclick = () => {
    offer.hidden = true;
    replace(list, next);
    $("list")?.querySelector("tbody a")?.focus();
  };
}

/** The shortest time between two exact counts, in milliseconds. */
const COUNT_MS = 5_000;
let countedAt = -COUNT_MS;
let counting = new AbortController();
// Otherwise the next page may wait in the browser until the count has ended.
addEventListener("beforeunload", () => counting.abort());

/** An exact count takes longer than the page; it replaces "or more" when it is known. */
export async function countExactly() {
  const place = document.querySelector("#matches [data-count]");
  if (!place || performance.now() - countedAt < COUNT_MS) return;
  countedAt = performance.now();
  const path = place.dataset.count;
  counting = new AbortController();
  const { count, complete } = await ask(`GET ${path}`, undefined, counting.signal);
  const now = document.querySelector("#matches [data-count]");
  if (now?.dataset.count === path) now.textContent = number(count) + (complete ? "" : " or more");
}

// ---- The selection.

/** Ids of the selected tasks: also of those on other pages of the list, until they are acted on. */
const selected = new Set(
  location.pathname === `${BASE}/ui/tasks`
    ? JSON.parse(sessionStorage.getItem(SELECTION) ?? "[]")
    : [],
);

const ticks = () => [...document.querySelectorAll('input[name="task"]')];

/** Takes the ticks of the page into the selection. */
export function select(boxes) {
  for (const { value, checked } of boxes) checked ? selected.add(value) : selected.delete(value);
  sessionStorage.setItem(SELECTION, JSON.stringify([...selected]));
  countSelected();
}

/** Ticks what is selected. */
export function tickSelected() {
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

// ---- Bulk actions.

const VERBS = { DELETE: "Cancelling", retry: "Retrying", run: "Running" };
const verbOf = (call) =>
  VERBS[call.split(" ")[0]] ?? VERBS[call.match(/\/(\w+)(?:\?|$)/)?.[1]] ?? "Changing";

/** Acts on each selected task. */
export async function pressBulk({ bulk, undo }, refresh) {
  const ids = [...selected];
  const question = `Cancel ${ids.length} selected ${ids.length === 1 ? "task" : "tasks"}?`;
  if (bulk.startsWith("DELETE") && !await confirmed(question)) return;
  const each = async (call, ids) => {
    const progress = ids.length > 50 ? showProgress(verbOf(call), ids.length) : undefined;
    const good = [];
    const left = [...ids];
    let done = 0;
    let why;
    const one = async () => {
      for (let id = left.pop(); id; id = left.pop()) {
        await ask(call.replace("{id}", id)).then(() => good.push(id), (error) => why = error);
        progress?.update(++done);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
    progress?.remove();
    const bad = ids.length - good.length;
    const text = bad > 0
      ? `${number(good.length)} done, ${number(bad)} not possible: ${why.message}`
      : `${number(good.length)} done`;
    return { good, text };
  };
  const { good, text } = await each(bulk, ids);
  // The undo takes back only what was done.
  const takeBack = async () => {
    toast((await each(undo, good)).text);
    refresh();
  };
  toast(text, undo && good.length > 0 ? takeBack : undefined, ids.length > 50);
  unselect();
  refresh();
}

/** Acts on all tasks that match the search, with progress. */
export async function pressAll(button, refresh) {
  const { call, confirm, undo, all, exactly, done } = button.dataset;
  let total = Number(all);
  let question = confirm;
  if (exactly) {
    const counted = await ask(`GET ${exactly}`);
    total = counted.count;
    const words = number(total) + (counted.complete ? "" : " or more");
    question = confirm.replace(/all [\d\u202f]+ or more/, `all ${words}`);
  }
  if (!await confirmed(question)) return;
  await changeAll(call, total, done, undo, refresh);
}

async function changeAll(call, total, done, undo, refresh) {
  const progress = showProgress(verbOf(call), total);
  let last;
  try {
    const result = await askWithProgress(call, (part) => {
      last = part;
      progress.update(part.changed);
    });
    const words = Object.entries(result).map(([name, count]) => `${number(count)} ${name}`);
    // The undo names what was changed between the start and the end.
    const span = last && new URLSearchParams({
      finishedSince: last.startedAt,
      finishedUntil: last.at,
    });
    const takeBack = () => changeAll(`${undo}&${span}`, result.cancelled, "Undone", "", refresh);
    toast(words.join(", ") || done, undo && result.cancelled > 0 ? takeBack : undefined, true);
  } catch (error) {
    toast(error.message);
  }
  progress.remove();
  refresh();
}

// ---- The columns.

function openView() {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-label", "Columns of the list");
  dialog.append($("view-form").content.cloneNode(true));
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    const chosen = [...dialog.querySelectorAll("input:checked")].map(({ value }) => value);
    dialog.remove();
    if (dialog.returnValue !== "yes") return;
    const year = 365 * 86_400;
    document.cookie = `postrider-view=${
      chosen.join(".")
    }; Path=${BASE}/; Max-Age=${year}; SameSite=Strict`;
    location.reload();
  });
  dialog.showModal();
}

// ---- Start.

document.addEventListener("click", ({ target }) => {
  if (target.id === "unselect") unselect();
  if (target.id === "view-open") openView();
});
document.addEventListener("change", ({ target }) => {
  if (target.id === "tick-all") {
    for (const one of ticks()) one.checked = target.checked;
    select(ticks());
  } else if (target.name === "task") select([target]);
});
document.addEventListener("pointerover", ({ target }) => {
  if (target.closest?.("#list tbody")) isUsed = true;
});
