// Requests to the API, and what the page says about them: questions, messages, progress.

/** The path below which everything is served, when there is one. */
export const BASE = document.documentElement.dataset.base ?? "";

export const $ = (id) => document.getElementById(id);

/** Does what can wait once the page is painted; at once where a page is not painted. */
export function afterPaint(work) {
  const isReported = globalThis.PerformanceObserver?.supportedEntryTypes.includes("paint");
  if (document.hidden || !isReported) return work();
  const observer = new PerformanceObserver(() => {
    observer.disconnect();
    work();
  });
  observer.observe({ type: "paint", buffered: true });
}

const TOAST_MS = 8_000;
/** An undo of many tasks is offered for longer, in milliseconds. */
const LONG_TOAST_MS = 60_000;

export const number = (count) => count.toLocaleString("en").replaceAll(",", "\u202f");

/**
 * Sends a request such as `DELETE /tasks/tsk_…`, with a JSON text as its body if it has one,
 * until the signal aborts it.
 */
export async function ask(call, json, signal) {
  const [method, path] = call.split(" ");
  const request = json ? { body: json, headers: { "content-type": "application/json" } } : {};
  const response = await fetch(BASE + path, { method, signal, ...request });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw Object.assign(new Error(body.detail ?? response.statusText), body);
  return body;
}

/** The same for a change of many tasks; `onPart` gets `{changed, startedAt, at}` again and again. */
export async function askWithProgress(call, onPart) {
  const [method, path] = call.split(" ");
  const headers = { accept: "application/x-ndjson" };
  const response = await fetch(BASE + path, { method, headers });
  if (!response.ok) {
    const { detail } = await response.json().catch(() => ({}));
    throw new Error(detail ?? response.statusText);
  }
  let rest = "";
  let last;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      last = JSON.parse(line);
      if (last.changed !== undefined) onPart(last);
    }
  }
  if (last?.error) throw new Error(last.error);
  if (!last || last.changed !== undefined) throw new Error("The response ended early");
  return last;
}

/** `{cancelled: 3, aborting: 1}` as words. */
export function resultText(done, body) {
  const counts = Object.entries(body).filter(([, value]) => typeof value === "number");
  const isTally = counts.length > 0 && counts.length === Object.keys(body).length;
  return isTally ? counts.map(([name, count]) => `${number(count)} ${name}`).join(", ") : done;
}

/** Shows a message; `undo` takes back what it reports. */
export function toast(text, undo, isLong = false) {
  const box = document.createElement("div");
  box.className = "toast";
  box.append(Object.assign(document.createElement("span"), { textContent: text }));
  if (undo) {
    const button = Object.assign(document.createElement("button"), {
      type: "button",
      textContent: "Undo",
    });
    button.addEventListener("click", () => {
      box.remove();
      undo();
    });
    box.append(button);
  }
  $("toasts").append(box);
  setTimeout(() => box.remove(), isLong ? LONG_TOAST_MS : TOAST_MS);
}

/** Shows how far a change of many tasks is; returns functions that update and remove it. */
export function showProgress(text, total) {
  const box = document.createElement("div");
  box.className = "toast";
  const label = document.createElement("span");
  const bar = Object.assign(document.createElement("progress"), { max: Math.max(1, total) });
  bar.setAttribute("aria-label", text);
  box.append(label, bar);
  $("toasts").append(box);
  const update = (done) => {
    const of = Math.max(total, done);
    label.textContent = `${text}: ${number(done)} of ${number(of)}`;
    bar.max = Math.max(1, of);
    bar.value = done;
  };
  update(0);
  return { update, remove: () => box.remove() };
}

/** Asks a question; resolves with whether the answer is yes. */
export function confirmed(question) {
  if (!question) return Promise.resolve(true);
  const dialog = $("confirm");
  $("confirm-text").textContent = question;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) =>
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true })
  );
}
