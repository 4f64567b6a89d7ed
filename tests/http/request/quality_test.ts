import assert from "node:assert/strict";
import { qualityOf } from "../../../src/http/request/quality.ts";

const JSON_NAMES = ["application/json", "application/*", "*/*"];

Deno.test.each([
  { header: null, quality: 0 },
  { header: "", quality: 0 },
  { header: "text/html", quality: 0 },
  { header: "application/json", quality: 1 },
  { header: "text/html, Application/JSON ; charset=utf-8 ; Q=0.5", quality: 0.5 },
  { header: "*/*;q=0.8, application/json;q=0.2", quality: 0.2 },
  { header: "*/*;q=0.8, application/json;q=0", quality: 0 },
  { header: "application/*;q=0.3, */*;q=0.8", quality: 0.3 },
  { header: "*/*", quality: 1 },
  { header: "application/json;q=0.000", quality: 0 },
  { header: "application/json;q=.", quality: 0 },
])("$header gives JSON the quality $quality", ({ header, quality }) => {
  assert.equal(qualityOf(header, JSON_NAMES), quality);
});
