// Addresses: many rules pasted at once with what is wrong said by line, what becomes of an address,
// a ban that a person makes and ends.
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ask, axe, lab, launch, listen, open, shoot, signIn } from "./kit";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

it("rules are pasted, checked and taken away; an address is banned and let in again", async () => {
  const context = await open(browser, { language: "ja", width: 1280, theme: "light" });
  const page = await context.newPage();
  const complaints = listen(page);
  await signIn(page, lab.operator.login, lab.operator.password);
  await page.goto(`${lab.panel_url}#/rules`);
  await page.locator("#targets").fill("203.0.113.64/26 # 支店\nno-address\ncountry:KP\n");
  await page.locator("#rule-reason").fill("画面の試験");
  await page.getByRole("button", { name: "規則を追加" }).click();
  await page.locator("[role=alert] li", { hasText: "2 行目" }).waitFor();
  await axe(page, "rules with a fault");
  await shoot(page, "walls-ja-1280-fault");
  await page.getByRole("button", { name: "正しい行だけ追加する" }).click();
  await page.locator("td code", { hasText: "203.0.113.64/26" }).waitFor();
  await page.locator("td code", { hasText: "country:KP" }).waitFor();

  await page.locator("label:has(input[value=check])").click();
  await page.locator("#check-address").fill("203.0.113.70");
  await page.getByRole("button", { name: "調べる" }).click();
  await page.locator(".badge", { hasText: "断ります" }).waitFor();
  await axe(page, "what becomes of an address");
  await shoot(page, "walls-ja-1280-check");

  await page.locator("label:has(input[value=bans])").click();
  await page.locator("#ban-network").fill("203.0.113.177");
  await page.locator("#ban-reason").fill("画面の試験");
  await page.getByRole("button", { name: "遮断する" }).click();
  const row = page.locator("tr", { hasText: "203.0.113.177" });
  await row.waitFor();
  await axe(page, "a ban");
  await shoot(page, "walls-ja-1280-bans");
  await row.getByRole("button", { name: "解除" }).click();
  await page.locator("dialog[open] textarea").fill("間違い");
  await page.locator("dialog[open]").getByRole("button", { name: "解除" }).click();
  await row.waitFor({ state: "detached" });

  await page.locator("label:has(input[value=rules])").click();
  for (const network of ["203.0.113.64/26", "country:KP"]) {
    const rule = page.locator("tr", { hasText: network });
    await rule.getByRole("button", { name: "取り除く" }).click();
    await page.locator("dialog[open]").getByRole("button", { name: "取り除く" }).click();
    await rule.waitFor({ state: "detached" });
  }
  const left = await ask<{ items: { network: string }[] }>("GET", "/ip-rules?search=203.0.113.64");
  expect(left.items).toEqual([]);
  expect(complaints).toEqual([]);
  await context.close();
});
