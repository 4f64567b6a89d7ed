// Notifications of the browser about tasks that failed, for users who ask for them. When
// several tabs are open, only one of them shows them.

import { $, afterPaint, BASE } from "./api.js";

const WANTED = "postrider-notices";
/** The shortest time between two looks, in milliseconds. */
const LOOK_MS = 2_000;
const MAX_LISTED = 50;

let since;
let seen = new Set();
let isLooking = false;
/** Whether something changed during a look. */
let isPending = false;
let isLeader = false;

const isWanted = () =>
  localStorage.getItem(WANTED) === "on" && globalThis.Notification?.permission === "granted";

async function failedSince() {
  const query = new URLSearchParams({ state: "failed", limit: MAX_LISTED });
  if (since !== undefined) query.set("finishedSince", since);
  const response = await fetch(`${BASE}/tasks?${query}`);
  if (!response.ok) return undefined;
  return { at: response.headers.get("date"), failed: (await response.json()).data };
}

/** Shows what failed since the last look; the first look only remembers. */
async function look() {
  const found = await failedSince();
  if (!found) return;
  const isFirst = since === undefined;
  const fresh = isFirst ? [] : found.failed.filter(({ id }) => !seen.has(id));
  const times = found.failed.map(({ finishedAt }) => finishedAt).sort();
  // The clock that counts is the service's.
  since = times.at(-1) ?? since ?? new Date(found.at ?? Date.now()).toISOString();
  seen = new Set([...seen, ...found.failed.map(({ id }) => id)].slice(-1_000));
  if (fresh.length > 0) show(fresh);
}

function show([first, ...others]) {
  const title = others.length === 0 ? "A task failed" : `${others.length + 1} tasks failed`;
  const { label = first.id, error } = first;
  const notice = new Notification(title, {
    body: error ? `${label}\n${error.code}: ${error.detail}` : label,
    icon: `${BASE}/ui/assets/icon.svg`,
    tag: "postrider-failed",
  });
  notice.onclick = () => {
    focus();
    const path = others.length === 0 ? `/ui/tasks/${first.id}` : "/ui/tasks?state=failed";
    location.assign(BASE + path);
  };
}

/** After a change: looks for failures, at most every two seconds. */
export async function noticeFailures() {
  isPending = isLooking;
  if (!isLeader || isLooking || !isWanted()) return;
  isLooking = true;
  await look().catch(() => {});
  setTimeout(() => {
    isLooking = false;
    if (isPending) noticeFailures();
  }, LOOK_MS);
}

function showState(button) {
  button.textContent = isWanted() ? "Notifies of failures" : "Notify me of failures";
  button.setAttribute("aria-pressed", String(isWanted()));
}

/** Browsers notify only for pages of https and of this machine. */
function offer() {
  const button = $("notices");
  if (!button || !globalThis.Notification || !isSecureContext) return;
  button.hidden = false;
  showState(button);
  button.addEventListener("click", async () => {
    if (isWanted()) localStorage.removeItem(WANTED);
    else if (await Notification.requestPermission() === "granted") {
      localStorage.setItem(WANTED, "on");
    }
    showState(button);
    noticeFailures();
  });
  // The lock is held until the tab is closed; then another tab gets it.
  navigator.locks?.request(WANTED, () => {
    isLeader = true;
    noticeFailures();
    return new Promise(() => {});
  });
}

afterPaint(offer);
