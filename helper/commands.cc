#include "helper/commands.h"

#include <fmt/format.h>

#include <boost/algorithm/string/predicate.hpp>
#include <boost/json.hpp>
#include <charconv>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "helper/firewall_order.h"
#include "helper/protocol.h"
#include "helper/queue_files.h"
#include "helper/sending_stop.h"

namespace sekimori::helper {
namespace {

namespace json = boost::json;

std::string_view kind_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::bad_input: return "bad_input";
    case ErrorKind::not_found: return "not_found";
    default: return "operating";
  }
}

// A program's words, fit for one line of an error.
std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 400)) {
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string joined(const std::vector<std::string>& ids) {
  std::string text;
  for (const std::string& id : ids) text.append(id).push_back('\n');
  return text;
}

Result<std::string> checked_id(const json::value& value) {
  if (!value.is_string()) return bad_input("a queue id is a string");
  const std::string_view id(value.get_string().data(), value.get_string().size());
  if (!is_queue_id(id)) return bad_input("not a queue id: " + one_line(id.substr(0, 40)));
  return std::string(id);
}

Result<std::vector<std::string>> ids_of(const json::object& request) {
  const json::value* given = request.if_contains("ids");
  if (given == nullptr || !given->is_array()) return bad_input("\"ids\" is missing");
  if (given->get_array().size() > k_ids_max) {
    return bad_input(fmt::format("more than {} ids in one request", k_ids_max));
  }
  std::vector<std::string> ids;
  std::unordered_set<std::string> seen;
  for (const json::value& value : given->get_array()) {
    auto id = checked_id(value);
    if (!id) return std::unexpected(id.error());
    if (seen.insert(*id).second) ids.push_back(std::move(*id));
  }
  return ids;
}

}  // namespace

Command Commands::program(std::string_view name, std::vector<std::string> arguments) const {
  Command command;
  command.program = fmt::format("{}/{}", settings_.command_directory, name);
  command.arguments = {"-c", settings_.config_directory};
  for (std::string& argument : arguments) command.arguments.push_back(std::move(argument));
  command.deadline = settings_.deadline;
  command.cancel_fd = settings_.cancel_fd;
  return command;
}

Result<std::string> Commands::run_ok(const Command& command) const {
  auto outcome = run(command);
  if (!outcome) return std::unexpected(outcome.error());
  if (outcome->exit_code != 0) {
    return operating_failure(fmt::format("{} ended with {}: {}", command.program,
                                         outcome->exit_code, one_line(outcome->complaint)));
  }
  return std::move(outcome->output);
}

std::string Commands::handle(std::string_view line, const Sink& sink) {
  std::string said;
  const Result<Answer> answer = dispatch(line, sink, said);
  if (answer) {
    sink(fmt::format("{}true{}}}\n", k_answer_begin, answer->body));
    return said;
  }
  json::string text(answer.error().text);
  sink(fmt::format("{}false,\"kind\":\"{}\",\"error\":{}}}\n", k_answer_begin,
                   kind_of(answer.error()), json::serialize(text)));
  return fmt::format("{}: {}", said.empty() ? "refused" : said, answer.error().text);
}

