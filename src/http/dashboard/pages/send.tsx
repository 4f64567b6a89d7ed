/**
 * Forms that submit a mail or a request through the API: new ones, or copies of a task.
 *
 * @module
 */

import type { Child } from "hono/jsx";
import { DEFAULT_RETRIES, formatRetry, type RetrySchedule } from "../../../task/retry.ts";
import type { TaskType } from "../../../task/task.ts";
import type { Caller } from "../../auth/auth.ts";

/** A task that is edited before it is sent once more. */
export interface SentBefore {
  /** Its id. */
  readonly id: string;
  /** Its type. */
  readonly type: TaskType;
  /** What its submit said, as text, with secrets masked; by the name of the field. */
  readonly fields: Readonly<Record<string, string>>;
  /** What a duplicate does not have. */
  readonly leftOut: string;
}

/** The content of the page. */
export function SendContent(
  { caller, templates, before }: {
    readonly caller: Caller;
    /** The names of the templates. */
    readonly templates: readonly string[];
    /** The task that is sent once more; absent for a new one. */
    readonly before?: SentBefore | undefined;
  },
) {
  if (before) {
    const Form = before.type === "notify" ? MailForm : FetchForm;
    return (
      <>
        <p>
          From{" "}
          <a href={`/ui/tasks/${before.id}`}>{before.id}</a>. What you do not change stays as it
          was, secrets too: each *** stands for one. {before.leftOut}
        </p>
        <Form templates={templates} before={before} />
      </>
    );
  }
  return (
    <>
      <div class="columns">
        {caller.scopes.has("notify") ? <MailForm templates={templates} /> : null}
        {caller.scopes.has("fetch") ? <FetchForm templates={templates} /> : null}
      </div>
      <JsonForm caller={caller} />
    </>
  );
}

interface FormProps {
  readonly templates: readonly string[];
  readonly before?: SentBefore | undefined;
}

function MailForm({ templates, before }: FormProps) {
  const { fields } = before ?? {};
  const field = fieldsOf("mail", before);
  return (
    <Form id="mail" path="/notify" before={before} what="mail">
      <h2>{before ? "The message" : "A mail or message"}</h2>
      {field("to", "To", {
        hint: "Mail addresses, channel URLs such as slack://…, @aliases; separated by commas",
      })}
      {fields?.title === undefined ? field("subject", "Subject") : field("title", "Title")}
      {before ? null : (
        <>
          <label for="mail-format">Format</label>
          <select id="mail-format" name="format">
            <option value="text">Plain text</option>
            <option value="markdown">Markdown</option>
            <option value="html">HTML</option>
            <option value="template">Template</option>
          </select>
        </>
      )}
      <div class="unless-template">{field("text", "Text", { rows: 6 })}</div>
      {before
        ? (
          <>
            {fields?.html === undefined ? null : field("html", "HTML", { rows: 8 })}
            {fields?.markdown === undefined ? null : field("markdown", "Markdown", { rows: 8 })}
          </>
        )
        : (
          <div class="if-template">
            <Choice form="mail" name="template" label="Template" values={templates} />
            {field("data", "Data", { rows: 4, hint: 'JSON, such as {"name": "Ada"}' })}
          </div>
        )}
      <Options name="Addresses and files">
        {field("cc", "Cc")}
        {field("bcc", "Bcc")}
        {field("from", "From", { hint: "as the service sets it when empty" })}
        {field("replyTo", "Reply address")}
        <Choice
          form="mail"
          name="severity"
          label="Severity"
          values={["info", "success", "warning", "failure"]}
          chosen={fields?.severity}
          empty="none"
        />
        {before ? null : (
          <div class="field">
            <label for="mail-attachments">Attachments</label>
            <input type="file" id="mail-attachments" name="attachments" multiple />
            <small id="mail-attachments-fault" class="error" data-fault="attachments"></small>
          </div>
        )}
      </Options>
      <TaskOptions field={field} retry={DEFAULT_RETRIES.mail} />
    </Form>
  );
}

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

function FetchForm({ before }: FormProps) {
  const { fields } = before ?? {};
  const field = fieldsOf("fetch", before);
  return (
    <Form id="fetch" path="/fetch" before={before} what="request">
      <h2>{before ? "The request" : "A request"}</h2>
      {field("url", "URL", { hint: "https://…" })}
      <Choice form="fetch" name="method" label="Method" values={METHODS} chosen={fields?.method} />
      {field("headers", "Headers", { rows: 2, hint: "One per line: name: value" })}
      {field("body", "Body", { rows: 4 })}
      <Options name="The response">
        {field("redirects", "Redirects", { hint: "how many are followed, 0 to 10" })}
        {field("expectStatus", "Expected statuses", {
          hint: "such as 200, 404; others are a failure",
        })}
        {field("save", "Save as", { hint: "a file name; the body is saved whole" })}
      </Options>
      <TaskOptions field={field} retry={DEFAULT_RETRIES.fetch} />
    </Form>
  );
}

