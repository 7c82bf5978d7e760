// What all screens share: the language, the theme, who is signed in, where we are, the news.
import { type Language, type Messages, type TextKey, catalogues } from "../i18n";
import { ApiError, type Health, type Session, type Text, api } from "./api";
import { type Route, parseRoute } from "./route";

export type Question = {
  title: string;
  body: string;
  confirm: string;
  danger?: boolean;
  reason?: "optional" | "required";
};
export const terms = [0, 1, 24, 168, 720] as const; // hours; 0: without an end
export type Term = (typeof terms)[number];
type Asked = Question & {
  term?: boolean;
  letter?: boolean; // whether the owner is written to
  answer: (reason: string | null, hours?: Term, letter?: boolean) => void;
};
export type Toast = { id: number; text: string; kind: "good" | "bad" };

function remembered(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // Storage is off: then it is forgotten.
  }
}
function remember(key: string, value: string) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // As above.
  }
}

function firstLanguage(): Language {
  const kept = remembered("sekimori-language");
  if (kept === "ja" || kept === "en") return kept;
  const first = navigator.languages[0] ?? "ja";
  return first.toLowerCase().startsWith("ja") ? "ja" : "en";
}
function firstTheme(): "light" | "dark" {
  const kept = remembered("sekimori-theme");
  if (kept === "light" || kept === "dark") return kept;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

class App {
  language = $state<Language>(firstLanguage());
  theme = $state<"light" | "dark">(firstTheme());
  session = $state<Session | null>(null);
  expired = $state(false); // signed out by time, not by choice
  route = $state<Route>(parseRoute(location.hash));
  reachable = $state(true);
  health = $state<Health | null>(null);
  toasts = $state<Toast[]>([]);
  question = $state<Asked | null>(null);
  paletteOpen = $state(false);
  keysOpen = $state(false);
  // Of a domain admin: which of theirs is looked at.
  domain = $state("");
  now = $state(Date.now());
  private lastToast = 0;

  get m(): Messages {
    return catalogues[this.language];
  }
  // The catalogue's word for one of the API's: word("state", "open").
  word(prefix: string, value: string): string {
    const key = `${prefix}_${value}` as TextKey;
    return this.m[key] ?? value;
  }
  // Some of the API's words to choose from: choices("state", ["open", "closed"]).
  choices<V extends string>(prefix: string, values: readonly V[]): { value: V; label: string }[] {
    return values.map((value) => ({ value, label: this.word(prefix, value) }));
  }
  // Who did it, as the audit has it: a login, or the guard itself.
  who(name: string): string {
    return name === "machine" ? this.m.machine : name;
  }
  // Why, in the reader's language; a person's reason as they wrote it.
  why(entry: { why: string; words: Text | null }): string {
    return entry.words ? this.text(entry.words) : entry.why;
  }
  text(text: Text): string {
    return this.language === "ja" ? text.ja : text.en;
  }
  setLanguage(language: Language) {
    this.language = language;
    remember("sekimori-language", language);
  }
  setTheme(theme: "light" | "dark") {
    this.theme = theme;
    remember("sekimori-theme", theme);
  }

  can(what: "contain" | "decide" | "server" | "code"): boolean {
    const role = this.session?.role;
    if (role === "operator") return true;
    if (role === "support") return what === "code";
    return what !== "server";
  }
  // Lists of a domain admin name one of their domains.
  get within(): string {
    return this.session?.role === "domain_admin" ? this.domain : "";
  }

  begin(session: Session) {
    this.session = session;
    this.expired = false;
    this.domain = session.domains[0] ?? "";
    api.csrf = session.csrf;
  }
  end(expired: boolean) {
    this.expired = expired && this.session !== null;
    this.session = null;
    this.health = null;
    api.csrf = "";
  }

  toast(text: string, kind: "good" | "bad" = "good") {
    const id = ++this.lastToast;
    this.toasts.push({ id, text, kind });
    setTimeout(() => this.dropToast(id), kind === "good" ? 5000 : 12000);
  }
  dropToast(id: number) {
    this.toasts = this.toasts.filter((toast) => toast.id !== id);
  }
  fail(error: unknown) {
    if (error instanceof ApiError) {
      if (error.code !== "unauthorized") this.toast(error.words(this.language), "bad");
    } else {
      throw error;
    }
  }

  // The reason given ("" when none), or null when the person thought better of it.
  ask(question: Question): Promise<string | null> {
    return new Promise((answer) => {
      this.question = {
        ...question,
        answer: (reason) => {
          this.question = null;
          answer(reason);
        },
      };
    });
  }
  // The same with until when (`term`), in hours from now, and whether the owner is written to.
  askTold(
    question: Question & { term: boolean },
  ): Promise<{ reason: string; hours: Term; letter: boolean } | null> {
    return new Promise((answer) => {
      this.question = {
        ...question,
        letter: true,
        answer: (reason, hours = 0, letter = true) => {
          this.question = null;
          answer(reason === null ? null : { reason, hours, letter });
        },
      };
    });
  }
}

export const app = new App();
