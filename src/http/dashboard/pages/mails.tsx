/**
 * The templates with their previews, and the outbox.
 *
 * @module
 */

import type { OutboxEntry, RenderedTemplate, TemplateSummary } from "../../../task/ports.ts";
import { bytes, Moment } from "../components.tsx";

/** The content of the list of templates. */
export function TemplatesContent({ templates }: { templates: readonly TemplateSummary[] }) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Description</th>
          <th scope="col">Formats</th>
        </tr>
      </thead>
      <tbody>
        {templates.map(({ name, description, formats, ready }) => (
          <tr>
            <td data-name="Name" class="what">
              <a href={`/ui/templates/${encodeURIComponent(name)}`}>{name}</a>
              <small>{ready ? "built in" : "custom"}</small>
            </td>
            <td data-name="Description">{description ?? ""}</td>
            <td data-name="Formats">{formats.join(", ")}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The content of the page of a template: a mail rendered from its sample data. */
export function TemplateContent(
  { template, rendered, fault }: {
    readonly template: TemplateSummary;
    readonly rendered?: RenderedTemplate | undefined;
    readonly fault?: string | undefined;
  },
) {
  return (
    <>
      <p>{template.description ?? ""}</p>
      {fault === undefined ? null : <p class="notice" role="alert">{fault}</p>}
      {rendered === undefined ? null : (
        <>
          <h2>{rendered.subject}</h2>
          {rendered.html === undefined ? null : (
            <iframe
              class="mail"
              title="The HTML part, without scripts and remote images"
              src={`/templates/${encodeURIComponent(template.name)}?format=html`}
              sandbox=""
            >
            </iframe>
          )}
          {rendered.text === undefined
            ? null
            : <pre tabindex={0}><code>{rendered.text}</code></pre>}
        </>
      )}
      <h2>Sample data</h2>
      <pre tabindex={0}><code>{JSON.stringify(template.sample, null, 2)}</code></pre>
    </>
  );
}

/** The content of the outbox page; without an outbox, mails go to a relay. */
export function OutboxContent(
  { entries, now }: { readonly entries: readonly OutboxEntry[] | undefined; readonly now: number },
) {
  if (entries === undefined) {
    return (
      <p>
        Mails go to a relay. <a href="/ui/tasks?type=notify">Sent mails</a>
      </p>
    );
  }
  return (
    <section id="outbox" data-live aria-label="Mails, newest first">
      <p class="notice">No relay is set: these mails were written to files and not sent.</p>
      {entries.length === 0 ? <p>The outbox is empty.</p> : (
        <table>
          <thead>
            <tr>
              <th scope="col">Subject</th>
              <th scope="col">To</th>
              <th scope="col">Written</th>
              <th scope="col">File</th>
            </tr>
          </thead>
          <tbody>
            {entries.map(({ id, subject, to, writtenAt, bytes: size }) => (
              <tr>
                <td data-name="Subject" class="what">
                  <a href={`/ui/tasks/${id}`}>{subject.trim() || id}</a>
                </td>
                <td data-name="To">{to}</td>
                <td data-name="Written">
                  <Moment at={writtenAt} now={now} />
                </td>
                <td data-name="File">
                  <a href={`/outbox/${id}`}>{bytes(size)}</a>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
