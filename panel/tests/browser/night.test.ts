// The operator's night: an attack comes while the panel is open; it is seen without a reload,
// contained and released by the keyboard alone.
import { spawn } from "node:child_process";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ask, axe, lab, launch, listen, open, shoot, standingOf, tabTo } from "./kit";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

function drill(): Promise<number | null> {
  const binary = process.env["SEKIMORI_BINARY"] ?? "../build/sekimori";
  const child = spawn(binary, ["drill", "--config", lab.config], { stdio: "ignore" });
  return new Promise((done) => child.on("exit", done));
}

async function until(what: string, check: () => Promise<boolean>, seconds = 60) {
  const deadline = Date.now() + seconds * 1000;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((next) => setTimeout(next, 250));
  }
}

it("an operator's night, by the keyboard", async () => {
  const context = await open(browser, { language: "ja", width: 1280, theme: "light" });
  const page = await context.newPage();
  const complaints = listen(page);
  await page.goto(lab.panel_url);
  await page.locator("#login").waitFor();

  await page.locator("#login").focus();
  await page.keyboard.type(lab.operator.login);
  await page.keyboard.press("Tab");
  await page.keyboard.type(lab.operator.password);
  await page.keyboard.press("Enter");
  await page.locator("h1", { hasText: "事案" }).waitFor();
  await page.locator("aside", { hasText: "自動更新中" }).waitFor();

  // The attack: the row appears by itself.
  const seen = page.locator("a[data-row]", { hasText: "drill@lab-ja.example" });
  const before = (await ask<{ total: number }>("GET", "/incidents?account=drill%40lab-ja.example"))
    .total;
  const ended = drill();
  await until("the incident is listed", async () => (await seen.count()) > before);
  await shoot(page, "night-1-incident-comes");
  expect(await ended).toBe(0);

  // j to the newest, Enter to open it.
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.locator("h2", { hasText: "経過" }).waitFor();
  await page.locator("svg[role=img] circle").first().waitFor();
  // What it did, and the report for printing.
  await page.locator("dt", { hasText: "不審なメール" }).waitFor({ timeout: 30_000 });
  const [printed] = await Promise.all([
    context.waitForEvent("page"),
    tabTo(page, { text: "印刷用の報告書を開く" }).then(() => page.keyboard.press("Enter")),
  ]);
  await printed.locator("h1").first().waitFor();
  await printed.close();
  await axe(page, "the incident");
  await shoot(page, "night-2-incident");

  // Contain another account: found, opened, stopped.
  const address = "jiro@lab-ja.example";
  await page.keyboard.press("Control+k");
  await page.keyboard.type("jiro");
  await page.locator("[role=option]", { hasText: address }).waitFor();
  await axe(page, "the palette");
  await page.keyboard.press("Enter");
  await page.locator("h1", { hasText: address }).waitFor();
  const sending = page.getByRole("group", { name: "送信" });
  await sending.getByRole("button", { name: "拒否" }).focus();
  await page.keyboard.press("Enter");
  await page.locator("dialog[open] textarea").waitFor();
  await axe(page, "the question");
  await shoot(page, "night-3-question");
  await page.keyboard.type("夜間の試験");
  await tabTo(page, { text: "送信を止める" });
  await page.keyboard.press("Enter");
  await page.locator(".badge", { hasText: "送信停止" }).first().waitFor();
  expect(await standingOf(address)).toBe("restricted");
  await shoot(page, "night-4-contained");

  await tabTo(page, { text: "解除する" });
  await page.keyboard.press("Enter");
  await page.locator("dialog[open] textarea").waitFor();
  await page.keyboard.type("本人と確認できました");
  await tabTo(page, { text: "解除する" });
  await page.keyboard.press("Enter");
  await until("released", async () => ["normal", "probation"].includes(await standingOf(address)));
  await page.locator("[role=status]", { hasText: "制限を解除しました" }).waitFor();
  await shoot(page, "night-5-released");

  // The drill's account over time: the journal was counted meanwhile.
  await page.goto(`${lab.panel_url}#/accounts/drill%40lab-ja.example?part=figures`);
  await page.locator(".plot canvas").first().waitFor();
  await axe(page, "the figures of an account");
  await shoot(page, "night-6-figures");
  await page.getByRole("link", { name: "サインイン", exact: true }).click();
  await page.locator("td code", { hasText: "198.51.100." }).first().waitFor();
  await axe(page, "the account over time");
  await shoot(page, "night-6-account");
  expect(complaints).toEqual([]);
  await context.close();
});
