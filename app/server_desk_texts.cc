// Of the server's desk: settings, notices' texts, health over time.
#include <fmt/format.h>

#include <algorithm>

#include "act/notice_mail.h"
#include "act/notice_rules.h"
#include "app/notice_setup.h"
#include "app/server_desk.h"
#include "decide/switches.h"

namespace sekimori::app {
namespace {

constexpr std::size_t k_health_spans_max = 5000;

web::HealthLevel level_of(std::string_view word) {
  if (word == "ok") return web::HealthLevel::ok;
  return word == "warning" ? web::HealthLevel::warning : web::HealthLevel::failing;
}

bool is_about_switch(std::string_view kind) {
  return act::is_of_switch(kind) || kind == "mail_waiting_off";
}

// A made-up owner's, the same for every text.
decide::NoticeRow sample_row(std::string_view kind, decide::NoticeAudience audience, Instant now) {
  decide::NoticeRow row;
  row.kind = kind;
  row.subject = {decide::SubjectKind::account, "hanako@example.jp"};
  row.incident = 42;
  row.audience = audience;
  row.summary = {
      "ふだんと異なる国からの送信が短い時間に続きました(宛先 480 件、ふだんは 1 日 6 件ほど)。",
      "Mail was sent in quick succession from a country that is new for this account (480 "
      "recipients, usually some 6 a day)."};
  if (is_about_switch(kind)) {
    row.incident = 0;
    row.summary = kind.ends_with("_on")
                      ? Text{decide::words_of_end("nao", "お引っ越しが済んだため").ja,
                             decide::words_of_end("nao", "The move is over.").en}
                      : Text{"お引っ越しの間のため", "While moving house"};
  }
  row.created = now;
  return row;
}

act::NoticeFacts sample_facts(std::string_view kind, Instant now) {
  act::NoticeFacts facts;
  facts.name = "山田 花子";
  facts.standing = kind == "suspended" || kind == "mail_waiting" ? Standing::suspended
                   : kind == "restored"                          ? Standing::probation
                   : kind == "recovering" || kind == "verified"  ? Standing::recovering
                                                                 : Standing::restricted;
  facts.since = now - hours(2);
  if (is_about_switch(kind)) {
    facts.standing = Standing::normal;
    const decide::SwitchedOff off{.account = "hanako@example.jp",
                                  .what = decide::AccountSwitch::receive,
                                  .since = now - days(3),
                                  .until = kind == "mail_waiting_off" ? Instant() : now + days(4),
                                  .by = "nao",
                                  .reason = ""};
    if (kind == "mail_waiting_off" || kind == "receive_off") facts.switches.receive = off;
    if (kind == "login_off") facts.switches.login = off;
  }
  facts.waiting_senders = 3;
  facts.waiting_since = now - hours(30);
  facts.lost_at = now + days(3);
  facts.has_call = true;
  return facts;
}

// Kind, audience and language of "restricted.owner.ja"; the name is known.
struct NameParts {
  std::string kind;
  decide::NoticeAudience audience = decide::NoticeAudience::operators;
  Language language = Language::en;
};
NameParts parts_of(std::string_view name) {
  const auto first = name.find('.');
  const auto last = name.rfind('.');
  NameParts out;
  out.kind = name.substr(0, first);
  out.audience = decide::parse_notice_audience(name.substr(first + 1, last - first - 1))
                     .value_or(decide::NoticeAudience::operators);
  out.language = name.substr(last + 1) == "ja" ? Language::ja : Language::en;
  return out;
}

std::string subject_of(const std::string& text) {
  const auto parsed = act::parse_notice_template(text);
  return parsed ? parsed->subject : std::string();
}

Error no_such_text(std::string_view name) {
  return {ErrorKind::not_found, fmt::format("there is no text '{}'", name)};
}

}  // namespace

// ---------------------------------------------------------------- settings

Result<web::SettingsView> ServerDeskService::settings() {
  web::SettingsView view;
  const config::Settings in_force = parts_.in_force.get();
  view.file = parts_.settings_file();
  config::Loaded written;
  if (auto read = config::read_settings_file(view.file)) {
    written = std::move(*read);
    for (const auto& finding : written.findings) {
      view.faults.push_back(
          config::print_finding(finding, view.file, parts_.started_with.server.language));
    }
  } else {
    written.settings = in_force;
    view.faults.push_back(read.error().text);
  }
  const auto effective = config::effective_values(written);
  const auto definitions = config::definitions();
  for (std::size_t i = 0; i < definitions.size(); ++i) {
    const auto& definition = definitions[i];
    const bool restart = definition.lifetime == config::Lifetime::restart;
    web::SettingView item;
    item.name = definition.name;
    item.section = definition.section;
    item.meaning = {std::string(definition.ja), std::string(definition.en)};
    item.value = config::print_value(definition, restart ? parts_.started_with : in_force);
    if (effective[i].value != item.value) item.written = effective[i].value;
    item.source = effective[i].source;
    item.needs_restart = restart;
    view.items.push_back(std::move(item));
  }
  return view;
}

Result<web::SettingsView> ServerDeskService::reload(const web::Caller& by) {
  if (auto done = parts_.reload(); !done) return std::unexpected(done.error());
  audited(by, "reload_settings", {decide::SubjectKind::server, ""}, "", "{}");
  return settings();
}

// ---------------------------------------------------------------- notices' texts

act::NoticeTemplates ServerDeskService::templates_of_files() const {
  act::NoticeTemplates out;
  (void)out.load(parts_.started_with.notices.template_dir);  // what is wrong there, the start says
  return out;
}

Result<act::NoticeTemplates> ServerDeskService::templates() {
  auto rows = parts_.store.notice_texts();
  if (!rows) return std::unexpected(rows.error());
  auto out = templates_of_files();
  // One that an older version took and this one does not: what is below it holds.
  for (const auto& row : *rows) (void)out.put(row.name, row.text);
  return out;
}

Result<void> ServerDeskService::take_over_texts() {
  auto all = templates();
  if (!all) return std::unexpected(all.error());
  parts_.notices.set_templates(std::move(*all));
  return {};
}

Result<std::vector<web::NoticeTextSummary>> ServerDeskService::notice_texts() {
  auto rows = parts_.store.notice_texts();
  if (!rows) return std::unexpected(rows.error());
  auto all = templates();
  if (!all) return std::unexpected(all.error());
  const auto files = templates_of_files();
  const act::NoticeTemplates shipped;
  std::vector<web::NoticeTextSummary> out;
  for (const auto& name : all->names()) {
    web::NoticeTextSummary summary;
    summary.name = name;
    const std::string text = all->text(name);
    summary.subject = subject_of(text);
    const auto row = std::ranges::find(*rows, name, &store::NoticeTextRow::name);
    if (row != rows->end() && row->text == text) {
      summary.source = web::TextSource::panel;
      summary.changed = row->changed;
      summary.by = row->by;
    } else if (files.text(name) != shipped.text(name)) {
      summary.source = web::TextSource::file;
    }
    out.push_back(std::move(summary));
  }
  return out;
}

Result<web::NoticeTextView> ServerDeskService::notice_text(std::string_view name) {
  auto all = notice_texts();
  if (!all) return std::unexpected(all.error());
  const auto found = std::ranges::find(*all, name, &web::NoticeTextSummary::name);
  if (found == all->end()) return std::unexpected(no_such_text(name));
  auto in_force = templates();
  if (!in_force) return std::unexpected(in_force.error());
  web::NoticeTextView view;
  view.summary = *found;
  view.text = in_force->text(name);
  view.without = templates_of_files().text(name);
  for (const auto word : act::notice_placeholders()) view.placeholders.emplace_back(word);
  return view;
}

Result<web::NoticePreview> ServerDeskService::preview_notice_text(std::string_view name,
                                                                  const std::string& text) {
  if (templates_of_files().text(name).empty()) return std::unexpected(no_such_text(name));
  web::NoticePreview preview;
  act::NoticeTemplates trial;
  for (const auto& finding : trial.put(name, text)) {
    preview.faults.push_back({finding.line, finding.what});
  }
  if (!preview.faults.empty()) return preview;
  const auto what = parts_of(name);
  const Instant now = parts_.now();
  auto values =
      act::notice_values(sample_row(what.kind, what.audience, now), sample_facts(what.kind, now),
                         notice_sender(parts_.started_with, parts_.host), what.language);
  if (what.kind == "digest") {
    values["notices"] = "2";
    values["digest_items"] = "- hanako@example.jp\n- taro@example.jp";
  }
  const auto& words = trial.find(what.kind, what.audience, what.language);
  preview.subject = act::fill_notice(words.subject, values, what.language);
  preview.body = act::fill_notice(words.body, values, what.language);
  return preview;
}

Result<web::NoticeTextView> ServerDeskService::put_notice_text(std::string_view name,
                                                               const std::string& text,
                                                               const web::Caller& by) {
  auto files = templates_of_files();
  if (files.text(name).empty()) return std::unexpected(no_such_text(name));
  const auto faults = files.put(name, text);
  if (!faults.empty()) {
    return bad_input(fmt::format("line {}: {}", faults.front().line, faults.front().what.en));
  }
  {
    const std::lock_guard lock(changing_);
    // As the templates print it: what is compared later.
    const store::NoticeTextRow row{std::string(name), files.text(name), parts_.now(), by.who};
    if (auto done = parts_.store.put_notice_text(row); !done) return std::unexpected(done.error());
    if (auto done = take_over_texts(); !done) return std::unexpected(done.error());
    audited(by, "set_notice_text", {decide::SubjectKind::server, ""}, std::string(name), "{}");
  }
  return notice_text(name);
}

Result<web::NoticeTextView> ServerDeskService::reset_notice_text(std::string_view name,
                                                                 const web::Caller& by) {
  if (templates_of_files().text(name).empty()) return std::unexpected(no_such_text(name));
  {
    const std::lock_guard lock(changing_);
    auto removed = parts_.store.remove_notice_text(std::string(name));
    if (!removed) return std::unexpected(removed.error());
    if (auto done = take_over_texts(); !done) return std::unexpected(done.error());
    if (*removed) {
      audited(by, "reset_notice_text", {decide::SubjectKind::server, ""}, std::string(name), "{}");
    }
  }
  return notice_text(name);
}

// ---------------------------------------------------------------- health over time

Result<std::vector<web::HealthSpanView>> ServerDeskService::health_history(std::uint32_t days) {
  auto spans = parts_.store.health(parts_.now() - sekimori::days(days), k_health_spans_max);
  if (!spans) return std::unexpected(spans.error());
  std::vector<web::HealthSpanView> out;
  for (auto& span : *spans) {
    out.push_back({std::move(span.item), level_of(span.level), span.since, span.last,
                   std::move(span.verdict)});
  }
  return out;
}

}  // namespace sekimori::app
