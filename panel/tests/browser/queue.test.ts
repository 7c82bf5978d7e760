// An account's mail in Postfix's queue: seen, subjects only where they are allowed, and deleted.
import { execFileSync } from "node:child_process";
import type { Browser } from "playwright-core";
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
  await page.getByRole("button", { name: "すべて消す" }).click();
  await page.locator("dialog[open] textarea").fill("試験");
  await page.locator("dialog[open] button", { hasText: "すべて消す" }).click();
  await page.locator(".toast", { hasText: "3 通を処理しました。" }).waitFor();
  await page.getByText("0 通がキューにあります。").waitFor();
  expect(complaints).toEqual([]);
  await context.close();
});
