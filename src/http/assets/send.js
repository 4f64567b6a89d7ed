// Forms that submit through the API: their fields become the JSON of the request.

import { $, BASE, toast } from "./api.js";

const LISTS = ["to", "cc", "bcc", "tags"];
const NUMBERS = ["priority", "redirects"];
/** Names of which a form has only one at a time. */
const FORMATS = ["text", "markdown", "html"];

/** A field whose text cannot be sent; `name` is that of the field. */
class FieldError extends Error {
  constructor(name, message) {
    super(message);
    this.errors = [{ pointer: `/${name}`, detail: message }];
    this.detail = message;
  }
}

/** The JSON of a form; of a form that patches, only what was changed. */
export async function submitOf(form) {
  const isPatch = form.dataset.patch !== undefined;
  const body = {};
  const format = form.elements.format?.value;
  for (const field of form.elements) {
    const { name, value } = field;
    if (!name || field.type === "submit" || name === "format" || name === "path") continue;
    if (isPatch && !isChanged(field)) continue;
    if (field.type === "file") {
      if (field.files.length > 0) {
        body.attachments = await Promise.all([...field.files].map(toFile));
      }
    } else if (value.trim() === "") {
      if (isPatch) put(body, name, null);
    } else put(body, name, valueOf(field, isPatch));
  }
  if (format !== undefined) chooseFormat(body, format);
  return body;
}

function put(body, name, value) {
  if (name === "expectStatus") body.expect = value === null ? null : { status: value };
  else body[name] = value;
}

function isChanged(field) {
  if (field.type === "file") return field.files.length > 0;
  if (!field.options) return field.value !== field.defaultValue;
  const before = [...field.options].find(({ defaultSelected }) => defaultSelected);
  return field.value !== (before ?? field.options[0]).value;
}

function valueOf({ name, value, defaultValue }, isPatch) {
  const text = value.trim();
  if (name === "headers") {
    const headers = headersOf(value);
    return isPatch ? changesOf(headersOf(defaultValue), headers) : headers;
  }
  if (NUMBERS.includes(name)) return Number(text);
  if (name === "retry") return /^\d+$/.test(text) ? Number(text) : text;
  if (name === "expectStatus") return listOf(text).map(Number);
  if (name === "data") return jsonOf(name, value);
  return LISTS.includes(name) ? listOf(text) : value;
}

/** Separated by commas, but not by those of a quoted name. */
function listOf(text) {
  const parts = text.match(/(?:"(?:\\.|[^"\\])*"|[^,"])+/g) ?? [];
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

function headersOf(text) {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return Object.fromEntries(lines.map((line) => {
    const at = line.indexOf(":");
    return at < 0 ? [line.trim(), ""] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
  }));
}

/** What is different, as a JSON merge patch. */
function changesOf(before, after) {
  const changes = Object.entries(after).filter(([name, value]) => before[name] !== value);
  const gone = Object.keys(before).filter((name) => !(name in after)).map((name) => [name, null]);
  return Object.fromEntries([...changes, ...gone]);
}

function jsonOf(name, text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FieldError(name, `Expected JSON: ${error.message}`);
  }
}

async function toFile(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 32_768) {
    text += String.fromCharCode(...bytes.subarray(at, at + 32_768));
  }
  const contentType = file.type === "" ? {} : { contentType: file.type };
  return { filename: file.name, content: btoa(text), ...contentType };
}

/** The text becomes the part that was chosen, or the template takes its place. */
function chooseFormat(body, format) {
  const { text } = body;
  if (format === "template") { for (const name of FORMATS) delete body[name]; }
  else {
    delete body.template;
    delete body.data;
    if (format !== "text" && text !== undefined) {
      delete body.text;
      body[format] = text;
    }
  }
}

async function send(form, isDryRun) {
  for (const place of form.querySelectorAll("[data-fault]")) place.textContent = "";
  for (const field of form.elements) field.removeAttribute("aria-invalid");
  const preview = $(`${form.id}-preview`);
  preview.hidden = true;
  const raw = form.elements.document;
  const path = form.elements.path ? BASE + form.elements.path.value : form.dataset.send;
  try {
    const json = raw ? jsonOf("document", raw.value) : await submitOf(form);
    const response = await fetch(path + (isDryRun ? "?dryRun=true" : ""), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(json),
    });
    const body = await response.json();
    if (!response.ok) return showFaults(form, body);
    if (!isDryRun) {
      const place = body.id.startsWith("bat") ? "batches" : "tasks";
      return location.assign(`${BASE}/ui/${place}/${body.id}`);
    }
    preview.textContent = JSON.stringify(body, null, 2);
    preview.hidden = false;
    preview.scrollIntoView({ block: "nearest" });
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    showFaults(form, error);
  }
}

/** Shows each error of a refused request next to its field. */
export function showFaults(form, { errors = [], detail, title }) {
  let first;
  for (const { pointer, detail } of errors) {
    const given = pointer.split("/")[1] ?? "";
    const names = [given, ...(FORMATS.includes(given) ? ["text"] : []), "document"];
    if (given === "title") names.unshift("subject");
    if (given === "expect") names.unshift("expectStatus");
    const name = names.find((name) => form.querySelector(`[data-fault="${CSS.escape(name)}"]`));
    if (name === undefined) continue;
    const place = form.querySelector(`[data-fault="${CSS.escape(name)}"]`);
    const at = name === "document" && pointer !== `/${name}` ? `${pointer}: ` : "";
    place.textContent += `${place.textContent === "" ? "" : " · "}${at}${detail}`;
    const field = form.elements[name];
    field.setAttribute("aria-invalid", "true");
    first ??= field;
  }
  first?.closest("details")?.setAttribute("open", "");
  first?.focus();
  toast(detail ?? title);
}

document.addEventListener("submit", (event) => {
  if (!event.target.dataset.send) return;
  event.preventDefault();
  send(event.target, event.submitter?.name === "dryRun").catch((error) => toast(error.message));
});
