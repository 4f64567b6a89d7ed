/**
 * JSON as a tree that opens and closes without a script. A very large value is shown
 * as text.
 *
 * @module
 */

import type { Child } from "hono/jsx";

/** Values that a tree shows. */
const MAX_NODES = 400;
/** Members of an object that is closed at first. */
const MANY = 30;
const MAX_DEPTH = 24;

/** JSON as a tree; `name` makes the ids of its parts, so that they stay open over updates. */
export function JsonTree({ value, name }: { readonly value: unknown; readonly name: string }) {
  if (typeof value !== "object" || value === null || isLarge(value)) {
    return <pre tabindex={0}><code>{JSON.stringify(value, null, 2)}</code></pre>;
  }
  return <div class="json">{members(value, name, 1)}</div>;
}

function members(value: object, path: string, depth: number): Child {
  const entries = Object.entries(value);
  if (entries.length === 0) {
    return <span class="empty-value">{Array.isArray(value) ? "[]" : "{}"}</span>;
  }
  return (
    <ul>
      {entries.map(([name, member], index) => (
        <li>
          <Member name={name} value={member} path={`${path}-${index}`} depth={depth} />
        </li>
      ))}
    </ul>
  );
}

function Member(
  { name, value, path, depth }: {
    readonly name: string;
    readonly value: unknown;
    readonly path: string;
    readonly depth: number;
  },
) {
  if (typeof value !== "object" || value === null) {
    return (
      <>
        <span class="name">{name}</span> <Leaf value={value} />
      </>
    );
  }
  const count = Object.keys(value).length;
  const one = Array.isArray(value) ? "item" : "member";
  const what = `${count} ${one}${count === 1 ? "" : "s"}`;
  return (
    <details id={path} open={count <= MANY && depth < 4}>
      <summary>
        <span class="name">{name}</span> <small>{what}</small>
      </summary>
      {members(value, path, depth + 1)}
    </details>
  );
}

function Leaf({ value }: { value: unknown }) {
  return <code class={value === null ? "null" : typeof value}>{JSON.stringify(value)}</code>;
}

function isLarge(value: object): boolean {
  let nodes = 0;
  const visit = (one: unknown, depth: number): boolean => {
    if (++nodes > MAX_NODES || depth > MAX_DEPTH) return true;
    if (typeof one !== "object" || one === null) return false;
    return Object.values(one).some((member) => visit(member, depth + 1));
  };
  return visit(value, 0);
}
