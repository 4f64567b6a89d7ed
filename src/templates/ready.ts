/**
 * The templates that come with Postrider; one of the operator's by the same
 * name takes the place of it.
 *
 * @module
 */

import alertHtml from "./ready/alert.html.liquid" with { type: "text" };
import alertText from "./ready/alert.txt.liquid" with { type: "text" };
import buildHtml from "./ready/build-result.html.liquid" with { type: "text" };
import buildText from "./ready/build-result.txt.liquid" with { type: "text" };
import layoutHtml from "./ready/layout.html.liquid" with { type: "text" };
import resetHtml from "./ready/password-reset.html.liquid" with { type: "text" };
import resetText from "./ready/password-reset.txt.liquid" with { type: "text" };

/** By the names that an operator's files would have. */
export const READY_FILES: ReadonlyMap<string, string> = new Map([
  ["layout.html.liquid", layoutHtml],
  ["alert.html.liquid", alertHtml],
  ["alert.txt.liquid", alertText],
  ["build-result.html.liquid", buildHtml],
  ["build-result.txt.liquid", buildText],
  ["password-reset.html.liquid", resetHtml],
  ["password-reset.txt.liquid", resetText],
]);
