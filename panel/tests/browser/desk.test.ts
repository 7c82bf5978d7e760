// The desk: an enquiry comes while the page is open, is taken, called back and answered; and what
// an operator says of an incident, up to a paid investigation.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ask, axe, lab, launch, listen, open, shoot, signIn } from "./kit";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

const { operator } = lab;
const customer = "sabu@lab-ja.example";
const path = `/accounts/${encodeURIComponent("taro@lab-ja.example")}`;

it("an enquiry is taken, called back and answered", async () => {
  await ask("POST", `${path}/customer`, {
    number: "AB-1234",
    name: "関守 太郎",
    telephone: "+81 3 0000 0000",
    reason: "panel test",
  });
  const context = await open(browser, { language: "ja", width: 390, theme: "light" });
  const page = await context.newPage();
  const complaints = listen(page);
  await signIn(page, operator.login, operator.password);
  await page.goto(`${lab.panel_url}#/enquiries`);
  await page.locator("h1", { hasText: "問い合わせ" }).waitFor();
  const text = `メールが届きません ${Date.now()}`;
  const sent = await ask<{ reference: string; key: string }>("POST", "/owner/enquiries", {
    address: "taro@lab-ja.example",
    customer_number: "ab1234",
    name: "関守太郎",
    text,
    call_back: true,
  });
  // It comes by itself.
  await page.locator("a[data-row]", { hasText: sent.reference }).click();
  await page.locator("h1", { hasText: sent.reference }).waitFor();
  await page.locator(".badge", { hasText: "登録と一致" }).waitFor();
  await page.locator('a[href="tel:+81 3 0000 0000"]').waitFor();
  await page.getByRole("button", { name: "引き受ける" }).click();
  await page.getByText(`担当: ${operator.login}`).waitFor();
  await page.getByRole("button", { name: "不在だった" }).click();
  await page.locator("li", { hasText: "電話したが不在" }).waitFor();
  await page.locator("#answer").fill("再開の手順をお送りしました。");
  await page.getByRole("button", { name: "回答を送る" }).click();
  await page.locator(".badge", { hasText: "回答済み" }).waitFor();
  await axe(page, "an enquiry");
  await shoot(page, "desk-ja-390-enquiry");
  const read = await ask<{ answer: string }>("POST", "/owner/enquiries/read", sent);
  expect(read.answer).toBe("再開の手順をお送りしました。");
  expect(complaints).toEqual([]);
  await context.close();
});

it("a call is taken in by the keyboard", async () => {
  const context = await open(browser, { language: "en", width: 1280, theme: "dark" });
  const page = await context.newPage();
  const complaints = listen(page);
  await signIn(page, operator.login, operator.password);
  await page.goto(`${lab.panel_url}#/enquiries`);
  await page.getByRole("button", { name: "Take in a call" }).focus();
  await page.keyboard.press("Enter");
  await page.locator("#enquiry-number").focus();
  await page.keyboard.type("ZZ-9");
  await page.keyboard.press("Tab");
  await page.keyboard.type("Somebody");
  await page.keyboard.press("Tab");
  await page.keyboard.type(customer);
  await axe(page, "taking in a call");
  await shoot(page, "desk-en-1280-form");
  await page.locator("#enquiry-text").focus();
  await page.keyboard.type("Mail does not arrive since this morning.");
  await page.getByRole("button", { name: "Take in", exact: true }).focus();
  await page.keyboard.press("Enter");
  await page.locator("h1", { hasText: /^E-\d+/ }).waitFor();
  expect(complaints).toEqual([]);
  await context.close();
});

it("an incident gets a word and an investigation", async () => {
  const about = encodeURIComponent("taro@lab-ja.example");
  await ask("POST", `/accounts/${about}/suspend`, { reason: "panel test" });
  const { incident } = await ask<{ incident: { id: number } }>("GET", `/accounts/${about}`);
  await ask("POST", `/accounts/${about}/restore`, { reason: "panel test" });
  const context = await open(browser, { language: "ja", width: 1280, theme: "light" });
  const page = await context.newPage();
  const complaints = listen(page);
  await signIn(page, operator.login, operator.password);
  await page.goto(`${lab.panel_url}#/incidents/${incident.id}`);
  await page.getByRole("radio", { name: "間違いだった" }).check();
  await page.locator("#feedback-text").fill("社内の連絡でした");
  await page.getByRole("button", { name: "回答する" }).click();
  await page.locator(".badge", { hasText: "間違いだった" }).waitFor();

  await page.getByRole("button", { name: "見積もりを出す" }).click();
  await page.locator("#inv-amount").fill("33000");
  await page.locator("#inv-scope").fill("送信記録の調査");
  await page.getByRole("button", { name: "見積もりを出す" }).click();
  await page.locator("#inv-who").fill("関守 太郎");
  await page.getByRole("button", { name: "承諾を記録" }).click();
  await page.getByRole("button", { name: "調査を開始" }).click();
  await page.locator("dialog[open]").getByRole("button", { name: "調査を開始" }).click();
  await page.getByRole("button", { name: "調査を完了" }).waitFor();
  const begun = await ask<{ state: string; amount_yen: number; started: { by: string } }>(
    "GET",
    `/incidents/${incident.id}/investigation`,
  );
  expect([begun.state, begun.amount_yen, begun.started.by]).toEqual([
    "started",
    33000,
    operator.login,
  ]);
  await axe(page, "an incident in work");
  await shoot(page, "desk-ja-1280-incident");
  expect(complaints).toEqual([]);
  await context.close();
});
