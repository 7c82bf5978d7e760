// What hurts or takes two steps: a domain as a whole, exceptions; and what the
// panel says while the daemon is away.
import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ask, axe, folder, lab, launch, listen, open, shoot, signIn } from "./kit";

let browser: Browser;
beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());
const { operator } = lab;

it("a domain as a whole is stopped and released", async () => {
  const context = await open(browser, { language: "ja", width: 390, theme: "light" });
  const page = await context.newPage();
  const complaints = listen(page);
  await signIn(page, operator.login, operator.password);
  await page.goto(`${lab.panel_url}#/domains/lab-en.example`);
  await page.getByRole("button", { name: "送信を止める" }).click();
  await page.locator("dialog[open] textarea").fill("画面の試験");
  await axe(page, "stopping a domain");
  await shoot(page, "steps-ja-390-domain");
  await page.locator("dialog[open]").getByRole("button", { name: "送信を止める" }).click();
  await page.locator("section .badge", { hasText: "送信停止" }).waitFor();
  const standing = async () => (await ask<{ standing: string }>("GET", "/domains/lab-en.example")).standing;
  expect(await standing()).toBe("restricted");
  await page.getByRole("button", { name: "解除する" }).click();
  await page.locator("dialog[open] textarea").fill("画面の試験");
  await page.locator("dialog[open]").getByRole("button", { name: "解除する" }).click();
  await page.getByRole("button", { name: "送信を止める" }).waitFor();
  expect(["normal", "probation"]).toContain(await standing());
  expect(complaints).toEqual([]);
  await context.close();
});

it("an account is excepted from encryption, and no more", async () => {
  const context = await open(browser, { language: "en", width: 1280, theme: "dark" });
  const page = await context.newPage();
  const complaints = listen(page);
  await signIn(page, operator.login, operator.password);
  await page.goto(`${lab.panel_url}#/rules`);
  await page.locator("label:has(input[value=plain])").click();
  await page.locator("#exception-account").fill("carol@lab-en.example");
  const week = new Date(Date.now() + 7 * 86_400_000).toISOString().slice(0, 10);
  await page.locator("#exception-until").fill(week);
  await page.locator("#exception-reason").fill("an old scanner");
  await page.getByRole("button", { name: "Make an exception" }).click();
  const row = page.locator("li", { hasText: "carol@lab-en.example" });
  await row.waitFor();
  await axe(page, "an exception");
  await shoot(page, "steps-en-1280-exception");
  await row.getByRole("button").click();
  await page.locator("dialog[open]").getByRole("button", { name: "End the exception" }).click();
  await row.waitFor({ state: "detached" });
  const left = await ask<{ items: object[] }>("GET", "/encryption/exceptions");
  expect(left.items).toEqual([]);
  expect(complaints).toEqual([]);
  await context.close();
});

// RFC 6238, as an authenticator app works it out.
function totp(key: string, step: number): string {
  let bits = "";
  for (const letter of key.replace(/[ =]/g, "")) {
    bits += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0");
  }
  const secret = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const hash = createHmac("sha1", secret).update(counter).digest();
  const at = (hash[19] ?? 0) & 15;
  return String((hash.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

it("one's own authenticator is turned on in two steps, asked for, and turned off", async () => {
  const login = `totp${Date.now()}@desk.example`;
  const { generated: password } = await ask<{ generated: string }>("POST", "/operators", { login, role: "support" });
  const context = await open(browser, { language: "ja", width: 390, theme: "dark" });
  const page = await context.newPage();
  const complaints = listen(page);
  await signIn(page, login, password);
  await page.goto(`${lab.panel_url}#/me`);
  await page.locator("#totp-password").fill("not my password");
  await page.getByRole("button", { name: "認証アプリを使う" }).click();
  await page.locator(".trouble", { hasText: /./ }).first().waitFor();
  await page.locator("#totp-password").fill(password);
  await page.getByRole("button", { name: "認証アプリを使う" }).click();
  const key = (await page.locator(".secret").textContent())?.trim() ?? "";
  await page.locator("#totp-code").fill("000000");
  await page.getByRole("button", { name: "コードを確かめて使い始める" }).click();
  await page.locator(".trouble", { hasText: /./ }).first().waitFor();
  await axe(page, "an authenticator's first code");
  await shoot(page, "steps-ja-390-totp");
  const step = Math.floor(Date.now() / 30_000);
  await page.locator("#totp-code").fill(totp(key, step));
  await page.getByRole("button", { name: "コードを確かめて使い始める" }).click();
  await page.getByText("認証アプリを使っています。").first().waitFor();

  // Without its code nobody signs in any more; a code is good once, so the next one is used.
  await context.clearCookies();
  await page.goto("about:blank");
  await page.goto(lab.panel_url);
  await page.locator("#login").fill(login);
  await page.locator("#password").fill(password);
  await page.locator("form button.main").click();
  await page.locator("#code").fill(totp(key, step + 1));
  await page.locator("form button.main").click();
  await page.locator("main#main").waitFor();
  await page.goto(`${lab.panel_url}#/me`);
  await page.locator("#totp-password").fill(password);
  await page.getByRole("button", { name: "認証アプリをやめる" }).click();
  await page.getByText("認証アプリは使っていません。").first().waitFor();
  await ask("DELETE", `/operators/${encodeURIComponent(login)}`);
  expect(complaints).toEqual([]);
  await context.close();
});

// The lab's daemon, ended and begun as a service is.
function daemon(what: "stop_daemon" | "start_daemon") {
  const program = `import sys; sys.path.insert(0, "../tests/e2e")
from labkit import Lab
Lab(sys.argv[1]).${what}()`;
  execFileSync("/usr/bin/python3", ["-B", "-c", program, folder], {
    env: { ...process.env, SEKIMORI_LAB_NO_BUILD: "1" },
  });
}

it("says that the server is away, in each list, and goes on where it was", async () => {
  const context = await open(browser, { language: "ja", width: 1280, theme: "light" });
  const page = await context.newPage();
  await signIn(page, operator.login, operator.password);
  await page.locator("aside", { hasText: "自動更新中" }).waitFor();
  daemon("stop_daemon");
  try {
    // What was there stays readable under the word that it is old.
    await page.locator(".notice.bad", { hasText: "サーバーに接続できません" }).waitFor({ timeout: 30_000 });
    await axe(page, "the server is away");
    await shoot(page, "steps-ja-1280-away");
    for (const list of ["domains", "holds", "enquiries", "notices", "rules", "audit", "accounts"]) {
      await page.goto(`${lab.panel_url}#/${list}`);
      await page.locator("main [role=alert]", { hasText: "サーバーに接続できませんでした" }).first().waitFor();
      await page.locator("main").getByRole("button", { name: "もう一度読み込む" }).first().waitFor();
    }
    await shoot(page, "steps-ja-1280-away-list");
  } finally {
    daemon("start_daemon");
  }
  // Nobody presses anything. Sessions end with the daemon, so it asks who is there, and goes on
  // where it was.
  await page.locator("#login").waitFor({ timeout: 60_000 });
  await page.locator("#login").fill(operator.login);
  await page.locator("#password").fill(operator.password);
  await page.locator("form button.main").click();
  await page.locator("h1", { hasText: "アカウント" }).waitFor();
  await page.locator("main table").waitFor();
  await page.locator("aside", { hasText: "自動更新中" }).waitFor({ timeout: 60_000 });
  await context.close();
});
