// The notices in English; the Japanese ones beside say the same.
#include <array>

#include "act/notice_templates.h"

namespace sekimori::act {

std::span<const NoticeWords> notice_words_ja();
std::string_view notice_block_ja(std::string_view name);

namespace {

using enum decide::NoticeAudience;

constexpr std::string_view k_steps_en =
    "1. Check your computers and phones for viruses. If one is found, remove it before you go on: "
    "otherwise the new password becomes known, too.\n"
    "2. Choose a new password, unlike the old one and used nowhere else.\n"
    "   The page for it: {portal_url}\n"
    "3. Put the new password into your mail programs (Outlook, Thunderbird, the mail on your "
    "phone). When you paste it, see that no blank comes with it.\n"
    "4. Look whether your forwards and mail rules name an address you do not know.\n"
    "5. When everything is verified, your address works as before. We will write to you then.\n";

constexpr std::string_view k_contact_en =
    "{provider}\n"
    "  Web: {help_url}\n"
    "  Telephone: {help_phone}\n"
    "  Hours: {help_hours}\n"
    "{help_default}\n"
    "Please mention number {incident}.\n"
    "We never ask for your password, neither by mail nor by telephone.\n";

#define OWNER_EN                                                                   \
  "\n* What we ask you to do\n{steps}\n"                                           \
  "If you sent that mail yourself (a newsletter, for instance), please tell us.\n" \
  "\n* Where to ask\n{contact}"

#define OPERATORS_EN                                                                   \
  "\nSubject: {subject}\nStanding: {standing} (since {since})\nIncident: {incident}\n" \
  "Why: {reason}\nServer: {server}\n"                                                  \
  "\n{call_note}\n"                                                                    \
  "Details: sekimori incident show {incident}\nPanel: {panel_url}\n"

#define ADMINS_EN                                                                     \
  "\n* Why\n{reason}\n"                                                               \
  "\n* What the owner has to do\n{steps}\n"                                           \
  "Please pass this on if they cannot be reached in another way than this address.\n" \
  "\n* Where to ask\n{contact}"

constexpr std::array k_en = std::to_array<NoticeWords>({
    // ---- the owner ----
    {"restricted", owner,
     "Subject: Important: sending from {address} is stopped for now\n\n"
     "{greeting}\n\n"
     "Mail was sent from your address {address} in a way that is unlike you. Somebody else may know "
     "your password. To keep harm away from you, sending from this address is stopped for now.\n"
     "\n* Why\n{reason}\n"
     "\n* How it is now\n{effect}\n" OWNER_EN},
    {"suspended", owner,
     "Subject: Important: {address} is stopped for now\n\n"
     "{greeting}\n\n"
     "Somebody else may be using your address {address}. To keep harm away from you, it is stopped "
     "for now.\n"
     "\n* Why\n{reason}\n"
     "\n* How it is now\n{effect}\n" OWNER_EN},
    {"again", owner,
     "Subject: Important: {address} is stopped again\n\n"
     "{greeting}\n\n"
     "Your address {address} worked again, and then it was once more used in a way that is unlike "
     "you. Somebody else may know the new password, too, so it is stopped again.\n"
     "While a virus stays on one of your machines, a new password does not help. Please check every "
     "computer and phone you use.\n"
     "\n* Why\n{reason}\n"
     "\n* How it is now\n{effect}\n" OWNER_EN},
    {"still_contained", owner,
     "Subject: Please look: {address} is still stopped\n\n"
     "{greeting}\n\n"
     "Your address {address} has been stopped since {since}. After the steps below it works as "
     "before. If you have just done them, please excuse this mail.\n"
     "\n* How it is now\n{effect}\n" OWNER_EN},
    {"mail_waiting", owner,
     "Subject: Please hurry: mail to {address} may be lost soon\n\n"
     "{greeting}\n\n"
     "Your address {address} is stopped. Mail to it waits at its senders' servers, and most of those "
     "give up after some five days and return it to whoever sent it.\n"
     "\n* What waits\n"
     "Mail from at least {waiting} senders, since {waiting_since}.\n"
     "It should still arrive if the steps below are done by {lost_at}.\n" OWNER_EN},
    {"mail_waiting_off", owner,
     "Subject: Please look: mail to {address} may be lost soon\n\n"
     "{greeting}\n\n"
     "Receiving mail at your address {address} has been stopped by {by} since {since}. Mail to it "
     "waits at its senders' servers, and most of those give up after some five days and return it "
     "to whoever sent it.\n"
     "\n* What waits\n"
     "Mail from at least {waiting} senders, since {waiting_since}.\n"
     "It should still arrive if receiving is on again by {lost_at}.\n"
     "\n* Why receiving is stopped\n{reason}\n"
     "\n* What to do\n"
     "If you want it on again, please tell us soon.\n"
     "If it stays as it is, please tell whoever expects an answer from you in another way.\n"
     "\n* Where to ask\n{contact}"},
    {"receive_off", owner,
     "Subject: Receiving at {address} is stopped\n\n"
     "{greeting}\n\n"
     "Since {since}, your address {address} receives no mail: {by} switched it off.\n"
     "It comes back on by itself at {until}.\n"
     "\n* Why\n{reason}\n"
     "\n* How it is now\n{effect}\n"
     "\n* What to do\n"
     "Nothing is needed from you. If somebody expects an answer soon, please tell them in another "
     "way.\n"
     "If you want it on again, or do not know why this was done, please ask us.\n"
     "How it is at any time: {portal_url}\n"
     "\n* Where to ask\n{contact}"},
    {"receive_on", owner,
     "Subject: {address} receives mail again\n\n"
     "{greeting}\n\n"
     "Since {when}, your address {address} receives mail again.\n{reason}\n"
     "\n* How it is now\n{effect}\n"
     "\n* Please look\n"
     "Mail that waited arrives as its senders' servers try again, which may take some hours.\n"
     "If mail that you expect is not there after a day, please ask its sender to send it again.\n"
     "\n* Where to ask\n{contact}"},
    {"login_off", owner,
     "Subject: Signing in to {address} is stopped\n\n"
     "{greeting}\n\n"
     "Since {since}, signing in to your address {address} does not work: {by} switched it off.\n"
     "It comes back on by itself at {until}.\n"
     "\n* Why\n{reason}\n"
     "\n* How it is now\n{effect}\n"
     "\n* What to do\n"
     "Nothing is needed from you. If a mail program shows an error or asks for the password, please "
     "leave its settings and the password as they are: they work again when signing in is on.\n"
     "If you want it on again, or do not know why this was done, please ask us.\n"
     "How it is at any time: {portal_url}\n"
     "\n* Where to ask\n{contact}"},
    {"login_on", owner,
     "Subject: You can sign in to {address} again\n\n"
     "{greeting}\n\n"
     "Since {when}, you can sign in to your address {address} again.\n{reason}\n"
     "\n* How it is now\n{effect}\n"
     "\n* Please look\n"
     "Your password is the same. If a mail program asks for it, please type the present one.\n"
     "\n* Where to ask\n{contact}"},
    {"recovering", owner,
     "Subject: The way back for {address} has begun\n\n"
     "{greeting}\n\n"
     "The way back for your address {address} has begun. You can sign in and receive mail; sending "
     "follows when everything is verified.\n"
     "If this was not you, please tell us at once.\n"
     "\n* What is left to do\n{steps}\n"
     "* Where to ask\n{contact}"},
    {"verified", owner,
     "Subject: Everything is verified for {address}\n\n"
     "{greeting}\n\n"
     "All that was needed for your address {address} is verified. Sending will work again shortly; "
     "we will write to you then.\n"
     "\n* Where to ask\n{contact}"},
    {"needs_review", owner,
     "Subject: {address} waits for a person to look at it\n\n"
     "{greeting}\n\n"
     "The same thing happened to your address {address} more than once within a short time, so one "
     "of us looks at it before it works again. If it is urgent, please get in touch.\n"
     "\n* How it is now\n{effect}\n"
     "\n* Where to ask\n{contact}"},
    {"restored", owner,
     "Subject: {address} works as before\n\n"
     "{greeting}\n\n"
     "Your address {address} works as before. Thank you for your help and your patience. Mail that "
     "was waiting is on its way to you.\n"
     "\n* Please try\n"
     "1. Send a message to somebody you know, or to another address of yours, and see it arrive.\n"
     "2. Have somebody write to you, and see that you receive it.\n"
     "3. If something fails, see whether your mail program has the new password.\n"
     "\n* Please note\n"
     "For a while less mail than usual can be sent, and we watch more closely. If something unlike "
     "you happens again, sending is stopped again. If you use the same password for other services "
     "(shops, banks), please change it there, too.\n"
     "\n* Where to ask\n{contact}"},
    {"held_asked", owner,
     "Subject: Mail sent from {address} is held for a check\n\n"
     "{greeting}\n\n"
     "Mail sent from your address {address} is held for a check. If you sent it yourself, please "
     "tell us. If not, please change your password.\n"
     "\n* Why\n{reason}\n"
     "\n* Where to ask\n{contact}"},
    {"spoofed", owner,
     "Subject: Strangers use {address} as a sender (your account is not broken into)\n\n"
     "{greeting}\n\n"
     "Somebody whom we do not know seems to send mail with your address {address} written on it as "
     "the sender. Notices that it could not be delivered come back to you.\n"
     "Your account is not broken into. You need not change your password.\n"
     "\n* What is known\n{reason}\n"
     "\n* What to do\n"
     "Nothing. You may delete the notices. Please do not open links or attachments in them. It "
     "will end after a while.\n"
     "\n* Where to ask\n{contact}"},
    {"digest", owner,
     "Subject: {notices} notices from {provider}\n\n"
     "There are {notices} notices for you, gathered in this mail.\n\n{digest_items}\n"
     "\n* Where to ask\n{contact}"},
    {"other", owner,
     "Subject: About {address}\n\n"
     "{greeting}\n\n"
     "This is about your address {address}.\n{reason}\n"
     "\n* How it is now\n{effect}\n"
     "\n* Where to ask\n{contact}"},

    // ---- the domain's admins ----
    {"spoofed", domain_admin,
     "Subject: Strangers use {subject} as a sender (the account is not broken into)\n\n"
     "To the administrator of {domain}\n\n"
     "Strangers send mail with {subject} written on it as the sender, and its bounces come back. "
     "The account is not broken into.\n"
     "\n* What is known\n{reason}\n"
     "\n* What can be done\n"
     "SPF, DKIM and DMARC (p=quarantine or p=reject) in the DNS of {domain} let receivers refuse "
     "the forged mail, and fewer bounces come.\n"
     "\n* Where to ask\n{contact}"},
    {"restricted", domain_admin,
     "Subject: Important: sending from {subject} is stopped for now\n\n"
     "To the administrator of {domain}\n\n"
     "Mail was sent from {subject}, which you look after, in a way that is unlike it. To keep harm "
     "away, sending is stopped for now. {effect}\n" ADMINS_EN},
    {"suspended", domain_admin,
     "Subject: Important: {subject} is stopped for now\n\n"
     "To the administrator of {domain}\n\n"
     "Somebody else may be using {subject}, which you look after. To keep harm away, it is stopped "
     "for now. {effect}\n" ADMINS_EN},
    {"again", domain_admin,
     "Subject: Important: {subject} is stopped again\n\n"
     "To the administrator of {domain}\n\n"
     "{subject} worked again and was then once more used in a way that is unlike it. A virus may "
     "have stayed on a machine. {effect}\n" ADMINS_EN},
    {"still_contained", domain_admin,
     "Subject: {subject} is still stopped\n\n"
     "To the administrator of {domain}\n\n"
     "{subject} has been stopped since {since}: its owner has not been through the steps yet. "
     "{effect}\n" ADMINS_EN},
    {"mail_waiting", domain_admin,
     "Subject: Please hurry: mail to {subject} may be lost soon\n\n"
     "To the administrator of {domain}\n\n"
     "While {subject} is stopped, mail to it waits at its senders' servers (from at least {waiting} "
     "senders, since {waiting_since}). Unless it is restored by about {lost_at}, that mail is likely "
     "to be returned.\n" ADMINS_EN},
    {"mail_waiting_off", domain_admin,
     "Subject: Please look: mail to {subject} may be lost soon\n\n"
     "To the administrator of {domain}\n\n"
     "Receiving mail at {subject} has been stopped by {by} since {since}. Mail to it waits at its "
     "senders' servers (at least {waiting} senders, since {waiting_since}). Unless receiving is on "
     "again by {lost_at}, it is likely returned to whoever sent it.\n"
     "\n* Why receiving is stopped\n{reason}\n"
     "\n* What to do\n"
     "If it may be on again, switch it on in the panel or tell us.\n"
     "The panel: {panel_url}\n"
     "\n* Where to ask\n{contact}"},
    {"receive_off", domain_admin,
     "Subject: Receiving at {subject} is stopped\n\n"
     "To the administrator of {domain}\n\n"
     "Since {since}, {subject} receives no mail: {by} switched it off.\n"
     "It comes back on by itself at {until}.\n"
     "\n* Why\n{reason}\n"
     "\n* How it is now\n{effect}\n"
     "\n* Please\n"
     "Tell the owner if no other address of theirs is known.\n"
     "\n* Where to ask\n{contact}"},
    {"receive_on", domain_admin,
     "Subject: {subject} receives mail again\n\n"
     "To the administrator of {domain}\n\n"
     "Since {when}, {subject} receives mail again.\n{reason}\n"
     "Mail that waited arrives as its senders' servers try again, which may take some hours.\n"
     "\n* How it is now\n{effect}\n"
     "\n* Where to ask\n{contact}"},
    {"login_off", domain_admin,
     "Subject: Signing in to {subject} is stopped\n\n"
     "To the administrator of {domain}\n\n"
     "Since {since}, {subject} cannot sign in: {by} switched it off.\n"
     "It comes back on by itself at {until}.\n"
     "\n* Why\n{reason}\n"
     "\n* How it is now\n{effect}\n"
     "\n* Please\n"
     "Tell the owner if no other address of theirs is known.\n"
     "\n* Where to ask\n{contact}"},
    {"login_on", domain_admin,
     "Subject: Signing in to {subject} works again\n\n"
     "To the administrator of {domain}\n\n"
     "Since {when}, {subject} can sign in again.\n{reason}\n"
     "The password is the same.\n"
     "\n* How it is now\n{effect}\n"
     "\n* Where to ask\n{contact}"},
    {"needs_review", domain_admin,
     "Subject: {subject} waits for a person to look at it\n\n"
     "To the administrator of {domain}\n\n"
     "The same thing happened to {subject} more than once within a short time, so {provider} looks "
     "at it before it works again. {effect}\n"
     "\n* Where to ask\n{contact}"},
    {"restored", domain_admin,
     "Subject: {subject} works as before\n\n"
     "To the administrator of {domain}\n\n"
     "{subject} works as before, and mail that was waiting is on its way. Please ask its owner to "
     "try sending and receiving. We go on watching for a while.\n"
     "\n* Where to ask\n{contact}"},
    {"digest", domain_admin,
     "Subject: {notices} notices from {provider}\n\n"
     "There are {notices} notices for you, gathered in this mail.\n\n{digest_items}\n"
     "\n* Where to ask\n{contact}"},
    {"other", domain_admin,
     "Subject: About {subject}\n\n"
     "To the administrator of {domain}\n\n"
     "This is about {subject}.\n{reason}\n{effect}\n"
     "\n* Where to ask\n{contact}"},

    // ---- the provider's operators ----
    {"restricted", operators,
     "Subject: {subject} may no longer send\n\n"
     "Sending is stopped; receiving and reading go on.\n" OPERATORS_EN},
    {"suspended", operators,
     "Subject: {subject} was suspended\n\n"
     "Sending and signing in are stopped. Incoming mail is answered 450 and waits at its senders.\n" OPERATORS_EN},
    {"again", operators,
     "Subject: {subject} was contained again\n\n"
     "An account that was restored looks taken over again. {effect}\n" OPERATORS_EN},
    {"still_contained", operators,
     "Subject: {subject} is still contained\n\n"
     "Time has passed and the way back is not done. {effect}\n" OPERATORS_EN},
    {"mail_waiting", operators,
     "Subject: Mail to {subject} will be lost soon\n\n"
     "Mail answered 450 waits at its senders: {waiting} senders or more, the oldest since "
     "{waiting_since}, the first is given up by about {lost_at}.\n"
     "What waits, one by one: sekimori account waiting {address}\n" OPERATORS_EN},
    {"mail_waiting_off", operators,
     "Subject: Mail to {subject} is soon lost (receiving is still off)\n\n"
     "Receiving is switched off, and mail that was answered 450 waits at its senders: at least "
     "{waiting} of them, the oldest since {waiting_since}; the first is likely lost at {lost_at}.\n"
     "\nAbout: {subject}\nSwitched off by: {by} (since {since})\nOn again by itself: {until}\n"
     "Why: {reason}\nServer: {server}\n"
     "\nSwitch it on: sekimori account switch {address} receive on\n"
     "Message by message: sekimori account waiting {address}\n"
     "Panel: {panel_url}\n"},
    {"recovering", operators,
     "Subject: The recovery of {subject} has begun\n\n"
     "The owner's way back has begun. Sending does not work yet.\n" OPERATORS_EN},
    {"verified", operators,
     "Subject: The recovery of {subject} is verified\n\n"
     "All that the way back asks for is verified.\n" OPERATORS_EN},
    {"needs_review", operators,
     "Subject: {subject} needs a review\n\n"
     "It was contained more than once within the window: without a person's review it is not "
     "restored.\n"
     "When you have looked: sekimori account recovery {address} --review WHY\n" OPERATORS_EN},
    {"restored", operators,
     "Subject: {subject} was restored\n\n"
     "The restrictions are lifted, and waiting mail is tried again.\n" OPERATORS_EN},
    {"held_asked", operators,
     "Subject: Mail from {subject} is held\n\n"
     "Mail is held before it leaves. Please let it go or delete it.\n" OPERATORS_EN},
    {"held_while_dead", operators,
     "Subject: Urgent: the guard is dead and mail is held\n\n"
     "{reason}\n\nServer: {server}\n"},
    {"spoofed", operators,
     "Subject: {subject} is forged as a sender\n\n"
     "{reason}\n\nDetails: sekimori account bounces {subject}\nServer: {server}\n"},
    {"complained", operators,
     "Subject: Complaints about mail from {subject}\n\n"
     "{reason}\n\nDetails: sekimori account bounces {subject}\nServer: {server}\n"},
    {"breaker_open", operators,
     "Subject: Urgent: the machine stops no more accounts, please look\n\n"
     "{reason}\n\nServer: {server}\nPanel: {panel_url}\n"},
    {"breaker_closed", operators,
     "Subject: The machine stops accounts again\n\n"
     "{reason}\n\nServer: {server}\nPanel: {panel_url}\n"},
    {"notice_failed", operators,
     "Subject: A notice about {subject} could not be delivered\n\n"
     "A notice could not be delivered. Please reach the person in another way.\n" OPERATORS_EN},
    {"digest", operators,
     "Subject: {notices} notices\n\n"
     "There were many notices within a short time; these are {notices} of them.\n\n{digest_items}\n"
     "\nServer: {server}\nPanel: {panel_url}\n"},
    {"other", operators,
     "Subject: About {subject}\n\n"
     "Kind: {kind}\n" OPERATORS_EN},
});

}  // namespace

std::span<const NoticeWords> notice_words(Language language) {
  return language == Language::ja ? notice_words_ja() : std::span<const NoticeWords>(k_en);
}

std::string_view notice_block(std::string_view name, Language language) {
  if (language == Language::ja) return notice_block_ja(name);
  if (name == "steps") return k_steps_en;
  if (name == "contact") return k_contact_en;
  return {};
}

}  // namespace sekimori::act
