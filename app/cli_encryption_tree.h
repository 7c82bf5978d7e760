// The commands of encryption, with their options.
#pragma once

#include "app/cli_attach_tree.h"

namespace sekimori::app {

class EncryptionTree : protected AttachTree {
 protected:
  using AttachTree::AttachTree;

  void encryption_commands() {
    auto* encryption = group("encryption", "暗号化なしのサインインを扱います",
                             "work with sign-ins without encryption");
    const auto domain = [&](CLI::App* of) {
      of->add_option("--domain", out_.domain, text("このドメインだけ", "only this domain's"));
    };
    domain(command(encryption, "show", "いくつ残っているかを、日とドメインごとに表示します",
                   "how many are left, by day and domain"));
    auto* list = command(encryption, "list", "暗号化なしで使っているアカウントの一覧を表示します",
                         "list the accounts that sign in without encryption");
    domain(list);
    list->add_option("--search", out_.search, text("アドレスの一部", "part of the address"));
    list->add_flag("--hit", out_.check, text("例外を除きます", "leave the excepted out"));
    limit(list);
    auto* enforce =
        command(encryption, "enforce", "ある日から、ドメインの暗号化なしのサインインを止めます",
                "from a day on, refuse a domain's unencrypted sign-ins");
    subject(enforce, "DOMAIN", "ドメイン", "the domain");
    enforce
        ->add_option("--from", out_.from,
                     text("いつから(2027-04-01、7d、または RFC 3339 の時刻)",
                          "from when (2027-04-01, 7d, or an RFC 3339 time)"))
        ->required()
        ->type_name("TIME");
    enforce->add_flag("--dry-run", out_.attach.dry_run,
                      text("だれに影響するかを表示するだけです", "only say whom it would hit"));
    reason(enforce);
    auto* lift = command(encryption, "lift", "止めるのをやめます", "let them in again");
    subject(lift, "DOMAIN", "ドメイン", "the domain");
    reason(lift);
    command(encryption, "exceptions", "例外の一覧を表示します", "list the exceptions");
    auto* except = command(encryption, "except", "アカウントを期限まで例外にします",
                           "except an account for a time");
    address(except);
    except
        ->add_option("--until", out_.until,
                     text("いつまで(30d、2027-04-01、または RFC 3339 の時刻)",
                          "until when (30d, 2027-04-01, or an RFC 3339 time)"))
        ->required()
        ->type_name("TIME");
    reason(except);
    address(command(encryption, "unexcept", "例外を終わりにします", "end an exception"));
  }
};

}  // namespace sekimori::app
