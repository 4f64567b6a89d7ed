/**
 * Forms that submit a mail or a request through the API.
 *
 * @module
 */

import { DEFAULT_RETRIES, formatRetry, type RetrySchedule } from "../../task/retry.ts";
import type { Caller } from "../auth/auth.ts";

/** The content of the page. */
export function SendContent({ caller }: { caller: Caller }) {
  return (
    <div class="columns">
      {caller.scopes.has("notify") ? <MailForm /> : null}
      {caller.scopes.has("fetch") ? <FetchForm /> : null}
    </div>
  );
}

function MailForm() {
  return (
    <form class="send" id="mail" data-send="/notify" novalidate>
      <h2>A mail</h2>
      <Field
        form="mail"
        name="to"
        label="To"
        hint="One address, or several separated by commas"
      />
      <Field form="mail" name="subject" label="Subject" />
      <label for="mail-format">Format</label>
      <select id="mail-format" name="format">
        <option value="text">Plain text</option>
        <option value="markdown">Markdown</option>
        <option value="html">HTML</option>
      </select>
      <Field form="mail" name="text" label="Text" rows={6} />
      <Options form="mail" retry={DEFAULT_RETRIES.mail} />
      <div class="row">
        <button type="submit">Send the mail</button>
        <button type="submit" name="dryRun" value="true">Dry run</button>
      </div>
      <Preview form="mail" />
    </form>
  );
}

function FetchForm() {
  return (
    <form class="send" id="fetch" data-send="/fetch" novalidate>
      <h2>A request</h2>
      <Field form="fetch" name="url" label="URL" hint="https://…" />
      <label for="fetch-method">Method</label>
      <select id="fetch-method" name="method">
        {["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"].map((method) => (
          <option value={method}>{method}</option>
        ))}
      </select>
      <Field
        form="fetch"
        name="headers"
        label="Headers"
        rows={2}
        hint="One per line: name: value"
      />
      <Field form="fetch" name="body" label="Body" rows={4} />
      <Options form="fetch" retry={DEFAULT_RETRIES.fetch} />
      <div class="row">
        <button type="submit">Send the request</button>
        <button type="submit" name="dryRun" value="true">Dry run</button>
      </div>
      <Preview form="fetch" />
    </form>
  );
}

/** Where a dry run shows what would be sent. */
function Preview({ form }: { form: string }) {
  return <pre id={`${form}-preview`} class="preview" tabindex={0} role="status" hidden></pre>;
}

function Options({ form, retry }: { form: string; retry: RetrySchedule }) {
  return (
    <details>
      <summary>Options</summary>
      <Field
        form={form}
        name="delay"
        label="Delay"
        hint="such as 10m; the first attempt starts after it"
      />
      <Field
        form={form}
        name="expires"
        label="Expires"
        hint="such as 2h; no attempt starts after it"
      />
      <Field
        form={form}
        name="retry"
        label="Retry"
        hint={`such as 3, or 5s, 1m, 10m*3; ${formatRetry(retry)} when empty`}
      />
      <Field form={form} name="priority" label="Priority" hint="0 runs first, 9 last" />
      <Field
        form={form}
        name="key"
        label="Key"
        hint="tasks with the same key run one at a time, in order"
      />
      <Field form={form} name="tags" label="Tags" hint="separated by commas" />
    </details>
  );
}

function Field(
  { form, name, label, hint, rows }: {
    readonly form: string;
    readonly name: string;
    readonly label: string;
    readonly hint?: string;
    readonly rows?: number;
  },
) {
  const id = `${form}-${name}`;
  const about = { id, name, "aria-describedby": `${id}-hint ${id}-fault` };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {rows === undefined ? <input {...about} /> : <textarea {...about} rows={rows}></textarea>}
      <small id={`${id}-hint`}>{hint ?? ""}</small>
      <small id={`${id}-fault`} class="error" data-fault={name}></small>
    </div>
  );
}
