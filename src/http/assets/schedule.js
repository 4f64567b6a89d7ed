// The form of a schedule: it creates one, or sends what was changed.

import { $, ask, BASE, toast } from "./api.js";
import { showFaults } from "./send.js";

const TEXTS = ["cron", "timezone", "every", "overlap", "missed"];
const LOCAL = { weekday: "short", day: "numeric", month: "short" };
const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" };

/** The definition that a form describes; with `isBefore`, that of its default values. */
function definitionOf(form, isBefore) {
  const textOf = (name) => {
    const field = form.elements[name];
    if (!isBefore) return field.value;
    if (!field.options) return field.defaultValue;
    return [...field.options].find(({ defaultSelected }) => defaultSelected)?.value ??
      field.options[0].value;
  };
  const texts = TEXTS.map((name) => [name, textOf(name).trim()]).filter(([, text]) => text !== "");
  const definition = Object.fromEntries(texts);
  if (definition.every !== undefined && definition.cron === undefined) delete definition.timezone;
  try {
    return { ...definition, [textOf("type")]: JSON.parse(textOf("body")) };
  } catch (error) {
    throw { errors: [{ pointer: "/body", detail: `Expected JSON: ${error.message}` }] };
  }
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** The JSON merge patch that makes `after` of `before`. */
function patchOf(before, after) {
  const patch = {};
  for (const name of Object.keys(before)) if (!(name in after)) patch[name] = null;
  for (const [name, value] of Object.entries(after)) {
    if (isObject(value) && isObject(before[name])) {
      const inner = patchOf(before[name], value);
      if (Object.keys(inner).length > 0) patch[name] = inner;
    } else if (JSON.stringify(value) !== JSON.stringify(before[name])) patch[name] = value;
  }
  return patch;
}

async function submit(form, isDryRun) {
  for (const place of form.querySelectorAll("[data-fault]")) place.textContent = "";
  for (const field of form.elements) field.removeAttribute("aria-invalid");
  const isNew = form.dataset.schedule === "";
  const name = isNew ? form.elements.name.value.trim() : form.dataset.schedule;
  const path = `/schedules/${encodeURIComponent(name || (isDryRun ? "new" : " "))}`;
  const query = isDryRun ? "?dryRun=true" : "";
  try {
    const after = definitionOf(form, false);
    if (isNew && !isDryRun && name !== "" && await exists(path)) {
      throw { errors: [{ pointer: "/name", detail: "Expected a name that no schedule has" }] };
    }
    const made = isNew ? await ask(`PUT ${path}${query}`, JSON.stringify(after)) : await ask(
      `PATCH ${path}${query}`,
      JSON.stringify(patchOf(definitionOf(form, true), after)),
    );
    if (isDryRun) return preview(made);
    toast("Saved");
    location.assign(`${BASE}/ui/schedules/${encodeURIComponent(name)}`);
  } catch (error) {
    if (!error.errors) throw error;
    showFaults(form, {
      ...error,
      detail: error.detail ?? error.errors[0].detail,
      errors: error.errors.map(toField),
    });
  }
}

/** An issue within the body is shown next to its field, with its place in the body. */
function toField({ pointer, detail }) {
  const [, first, ...rest] = pointer.split("/");
  if (first !== "notify" && first !== "fetch") return { pointer, detail };
  return { pointer: "/body", detail: rest.length > 0 ? `/${rest.join("/")}: ${detail}` : detail };
}

async function exists(path) {
  return (await fetch(BASE + path)).ok;
}

function preview({ description, every, nextTimes, timezone }) {
  const box = $("schedule-preview");
  const words = description ?? `every ${every}`;
  box.querySelector("p").textContent = `${words}. The next five times:`;
  box.querySelector("ol").replaceChildren(...nextTimes.map((text) => {
    const at = new Date(text);
    const item = document.createElement("li");
    const there = at.toLocaleString([], { ...LOCAL, ...CLOCK, timeZone: timezone ?? "UTC" });
    const here = at.toLocaleString([], { ...LOCAL, ...CLOCK });
    item.textContent = here === there ? here : `${there}, for you ${here}`;
    return item;
  }));
  box.hidden = false;
}

document.addEventListener("submit", (event) => {
  if (event.target.dataset.schedule === undefined) return;
  event.preventDefault();
  submit(event.target, event.submitter?.name === "dryRun").catch((error) => toast(error.message));
});
