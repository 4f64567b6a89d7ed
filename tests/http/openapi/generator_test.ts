import assert from "node:assert/strict";
import openapiTS, { astToString } from "openapi-typescript";
import { openapi } from "../../../src/http/openapi/document.ts";

/** What a program would send; each line must type-check against the generated types. */
const PROGRAM = `
import type { components, paths } from "./api.ts";
type Body<Path extends "/notify" | "/fetch"> =
  paths[Path]["post"]["requestBody"]["content"]["application/json"];
export const simplest: Body<"/notify"> = { to: "ada@example.org", text: "Hello" };
export const batch: Body<"/notify"> = { notifications: [{ to: "ada@example.org", text: "Hi" }] };
export const chained: Body<"/fetch"> = {
  url: "https://example.org/",
  json: { build: 42 },
  onSuccess: { notify: { to: "ada@example.org", text: "{{task.result.status}}" } },
};
export const urls: Body<"/fetch"> = { urls: ["https://example.org/"], concurrency: 2 };
export const schedule:
  paths["/schedules/{name}"]["put"]["requestBody"]["content"]["application/json"] = {
    cron: "0 3 * * *",
    notify: { to: "ada@example.org", template: "alert", data: { title: "Nightly" } },
  };
export function stateOf(task: components["schemas"]["Task"]): string {
  return [task.id, task.state, task.error?.code, task.payload?.url].join();
}
// @ts-expect-error -- no such field
export const unknown: Body<"/fetch"> = { url: "https://example.org/", colour: "red" };
`;

Deno.test("openapi-typescript makes types of the document that programs can use", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const source = JSON.stringify(openapi("1.2.3"));
    await Deno.writeTextFile(`${folder}/api.ts`, astToString(await openapiTS(source)));
    await Deno.writeTextFile(`${folder}/program.ts`, PROGRAM);
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", "--quiet", "--no-config", `${folder}/program.ts`],
      env: { NO_COLOR: "1" },
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