Result<Commands::Answer> Commands::dispatch(std::string_view line, const Sink& sink,
                                            std::string& said) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 8;
  const json::value parsed =
      json::parse(json::string_view(line.data(), line.size()), error, {}, options);
  if (error || !parsed.is_object()) return bad_input("a request is one JSON object");
  const json::object& request = parsed.get_object();
  const json::value* op_value = request.if_contains("op");
  if (op_value == nullptr || !op_value->is_string()) return bad_input("\"op\" is missing");
  const std::string_view op(op_value->get_string().data(), op_value->get_string().size());

  if (op == "ping") {
    said = "ping";
    return Answer{};
  }
  if (op == "hold" || op == "release" || op == "requeue") {
    auto ids = ids_of(request);
    if (!ids) return std::unexpected(ids.error());
    said = fmt::format("{} {} messages", op, ids->size());
    if (ids->empty()) return Answer{};
    if (op == "release") return release(*ids);
    return op == "hold" ? on_queue("-h", *ids) : requeue(*ids);
  }
  if (op == "room") {
    said = "room";
    return room();
  }
  if (op == "delete") {
    const json::value* given = request.if_contains("messages");
    if (given == nullptr || !given->is_array()) return bad_input("\"messages\" is missing");
    if (given->get_array().size() > k_deletions_max) return bad_input("too many messages");
    std::vector<Target> targets;
    for (const json::value& value : given->get_array()) {
      const json::object* object = value.if_object();
      if (object == nullptr || !object->contains("id")) return bad_input("a message has an id");
      auto id = checked_id(object->at("id"));
      if (!id) return std::unexpected(id.error());
      Target target;
      target.id = std::move(*id);
      if (const json::value* sender = object->if_contains("sender"); sender != nullptr) {
        if (!sender->is_string()) return bad_input("a sender is a string");
        target.sender.assign(sender->get_string().data(), sender->get_string().size());
        target.has_sender = true;
      }
      if (const json::value* arrival = object->if_contains("arrival"); arrival != nullptr) {
        if (!arrival->is_int64()) return bad_input("an arrival is seconds since 1970");
        target.arrival = arrival->get_int64();
        target.has_arrival = true;
      }
      if (const json::value* last = object->if_contains("not_after"); last != nullptr) {
        if (!last->is_int64()) return bad_input("not_after is seconds since 1970");
        target.not_after = last->get_int64();
        target.has_not_after = true;
      }
      targets.push_back(std::move(target));
    }
    said = fmt::format("delete {} messages", targets.size());
    if (targets.empty()) return Answer{};
    return remove(targets);
  }
  if (op == "list") {
    said = "list";
    return list(sink);
  }
  if (op == "sasl_login") {
    const json::value* given = request.if_contains("id");
    if (given == nullptr) return bad_input("\"id\" is missing");
    auto id = checked_id(*given);
    if (!id) return std::unexpected(id.error());
    said = "sasl_login " + *id;
    return sasl_login(*id);
  }
  if (op == "subject") {
    const json::value* given = request.if_contains("id");
    if (given == nullptr) return bad_input("\"id\" is missing");
    auto id = checked_id(*given);
    if (!id) return std::unexpected(id.error());
    said = "subject " + *id;
    return subject(*id);
  }
  if (op == "stop_sending") {
    const json::value* on = request.if_contains("on");
    if (on == nullptr || !on->is_bool()) return bad_input("\"on\" is missing");
    said = fmt::format("stop_sending {}", on->get_bool() ? "on" : "off");
    return stop_sending(on->get_bool());
  }
  if (op == "firewall") {
    if (settings_.firewall == nullptr) return bad_input("there is no firewall here");
    auto done = firewall_order(*settings_.firewall, request, said);
    if (!done) return std::unexpected(done.error());
    return Answer{std::move(*done)};
  }
  return bad_input("unknown op");
}

Result<Commands::Answer> Commands::on_queue(std::string_view flag,
                                            const std::vector<std::string>& ids) {
  Command command = program("postsuper", {std::string(flag), "-"});
  command.input = joined(ids);
  auto output = run_ok(command);
  if (!output) return std::unexpected(output.error());
  return Answer{};
}

Result<Commands::Answer> Commands::requeue(const std::vector<std::string>& ids) {
  auto requeued = on_queue("-r", ids);
  // postsuper wakes nobody (measured: up to 60 s until pickup looks by itself). Without a running
  // Postfix this fails, and its start takes the mail up.
  if (requeued) static_cast<void>(run(program("postkick", {"public", "pickup", "W"})));
  return requeued;
}

Result<Commands::Answer> Commands::release(const std::vector<std::string>& ids) {
  auto directory = run_ok(program("postconf", {"-h", "queue_directory"}));
  if (!directory) return std::unexpected(directory.error());
  make_due(directory->substr(0, directory->find('\n')), ids);
  auto released = on_queue("-H", ids);
  if (!released) return released;
  // -H only moves a message to the deferred queue and wakes nobody: look at that queue for what is
  // due, as every queue_run_delay, and try destinations again that were found dead (qmgr(8): D and
  // F). One such look for all; `postqueue -i` for each took 20 ms a message. Without a running
  // Postfix this fails, and its start takes the mail up.
  static_cast<void>(run(program("postkick", {"public", "qmgr", "FD"})));
  return released;
}

Result<Commands::Answer> Commands::room() {
  auto values = run_ok(program("postconf", {"-h", "queue_directory", "qmgr_message_active_limit"}));
  if (!values) return std::unexpected(values.error());
  const std::string_view all(*values);
  const auto line_end = all.find('\n');
  if (line_end == std::string_view::npos) return operating_failure("postconf's answer is none");
  const std::string_view limit_text = all.substr(line_end + 1);
  std::size_t limit = 0;
  const auto [end, error] =
      std::from_chars(limit_text.data(), limit_text.data() + limit_text.size(), limit);
  if (error != std::errc{}) return operating_failure("qmgr_message_active_limit is no number");
  const std::size_t ours = limit / 2;
  const std::size_t at_work = messages_at_work(std::string(all.substr(0, line_end)), ours);
  return Answer{fmt::format(",\"room\":{},\"most\":{}", ours - at_work, ours)};
}

