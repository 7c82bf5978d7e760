// The owner's way back on a 390 px phone, one step a screen, in both languages against the real
// lab: what the page ticks is done here by a mail program of our own. And what an owner looks at
// any time. Screenshots of each screen are kept to look at. The English way back is walked by the
// keyboard alone, the Japanese one by touch.
import { execFileSync } from "node:child_process";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ask, axe, everyone, lab, launch, listen, open, shoot, standingOf, tabTo } from "./kit";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

// A mail program: signs in to IMAP with STARTTLS and leaves again.
function readMail(address: string, password: string) {
  execFileSync("curl", [
    "--silent", "--show-error", "--insecure", "--ssl-reqd", "--user", `${address}:${password}`,
    `imap://127.0.0.1:${lab.imap_port}/INBOX`,
  ]);
}

it.each(["ja", "en"] as const)("an owner's way back on a phone, %s", async (language) => {
  const address = language === "ja" ? "hanako@lab-ja.example" : "bob@lab-en.example";
  const path = `/accounts/${encodeURIComponent(address)}`;
  await ask("POST", `${path}/suspend`, { reason: "panel test" });
  const { code } = await ask<{ code: string }>("POST", `${path}/recovery-code`);

  const context = await open(browser, { language, width: 390, theme: "light" });
  const page = await context.newPage();
  const complaints = listen(page);
  const say = (ja: string, en: string) => (language === "ja" ? ja : en);
  const byKeyboard = language === "en";
  const press = async (ja: string, en: string) => {
    if (!byKeyboard) return page.getByRole("button", { name: say(ja, en) }).click();
    await tabTo(page, { text: say(ja, en) });
    await page.keyboard.press("Enter");
  };
  const follow = async (ja: string, en: string) => {
    if (!byKeyboard) return page.getByRole("link", { name: say(ja, en) }).click();
    await tabTo(page, { text: say(ja, en) });
    await page.keyboard.press("Enter");
  };
  const write = async (id: string, text: string) => {
    if (!byKeyboard) return page.locator(`#${id}`).fill(text);
    await tabTo(page, { id });
    await page.keyboard.press("Control+A");
    await page.keyboard.type(text);
  };
  const submit = () =>
    byKeyboard ? page.keyboard.press("Enter") : page.locator("form button.main").click();
  let shots = 0;
  const look = async (what: string) => {
    await page.locator("[role=status]", { hasText: /…$/ }).waitFor({ state: "detached" });
    await axe(page, `${what} ${language}`);
    shots += 1;
    await shoot(page, `owner-${language}-${String(shots).padStart(2, "0")}-${what}`);
  };
  const heading = (ja: string, en: string) =>
    page.locator("h2", { hasText: say(ja, en) }).first().waitFor();

  // With the password alone: the card, and no way further.
  await page.goto(lab.portal_url);
  await write("address", address);
  await look("first");
  await write("code", "not the password");
  await submit();
  await page.locator("[role=alert]", { hasText: say("確認ができません", "could not confirm") }).waitFor();
  await write("code", everyone[address] ?? "");
  await submit();
  await page.locator(".status", { hasText: say("止めています", "Stopped") }).waitFor();
  await look("status");
  await follow("再開の手続きへ進む", "Get my mail back");
  await page.getByText(say("パスワードだけでは進めません", "password alone is not enough")).waitFor();
  await write("code", "WRONG-WRONG-CODE");
  await submit();
  await page.locator("[role=alert]", { hasText: say("確認ができません", "could not confirm") }).waitFor();
  await write("code", code.toLowerCase());
  await look("who");
  await submit();

  await heading("ウイルス検査", "Check for viruses");
  await look("virus");
  await press("検査が終わりました", "I have checked");
  await heading("パソコンのパスワード", "The computer's password");
  await press("いま変えました", "I have changed it now");
  await page.locator("[role=status]", { hasText: say("控えました", "Noted") }).waitFor();
  await look("computer");
  await press("次へ", "Go on");

  await write("password", "ａｂｃ ");
  await page.getByText(say("全角の文字", "full-width")).first().waitFor();
  await page.locator("meter").waitFor();
  await look("password");
  const fresh = `Kawagoe-${Date.now() % 100_000}-sanpo`;
  await write("password", fresh);
  await write("again", fresh);
  await write("old", everyone[address] ?? "");
  await press("パスワードを変える", "Change the password");
  await page.locator("[role=status]", { hasText: say("パスワードを変えました", "is changed") }).waitFor();
  await press("次へ", "Go on");

  await heading("転送は、あなたのものですか", "Is this forward yours?");
  await page.getByText(say("確認が必要な転送や設定は", "No forward or setting")).waitFor();
  await look("ways");
  await press("次へ", "Go on");
  await page.getByText(say("アプリ用パスワードは、ありません", "There are no app passwords")).waitFor();
  await look("devices");
  await press("次へ", "Go on");
  await heading("最近のサインイン", "Recent sign-ins");
  await page.getByRole("button", { name: say("次へ", "Go on") }).waitFor();
  await look("sign-ins");
  await press("次へ", "Go on");
  await heading("ほかのサービス", "Other services");
  await look("services");
  await press("次へ", "Go on");
  await page.getByText("imap.lab-ja.example").first().waitFor();
  await page.locator("svg[role=img] path").waitFor();
  await look("setup");
  await press("次へ", "Go on");

  // The page waits, and ticks what really happens.
  await page.locator(".ticks").waitFor();
  readMail(address, fresh);
  await page
    .locator(".ticks li.done", { hasText: say("テストのメールが届きました", "Test mail received") })
    .waitFor({ timeout: 60_000 });
  await page.locator(".ticks li.done", { hasText: "IMAP" }).waitFor({ timeout: 30_000 });
  await look("live");
  // A person had suspended the account, so a person releases it; the page sees it happen.
  await page.locator(".notice.good", { hasText: say("終わりました", "verified") }).waitFor({ timeout: 60_000 });
  await ask("POST", `${path}/restore`, { probation: true });
  await heading("再開しました", "is back");
  expect(["normal", "probation"]).toContain(await standingOf(address));
  await look("back");
  await follow("その後のようすを見る", "See how it went on");
  await heading("不正な通信は止まりましたか", "Has it stopped?");
  await look("compare");
  expect(complaints).toEqual([]);
  await context.close();
});

