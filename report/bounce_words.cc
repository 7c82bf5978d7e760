// The words of bounces: the data of bounce_reason. Whole lines of one reason, in the order in which
// they are tried.
#include "report/bounce_words.h"

#include <array>

namespace sekimori::report {
namespace {

using enum BounceReason;

constexpr auto k_words = std::to_array<BounceWords>({
    // What says more than what follows in the same sentence.
    {spam, "spam classification|due to spam"},
    {security, "unauthenticated senders not allowed"},
    {filtered, "because the recipient's own"},
    {too_fast, "a rate that prevents"},
    // A domain that takes no mail at all (RFC 7504, RFC 7505; Exim, Gmail, Sendmail).
    {not_accept,
     "null mx|does not accept mail|does not accept email|doesn't receive email|"
     "does not receive mail|indicated no smtp service|couldn't find a mail exchanger|"
     "no smtp service here|smtp protocol returned a permanent error"},
    {has_moved,
     "recipient no longer on server|has moved to|has been replaced by|address has changed|"
     "please try *> instead"},
    // Everybody says it in another way.
    {mailbox_full,
     "mailbox full|mailbox is full|mail box full|mailbox *is full|mailbox *is over quota|"
     "inbox is full|inbox *is full|out of storage|over quota|overquota|"
     "over the maximum allowed quota|exceeded *quota|exceeds *quota|quota exceeded|"
     "quota is full|quota violation|quotafull|exceeded storage allocation|"
     "exceeded the local limit|exceed* the quota|not enough storage space|"
     "mailbox size limit exceeded|mail file size exceeds|"
     "maildir delivery failed: domaindisk quota|no space left for this user|user is full|"
     "user has too many messages|too many messages on this mailbox|mailfold is full|"
     "mailfolder is full|bal is full|boite pleine|recipient storage full|account is full|"
     "disk quota|容量を超え|容量がいっぱい|メールボックスがいっぱい|メールボックスに空き"},
    {virus,
     "infected by virus|infected with|virus detected|virus found|contains a virus|"
     "possible virus|malware detected|malware found|has a virus|virus infected|ウイルス"},
    {too_big,
     "message size exceeds|message file too big|message too large|message too big|"
     "message is too large|message is too big|mail size limit exceeded|"
     "message length exceeds|message length limit|size limit for this message|"
     "max message size exceeded|maximum message size|exceeds maximum size|"
     "exceeded maximum inbound message size|recipsizelimit|line limit exceeded|"
     "larger than the current system limit|data size exceeded|exceeds size limit|"
     "サイズが大き|サイズの制限"},
    {not_compliant,
     "multiple addresses in from|rfc 5322|rfc 2822|rfc5322|bare linefeed|bare <lf>|"
     "duplicate header|message header size exceeds|missing* message-id|"
     "missing* 'from' header|not rfc compliant|not compliant with"},
    // Gmail, Microsoft, Yahoo, and those who check by Postfix's policies.
    {auth_failure,
     "does not pass dmarc|dmarc policy|dmarc check|dmarc fail|dmarc verification|"
     "dmarc record|dmarc evaluation|unauthenticated email|unauthenticated sender|"
     "authentication checks failed|does not have authentication information|"
     "fails to pass authentication checks|failed *authentication check|fails to pass spf|"
     "spf check|spf record|spf fail|spf: fail|spf validation|spf hardfail|"
     "spf (sender policy framework)|sender policy framework|not allowed to send mail from|"
     "openspf|open-spf.org|dkim fail|dkim check|dkim signature|dkim verif|"
     "domain keys identified|not authorized by spf|authentication requirements|arc-sealed"},
    {require_ptr,
     "no ptr record|ptr record|missing ptr|reverse dns|rdns|reverse lookup|reverse hostname|"
     "cannot find your hostname|cannot find your reverse|cannot resolve your address|"
     "could not resolve *reverse|unverifyable sending ip|unverifiable sending ip|"
     "mismatches client ip|does not resolve to a fqdn|ip name lookup failed|"
     "ip name possibly forged|client host *cannot find|domain name mismatches|"
     "no matches to nameserver|unresolvable relay host"},
    {too_fast,
     "at a rate that prevents|receiving mail too quickly|sending too fast|"
     "too many messages in|rate limit|exceeded the rate|throttl|please try again slower|"
     "exceeded *per hour|exceeded *messages per"},
    {too_many_connections,
     "too many connections|too many concurrent|too many smtp sessions|too many sessions|"
     "too many recipients|frequency limited|connection rate|connection limit|"
     "maximum number of connections|concurrent connections"},
    {bad_reputation,
     "user complaints|low reputation|very low reputation|poor reputation|bad reputation|"
     "reputation of the sending|has been temporarily rate limited due to ip reputation|"
     "ip reputation|senderscore|reputation is too"},
    {suspended,
     "temporary locked|temporarily locked|account is disabled|account *is disabled|"
     "account has been disabled|account disabled|account is inactive|"
     "is inactive on this domain|to reach is inactive|to reach is disabled|account inactive|"
     "account is suspended|account has been suspended|account *temporarily suspended|"
     "account is locked|account expired|account is not available|currently suspended|"
     "temporarily suspended|user suspended|user account is disabled|mailbox is frozen|"
     "mailbox is inactive|mailbox is disabled|mailbox disabled|mailbox currently suspended|"
     "mailbox *currently inactive|mailbox temporarily disabled|mailbox *is not active|"
     "inactive account|inactive user|is a deactivated mailbox|user is inactive|"
     "user not active|disabled recipient address|recipient suspend|recipient is suspended|"
     "recipient suspended|email account that you tried to reach is disabled|"
     "sorry your account|vdelivermail: account is locked|unavailable for takeout|"
     "is a disabled user|is in an inactive state|invalid/inactive user|"
     "domain currently suspended|boite du destinataire archivee|"
     "the user(s) account is temporarily limited|the user(s) account is disabled"},
    {spam,
     "- spam|spamhaus.org/zen * content|looks like spam|looks like unsolicited|"
     "considered spam|considered unsolicited bulk|classified as spam|identified as spam|"
     "detected as spam|determined to be spam|rejected as spam|rejected due to spam|"
     "rejected for spam|is spam|is probably spam|probable spam|appears to be spam|"
     "appears to be unsolicited|spam message|spam detected|spam content|spam filter|"
     "spam score|spam-score|spam check|spam mail|spam rejected|spam-like|spam not accepted|"
     "suspected spam|high probability of spam|has been scored as spam|spammers always|"
     "spambouncer|your message contains spam|message content rejected, ube|blacklisted url|"
     "blacklisted link|contains a spam|unsolicited mail|unsolicited bulk|"
     "mail rejete. mail rejected|mail rejected. *ofr_506|ofr_506|content filter|"
     "not accepting spam|we do not accept spam|x-spam|message looks like a spam|迷惑メール"},
    // Sending servers that are refused, by lists or by name.
    {blocked,
     "blocked using|blocked by|blacklisted|black list|blacklist|blocklist|block list|"
     "listed at|listed in|listed on|is listed by|spamhaus|spamcop|barracudacentral|sorbs|"
     "dnsbl|/rbl| rbl |cdrbl|client host blocked|ip address is blocked|ip address blocked|"
     "your ip *blocked|ip *has been blocked|ip *is blocked|source bloquee|blocked ip|"
     "banned ip|banned sending ip|access from ip address|connection refused by|"
     "connection dropped|connections *will not be accepted|connections not accepted|"
     "connection not authorized|not accepting connections|invalid ip for sending|dynamic ip|"
     "dynamic/residential|dialup|please use the smtp server of your isp|"
     "weren't sent. we recommend that you contact your internet service provider|"
     "weren't sent. please contact your internet service provider|"
     "part of their network is on our block|your network is|your access to this mail system|"
     "your server requires confirmation|bad sender ip address|ip *is not allowed|"
     "mail from your host is not allowed|host *refused to talk to me|refused to talk to me|"
     "missing reverse|my name was rejected|invalid domain name|helo command rejected|"
     "client host rejected|you are not allowed to connect|access denied. ip|"
     "no access from mail server|not authorized to connect|(bl)"},
    {no_relaying,
     "relay access denied|relaying denied|relay denied|no relaying|not relaying|"
     "relay not permitted|relaying not allowed|relaying not permitted|relaying prohibited|"
     "unable to relay|unauthorized relay|we do not relay|not local host|open relay|"
     "not a gateway|authentication required to relay|is not permitted to relay|"
     "not in my list of allowed rcpthosts|isn't in my list of allowed|that domain isn't|"
     "mail server requires authentication|email address is not verified"},
    {policy,
     "message not accepted for policy reasons|not accepted for policy|"
     "rejected for policy reasons|for policy reasons|policy violation|violates policy|"
     "violates our|by local policy|local policy|our policy|policy reject|"
     "content presents a potential|potential security issue|prohibited by|"
     "host network not allowed|we have a limit|administrative prohibition|"
     "message rejected due to content|attachment *not allowed|attachments *not allowed|"
     "not permitted by policy|breached the policy|denied by policy|"
     "because the recipient is not accepting|protected by|protocol violation|禁止"},
    {filtered,
     "recipientrefuse|recipient has blocked|rejected by user|rejected by recipient|"
     "blocked by recipient|refused by recipient|"
     "because the recipient is only accepting mail from|only accepting mail from specific|"
     "user reject the mail|user reject|recipient refused to receive|"
     "this user is not accepting|"
     "due to extended inactivity new mail is not currently being accepted|message filtered|"
     "message rejected due to user rules|"
     "we failed to deliver mail because the following address recipient id refuse|"
     "domain filter|domain-filter|受信を拒否|受信拒否"},
    {rejected,
     "sender address rejected|sender rejected|sender denied|sender not accepted|"
     "sender verify failed|sender verification|sender domain|sender address|"
     "domain of sender|unroutable sender|unrouteable sender|bad sender|invalid sender|"
     "your email address *is|returned mail not accepted here|rejecting banned content|"
     "rule imposed|you may not have permission to post|don't have permission to post|"
     "the group you tried to contact|does not allow posting|"
     "access to this address is restricted|backscatter protection|emetteur invalide|"
     "mail from *rejected|group *does not exist, or you|send mail as|"
     "groups.google.com/support|support.google.com/a/groups|not have permission to post|"
     "投稿する権限|custom *denied"},
    {host_unknown,
     "host unknown|unknown host|host not found|host or domain name not found|"
     "domain name not found|no such domain|domain does not exist|domain *does not exist|"
     "unrouteable mail domain|unrouteable domain|unroutable domain|unrouteable address|"
     "bad destination system address|bad destination mailbox address: host|"
     "illegal host/domain|unknown domain|invalid domain|couldn't find any host|"
     "can't find any host|mx records point to non-existent|could not be found. check|"
     "nxdomain|no mx or a record|recipient domain must exist|domain is not reachable|"
     "name or service not known|ホストが見つかりません|ドメインが見つか"},
    // Postfix, Sendmail, Exim, qmail, Exchange, Domino, carriers.
    {user_unknown,
     "user unknown|unknown user|userunknown|unknown recipient|unknown address|unknown local|"
     "unknown mailbox|unknown account|no such user|no such person|no such recipient|"
     "no such mailbox|no such address|no such account|no such email|no mailbox here|"
     "no mailbox by that name|no mailbox found|no mailbox currently|no account by that name|"
     "no recipient|no thank you rejected: account|nosuchuser|not a valid user|"
     "not a valid mailbox|not a valid recipient|not a known user|is not a known|"
     "is not known at|invalid user|invalid recipient|invalid mailbox|invalid address|"
     "invalid final delivery userid|destinataire *invalide|user does not exist|"
     "user doesn't exist|user not exist|user not found|user not known|user *was not found|"
     "user *does not exist|user *doesn't have a|doesn't have a *account|"
     "account *does not exist|account that you tried to reach does not exist|"
     "account has been deleted|account not found|account unknown|account is unavailable|"
     "address does not exist|address *does not exist|address *doesn't exist|"
     "address *couldn't be found|couldn't be found|wasn't found at|address not found|"
     "address unknown|mailbox does not exist|mailbox *does not exist|mailbox *doesn't exist|"
     "mailbox not found|mailbox *not found|mailbox unknown|mailbox unavailable|"
     "mailbox not available|mailbox is unavailable|mailbox nonexistent|recipient unknown|"
     "recipient not found|recipient not exist|recipient *does not exist|"
     "recipient *was not found|recipient address does not exist|recipient is not local|"
     "recipient name is not recognized|recipnotfound|recipientnotfound|not in directory|"
     "not listed in|not found in|not our customer|non-existent user|nonexistent user|"
     "does not like recipient|there is no user|there is no one at this address|"
     "this address no longer|this user doesn|this account *closed|is no longer valid|"
     "sorry, no|bad destination mailbox address|unrouteable user|adresse inconnue|"
     "check if address is correct|メールアドレスが見つかりません|アドレスが見つか|"
     "リストにありません|には見つかりません|存在しません|該当するユーザ|宛先不明|あて先不明"},
    {expired,
     "delivery time expired|message expired|queue.expired|retry timeout exceeded|"
     "retry time not reached|in the queue too long|been failing for a long time|"
     "could not be delivered for|was not delivered within|not delivered for|"
     "delivery attempts have failed|unable to deliver this message after|delivery expired|"
     "message too old|it is * old|host not reachable|host is not responding|"
     "cannot send message *for|envelope expired|could not deliver for|"
     "could not find a gateway|host unreachable|connection timed out|connection refused|"
     "operation timed out|conversation *timed out|timed out|timeout|has been delayed|"
     "did not accept our requests to connect|did not respond|server isn't responding|"
     "delivery temporarily suspended|will retry for|期限切れ"},
    {network_error,
     "no route to host|network is unreachable|network unreachable|network error|"
     "could not connect and send|dns records for the destination|dns error|lookup failure|"
     "malformed or unexpected name server reply|name server reply|too many hops|"
     "hop count exceeded|maximum hop|mail forwarding loop|mail loop|loops back to myself|"
     "message looping|is looping|routing loop|loop detected|establish ssl connection|"
     "no connection to"},
    {system_full,
     "insufficient disk space|insufficient system storage|insufficient system resource|"
     "mail system full|no space left on device|disk full"},
    {mailer_error,
     "mailer error|command failed|command died|command output|command time limit|"
     "process failed|x-unix;|pipe to|unknown mailer error|died with signal|procmail|"
     "returned status|exit status"},
    {content_error,
     "media error|conversion *not supported|unsupported charset|message headers fail|"
     "could not be parsed|improper use of 8-bit|contains invalid header|malformed|"
     "content-type|invalid mime"},
    {security,
     "ssl required|tls required|tls is required|must issue a starttls|authentication failed|"
     "authentication failure|authentication required|not authenticated|credentials|"
     "insecure mail relay|unauthorized|access denied (state 13)|you are not authorized|"
     "user not authorized|bad authentication|permission denied|"
     "executable files are not allowed|sorry, you don't authenticate|encryption required"},
    {syntax,
     "syntax error|command not recognized|command not implemented|parameter not implemented|"
     "command unrecognized|bad sequence of commands|need fully-qualified|need rcpt|"
     "expected ehlo|unrecognized command|improper syntax"},
    {system_error,
     "server configuration error|system config error|internal server error|internal error|"
     "internal reason|local error|local configuration error|cannot find the|"
     "can't create user output file|service currently unavailable|service unavailable|"
     "service refused, please try later|service not available|temporary system problem|"
     "system error|temporary local problem|resources temporarily unavailable|server error|"
     "unable to accept mail|mail queue is full|deferred due to * local|"
     "timeout waiting for input|unexpected error|overload|server is busy|error during"},
    {on_hold, "recipient error|on hold|greylist|graylist"},
    // Postfix's words in front of any reason of its own: they say the least.
    {suspended, "temporarily rejected"},
    {user_unknown, "address rejected|no valid recipients"},
    {expired, "giving up after"},
    {system_error, "transaction failed|temporary failure"},
});

}  // namespace

std::span<const BounceWords> bounce_words() { return k_words; }

}  // namespace sekimori::report
