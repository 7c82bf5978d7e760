import { describe, expect, it } from "vitest";
import { hrefOf, parseRoute } from "../../src/lib/route";

describe("routes", () => {
  it("come back as they went out", () => {
    for (const address of ["taro@example.jp", "a/b?c#d&e=f@example.jp", "日本@例え.jp", "100%@x.jp"]) {
      const route = parseRoute(hrefOf("accounts", address, { search: "a b&c" }));
      expect(route.name).toBe("accounts");
      expect(route.parameter).toBe(address);
      expect(route.query.get("search")).toBe("a b&c");
    }
  });
  it("lead home from nowhere and from nonsense", () => {
    expect(parseRoute("").name).toBe("incidents");
    expect(parseRoute("#/").name).toBe("incidents");
    expect(parseRoute("#/accounts/%E0%A4%A").parameter).toBe("");
  });
});