const visit = async (page: Page, hash: string, language: string) => {
  await page.goto(`${lab.portal_url}#${hash}`);
  await page.locator("h1").waitFor();
  await page.locator("[role=status]", { hasText: /…$/ }).waitFor({ state: "detached" });
  await axe(page, `${hash} ${language}`);
  await shoot(page, `portal-${language}-${hash}`);
};

it.each(["ja", "en"] as const)("what an owner looks at any time, %s", async (language) => {
  const address = language === "ja" ? "taro@lab-ja.example" : "alice@lab-en.example";
  const context = await open(browser, {
    language,
    width: 390,
    theme: language === "ja" ? "dark" : "light",
  });
  const page = await context.newPage();
  const complaints = listen(page);
  for (const hash of ["how-virus", "how-mail", "how-avoid", "enquiry", "setup"]) {
    await visit(page, hash, language);
  }
  readMail(address, everyone[address] ?? "");
  await page.goto(lab.portal_url);
  await page.locator("#address").fill(address);
  await page.locator("#code").fill(everyone[address] ?? "");
  await page.locator("#code").press("Enter");
  await page.locator(".status").waitFor();
  await axe(page, `home ${language}`);
  await shoot(page, `portal-${language}-home`);
  for (const hash of ["history", "password", "ways", "devices", "keep", "checkup", "diagnosis"]) {
    // Within the page: the token lives in its memory.
    await page.evaluate((to) => {
      location.hash = to;
    }, hash);
    await page.locator("main > .card, main > form, main > section").first().waitFor();
    await page.locator("[role=status]", { hasText: /…$/ }).waitFor({ state: "detached" });
    await axe(page, `${hash} ${language}`);
    await shoot(page, `portal-${language}-${hash}`);
  }
  await page.getByRole("checkbox").first().check();
  await page.locator("form button.main").click();
  await page.locator("#found").waitFor();
  await axe(page, `diagnosis result ${language}`);
  await shoot(page, `portal-${language}-diagnosis-result`);

  // Without a network the page says so, and goes on by itself.
  await context.setOffline(true);
  await page.locator("[role=alert] .notice").waitFor();
  await context.setOffline(false);
  await page.locator("[role=alert] .notice").waitFor({ state: "detached" });
  expect(complaints.filter((one) => !one.includes("ERR_INTERNET_DISCONNECTED"))).toEqual([]);
  expect(page.url()).not.toMatch(/[0-9a-f]{32}/);
  await context.close();
});

it("shows the status card without JavaScript", async () => {
  const context = await browser.newContext({
    javaScriptEnabled: false,
    viewport: { width: 390, height: 844 },
  });
  const page = await context.newPage();
  await page.goto(lab.portal_url);
  await page.locator("#plain-address").fill("keiri@lab-ja.example");
  await page.locator("#plain-password").fill(everyone["keiri@lab-ja.example"] ?? "");
  await shoot(page, "portal-plain");
  await page.getByRole("button", { name: "状態を見る" }).click();
  await page.locator("h1", { hasText: "いまの状態" }).waitFor();
  expect(await page.locator("dl.status div").count()).toBe(3);
  await shoot(page, "portal-plain-card");
  await context.close();
});
