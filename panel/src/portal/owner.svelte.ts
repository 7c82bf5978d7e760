// The owner's session and what every page of the portal shares. The token lives in memory only: it
// is gone with the page.
import { Api, ApiError, type OwnEnquiry, type OwnRecovery, type OwnStatus, type Text } from "../lib/api";
import { type Words, words } from "./words";

export type Proof = "password" | "code" | "contact" | "totp";

class Owner {
  readonly api = new Api();
  language = $state<"ja" | "en">(
    (navigator.languages[0] ?? "ja").toLowerCase().startsWith("ja") ? "ja" : "en",
  );
  address = $state("");
  proof = $state<Proof | null>(null);
  status = $state.raw<OwnStatus | null>(null);
  recovery = $state.raw<OwnRecovery | null>(null);
  enquiries = $state.raw<OwnEnquiry[]>([]);
  busy = $state(false);
  trouble = $state("");
  said = $state("");
  page = $state(location.hash.slice(1));

  get w(): Words {
    return words[this.language];
  }
  // The password alone, while the account is stopped: it may only look.
  get looksOnly(): boolean {
    return this.proof === "password" && (this.status?.recovering ?? false);
  }
  text(text: Text | null | undefined): string {
    return text ? text[this.language] : "";
  }
  when(iso: string | null | undefined): string {
    if (!iso) return "";
    return new Intl.DateTimeFormat(this.language, {
      month: "long",
      day: "numeric",
      hour: "2-digit",
      minute: "2-digit",
    }).format(new Date(iso));
  }
  clock(iso: string | null | undefined): string {
    if (!iso) return "";
    return new Intl.DateTimeFormat(this.language, {
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    }).format(new Date(iso));
  }
  go(page: string) {
    location.hash = page;
  }

  fail(error: unknown) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code === "session_over" && this.proof) {
      this.forget();
      this.trouble = this.w.over;
      return;
    }
    if (error.code === "proof_wanted") void this.look();
    this.trouble = error.status === 0 ? this.w.offline : error.words(this.language);
  }
  // True: it was done.
  async run(work: () => Promise<void>): Promise<boolean> {
    this.busy = true;
    this.trouble = "";
    this.said = "";
    try {
      await work();
      return true;
    } catch (error) {
      this.fail(error);
      return false;
    } finally {
      this.busy = false;
    }
  }
  forget() {
    this.proof = null;
    this.status = null;
    this.recovery = null;
    this.enquiries = [];
    this.api.bearer = "";
  }
  async begin(proof: Proof, value: string, code: string) {
    const session = await this.api.post("/api/v1/owner/session", {
      body: { address: this.address.trim(), proof, value, ...(code ? { code } : {}) },
    });
    this.api.bearer = session.token;
    this.proof = proof;
    this.recovery = session.recovery;
    await this.look();
  }
  async look() {
    const [status, asked] = await Promise.all([
      this.api.get("/api/v1/owner/status"),
      this.api.get("/api/v1/owner/enquiries"),
    ]);
    this.status = status;
    this.enquiries = asked.items;
  }
  // What the machine finds out by itself meanwhile.
  async refresh() {
    if (!this.proof || this.busy || document.hidden) return;
    try {
      await this.look();
      if (this.recovery && !this.looksOnly) {
        this.recovery = await this.api.get("/api/v1/owner/recovery");
      }
      if (this.trouble === this.w.offline) this.trouble = "";
    } catch (error) {
      this.fail(error);
    }
  }
  async signOut() {
    await this.run(async () => {
      await this.api.remove("/api/v1/owner/session");
    });
    this.forget();
    this.go("");
  }
}
export const owner = new Owner();
