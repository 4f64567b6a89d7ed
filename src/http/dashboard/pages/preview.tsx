/**
 * What a task sends and what it got, as a person wants to look at it: mails, requests,
 * JSON, images, text.
 *
 * @module
 */

import type { Child } from "hono/jsx";
import { isPlainObject, type PlainObject } from "../../../lib/json.ts";
import type { TaskRecord } from "../../../task/task.ts";
import { Badge, bytes, Fact } from "../components.tsx";
import { mayBeImage } from "../image.ts";
import { JsonTree } from "../json_tree.tsx";

/** The payload. `source` is the mail as it was written to the outbox. */
export function PayloadPreview(
  { task, payload, source }: {
    readonly task: TaskRecord;
    readonly payload: unknown;
    readonly source?: string | undefined;
  },
) {
  if (!isPlainObject(payload)) {
    return <p class="empty">The payload was erased or cannot be read.</p>;
  }
  return typeof payload.url === "string"
    ? <RequestPreview payload={payload} />
    : <MessagePreview task={task} payload={payload} source={source} />;
}

function MessagePreview(
  { task, payload, source }: {
    readonly task: TaskRecord;
    readonly payload: PlainObject;
    readonly source: string | undefined;
  },
) {
  const { from, to, cc, bcc, replyTo, subject, title, text, html, markdown, ...more } = payload;
  const { attachments, headers, ...rest } = more;
  const files = Array.isArray(attachments) ? attachments.filter(isPlainObject) : [];
  return (
    <>
      <dl class="facts">
        <Fact name="From">{textOf(from)}</Fact>
        <Fact name="To">{textOf(to)}</Fact>
        <Fact name="Cc">{textOf(cc)}</Fact>
        <Fact name="Bcc">{textOf(bcc)}</Fact>
        <Fact name="Reply to">{textOf(replyTo)}</Fact>
        <Fact name={title === undefined ? "Subject" : "Title"}>{textOf(subject ?? title)}</Fact>
        {Object.entries(rest).map(([name, value]) => (
          <Fact name={titleOf(name)}>{textOf(value)}</Fact>
        ))}
      </dl>
      {typeof html === "string"
        ? (
          <Part id="part-html" name="HTML" open>
            <iframe
              class="mail"
              title="The HTML of the mail, without scripts and remote images"
              src={`/ui/tasks/${task.id}/mail`}
              sandbox=""
            >
            </iframe>
          </Part>
        )
        : null}
      {typeof markdown === "string"
        ? <Text id="part-markdown" name="Markdown" text={markdown} open={html === undefined} />
        : null}
      {typeof text === "string"
        ? (
          <Text
            id="part-text"
            name="Text"
            text={text}
            open={html === undefined && markdown === undefined}
          />
        )
        : null}
      {isPlainObject(headers)
        ? (
          <Part id="part-headers" name="Headers">
            <Pairs of={headers} />
          </Part>
        )
        : null}
      {files.length > 0
        ? (
          <Part id="part-files" name={`Attachments (${files.length})`} open>
            <ul>
              {files.map(({ filename, contentType, bytes: size }) => (
                <li>
                  {textOf(filename)} <small>{textOf(contentType)} {bytes(Number(size))}</small>
                </li>
              ))}
            </ul>
          </Part>
        )
        : null}
      {source === undefined ? null : (
        <Part id="part-source" name="Source">
          <pre tabindex={0}><code>{source}</code></pre>
          <p>
            <a href={`/outbox/${task.id}`}>Download the whole mail</a>
          </p>
        </Part>
      )}
    </>
  );
}

function RequestPreview({ payload }: { payload: PlainObject }) {
  const { url, method, headers, body, ...rest } = payload;
  return (
    <>
      <p class="request">
        <strong>{textOf(method)}</strong> <code>{textOf(url)}</code>
      </p>
      {isPlainObject(headers) ? <Pairs of={headers} /> : null}
      {typeof body === "string" ? <Body text={body} name="request" /> : null}
      {Object.keys(rest).length === 0 ? null : (
        <details id="request-options">
          <summary>Options of the request</summary>
          <JsonTree value={rest} name="request-options" />
        </details>
      )}
    </>
  );
}

