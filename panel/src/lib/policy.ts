// Policy values as people read and type them: bytes in MiB, everything else as it is counted.
import { app } from "./app.svelte";

const mebibyte = 1024 * 1024;
const isBytes = (name: string) => name.startsWith("bytes");
const isLine = (name: string) => name.endsWith("_line");

export function policyWords(name: string, value: number): string {
  if (name === "mode") {
    return value >= 2 ? app.m.policy_hold : value ? app.m.policy_enforce : app.m.policy_observe;
  }
  if (isLine(name)) return value.toFixed(2);
  if (value === 0) return app.m.limit_off;
  return isBytes(name)
    ? `${Math.round(value / mebibyte).toLocaleString(app.language)} MiB`
    : value.toLocaleString(app.language);
}
// For a field: "" where nothing is set.
export function inputOf(name: string, value: number | null): string {
  if (value === null) return "";
  return String(isBytes(name) ? Math.round((value / mebibyte) * 100) / 100 : value);
}
export function valueOf(name: string, text: string): number | null {
  const trimmed = text.trim();
  if (trimmed === "") return null;
  return isBytes(name) ? Math.round(Number(trimmed) * mebibyte) : Number(trimmed);
}
