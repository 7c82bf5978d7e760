// Every screen, once: its place in the menu, who has it, how it is reached.
import type { Component } from "svelte";
import type { TextKey } from "../i18n";
import type { Session } from "../lib/api";
import Account from "./Account.svelte";
import Accounts from "./Accounts.svelte";
import Addresses from "./Addresses.svelte";
import Audit from "./Audit.svelte";
import Domain from "./Domain.svelte";
import Domains from "./Domains.svelte";
import Enquiries from "./Enquiries.svelte";
import Enquiry from "./Enquiry.svelte";
import Health from "./Health.svelte";
import Holds from "./Holds.svelte";
import Incident from "./Incident.svelte";
import Incidents from "./Incidents.svelte";
import Me from "./Me.svelte";
import Notices from "./Notices.svelte";
import Operators from "./Operators.svelte";
import Policy from "./Policy.svelte";
import Settings from "./Settings.svelte";
import TextEditor from "./TextEditor.svelte";
import Texts from "./Texts.svelte";

export type ScreenInfo = {
  name: string;
  title: TextKey;
  icon: string;
  key: string; // after g
  nav: boolean;
  for: (session: Session | null) => boolean;
  component: Component<{ parameter: string }> | Component;
};

const everybody = () => true;
const staff = (session: Session | null) => session?.role !== "domain_admin";
const operators = (session: Session | null) => session?.role === "operator";

function screen(
  name: string,
  title: TextKey,
  key: string,
  icon: string,
  component: ScreenInfo["component"],
  forWhom: ScreenInfo["for"] = everybody,
): ScreenInfo {
  return { name, title, key, icon, nav: true, for: forWhom, component };
}

const shield =
  "M12 3 4.5 6v5.5c0 4.6 3.1 8 7.5 9.5 4.4-1.5 7.5-4.9 7.5-9.5V6L12 3ZM12 8.5v4M12 15.5v.1";
const people =
  "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Z" +
  "M2.5 20c.6-3.7 3.2-5.5 6.5-5.5s5.9 1.8 6.5 5.5M16 4.3a3.5 3.5 0 0 1 0 6.5" +
  "M18.5 15c1.7.9 2.7 2.6 3 5";
const pause = "M3.5 6.5h17v11h-17zM3.5 7l8.5 6.5L20.5 7";
const globe =
  "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17ZM3.5 12h17" +
  "M12 3.5c2.5 2.5 3.5 5.3 3.5 8.5s-1 6-3.5 8.5c-2.5-2.5-3.5-5.3-3.5-8.5s1-6 3.5-8.5Z";
const phone =
  "M5 4h4l1.5 5-2.3 1.7a12 12 0 0 0 5.1 5.1L15 13.5l5 1.5v4c0 .6-.4 1-1 1" +
  "C11 20 4 13 4 5c0-.6.4-1 1-1Z";
const chat = "M4 5.5h16v11H9.5L5 20v-3.5H4zM8 9.5h8M8 12.5h5";
const list = "M8 6h12M8 12h12M8 18h12M4 6h.1M4 12h.1M4 18h.1";
const pulse = "M3 12h4l2.5-6.5 4.5 13L16.5 12H21";
const key = "M8 15.5a4 4 0 1 0 0-7 4 4 0 0 0 0 7ZM11.8 12H21M17.5 12v3.5M21 12v2.5";
const house = "M4 20.5V8.5L12 4l8 4.5v12M4 20.5h16M9.5 20.5v-6h5v6M9 10.5h.1M15 10.5h.1";
const scales = "M12 4v16M7 20h10M5 7h14M5 7l-2.5 6.5h5L5 7ZM19 7l-2.5 6.5h5L19 7Z";
const pen = "M4 20l1-4.5L16 4.5l3.5 3.5L8.5 19 4 20ZM13.5 7l3.5 3.5";
const sliders = "M4 7h9M17 7h3M4 12h3M11 12h9M4 17h11M19 17h1M15 5v4M9 10v4M17 15v4";
const me = "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20.5c.7-4.2 3.6-6.5 7.5-6.5s6.8 2.3 7.5 6.5";

export const screens: ScreenInfo[] = [
  screen("incidents", "nav_incidents", "i", shield, Incidents),
  screen("accounts", "nav_accounts", "a", people, Accounts),
  screen("domains", "nav_domains", "d", house, Domains),
  screen("holds", "nav_holds", "m", pause, Holds),
  screen("enquiries", "nav_enquiries", "e", chat, Enquiries, staff),
  screen("notices", "nav_notices", "n", phone, Notices, staff),
  screen("rules", "nav_rules", "r", globe, Addresses, staff),
  screen("policy", "nav_policy", "p", scales, Policy, staff),
  screen("texts", "nav_texts", "t", pen, Texts, staff),
  screen("audit", "nav_audit", "l", list, Audit),
  screen("health", "nav_health", "h", pulse, Health, staff),
  screen("settings", "nav_settings", "c", sliders, Settings, operators),
  screen("operators", "nav_operators", "u", key, Operators, operators),
  screen("me", "nav_me", "s", me, Me),
];

// Detail screens stand at the same names with a parameter: "#/incidents/5".
export const details: Record<string, Component<{ parameter: string }>> = {
  incidents: Incident,
  accounts: Account,
  domains: Domain,
  enquiries: Enquiry,
  texts: TextEditor,
};