function JsonForm({ caller }: { caller: Caller }) {
  const paths = (["notify", "fetch"] as const).filter((path) => caller.scopes.has(path));
  return (
    <details>
      <summary>As JSON: batches, follow-ups and everything else that the API takes</summary>
      <form class="send" id="json" data-send={`/${paths[0] ?? "notify"}`} novalidate>
        <Choice form="json" name="path" label="Path" values={paths.map((path) => `/${path}`)} />
        <div class="field">
          <label for="json-document">JSON</label>
          <textarea id="json-document" name="document" rows={10} spellcheck={false}></textarea>
          <small>
            As in the <a href="/docs">reference</a> and the <a href="/manual">manual</a>
          </small>
          <small class="error" data-fault="document"></small>
        </div>
        <div class="row">
          <button type="submit">Send the JSON</button>
          <button type="submit" name="dryRun" value="true">Dry run</button>
        </div>
        <Preview form="json" />
      </form>
    </details>
  );
}

function Form(
  { id, path, before, what, children }: {
    readonly id: string;
    readonly path: string;
    readonly before: SentBefore | undefined;
    readonly what: string;
    readonly children?: Child;
  },
) {
  return (
    <form
      class="send"
      id={id}
      data-send={before ? `/tasks/${before.id}/duplicate` : path}
      data-patch={before ? true : undefined}
      novalidate
    >
      {children}
      <div class="row">
        <button type="submit">Send the {what}</button>
        <button type="submit" name="dryRun" value="true">Dry run</button>
      </div>
      <Preview form={id} />
    </form>
  );
}

/** Where a dry run shows what would be sent. */
function Preview({ form }: { form: string }) {
  return <pre id={`${form}-preview`} class="preview" tabindex={0} role="status" hidden></pre>;
}

function Options({ name, children }: { readonly name: string; readonly children?: Child }) {
  return (
    <details>
      <summary>{name}</summary>
      {children}
    </details>
  );
}

function TaskOptions(
  { field, retry }: { readonly field: MakeField; readonly retry: RetrySchedule },
) {
  return (
    <Options name="Options">
      {field("delay", "Delay", { hint: "such as 10m; the first attempt starts after it" })}
      {field("expires", "Expires", { hint: "such as 2h; no attempt starts after it" })}
      {field("retry", "Retry", {
        hint: `such as 3, or 5s, 1m, 10m*3; ${formatRetry(retry)} when empty`,
      })}
      {field("timeout", "Timeout", { hint: "of one attempt, such as 30s" })}
      {field("priority", "Priority", { hint: "0 runs first, 9 last" })}
      {field("key", "Key", { hint: "tasks with the same key run one at a time, in order" })}
      {field("tags", "Tags", { hint: "separated by commas" })}
      {field("callback", "Callback", { hint: "an address that is called at the end" })}
    </Options>
  );
}

interface FieldOptions {
  readonly hint?: string;
  readonly rows?: number;
}

type MakeField = (name: string, label: string, options?: FieldOptions) => Child;

/** Makes the fields of a form, with the values of the task that is sent once more. */
function fieldsOf(form: string, before: SentBefore | undefined): MakeField {
  return (name, label, options = {}) => (
    <Field form={form} name={name} label={label} value={before?.fields[name]} {...options} />
  );
}

function Field(
  { form, name, label, hint, rows, value = "" }: FieldOptions & {
    readonly form: string;
    readonly name: string;
    readonly label: string;
    readonly value?: string | undefined;
  },
) {
  const id = `${form}-${name}`;
  const about = { id, name, "aria-describedby": `${id}-hint ${id}-fault` };
  // A browser drops the first line break of a text area.
  const text = value.startsWith("\n") ? `\n${value}` : value;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {rows === undefined
        ? <input {...about} value={value} />
        : <textarea {...about} rows={rows}>{text}</textarea>}
      <small id={`${id}-hint`}>{hint ?? ""}</small>
      <small id={`${id}-fault`} class="error" data-fault={name}></small>
    </div>
  );
}

function Choice(
  { form, name, label, values, chosen, empty }: {
    readonly form: string;
    readonly name: string;
    readonly label: string;
    readonly values: readonly string[];
    readonly chosen?: string | undefined;
    readonly empty?: string;
  },
) {
  const id = `${form}-${name}`;
  const all = chosen === undefined || values.includes(chosen) ? values : [chosen, ...values];
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} name={name}>
        {empty === undefined ? null : <option value="">{empty}</option>}
        {all.map((value) => <option value={value} selected={value === chosen}>{value}</option>)}
      </select>
      <small class="error" data-fault={name}></small>
    </div>
  );
}
