// Every screen in both languages and themes, on a desk and on a phone: nothing axe-core finds,
// nothing that scrolls sideways, no complaint of the browser. The screenshots are kept to look at.
import type { Browser, BrowserContext } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Look, ask, axe, everyone, lab, launch, listen, open, shoot, signIn } from "./kit";

let browser: Browser;
let state: Awaited<ReturnType<BrowserContext["storageState"]>>;
const looks: Look[] = [
  { language: "ja", width: 1280, theme: "light" },
  { language: "en", width: 1280, theme: "dark" },
  { language: "ja", width: 390, theme: "dark" },
  { language: "en", width: 390, theme: "light" },
];

beforeAll(async () => {
  browser = await launch();
  await ask("POST", "/accounts/keiri%40lab-ja.example/restrict", { reason: "画面の試験" });
  await ask("POST", "/ip-rules", { network: "192.0.2.0/24", action: "deny", reason: "test" });
  await ask("POST", "/enquiries", {
    address: "keiri@lab-ja.example",
    customer_number: "AB-12",
    name: "関守 太郎",
    text: "昨日からメールが届きません。",
    call_back: true,
  });
  const context = await browser.newContext();
  await signIn(await context.newPage(), lab.operator.login, lab.operator.password);
  state = await context.storageState();
  await context.close();
});
afterAll(async () => {
  await ask("DELETE", "/ip-rules?network=192.0.2.0/24");
  await browser.close();
});

// They only look, so two may do so at once.
describe.concurrent.each(looks)("$language $width $theme", (look) => {
  const tag = `${look.language}-${look.width}-${look.theme}`;

  it("sign-in and portal", async ({ expect }) => {
    const context = await open(browser, look);
    const page = await context.newPage();
    const complaints = listen(page);
    await page.goto(lab.panel_url);
    await page.locator("#login").waitFor();
    await axe(page, "sign-in");
    await shoot(page, `signin-${tag}`);
    await page.goto(lab.portal_url);
    await page.locator("#code").waitFor();
    await axe(page, "portal");
    await shoot(page, `portal-${tag}`);
    expect(complaints).toEqual([]);
    await context.close();
  });

  it("the screens", async ({ expect }) => {
    const context = await browser.newContext({
      storageState: state,
      viewport: { width: look.width, height: look.width < 500 ? 844 : 860 },
      locale: look.language,
      timezoneId: "Asia/Tokyo",
      colorScheme: look.theme,
      reducedMotion: "reduce",
    });
    const page = await context.newPage();
    const complaints = listen(page);
    const incidents = await ask<{ items: { id: number }[] }>("GET", "/incidents?limit=1");
    const screens = {
      incidents: "#/incidents",
      incident: `#/incidents/${incidents.items[0]?.id}`,
      accounts: "#/accounts",
      account: "#/accounts/keiri%40lab-ja.example",
      "account-mail": "#/accounts/keiri%40lab-ja.example?part=mail",
      "account-signins": "#/accounts/keiri%40lab-ja.example?part=signins",
      "account-figures": "#/accounts/keiri%40lab-ja.example?part=figures",
      "account-customer": "#/accounts/keiri%40lab-ja.example?part=customer",
      "account-policy": "#/accounts/keiri%40lab-ja.example?part=policy",
      "account-records": "#/accounts/keiri%40lab-ja.example?part=records",
      domains: "#/domains",
      domain: "#/domains/lab-ja.example",
      holds: "#/holds",
      enquiries: "#/enquiries",
      enquiry: "#/enquiries/1",
      notices: "#/notices",
      rules: "#/rules",
      policy: "#/policy",
      texts: "#/texts",
      text: "#/texts/restricted.owner.ja",
      settings: "#/settings",
      audit: "#/audit",
      health: "#/health",
      operators: "#/operators",
      me: "#/me",
    };
    for (const [name, hash] of Object.entries(screens)) {
      await page.goto(lab.panel_url + hash);
      await page.locator("main h1").waitFor();
      const loading = page.locator("main [role=status]", { hasText: /…$/ });
      await expect.poll(() => loading.count(), { timeout: 30_000 }).toBe(0);
      await axe(page, `${name} ${tag}`);
      await shoot(page, `${name}-${tag}`);
    }
    await page.goto(`${lab.panel_url}#/rules`);
    for (const [view, there] of [["bans", "#ban-network"], ["check", "#check-address"], ["plain", "#plain-domain"]]) {
      await page.locator(`label:has(input[value=${view}])`).click();
      await page.locator(there as string).waitFor();
      await page.locator("main [role=status]", { hasText: /…$/ }).waitFor({ state: "detached" });
      await axe(page, `${view} ${tag}`);
      await shoot(page, `addresses-${view}-${tag}`);
    }
    expect(complaints).toEqual([]);
    await context.close();
  });
});

it("shows a domain admin their own domain and no more", async () => {
  const context = await open(browser, looks[0] as Look);
  const page = await context.newPage();
  const complaints = listen(page);
  const login = "kanri@lab-ja.example";
  await signIn(page, login, everyone[login] ?? "");
  await page.locator("nav a", { hasText: "アカウント" }).click();
  await page.locator("a[data-row]", { hasText: "taro@lab-ja.example" }).waitFor();
  expect(await page.locator("main").textContent()).not.toContain("lab-en.example");
  expect(await page.locator("nav a", { hasText: "稼働状況" }).count()).toBe(0);
  await axe(page, "domain admin");
  await shoot(page, "domain-admin-ja-1280-light");
  await page.goto(`${lab.panel_url}#/accounts/alice%40lab-en.example`);
  await page.locator("h1", { hasText: "読み込めませんでした" }).waitFor();
  expect(complaints).toEqual([]);
  await context.close();
});

it("is readable without JavaScript where an owner reads", async () => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(lab.portal_url);
  await page.locator("h1", { hasText: "メールを送れない" }).waitFor();
  await page.locator("h2", { hasText: "When you cannot send" }).waitFor();
  await context.close();
});
