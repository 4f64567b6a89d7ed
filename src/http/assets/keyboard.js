// Shortcuts. They do nothing while someone types into a field, or while a dialog is open.

import { $, BASE } from "./api.js";

const PLACES = {
  o: "/",
  t: "/ui/tasks",
  b: "/ui/batches",
  h: "/ui/lanes",
  s: "/ui/schedules",
  w: "/ui/hooks",
  n: "/ui/send",
  c: "/ui/channels",
  m: "/manual",
};
/** How long after `g` the next key opens a page, in milliseconds. */
const GO_MS = 1_500;

let goUntil = 0;

const rows = () => [...document.querySelectorAll("table.tasks tbody tr")];
const isTyping = (target) =>
  target.isContentEditable || /^(?:TEXTAREA|SELECT)$/.test(target.tagName) ||
  (target.tagName === "INPUT" && target.type !== "checkbox");

/** Moves the focus to the next row, or to the one before; the list then holds still. */
function move(by) {
  const all = rows();
  const at = all.findIndex((row) => row.contains(document.activeElement));
  const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by;
  const row = all[Math.max(0, Math.min(all.length - 1, next))];
  row?.querySelector("a.label")?.focus();
  row?.scrollIntoView({ block: "nearest" });
}

function select() {
  const row = rows().find((row) => row.contains(document.activeElement));
  row?.querySelector('input[name="task"]')?.click();
}

function search() {
  const field = document.querySelector('input[type="search"]');
  if (!field) return location.assign(`${BASE}/ui/tasks`);
  field.focus();
  field.select();
}

function help() {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-label", "Keyboard");
  dialog.append($("help").content.cloneNode(true));
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
}

const KEYS = {
  "/": search,
  "?": help,
  j: () => move(1),
  k: () => move(-1),
  x: select,
  g: () => {
    goUntil = Date.now() + GO_MS;
  },
};

document.addEventListener("keydown", (event) => {
  const { key, target, ctrlKey, metaKey, altKey } = event;
  if (ctrlKey || metaKey || altKey || document.querySelector("dialog[open]") || !$("help")) return;
  if (isTyping(target)) {
    if (key === "Escape") target.blur();
    return;
  }
  const place = Date.now() < goUntil ? PLACES[key] : undefined;
  goUntil = 0;
  if (place === undefined && !Object.hasOwn(KEYS, key)) return;
  event.preventDefault();
  if (place === undefined) KEYS[key]();
  else location.assign(BASE + place);
});

$("help-open")?.addEventListener("click", help);
