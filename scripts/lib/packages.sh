# Debian packages by purpose, and the one function that installs what is missing of them.
#
#   need_packages build lab        installs every missing package of those lists (root), or does
#                                  nothing, quickly, when all are there
#
# Sourced by scripts/up, scripts/test and scripts/bench; defines functions only.

packages_of() {
  case "$1" in
    build) echo g++ cmake ninja-build ccache mold pkg-config \
      libboost1.81-dev libboost-system1.81-dev libboost-json1.81-dev libboost-url1.81-dev \
      libboost-container1.81-dev libsoci-dev libsqlite3-dev libcurl4-openssl-dev libmaxminddb-dev \
      libsodium-dev libcrypt-dev libfmt-dev libspdlog-dev libtomlplusplus-dev \
      libarchive-dev libc-ares-dev libcli11-dev libssl-dev libzxcvbn-dev liboath-dev \
      libgmime-3.0-dev libnftables-dev ;;
    lab) echo python3 python3-aiosmtpd postfix postfix-sqlite \
      dovecot-core dovecot-imapd dovecot-pop3d dovecot-lmtpd dovecot-sieve dovecot-managesieved \
      dovecot-sqlite libmaxmind-db-writer-perl openssl ca-certificates procps ;;
    test) echo libgtest-dev libgmock-dev python3-pytest python3-pytest-xdist \
      python3-requests jq sqlite3 mmdb-bin nftables iproute2 strace faketime rbldnsd e2fsprogs \
      php-cli postgresql mariadb-server-core mariadb-client-core \
      postfix-pgsql postfix-mysql dovecot-pgsql dovecot-mysql ;;
    # Whoever has another node (18 or newer) with npm keeps it.
    panel) command -v node >/dev/null && command -v npm >/dev/null || echo nodejs npm ;;
    # The screens' texts are Japanese first: without its letters their widths and pictures are false.
    panel-test)
      command -v chromium >/dev/null || echo chromium
      echo fonts-noto-cjk
      ;;
    deep) echo clang-19 clang-tidy-19 clang-format-19 libclang-rt-19-dev debootstrap ;;
    package) echo dpkg-dev file gzip ;;
    bench) echo libbenchmark-dev rbldnsd postfwd pflogsumm procps nftables fail2ban ;;
    *) echo "packages_of: unknown list '$1'" >&2; return 2 ;;
  esac
}

# Names of the lists' packages that are not installed, one a line.
missing_packages() {
  local list wanted=()
  for list in "$@"; do
    # shellcheck disable=SC2207
    wanted+=($(packages_of "$list")) || return
  done
  [ ${#wanted[@]} -gt 0 ] || return 0
  local installed
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
    sed -n 's/^installed //p')
  printf '%s\n' "${wanted[@]}" | grep -vxF -e "$installed" || true
}

# Installs mail servers without letting the system's own instances start: a machine that tries the
# lab must not begin to listen on port 25. An administrator's own policy-rc.d is left alone.
need_packages() {
  local missing
  missing=$(missing_packages "$@") || return
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ]; then
    echo "missing Debian packages: ${missing//$'\n'/ }" >&2
    echo "run as root, or: sudo apt-get install ${missing//$'\n'/ }" >&2
    return 1
  fi
  command -v apt-get >/dev/null || {
    echo "not a Debian system (no apt-get); please install: ${missing//$'\n'/ }" >&2
    return 1
  }
  echo "installing: ${missing//$'\n'/ }"
  (
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ] && [ ! -L "$policy" ]; then
      trap 'rm -f "$policy"' EXIT
      trap 'exit 130' INT TERM HUP
      printf '#!/bin/sh\nexit 101\n' >"$policy"
      chmod 755 "$policy"
    fi
    export DEBIAN_FRONTEND=noninteractive
    new_servers=$(printf '%s\n' "$missing" | grep -xE 'postfix|dovecot-core|postgresql' || true)
    if [[ $new_servers == *postfix* ]] && command -v debconf-set-selections >/dev/null; then
      echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
    fi
    log=$(mktemp)
    # shellcheck disable=SC2086
    if ! { apt-get update -q && apt-get install -y -q --no-install-recommends $missing; } \
      </dev/null >"$log" 2>&1; then
      tail -n 30 "$log" >&2
      echo "apt-get failed; its whole output: $log" >&2
      exit 1
    fi
    rm -f "$log"
    # Nor after the next boot: the packages enable their services, the lab has its own instances.
    for server in $new_servers; do
      if command -v systemctl >/dev/null; then
        systemctl disable -q "${server%-core}" 2>/dev/null || true
      fi
    done
  )
}
