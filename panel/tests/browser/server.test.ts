// What is set for the server: a domain's limit is tried on past mail, saved and in force; a
// notice's text is rewritten and put back; settings are shown and reloaded; a domain admin hears of
// their own domain by itself.
import { readFileSync, writeFileSync } from "node:fs";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ask, axe, everyone, lab, launch, listen, open, shoot, signIn } from "./kit";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());
const { operator } = lab;
type Policy = { items: { name: string; value: number; source: string; where: string }[] };

it("a domain's limit is tried, saved and in force", async () => {
  const context = await open(browser, { language: "ja", width: 1280, theme: "light" });
  const page = await context.newPage();
  const complaints = listen(page);
  await signIn(page, operator.login, operator.password);
  await page.goto(`${lab.panel_url}#/domains`);
  await page.locator("a[data-row]", { hasText: "lab-ja.example" }).click();
  await page.getByRole("textbox", { name: "1 通の宛先数" }).fill("3");
  await page.getByRole("button", { name: "保存せずに試す" }).click();
  await page.locator("h3", { hasText: "日間のメールで試した結果" }).waitFor({ timeout: 60_000 });
  await axe(page, "a dry run");
  await shoot(page, "server-ja-1280-dry-run");
  // Tried only: nothing is in force yet.
  const of = (who: string) => ask<Policy>("GET", `/accounts/${encodeURIComponent(who)}/policy`);
  const limit = async () =>
    (await of("taro@lab-ja.example")).items.find((one) => one.name === "recipients_per_message");
  expect((await limit())?.source).toBe("setting");
  await page.locator("#domain-reason").fill("画面の試験");
  await page.getByRole("button", { name: "保存", exact: true }).click();
  await page.locator("[role=status]", { hasText: "保存しました" }).waitFor();
  expect(await limit()).toMatchObject({ value: 3, source: "domain", where: "lab-ja.example" });
  await page.locator("td", { hasText: "ここで決めた値" }).waitFor();
  await page.getByRole("textbox", { name: "1 通の宛先数" }).fill("");
  await page.locator("#domain-reason").fill("元に戻す");
  await page.getByRole("button", { name: "保存", exact: true }).click();
  await page.locator("td", { hasText: "ここで決めた値" }).waitFor({ state: "detached" });
  expect((await limit())?.source).toBe("setting");
  const audit = await ask<{ items: { action: string; why: string }[] }>(
    "GET",
    "/audit?action=set_policy&limit=2",
  );
  expect(audit.items.map((one) => one.why)).toEqual(["元に戻す", "画面の試験"]);
  expect(complaints).toEqual([]);
  await context.close();
});

it("a notice's text is rewritten, checked and put back", async () => {
  const context = await open(browser, { language: "en", width: 390, theme: "dark" });
  const page = await context.newPage();
  const complaints = listen(page);
  await signIn(page, operator.login, operator.password);
  await page.goto(`${lab.panel_url}#/texts/suspended.owner.en`);
  await page.locator(".letter .subject").waitFor();
  await page.locator("#text-body").fill("Subject: Stopped: {address}\n\n{greeting}\n{wrong}\n");
  await page.locator(".notice.bad", { hasText: "{wrong}" }).waitFor();
  expect(await page.getByRole("button", { name: "Save" }).isDisabled()).toBe(true);
  await axe(page, "a text with a fault");
  await shoot(page, "server-en-390-text-fault");
  await page.locator("#text-body").fill("Subject: Stopped: {address}\n\n{greeting}\nPlease call us.\n");
  await page.locator(".letter .subject", { hasText: "Stopped: hanako@example.jp" }).waitFor();
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator(".badge", { hasText: "Rewritten" }).waitFor();
  await shoot(page, "server-en-390-text");
  await page.getByRole("button", { name: "Go back to the original" }).click();
  await page.locator("dialog[open]").getByRole("button", { name: "Go back to the original" }).click();
  await page.locator(".badge", { hasText: "Standard" }).waitFor();
  expect(complaints).toEqual([]);
  await context.close();
});

it("a changed setting is shown as waiting, and taken over", async () => {
  const before = readFileSync(lab.config, "utf8");
  const changed = before.includes("[limits]")
    ? before.replace("[limits]", "[limits]\nmessages_per_hour = 299")
    : `${before}\n[limits]\nmessages_per_hour = 299\n`;
  const context = await open(browser, { language: "ja", width: 1280, theme: "dark" });
  const page = await context.newPage();
  const complaints = listen(page);
  try {
    writeFileSync(lab.config, changed);
    await signIn(page, operator.login, operator.password);
    await page.goto(`${lab.panel_url}#/settings`);
    await page.locator("label", { hasText: "反映待ち" }).click();
    await page.locator("li", { hasText: "limits.messages_per_hour" }).locator(".waiting").waitFor();
    await shoot(page, "server-ja-1280-settings-waiting");
    await page.getByRole("button", { name: "設定を読み込む" }).click();
    await page.locator("dialog[open]").getByRole("button", { name: "設定を読み込む" }).click();
    await page.locator("p", { hasText: "反映を待っている変更はありません" }).waitFor();
    const policy = await ask<Policy>("GET", "/server/policy");
    expect(policy.items.find((one) => one.name === "messages_per_hour")?.value).toBe(299);
  } finally {
    writeFileSync(lab.config, before);
    await ask("POST", "/settings/reload");
  }
  expect(complaints).toEqual([]);
  await context.close();
});

it("a domain admin hears of their own domain, and of no other", async () => {
  const context = await open(browser, { language: "ja", width: 1280, theme: "light" });
  const page = await context.newPage();
  const login = "kanri@lab-ja.example";
  await signIn(page, login, everyone[login] ?? "");
  await page.locator("aside", { hasText: "自動更新中" }).waitFor();
  // Listening first, then both domains have news; theirs is the last.
  await page.evaluate(() => {
    const heard: string[] = [];
    const source = new EventSource("/api/v1/stream");
    (globalThis as unknown as { heard: string[] }).heard = heard;
    source.onopen = () => document.body.setAttribute("data-listening", "");
    source.addEventListener("standing", (event) => {
      const news = JSON.parse((event as MessageEvent<string>).data) as { subject: { id: string } };
      heard.push(news.subject.id);
    });
  });
  await page.locator("body[data-listening]").waitFor();
  const mine = encodeURIComponent("taro@lab-ja.example");
  const other = encodeURIComponent("carol@lab-en.example");
  for (const who of [other, mine]) {
    await ask("POST", `/accounts/${who}/restrict`, { reason: "stream test" });
    await ask("POST", `/accounts/${who}/restore`, { reason: "stream test" });
  }
  const heard = () => page.evaluate(() => (globalThis as unknown as { heard: string[] }).heard);
  await expect.poll(heard, { timeout: 10_000 }).toEqual(["taro@lab-ja.example", "taro@lab-ja.example"]);
  await context.close();
});
