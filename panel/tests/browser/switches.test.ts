// An account's three switches, its notes and its parts; many incidents contained and released at
// once.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ask, axe, lab, launch, listen, open, shoot, signIn, standingOf } from "./kit";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const of = (address: string) => `/accounts/${encodeURIComponent(address)}`;
async function answer(page: Page, reason = "画面の試験") {
  await page.locator("dialog[open] textarea").fill(reason);
  await page.locator("dialog[open] form > .row button").last().click();
  await page.locator("dialog[open]").waitFor({ state: "detached" });
}

it("an account's switches say what is, and change it", async () => {
  const address = "info@lab-ja.example";
  const context = await open(browser, { language: "ja", width: 390, theme: "light" });
  const page = await context.newPage();
  const complaints = listen(page);
  await signIn(page, lab.operator.login, lab.operator.password);
  await page.goto(`${lab.panel_url}#${of(address)}`);
  const position = (name: string, value: string) =>
    page
      .getByRole("group", { name, exact: true })
      .getByRole("button", { name: value, exact: true });
  const isOn = async (name: string, value: string) => {
    await expect
      .poll(() => position(name, value).getAttribute("aria-pressed"), { timeout: 20_000 })
      .toBe("true");
  };
  await isOn("受信", "許可");
  await isOn("送信", "許可");
  await isOn("ログイン", "許可");

  // Thought better of: nothing changes.
  await position("送信", "保留").click();
  await page.locator("dialog[open] button", { hasText: "キャンセル" }).click();
  await isOn("送信", "許可");
  // All that it sends waits; there is no way without a reason.
  await position("送信", "保留").click();
  await page.locator("dialog[open] button", { hasText: "すべて保留する" }).click();
  await page.locator("dialog[open] [role=alert]").waitFor();
  await answer(page);
  await isOn("送信", "保留");
  type Policy = { items: { name: string; value: number; reason: string }[] };
  const mode = async () =>
    (await ask<Policy>("GET", `${of(address)}/policy`)).items.find((one) => one.name === "mode");
  expect(await mode()).toMatchObject({ value: 2, reason: "画面の試験" });
  await axe(page, "an account that is held");
  await shoot(page, "switches-ja-390-held");
  await position("送信", "許可").click();
  await answer(page);
  await isOn("送信", "許可");
  expect((await mode())?.value).not.toBe(2);

  // Each alone: what a person switches off takes nothing with it.
  type Off = { by: string; reason: string; until: string | null };
  type Switch = { works: boolean; off: Off | null; letter: string };
  const switches = () => ask<{ receive: Switch; login: Switch }>("GET", `${of(address)}/switches`);
  await position("受信", "待機").click();
  await page.locator("dialog[open] button", { hasText: "受信を止める" }).click();
  await page.locator("dialog[open] [role=alert]").waitFor();
  await page.locator("dialog[open] select").selectOption("24");
  await axe(page, "what is switched off, and until when");
  await answer(page, "引っ越しのあいだ");
  await isOn("受信", "待機");
  await isOn("ログイン", "許可");
  await isOn("送信", "許可");
  await page.locator("li", { hasText: "引っ越しのあいだ" }).getByText("に自動で再開").waitFor();
  const off = await switches();
  expect(off.receive).toMatchObject({
    works: false,
    off: { by: lab.operator.login, reason: "引っ越しのあいだ" },
  });
  expect(Date.parse(off.receive.off?.until ?? "") - Date.now()).toBeGreaterThan(23.9 * 3_600_000);
  expect(off.login).toMatchObject({ works: true, off: null });
  // The owner is written to in a minute; a list shows what may have been forgotten.
  expect(off.receive.letter).toBe("due");
  await page.getByText("まもなくメールで知らせます").waitFor();
  await page.goto(`${lab.panel_url}#/accounts`);
  await page.locator("label", { hasText: "受信を停止 1" }).click();
  const found = page.locator("tbody tr");
  await expect.poll(() => found.count(), { timeout: 20_000 }).toBe(1);
  await found.filter({ hasText: address }).locator(".badge", { hasText: "受信を停止" }).waitFor();
  await axe(page, "accounts with receiving off");
  await shoot(page, "switches-ja-390-list");
  await page.locator("label:has(input[name=off][value=login])").click();
  await page.getByText("担当者が止めたアカウントはありません。").waitFor();
  await page.locator("label:has(input[name=off][value=receive])").click();
  await found.locator("a", { hasText: address }).click();
  await isOn("受信", "待機");
  expect(await standingOf(address)).toMatch(/^(normal|probation)$/);
  await position("ログイン", "拒否").click();
  await page.getByLabel("利用者にメールで知らせる").uncheck();
  await answer(page, "退職");
  await page.getByText("利用者にはメールで知らせていません").waitFor();
  await isOn("ログイン", "拒否");
  await page.getByText("ログインできないため送れません").waitFor();
  await axe(page, "both switched off");
  await shoot(page, "switches-ja-390-both-off");
  await position("受信", "許可").click();
  await answer(page);
  await isOn("受信", "許可");
  await isOn("ログイン", "拒否");
  await position("ログイン", "許可").click();
  await answer(page);
  await isOn("ログイン", "許可");
  const on = { works: true, off: null };
  expect(await switches()).toMatchObject({ receive: on, login: on });

  // The whole account suspended: the switches say so.
  await page.getByRole("button", { name: "利用を停止", exact: true }).click();
  await answer(page);
  await isOn("ログイン", "拒否");
  await isOn("受信", "待機");
  await isOn("送信", "拒否");
  expect(await standingOf(address)).toBe("suspended");
  await axe(page, "an account that is suspended");
  await shoot(page, "switches-ja-390-suspended");
  // Receiving alone opens log-in, too, and leaves sending stopped.
  await position("受信", "許可").click();
  await answer(page);
  await isOn("受信", "許可");
  await isOn("ログイン", "許可");
  await isOn("送信", "拒否");
  expect(await standingOf(address)).toBe("restricted");
  await position("送信", "許可").click();
  await answer(page);
  await isOn("送信", "許可");
  expect(["normal", "probation"]).toContain(await standingOf(address));

  await page.locator("#note").fill("電話で本人を確認。\n折り返し待ち。");
  await page.getByRole("button", { name: "メモを残す" }).click();
  await page.locator("li p", { hasText: "電話で本人を確認" }).first().waitFor();
  type Notes = { items: { who: string; text: string }[] };
  const notes = await ask<Notes>("GET", `${of(address)}/notes`);
  expect(notes.items[0]).toMatchObject({
    who: lab.operator.login,
    text: "電話で本人を確認。\n折り返し待ち。",
  });

  // Each part has an address, and Back goes back.
  const records = page.getByRole("link", { name: "記録", exact: true });
  await records.click();
  await page.locator("h2", { hasText: "このアカウントの事案" }).waitFor();
  expect(page.url()).toContain("part=records");
  expect(await records.getAttribute("aria-current")).toBe("page");
  await page.goBack();
  await isOn("受信", "許可");
  expect(complaints).toEqual([]);
  await context.close();
});

