// A lab (scripts/lib/panel-test makes it), Chromium, and what every test here does with them.
import { readFileSync } from "node:fs";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, type BrowserContext, type Page, chromium } from "playwright-core";
import { expect } from "vitest";

type Lab = {
  imap_port: number;
  panel_url: string;
  portal_url: string;
  api_url: string;
  api_token: string;
  config: string;
  accounts: { address: string; password: string; language: string }[];
  operator: { login: string; password: string };
};

const folder = process.env["SEKIMORI_LAB"] ?? "../var/panel-lab";
export const lab = JSON.parse(readFileSync(`${folder}/endpoints.json`, "utf8")) as Lab;
export const everyone = JSON.parse(readFileSync(`${folder}/etc/accounts.json`, "utf8")) as Record<
  string,
  string
>;
export const shots = process.env["SEKIMORI_SHOTS"] ?? "../var/panel-shots";
mkdirSync(shots, { recursive: true });

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

export type Look = { language: "ja" | "en"; width: number; theme: "light" | "dark" };

export async function open(browser: Browser, look: Look): Promise<BrowserContext> {
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.width < 500 ? 844 : 860 },
    locale: look.language,
    timezoneId: "Asia/Tokyo",
    colorScheme: look.theme,
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(20_000);
  return context;
}

// Whatever the browser complains about (a policy broken, a script's error) fails the test.
export function listen(page: Page): string[] {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    // Refused requests are part of the tests; what matters of them is on the page.
    if (message.type() === "error" && !message.text().includes("the server responded with")) {
      complaints.push(message.text());
    }
  });
  return complaints;
}

export async function signIn(page: Page, login: string, password: string) {
  await page.goto(lab.panel_url);
  await page.locator("#login").fill(login);
  await page.locator("#password").fill(password);
  await page.locator("form button.main").click();
  await page.locator("main#main").waitFor();
}

export async function axe(page: Page, where: string) {
  // Through the debugger, so that the page's own policy need not let a foreign script in.
  await page.evaluate(axeSource);
  const found = await page.evaluate(async () => {
    const runner = (globalThis as unknown as { axe: { run: (o: object) => Promise<unknown> } }).axe;
    const result = (await runner.run({
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    })) as { violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] };
    return result.violations.map(
      (one) =>
        `${one.id}: ${one.nodes.map((node) => node.html + node.failureSummary).join("; ")}`,
    );
  });
  expect(found, where).toEqual([]);
}

export async function shoot(page: Page, name: string) {
  await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(over, `${name} scrolls sideways`).toBeLessThanOrEqual(0);
}

// The API as a machine sees it, to prepare and to check.
export async function ask<T>(method: string, path: string, body?: object): Promise<T> {
  const request: RequestInit = {
    method,
    headers: { authorization: `Bearer ${lab.api_token}`, "content-type": "application/json" },
  };
  if (body) request.body = JSON.stringify(body);
  const response = await fetch(lab.api_url + path, request);
  if (!response.ok) {
    throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  }
  return (await response.json()) as T;
}

export const standingOf = async (address: string) =>
  (await ask<{ standing: string }>("GET", `/accounts/${encodeURIComponent(address)}`)).standing;
