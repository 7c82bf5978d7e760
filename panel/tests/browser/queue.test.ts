// An account's mail in Postfix's queue: seen, subjects only where they are allowed, and deleted.
import { execFileSync } from "node:child_process";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ask, axe, folder, lab, launch, listen, open, shoot, signIn } from "./kit";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const address = "sakura@lab-ja.example";
const path = `/accounts/${encodeURIComponent(address)}`;

// Mail to which the world answers "later", and Postfix has said so.
function queueSome(count: number) {
  execFileSync("/usr/bin/python3", [
    "-B",
    "-c",
    `import sys; sys.path.insert(0, "../tests/e2e")
from labkit import Lab, wait_for
lab = Lab(sys.argv[1])
for number in range(${count}):
    lab.send("${address}", f"defer-{number}@stuck.example", client="192.0.2.10", subject="請求書")
wait_for(lambda: len(lab.queued("${address}", queue="deferred")) >= ${count}, 30, "queued")`,
    folder,
  ]);
}

// An open incident shows the queue without a click; where the helper is slow or away, it says so
// beside everything else, and a click tries again.
async function seenInTheIncident(page: Page) {
  const { items } = await ask<{ items: { id: number; state: string }[] }>(
    "GET",
    `/incidents?account=${encodeURIComponent(address)}&limit=1`,
  );
  expect(items[0]?.state).not.toBe("closed");
  const incident = `${lab.panel_url}#/incidents/${items[0]?.id}`;
  const card = page.locator("section.card", { hasText: "キューのメール" });
  const asked = "**/api/v1/accounts/*/queue?*";
  const away = JSON.stringify({
    error: { code: "unavailable", message_ja: "いまはできません。", message_en: "Not now.", detail: "" },
  });
  await page.goto(incident);
  await card.getByText("3 通がキューにあります。").waitFor();
  await axe(page, "an incident with its queue");
  await shoot(page, "queue-ja-390-incident");

  await page.route(asked, (route) => route.fulfill({ status: 503, body: away }));
  await page.goto(`${lab.panel_url}#/incidents`);
  await page.goto(incident);
  await card.getByText("いまはできません。").waitFor();
  expect(await page.locator(".toast", { hasText: "いまはできません。" }).count()).toBe(0);
  await axe(page, "an incident whose queue is not there");
  await shoot(page, "queue-ja-390-incident-away");
  await page.unroute(asked);
  await card.getByRole("button", { name: "もう一度読み込む" }).click();
  await card.getByText("3 通がキューにあります。").waitFor();

  // It answers at last, but only whoever asks waits for it.
  let answers = () => {};
  const late = new Promise<void>((done) => (answers = done));
  await page.route(asked, async (route) => {
    await late;
    await route.continue().catch(() => undefined);
  });
  await page.goto(`${lab.panel_url}#/incidents`);
  await page.goto(incident);
  await card.getByText("読み込んでいます").waitFor();
  await page.locator("h2", { hasText: "根拠" }).first().waitFor();
  await card.getByText("時間がかかっているため").waitFor();
  await shoot(page, "queue-ja-390-incident-slow");
  answers();
  await card.getByRole("button", { name: "もう一度読み込む" }).click();
  await card.getByText("3 通がキューにあります。").waitFor();
  await page.unroute(asked);
}

it("queued mail is looked at and deleted", async () => {
  await ask("POST", `${path}/restrict`, { reason: "panel test" });
  await ask("POST", `${path}/restore`, { reason: "panel test", probation: true });
  queueSome(3);
  const context = await open(browser, { language: "ja", width: 390, theme: "light" });
  const page = await context.newPage();
  const complaints = listen(page);
  await signIn(page, lab.operator.login, lab.operator.password);
  // The incidents' list counts it by itself.
  await page.goto(`${lab.panel_url}#/incidents`);
  const row = page.locator("tr", { hasText: address }).first();
  await row.locator("a.mail", { hasText: "キュー 3 通" }).waitFor({ timeout: 60_000 });
  await shoot(page, "queue-ja-390-incidents");
  await row.locator("a.mail").click();
  await page.getByRole("button", { name: "キューを見る" }).click();
  await page.getByText("3 通がキューにあります。").waitFor();
  await page.locator("li", { hasText: "defer-0@stuck.example" }).waitFor();
  // This lab does not allow subjects: it says so, and none is shown.
  await page.getByLabel("件名も表示する").check();
  await page.locator(".toast.bad").waitFor();
  await expect.poll(() => page.getByLabel("件名も表示する").isChecked()).toBe(false);
  expect(await page.getByText("請求書").count()).toBe(0);
  await axe(page, "a queue");
  await shoot(page, "queue-ja-390");
  await seenInTheIncident(page);
  await page.goto(`${lab.panel_url}#${path}?part=mail`);
  await page.getByRole("button", { name: "キューを見る" }).click();
  await page.getByText("3 通がキューにあります。").waitFor();
  await page.getByRole("button", { name: "すべて消す" }).click();
  await page.locator("dialog[open] textarea").fill("試験");
  await page.locator("dialog[open] button", { hasText: "すべて消す" }).click();
  await page.locator(".toast", { hasText: "3 通を処理しました。" }).waitFor();
  await page.getByText("0 通がキューにあります。").waitFor();
  expect(complaints).toEqual([]);
  await context.close();
});