it("many are contained and released at once", async () => {
  const both = ["carol@lab-en.example", "dave@lab-en.example"];
  for (const address of both) {
    await ask("POST", `${of(address)}/restrict`, { reason: "panel test" });
    await ask("POST", `${of(address)}/restore`, { reason: "panel test" });
  }
  const context = await open(browser, { language: "ja", width: 1280, theme: "light" });
  const page = await context.newPage();
  const complaints = listen(page);
  await signIn(page, lab.operator.login, lab.operator.password);
  await page.goto(`${lab.panel_url}#/incidents`);
  const pick = async () => {
    for (const address of both) {
      await page.locator("tr", { hasText: address }).first().getByRole("checkbox").check();
    }
    await page.getByText("2 件を選択中").waitFor();
  };
  await pick();
  await axe(page, "two chosen");
  await shoot(page, "bulk-ja-1280");
  await page.getByRole("button", { name: "送信を止める" }).click();
  await page.locator("dialog[open] h2", { hasText: "2 件" }).waitFor();
  await answer(page);
  for (const address of both) {
    await expect.poll(() => standingOf(address), { timeout: 20_000 }).toBe("restricted");
  }
  // The page is through with it, too, and has forgotten what was chosen.
  await page.getByText("2 件を選択中").waitFor({ state: "detached" });
  await pick();
  await page.getByRole("button", { name: "解除する" }).click();
  await answer(page);
  for (const address of both) {
    await expect
      .poll(() => standingOf(address), { timeout: 20_000 })
      .toMatch(/^(normal|probation)$/);
  }
  expect(complaints).toEqual([]);
  await context.close();
});
