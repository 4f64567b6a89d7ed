/**
 * The API reference: the OpenAPI document as one page, without a script.
 *
 * @module
 */

import { raw } from "hono/html";
import type { Json } from "../../task/task.ts";
import type { Authenticate } from "../auth/auth.ts";
import { query, type RequestContext } from "../context.ts";
import { openapi } from "../openapi/document.ts";
import { Fields, type Schema, schemaAnchor, TypeText } from "../openapi/schema_view.tsx";
import { callerIfAny, respondPage } from "./respond.tsx";
import type { Route } from "../route.ts";

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: Schema;
}

interface Content {
  readonly [type: string]: { readonly schema?: Schema; readonly example?: Json };
}

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly security?: readonly unknown[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Content }>
  >;
}

/** The parts of the document that are shown. */
interface Document {
  readonly info: { readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** An operation and where it is. */
interface Placed {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

/** The route of the API reference; it needs no key. */
export function docsRoutes(version: string, authenticate: Authenticate): Route[] {
  let rendered: string | undefined;

  function docs(context: RequestContext): Response {
    query(context, []);
    // Rendered at the first request.
    rendered ??= String(<Reference document={openapi(version) as unknown as Document} />);
    const caller = callerIfAny(context, authenticate);
    const styles = ["manual.css", "docs.css"];
    const frame = { title: "API", place: "none", version, styles, caller } as const;
    return respondPage(context, 200, frame, raw(rendered));
  }

  return [{ method: "GET", path: "/docs", open: true, answer: docs }];
}

function Reference({ document }: { document: Document }) {
  const all = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Placed => ({
      method: method.toUpperCase(),
      path,
      operation,
    }))
  );
  const groups = document.tags.map((tag) => ({
    ...tag,
    operations: all.filter(({ operation }) => operation.tags.includes(tag.name)),
  }));
  return (
    <div class="manual with-list docs">
      <nav class="pages" aria-label="Operations">
        <p class="all">
          <a href="/openapi.json">openapi.json</a>
        </p>
        {groups.map(({ name, operations }) => (
          <>
            <p>
              <a href={`#${name}`}>{name}</a>
            </p>
            <ul>
              {operations.map(({ method, path, operation }) => (
                <li>
                  <a href={`#${operation.operationId}`}>
                    {method} {path}
                  </a>
                </li>
              ))}
            </ul>
          </>
        ))}
        <p>
          <a href="#schemas">Schemas</a>
        </p>
      </nav>
      <div>
        <p>{document.info.description}</p>
        <p>
          Send an API key as{" "}
          <code>Authorization: Bearer SECRET</code>; on loopback none is needed while no keys are
          set. This page is made of{" "}
          <a href="/openapi.json">/openapi.json</a>, an OpenAPI 3.1 document for generators and
          tools. The <a href="/manual">manual</a> explains.
        </p>
        {groups.map(({ name, description, operations }) => (
          <section>
            <h2 id={name}>{name}</h2>
            <p>{description}</p>
            {operations.map((placed) => <OperationView {...placed} />)}
          </section>
        ))}
        <section>
          <h2 id="schemas">Schemas</h2>
          {Object.entries(document.components.schemas).map(([name, schema]) => (
            <details class="operation">
              <summary>
                <h3>{name}</h3> {schema.description}
              </summary>
              <div id={schemaAnchor(name)}>
                {schema.properties || schema.allOf ? null : (
                  <p>
                    <TypeText schema={schema} />
                  </p>
                )}
                <Fields schema={schema} />
                {schema.examples?.map((example) => <Code>{JSON.stringify(example, null, 2)}</Code>)}
              </div>
            </details>
          ))}
        </section>
      </div>
    </div>
  );
}

function OperationView({ method, path, operation }: Placed) {
  const { operationId, summary, description, parameters = [], requestBody, responses } = operation;
  const isOpen = operation.security?.some((one) => Object.keys(one as object).length === 0);
  return (
    <details class="operation">
      <summary>
        <h3>
          <span class={`method ${method.toLowerCase()}`}>{method}</span> <code>{path}</code>
        </h3>{" "}
        {summary}
      </summary>
      <div id={operationId}>
        <p>
          {description} {isOpen ? <span class="unit">Needs no key.</span> : null}
        </p>
        {parameters.length === 0 ? null : (
          <>
            <h4>Parameters</h4>
            <dl class="fields">
              {parameters.map(({ name, in: place, required, description, schema }) => (
                <>
                  <dt>
                    <code>{name}</code>{" "}
                    <span class="unit">
                      {place}, <TypeText schema={schema} />
                      {required ? <b class="required">required</b> : null}
                    </span>
                  </dt>
                  <dd>{description}</dd>
                </>
              ))}
            </dl>
          </>
        )}
        {requestBody
          ? (
            <>
              <h4>Body</h4>
              <ContentView content={requestBody.content} />
            </>
          )
          : null}
        <h4>Responses</h4>
        <dl class="fields">
          {Object.entries(responses).map(([status, { description, content }]) => (
            <>
              <dt>
                <code>{status}</code>
              </dt>
              <dd>
                {description}
                {content ? <ContentView content={content} /> : null}
              </dd>
            </>
          ))}
        </dl>
      </div>
    </details>
  );
}

function ContentView({ content }: { content: Content }) {
  return (
    <>
      {Object.entries(content).map(([type, { schema, example }]) => (
        <>
          <p>
            <code>{type}</code> {schema ? <TypeText schema={schema} /> : null}
          </p>
          {schema ? <Fields schema={schema} /> : null}
          {example === undefined ? null : (
            <Code>
              {typeof example === "string" ? example : JSON.stringify(example, null, 2)}
            </Code>
          )}
        </>
      ))}
    </>
  );
}

function Code({ children }: { children?: string }) {
  return <pre tabindex={0}>{children}</pre>;
}