Result<std::size_t> Commands::each_listed(const std::function<bool(std::string_view)>& each) const {
  std::string partial;
  std::size_t skipped = 0;
  bool skipping = false;
  Command command = program("postqueue", {"-j"});
  command.on_output = [&](std::string_view piece) {
    while (!piece.empty()) {
      const std::size_t end = piece.find('\n');
      const std::string_view part = piece.substr(0, end);
      if (!skipping && partial.size() + part.size() > k_listed_bytes_max) {
        skipping = true;
        ++skipped;
        partial = std::string();
      }
      if (!skipping) partial.append(part);
      if (end == std::string_view::npos) return true;
      piece.remove_prefix(end + 1);
      const bool whole = !std::exchange(skipping, false);
      const std::string line = std::exchange(partial, std::string());
      if (whole && !line.empty() && !each(line)) return false;
    }
    return true;
  };
  auto outcome = run(command);
  if (!outcome) return std::unexpected(outcome.error());
  if (!outcome->stopped && outcome->exit_code != 0) {
    return operating_failure(fmt::format("postqueue ended with {}: {}", outcome->exit_code,
                                         one_line(outcome->complaint)));
  }
  return skipped;
}

Result<Commands::Answer> Commands::list(const Sink& sink) {
  std::size_t strange = 0;
  auto skipped = each_listed([&](std::string_view line) {
    // postqueue -j of 3.7 prints {"queue_name": first; anything else is no message.
    if (!line.starts_with(k_listed_begin)) {
      ++strange;
      return true;
    }
    return sink(line) && sink("\n");
  });
  if (!skipped) return std::unexpected(skipped.error());
  return Answer{fmt::format(",\"skipped\":{}", *skipped + strange)};
}

Result<Commands::Answer> Commands::remove(const std::vector<Target>& targets) {
  // Short ids are reused: a message that is not the one that was meant must stay.
  std::unordered_map<std::string, const Target*> to_check;
  std::vector<std::string> ids;
  for (const Target& target : targets) {
    if (target.has_sender || target.has_arrival || target.has_not_after) {
      to_check.emplace(target.id, &target);
    } else {
      ids.push_back(target.id);
    }
  }
  std::size_t other = 0;
  if (!to_check.empty()) {
    auto listed = each_listed([&](std::string_view line) {
      boost::system::error_code error;
      const json::value parsed = json::parse(json::string_view(line.data(), line.size()), error);
      const json::object* entry = error ? nullptr : parsed.if_object();
      if (entry == nullptr) return true;
      const json::value* id = entry->if_contains("queue_id");
      if (id == nullptr || !id->is_string()) return true;
      const auto found = to_check.find(std::string(id->get_string()));
      if (found == to_check.end()) return true;
      const Target& wanted = *found->second;
      const json::value* sender = entry->if_contains("sender");
      const json::value* arrival = entry->if_contains("arrival_time");
      const bool same_sender =
          !wanted.has_sender || (sender != nullptr && sender->is_string() &&
                                 std::string_view(sender->get_string().data(),
                                                  sender->get_string().size()) == wanted.sender);
      const bool has_time = arrival != nullptr && arrival->is_int64();
      const bool same_arrival =
          !wanted.has_arrival || (has_time && arrival->get_int64() == wanted.arrival);
      const bool in_time =
          !wanted.has_not_after || (has_time && arrival->get_int64() <= wanted.not_after);
      if (same_sender && same_arrival && in_time) {
        ids.push_back(wanted.id);
      } else {
        ++other;
      }
      to_check.erase(found);
      return !to_check.empty();
    });
    if (!listed) return std::unexpected(listed.error());
  }
  if (!ids.empty()) {
    auto removed = on_queue("-d", ids);
    if (!removed) return removed;
  }
  return Answer{fmt::format(",\"kept\":{}", other)};
}

