// Where the panel is: the fragment of the URL, "#/incidents/5?state=open". Nothing in it is secret.
export type Route = { name: string; parameter: string; query: URLSearchParams };

export function parseRoute(hash: string): Route {
  const text = hash.replace(/^#\/?/, "");
  const mark = text.indexOf("?");
  const path = mark < 0 ? text : text.slice(0, mark);
  const slash = path.indexOf("/");
  let parameter = "";
  try {
    parameter = slash < 0 ? "" : decodeURIComponent(path.slice(slash + 1));
  } catch {
    // A broken escape names nothing.
  }
  return {
    name: (slash < 0 ? path : path.slice(0, slash)) || "incidents",
    parameter,
    query: new URLSearchParams(mark < 0 ? "" : text.slice(mark + 1)),
  };
}

export function hrefOf(name: string, parameter = "", query: Record<string, string> = {}): string {
  const kept = Object.entries(query).filter(([, value]) => value !== "");
  const text = new URLSearchParams(kept).toString();
  return `#/${name}${parameter ? `/${encodeURIComponent(parameter)}` : ""}${text ? `?${text}` : ""}`;
}
