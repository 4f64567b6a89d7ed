/**
 * The built-in mail templates. The operator's template of the same name replaces one.
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

/** The texts of the files, by file name. */
export const READY_FILES: ReadonlyMap<string, string> = new Map([
  ["layout.html.liquid", layoutHtml],
  ["alert.html.liquid", alertHtml],
  ["alert.txt.liquid", alertText],
  ["build-result.html.liquid", buildHtml],
  ["build-result.txt.liquid", buildText],
  ["password-reset.html.liquid", resetHtml],
  ["password-reset.txt.liquid", resetText],
]);
