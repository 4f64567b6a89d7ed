/**
 * Debian's Chromium, driven by Playwright. It notes what no page may do: call
 * another server, break its own policy, or log an error.
 *
 * @module
 */

import assert from "node:assert/strict";
import axe, { type AxeResults } from "axe-core";
import { HtmlValidate, StaticConfigLoader } from "html-validate";
import { type Browser, chromium, type Page } from "playwright-core";

/** A page under observation. */
export interface Watched {
  /** Playwright's page. */
  readonly page: Page;
  /** Throws when the page called another server, broke a policy or failed. */
  assertClean(): void;
}

/** Turns each breach of a policy into an error in the console, in every frame. */
const TELL_VIOLATIONS =
  `document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
    console.error("policy: " + violatedDirective + " " + blockedURI));`;

/** One browser. */
export class Chromium implements AsyncDisposable {
  readonly #browser: Browser;

  constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async start(): Promise<Chromium> {
    const args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"];
    return new Chromium(await chromium.launch({ executablePath: "/usr/bin/chromium", args }));
  }

  /** Opens a page in a profile of its own. */
  async open(
    origin: string,
    options: { width?: number; dark?: boolean; scripts?: boolean } = {},
  ): Promise<Watched> {
    const { width = 1280, dark = false, scripts = true } = options;
    const context = await this.#browser.newContext({
      javaScriptEnabled: scripts,
      baseURL: origin,
      viewport: { width, height: width < 700 ? 844 : 800 },
      colorScheme: dark ? "dark" : "light",
    });
    context.setDefaultTimeout(15_000);
    const page = await context.newPage();
    const faults: string[] = [];
    page.on("request", (request) => {
      const url = request.url();
      const isOurs = url.startsWith(`${origin}/`) || /^(?:data|about|blob):/.test(url);
      if (!isOurs) faults.push(`asked for ${url}`);
    });
    page.on("console", (message) => {
      // The browser logs a refused submit as an error, although the page shows it.
      const isAnswer = /the server responded with a status of 4\d\d/.test(message.text());
      if (message.type() === "error" && !isAnswer) faults.push(`logged ${message.text()}`);
    });
    page.on("pageerror", (error) => faults.push(`threw ${error.message}`));
    page.on("dialog", (dialog) => {
      faults.push(`opened a dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    await page.addInitScript(TELL_VIOLATIONS);
    return { page, assertClean: () => assert.deepEqual(faults, []) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}

/** The violations of WCAG 2.2 AA, and of axe's own best practices, that axe finds. */
export async function accessFaults(page: Page): Promise<string[]> {
  // `evaluate` uses the debugger, so the policy of the page does not apply.
  await page.evaluate(axe.source);
  const results: AxeResults = await page.evaluate('axe.run({ resultTypes: ["violations"] })');
  return results.violations.map(({ id, help, nodes }) =>
    `${id}: ${help} (${
      nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("; ")
    })`
  );
}

const validator = new HtmlValidate(
  new StaticConfigLoader({
    extends: ["html-validate:standard", "html-validate:a11y", "html-validate:document"],
    rules: {
      "require-sri": "off", // All resources are our own.
      "doctype-style": "off",
      "no-implicit-input-type": "off",
    },
  }),
);

/** What is wrong with the HTML of a page, by the rules of html-validate. */
export async function htmlFaults(html: string): Promise<string[]> {
  const { results } = await validator.validateString(html);
  return results.flatMap(({ messages }) =>
    messages.map(({ ruleId, message, line, column }) => `${line}:${column} ${ruleId}: ${message}`)
  );
}