/** The result. */
export function ResultPreview({ task, result }: { task: TaskRecord; result: unknown }) {
  if (result === undefined) return <p class="empty">No result yet.</p>;
  if (!isPlainObject(result)) return <JsonTree value={result} name="result" />;
  if (Array.isArray(result.recipients)) return <MailResult result={result} />;
  if (typeof result.status === "number") return <ResponsePreview task={task} result={result} />;
  return <JsonTree value={result} name="result" />;
}

function MailResult({ result }: { result: PlainObject }) {
  const { recipients, ...rest } = result;
  const list = (recipients as readonly unknown[]).filter(isPlainObject);
  return (
    <>
      <div class="wide">
        <table>
          <thead>
            <tr>
              <th scope="col">Recipient</th>
              <th scope="col">Outcome</th>
              <th scope="col">What the relay said</th>
            </tr>
          </thead>
          <tbody>
            {list.map(({ address, outcome, reply }) => (
              <tr>
                <td data-name="Recipient" class="what">{textOf(address)}</td>
                <td data-name="Outcome">
                  <Badge word={textOf(outcome)} />
                </td>
                <td data-name="What the relay said">{textOf(reply)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <dl class="facts">
        {Object.entries(rest).map(([name, value]) => (
          <Fact name={titleOf(name)}>{textOf(value)}</Fact>
        ))}
      </dl>
    </>
  );
}

function ResponsePreview({ task, result }: { task: TaskRecord; result: PlainObject }) {
  const { status, url, headers, body, truncated, ...rest } = result;
  const { bytes: size, saved, extracted, hops, ...more } = rest;
  return (
    <>
      <p class="request">
        <strong>{textOf(status)}</strong> <code>{textOf(url)}</code>{" "}
        {typeof size === "number" ? <small>{bytes(size)}</small> : null}
        {saved !== undefined || (typeof body === "string" && truncated !== true)
          ? <a href={`/tasks/${task.id}/body`}>Download the body</a>
          : null}
      </p>
      {extracted === undefined ? null : (
        <Part id="result-extracted" name="Extracted" open>
          <JsonTree value={extracted} name="extracted" />
        </Part>
      )}
      {mayBeImage(task)
        ? (
          <img
            class="shown"
            src={`/ui/tasks/${task.id}/image`}
            alt="The saved image"
            loading="lazy"
          />
        )
        : null}
      {typeof body === "string" ? <Body text={body} name="response" /> : null}
      {truncated === true ? <p class="notice">Only the beginning of the body was kept.</p> : null}
      {isPlainObject(headers)
        ? (
          <Part id="result-headers" name="Headers">
            <Pairs of={headers} />
          </Part>
        )
        : null}
      {Array.isArray(hops) && hops.length > 0
        ? (
          <Part id="result-hops" name={`Redirects (${hops.length})`}>
            <JsonTree value={hops} name="hops" />
          </Part>
        )
        : null}
      <Part id="result-more" name="More">
        <JsonTree value={saved === undefined ? more : { ...more, saved }} name="more" />
      </Part>
    </>
  );
}

/** A body as a tree if it is JSON, and as text. */
function Body({ text, name }: { text: string; name: string }) {
  const json = parsed(text);
  if (json === undefined) return <pre tabindex={0}><code>{text}</code></pre>;
  return (
    <>
      <Part id={`${name}-json`} name="JSON" open>
        <JsonTree value={json} name={`${name}-tree`} />
      </Part>
      <Text id={`${name}-text`} name="As text" text={text} />
    </>
  );
}

function parsed(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function Part(
  { id, name, open, children }: {
    readonly id: string;
    readonly name: string;
    readonly open?: boolean;
    readonly children?: Child;
  },
) {
  return (
    <details id={id} class="part" open={open}>
      <summary>{name}</summary>
      {children}
    </details>
  );
}

function Text(
  { id, name, text, open }: {
    readonly id: string;
    readonly name: string;
    readonly text: string;
    readonly open?: boolean;
  },
) {
  return (
    <Part id={id} name={name} {...(open ? { open } : {})}>
      <pre tabindex={0}><code>{text}</code></pre>
    </Part>
  );
}

function Pairs({ of }: { of: PlainObject }) {
  return (
    <dl class="pairs">
      {Object.entries(of).map(([name, value]) => (
        <div>
          <dt>{name}</dt>
          <dd>{textOf(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

/** `messageId` as `Message id`. */
function titleOf(name: string): string {
  const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
}

function textOf(value: unknown): string {
  if (value === undefined) return "";
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) {
    return value.join(", ");
  }
  return JSON.stringify(value);
}
