import { describe, expect, it } from "vitest";
import { catalogues } from "../../src/i18n";
import { words } from "../../src/portal/words";

const japanese = /[\u3040-\u30ff\u4e00-\u9fff]/;

describe.each([
  ["panel", catalogues],
  ["portal", words],
] as const)("the catalogues of the %s", (_name, both) => {
  const text = (value: unknown): string =>
    typeof value === "function" ? String(value(2, 3, 4)) : String(value);

  it("say the same things", () => {
    expect(Object.keys(both.en).sort()).toEqual(Object.keys(both.ja).sort());
  });
  it("speak their language, and are nowhere empty", () => {
    for (const [key, value] of Object.entries(both.en)) {
      expect(text(value).length, key).toBeGreaterThan(0);
      if (!/^language/.test(key)) expect(text(value), key).not.toMatch(japanese);
    }
    for (const [key, value] of Object.entries(both.ja)) {
      expect(text(value).length, key).toBeGreaterThan(0);
    }
  });
});
