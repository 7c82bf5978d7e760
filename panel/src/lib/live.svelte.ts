// News as they happen (server-sent events); a domain admin's stream holds their own domains' only.
// While it is broken everything is looked at again every ten seconds.
import { app } from "./app.svelte";
import { api } from "./api";

export type News = "standing" | "incident" | "hold" | "approval" | "enquiry" | "switch" | "health" | "gap";
type Listener = (kind: News) => void;

class Live {
  state = $state<"on" | "off">("off");
  private source: EventSource | null = null;
  private timer: ReturnType<typeof setInterval> | undefined;
  private listeners = new Set<Listener>();
  private waiting: ReturnType<typeof setTimeout> | undefined;
  private pending = new Set<News>();

  start() {
    this.stop();
    this.timer = setInterval(() => {
      app.now = Date.now();
      if (this.state !== "on") this.tell("gap");
    }, 10_000);
    const source = new EventSource("/api/v1/stream");
    this.source = source;
    source.onopen = () => {
      // What happened meanwhile is not told again.
      if (this.state === "off") this.tell("gap");
      this.state = "on";
    };
    source.onerror = () => {
      this.state = "off";
      // The browser tries again by itself, but not after a refusal.
      if (source.readyState === EventSource.CLOSED) {
        // Where the session has ended, nobody listens any more; else the server is just beginning.
        const again = () => setTimeout(() => this.source === source && this.start(), 3000);
        void api.get("/api/v1/session").then(again, again);
      }
    };
    for (const kind of ["standing", "incident", "hold", "approval", "enquiry", "switch", "health", "gap"] as const) {
      source.addEventListener(kind, () => this.tell(kind));
    }
  }
  stop() {
    this.source?.close();
    this.source = null;
    clearInterval(this.timer);
    clearTimeout(this.waiting);
    this.waiting = undefined;
    this.state = "off";
  }
  // A burst of news (a flood of holds) becomes one look.
  private tell(kind: News) {
    this.pending.add(kind);
    this.waiting ??= setTimeout(() => {
      this.waiting = undefined;
      const kinds = [...this.pending];
      this.pending.clear();
      app.now = Date.now();
      for (const listener of this.listeners) for (const one of kinds) listener(one);
    }, 150);
  }
  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

export const live = new Live();
