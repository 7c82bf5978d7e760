import type { jaServer } from "./ja.server";

export const enServer: {
  [K in keyof typeof jaServer]: (typeof jaServer)[K] extends (...values: infer A) => string
    ? (...values: A) => string
    : string;
} = {
  nav_domains: "Domains",
  nav_policy: "Policy and limits",
  nav_texts: "Notices' texts",
  nav_settings: "Settings",
  // domains
  domains_title: "Domains",
  domains_lead:
    "Accounts and standing by domain. Open one to set its limits, or to stop all of it.",
  domains_view: "View",
  domains_contained: "With contained accounts",
  domains_none: "No such domain.",
  domains_none_contained: "No domain has contained accounts.",
  domain_accounts: "Accounts",
  domain_contained: "Contained",
  domain_held: "Held",
  domain_own: "Own values",
  domain_now: "At the moment",
  domain_stopped: "All of this domain is stopped.",
  domain_show_accounts: "Show this domain's accounts",
  domain_restrict_title: "Stop all sending of this domain?",
  domain_suspend_title: "Suspend all of this domain?",
  domain_restore_title: "Release this domain?",
  domain_stop_body: (n: number) =>
    `This concerns all ${n.toLocaleString("en")} accounts. Those contained by themselves ` +
    "stay so after a release.",
  domain_restore_body: "Releases the domain as a whole. Accounts contained by themselves stay so.",
  admins: "Administrators",
  admins_none: "No administrators are registered.",
  admins_hint:
    "The administrators of PostfixAdmin, where they are changed. They sign in here with " +
    "the same password.",
  admin_totp_col: "Authenticator app",
  admin_totp: "Authenticator",
  admin_no_totp: "No authenticator",
  admin_active: "Active",
  // policy
  policy_screen: "Policy and limits",
  policy_lead:
    "Limits on sending, and the lines at which an account is stopped. Own values are set " +
    "on the domain's or the account's screen.",
  policy_open: "Domain or address",
  policy_open_button: "Open its values",
  policy_title: "Policy and limits",
  policy_order: "The account's value goes before its domain's, the domain's before the setting.",
  policy_what: "Value",
  policy_in_force: "In force",
  policy_source: "Comes from",
  policy_own: "Own value",
  policy_try: "Value to try",
  policy_inherit: (value: string) => `inherited: ${value}`,
  policy_from_setting: (name: string) => `setting ${name}`,
  policy_from_domain: (name: string) => `domain ${name}`,
  policy_from_own: "set here",
  policy_from_probation: (name: string) => `on probation ${name}`,
  policy_hint: "Empty: inherited. 0: no limit. Volume in MiB. A lower line stops sooner.",
  policy_observe: "observe",
  policy_enforce: "enforce",
  policy_hold: "hold everything",
  policy_days: "Try on the mail of the past",
  policy_n_days: (n: number) => (n === 1 ? "1 day" : `${n} days`),
  policy_dry_run: "Try without saving",
  policy_save: "Save",
  policy_saved: "Saved. In force from the next message on.",
  policy_server_hint:
    "The server's values stand in the settings file. Try them here, write them there, " +
    "then reload on the screen Settings.",
  limit_recipients_per_message: "Recipients a message",
  limit_restrict_line: "Line for stopping sending (ln R)",
  limit_suspend_line: "Line for suspending (ln R)",
  limit_mode: "Mode",
  // dry run
  dry_title: (n: number) => `On the mail of the past ${n === 1 ? "day" : `${n} days`}`,
  dry_running: (events: number, at: string) =>
    `Trying on past mail… ${events.toLocaleString("en")} events${at ? ` (up to ${at})` : ""}`,
  dry_failed: (why: string) => `It could not be tried. ${why}`,
  dry_same: "Nothing would change: the same accounts are stopped, the same recipients reached.",
  dry_less: (n: string, accounts: number) =>
    `${n} fewer recipients would be reached; ` +
    `${accounts === 1 ? "1 account fares" : `${accounts} accounts fare`} differently.`,
  dry_more: (n: string, accounts: number) =>
    `${n} more recipients would be reached; ` +
    `${accounts === 1 ? "1 account fares" : `${accounts} accounts fare`} differently.`,
  dry_as_enforced: "The guard only observes now; both sides are worked out as if it acted.",
  dry_cut: (when: string) => `Time was up: this is as far as ${when}.`,
  dry_before: "As it is",
  dry_after: "New values",
  dry_difference: "Difference",
  dry_row_reached: "Recipients reached",
  dry_row_refused: "Recipients refused",
  dry_row_held: "Messages held",
  dry_row_held_accounts: "Accounts with held mail",
  dry_row_restricted: "Accounts stopped",
  dry_row_suspended: "of these suspended",
  dry_who: (n: number) => `Accounts that fare differently (${n})`,
  dry_held: (n: number) => `${n} held`,
  dry_refused: (n: number) => `${n} recipients refused`,
  dry_restricted: "is stopped",
  dry_suspended: "is suspended",
  dry_not_restricted: "is no longer stopped",
  dry_not_suspended: "is no longer suspended",
  dry_read: (events: string, accounts: string, seconds: string) =>
    `${events} events and ${accounts} accounts that sent, looked at in ${seconds} s. ` +
    "Nothing was changed.",
  // settings
  settings_title: "Settings",
  settings_lead: "What is in force, and from where. Settings are changed in their file.",
  settings_which: "Show",
  settings_written: "Set in the file",
  settings_waiting: "Not yet in force",
  settings_in_force: "In force",
  settings_none: "No such setting.",
  settings_none_waiting: "No change waits to be taken over.",
  settings_default: "default",
  settings_restart: "a change needs a restart",
  settings_after_restart: "After a restart:",
  settings_after_reload: "After a reload:",
  settings_reload: "Reload the settings",
  settings_reload_title: "Reload the settings file?",
  settings_reload_body:
    "Only what may change while running changes, at once. What needs a restart stays as " +
    "it is; a file with a fault changes nothing.",
  settings_reloaded: "The settings were reloaded.",
  // texts
  texts_title: "Notices' texts",
  texts_lead:
    "The words of the mail that tells people of a stop or a release. A changed text is " +
    "used from the next letter on.",
  texts_audience: "To",
  texts_language: "Language",
  texts_list: "Texts",
  text_edit: "Text",
  text_body: "Subject and body",
  text_hint:
    "The first line is “Subject: …”, the second is empty. A line that names a value " +
    "which is not known is left out of the letter.",
  text_placeholders: "Values that can be put in",
  text_preview: "What arrives",
  text_preview_lead:
    "With made-up values. The real letter holds Japanese and English one after the other.",
  text_fault: (line: number) => (line > 0 ? `Line ${line}:` : "Fault:"),
  text_undo: "Undo my edits",
  text_reset: "Go back to the original",
  text_reset_title: "Go back to the original text?",
  text_reset_body: "The text written here will be gone.",
  text_source_shipped: "Standard",
  text_source_file: "File",
  text_source_panel: "Rewritten",
  audience_owner: "Owner",
  audience_mailbox: "the owner's mailbox",
  audience_domain_admin: "Domain admin",
  audience_operators: "Operators",
  kind_restricted: "Sending was stopped",
  kind_suspended: "The account was suspended",
  kind_again: "Contained again",
  kind_still_contained: "Still contained",
  kind_mail_waiting: "Mail waits outside",
  kind_mail_waiting_off: "Mail waits while receiving is off",
  kind_recovering: "On the way back",
  kind_verified: "Everything is verified",
  kind_needs_review: "A person must look",
  kind_restored: "It works again",
  kind_held_asked: "Held mail wants a decision",
  kind_held_while_dead: "Mail held while the guard was dead",
  kind_notice_failed: "Somebody could not be told",
  kind_breaker_open: "Automatic stopping paused",
  kind_breaker_closed: "Automatic stopping resumed",
  kind_spoofed: "The address is being forged",
  kind_complained: "Recipients complained",
  kind_digest: "Several notices in one",
  kind_other: "Anything else",
  // audit
  act_set_policy: "changed policy and limits",
  act_reload_settings: "reloaded the settings",
  act_set_notice_text: "changed a notice's text",
  act_reset_notice_text: "put a notice's text back",
  // health over time
  history_title: "Until now",
  history_none: "Nothing is noted yet. Notes are taken once a minute.",
  history_days: "Period",
  history_lead: "Where there is no colour nobody looked: the guard itself was down.",
  history_trouble: (n: number) => (n === 0 ? "without a break" : `troubled or down ${n}×`),
  health_item_ways: "Ways mail leaves",
  health_item_reports: "Mail that came back",
  health_item_daemon: "The guard (Sekimori)",
};
