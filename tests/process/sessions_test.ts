import assert from "node:assert/strict";
import { aFolder, startPostrider } from "../support/process.ts";

const KEYS = "ada:first-secret";

Deno.test("a session outlives a restart, and a signed-out one stays signed out", async () => {
  await using data = await aFolder();
  const env = { POSTRIDER_API_KEYS: KEYS };
  const cookies: string[] = [];
  const statusOf = async (url: string, cookie: string | undefined) => {
    const response = await fetch(`${url}/tasks`, { headers: { cookie: cookie ?? "" } });
    await response.body?.cancel();
    return response.status;
  };
  {
    await using service = startPostrider({ data: data.path, env });
    const { url } = await service.listening;
    const post = (path: string, body: string, cookie = "") =>
      fetch(url + path, {
        method: "POST",
        redirect: "manual",
        headers: {
          "content-type": "application/x-www-form-urlencoded",
          "sec-fetch-site": "same-origin",
          cookie,
        },
        body,
      });
    for (let n = 0; n < 2; n++) {
      const response = await post("/ui/signin", "key=first-secret");
      cookies.push(response.headers.get("set-cookie")?.split(";")[0] ?? "");
      await response.body?.cancel();
    }
    assert.equal(await statusOf(url, cookies[0]), 200);
    const { status, body } = await post("/ui/signout", "", cookies[0]);
    await body?.cancel();
    assert.equal(status, 303);
    assert.equal(await statusOf(url, cookies[0]), 401);
    service.kill("SIGKILL");
    await service.exit;
  }
  await using service = startPostrider({ data: data.path, env });
  const { url } = await service.listening;
  assert.deepEqual([await statusOf(url, cookies[0]), await statusOf(url, cookies[1])], [401, 200]);
});
