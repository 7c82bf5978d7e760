import type { Language, Messages } from "../i18n";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

// How long ago, in the words of a person; beyond a week the date.
export function ago(iso: string | null, now: number, m: Messages, language: Language): string {
  if (!iso) return "–";
  const passed = now - Date.parse(iso);
  if (passed < minute) return m.ago_now;
  if (passed < hour) return m.ago_minutes(Math.floor(passed / minute));
  if (passed < day) return m.ago_hours(Math.floor(passed / hour));
  if (passed < 7 * day) return m.ago_days(Math.floor(passed / day));
  return date(iso, language);
}

export function until(iso: string | null, now: number, m: Messages): string {
  if (!iso) return "–";
  const left = Date.parse(iso) - now;
  if (left < hour) return m.in_minutes(Math.max(0, Math.ceil(left / minute)));
  return m.in_hours(Math.ceil(left / hour));
}

export function date(iso: string | null, language: Language): string {
  if (!iso) return "–";
  return new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(new Date(iso));
}

export function moment(iso: string | null, language: Language): string {
  if (!iso) return "–";
  return new Intl.DateTimeFormat(language, {
    month: "short",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
  }).format(new Date(iso));
}

export function clock(iso: string | number, language: Language, seconds = true): string {
  return new Intl.DateTimeFormat(language, {
    hour: "2-digit",
    minute: "2-digit",
    ...(seconds ? { second: "2-digit" } : {}),
    hourCycle: "h23",
  }).format(new Date(iso));
}

// "JP": 日本, Japan; what is no country's code stays as it is.
export function country(code: string, language: Language): string {
  try {
    return new Intl.DisplayNames([language], { type: "region" }).of(code) ?? code;
  } catch {
    return code;
  }
}

export function bytes(n: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let at = 0;
  let value = n;
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${at > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} ${units[at]}`;
}
