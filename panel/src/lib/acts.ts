// What people do to accounts, asked and told in one way on every screen.
import { ApiError, api } from "./api";
import { app } from "./app.svelte";

// "reopen": a suspended account receives and signs in again, and still does not send.
export type Act = "restrict" | "suspend" | "reopen" | "restore";

const paths = {
  restrict: "/api/v1/accounts/{address}/restrict",
  suspend: "/api/v1/accounts/{address}/suspend",
  reopen: "/api/v1/accounts/{address}/restrict",
  restore: "/api/v1/accounts/{address}/restore",
} as const;

function words(act: Act, count: number) {
  const m = app.m;
  if (act === "restrict") return { title: m.contain_title(count), body: m.contain_body, confirm: m.bulk_contain };
  if (act === "suspend") return { title: m.suspend_title(count), body: m.suspend_body, confirm: m.bulk_suspend };
  if (act === "reopen") return { title: m.reopen_title, body: m.reopen_body, confirm: m.reopen };
  return { title: m.release_title(count), body: m.release_body, confirm: m.bulk_release };
}

function told(act: Act, what: string): string {
  if (act === "restrict") return app.m.contained_toast(what);
  if (act === "suspend") return app.m.suspended_toast(what);
  return act === "reopen" ? app.m.reopened_toast(what) : app.m.released_toast(what);
}

async function doIt(act: Act, address: string, reason: string) {
  const path = { address };
  if (act === "restore") {
    await api.post(paths.restore, { path, body: { reason, probation: true } });
  } else {
    await api.post(paths[act], { path, body: { reason } });
  }
}

// Asks, does it to each, and tells what came of it. True where something was done.
export async function change(act: Act, addresses: string[]): Promise<boolean> {
  const question = words(act, addresses.length);
  let reason = await app.ask({
    ...question,
    body: addresses.length === 1 ? `${addresses[0]}: ${question.body}` : question.body,
    danger: act === "restrict" || act === "suspend",
    reason: "optional",
  });
  if (reason === null) return false;
  let done = 0;
  let failed = 0;
  for (const address of addresses) {
    try {
      await doIt(act, address, reason);
      done += 1;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.body?.open_gates && !reason) {
        // The way back is not proved: a person must say why they release all the same.
        const gates = error.body.open_gates.map((gate) => app.text(gate.title));
        const why = await app.ask({
          ...question,
          body: `${address}: ${app.m.release_gates} (${gates.join(app.language === "ja" ? "、" : ", ")})`,
          reason: "required",
        });
        if (why === null) return done > 0;
        reason = why;
        try {
          await doIt(act, address, reason);
          done += 1;
        } catch (again) {
          failed += 1;
          app.fail(again);
        }
        continue;
      }
      failed += 1;
      if (addresses.length === 1) app.fail(error);
    }
  }
  if (failed > 0 && addresses.length > 1) app.toast(app.m.part_failed(done, failed), "bad");
  else if (done > 0) {
    const first = addresses[0] ?? "";
    const more = addresses.length > 1 ? ` +${addresses.length - 1}` : "";
    app.toast(told(act, first + more));
  }
  return done > 0;
}

// Has all that an account sends wait for a person's word, or no more. The other values that were
// set for it stay as they are.
export async function holdAll(address: string, on: boolean): Promise<boolean> {
  const m = app.m;
  const reason = await app.ask({
    title: on ? m.hold_all_title : m.hold_all_end_title,
    body: `${address}: ${on ? m.hold_all_body : m.hold_all_end_body}`,
    confirm: on ? m.hold_all : m.hold_all_end,
    reason: "required",
  });
  if (reason === null) return false;
  try {
    const path = { address };
    const policy = await api.get("/api/v1/accounts/{address}/policy", { path });
    const own = Object.fromEntries(policy.items.map((one) => [one.name, one.own]));
    const values = { ...own, mode: on ? 2 : null };
    await api.post("/api/v1/accounts/{address}/policy", { path, body: { values, reason } });
    app.toast(on ? m.hold_all_toast(address) : m.hold_all_end_toast(address));
    return true;
  } catch (error) {
    app.fail(error);
    return false;
  }
}

// One of the two that a person switches alone, off or on.
export async function turn(
  what: "receive" | "login",
  address: string,
  on: boolean,
): Promise<boolean> {
  const m = app.m;
  const key = `switch_${what}_${on ? "on" : "off"}` as const;
  const question = {
    title: m[`${key}_title`],
    body: `${address}: ${m[`${key}_body`]}`,
    confirm: m[key],
  };
  const said = await app.askTold({
    ...question,
    ...(on ? {} : { danger: true }),
    reason: on ? "optional" : "required",
    term: !on,
  });
  if (!said) return false;
  const { reason, hours, letter } = said;
  const until = hours ? new Date(Date.now() + hours * 3_600_000).toISOString() : null;
  try {
    const body = { what, on, reason, tell_owner: letter, ...(on ? {} : { until }) };
    await api.post("/api/v1/accounts/{address}/switches", { path: { address }, body });
    app.toast((on ? m.switch_on_toast : m.switch_off_toast)(address, m[`switch_${what}`]));
    return true;
  } catch (error) {
    app.fail(error);
    return false;
  }
}

export async function endHold(queueId: string, release: boolean): Promise<boolean> {
  const m = app.m;
  const reason = await app.ask({
    title: release ? m.hold_release_title : m.hold_delete_title,
    body: release ? m.hold_release_body : m.hold_delete_body,
    confirm: release ? m.hold_release : m.hold_delete,
    danger: !release,
    reason: "optional",
  });
  if (reason === null) return false;
  try {
    const options = { path: { queue_id: queueId }, body: { reason } };
    if (release) await api.post("/api/v1/holds/{queue_id}/release", options);
    else await api.post("/api/v1/holds/{queue_id}/delete", options);
    app.toast(release ? m.hold_released_toast : m.hold_deleted_toast);
    return true;
  } catch (error) {
    app.fail(error);
    return false;
  }
}
