import assert from "node:assert/strict";

import { payloadView } from "../../../src/http/views/task_view.ts";

Deno.test.each([
  {
    type: "text/plain",
    body: "client_id=a&client_secret=b",
    shown: "client_id=a&client_secret=***",
  },
  { type: "", body: "token=b", shown: "token=***" },
  { type: "application/x-www-form-urlencoded", body: "a=1&pin=2", shown: "a=1&pin=***" },
  {
    type: "text/plain",
    body: "a sentence with token=b in it",
    shown: "a sentence with token=b in it",
  },
  { type: "text/plain", body: '{"secret":"b","a":1}', shown: '{"secret":"***","a":1}' },
])("a body of type $type is shown as $shown", ({ type, body, shown }) => {
  const headers: Record<string, string> = type === "" ? {} : { "content-type": type };
  const view = payloadView({
    url: "https://example.org/",
    method: "POST",
    headers,
    body,
    redirects: 0,
    maxBytes: 1,
  });
  assert.equal(view.body, shown);
});
