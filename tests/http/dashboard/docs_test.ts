import assert from "node:assert/strict";
import { openapi } from "../../../src/http/openapi/document.ts";
import { Api } from "../../support/api.ts";

Deno.test("/docs has every operation and schema of the OpenAPI document, and no dead link", async () => {
  await using api = await Api.open();
  const response = await api.raw("/docs");
  assert.equal(response.status, 200);
  const html = await response.text();
  assert.doesNotMatch(html, /<script(?! type="module" src="\/ui\/assets\/[\w-]+\/dashboard\.js")/);
  const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  assert.equal(new Set(ids).size, ids.length, "an id stands twice");
  const { paths, components } = openapi("1") as unknown as {
    paths: Record<string, Record<string, { operationId: string }>>;
    components: { schemas: Record<string, unknown> };
  };
  for (const methods of Object.values(paths)) {
    for (const { operationId } of Object.values(methods)) assert.ok(ids.includes(operationId));
  }
  for (const name of Object.keys(components.schemas)) assert.ok(ids.includes(`schema-${name}`));
  const links = [...html.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
  assert.deepEqual(links.filter((id) => !ids.includes(id)), []);
});