Result<Commands::Answer> Commands::sasl_login(const std::string& id) {
  constexpr std::string_view k_attribute = "named_attribute: sasl_username=";
  std::string partial;
  std::string login;
  std::size_t read = 0;
  Command command = program("postcat", {"-qe", id});
  command.on_output = [&](std::string_view piece) {
    read += piece.size();
    partial.append(piece);
    std::size_t begin = 0;
    for (std::size_t end; (end = partial.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const std::string_view line = std::string_view(partial).substr(begin, end - begin);
      if (line.starts_with(k_attribute)) {
        login = line.substr(k_attribute.size(), 512);
        return false;
      }
    }
    partial.erase(0, begin);
    // It stands before the recipients; an envelope of 4 MiB without it has none.
    return read < (std::size_t{4} << 20) && partial.size() < 65536;
  };
  auto outcome = run(command);
  if (!outcome) return std::unexpected(outcome.error());
  if (!outcome->stopped && outcome->exit_code != 0) {
    const std::string complaint = one_line(outcome->complaint);
    if (complaint.find("No such file") != std::string::npos)
      return not_found(id + " is not queued");
    return operating_failure("postcat: " + complaint);
  }
  return Answer{",\"login\":" + json::serialize(json::string(login))};
}

Result<Commands::Answer> Commands::subject(const std::string& id) {
  if (!settings_.show_subjects) {
    return bad_input("subjects are not shown: postfix.show_subjects is off");
  }
  constexpr std::size_t k_header_max = 65536;  // a header larger than this is an attack
  constexpr std::size_t k_subject_max = 2000;  // RFC 5322 §2.1.1 twice, for folded ones
  constexpr std::string_view k_name = "subject:";
  std::string header;
  Command command = program("postcat", {"-qh", id});
  command.on_output = [&](std::string_view piece) {
    header.append(piece.substr(0, k_header_max - header.size()));
    return header.size() < k_header_max;
  };
  auto outcome = run(command);
  if (!outcome) return std::unexpected(outcome.error());
  if (!outcome->stopped && outcome->exit_code != 0) {
    const std::string complaint = one_line(outcome->complaint);
    if (complaint.find("No such file") != std::string::npos)
      return not_found(id + " is not queued");
    return operating_failure("postcat: " + complaint);
  }
  std::string found;
  bool is_inside = false;
  for (std::size_t at = 0; at < header.size();) {
    const std::size_t end = std::min(header.find('\n', at), header.size());
    std::string_view line = std::string_view(header).substr(at, end - at);
    at = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (is_inside && (line.starts_with(' ') || line.starts_with('\t'))) {
      found += line;
      continue;
    }
    if (is_inside) break;
    is_inside = line.size() >= k_name.size() &&
                boost::algorithm::iequals(line.substr(0, k_name.size()), k_name);
    if (is_inside) found = line.substr(k_name.size());
  }
  if (found.size() > k_subject_max) found.resize(k_subject_max);
  return Answer{",\"subject\":" + json::serialize(json::string(found))};
}

Result<void> Commands::set_deferred(const std::string* value) const {
  const Command command = value == nullptr
                              ? program("postconf", {"-X", "defer_transports"})
                              : program("postconf", {"-e", "defer_transports=" + *value});
  auto done = run_ok(command);
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<void> Commands::reload_if_running() const {
  auto status = run(program("postfix", {"status"}));
  if (!status) return std::unexpected(status.error());
  if (status->exit_code != 0) return {};  // a stopped Postfix reads it when it starts
  auto reloaded = run_ok(program("postfix", {"reload"}));
  if (!reloaded) return std::unexpected(reloaded.error());
  return {};
}

Result<Commands::Answer> Commands::stop_sending(bool on) {
  auto set = run_ok(program("postconf", {"-nh", "defer_transports"}));
  if (!set) return std::unexpected(set.error());
  auto services = run_ok(program("postconf", {"-M"}));
  if (!services) return std::unexpected(services.error());
  auto saved = read_saved(settings_.state_file);
  if (!saved) return std::unexpected(saved.error());

  // Printed with a newline when main.cf has it, nothing at all when it has not.
  std::optional<std::string> current;
  if (!set->empty()) current = set->substr(0, set->find_last_not_of("\r\n") + 1);

  if (on) {
    const std::vector<std::string> added = smtp_transports(*services);
    const std::string wanted = with_transports(current.value_or(""), added);
    // Remembered before it is changed: killed in between, `off` still finds what was. What an
    // earlier `on` remembered stays.
    if (!saved->has_value()) {
      auto written = write_saved(settings_.state_file, SavedSending{current, wanted, added});
      if (!written) return std::unexpected(written.error());
    }
    if (wanted != current.value_or("")) {
      if (auto done = set_deferred(&wanted); !done) return std::unexpected(done.error());
    }
    if (auto done = reload_if_running(); !done) return std::unexpected(done.error());
    return Answer{",\"defer_transports\":" + json::serialize(json::string(wanted))};
  }

  if (!saved->has_value()) return Answer{};
  const SavedSending& before = **saved;
  if (current.value_or("") == before.ours) {
    auto done = set_deferred(before.earlier ? &*before.earlier : nullptr);
    if (!done) return std::unexpected(done.error());
  } else if (current) {
    // A person changed it meanwhile: their words stay, ours go.
    const std::string kept = without_transports(*current, before.added);
    if (kept != *current) {
      if (auto done = set_deferred(&kept); !done) return std::unexpected(done.error());
    }
  }
  if (auto done = reload_if_running(); !done) return std::unexpected(done.error());
  // What waited goes now, not at its next try (up to 4000 s later). Failing, it goes then.
  static_cast<void>(run(program("postqueue", {"-f"})));
  if (auto done = forget_saved(settings_.state_file); !done) return std::unexpected(done.error());
  return Answer{};
}

}  // namespace sekimori::helper
