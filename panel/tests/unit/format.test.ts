import { describe, expect, it } from "vitest";
import { catalogues } from "../../src/i18n";
import { ago, bytes, until } from "../../src/lib/format";

const now = Date.parse("2026-11-22T03:00:00Z");
const at = (seconds: number) => new Date(now - seconds * 1000).toISOString();

describe("times as a person says them", () => {
  it("passed", () => {
    const said = (seconds: number) => ago(at(seconds), now, catalogues.ja, "ja");
    expect(said(5)).toBe("たった今");
    expect(said(60)).toBe("1 分前");
    expect(said(3599)).toBe("59 分前");
    expect(said(3600)).toBe("1 時間前");
    expect(said(86_400 * 6)).toBe("6 日前");
    expect(said(86_400 * 8)).toContain("2026");
    expect(ago(null, now, catalogues.ja, "ja")).toBe("–");
  });
  it("to come", () => {
    expect(until(at(-90), now, catalogues.en)).toBe("in 2 min");
    expect(until(at(-7200), now, catalogues.en)).toBe("in 2 h");
    expect(until(at(30), now, catalogues.en)).toBe("in 0 min");
  });
});

describe("sizes", () => {
  it("stay short", () => {
    expect(bytes(0)).toBe("0 B");
    expect(bytes(999)).toBe("999 B");
    expect(bytes(1500)).toBe("1.5 KB");
    expect(bytes(25_000_000)).toBe("25 MB");
  });
});
