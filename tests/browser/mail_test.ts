/**
 * A mail that one curl command sends, as a mail program shows it.
 *
 * @module
 */

import assert from "node:assert/strict";

import { needs } from "../support/needs.ts";
import { aFolder, startPostrider } from "../support/process.ts";
import { accessFaults, Chromium } from "./browser.ts";

const LINK = "https://example.org/reset?token=1c9f2e&for=ada";

Deno.test(
  "a reset link, mailed by one line of curl, is a page with a button that leads there",
  needs("chromium", "curl", "dkimverify"),
  async () => {
    await using data = await aFolder();
    await using postrider = startPostrider({ data: data.path });
    const { url, final } = await postrider.listening.then((api) => ({
      url: api.url,
      final: (id: string) => api.final(id),
    }));
    const asked = { to: "ada@example.org", template: "password-reset", data: { link: LINK } };
    const { id } = JSON.parse(
      await run("curl", "-s", `${url}/notify`, "--json", JSON.stringify(asked)),
    );
    assert.equal((await final(id)).state, "succeeded");
    const html = await htmlOf(`${data.path}/outbox/${id}.eml`);

    await using chromium = await Chromium.start();
    for (const options of [{ width: 1_280 }, { width: 390, dark: true }]) {
      const { page, assertClean } = await chromium.open("http://reader.invalid", options);
      await page.setContent(html);
      const button = page.getByRole("link", { name: "Choose a new password" });
      assert.equal(await button.getAttribute("href"), LINK);
      const { x = 0, width = 0, height = 0 } = await button.boundingBox() ?? {};
      assert.ok(x >= 0 && x + width <= options.width && height >= 40, `${x} ${width} ${height}`);
      const wide = await page.evaluate("document.documentElement.scrollWidth");
      assert.ok(Number(wide) <= options.width, `${wide} wide`);
      assert.deepEqual(await accessFaults(page), []);
      assertClean();
    }
  },
);

/** The mail as Python's library reads it. */
async function htmlOf(file: string): Promise<string> {
  const script = new URL("../mail/read_mail.py", import.meta.url).pathname;
  const { parts } = JSON.parse(await run("/usr/bin/python3", script, file));
  return parts.find(({ type }: { type: string }) => type === "text/html").text;
}

async function run(program: string, ...args: string[]): Promise<string> {
  const command = new Deno.Command(program, { args, stdout: "piped", stderr: "inherit" });
  const { success, stdout } = await command.output();
  assert.ok(success, program);
  return new TextDecoder().decode(stdout);
}
