// Forms that submit through the API: their fields become the JSON of the request.

import { $, BASE, toast } from "./api.js";

const LISTS = ["to", "tags"];

export function submitOf(form) {
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
  showFaults(form, body);
}

/** Shows each error of a refused request beside its field. */
export function showFaults(form, body) {
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

document.addEventListener("submit", (event) => {
  if (!event.target.dataset.send) return;
  event.preventDefault();
  send(event.target, event.submitter?.name === "dryRun").catch((error) => toast(error.message));
});
