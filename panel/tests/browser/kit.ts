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

export const folder = process.env["SEKIMORI_LAB"] ?? "../var/panel-lab";
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

// All rules in the theme at hand, and what depends on the theme in the other one: with both
// languages and both widths every combination is looked at.
export async function axe(page: Page, where: string) {
  // Through the debugger, so that the page's own policy need not let a foreign script in.
  // A change of the fragment leaves it there.
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axeSource);
  const found = await page.evaluate(async () => {
    type Node = { html: string; failureSummary: string };
    type Found = { violations: { id: string; nodes: Node[] }[] };
    const { axe } = globalThis as unknown as { axe: { run: (o: object) => Promise<Found> } };
    // A colour that is on its way from one to the other is neither.
    // What never ends, as the sign of loading, is not waited for; nor is a paused one, for long.
    const still = async () => {
      const ending = document
        .getAnimations()
        .filter((one) => Number.isFinite(Number(one.effect?.getComputedTiming().endTime)));
      await Promise.race([
        Promise.all(ending.map((one) => one.finished.catch(() => undefined))),
        new Promise((late) => setTimeout(late, 3000)),
      ]);
      await new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)));
    };
    const look = async (theme: string, rules: string[]) => {
      await still();
      const { violations } = await axe.run({ runOnly: rules });
      return violations.map(
        (one) =>
          `${theme} ${one.id}: ${one.nodes.map((node) => node.html + node.failureSummary).join("; ")}`,
      );
    };
    const root = document.documentElement;
    const mine = root.dataset["theme"] ?? "light";
    const other = mine === "dark" ? "light" : "dark";
    const all = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const here = await look(mine, all);
    root.dataset["theme"] = other;
    const there = await look(other, ["color-contrast"]);
    root.dataset["theme"] = mine;
    await still();
    return [...here, ...there];
  });
  expect(found, where).toEqual([]);
}

export async function shoot(page: Page, name: string) {
  await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(over, `${name} scrolls sideways`).toBeLessThanOrEqual(0);
}

// To what carries this text or id, by the keyboard alone.
export async function tabTo(page: Page, to: { text: string } | { id: string }) {
  for (let i = 0; i < 120; ++i) {
    await page.keyboard.press("Tab");
    const here = await page.evaluate(() => ({
      text: document.activeElement?.textContent?.trim() ?? "",
      id: document.activeElement?.id ?? "",
    }));
    if ("id" in to ? here.id === to.id : here.text === to.text) return;
  }
  throw new Error(`no way to ${JSON.stringify(to)} by the keyboard`);
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
